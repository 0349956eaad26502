#ifndef QUANT_SOURCE_STATE_H
#define QUANT_SOURCE_STATE_H

#include "quant/format/hf/import.h"
#include "quant/input.h"
#include "quant/source.h"

/* Private to source.c and source_directory.c. */

struct source_shard {
    char *name;
    struct input *input; /* NULL: not opened yet, or the one shard of a directory */
    struct gguf gguf;
};

/* A Hugging Face directory: its files, and the GGUF file that the reference converter would make of
 * them. */
struct source_directory {
    size_t count;
    struct input **inputs; /* by the number of a file, as is all below */
    struct hf_file *files;
    char **names;
    struct hf_directory directory;
    struct hf_import *import;
    bool projector;        /* is what it is the import of */
    const uint8_t *header; /* the import's */
    size_t header_size;
    uint64_t size;          /* of the GGUF file */
    struct version version; /* of the GGUF file: made of those of all files */
};

struct source {
    struct source_shard *shards;
    unsigned shard_count;
    struct source_directory *directory; /* NULL: the shards are GGUF files */
    struct source_tensor *tensors;
    size_t tensor_count;
    struct imatrix *imatrix;
    struct input *imatrix_file;
    struct input *mix_file;
    bool watched; /* the file of the importance matrix */
};

/* Adds a shard that is not open yet; takes the name, also if it fails. */
MUST_USE int source_add_shard(struct source *source, char *name);
/* All tensors of the shards into their order; no name twice. */
MUST_USE int source_sort_tensors(struct source *source, struct defect *defect);

/* Of one file: as source_forget() and source_will_need(). */
void source_forget_range(int fd, uint64_t offset, uint64_t size);
void source_will_need_range(int fd, uint64_t offset, uint64_t size);

MUST_USE int source_directory_read(const struct source_directory *directory, uint64_t offset,
                                   void *data, size_t size);
MUST_USE int source_directory_unchanged(const struct source_directory *directory);
void source_directory_forget(const struct source_directory *directory, uint64_t offset,
                             uint64_t size);
void source_directory_will_need(const struct source_directory *directory, uint64_t offset,
                                uint64_t size);
void source_directory_free(struct source_directory *directory); /* NULL is fine */

#endif
