#ifndef FS_MOUNT_ENDING_H
#define FS_MOUNT_ENDING_H

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/types.h>

#include "fs/log.h"
#include "fs/ops.h"

/*
 * How a mount ends (design.md, "Manners of a mount"): the first SIGINT, SIGTERM or SIGHUP detaches
 * it and lets whoever is in finish, the second ends it at once; or its loop ends by itself. SIGUSR1
 * writes counters to the log.
 */
struct ending {
    /* set by the owner, before ending_watch() */
    struct ops *ops;
    struct log *log;
    const char *path;             /* the mountpoint, for the log */
    dev_t device;                 /* of the mount */
    int id;                       /* its number in the table of mounts */
    struct fuse_session *session; /* NULL: it is not there yet, or no more */
    /* private */
    sigset_t signals;
    pthread_t loop; /* the thread that waits for the loop's threads */
    pthread_t watcher;
    atomic_bool ended; /* the loop has */
};

/*
 * Before any thread starts: what would end the process is blocked, for the thread that waits for
 * it. An ignored SIGHUP stays so in the foreground (nohup); an ignored SIGINT does not, since a
 * shell script gives that to whatever it starts with '&'. SIGUSR2 stays open: it wakes the loop's
 * thread.
 */
void ending_block_signals(struct ending *ending, bool foreground);

/* From the loop's thread, before the loop: begins to wait for signals. */
MUST_USE int ending_watch(struct ending *ending);
/* After the loop. */
void ending_over(struct ending *ending);

/* Takes the mount away from wherever it was moved to. False: there was nothing of ours. */
bool ending_detach(const struct ending *ending);

#endif
