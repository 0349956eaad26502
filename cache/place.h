#ifndef CACHE_PLACE_H
#define CACHE_PLACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cache/key.h"

/*
 * The directory of a cache:
 *
 *   CACHEDIR.TAG   for backup programs
 *   secret         key.h
 *   tmp/           files being written
 *   counters/      counters.h
 *   0/ ... f/      all other files, by the first digit of their name: "a/a17c..."
 *
 * It must belong to the user and be writable by nobody else; what is made is 0700 and 0600. A
 * directory with other things in it is taken for somebody else's, unless it has the tag.
 */
struct place {
    int fd;
    char *path; /* absolute */
};

#define PLACE_REASON_SIZE 128
#define PLACE_PATH_SIZE (2 + NAME_TEXT_SIZE)

/* $XDG_CACHE_HOME/quantfs, or ~/.cache/quantfs. -ENOENT: neither is known. The text is malloc'ed.
 */
MUST_USE int place_default(char **path);

/*
 * Opens the directory at `path` and makes what is missing in it. Not `make`: only one that is a
 * cache already, else -ENOENT. `parents`: makes those above it too. After an error *reason is a
 * line that says why, without the path.
 */
MUST_USE int place_open(const char *path, bool make, bool parents, struct place *place,
                        char reason[PLACE_REASON_SIZE]);
void place_close(struct place *place);

/*
 * After the directory or a part of it has vanished: makes it again at the same path, with the
 * secret of `key`, under the same descriptor. -EEXIST: another cache is there.
 */
MUST_USE int place_repair(struct place *place, const struct key *key);

/* "a/a17c...": where the file of a name is. */
void place_file(const struct name *name, char path[PLACE_PATH_SIZE]);

/* Bytes of its filesystem: all, and what an ordinary user can still take. */
MUST_USE int place_space(const struct place *place, uint64_t *total, uint64_t *free);

#endif
