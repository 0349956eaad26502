#ifndef QUANT_FORMAT_IMATRIX_H
#define QUANT_FORMAT_IMATRIX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "quant/defect.h"

/* The importance of one tensor's columns: row length times matrices, matrix after matrix. */
struct imatrix_entry {
    char *name;
    float *values;
    uint64_t count;
};

/* Bytes of a text that goes into a header, with its end: the reference tool cuts it there. */
#define IMATRIX_TEXT_SIZE 128

/* An importance matrix. Const once it is read and selected from. */
struct imatrix {
    char file[IMATRIX_TEXT_SIZE]; /* for quantize.imatrix.file: the caller's to fill */
    bool has_dataset;
    char dataset[IMATRIX_TEXT_SIZE]; /* the first one */
    int32_t chunk_count;
    size_t count;
    struct imatrix_entry *entries; /* by name, each once */
    size_t memory;                 /* bytes that it owns, about */
};

/*
 * Reads an importance matrix of `size` bytes with pread(2): a GGUF file or the older format
 * (recipe.md §7), as llama-quantize 0.7.0 does. Every value is in_sum2 / counts, where counts are
 * rounded to whole numbers first, and 1 where that is not above zero; of the older format the value
 * over the number of calls, and the value itself where that is not above zero. -ENOKEY: the keys of
 * an importance matrix are missing. -EINVAL, -ENODATA (the file is cut): it is none that can be
 * used. *defect says why. -EIO, -ENOMEM. Memory and time are bounded by a small multiple of the
 * file's size.
 */
MUST_USE int imatrix_read(int fd, uint64_t size, struct imatrix **imatrix, struct defect *defect);
void imatrix_free(struct imatrix *imatrix);

/* Drops entries whose name contains one of `exclude`, then, if there is any of `include`, those
 * whose name contains none of them. */
void imatrix_select(struct imatrix *imatrix, const char *const *include, size_t include_count,
                    const char *const *exclude, size_t exclude_count);

/* -EINVAL with the tool's message if a value is infinite or not a number. */
MUST_USE int imatrix_check(const struct imatrix *imatrix, struct defect *defect);

/* The entry of that very name, or NULL. */
const struct imatrix_entry *imatrix_find(const struct imatrix *imatrix, const char *name);

#endif
