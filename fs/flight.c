/*
 * States of a flight, and the function that makes each transition (all under flights->lock):
 *
 *   (none) -> AHEAD               flights_ahead()   nobody waits
 *   (none) -> DEMANDED            flights_join()
 *   AHEAD -> DEMANDED             flights_join()    the reader has caught up
 *   AHEAD -> (none)               flights_drop(), flights_stop(), flight_look()
 *   AHEAD, DEMANDED -> RUNNING    flight_run()      it is being converted
 *   all of these -> READY         flight_land()     at hand, until hand_evict() or flight_lose()
 *   all of these -> FAILED        flight_land()     freed when all who waited were told; kept where
 *                                                   the weights are at fault, so that they are
 *                                                   converted and complained about once
 *   DEMANDED -> FAILED            flights_stop()
 *
 * With a cache that keeps its type a flight is `looking` at first: its job is one of the pool's
 * order READY, which looks the chunk up without a byte of the source. Not found, the job goes on to
 * the order AHEAD or DEMANDED.
 *
 * Locks: flights->lock, then the pool's own. No hook, waiter, read, conversion or call of the cache
 * under either.
 */
#include "fs/flight.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fs/flight_state.h"

/* Failures that are remembered. */
#define FAILED_MAX 64

/* --- running ------------------------------------------------------------------------------------
 */

/* Tells all who wait. A reference for each of them was taken before. */
static void tell(struct flight_waiter *waiter, int r, struct flight *flight)
{
    while (waiter) {
        struct flight_waiter *next = waiter->next;

        waiter->landed(waiter, r, r < 0 ? NULL : flight);
        waiter = next;
    }
}

/* Called with the lock. `for_good`: it will fail whenever it is tried; remembered if somebody has
 * been told. *evicted: what nobody finds any more. */
static void land_failed(struct flights *flights, struct flight *flight, bool for_good,
                        struct flight **evicted)
{
    struct flight *oldest = link_flight(flights->failed.next);
    bool keep = for_good && !flight->ahead;

    flight->state = STATE_FAILED;
    hand_take_from_ahead(flights, flight);
    if (!keep) {
        hand_unhash(flights, flight);
        flight->hash_next = NULL;
        *evicted = flight;
        return;
    }
    if (flights->failed_count == FAILED_MAX) {
        hand_unhash(flights, oldest);
        link_remove(&oldest->order);
        oldest->hash_next = NULL;
        *evicted = oldest;
    } else {
        flights->failed_count++;
    }
    link_append(&flights->failed, &flight->order);
}

/* The flight has ended. Returns those who wait. */
static struct flight_waiter *flight_land(struct flight *flight, int r, bool put, bool for_good,
                                         struct flight **evicted)
{
    struct flights *flights = flight->flights;
    struct flight_waiter *waiters;

    if (flight->object && cache_object_data(flight->object))
        flight->charge = flight->chunk.size;
    pthread_mutex_lock(&flights->lock);
    waiters = flight->waiters;
    flight->waiters = NULL;
    flight->r = r;
    link_remove(&flight->order);
    if (r == 0) {
        flight->state = STATE_READY;
        flights->recalled += flight->object != NULL;
        flight->references += put;
        for (struct flight_waiter *waiter = waiters; waiter; waiter = waiter->next)
            flight->references++;
        /* An open file is no memory that others could do without. */
        if (flight->charge == 0)
            hand_take_from_ahead(flights, flight);
        flights->at_hand += flight->charge;
        flights->object_count += flight->charge == 0;
        link_append(hand_home(flights, flight), &flight->order);
        *evicted = hand_evict_surplus(flights);
    } else {
        land_failed(flights, flight, for_good, evicted);
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
    flight->put.room = flight->result.data;
    flight->put.data = flight->bytes;
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
    /* A defect is said of weights, which a second try would not change. */
    bool for_good = defect && defect->text[0];
    struct flight *evicted = NULL;
    struct flight_waiter *waiters = flight_land(flight, r, put, for_good, &evicted);

    /* From here on a flight that nobody waits for may be evicted by others.
     * The reason is known before anybody is told that there is one; what nobody waits for will fail
     * again. */
    if (r < 0 && waiters && engine->failed)
        engine->failed(engine->context, owner, r, defect && defect->text[0] ? defect : NULL);
    tell(waiters, r, flight);
    if (put && r == 0)
        put_result(flight);
    hand_free_chain(flights, evicted);
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
    r = flight_make(flight, &put, &defect);
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
    const struct store_chunk chunk = flight_store_chunk(flight);
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

/* --- warming ------------------------------------------------------------------------------------
 */

static void flight_warm(struct pool_job *job)
{
    struct flight *flight = (struct flight *)((char *)job - offsetof(struct flight, job));
    struct flights *flights = flight->flights;

    cache_will_need(flight->object);
    pthread_mutex_lock(&flights->lock);
    flight->warming = false;
    pthread_mutex_unlock(&flights->lock);
    flight_put(flights, flight);
    leave_flight(flights);
}

/* A stream comes to a chunk that is a file: once, so that its bytes are in the page cache by then.
 * Called with the lock. */
static void warm(struct flights *flights, struct flight *flight, uint64_t stream)
{
    if (flight->state != STATE_READY || flight->charge > 0 || flight->warming ||
        flight->warmed_for == stream || flights->stop)
        return;
    flight->warming = true;
    flight->warmed_for = stream;
    flight->references++;
    flights->busy++;
    flight->job.run = flight_warm;
    pool_add(flights->engine->pool, &flight->job, POOL_READY);
}

/* --- beginning ----------------------------------------------------------------------------------
 */

static struct flight *flight_new(struct flights *flights, const struct view *view, void *owner,
                                 uint32_t tensor, uint32_t index)
{
    struct flight *flight = calloc(1, sizeof(*flight));

    if (!flight)
        return NULL;
    flight->flights = flights;
    flight->view = view;
    flight->owner = owner;
    flight->tensor = tensor;
    flight->index = index;
    flight->chunk = view_chunk(view, tensor, index);
    flight->key = hand_key(view, tensor, &flight->chunk);
    flight->looking = flights->store && store_keeps(flight->key.to);
    flight->job.run = flight->looking ? flight_look : flight_run;
    flight->waiters_end = &flight->waiters;
    link_init(&flight->order);
    return flight;
}

/* Called with the lock: the new flight is found and queued. */
static void begin(struct flights *flights, struct flight *flight, bool ahead)
{
    hand_hash(flights, flight);
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
    hand_take_from_ahead(flights, flight);
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
    struct key key = hand_key(view, tensor, &chunk);
    struct flight *flight;

    pthread_mutex_lock(&flights->lock);
    flight = hand_find(flights, &key);
    if (flight && flight->state == STATE_READY)
        hand_touch(flights, flight);
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
    flight = hand_find(flights, &fresh->key);
    if (flights->stop) {
        r = -ENODEV;
    } else if (flight && flight->state == STATE_READY) {
        hand_touch(flights, flight);
        *out = flight;
        r = 1;
    } else if (flight && flight->state == STATE_FAILED) {
        r = flight->r;
    } else if (flight) {
        wait_for(flights, flight, waiter);
    } else {
        begin(flights, fresh, false);
        wait_for(flights, fresh, waiter);
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
    struct key key = hand_key(view, tensor, &chunk);
    struct flight *flight;
    bool known, more;

    pthread_mutex_lock(&flights->lock);
    flight = hand_find(flights, &key);
    known = flight != NULL;
    if (known)
        warm(flights, flight, stream);
    else
        hand_forgo(flights, chunk.size);
    more = !flights->stop && (known || flights->ahead + chunk.size <= flights->at_hand_max / 2);
    pthread_mutex_unlock(&flights->lock);
    if (known || !more)
        return more;
    flight = flight_new(flights, view, owner, tensor, index);
    if (!flight)
        return false;
    flight->stream = flight->warmed_for = stream;
    flights->engine->hold(owner);
    pthread_mutex_lock(&flights->lock);
    if (!flights->stop && !hand_find(flights, &flight->key)) {
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
    hand_take_from_ahead(flights, flight);
    hand_unhash(flights, flight);
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
        struct flight *flight = link_flight(link);

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
        struct flight *flight = link_flight(link);

        next = link->next;
        if (flight->stream != stream)
            continue;
        hand_take_from_ahead(flights, flight);
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
    flights->reading = config->reading;
    flights->context = config->context;
    pthread_mutex_init(&flights->lock, NULL);
    pthread_cond_init(&flights->idle, NULL);
    link_init(&flights->queued);
    link_init(&flights->unread);
    link_init(&flights->read);
    link_init(&flights->objects);
    link_init(&flights->failed);
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
        struct flight *flight = link_flight(link);

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
    hand_free_chain(flights, hand_evict(flights, 0, 0));
    while (flights->failed.next != &flights->failed) {
        struct flight *flight = link_flight(flights->failed.next);

        link_remove(&flight->order);
        hand_free(flights, flight);
    }
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
        hand_take_out(flights, flight);
    pthread_mutex_unlock(&flights->lock);
}

const uint8_t *flight_data(const struct flight *flight, size_t skip)
{
    const uint8_t *data = flight->object ? cache_object_data(flight->object) : flight->bytes;

    return data ? data + skip : NULL;
}

bool flight_copy_now(const struct flight *flight, size_t skip, size_t size, void *data)
{
    return cache_read_now(flight->object, skip, data, size) == 0;
}

bool flight_copy(struct flight *flight, size_t skip, size_t size, void *data)
{
    if (!flight->object) {
        memcpy(data, flight->bytes + skip, size);
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
    evicted = hand_evict_surplus(flights);
    pthread_mutex_unlock(&flights->lock);
    if (lost)
        hand_free(flights, flight);
    hand_free_chain(flights, evicted);
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
