#ifndef FS_MOUNTINFO_H
#define FS_MOUNTINFO_H

#include <stdbool.h>
#include <sys/types.h>

#include "config.h"

#define MOUNTINFO_TABLE "/proc/self/mountinfo"

/* One mount as /proc/self/mountinfo tells it (proc(5)): what is known of it without asking it. */
struct mountinfo {
    int id;
    int parent;
    dev_t device;
    const char *path;   /* where it is now */
    const char *type;   /* "fuse.quantfs" */
    const char *source; /* what is mounted */
    long user;          /* user_id= of a FUSE mount, -1 for others */
    char *line;         /* owned; holds the texts */
};

/*
 * The mount that lies on top at `path` (absolute, resolved) in `table`, which is
 * MOUNTINFO_TABLE but in tests. 1 with *mount, which mountinfo_clear() empties; 0: nothing is
 * mounted exactly there; -errno: the table cannot be read.
 */
MUST_USE int mountinfo_find(const char *table, const char *path, struct mountinfo *mount);
/* The same of the mount with that number, wherever it has been moved to; 0: it is gone. */
MUST_USE int mountinfo_find_id(const char *table, int id, struct mountinfo *mount);
void mountinfo_clear(struct mountinfo *mount);

/* It is one of quantfs. */
bool mountinfo_is_ours(const struct mountinfo *mount);

#endif
