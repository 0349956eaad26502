#ifndef QUANT_KERNEL_QK_LOW_H
#define QUANT_KERNEL_QK_LOW_H

#include <math.h>

#include "quant/kernel/block.h"
#include "quant/kernel/fit.h"

/* What all sets do alike to one block of Q2_K or Q3_K, around the searches. */

enum {
    QK_LOW_SUBS = 16, /* sub-blocks of a block */
    QK_LOW_SUB = 16,  /* weights of a sub-block */
};

/* The low two bits of the levels. */
static inline void qk_low_pack(const uint8_t *level, uint8_t *qs)
{
    for (int half = 0; half < 2; half++, level += 128, qs += 32)
        for (int i = 0; i < 32; i++)
            qs[i] = (uint8_t)((level[i] & 3) | (level[i + 32] & 3) << 2 | (level[i + 64] & 3) << 4 |
                              (level[i + 96] & 3) << 6);
}

/* --- Q2_K --------------------------------------------------------------------------------------
 */

static const struct fit_steps q2_steps = {-0.5f, 0.1f, 15, false};
static const struct fit_steps q2_imatrix_steps = {-0.9f, 0.05f, 36, true};

/* Numbers in four bits each: number * 15 / the largest. Returns what one unit is worth. A number
 * below 0 gets all upper bits of its byte; they come to lie where those of the minimum are. */
static inline float q2_scale_four(const float *number, uint8_t *four)
{
    float most = 0, factor;

    for (int j = 0; j < QK_LOW_SUBS; j++)
        most = number[j] > most ? number[j] : most;
    factor = most > 0 ? 15 / most : 0;
    for (int j = 0; j < QK_LOW_SUBS; j++)
        four[j] = (uint8_t)(int)fit_nearest(factor * number[j]);
    return most / 15;
}

/* --- Q3_K --------------------------------------------------------------------------------------
 */

/* Scales in six bits each, from 0 to 63, of which the largest is 0. Returns what one unit above 32
 * is worth. */
static inline float q3_scale_six(const float *scale, uint8_t *six)
{
    float most = 0, factor;
    int level;

    for (int j = 0; j < QK_LOW_SUBS; j++)
        most = fabsf(scale[j]) > fabsf(most) ? scale[j] : most;
    memset(six, 0, QK_LOW_SUBS);
    if (most == 0)
        return 0;
    factor = -32 / most;
    for (int j = 0; j < QK_LOW_SUBS; j++) {
        level = (int8_t)(int)fit_nearest(factor * scale[j]);
        level = level < 31 ? level : 31;
        six[j] = (uint8_t)((level > -32 ? level : -32) + 32);
    }
    return 1 / factor;
}

/* The same with importance, of which `weight` holds the sums. Scales are NaN where squares are
 * infinite: one beside others makes the unit NaN, alone they count as zeros. */
static inline float q3_scale_imatrix(const float *scale, const float *weight, uint8_t *six)
{
    float most = 0;

    for (int j = 0; j < QK_LOW_SUBS; j++)
        most = fabsf(scale[j]) > most ? fabsf(scale[j]) : most;
    if (most < FIT_EPSILON) {
        memset(six, 0, QK_LOW_SUBS);
        return 0;
    }
    return fit_signed(QK_LOW_SUBS, scale, weight, 32, six);
}

static inline void q3_pack_scales(const uint8_t *six, uint8_t *packed)
{
    for (int j = 0; j < 8; j++)
        packed[j] = (uint8_t)((six[j] & 15) | six[j + 8] << 4);
    for (int j = 0; j < 4; j++)
        packed[8 + j] = (uint8_t)(six[j] >> 4 | six[j + 4] >> 4 << 2 | six[j + 8] >> 4 << 4 |
                                  six[j + 12] >> 4 << 6);
}

static inline void q3_pack_third(const uint8_t *level, uint8_t *hmask)
{
    memset(hmask, 0, 32);
    for (int row = 0; row < 8; row++, level += 32)
        for (int i = 0; i < 32; i++)
            hmask[i] = (uint8_t)(hmask[i] | level[i] >> 2 << row);
}

#endif
