/* Extended attributes, with -o xattr: what a variant comes from and is, and why a model has none.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fs/ops_state.h"
#include "fs/shard.h"

#define PREFIX "user.quantfs."
#define VALUE_MAX (PATH_MAX + SHARD_NAME_MAX + 1)

/* Manifests that are asked for at a time. */
#define TENSORS_MAX 64

enum xattr {
    XATTR_SOURCE,
    XATTR_VARIANT,
    XATTR_TYPE,
    XATTR_BPW,
    XATTR_REASON,
    XATTR_CACHED,
    XATTRS
};

static const char *const names[XATTRS] = {"source", "variant", "type", "bpw", "reason", "cached"};

struct xattr_call {
    struct ops_held held;
    struct models_question question;
    struct tree_node *node; /* a view, or a file of the tree */
    bool list;
    enum xattr wanted; /* unless list */
    size_t size;       /* of the caller's buffer; 0: it asks for the size */
    struct variant variant;
    int *results;
    struct tree_attr *attrs;
    /* for XATTR_CACHED */
    struct pool_job job;
    struct model_view *view; /* a reference, or NULL */
    size_t tensor;           /* the next to be counted */
    uint64_t known, chunks;
    char directory[PATH_MAX];
    char source[SHARD_NAME_MAX]; /* of the first file */
};

static void reply_bytes(fuse_req_t req, size_t size, const char *data, size_t length)
{
    if (size == 0)
        (void)fuse_reply_xattr(req, length);
    else if (length > size)
        (void)fuse_reply_err(req, ERANGE);
    else
        (void)fuse_reply_buf(req, data, length);
}

/* ---- values ---- */

static void format_bpw(uint64_t data, uint64_t weights, char *value)
{
    if (weights > 0)
        (void)snprintf(value, VALUE_MAX, "%.2f", (double)data * 8 / (double)weights);
}

static void format_reason(const struct model_record *record, int r, char *value)
{
    const struct model_reason *reason = record ? record->reason : NULL;

    if (reason && reason->offset != DEFECT_NOWHERE)
        (void)snprintf(value, VALUE_MAX, "byte %llu: %s", (unsigned long long)reason->offset,
                       reason->text);
    else if (reason)
        (void)snprintf(value, VALUE_MAX, "%s", reason->text);
    else if (r == -ENODATA)
        (void)snprintf(value, VALUE_MAX, "a file of the set is missing");
    else if (r < 0)
        (void)snprintf(value, VALUE_MAX, "%s", strerror(-r));
}

/* Percent, rounded down; what needs no conversion is as good as there. In a list of names the value
 * is of no account. */
static void format_cached(const struct xattr_call *call, char *value)
{
    uint64_t percent = call->chunks > 0 ? call->known * 100 / call->chunks : 100;

    (void)snprintf(value, VALUE_MAX, "%llu", (unsigned long long)percent);
}

static void format_view(const struct xattr_call *call, const struct model_record *record,
                        enum xattr xattr, char *value)
{
    const struct model_result *result = model_record_find(record, &call->variant);
    const struct ftype *ftype = record->files.mix ? record->files.mix->ftype : call->variant.ftype;

    if (xattr == XATTR_VARIANT)
        variant_format(&call->variant, value, VALUE_MAX);
    else if (xattr == XATTR_TYPE && ftype)
        (void)snprintf(value, VALUE_MAX, "%s", ftype->name);
    else if (xattr == XATTR_BPW && result && result->r == 0)
        format_bpw(result->data, record->weights, value);
    else if (xattr == XATTR_CACHED && call->held.ops->config.cache && result && result->r == 0)
        format_cached(call, value);
}

/* Has it any of the variants that a listing shows? */
static bool has_variants(const struct models_question *question)
{
    for (size_t i = 0; i < question->variant_count; i++)
        if (question->results[i] == 0)
            return true;
    return false;
}

/* Of a file of the tree; r: what was answered about it as a model. */
static void format_file(const struct xattr_call *call, const struct model_record *record, int r,
                        enum xattr xattr, char *value)
{
    const struct ftype *ftype;

    if (xattr == XATTR_REASON && (r < 0 || !has_variants(&call->question))) {
        format_reason(record, r, value);
    } else if (xattr == XATTR_TYPE && r == 0) {
        ftype = ftype_by_number(record->ftype);
        if (ftype)
            (void)snprintf(value, VALUE_MAX, "%s", ftype->name);
    } else if (xattr == XATTR_BPW && r == 0) {
        format_bpw(record->data, record->weights, value);
    }
}

/* "" if there is no such attribute. */
static void format_value(const struct xattr_call *call, int r, enum xattr xattr, char *value)
{
    const struct model_record *record = call->question.record;

    value[0] = '\0';
    if (xattr == XATTR_SOURCE && r == 0) {
        if (root_join(call->directory, call->source, value, VALUE_MAX) < 0)
            value[0] = '\0';
    } else if (call->node->kind != TREE_VIEW) {
        format_file(call, record, r, xattr, value);
    } else if (r == 0) {
        format_view(call, record, xattr, value);
    }
}

/* ---- late ---- */

static void end_call(struct xattr_call *call)
{
    model_view_unref(call->view);
    ops_let_go(&call->held);
    free(call->results);
    free(call->attrs);
    free(call->node);
    free(call);
}

static void reply_list(const struct xattr_call *call, int r, fuse_req_t req)
{
    char list[XATTRS * 32], value[VALUE_MAX];
    size_t used = 0;

    for (unsigned i = 0; i < XATTRS; i++) {
        format_value(call, r, i, value);
        if (*value)
            used += (size_t)snprintf(list + used, sizeof(list) - used, PREFIX "%s", names[i]) + 1;
    }
    reply_bytes(req, call->size, list, used);
}

static void reply_value(const struct xattr_call *call, int r, fuse_req_t req)
{
    char value[VALUE_MAX];

    format_value(call, r, call->wanted, value);
    if (*value)
        reply_bytes(req, call->size, value, strlen(value));
    else
        (void)fuse_reply_err(req, ENODATA);
}

static void reply_cached(const struct xattr_call *call, fuse_req_t req)
{
    char value[VALUE_MAX];

    format_cached(call, value);
    reply_bytes(req, call->size, value, strlen(value));
}

/* The manifests of some of the view's tensors; then others have their turn. */
static void count_cached(struct pool_job *job)
{
    struct xattr_call *call = OPS_OUTER(job, struct xattr_call, job);
    const struct view *view = model_view_get(call->view);
    struct ops *ops = call->held.ops;
    bool there = ops_enter(ops);
    fuse_req_t req;
    int r = there ? 0 : -ENODEV;

    for (unsigned i = 0; r == 0 && i < TENSORS_MAX && call->tensor < view->extent_count; i++)
        r = engine_cached(ops->engine, view, (uint32_t)call->tensor++, &call->known, &call->chunks);
    if (there)
        ops_leave(ops);
    if (r == 0 && call->tensor < view->extent_count) {
        pool_add(ops->config.pool, &call->job, POOL_READY);
        return;
    }
    req = ops_take(&call->held);
    if (req && r == 0)
        reply_cached(call, req);
    else if (req)
        (void)fuse_reply_err(req, -r);
    end_call(call);
}

static void answered(struct models_question *question, int r)
{
    struct xattr_call *call = OPS_OUTER(question, struct xattr_call, question);
    bool gone =
        call->node->kind == TREE_VIEW &&
        (r < 0 || !ops_versions_same(call->node, question->version_count, question->versions));
    fuse_req_t req;

    call->view = r == 0 ? question->view : NULL;
    if (call->view && !gone) {
        call->job.run = count_cached;
        pool_add(call->held.ops->config.pool, &call->job, POOL_READY);
        return;
    }
    req = ops_take(&call->held);
    if (req && gone)
        (void)fuse_reply_err(req, ESTALE); /* the kernel looks the name up again */
    else if (req && call->list)
        reply_list(call, r, req);
    else if (req)
        reply_value(call, r, req);
    end_call(call);
}

/* The model that the call is about. -ENODATA: it can be none. */
static int find_model(struct ops *ops, struct xattr_call *call)
{
    const struct tree_node *node = call->node;
    size_t length = strlen(node->name);
    const char *name;
    int r;

    if (node->kind == TREE_VIEW) {
        r = ops_virtual_place(node, call->directory, &name, &call->variant);
        if (r == 0)
            (void)snprintf(call->source, sizeof(call->source), "%s", name);
        return r;
    }
    if (node->kind == TREE_FILE && length > 5 && strcmp(node->name + length - 5, ".gguf") == 0) {
        if (shard_count(node->name) > 1)
            shard_name(node->name, 0, call->source);
        else
            (void)snprintf(call->source, sizeof(call->source), "%s", node->name);
        return tree_path(ops->tree, node->parent, call->directory, sizeof(call->directory));
    }
    return -ENODATA;
}

static int fill_question(struct ops *ops, struct xattr_call *call)
{
    bool view = call->node->kind == TREE_VIEW;
    size_t count = view ? 1 : 0;

    /* The others are those of other files. */
    while (!view && count < ops->config.variant_count &&
           strcmp(model_form(call->source, &ops->config.variants[count]),
                  model_form(call->source, &ops->config.variants[0])) == 0)
        count++;
    call->results = calloc(count + 1, sizeof(*call->results));
    call->attrs = calloc(count + 1, sizeof(*call->attrs));
    if (!call->results || !call->attrs)
        return -ENOMEM;
    call->question = (struct models_question){
        .directory = call->directory,
        .name = call->source,
        .variants = view ? &call->variant : ops->config.variants,
        .variant_count = count,
        .want_view =
            view && !call->list && call->wanted == XATTR_CACHED && ops->config.cache != NULL,
        .urgent = true,
        .answer = answered,
        .results = call->results,
        .attrs = call->attrs,
    };
    return 0;
}

static void ask(fuse_req_t req, fuse_ino_t ino, bool list, enum xattr wanted, size_t size)
{
    struct ops *ops = fuse_req_userdata(req);
    struct xattr_call *call = calloc(1, sizeof(*call));
    int r = call ? 0 : -ENOMEM;

    if (r == 0) {
        call->list = list;
        call->wanted = wanted;
        call->size = size;
        call->node = tree_copy(ops->tree, ino);
        r = call->node ? find_model(ops, call) : -ESTALE;
    }
    if (r == 0)
        r = fill_question(ops, call);
    if (r == 0)
        r = ops_hold(ops, &call->held, req);
    if (r == 0) {
        models_ask(ops->models, &call->question);
        return;
    }
    if (call) {
        free(call->results);
        free(call->attrs);
        free(call->node);
        free(call);
    }
    if (r == -ENODATA && list)
        reply_bytes(req, size, "", 0);
    else
        (void)fuse_reply_err(req, -r);
}

void ops_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size)
{
    if (strncmp(name, PREFIX, strlen(PREFIX)) == 0) {
        for (unsigned i = 0; i < XATTRS; i++) {
            if (strcmp(name + strlen(PREFIX), names[i]) == 0) {
                ask(req, ino, false, i, size);
                return;
            }
        }
    }
    (void)fuse_reply_err(req, ENODATA);
}

void ops_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size)
{
    ask(req, ino, true, XATTRS, size);
}
