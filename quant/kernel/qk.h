#ifndef QUANT_KERNEL_QK_H
#define QUANT_KERNEL_QK_H

#include <math.h>

#include "quant/kernel/block.h"
#include "quant/kernel/fit.h"

/* What all sets do alike to one block of Q4_K, Q5_K or Q6_K, around the searches. */

/* --- Q4_K and Q5_K -----------------------------------------------------------------------------
 */

enum {
    QK_SUBS = 8, /* sub-blocks of a block */
    QK_SUB = 32, /* weights of a sub-block */
};

/* What Q4_K and Q5_K do not share. */
struct qk_type {
    float top;                /* the highest level */
    struct fit_steps steps;   /* without importance */
    struct fit_steps imatrix; /* with importance */
    uint8_t scale_limit;      /* of the scales with importance, which wrap around below 0 */
};

static const struct qk_type qk_q4 = {15, {-1, 0.1f, 20, false}, {-0.9f, 0.05f, 36, true}, 255};
static const struct qk_type qk_q5 = {31, {-0.5f, 0.1f, 15, false}, {-0.9f, 0.05f, 36, true}, 63};

/* Eight numbers in six bits each: number * 63 / the largest. Returns what one unit is worth. */
static inline float qk_scale_six(const float *number, uint8_t *six)
{
    float most = 0, factor;

    for (int j = 0; j < QK_SUBS; j++)
        most = number[j] > most ? number[j] : most;
    factor = most > 0 ? 63 / most : 0;
    for (int j = 0; j < QK_SUBS; j++) {
        six[j] = (uint8_t)(int)fit_nearest(factor * number[j]);
        six[j] = six[j] < 63 ? six[j] : 63;
    }
    return most / 63;
}

static inline void qk_pack_scales(const uint8_t *scale, const uint8_t *minimum, uint8_t *packed)
{
    for (int j = 0; j < 4; j++) {
        packed[j] = (uint8_t)(scale[j] | scale[j + 4] >> 4 << 6);
        packed[j + 4] = (uint8_t)(minimum[j] | minimum[j + 4] >> 4 << 6);
        packed[j + 8] = (uint8_t)((scale[j + 4] & 15) | minimum[j + 4] << 4);
    }
}

static inline void qk_unpack_scales(const uint8_t *packed, uint8_t *scale, uint8_t *minimum)
{
    for (int j = 0; j < 4; j++) {
        scale[j] = packed[j] & 63;
        minimum[j] = packed[j + 4] & 63;
        scale[j + 4] = (uint8_t)((packed[j + 8] & 15) | packed[j] >> 6 << 4);
        minimum[j + 4] = (uint8_t)(packed[j + 8] >> 4 | packed[j + 4] >> 6 << 4);
    }
}

/* The low four bits of the levels. */
static inline void qk_pack_low(const uint8_t *level, uint8_t *qs)
{
    for (int j = 0; j < QK_SUBS; j += 2, level += 2 * QK_SUB, qs += QK_SUB)
        for (int i = 0; i < QK_SUB; i++)
            qs[i] = (uint8_t)((level[i] & 15) | level[i + QK_SUB] << 4);
}

/* The fifth bits: of number i of each sub-block in byte i, the first lowest. */
static inline void qk_pack_fifth(const uint8_t *level, uint8_t *qh)
{
    memset(qh, 0, QK_SUB);
    for (int j = QK_SUBS - 1; j >= 0; j--)
        for (int i = 0; i < QK_SUB; i++)
            qh[i] = (uint8_t)(qh[i] + qh[i] + (level[QK_SUB * j + i] >> 4));
}

/* --- Q6_K --------------------------------------------------------------------------------------
 */

enum {
    QK_SUBS_6 = 16, /* sub-blocks of a block */
    QK_SUB_6 = 16,  /* weights of a sub-block */
};

/* Scales in a signed byte each, of which the largest is -128. False: the block is zeros. */
static inline bool qk_scale_eight(const float *scale, struct block_q6_k *block)
{
    float most = 0, factor, level;

    for (int j = 0; j < QK_SUBS_6; j++)
        most = fabsf(scale[j]) > fabsf(most) ? scale[j] : most;
    if (fabsf(most) < 1e-15f)
        return false;
    factor = -128 / most;
    half_put(block->d, 1 / factor);
    for (int j = 0; j < QK_SUBS_6; j++) {
        level = fit_nearest(factor * scale[j]);
        block->scales[j] = (uint8_t)(int)(level < 127 ? level : 127);
    }
    return true;
}

static inline void qk_pack_q6(const uint8_t *level, struct block_q6_k *block)
{
    uint8_t *ql = block->ql, *qh = block->qh;

    for (int half = 0; half < 2; half++, level += 128, ql += 64, qh += 32)
        for (int i = 0; i < 32; i++) {
            ql[i] = (uint8_t)((level[i] & 15) | level[i + 64] << 4);
            ql[i + 32] = (uint8_t)((level[i + 32] & 15) | level[i + 96] << 4);
            qh[i] = (uint8_t)(level[i] >> 4 | level[i + 32] >> 4 << 2 | level[i + 64] >> 4 << 4 |
                              level[i + 96] >> 4 << 6);
        }
}

#endif
