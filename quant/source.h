#ifndef QUANT_SOURCE_H
#define QUANT_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "quant/defect.h"
#include "quant/format/gguf.h"
#include "quant/format/imatrix.h"
#include "quant/type.h"
#include "quant/version.h"

/* A tensor of a source, in any of its shards. */
struct source_tensor {
    const char *name;
    uint64_t ne[4]; /* as in struct gguf_tensor */
    unsigned
        n_dims; /* position of the last dimension greater than 1, at least 1 (recipe.md §2.2) */
    enum type type;
    unsigned shard;
    uint64_t offset; /* bytes from the start of that shard */
    uint64_t size;   /* bytes, without padding */
};

/*
 * A full-precision model as it lies on disk: one GGUF file or a split set. Opaque: it owns
 * descriptors. Immutable after source_open(); any thread may read from it.
 */
struct source;

/* Opens the file called `name` (a plain name: all files of a source are neighbours) for reading,
 * O_CLOEXEC, O_NONBLOCK. Returns a descriptor or -errno. */
typedef int (*source_open_fn)(void *context, const char *name);

/*
 * Opens a source by the name of its file, or of its first shard (whose split.count says how many
 * there are). Only regular files are taken. Every file is parsed and checked; the versions are
 * those of the opened descriptors and are the same before and after parsing (else -EAGAIN: it is
 * being written). Errors as of gguf_parse(), and: -ENOENT, -EACCES, ... of opening; -EISDIR no
 * regular file. *defect tells the shard. The architecture is not judged here: see arch_check().
 */
MUST_USE int source_open(source_open_fn open, void *context, const char *name,
                         struct source **source, struct defect *defect);
void source_close(struct source *source);

/* All tensors of all shards in the reference tool's output order (recipe.md §2.1). */
const struct source_tensor *source_tensors(const struct source *source, size_t *count);

/* The metadata of the first shard (the only one whose keys count), or of any shard. */
const struct gguf *source_gguf(const struct source *source);
unsigned source_shard_count(const struct source *source);
const char *source_shard_name(const struct source *source, unsigned shard);
const struct version *source_version(const struct source *source, unsigned shard);

/*
 * Gives the source an importance matrix, before it is shared: takes it and the file `fd` that it
 * was read from over, also after an error. `version`: of that file, before it was read: -EAGAIN if
 * it has another one now. `watch`: source_imatrix_unchanged() tells what becomes of the file; else
 * it does not matter, since the values are here. -ENOMEM.
 */
MUST_USE int source_set_imatrix(struct source *source, struct imatrix *imatrix,
                                const struct version *version, int fd, bool watch);
/* NULL: none was given. */
const struct imatrix *source_imatrix(const struct source *source);
const struct version *source_imatrix_version(const struct source *source);
int source_imatrix_descriptor(const struct source *source);
/* As source_unchanged(); 0 if it is not watched. */
MUST_USE int source_imatrix_unchanged(const struct source *source);

/* Takes over the file `fd` that decides, too, what is made of the source: a mix in that version,
 * before it was read, or -EAGAIN. -ENOMEM. */
MUST_USE int source_set_mix(struct source *source, const struct version *version, int fd);
/* As source_unchanged(); 0 if there is none. */
MUST_USE int source_mix_unchanged(const struct source *source);

/* Value of a key of the first shard. -ENOENT no such key, -EINVAL another type, -EIO. A string is
 * cut at its first zero byte and must fit `size` with its end, else -E2BIG. */
MUST_USE int source_key_u32(const struct source *source, const char *key, uint32_t *value);
MUST_USE int source_key_string(const struct source *source, const char *key, char *value,
                               size_t size);

/* The shard's descriptor, the source's own: to ask about its filesystem, or to advise about its
 * pages. */
int source_descriptor(const struct source *source, unsigned shard);

/* Reads exactly `size` bytes at `offset` of a shard. -EIO: also when the file has become shorter;
 * never a partial read. */
MUST_USE int source_read(const struct source *source, unsigned shard, uint64_t offset, void *data,
                         size_t size);

/*
 * Is the shard still in the state in which it was opened? Asked after bytes have been read and
 * before they are used. 0 yes, or only its ctime differs and mode, owner, link count or name
 * explain that (then remembered: see below); -ESTALE no, and never again. (design.md, "An open
 * view")
 */
MUST_USE int source_unchanged(const struct source *source, unsigned shard);

#endif
