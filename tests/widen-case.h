#ifndef TESTS_WIDEN_CASE_H
#define TESTS_WIDEN_CASE_H

#include <stddef.h>
#include <stdint.h>

#include "quant/type.h"

/*
 * Blocks with which the conversion of quantized types to floats is compared with the reference
 * library, and with what that made once. Made with integers, so that a seed means the same
 * everywhere.
 */

enum {
    WIDEN_SEED = 1, /* of the golden hashes */
    WIDEN_TYPES = 25,
    WIDEN_KINDS = 5,
    WIDEN_BLOCKS = 64, /* of a case */
    WIDEN_BYTES = WIDEN_BLOCKS * 256,
    WIDEN_WEIGHTS = WIDEN_BLOCKS * 256,
};

enum type widen_type(unsigned index);
const char *widen_kind_name(unsigned kind);

/* WIDEN_BLOCKS blocks of a kind: WIDEN_BYTES at most. */
void widen_blocks(enum type type, unsigned kind, uint64_t seed, uint8_t *blocks);

/* The weights of a case. */
size_t widen_count(enum type type);

/* Adds floats to a hash, 0 at first. Any NaN is as good as another: who asks for it gets an error.
 */
uint64_t widen_hash(uint64_t hash, const float *x, size_t count);

#endif
