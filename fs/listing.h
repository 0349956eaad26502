#ifndef FS_LISTING_H
#define FS_LISTING_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "fs/models.h"
#include "fs/root.h"
#include "fs/tree.h"

/*
 * What a directory of the mount shows: the entries of the source's directory, and beside each model
 * the chosen variants that it has. Const once made; reference counted; safe from any thread.
 *
 * An entry's position is a hash of its name, so that a reader may go on in another listing of the
 * same directory. Positions rise, are at least LISTING_FIRST and fit a positive off_t; where two
 * names meet, the second moves up.
 */
struct listing;

#define LISTING_FIRST 16

struct listing_source {
    char *name; /* of its first file */
    unsigned version_count;
    struct version *versions;
};

struct listing_entry {
    char *name;
    uint64_t position;
    uint64_t inode;
    unsigned char type;                  /* DT_... */
    const struct listing_source *source; /* of a view, else NULL */
    struct tree_attr attr;               /* of a view */
};

/* Everything is the caller's and lives until done() is called. */
struct listing_config {
    const struct root *root;
    struct models *models;
    const struct variant *variants;
    size_t variant_count;
    const char *directory;   /* path from the root */
    const atomic_bool *stop; /* nobody wants it any more */
    /* Once, from a worker or from listing_make() itself. r is 0 with a reference, or -errno. */
    void (*done)(void *context, int r, struct listing *listing);
    void *context;
};

/* Reads the directory and asks about its models: on a worker. */
void listing_make(const struct listing_config *config);

struct listing *listing_ref(struct listing *listing);
void listing_unref(struct listing *listing);

/* Seconds since what it tells of views was looked up, or a little more. */
double listing_age(const struct listing *listing);

/* The entries behind `position`. */
const struct listing_entry *listing_after(const struct listing *listing, uint64_t position,
                                          size_t *count);
/* Inode numbers of "." and "..", 0 if unknown. */
uint64_t listing_inode(const struct listing *listing);
uint64_t listing_parent_inode(const struct listing *listing);

/* The first file of the split set STEM in a directory. -ENOENT: there is none; others: the
 * directory cannot be read. */
MUST_USE int listing_find_set(const struct root *root, const char *directory, const char *stem,
                              size_t stem_length, char name[NAME_MAX + 1]);

#endif
