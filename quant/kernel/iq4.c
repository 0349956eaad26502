/* The types with sixteen values that are not evenly spaced: IQ4_NL, IQ4_XS. */
#include "quant/kernel/iq4.h"

#include <float.h>

#include "quant/kernel/four.h"
#include "quant/kernel/scalar.h"
#include "quant/kernel/values.h"

/* --- the nearest value -------------------------------------------------------------------------
 */

/*
 * By the integer below twice a number: its level, and what that is worth. Values are integers, so
 * twice the middle of two is one too, and a number is at or above the middle exactly if the integer
 * below twice the number is; the middle itself goes up. The reference compares the differences to
 * both values; around the middle both are exact, so it decides the same.
 */
struct nearest {
    float value[4 * IQ4_LARGEST];
    uint8_t level[4 * IQ4_LARGEST];
};

static void nearest_init(struct nearest *nearest)
{
    int level = 0;

    for (int i = 0; i < 4 * IQ4_LARGEST; i++) {
        while (level < IQ4_VALUES - 1 &&
               i - 2 * IQ4_LARGEST >= values_iq4[level] + values_iq4[level + 1])
            level++;
        nearest->level[i] = (uint8_t)level;
        nearest->value[i] = values_iq4[level];
    }
}

/* The values next to halves of four numbers, which IQ4_LARGEST bounds. */
INLINE four nearest_values(const struct nearest *nearest, four twice)
{
    const float *value = nearest->value + 2 * IQ4_LARGEST;
    four_bits below = __builtin_convertvector(twice, four_bits);

    below += __builtin_convertvector(below, four) > twice; /* they were cut towards zero */
    return (four){value[below[0]], value[below[1]], value[below[2]], value[below[3]]};
}

/* The level of any number. NaN, which is unordered, gets the last one, as the reference finds it.
 */
static inline uint8_t nearest_level(const struct nearest *nearest, float number)
{
    float twice = 2 * (number < IQ4_LARGEST - 1 ? number : IQ4_LARGEST - 1);
    int below;

    twice = twice < -2 * (IQ4_LARGEST - 1) ? -2 * (IQ4_LARGEST - 1) : twice;
    below = (int)twice;
    below -= (float)below > twice;
    return nearest->level[below + 2 * IQ4_LARGEST];
}

/* --- the search for a scale --------------------------------------------------------------------
 */

/* For each candidate the sums of weight * value * x and weight * value^2. */
static void try_all(const struct nearest *nearest, const float *x, const float *weight, float most,
                    float *vx, float *v2)
{
    four factor, sum_vx, sum_v2, value, product;

    for (int first = 0; first < IQ4_TRIES; first += FOUR) {
        factor = (four){2 * iq4_factor(first, most), 2 * iq4_factor(first + 1, most),
                        2 * iq4_factor(first + 2, most), 2 * iq4_factor(first + 3, most)};
        sum_vx = sum_v2 = (four){0};
        for (int i = 0; i < IQ4_SUB; i++) {
            value = nearest_values(nearest, factor * x[i]);
            product = weight[i] * value;
            sum_vx += product * x[i];
            sum_v2 += product * value;
        }
        memcpy(vx + first, &sum_vx, sizeof(sum_vx));
        memcpy(v2 + first, &sum_v2, sizeof(sum_v2));
    }
}

/* x[i] = scale * value of 32 weights. Returns the scale. */
static float fit_scale(const struct nearest *nearest, const float *x, const float *weight)
{
    float most = fit_extreme(IQ4_SUB, x), vx[IQ4_TRIES], v2[IQ4_TRIES], scale, best;

    /* Also where a number is not finite: the sums look up values by quotients of at most 134. */
    if (!(fabsf(most) >= FIT_EPSILON && fabsf(most) <= FLT_MAX))
        return 0;
    try_all(nearest, x, weight, most, vx, v2);
    scale = v2[0] > 0 ? vx[0] / v2[0] : 0;
    best = scale * vx[0];
    for (int i = 1; i < IQ4_TRIES; i++)
        if (v2[i] > 0 && vx[i] * vx[i] > best * v2[i]) {
            scale = vx[i] / v2[i];
            best = scale * vx[i];
        }
    return scale;
}

/* Weights of the search: of importance and of how large `count` weights are, or squares. */
static void make_weights(const float *x, const float *importance, size_t count, float *weight)
{
    float mean_square = 0;

    for (size_t i = 0; i < count && importance; i++)
        mean_square += x[i] * x[i];
    mean_square *= 2 / (float)count;
    for (size_t i = 0; i < count; i++)
        weight[i] = importance ? importance[i] * sqrtf(mean_square + x[i] * x[i]) : x[i] * x[i];
}

/* The levels of 32 weights for a scale. */
static void put_levels(const struct nearest *nearest, const float *x, float scale, uint8_t *qs)
{
    float inverse = scale != 0 ? 1 / scale : 0;

    for (int i = 0; i < IQ4_SUB / 2; i++)
        qs[i] = (uint8_t)(nearest_level(nearest, inverse * x[i]) |
                          nearest_level(nearest, inverse * x[i + IQ4_SUB / 2]) << 4);
}

/* --- the kernels -------------------------------------------------------------------------------
 */

void scalar_iq4_nl(void *restrict dst, const float *restrict src, size_t rows, size_t row_len,
                   const float *restrict importance)
{
    struct block_iq4_nl *block = dst;
    struct nearest nearest;
    float weight[IQ4_SUB], scale;

    nearest_init(&nearest);
    for (size_t row = 0; row < rows; row++)
        for (size_t i = 0; i < row_len; i += IQ4_SUB, src += IQ4_SUB, block++) {
            make_weights(src, importance ? importance + i : NULL, IQ4_SUB, weight);
            scale = fit_scale(&nearest, src, weight);
            half_put(block->d, scale);
            put_levels(&nearest, src, scale, block->qs);
        }
}

static void quantize_iq4_xs(const struct nearest *nearest, const float *x, const float *importance,
                            struct block_iq4_xs *block)
{
    float weight[BLOCK_SUPER], scale[IQ4_SUBS], kept[IQ4_SUBS];

    make_weights(x, importance, BLOCK_SUPER, weight);
    for (int j = 0; j < IQ4_SUBS; j++)
        scale[j] = fit_scale(nearest, x + IQ4_SUB * j, weight + IQ4_SUB * j);
    iq4_put_scales(scale, block, kept);
    for (int j = 0; j < IQ4_SUBS; j++)
        put_levels(nearest, x + IQ4_SUB * j, kept[j], block->qs + IQ4_SUB / 2 * j);
}

void scalar_iq4_xs(void *restrict dst, const float *restrict src, size_t rows, size_t row_len,
                   const float *restrict importance)
{
    struct block_iq4_xs *block = dst;
    struct nearest nearest;

    nearest_init(&nearest);
    for (size_t row = 0; row < rows; row++)
        for (size_t i = 0; i < row_len; i += BLOCK_SUPER, src += BLOCK_SUPER, block++)
            quantize_iq4_xs(&nearest, src, importance ? importance + i : NULL, block);
}
