#ifndef QUANT_KERNEL_FP4_H
#define QUANT_KERNEL_FP4_H

#include <stdint.h>

#include "quant/kernel/half.h"

/* What MXFP4 and NVFP4 do alike in all sets: what scales their levels. */

/* The bits of 2^exponent, -149 to 128. */
static inline uint32_t fp4_power_bits(int exponent)
{
    return exponent < -126 ? 1u << (exponent + 149) : (uint32_t)(exponent + 127) << 23;
}

static inline float fp4_power(int exponent)
{
    return bits_float(fp4_power_bits(exponent));
}

/*
 * Half of the scale that a byte of NVFP4 means, for the values are doubled: a float of four bits of
 * exponent, biased by 7, and three of mantissa, whose top bit is ignored. 0x7f is its NaN, which
 * the reference takes for 0.
 */
static inline float fp4_unit(uint8_t scale)
{
    int exponent = scale >> 3 & 15, mantissa = scale & 7;

    if (scale == 0x7f)
        return 0;
    if (exponent == 0)
        return (float)mantissa * fp4_power(-10);
    return (float)(8 + mantissa) * fp4_power(exponent - 7 - 3 - 1);
}

/*
 * How many floats just below 2^exponent have a log2f() that is rounded up to `exponent`. The one k
 * steps of 2^(exponent - 24) below has the logarithm exponent - k * 2^-24 / ln 2, so those with
 * k < ln 2 * 2^24 * spacing / 2 have, where floats just below `exponent` are `spacing` apart:
 * 2^(n - 24) if |exponent| (or, above 0, exponent - 1) has n bits. ln 2 * 128 is 88 and a bit, so k
 * is at most 88 >> (8 - n). Denormals are 2^-149 apart, so that they are fewer.
 */
static inline uint32_t fp4_rounded_up(int exponent)
{
    unsigned magnitude = (unsigned)(exponent > 0 ? exponent - 1 : -exponent);
    int bits = magnitude ? 32 - __builtin_clz(magnitude) : 0;
    uint32_t count = 88u >> (8 - bits);

    return exponent < -125 ? count >> (-125 - exponent) : count;
}

/* floorf(log2f()) of a positive float with these bits, as glibc computes it. */
static inline int fp4_exponent(uint32_t bits)
{
    int exponent = bits < 1u << 23 ? 31 - __builtin_clz(bits) - 149 : (int)(bits >> 23) - 127;

    return exponent + (fp4_power_bits(exponent + 1) - bits <= fp4_rounded_up(exponent + 1));
}

/* That of MXFP4, biased, which makes the largest magnitude one of 8 to 16 units. Below 2^-127 it
 * wraps around, and all levels are 0. */
static inline uint8_t fp4_exponent_byte(float most)
{
    return most != 0 ? (uint8_t)(fp4_exponent(float_bits(most)) - 2 + 127) : 0;
}

enum {
    FP4_STEPS = 7, /* between 0, 1, 2, 3, 4, 6, 8, 12 */
};

/* The middles. */
static const float fp4_middles[FP4_STEPS] = {0.5f, 1.5f, 2.5f, 3.5f, 5, 7, 10};

#endif
