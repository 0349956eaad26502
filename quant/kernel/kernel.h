#ifndef QUANT_KERNEL_KERNEL_H
#define QUANT_KERNEL_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "quant/type.h"

/* Part of the names in a cache: to be raised when the bytes of any kernel change. */
#define KERNEL_VERSION 1

/*
 * One tile of float weights to blocks of one type. `src`: rows * row_len floats; `dst`: the blocks,
 * no padding. row_len is a multiple of the type's block (F16, BF16: any). A tile is several whole
 * rows or a part of one row. `importance`: row_len floats (already at the tile's first column), or
 * NULL. No state, no allocation, no error: whether the result is finite is checked by
 * convert_run().
 */
typedef void (*kernel_fn)(void *restrict dst, const float *restrict src, size_t rows,
                          size_t row_len, const float *restrict importance);

/* Source bytes of one type to `count` floats (whole blocks). `src` need not be aligned. */
typedef void (*kernel_widen_fn)(float *restrict dst, const void *restrict src, size_t count);

/* Are all of `count` numbers finite? `src` need not be aligned. */
typedef bool (*kernel_finite_fn)(const void *src, size_t count);

/* All kernels of one instruction set; NULL where it has none. Indexed by enum type. */
struct kernel_set {
    const char *name; /* "scalar", "avx2", ... */
    kernel_fn quantize[TYPE_COUNT];
    kernel_widen_fn widen[TYPE_COUNT];
    kernel_finite_fn finite[TYPE_COUNT]; /* F32, F16, BF16 */
};

/*
 * The fastest kernels that this CPU and `wish` allow: scalar filled first, each wider set
 * overwriting what it has. `wish`: the text of QUANTFS_CPU ("scalar", "avx2", ...), or NULL for the
 * best. -EINVAL: no such set on this machine.
 */
MUST_USE int kernel_select(const char *wish, struct kernel_set *set);

#endif
