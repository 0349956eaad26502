#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fs/ops_state.h"
#include "fs/reply.h"

/* An open that a worker looks at. */
struct open_call {
    struct ops_held held;
    struct models_question question; /* for a view */
    struct pool_job job;             /* for a mirrored file */
    struct tree_node *node;
    struct variant variant;
    struct fuse_file_info fi;
    int result;
    struct tree_attr attr;
    char path[PATH_MAX]; /* of a view: its directory's */
};

struct read_call {
    struct ops_held held;
    struct open_file *file;
};

/* The last use of a closed handle ends its stream: not before, as a read may be telling it. */
static void put_file(struct ops *ops, struct open_file *file)
{
    uint64_t handle = file->handle;

    if (opens_put(ops->opens, file))
        engine_stream_close(ops->engine, handle);
}

static void close_handle(struct ops *ops, uint64_t handle)
{
    if (opens_close(ops->opens, handle))
        engine_stream_close(ops->engine, handle);
    ops_notify(ops);
}

/* ---- open ---- */

/* `state`: of the file that was opened, or of a view's first input. */
static void reply_open(struct ops *ops, fuse_req_t req, uint64_t node, struct fuse_file_info *fi,
                       const struct version *state, bool young)
{
    fi->keep_cache = tree_opened(ops->tree, node, state, young);
    if (fuse_reply_open(req, fi) != 0)
        close_handle(ops, fi->fh);
}

static void reply_open_view(struct ops *ops, fuse_req_t req, const struct tree_node *node,
                            struct fuse_file_info *fi, struct model_view *view)
{
    int r = opens_add_view(ops->opens, node->id, &fi->fh, view);

    if (r < 0)
        (void)fuse_reply_err(req, -r);
    else
        reply_open(ops, req, node->id, fi, &node->versions[0],
                   ops_young(node->versions, node->version_count));
}

static void end_open(struct open_call *call)
{
    ops_let_go(&call->held);
    free(call->node);
    free(call);
}

static bool same_versions(const struct tree_node *node, const struct models_question *question)
{
    if (node->version_count != question->version_count)
        return false;
    for (unsigned i = 0; i < node->version_count; i++)
        if (!version_equal(&node->versions[i], &question->versions[i]))
            return false;
    return true;
}

/* Where the model is another one now, or none, the kernel shall look the name up again. */
static int open_error(int r)
{
    r = ops_lookup_error(r);
    return r == -ENOENT || r == -ELOOP ? -ESTALE : r;
}

static void view_answered(struct models_question *question, int r)
{
    struct open_call *call = OPS_OUTER(question, struct open_call, question);
    struct ops *ops = call->held.ops;
    struct model_view *view = NULL;
    fuse_req_t req;

    if (r == 0) {
        view = question->view;
        r = same_versions(call->node, question) ? call->result : -ESTALE;
    }
    req = ops_take(&call->held);
    if (req && r == 0)
        reply_open_view(ops, req, call->node, &call->fi, view);
    else
        model_view_unref(view);
    if (req && r < 0)
        (void)fuse_reply_err(req, -open_error(r));
    end_open(call);
}

static void open_mirrored(struct pool_job *job)
{
    struct open_call *call = OPS_OUTER(job, struct open_call, job);
    struct ops *ops = call->held.ops;
    struct version state;
    struct stat st;
    fuse_req_t req;
    int fd = root_open(&ops->root, call->path, false, &st);
    int r = fd < 0 ? fd : 0;

    if (r == 0 && !ops_is_mirrored_as(call->node, &st))
        r = -ESTALE;
    if (r == -ENOENT || r == -EISDIR || r == -ELOOP)
        r = -ESTALE;
    if (r == 0)
        r = opens_add_file(ops->opens, call->node->id, &call->fi.fh, &st, fd);
    else if (fd >= 0)
        (void)close(fd);
    req = ops_take(&call->held);
    if (req && r == 0) {
        state = version_of(&st);
        reply_open(ops, req, call->node->id, &call->fi, &state, ops_young(&state, 1));
    } else if (req) {
        (void)fuse_reply_err(req, -r);
    } else if (r == 0) {
        close_handle(ops, call->fi.fh);
    }
    end_open(call);
}

/* Hands `node` and `path` to a worker. */
static void open_late(struct ops *ops, fuse_req_t req, struct tree_node *node, const char *path,
                      const struct variant *variant, const struct fuse_file_info *fi)
{
    struct open_call *call = malloc(sizeof(*call));
    int r = call ? ops_hold(ops, &call->held, req) : -ENOMEM;

    if (r < 0) {
        free(call);
        free(node);
        (void)fuse_reply_err(req, -r);
        return;
    }
    call->node = node;
    call->fi = *fi;
    memcpy(call->path, path, strlen(path) + 1);
    if (!variant) {
        call->job.run = open_mirrored;
        pool_add(ops->config.pool, &call->job, POOL_READY);
        return;
    }
    call->variant = *variant;
    call->question = (struct models_question){
        .directory = call->path,
        .name = node->source,
        .variants = &call->variant,
        .variant_count = 1,
        .want_view = true,
        .urgent = true,
        .answer = view_answered,
        .results = &call->result,
        .attrs = &call->attr,
    };
    models_ask(ops->models, &call->question);
}

/* Takes `node` over. */
static void open_view(struct ops *ops, fuse_req_t req, struct tree_node *node,
                      struct fuse_file_info *fi)
{
    struct model_view *view = NULL;
    char directory[PATH_MAX];
    struct variant variant;
    size_t stem_length, length;
    const char *text;
    int r = tree_path(ops->tree, node->parent, directory, sizeof(directory));

    if (r == 0 && (!variant_split_name(node->name, &stem_length, &text, &length) ||
                   variant_parse(text, length, &variant) < 0))
        r = -ESTALE;
    if (r < 0) {
        free(node);
        (void)fuse_reply_err(req, -r);
        return;
    }
    if (ops_inputs_same(ops, directory, node))
        view = models_find_view(ops->models, directory, node->source, node->version_count,
                                node->versions, &variant);
    if (!view) {
        open_late(ops, req, node, directory, &variant, fi);
        return;
    }
    reply_open_view(ops, req, node, fi, view);
    free(node);
}

void ops_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
    struct ops *ops = fuse_req_userdata(req);
    struct tree_node *node;
    char path[PATH_MAX];
    int r;

    if ((fi->flags & O_ACCMODE) != O_RDONLY || (fi->flags & O_TRUNC)) {
        (void)fuse_reply_err(req, EROFS);
        return;
    }
    node = tree_copy(ops->tree, ino);
    if (!node) {
        (void)fuse_reply_err(req, ESTALE);
        return;
    }
    if (node->kind == TREE_VIEW) {
        open_view(ops, req, node, fi);
        return;
    }
    r = tree_path(ops->tree, ino, path, sizeof(path));
    if (r == 0) {
        open_late(ops, req, node, path, NULL, fi);
    } else {
        free(node);
        (void)fuse_reply_err(req, -r);
    }
}

/* ---- read ---- */

static void read_done(void *context, int r, const struct part *parts, int count)
{
    struct read_call *call = context;
    struct ops *ops = call->held.ops;
    fuse_req_t req = ops_take(&call->held);

    if (req)
        reply_read(req, r, parts, count);
    put_file(ops, call->file);
    ops_let_go(&call->held);
    free(call);
}

static void read_file(struct ops *ops, struct read_call *call, struct open_file *file,
                      uint64_t offset, size_t size)
{
    const struct view *view;

    if (!file->view) {
        engine_submit_file(ops->engine, file->fd, offset, size, read_done, call);
        return;
    }
    view = model_view_get(file->view);
    engine_submit(ops->engine, view, file->view, offset, size, read_done, call);
    engine_readahead(ops->engine, file->handle, view, file->view, offset, size);
}

void ops_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, struct fuse_file_info *fi)
{
    struct ops *ops = fuse_req_userdata(req);
    struct open_file *file = opens_get(ops->opens, fi->fh);
    struct read_call *call = malloc(sizeof(*call));
    int r = 0;

    (void)ino;
    if (!file)
        r = -ESTALE;
    else if (!call)
        r = -ENOMEM;
    else if (offset < 0 || (!file->view && file->fd < 0))
        r = -EINVAL;
    else
        r = ops_hold(ops, &call->held, req);
    if (r < 0) {
        free(call);
        if (file)
            put_file(ops, file);
        (void)fuse_reply_err(req, -r);
        return;
    }
    /* One use is the call's, which may be gone when read_file() returns; one is ours. */
    call->file = opens_get(ops->opens, fi->fh);
    read_file(ops, call, file, (uint64_t)offset, size);
    put_file(ops, file);
}

void ops_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
    struct ops *ops = fuse_req_userdata(req);

    (void)ino;
    close_handle(ops, fi->fh);
    (void)fuse_reply_err(req, 0);
}
