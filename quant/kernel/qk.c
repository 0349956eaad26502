/* The types with blocks of 256: Q4_K, Q5_K, Q6_K. */
#include "quant/kernel/qk.h"

#include <math.h>

#include "quant/kernel/scalar.h"

/* --- Q4_K and Q5_K -----------------------------------------------------------------------------
 */

/* What the searches found: x = scale * level - minimum. */
struct k_fit {
    uint8_t level[BLOCK_SUPER];
    float scale[QK_SUBS];
    float minimum[QK_SUBS];
    float weight[QK_SUBS]; /* sum of the weights of the sub-block */
};

/* The sum of squares, in order. */
static float sum_squares(const float *x, unsigned count)
{
    float sum = 0;

    for (unsigned i = 0; i < count; i++)
        sum += x[i] * x[i];
    return sum;
}

static void fit_plain(const float *x, const struct qk_type *type, struct k_fit *fit)
{
    float weight[QK_SUB], mean, low;

    for (int j = 0; j < QK_SUBS; j++, x += QK_SUB) {
        mean = sqrtf(sum_squares(x, QK_SUB) / QK_SUB);
        for (int i = 0; i < QK_SUB; i++)
            weight[i] = mean + fabsf(x[i]);
        fit->scale[j] = fit_range(QK_SUB, x, weight, FIT_SQUARE, type->top, &type->steps,
                                  fit->level + QK_SUB * j, &low);
        fit->minimum[j] = -low;
    }
}

static void fit_imatrix(const float *x, const float *importance, const struct qk_type *type,
                        struct k_fit *fit)
{
    float weight[QK_SUB], mean_square = 2 * sum_squares(x, BLOCK_SUPER) / BLOCK_SUPER, low;

    for (int j = 0; j < QK_SUBS; j++, x += QK_SUB, importance += QK_SUB) {
        fit->weight[j] = 0;
        for (int i = 0; i < QK_SUB; i++)
            weight[i] = importance[i] * sqrtf(mean_square + x[i] * x[i]);
        for (int i = 0; i < QK_SUB; i++)
            fit->weight[j] += weight[i];
        fit->scale[j] = fit_range(QK_SUB, x, weight, FIT_SQUARE, type->top, &type->imatrix,
                                  fit->level + QK_SUB * j, &low);
        fit->minimum[j] = -low;
    }
}

/* The scales as they will be read, and the levels for them. Where a scale has become 0 the levels
 * of the search stay. */
static void finish_levels(const float *x, const struct block_k_head *head, float top,
                          uint8_t *level)
{
    uint8_t scale[QK_SUBS], minimum[QK_SUBS];
    float d, low;

    qk_unpack_scales(head->scales, scale, minimum);
    for (int j = 0; j < QK_SUBS; j++, x += QK_SUB, level += QK_SUB) {
        d = half_get(head->d) * scale[j];
        if (d == 0)
            continue;
        low = half_get(head->dmin) * minimum[j];
        for (int i = 0; i < QK_SUB; i++)
            level[i] = (uint8_t)(int)fit_clamp(fit_nearest((x[i] + low) / d), 0, top);
    }
}

/* All of a Q4_K or Q5_K but the packing of its levels. `importance`: of this block, or NULL. */
static void quantize_k(const float *x, const float *importance, const struct qk_type *type,
                       struct block_k_head *head, uint8_t *level)
{
    uint8_t scale[QK_SUBS], minimum[QK_SUBS];
    struct k_fit fit;

    if (importance) {
        fit_imatrix(x, importance, type, &fit);
        half_put(head->d, fit_positive(QK_SUBS, fit.scale, fit.weight, 63, scale));
        half_put(head->dmin, fit_positive(QK_SUBS, fit.minimum, fit.weight, 63, minimum));
        for (int j = 0; j < QK_SUBS; j++)
            scale[j] = scale[j] < type->scale_limit ? scale[j] : type->scale_limit;
    } else {
        fit_plain(x, type, &fit);
        half_put(head->d, qk_scale_six(fit.scale, scale));
        half_put(head->dmin, qk_scale_six(fit.minimum, minimum));
    }
    qk_pack_scales(scale, minimum, head->scales);
    memcpy(level, fit.level, BLOCK_SUPER);
    finish_levels(x, head, type->top, level);
}

void scalar_q4_k(void *restrict dst, const float *restrict src, size_t rows, size_t row_len,
                 const float *restrict importance)
{
    struct block_q4_k *block = dst;
    uint8_t level[BLOCK_SUPER];

    for (size_t row = 0; row < rows; row++)
        for (size_t i = 0; i < row_len; i += BLOCK_SUPER, src += BLOCK_SUPER, block++) {
            quantize_k(src, importance ? importance + i : NULL, &qk_q4, &block->head, level);
            qk_pack_low(level, block->qs);
        }
}

void scalar_q5_k(void *restrict dst, const float *restrict src, size_t rows, size_t row_len,
                 const float *restrict importance)
{
    struct block_q5_k *block = dst;
    uint8_t level[BLOCK_SUPER];

    for (size_t row = 0; row < rows; row++)
        for (size_t i = 0; i < row_len; i += BLOCK_SUPER, src += BLOCK_SUPER, block++) {
            quantize_k(src, importance ? importance + i : NULL, &qk_q5, &block->head, level);
            qk_pack_fifth(level, block->qh);
            qk_pack_low(level, block->qs);
        }
}

/* --- Q6_K --------------------------------------------------------------------------------------
 */

static void quantize_q6_k(const float *x, const float *importance, struct block_q6_k *block)
{
    uint8_t level[BLOCK_SUPER];
    float scale[QK_SUBS_6], d;

    for (int j = 0; j < QK_SUBS_6; j++)
        scale[j] =
            fit_signed(QK_SUB_6, x + QK_SUB_6 * j, importance ? importance + QK_SUB_6 * j : NULL,
                       32, level + QK_SUB_6 * j);
    if (!qk_scale_eight(scale, block)) {
        memset(block, 0, sizeof(*block));
        return;
    }
    for (int j = 0; j < QK_SUBS_6; j++) {
        d = half_get(block->d) * (int8_t)block->scales[j];
        if (d == 0)
            continue;
        for (int i = QK_SUB_6 * j; i < QK_SUB_6 * (j + 1); i++)
            level[i] = (uint8_t)(int)(fit_clamp(fit_nearest(x[i] / d), -32, 31) + 32);
    }
    qk_pack_q6(level, block);
}

void scalar_q6_k(void *restrict dst, const float *restrict src, size_t rows, size_t row_len,
                 const float *restrict importance)
{
    struct block_q6_k *block = dst;

    for (size_t row = 0; row < rows; row++)
        for (size_t i = 0; i < row_len; i += BLOCK_SUPER, src += BLOCK_SUPER, block++)
            quantize_q6_k(src, importance ? importance + i : NULL, block);
}
