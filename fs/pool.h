#ifndef FS_POOL_H
#define FS_POOL_H

#include <stdbool.h>
#include <stddef.h>

#include "config.h"

/*
 * Worker threads: cores + 8 of them. At most `cores` jobs convert at a time, at most 8 do something
 * else, so neither kind keeps the other waiting.
 */
enum pool_order {
    POOL_READY,    /* no conversion: reads, parsing, opening */
    POOL_DEMANDED, /* a conversion that a reader waits for */
    POOL_AHEAD,    /* a conversion that nobody waits for yet */
};

/* A job is part of its owner's struct; it is not touched any more once run() has been called. */
struct pool_job {
    void (*run)(struct pool_job *job);
    /* private to pool.c, under its lock */
    struct pool_job *next, *prev;
    enum pool_order order;
    bool queued;
};

struct pool;

/* Threads start here, so daemonize before. `cores` at least 1. */
MUST_USE int pool_new(unsigned cores, struct pool **pool);
/* Waits for running jobs. Jobs still queued are never run: take them back first. */
void pool_free(struct pool *pool);

void pool_add(struct pool *pool, struct pool_job *job, enum pool_order order);
/* Moves a job that is still queued to the end of another order; does nothing otherwise. */
void pool_move(struct pool *pool, struct pool_job *job, enum pool_order order);
/* True: it was still queued and will not run. */
bool pool_remove(struct pool *pool, struct pool_job *job);

#endif
