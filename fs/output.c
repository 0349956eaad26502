#include "fs/output.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define LINKS_MAX 40 /* symlinks followed, as the kernel does */
#define NAME_TRIES 100

enum output_kind {
    OUTPUT_EXISTING, /* a regular file that was there: same inode */
    OUTPUT_THROUGH,  /* a FIFO, a terminal, a device */
    OUTPUT_UNNAMED,  /* O_TMPFILE */
    OUTPUT_NAMED,    /* the same where that cannot be had: a temporary name */
};

struct file {
    enum output_kind kind;
    bool through; /* OUTPUT_THROUGH, known before it is opened */
    bool touched; /* OUTPUT_EXISTING: cut to nothing */
    bool named;   /* a new one has its name */
    int fd;
    struct stat st;
    char *path;      /* with symlinks resolved where the file is new */
    char *directory; /* of path */
    char *temporary; /* OUTPUT_NAMED */
};

struct output {
    struct file *files;
    size_t count;
    pthread_mutex_t mutex;
    pthread_cond_t idle; /* nobody writes any more */
    /* under mutex, as are the files' states */
    bool finished;
    bool leaving;     /* the watcher is to end */
    bool ending;      /* what was written is being undone: nothing is written any more */
    unsigned writers; /* not of OUTPUT_THROUGH: such a write may last, and cannot be undone */
    bool watching;
    pthread_t watcher;
    sigset_t signals; /* those that were not ignored */
    sigset_t before;
};

static char *directory_of(const char *path)
{
    const char *slash = strrchr(path, '/');

    if (!slash)
        return strdup(".");
    return strndup(path, slash == path ? 1 : (size_t)(slash - path));
}

static void undo(struct output *output)
{
    for (size_t i = 0; i < output->count && !output->finished; i++) {
        const struct file *file = &output->files[i];

        if (file->touched)
            (void)!ftruncate(file->fd, 0);
        if (file->named)
            (void)unlink(file->path);
        else if (file->temporary)
            (void)unlink(file->temporary);
    }
}

static void *watch(void *argument)
{
    struct output *output = argument;
    int sig;

    if (sigwait(&output->signals, &sig) != 0)
        return NULL;
    pthread_mutex_lock(&output->mutex);
    if (output->leaving) {
        pthread_mutex_unlock(&output->mutex);
        if (sig != SIGUSR2) /* came just then: for whoever unblocks it */
            (void)kill(getpid(), sig);
        return NULL;
    }
    output->ending = true;
    while (output->writers > 0)
        pthread_cond_wait(&output->idle, &output->mutex);
    undo(output);
    (void)signal(sig, SIG_DFL);
    (void)pthread_sigmask(SIG_UNBLOCK, &output->signals, NULL);
    (void)raise(sig);
    _exit(128 + sig);
}

/* The signals go to a thread that waits for them: it may take a lock, a handler may not. SIGUSR2 is
 * also what wakes it at the end: pthread_cancel() loads a library, for which there may be no
 * descriptor left. */
static int watch_start(struct output *output)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
    struct sigaction action;
    int r;

    sigemptyset(&output->signals);
    sigaddset(&output->signals, SIGUSR2);
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        /* nohup and shells ignore signals for us */
        if (sigaction(numbers[i], NULL, &action) == 0 && action.sa_handler != SIG_IGN)
            sigaddset(&output->signals, numbers[i]);
    }
    r = pthread_sigmask(SIG_BLOCK, &output->signals, &output->before);
    if (r != 0)
        return -r;
    r = pthread_create(&output->watcher, NULL, watch, output);
    if (r != 0) {
        (void)pthread_sigmask(SIG_SETMASK, &output->before, NULL);
        return -r;
    }
    output->watching = true;
    return 0;
}

/* Where a file that does not exist yet would be made: a symlink that leads nowhere names it. */
static int resolve(const char *path, char **resolved)
{
    char target[4096];
    char *now = strdup(path);

    for (int links = 0; now; links++) {
        ssize_t length = readlink(now, target, sizeof(target) - 1);
        char *next = NULL, *directory;

        if (length < 0) {
            *resolved = now;
            return 0;
        }
        if (links == LINKS_MAX || (size_t)length >= sizeof(target) - 1) {
            free(now);
            return -ELOOP;
        }
        target[length] = '\0';
        directory = directory_of(now);
        if (target[0] == '/')
            next = strdup(target);
        else if (directory && asprintf(&next, "%s/%s", directory, target) < 0)
            next = NULL;
        free(directory);
        free(now);
        now = next;
    }
    return -ENOMEM;
}

/* A name beside `path` that nobody has. */
static char *random_name(const struct file *file)
{
    uint64_t number;
    char *name;

    if (getrandom(&number, sizeof(number), 0) != (ssize_t)sizeof(number))
        return NULL;
    if (asprintf(&name, "%s/.quantfs-%016llx.tmp", file->directory, (unsigned long long)number) < 0)
        return NULL;
    return name;
}

static int open_named(struct file *file)
{
    for (int i = 0; i < NAME_TRIES; i++) {
        char *name = random_name(file);

        if (!name)
            return -ENOMEM;
        file->fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (file->fd >= 0) {
            file->kind = OUTPUT_NAMED;
            file->temporary = name;
            return 0;
        }
        free(name);
        if (errno != EEXIST)
            return -errno;
    }
    return -EEXIST;
}

static int open_new(struct file *file, const char *path)
{
    int r = resolve(path, &file->path);

    if (r < 0)
        return r;
    file->directory = directory_of(file->path);
    if (!file->directory)
        return -ENOMEM;
    file->kind = OUTPUT_UNNAMED;
    file->fd = open(file->directory, O_WRONLY | O_TMPFILE | O_CLOEXEC, 0666);
    if (file->fd >= 0) {
        char proc[64];

        (void)snprintf(proc, sizeof(proc), "/proc/self/fd/%d", file->fd);
        if (access(proc, F_OK) == 0)
            return 0;
        (void)close(file->fd); /* without /proc it could never get a name */
        file->fd = -1;
    } else if (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL) {
        return -errno;
    }
    return open_named(file);
}

static bool is_of_source(const struct stat *st, const struct source *source)
{
    struct version version = version_of(st);

    for (unsigned i = 0; i < source_file_count(source); i++) {
        const struct version *input = source_file_version(source, i);

        if (input->device == version.device && input->inode == version.inode)
            return true;
    }
    return false;
}

static int open_file(struct file *file, const char *path, const struct source *source)
{
    struct stat st;

    if (path[0] == '\0')
        return -ENOENT;
    if (stat(path, &st) < 0)
        return errno == ENOENT && path[strlen(path) - 1] != '/' ? open_new(file, path) : -errno;
    if (S_ISDIR(st.st_mode))
        return -EISDIR;
    if (is_of_source(&st, source))
        return -ETXTBSY;
    file->path = strdup(path);
    if (!file->path)
        return -ENOMEM;
    /* A FIFO waits here for its reader: the watcher is there already. */
    file->kind = S_ISREG(st.st_mode) ? OUTPUT_EXISTING : OUTPUT_THROUGH;
    file->fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
    return file->fd < 0 ? -errno : 0;
}

static int open_checked(struct file *file, const char *path, const struct source *source)
{
    int r = open_file(file, path, source);

    if (r < 0)
        return r;
    /* Once more by descriptor: the name may have moved meanwhile. */
    if (fstat(file->fd, &file->st) < 0)
        return -errno;
    if (is_of_source(&file->st, source))
        return -ETXTBSY;
    return S_ISREG(file->st.st_mode) == file->through ? -EAGAIN : 0;
}

/* All are opened before the first one is touched. */
static int open_files(struct output *output, const char *const *paths, const struct source *source,
                      size_t *failed)
{
    struct stat st;
    int r = 0;

    for (size_t i = 0; i < output->count && r == 0; i++) {
        struct file *file = &output->files[i];

        *failed = i;
        file->through = stat(paths[i], &st) == 0 && !S_ISREG(st.st_mode);
        if (!file->through)
            pthread_mutex_lock(&output->mutex);
        r = open_checked(file, paths[i], source);
        if (!file->through)
            pthread_mutex_unlock(&output->mutex);
    }
    for (size_t i = 0; i < output->count && r == 0; i++) {
        struct file *file = &output->files[i];

        *failed = i;
        if (file->kind != OUTPUT_EXISTING)
            continue;
        pthread_mutex_lock(&output->mutex);
        file->touched = true;
        r = ftruncate(file->fd, 0) < 0 ? -errno : 0;
        pthread_mutex_unlock(&output->mutex);
    }
    return r;
}

int output_open(const char *const *paths, size_t count, const struct source *source,
                struct output **result, size_t *failed)
{
    struct output *output = calloc(1, sizeof(*output));
    int r;

    *failed = 0;
    if (output)
        output->files = calloc(count, sizeof(*output->files));
    if (!output || !output->files) {
        free(output);
        return -ENOMEM;
    }
    output->count = count;
    for (size_t i = 0; i < count; i++)
        output->files[i].fd = -1;
    (void)pthread_mutex_init(&output->mutex, NULL);
    (void)pthread_cond_init(&output->idle, NULL);
    r = watch_start(output);
    if (r == 0)
        r = open_files(output, paths, source, failed);
    if (r < 0) {
        output_free(output);
        return r;
    }
    *result = output;
    return 0;
}

/* Bytes that were written leave the array. */
static int skip_written(struct iovec **iov, int count, size_t n)
{
    for (; count > 0 && n >= (*iov)->iov_len; (*iov)++, count--)
        n -= (*iov)->iov_len;
    if (count > 0) {
        (*iov)->iov_base = (char *)(*iov)->iov_base + n;
        (*iov)->iov_len -= n;
    }
    return count;
}

/* `offset`: NULL: behind what was written last. */
static int write_all(int fd, struct iovec *iov, int count, const uint64_t *offset)
{
    uint64_t at = offset ? *offset : 0;

    while (count > 0) {
        ssize_t n = offset ? pwritev(fd, iov, count, (off_t)at) : writev(fd, iov, count);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        at += (uint64_t)n;
        count = skip_written(&iov, count, (size_t)n);
    }
    return 0;
}

/* Waits for the end of the process where that has begun. */
static void enter_write(struct output *output)
{
    pthread_mutex_lock(&output->mutex);
    while (output->ending)
        pthread_cond_wait(&output->idle, &output->mutex);
    output->writers++;
    pthread_mutex_unlock(&output->mutex);
}

static void leave_write(struct output *output)
{
    pthread_mutex_lock(&output->mutex);
    if (--output->writers == 0 && output->ending)
        pthread_cond_broadcast(&output->idle);
    pthread_mutex_unlock(&output->mutex);
}

static int write_file(struct output *output, size_t index, struct iovec *iov, int count,
                      const uint64_t *offset)
{
    const struct file *file = &output->files[index];
    int r;

    if (file->through)
        return write_all(file->fd, iov, count, offset);
    enter_write(output);
    r = write_all(file->fd, iov, count, offset);
    leave_write(output);
    return r;
}

int output_write(struct output *output, size_t index, struct iovec *iov, int count)
{
    return write_file(output, index, iov, count, NULL);
}

int output_write_at(struct output *output, size_t index, uint64_t offset, struct iovec *iov,
                    int count)
{
    return write_file(output, index, iov, count, &offset);
}

/* Not asked by lseek(), which some devices take that write one byte behind the other. */
bool output_anywhere(const struct output *output, size_t index)
{
    const struct stat *st = &output->files[index].st;

    return S_ISREG(st->st_mode) || S_ISBLK(st->st_mode) ||
           (S_ISCHR(st->st_mode) && st->st_rdev == makedev(1, 3)); /* /dev/null */
}

/* A name that somebody has given to another file meanwhile is taken over, as open(2) would. */
static int link_over(const struct file *file, const char *proc)
{
    char *name = random_name(file);
    int r = 0;

    if (!name)
        return -ENOMEM;
    if (linkat(AT_FDCWD, proc, AT_FDCWD, name, AT_SYMLINK_FOLLOW) < 0)
        r = -errno;
    else if (rename(name, file->path) < 0) {
        r = -errno;
        (void)unlink(name);
    }
    free(name);
    return r;
}

static int give_name(struct file *file)
{
    char proc[64];
    int r = 0;

    if (file->kind != OUTPUT_NAMED && file->kind != OUTPUT_UNNAMED)
        return 0;
    (void)snprintf(proc, sizeof(proc), "/proc/self/fd/%d", file->fd);
    if (file->kind == OUTPUT_NAMED)
        r = rename(file->temporary, file->path) < 0 ? -errno : 0;
    else if (linkat(AT_FDCWD, proc, AT_FDCWD, file->path, AT_SYMLINK_FOLLOW) < 0)
        r = errno == EEXIST ? link_over(file, proc) : -errno;
    file->named = r == 0;
    return r;
}

static int sync_directory(const char *directory)
{
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int r = fd < 0 || fsync(fd) < 0 ? -errno : 0;

    if (fd >= 0)
        (void)close(fd);
    return r;
}

/* Some filesystems tell only at close that the disk was full: ask a copy of the descriptor. */
static int check_written(const struct file *file)
{
    int fd = dup(file->fd);

    return fd < 0 || close(fd) < 0 ? -errno : 0;
}

int output_finish(struct output *output, bool sync)
{
    int r = 0;

    assert(!output->finished);
    for (size_t i = 0; i < output->count && sync; i++)
        if (output->files[i].kind != OUTPUT_THROUGH && fsync(output->files[i].fd) < 0)
            return -errno;
    pthread_mutex_lock(&output->mutex);
    for (size_t i = 0; i < output->count && r == 0; i++)
        r = check_written(&output->files[i]);
    for (size_t i = 0; i < output->count && r == 0; i++)
        r = give_name(&output->files[i]);
    if (r == 0)
        output->finished = true;
    pthread_mutex_unlock(&output->mutex);
    for (size_t i = 0; i < output->count && r == 0 && sync; i++)
        if (output->files[i].directory)
            r = sync_directory(output->files[i].directory);
    return r;
}

static void watch_end(struct output *output)
{
    pthread_mutex_lock(&output->mutex);
    output->leaving = !output->ending; /* else it ends the process, and never comes back */
    pthread_mutex_unlock(&output->mutex);
    (void)pthread_kill(output->watcher, SIGUSR2);
    (void)pthread_join(output->watcher, NULL);
}

void output_free(struct output *output)
{
    if (!output)
        return;
    if (output->watching)
        watch_end(output);
    undo(output);
    if (output->watching)
        (void)pthread_sigmask(SIG_SETMASK, &output->before, NULL);
    for (size_t i = 0; i < output->count; i++) {
        struct file *file = &output->files[i];

        if (file->fd >= 0)
            (void)close(file->fd);
        free(file->path);
        free(file->directory);
        free(file->temporary);
    }
    (void)pthread_cond_destroy(&output->idle);
    (void)pthread_mutex_destroy(&output->mutex);
    free(output->files);
    free(output);
}

const struct stat *output_stat(const struct output *output, size_t index)
{
    return &output->files[index].st;
}
