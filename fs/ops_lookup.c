#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs/ops_state.h"
#include "fs/shard.h"

/* A virtual name: what it asks for. */
struct virtual
{
    struct variant variant;
    size_t stem_length;      /* of the name */
    char name[NAME_MAX + 1]; /* canonical */
};

/*
 * A lookup that a worker looks at. It asks about the file STEM.gguf, and if that has no such
 * variant, about the split set of that stem.
 */
struct lookup {
    struct ops_held held;
    struct models_question question;
    struct virtual virtual;
    uint64_t parent;
    bool set; /* it is the set that is asked about */
    int error;
    int result;
    struct tree_attr attr;
    char directory[PATH_MAX];
    char source[NAME_MAX + 1]; /* name of the first file */
};

static void reply_entry(struct ops *ops, fuse_req_t req, const struct tree_node *node,
                        const struct stat *st)
{
    struct fuse_entry_param entry;
    int r = ops_fill_entry(ops, node, st, &entry);

    if (r < 0)
        (void)fuse_reply_err(req, -r);
    else if (fuse_reply_entry(req, &entry) != 0)
        tree_forget(ops->tree, entry.ino, 1);
}

static void reply_mirrored(struct ops *ops, fuse_req_t req, uint64_t parent, const char *name,
                           const struct stat *st)
{
    struct version identity;
    struct tree_node node;

    ops_describe_mirrored(parent, name, st, &identity, &node);
    reply_entry(ops, req, &node, st);
}

/* False: no such name can exist. */
static bool parse_virtual(const char *name, struct virtual *virtual)
{
    char canonical[VARIANT_TEXT_MAX];
    size_t length;
    const char *text;

    if (!variant_split_name(name, &virtual->stem_length, &text, &length) ||
        variant_parse(text, length, &virtual->variant) < 0)
        return false;
    variant_format(&virtual->variant, canonical, sizeof(canonical));
    return snprintf(virtual->name, sizeof(virtual->name), "%.*s@%s.gguf", (int)virtual->stem_length,
                    name, canonical) <= NAME_MAX;
}

/* What is there goes before a variant of that name; the log is told once. */
static void reply_real(struct ops *ops, fuse_req_t req, uint64_t parent, const char *directory,
                       const char *name, const struct stat *st)
{
    char source[NAME_MAX + 1], path[PATH_MAX];
    struct virtual virtual;
    struct stat model;

    if (parse_virtual(name, &virtual) && strcmp(name, virtual.name) == 0) {
        (void)snprintf(source, sizeof(source), "%.*s.gguf", (int)virtual.stem_length, name);
        if (root_join(directory, source, path, sizeof(path)) == 0 &&
            root_stat(&ops->root, path, &model) == 0 &&
            root_join(directory, name, path, sizeof(path)) == 0)
            models_log_once(ops->models, LOG_LEVEL_INFO, path, "a file, so it is no variant of %s",
                            source);
    }
    reply_mirrored(ops, req, parent, name, st);
}

/* The node of that name, if its files are as they were. */
static bool reply_known(struct ops *ops, fuse_req_t req, uint64_t parent, const char *directory,
                        const char *name)
{
    struct tree_node *node = tree_copy_view(ops->tree, parent, name);
    bool same = node && !versions_young(node->versions, node->version_count) &&
                ops_inputs_same(ops, directory, node);

    if (same)
        reply_entry(ops, req, node, NULL);
    free(node);
    return same;
}

/* ---- late ---- */

static void end_lookup(struct lookup *lookup, int r, const struct tree_node *node)
{
    struct ops *ops = lookup->held.ops;
    fuse_req_t req = ops_take(&lookup->held);

    if (req && r < 0)
        (void)fuse_reply_err(req, -r);
    else if (req)
        reply_entry(ops, req, node, NULL);
    ops_let_go(&lookup->held);
    free(lookup);
}

/* The first error that says more than that there is no such name. */
static void note_error(struct lookup *lookup, int r)
{
    if (lookup->error == -ENOENT)
        lookup->error = ops_lookup_error(r);
}

/* The next place where the name may come from; false: there is none. */
static bool ask_set(struct lookup *lookup)
{
    struct ops *ops = lookup->held.ops;
    int r;

    if (lookup->set)
        return false;
    lookup->set = true;
    r = listing_find_set(&ops->root, lookup->directory, lookup->virtual.name,
                         lookup->virtual.stem_length, lookup->source);
    if (r < 0) {
        note_error(lookup, r);
        return false;
    }
    models_ask(ops->models, &lookup->question);
    return true;
}

static void answered(struct models_question *question, int r)
{
    struct lookup *lookup = OPS_OUTER(question, struct lookup, question);

    if (r == 0)
        r = lookup->result;
    if (r == 0) {
        const struct tree_node node = {
            .parent = lookup->parent,
            .kind = TREE_VIEW,
            .attr = lookup->attr,
            .name = lookup->virtual.name,
            .source = lookup->source,
            .version_count = question->version_count,
            .versions = question->versions,
        };

        end_lookup(lookup, 0, &node);
        return;
    }
    note_error(lookup, r);
    if (!ask_set(lookup))
        end_lookup(lookup, lookup->error, NULL);
}

static void fill_question(struct lookup *lookup)
{
    lookup->question = (struct models_question){
        .directory = lookup->directory,
        .name = lookup->source,
        .variants = &lookup->virtual.variant,
        .variant_count = 1,
        .urgent = true,
        .answer = answered,
        .results = &lookup->result,
        .attrs = &lookup->attr,
    };
}

static void look_up_late(struct ops *ops, fuse_req_t req, uint64_t parent, const char *directory,
                         const struct virtual *virtual)
{
    struct lookup *lookup = malloc(sizeof(*lookup));
    int r = lookup ? ops_hold(ops, &lookup->held, req) : -ENOMEM;

    if (r < 0) {
        free(lookup);
        (void)fuse_reply_err(req, -r);
        return;
    }
    lookup->virtual = *virtual;
    lookup->parent = parent;
    lookup->set = false;
    lookup->error = -ENOENT;
    (void)snprintf(lookup->directory, sizeof(lookup->directory), "%s", directory);
    /* It fits: the canonical name is longer. */
    (void)snprintf(lookup->source, sizeof(lookup->source), "%.*s.gguf", (int)virtual->stem_length,
                   virtual->name);
    fill_question(lookup);
    models_ask(ops->models, &lookup->question);
}

/* ---- */

static void look_up_virtual(struct ops *ops, fuse_req_t req, uint64_t parent, const char *directory,
                            const char *name)
{
    struct virtual virtual;
    char path[PATH_MAX];
    struct stat st;
    int r;

    if (!parse_virtual(name, &virtual)) {
        (void)fuse_reply_err(req, ENOENT);
        return;
    }
    r = strcmp(name, virtual.name) != 0 ? root_join(directory, virtual.name, path, sizeof(path))
                                        : -ENOENT;
    if (r == 0)
        r = root_stat(&ops->root, path, &st);
    if (r == 0)
        reply_real(ops, req, parent, directory, virtual.name, &st);
    else if (r != -ENOENT)
        (void)fuse_reply_err(req, -r);
    else if (!reply_known(ops, req, parent, directory, virtual.name))
        look_up_late(ops, req, parent, directory, &virtual);
}

void ops_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
    struct ops *ops = fuse_req_userdata(req);
    char directory[PATH_MAX], path[PATH_MAX];
    struct stat st;
    int r = strlen(name) > NAME_MAX ? -ENAMETOOLONG : 0;

    /* The kernel asks for these only of filesystems that are exported. */
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        r = -ENOENT;
    if (r == 0)
        r = tree_path(ops->tree, parent, directory, sizeof(directory));
    if (r == 0)
        r = root_join(directory, name, path, sizeof(path));
    if (r == 0)
        r = root_stat(&ops->root, path, &st);
    if (r == 0)
        reply_real(ops, req, parent, directory, name, &st);
    else if (r == -ENOENT)
        look_up_virtual(ops, req, parent, directory, name);
    else
        (void)fuse_reply_err(req, -r);
}
