#ifndef FS_AHEAD_H
#define FS_AHEAD_H

#include <stddef.h>
#include <stdint.h>

#include "fs/flight.h"
#include "fs/stream.h"

/*
 * What is done for who reads in order, before it is asked for: the next chunks are converted, or
 * read into the page cache where they are objects, and the source that is to be converted then is
 * fetched from its disk. Safe from any thread.
 */
struct ahead {
    struct streams *streams; /* owned by whoever owns this */
    struct flights *flights; /* not owned */
    unsigned cores;
};

/* As engine_readahead() and engine_stream_close(). */
void ahead_note(struct ahead *ahead, uint64_t stream, const struct view *view, void *owner,
                uint64_t offset, size_t size);
void ahead_close(struct ahead *ahead, uint64_t stream);

/* flights_config.reading; `context` is a struct ahead. */
void ahead_fetch(void *context, const struct view *view, uint64_t stream, uint64_t end);

#endif
