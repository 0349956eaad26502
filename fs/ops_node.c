/* Between nodes and what the kernel is told about them. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "fs/ops_state.h"
#include "fs/shard.h"

/* Clients take it for the alignment of O_DIRECT. */
#define BLOCK_SIZE 4096

bool ops_versions_same(const struct tree_node *node, unsigned count, const struct version *versions)
{
    return versions_equal(node->versions, node->version_count, versions, count);
}

int ops_view_place(struct ops *ops, const struct tree_node *node, char directory[PATH_MAX],
                   struct variant *variant)
{
    size_t stem_length, length;
    const char *text;

    if (!variant_split_name(node->name, &stem_length, &text, &length) ||
        variant_parse(text, length, variant) < 0)
        return -ESTALE;
    return tree_path(ops->tree, node->parent, directory, PATH_MAX);
}

static bool exists(struct ops *ops, const char *directory, const char *format, const char *stem,
                   size_t stem_length)
{
    char name[NAME_MAX + 1], path[PATH_MAX];
    struct stat st;

    if (snprintf(name, sizeof(name), format, (int)stem_length, stem) > NAME_MAX ||
        root_join(directory, name, path, sizeof(path)) < 0)
        return false;
    return root_stat(&ops->root, path, &st) != -ENOENT;
}

bool ops_inputs_same(struct ops *ops, const char *directory, const struct tree_node *node)
{
    char name[SHARD_NAME_MAX], path[PATH_MAX];
    size_t stem_length = 0;
    unsigned number, count;
    struct stat st;

    for (unsigned i = 0; i < node->version_count; i++) {
        struct version now;

        shard_name(node->source, i, name);
        /* A symlink is for a worker to follow. */
        if (root_join(directory, name, path, sizeof(path)) < 0 ||
            root_stat(&ops->root, path, &st) < 0 || !S_ISREG(st.st_mode))
            return false;
        now = version_of(&st);
        if (!version_equal(&now, &node->versions[i]))
            return false;
    }
    /* A single file of that stem has come, and goes before the set. */
    return !shard_parse(node->source, &stem_length, &number, &count) ||
           !exists(ops, directory, "%.*s.gguf", node->source, stem_length);
}

static enum tree_kind kind_of(const struct stat *st)
{
    return S_ISDIR(st->st_mode) ? TREE_DIRECTORY : S_ISLNK(st->st_mode) ? TREE_SYMLINK : TREE_FILE;
}

void ops_describe_mirrored(uint64_t parent, const char *name, const struct stat *st,
                           struct version *identity, struct tree_node *node)
{
    *identity = (struct version){.device = st->st_dev, .inode = st->st_ino};
    *node = (struct tree_node){
        .parent = parent,
        .kind = kind_of(st),
        .name = name,
        .source = "",
        .version_count = S_ISDIR(st->st_mode) ? 0 : 1,
        .versions = identity,
    };
}

bool ops_is_mirrored_as(const struct tree_node *node, const struct stat *st)
{
    return node->kind == kind_of(st) &&
           (node->kind == TREE_DIRECTORY ||
            (node->versions[0].device == st->st_dev && node->versions[0].inode == st->st_ino));
}

void ops_view_stat(const struct tree_attr *attr, struct stat *st)
{
    *st = (struct stat){
        .st_ino = attr->inode,
        .st_mode = S_IFREG | attr->mode,
        .st_nlink = 1,
        .st_uid = attr->uid,
        .st_gid = attr->gid,
        .st_size = (off_t)attr->size,
        .st_blksize = BLOCK_SIZE,
        /* As if it were all there: tar -S takes a file without blocks for a hole. */
        .st_blocks = (blkcnt_t)(attr->size / 512 + (attr->size % 512 != 0)),
        .st_atim = attr->mtime,
        .st_mtim = attr->mtime,
        .st_ctim = attr->ctime,
    };
}

bool ops_is_passing(const struct tree_node *node, const struct stat *st)
{
    struct version now;

    if (node->kind == TREE_VIEW)
        return versions_young(node->versions, node->version_count);
    /* A file that is being written. */
    now = version_of(st);
    return node->kind == TREE_FILE && versions_young(&now, 1);
}

int ops_fill_entry(struct ops *ops, const struct tree_node *node, const struct stat *st,
                   struct fuse_entry_param *entry)
{
    uint64_t id;
    int r = tree_look_up(ops->tree, node, &id);

    if (r < 0)
        return r;
    *entry = (struct fuse_entry_param){
        .ino = id, .attr_timeout = ops->config.ttl, .entry_timeout = ops->config.ttl};
    if (st)
        entry->attr = *st;
    else
        ops_view_stat(&node->attr, &entry->attr);
    if (ops_is_passing(node, &entry->attr))
        entry->attr_timeout = entry->entry_timeout = 0;
    return 0;
}

int ops_lookup_error(int r)
{
    switch (-r) {
    case ENOMEM:
    case EMFILE:
    case ENFILE:
    case EIO:
    case ELOOP: /* the model leads into the mount */
    case ENAMETOOLONG:
        return r;
    default:
        return -ENOENT;
    }
}
