/* Blocks of 32 weights back to floats: Q4_0, Q4_1, Q5_0, Q5_1, Q8_0. */
#include "quant/kernel/block.h"
#include "quant/kernel/half.h"
#include "quant/kernel/scalar.h"

enum {
    HALF = BLOCK_SMALL / 2, /* weights whose levels lie in the low halves of bytes */
};

void scalar_widen_q4_0(float *restrict dst, const void *restrict src, size_t count)
{
    const struct block_q4_0 *block = src;
    float d;

    for (size_t i = 0; i < count; i += BLOCK_SMALL, dst += BLOCK_SMALL, block++) {
        d = half_get(block->d);
        for (int j = 0; j < HALF; j++) {
            dst[j] = (float)((block->qs[j] & 15) - 8) * d;
            dst[j + HALF] = (float)((block->qs[j] >> 4) - 8) * d;
        }
    }
}

void scalar_widen_q4_1(float *restrict dst, const void *restrict src, size_t count)
{
    const struct block_q4_1 *block = src;
    float d, m;

    for (size_t i = 0; i < count; i += BLOCK_SMALL, dst += BLOCK_SMALL, block++) {
        d = half_get(block->d);
        m = half_get(block->m);
        for (int j = 0; j < HALF; j++) {
            dst[j] = (float)(block->qs[j] & 15) * d + m;
            dst[j + HALF] = (float)(block->qs[j] >> 4) * d + m;
        }
    }
}

/* The levels of Q5_0 and Q5_1. */
static void five_bits(const uint8_t qs[HALF], const uint8_t fifth[4], int8_t level[BLOCK_SMALL])
{
    uint32_t bits;

    memcpy(&bits, fifth, sizeof(bits));
    for (int j = 0; j < HALF; j++) {
        level[j] = (int8_t)((qs[j] & 15) | (bits >> j & 1) << 4);
        level[j + HALF] = (int8_t)(qs[j] >> 4 | (bits >> (j + HALF) & 1) << 4);
    }
}

void scalar_widen_q5_0(float *restrict dst, const void *restrict src, size_t count)
{
    const struct block_q5_0 *block = src;
    int8_t level[BLOCK_SMALL];
    float d;

    for (size_t i = 0; i < count; i += BLOCK_SMALL, dst += BLOCK_SMALL, block++) {
        d = half_get(block->d);
        five_bits(block->qs, block->qh, level);
        for (int j = 0; j < BLOCK_SMALL; j++)
            dst[j] = (float)(level[j] - 16) * d;
    }
}

void scalar_widen_q5_1(float *restrict dst, const void *restrict src, size_t count)
{
    const struct block_q5_1 *block = src;
    int8_t level[BLOCK_SMALL];
    float d, m;

    for (size_t i = 0; i < count; i += BLOCK_SMALL, dst += BLOCK_SMALL, block++) {
        d = half_get(block->d);
        m = half_get(block->m);
        five_bits(block->qs, block->qh, level);
        for (int j = 0; j < BLOCK_SMALL; j++)
            dst[j] = (float)level[j] * d + m;
    }
}

void scalar_widen_q8_0(float *restrict dst, const void *restrict src, size_t count)
{
    const struct block_q8_0 *block = src;
    float d;

    for (size_t i = 0; i < count; i += BLOCK_SMALL, dst += BLOCK_SMALL, block++) {
        d = half_get(block->d);
        for (int j = 0; j < BLOCK_SMALL; j++)
            dst[j] = (float)(int8_t)block->qs[j] * d;
    }
}
