#include "fs/mount_ending.h"

#include <poll.h>
#include <string.h>
#include <time.h>

#include "fs/attach.h"
#include "fs/mountinfo.h"
#include "fs/mountpoint.h"

#define WAIT_SECONDS 10.0 /* for what is open, after the first signal */
#define IDLE_SECONDS 1.0
#define WAIT_STEP 0.1 /* seconds between two looks at whether a second one has come */

static void do_nothing(int signal)
{
    (void)signal;
}

void ending_block_signals(struct ending *ending, bool foreground)
{
    struct sigaction action = {.sa_handler = SIG_IGN}, hangup = {.sa_handler = SIG_DFL};

    (void)sigaction(SIGHUP, NULL, &hangup);
    (void)sigemptyset(&ending->signals);
    (void)sigaddset(&ending->signals, SIGUSR1);
    (void)sigaddset(&ending->signals, SIGINT);
    (void)sigaddset(&ending->signals, SIGTERM);
    if (!foreground || hangup.sa_handler != SIG_IGN)
        (void)sigaddset(&ending->signals, SIGHUP);
    (void)pthread_sigmask(SIG_BLOCK, &ending->signals, NULL);
    (void)sigaction(SIGPIPE, &action, NULL);
    (void)sigaction(SIGXFSZ, &action, NULL); /* a log at the limit of files is one that is cut */
    action.sa_handler = do_nothing;          /* without SA_RESTART: a wait comes back */
    (void)sigaction(SIGUSR2, &action, NULL);
}

/* The kernel has not let go of it, and of its device's number with it. */
static bool is_connected(const struct ending *ending)
{
    struct pollfd device = {.fd = ending->session ? fuse_session_fd(ending->session) : -1};

    return device.fd >= 0 && poll(&device, 1, 0) >= 0 && (device.revents & POLLERR) == 0;
}

/*
 * Finds this mount, wherever it and the directories above it were moved to. False: it is gone, or
 * something else lies on it. The numbers of a mount that is gone may be those of a new one,
 * anybody's: once the connection is lost, only what is dead and at our own place is ours.
 */
static bool find_attached(const struct ending *ending, struct mountinfo *found)
{
    struct mountinfo top = {0};
    bool same = mountinfo_find_id(MOUNTINFO_TABLE, ending->id, found) == 1 &&
                found->device == ending->device &&
                mountinfo_find(MOUNTINFO_TABLE, found->path, &top) == 1 && top.id == ending->id;

    mountinfo_clear(&top);
    if (same && !is_connected(ending))
        same = strcmp(found->path, ending->path) == 0 && mountpoint_is_dead(found->path);
    return same;
}

bool ending_detach(const struct ending *ending)
{
    struct mountinfo found;
    bool there = find_attached(ending, &found);
    int r = there ? attach_detach(found.path) : 0;

    if (r < 0)
        log_line(ending->log, LOG_LEVEL_ERROR, "%s: cannot be detached: %s", found.path,
                 strerror(-r));
    mountinfo_clear(&found);
    return there;
}

static double seconds_now(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* A second signal that asks to end has come, or the loop has ended. Never waits. */
static bool is_hurried(struct ending *ending)
{
    const struct timespec at_once = {0};
    int signal;

    while (!atomic_load(&ending->ended)) {
        signal = sigtimedwait(&ending->signals, NULL, &at_once);
        if (signal < 0)
            return false;
        if (signal != SIGUSR1) {
            log_line(ending->log, LOG_LEVEL_INFO, "%s: a second signal: ending at once",
                     ending->path);
            ops_log_open(ending->ops, ending->path, "still open: it is cut off");
            return true;
        }
        ops_log_stats(ending->ops);
    }
    return true;
}

/*
 * The first signal: nobody new comes in; whoever is in may finish, for a while. Once the last file
 * is closed the kernel ends the connection, and so the loop. It does not while somebody has the
 * tree as working directory; then it has to be idle for a second, since a reader who is about to
 * open a file is not seen here.
 */
static void wind_down(struct ending *ending, int signal)
{
    const struct timespec pause = {.tv_nsec = 20000000};
    double now = seconds_now(), end = now + WAIT_SECONDS, busy = now;

    log_line(ending->log, LOG_LEVEL_INFO, "%s: signal %d: unmounting", ending->path, signal);
    if (!ending_detach(ending))
        log_line(ending->log, LOG_LEVEL_DEBUG, "%s: nothing of ours to detach", ending->path);
    ops_log_open(ending->ops, ending->path, "still open: it is served until it is closed");
    while (!is_hurried(ending)) {
        bool idle = ops_wait_idle(ending->ops, WAIT_STEP);

        now = seconds_now();
        if (!idle)
            busy = now;
        if (now - busy >= IDLE_SECONDS)
            break;
        if (now >= end) {
            log_line(ending->log, LOG_LEVEL_INFO, "%s: still in use after %.0f s: ending",
                     ending->path, WAIT_SECONDS);
            ops_log_open(ending->ops, ending->path, "still open: it is cut off");
            break;
        }
        if (idle)
            (void)nanosleep(&pause, NULL);
    }
    fuse_session_exit(ending->session);
    /* The loop's thread sleeps until something wakes it, and may have looked just before. */
    while (!atomic_load(&ending->ended)) {
        (void)pthread_kill(ending->loop, SIGUSR2);
        (void)nanosleep(&pause, NULL);
    }
}

static void *watch(void *context)
{
    struct ending *ending = context;
    int signal;

    while (!atomic_load(&ending->ended)) {
        if (sigwait(&ending->signals, &signal) != 0 || atomic_load(&ending->ended))
            continue;
        if (signal == SIGUSR1)
            ops_log_stats(ending->ops);
        else
            wind_down(ending, signal);
    }
    return NULL;
}

int ending_watch(struct ending *ending)
{
    ending->loop = pthread_self();
    return -pthread_create(&ending->watcher, NULL, watch, ending);
}

void ending_over(struct ending *ending)
{
    atomic_store(&ending->ended, true);
    (void)pthread_kill(ending->watcher, SIGUSR1);
    (void)pthread_join(ending->watcher, NULL);
}
