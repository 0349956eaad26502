#include "fs/mount.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fs/attach.h"
#include "fs/cores.h"
#include "fs/mount_ending.h"
#include "fs/mountinfo.h"
#include "fs/mountpoint.h"
#include "fs/ops.h"
#include "fs/options.h"

/* The kernel gives each request to the thread that has waited longest: with more of them than cores
 * a single reader is served by threads that have long left the caches. */
#define LOOP_THREADS_MIN 2
#define LOOP_THREADS_MAX 10
#define WAITING_MAX 4 /* of them, for a disk */

/* One mount from the first word to the last byte. */
struct mount {
    struct mount_options options;
    struct mountpoint place;
    struct kernel_set kernels;
    struct log *terminal; /* what whoever started us should see */
    struct log *log;
    char *cache_path; /* where the cache shall be, or NULL: none */
    int mix_dir;      /* O_PATH descriptor of the user's mixes, or -1 */
    char *mix_path;
    int imatrix_dir; /* O_PATH descriptor of -o imatrix_dir, or -1 */
    struct cache *cache;
    struct pool *pool;
    struct ops *ops;
    struct fuse_session *session;
    bool attached;
    struct ending ending;
};

/* ---- the process ---- */

static void raise_limits(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/* Tells the waiting parent, and lets go of it and its terminal. -EPIPE: it is gone, and nobody
 * wants the mount. */
static int tell_ready(int ready)
{
    ssize_t n;
    int fd;

    do
        n = write(ready, "", 1);
    while (n < 0 && errno == EINTR);
    if (n != 1)
        return n < 0 ? -errno : -EIO;
    fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int i = 0; fd >= 0 && i < 3; i++)
        (void)dup2(fd, i);
    if (fd > 2)
        (void)close(fd);
    (void)close(ready);
    return 0;
}

/* ---- from nothing to a served mount ---- */

static unsigned loop_threads(unsigned cores)
{
    if (cores < LOOP_THREADS_MIN)
        return LOOP_THREADS_MIN;
    return cores < LOOP_THREADS_MAX ? cores : LOOP_THREADS_MAX;
}

/* One at least is left to whoever needs no disk. */
static unsigned waiting(unsigned cores)
{
    unsigned others = loop_threads(cores) - 1;

    return others < WAITING_MAX ? others : WAITING_MAX;
}

static int make_ops(struct mount *mount, unsigned cores)
{
    const struct mount_options *options = &mount->options;
    const struct ops_config config = {
        .root = mount->place.models,
        .root_path = options->models,
        .pool = mount->pool,
        .cache = mount->cache,
        .trust_stat = options->trust_stat,
        .requantize = options->allow_requantize,
        .cores = cores,
        .waiting = waiting(cores),
        .memory = options->memory,
        .kernels = mount->kernels,
        .log = mount->log,
        .ttl = options->ttl,
        .allow_other = options->allow_other,
        .variants = options->variants,
        .variant_count = options->variant_count,
        .layout = options->layout,
        .browse = options->browse,
        .imatrix_dir = mount->imatrix_dir,
        .imatrix_path = options->imatrix_path,
        .mix_dir = mount->mix_dir,
        .mix_path = mount->mix_path,
    };

    return ops_new(&config, &mount->ops);
}

/* Goes on without a cache: to the log, and to whoever asked for that one. */
static void go_without_cache(struct mount *mount, const char *reason)
{
    const struct mount_options *options = &mount->options;

    log_line(mount->log, LOG_LEVEL_INFO, "no cache: %s", reason);
    if (options->cache_path && (!options->foreground || options->log_path))
        log_line(mount->terminal, LOG_LEVEL_INFO, "no cache: %s", reason);
}

static void make_cache(struct mount *mount)
{
    const struct mount_options *options = &mount->options;
    const struct cache_config config = {
        .path = options->cache_path, /* NULL: the parents of the default place are made, too */
        .size = options->cache_size,
        .min_free = options->cache_min_free,
    };
    char reason[CACHE_REASON_SIZE];

    if (mount->cache_path && cache_new(&config, &mount->cache, reason) < 0)
        go_without_cache(mount, reason);
}

/* A session that serves `device`, which is the session's from then on. */
static int make_session(struct mount *mount, int device)
{
    const struct fuse_lowlevel_ops table = ops_table(mount->options.xattr);
    char program[] = "quantfs", debug[] = "-d", path[32];
    char *argv[] = {program, debug, NULL};
    struct fuse_args args = FUSE_ARGS_INIT(mount->options.debug ? 2 : 1, argv);

    mount->session = fuse_session_new(&args, &table, sizeof(table), mount->ops);
    fuse_opt_free_args(&args);
    (void)snprintf(path, sizeof(path), "/dev/fd/%d", device);
    mount->ending.session = mount->session;
    if (mount->session && fuse_session_mount(mount->session, path) == 0)
        return 0;
    (void)close(device);
    return -ENOMEM;
}

static int attach(struct mount *mount)
{
    const struct attach what = {
        .source = mount->place.models_path,
        .path = mount->place.path,
        .allow_other = mount->options.allow_other,
        .default_permissions = mount->options.default_permissions,
        .noexec = mount->options.noexec,
        .contexts = mount->options.contexts,
    };
    struct mountinfo found;
    int device, r;

    r = attach_mount(&what, mount->terminal, &device);
    if (r < 0)
        return r;
    /* Its number is read from the table: stat() would ask ourselves. */
    r = mountinfo_find(MOUNTINFO_TABLE, mount->place.path, &found);
    if (r == 1 && mountinfo_is_ours(&found)) {
        mount->ending.device = found.device;
        mount->ending.id = found.id;
        mount->attached = true;
        ops_set_device(mount->ops, found.device);
        r = make_session(mount, device);
        if (r < 0)
            log_line(mount->terminal, LOG_LEVEL_ERROR, "cannot make a session of libfuse");
    } else {
        log_line(mount->terminal, LOG_LEVEL_ERROR, "%s: mounted, but not found in " MOUNTINFO_TABLE,
                 mount->place.path);
        (void)close(device);
        (void)attach_detach(mount->place.path);
        r = -EIO;
    }
    mountinfo_clear(&found);
    return r;
}

/* Until the mount ends. */
static int run_loop(struct mount *mount, unsigned cores)
{
    struct fuse_loop_config *config = fuse_loop_cfg_create();
    int r;

    if (!config)
        return -ENOMEM;
    mount->ending.ops = mount->ops;
    r = ending_watch(&mount->ending);
    if (r < 0)
        goto out;
    /* No clone_fd: a fresh process could not take such descriptors over. */
    fuse_loop_cfg_set_clone_fd(config, 0);
    fuse_loop_cfg_set_max_threads(config, loop_threads(cores));
    r = fuse_session_loop_mt(mount->session, config);
    /* Whoever takes the connection away ends the mount, as an unmount does; the kernel then tells
     * some readers of the device this instead of ENODEV. Open files may have been cut off, so it is
     * said. */
    if (r == -ECONNABORTED || r == ECONNABORTED) {
        log_line(mount->log, LOG_LEVEL_ERROR, "%s: the kernel's connection was aborted",
                 mount->place.path);
        r = 0;
    }
    ending_over(&mount->ending);
out:
    fuse_loop_cfg_destroy(config);
    return r;
}

/* Takes all down; in this order, since a worker may wait for an answer of our own mount (a symlink
 * that leads there), which it gets when the session lets go of its descriptor. */
static void take_down(struct mount *mount)
{
    if (mount->ops)
        ops_finish(mount->ops);
    if (mount->session)
        fuse_session_destroy(mount->session);
    mount->ending.session = NULL;
    if (mount->attached)
        (void)ending_detach(&mount->ending);
    ops_free(mount->ops);
    pool_free(mount->pool);
    cache_free(mount->cache);
}

/* Mounts and serves; `ready` is the parent's pipe, or -1. 0: unmounted again, in whatever way. */
static int run(struct mount *mount, int ready)
{
    unsigned cores = cores_count(0);
    int r;

    mount->ending.log = mount->log;
    mount->ending.path = mount->place.path;
    ending_block_signals(&mount->ending, mount->options.foreground);
    raise_limits();
    make_cache(mount); /* starts no thread */
    (void)umask(0);
    r = pool_new(cores, &mount->pool);
    if (r == 0)
        r = make_ops(mount, cores);
    if (r < 0) {
        log_line(mount->terminal, LOG_LEVEL_ERROR, "cannot start: %s", strerror(-r));
        goto out;
    }
    r = attach(mount);
    if (r < 0)
        goto out;
    log_line(mount->log, LOG_LEVEL_INFO, "%s is mounted on %s", mount->place.models_path,
             mount->place.path);
    r = ready >= 0 ? tell_ready(ready) : 0;
    if (r < 0)
        goto out;
    r = run_loop(mount, cores);
    if (r != 0)
        log_line(mount->log, LOG_LEVEL_ERROR, "%s: the loop has ended: %s", mount->place.path,
                 strerror(r < 0 ? -r : r));
out:
    take_down(mount);
    if (mount->attached)
        log_line(mount->log, LOG_LEVEL_INFO, "%s is unmounted", mount->place.path);
    return r;
}

/* ---- without -f ---- */

/* The child has died: nothing of its mount may be left. */
static void clear_after_child(const struct mount *mount)
{
    struct mountinfo found;

    if (!mountpoint_is_dead(mount->place.path))
        return;
    if (mountinfo_find(MOUNTINFO_TABLE, mount->place.path, &found) == 1 &&
        mountinfo_is_ours(&found))
        (void)attach_detach(mount->place.path);
    mountinfo_clear(&found);
}

/* The parent: 0 once the mount answers. */
static int wait_ready(const struct mount *mount, int ready, pid_t child)
{
    struct statfs st;
    char byte;
    ssize_t n;
    int status;

    do
        n = read(ready, &byte, 1);
    while (n < 0 && errno == EINTR);
    if (n == 1) {
        if (statfs(mount->place.path, &st) == 0)
            return 0;
        log_line(mount->terminal, LOG_LEVEL_ERROR, "%s: mounted, but it does not answer: %s",
                 mount->place.path, strerror(errno));
        clear_after_child(mount);
        return -EIO;
    }
    if (waitpid(child, &status, 0) == child && WIFSIGNALED(status))
        log_line(mount->terminal, LOG_LEVEL_ERROR, "killed by signal %d before it was mounted",
                 WTERMSIG(status));
    clear_after_child(mount);
    return -EIO;
}

/* Forks before there is any thread; the child mounts, and the parent returns when it has. */
static int run_in_background(struct mount *mount)
{
    int ends[2], r;
    pid_t child;

    if (pipe2(ends, O_CLOEXEC) != 0) {
        r = -errno;
        log_line(mount->terminal, LOG_LEVEL_ERROR, "cannot make a pipe: %s", strerror(-r));
        return r;
    }
    child = fork();
    if (child < 0) {
        r = -errno;
        log_line(mount->terminal, LOG_LEVEL_ERROR, "cannot fork: %s", strerror(-r));
        (void)close(ends[0]);
        (void)close(ends[1]);
        return r;
    }
    if (child > 0) {
        (void)close(ends[1]);
        r = wait_ready(mount, ends[0], child);
        (void)close(ends[0]);
        return r;
    }
    (void)close(ends[0]);
    (void)setsid();
    return chdir("/") == 0 ? run(mount, ends[1]) : -errno; /* at an error the end closes the pipe */
}

/* Where the cache shall be. A place that cannot be is refused if the user has said it; the default
 * one is done without. After the log is open. */
static int choose_cache(struct mount *mount)
{
    const struct mount_options *options = &mount->options;
    char reason[MOUNTPOINT_REASON_SIZE];
    int r;

    if (options->no_cache)
        return 0;
    if (options->cache_path) {
        mount->cache_path = strdup(options->cache_path);
        r = mount->cache_path ? 0 : -ENOMEM;
    } else {
        r = cache_default_path(&mount->cache_path);
    }
    if (r == -ENOENT) {
        go_without_cache(mount, "neither XDG_CACHE_HOME nor HOME is set");
        return 0;
    }
    if (r < 0)
        return r;
    r = mountpoint_check_cache(&mount->place, mount->cache_path, reason);
    if (r < 0 && options->cache_path) {
        log_line(mount->terminal, LOG_LEVEL_ERROR, "%s; choose another place with -o cache=DIR",
                 reason);
        return r;
    }
    if (r < 0) {
        go_without_cache(mount, reason);
        free(mount->cache_path);
        mount->cache_path = NULL;
    }
    return 0;
}

/* Before anything is mounted, so that it is what the user meant. */
static int open_imatrix_dir(struct mount *mount)
{
    const char *path = mount->options.imatrix_path;
    char reason[MOUNTPOINT_REASON_SIZE];
    int r;

    if (!path)
        return 0;
    mount->imatrix_dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (mount->imatrix_dir < 0) {
        r = -errno;
        log_line(mount->terminal, LOG_LEVEL_ERROR, "-o imatrix_dir=%s: %s", path, strerror(-r));
        return r;
    }
    r = mountpoint_check_beside(&mount->place, "imatrix_dir", mount->imatrix_dir, path, reason);
    if (r < 0)
        log_line(mount->terminal, LOG_LEVEL_ERROR, "%s", reason);
    return r;
}

/* The user's mixes, if there is such a directory; what is wrong with it is no reason not to mount.
 */
static int open_mix_dir(struct mount *mount)
{
    const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    char reason[MOUNTPOINT_REASON_SIZE];
    bool own = config && *config == '/';

    if (!own && (!home || *home != '/'))
        return 0;
    if (asprintf(&mount->mix_path, "%s%s/quantfs/mixes", own ? config : home,
                 own ? "" : "/.config") < 0) {
        mount->mix_path = NULL;
        return -ENOMEM;
    }
    mount->mix_dir = open(mount->mix_path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (mount->mix_dir < 0 || mountpoint_check_beside(&mount->place, "the directory of mixes",
                                                      mount->mix_dir, mount->mix_path, reason) == 0)
        return 0;
    log_line(mount->terminal, LOG_LEVEL_INFO, "%s; it is not used", reason);
    (void)close(mount->mix_dir);
    mount->mix_dir = -1;
    return 0;
}

/* Everything that can be refused before anything has been done. */
static int prepare(struct mount *mount, int argc, char **argv)
{
    struct log_options log = {.foreground = true};
    const char *wish = getenv("QUANTFS_CPU");
    int r;

    r = options_parse(argc, argv, mount->terminal, &mount->options);
    if (r < 0)
        return r;
    if (!mount->options.foreground) /* a daemon keeps no lock or pipe of its caller's */
        (void)close_range(STDERR_FILENO + 1, UINT_MAX, 0);
    r = kernel_select(wish, &mount->kernels);
    if (r < 0) {
        log_line(mount->terminal, LOG_LEVEL_ERROR, "QUANTFS_CPU=%s: no such kernels here",
                 wish ? wish : "");
        return r;
    }
    r = mountpoint_open(mount->options.models, mount->options.mountpoint, mount->terminal,
                        &mount->place);
    if (r < 0)
        return r;
    r = open_imatrix_dir(mount);
    if (r == 0)
        r = open_mix_dir(mount);
    if (r == 0)
        r = attach_check(mount->terminal);
    if (r < 0)
        return r;
    log.path = mount->options.log_path;
    log.foreground = mount->options.foreground;
    log.verbose = mount->options.verbose;
    r = log_open(&log, &mount->log);
    if (r < 0)
        log_line(mount->terminal, LOG_LEVEL_ERROR, "-o log=%s: %s", log.path ? log.path : "",
                 strerror(-r));
    return r < 0 ? r : choose_cache(mount);
}

int cmd_mount(int argc, char **argv)
{
    const struct log_options terminal = {.foreground = true};
    struct mount mount = {.place.models = -1, .imatrix_dir = -1, .mix_dir = -1};
    int r;

    (void)signal(SIGCHLD, SIG_DFL); /* or fusermount3 could not be waited for */
    r = log_open(&terminal, &mount.terminal);
    if (r < 0)
        return 1;
    r = prepare(&mount, argc, argv);
    if (r == -ENOMEM)
        log_line(mount.terminal, LOG_LEVEL_ERROR, "out of memory");
    if (r == 0)
        r = mount.options.foreground ? run(&mount, -1) : run_in_background(&mount);
    log_close(mount.log);
    mountpoint_close(&mount.place);
    free(mount.cache_path);
    if (mount.imatrix_dir >= 0)
        (void)close(mount.imatrix_dir);
    if (mount.mix_dir >= 0)
        (void)close(mount.mix_dir);
    free(mount.mix_path);
    options_free(&mount.options);
    log_close(mount.terminal);
    return r == 0 ? 0 : 1;
}
