#include "fs/root.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* As the kernel counts them. */
#define LINKS_MAX 40

/* -EAGAIN: something was renamed while the kernel walked. */
#define RETRIES_MAX 16

int root_join(const char *directory, const char *name, char *path, size_t size)
{
    int length = snprintf(path, size, "%s%s%s", directory, *directory ? "/" : "", name);

    return length >= 0 && (size_t)length < size ? 0 : -ENAMETOOLONG;
}

static int open_beneath(int directory, const char *path, int flags, uint64_t resolve)
{
    struct open_how how = {
        .flags = (uint64_t)flags | O_CLOEXEC,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | resolve,
    };
    long fd = -1;

    for (unsigned i = 0; i < RETRIES_MAX; i++) {
        fd = syscall(SYS_openat2, directory, *path ? path : ".", &how, sizeof(how));
        if (fd >= 0 || (errno != EAGAIN && errno != EINTR))
            break;
    }
    return fd < 0 ? -errno : (int)fd;
}

static bool is_mount(const struct root *root, dev_t device)
{
    return device != 0 && device == (dev_t)atomic_load(&root->device);
}

/* The state behind a descriptor; closes it and returns -errno if that is not to be had. */
static int stat_opened(const struct root *root, int fd, struct stat *st)
{
    int r = 0;

    if (fd < 0)
        return fd;
    if (fstat(fd, st) < 0)
        r = -errno;
    else if (is_mount(root, st->st_dev))
        r = -ELOOP;
    if (r < 0)
        (void)close(fd);
    return r < 0 ? r : fd;
}

/* Directories on the way have been ones when the path was made. (O_PATH with O_NOFOLLOW opens a
 * symlink; so one that is in the way is not the last part.) */
static int stale_way(int r)
{
    return r == -ELOOP || r == -ENOTDIR ? -ESTALE : r;
}

/* An entry, not followed, as an O_PATH descriptor. Returns it, with *st. */
static int open_entry(const struct root *root, const char *path, struct stat *st)
{
    int fd = open_beneath(root->fd, path, O_PATH | O_NOFOLLOW, RESOLVE_NO_SYMLINKS);

    return stat_opened(root, stale_way(fd), st);
}

int root_stat(const struct root *root, const char *path, struct stat *st)
{
    int fd = open_entry(root, path, st);

    if (fd < 0)
        return fd;
    (void)close(fd);
    return 0;
}

int root_open_directory(const struct root *root, const char *path, int flags)
{
    struct stat st;
    int fd = open_beneath(root->fd, path, flags | O_DIRECTORY, RESOLVE_NO_SYMLINKS);

    return stat_opened(root, stale_way(fd), &st);
}

int root_read_link(const struct root *root, const char *path, char *target, size_t size)
{
    struct stat st;
    ssize_t length;
    int fd = open_entry(root, path, &st);

    if (fd < 0)
        return fd;
    length = readlinkat(fd, "", target, size - 1);
    if (length < 0)
        length = -errno;
    else
        target[length] = '\0';
    (void)close(fd);
    return (int)length;
}

/* Without asking the filesystem: it may be the mount, and wait for our answer to the lookup that
 * made us come here. */
static int check_step(const struct root *root, int fd, struct statx *sx)
{
    const unsigned wanted = STATX_TYPE | STATX_MODE | STATX_UID | STATX_GID | STATX_INO;

    if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, wanted, sx) < 0)
        return -errno;
    return is_mount(root, makedev(sx->stx_dev_major, sx->stx_dev_minor)) ? -ELOOP : 0;
}

struct walk {
    int at; /* where we stand */
    unsigned links;
    /* For root_way(); NULL: nobody asks. */
    const struct stat *file;
    unsigned depth;      /* directories below the root */
    unsigned seen;       /* the first of them stand in the path as it is in the mount, too */
    mode_t mode;         /* what the others leave */
    char rest[PATH_MAX]; /* what is still to go */
};

/*
 * What a directory behind a symlink leaves of a file's bits. Who is not its owner may be of its
 * group or not, so both must be let in, unless it is known which. Its owner could let himself in.
 */
static mode_t left_by(const struct statx *directory, const struct stat *file)
{
    bool group = directory->stx_mode & S_IXGRP;
    bool every = group && (directory->stx_mode & S_IXOTH);
    mode_t mode = every ? S_IROTH : 0;

    if (every || (group && directory->stx_gid == file->st_gid))
        mode |= S_IRGRP;
    if (every || directory->stx_uid == file->st_uid)
        mode |= S_IRUSR;
    return mode;
}

/* A part of the path that is no symlink. */
static int walk_note(struct walk *walk, const char *name, const struct statx *sx)
{
    if (!walk->file || strcmp(name, ".") == 0)
        return 0;
    if (strcmp(name, "..") == 0) {
        if (walk->depth == 0)
            return -EXDEV;
        walk->depth--;
        if (walk->seen > walk->depth)
            walk->seen = walk->depth;
        return 0;
    }
    walk->depth++;
    if (walk->links == 0)
        walk->seen = walk->depth;
    else if (S_ISDIR(sx->stx_mode))
        walk->mode &= left_by(sx, walk->file);
    return 0;
}

static void walk_to(struct walk *walk, int fd)
{
    (void)close(walk->at);
    walk->at = fd;
}

/* The symlink `fd` stands before the rest. */
static int walk_link(struct walk *walk, int fd)
{
    char target[PATH_MAX], whole[2 * PATH_MAX];
    ssize_t length = readlinkat(fd, "", target, sizeof(target) - 1);
    int top;

    if (length < 0)
        return -errno;
    target[length] = '\0';
    if (length == 0)
        return -ENOENT;
    if (++walk->links > LINKS_MAX)
        return -ELOOP;
    (void)snprintf(whole, sizeof(whole), "%s/%s", target, walk->rest);
    if (strlen(whole) >= sizeof(walk->rest))
        return -ENAMETOOLONG;
    memcpy(walk->rest, whole, strlen(whole) + 1);
    if (target[0] == '/') {
        if (walk->file)
            return -EXDEV;
        top = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (top < 0)
            return -errno;
        walk_to(walk, top);
    }
    return 0;
}

/* One part of the path. 1: there is none left. */
static int walk_step(const struct root *root, struct walk *walk)
{
    char *part = walk->rest + strspn(walk->rest, "/");
    size_t length = strcspn(part, "/");
    char name[NAME_MAX + 1];
    bool link = false;
    struct statx sx;
    int fd, r;

    if (length == 0)
        return 1;
    if (length >= sizeof(name))
        return -ENAMETOOLONG;
    memcpy(name, part, length);
    name[length] = '\0';
    memmove(walk->rest, part + length, strlen(part + length) + 1);
    fd = openat(walk->at, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    r = check_step(root, fd, &sx);
    if (r == 0) {
        link = S_ISLNK(sx.stx_mode);
        r = link ? walk_link(walk, fd) : walk_note(walk, name, &sx);
    }
    if (r < 0 || link)
        (void)close(fd);
    else
        walk_to(walk, fd);
    return r;
}

/*
 * Follows `path` step by step, wherever it leads but into the mount. The kernel could do it at
 * once, but a lookup in the mount for the very name that is being looked up would wait for itself,
 * beyond any signal.
 */
static int walk_path(const struct root *root, const char *path, struct walk *walk)
{
    int r = 0;

    if (strlen(path) >= sizeof(walk->rest))
        return -ENAMETOOLONG;
    memcpy(walk->rest, path, strlen(path) + 1);
    walk->at = openat(root->fd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (walk->at < 0)
        return -errno;
    while (r == 0)
        r = walk_step(root, walk);
    if (r < 0) {
        (void)close(walk->at);
        return r;
    }
    return walk->at;
}

int root_follow(const struct root *root, const char *path, struct stat *st)
{
    int fd = open_beneath(root->fd, path, O_PATH, 0);

    if (fd == -EXDEV && !root->beneath) {
        struct walk walk = {.at = -1};

        fd = walk_path(root, path, &walk);
    }
    return stat_opened(root, fd, st);
}

static bool same_file(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

int root_way(const struct root *root, const char *path, const struct stat *st, mode_t *mode)
{
    struct walk walk = {.at = -1, .file = st, .mode = S_IRUSR | S_IRGRP | S_IROTH};
    struct stat found;
    int fd;

    *mode = walk.mode;
    if (!root->beneath || (root_stat(root, path, &found) == 0 && same_file(&found, st)))
        return 0;
    fd = stat_opened(root, walk_path(root, path, &walk), &found);
    if (fd < 0)
        return fd;
    (void)close(fd);
    if (!same_file(&found, st))
        return -ESTALE;
    *mode = walk.mode;
    return 0;
}

int root_open(const struct root *root, const char *path, bool follow, struct stat *st)
{
    char self[40];
    int fd = -1;
    int at = follow ? root_follow(root, path, st) : open_entry(root, path, st);

    if (at < 0)
        return at;
    if (S_ISREG(st->st_mode)) {
        /* The very inode that was looked at: opening a device may do things. */
        (void)snprintf(self, sizeof(self), "/proc/self/fd/%d", at);
        fd = open(self, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        if (fd < 0)
            fd = -errno;
        else
            fd = stat_opened(root, fd, st);
    } else {
        fd = S_ISDIR(st->st_mode) ? -EISDIR : S_ISLNK(st->st_mode) ? -ELOOP : -ENXIO;
    }
    (void)close(at);
    return fd;
}
