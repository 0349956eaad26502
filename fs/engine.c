/*
 * A request takes one of three ways:
 *
 * - at once: every piece is padding, a patch or a chunk at hand; answered on the caller's thread.
 *   A chunk in a file of the cache counts if the kernel has the bytes in memory, or if few callers
 *   are waiting for such files.
 * - direct: one chunk is missing and nothing else but padding and patches is asked for; the request
 *   waits for the flight and is answered from the chunk itself.
 * - gathered: the rest (gather.h).
 *
 * engine->lock is not held while another function of the project is called.
 */
#include "fs/engine.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "fs/ahead.h"
#include "fs/flight.h"
#include "fs/gather.h"
#include "fs/memory.h"
#include "fs/quick.h"
#include "fs/store.h"

#define MIB ((uint64_t)1024 * 1024)

/* Source bytes (float weights) and result of one chunk at most: design.md, "Chunk size". */
#define ARENA_PER_CORE (5 * MIB)
/* Copies and mirrored reads: so many at a time, the pool's limit, of a megabyte each. */
#define COPIES_SIZE (8 * MIB)
#define OBJECTS_MAX ((size_t)4096)

struct request {
    struct engine *engine;
    const struct view *view; /* NULL: a mirrored file */
    void *owner;
    int fd;
    uint64_t offset;
    size_t size;
    engine_done done;
    void *context;
    struct flight_waiter waiter; /* direct */
    struct gather gather;
    struct pool_job job;  /* a mirrored file */
    struct buffer buffer; /* the same */
};

struct engine {
    struct engine_config config;
    struct buffers *buffers;
    struct store *store; /* NULL: no cache */
    struct flights *flights;
    struct gathers *gathers;
    struct ahead ahead;
    struct quicks quicks;
    pthread_mutex_t lock;
    pthread_cond_t idle;
    /* protected by lock */
    unsigned under_way; /* requests */
    bool stop;
    uint64_t replies, bytes;
};

/* --- replies ------------------------------------------------------------------------------------
 */

/* Did the view's source change since it was opened? Asks once a shard, for what these pieces came
 * from, and for the importance matrix, of which the header speaks and which the chunks come from.
 */
static int pieces_unchanged(const struct view *view, const struct piece *pieces, size_t count)
{
    unsigned shard, last = UINT32_MAX;
    int r = 0;

    for (size_t i = 0; i < count && r == 0; i++) {
        if (pieces[i].kind == PIECE_ZERO)
            continue;
        if (pieces[i].kind == PIECE_COPY)
            shard = pieces[i].copy.shard;
        else if (pieces[i].kind == PIECE_CHUNK)
            shard = view->extents[pieces[i].chunk.tensor].tensor->shard;
        else
            shard = 0;
        if (shard != last)
            r = source_unchanged(view->source, shard);
        last = shard;
    }
    if (r == 0 && view->imatrix && last != UINT32_MAX)
        r = source_imatrix_unchanged(view->source);
    if (r == 0 && last != UINT32_MAX)
        r = source_mix_unchanged(view->source);
    return r;
}

static int range_unchanged(const struct view *view, uint64_t offset, size_t size)
{
    struct piece pieces[QUICK_PIECES];
    int r = 0;

    while (size > 0 && r == 0) {
        size_t count = view_map(view, offset, size, pieces, QUICK_PIECES);

        for (size_t i = 0; i < count; i++) {
            offset += pieces[i].size;
            size -= pieces[i].size;
        }
        r = count > 0 ? pieces_unchanged(view, pieces, count) : -EIO;
    }
    return r;
}

static void tell_stale(struct engine *engine, void *owner)
{
    if (engine->config.failed)
        engine->config.failed(engine->config.context, owner, -ESTALE, NULL);
}

/* Answers; returns the bytes for leave(). The last use of the request's view. */
static uint64_t answer(const struct request *request, int r, const struct part *parts, int count)
{
    uint64_t bytes = 0;

    if (r < 0)
        count = 0;
    for (int i = 0; i < count; i++)
        bytes += parts[i].size;
    request->done(request->context, r, count > 0 ? parts : NULL, count);
    return bytes;
}

/* The end of a request, when all that it held has been given back: the engine may be gone after it.
 */
static void leave(struct engine *engine, uint64_t bytes)
{
    pthread_mutex_lock(&engine->lock);
    engine->replies++;
    engine->bytes += bytes;
    if (--engine->under_way == 0)
        pthread_cond_broadcast(&engine->idle);
    pthread_mutex_unlock(&engine->lock);
}

/* The beginning of a request, which leave() ends. False: the engine is going. */
static bool enter(struct engine *engine)
{
    bool open;

    pthread_mutex_lock(&engine->lock);
    open = !engine->stop;
    engine->under_way++;
    pthread_mutex_unlock(&engine->lock);
    return open;
}

/* --- at once ------------------------------------------------------------------------------------
 */

/* All is at hand: answers, and gives the chunks back. False: not answered, since some of it has to
 * be read from a disk. *bytes is for leave(). */
static bool quick_reply(struct quick *quick, const struct request *request, uint64_t *bytes)
{
    struct engine *engine = request->engine;
    struct part parts[QUICK_PIECES];
    bool whole;
    int r;

    whole = quick_read(quick, &engine->quicks);
    if (whole) {
        quick_parts(quick, parts);
        r = pieces_unchanged(request->view, quick->pieces, quick->count);
        if (r == -ESTALE)
            tell_stale(engine, request->owner);
        *bytes = answer(request, r, parts, (int)quick->count);
    }
    quick_put(quick, &engine->quicks);
    return whole;
}

/* --- gathered -----------------------------------------------------------------------------------
 */

/* Frees a request that has been answered. */
static void request_end(struct request *request, uint64_t bytes)
{
    struct engine *engine = request->engine;

    buffer_put(engine->buffers, &request->buffer);
    free(request);
    leave(engine, bytes);
}

static void gathered(struct gather *gather, int r)
{
    struct request *request = (struct request *)((char *)gather - offsetof(struct request, gather));
    const struct part part = {.data = gather->buffer.data, .size = request->size};
    uint64_t bytes;

    if (r == 0)
        r = range_unchanged(request->view, request->offset, request->size);
    if (r == -ESTALE)
        tell_stale(request->engine, request->owner);
    bytes = answer(request, r, &part, 1);
    gather_end(gather);
    request_end(request, bytes);
}

static void gather_submit(struct request *request)
{
    request->gather = (struct gather){
        .view = request->view,
        .owner = request->owner,
        .offset = request->offset,
        .size = request->size,
        .done = gathered,
    };
    gather_begin(request->engine->gathers, &request->gather);
}

/* --- direct -------------------------------------------------------------------------------------
 */

/* The one chunk of a direct request has come; the reference is ours. */
static void direct_reply(struct request *request, struct flight *flight)
{
    struct quick quick;
    uint64_t bytes;
    bool mapped = quick_map(&quick, request->view, request->offset, request->size);

    assert(mapped);
    (void)mapped;
    for (size_t i = 0; i < quick.count; i++)
        quick.flights[i] = quick.pieces[i].kind == PIECE_CHUNK ? flight : NULL;
    if (quick_reply(&quick, request, &bytes))
        request_end(request, bytes);
    else
        gather_submit(request);
}

static void direct_landed(struct flight_waiter *waiter, int r, struct flight *flight)
{
    struct request *request = (struct request *)((char *)waiter - offsetof(struct request, waiter));

    if (r < 0)
        request_end(request, answer(request, r, NULL, 0));
    else
        direct_reply(request, flight);
}

static void direct_submit(struct request *request, const struct piece *piece)
{
    struct flight *flight;
    int r;

    request->waiter.landed = direct_landed;
    r = flights_join(request->engine->flights, request->view, request->owner, piece->chunk.tensor,
                     piece->chunk.index, &request->waiter, &flight);
    if (r < 0)
        request_end(request, answer(request, r, NULL, 0));
    else if (r > 0) /* it has landed since we looked */
        direct_reply(request, flight);
}

/* --- requests -----------------------------------------------------------------------------------
 */

static struct request *request_new(const struct request *form)
{
    struct request *request = malloc(sizeof(*request));

    if (request)
        *request = *form;
    return request;
}

static void submit_slow(const struct request *form, const struct piece *only_chunk)
{
    struct request *request = request_new(form);

    if (!request) {
        leave(form->engine, answer(form, -ENOMEM, NULL, 0));
    } else if (only_chunk) {
        direct_submit(request, only_chunk);
    } else {
        gather_submit(request);
    }
}

static const struct piece *find_chunk(const struct quick *quick)
{
    size_t i = 0;

    while (quick->pieces[i].kind != PIECE_CHUNK)
        i++;
    return &quick->pieces[i];
}

void engine_submit(struct engine *engine, const struct view *view, void *owner, uint64_t offset,
                   size_t size, engine_done done, void *context)
{
    struct request form = {
        .engine = engine,
        .view = view,
        .owner = owner,
        .fd = -1,
        .offset = offset,
        .size = size,
        .done = done,
        .context = context,
    };
    struct quick quick;
    uint64_t bytes;

    if (!enter(engine)) {
        leave(engine, answer(&form, -ENODEV, NULL, 0));
        return;
    }
    if (offset >= view->size)
        form.size = 0;
    else if (size > view->size - offset)
        form.size = (size_t)(view->size - offset);
    if (!quick_map(&quick, view, offset, form.size)) {
        submit_slow(&form, NULL);
        return;
    }
    quick_find(&quick, &engine->quicks, view);
    if (quick.missing == 0) {
        if (quick_reply(&quick, &form, &bytes))
            leave(engine, bytes);
        else
            submit_slow(&form, NULL);
        return;
    }
    quick_put(&quick, &engine->quicks);
    submit_slow(&form, quick.missing == 1 && quick.others == 0 ? find_chunk(&quick) : NULL);
}

/* --- waiting, and mirrored files ----------------------------------------------------------------
 */

struct wait {
    pthread_mutex_t lock;
    pthread_cond_t cond;
    bool done;
    int r;
    uint8_t *data;
    size_t size;
};

static void wait_done(void *context, int r, const struct part *parts, int count)
{
    struct wait *wait = context;

    if (r == 0)
        r = parts_copy(parts, count, wait->data, wait->size);
    pthread_mutex_lock(&wait->lock);
    wait->r = r;
    wait->done = true;
    pthread_cond_signal(&wait->cond);
    pthread_mutex_unlock(&wait->lock);
}

int engine_read(struct engine *engine, const struct view *view, void *owner, uint64_t offset,
                void *data, size_t size)
{
    struct wait wait = {.data = data, .size = size};

    pthread_mutex_init(&wait.lock, NULL);
    pthread_cond_init(&wait.cond, NULL);
    engine_submit(engine, view, owner, offset, size, wait_done, &wait);
    pthread_mutex_lock(&wait.lock);
    while (!wait.done)
        pthread_cond_wait(&wait.cond, &wait.lock);
    pthread_mutex_unlock(&wait.lock);
    pthread_cond_destroy(&wait.cond);
    pthread_mutex_destroy(&wait.lock);
    return wait.r;
}

static bool stopping(struct engine *engine)
{
    bool stop;

    pthread_mutex_lock(&engine->lock);
    stop = engine->stop;
    pthread_mutex_unlock(&engine->lock);
    return stop;
}

static int read_file(struct request *request, size_t *have)
{
    int r = buffer_get(request->engine->buffers, request->size, &request->buffer);
    ssize_t n = 1;

    *have = 0;
    while (r == 0 && n > 0 && *have < request->size) {
        n = pread(request->fd, request->buffer.data + *have, request->size - *have,
                  (off_t)(request->offset + *have));
        if (n < 0 && errno == EINTR)
            n = 1;
        else if (n < 0)
            r = -errno;
        else
            *have += (size_t)n;
    }
    return r;
}

static void file_run(struct pool_job *job)
{
    struct request *request = (struct request *)((char *)job - offsetof(struct request, job));
    struct engine *engine = request->engine;
    size_t have = 0;
    int r = stopping(engine) ? -ENODEV : read_file(request, &have);
    const struct part part = {.data = request->buffer.data, .size = have};

    request_end(request, answer(request, r, &part, have > 0));
}

void engine_submit_file(struct engine *engine, int fd, uint64_t offset, size_t size,
                        engine_done done, void *context)
{
    struct request form = {
        .engine = engine,
        .fd = fd,
        .offset = offset,
        .size = size,
        .done = done,
        .context = context,
        .job = {.run = file_run},
    };
    struct request *request = NULL;
    int r = enter(engine) ? 0 : -ENODEV;

    if (r == 0 && size > 0) {
        request = request_new(&form);
        r = request ? 0 : -ENOMEM;
    }
    if (request)
        pool_add(engine->config.pool, &request->job, POOL_READY);
    else
        leave(engine, answer(&form, r, NULL, 0));
}

/* --- read-ahead ---------------------------------------------------------------------------------
 */

void engine_readahead(struct engine *engine, uint64_t stream, const struct view *view, void *owner,
                      uint64_t offset, size_t size)
{
    ahead_note(&engine->ahead, stream, view, owner, offset, size);
}

void engine_stream_close(struct engine *engine, uint64_t stream)
{
    ahead_close(&engine->ahead, stream);
}

/* --- life ---------------------------------------------------------------------------------------
 */

uint64_t engine_default_memory(unsigned cores)
{
    return (56 + 8 * (uint64_t)cores) * MIB;
}

uint64_t engine_least_memory(unsigned cores)
{
    return (16 + 7 * (uint64_t)cores) * MIB;
}

/* Files of the cache that are kept open, of those that the process may have. */
static size_t objects_max(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return 64;
    return limit.rlim_cur / 4 < OBJECTS_MAX ? (size_t)limit.rlim_cur / 4 : OBJECTS_MAX;
}

static int make_flights(struct engine *engine, size_t at_hand)
{
    const struct engine_config *config = &engine->config;
    const struct store_config store = {
        .cache = config->cache,
        .threads = 1 + config->cores / 4,
        .waiting_max = at_hand / 2,
        .trust_stat = config->trust_stat,
    };
    struct flights_config flights = {
        .engine = config,
        .buffers = engine->buffers,
        .at_hand = config->once ? 0 : at_hand,
        .objects = objects_max(),
        .big = memory_size() / 4,
        .reading = ahead_fetch,
        .context = &engine->ahead,
    };
    int r = config->cache ? store_new(&store, &engine->store) : 0;

    flights.store = engine->store;
    return r < 0 ? r : flights_new(&flights, &engine->flights);
}

int engine_new(const struct engine_config *config, struct engine **out)
{
    struct engine *engine = calloc(1, sizeof(*engine));
    uint64_t memory, fixed;
    size_t gathering;
    int r;

    if (!engine)
        return -ENOMEM;
    engine->config = *config;
    pthread_mutex_init(&engine->lock, NULL);
    pthread_cond_init(&engine->idle, NULL);
    memory = config->memory > 0 ? config->memory : engine_default_memory(config->cores);
    if (memory < engine_least_memory(config->cores))
        memory = engine_least_memory(config->cores);
    gathering = (size_t)(memory / 8);
    fixed = config->cores * ARENA_PER_CORE + gathering + COPIES_SIZE;
    r = buffers_new((size_t)(config->cores * ARENA_PER_CORE), &engine->buffers);
    if (r == 0)
        r = streams_new(&engine->ahead.streams);
    if (r == 0)
        r = make_flights(engine, (size_t)(memory - fixed));
    if (r == 0)
        r = gathers_new(config->pool, engine->buffers, engine->flights, gathering,
                        &engine->gathers);
    engine->ahead.flights = engine->flights;
    engine->ahead.cores = config->cores;
    engine->quicks.flights = engine->flights;
    engine->quicks.buffers = engine->buffers;
    engine->quicks.waiting_max = config->waiting;
    if (r < 0) {
        engine_free(engine);
        return r;
    }
    *out = engine;
    return 0;
}

void engine_free(struct engine *engine)
{
    if (!engine)
        return;
    pthread_mutex_lock(&engine->lock);
    engine->stop = true;
    pthread_mutex_unlock(&engine->lock);
    if (engine->gathers)
        gathers_stop(engine->gathers);
    if (engine->flights)
        flights_stop(engine->flights);
    pthread_mutex_lock(&engine->lock);
    while (engine->under_way > 0)
        pthread_cond_wait(&engine->idle, &engine->lock);
    pthread_mutex_unlock(&engine->lock);
    /* A chunk that waits to be written is used by that. */
    if (engine->store)
        store_stop(engine->store);
    gathers_free(engine->gathers);
    flights_free(engine->flights);
    store_free(engine->store);
    streams_free(engine->ahead.streams);
    buffers_free(engine->buffers);
    pthread_cond_destroy(&engine->idle);
    pthread_mutex_destroy(&engine->lock);
    free(engine);
}

int engine_cached(struct engine *engine, const struct view *view, uint32_t tensor, uint64_t *known,
                  uint64_t *chunks)
{
    if (!engine->store)
        return -ENODATA;
    *known += store_known(engine->store, view, tensor);
    *chunks += view->extents[tensor].chunk_count;
    return 0;
}

void engine_stats(struct engine *engine, struct engine_stats *stats)
{
    *stats = (struct engine_stats){0};
    flights_stats(engine->flights, stats);
    pthread_mutex_lock(&engine->lock);
    stats->replies = engine->replies;
    stats->bytes = engine->bytes;
    pthread_mutex_unlock(&engine->lock);
}
