#ifndef CACHE_OPENED_H
#define CACHE_OPENED_H

#include <stddef.h>

#include "cache/object.h"
#include "cache/place.h"

/*
 * Objects that were opened and verified stay open for the next reader: least recently used ones go
 * first, beyond a count of descriptors (raw objects) and a count of bytes (compressed ones, which
 * are held decompressed). One in use is never closed, so the budgets may be exceeded by those.
 */
struct opened;

/* An open object in use: opaque outside cache/. */
struct cache_object;

MUST_USE int opened_new(struct key *key, const struct place *place, size_t descriptors,
                        size_t memory, struct opened **opened);
/* Every object must have been released. */
void opened_free(struct opened *opened);

/* Errors as object_open(), for OBJECT_CHUNK. */
MUST_USE int opened_get(struct opened *opened, const struct name *name,
                        struct cache_object **object);
void opened_release(struct opened *opened, struct cache_object *object);
/* Nobody gets this one any more; who has it releases it as ever. */
void opened_forget(struct opened *opened, struct cache_object *object);
/* Closes all that are not in use. */
void opened_clear(struct opened *opened);

const struct object *opened_object(const struct cache_object *object);
/* object_whole() */
bool opened_whole(struct opened *opened, struct cache_object *object);

#endif
