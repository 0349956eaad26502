#ifndef FS_ATTACH_H
#define FS_ATTACH_H

#include <stdbool.h>

#include "config.h"
#include "fs/log.h"

/*
 * The mount as the kernel has it: made and taken away by mount(2) and umount2(2) where we may,
 * else by fusermount3. Not by libfuse, which at its end unmounts whatever then lies at the path.
 */
struct attach {
    const char *source; /* absolute path of MODELS, shown as the device */
    const char *path;   /* where; absolute, resolved */
    bool allow_other;
    bool default_permissions;
    bool noexec;
    const char *contexts; /* SELinux words, or NULL */
};

/* A missing or closed /dev/fuse, told before anything is done. Messages go to `terminal`. */
MUST_USE int attach_check(struct log *terminal);

/* Mounts, read-only: *fd is the descriptor to serve, the caller's. -errno with a message on
 * `terminal`, and nothing is mounted. */
MUST_USE int attach_mount(const struct attach *attach, struct log *terminal, int *fd);

/* Takes away what lies on top at `path`, even if it is busy or dead: what is open stays so. */
int attach_detach(const char *path);

#endif
