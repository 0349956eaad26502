/* Between nodes and what the kernel is told about them. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fs/directory.h"
#include "fs/importance.h"
#include "fs/ops_state.h"
#include "fs/probe.h"
#include "fs/shard.h"

/* Clients take it for the alignment of O_DIRECT. */
#define BLOCK_SIZE 4096

bool ops_versions_same(const struct tree_node *node, unsigned count, const struct version *versions)
{
    return versions_equal(node->versions, node->version_count, versions, count);
}

/* The path of a virtual node's source in two. -ESTALE: it has none. */
static int split_source(const struct tree_node *node, char directory[PATH_MAX], const char **name)
{
    const char *slash = strrchr(node->source, '/');
    size_t length = slash ? (size_t)(slash - node->source) : 0;

    if (node->source[0] == '\0' || length >= PATH_MAX)
        return -ESTALE;
    memcpy(directory, node->source, length);
    directory[length] = '\0';
    *name = slash ? slash + 1 : node->source;
    return 0;
}

int ops_virtual_place(const struct tree_node *node, char directory[PATH_MAX], const char **name,
                      struct variant *variant)
{
    int r = split_source(node, directory, name);

    return r == 0 && variant_parse_any(node->variant, strlen(node->variant), variant) < 0 ? -ESTALE
                                                                                          : r;
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

/* Is the importance matrix of a virtual node still the one that would be found? */
static bool imatrix_same(struct ops *ops, const struct tree_node *node, const char *directory,
                         const char *first)
{
    const struct probe probe = {.root = &ops->root,
                                .imatrix_root =
                                    ops->imatrix_root.fd >= 0 ? &ops->imatrix_root : NULL,
                                .directory = directory,
                                .name = first,
                                .imatrix = true};
    const struct version *versions = &node->versions[node->version_count - 2];
    struct version place, now;
    const struct root *root;
    char path[PATH_MAX];
    struct stat st;
    int r;

    for (unsigned i = 0; i < IMPORTANCE_PLACES; i++) {
        r = probe_imatrix_path(&probe, i, &root, path, sizeof(path));
        if (r == 0)
            r = root_stat(root, path, &st);
        if (r == -ENOENT || (r == 0 && S_ISDIR(st.st_mode)))
            continue;
        if (r < 0 || !S_ISREG(st.st_mode))
            return false;
        now = version_of(&st);
        place = probe_place_version(i);
        return version_equal(&now, &versions[0]) && version_equal(&place, &versions[1]);
    }
    return false;
}

bool ops_inputs_same(struct ops *ops, const struct tree_node *node)
{
    char directory[PATH_MAX], name[SHARD_NAME_MAX], path[PATH_MAX];
    size_t stem_length = 0;
    unsigned number, count, files;
    const char *first;
    struct stat st;

    if (split_source(node, directory, &first) < 0)
        return false;
    /* So are the files of a directory. */
    if (directory_is_model(first))
        return false;
    files = shard_count(first);
    /* A mix is for a worker to look for. */
    if (node->version_count != files && node->version_count != files + 2)
        return false;
    if (node->version_count > files && !imatrix_same(ops, node, directory, first))
        return false;
    for (unsigned i = 0; i < node->version_count && i < files; i++) {
        struct version now;

        shard_name(first, i, name);
        /* A symlink is for a worker to follow. */
        if (root_join(directory, name, path, sizeof(path)) < 0 ||
            root_stat(&ops->root, path, &st) < 0 || !S_ISREG(st.st_mode))
            return false;
        now = version_of(&st);
        if (!version_equal(&now, &node->versions[i]))
            return false;
    }
    /* A single file of that stem has come, and goes before the set. */
    return !shard_parse(first, &stem_length, &number, &count) ||
           !exists(ops, directory, "%.*s.gguf", first, stem_length);
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
        .variant = "",
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

int ops_stat_mirrored(struct ops *ops, const struct tree_node *node, struct stat *st)
{
    char path[PATH_MAX];
    int r = tree_path(ops->tree, node->id, path, sizeof(path));

    if (r == 0)
        r = root_stat(&ops->root, path, st);
    if (r == 0 && !ops_is_mirrored_as(node, st))
        r = -ESTALE;
    if ((r == -ENOENT || r == -ESTALE) && opens_stat(ops->opens, node->id, st) == 0)
        r = 0;
    return r;
}

void ops_virtual_stat(const struct tree_node *node, struct stat *st)
{
    const struct tree_attr *attr = &node->attr;

    *st = (struct stat){
        .st_ino = attr->inode,
        .st_mode = (node->kind == TREE_FOLDER ? S_IFDIR : S_IFREG) | attr->mode,
        .st_nlink = 1, /* of a folder: it does not tell how many are in it */
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

    if (node->kind == TREE_VIEW || node->kind == TREE_FOLDER)
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
    *entry = (struct fuse_entry_param){.ino = id,
                                       .generation = ops->generation,
                                       .attr_timeout = ops->config.ttl,
                                       .entry_timeout = ops->config.ttl};
    if (st)
        entry->attr = *st;
    else
        ops_virtual_stat(node, &entry->attr);
    if (ops_is_passing(node, &entry->attr))
        entry->attr_timeout = entry->entry_timeout = 0;
    return 0;
}

void ops_reply_entry(struct ops *ops, fuse_req_t req, const struct tree_node *node,
                     const struct stat *st)
{
    struct fuse_entry_param entry;
    int r = ops_fill_entry(ops, node, st, &entry);

    if (r < 0)
        (void)fuse_reply_err(req, -r);
    else if (fuse_reply_entry(req, &entry) != 0)
        tree_forget(ops->tree, entry.ino, 1);
}

static bool is_source_in(const struct tree_node *node, const char *directory)
{
    char place[PATH_MAX];
    const char *name;

    return split_source(node, place, &name) == 0 && strcmp(place, directory) == 0;
}

bool ops_reply_known(struct ops *ops, fuse_req_t req, uint64_t parent, const char *name,
                     enum tree_kind kind, const char *directory)
{
    struct tree_node *node = tree_copy_virtual(ops->tree, parent, name, kind);
    bool same = node && (!directory || is_source_in(node, directory)) &&
                !versions_young(node->versions, node->version_count) && ops_inputs_same(ops, node);

    if (same)
        ops_reply_entry(ops, req, node, NULL);
    free(node);
    return same;
}

void ops_group_attr(struct ops *ops, struct tree_attr *attr)
{
    struct stat st;

    *attr = (struct tree_attr){.mode = 0555};
    if (root_stat(&ops->root, "", &st) < 0)
        return;
    *attr = (struct tree_attr){
        .mtime = st.st_mtim,
        .ctime = st.st_ctim,
        .mode = st.st_mode & 0555,
        .uid = st.st_uid,
        .gid = st.st_gid,
    };
}

uint64_t ops_inode_of_parent(struct ops *ops, const struct tree_node *folder)
{
    struct tree_node *parent = tree_copy_folder(ops->tree, folder->parent);
    uint64_t inode = parent ? parent->attr.inode : 0;
    char path[PATH_MAX];
    struct stat st;

    if (!parent && tree_path(ops->tree, folder->parent, path, sizeof(path)) == 0 &&
        root_stat(&ops->root, path, &st) == 0)
        inode = st.st_ino;
    free(parent);
    return inode;
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
