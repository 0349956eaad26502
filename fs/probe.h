#ifndef FS_PROBE_H
#define FS_PROBE_H

#include <stdint.h>

#include "fs/root.h"
#include "fs/tree.h"
#include "quant/arch.h"
#include "quant/source.h"
#include "quant/variant.h"

/* What stands on disk at a model's place. Reads files and follows symlinks: for workers. */

/* The files of a model as stat shows them. */
struct probe_files {
    unsigned count;
    struct version *versions;
    bool true_ctime; /* what is written down about these versions may be believed later */
    uint64_t digest; /* of inode, size and mtime of all: what a view's inode number comes from */
    mode_t mode;     /* what all files permit, and directories behind symlinks; reading only */
    uid_t uid;       /* of the first */
    gid_t gid;
    struct timespec mtime, ctime; /* the newest */
};

/* `trust_stat` as for ctime_is_true(). -ENOENT: no first file; -ENODATA: another one of its set is
 * missing. *defect tells which one. */
MUST_USE int probe_files(const struct root *root, const char *directory, const char *name,
                         bool trust_stat, struct probe_files *files, struct defect *defect);
void probe_files_free(struct probe_files *files);
bool probe_files_young(const struct probe_files *files);

/*
 * Parses and judges the model whose files were seen so. Errors as of source_open() and
 * arch_check(), and: -EAGAIN the files have changed since; -ENOEXEC also a GGUF that is no model
 * (an imatrix, a projector, an adapter).
 */
MUST_USE int probe_source(const struct root *root, const char *directory, const char *name,
                          const struct probe_files *files, struct source **source,
                          struct arch_facts *facts, struct defect *defect);

/* What stat shows of a variant. */
struct tree_attr probe_attr(const struct probe_files *files, const struct variant *variant,
                            uint64_t size);

#endif
