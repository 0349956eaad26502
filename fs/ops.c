#include "fs/ops.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/statvfs.h>
#include <time.h>

#include "fs/directory.h"
#include "fs/ops_state.h"

/* [m] With 64, readers of slow files keep a ready one waiting for seconds. The kernel lowers it to
 * the system's limit for users without privileges. */
#define BACKGROUND_MAX 1024
/* Files that are named when something has to wait for them. */
#define OPEN_LINES_MAX 16

/* ---- requests that are answered late ---- */

int ops_hold(struct ops *ops, struct ops_held *held, fuse_req_t req)
{
    int r = 0;

    pthread_mutex_lock(&ops->lock);
    if (atomic_load(&ops->stop)) {
        r = -ENODEV;
    } else {
        *held = (struct ops_held){.ops = ops, .req = req, .next = ops->held};
        if (ops->held)
            ops->held->prev = held;
        ops->held = held;
    }
    pthread_mutex_unlock(&ops->lock);
    return r;
}

fuse_req_t ops_take(struct ops_held *held)
{
    struct ops *ops = held->ops;
    fuse_req_t req;

    pthread_mutex_lock(&ops->lock);
    req = held->req;
    held->req = NULL;
    if (req) {
        held->replying = true;
        ops->replying++;
    }
    pthread_mutex_unlock(&ops->lock);
    return req;
}

void ops_let_go(struct ops_held *held)
{
    struct ops *ops = held->ops;

    pthread_mutex_lock(&ops->lock);
    *(held->prev ? &held->prev->next : &ops->held) = held->next;
    if (held->next)
        held->next->prev = held->prev;
    if (held->replying)
        ops->replying--;
    pthread_cond_broadcast(&ops->changed);
    pthread_mutex_unlock(&ops->lock);
}

bool ops_enter(struct ops *ops)
{
    bool there;

    pthread_mutex_lock(&ops->lock);
    there = !atomic_load(&ops->stop);
    ops->in_engine += there;
    pthread_mutex_unlock(&ops->lock);
    return there;
}

void ops_leave(struct ops *ops)
{
    pthread_mutex_lock(&ops->lock);
    ops->in_engine--;
    pthread_cond_broadcast(&ops->changed);
    pthread_mutex_unlock(&ops->lock);
}

void ops_notify(struct ops *ops)
{
    pthread_mutex_lock(&ops->lock);
    pthread_cond_broadcast(&ops->changed);
    pthread_mutex_unlock(&ops->lock);
}

bool ops_wait_idle(struct ops *ops, double seconds)
{
    struct timespec end;
    bool idle;
    int r = 0;

    (void)clock_gettime(CLOCK_MONOTONIC, &end);
    end.tv_sec += (time_t)seconds;
    end.tv_nsec += (long)((seconds - (double)(time_t)seconds) * 1e9);
    if (end.tv_nsec >= 1000000000) {
        end.tv_sec++;
        end.tv_nsec -= 1000000000;
    }
    pthread_mutex_lock(&ops->lock);
    while (!(idle = !ops->held && opens_count(ops->opens) == 0) && r == 0)
        r = pthread_cond_timedwait(&ops->changed, &ops->lock, &end);
    pthread_mutex_unlock(&ops->lock);
    return idle;
}

void ops_log_open(struct ops *ops, const char *prefix, const char *what)
{
    uint64_t nodes[OPEN_LINES_MAX + 1];
    size_t count = opens_nodes(ops->opens, nodes, OPEN_LINES_MAX + 1);
    char path[PATH_MAX];
    bool held;

    for (size_t i = 0; i < count && i < OPEN_LINES_MAX; i++)
        if (tree_path(ops->tree, nodes[i], path, sizeof(path)) == 0)
            log_line(ops->config.log, LOG_LEVEL_INFO, "%s/%s: %s", prefix, path, what);
    if (count > OPEN_LINES_MAX)
        log_line(ops->config.log, LOG_LEVEL_INFO, "%s: and others: %s", prefix, what);
    pthread_mutex_lock(&ops->lock);
    held = ops->held != NULL;
    pthread_mutex_unlock(&ops->lock);
    if (count == 0 && held)
        log_line(ops->config.log, LOG_LEVEL_INFO, "%s: a request is under way", prefix);
}

/* One that nobody is answering, taken; NULL: there is none. */
static fuse_req_t take_any(struct ops *ops)
{
    fuse_req_t req = NULL;

    pthread_mutex_lock(&ops->lock);
    for (struct ops_held *held = ops->held; held && !req; held = held->next) {
        req = held->req;
        held->req = NULL;
    }
    pthread_mutex_unlock(&ops->lock);
    return req;
}

void ops_finish(struct ops *ops)
{
    fuse_req_t req;

    pthread_mutex_lock(&ops->lock);
    atomic_store(&ops->stop, true);
    pthread_mutex_unlock(&ops->lock);
    while ((req = take_any(ops)) != NULL)
        (void)fuse_reply_err(req, ENODEV);
    /* Whoever was faster needs the session until it has answered. */
    pthread_mutex_lock(&ops->lock);
    while (ops->replying > 0)
        pthread_cond_wait(&ops->changed, &ops->lock);
    pthread_mutex_unlock(&ops->lock);
}

/* ---- the engine's hooks ---- */

static void hold_view(void *owner)
{
    (void)model_view_ref(owner);
}

static void release_view(void *owner)
{
    model_view_unref(owner);
}

static void log_failed(void *context, void *owner, int r, const struct defect *defect)
{
    struct defect shown = {.offset = DEFECT_NOWHERE};
    const struct view *view = model_view_get(owner);
    const char *whose = "";
    struct ops *ops = context;
    char path[PATH_MAX], line[2 * PATH_MAX];

    if (r == -ESTALE && !model_view_tell(owner))
        return;
    if (defect)
        shown = *defect;
    if (r == -ESTALE && view->imatrix && source_imatrix_unchanged(view->source) < 0)
        whose = "its importance matrix ";
    else if (r == -ESTALE && source_mix_unchanged(view->source) < 0)
        whose = "its mix ";
    if (shown.text[0] == '\0')
        (void)snprintf(shown.text, sizeof(shown.text), "%s%s", whose,
                       r == -ESTALE ? "changed while a variant of it was open; reads of that fail"
                                    : strerror(-r));
    model_view_path(owner, shown.shard, path, sizeof(path));
    models_log_path(ops->models, path, line, sizeof(line));
    log_defect(ops->config.log, LOG_LEVEL_ERROR, line, &shown);
}

/* ---- making and ending ---- */

static int make_engine(struct ops *ops)
{
    const struct engine_config config = {
        .cores = ops->config.cores,
        .memory = ops->config.memory,
        .kernels = ops->config.kernels,
        .pool = ops->config.pool,
        .cache = ops->config.cache,
        .trust_stat = ops->config.trust_stat,
        .waiting = ops->config.waiting,
        .context = ops,
        .hold = hold_view,
        .release = release_view,
        .failed = log_failed,
    };

    return engine_new(&config, &ops->engine);
}

static int make_surveys(struct ops *ops)
{
    const struct survey_config config = {
        .root = &ops->root,
        .models = ops->models,
        .layout = ops->config.layout,
        .stop = &ops->stop,
    };

    return surveys_new(&config, &ops->surveys);
}

static int init_ops(struct ops *ops)
{
    const struct models_config models = {
        .root = &ops->root,
        .root_path = ops->config.root_path,
        .imatrix_root = ops->config.imatrix_dir >= 0 ? &ops->imatrix_root : NULL,
        .imatrix_path = ops->config.imatrix_path,
        .mix_root = ops->config.mix_dir >= 0 ? &ops->mix_root : NULL,
        .mix_path = ops->config.mix_path,
        .pool = ops->config.pool,
        .log = ops->config.log,
        .cache = ops->config.cache,
        .trust_stat = ops->config.trust_stat,
        .requantize = ops->config.requantize,
    };
    pthread_condattr_t attributes;
    int r;

    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&ops->lock, NULL);
    pthread_cond_init(&ops->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    ops->root.fd = ops->config.root;
    ops->root.beneath = ops->config.allow_other;
    directory_root_name(ops->root.fd, ops->root.name);
    atomic_init(&ops->root.device, 0);
    ops->imatrix_root.fd = ops->config.imatrix_dir;
    ops->imatrix_root.beneath = ops->config.allow_other;
    atomic_init(&ops->imatrix_root.device, 0);
    ops->mix_root.fd = ops->config.mix_dir;
    ops->mix_root.beneath = ops->config.allow_other;
    atomic_init(&ops->mix_root.device, 0);
    atomic_init(&ops->stop, false);
    r = tree_new(&ops->tree);
    if (r == 0)
        r = models_new(&models, &ops->models);
    if (r == 0 && layout_is_arranged(ops->config.layout))
        r = make_surveys(ops);
    if (r == 0)
        r = bare_new(&ops->bare);
    if (r == 0)
        r = opens_new(&ops->opens);
    return r == 0 ? make_engine(ops) : r;
}

/* A handle from before a mount must not lead to what has its number in this one. */
static uint32_t new_generation(void)
{
    struct timespec now;
    uint32_t number;

    if (getrandom(&number, sizeof(number), GRND_NONBLOCK) == (ssize_t)sizeof(number))
        return number;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (uint32_t)now.tv_sec ^ (uint32_t)now.tv_nsec;
}

int ops_new(const struct ops_config *config, struct ops **out)
{
    struct ops *ops = calloc(1, sizeof(*ops));
    int r;

    if (!ops)
        return -ENOMEM;
    ops->config = *config;
    ops->generation = new_generation();
    r = init_ops(ops);
    if (r < 0) {
        ops_free(ops);
        return r;
    }
    *out = ops;
    return 0;
}

void ops_free(struct ops *ops)
{
    if (!ops)
        return;
    pthread_mutex_lock(&ops->lock);
    atomic_store(&ops->stop, true);
    while (ops->in_engine > 0)
        pthread_cond_wait(&ops->changed, &ops->lock);
    pthread_mutex_unlock(&ops->lock);
    if (ops->engine)
        engine_free(ops->engine);
    /* What workers are still at has been answered, but is theirs until they are done. */
    pthread_mutex_lock(&ops->lock);
    while (ops->held)
        pthread_cond_wait(&ops->changed, &ops->lock);
    pthread_mutex_unlock(&ops->lock);
    opens_free(ops->opens);
    surveys_free(ops->surveys);
    bare_free(ops->bare);
    models_free(ops->models);
    tree_free(ops->tree);
    pthread_cond_destroy(&ops->changed);
    pthread_mutex_destroy(&ops->lock);
    free(ops);
}

void ops_set_device(struct ops *ops, dev_t device)
{
    atomic_store(&ops->root.device, device);
    atomic_store(&ops->imatrix_root.device, device);
    atomic_store(&ops->mix_root.device, device);
}

/* " hits=N ...", or nothing where there is no cache. */
static void format_cache_stats(struct cache *cache, char *text, size_t size)
{
    struct cache_stats stats;

    text[0] = '\0';
    if (!cache)
        return;
    cache_stats(cache, &stats);
    (void)snprintf(text, size,
                   " hits=%llu misses=%llu damaged=%llu puts=%llu dropped=%llu evicted=%llu "
                   "record_hits=%llu record_misses=%llu",
                   (unsigned long long)stats.hits, (unsigned long long)stats.misses,
                   (unsigned long long)stats.damaged, (unsigned long long)stats.puts,
                   (unsigned long long)stats.dropped, (unsigned long long)stats.evicted,
                   (unsigned long long)stats.record_hits, (unsigned long long)stats.record_misses);
}

void ops_log_stats(struct ops *ops)
{
    struct engine_stats stats;
    char cached[256];

    engine_stats(ops->engine, &stats);
    format_cache_stats(ops->config.cache, cached, sizeof(cached));
    log_line(ops->config.log, LOG_LEVEL_INFO,
             "stats: conversions=%llu conversions_ahead=%llu dropped_ahead=%llu recalled=%llu "
             "converting=%llu at_hand=%llu replies=%llu bytes=%llu parses=%llu nodes=%zu%s",
             (unsigned long long)stats.conversions, (unsigned long long)stats.conversions_ahead,
             (unsigned long long)stats.dropped_ahead, (unsigned long long)stats.recalled,
             (unsigned long long)stats.converting, (unsigned long long)stats.at_hand,
             (unsigned long long)stats.replies, (unsigned long long)stats.bytes,
             (unsigned long long)models_parse_count(ops->models), tree_count(ops->tree), cached);
}

/* ---- small operations ---- */

static void ops_init(void *userdata, struct fuse_conn_info *conn)
{
    const unsigned wanted = FUSE_CAP_ASYNC_READ | FUSE_CAP_PARALLEL_DIROPS | FUSE_CAP_READDIRPLUS |
                            FUSE_CAP_READDIRPLUS_AUTO | FUSE_CAP_ASYNC_DIO |
                            FUSE_CAP_EXPORT_SUPPORT;
    const unsigned unwanted = FUSE_CAP_SPLICE_READ | FUSE_CAP_SPLICE_WRITE | FUSE_CAP_SPLICE_MOVE |
                              FUSE_CAP_WRITEBACK_CACHE;

    (void)userdata;
    conn->want |= wanted & conn->capable;
    conn->want &= ~unwanted;
    conn->max_background = BACKGROUND_MAX;
    conn->congestion_threshold = BACKGROUND_MAX / 4 * 3;
}

static void ops_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
    struct ops *ops = fuse_req_userdata(req);
    struct tree_node *node = tree_copy(ops->tree, ino);
    double ttl = ops->config.ttl;
    struct stat st;
    int r = 0;

    (void)fi;
    if (!node)
        r = -ESTALE;
    else if (node->kind == TREE_VIEW || node->kind == TREE_FOLDER)
        ops_virtual_stat(node, &st);
    else
        r = ops_stat_mirrored(ops, node, &st);
    if (r == 0 && ops_is_passing(node, &st))
        ttl = 0;
    free(node);
    if (r < 0)
        (void)fuse_reply_err(req, -r);
    else
        (void)fuse_reply_attr(req, &st, ttl);
}

static void ops_readlink(fuse_req_t req, fuse_ino_t ino)
{
    struct ops *ops = fuse_req_userdata(req);
    char path[PATH_MAX], target[PATH_MAX];
    int r = tree_path(ops->tree, ino, path, sizeof(path));

    if (r == 0)
        r = root_read_link(&ops->root, path, target, sizeof(target));
    if (r < 0)
        (void)fuse_reply_err(req, -r);
    else
        (void)fuse_reply_readlink(req, target);
}

static void ops_statfs(fuse_req_t req, fuse_ino_t ino)
{
    struct ops *ops = fuse_req_userdata(req);
    struct statvfs st;

    (void)ino;
    if (fstatvfs(ops->root.fd, &st) < 0) {
        (void)fuse_reply_err(req, errno);
        return;
    }
    st.f_flag |= ST_RDONLY;
    (void)fuse_reply_statfs(req, &st);
}

static void ops_forget(fuse_req_t req, fuse_ino_t ino, uint64_t count)
{
    struct ops *ops = fuse_req_userdata(req);

    tree_forget(ops->tree, ino, count);
    fuse_reply_none(req);
}

static void ops_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *forgets)
{
    struct ops *ops = fuse_req_userdata(req);

    for (size_t i = 0; i < count; i++)
        tree_forget(ops->tree, forgets[i].ino, forgets[i].nlookup);
    fuse_reply_none(req);
}

/* ---- whatever would change something ---- */

static void refuse(fuse_req_t req)
{
    (void)fuse_reply_err(req, EROFS);
}

static void ops_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr, int to_set,
                        struct fuse_file_info *fi)
{
    (void)ino, (void)attr, (void)to_set, (void)fi;
    refuse(req);
}

static void ops_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t rdev)
{
    (void)parent, (void)name, (void)mode, (void)rdev;
    refuse(req);
}

static void ops_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
    (void)parent, (void)name, (void)mode;
    refuse(req);
}

/* unlink and rmdir */
static void ops_remove(fuse_req_t req, fuse_ino_t parent, const char *name)
{
    (void)parent, (void)name;
    refuse(req);
}

static void ops_symlink(fuse_req_t req, const char *link, fuse_ino_t parent, const char *name)
{
    (void)link, (void)parent, (void)name;
    refuse(req);
}

static void ops_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t new_parent,
                       const char *new_name, unsigned int flags)
{
    (void)parent, (void)name, (void)new_parent, (void)new_name, (void)flags;
    refuse(req);
}

static void ops_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t new_parent, const char *new_name)
{
    (void)ino, (void)new_parent, (void)new_name;
    refuse(req);
}

static void ops_write(fuse_req_t req, fuse_ino_t ino, const char *data, size_t size, off_t offset,
                      struct fuse_file_info *fi)
{
    (void)ino, (void)data, (void)size, (void)offset, (void)fi;
    refuse(req);
}

static void ops_setxattr(fuse_req_t req, fuse_ino_t ino, const char *name, const char *value,
                         size_t size, int flags)
{
    (void)ino, (void)name, (void)value, (void)size, (void)flags;
    refuse(req);
}

static void ops_removexattr(fuse_req_t req, fuse_ino_t ino, const char *name)
{
    (void)ino, (void)name;
    refuse(req);
}

static void ops_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
                       struct fuse_file_info *fi)
{
    (void)parent, (void)name, (void)mode, (void)fi;
    refuse(req);
}

static void ops_fallocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t offset, off_t length,
                          struct fuse_file_info *fi)
{
    (void)ino, (void)mode, (void)offset, (void)length, (void)fi;
    refuse(req);
}

static void ops_copy_file_range(fuse_req_t req, fuse_ino_t in, off_t in_offset,
                                struct fuse_file_info *in_fi, fuse_ino_t out, off_t out_offset,
                                struct fuse_file_info *out_fi, size_t length, int flags)
{
    (void)in, (void)in_offset, (void)in_fi, (void)out, (void)out_offset, (void)out_fi;
    (void)length, (void)flags;
    refuse(req);
}

/*
 * What is missing is missed: no getxattr unless it is asked for (the kernel caches no answer but
 * ENOSYS), no lseek (it answers SEEK_HOLE by the size), no flush, no access.
 */
struct fuse_lowlevel_ops ops_table(bool xattr)
{
    struct fuse_lowlevel_ops table = {
        .init = ops_init,
        .lookup = ops_lookup,
        .forget = ops_forget,
        .forget_multi = ops_forget_multi,
        .getattr = ops_getattr,
        .readlink = ops_readlink,
        .open = ops_open,
        .read = ops_read,
        .release = ops_release,
        .opendir = ops_opendir,
        .readdir = ops_readdir,
        .readdirplus = ops_readdirplus,
        .releasedir = ops_releasedir,
        .statfs = ops_statfs,
        .setattr = ops_setattr,
        .mknod = ops_mknod,
        .mkdir = ops_mkdir,
        .unlink = ops_remove,
        .rmdir = ops_remove,
        .symlink = ops_symlink,
        .rename = ops_rename,
        .link = ops_link,
        .write = ops_write,
        .setxattr = ops_setxattr,
        .removexattr = ops_removexattr,
        .create = ops_create,
        .fallocate = ops_fallocate,
        .copy_file_range = ops_copy_file_range,
    };

    if (xattr) {
        table.getxattr = ops_getxattr;
        table.listxattr = ops_listxattr;
    }
    return table;
}
