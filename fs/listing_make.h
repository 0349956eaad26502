#ifndef FS_LISTING_MAKE_H
#define FS_LISTING_MAKE_H

#include <stdatomic.h>

#include "fs/listing.h"
#include "fs/models.h"
#include "fs/root.h"

/* Everything is the caller's and lives until done() is called. */
struct listing_config {
    const struct root *root;
    struct models *models;
    const struct variant *variants;
    size_t variant_count;
    bool browse;             /* the variants' folders, too */
    const char *directory;   /* path from the root */
    const atomic_bool *stop; /* nobody wants it any more */
    /* Once, from a worker or from listing_make() itself. r is 0 with a reference, or -errno. */
    void (*done)(void *context, int r, struct listing *listing);
    void *context;
};

/* Reads a mirrored directory and asks about its models: on a worker. */
void listing_make(const struct listing_config *config);

/* The first file of the split set STEM in a directory. -ENOENT: there is none; others: the
 * directory cannot be read. */
MUST_USE int listing_find_set(const struct root *root, const char *directory, const char *stem,
                              size_t stem_length, char name[NAME_MAX + 1]);

#endif
