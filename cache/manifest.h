#ifndef CACHE_MANIFEST_H
#define CACHE_MANIFEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cache/key.h"

/*
 * The object names of one tensor's chunks, as far as they are known: a fixed count of slots, in
 * memory and as the payload of an object of kind "manifest". No lock, no file.
 */
struct manifest;

/* -EINVAL: no slot, or more than MANIFEST_SLOTS_MAX. */
#define MANIFEST_SLOTS_MAX ((uint32_t)1 << 22)
MUST_USE int manifest_new(uint32_t count, struct manifest **manifest);
void manifest_free(struct manifest *manifest);
MUST_USE int manifest_copy(const struct manifest *manifest, struct manifest **copy);

uint32_t manifest_count(const struct manifest *manifest);
/* Slots that are filled. */
uint32_t manifest_known(const struct manifest *manifest);
/* False: not known, or no such slot. */
bool manifest_get(const struct manifest *manifest, uint32_t index, struct name *name);
/* True: that is news. index < count. */
bool manifest_set(struct manifest *manifest, uint32_t index, const struct name *name);
/* Takes what `other` knows and `manifest` does not; nothing if their counts differ. */
void manifest_merge(struct manifest *manifest, const struct manifest *other);

/* The payload: valid until the next change. */
const void *manifest_payload(const struct manifest *manifest, size_t *size);
/* -EBADMSG: no payload of a manifest. */
MUST_USE int manifest_parse(const void *payload, size_t size, struct manifest **manifest);

#endif
