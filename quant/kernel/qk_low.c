/* The types with blocks of 256 and levels of two or three bits: Q2_K, Q3_K. */
#include <math.h>

#include "quant/kernel/block.h"
#include "quant/kernel/fit.h"
#include "quant/kernel/scalar.h"

enum {
    SUBS = 16, /* sub-blocks of a block */
    SUB = 16,  /* weights of a sub-block */
};

static float sum_squares(const float *x)
{
    float sum = 0;

    for (int i = 0; i < BLOCK_SUPER; i++)
        sum += x[i] * x[i];
    return sum;
}

/* Weights of the searches of one sub-block. Returns their sum. */
static float sub_weights(const float *x, const float *importance, float mean_square, float *weight)
{
    float sum = 0;

    for (int i = 0; i < SUB; i++)
        weight[i] = importance[i] * sqrtf(mean_square + x[i] * x[i]);
    for (int i = 0; i < SUB; i++)
        sum += weight[i];
    return sum;
}

/* The low two bits of the levels. */
static void pack_low(const uint8_t *level, uint8_t *qs)
{
    for (int half = 0; half < 2; half++, level += 128, qs += 32)
        for (int i = 0; i < 32; i++)
            qs[i] = (uint8_t)((level[i] & 3) | (level[i + 32] & 3) << 2 | (level[i + 64] & 3) << 4 |
                              (level[i + 96] & 3) << 6);
}

/* --- Q2_K --------------------------------------------------------------------------------------
 */

/* What the searches found: x = scale * level - minimum. */
struct fit_q2_k {
    uint8_t level[BLOCK_SUPER];
    float scale[SUBS];
    float minimum[SUBS];
    float weight[SUBS]; /* sum of the weights of the sub-block */
};

static void fit_plain(const float *x, struct fit_q2_k *fit)
{
    static const struct fit_steps steps = {-0.5f, 0.1f, 15, false};
    float weight[SUB], low;

    for (int j = 0; j < SUBS; j++, x += SUB) {
        for (int i = 0; i < SUB; i++)
            weight[i] = fabsf(x[i]);
        fit->scale[j] =
            fit_range(SUB, x, weight, FIT_ABSOLUTE, 3, &steps, fit->level + SUB * j, &low);
        fit->minimum[j] = -low;
    }
}

static void fit_imatrix(const float *x, const float *importance, struct fit_q2_k *fit)
{
    static const struct fit_steps steps = {-0.9f, 0.05f, 36, true};
    float weight[SUB], mean_square = sum_squares(x) / BLOCK_SUPER, low;

    for (int j = 0; j < SUBS; j++, x += SUB, importance += SUB) {
        fit->weight[j] = sub_weights(x, importance, mean_square, weight);
        fit->scale[j] =
            fit_range(SUB, x, weight, FIT_SQUARE, 3, &steps, fit->level + SUB * j, &low);
        fit->minimum[j] = -low;
    }
}

/* Numbers in four bits each: number * 15 / the largest. Returns what one unit is worth. A number
 * below 0 gets all upper bits of its byte; they come to lie where those of the minimum are. */
static float scale_four(const float *number, uint8_t *four)
{
    float most = 0, factor;

    for (int j = 0; j < SUBS; j++)
        most = number[j] > most ? number[j] : most;
    factor = most > 0 ? 15 / most : 0;
    for (int j = 0; j < SUBS; j++)
        four[j] = (uint8_t)(int)fit_nearest(factor * number[j]);
    return most / 15;
}

static void quantize_q2_k(const float *x, const float *importance, struct block_q2_k *block)
{
    uint8_t scale[SUBS], minimum[SUBS], *level;
    struct fit_q2_k fit;
    float d, low;

    if (importance) {
        fit_imatrix(x, importance, &fit);
        half_put(block->d, fit_positive(SUBS, fit.scale, fit.weight, 15, scale));
        half_put(block->dmin, fit_positive(SUBS, fit.minimum, fit.weight, 15, minimum));
    } else {
        fit_plain(x, &fit);
        half_put(block->d, scale_four(fit.scale, scale));
        half_put(block->dmin, scale_four(fit.minimum, minimum));
    }
    for (int j = 0; j < SUBS; j++) {
        block->scales[j] = (uint8_t)(scale[j] | minimum[j] << 4);
        d = half_get(block->d) * (float)(block->scales[j] & 15);
        if (d == 0) /* the levels of the search stay */
            continue;
        low = half_get(block->dmin) * (float)(block->scales[j] >> 4);
        level = fit.level + SUB * j;
        for (int i = 0; i < SUB; i++)
            level[i] = (uint8_t)(int)fit_clamp(fit_nearest((x[SUB * j + i] + low) / d), 0, 3);
    }
    pack_low(fit.level, block->qs);
}

void scalar_q2_k(void *restrict dst, const float *restrict src, size_t rows, size_t row_len,
                 const float *restrict importance)
{
    struct block_q2_k *block = dst;

    for (size_t row = 0; row < rows; row++)
        for (size_t i = 0; i < row_len; i += BLOCK_SUPER, src += BLOCK_SUPER, block++)
            quantize_q2_k(src, importance ? importance + i : NULL, block);
}

/* --- Q3_K --------------------------------------------------------------------------------------
 */

/* Scales in six bits each, from 0 to 63, of which the largest is 0. Returns what one unit above 32
 * is worth. */
static float scale_six(const float *scale, uint8_t *six)
{
    float most = 0, factor;
    int level;

    for (int j = 0; j < SUBS; j++)
        most = fabsf(scale[j]) > fabsf(most) ? scale[j] : most;
    memset(six, 0, SUBS);
    if (most == 0)
        return 0;
    factor = -32 / most;
    for (int j = 0; j < SUBS; j++) {
        level = (int8_t)(int)fit_nearest(factor * scale[j]);
        level = level < 31 ? level : 31;
        six[j] = (uint8_t)((level > -32 ? level : -32) + 32);
    }
    return 1 / factor;
}

/* Levels and scales; returns the unit of these. Scales are NaN where squares are infinite: one
 * beside others makes the unit NaN, alone they count as zeros. */
static float scales_imatrix(const float *x, const float *importance, uint8_t *level, uint8_t *six)
{
    float mean_square = 2 * sum_squares(x) / BLOCK_SUPER, weight[SUB], scale[SUBS], sum[SUBS];
    float most = 0;

    for (int j = 0; j < SUBS; j++, x += SUB, importance += SUB, level += SUB) {
        sum[j] = sub_weights(x, importance, mean_square, weight);
        scale[j] = fit_signed(SUB, x, weight, 4, level);
        most = fabsf(scale[j]) > most ? fabsf(scale[j]) : most;
    }
    if (most < FIT_EPSILON) {
        memset(six, 0, SUBS);
        return 0;
    }
    return fit_signed(SUBS, scale, sum, 32, six);
}

static float scales_plain(const float *x, uint8_t *level, uint8_t *six)
{
    float scale[SUBS];

    fit_refined(x, 4, scale, level);
    return scale_six(scale, six);
}

static void pack_scales(const uint8_t *six, uint8_t *packed)
{
    for (int j = 0; j < 8; j++)
        packed[j] = (uint8_t)((six[j] & 15) | six[j + 8] << 4);
    for (int j = 0; j < 4; j++)
        packed[8 + j] = (uint8_t)(six[j] >> 4 | six[j + 4] >> 4 << 2 | six[j + 8] >> 4 << 4 |
                                  six[j + 12] >> 4 << 6);
}

static void pack_third(const uint8_t *level, uint8_t *hmask)
{
    memset(hmask, 0, 32);
    for (int row = 0; row < 8; row++, level += 32)
        for (int i = 0; i < 32; i++)
            hmask[i] = (uint8_t)(hmask[i] | level[i] >> 2 << row);
}

static void quantize_q3_k(const float *x, const float *importance, struct block_q3_k *block)
{
    uint8_t level[BLOCK_SUPER], six[SUBS];
    float d;

    half_put(block->d,
             importance ? scales_imatrix(x, importance, level, six) : scales_plain(x, level, six));
    pack_scales(six, block->scales);
    for (int j = 0; j < SUBS; j++) {
        d = half_get(block->d) * (float)(six[j] - 32);
        if (d == 0) /* the levels of the search stay */
            continue;
        for (int i = SUB * j; i < SUB * (j + 1); i++)
            level[i] = (uint8_t)(int)(fit_clamp(fit_nearest(x[i] / d), -4, 3) + 4);
    }
    pack_third(level, block->hmask);
    pack_low(level, block->qs);
}

void scalar_q3_k(void *restrict dst, const float *restrict src, size_t rows, size_t row_len,
                 const float *restrict importance)
{
    struct block_q3_k *block = dst;

    for (size_t row = 0; row < rows; row++)
        for (size_t i = 0; i < row_len; i += BLOCK_SUPER, src += BLOCK_SUPER, block++)
            quantize_q3_k(src, importance ? importance + i : NULL, block);
}
