#ifndef CACHE_NOTES_H
#define CACHE_NOTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cache/manifest.h"
#include "cache/object.h"
#include "cache/place.h"

/*
 * The manifests in use, held in memory (least recently used ones go first) and written as a whole:
 * after 64 news or 5 s, when they leave memory, and at notes_flush(). Writing merges what lies on
 * disk, the last writer wins.
 */
struct notes;

/* How a manifest is written; errors are the owner's business. */
typedef void (*notes_write)(void *context, const struct name *name, const void *payload,
                            size_t size);

MUST_USE int notes_new(struct key *key, const struct place *place, size_t memory, notes_write write,
                       void *context, struct notes **notes);
/* Writes nothing: flush before. */
void notes_free(struct notes *notes);

/* The object name in slot `index`. -ENOENT: not known. -EBADMSG: the manifest was damaged. */
MUST_USE int notes_recall(struct notes *notes, const struct name *manifest, uint32_t index,
                          struct name *name);
/* How many slots are filled. Errors as above. */
MUST_USE int notes_known(struct notes *notes, const struct name *manifest, uint32_t *known);
/* Fills slot `index` of `count`; may write. `now` in ms. Lost where memory is. */
void notes_add(struct notes *notes, const struct name *manifest, uint32_t count, uint32_t index,
               const struct name *name, uint64_t now);
/* Slot `index` is empty again, if it holds `name`; on disk it is as it was. */
void notes_forget(struct notes *notes, const struct name *manifest, uint32_t index,
                  const struct name *name);
void notes_flush(struct notes *notes);
/* Forgets all of them, written or not. */
void notes_clear(struct notes *notes);

#endif
