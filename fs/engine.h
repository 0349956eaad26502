#ifndef FS_ENGINE_H
#define FS_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cache/cache.h"
#include "fs/part.h"
#include "fs/pool.h"
#include "quant/convert.h"
#include "quant/view.h"

/*
 * The bytes of views: single flight, conversion, chunks at hand, read-ahead. Knows no FUSE.
 * The caller of engine_submit() never waits for a conversion or a model; done() may be called
 * before it returns. For an open object of the cache that is not in memory a few callers at a time
 * wait, so that one reader is spared the way to a worker and back; the others do not.
 */
struct engine;

struct engine_config {
    unsigned cores;
    uint64_t memory; /* bytes of buffers (design.md, -o memory=); 0: the default for `cores` */
    bool once;       /* nobody asks for a chunk again: none is kept at hand */
    struct kernel_set kernels;
    struct pool *pool;   /* not owned */
    struct cache *cache; /* not owned; NULL: none */
    bool trust_stat;     /* network filesystems tell every change of a file, too */
    unsigned waiting;    /* calls of engine_submit() that may wait for a disk at a time */
    void *context;
    /* A flight uses owner's view while nobody waits for it: hold it. Called with no lock held. */
    void (*hold)(void *owner);
    void (*release)(void *owner);
    /* A conversion that is waited for has failed: one call per flight; or a reply was refused since
     * the source has changed (-ESTALE, defect is NULL): one call per request. Before those who wait
     * are told. May be NULL. */
    void (*failed)(void *context, void *owner, int r, const struct defect *defect);
};

/* Counters since engine_new(). */
struct engine_stats {
    uint64_t conversions;       /* chunks converted */
    uint64_t conversions_ahead; /* of them: begun by read-ahead */
    uint64_t dropped_ahead;     /* queued read-ahead taken back */
    uint64_t recalled;          /* chunks found in the cache */
    uint64_t converting;        /* conversions that run now */
    uint64_t at_hand;           /* bytes of chunks in memory */
    uint64_t replies;           /* requests finished */
    uint64_t bytes;             /* bytes in them */
};

/* More than the 64 MiB and 4 MiB a core of design.md from three cores on: the running conversions
 * of an F32 source take 5 MiB a core, and read-ahead that uses all cores needs as many chunks at
 * hand.
 */
uint64_t engine_default_memory(unsigned cores);
/* What is taken where less is asked for. */
uint64_t engine_least_memory(unsigned cores);

MUST_USE int engine_new(const struct engine_config *config, struct engine **engine);
/* Every request still waiting is finished with -ENODEV first. The pool must still run. */
void engine_free(struct engine *engine);

/*
 * The outcome of a request: r is 0 and the parts are exactly the bytes asked for (cut at the end of
 * the view), or r is -errno and there are none: -EIO, -ESTALE, -ENOMEM, -ENODEV. They are valid
 * until done() returns. Called once, from any thread, with no lock held.
 */
typedef void (*engine_done)(void *context, int r, const struct part *parts, int count);

/* Asks for [offset, offset + size) of a view. The caller holds the view until done() has been
 * called. */
void engine_submit(struct engine *engine, const struct view *view, void *owner, uint64_t offset,
                   size_t size, engine_done done, void *context);

/* The same, waiting: `size` bytes into `data`, all within the view. Not from a pool thread. */
MUST_USE int engine_read(struct engine *engine, const struct view *view, void *owner,
                         uint64_t offset, void *data, size_t size);

/*
 * Bytes of a mirrored file, by pread on a worker: cut at the end of the file as it is then. `fd` is
 * the caller's until done() has been called.
 */
void engine_submit_file(struct engine *engine, int fd, uint64_t offset, size_t size,
                        engine_done done, void *context);

/*
 * Tells that stream `stream` (any number but 0 that is one open file's own) reads here: after two
 * sequential requests the next chunks are converted ahead. Nothing is lost if a stream is
 * forgotten.
 */
void engine_readahead(struct engine *engine, uint64_t stream, const struct view *view, void *owner,
                      uint64_t offset, size_t size);
/* The stream is closed: its read-ahead that has not begun is dropped. */
void engine_stream_close(struct engine *engine, uint64_t stream);

/*
 * Of the chunks that tensor `tensor` of a view has: adds how many there are, and how many of them
 * the cache knows. -ENODATA: there is no cache. Reads files: for workers, between engine_new() and
 * engine_free().
 */
MUST_USE int engine_cached(struct engine *engine, const struct view *view, uint32_t tensor,
                           uint64_t *known, uint64_t *chunks);

void engine_stats(struct engine *engine, struct engine_stats *stats);

#endif
