#include "fs/mountpoint.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "fs/attach.h"
#include "fs/cmd.h"
#include "fs/mountinfo.h"

#define DEAD_MAX 64    /* dead mounts that may lie on each other */
#define DEPTH_MAX 4096 /* directories above one */

/* ---- MODELS ---- */

static int open_models(const char *path, struct log *terminal, struct mountpoint *mountpoint)
{
    int fd, r = 0;

    mountpoint->models = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (mountpoint->models < 0) {
        r = -errno;
        log_line(terminal, LOG_LEVEL_ERROR, "%s: %s%s", path, strerror(-r),
                 r == -ENOENT && !strchr(path, '/')
                     ? " (it is taken for MODELS; the verbs are " CMD_VERBS ")"
                 : r == -ENOTDIR  ? " (MODELS is the directory that a model is in)"
                 : r == -ENOTCONN ? " (a dead mount; fusermount3 -uz takes it away)"
                                  : "");
        return r;
    }
    fd = openat(mountpoint->models, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        (void)close(fd);
        mountpoint->models_path = realpath(path, NULL);
    }
    if (mountpoint->models_path)
        return 0;
    r = -errno;
    log_line(terminal, LOG_LEVEL_ERROR, "%s: cannot be read: %s", path, strerror(-r));
    return r;
}

/* ---- what lies at MOUNTPOINT ---- */

/* The dead mount in which `path` lies: at it, or at a directory above it. As mountinfo_find(). */
static int find_above(const char *path, struct mountinfo *mount, char **at)
{
    int r = 0;

    *at = strdup(path);
    if (!*at)
        return -ENOMEM;
    for (;;) {
        char *slash = strrchr(*at, '/');

        r = mountinfo_find(MOUNTINFO_TABLE, *at, mount);
        if (r != 0 || !slash || strcmp(*at, "/") == 0)
            break;
        slash[slash == *at ? 1 : 0] = '\0';
    }
    return r;
}

/* `path`, which the user calls `word`, cannot be looked at. 0: it was a dead mount of ours, which
 * is gone now. */
static int clear_dead(const char *word, const char *path, int error, struct log *terminal)
{
    struct mountinfo mount;
    char *at = NULL;
    int r = find_above(path, &mount, &at);

    if (r == 1 && error == -ENOTCONN && mountinfo_is_ours(&mount) && strcmp(at, path) == 0) {
        r = attach_detach(path);
        if (r == 0)
            log_line(terminal, LOG_LEVEL_INFO,
                     "%s: a dead mount of quantfs (%s) was there and is detached", word,
                     mount.source);
        else
            log_line(terminal, LOG_LEVEL_ERROR,
                     "%s: a dead mount of quantfs (%s) is there and cannot be detached: %s", word,
                     mount.source, strerror(-r));
    } else if (r == 1 && error == -ENOTCONN) {
        log_line(terminal, LOG_LEVEL_ERROR,
                 "%s: a dead mount (%s of %s) is at %s; it is left alone: fusermount3 -uz %s", word,
                 mount.type, mount.source, at, at);
        r = error;
    } else if (r == 1 && error == -EACCES && mount.user >= 0 &&
               (unsigned long)mount.user != getuid()) {
        log_line(terminal, LOG_LEVEL_ERROR,
                 "%s: already mounted by user %ld, who lets nobody else in (%s of %s at %s)", word,
                 mount.user, mount.type, mount.source, at);
        r = error;
    } else {
        log_line(terminal, LOG_LEVEL_ERROR, "%s: %s", word, strerror(-error));
        r = error;
    }
    mountinfo_clear(&mount);
    free(at);
    return r;
}

static int check_live(const char *word, const char *path, const struct stat *st,
                      struct log *terminal)
{
    struct mountinfo mount;
    int r = mountinfo_find(MOUNTINFO_TABLE, path, &mount);

    if (r == 1 && mount.device == st->st_dev && mountinfo_is_ours(&mount)) {
        log_line(terminal, LOG_LEVEL_ERROR,
                 "%s: already mounted (quantfs of %s); fusermount3 -u %s unmounts it", word,
                 mount.source, path);
        r = -EBUSY;
    } else if (r < 0) {
        log_line(terminal, LOG_LEVEL_ERROR, "cannot read " MOUNTINFO_TABLE ": %s", strerror(-r));
    } else {
        r = 0;
    }
    mountinfo_clear(&mount);
    return r;
}

/* The kernel answers a stat of a dead mount for a while, as long as it may keep the attributes; it
 * never keeps these. */
bool mountpoint_is_dead(const char *path)
{
    struct statfs st;

    return statfs(path, &st) != 0 && errno == ENOTCONN;
}

/* Resolves and stats MOUNTPOINT, once what is dead there is gone. */
static int look_at(const char *path, struct log *terminal, struct mountpoint *mountpoint,
                   struct stat *st)
{
    int r;

    /* Knows the way to a dead mount too, since it asks only for links. */
    mountpoint->path = realpath(path, NULL);
    if (!mountpoint->path) {
        r = -errno;
        log_line(terminal, LOG_LEVEL_ERROR, "%s: %s%s", path, strerror(-r),
                 r == -ENOENT     ? " (make it first: mkdir -p)"
                 : r == -ENOTCONN ? " (it lies in a dead mount; fusermount3 -uz takes that away)"
                                  : "");
        return r;
    }
    for (int i = 0; i < DEAD_MAX; i++) {
        if (stat(mountpoint->path, st) == 0 && !mountpoint_is_dead(mountpoint->path)) {
            if (S_ISDIR(st->st_mode))
                return check_live(path, mountpoint->path, st, terminal);
            log_line(terminal, LOG_LEVEL_ERROR, "%s: %s", path, strerror(ENOTDIR));
            return -ENOTDIR;
        }
        r = clear_dead(path, mountpoint->path, -errno, terminal);
        if (r < 0)
            return r;
    }
    return -ENOTCONN;
}

/* ---- the two against each other ---- */

/* `directory` lies somewhere below `above`, as far as device and inode numbers tell: that sees
 * through symlinks and bind mounts. Where the way up is closed it is taken for no. */
static bool lies_below(int directory, const struct stat *above)
{
    int fd = openat(directory, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
    struct stat st, before;
    bool found = false;

    if (fstat(directory, &before) != 0)
        before = (struct stat){0};
    for (int i = 0; fd >= 0 && i < DEPTH_MAX && fstat(fd, &st) == 0; i++) {
        int next;

        found = st.st_dev == above->st_dev && st.st_ino == above->st_ino;
        if (found || (st.st_dev == before.st_dev && st.st_ino == before.st_ino))
            break; /* the parent of the root is the root */
        before = st;
        next = openat(fd, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
        (void)close(fd);
        fd = next;
    }
    if (fd >= 0)
        (void)close(fd);
    return found;
}

/* The same by the resolved paths. */
static bool path_below(const char *path, const char *above)
{
    size_t length = strlen(above);

    if (strcmp(above, "/") == 0)
        return path[1] != '\0';
    return strncmp(path, above, length) == 0 && path[length] == '/';
}

static int keep_apart(const char *models_word, const char *path_word,
                      const struct mountpoint *mountpoint, const struct stat *st,
                      struct log *terminal)
{
    int fd = open(mountpoint->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    struct stat models;
    int r = -EINVAL;

    if (fd < 0 || fstat(mountpoint->models, &models) != 0) {
        r = -errno;
        log_line(terminal, LOG_LEVEL_ERROR, "%s: %s", path_word, strerror(-r));
    } else if (models.st_dev == st->st_dev && models.st_ino == st->st_ino) {
        log_line(terminal, LOG_LEVEL_ERROR,
                 "MODELS '%s' and MOUNTPOINT '%s' are one directory; mount it elsewhere",
                 models_word, path_word);
    } else if (path_below(mountpoint->path, mountpoint->models_path) || lies_below(fd, &models)) {
        log_line(terminal, LOG_LEVEL_ERROR,
                 "MOUNTPOINT '%s' (%s) lies inside MODELS '%s' (%s); mount it elsewhere", path_word,
                 mountpoint->path, models_word, mountpoint->models_path);
    } else if (path_below(mountpoint->models_path, mountpoint->path) ||
               lies_below(mountpoint->models, st)) {
        log_line(terminal, LOG_LEVEL_ERROR,
                 "MODELS '%s' (%s) lies inside MOUNTPOINT '%s' (%s); mount it elsewhere",
                 models_word, mountpoint->models_path, path_word, mountpoint->path);
    } else {
        r = 0;
    }
    if (fd >= 0)
        (void)close(fd);
    return r;
}

int mountpoint_open(const char *models, const char *path, struct log *terminal,
                    struct mountpoint *mountpoint)
{
    struct stat st;
    int r;

    *mountpoint = (struct mountpoint){.models = -1};
    r = open_models(models, terminal, mountpoint);
    if (r == 0)
        r = look_at(path, terminal, mountpoint, &st);
    if (r == 0)
        r = keep_apart(models, path, mountpoint, &st, terminal);
    return r;
}

/* ---- a cache against both ---- */

/* The directory at `path`, or the nearest above it that is there, as an O_PATH descriptor. What is
 * to be made yet lies in it. *exact: it is the one at `path`; another process may make that at any
 * time. */
static int open_nearest(const char *path, char **resolved, bool *exact)
{
    char *at = strdup(path), *slash;
    int fd = -1;

    if (!at)
        return -ENOMEM;
    while ((fd = open(at, O_PATH | O_DIRECTORY | O_CLOEXEC)) < 0 && errno == ENOENT &&
           (slash = strrchr(at, '/')) != NULL && strcmp(at, "/") != 0)
        slash[slash == at ? 1 : 0] = '\0';
    *exact = strlen(at) == strlen(path);
    if (fd < 0) {
        fd = -errno;
    } else {
        *resolved = realpath(at, NULL);
        if (!*resolved) {
            (void)close(fd);
            fd = -errno;
        }
    }
    free(at);
    return fd;
}

static bool is_same(int fd, const struct stat *other)
{
    struct stat st;

    return fstat(fd, &st) == 0 && st.st_dev == other->st_dev && st.st_ino == other->st_ino;
}

/* The directory open as `fd`, at `path`, is the one of *above or lies in it. */
static bool lies_in(int fd, const char *path, const struct stat *above, const char *above_path)
{
    return is_same(fd, above) || strcmp(path, above_path) == 0 || path_below(path, above_path) ||
           lies_below(fd, above);
}

int mountpoint_check_cache(const struct mountpoint *mountpoint, const char *path,
                           char reason[MOUNTPOINT_REASON_SIZE])
{
    int cache, place = open(mountpoint->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    struct stat models, target, st;
    char *resolved = NULL;
    bool exact;
    int r = 0;

    cache = open_nearest(path, &resolved, &exact);
    reason[0] = '\0';
    /* What cannot be looked at is nothing that a cache can be made in. */
    if (cache < 0 || place < 0 || fstat(place, &target) != 0 || fstat(cache, &st) != 0 ||
        fstat(mountpoint->models, &models) != 0)
        goto out;
    r = -EINVAL;
    if (lies_in(cache, resolved, &target, mountpoint->path))
        (void)snprintf(reason, MOUNTPOINT_REASON_SIZE, "the cache '%.200s' is inside MOUNTPOINT",
                       path);
    else if (lies_in(cache, resolved, &models, mountpoint->models_path))
        (void)snprintf(reason, MOUNTPOINT_REASON_SIZE,
                       "the cache '%.200s' is inside MODELS, where nothing is ever written", path);
    else if (exact && lies_in(place, mountpoint->path, &st, resolved))
        (void)snprintf(reason, MOUNTPOINT_REASON_SIZE, "MOUNTPOINT is inside the cache '%.200s'",
                       path);
    else
        r = 0;
out:
    if (cache >= 0)
        (void)close(cache);
    if (place >= 0)
        (void)close(place);
    free(resolved);
    return r;
}

int mountpoint_check_beside(const struct mountpoint *mountpoint, const char *what, int fd,
                            const char *path, char reason[MOUNTPOINT_REASON_SIZE])
{
    int place = open(mountpoint->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    char *resolved = realpath(path, NULL);
    struct stat target, st;
    int r = place < 0 || !resolved ? -errno : 0;

    reason[0] = '\0';
    if (r == 0 && (fstat(place, &target) != 0 || fstat(fd, &st) != 0))
        r = -errno;
    if (r < 0) {
        (void)snprintf(reason, MOUNTPOINT_REASON_SIZE, "%s '%.200s': %s", what, path, strerror(-r));
    } else if (lies_in(fd, resolved, &target, mountpoint->path)) {
        (void)snprintf(reason, MOUNTPOINT_REASON_SIZE, "%s '%.200s' is inside MOUNTPOINT", what,
                       path);
        r = -EINVAL;
    } else if (lies_in(place, mountpoint->path, &st, resolved)) {
        (void)snprintf(reason, MOUNTPOINT_REASON_SIZE, "MOUNTPOINT is inside %s '%.200s'", what,
                       path);
        r = -EINVAL;
    }
    if (place >= 0)
        (void)close(place);
    free(resolved);
    return r;
}

void mountpoint_close(struct mountpoint *mountpoint)
{
    if (mountpoint->models >= 0)
        (void)close(mountpoint->models);
    free(mountpoint->models_path);
    free(mountpoint->path);
    *mountpoint = (struct mountpoint){.models = -1};
}
