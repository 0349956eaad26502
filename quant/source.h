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
 * A full-precision model as it lies on disk: one GGUF file, a split set, or a Hugging Face
 * directory, which is taken for the one GGUF file that the reference converter would make of it:
 * its one shard, whose bytes are made as they are read. Opaque: it owns descriptors. Immutable
 * after source_open(); any thread may read from it.
 */
struct source;

/* Opens the file called `name` (a plain name: all files of a source are neighbours; of a directory
 * also "FOLDER/NAME" in it) for reading, O_CLOEXEC, O_NONBLOCK. Returns a descriptor or -errno. */
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

/* A key about splitting in the first file that is taken for another than it is, or for there. */
struct source_split_key {
    bool set;
    uint32_t value;
};
struct source_split {
    struct source_split_key count, number, tensors; /* split.count, split.no, split.tensors.count */
};
/* The same with such keys, as the tool's loader has it with overrides. */
MUST_USE int source_open_split(source_open_fn open, void *context, const char *name,
                               const struct source_split *split, struct source **source,
                               struct defect *defect);

/* What a directory becomes. */
struct source_become {
    enum type type; /* F32, F16, BF16 or Q8_0, what the converter is asked for, or TYPE_NONE, the
                       one that loses nothing */
    bool projector; /* not the model's file, but the one that its vision part has (--mmproj) */
};

/* Of source_save(), for source_open_directory(). */
struct source_saved {
    void *data; /* malloc'ed, or NULL; taken over */
    size_t size;
    bool used; /* out: the directory's own files were not read */
};

/*
 * The same of a directory. `name`: its own, which decides bytes; `names`: its files that count
 * (hf_is_input()), sorted, which open() opens. `saved`: what is known of the same files, name and
 * `become`, or NULL. Errors also as of hf_import_open(), or hf_import_open_projector() but for
 * -ENOENT, which is -ENOEXEC here: the model has none. *defect names the file in its text.
 */
MUST_USE int source_open_directory(source_open_fn open, void *context, const char *name,
                                   const char *const *names, size_t count,
                                   struct source_become become, struct source_saved *saved,
                                   struct source **source, struct defect *defect);
/* What can be told of the model at once, as of hf_import_peek(): the arguments are those of
 * source_open_directory(). */
MUST_USE int source_peek_directory(source_open_fn open, void *context, const char *name,
                                   const char *const *names, size_t count, enum type *type,
                                   struct defect *defect);
/* What was found out about a directory: *data is malloc'ed. It is of no use where
 * source_save_version() is another one. -ENOMEM. */
MUST_USE int source_save(const struct source *source, void **data, size_t *size);
uint64_t source_save_version(void);
void source_close(struct source *source);

/* All tensors of all shards in the reference tool's output order (recipe.md §2.1). */
const struct source_tensor *source_tensors(const struct source *source, size_t *count);

/* The metadata of the first shard (the only one whose keys count), or of any shard. */
const struct gguf *source_gguf(const struct source *source);
unsigned source_shard_count(const struct source *source);
const char *source_shard_name(const struct source *source, unsigned shard);
/* Of a directory: one version made of those of all its files and of what it becomes. Its device and
 * inode number are no file's, and not the same after a reboot: what is kept is named by
 * source_file_version(). */
const struct version *source_version(const struct source *source, unsigned shard);

bool source_is_directory(const struct source *source);
/* F32, F16 or BF16; of what is no directory TYPE_NONE. */
enum type source_directory_type(const struct source *source);
/* Of a directory: its projector, not the model. */
bool source_is_projector(const struct source *source);
/* Bytes of a shard. */
uint64_t source_shard_size(const struct source *source, unsigned shard);
/* Bytes of a header that is kept in memory. */
size_t source_header_memory(const struct source *source);

/* The files on disk: the shards, or those of the directory in the order of their names. A
 * descriptor is the source's own: to ask about its filesystem. */
unsigned source_file_count(const struct source *source);
const struct version *source_file_version(const struct source *source, unsigned file);
int source_file_descriptor(const struct source *source, unsigned file);

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

/* Bytes of a shard that were read leave the page cache to others, and what was read before them. */
void source_forget(const struct source *source, unsigned shard, uint64_t offset, uint64_t size);

/* Bytes of a shard will be read soon: the kernel is asked to fetch those that are not in the page
 * cache. It may wait for room in the disk's queue. */
void source_will_need(const struct source *source, unsigned shard, uint64_t offset, uint64_t size);

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
