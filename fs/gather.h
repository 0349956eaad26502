#ifndef FS_GATHER_H
#define FS_GATHER_H

#include <stdatomic.h>
#include <stdbool.h>

#include "fs/buffer.h"
#include "fs/flight.h"

/*
 * Ranges of views that do not lie in one place: a buffer of the range's size is filled by a worker,
 * or the caller where no file has to be read, and by the flights that land. What waits for
 * conversions holds its buffer meanwhile, so there is a budget for those; the others hold theirs
 * while a worker reads.
 */
struct gathers;

/* One range. Part of its owner's struct. */
struct gather {
    /* set by the owner, who holds the view until done() */
    const struct view *view;
    void *owner; /* of the view: engine_config */
    uint64_t offset;
    size_t size; /* within the view, not 0 */
    /* Once, from any thread, with no lock held. r is 0 and the bytes are in buffer.data;
     * gather_end() is due. */
    void (*done)(struct gather *gather, int r);
    struct buffer buffer;
    /* private */
    struct gathers *gathers;
    struct pool_job job;
    bool admitted; /* its size counts in the budget */
    struct gather *next;
    _Atomic unsigned outstanding; /* pieces that have not come, and whoever asks for them */
    _Atomic int r;
};

/* Nothing is owned. `budget`: bytes. */
MUST_USE int gathers_new(struct pool *pool, struct buffers *buffers, struct flights *flights,
                         size_t budget, struct gathers **gathers);
/* Those that have not begun get -ENODEV soon. */
void gathers_stop(struct gathers *gathers);
/* When all have ended. */
void gathers_free(struct gathers *gathers);

/* Never waits for a disk; done() may be called before it returns. */
void gather_begin(struct gathers *gathers, struct gather *gather);
/* Gives the buffer back. */
void gather_end(struct gather *gather);

#endif
