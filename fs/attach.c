#include "fs/attach.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#define DEVICE "/dev/fuse"
#define HELPER "fusermount3"
#define WORDS_MAX 16384 /* bytes of options: a path twice as long when escaped, and words */

static const char container_hint[] =
    "in a container: --device " DEVICE " --cap-add SYS_ADMIN (and no AppArmor profile that forbids "
    "mounting)";

int attach_check(struct log *terminal)
{
    int fd = open(DEVICE, O_RDWR | O_CLOEXEC);
    int r = fd < 0 ? -errno : 0;
    struct stat st;

    if (r == 0 && (fstat(fd, &st) != 0 || !S_ISCHR(st.st_mode) || st.st_rdev != makedev(10, 229)))
        r = -ENODEV;
    if (fd >= 0)
        (void)close(fd);
    if (r == -ENOENT)
        log_line(terminal, LOG_LEVEL_ERROR,
                 "there is no " DEVICE ", so nothing can be mounted: modprobe fuse; %s",
                 container_hint);
    else if (r == -EACCES)
        log_line(terminal, LOG_LEVEL_ERROR,
                 "you may not open " DEVICE "; it should have mode 0666");
    else if (r < 0)
        log_line(terminal, LOG_LEVEL_ERROR, DEVICE " cannot be used: %s; modprobe fuse; %s",
                 strerror(-r), container_hint);
    return r;
}

/* ---- fusermount3 ---- */

/* The environment and NAME=VALUE; the array is the caller's, the texts are not. */
static char **with_variable(char *variable)
{
    size_t count = 0;
    char **copy;

    while (environ[count])
        count++;
    copy = calloc(count + 2, sizeof(*copy));
    if (copy) {
        memcpy(copy, environ, count * sizeof(*copy));
        copy[count] = variable;
    }
    return copy;
}

/* Starts fusermount3 with no signal blocked and, if it is not -1, with descriptor `socket`. */
static int spawn_helper(char *const argv[], int socket, pid_t *pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    char variable[64];
    char **variables = NULL;
    sigset_t none, ignored;
    int r;

    (void)sigemptyset(&none);
    (void)sigemptyset(&ignored);
    (void)sigaddset(&ignored, SIGPIPE);
    (void)sigaddset(&ignored, SIGXFSZ);
    (void)snprintf(variable, sizeof(variable), "_FUSE_COMMFD=%d", socket);
    r = posix_spawn_file_actions_init(&actions);
    if (r != 0)
        return -r;
    r = posix_spawnattr_init(&attributes);
    if (r != 0) {
        (void)posix_spawn_file_actions_destroy(&actions);
        return -r;
    }
    (void)posix_spawnattr_setsigmask(&attributes, &none);
    (void)posix_spawnattr_setsigdefault(&attributes, &ignored);
    r = posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    if (r == 0 && socket >= 0) /* onto itself: no longer closed on exec */
        r = posix_spawn_file_actions_adddup2(&actions, socket, socket);
    variables = with_variable(socket >= 0 ? variable : NULL);
    if (r == 0 && !variables)
        r = ENOMEM;
    if (r == 0)
        r = posix_spawnp(pid, HELPER, &actions, &attributes, argv, variables);
    free(variables);
    (void)posix_spawnattr_destroy(&attributes);
    (void)posix_spawn_file_actions_destroy(&actions);
    return -r;
}

/* 0 if it succeeded; -EPERM if it did not, and said why. */
static int wait_helper(pid_t pid)
{
    int status;

    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return -errno;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EPERM;
}

/* The descriptor that fusermount3 sends once it has mounted. */
static int receive_descriptor(int socket, int *fd)
{
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int))];
    } control;
    char byte;
    struct iovec iov = {.iov_base = &byte, .iov_len = 1};
    struct msghdr message = {.msg_iov = &iov,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof(control)};
    const struct cmsghdr *header;
    ssize_t n;

    do
        n = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
    while (n < 0 && errno == EINTR);
    header = n > 0 ? CMSG_FIRSTHDR(&message) : NULL;
    if (!header || header->cmsg_type != SCM_RIGHTS || header->cmsg_len != CMSG_LEN(sizeof(int)))
        return -EPERM;
    memcpy(fd, CMSG_DATA(header), sizeof(*fd));
    return 0;
}

/* Adds `text` with commas and backslashes escaped, as fusermount3 reads a value. */
static void append_escaped(char *words, size_t size, const char *text)
{
    size_t used = strlen(words);

    for (; *text && used + 3 < size; text++) {
        if (*text == ',' || *text == '\\')
            words[used++] = '\\';
        words[used++] = *text;
    }
    words[used] = '\0';
}

static int mount_by_helper(const struct attach *attach, struct log *terminal, int *fd)
{
    char words[WORDS_MAX], program[] = HELPER, option[] = "-o", end[] = "--";
    char *path = strdup(attach->path);
    char *argv[] = {program, option, words, end, path, NULL};
    int sockets[2] = {-1, -1}, r, status;
    pid_t pid;

    (void)snprintf(
        words, sizeof(words), "ro,nosuid,nodev,noatime%s%s%s%s%s,subtype=quantfs,fsname=",
        attach->noexec ? ",noexec" : "", attach->default_permissions ? ",default_permissions" : "",
        attach->allow_other ? ",allow_other" : "", attach->contexts ? "," : "",
        attach->contexts ? attach->contexts : "");
    append_escaped(words, sizeof(words), attach->source);
    r = path ? 0 : -ENOMEM;
    if (r == 0 && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) != 0)
        r = -errno;
    if (r == 0)
        r = spawn_helper(argv, sockets[1], &pid);
    if (r < 0) {
        log_line(terminal, LOG_LEVEL_ERROR, "cannot start " HELPER ": %s%s", strerror(-r),
                 r == -ENOENT ? " (it is in Debian's package fuse3)" : "");
        goto out;
    }
    (void)close(sockets[1]); /* or we would not see that it has ended */
    sockets[1] = -1;
    r = receive_descriptor(sockets[0], fd);
    status = wait_helper(pid);
    if (r == 0 && status < 0) {
        (void)close(*fd);
        r = status;
    }
    if (r < 0)
        log_line(terminal, LOG_LEVEL_ERROR, HELPER " did not mount on %s (why: above)%s%s",
                 attach->path, getuid() == 0 || attach->allow_other ? "; " : "",
                 getuid() == 0 ? container_hint
                 : attach->allow_other
                     ? "-o allow_other needs the line user_allow_other in /etc/fuse.conf"
                     : "");
out:
    if (sockets[0] >= 0)
        (void)close(sockets[0]);
    if (sockets[1] >= 0)
        (void)close(sockets[1]);
    free(path);
    return r;
}

/* ---- system calls ---- */

/* -EPERM: only fusermount3 may; there was no message. */
static int mount_by_ourselves(const struct attach *attach, struct log *terminal, int *fd)
{
    unsigned long flags = MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOATIME;
    char words[4096];
    int device, n, r = 0;

    device = open(DEVICE, O_RDWR | O_CLOEXEC);
    if (device < 0)
        return -EPERM;
    if (attach->noexec)
        flags |= MS_NOEXEC;
    n = snprintf(words, sizeof(words), "fd=%d,rootmode=%o,user_id=%u,group_id=%u%s%s%s%s", device,
                 (unsigned)S_IFDIR, (unsigned)getuid(), (unsigned)getgid(),
                 attach->default_permissions ? ",default_permissions" : "",
                 attach->allow_other ? ",allow_other" : "", attach->contexts ? "," : "",
                 attach->contexts ? attach->contexts : "");
    if (n < 0 || (size_t)n >= sizeof(words))
        r = -EINVAL;
    else if (mount(attach->source, attach->path, "fuse.quantfs", flags, words) != 0)
        r = -errno;
    if (r == 0) {
        *fd = device;
        return 0;
    }
    (void)close(device);
    if (r != -EPERM)
        log_line(terminal, LOG_LEVEL_ERROR, "cannot mount on %s: %s%s", attach->path, strerror(-r),
                 r == -ENODEV ? " (the kernel has no FUSE: modprobe fuse)" : "");
    return r;
}

int attach_mount(const struct attach *attach, struct log *terminal, int *fd)
{
    int r = mount_by_ourselves(attach, terminal, fd);

    return r == -EPERM ? mount_by_helper(attach, terminal, fd) : r;
}

int attach_detach(const char *path)
{
    char program[] = HELPER, unmount[] = "-uz", end[] = "--";
    char *copy;
    pid_t pid;
    int r;

    if (umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) == 0)
        return 0;
    if (errno != EPERM)
        return -errno;
    copy = strdup(path);
    if (!copy)
        return -ENOMEM;
    r = spawn_helper((char *[]){program, unmount, end, copy, NULL}, -1, &pid);
    if (r == 0)
        r = wait_helper(pid);
    free(copy);
    return r;
}
