#ifndef QUANT_KERNEL_FP4_H
#define QUANT_KERNEL_FP4_H

#include <stdint.h>

#include "quant/kernel/half.h"

/* What scales the levels of MXFP4 and NVFP4. */

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

#endif
