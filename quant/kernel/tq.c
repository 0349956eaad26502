/* The types with two or three levels and one magnitude a block: TQ1_0, TQ2_0, Q1_0, Q2_0. */
#include <float.h>
#include <math.h>

#include "quant/kernel/block.h"
#include "quant/kernel/half.h"
#include "quant/kernel/scalar.h"

/*
 * Levels of x / d, where d is the largest magnitude: 0, 1 and 2 for what is rounded, half away from
 * zero, to -1, 0 and 1. `broken`: of all, if d is so small that its inverse is infinite. Returns d.
 */
static float three_levels(const float *x, unsigned count, uint8_t broken, uint8_t *level)
{
    int32_t most = 0, magnitude;
    float d, inverse;

    /* Magnitudes are ordered as their bits are. */
    for (unsigned i = 0; i < count; i++) {
        magnitude = float_bits(x[i]) & 0x7fffffff;
        most = magnitude > most ? magnitude : most;
    }
    d = bits_float(most);
    inverse = d != 0 ? 1 / d : 0;
    if (!(inverse <= FLT_MAX)) {
        memset(level, broken, count);
        return d;
    }
    for (unsigned i = 0; i < count; i++)
        level[i] = (uint8_t)(1 + (x[i] * inverse >= 0.5f) - (x[i] * inverse <= -0.5f));
    return d;
}

/* --- ternary -----------------------------------------------------------------------------------
 */

/* Five digits, the first one at the top, as a fraction of 256, rounded up. */
static uint8_t pack_digits(const uint8_t *level, unsigned stride, unsigned count)
{
    unsigned number = 0;

    for (unsigned i = 0; i < 5; i++)
        number = 3 * number + (i < count ? level[stride * i] : 0);
    return (uint8_t)((number * 256 + 242) / 243);
}

void scalar_tq1_0(void *restrict dst, const float *restrict src, size_t rows, size_t row_len,
                  const float *restrict importance)
{
    struct block_tq1_0 *block = dst;
    uint8_t level[BLOCK_SUPER];

    (void)importance;
    for (size_t i = 0; i < rows * row_len; i += BLOCK_SUPER, src += BLOCK_SUPER, block++) {
        half_put(block->d, three_levels(src, BLOCK_SUPER, 1, level));
        for (int j = 0; j < 32; j++)
            block->qs[j] = pack_digits(level + j, 32, 5);
        for (int j = 0; j < 16; j++)
            block->qs[32 + j] = pack_digits(level + 160 + j, 16, 5);
        for (int j = 0; j < 4; j++)
            block->qh[j] = pack_digits(level + 240 + j, 4, 4);
    }
}

void scalar_tq2_0(void *restrict dst, const float *restrict src, size_t rows, size_t row_len,
                  const float *restrict importance)
{
    struct block_tq2_0 *block = dst;
    uint8_t levels[BLOCK_SUPER], *level;

    (void)importance;
    for (size_t i = 0; i < rows * row_len; i += BLOCK_SUPER, src += BLOCK_SUPER, block++) {
        half_put(block->d, three_levels(src, BLOCK_SUPER, 1, levels));
        for (int half = 0; half < 2; half++) {
            level = levels + 128 * half;
            for (int j = 0; j < 32; j++)
                block->qs[32 * half + j] = (uint8_t)(level[j] | level[j + 32] << 2 |
                                                     level[j + 64] << 4 | level[j + 96] << 6);
        }
    }
}

/* --- blocks of 128 and 64 ----------------------------------------------------------------------
 */

/* The sums of magnitudes of up to four blocks: chains of additions, side by side. */
static void sum_magnitudes(const float *x, size_t blocks, float sum[4])
{
    for (int b = 0; b < 4; b++)
        sum[b] = 0;
    if (blocks >= 4) {
        for (int i = 0; i < BLOCK_Q1_0; i++)
            for (int b = 0; b < 4; b++)
                sum[b] += fabsf(x[BLOCK_Q1_0 * b + i]);
        return;
    }
    for (size_t b = 0; b < blocks; b++)
        for (int i = 0; i < BLOCK_Q1_0; i++)
            sum[b] += fabsf(x[BLOCK_Q1_0 * b + (size_t)i]);
}

/* One bit for each weight that is not below zero. Eight at once, as in pack_fifth() of q0.c. */
static void pack_signs(const float *x, uint8_t *qs)
{
    uint8_t bit[BLOCK_Q1_0];
    uint64_t bits;

    for (int i = 0; i < BLOCK_Q1_0; i++)
        bit[i] = x[i] >= 0;
    for (int i = 0; i < BLOCK_Q1_0 / 8; i++) {
        memcpy(&bits, bit + 8 * i, sizeof(bits));
        qs[i] = (uint8_t)(bits * 0x0102040810204080 >> 56);
    }
}

void scalar_q1_0(void *restrict dst, const float *restrict src, size_t rows, size_t row_len,
                 const float *restrict importance)
{
    struct block_q1_0 *block = dst;
    size_t count = rows * row_len / BLOCK_Q1_0;
    float sum[4];

    (void)importance;
    for (size_t i = 0; i < count; i++, src += BLOCK_Q1_0, block++) {
        if (i % 4 == 0)
            sum_magnitudes(src, count - i, sum);
        half_put(block->d, sum[i % 4] / BLOCK_Q1_0);
        pack_signs(src, block->qs);
    }
}

void scalar_q2_0(void *restrict dst, const float *restrict src, size_t rows, size_t row_len,
                 const float *restrict importance)
{
    struct block_q2_0 *block = dst;
    uint8_t level[BLOCK_Q2_0];

    (void)importance;
    for (size_t i = 0; i < rows * row_len; i += BLOCK_Q2_0, src += BLOCK_Q2_0, block++) {
        half_put(block->d, three_levels(src, BLOCK_Q2_0, 0, level));
        for (int j = 0; j < BLOCK_Q2_0 / 4; j++)
            block->qs[j] = (uint8_t)(level[4 * j] | level[4 * j + 1] << 2 | level[4 * j + 2] << 4 |
                                     level[4 * j + 3] << 6);
    }
}
