/* The type with floats of four bits: MXFP4. */
#include "quant/kernel/block.h"
#include "quant/kernel/four.h"
#include "quant/kernel/half.h"
#include "quant/kernel/scalar.h"

/* --- the exponent ------------------------------------------------------------------------------
 */

/* The bits of 2^exponent, -149 to 128. */
static uint32_t power_bits(int exponent)
{
    return exponent < -126 ? 1u << (exponent + 149) : (uint32_t)(exponent + 127) << 23;
}

/*
 * How many floats just below 2^exponent have a log2f() that is rounded up to `exponent`. The one k
 * steps of 2^(exponent - 24) below has the logarithm exponent - k * 2^-24 / ln 2, so those with
 * k < ln 2 * 2^24 * spacing / 2 have, where floats just below `exponent` are `spacing` apart:
 * 2^(n - 24) if |exponent| (or, above 0, exponent - 1) has n bits. ln 2 * 128 is 88 and a bit, so k
 * is at most 88 >> (8 - n). Denormals are 2^-149 apart, so that they are fewer.
 */
static uint32_t rounded_up(int exponent)
{
    unsigned magnitude = (unsigned)(exponent > 0 ? exponent - 1 : -exponent);
    int bits = magnitude ? 32 - __builtin_clz(magnitude) : 0;
    uint32_t count = 88u >> (8 - bits);

    return exponent < -125 ? count >> (-125 - exponent) : count;
}

/* floorf(log2f()) of a positive float with these bits, as glibc computes it. */
static int exponent_of(uint32_t bits)
{
    int exponent = bits < 1u << 23 ? 31 - __builtin_clz(bits) - 149 : (int)(bits >> 23) - 127;

    return exponent + (power_bits(exponent + 1) - bits <= rounded_up(exponent + 1));
}

/* --- the kernel --------------------------------------------------------------------------------
 */

enum {
    STEPS = 7, /* between 0, 1, 2, 3, 4, 6, 8, 12 */
};

/*
 * Levels, and 8 where a weight with one above 0 is negative. A weight in the middle between two
 * values goes to the smaller one. The reference takes the first of the values with the smallest
 * difference; differences to the two next ones are exact or, below half a unit, ordered all the
 * same, and a middle is a product without rounding, so comparing with middles decides the same.
 */
static void put_levels(const float *x, float unit, uint8_t *qs)
{
    static const float middles[STEPS] = {0.5f, 1.5f, 2.5f, 3.5f, 5, 7, 10};
    four_bits bits, magnitude, number;
    int32_t level[BLOCK_SMALL];

    for (int i = 0; i < BLOCK_SMALL; i += FOUR) {
        bits = (four_bits)four_load(x + i);
        magnitude = bits & INT32_MAX; /* ordered as the floats are */
        number = (four_bits){0};
        for (int m = 0; m < STEPS; m++)
            number -= magnitude > (int32_t)float_bits(middles[m] * unit);
        number |= bits >> 28 & 8 & (number != 0);
        memcpy(level + i, &number, sizeof(number));
    }
    for (int i = 0; i < BLOCK_SMALL / 2; i++)
        qs[i] = (uint8_t)(level[i] | level[i + BLOCK_SMALL / 2] << 4);
}

void scalar_mxfp4(void *restrict dst, const float *restrict src, size_t rows, size_t row_len,
                  const float *restrict importance)
{
    struct block_mxfp4 *block = dst;
    int32_t most, magnitude;

    (void)importance;
    for (size_t i = 0; i < rows * row_len; i += BLOCK_SMALL, src += BLOCK_SMALL, block++) {
        most = 0;
        for (int j = 0; j < BLOCK_SMALL; j++) {
            magnitude = float_bits(src[j]) & INT32_MAX;
            most = magnitude > most ? magnitude : most;
        }
        /* Below 2^-127 the exponent wraps around, and all levels are 0. */
        block->e = most ? (uint8_t)(exponent_of((uint32_t)most) - 2 + 127) : 0;
        put_levels(src, bits_float(power_bits(block->e - 128)), block->qs);
    }
}
