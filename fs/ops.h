#ifndef FS_OPS_H
#define FS_OPS_H

#define FUSE_USE_VERSION 314
#include <fuse_lowlevel.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cache/cache.h"
#include "fs/layout.h"
#include "fs/log.h"
#include "fs/pool.h"
#include "quant/kernel/kernel.h"
#include "quant/variant.h"

/*
 * What the kernel asks of one mounted tree: translated, handed on, answered once. No operation
 * waits for file content, a parse or a conversion: such answers come late, from the pool.
 */
struct ops;

/* Everything is the caller's and outlives the ops. */
struct ops_config {
    int root;              /* O_PATH descriptor of MODELS, opened before mounting */
    const char *root_path; /* as the user wrote it, for the log */
    struct pool *pool;
    struct cache *cache; /* NULL: none */
    bool trust_stat;     /* network filesystems tell every change of a file, too */
    bool requantize;     /* variants of quantized sources, too */
    unsigned cores;
    unsigned waiting; /* of the loop's threads: may wait for a disk at a time */
    uint64_t memory;  /* -o memory=, bytes; 0: the default */
    struct kernel_set kernels;
    struct log *log;
    double ttl;       /* seconds that the kernel may keep names and attributes */
    bool allow_other; /* symlinks are followed beneath the root only */
    /* where importance matrices are looked for besides beside the models: a descriptor or -1, and
     * its path for the log */
    int imatrix_dir;
    const char *imatrix_path;
    int mix_dir; /* the same for mixes */
    const char *mix_path;
    const struct variant *variants; /* those that a listing shows; see struct listing_config */
    size_t variant_count;
    enum layout layout;
    bool browse; /* a listing shows the variants' folders, too */
};

MUST_USE int ops_new(const struct ops_config *config, struct ops **ops);
/* After the session's loop has ended and ops_finish() was called. */
void ops_free(struct ops *ops);

/* The table for fuse_session_new(); its userdata is the struct ops. `xattr`: with extended
 * attributes. */
struct fuse_lowlevel_ops ops_table(bool xattr);

/* The device number of the mount itself, once it is mounted: a symlink that leads there is ELOOP.
 */
void ops_set_device(struct ops *ops, dev_t device);

/* Waits until no file is open and no request is under way: true. False: `seconds` have passed. */
bool ops_wait_idle(struct ops *ops, double seconds);

/* Tells the log what ops_wait_idle() waits for: a line "PREFIX/PATH: WHAT" for each file that is
 * open (for some, if they are many), or one line if it is but a request. */
void ops_log_open(struct ops *ops, const char *prefix, const char *what);

/* Answers every request that is still held, with ENODEV, and takes no new one. The session must
 * still exist. */
void ops_finish(struct ops *ops);

/* One line "stats: conversions=N conversions_ahead=N ..." at info level; with a cache it has the
 * cache's counters, too. */
void ops_log_stats(struct ops *ops);

#endif
