#ifndef CACHE_TRIM_H
#define CACHE_TRIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cache/key.h"
#include "cache/place.h"

/*
 * What lies in the sixteen directories of a cache, and unlinking the oldest of it. Only files whose
 * name is one of ours (64 digits, in the directory of the first) are seen at all.
 */
#define TRIM_DIRECTORIES 16

struct trim_file {
    int64_t age; /* mtime, ns since 1970: the smaller the older */
    uint64_t size;
    struct name name;
};

struct trim_list {
    struct trim_file *files;
    size_t count, capacity;
    uint64_t size; /* bytes of all */
};

/* What a file takes on disk: whole pages. Not st_blocks, which some filesystems tell late. */
uint64_t trim_file_size(uint64_t size);

/* Adds the files of one directory (0 to 15) to a list that starts as {0}. */
MUST_USE int trim_list_add(const struct place *place, unsigned directory, struct trim_list *list);
void trim_list_release(struct trim_list *list);

/* Unlinks the oldest of the list until the rest takes at most `size` bytes. Returns how many; the
 * list is sorted, its rest is list->size. */
size_t trim_oldest(const struct place *place, struct trim_list *list, uint64_t size);

/* Removes temporaries that nobody writes any more: last changed an hour ago. */
void trim_temporaries(const struct place *place);

#endif
