#ifndef FS_STREAM_H
#define FS_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config.h"

/*
 * Which open files are being read in order. A table of bounded size: the stream that was longest
 * unused is forgotten when room is needed, which costs it no more than a new start. Safe from any
 * thread.
 */
struct streams;

MUST_USE int streams_new(struct streams **streams);
void streams_free(struct streams *streams);

/*
 * Notes a request of `size` bytes at `offset`; returns how many have come in order, this one
 * counted. *dropped: the stream whose read-ahead is of no use any more (this one after a seek, or a
 * forgotten one), or 0.
 */
unsigned streams_note(struct streams *streams, uint64_t id, uint64_t offset, size_t size,
                      uint64_t *dropped);
void streams_forget(struct streams *streams, uint64_t id);

/*
 * What of a view shall be fetched from its source's disk now that a chunk of the stream which ends
 * at `offset` is being made: from *from to *to, which may lie beyond the view. False: it has been
 * told before, or too little is new.
 */
bool streams_fetch(struct streams *streams, uint64_t id, uint64_t offset, uint64_t *from,
                   uint64_t *to);

#endif
