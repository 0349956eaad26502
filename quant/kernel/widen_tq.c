/* The types with two to four levels and one scale a block back to floats: TQ1_0, TQ2_0, Q1_0,
 * Q2_0. */
#include "quant/kernel/block.h"
#include "quant/kernel/half.h"
#include "quant/kernel/scalar.h"

/* Digit `n` from the top of a number to base 3, of which a byte is the fraction of 256. Digits
 * before it overflow the byte. */
static int digit(uint8_t byte, int n)
{
    static const uint8_t power[5] = {1, 3, 9, 27, 81};

    return (uint8_t)(byte * power[n]) * 3 >> 8;
}

/* The weights of `bytes` bytes with `digits` digits each. */
static float *widen_digits(float *dst, const uint8_t *qs, int bytes, int digits, float d)
{
    for (int n = 0; n < digits; n++, dst += bytes)
        for (int j = 0; j < bytes; j++)
            dst[j] = (float)(digit(qs[j], n) - 1) * d;
    return dst;
}

void scalar_widen_tq1_0(float *restrict dst, const void *restrict src, size_t count)
{
    const struct block_tq1_0 *block = src;
    float d;

    for (size_t i = 0; i < count; i += BLOCK_SUPER, block++) {
        d = half_get(block->d);
        dst = widen_digits(dst, block->qs, 32, 5, d);
        dst = widen_digits(dst, block->qs + 32, 16, 5, d);
        dst = widen_digits(dst, block->qh, 4, 4, d);
    }
}

void scalar_widen_tq2_0(float *restrict dst, const void *restrict src, size_t count)
{
    const struct block_tq2_0 *block = src;
    const uint8_t *qs;
    float d;

    for (size_t i = 0; i < count; i += BLOCK_SUPER, block++) {
        d = half_get(block->d);
        for (int row = 0; row < BLOCK_SUPER / 32; row++, dst += 32) {
            qs = block->qs + row / 4 * 32;
            for (int j = 0; j < 32; j++)
                dst[j] = (float)((qs[j] >> (row % 4 * 2) & 3) - 1) * d;
        }
    }
}

void scalar_widen_q1_0(float *restrict dst, const void *restrict src, size_t count)
{
    const struct block_q1_0 *block = src;
    float d;

    for (size_t i = 0; i < count; i += BLOCK_Q1_0, dst += BLOCK_Q1_0, block++) {
        d = half_get(block->d);
        for (int j = 0; j < BLOCK_Q1_0; j++)
            dst[j] = block->qs[j / 8] >> j % 8 & 1 ? d : -d;
    }
}

void scalar_widen_q2_0(float *restrict dst, const void *restrict src, size_t count)
{
    const struct block_q2_0 *block = src;
    float d;

    for (size_t i = 0; i < count; i += BLOCK_Q2_0, dst += BLOCK_Q2_0, block++) {
        d = half_get(block->d);
        for (int j = 0; j < BLOCK_Q2_0; j++)
            dst[j] = (float)((block->qs[j / 4] >> (j % 4 * 2) & 3) - 1) * d;
    }
}
