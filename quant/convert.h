#ifndef QUANT_CONVERT_H
#define QUANT_CONVERT_H

#include <stddef.h>

#include "quant/kernel/kernel.h"
#include "quant/view.h"

/* Reads the source bytes of a chunk: chunk->source_size bytes into `data`. Errors as of
 * source_read(). */
MUST_USE int convert_load(const struct view *view, uint32_t tensor, const struct chunk *chunk,
                          void *data);

/*
 * Converts a loaded chunk tile by tile (widen to floats that stay in the first-level cache, then
 * blocks): chunk->size bytes into `result`. Pure: the same bytes give the same bytes. -EIO with
 * *defect (tensor name and row) where the weights make it impossible: NaN or infinity in the
 * source or its scales, a result beyond its type's range, or weights beyond that of floats (an
 * MXFP4 can mean such; of some the tool makes nonsense). The text begins with the message of the
 * reference tool, which stops there (recipe.md §8), and goes on with the row, counted over all
 * matrices:
 *   tensor 'X' has invalid data (row 7)
 *   quantized data validation failed (row 7 of tensor 'X')
 * `data` of an F32 source is aligned as floats are. -ENOTSUP if the set has no kernel for these
 * types. -ENOMEM.
 */
MUST_USE int convert_run(const struct kernel_set *kernels, const struct view *view, uint32_t tensor,
                         const struct chunk *chunk, const void *data, void *result,
                         struct defect *defect);

/*
 * What the tool checks of a tensor that it only copies: numbers and block scales are finite.
 * `data`: `size` bytes, whole blocks of `type`, of which the first is block number `first` of the
 * tensor. -EIO with *defect.
 */
MUST_USE int convert_check(const struct kernel_set *kernels, const struct source_tensor *tensor,
                           uint64_t first, const void *data, size_t size, struct defect *defect);

/* How much of a text that convert_run() or convert_check() made is the tool's own message. */
size_t convert_message_length(const char *text);

#endif
