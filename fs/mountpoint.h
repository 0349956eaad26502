#ifndef FS_MOUNTPOINT_H
#define FS_MOUNTPOINT_H

#include <stdbool.h>

#include "config.h"
#include "fs/log.h"

/* The two directories of a mount: found, checked, and kept apart from each other. */
struct mountpoint {
    int models;        /* O_PATH descriptor of MODELS, opened before anything is mounted */
    char *models_path; /* absolute, resolved */
    char *path;        /* MOUNTPOINT, absolute, resolved */
};

/*
 * Opens MODELS and checks MOUNTPOINT: a directory, neither inside the other, nothing of quantfs on
 * it. A dead mount of quantfs there is detached, with a line that says so; one of another
 * filesystem is left alone. -errno with a message on `terminal`; mountpoint_close() is due in every
 * case.
 */
MUST_USE int mountpoint_open(const char *models, const char *path, struct log *terminal,
                             struct mountpoint *mountpoint);

/*
 * A cache may lie neither in MOUNTPOINT nor around it (it would be read through the mount), nor in
 * MODELS (nothing is ever written there). `path` is absolute; it need not exist. -EINVAL with
 * *reason, one line.
 */
#define MOUNTPOINT_REASON_SIZE 512
MUST_USE int mountpoint_check_cache(const struct mountpoint *mountpoint, const char *path,
                                    char reason[MOUNTPOINT_REASON_SIZE]);

/* A directory that is only read, open as `fd` at `path`, may lie neither in MOUNTPOINT nor around
 * it. -EINVAL with *reason, which begins with `what`. */
MUST_USE int mountpoint_check_beside(const struct mountpoint *mountpoint, const char *what, int fd,
                                     const char *path, char reason[MOUNTPOINT_REASON_SIZE]);

/* Is a mount at `path` whose process is gone? errno is ENOTCONN then. Asks a living one. */
bool mountpoint_is_dead(const char *path);

void mountpoint_close(struct mountpoint *mountpoint);

#endif
