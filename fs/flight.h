#ifndef FS_FLIGHT_H
#define FS_FLIGHT_H

#include <stdbool.h>
#include <stdint.h>

#include "fs/buffer.h"
#include "fs/engine.h"
#include "fs/store.h"

/*
 * Conversions, one per chunk however many wait for it, and the chunks at hand afterwards. A flight
 * is known by plain values (version and range of its source bytes, types), so views that give a
 * tensor the same type share it.
 */
struct flights;

/* One chunk: queued, being converted, or at hand. */
struct flight;

/* Part of its owner's struct; not touched any more once landed() has been called. */
struct flight_waiter {
    /* r is 0, and `flight` a reference to give back with flight_put(); or -errno. Called once, from
     * a worker or from flights_stop(), with no lock held. */
    void (*landed)(struct flight_waiter *waiter, int r, struct flight *flight);
    struct flight_waiter *next; /* private */
};

struct flights_config {
    const struct engine_config *engine; /* outlives the flights: pool, kernels, hooks */
    struct buffers *buffers;            /* not owned */
    struct store *store;                /* not owned; NULL: no cache */
    size_t at_hand;                     /* bytes of chunks that are kept in memory */
    size_t objects;                     /* chunks that are kept as open files of the cache */
    uint64_t
        big; /* bytes: the rows of a source beyond this leave the page cache when they were read */
    /* A chunk that was asked for ahead is about to be read from its source: `end` is where it ends
     * in the view. From a worker, with no lock held. */
    void (*reading)(void *context, const struct view *view, uint64_t stream, uint64_t end);
    void *context;
};

MUST_USE int flights_new(const struct flights_config *config, struct flights **flights);
/* Tells all who wait -ENODEV and waits for the conversions that run. Joining is refused from now
 * on. */
void flights_stop(struct flights *flights);
/* After flights_stop(), and with all references given back. */
void flights_free(struct flights *flights);

/* A reference to the chunk if it is at hand, else NULL. `tensor`, `index`: as in struct piece. */
struct flight *flights_find(struct flights *flights, const struct view *view, uint32_t tensor,
                            uint32_t index);

/*
 * Asks for a chunk: a conversion that is queued or runs is joined, else one is begun, which holds
 * `owner`. 1: it is at hand, *flight is a reference. 0: waiter->landed() will be called, perhaps
 * before this returns. -ENOMEM, -ENODEV.
 */
MUST_USE int flights_join(struct flights *flights, const struct view *view, void *owner,
                          uint32_t tensor, uint32_t index, struct flight_waiter *waiter,
                          struct flight **flight);

/* Queues a conversion that nobody waits for; a chunk that is at hand as a file of the cache is read
 * into the page cache. False: there is enough of that, the caller may stop
 * asking. */
bool flights_ahead(struct flights *flights, const struct view *view, void *owner, uint32_t tensor,
                   uint32_t index, uint64_t stream);

/* The stream goes elsewhere: what it had queued and nobody wants is taken back. */
void flights_drop(struct flights *flights, uint64_t stream);

/* A chunk at hand from byte `skip` on, valid while the reference is held; NULL: it is in a file of
 * the cache. */
const uint8_t *flight_data(const struct flight *flight, size_t skip);
/* `size` bytes of a chunk that is in a file, if they are in the page cache: never waits. False:
 * they are not; a worker has to copy them. */
MUST_USE bool flight_copy_now(const struct flight *flight, size_t skip, size_t size, void *data);
/* The same of any chunk at hand, for workers. False: the cache's file was cut. The flight is not
 * found any more then: give it back and ask for the chunk again. */
MUST_USE bool flight_copy(struct flight *flight, size_t skip, size_t size, void *data);
void flight_put(struct flights *flights, struct flight *flight);

/* Adds the flights' counters. */
void flights_stats(struct flights *flights, struct engine_stats *stats);

#endif
