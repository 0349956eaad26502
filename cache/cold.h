#ifndef CACHE_COLD_H
#define CACHE_COLD_H

#include "cache/key.h"
#include "cache/place.h"

/*
 * Files that were just written and that nobody will read soon: their pages leave the page cache, so
 * that one pass over a big model does not push out what others use. Pages can be dropped once they
 * are on the disk. So writing them back is begun at once (object.h), and they are dropped
 * when COLD_COUNT more have been written; what is not on the disk by then stays.
 */
#define COLD_COUNT 16

struct cold;

MUST_USE int cold_new(const struct place *place, struct cold **cold);
void cold_free(struct cold *cold);

/* Remembers a file, and drops the pages of the one that was remembered longest ago. */
void cold_add(struct cold *cold, const struct name *name);
/* Drops those of all that are remembered. */
void cold_flush(struct cold *cold);

#endif
