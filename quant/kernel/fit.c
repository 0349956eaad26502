#include "quant/kernel/fit.h"

#include <math.h>
#include <stdbool.h>

#include "quant/kernel/four.h"

/*
 * Rounding depends on the order of additions, so a sum is one long chain of them. Products are
 * therefore made first, four at a time where the compiler can, and added up after.
 */

/* --- around zero -------------------------------------------------------------------------------
 */

INLINE void signed_levels(unsigned count, const float *x, float factor, float limit, uint8_t *level)
{
    for (unsigned i = 0; i < count; i++)
        level[i] = (uint8_t)(int)(limit + fit_clamp(fit_nearest(factor * x[i]), -limit, limit - 1));
}

enum {
    SIGNED_STEPS = 9,                         /* candidates on each side of the middle one */
    SIGNED_TRIES = 2 * SIGNED_STEPS + 1,      /* all */
    SIGNED_FOURS = (SIGNED_TRIES + 3) / FOUR, /* the last lane is idle */
};

/* For each candidate the sums of weight * x * level and weight * level^2. */
struct signed_sums {
    float lx[FOUR * SIGNED_FOURS];
    float l2[FOUR * SIGNED_FOURS];
};

/* The factor of a candidate: x to level. */
INLINE float signed_factor(int candidate, float most, float limit)
{
    return -(limit + 0.1f * (float)(candidate - SIGNED_STEPS)) / most;
}

INLINE void signed_try(unsigned count, const float *x, const float *weight, float most, float limit,
                       struct signed_sums *sums)
{
    four numbers[FIT_MAX], weights[FIT_MAX], products[FIT_MAX], factor, level, lx, l2;

    for (unsigned i = 0; i < count; i++) {
        numbers[i] = four_all(x[i]);
        weights[i] = weight ? four_all(weight[i]) : numbers[i] * numbers[i];
        products[i] = weights[i] * numbers[i];
    }
    for (int first = 0; first < SIGNED_TRIES; first += FOUR) {
        lx = l2 = (four){0};
        for (int t = 0; t < FOUR; t++)
            factor[t] = signed_factor(first + t, most, limit);
        for (unsigned i = 0; i < count; i++) {
            level = four_clamp(four_nearest(factor * numbers[i]), -limit, limit - 1);
            lx += products[i] * level;
            l2 += weights[i] * level * level;
        }
        memcpy(sums->lx + first, &lx, sizeof(lx));
        memcpy(sums->l2 + first, &l2, sizeof(l2));
    }
}

/* The middle candidate is taken unless others, in their order, are better. */
INLINE float signed_search(unsigned count, const float *x, const float *weight, float limit,
                           uint8_t *level)
{
    float most = fit_extreme(count, x), scale, best;
    struct signed_sums sums;
    int winner = SIGNED_STEPS;

    if (fabsf(most) < FIT_EPSILON) {
        memset(level, 0, count);
        return 0;
    }
    signed_try(count, x, weight, most, limit, &sums);
    scale = sums.l2[winner] != 0 ? sums.lx[winner] / sums.l2[winner] : 0;
    best = scale * sums.lx[winner];
    for (int i = 0; i < SIGNED_TRIES; i++)
        if (i != SIGNED_STEPS && sums.l2[i] > 0 && sums.lx[i] * sums.lx[i] > best * sums.l2[i]) {
            winner = i;
            scale = sums.lx[i] / sums.l2[i];
            best = scale * sums.lx[i];
        }
    signed_levels(count, x, signed_factor(winner, most, limit), limit, level);
    return scale;
}

float fit_signed(unsigned count, const float *x, const float *weight, float limit, uint8_t *level)
{
    return count == 16 ? signed_search(16, x, weight, limit, level)
                       : signed_search(32, x, weight, limit, level);
}

/* --- around zero, level by level ---------------------------------------------------------------
 */

enum {
    REFINED_FOURS = REFINED_GROUPS / FOUR,
};

/* All groups side by side, one a lane: weights are squares of the numbers. */
struct refined {
    four x[REFINED_COUNT][REFINED_FOURS];
    four level[REFINED_COUNT][REFINED_FOURS];
    four sum_lx[REFINED_FOURS];
    four sum_l2[REFINED_FOURS];
};

/* Number i of four groups: its level moves if that makes the error smaller. Which did? */
INLINE four_bits refined_move(struct refined *r, int i, int f, float limit)
{
    four x = r->x[i][f], old = r->level[i][f], weight = x * x, product = weight * x, next;
    four lx = r->sum_lx[f] - product * old, l2 = r->sum_l2[f] - weight * old * old;
    four_bits moves = lx > 0;

    next = four_clamp(four_nearest(x * l2 / lx), -limit, limit - 1);
    moves &= next != old;
    lx += product * next;
    l2 += weight * next * next;
    moves &= (l2 > 0) & (lx * lx * r->sum_l2[f] > r->sum_lx[f] * r->sum_lx[f] * l2);
    r->level[i][f] = four_select(moves, next, old);
    r->sum_lx[f] = four_select(moves, lx, r->sum_lx[f]);
    r->sum_l2[f] = four_select(moves, l2, r->sum_l2[f]);
    return moves;
}

/* One pass over the levels. Did any move? */
INLINE bool refined_pass(struct refined *r, float limit)
{
    four_bits moved = {0};

    for (int i = 0; i < REFINED_COUNT; i++)
        for (int f = 0; f < REFINED_FOURS; f++)
            moved |= refined_move(r, i, f, limit);
    return moved[0] | moved[1] | moved[2] | moved[3];
}

/* The levels before the passes. */
static void refined_start(const float *x, const float *most, float limit, struct refined *r)
{
    four factor = {0}, number = {0};

    for (int f = 0; f < REFINED_FOURS; f++) {
        r->sum_lx[f] = r->sum_l2[f] = (four){0};
        for (int t = 0; t < FOUR; t++)
            factor[t] = -limit / most[FOUR * f + t];
        for (int i = 0; i < REFINED_COUNT; i++) {
            for (int t = 0; t < FOUR; t++)
                number[t] = x[REFINED_COUNT * (FOUR * f + t) + i];
            r->x[i][f] = number;
            r->level[i][f] = four_clamp(four_nearest(factor * number), -limit, limit - 1);
            r->sum_lx[f] += number * number * number * r->level[i][f];
            r->sum_l2[f] += number * number * r->level[i][f] * r->level[i][f];
        }
    }
}

/* A pass that moves nothing would move nothing again, so groups may wait for one another. */
void fit_refined(const float *x, float limit, float scale[REFINED_GROUPS], uint8_t *level)
{
    float most[REFINED_GROUPS];
    struct refined r;

    for (int g = 0; g < REFINED_GROUPS; g++)
        most[g] = fit_extreme(REFINED_COUNT, x + REFINED_COUNT * g);
    refined_start(x, most, limit, &r);
    for (int pass = 0; pass < 5; pass++)
        if (!refined_pass(&r, limit))
            break;
    for (int g = 0; g < REFINED_GROUPS; g++, level += REFINED_COUNT) {
        if (fabsf(most[g]) < FIT_EPSILON) {
            scale[g] = 0;
            memset(level, 0, REFINED_COUNT);
            continue;
        }
        scale[g] = r.sum_l2[g / FOUR][g % FOUR];
        scale[g] = scale[g] > 0 ? r.sum_lx[g / FOUR][g % FOUR] / scale[g] : 0;
        for (int i = 0; i < REFINED_COUNT; i++)
            level[i] = (uint8_t)(int)(r.level[i][g / FOUR][g % FOUR] + limit);
    }
}

/* --- between two ends --------------------------------------------------------------------------
 */

/* Weighted error of scale * level + low. */
INLINE float range_error(unsigned count, const float *x, const float *weight, const float *level,
                         float scale, float low, enum fit_error kind)
{
    float difference, sum = 0;

    for (unsigned i = 0; i < count; i++) {
        difference = scale * level[i] + low - x[i];
        sum += weight[i] * (kind == FIT_SQUARE ? difference * difference : fabsf(difference));
    }
    return sum;
}

/* What all candidates of a group share: each number in all lanes, and sums. */
struct range_group {
    unsigned count;
    enum fit_error kind;
    bool bounded;
    four x[FIT_MAX];
    four weight[FIT_MAX];
    float high;
    float sum_w;
    float sum_x; /* weight * x */
};

/* Four candidates: levels at most `top`, and what fits best to them. */
struct range_tries {
    four level[FIT_MAX];
    four determinant; /* not above 0: there is no fit */
    four scale;
    four low;
    four error;
};

/* NaN, as of 0 times infinity, is level 0 in both ways. */
INLINE four range_level(four value, float top, bool bounded)
{
    if (!bounded)
        return four_clamp(four_nearest(value), 0, top);
    value = four_select(value > 0, value, (four){0});
    return four_nearest(four_select(value < top, value, four_all(top)));
}

INLINE void range_try(const struct range_group *group, four factor, float low, float top,
                      struct range_tries *tries)
{
    four l = {0}, l2 = {0}, xl = {0}, level, product, difference, error = {0};
    four_bits positive;

    for (unsigned i = 0; i < group->count; i++) {
        level = range_level(factor * (group->x[i] - low), top, group->bounded);
        tries->level[i] = level;
        product = group->weight[i] * level;
        l += product;
        l2 += product * level;
        xl += product * group->x[i];
    }
    tries->determinant = group->sum_w * l2 - l * l;
    tries->scale = (group->sum_w * xl - group->sum_x * l) / tries->determinant;
    tries->low = (l2 * group->sum_x - l * xl) / tries->determinant;
    positive = tries->low > 0;
    tries->scale = four_select(positive, xl / l2, tries->scale);
    tries->low = four_select(positive, (four){0}, tries->low);
    for (unsigned i = 0; i < group->count; i++) {
        difference = tries->scale * tries->level[i] + tries->low - group->x[i];
        error += group->weight[i] *
                 (group->kind == FIT_SQUARE ? difference * difference : four_abs(difference));
    }
    tries->error = error;
}

/* The numbers in all lanes, the sums, and both ends, of which the lower is at most 0. */
INLINE float range_start(const float *x, const float *weight, struct range_group *group)
{
    float low = x[0], high = x[0], sum_w = weight[0], sum_x = weight[0] * x[0];

    for (unsigned i = 1; i < group->count; i++) {
        low = x[i] < low ? x[i] : low;
        high = x[i] > high ? x[i] : high;
        sum_w += weight[i];
        sum_x += weight[i] * x[i];
    }
    for (unsigned i = 0; i < group->count; i++) {
        group->x[i] = four_all(x[i]);
        group->weight[i] = four_all(weight[i]);
    }
    group->high = high;
    group->sum_w = sum_w;
    group->sum_x = sum_x;
    return low > 0 ? 0 : low;
}

/* Factors of the candidates from `step` on, four of them. */
static four range_factors(const struct fit_steps *steps, int step, float top, float span)
{
    four factor;

    for (int t = 0; t < FOUR; t++)
        factor[t] = (steps->first + steps->step * (float)(step + t) + top) / span;
    return factor;
}

/* The first of `left` candidates that is better than `best`; FOUR if there is none. */
static int range_better(const struct range_tries *tries, float best, int left)
{
    for (int t = 0; t < FOUR && t < left; t++)
        if (tries->determinant[t] > 0 && tries->error[t] < best)
            return t;
    return FOUR;
}

/*
 * A candidate that is better moves the lower end, from which the next ones start. Four are tried
 * from where the end is; behind the first that is better the others are tried anew.
 */
INLINE float range_search(unsigned count, const float *x, const float *weight, enum fit_error kind,
                          bool bounded, float top, const struct fit_steps *steps, float *level,
                          float *low_end)
{
    struct range_group group = {.count = count, .kind = kind, .bounded = bounded};
    struct range_tries tries;
    float low = range_start(x, weight, &group), span = group.high - low, scale, best;
    int winner, tried;

    *low_end = low;
    memset(level, 0, count * sizeof(*level));
    if (group.high == low)
        return 0;
    scale = 1 / (top / span);
    for (unsigned i = 0; i < count; i++)
        level[i] = fit_clamp(fit_nearest(top / span * (x[i] - low)), 0, top);
    best = range_error(count, x, weight, level, scale, low, kind);
    for (int step = 0; step <= steps->count; step += tried) {
        range_try(&group, range_factors(steps, step, top, group.high - low), low, top, &tries);
        winner = range_better(&tries, best, steps->count + 1 - step);
        tried = winner < FOUR ? winner + 1 : FOUR;
        if (winner == FOUR)
            continue;
        for (unsigned i = 0; i < count; i++)
            level[i] = tries.level[i][winner];
        best = tries.error[winner];
        scale = tries.scale[winner];
        low = tries.low[winner];
    }
    *low_end = low;
    return scale;
}

float fit_range(unsigned count, const float *x, const float *weight, enum fit_error kind, float top,
                const struct fit_steps *steps, uint8_t *level, float *low)
{
    float levels[FIT_MAX], scale;

    /* Each with constants, so that its loops are unrolled. */
    if (count == 32 && steps->bounded)
        scale = range_search(32, x, weight, FIT_SQUARE, true, top, steps, levels, low);
    else if (count == 32)
        scale = range_search(32, x, weight, FIT_SQUARE, false, top, steps, levels, low);
    else if (kind == FIT_SQUARE)
        scale = range_search(16, x, weight, FIT_SQUARE, true, top, steps, levels, low);
    else
        scale = range_search(16, x, weight, FIT_ABSOLUTE, false, top, steps, levels, low);
    for (unsigned i = 0; i < count; i++)
        level[i] = (uint8_t)(int)levels[i];
    return scale;
}

/* --- from zero on ------------------------------------------------------------------------------
 */

enum {
    POSITIVE_STEPS = 4,                  /* candidates on each side of the middle one */
    POSITIVE_TRIES = 2 * POSITIVE_STEPS, /* all but that */
};

/* Weighted square error of the middle candidate: levels as they are stored, not bounded. */
static float positive_middle(unsigned count, const float *x, const float *weight, float factor)
{
    float scale = 1 / factor, sum = 0, level, difference;

    for (unsigned i = 0; i < count; i++) {
        level = (float)(uint8_t)(int)fit_nearest(factor * x[i]);
        difference = x[i] - scale * level;
        sum += weight[i] * difference * difference;
    }
    return sum;
}

/* Those of four candidates. */
static four positive_errors(unsigned count, const float *x, const float *weight, four factor,
                            float top)
{
    four scale = 1 / factor, sum = {0}, level, difference;

    for (unsigned i = 0; i < count; i++) {
        level = four_nearest(factor * x[i]);
        level = four_select(level > top, four_all(top), level);
        difference = x[i] - scale * level;
        sum += weight[i] * difference * difference;
    }
    return sum;
}

/* The best factor x to levels of nine. */
static float positive_factor(unsigned count, const float *x, const float *weight, float most,
                             float top)
{
    float winner = top / most, best = positive_middle(count, x, weight, winner);
    four factor = {0}, error;

    for (int t = 0; t < POSITIVE_TRIES; t += FOUR) {
        for (int lane = 0, step = t - POSITIVE_STEPS; lane < FOUR; lane++, step++)
            factor[lane] = (0.1f * (float)(step + (t > 0)) + top) / most;
        error = positive_errors(count, x, weight, factor, top);
        for (int lane = 0; lane < FOUR; lane++)
            if (error[lane] < best) {
                best = error[lane];
                winner = factor[lane];
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
