#ifndef FS_FLIGHT_STATE_H
#define FS_FLIGHT_STATE_H

#include <pthread.h>
#include <stddef.h>

#include "fs/flight.h"

/* What flight.c, flight_make.c and hand.c share. */

#define BUCKETS 1024

enum state { STATE_AHEAD, STATE_DEMANDED, STATE_RUNNING, STATE_READY, STATE_FAILED };

/* What decides the bytes of a chunk. */
struct key {
    struct version version; /* of the shard */
    struct version imatrix; /* zeros: the importance of columns does not matter */
    uint64_t offset, size;  /* of the source bytes */
    uint64_t columns;       /* weights of a row in it */
    enum type from, to;
    bool young; /* when it was asked for: what was made then is not found later, since the bytes may
                   have changed without a trace in the version */
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
    bool warming;        /* READY: its job is to read the object into the page cache */
    uint64_t warmed_for; /* the last stream for which it was; 0: none */
    int r;               /* FAILED: why */
    uint64_t stream;
    /* written by the worker, constant once READY: one of both */
    struct buffer result;
    uint8_t *bytes; /* the chunk in it */
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
    void (*reading)(void *context, const struct view *view, uint64_t stream, uint64_t end);
    void *context;
    pthread_mutex_t lock;
    pthread_cond_t idle;
    /* protected by lock */
    struct flight *buckets[BUCKETS];
    struct link queued;  /* AHEAD and DEMANDED */
    struct link unread;  /* READY, in memory, made ahead and not read yet; oldest first */
    struct link read;    /* READY, in memory; least recently used first */
    struct link objects; /* READY, a file of the cache; least recently used first */
    struct link failed;  /* FAILED for good: weights that cannot be converted; oldest first */
    size_t failed_count;
    size_t at_hand; /* bytes in unread and read */
    size_t object_count;
    size_t ahead;     /* bytes of flights that are `ahead`, in any state */
    unsigned running; /* conversions */
    unsigned busy;    /* workers with a flight, and flights that are `warming` */
    bool stop;
    uint64_t conversions, conversions_ahead, dropped_ahead, recalled;
};

/* ---- lists: circular, the head is no flight ---- */

static inline void link_init(struct link *link)
{
    link->next = link->prev = link;
}

static inline void link_remove(struct link *link)
{
    link->prev->next = link->next;
    link->next->prev = link->prev;
    link_init(link);
}

static inline void link_append(struct link *list, struct link *link)
{
    link->prev = list->prev;
    link->next = list;
    list->prev->next = link;
    list->prev = link;
}

static inline struct flight *link_flight(struct link *link)
{
    return (struct flight *)((char *)link - offsetof(struct flight, order));
}

/* ---- hand.c: the table of all flights, and the chunks at hand; all but the last two with the lock
 * ---- */

struct key hand_key(const struct view *view, uint32_t tensor, const struct chunk *chunk);
struct flight *hand_find(struct flights *flights, const struct key *key);
void hand_hash(struct flights *flights, struct flight *flight);
void hand_unhash(struct flights *flights, struct flight *flight);

/* Somebody asks for it, or it is gone: no longer read-ahead. */
void hand_take_from_ahead(struct flights *flights, struct flight *flight);
/* The list of a chunk at hand. */
struct link *hand_home(struct flights *flights, const struct flight *flight);
/* A chunk at hand is read: the last to be evicted. Takes a reference. */
void hand_touch(struct flights *flights, struct flight *flight);
/* Makes room for `size` bytes of read-ahead, as far as that can be done. */
void hand_forgo(struct flights *flights, size_t size);
/* A chunk at hand is found no more. */
void hand_take_out(struct flights *flights, struct flight *flight);
/* Takes out what does not fit the budgets: a chain for hand_free_chain(). */
struct flight *hand_evict(struct flights *flights, size_t at_hand_max, size_t objects_max);
struct flight *hand_evict_surplus(struct flights *flights);
void hand_free(struct flights *flights, struct flight *flight);
void hand_free_chain(struct flights *flights, struct flight *flight);

/* ---- flight_make.c ---- */

struct store_chunk flight_store_chunk(const struct flight *flight);

/*
 * Finds the chunk by its source's bytes, or converts it: flight->object, or result, bytes and
 * charge. *put: it is new to the cache, flight->put says where it belongs.
 */
MUST_USE int flight_make(struct flight *flight, bool *put, struct defect *defect);

#endif
