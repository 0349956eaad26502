/*
 * States of a flight, and the function that makes each transition (all under flights->lock):
 *
 *   (none)  -> AHEAD     flights_ahead()   nobody waits
 *   (none)  -> DEMANDED  flights_join()
 *   AHEAD   -> DEMANDED  flights_join()    the reader has caught up
 *   AHEAD   -> (none)    flights_drop(), flights_stop(), flight_look()
 *   DEMANDED, AHEAD -> RUNNING   flight_run()    it is being converted
 *   DEMANDED, AHEAD, RUNNING -> READY   flight_land()   at hand, until evicted: evict(),
 * flight_lose() DEMANDED, AHEAD, RUNNING -> FAILED  flight_land()   no longer found; freed when all
 * who waited were told DEMANDED -> FAILED   flights_stop()
 *
 * With a cache a flight is `looking` at first: its job is one of the pool's order READY, which
 * looks the chunk up without a byte of the source. Not found, the job goes on to the order AHEAD or
 * DEMANDED.
 *
 * Locks: flights->lock, then the pool's own. No hook, waiter, read, conversion or call of the cache
 * under either.
 */
#include "fs/flight.h"

#include <assert.h>
#include <fcntl.h>
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
    unsigned references; /* of those who read it, and of the store while it is put */
    bool ahead;          /* nobody has asked for it yet */
    bool looking;        /* in the cache; not yet to be converted */
    bool unwanted;       /* dropped while looking */
    bool found;          /* the hash has it */
    uint64_t stream;
    /* written by the worker, constant once READY: one of both */
    struct buffer result;
    struct cache_object *object;
    size_t charge; /* bytes of memory */
    struct store_put put;
};

struct flights {
    const struct engine_config *engine;
    struct buffers *buffers;
    struct store *store;
    size_t at_hand_max, objects_max;
    uint64_t big;
    pthread_mutex_t lock;
    pthread_cond_t idle;
    /* protected by lock */
    struct flight *buckets[BUCKETS];
    struct link queued;  /* AHEAD and DEMANDED */
    struct link unread;  /* READY, in memory, made ahead and not read yet; oldest first */
    struct link read;    /* READY, in memory; least recently used first */
    struct link objects; /* READY, a file of the cache; least recently used first */
    size_t at_hand;      /* bytes in unread and read */
    size_t object_count;
    size_t ahead;     /* bytes of flights that are `ahead`, in any state */
    unsigned running; /* conversions */
    unsigned busy;    /* workers with a flight */
    bool stop;
    uint64_t conversions, conversions_ahead, dropped_ahead, recalled;
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
    flight->found = false;
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

/* Its place among the chunks at hand. */
static struct link *home(struct flights *flights, const struct flight *flight)
{
    if (flight->charge == 0)
        return &flights->objects;
    return flight->ahead ? &flights->unread : &flights->read;
}

/* A chunk at hand is read: the last to be evicted. Takes a reference. */
static void touch(struct flights *flights, struct flight *flight)
{
    assert(flight->state == STATE_READY);
    take_from_ahead(flights, flight);
    link_remove(&flight->order);
    link_append(home(flights, flight), &flight->order);
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

/* Takes a chunk at hand out of the table and its list. */
static void take_out(struct flights *flights, struct flight *flight)
{
    take_from_ahead(flights, flight);
    unhash(flights, flight);
    link_remove(&flight->order);
    flights->at_hand -= flight->charge;
    flights->object_count -= flight->charge == 0;
}

/* What goes first where there is too much; NULL: nothing has to go, or nothing can. */
static struct flight *victim(struct flights *flights, size_t at_hand_max, size_t objects_max)
{
    struct flight *flight = NULL;

    if (flights->at_hand > at_hand_max) {
        flight = first_unused(&flights->read);
        if (!flight)
            flight = first_unused(&flights->unread);
    }
    if (!flight && flights->object_count > objects_max)
        flight = first_unused(&flights->objects);
    return flight;
}

/* Takes out what does not fit the budgets; the caller frees the returned chain outside of the lock.
 */
static struct flight *evict(struct flights *flights, size_t at_hand_max, size_t objects_max)
{
    struct flight *evicted = NULL, *flight;

    while ((flight = victim(flights, at_hand_max, objects_max))) {
        take_out(flights, flight);
        flight->hash_next = evicted;
        evicted = flight;
    }
    return evicted;
}

static struct flight *evict_surplus(struct flights *flights)
{
    return evict(flights, flights->at_hand_max, flights->objects_max);
}

static void free_flight(struct flights *flights, struct flight *flight)
{
    if (flight->object)
        cache_close(flights->engine->cache, flight->object);
    buffer_put(flights->buffers, &flight->result);
    free(flight);
}

static void free_chain(struct flights *flights, struct flight *flight)
{
    while (flight) {
        struct flight *next = flight->hash_next;

        free_flight(flights, flight);
        flight = next;
    }
}

/* --- running ------------------------------------------------------------------------------------
 */

static struct store_chunk store_chunk_of(const struct flight *flight)
{
    return (struct store_chunk){
        .view = flight->view,
        .tensor = flight->tensor,
        .index = flight->index,
        .numbers = &flight->chunk,
    };
}

/* The chunk's source bytes. -ESTALE: they may be those of another version. */
static int load(const struct flight *flight, uint8_t *weights)
{
    const struct view *view = flight->view;
    int r = convert_load(view, flight->tensor, &flight->chunk, weights);

    /* A source that was cut cannot be read, but the reason is that it has changed. */
    if ((r == 0 || r == -EIO) &&
        source_unchanged(view->source, view->extents[flight->tensor].tensor->shard) < 0)
        r = -ESTALE;
    return r;
}

static void count_conversion(struct flights *flights, const struct flight *flight)
{
    pthread_mutex_lock(&flights->lock);
    flights->conversions++;
    flights->conversions_ahead += flight->ahead;
    pthread_mutex_unlock(&flights->lock);
}

static int convert(struct flight *flight, const uint8_t *weights, struct defect *defect)
{
    struct flights *flights = flight->flights;
    int r = buffer_get(flights->buffers, flight->chunk.size, &flight->result);

    if (r < 0)
        return r;
    count_conversion(flights, flight);
    r = convert_run(&flights->engine->kernels, flight->view, flight->tensor, &flight->chunk,
                    weights, flight->result.data, defect);
    flight->charge = flight->result.capacity;
    if (r < 0)
        buffer_put(flights->buffers, &flight->result);
    return r;
}

static bool is_big(const struct flight *flight)
{
    const struct source *source = flight->view->source;
    uint64_t size = 0;

    for (unsigned i = 0; i < source_shard_count(source); i++)
        size += source_version(source, i)->size;
    return size > flight->flights->big;
}

/* Rows that were read for a conversion leave the page cache to others. */
static void forget_rows(const struct flight *flight)
{
    const struct view *view = flight->view;
    unsigned shard = view->extents[flight->tensor].tensor->shard;

    (void)posix_fadvise(source_descriptor(view->source, shard), (off_t)flight->chunk.source_offset,
                        (off_t)flight->chunk.source_size, POSIX_FADV_DONTNEED);
}

/* Finds the chunk by its source's bytes, or converts it. *put: it is new to the cache. */
static int make(struct flight *flight, bool *put, struct defect *defect)
{
    struct flights *flights = flight->flights;
    const struct store_chunk chunk = store_chunk_of(flight);
    struct buffer weights = {0};
    bool may_note;
    int r;

    *put = false;
    r = buffer_get(flights->buffers, flight->chunk.source_size, &weights);
    may_note = flights->store && store_may_note(flights->store, &chunk);
    if (r == 0)
        r = load(flight, weights.data);
    if (r < 0)
        goto out;
    r = flights->store ? store_find(flights->store, &chunk, weights.data, may_note, &flight->put,
                                    &flight->object)
                       : -ENOENT;
    if (r < 0) {
        *put = flights->store && r == -ENOENT;
        r = convert(flight, weights.data, defect);
    }
    flight->put.cold = is_big(flight);
    if (flight->put.cold)
        forget_rows(flight);
out:
    buffer_put(flights->buffers, &weights);
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

/* The flight has ended. Returns those who wait. */
static struct flight_waiter *flight_land(struct flight *flight, int r, bool put,
                                         struct flight **evicted)
{
    struct flights *flights = flight->flights;
    struct flight_waiter *waiters;

    if (flight->object && cache_object_data(flight->object))
        flight->charge = flight->chunk.size;
    pthread_mutex_lock(&flights->lock);
    waiters = flight->waiters;
    flight->waiters = NULL;
    link_remove(&flight->order);
    if (r == 0) {
        flight->state = STATE_READY;
        flights->recalled += flight->object != NULL;
        flight->references += put;
        for (struct flight_waiter *waiter = waiters; waiter; waiter = waiter->next)
            flight->references++;
        /* An open file is no memory that others could do without. */
        if (flight->charge == 0)
            take_from_ahead(flights, flight);
        flights->at_hand += flight->charge;
        flights->object_count += flight->charge == 0;
        link_append(home(flights, flight), &flight->order);
        *evicted = evict_surplus(flights);
    } else {
        flight->state = STATE_FAILED;
        take_from_ahead(flights, flight);
        unhash(flights, flight);
    }
    pthread_mutex_unlock(&flights->lock);
    return waiters;
}

static void put_done(struct store_put *put)
{
    struct flight *flight = (struct flight *)((char *)put - offsetof(struct flight, put));

    flight_put(flight->flights, flight);
}

/* A chunk that is new is written to the cache: it stays at hand until then. */
static void put_result(struct flight *flight)
{
    flight->put.data = flight->result.data;
    flight->put.size = flight->chunk.size;
    flight->put.done = put_done;
    if (!store_put(flight->flights->store, &flight->put))
        flight_put(flight->flights, flight);
}

/* The end of a worker's part in a flight that has landed; the flight may be gone before. */
static void finish(struct flights *flights, struct flight *flight, int r, bool put,
                   const struct defect *defect)
{
    const struct engine_config *engine = flights->engine;
    void *owner = flight->owner;
    struct flight *evicted = NULL;
    struct flight_waiter *waiters = flight_land(flight, r, put, &evicted);

    /* From here on a flight that nobody waits for may be evicted by others.
     * The reason is known before anybody is told that there is one; what nobody waits for will fail
     * again. */
    if (r < 0 && waiters && engine->failed)
        engine->failed(engine->context, owner, r, defect && defect->text[0] ? defect : NULL);
    tell(waiters, r, flight);
    if (put && r == 0)
        put_result(flight);
    if (r < 0)
        free_flight(flights, flight);
    free_chain(flights, evicted);
    engine->release(owner);
}

static void enter_flight(struct flights *flights)
{
    pthread_mutex_lock(&flights->lock);
    flights->busy++;
    pthread_mutex_unlock(&flights->lock);
}

static void leave_flight(struct flights *flights)
{
    pthread_mutex_lock(&flights->lock);
    if (--flights->busy == 0)
        pthread_cond_broadcast(&flights->idle);
    pthread_mutex_unlock(&flights->lock);
}

static void flight_run(struct pool_job *job)
{
    struct flight *flight = (struct flight *)((char *)job - offsetof(struct flight, job));
    struct flights *flights = flight->flights;
    struct defect defect = {.offset = DEFECT_NOWHERE};
    bool put;
    int r;

    enter_flight(flights);
    pthread_mutex_lock(&flights->lock);
    flight->state = STATE_RUNNING;
    link_remove(&flight->order);
    flights->running++;
    pthread_mutex_unlock(&flights->lock);
    r = make(flight, &put, &defect);
    pthread_mutex_lock(&flights->lock);
    flights->running--;
    pthread_mutex_unlock(&flights->lock);
    finish(flights, flight, r, put && r == 0, &defect);
    leave_flight(flights);
}

/* Called with the lock. True: not in the cache, so it is queued to be converted. */
static bool queue_conversion(struct flights *flights, struct flight *flight)
{
    flight->looking = false;
    if (flights->stop || (flight->unwanted && flight->ahead))
        return false;
    flight->job.run = flight_run;
    pool_add(flights->engine->pool, &flight->job, flight->ahead ? POOL_AHEAD : POOL_DEMANDED);
    return true;
}

static void flight_look(struct pool_job *job)
{
    struct flight *flight = (struct flight *)((char *)job - offsetof(struct flight, job));
    struct flights *flights = flight->flights;
    const struct store_chunk chunk = store_chunk_of(flight);
    struct cache_object *object;
    bool queued = false;

    enter_flight(flights);
    object = store_recall(flights->store, &chunk);
    pthread_mutex_lock(&flights->lock);
    flight->object = object;
    if (!object) {
        queued = queue_conversion(flights, flight);
        flights->dropped_ahead += !queued && flight->ahead;
    }
    pthread_mutex_unlock(&flights->lock);
    if (!queued)
        finish(flights, flight, object ? 0 : -ENODEV, false, NULL);
    leave_flight(flights);
}

/* --- beginning ----------------------------------------------------------------------------------
 */

static struct flight *flight_new(struct flights *flights, const struct view *view, void *owner,
                                 uint32_t tensor, uint32_t index)
{
    struct flight *flight = calloc(1, sizeof(*flight));

    if (!flight)
        return NULL;
    flight->looking = flights->store != NULL;
    flight->job.run = flight->looking ? flight_look : flight_run;
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
    flight->found = true;
    flight->state = ahead ? STATE_AHEAD : STATE_DEMANDED;
    flight->ahead = ahead;
    if (ahead)
        flights->ahead += flight->chunk.size;
    link_append(&flights->queued, &flight->order);
    if (flight->looking)
        pool_add(flights->engine->pool, &flight->job, POOL_READY);
    else
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
        if (!flight->looking)
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
        if (!flight->ahead || flight->stream != stream)
            continue;
        flight->unwanted = true;
        if (!take_back(flights, flight))
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
    flights->store = config->store;
    flights->at_hand_max = config->at_hand;
    flights->objects_max = config->objects;
    flights->big = config->big;
    pthread_mutex_init(&flights->lock, NULL);
    pthread_cond_init(&flights->idle, NULL);
    link_init(&flights->queued);
    link_init(&flights->unread);
    link_init(&flights->read);
    link_init(&flights->objects);
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
    while (flights->busy > 0 || flights->queued.next != &flights->queued)
        pthread_cond_wait(&flights->idle, &flights->lock);
    pthread_mutex_unlock(&flights->lock);
}

void flights_free(struct flights *flights)
{
    if (!flights)
        return;
    free_chain(flights, evict(flights, 0, 0));
    assert(flights->at_hand == 0 && flights->object_count == 0);
    pthread_cond_destroy(&flights->idle);
    pthread_mutex_destroy(&flights->lock);
    free(flights);
}

/* The cache's file was cut under us: the chunk is not found any more. */
static void flight_lose(struct flight *flight)
{
    struct flights *flights = flight->flights;

    pthread_mutex_lock(&flights->lock);
    if (flight->found)
        take_out(flights, flight);
    pthread_mutex_unlock(&flights->lock);
}

bool flight_part(struct flight *flight, size_t skip, size_t size, struct part *part)
{
    *part = (struct part){.fd = -1, .size = size};
    if (!flight->object) {
        part->data = flight->result.data + skip;
    } else if (cache_object_data(flight->object)) {
        part->data = (const uint8_t *)cache_object_data(flight->object) + skip;
    } else if (cache_object_descriptor(flight->flights->engine->cache, flight->object, &part->fd,
                                       &part->offset) == 0) {
        part->offset += skip;
    } else {
        flight_lose(flight);
        return false;
    }
    return true;
}

bool flight_copy(struct flight *flight, size_t skip, size_t size, void *data)
{
    if (!flight->object) {
        memcpy(data, flight->result.data + skip, size);
    } else if (cache_read(flight->flights->engine->cache, flight->object, skip, data, size) < 0) {
        flight_lose(flight);
        return false;
    }
    return true;
}

void flight_put(struct flights *flights, struct flight *flight)
{
    struct flight *evicted;
    bool lost;

    pthread_mutex_lock(&flights->lock);
    assert(flight->references > 0);
    flight->references--;
    lost = flight->references == 0 && !flight->found;
    evicted = evict_surplus(flights);
    pthread_mutex_unlock(&flights->lock);
    if (lost)
        free_flight(flights, flight);
    free_chain(flights, evicted);
}

void flights_stats(struct flights *flights, struct engine_stats *stats)
{
    pthread_mutex_lock(&flights->lock);
    stats->conversions += flights->conversions;
    stats->conversions_ahead += flights->conversions_ahead;
    stats->dropped_ahead += flights->dropped_ahead;
    stats->recalled += flights->recalled;
    stats->converting += flights->running;
    stats->at_hand += flights->at_hand;
    pthread_mutex_unlock(&flights->lock);
}
