#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fs/listing_make.h"
#include "fs/ops_state.h"

#define POSITION_DOT 1
#define POSITION_DOTDOT 2

_Static_assert(POSITION_DOTDOT < LISTING_FIRST, "they come first");

/* What is asked for by one readdir or readdirplus. */
struct wish {
    uint64_t node;
    uint64_t handle;
    uint64_t position;
    size_t size;
    bool plus;
    const struct tree_node *folder; /* of a variant; NULL: a mirrored or arranged directory */
    bool old;                       /* what the listing tells of views is to be asked for again */
};

/* A part of a listing on its way to the kernel. */
struct page {
    char *data;
    size_t used, size;
    fuse_ino_t *looked_up; /* by readdirplus: to be forgotten if the page gets lost */
    size_t count, capacity;
};

struct list_call {
    struct ops_held held;
    struct pool_job job;
    struct wish wish;
    struct tree_node *folder; /* owned, or NULL: a directory on disk, or an arranged root */
    char directory[PATH_MAX]; /* its path */
};

/* ---- pages ---- */

static void forget_page(struct ops *ops, struct page *page)
{
    for (size_t i = 0; i < page->count; i++)
        tree_forget(ops->tree, page->looked_up[i], 1);
    page->count = 0;
}

static void free_page(struct page *page)
{
    free(page->data);
    free(page->looked_up);
}

static bool remember(struct page *page, fuse_ino_t ino)
{
    size_t more = page->capacity ? 2 * page->capacity : 32;
    fuse_ino_t *larger;

    if (page->count == page->capacity) {
        larger = realloc(page->looked_up, more * sizeof(*larger));
        if (!larger)
            return false;
        page->looked_up = larger;
        page->capacity = more;
    }
    page->looked_up[page->count++] = ino;
    return true;
}

/* The name and type alone. False: it does not fit. */
static bool add_plain(fuse_req_t req, struct page *page, bool plus, const char *name,
                      uint64_t inode, unsigned char type, uint64_t position)
{
    const struct stat st = {.st_ino = inode, .st_mode = DTTOIF(type)};
    struct fuse_entry_param entry = {.attr = st}; /* no node: the kernel looks it up if it wants */
    char *data = page->data + page->used;
    size_t room = page->size - page->used;
    size_t size = plus ? fuse_add_direntry_plus(req, data, room, name, &entry, (off_t)position)
                       : fuse_add_direntry(req, data, room, name, &st, (off_t)position);

    if (size > room)
        return false;
    page->used += size;
    return true;
}

/* The entry's node and attributes. -ENOENT: they are not to be had now. */
static int fill_entry(struct ops *ops, const struct wish *wish, int directory,
                      const struct listing_entry *shown, struct fuse_entry_param *entry)
{
    struct version identity;
    char name[NAME_MAX + 1];
    struct tree_node node;
    struct stat st;
    int r;

    if (shown->source && wish->folder && shown->facet.kind == FACET_WHOLE) {
        ops_describe_model(wish->folder, &shown->attr, name, &node);
        r = ops_fill_entry(ops, &node, NULL, entry);
    } else if (shown->source) {
        node = (struct tree_node){
            .parent = wish->node,
            .kind = facet_is_folder(shown->facet) ? TREE_FOLDER : TREE_VIEW,
            .attr = shown->attr,
            .name = shown->name,
            .source = shown->source->path,
            .variant = shown->variant,
            .facet = shown->facet,
            .version_count = shown->source->version_count,
            .versions = shown->source->versions,
        };
        r = ops_fill_entry(ops, &node, NULL, entry);
    }
    if (shown->source) {
        if (r == 0 && wish->old)
            entry->attr_timeout = entry->entry_timeout = 0;
        return r;
    }
    if (directory < 0 || fstatat(directory, shown->name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
        st.st_dev == (dev_t)atomic_load(&ops->root.device))
        return -ENOENT;
    ops_describe_mirrored(wish->node, shown->name, &st, &identity, &node);
    return ops_fill_entry(ops, &node, &st, entry);
}

/* False: it does not fit. */
static bool add_full(struct ops *ops, fuse_req_t req, struct page *page, const struct wish *wish,
                     int directory, const struct listing_entry *shown)
{
    size_t room = page->size - page->used, size;
    struct fuse_entry_param entry;
    int r;

    size = fuse_add_direntry_plus(req, NULL, 0, shown->name, NULL, 0);
    if (size > room)
        return false;
    if (shown->source && !shown->sized)
        return add_plain(req, page, true, shown->name, shown->inode, shown->type, shown->position);
    r = fill_entry(ops, wish, directory, shown, &entry);
    if (r == 0 && !remember(page, entry.ino)) {
        tree_forget(ops->tree, entry.ino, 1);
        r = -ENOMEM;
    }
    if (r < 0)
        return add_plain(req, page, true, shown->name, shown->inode, shown->type, shown->position);
    page->used += fuse_add_direntry_plus(req, page->data + page->used, room, shown->name, &entry,
                                         (off_t)shown->position);
    return true;
}

static bool add_dots(fuse_req_t req, struct page *page, const struct wish *wish,
                     const struct listing *listing)
{
    return (wish->position >= POSITION_DOT ||
            add_plain(req, page, wish->plus, ".", listing_inode(listing), DT_DIR, POSITION_DOT)) &&
           (wish->position >= POSITION_DOTDOT ||
            add_plain(req, page, wish->plus, "..", listing_parent_inode(listing), DT_DIR,
                      POSITION_DOTDOT));
}

static int fill_page(struct ops *ops, fuse_req_t req, struct page *page, struct wish *wish,
                     const char *path, const struct listing *listing)
{
    const struct listing_entry *entries;
    int directory = -1;
    bool fits;
    size_t count;

    *page = (struct page){.data = malloc(wish->size), .size = wish->size};
    if (!page->data)
        return -ENOMEM;
    wish->old = listing_age(listing) >= ops->config.ttl;
    if (wish->plus && !wish->folder && !layout_is_arranged(ops->config.layout))
        directory = root_open_directory(&ops->root, path, O_PATH);
    entries = listing_after(listing, wish->position, &count);
    fits = add_dots(req, page, wish, listing);
    for (size_t i = 0; i < count && fits; i++)
        fits = wish->plus ? add_full(ops, req, page, wish, directory, &entries[i])
                          : add_plain(req, page, false, entries[i].name, entries[i].inode,
                                      entries[i].type, entries[i].position);
    if (directory >= 0)
        (void)close(directory);
    return 0;
}

static void send_page(struct ops *ops, fuse_req_t req, struct page *page)
{
    if (fuse_reply_buf(req, page->data, page->used) != 0)
        forget_page(ops, page);
}

/* ---- listings ---- */

static void end_list(struct list_call *call, int r, struct page *page)
{
    struct ops *ops = call->held.ops;
    fuse_req_t req = ops_take(&call->held);

    if (req && r < 0)
        (void)fuse_reply_err(req, -r);
    else if (req)
        send_page(ops, req, page);
    else
        forget_page(ops, page);
    free_page(page);
    ops_let_go(&call->held);
    free(call->folder);
    free(call);
}

static void listed(void *context, int r, struct listing *listing)
{
    struct list_call *call = context;
    struct ops *ops = call->held.ops;
    struct page page = {0};

    if (r == 0) {
        /* libfuse's helpers only lay entries out; the request itself is not looked at. */
        r = fill_page(ops, NULL, &page, &call->wish, call->directory, listing);
        opens_set_listing(ops->opens, call->wish.node, call->wish.handle, listing);
    }
    end_list(call, r, &page);
}

/* Of the directory's place in the mount, where it is not on disk. */
static void fill_place(struct ops *ops, const struct list_call *call, struct listing_config *config)
{
    struct stat st;

    ops_group_attr(ops, &config->group_attr);
    config->surveys = ops->surveys;
    if (call->folder) {
        config->grouped = true;
        config->max_age = ops->config.ttl;
        config->inode = call->folder->attr.inode;
        config->parent_inode = ops_inode_of_parent(ops, call->folder);
    } else if (layout_is_arranged(config->layout) && root_stat(&ops->root, "", &st) == 0) {
        config->inode = config->parent_inode = st.st_ino;
    }
}

static void make_listing(struct pool_job *job)
{
    struct list_call *call = OPS_OUTER(job, struct list_call, job);
    struct ops *ops = call->held.ops;
    struct listing_config config = {
        .root = &ops->root,
        .models = ops->models,
        .variants = ops->config.variants,
        .variant_count = ops->config.variant_count,
        .layout = ops->config.layout,
        .browse = ops->config.browse,
        .bare = ops->bare,
        .directory = call->directory,
        .stop = &ops->stop,
        .done = listed,
        .context = call,
    };

    if (call->wish.folder) {
        ops_folder_list(ops, call->folder, listed, call);
        return;
    }
    fill_place(ops, call, &config);
    listing_make(&config);
}

/* Takes `folder` over. */
static void list_late(struct ops *ops, fuse_req_t req, const struct wish *wish,
                      struct tree_node *folder, const char *path)
{
    struct list_call *call = malloc(sizeof(*call));
    int r = call ? ops_hold(ops, &call->held, req) : -ENOMEM;

    if (r < 0) {
        free(folder);
        free(call);
        (void)fuse_reply_err(req, -r);
        return;
    }
    call->wish = *wish;
    call->folder = folder;
    memcpy(call->directory, path, strlen(path) + 1);
    call->job.run = make_listing;
    pool_add(ops->config.pool, &call->job, POOL_READY);
}

/* A listing is made when a reader begins, and again if it is lost. */
static void list(fuse_req_t req, struct wish *wish)
{
    struct ops *ops = fuse_req_userdata(req);
    struct listing *listing = NULL;
    struct tree_node *folder = tree_copy_folder(ops->tree, wish->node);
    char path[PATH_MAX] = "";
    struct page page;
    int r = tree_path(ops->tree, wish->node, path, sizeof(path));

    if (folder && folder->facet.kind != FACET_GROUP)
        wish->folder = folder;

    if (r == 0 && wish->position > 0)
        listing = opens_listing(ops->opens, wish->node, wish->handle);
    if (r == 0 && !listing) {
        list_late(ops, req, wish, folder, path);
        return;
    }
    if (r == 0)
        r = fill_page(ops, req, &page, wish, path, listing);
    if (r == 0) {
        send_page(ops, req, &page);
        free_page(&page);
    } else {
        (void)fuse_reply_err(req, -r);
    }
    listing_unref(listing);
    free(folder);
}

void ops_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
    struct ops *ops = fuse_req_userdata(req);
    int r = opens_add_directory(ops->opens, ino, &fi->fh);

    if (r < 0)
        (void)fuse_reply_err(req, -r);
    else if (fuse_reply_open(req, fi) != 0)
        (void)opens_close(ops->opens, ino, fi->fh);
}

void ops_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset,
                 struct fuse_file_info *fi)
{
    struct wish wish = {.node = ino, .handle = fi->fh, .position = (uint64_t)offset, .size = size};

    list(req, &wish);
}

void ops_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset,
                     struct fuse_file_info *fi)
{
    struct wish wish = {
        .node = ino, .handle = fi->fh, .position = (uint64_t)offset, .size = size, .plus = true};

    list(req, &wish);
}

void ops_releasedir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
    struct ops *ops = fuse_req_userdata(req);

    (void)opens_close(ops->opens, ino, fi->fh);
    (void)fuse_reply_err(req, 0);
}
