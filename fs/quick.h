#ifndef FS_QUICK_H
#define FS_QUICK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "fs/buffer.h"
#include "fs/flight.h"
#include "fs/part.h"

/*
 * Requests that are answered on the caller's thread: everything is at hand. A chunk that is a file
 * of the cache is at hand if the kernel has the bytes in memory, or if few callers are waiting for
 * such files.
 */

/* Pieces of a request that is answered so. */
#define QUICK_PIECES 32

/* What they share. Nothing is owned. */
struct quicks {
    struct flights *flights;
    struct buffers *buffers;
    unsigned waiting_max;     /* callers that may wait for a disk at a time */
    _Atomic unsigned callers; /* that read files of the cache */
};

/* A request: its pieces, and the chunks of them that are at hand. */
struct quick {
    size_t count;
    struct piece pieces[QUICK_PIECES];
    struct flight *flights[QUICK_PIECES];
    struct buffer buffer; /* of what is read from files */
    size_t missing;       /* chunks */
    size_t others;        /* chunks at hand */
};

/* False: there is something to copy, or too many pieces, or too much padding. */
MUST_USE bool quick_map(struct quick *quick, const struct view *view, uint64_t offset, size_t size);
/* Looks for the chunks: references, to be given back by quick_put(). */
void quick_find(struct quick *quick, struct quicks *quicks, const struct view *view);
void quick_put(struct quick *quick, struct quicks *quicks);
/* With no chunk missing: reads what lies in files. False: a worker has to. */
MUST_USE bool quick_read(struct quick *quick, struct quicks *quicks);
/* After that: the pieces as parts of an answer, valid until quick_put(). */
void quick_parts(const struct quick *quick, struct part parts[QUICK_PIECES]);

#endif
