#ifndef FS_OPTIONS_H
#define FS_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cache/cache.h"
#include "fs/layout.h"
#include "fs/log.h"
#include "quant/variant.h"

/* What the command line of a mount asks for. */
struct mount_options {
    const char *models; /* of argv, as MOUNTPOINT */
    const char *mountpoint;
    bool foreground;
    bool verbose;
    bool debug;
    bool allow_other;
    bool default_permissions;
    bool noexec;
    double ttl;      /* seconds */
    uint64_t memory; /* bytes; 0: not said */
    char *log_path;  /* or NULL */
    bool no_cache;
    char *cache_path;   /* absolute; NULL: the default place */
    char *imatrix_path; /* the directory of importance matrices: absolute, or NULL */
    struct cache_size cache_size;
    struct cache_size cache_min_free;
    bool trust_stat;          /* network filesystems tell every change of a file, too */
    bool allow_requantize;    /* variants of quantized sources, too */
    bool xattr;               /* extended attributes */
    char *contexts;           /* SELinux words for the kernel, separated by commas, or NULL */
    struct variant *variants; /* in the order of struct listing_config */
    size_t variant_count;
    enum layout layout;
    bool browse; /* listings show the variants' folders, too */
};

/*
 * Reads `quantfs MODELS MOUNTPOINT [-o options] [-f] [-v] [-d]`, also as mount(8) and mount.fuse3
 * call it: their own words (ro, rw, dev, suid, _netdev, x-..., ...) are taken and change nothing,
 * but for noexec. In -o a comma of a value is written "\,". What contradicts is decided by the last
 * word. A relative path of a cache is one from the current directory. -EINVAL: the message is on
 * `terminal`. In every case options_free() is due.
 */
MUST_USE int options_parse(int argc, char **argv, struct log *terminal,
                           struct mount_options *options);
void options_free(struct mount_options *options);

#endif
