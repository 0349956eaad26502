#ifndef FS_ROOT_H
#define FS_ROOT_H

#include <limits.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

#include "config.h"

/*
 * The tree on disk. Every access is by a path from its root, which was opened before mounting.
 * Paths are relative, without "." and ".." parts; "" is the root itself. Directories on the way
 * must be real ones: -ESTALE where one has become something else. What lies in the mount itself is
 * -ELOOP.
 */
struct root {
    int fd;                  /* O_PATH; not owned */
    bool beneath;            /* symlinks are followed beneath the root only; else -EXDEV */
    atomic_ullong device;    /* of the mount itself; 0: not known yet */
    char name[NAME_MAX + 1]; /* directory_root_name(), where the root may be a model; else "" */
};

/* "DIRECTORY/NAME", or "NAME" for the root's directory "". -ENAMETOOLONG: it is cut. */
MUST_USE int root_join(const char *directory, const char *name, char *path, size_t size);

/* The entry itself: a symlink is not followed. Fast where the filesystem is. */
MUST_USE int root_stat(const struct root *root, const char *path, struct stat *st);

/* A directory, for reading or with O_PATH. Returns a descriptor. */
MUST_USE int root_open_directory(const struct root *root, const char *path, int flags);

/* The target of a symlink; returns its length. */
MUST_USE int root_read_link(const struct root *root, const char *path, char *target, size_t size);

/* Through symlinks. They may lead anywhere, so this is for worker threads. Returns an O_PATH
 * descriptor. */
MUST_USE int root_follow(const struct root *root, const char *path, struct stat *st);

/*
 * Which of the bits 0444 of the file *st, found by root_follow() under `path`, may be used by whom
 * they are for: what is behind a symlink can be read only by who may pass the directories on that
 * way, of which a view's path says nothing. All of them unless `beneath`: else the files are the
 * user's own. -ESTALE: the path leads to another file now.
 */
MUST_USE int root_way(const struct root *root, const char *path, const struct stat *st,
                      mode_t *mode);

/*
 * Opens a regular file for reading (O_NONBLOCK, O_CLOEXEC) and fills *st from the descriptor.
 * `follow`: through symlinks. Nothing but a regular file is ever opened: -EISDIR a directory,
 * -ENXIO something special, -ELOOP a symlink without `follow`. Returns a descriptor.
 */
MUST_USE int root_open(const struct root *root, const char *path, bool follow, struct stat *st);

#endif
