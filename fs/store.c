#include "fs/store.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "fs/ctime.h"
#include "quant/kernel/kernel.h"

/* What is new in the manifests and the counters is written after so much idleness, in seconds. */
#define IDLE_SECONDS 1
/* If more than this part of what may wait is waiting, the disk does not keep up. */
#define HURRY_PART 8

struct store {
    struct store_config config;
    pthread_mutex_t lock;
    pthread_cond_t work;
    /* protected by lock */
    struct store_put *first, **end;
    size_t waiting;           /* bytes */
    uint64_t news;            /* times that something was found or put since the last flush */
    struct timespec flush_at; /* if there are no more of them; CLOCK_MONOTONIC */
    bool trimming;            /* one thread at a time */
    bool stop;
    /* constant */
    unsigned thread_count;
    pthread_t threads[];
};

/* --- names --------------------------------------------------------------------------------------
 */

static void add_version(struct digest *digest, const struct version *version)
{
    name_add_number(digest, version->inode);
    name_add_number(digest, version->size);
    name_add_number(digest, (uint64_t)version->mtime.tv_sec);
    name_add_number(digest, (uint64_t)version->mtime.tv_nsec);
    name_add_number(digest, (uint64_t)version->ctime.tv_sec);
    name_add_number(digest, (uint64_t)version->ctime.tv_nsec);
}

/* What else than the source's bytes and the importance of columns decides a chunk: kernel, types,
 * transform (none). */
static void add_conversion(struct digest *digest, const struct extent *extent)
{
    name_add_number(digest, KERNEL_VERSION);
    name_add_number(digest, (uint64_t)extent->type);
    name_add_number(digest, (uint64_t)extent->tensor->type);
    name_add(digest, NULL, 0);
}

/* The importances of the chunk's columns; nothing if they do not matter. */
static int add_importance(struct digest *digest, struct key *key, const struct store_chunk *chunk)
{
    const struct extent *extent = &chunk->view->extents[chunk->tensor];
    const uint64_t *ne = extent->tensor->ne;
    struct fingerprint fingerprint;
    int r;

    if (!extent->importance) {
        name_add(digest, NULL, 0);
        return 0;
    }
    r = fingerprint_make(
        key, extent->importance + chunk->numbers->row / ne[1] * ne[0] + chunk->numbers->column,
        (size_t)chunk->numbers->columns * sizeof(float), &fingerprint);
    name_add(digest, fingerprint.bytes, sizeof(fingerprint.bytes));
    return r;
}

/* Those of the file that the tensor's bytes lie in; of a directory those of all files, and what it
 * becomes. */
static void add_source(struct digest *digest, const struct source *source, unsigned shard)
{
    if (!source_is_directory(source)) {
        add_version(digest, source_version(source, shard));
        return;
    }
    name_add_number(digest, (uint64_t)source_directory_type(source));
    name_add_number(digest, source_is_projector(source));
    for (unsigned i = 0; i < source_file_count(source); i++)
        add_version(digest, source_file_version(source, i));
}

/* Of a tensor's chunks. */
static int name_manifest(const struct store *store, const struct view *view, uint32_t index,
                         struct name *name)
{
    const struct extent *extent = &view->extents[index];
    const struct source_tensor *tensor = extent->tensor;
    struct digest digest;

    name_begin(&digest, cache_key(store->config.cache), "manifest");
    add_source(&digest, view->source, tensor->shard);
    name_add_number(&digest, tensor->offset);
    name_add_number(&digest, tensor->size);
    for (unsigned i = 0; i < 4; i++)
        name_add_number(&digest, tensor->ne[i]);
    add_conversion(&digest, extent);
    if (extent->importance)
        add_version(&digest, source_imatrix_version(view->source));
    else
        name_add(&digest, NULL, 0);
    return name_end(&digest, name);
}

static int name_object(const struct store *store, const struct store_chunk *chunk,
                       const void *weights, struct name *name)
{
    struct key *key = cache_key(store->config.cache);
    struct fingerprint fingerprint;
    struct digest digest;
    int r = fingerprint_make(key, weights, chunk->numbers->source_size, &fingerprint), end;

    if (r < 0)
        return r;
    name_begin(&digest, key, "object");
    add_conversion(&digest, &chunk->view->extents[chunk->tensor]);
    r = add_importance(&digest, key, chunk);
    name_add_number(&digest, chunk->numbers->columns);
    name_add_number(&digest, chunk->numbers->source_size);
    name_add(&digest, fingerprint.bytes, sizeof(fingerprint.bytes));
    end = name_end(&digest, name);
    return r < 0 ? r : end;
}

/* --- finding ------------------------------------------------------------------------------------
 */

/* The cache has something that is not on the disk yet: what it has counted, at least. */
static void note_news(struct store *store)
{
    pthread_mutex_lock(&store->lock);
    clock_gettime(CLOCK_MONOTONIC, &store->flush_at);
    store->flush_at.tv_sec += IDLE_SECONDS;
    if (store->news++ == 0)
        pthread_cond_signal(&store->work);
    pthread_mutex_unlock(&store->lock);
}

/* An object of another size than the chunk's is none of it, whatever its name says. */
static int open_object(const struct store *store, const struct name *name, size_t size,
                       struct cache_object **object)
{
    int r = cache_open(store->config.cache, name, object);

    if (r == 0 && cache_object_size(*object) != size) {
        cache_close(store->config.cache, *object);
        r = -ENOENT;
    }
    return r;
}

bool store_keeps(enum type type)
{
    return type_info((uint32_t)type)->kept;
}

struct cache_object *store_recall(struct store *store, const struct store_chunk *chunk)
{
    struct cache *cache = store->config.cache;
    struct cache_object *object;
    struct name manifest, name;
    int r = name_manifest(store, chunk->view, chunk->tensor, &manifest);

    if (r == 0)
        r = cache_recall(cache, &manifest, chunk->index, &name);
    if (r < 0)
        return NULL;
    r = open_object(store, &name, chunk->numbers->size, &object);
    if (r < 0) {
        cache_forget(cache, &manifest, chunk->index, &name);
        return NULL;
    }
    note_news(store);
    return object;
}

uint32_t store_known(struct store *store, const struct view *view, uint32_t tensor)
{
    uint32_t count = view->extents[tensor].chunk_count, known;
    struct name manifest;

    if (count == 0 || !store_keeps(view->extents[tensor].type) ||
        name_manifest(store, view, tensor, &manifest) < 0)
        return 0;
    known = cache_known(store->config.cache, &manifest);
    return known < count ? known : count;
}

/* Those of its files: what is written down about them may be believed later. */
static bool ctimes_are_true(const struct source *source, unsigned shard, bool trust)
{
    if (!source_is_directory(source))
        return ctime_is_true(source_file_descriptor(source, shard), trust);
    for (unsigned i = 0; i < source_file_count(source); i++)
        if (!ctime_is_true(source_file_descriptor(source, i), trust))
            return false;
    return true;
}

bool store_may_note(const struct store *store, const struct store_chunk *chunk)
{
    const struct source *source = chunk->view->source;
    const struct extent *extent = &chunk->view->extents[chunk->tensor];
    unsigned shard = extent->tensor->shard;
    bool trust = store->config.trust_stat;
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return !version_young(source_version(source, shard), now) &&
           ctimes_are_true(source, shard, trust) &&
           (!extent->importance || (!version_young(source_imatrix_version(source), now) &&
                                    ctime_is_true(source_imatrix_descriptor(source), trust)));
}

static void note(struct store *store, const struct store_put *put)
{
    if (put->count > 0)
        cache_note(store->config.cache, &put->manifest, put->count, put->index, &put->name);
}

int store_find(struct store *store, const struct store_chunk *chunk, const void *weights,
               bool may_note, struct store_put *put, struct cache_object **object)
{
    int r = name_object(store, chunk, weights, &put->name);

    put->index = chunk->index;
    put->count = 0;
    put->position = view_chunk_offset(chunk->view, chunk->tensor, chunk->index);
    if (r == 0 && may_note) {
        r = name_manifest(store, chunk->view, chunk->tensor, &put->manifest);
        if (r == 0)
            put->count = chunk->view->extents[chunk->tensor].chunk_count;
    }
    if (r < 0)
        return r == -ENOENT ? -EIO : r;
    r = open_object(store, &put->name, chunk->numbers->size, object);
    if (r == 0)
        note(store, put);
    note_news(store);
    return r;
}

/* --- writing ------------------------------------------------------------------------------------
 */

bool store_put(struct store *store, struct store_put *put)
{
    bool taken;

    pthread_mutex_lock(&store->lock);
    taken = !store->stop && store->waiting + put->size <= store->config.waiting_max;
    if (taken) {
        put->next = NULL;
        *store->end = put;
        store->end = &put->next;
        store->waiting += put->size;
        pthread_cond_signal(&store->work);
    }
    pthread_mutex_unlock(&store->lock);
    if (!taken)
        cache_count_dropped(store->config.cache);
    return taken;
}

/* The oldest put, which stays counted in `waiting` until it is written. Called with the lock. */
static struct store_put *take(struct store *store)
{
    struct store_put *put = store->first;

    if (!put)
        return NULL;
    store->first = put->next;
    if (!store->first)
        store->end = &store->first;
    return put;
}

/* `hurry`: the disk does not keep up, so the page cache shall take the bytes if it has room. */
static void write_put(struct store *store, struct store_put *put, bool hurry)
{
    const struct cache_bytes bytes = {
        .data = put->data,
        .size = put->size,
        .position = put->position,
        .room = hurry ? NULL : put->room,
        .cold = put->cold,
    };
    size_t size = put->size;

    if (cache_put(store->config.cache, &put->name, &bytes) == 0)
        note(store, put);
    note_news(store);
    put->done(put);
    pthread_mutex_lock(&store->lock);
    store->waiting -= size;
    pthread_mutex_unlock(&store->lock);
}

static void trim(struct store *store)
{
    bool mine, stop = false;

    pthread_mutex_lock(&store->lock);
    mine = !store->trimming && cache_wants_trim(store->config.cache);
    store->trimming = store->trimming || mine;
    pthread_mutex_unlock(&store->lock);
    while (mine && !stop && cache_wants_trim(store->config.cache)) {
        cache_trim_step(store->config.cache);
        pthread_mutex_lock(&store->lock);
        stop = store->stop;
        pthread_mutex_unlock(&store->lock);
    }
    if (mine) {
        pthread_mutex_lock(&store->lock);
        store->trimming = false;
        pthread_mutex_unlock(&store->lock);
    }
}

/* Waits for work; false when there was none for a while. Called with the lock. */
static bool wait_for_work(struct store *store)
{
    while (!store->stop && !store->first) {
        struct timespec until = store->flush_at;
        uint64_t news = store->news;

        if (news == 0)
            (void)pthread_cond_wait(&store->work, &store->lock);
        else if (pthread_cond_timedwait(&store->work, &store->lock, &until) == ETIMEDOUT &&
                 store->news == news)
            return false;
    }
    return true;
}

static void *writer(void *argument)
{
    struct store *store = argument;
    struct sched_param normal = {.sched_priority = 0};

    (void)pthread_setschedparam(pthread_self(), SCHED_BATCH, &normal);
    pthread_mutex_lock(&store->lock);
    while (!store->stop || store->first) {
        bool work = wait_for_work(store);
        struct store_put *put = take(store);
        bool flush = !work && !put && store->news > 0;
        bool hurry = store->waiting > store->config.waiting_max / HURRY_PART;

        if (flush)
            store->news = 0;
        pthread_mutex_unlock(&store->lock);
        if (put) {
            write_put(store, put, hurry);
            trim(store);
        } else if (flush) {
            cache_flush(store->config.cache);
        }
        pthread_mutex_lock(&store->lock);
    }
    pthread_mutex_unlock(&store->lock);
    return NULL;
}

/* --- life ---------------------------------------------------------------------------------------
 */

static int start_threads(struct store *store)
{
    sigset_t all, before;
    int r = 0;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (r == 0 && store->thread_count < store->config.threads) {
        r = -pthread_create(&store->threads[store->thread_count], NULL, writer, store);
        if (r == 0)
            store->thread_count++;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return r;
}

int store_new(const struct store_config *config, struct store **out)
{
    struct store *store = calloc(1, sizeof(*store) + config->threads * sizeof(store->threads[0]));
    pthread_condattr_t attributes;
    int r;

    if (!store)
        return -ENOMEM;
    store->config = *config;
    store->end = &store->first;
    pthread_mutex_init(&store->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&store->work, &attributes);
    pthread_condattr_destroy(&attributes);
    r = start_threads(store);
    if (r < 0) {
        store_stop(store);
        store_free(store);
        return r;
    }
    *out = store;
    return 0;
}

void store_stop(struct store *store)
{
    pthread_mutex_lock(&store->lock);
    store->stop = true;
    pthread_cond_broadcast(&store->work);
    pthread_mutex_unlock(&store->lock);
    for (unsigned i = 0; i < store->thread_count; i++)
        pthread_join(store->threads[i], NULL);
    store->thread_count = 0;
    cache_flush(store->config.cache);
}

void store_free(struct store *store)
{
    if (!store)
        return;
    pthread_cond_destroy(&store->work);
    pthread_mutex_destroy(&store->lock);
    free(store);
}
