#ifndef FS_LISTING_MAKE_H
#define FS_LISTING_MAKE_H

#include <stdatomic.h>

#include "fs/layout.h"
#include "fs/listing.h"
#include "fs/models.h"
#include "fs/root.h"
#include "fs/survey.h"

/* Everything is the caller's and lives until done() is called. */
struct listing_config {
    const struct root *root;
    struct models *models;
    /* those with an importance matrix behind the others, and mixes last; if there are any, the
     * mixes beside models are shown, too */
    const struct variant *variants;
    size_t variant_count;
    enum layout layout;
    bool browse; /* the variants' folders, too */
    const char
        *directory;    /* path from the root, in the mount; but if it is arranged also on disk */
    struct bare *bare; /* as of struct survey_config */
    bool grouped;      /* it is a FACET_GROUP: not on disk */
    struct tree_attr group_attr;  /* what stat shows of FACET_GROUP but for the inode number */
    uint64_t inode, parent_inode; /* as for listing_set_inodes(), of a directory not on disk */
    /* if the mount is arranged */
    struct surveys *surveys;
    double max_age;          /* as for surveys_get() */
    const atomic_bool *stop; /* nobody wants it any more */
    /* Once, from a worker or from listing_make() itself. r is 0 with a reference, or -errno. */
    void (*done)(void *context, int r, struct listing *listing);
    void *context;
};

/* Reads a directory on disk, or the whole tree, and asks about its models: on a worker. Directories
 * on the way to models' places are FACET_GROUP, with a source without path. */
void listing_make(const struct listing_config *config);

#endif
