#ifndef FS_PROBE_H
#define FS_PROBE_H

#include <stdint.h>

#include "fs/directory.h"
#include "fs/importance.h"
#include "fs/mixes.h"
#include "fs/root.h"
#include "fs/tree.h"
#include "quant/arch.h"
#include "quant/source.h"
#include "quant/variant.h"

/* What stands on disk at a model's place. Reads files and follows symlinks: for workers. */

/* A mix among them. */
struct probe_mix {
    bool beside;               /* the model; else in the directory of mixes */
    const struct ftype *ftype; /* its base; NULL: the file cannot be used */
    const struct ftype *from;  /* as of struct probe, of a directory */
    char file[NAME_MAX + 1];
    char imatrix[NAME_MAX + 1]; /* the name of an importance matrix beside it, or "" */
};

/* The files of a model as stat shows them. */
struct probe_files {
    unsigned count;
    unsigned own;                 /* of these the model's own: the first ones */
    struct directory_names names; /* of the same, if it is a directory */
    char revision[NAME_MAX + 16]; /* where in the directory they are: "" or "snapshots/REV" */
    struct version *versions;
    bool true_ctime; /* what is written down about these versions may be believed later */
    uint64_t digest; /* of inode, size and mtime of all: what a view's inode number comes from */
    mode_t mode;     /* what all files permit, and directories behind symlinks; reading only */
    uid_t uid;       /* of the first */
    gid_t gid;
    struct timespec mtime, ctime; /* the newest */
    /* Of an importance matrix, as of importance_name(). -1: there is none, or it was not asked for.
     * Else two versions stand behind those of the model: its file's, and one that is none but holds
     * the place, as the header tells its name. */
    int imatrix_place;
    /* NULL: none was asked for. Else its version stands behind those of the model's own files, and
     * before those of an importance matrix. */
    struct probe_mix *mix;
};

/* Where to look, and for what. */
struct probe {
    const struct root *root;
    const struct root *imatrix_root; /* NULL: importance matrices are looked for beside only */
    const struct root *mix_root;     /* NULL: mixes are looked for beside only */
    /* of the first file, or of the directory; "." is the root itself, in its directory "" */
    const char *directory, *name;
    const struct ftype *from; /* F16, BF16, F32 or Q8_0, which a directory becomes; or NULL */
    bool projector;           /* its projector, not the model */
    bool trust_stat;          /* as for ctime_is_true() */
    bool imatrix;             /* an importance matrix counts as a file of the model */
    const char *mix;          /* so does this mix, in lower case, with what it asks for; or NULL */
};

/* What the model's file or directory is called. */
const char *probe_name(const struct probe *probe);

/* What the directory becomes, as it or its mix says; or NULL. */
const struct ftype *probe_from(const struct probe *probe, const struct probe_files *files);

/* -ENOENT: no first file; no directory that is a model; or no such mix; -ENODATA: another one of
 * its set is missing. *defect tells which one. An importance matrix may be missing: that is found
 * out by probe_source(). */
MUST_USE int probe_files(const struct probe *probe, struct probe_files *files,
                         struct defect *defect);
void probe_files_free(struct probe_files *files);
bool probe_files_young(const struct probe_files *files);

/*
 * Parses and judges the model whose files were seen so. Errors as of source_open() and
 * arch_judge(), and: -EAGAIN the files have changed since; -ENOEXEC also a GGUF that is no model
 * (an imatrix, a projector, an adapter), or a directory without the projector that is asked for. If
 * it is asked for, the source has its importance matrix: -ENOKEY where there is none, -EINVAL or
 * -ENODATA one that cannot be used. *mix is the mix that is asked for, or NULL; -EINVAL: it cannot
 * be used. `saved`: as of source_open_directory(), or NULL.
 */
MUST_USE int probe_source(const struct probe *probe, const struct probe_files *files,
                          struct source_saved *saved, struct source **source, struct mix **mix,
                          struct arch_facts *facts, struct defect *defect);

/* What can be told at once of a directory: the type that loses nothing, as a file type. As of
 * source_peek_directory(). */
MUST_USE int probe_peek(const struct probe *probe, const struct probe_files *files,
                        const struct ftype **native);

/* The directory that has a directory's files, from the root. -ENAMETOOLONG. */
MUST_USE int probe_members_path(const struct probe *probe, const struct probe_files *files,
                                char path[PATH_MAX]);

/* The place of an importance matrix beside a mix, under the name that that says: behind all. */
#define PROBE_PLACE_OF_MIX IMPORTANCE_PLACES

/* The version that holds a place. */
struct version probe_place_version(unsigned place);

/* The path of file `number` of `files` (as a defect counts them), from its own root, which is
 * *root. `files` may be NULL: of the model's own. */
MUST_USE int probe_file_path(const struct probe *probe, const struct probe_files *files,
                             unsigned number, const struct root **root, char *path, size_t size);

/* The path of the importance matrix at `place`, from its own root, which is *root. */
MUST_USE int probe_imatrix_path(const struct probe *probe, unsigned place, const struct root **root,
                                char *path, size_t size);

/* What stat shows of a variant. */
struct tree_attr probe_attr(const struct probe_files *files, const struct variant *variant,
                            uint64_t size);

#endif
