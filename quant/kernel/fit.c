#include "quant/kernel/fit.h"

#include <math.h>
#include <stdbool.h>

/*
 * Rounding depends on the order of additions, so a sum is one long chain of them. Products are
 * therefore made first, four at a time where the compiler can, and added up after.
 */
#define INLINE static inline __attribute__((always_inline))

/* Groups below this count as zeros. */
#define FIT_EPSILON 1e-15f

/* --- around zero -------------------------------------------------------------------------------
 */

/* The value of the largest magnitude; of several, the first. 0 if there are only zeros. */
INLINE float extreme(unsigned count, const float *x)
{
    float magnitude = 0, value = 0;

    for (unsigned i = 0; i < count; i++)
        if (fabsf(x[i]) > magnitude) {
            magnitude = fabsf(x[i]);
            value = x[i];
        }
    return value;
}

INLINE void signed_levels(unsigned count, const float *x, float factor, float limit, uint8_t *level)
{
    for (unsigned i = 0; i < count; i++)
        level[i] = (uint8_t)(int)(limit + fit_clamp(fit_nearest(factor * x[i]), -limit, limit - 1));
}

/* The sums of one candidate: weight * x * level and weight * level^2. */
INLINE void signed_sums(unsigned count, const float *x, const float *weight, const float *weighted,
                        float factor, float limit, float *sum_lx, float *sum_l2)
{
    float lx[FIT_MAX], l2[FIT_MAX], level;

    for (unsigned i = 0; i < count; i++) {
        level = fit_clamp(fit_nearest(factor * x[i]), -limit, limit - 1);
        lx[i] = weighted[i] * level;
        l2[i] = weight[i] * level * level;
    }
    *sum_lx = *sum_l2 = 0;
    for (unsigned i = 0; i < count; i++) {
        *sum_lx += lx[i];
        *sum_l2 += l2[i];
    }
}

INLINE float signed_body(unsigned count, const float *x, const float *weight, float limit,
                         uint8_t *level)
{
    float most = extreme(count, x), squares[FIT_MAX], weighted[FIT_MAX], factor, winner;
    float sum_lx, sum_l2, scale, best;

    if (fabsf(most) < FIT_EPSILON) {
        memset(level, 0, count);
        return 0;
    }
    for (unsigned i = 0; i < count; i++) {
        squares[i] = weight ? weight[i] : x[i] * x[i];
        weighted[i] = squares[i] * x[i];
    }
    winner = -limit / most;
    signed_sums(count, x, squares, weighted, winner, limit, &sum_lx, &sum_l2);
    scale = sum_l2 != 0 ? sum_lx / sum_l2 : 0;
    best = scale * sum_lx;
    for (int step = -9; step <= 9; step++) {
        if (step == 0)
            continue;
        factor = -(limit + 0.1f * (float)step) / most;
        signed_sums(count, x, squares, weighted, factor, limit, &sum_lx, &sum_l2);
        if (sum_l2 > 0 && sum_lx * sum_lx > best * sum_l2) {
            winner = factor;
            scale = sum_lx / sum_l2;
            best = scale * sum_lx;
        }
    }
    signed_levels(count, x, winner, limit, level);
    return scale;
}

float fit_signed(unsigned count, const float *x, const float *weight, float limit, uint8_t *level)
{
    return count == 16 ? signed_body(16, x, weight, limit, level)
                       : signed_body(32, x, weight, limit, level);
}

/* --- between two ends --------------------------------------------------------------------------
 */

/* Weighted square error of scale * level + low. */
static float range_error(const float *x, const float *weight, const float *level, float scale,
                         float low)
{
    float terms[FIT_MAX], difference, sum = 0;

    for (unsigned i = 0; i < FIT_MAX; i++) {
        difference = scale * level[i] + low - x[i];
        terms[i] = weight[i] * (difference * difference);
    }
    for (unsigned i = 0; i < FIT_MAX; i++)
        sum += terms[i];
    return sum;
}

static void range_levels(const float *x, float low, float factor, float top, float *level)
{
    for (unsigned i = 0; i < FIT_MAX; i++)
        level[i] = fit_clamp(fit_nearest(factor * (x[i] - low)), 0, top);
}

/* The sums of one candidate. */
struct range_sums {
    float l;  /* weight * level */
    float l2; /* weight * level^2 */
    float xl; /* weight * level * x */
};

static struct range_sums range_sums(const float *x, const float *weight, const float *level)
{
    float l[FIT_MAX], l2[FIT_MAX], xl[FIT_MAX];
    struct range_sums sums = {0, 0, 0};

    for (unsigned i = 0; i < FIT_MAX; i++) {
        l[i] = weight[i] * level[i];
        l2[i] = l[i] * level[i];
        xl[i] = l[i] * x[i];
    }
    for (unsigned i = 0; i < FIT_MAX; i++) {
        sums.l += l[i];
        sums.l2 += l2[i];
        sums.xl += xl[i];
    }
    return sums;
}

static float range_body(const float *x, const float *weight, float top,
                        const struct fit_steps *steps, float *level, float *low_end)
{
    float low = x[0], high = x[0], sum_w = weight[0], sum_x = weight[0] * x[0];
    float next[FIT_MAX], scale, best, determinant, next_scale, next_low, error;
    struct range_sums s;

    for (unsigned i = 1; i < FIT_MAX; i++) {
        low = x[i] < low ? x[i] : low;
        high = x[i] > high ? x[i] : high;
        sum_w += weight[i];
        sum_x += weight[i] * x[i];
    }
    low = low > 0 ? 0 : low;
    *low_end = low;
    if (high == low) {
        memset(level, 0, FIT_MAX * sizeof(*level));
        return 0;
    }
    scale = 1 / (top / (high - low));
    range_levels(x, low, top / (high - low), top, level);
    best = range_error(x, weight, level, scale, low);
    for (int step = 0; step <= steps->count; step++) {
        range_levels(x, low, (steps->first + steps->step * (float)step + top) / (high - low), top,
                     next);
        s = range_sums(x, weight, next);
        determinant = sum_w * s.l2 - s.l * s.l;
        if (!(determinant > 0))
            continue;
        next_scale = (sum_w * s.xl - sum_x * s.l) / determinant;
        next_low = (s.l2 * sum_x - s.l * s.xl) / determinant;
        if (next_low > 0) {
            next_low = 0;
            next_scale = s.xl / s.l2;
        }
        error = range_error(x, weight, next, next_scale, next_low);
        if (error < best) {
            memcpy(level, next, FIT_MAX * sizeof(*level));
            best = error;
            scale = next_scale;
            low = next_low; /* the next candidates start from here */
        }
    }
    *low_end = low;
    return scale;
}

float fit_range(const float *x, const float *weight, float top, const struct fit_steps *steps,
                uint8_t *level, float *low)
{
    float levels[FIT_MAX], scale = range_body(x, weight, top, steps, levels, low);

    for (unsigned i = 0; i < FIT_MAX; i++)
        level[i] = (uint8_t)(int)levels[i];
    return scale;
}

/* --- from zero on ------------------------------------------------------------------------------
 */

/* Weighted square error of a candidate; `wrap`: levels as they are stored, not bounded. */
static float positive_error(unsigned count, const float *x, const float *weight, float factor,
                            float top, bool wrap)
{
    float scale = 1 / factor, sum = 0, level, difference;

    for (unsigned i = 0; i < count; i++) {
        level = fit_nearest(factor * x[i]);
        level = wrap ? (float)(uint8_t)(int)level : level > top ? top : level;
        difference = x[i] - scale * level;
        sum += weight[i] * difference * difference;
    }
    return sum;
}

/* The best factor x to levels of nine. */
static float positive_factor(unsigned count, const float *x, const float *weight, float most,
                             float top)
{
    float winner = top / most, factor, error;
    float best = positive_error(count, x, weight, winner, top, true);

    for (int step = -4; step <= 4; step++) {
        if (step == 0)
            continue;
        factor = (0.1f * (float)step + top) / most;
        error = positive_error(count, x, weight, factor, top, false);
        if (error < best) {
            best = error;
            winner = factor;
        }
    }
    return winner;
}

/* One pass over the levels: each moves if that makes the error smaller. Did any? */
static bool positive_refine(unsigned count, const float *x, const float *weight, float top,
                            uint8_t *level, float *sum_lx, float *sum_l2)
{
    float lx, l2, old, next;
    bool moved = false;

    for (unsigned i = 0; i < count; i++) {
        old = level[i];
        lx = *sum_lx - weight[i] * x[i] * old;
        l2 = *sum_l2 - weight[i] * old * old;
        if (!(lx > 0 && l2 > 0))
            continue;
        next = fit_nearest(x[i] * l2 / lx);
        next = next > top ? top : next;
        if (next == old)
            continue;
        lx += weight[i] * x[i] * next;
        l2 += weight[i] * next * next;
        if (lx * lx * *sum_l2 > *sum_lx * *sum_lx * l2) {
            level[i] = (uint8_t)(int)next;
            *sum_lx = lx;
            *sum_l2 = l2;
            moved = true;
        }
    }
    return moved;
}

float fit_positive(unsigned count, const float *x, const float *weight, float top, uint8_t *level)
{
    float most = 0, factor, sum_lx = 0, sum_l2 = 0, l;

    for (unsigned i = 0; i < count; i++)
        most = x[i] > most ? x[i] : most;
    if (most < FIT_EPSILON) {
        memset(level, 0, count);
        return 0;
    }
    factor = positive_factor(count, x, weight, most, top);
    for (unsigned i = 0; i < count; i++) {
        l = fit_nearest(factor * x[i]);
        l = l > top ? top : l;
        level[i] = (uint8_t)(int)l;
        sum_lx += weight[i] * x[i] * l;
        sum_l2 += weight[i] * l * l;
    }
    for (int pass = 0; pass < 5; pass++)
        if (!positive_refine(count, x, weight, top, level, &sum_lx, &sum_l2))
            break;
    return sum_l2 > 0 ? sum_lx / sum_l2 : 0;
}
