#ifndef QUANT_KERNEL_FIT_H
#define QUANT_KERNEL_FIT_H

#include <stdbool.h>

#include "quant/kernel/half.h"

/*
 * The searches for the scale of a group of 8, 16 or 32 numbers that the types share: candidates are
 * tried, the one with the smallest weighted error is taken, a square one where nothing else is
 * said. Weights and values are finite.
 */

/* A group of smaller magnitudes counts as zeros. */
#define FIT_EPSILON 1e-15f

enum {
    FIT_MAX = 32, /* numbers of a group */
};

enum {
    REFINED_GROUPS = 16, /* groups that fit_refined() takes at once */
    REFINED_COUNT = 16,  /* numbers of each */
};

/* What a search makes small: the weighted sum of squares, or of magnitudes. */
enum fit_error {
    FIT_SQUARE,
    FIT_ABSOLUTE,
};

/* Candidates of fit_range(): the group is spread over top + first + step * s levels, s = 0 to
 * count. */
struct fit_steps {
    float first;
    float step;
    int count;
    /* Numbers are bounded before they are rounded, as the reference does with importance. Makes a
     * difference where the group has become so narrow that they do not fit fit_nearest(). */
    bool bounded;
};

/*
 * The integer nearest to a value of [-2^22, 2^22), ties to even; what the reference makes of others
 * is the same here. 1.5 * 2^23 moves the value to where floats are 1 apart; the low bits are then
 * the integer plus 2^22. A float again, which is exact, since what follows is done with floats.
 */
static inline float fit_nearest(float value)
{
    return (float)((int32_t)(float_bits(value + 0x1.8p23f) & 0x7fffff) - 0x400000);
}

static inline float fit_clamp(float value, float low, float high)
{
    value = value > high ? high : value;
    return value < low ? low : value;
}

/*
 * The number of the largest magnitude; of several the first, which decides the sign. 0 if there are
 * only zeros. Bits of positive floats are ordered as the floats are, and so are
 * magnitudes of negative ones; each sees the others as negative integers. Unlike floats, of which
 * zero has two and NaN is unordered, integers may be compared in any order, so several at once:
 * `above` is the largest of the bits, `below` of those with the sign flipped.
 */
static inline float fit_extreme_of(unsigned count, const float *x, int32_t above, int32_t below)
{
    if (above != below)
        return above > below ? bits_float(above) : -bits_float(below);
    for (unsigned i = 0; i < count && above > 0; i++)
        if (x[i] == bits_float(above) || x[i] == -bits_float(above))
            return x[i];
    return 0;
}

static inline float fit_extreme(unsigned count, const float *x)
{
    int32_t bits, flipped, above = 0, below = 0;

    for (unsigned i = 0; i < count; i++) {
        bits = (int32_t)float_bits(x[i]);
        flipped = bits ^ INT32_MIN;
        above = bits > above ? bits : above;
        below = flipped > below ? flipped : below;
    }
    return fit_extreme_of(count, x, above, below);
}

/*
 * x[i] = scale * (level[i] - limit) of 16 or 32 numbers, levels 0 to 2 * limit - 1. Returns the
 * scale. `weight` may be NULL for squares of x. A group without a magnitude of 1e-15 gets the scale
 * 0 and the levels 0.
 */
float fit_signed(unsigned count, const float *x, const float *weight, float limit, uint8_t *level);

/*
 * The same of 16 groups of 16 one after the other, with squares of x for weights: levels are
 * moved one by one while that makes the error smaller, in at most five passes.
 */
void fit_refined(const float *x, float limit, float scale[REFINED_GROUPS], uint8_t *level);

/*
 * x[i] = scale * level[i] + low of 16 or 32 numbers (FIT_ABSOLUTE: of 16), low at most 0, levels 0
 * to `top`. Returns the scale.
 */
float fit_range(unsigned count, const float *x, const float *weight, enum fit_error kind, float top,
                const struct fit_steps *steps, uint8_t *level, float *low);

/*
 * x[i] = scale * level[i] for x that should be at least 0, levels 0 to `top`; the level of an x
 * below 0 wraps around. Returns the scale.
 */
float fit_positive(unsigned count, const float *x, const float *weight, float top, uint8_t *level);

#endif
