#ifndef CACHE_CACHE_H
#define CACHE_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cache/key.h"

/*
 * A bounded directory of bytes under names, shared by any number of processes (design.md, "The
 * cache"). It may be deleted, filled, damaged, or made read-only at any instant: then things are
 * not found, puts are dropped, and nothing else happens.
 *
 * Names are made with name_begin() and the like (cache/key.h) from cache_key():
 *   "object"    a converted chunk: all that decides its bytes, and fingerprints of what they come
 *               from. What lies under it never changes.
 *   "manifest"  a tensor as its inputs' versions have it: which objects its chunks are
 *   "source"    a version of a source: a small record
 * Kinds keep apart: a name of one kind finds nothing of another.
 *
 * All functions may be called from many threads at once. Those marked [disk] read or write files:
 * never from a thread that must not wait.
 */
struct cache;
struct cache_object;

/* ---- the directory ---- */

/* A limit: nothing given (zeros: the default), bytes, or percent of the filesystem. */
struct cache_size {
    bool given;
    unsigned percent; /* 0: bytes counts */
    uint64_t bytes;
};

/* "1000000", "20G" (K, M, G, T: powers of 1024, either case), "10%" (1 to 100). -EINVAL */
MUST_USE int cache_size_parse(const char *text, struct cache_size *size);

struct cache_config {
    const char *path;           /* NULL: $XDG_CACHE_HOME/quantfs, else ~/.cache/quantfs */
    bool existing;              /* only one that is there: -ENOENT else */
    struct cache_size size;     /* default 10 %, at most 64 GiB */
    struct cache_size min_free; /* what is left to others; default 5 % */
    size_t descriptors;         /* objects kept open; 0: 256, or an eighth of RLIMIT_NOFILE */
    size_t memory;              /* bytes of objects and manifests kept in memory; 0: 8 MiB */
    uint64_t (*clock)(void);    /* ms, monotonic; NULL: the system's */
};

/* Where a cache is that has no path: absolute, malloc'ed. -ENOENT: neither variable is set. */
MUST_USE int cache_default_path(char **path);

#define CACHE_REASON_SIZE 512

/* [disk] Opens or makes it. After an error *reason is one line, with the path, that says why: go
 * on without a cache, and show it. */
MUST_USE int cache_new(const struct cache_config *config, struct cache **cache,
                       char reason[CACHE_REASON_SIZE]);
/* [disk] Flushes. Every object must have been closed, and no thread may be in here. */
void cache_free(struct cache *cache);

struct key *cache_key(struct cache *cache);
const char *cache_path(const struct cache *cache); /* absolute */
uint64_t cache_size_bytes(const struct cache *cache);

/* ---- objects ---- */

/*
 * [disk] An object that was verified, whole; it stays open within the budget, so that the next call
 * for it reads nothing. Only 0 or -ENOENT: whatever else went wrong is a miss, too.
 */
MUST_USE int cache_open(struct cache *cache, const struct name *name, struct cache_object **object);
void cache_close(struct cache *cache, struct cache_object *object); /* NULL is fine */

uint64_t cache_object_size(const struct cache_object *object); /* bytes of payload */
/* NULL, or the payload in memory, until cache_close(). */
const void *cache_object_data(const struct cache_object *object);
/* [disk] `size` bytes of the payload from `offset` on, which must lie within it. -ENOENT: the file
 * has been cut or changed since (somebody tampers with it): a miss; *data is not to be used; the
 * next cache_open() does not find this one. */
MUST_USE int cache_read(struct cache *cache, struct cache_object *object, uint64_t offset,
                        void *data, size_t size);
/* The same from memory alone: never waits. -EAGAIN: cache_read() can tell. */
MUST_USE int cache_read_now(const struct cache_object *object, uint64_t offset, void *data,
                            size_t size);
/* [disk] It will be read soon: begins to read it into the page cache. */
void cache_will_need(const struct cache_object *object);

/* Bytes that are to be kept. */
struct cache_bytes {
    const void *data;
    size_t size;
    uint64_t position; /* of the first in the file that they are part of; its pages are pages of the
                          object */
    /* NULL, or memory to write to around `data`, so that they can be written as they lie, without
     * the page cache: from `room` on, which is a multiple of CACHE_PAGE, to the next one behind
     * `data`, which is at room + CACHE_PAGE + position % CACHE_PAGE. */
    uint8_t *room;
    bool cold; /* part of one pass over something big: shall not stay in the page cache for long */
};

/* [disk] Keeps bytes under a name, replacing what lies there. 0, or -errno: dropped and counted;
 * nobody needs to know. */
int cache_put(struct cache *cache, const struct name *name, const struct cache_bytes *bytes);
/* Counts a put that the caller has dropped itself (its queue was full). */
void cache_count_dropped(struct cache *cache);

/* ---- manifests ---- */

/* [disk] The object name of chunk `index`. -ENOENT: not known; that the name is known does not say
 * that its object is there. */
MUST_USE int cache_recall(struct cache *cache, const struct name *manifest, uint32_t index,
                          struct name *name);
/* [disk] How many chunks cache_recall() knows of a manifest; 0 where there is none. */
uint32_t cache_known(struct cache *cache, const struct name *manifest);
/* [disk] Chunk `index` of `count` is object `name`. Written later: after 64 of them, 5 s, or
 * cache_flush(). */
void cache_note(struct cache *cache, const struct name *manifest, uint32_t count, uint32_t index,
                const struct name *name);

/* The object that cache_recall() named is not there (evicted, or all is cleared): so it is news
 * when it is noted again, and the manifest is written, of which nothing may be left either. */
void cache_forget(struct cache *cache, const struct name *manifest, uint32_t index,
                  const struct name *name);

/* ---- records ---- */

/* [disk] *data is malloc'ed, with a zero byte behind it. -ENOENT, or -ENOMEM. */
MUST_USE int cache_get_record(struct cache *cache, const struct name *name, void **data,
                              size_t *size);
/* [disk] As cache_put(). */
int cache_put_record(struct cache *cache, const struct name *name, const void *data, size_t size);

/* ---- in the background ---- */

/* [disk] Writes manifests and counters that are not on disk yet. For idle moments: some seconds
 * after the last cache_note() or cache_open(), not after each. */
void cache_flush(struct cache *cache);

/*
 * A directory has grown by more than a sixteenth of its share since it was last looked at, or the
 * filesystem is low: call cache_trim_step() on a worker until this says false.
 */
bool cache_wants_trim(const struct cache *cache);
/* [disk] Lists one of the sixteen directories and unlinks the oldest in it beyond its share. */
void cache_trim_step(struct cache *cache);

/* ---- counters ---- */

struct cache_stats {
    uint64_t hits;        /* cache_open() that found */
    uint64_t misses;      /* and that did not */
    uint64_t damaged;     /* files that were there, and were not what they should be */
    uint64_t puts;        /* objects written */
    uint64_t dropped;     /* puts that came to nothing */
    uint64_t evicted;     /* files unlinked to keep within the size */
    uint64_t record_hits; /* cache_get_record() */
    uint64_t record_misses;
};

/* Of this process, since cache_new(). */
void cache_stats(const struct cache *cache, struct cache_stats *stats);

/* ---- for `quantfs cache`; each may run beside daemons that use the same directory ---- */

/* [disk] What all processes have counted, as far as they have flushed; and what is there now. */
MUST_USE int cache_stats_all(struct cache *cache, struct cache_stats *stats);
MUST_USE int cache_usage(struct cache *cache, uint64_t *objects, uint64_t *bytes);

typedef void (*cache_progress)(void *context, uint64_t done, uint64_t total); /* files */

/* [disk] Checks every seal and removes what fails. `progress` may be NULL. -errno: stopped, since
 * something else than a file is wrong. */
MUST_USE int cache_verify(struct cache *cache, cache_progress progress, void *context,
                          uint64_t *good, uint64_t *removed);
/* [disk] Unlinks the oldest of all until the rest takes at most `size` bytes. */
MUST_USE int cache_trim_to(struct cache *cache, uint64_t size, uint64_t *removed);
/* [disk] Removes all but the secret. */
MUST_USE int cache_clear(struct cache *cache, uint64_t *removed);

#endif
