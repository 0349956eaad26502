/* The types with blocks of 256: Q4_K, Q5_K, Q6_K. */
#include <math.h>

#include "quant/kernel/block.h"
#include "quant/kernel/fit.h"
#include "quant/kernel/scalar.h"

/* --- Q4_K and Q5_K -----------------------------------------------------------------------------
 */

enum {
    SUBS = 8, /* sub-blocks of a block */
    SUB = 32, /* weights of a sub-block */
};

/* What Q4_K and Q5_K do not share. */
struct k_type {
    float top;                /* the highest level */
    struct fit_steps steps;   /* without importance */
    struct fit_steps imatrix; /* with importance */
    uint8_t scale_limit;      /* of the scales with importance, which wrap around below 0 */
};

static const struct k_type q4_k = {15, {-1, 0.1f, 20, false}, {-0.9f, 0.05f, 36, true}, 255};
static const struct k_type q5_k = {31, {-0.5f, 0.1f, 15, false}, {-0.9f, 0.05f, 36, true}, 63};

/* What the searches found: x = scale * level - minimum. */
struct k_fit {
    uint8_t level[BLOCK_SUPER];
    float scale[SUBS];
    float minimum[SUBS];
    float weight[SUBS]; /* sum of the weights of the sub-block */
};

/* The sum of squares, in order. */
static float sum_squares(const float *x, unsigned count)
{
    float sum = 0;

    for (unsigned i = 0; i < count; i++)
        sum += x[i] * x[i];
    return sum;
}

static void fit_plain(const float *x, const struct k_type *type, struct k_fit *fit)
{
    float weight[SUB], mean, low;

    for (int j = 0; j < SUBS; j++, x += SUB) {
        mean = sqrtf(sum_squares(x, SUB) / SUB);
        for (int i = 0; i < SUB; i++)
            weight[i] = mean + fabsf(x[i]);
        fit->scale[j] = fit_range(SUB, x, weight, FIT_SQUARE, type->top, &type->steps,
                                  fit->level + SUB * j, &low);
        fit->minimum[j] = -low;
    }
}

static void fit_imatrix(const float *x, const float *importance, const struct k_type *type,
                        struct k_fit *fit)
{
    float weight[SUB], mean_square = 2 * sum_squares(x, BLOCK_SUPER) / BLOCK_SUPER, low;

    for (int j = 0; j < SUBS; j++, x += SUB, importance += SUB) {
        fit->weight[j] = 0;
        for (int i = 0; i < SUB; i++)
            weight[i] = importance[i] * sqrtf(mean_square + x[i] * x[i]);
        for (int i = 0; i < SUB; i++)
            fit->weight[j] += weight[i];
        fit->scale[j] = fit_range(SUB, x, weight, FIT_SQUARE, type->top, &type->imatrix,
                                  fit->level + SUB * j, &low);
        fit->minimum[j] = -low;
    }
}

/* Eight numbers in six bits each: number * 63 / the largest. Returns what one unit is worth. */
static float scale_six(const float *number, uint8_t *six)
{
    float most = 0, factor;

    for (int j = 0; j < SUBS; j++)
        most = number[j] > most ? number[j] : most;
    factor = most > 0 ? 63 / most : 0;
    for (int j = 0; j < SUBS; j++) {
        six[j] = (uint8_t)(int)fit_nearest(factor * number[j]);
        six[j] = six[j] < 63 ? six[j] : 63;
    }
    return most / 63;
}

static void pack_scales(const uint8_t *scale, const uint8_t *minimum, uint8_t *packed)
{
    for (int j = 0; j < 4; j++) {
        packed[j] = (uint8_t)(scale[j] | scale[j + 4] >> 4 << 6);
        packed[j + 4] = (uint8_t)(minimum[j] | minimum[j + 4] >> 4 << 6);
        packed[j + 8] = (uint8_t)((scale[j + 4] & 15) | minimum[j + 4] << 4);
    }
}

static void unpack_scales(const uint8_t *packed, uint8_t *scale, uint8_t *minimum)
{
    for (int j = 0; j < 4; j++) {
        scale[j] = packed[j] & 63;
        minimum[j] = packed[j + 4] & 63;
        scale[j + 4] = (uint8_t)((packed[j + 8] & 15) | packed[j] >> 6 << 4);
        minimum[j + 4] = (uint8_t)(packed[j + 8] >> 4 | packed[j + 4] >> 6 << 4);
    }
}

/* The scales as they will be read, and the levels for them. Where a scale has become 0 the levels
 * of the search stay. */
static void finish_levels(const float *x, const struct block_k_head *head, float top,
                          uint8_t *level)
{
    uint8_t scale[SUBS], minimum[SUBS];
    float d, low;

    unpack_scales(head->scales, scale, minimum);
    for (int j = 0; j < SUBS; j++, x += SUB, level += SUB) {
        d = half_get(head->d) * scale[j];
        if (d == 0)
            continue;
        low = half_get(head->dmin) * minimum[j];
        for (int i = 0; i < SUB; i++)
            level[i] = (uint8_t)(int)fit_clamp(fit_nearest((x[i] + low) / d), 0, top);
    }
}

/* All of a Q4_K or Q5_K but the packing of its levels. `importance`: of this block, or NULL. */
static void quantize_k(const float *x, const float *importance, const struct k_type *type,
                       struct block_k_head *head, uint8_t *level)
{
    uint8_t scale[SUBS], minimum[SUBS];
    struct k_fit fit;

    if (importance) {
        fit_imatrix(x, importance, type, &fit);
        half_put(head->d, fit_positive(SUBS, fit.scale, fit.weight, 63, scale));
        half_put(head->dmin, fit_positive(SUBS, fit.minimum, fit.weight, 63, minimum));
        for (int j = 0; j < SUBS; j++)
            scale[j] = scale[j] < type->scale_limit ? scale[j] : type->scale_limit;
    } else {
        fit_plain(x, type, &fit);
        half_put(head->d, scale_six(fit.scale, scale));
        half_put(head->dmin, scale_six(fit.minimum, minimum));
    }
    pack_scales(scale, minimum, head->scales);
    memcpy(level, fit.level, BLOCK_SUPER);
    finish_levels(x, head, type->top, level);
}

/* The low four bits of the levels. */
static void pack_low(const uint8_t *level, uint8_t *qs)
{
    for (int j = 0; j < SUBS; j += 2, level += 2 * SUB, qs += SUB)
        for (int i = 0; i < SUB; i++)
            qs[i] = (uint8_t)((level[i] & 15) | level[i + SUB] << 4);
}

static void pack_fifth(const uint8_t *level, uint8_t *qh)
{
    memset(qh, 0, SUB);
    for (int j = 0; j < SUBS; j++, level += SUB)
        for (int i = 0; i < SUB; i++)
            qh[i] = (uint8_t)(qh[i] | level[i] >> 4 << j);
}

void scalar_q4_k(void *restrict dst, const float *restrict src, size_t rows, size_t row_len,
                 const float *restrict importance)
{
    struct block_q4_k *block = dst;
    uint8_t level[BLOCK_SUPER];

    for (size_t row = 0; row < rows; row++)
        for (size_t i = 0; i < row_len; i += BLOCK_SUPER, src += BLOCK_SUPER, block++) {
            quantize_k(src, importance ? importance + i : NULL, &q4_k, &block->head, level);
            pack_low(level, block->qs);
        }
}

void scalar_q5_k(void *restrict dst, const float *restrict src, size_t rows, size_t row_len,
                 const float *restrict importance)
{
    struct block_q5_k *block = dst;
    uint8_t level[BLOCK_SUPER];

    for (size_t row = 0; row < rows; row++)
        for (size_t i = 0; i < row_len; i += BLOCK_SUPER, src += BLOCK_SUPER, block++) {
            quantize_k(src, importance ? importance + i : NULL, &q5_k, &block->head, level);
            pack_fifth(level, block->qh);
            pack_low(level, block->qs);
        }
}

/* --- Q6_K --------------------------------------------------------------------------------------
 */

enum {
    SUBS_6 = 16, /* sub-blocks of a block */
    SUB_6 = 16,  /* weights of a sub-block */
};

/* Scales in a signed byte each, of which the largest is -128. False: the block is zeros. */
static bool scale_six_k(const float *scale, struct block_q6_k *block)
{
    float most = 0, factor, level;

    for (int j = 0; j < SUBS_6; j++)
        most = fabsf(scale[j]) > fabsf(most) ? scale[j] : most;
    if (fabsf(most) < 1e-15f)
        return false;
    factor = -128 / most;
    half_put(block->d, 1 / factor);
    for (int j = 0; j < SUBS_6; j++) {
        level = fit_nearest(factor * scale[j]);
        block->scales[j] = (uint8_t)(int)(level < 127 ? level : 127);
    }
    return true;
}

static void pack_q6_k(const uint8_t *level, struct block_q6_k *block)
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

static void quantize_q6_k(const float *x, const float *importance, struct block_q6_k *block)
{
    uint8_t level[BLOCK_SUPER];
    float scale[SUBS_6], d;

    for (int j = 0; j < SUBS_6; j++)
        scale[j] = fit_signed(SUB_6, x + SUB_6 * j, importance ? importance + SUB_6 * j : NULL, 32,
                              level + SUB_6 * j);
    if (!scale_six_k(scale, block)) {
        memset(block, 0, sizeof(*block));
        return;
    }
    for (int j = 0; j < SUBS_6; j++) {
        d = half_get(block->d) * (int8_t)block->scales[j];
        if (d == 0)
            continue;
        for (int i = SUB_6 * j; i < SUB_6 * (j + 1); i++)
            level[i] = (uint8_t)(int)(fit_clamp(fit_nearest(x[i] / d), -32, 31) + 32);
    }
    pack_q6_k(level, block);
}

void scalar_q6_k(void *restrict dst, const float *restrict src, size_t rows, size_t row_len,
                 const float *restrict importance)
{
    struct block_q6_k *block = dst;

    for (size_t row = 0; row < rows; row++)
        for (size_t i = 0; i < row_len; i += BLOCK_SUPER, src += BLOCK_SUPER, block++)
            quantize_q6_k(src, importance ? importance + i : NULL, block);
}
