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
    char path[PATH_MAX]; /* of a view: its model's directory */
};

struct read_call {
    struct ops_held held;
    struct open_file *file;
};

/* A read whose handle is not known: the process that gave it is not this one any more. The node
 * tells what to open again, for this read alone. */
struct blind_read {
    struct ops_held held;
    struct models_question question; /* for a view */
    struct pool_job job;             /* for a mirrored file */
    struct tree_node *node;
    struct variant variant;
    int result;
    struct tree_attr attr;
    struct model_view *view; /* a reference, or NULL */
    int fd;                  /* its own, or -1 */
    uint64_t offset;
    size_t size;
    char path[PATH_MAX]; /* of a view: its model's directory */
};

/* The last use of a closed handle ends its stream: not before, as a read may be telling it. */
static void put_file(struct ops *ops, struct open_file *file)
{
    uint64_t handle = file->handle;

    if (opens_put(ops->opens, file))
        engine_stream_close(ops->engine, handle);
}

static void close_handle(struct ops *ops, uint64_t node, uint64_t handle)
{
    if (opens_close(ops->opens, node, handle) && ops_enter(ops)) {
        engine_stream_close(ops->engine, handle);
        ops_leave(ops);
    }
    ops_notify(ops);
}

/* ---- open ---- */

/* `state`: of the file that was opened, or of a view's first input. */
static void reply_open(struct ops *ops, fuse_req_t req, uint64_t node, struct fuse_file_info *fi,
                       const struct version *state, bool young)
{
    fi->keep_cache = tree_opened(ops->tree, node, state, young);
    if (fuse_reply_open(req, fi) != 0)
        close_handle(ops, node, fi->fh);
}

static void reply_open_view(struct ops *ops, fuse_req_t req, const struct tree_node *node,
                            struct fuse_file_info *fi, struct model_view *view)
{
    int r = opens_add_view(ops->opens, node->id, &fi->fh, view);

    if (r < 0)
        (void)fuse_reply_err(req, -r);
    else
        reply_open(ops, req, node->id, fi, &node->versions[0],
                   versions_young(node->versions, node->version_count));
}

static void end_open(struct open_call *call)
{
    ops_let_go(&call->held);
    free(call->node);
    free(call);
}

/* Where the model is another one now, or none, the kernel shall look the name up again. */
static int open_error(int r)
{
    r = ops_lookup_error(r);
    return r == -ENOENT || r == -ELOOP ? -ESTALE : r;
}

/* What was found for a view's node; `r` is of the answer and `result` of the variant. */
static int check_found(const struct tree_node *node, const struct models_question *question, int r,
                       int result)
{
    if (r == 0 && !ops_versions_same(node, question->version_count, question->versions))
        r = -ESTALE;
    if (r == 0)
        r = result;
    /* It was kept, and is wrong: the kernel shall see the right one. */
    if (r == 0 && model_view_get(question->view)->size != node->attr.size)
        r = -ESTALE;
    return r < 0 ? open_error(r) : 0;
}

static void view_answered(struct models_question *question, int r)
{
    struct open_call *call = OPS_OUTER(question, struct open_call, question);
    struct ops *ops = call->held.ops;
    struct model_view *view = r == 0 ? question->view : NULL;
    fuse_req_t req = ops_take(&call->held);

    r = check_found(call->node, question, r, call->result);
    if (req && r == 0)
        reply_open_view(ops, req, call->node, &call->fi, view);
    else
        model_view_unref(view);
    if (req && r < 0)
        (void)fuse_reply_err(req, -r);
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
        reply_open(ops, req, call->node->id, &call->fi, &state, versions_young(&state, 1));
    } else if (req) {
        (void)fuse_reply_err(req, -r);
    } else if (r == 0) {
        close_handle(ops, call->node->id, call->fi.fh);
    }
    end_open(call);
}

/* Hands `node` and `path` to a worker; of a view `path` is its model's directory, which has `name`
 * and `variant`. */
static void open_late(struct ops *ops, fuse_req_t req, struct tree_node *node, const char *path,
                      const char *name, const struct variant *variant,
                      const struct fuse_file_info *fi)
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
        .name = name,
        .variants = &call->variant,
        .variant_count = 1,
        .want_view = true,
        .facet = node->facet,
        .urgent = true,
        .answer = view_answered,
        .results = &call->result,
        .attrs = &call->attr,
    };
    models_ask(ops->models, &call->question);
}

/* The view of a node, if it is at hand and its files are as they were: a reference. */
static struct model_view *find_view(struct ops *ops, const struct tree_node *node,
                                    const char *directory, const char *name,
                                    const struct variant *variant)
{
    struct model_view *view = NULL;

    if (ops_inputs_same(ops, node))
        view = models_find_view(ops->models, directory, name, node->version_count, node->versions,
                                variant, node->facet);
    if (view && model_view_get(view)->size != node->attr.size) {
        model_view_unref(view);
        view = NULL;
    }
    return view;
}

/* Takes `node` over. */
static void open_view(struct ops *ops, fuse_req_t req, struct tree_node *node,
                      struct fuse_file_info *fi)
{
    struct model_view *view;
    char directory[PATH_MAX];
    struct variant variant;
    const char *name;
    int r = ops_virtual_place(node, directory, &name, &variant);

    if (r < 0) {
        free(node);
        (void)fuse_reply_err(req, -r);
        return;
    }
    view = find_view(ops, node, directory, name, &variant);
    if (!view) {
        open_late(ops, req, node, directory, name, &variant, fi);
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
        open_late(ops, req, node, path, NULL, NULL, fi);
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

/* ---- a read whose handle says nothing ---- */

static void end_blind_read(struct blind_read *call)
{
    if (call->fd >= 0)
        (void)close(call->fd);
    model_view_unref(call->view);
    free(call->node);
    ops_let_go(&call->held);
    free(call);
}

static void fail_blind_read(struct blind_read *call, int r)
{
    fuse_req_t req = ops_take(&call->held);

    if (req)
        (void)fuse_reply_err(req, -r);
    end_blind_read(call);
}

static void blind_read_done(void *context, int r, const struct part *parts, int count)
{
    struct blind_read *call = context;
    fuse_req_t req = ops_take(&call->held);

    if (req)
        reply_read(req, r, parts, count);
    end_blind_read(call);
}

/* It has its view or descriptor. */
static void submit_blind_read(struct blind_read *call)
{
    struct ops *ops = call->held.ops;

    if (!ops_enter(ops)) {
        fail_blind_read(call, -ENODEV);
        return;
    }
    if (call->view)
        engine_submit(ops->engine, model_view_get(call->view), call->view, call->offset, call->size,
                      blind_read_done, call);
    else
        engine_submit_file(ops->engine, call->fd, call->offset, call->size, blind_read_done, call);
    ops_leave(ops);
}

static void blind_view_answered(struct models_question *question, int r)
{
    struct blind_read *call = OPS_OUTER(question, struct blind_read, question);

    call->view = r == 0 ? question->view : NULL;
    r = check_found(call->node, question, r, call->result);
    if (r < 0)
        fail_blind_read(call, r);
    else
        submit_blind_read(call);
}

static void reopen_mirrored(struct pool_job *job)
{
    struct blind_read *call = OPS_OUTER(job, struct blind_read, job);
    struct stat st;

    call->fd = root_open(&call->held.ops->root, call->path, false, &st);
    if (call->fd < 0 || !ops_is_mirrored_as(call->node, &st))
        fail_blind_read(call, -ESTALE);
    else
        submit_blind_read(call);
}

static void ask_blind_view(struct ops *ops, struct blind_read *call, const char *name)
{
    call->view = find_view(ops, call->node, call->path, name, &call->variant);
    if (call->view) {
        submit_blind_read(call);
        return;
    }
    call->question = (struct models_question){
        .directory = call->path,
        .name = name,
        .variants = &call->variant,
        .variant_count = 1,
        .want_view = true,
        .facet = call->node->facet,
        .urgent = true,
        .answer = blind_view_answered,
        .results = &call->result,
        .attrs = &call->attr,
    };
    models_ask(ops->models, &call->question);
}

/* The node says what is to be read. */
static void read_blind(struct ops *ops, fuse_req_t req, fuse_ino_t ino, uint64_t offset,
                       size_t size)
{
    struct blind_read *call = malloc(sizeof(*call));
    struct tree_node *node = tree_copy(ops->tree, ino);
    const char *name = NULL;
    int r = call ? 0 : -ENOMEM;

    if (r == 0 && !node)
        r = -ESTALE;
    else if (r == 0 && node->kind == TREE_VIEW)
        r = ops_virtual_place(node, call->path, &name, &call->variant);
    else if (r == 0 && node->kind == TREE_FILE)
        r = tree_path(ops->tree, ino, call->path, sizeof(call->path));
    else if (r == 0)
        r = -EINVAL;
    if (r == 0)
        r = ops_hold(ops, &call->held, req);
    if (r < 0) {
        free(node);
        free(call);
        (void)fuse_reply_err(req, -r);
        return;
    }
    call->node = node;
    call->offset = offset;
    call->size = size;
    call->view = NULL;
    call->fd = -1;
    if (node->kind == TREE_VIEW) {
        ask_blind_view(ops, call, name);
        return;
    }
    call->job.run = reopen_mirrored;
    pool_add(ops->config.pool, &call->job, POOL_READY);
}

/* ---- */

void ops_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, struct fuse_file_info *fi)
{
    struct ops *ops = fuse_req_userdata(req);
    struct open_file *file;
    struct read_call *call;
    int r = 0;

    if (offset < 0) {
        (void)fuse_reply_err(req, EINVAL);
        return;
    }
    file = opens_get(ops->opens, ino, fi->fh);
    if (!file || (!file->view && file->fd < 0)) {
        if (file)
            put_file(ops, file);
        read_blind(ops, req, ino, (uint64_t)offset, size);
        return;
    }
    call = malloc(sizeof(*call));
    r = call ? ops_hold(ops, &call->held, req) : -ENOMEM;
    if (r < 0) {
        free(call);
        put_file(ops, file);
        (void)fuse_reply_err(req, -r);
        return;
    }
    /* One use is the call's, which may be gone when read_file() returns; one is ours. */
    call->file = opens_ref(ops->opens, file);
    read_file(ops, call, file, (uint64_t)offset, size);
    put_file(ops, file);
}

void ops_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
    struct ops *ops = fuse_req_userdata(req);

    close_handle(ops, ino, fi->fh);
    (void)fuse_reply_err(req, 0);
}
