#ifndef FS_TREE_H
#define FS_TREE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "fs/facet.h"
#include "quant/source.h"

/*
 * The nodes that the kernel knows: plain values in a table, so that a number from the kernel is
 * never a pointer, and a fresh process could take the table over. Safe from any thread. A node
 * lives as long as the kernel has looked it up more often than forgotten it, or has children; the
 * last ones that have gone are kept aside, since a file handle (NFS, open_by_handle_at(2)) may ask
 * for them by number. Numbers are never used twice.
 */
struct tree;

#define TREE_ROOT 1

enum tree_kind {
    TREE_DIRECTORY,
    TREE_FILE, /* mirrored: a regular file or something special */
    TREE_SYMLINK,
    TREE_VIEW,
    TREE_FOLDER, /* a virtual directory */
};

/* What stat shows of a view or a folder. It belongs to one version of all inputs and never changes:
 * with another mode, as a directory on the way was opened or closed, it is another node. */
struct tree_attr {
    uint64_t inode;
    uint64_t size; /* bytes */
    struct timespec mtime, ctime;
    mode_t mode; /* permissions of a view: reading */
    uid_t uid;
    gid_t gid;
};

/*
 * One node, or what one is looked for by. Views and folders are virtual; all others are mirrored.
 * Two nodes are the same if parent, kind, name, source, variant, facet, versions and, of virtual
 * ones, size and mode are (a size that was kept and is wrong is found out at open). A mirrored
 * directory has no version: what stands under its name is that directory. A mirrored file's or
 * symlink's one version holds device and inode alone: a file that has taken another's place is
 * another node, so that no open file's pages mix with its pages; one that is changed in place is
 * the same, as on any passthrough.
 */
struct tree_node {
    uint64_t id;
    uint64_t parent;
    enum tree_kind kind;
    struct tree_attr attr;  /* of what is virtual */
    struct version opened;  /* state at the last open; zeros: none to be trusted */
    const char *name;       /* of what is virtual: canonical */
    const char *source;     /* of what is virtual: path of its source's first file from the root */
    const char *variant;    /* of the same: canonical text */
    struct facet facet;     /* of the same: what of the variant */
    unsigned version_count; /* of the same: the files of its source, in order */
    const struct version *versions;
};

MUST_USE int tree_new(struct tree **tree);
void tree_free(struct tree *tree);

/*
 * The number of the node that is like *node (its id is not looked at), made if there is none; it
 * counts as looked up once more. -ESTALE: no such parent. -ENOMEM.
 */
MUST_USE int tree_look_up(struct tree *tree, const struct tree_node *node, uint64_t *id);
/* The same by number, also of a node that has been forgotten not too long ago. -ESTALE: there is
 * none. The root is not counted. */
MUST_USE int tree_look_up_id(struct tree *tree, uint64_t id);
/* The kernel has forgotten `count` lookups. */
void tree_forget(struct tree *tree, uint64_t id, uint64_t count);

/* A copy of a node, for free(); NULL if there is none or no memory. */
struct tree_node *tree_copy(struct tree *tree, uint64_t id);
/* The same by name: the one of that kind made last under it, TREE_VIEW or TREE_FOLDER. */
struct tree_node *tree_copy_virtual(struct tree *tree, uint64_t parent, const char *name,
                                    enum tree_kind kind);
/* The same if it is a folder; NULL if it is not. */
struct tree_node *tree_copy_folder(struct tree *tree, uint64_t id);

/* The path of a node from the root, "" for the root. -ESTALE: no such node. -ENAMETOOLONG. */
MUST_USE int tree_path(struct tree *tree, uint64_t id, char *path, size_t size);

/*
 * Tells that the node is opened in that state. True: pages kept from before are still right.
 * `young`: the state is too young to be told from the next one.
 */
bool tree_opened(struct tree *tree, uint64_t id, const struct version *state, bool young);

/* How many live. */
size_t tree_count(struct tree *tree);

#endif
