/* Super-blocks of 256 weights with scaled sub-blocks back to floats: Q2_K to Q6_K. */
#include "quant/kernel/block.h"
#include "quant/kernel/half.h"
#include "quant/kernel/scalar.h"

enum {
    ROW = 32, /* levels of 128 weights lie in rows of as many */
    SUB = 16, /* weights of a sub-block of Q2_K, Q3_K and Q6_K */
};

void scalar_widen_q2_k(float *restrict dst, const void *restrict src, size_t count)
{
    const struct block_q2_k *block = src;
    const uint8_t *qs;
    float d, dmin, scale, minimum;

    for (size_t i = 0; i < count; i += BLOCK_SUPER, block++) {
        d = half_get(block->d);
        dmin = half_get(block->dmin);
        for (int sub = 0; sub < BLOCK_SUPER / SUB; sub++, dst += SUB) {
            scale = d * (float)(block->scales[sub] & 15);
            minimum = dmin * (float)(block->scales[sub] >> 4);
            qs = block->qs + sub / 8 * ROW + sub % 2 * SUB;
            for (int j = 0; j < SUB; j++)
                dst[j] = scale * (float)(qs[j] >> (sub / 2 % 4 * 2) & 3) - minimum;
        }
    }
}

/* Of a Q3_K: six bits, biased by 32. */
static int q3_scale(const uint8_t scales[12], int sub)
{
    int low = sub < 8 ? scales[sub] & 15 : scales[sub - 8] >> 4;

    return (low | (scales[8 + sub % 4] >> (sub / 4 * 2) & 3) << 4) - 32;
}

void scalar_widen_q3_k(float *restrict dst, const void *restrict src, size_t count)
{
    const struct block_q3_k *block = src;
    const uint8_t *qs, *third;
    float d, scale;
    int row, low;

    for (size_t i = 0; i < count; i += BLOCK_SUPER, block++) {
        d = half_get(block->d);
        for (int sub = 0; sub < BLOCK_SUPER / SUB; sub++, dst += SUB) {
            scale = d * (float)q3_scale(block->scales, sub);
            row = sub / 2;
            qs = block->qs + row / 4 * ROW + sub % 2 * SUB;
            third = block->hmask + sub % 2 * SUB;
            for (int j = 0; j < SUB; j++) {
                low = qs[j] >> (row % 4 * 2) & 3;
                dst[j] = scale * (float)(low - 4 + (third[j] >> row & 1) * 4);
            }
        }
    }
}

/* Of a Q4_K or Q5_K: the factor and the minimum of sub-block `sub`. */
static void head_scales(const struct block_k_head *head, int sub, float *scale, float *minimum)
{
    const uint8_t *s = head->scales;
    int high = sub - 4;

    if (sub < 4) {
        *scale = half_get(head->d) * (float)(s[sub] & 63);
        *minimum = half_get(head->dmin) * (float)(s[sub + 4] & 63);
        return;
    }
    *scale = half_get(head->d) * (float)((s[sub + 4] & 15) | s[high] >> 6 << 4);
    *minimum = half_get(head->dmin) * (float)(s[sub + 4] >> 4 | s[sub] >> 6 << 4);
}

void scalar_widen_q4_k(float *restrict dst, const void *restrict src, size_t count)
{
    const struct block_q4_k *block = src;
    const uint8_t *qs;
    float scale, minimum;

    for (size_t i = 0; i < count; i += BLOCK_SUPER, block++)
        for (int sub = 0; sub < BLOCK_SUPER / ROW; sub++, dst += ROW) {
            head_scales(&block->head, sub, &scale, &minimum);
            qs = block->qs + sub / 2 * ROW;
            for (int j = 0; j < ROW; j++)
                dst[j] = scale * (float)(qs[j] >> (sub % 2 * 4) & 15) - minimum;
        }
}

void scalar_widen_q5_k(float *restrict dst, const void *restrict src, size_t count)
{
    const struct block_q5_k *block = src;
    const uint8_t *qs;
    float scale, minimum;
    int level;

    for (size_t i = 0; i < count; i += BLOCK_SUPER, block++)
        for (int sub = 0; sub < BLOCK_SUPER / ROW; sub++, dst += ROW) {
            head_scales(&block->head, sub, &scale, &minimum);
            qs = block->qs + sub / 2 * ROW;
            for (int j = 0; j < ROW; j++) {
                level = (qs[j] >> (sub % 2 * 4) & 15) | (block->qh[j] >> sub & 1) << 4;
                dst[j] = scale * (float)level - minimum;
            }
        }
}

void scalar_widen_q6_k(float *restrict dst, const void *restrict src, size_t count)
{
    const struct block_q6_k *block = src;
    const uint8_t *ql, *qh;
    float d, scale;
    int row, level;

    for (size_t i = 0; i < count; i += BLOCK_SUPER, block++) {
        d = half_get(block->d);
        for (int sub = 0; sub < BLOCK_SUPER / SUB; sub++, dst += SUB) {
            scale = d * (float)(int8_t)block->scales[sub];
            row = sub / 2 % 4;
            ql = block->ql + sub / 8 * (2 * ROW) + row % 2 * ROW + sub % 2 * SUB;
            qh = block->qh + sub / 8 * ROW + sub % 2 * SUB;
            for (int j = 0; j < SUB; j++) {
                level = (ql[j] >> (row / 2 * 4) & 15) | (qh[j] >> (2 * row) & 3) << 4;
                dst[j] = scale * (float)(level - 32);
            }
        }
    }
}
