#include "fs/opens.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#define BUCKETS 1024

struct descriptor {
    struct descriptor *next;
    unsigned users;
    dev_t device;
    ino_t inode;
    int fd;
};

/* Lock order: before the shelf's and the listing's, which are taken when a last user lets go. */
struct opens {
    pthread_mutex_t lock;
    /* protected by lock */
    uint64_t last;
    size_t count;
    struct open_file *files[BUCKETS];
    struct descriptor *descriptors[BUCKETS];
};

int opens_new(struct opens **out)
{
    struct opens *opens = calloc(1, sizeof(*opens));

    if (!opens)
        return -ENOMEM;
    pthread_mutex_init(&opens->lock, NULL);
    *out = opens;
    return 0;
}

static struct open_file **file_bucket(struct opens *opens, uint64_t handle)
{
    return &opens->files[handle % BUCKETS];
}

static struct descriptor **descriptor_bucket(struct opens *opens, dev_t device, ino_t inode)
{
    return &opens->descriptors[(inode ^ device) % BUCKETS];
}

/* Called with the lock. The descriptor to close, or -1. */
static int unuse_descriptor(struct opens *opens, struct descriptor *descriptor)
{
    struct descriptor **link;
    int fd;

    if (!descriptor || --descriptor->users > 0)
        return -1;
    link = descriptor_bucket(opens, descriptor->device, descriptor->inode);
    while (*link != descriptor)
        link = &(*link)->next;
    *link = descriptor->next;
    fd = descriptor->fd;
    free(descriptor);
    return fd;
}

/* Nobody has it any more. Called without the lock. */
static void free_file(struct open_file *file, int fd)
{
    if (fd >= 0)
        (void)close(fd);
    model_view_unref(file->view);
    listing_unref(file->listing);
    free(file);
}

void opens_free(struct opens *opens)
{
    if (!opens)
        return;
    for (size_t i = 0; i < BUCKETS; i++) {
        struct open_file *file;

        while ((file = opens->files[i]) != NULL) {
            opens->files[i] = file->next;
            free_file(file, unuse_descriptor(opens, file->descriptor));
        }
    }
    pthread_mutex_destroy(&opens->lock);
    free(opens);
}

static bool is_directory(const struct open_file *file)
{
    return !file->view && !file->descriptor;
}

/* Called with the lock. */
static void insert(struct opens *opens, struct open_file *file, uint64_t *handle)
{
    struct open_file **bucket;

    file->users = 1;
    file->handle = *handle = ++opens->last;
    bucket = file_bucket(opens, file->handle);
    file->next = *bucket;
    *bucket = file;
    opens->count += !is_directory(file);
}

int opens_add_view(struct opens *opens, uint64_t node, uint64_t *handle, struct model_view *view)
{
    struct open_file *file = malloc(sizeof(*file));

    if (!file) {
        model_view_unref(view);
        return -ENOMEM;
    }
    *file = (struct open_file){.node = node, .view = view, .fd = -1};
    pthread_mutex_lock(&opens->lock);
    insert(opens, file, handle);
    pthread_mutex_unlock(&opens->lock);
    return 0;
}

int opens_add_directory(struct opens *opens, uint64_t node, uint64_t *handle)
{
    struct open_file *file = malloc(sizeof(*file));

    if (!file)
        return -ENOMEM;
    *file = (struct open_file){.node = node, .fd = -1};
    pthread_mutex_lock(&opens->lock);
    insert(opens, file, handle);
    pthread_mutex_unlock(&opens->lock);
    return 0;
}

/* Called with the lock. The descriptor of that inode: the one that is there, or *made. */
static struct descriptor *share(struct opens *opens, const struct stat *st,
                                struct descriptor **made, int *fd)
{
    struct descriptor **bucket = descriptor_bucket(opens, st->st_dev, st->st_ino);
    struct descriptor *descriptor = *bucket;

    while (descriptor && (descriptor->device != st->st_dev || descriptor->inode != st->st_ino))
        descriptor = descriptor->next;
    if (!descriptor) {
        descriptor = *made;
        *made = NULL;
        *descriptor = (struct descriptor){
            .next = *bucket, .device = st->st_dev, .inode = st->st_ino, .fd = *fd};
        *fd = -1;
        *bucket = descriptor;
    }
    descriptor->users++;
    return descriptor;
}

int opens_add_file(struct opens *opens, uint64_t node, uint64_t *handle, const struct stat *st,
                   int fd)
{
    struct open_file *file = malloc(sizeof(*file));
    struct descriptor *made = malloc(sizeof(*made));
    int r = file && made ? 0 : -ENOMEM;

    if (r == 0) {
        pthread_mutex_lock(&opens->lock);
        *file = (struct open_file){.node = node, .descriptor = share(opens, st, &made, &fd)};
        file->fd = file->descriptor->fd;
        insert(opens, file, handle);
        pthread_mutex_unlock(&opens->lock);
        file = NULL;
    }
    if (fd >= 0)
        (void)close(fd);
    free(made);
    free(file);
    return r;
}

/* Called with the lock. */
static struct open_file *find(struct opens *opens, uint64_t node, uint64_t handle)
{
    struct open_file *file = *file_bucket(opens, handle);

    while (file && file->handle != handle)
        file = file->next;
    return file && file->node == node ? file : NULL;
}

struct open_file *opens_get(struct opens *opens, uint64_t node, uint64_t handle)
{
    struct open_file *file;

    pthread_mutex_lock(&opens->lock);
    file = find(opens, node, handle);
    if (file)
        file->users++;
    pthread_mutex_unlock(&opens->lock);
    return file;
}

struct open_file *opens_ref(struct opens *opens, struct open_file *file)
{
    pthread_mutex_lock(&opens->lock);
    assert(file->users > 0);
    file->users++;
    pthread_mutex_unlock(&opens->lock);
    return file;
}

bool opens_put(struct opens *opens, struct open_file *file)
{
    bool last;
    int fd = -1;

    pthread_mutex_lock(&opens->lock);
    assert(file->users > 0);
    last = --file->users == 0;
    if (last)
        fd = unuse_descriptor(opens, file->descriptor);
    pthread_mutex_unlock(&opens->lock);
    if (last)
        free_file(file, fd);
    return last;
}

bool opens_close(struct opens *opens, uint64_t node, uint64_t handle)
{
    struct open_file **link, *file;

    pthread_mutex_lock(&opens->lock);
    file = find(opens, node, handle);
    if (file) {
        link = file_bucket(opens, handle);
        while (*link != file)
            link = &(*link)->next;
        *link = file->next;
        opens->count -= !is_directory(file);
    }
    pthread_mutex_unlock(&opens->lock);
    return file && opens_put(opens, file);
}

struct listing *opens_listing(struct opens *opens, uint64_t node, uint64_t handle)
{
    struct listing *listing = NULL;
    struct open_file *file;

    pthread_mutex_lock(&opens->lock);
    file = find(opens, node, handle);
    if (file && file->listing)
        listing = listing_ref(file->listing);
    pthread_mutex_unlock(&opens->lock);
    return listing;
}

void opens_set_listing(struct opens *opens, uint64_t node, uint64_t handle, struct listing *listing)
{
    struct listing *old = listing;
    struct open_file *file;

    pthread_mutex_lock(&opens->lock);
    file = find(opens, node, handle);
    if (file) {
        old = file->listing;
        file->listing = listing;
    }
    pthread_mutex_unlock(&opens->lock);
    listing_unref(old);
}

int opens_stat(struct opens *opens, uint64_t node, struct stat *st)
{
    struct open_file *file = NULL;
    int r = -ENOENT;

    /* Rare: only for a file whose name is gone. */
    pthread_mutex_lock(&opens->lock);
    for (size_t i = 0; i < BUCKETS && !file; i++)
        for (file = opens->files[i]; file && (file->node != node || file->fd < 0);)
            file = file->next;
    if (file)
        file->users++;
    pthread_mutex_unlock(&opens->lock);
    if (file) {
        r = fstat(file->fd, st) < 0 ? -errno : 0;
        (void)opens_put(opens, file);
    }
    return r;
}

size_t opens_count(struct opens *opens)
{
    size_t count;

    pthread_mutex_lock(&opens->lock);
    count = opens->count;
    pthread_mutex_unlock(&opens->lock);
    return count;
}

static bool has(const uint64_t *nodes, size_t count, uint64_t node)
{
    for (size_t i = 0; i < count; i++)
        if (nodes[i] == node)
            return true;
    return false;
}

size_t opens_nodes(struct opens *opens, uint64_t *nodes, size_t size)
{
    size_t count = 0;

    pthread_mutex_lock(&opens->lock);
    for (size_t i = 0; i < BUCKETS && count < size; i++)
        for (const struct open_file *file = opens->files[i]; file && count < size;
             file = file->next)
            if (!is_directory(file) && !has(nodes, count, file->node))
                nodes[count++] = file->node;
    pthread_mutex_unlock(&opens->lock);
    return count;
}
