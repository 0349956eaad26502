/*
 * States of a flight, and the function that makes each transition (all under flights->lock):
 *
 *   (none)  -> AHEAD     flights_ahead()   in the pool's order AHEAD, nobody waits
 *   (none)  -> DEMANDED  flights_join()    in the pool's order DEMANDED
 *   AHEAD   -> DEMANDED  flights_join()    the reader has caught up
 *   AHEAD   -> (none)    flights_drop(), flights_stop()
 *   DEMANDED, AHEAD -> RUNNING   flight_run()
 *   RUNNING -> READY     flight_land()     at hand, until evicted: evict()
 *   RUNNING -> FAILED    flight_land()     no longer found; freed when all who waited were told
 *   DEMANDED -> FAILED   flights_stop()
 *
 * Locks: flights->lock, then the pool's own. No hook, waiter, read or conversion is called under
 * either.
 */
#include "fs/flight.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

#define BUCKETS 1024

enum state { STATE_AHEAD, STATE_DEMANDED, STATE_RUNNING, STATE_READY, STATE_FAILED };

/* What decides the bytes of a chunk (without an importance matrix). */
struct key {
    struct version version; /* of the shard */
    uint64_t offset, size;  /* of the source bytes */
    uint64_t columns;       /* weights of a row in it */
    enum type from, to;
};

struct link {
    struct link *next, *prev;
};

struct flight {
    struct pool_job job;
    struct flights *flights;
    /* constant */
    struct key key;
    const struct view *view; /* these five until it has landed */
    void *owner;
    uint32_t tensor;
    uint32_t index;
    struct chunk chunk;
    /* protected by flights->lock */
    struct flight *hash_next;
    struct link order; /* in `queued`, `unread` or `read` of flights */
    enum state state;
    struct flight_waiter *waiters, **waiters_end;
    unsigned references; /* of those who read it */
    bool ahead;          /* nobody has asked for it yet */
    uint64_t stream;
    /* written by the worker, constant once READY */
    struct buffer result;
};

struct flights {
    const struct engine_config *engine;
    struct buffers *buffers;
    size_t at_hand_max;
    pthread_mutex_t lock;
    pthread_cond_t idle;
    /* protected by lock */
    struct flight *buckets[BUCKETS];
    struct link queued; /* AHEAD and DEMANDED */
    struct link unread; /* READY, made ahead and not read yet; oldest first */
    struct link read;   /* READY; least recently used first */
    size_t at_hand;     /* bytes in unread and read */
    size_t ahead;       /* bytes of flights that are `ahead`, in any state */
    unsigned running;
    bool stop;
    uint64_t conversions, conversions_ahead, dropped_ahead;
};

/* --- lists --------------------------------------------------------------------------------------
 */

static void link_init(struct link *link)
{
    link->next = link->prev = link;
}

static void link_remove(struct link *link)
{
    link->prev->next = link->next;
    link->next->prev = link->prev;
    link_init(link);
}

static void link_append(struct link *list, struct link *link)
{
    link->prev = list->prev;
    link->next = list;
    list->prev->next = link;
    list->prev = link;
}

static struct flight *of_link(struct link *link)
{
    return (struct flight *)((char *)link - offsetof(struct flight, order));
}

/* --- keys ---------------------------------------------------------------------------------------
 */

static struct key key_of(const struct view *view, uint32_t tensor, const struct chunk *chunk)
{
    const struct extent *extent = &view->extents[tensor];

    return (struct key){
        .version = *source_version(view->source, extent->tensor->shard),
        .offset = chunk->source_offset,
        .size = chunk->source_size,
        .columns = chunk->columns,
        .from = extent->tensor->type,
        .to = extent->type,
    };
}

static bool key_equal(const struct key *a, const struct key *b)
{
    return a->offset == b->offset && a->size == b->size && a->columns == b->columns &&
           a->from == b->from && a->to == b->to && version_equal(&a->version, &b->version);
}

static struct flight **bucket_of(struct flights *flights, const struct key *key)
{
    uint64_t hash = key->version.inode * 0x9e3779b97f4a7c15u ^ key->offset;

    hash = (hash ^ hash >> 29 ^ (uint64_t)key->to << 7) * 0xbf58476d1ce4e5b9u;
    return &flights->buckets[(hash >> 32) % BUCKETS];
}

static struct flight *find(struct flights *flights, const struct key *key)
{
    struct flight *flight = *bucket_of(flights, key);

    while (flight && !key_equal(&flight->key, key))
        flight = flight->hash_next;
    return flight;
}

static void unhash(struct flights *flights, struct flight *flight)
{
    struct flight **at = bucket_of(flights, &flight->key);

    while (*at != flight)
        at = &(*at)->hash_next;
    *at = flight->hash_next;
}

/* --- chunks at hand ------------------------------------------------------------------------------
 */

/* Somebody asks for it: no longer read-ahead. */
static void take_from_ahead(struct flights *flights, struct flight *flight)
{
    if (!flight->ahead)
        return;
    flight->ahead = false;
    flights->ahead -= flight->chunk.size;
}

/* A chunk at hand is read: the last to be evicted. Takes a reference. */
static void touch(struct flights *flights, struct flight *flight)
{
    assert(flight->state == STATE_READY);
    take_from_ahead(flights, flight);
    link_remove(&flight->order);
    link_append(&flights->read, &flight->order);
    flight->references++;
}

static struct flight *first_unused(struct link *list)
{
    for (struct link *link = list->next; link != list; link = link->next) {
        if (of_link(link)->references == 0)
            return of_link(link);
    }
    return NULL;
}

/* Takes out what does not fit the budget; the caller frees the returned chain outside of the lock.
 */
static struct flight *evict(struct flights *flights, size_t budget)
{
    struct flight *evicted = NULL;

    while (flights->at_hand > budget) {
        struct flight *flight = first_unused(&flights->read);

        if (!flight)
            flight = first_unused(&flights->unread);
        if (!flight)
            break;
        take_from_ahead(flights, flight);
        unhash(flights, flight);
        link_remove(&flight->order);
        flights->at_hand -= flight->result.capacity;
        flight->hash_next = evicted;
        evicted = flight;
    }
    return evicted;
}

static void free_chain(struct flights *flights, struct flight *flight)
{
    while (flight) {
        struct flight *next = flight->hash_next;

        buffer_put(flights->buffers, &flight->result);
        free(flight);
        flight = next;
    }
}

/* --- running ------------------------------------------------------------------------------------
 */

static int convert(struct flight *flight, struct defect *defect)
{
    const struct flights *flights = flight->flights;
    const struct view *view = flight->view;
    unsigned shard = view->extents[flight->tensor].tensor->shard;
    struct buffer weights = {0};
    int r;

    r = buffer_get(flights->buffers, flight->chunk.source_size, &weights);
    if (r == 0)
        r = buffer_get(flights->buffers, flight->chunk.size, &flight->result);
    if (r == 0)
        r = convert_load(view, flight->tensor, &flight->chunk, weights.data);
    /* Before they are used: bytes of another version must not be found under this one's key. A
     * source that was cut cannot be read, but the reason is that it has changed. */
    if ((r == 0 || r == -EIO) && source_unchanged(view->source, shard) < 0)
        r = -ESTALE;
    if (r == 0)
        r = convert_run(&flights->engine->kernels, view, flight->tensor, &flight->chunk,
                        weights.data, flight->result.data, defect);
    buffer_put(flights->buffers, &weights);
    if (r < 0)
        buffer_put(flights->buffers, &flight->result);
    return r;
}

/* Tells all who wait. A reference for each of them was taken before. */
static void tell(struct flight_waiter *waiter, int r, struct flight *flight)
{
    while (waiter) {
        struct flight_waiter *next = waiter->next;

        waiter->landed(waiter, r, r < 0 ? NULL : flight);
        waiter = next;
    }
}

/* The conversion has ended. Returns those who wait. */
static struct flight_waiter *flight_land(struct flight *flight, int r, struct flight **evicted)
{
    struct flights *flights = flight->flights;
    struct flight_waiter *waiters;

    pthread_mutex_lock(&flights->lock);
    waiters = flight->waiters;
    flight->waiters = NULL;
    if (r == 0) {
        flight->state = STATE_READY;
        for (struct flight_waiter *waiter = waiters; waiter; waiter = waiter->next)
            flight->references++;
        flights->at_hand += flight->result.capacity;
        link_append(flight->ahead ? &flights->unread : &flights->read, &flight->order);
        *evicted = evict(flights, flights->at_hand_max);
    } else {
        flight->state = STATE_FAILED;
        take_from_ahead(flights, flight);
        unhash(flights, flight);
    }
    pthread_mutex_unlock(&flights->lock);
    return waiters;
}

static void flight_run(struct pool_job *job)
{
    struct flight *flight = (struct flight *)((char *)job - offsetof(struct flight, job));
    struct flights *flights = flight->flights;
    const struct engine_config *engine = flights->engine;
    void *owner = flight->owner;
    struct defect defect = {.offset = DEFECT_NOWHERE};
    struct flight *evicted = NULL;
    struct flight_waiter *waiters;
    int r;

    pthread_mutex_lock(&flights->lock);
    flight->state = STATE_RUNNING;
    link_remove(&flight->order);
    flights->running++;
    flights->conversions++;
    flights->conversions_ahead += flight->ahead;
    pthread_mutex_unlock(&flights->lock);

    r = convert(flight, &defect);
    waiters = flight_land(flight, r, &evicted);
    /* From here on a flight that nobody waits for may be evicted by others.
     * The reason is known before anybody is told that there is one; what nobody waits for will fail
     * again. */
    if (r < 0 && waiters && engine->failed)
        engine->failed(engine->context, owner, r, defect.text[0] ? &defect : NULL);
    tell(waiters, r, flight);
    if (r < 0)
        free(flight);
    free_chain(flights, evicted);
    engine->release(owner);

    pthread_mutex_lock(&flights->lock);
    if (--flights->running == 0)
        pthread_cond_broadcast(&flights->idle);
    pthread_mutex_unlock(&flights->lock);
}

/* --- beginning ----------------------------------------------------------------------------------
 */

static struct flight *flight_new(struct flights *flights, const struct view *view, void *owner,
                                 uint32_t tensor, uint32_t index)
{
    struct flight *flight = calloc(1, sizeof(*flight));

    if (!flight)
        return NULL;
    flight->job.run = flight_run;
    flight->flights = flights;
    flight->view = view;
    flight->owner = owner;
    flight->tensor = tensor;
    flight->index = index;
    flight->chunk = view_chunk(view, tensor, index);
    flight->key = key_of(view, tensor, &flight->chunk);
    flight->waiters_end = &flight->waiters;
    link_init(&flight->order);
    return flight;
}

/* Called with the lock: the new flight is found and queued. */
static void begin(struct flights *flights, struct flight *flight, bool ahead)
{
    struct flight **bucket = bucket_of(flights, &flight->key);

    flight->hash_next = *bucket;
    *bucket = flight;
    flight->state = ahead ? STATE_AHEAD : STATE_DEMANDED;
    flight->ahead = ahead;
    if (ahead)
        flights->ahead += flight->chunk.size;
    link_append(&flights->queued, &flight->order);
    pool_add(flights->engine->pool, &flight->job, ahead ? POOL_AHEAD : POOL_DEMANDED);
}

static void wait_for(struct flights *flights, struct flight *flight, struct flight_waiter *waiter)
{
    waiter->next = NULL;
    *flight->waiters_end = waiter;
    flight->waiters_end = &waiter->next;
    take_from_ahead(flights, flight);
    if (flight->state == STATE_AHEAD) {
        flight->state = STATE_DEMANDED;
        pool_move(flights->engine->pool, &flight->job, POOL_DEMANDED);
    }
}

struct flight *flights_find(struct flights *flights, const struct view *view, uint32_t tensor,
                            uint32_t index)
{
    struct chunk chunk = view_chunk(view, tensor, index);
    struct key key = key_of(view, tensor, &chunk);
    struct flight *flight;

    pthread_mutex_lock(&flights->lock);
    flight = find(flights, &key);
    if (flight && flight->state == STATE_READY)
        touch(flights, flight);
    else
        flight = NULL;
    pthread_mutex_unlock(&flights->lock);
    return flight;
}

int flights_join(struct flights *flights, const struct view *view, void *owner, uint32_t tensor,
                 uint32_t index, struct flight_waiter *waiter, struct flight **out)
{
    struct flight *fresh = flight_new(flights, view, owner, tensor, index);
    struct flight *flight;
    int r = 0;

    if (!fresh)
        return -ENOMEM;
    flights->engine->hold(owner);
    pthread_mutex_lock(&flights->lock);
    flight = find(flights, &fresh->key);
    if (flights->stop) {
        r = -ENODEV;
    } else if (flight && flight->state == STATE_READY) {
        touch(flights, flight);
        *out = flight;
        r = 1;
    } else if (flight) {
        wait_for(flights, flight, waiter);
    } else {
        wait_for(flights, fresh, waiter);
        begin(flights, fresh, false);
        fresh = NULL;
    }
    pthread_mutex_unlock(&flights->lock);
    if (fresh) {
        flights->engine->release(owner);
        free(fresh);
    }
    return r;
}

bool flights_ahead(struct flights *flights, const struct view *view, void *owner, uint32_t tensor,
                   uint32_t index, uint64_t stream)
{
    struct chunk chunk = view_chunk(view, tensor, index);
    struct key key = key_of(view, tensor, &chunk);
    struct flight *flight;
    bool known, more;

    pthread_mutex_lock(&flights->lock);
    known = find(flights, &key) != NULL;
    more = !flights->stop && (known || flights->ahead + chunk.size <= flights->at_hand_max / 2);
    pthread_mutex_unlock(&flights->lock);
    if (known || !more)
        return more;
    flight = flight_new(flights, view, owner, tensor, index);
    if (!flight)
        return false;
    flight->stream = stream;
    flights->engine->hold(owner);
    pthread_mutex_lock(&flights->lock);
    if (!flights->stop && !find(flights, &flight->key)) {
        begin(flights, flight, true);
        flight = NULL;
    }
    pthread_mutex_unlock(&flights->lock);
    if (flight) {
        flights->engine->release(owner);
        free(flight);
    }
    return true;
}

/* --- ending -------------------------------------------------------------------------------------
 */

/* Takes a queued flight back, if it was not begun meanwhile. Called with the lock. */
static bool take_back(struct flights *flights, struct flight *flight)
{
    if (!pool_remove(flights->engine->pool, &flight->job))
        return false;
    take_from_ahead(flights, flight);
    unhash(flights, flight);
    link_remove(&flight->order);
    return true;
}

static void release_chain(struct flights *flights, struct flight *flight, int r)
{
    while (flight) {
        struct flight *next = flight->hash_next;

        tell(flight->waiters, r, NULL);
        flights->engine->release(flight->owner);
        free(flight);
        flight = next;
    }
}

void flights_drop(struct flights *flights, uint64_t stream)
{
    struct flight *dropped = NULL;
    struct link *link, *next;

    pthread_mutex_lock(&flights->lock);
    for (link = flights->queued.next; link != &flights->queued; link = next) {
        struct flight *flight = of_link(link);

        next = link->next;
        if (!flight->ahead || flight->stream != stream || !take_back(flights, flight))
            continue;
        flights->dropped_ahead++;
        flight->hash_next = dropped;
        dropped = flight;
    }
    /* What it had made ready is as good as any other chunk. */
    for (link = flights->unread.next; link != &flights->unread; link = next) {
        struct flight *flight = of_link(link);

        next = link->next;
        if (flight->stream != stream)
            continue;
        take_from_ahead(flights, flight);
        link_remove(&flight->order);
        link_append(&flights->read, &flight->order);
    }
    pthread_mutex_unlock(&flights->lock);
    release_chain(flights, dropped, -ENODEV);
}

int flights_new(const struct flights_config *config, struct flights **out)
{
    struct flights *flights = calloc(1, sizeof(*flights));

    if (!flights)
        return -ENOMEM;
    flights->engine = config->engine;
    flights->buffers = config->buffers;
    flights->at_hand_max = config->at_hand;
    pthread_mutex_init(&flights->lock, NULL);
    pthread_cond_init(&flights->idle, NULL);
    link_init(&flights->queued);
    link_init(&flights->unread);
    link_init(&flights->read);
    *out = flights;
    return 0;
}

void flights_stop(struct flights *flights)
{
    struct flight *dropped = NULL;
    struct link *link, *next;

    pthread_mutex_lock(&flights->lock);
    flights->stop = true;
    for (link = flights->queued.next; link != &flights->queued; link = next) {
        struct flight *flight = of_link(link);

        next = link->next;
        if (!take_back(flights, flight))
            continue;
        flight->hash_next = dropped;
        dropped = flight;
    }
    pthread_mutex_unlock(&flights->lock);
    release_chain(flights, dropped, -ENODEV);
    pthread_mutex_lock(&flights->lock);
    /* One that a worker has taken from the pool but not begun is still in `queued`. */
    while (flights->running > 0 || flights->queued.next != &flights->queued)
        pthread_cond_wait(&flights->idle, &flights->lock);
    pthread_mutex_unlock(&flights->lock);
}

void flights_free(struct flights *flights)
{
    if (!flights)
        return;
    free_chain(flights, evict(flights, 0));
    assert(flights->at_hand == 0);
    pthread_cond_destroy(&flights->idle);
    pthread_mutex_destroy(&flights->lock);
    free(flights);
}

const uint8_t *flight_data(const struct flight *flight)
{
    return flight->result.data;
}

void flight_put(struct flights *flights, struct flight *flight)
{
    struct flight *evicted;

    pthread_mutex_lock(&flights->lock);
    assert(flight->references > 0);
    flight->references--;
    evicted = evict(flights, flights->at_hand_max);
    pthread_mutex_unlock(&flights->lock);
    free_chain(flights, evicted);
}

void flights_stats(struct flights *flights, struct engine_stats *stats)
{
    pthread_mutex_lock(&flights->lock);
    stats->conversions += flights->conversions;
    stats->conversions_ahead += flights->conversions_ahead;
    stats->dropped_ahead += flights->dropped_ahead;
    stats->converting += flights->running;
    stats->at_hand += flights->at_hand;
    pthread_mutex_unlock(&flights->lock);
}
