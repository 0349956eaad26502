/* The types with blocks of 32: Q4_0, Q4_1, Q5_0, Q5_1, Q8_0. */
#include "quant/kernel/q0.h"

#include <math.h>

#include "quant/kernel/four.h"
#include "quant/kernel/scalar.h"

/* --- levels ------------------------------------------------------------------------------------
 */

/*
 * Cut to an integer; infinity and NaN to the least one, as x86-64's own instruction does. They come
 * up where a scale is so small that its inverse is infinite; the low byte, which is stored, is 0.
 */
static inline int32_t cut(float value)
{
    return (int32_t)(fabsf(value) < 0x1p31f ? value : -0x1p31f);
}

/*
 * roundf(), half away from zero, for |value| < 2^22, and infinity. Let h = 1/2 - 2^-25, the float
 * below 1/2, and |value| = n + f with an integer n and f of [0, 1).
 *   f >= 1/2: n + f + h >= n + 1 - 2^-25 and is rounded to n + 1 at least: for n > 0 floats below
 *     n + 1 are 2^-23 apart or more, for n = 0 it is a tie, which goes to the even 1. It stays less
 *     than n + 2, as h < 1/2 and f <= 1 - ulp.
 *   f < 1/2: f <= 1/2 - ulp, so n + f + h < n + 1 - ulp, a float, and is rounded to less than
 *     n + 1. For n = 0, f <= h and h + h = 1 - 2^-24 is a float.
 * So what is cut off after the addition leaves the right integer. (tests/kernels.c tries them all.)
 */
static inline int32_t round_away(float value)
{
    return cut(value + copysignf(0x1.fffffep-2f, value));
}

/* Levels of x / d + limit, from 0 to 2 * limit - 1. Returns d. */
static float signed_levels(const float *x, float limit, uint8_t *level)
{
    float d = fit_extreme(BLOCK_SMALL, x) / -limit, inverse = d != 0 ? 1 / d : 0;
    int8_t l, top = (int8_t)(2 * limit - 1);

    for (int i = 0; i < BLOCK_SMALL; i++) {
        l = (int8_t)cut(x[i] * inverse + (limit + 0.5f));
        level[i] = (uint8_t)(l < top ? l : top);
    }
    return d;
}

/* Weights of the searches: importance times what tells large values from small ones in this row. */
static void row_weights(const float *x, const float *importance, float mean_square, float *weight)
{
    for (int i = 0; i < BLOCK_SMALL; i++)
        weight[i] = importance[i] * sqrtf(mean_square + x[i] * x[i]);
}

void q0_mean_squares(const float *x, size_t rows, size_t length, float mean[Q0_ROWS])
{
    const float *row[Q0_ROWS];
    float sum[Q0_ROWS] = {0};

    assert(rows > 0 && rows <= Q0_ROWS);
    /* Of those that are missing the first once more. */
    for (size_t r = 0; r < Q0_ROWS; r++)
        row[r] = x + (r < rows ? r * length : 0);
    for (size_t i = 0; i < length; i++)
        for (size_t r = 0; r < Q0_ROWS; r++)
            sum[r] += row[r][i] * row[r][i];
    for (size_t r = 0; r < Q0_ROWS; r++)
        mean[r] = sum[r] / (float)length;
}

/* --- packing -----------------------------------------------------------------------------------
 */

static void pack_low(const uint8_t *level, uint8_t *qs)
{
    for (int i = 0; i < 16; i++)
        qs[i] = (uint8_t)((level[i] & 15) | level[i + 16] << 4);
}

/*
 * Eight fifth bits at once, which lie 8 apart in `bits`, the one of level i at 8 i. The factor has
 * bits at 56 - 7 j: of the products' bits 8 i + 56 - 7 j no two are equal, so nothing carries, and
 * 56 + i, where i = j, are the upper eight.
 */
static void pack_fifth(const uint8_t *level, uint8_t *qh)
{
    uint64_t bits;

    for (int byte = 0; byte < 4; byte++, level += 8) {
        memcpy(&bits, level, sizeof(bits));
        bits = bits >> 4 & 0x0101010101010101;
        qh[byte] = (uint8_t)(bits * 0x0102040810204080 >> 56);
    }
}

/* --- the kernels -------------------------------------------------------------------------------
 */

void scalar_q4_0(void *restrict dst, const float *restrict src, size_t rows, size_t row_len,
                 const float *restrict importance)
{
    struct block_q4_0 *block = dst;
    float mean[Q0_ROWS] = {0}, weight[BLOCK_SMALL], d;
    uint8_t level[BLOCK_SMALL];

    for (size_t row = 0; row < rows; row++) {
        if (importance)
            q0_mean_squares(src, 1, row_len, mean);
        for (size_t i = 0; i < row_len; i += BLOCK_SMALL, src += BLOCK_SMALL, block++) {
            if (importance) {
                row_weights(src, importance + i, mean[0], weight);
                d = fit_signed(BLOCK_SMALL, src, weight, 8, level);
            } else {
                d = signed_levels(src, 8, level);
            }
            half_put(block->d, d);
            pack_low(level, block->qs);
        }
    }
}

void scalar_q5_0(void *restrict dst, const float *restrict src, size_t rows, size_t row_len,
                 const float *restrict importance)
{
    struct block_q5_0 *block = dst;
    float mean[Q0_ROWS] = {0}, weight[BLOCK_SMALL], d;
    uint8_t level[BLOCK_SMALL];

    for (size_t row = 0; row < rows; row++) {
        if (importance)
            q0_mean_squares(src, 1, row_len, mean);
        for (size_t i = 0; i < row_len; i += BLOCK_SMALL, src += BLOCK_SMALL, block++) {
            if (importance) {
                row_weights(src, importance + i, mean[0], weight);
                d = fit_signed(BLOCK_SMALL, src, weight, 16, level);
            } else {
                d = signed_levels(src, 16, level);
            }
            half_put(block->d, d);
            pack_fifth(level, block->qh);
            pack_low(level, block->qs);
        }
    }
}

/*
 * The ends as if they had been found in order, which only zeros depend on, since the two are equal
 * as floats: the first of them counts.
 */
static inline void end_zeros(const float *x, float *low, float *high)
{
    if (*low != 0)
        return;
    for (int i = BLOCK_SMALL - 1; i >= 0; i--)
        *low = x[i] == 0 ? x[i] : *low;
    *high = *high == 0 ? *low : *high;
}

/* The least and the largest number, of four places side by side first. */
static void ends(const float *x, float *low, float *high)
{
    four least = four_load(x), most = least, next;
    float first, last;

    for (int i = FOUR; i < BLOCK_SMALL; i += FOUR) {
        next = four_load(x + i);
        least = four_select(next < least, next, least);
        most = four_select(next > most, next, most);
    }
    first = least[0];
    last = most[0];
    for (int t = 1; t < FOUR; t++) {
        first = least[t] < first ? least[t] : first;
        last = most[t] > last ? most[t] : last;
    }
    *low = first;
    *high = last;
    end_zeros(x, low, high);
}

/*
 * Levels of (x - low) / d, from 0 to `top`. Returns d. Where d or its inverse is infinite quotients
 * are infinite or NaN; the low byte of what x86-64 makes of them is 0.
 */
static float range_levels(const float *x, float top, uint8_t *level, float *low)
{
    float high, d, inverse, quotient;

    ends(x, low, &high);
    d = (high - *low) / top;
    inverse = d != 0 ? 1 / d : 0;
    for (int i = 0; i < BLOCK_SMALL; i++) {
        quotient = (x[i] - *low) * inverse + 0.5f;
        level[i] = (uint8_t)(int)(quotient < top + 1 ? quotient : 0);
    }
    return d;
}

void scalar_q4_1(void *restrict dst, const float *restrict src, size_t rows, size_t row_len,
                 const float *restrict importance)
{
    struct block_q4_1 *block = dst;
    float mean[Q0_ROWS] = {0}, weight[BLOCK_SMALL], d, low;
    uint8_t level[BLOCK_SMALL];

    for (size_t row = 0; row < rows; row++) {
        if (importance)
            q0_mean_squares(src, 1, row_len, mean);
        for (size_t i = 0; i < row_len; i += BLOCK_SMALL, src += BLOCK_SMALL, block++) {
            if (importance) {
                row_weights(src, importance + i, mean[0], weight);
                d = fit_range(BLOCK_SMALL, src, weight, FIT_SQUARE, 15, &q0_steps, level, &low);
            } else {
                d = range_levels(src, 15, level, &low);
            }
            half_put(block->d, d);
            half_put(block->m, low);
            pack_low(level, block->qs);
        }
    }
}

void scalar_q5_1(void *restrict dst, const float *restrict src, size_t rows, size_t row_len,
                 const float *restrict importance)
{
    struct block_q5_1 *block = dst;
    float mean[Q0_ROWS] = {0}, weight[BLOCK_SMALL], d, low;
    uint8_t level[BLOCK_SMALL];

    for (size_t row = 0; row < rows; row++) {
        if (importance)
            q0_mean_squares(src, 1, row_len, mean);
        for (size_t i = 0; i < row_len; i += BLOCK_SMALL, src += BLOCK_SMALL, block++) {
            if (importance) {
                row_weights(src, importance + i, mean[0], weight);
                d = fit_range(BLOCK_SMALL, src, weight, FIT_SQUARE, 31, &q0_steps, level, &low);
            } else {
                d = range_levels(src, 31, level, &low);
            }
            half_put(block->d, d);
            half_put(block->m, low);
            pack_fifth(level, block->qh);
            pack_low(level, block->qs);
        }
    }
}

void scalar_q8_0(void *restrict dst, const float *restrict src, size_t rows, size_t row_len,
                 const float *restrict importance)
{
    struct block_q8_0 *block = dst;
    int32_t most, magnitude;
    float d, inverse;

    (void)importance;
    for (size_t i = 0; i < rows * row_len; i += BLOCK_SMALL, src += BLOCK_SMALL, block++) {
        /* Magnitudes are ordered as their bits are; integers may be compared in any order. */
        most = 0;
        for (int j = 0; j < BLOCK_SMALL; j++) {
            magnitude = float_bits(src[j]) & 0x7fffffff;
            most = magnitude > most ? magnitude : most;
        }
        d = bits_float(most) / 127;
        inverse = d != 0 ? 1 / d : 0;
        half_put(block->d, d);
        for (int j = 0; j < BLOCK_SMALL; j++)
            block->qs[j] = (uint8_t)round_away(src[j] * inverse);
    }
}
