#ifndef FS_LISTING_H
#define FS_LISTING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fs/facet.h"
#include "fs/tree.h"

/*
 * What a directory of the mount shows: entries of the source's directory, and what is virtual. It
 * is filled by one thread at a time, and const once it is settled; reference counted, then safe
 * from any thread.
 *
 * An entry's position is a hash of its name, so that a reader may go on in another listing of the
 * same directory. Positions rise, are at least LISTING_FIRST and fit a positive off_t; where two
 * names meet, the second moves up.
 */
struct listing;

#define LISTING_FIRST 16

/* The model of virtual entries. */
struct listing_source {
    char *path; /* of its first file, or of the directory, from the root */
    unsigned version_count;
    struct version *versions;
};

struct listing_entry {
    const char *name;
    uint64_t position;
    uint64_t inode;
    unsigned char type; /* DT_... */
    /* of what is virtual */
    const struct listing_source *source; /* else NULL */
    const char *variant;                 /* canonical text */
    struct facet facet;
    bool sized; /* the attributes are known */
    struct tree_attr attr;
};

/* Who wins if two things claim one name: the lower one; of two alike, layout_compare() says by the
 * paths of their sources. */
enum listing_claim {
    LISTING_REAL,
    LISTING_FILE,
    LISTING_SET,
    LISTING_DIRECTORY,
    /* the same of survey_shown() */
    LISTING_SHOWN_FILE,
    LISTING_SHOWN_SET,
    LISTING_SHOWN_DIRECTORY,
    LISTING_GROUP, /* a directory on the way there */
};

MUST_USE int listing_new(struct listing **listing);
/* Inode numbers of "." and "..", 0 if unknown. */
void listing_set_inodes(struct listing *listing, uint64_t inode, uint64_t parent_inode);
/* Copies all. *number is what listing_add() is told. */
MUST_USE int listing_add_source(struct listing *listing, const char *path, unsigned version_count,
                                const struct version *versions, size_t *number);
/* Copies name and variant; `source` is a number as of listing_add_source(), and not looked at if
 * the entry is real. Its source and position are set when the listing is settled. */
MUST_USE int listing_add(struct listing *listing, const struct listing_entry *entry,
                         enum listing_claim claim, size_t source);
/* Sorts, drops who claims a name in vain, and gives positions. hidden() is told of each that is
 * dropped, unless it is NULL. */
MUST_USE int listing_settle(struct listing *listing,
                            void (*hidden)(void *context, const struct listing_entry *loser,
                                           const struct listing_entry *winner),
                            void *context);

struct listing *listing_ref(struct listing *listing);
void listing_unref(struct listing *listing);

/* Seconds since listing_new(): what it tells of views was looked up later. */
double listing_age(const struct listing *listing);

/* The entries behind `position`. */
const struct listing_entry *listing_after(const struct listing *listing, uint64_t position,
                                          size_t *count);
uint64_t listing_inode(const struct listing *listing);
uint64_t listing_parent_inode(const struct listing *listing);

#endif
