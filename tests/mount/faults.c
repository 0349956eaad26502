/*
 * Loaded before a program (LD_PRELOAD): calls of the system that concern files below $FAULT_DIR
 * fail at random, or do less than they were asked for, as long as there is a file $FAULT_ON. One in
 * $FAULT_ONE_IN does. $FAULT_SEED is where chance begins; at the end the count of faults is added
 * to the file $FAULT_COUNT.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

static unsigned long faults, calls;

#define REAL(name) __typeof__(name) *real = (__typeof__(name) *)(uintptr_t)dlsym(RTLD_NEXT, #name)

static unsigned draw(void)
{
    uint64_t n =
        __atomic_add_fetch(&calls, 1, __ATOMIC_RELAXED) + strtoull(getenv("FAULT_SEED"), NULL, 0);

    n = (n ^ n >> 31) * 0x9e3779b97f4a7c15u;
    n = (n ^ n >> 27) * 0x94d049bb133111ebu;
    return (unsigned)(n >> 33);
}

static bool concerns(int fd)
{
    const char *directory = getenv("FAULT_DIR");
    char link[32], path[PATH_MAX];
    ssize_t length;

    (void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    length = readlink(link, path, sizeof(path) - 1);
    if (length <= 0)
        return false;
    path[length] = '\0';
    return strncmp(path, directory, strlen(directory)) == 0;
}

static bool fails(int fd)
{
    int before = errno;
    bool r = concerns(fd) && draw() % (unsigned)atoi(getenv("FAULT_ONE_IN")) == 0 &&
             access(getenv("FAULT_ON"), F_OK) == 0;

    errno = before;
    if (r)
        (void)__atomic_add_fetch(&faults, 1, __ATOMIC_RELAXED);
    return r;
}

static int fail_with(const int *errors, size_t count)
{
    errno = errors[draw() % count];
    return -1;
}

#define FAIL(...)                                                                                  \
    fail_with((const int[]){__VA_ARGS__}, sizeof((const int[]){__VA_ARGS__}) / sizeof(int))
#define FAIL_READ() FAIL(EIO, EINTR, ENOMEM, EAGAIN, EBADF)
#define FAIL_WRITE() FAIL(ENOSPC, EIO, EDQUOT, EINTR, EROFS, EINVAL)

ssize_t pread64(int fd, void *data, size_t size, off64_t offset)
{
    REAL(pread64);

    if (!fails(fd))
        return real(fd, data, size, offset);
    return draw() % 2 ? FAIL_READ() : real(fd, data, size - size / 2, offset);
}

ssize_t preadv64v2(int fd, const struct iovec *iov, int count, off64_t offset, int flags)
{
    REAL(preadv64v2);

    return fails(fd) ? FAIL_READ() : real(fd, iov, count, offset, flags);
}

ssize_t write(int fd, const void *data, size_t size)
{
    REAL(write);

    if (!fails(fd))
        return real(fd, data, size);
    return draw() % 2 ? FAIL_WRITE() : real(fd, data, size - size / 2);
}

ssize_t writev(int fd, const struct iovec *iov, int count)
{
    REAL(writev);

    if (!fails(fd))
        return real(fd, iov, count);
    return draw() % 2 ? FAIL_WRITE() : real(fd, iov, count - count / 2);
}

int openat64(int directory, const char *path, int flags, ...)
{
    REAL(openat64);
    va_list arguments;
    mode_t mode;

    va_start(arguments, flags);
    mode = va_arg(arguments, mode_t);
    va_end(arguments);
    if (directory >= 0 && *path != '/' && fails(directory))
        return FAIL(EMFILE, ENFILE, EACCES, EIO, ENOENT, ENOMEM, ENOSPC, EROFS, ELOOP, EINTR);
    return real(directory, path, flags, mode);
}

int renameat(int from, const char *old, int to, const char *new)
{
    REAL(renameat);

    return fails(from) ? FAIL_WRITE() : real(from, old, to, new);
}

int unlinkat(int directory, const char *path, int flags)
{
    REAL(unlinkat);

    return fails(directory) ? FAIL(EIO, EACCES, EBUSY) : real(directory, path, flags);
}

int futimens(int fd, const struct timespec times[2])
{
    REAL(futimens);

    return fails(fd) ? FAIL(EPERM, EROFS) : real(fd, times);
}

int fstatvfs64(int fd, struct statvfs64 *st)
{
    REAL(fstatvfs64);

    return fails(fd) ? FAIL(EIO, EINTR) : real(fd, st);
}

int fstat64(int fd, struct stat64 *st)
{
    REAL(fstat64);

    return fails(fd) ? FAIL(EIO, ENOMEM) : real(fd, st);
}

__attribute__((destructor)) static void report(void)
{
    FILE *file = fopen(getenv("FAULT_COUNT"), "a");

    if (file) {
        (void)fprintf(file, "%lu\n", faults);
        (void)fclose(file);
    }
}
