#include "cache/place.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define TAG "CACHEDIR.TAG"

/* The first line is the standard's (bford.info/cachedir). */
static const char tag_text[] = "Signature: 8a477f597d28d172789f06886806bc55\n"
                               "# This directory is the cache of quantfs. It may be deleted at any "
                               "time.\n";

static const char *const directories[] = {"tmp", "counters", "0", "1", "2", "3", "4", "5", "6",
                                          "7",   "8",        "9", "a", "b", "c", "d", "e", "f"};

#define DIRECTORIES (sizeof(directories) / sizeof(directories[0]))

static int refuse(int r, char *reason, const char *text)
{
    (void)snprintf(reason, PLACE_REASON_SIZE, "%s", text);
    return r;
}

static int refuse_error(int r, char *reason)
{
    char buffer[PLACE_REASON_SIZE];

    return refuse(r, reason, strerror_r(-r, buffer, sizeof(buffer)));
}

int place_default(char **path)
{
    const char *base = getenv("XDG_CACHE_HOME"), *middle = "";

    if (!base || base[0] != '/') {
        base = getenv("HOME");
        middle = "/.cache";
    }
    if (!base || base[0] != '/')
        return -ENOENT;
    return asprintf(path, "%s%s/quantfs", base, middle) < 0 ? -ENOMEM : 0;
}

static int make_parents(const char *path)
{
    char *copy = strdup(path);
    int r = 0;

    if (!copy)
        return -ENOMEM;
    for (char *at = strchr(copy + 1, '/'); r == 0 && at; at = strchr(at + 1, '/')) {
        *at = '\0';
        if (mkdir(copy, 0700) < 0 && errno != EEXIST)
            r = -errno;
        *at = '/';
    }
    free(copy);
    return r;
}

/* The user's own directory, in which nobody else can put anything. */
static int check_directory(const struct stat *st, char *reason)
{
    if (!S_ISDIR(st->st_mode))
        return refuse(-ENOTDIR, reason, "not a directory");
    if (st->st_uid != geteuid())
        return refuse(-EPERM, reason, "belongs to another user");
    if ((st->st_mode & 022) != 0) {
        (void)snprintf(reason, PLACE_REASON_SIZE, "others may write to it (mode %04o)",
                       (unsigned)st->st_mode & 07777);
        return -EPERM;
    }
    return 0;
}

static bool is_ours(const char *name)
{
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strcmp(name, "secret") == 0 ||
        strcmp(name, TAG) == 0 || strcmp(name, "lost+found") == 0)
        return true;
    for (size_t i = 0; i < DIRECTORIES; i++)
        if (strcmp(name, directories[i]) == 0)
            return true;
    return false;
}

/* 1: the tag is there. 0: it is not, or another process is writing it this moment. */
static int check_tag(int fd, char *reason)
{
    char text[sizeof(tag_text)];
    ssize_t size;
    int tag = openat(fd, TAG, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

    if (tag < 0)
        return errno == ENOENT ? 0 : refuse(-EPERM, reason, TAG " in it cannot be read");
    size = read(tag, text, sizeof(text));
    (void)close(tag);
    if (size < 0 || size >= (ssize_t)sizeof(text) || memcmp(text, tag_text, (size_t)size) != 0)
        return refuse(-ENOTEMPTY, reason, "it is the cache of something else");
    return size == sizeof(tag_text) - 1;
}

/* Nothing is ever put into, or removed from, a directory that is something else. */
static int check_content(int fd, char *reason)
{
    struct dirent *entry;
    DIR *stream;
    int copy, r = check_tag(fd, reason);

    if (r != 0)
        return r < 0 ? r : 0;
    copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (copy < 0)
        return refuse(-errno, reason, "cannot be read");
    stream = fdopendir(copy);
    if (!stream) {
        (void)close(copy);
        return refuse(-ENOMEM, reason, "cannot be read");
    }
    while (r == 0 && (entry = readdir(stream)))
        if (!is_ours(entry->d_name))
            r = refuse(-ENOTEMPTY, reason, "not empty, and not a cache of quantfs");
    (void)closedir(stream);
    return r;
}

static void make_tag(int fd)
{
    int tag = openat(fd, TAG, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (tag < 0)
        return;
    if (write(tag, tag_text, sizeof(tag_text) - 1) != (ssize_t)sizeof(tag_text) - 1)
        (void)unlinkat(fd, TAG, 0);
    (void)close(tag);
}

/* A cache that is complete may be read where nothing can be made. */
static int make_content(int fd, char *reason)
{
    struct stat st;
    int r = 0;

    for (size_t i = 0; r == 0 && i < DIRECTORIES; i++) {
        if (mkdirat(fd, directories[i], 0700) < 0 && errno != EEXIST && errno != EROFS &&
            errno != EACCES)
            return refuse_error(-errno, reason);
        if (fstatat(fd, directories[i], &st, AT_SYMLINK_NOFOLLOW) < 0)
            return refuse(-errno, reason, "cannot be written, and lacks what a cache has");
        r = check_directory(&st, reason);
    }
    if (r == 0)
        make_tag(fd);
    return r;
}

/* The descriptor of the directory at `path`, checked and complete. */
static int open_checked(const char *path, bool make, char *reason)
{
    struct stat st;
    int fd, r;

    if (make && mkdir(path, 0700) < 0 && errno != EEXIST)
        return refuse_error(-errno, reason);
    fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return refuse_error(-errno, reason);
    r = fstat(fd, &st) < 0 ? refuse(-errno, reason, "cannot be read")
                           : check_directory(&st, reason);
    if (r == 0)
        r = check_content(fd, reason);
    if (r == 0 && !make && faccessat(fd, "secret", F_OK, AT_SYMLINK_NOFOLLOW) < 0)
        r = refuse(-ENOENT, reason, "not a cache of quantfs");
    if (r == 0)
        r = make_content(fd, reason);
    if (r < 0) {
        (void)close(fd);
        return r;
    }
    return fd;
}

int place_open(const char *path, bool make, bool parents, struct place *place,
               char reason[PLACE_REASON_SIZE])
{
    int r = 0;

    *place = (struct place){.fd = -1};
    reason[0] = '\0';
    if (make && parents)
        r = make_parents(path);
    if (r < 0)
        return refuse(r, reason, "the directories above it cannot be made");
    r = open_checked(path, make, reason);
    if (r < 0)
        return r;
    place->fd = r;
    /* The process may change its directory; the path is needed again if this one vanishes. */
    place->path = realpath(path, NULL);
    if (!place->path) {
        place_close(place);
        return refuse(-ENOMEM, reason, "its path cannot be resolved");
    }
    return 0;
}

void place_close(struct place *place)
{
    if (place->fd >= 0)
        (void)close(place->fd);
    place->fd = -1;
    free(place->path);
    place->path = NULL;
}

int place_repair(struct place *place, const struct key *key)
{
    char reason[PLACE_REASON_SIZE];
    struct stat st;
    int fd, r;

    /* Still linked: only something in it is missing. */
    if (fstat(place->fd, &st) == 0 && st.st_nlink > 0) {
        r = make_content(place->fd, reason);
        return r < 0 ? r : key_adopt(place->fd, key);
    }
    fd = open_checked(place->path, true, reason);
    if (fd < 0)
        return fd;
    r = key_adopt(fd, key);
    /* Others use the descriptor meanwhile: its number stays. */
    if (r == 0 && dup3(fd, place->fd, O_CLOEXEC) < 0)
        r = -errno;
    (void)close(fd);
    return r;
}

void place_file(const struct name *name, char path[PLACE_PATH_SIZE])
{
    name_format(name, path + 2);
    path[0] = path[2];
    path[1] = '/';
}

int place_space(const struct place *place, uint64_t *total, uint64_t *available)
{
    struct statvfs space;

    if (fstatvfs(place->fd, &space) < 0)
        return -errno;
    if (__builtin_mul_overflow((uint64_t)space.f_blocks, (uint64_t)space.f_frsize, total) ||
        __builtin_mul_overflow((uint64_t)space.f_bavail, (uint64_t)space.f_frsize, available))
        return -EOVERFLOW;
    return 0;
}
