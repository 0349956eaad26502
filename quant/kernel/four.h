#ifndef QUANT_KERNEL_FOUR_H
#define QUANT_KERNEL_FOUR_H

#include <stdint.h>
#include <string.h>

#include "quant/kernel/inline.h"

/*
 * Four pieces of work side by side, one a lane: each lane does what would be done for its piece
 * alone. GCC and Clang make vectors of this where the machine has them, scalars elsewhere.
 */
enum {
    FOUR = 4,
};

typedef float four __attribute__((vector_size(4 * FOUR)));
typedef int32_t four_bits __attribute__((vector_size(4 * FOUR)));

INLINE four four_all(float value)
{
    return (four){value, value, value, value};
}

/* Lanes of `a` where the mask is set, of `b` where it is not. */
INLINE four four_select(four_bits mask, four a, four b)
{
    return (four)((mask & (four_bits)a) | (~mask & (four_bits)b));
}

INLINE four four_load(const float *from)
{
    four value;

    memcpy(&value, from, sizeof(value));
    return value;
}

INLINE four four_abs(four value)
{
    return (four)((four_bits)value & INT32_MAX);
}

/* As fit_nearest() and fit_clamp(). */
INLINE four four_nearest(four value)
{
    return __builtin_convertvector((((four_bits)(value + 0x1.8p23f)) & 0x7fffff) - 0x400000, four);
}

INLINE four four_clamp(four value, float low, float high)
{
    value = four_select(value > high, four_all(high), value);
    return four_select(value < low, four_all(low), value);
}

#endif
