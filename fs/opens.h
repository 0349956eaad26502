#ifndef FS_OPENS_H
#define FS_OPENS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "fs/listing.h"
#include "fs/model.h"

/*
 * What open files and directories pin, by the number that the kernel keeps as their handle. A
 * handle is a hint: a fresh process knows none of those that the kernel still has, and has given
 * their numbers to others. So whoever asks names the node, too. A mirrored file's descriptor is
 * shared by all who have opened that inode. Safe from any thread.
 */
struct opens;

struct open_file {
    /* constant */
    uint64_t handle; /* never used twice */
    uint64_t node;
    struct model_view *view; /* NULL: not a view */
    int fd;                  /* of a mirrored file, else -1 */
    /* private to opens.c, under its lock */
    unsigned users;
    struct open_file *next;
    struct descriptor *descriptor;
    struct listing *listing;
};

MUST_USE int opens_new(struct opens **opens);
/* Closes what is still open. */
void opens_free(struct opens *opens);

/* Each takes its last argument over, also on -ENOMEM, and gives a handle. */
MUST_USE int opens_add_view(struct opens *opens, uint64_t node, uint64_t *handle,
                            struct model_view *view);
MUST_USE int opens_add_file(struct opens *opens, uint64_t node, uint64_t *handle,
                            const struct stat *st, int fd);
MUST_USE int opens_add_directory(struct opens *opens, uint64_t node, uint64_t *handle);

/* NULL: the node has no such handle. To be put back. */
struct open_file *opens_get(struct opens *opens, uint64_t node, uint64_t handle);
/* One use more of what one has. To be put back. */
struct open_file *opens_ref(struct opens *opens, struct open_file *file);
/* True: that was the last use of a handle that was closed. */
bool opens_put(struct opens *opens, struct open_file *file);
/* Closes a handle: what it pins is let go when nobody uses it any more. True as above. */
bool opens_close(struct opens *opens, uint64_t node, uint64_t handle);

/* The listing that a directory's handle has, or NULL: a reference. */
struct listing *opens_listing(struct opens *opens, uint64_t node, uint64_t handle);
/* Gives it one, taken over; the last one goes. */
void opens_set_listing(struct opens *opens, uint64_t node, uint64_t handle,
                       struct listing *listing);

/* State of a mirrored file that is open, though its name may be gone. -ENOENT: it is not open. */
MUST_USE int opens_stat(struct opens *opens, uint64_t node, struct stat *st);

/* Files that are open; directories do not count. */
size_t opens_count(struct opens *opens);
/* Nodes of files that are open, each once: at most `size` of them. Returns how many. */
size_t opens_nodes(struct opens *opens, uint64_t *nodes, size_t size);

#endif
