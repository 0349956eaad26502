#include "quant/input.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What may change with the ctime and explains that it did. */
struct state {
    struct timespec ctime;
    mode_t mode;
    uid_t uid;
    gid_t gid;
    nlink_t links;
    uint64_t place;    /* a hash of name and directory; 0: the system does not tell */
    uint64_t revision; /* how often this was replaced */
};

struct input {
    int fd;
    struct version version;
    atomic_bool gone;      /* another version now: said once, it stays */
    pthread_mutex_t mutex; /* protects seen */
    struct state seen;     /* the last state that was explained */
};

/*
 * What a rename of the file itself changes: its name and its directory. Not the path, which also
 * changes with a directory further up, without a trace in the file's ctime. FNV-1a: a collision
 * would make a renamed file stale, nothing worse.
 */
static uint64_t place_of(int fd)
{
    char link[32], path[PATH_MAX];
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    struct stat directory;
    char *name;
    ssize_t n;

    (void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    n = readlink(link, path, sizeof(path) - 1);
    if (n <= 0)
        return 0;
    path[n] = '\0';
    name = strrchr(path, '/');
    if (!name)
        return 0;
    for (const char *at = name; *at; at++)
        hash = (hash ^ (uint8_t)*at) * UINT64_C(0x100000001b3);
    *(name == path ? name + 1 : name) = '\0';
    if (stat(path, &directory) < 0)
        return 0;
    hash = (hash ^ (uint64_t)directory.st_ino) * UINT64_C(0x100000001b3);
    return (hash ^ (uint64_t)directory.st_dev) * UINT64_C(0x100000001b3) | 1;
}

static struct state state_of(const struct stat *st, uint64_t place)
{
    return (struct state){
        .ctime = st->st_ctim,
        .mode = st->st_mode,
        .uid = st->st_uid,
        .gid = st->st_gid,
        .links = st->st_nlink,
        .place = place,
    };
}

/* Does what else differs between two states account for the ctime? */
static bool explains(const struct state *a, const struct state *b)
{
    return a->mode != b->mode || a->uid != b->uid || a->gid != b->gid || a->links != b->links ||
           (a->place != b->place && a->place != 0 && b->place != 0);
}

static struct state seen_by(struct input *input)
{
    struct state seen;

    pthread_mutex_lock(&input->mutex);
    seen = input->seen;
    pthread_mutex_unlock(&input->mutex);
    return seen;
}

/* Replaces the state `seen` by `now`, its successor, unless another thread has put one there. */
static bool see(struct input *input, const struct state *seen, const struct state *now)
{
    bool mine;

    pthread_mutex_lock(&input->mutex);
    mine = input->seen.revision == seen->revision;
    if (mine)
        input->seen = *now;
    pthread_mutex_unlock(&input->mutex);
    return mine;
}

static int look_unchanged(struct input *input)
{
    struct state seen, now;
    struct stat st, after;
    uint64_t place;
    bool stable;

    /* Each turn but the last means that somebody changed the file's name or mode just then. */
    for (int turns = 0, waits = 0; turns < 1000; turns++) {
        seen = seen_by(input);
        if (fstat(input->fd, &st) < 0 || (uint64_t)st.st_size != input->version.size ||
            !times_equal(st.st_mtim, input->version.mtime))
            return -ESTALE;
        if (times_equal(st.st_ctim, seen.ctime))
            return 0;
        place = place_of(input->fd);
        stable = fstat(input->fd, &after) == 0 && times_equal(st.st_ctim, after.st_ctim);
        now = state_of(&st, stable ? place : seen.place); /* else it may be newer than the rest */
        now.revision = seen.revision + 1;
        if (explains(&seen, &now)) {
            if (see(input, &seen, &now))
                return 0;
        } else if (stable && seen_by(input).revision == seen.revision) {
            /* A rename sets the ctime before the path that we are told. */
            if (waits++ == 20)
                return -ESTALE;
            (void)nanosleep(&(struct timespec){.tv_nsec = 250000}, NULL);
        }
    }
    return -ESTALE;
}

int input_unchanged(struct input *input)
{
    int r;

    /* For good: what a later change would explain cannot undo the one that was not. */
    if (atomic_load(&input->gone))
        return -ESTALE;
    r = look_unchanged(input);
    if (r < 0)
        atomic_store(&input->gone, true);
    return r;
}

int input_read(const struct input *input, uint64_t offset, void *data, size_t size)
{
    uint8_t *out = data;
    uint64_t end;
    ssize_t n;

    if (__builtin_add_overflow(offset, size, &end) || end > INT64_MAX)
        return -EIO;
    while (size > 0) {
        n = pread(input->fd, out, size, (off_t)offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return -EIO;
        out += n;
        offset += (uint64_t)n;
        size -= (size_t)n;
    }
    return 0;
}

int input_new(int fd, struct input **out)
{
    struct input *input = calloc(1, sizeof(*input));
    struct stat st;
    int r = input ? -pthread_mutex_init(&input->mutex, NULL) : -ENOMEM;

    if (r < 0) {
        free(input);
        (void)close(fd);
        return r;
    }
    input->fd = fd;
    if (fstat(fd, &st) < 0)
        r = -errno;
    else if (!S_ISREG(st.st_mode))
        r = -EISDIR;
    if (r < 0) {
        input_free(input);
        return r;
    }
    input->version = version_of(&st);
    input->seen = state_of(&st, place_of(fd));
    *out = input;
    return 0;
}

void input_free(struct input *input)
{
    if (!input)
        return;
    (void)close(input->fd);
    (void)pthread_mutex_destroy(&input->mutex);
    free(input);
}

int input_settled(const struct input *input)
{
    struct version version;
    struct stat st;

    if (fstat(input->fd, &st) < 0)
        return -errno;
    version = version_of(&st);
    return version_equal(&version, &input->version) ? 0 : -EAGAIN;
}

const struct version *input_version(const struct input *input)
{
    return &input->version;
}

int input_descriptor(const struct input *input)
{
    return input->fd;
}
