/* What is in the folder of a variant (folder.h). The folder stands for one version of its model's
 * files, and so does all that is in it: when they have changed it is ESTALE, and the kernel finds
 * the new one by its name. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs/ops_state.h"

/* ---- lookup ---- */

/* A lookup that a worker looks at. */
struct folder_lookup {
    struct ops_held held;
    struct models_question question;
    struct tree_node *folder;
    struct variant variant;
    int result;
    struct tree_attr attr;
    char directory[PATH_MAX];
    char name[NAME_MAX + 1];
};

void ops_describe_model(const struct tree_node *folder, const struct tree_attr *attr,
                        char name[NAME_MAX + 1], struct tree_node *node)
{
    /* It fits: the folder's name was made of that one. */
    (void)snprintf(name, NAME_MAX + 1, "%s%s", folder->name,
                   folder->facet.kind == FACET_WRAP ? "" : ".gguf");
    *node = *folder;
    node->parent = folder->parent;
    node->kind = TREE_VIEW;
    node->attr = *attr;
    node->name = name;
    node->facet = (struct facet){0};
}

static void end_lookup(struct folder_lookup *lookup, int r, const struct tree_node *node)
{
    struct ops *ops = lookup->held.ops;
    fuse_req_t req = ops_take(&lookup->held);

    if (req && r < 0)
        (void)fuse_reply_err(req, -r);
    else if (req)
        ops_reply_entry(ops, req, node, NULL);
    ops_let_go(&lookup->held);
    free(lookup->folder);
    free(lookup);
}

/* The attributes of the facet are known. */
static void found(struct folder_lookup *lookup, struct facet facet)
{
    const struct tree_node *folder = lookup->folder;
    char name[NAME_MAX + 1];
    struct tree_node node;

    if (facet.kind == FACET_WHOLE) {
        ops_describe_model(folder, &lookup->attr, name, &node);
    } else {
        node = *folder;
        node.parent = folder->id;
        node.kind = facet_is_folder(facet) ? TREE_FOLDER : TREE_VIEW;
        node.attr = lookup->attr;
        node.name = lookup->name;
        node.facet = facet;
    }
    end_lookup(lookup, 0, &node);
}

/* What was answered, for a folder that stands for one version. 0: it is that one, and has the
 * facet.
 */
static int check(const struct tree_node *folder, const struct models_question *question, int r)
{
    if (r == 0 && !ops_versions_same(folder, question->version_count, question->versions))
        return -ESTALE;
    if (r == 0)
        return question->results[0] < 0 ? ops_lookup_error(question->results[0]) : 0;
    r = ops_lookup_error(r);
    return r == -ENOENT ? -ESTALE : r;
}

static void facet_answered(struct models_question *question, int r)
{
    struct folder_lookup *lookup = OPS_OUTER(question, struct folder_lookup, question);

    r = check(lookup->folder, question, r);
    if (r < 0)
        end_lookup(lookup, r, NULL);
    else
        found(lookup, question->facet);
}

static void whole_answered(struct models_question *question, int r)
{
    struct folder_lookup *lookup = OPS_OUTER(question, struct folder_lookup, question);
    struct model_view *view = r == 0 ? question->view : NULL;
    struct folder_item item;

    r = check(lookup->folder, question, r);
    if (r == 0 && !folder_find(lookup->folder, model_view_get(view), lookup->name, &item))
        r = -ENOENT;
    model_view_unref(view);
    if (r < 0) {
        end_lookup(lookup, r, NULL);
    } else if (!item.sized) {
        question->facet = item.facet;
        question->want_view = false;
        question->answer = facet_answered;
        models_ask(lookup->held.ops->models, question);
    } else {
        lookup->attr.size = item.size;
        folder_attr(&lookup->attr, item.facet);
        found(lookup, item.facet);
    }
}

static int prepare(struct ops *ops, fuse_req_t req, struct tree_node *folder, const char *name,
                   struct folder_lookup **out)
{
    struct folder_lookup *lookup = malloc(sizeof(*lookup));
    const char *source = NULL;
    int r =
        lookup ? ops_virtual_place(folder, lookup->directory, &source, &lookup->variant) : -ENOMEM;

    if (r == 0)
        r = ops_hold(ops, &lookup->held, req);
    if (r < 0) {
        free(lookup);
        return r;
    }
    lookup->folder = folder;
    (void)snprintf(lookup->name, sizeof(lookup->name), "%s", name);
    lookup->question = (struct models_question){
        .directory = lookup->directory,
        .name = source,
        .variants = &lookup->variant,
        .variant_count = 1,
        .want_view = true,
        .urgent = true,
        .answer = whole_answered,
        .results = &lookup->result,
        .attrs = &lookup->attr,
    };
    *out = lookup;
    return 0;
}

static bool reply_known(struct ops *ops, fuse_req_t req, const struct tree_node *folder,
                        const char *name)
{
    bool is_view = folder->facet.kind == FACET_WRAP ||
                   (folder->facet.kind == FACET_FOLDER && strcmp(name, FOLDER_MODEL) == 0);
    char view[NAME_MAX + 1];
    struct tree_node node;

    if (!is_view)
        return ops_reply_known(ops, req, folder->id, name, TREE_VIEW, NULL) ||
               ops_reply_known(ops, req, folder->id, name, TREE_FOLDER, NULL);
    ops_describe_model(folder, &folder->attr, view, &node);
    return ops_reply_known(ops, req, node.parent, node.name, TREE_VIEW, NULL);
}

void ops_folder_lookup(struct ops *ops, fuse_req_t req, struct tree_node *folder, const char *name)
{
    struct folder_lookup *lookup;
    int r = folder_may_have(folder, name) ? 0 : -ENOENT;

    if (r == 0 && reply_known(ops, req, folder, name)) {
        free(folder);
        return;
    }
    if (r == 0)
        r = prepare(ops, req, folder, name, &lookup);
    if (r < 0) {
        free(folder);
        (void)fuse_reply_err(req, -r);
        return;
    }
    models_ask(ops->models, &lookup->question);
}

/* ---- listing ---- */

struct folder_list {
    struct models_question question;
    struct ops *ops;
    const struct tree_node *folder;
    struct variant variant;
    int result;
    struct tree_attr attr;
    void (*done)(void *context, int r, struct listing *listing);
    void *context;
    char directory[PATH_MAX];
};

static int add_item(struct listing *listing, const struct folder_list *call,
                    const struct folder_item *item, size_t source)
{
    struct listing_entry entry = {
        .name = item->name,
        .type = facet_is_folder(item->facet) ? DT_DIR : DT_REG,
        .variant = call->folder->variant,
        .facet = item->facet,
        .sized = item->sized,
        .attr = call->attr,
    };

    entry.attr.size = item->size;
    folder_attr(&entry.attr, item->facet);
    entry.inode = entry.attr.inode;
    return listing_add(listing, &entry, LISTING_FILE, source);
}

static int fill_listing(const struct folder_list *call, const struct view *view,
                        struct listing *listing)
{
    const struct tree_node *folder = call->folder;
    struct folder_item item;
    size_t source;
    int r = listing_add_source(listing, folder->source, folder->version_count, folder->versions,
                               &source);

    listing_set_inodes(listing, folder->attr.inode, ops_inode_of_parent(call->ops, folder));
    for (size_t i = 0; r == 0 && folder_item(folder, view, i, &item); i++)
        r = add_item(listing, call, &item, source);
    return r < 0 ? r : listing_settle(listing, NULL, NULL);
}

static void list_answered(struct models_question *question, int r)
{
    struct folder_list *call = OPS_OUTER(question, struct folder_list, question);
    struct model_view *view = r == 0 ? question->view : NULL;
    struct listing *listing = NULL;

    r = check(call->folder, question, r);
    if (r == 0)
        r = listing_new(&listing);
    if (r == 0)
        r = fill_listing(call, model_view_get(view), listing);
    model_view_unref(view);
    if (r < 0) {
        listing_unref(listing);
        listing = NULL;
    }
    call->done(call->context, r, listing);
    free(call);
}

void ops_folder_list(struct ops *ops, const struct tree_node *folder,
                     void (*done)(void *context, int r, struct listing *listing), void *context)
{
    struct folder_list *call = malloc(sizeof(*call));
    const char *source = NULL;
    int r = call ? ops_virtual_place(folder, call->directory, &source, &call->variant) : -ENOMEM;

    if (r < 0) {
        free(call);
        done(context, r, NULL);
        return;
    }
    call->ops = ops;
    call->folder = folder;
    call->done = done;
    call->context = context;
    call->question = (struct models_question){
        .directory = call->directory,
        .name = source,
        .variants = &call->variant,
        .variant_count = 1,
        .want_view = true,
        .urgent = true,
        .answer = list_answered,
        .results = &call->result,
        .attrs = &call->attr,
    };
    models_ask(ops->models, &call->question);
}
