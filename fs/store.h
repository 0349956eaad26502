#ifndef FS_STORE_H
#define FS_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cache/cache.h"
#include "quant/view.h"

/*
 * Converted chunks in the cache: under which names they are found, and what waits to be written. A
 * reader never waits for a write. Safe from any thread; all but store_put() may read files, so they
 * are for workers.
 */
struct store;

struct store_config {
    struct cache *cache; /* not owned */
    unsigned threads;    /* that write */
    size_t waiting_max;  /* bytes of chunks that wait to be written */
    bool trust_stat;     /* engine_config */
};

MUST_USE int store_new(const struct store_config *config, struct store **store);
/* Writes what waits, and waits for it. */
void store_stop(struct store *store);
void store_free(struct store *store);

/* A chunk of a view. */
struct store_chunk {
    const struct view *view;
    uint32_t tensor; /* as in struct piece */
    uint32_t index;
    const struct chunk *numbers; /* of view_chunk() */
};

/* A chunk that is to be written, and where. Part of its owner's struct. */
struct store_put {
    /* set by store_find() */
    struct name name;
    struct name manifest;
    uint32_t index, count; /* of the manifest's slots; 0: there is none */
    uint64_t position;     /* of the chunk in its view, bytes */
    /* set by the owner: `cold` and `room` as of struct cache_bytes; the bytes stay until done() is
     * called: once, with no lock held */
    bool cold;
    uint8_t *room;
    const void *data;
    size_t size;
    void (*done)(struct store_put *put);
    struct store_put *next; /* private */
};

/* Are chunks that become this type worth an object? Nothing is asked or put for the others. */
bool store_keeps(enum type type);

/* The chunk's object as far as its tensor's manifest knows it: no source byte is read. NULL. */
struct cache_object *store_recall(struct store *store, const struct store_chunk *chunk);

/* How many chunks of a tensor of the view are found so: no object is opened. */
uint32_t store_known(struct store *store, const struct view *view, uint32_t tensor);

/* May what is read from the chunk's source now be known by the source's version later? To be asked
 * before it is read. */
bool store_may_note(const struct store *store, const struct store_chunk *chunk);

/*
 * The chunk's object by the bytes it comes from: `weights` as convert_load() gave them, unchanged
 * since store_may_note() said `may_note`. -ENOENT: *put says where to put it once it is converted.
 * Other errors: there is no name for it.
 */
MUST_USE int store_find(struct store *store, const struct store_chunk *chunk, const void *weights,
                        bool may_note, struct store_put *put, struct cache_object **object);

/* Queues a put. False: too much waits already, it is dropped and counted. */
bool store_put(struct store *store, struct store_put *put);

#endif
