/*
 * What a file handle asks for (an NFS server's, or open_by_handle_at(2)). It holds the number of a
 * node and the mount's generation, and outlives what the kernel knows: the kernel then looks "." up
 * in that number, and ".." until it is at a directory that it knows.
 */
#include <errno.h>
#include <stdlib.h>

#include "fs/ops_state.h"

/* Its number and generation are the same in every mount, and it is never forgotten. */
static void reply_root(struct ops *ops, fuse_req_t req)
{
    struct fuse_entry_param entry = {
        .ino = TREE_ROOT, .attr_timeout = ops->config.ttl, .entry_timeout = ops->config.ttl};
    int r = root_stat(&ops->root, "", &entry.attr);

    if (r < 0)
        (void)fuse_reply_err(req, -r);
    else
        (void)fuse_reply_entry(req, &entry);
}

static int describe(struct ops *ops, uint64_t id, struct fuse_entry_param *entry)
{
    struct tree_node *node = tree_copy(ops->tree, id);
    int r = node ? 0 : -ESTALE;

    if (r == 0 && (node->kind == TREE_VIEW || node->kind == TREE_FOLDER))
        ops_virtual_stat(node, &entry->attr);
    else if (r == 0)
        r = ops_stat_mirrored(ops, node, &entry->attr);
    if (r == 0 && ops_is_passing(node, &entry->attr))
        entry->attr_timeout = entry->entry_timeout = 0;
    free(node);
    return r == -ENOENT ? -ESTALE : r;
}

/* A view whose files have changed is found, too: it is at open that it is told to be gone. */
static void reply_node(struct ops *ops, fuse_req_t req, uint64_t id)
{
    struct fuse_entry_param entry = {.ino = id,
                                     .generation = ops->generation,
                                     .attr_timeout = ops->config.ttl,
                                     .entry_timeout = ops->config.ttl};
    int r = tree_look_up_id(ops->tree, id);

    if (r < 0) {
        (void)fuse_reply_err(req, -r);
        return;
    }
    r = describe(ops, id, &entry);
    if (r < 0)
        (void)fuse_reply_err(req, -r);
    else if (fuse_reply_entry(req, &entry) == 0)
        return;
    tree_forget(ops->tree, id, 1);
}

void ops_look_up_dots(struct ops *ops, fuse_req_t req, uint64_t id, bool up)
{
    struct tree_node *node = up && id != TREE_ROOT ? tree_copy(ops->tree, id) : NULL;

    if (up && id != TREE_ROOT)
        id = node ? node->parent : 0;
    free(node);
    if (id == TREE_ROOT)
        reply_root(ops, req);
    else
        reply_node(ops, req, id);
}
