#ifndef QUANT_FORMAT_HF_FILES_H
#define QUANT_FORMAT_HF_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config.h"
#include "quant/defect.h"

/* A file of a model directory, found and opened by somebody else, who closes it. */
struct hf_file {
    const char *name; /* from the directory: "tokenizer.json", "1_Pooling/config.json" */
    int fd;
    uint64_t size; /* bytes, when it was opened */
};

/* A Hugging Face directory: all of it that may decide bytes of a GGUF file. */
struct hf_directory {
    const char *name; /* its own, without a path: general.name may come from it */
    const struct hf_file *files;
    size_t count;
};

/* May the file of that name (from the directory) decide bytes? May one in that folder of it? */
bool hf_is_input(const char *name);
bool hf_has_inputs(const char *folder);

/* NULL: not there. */
const struct hf_file *hf_find(const struct hf_directory *directory, const char *name);

/*
 * Reads a file whole, with a zero byte behind its last one. *text is for free(). -ENOENT: not
 * there; -EFBIG: more than `max` bytes; -ENODATA: it has become shorter; -EIO, -ENOMEM. *defect
 * (or NULL) names the file.
 */
MUST_USE int hf_read_text(const struct hf_directory *directory, const char *name, size_t max,
                          char **text, size_t *size, struct defect *defect);

/* Reads exactly `size` bytes at `offset`. -ENODATA: the file is shorter; -errno. */
MUST_USE int hf_read_at(int fd, uint64_t offset, void *data, size_t size);

/* As defect_set(), of the file of that name: the text begins with the name, and if the directory
 * has it defect->shard is its place among the files. */
__attribute__((format(printf, 6, 7))) int hf_blame(const struct hf_directory *directory,
                                                   const char *name, struct defect *defect,
                                                   int error, uint64_t offset, const char *format,
                                                   ...);

#endif
