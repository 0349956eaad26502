/* The types with blocks of 256 and levels of two or three bits: Q2_K, Q3_K. */
#include "quant/kernel/qk_low.h"

#include "quant/kernel/scalar.h"

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

    for (int i = 0; i < QK_LOW_SUB; i++)
        weight[i] = importance[i] * sqrtf(mean_square + x[i] * x[i]);
    for (int i = 0; i < QK_LOW_SUB; i++)
        sum += weight[i];
    return sum;
}

/* --- Q2_K --------------------------------------------------------------------------------------
 */

/* What the searches found: x = scale * level - minimum. */
struct fit_q2_k {
    uint8_t level[BLOCK_SUPER];
    float scale[QK_LOW_SUBS];
    float minimum[QK_LOW_SUBS];
    float weight[QK_LOW_SUBS]; /* sum of the weights of the sub-block */
};

static void fit_plain(const float *x, struct fit_q2_k *fit)
{
    float weight[QK_LOW_SUB], low;

    for (int j = 0; j < QK_LOW_SUBS; j++, x += QK_LOW_SUB) {
        for (int i = 0; i < QK_LOW_SUB; i++)
            weight[i] = fabsf(x[i]);
        fit->scale[j] = fit_range(QK_LOW_SUB, x, weight, FIT_ABSOLUTE, 3, &q2_steps,
                                  fit->level + QK_LOW_SUB * j, &low);
        fit->minimum[j] = -low;
    }
}

static void fit_imatrix(const float *x, const float *importance, struct fit_q2_k *fit)
{
    float weight[QK_LOW_SUB], mean_square = sum_squares(x) / BLOCK_SUPER, low;

    for (int j = 0; j < QK_LOW_SUBS; j++, x += QK_LOW_SUB, importance += QK_LOW_SUB) {
        fit->weight[j] = sub_weights(x, importance, mean_square, weight);
        fit->scale[j] = fit_range(QK_LOW_SUB, x, weight, FIT_SQUARE, 3, &q2_imatrix_steps,
                                  fit->level + QK_LOW_SUB * j, &low);
        fit->minimum[j] = -low;
    }
}

static void quantize_q2_k(const float *x, const float *importance, struct block_q2_k *block)
{
    uint8_t scale[QK_LOW_SUBS], minimum[QK_LOW_SUBS], *level;
    struct fit_q2_k fit;
    float d, low;

    if (importance) {
        fit_imatrix(x, importance, &fit);
        half_put(block->d, fit_positive(QK_LOW_SUBS, fit.scale, fit.weight, 15, scale));
        half_put(block->dmin, fit_positive(QK_LOW_SUBS, fit.minimum, fit.weight, 15, minimum));
    } else {
        fit_plain(x, &fit);
        half_put(block->d, q2_scale_four(fit.scale, scale));
        half_put(block->dmin, q2_scale_four(fit.minimum, minimum));
    }
    for (int j = 0; j < QK_LOW_SUBS; j++) {
        block->scales[j] = (uint8_t)(scale[j] | minimum[j] << 4);
        d = half_get(block->d) * (float)(block->scales[j] & 15);
        if (d == 0) /* the levels of the search stay */
            continue;
        low = half_get(block->dmin) * (float)(block->scales[j] >> 4);
        level = fit.level + QK_LOW_SUB * j;
        for (int i = 0; i < QK_LOW_SUB; i++)
            level[i] =
                (uint8_t)(int)fit_clamp(fit_nearest((x[QK_LOW_SUB * j + i] + low) / d), 0, 3);
    }
    qk_low_pack(fit.level, block->qs);
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

/* Levels and scales; returns the unit of these. */
static float scales_imatrix(const float *x, const float *importance, uint8_t *level, uint8_t *six)
{
    float mean_square = 2 * sum_squares(x) / BLOCK_SUPER, weight[QK_LOW_SUB], scale[QK_LOW_SUBS],
          sum[QK_LOW_SUBS];

    for (int j = 0; j < QK_LOW_SUBS;
         j++, x += QK_LOW_SUB, importance += QK_LOW_SUB, level += QK_LOW_SUB) {
        sum[j] = sub_weights(x, importance, mean_square, weight);
        scale[j] = fit_signed(QK_LOW_SUB, x, weight, 4, level);
    }
    return q3_scale_imatrix(scale, sum, six);
}

static float scales_plain(const float *x, uint8_t *level, uint8_t *six)
{
    float scale[QK_LOW_SUBS];

    fit_refined(x, 4, scale, level);
    return q3_scale_six(scale, six);
}

static void quantize_q3_k(const float *x, const float *importance, struct block_q3_k *block)
{
    uint8_t level[BLOCK_SUPER], six[QK_LOW_SUBS];
    float d;

    half_put(block->d,
             importance ? scales_imatrix(x, importance, level, six) : scales_plain(x, level, six));
    q3_pack_scales(six, block->scales);
    for (int j = 0; j < QK_LOW_SUBS; j++) {
        d = half_get(block->d) * (float)(six[j] - 32);
        if (d == 0) /* the levels of the search stay */
            continue;
        for (int i = QK_LOW_SUB * j; i < QK_LOW_SUB * (j + 1); i++)
            level[i] = (uint8_t)(int)(fit_clamp(fit_nearest(x[i] / d), -4, 3) + 4);
    }
    q3_pack_third(level, block->hmask);
    qk_low_pack(level, block->qs);
}

void scalar_q3_k(void *restrict dst, const float *restrict src, size_t rows, size_t row_len,
                 const float *restrict importance)
{
    struct block_q3_k *block = dst;

    for (size_t row = 0; row < rows; row++)
        for (size_t i = 0; i < row_len; i += BLOCK_SUPER, src += BLOCK_SUPER, block++)
            quantize_q3_k(src, importance ? importance + i : NULL, block);
}
