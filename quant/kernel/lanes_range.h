#ifndef QUANT_KERNEL_LANES_RANGE_H
#define QUANT_KERNEL_LANES_RANGE_H

#include "quant/kernel/fit.h"
#include "quant/kernel/lanes_rows.h"

/*
 * fit_range() of many groups of numbers, one a lane: each lane does what that function does for its
 * group, in the same order. `sets` of LANES groups are taken side by side, so that the additions of
 * one do not wait for themselves.
 */
#ifdef LANES

enum {
    ROWS_PASS = 2, /* sets of which levels and sums are made at once: as many as registers hold */
};

/* What is constant where the search is used. */
struct range_kind {
    int count; /* numbers of a group: 16, 32 */
    enum fit_error error;
    float top;
    struct fit_steps steps;
};

/* Of each group: what fit_range() returns, and what the levels of the best candidate were made
 * with: factor 0 where there are none but 0. */
struct range_found {
    float scale[ROWS_FOUND];
    float low[ROWS_FOUND];
    float factor[ROWS_FOUND];
    float from[ROWS_FOUND];
    float weight[ROWS_FOUND]; /* the sum of weights */
};

struct range_state {
    vf least[ROWS_SETS], most[ROWS_SETS]; /* the numbers' ends */
    vf sum_w[ROWS_SETS], sum_x[ROWS_SETS];
    vf low[ROWS_SETS];
    vm live[ROWS_SETS]; /* groups that have a width */
    vf best[ROWS_SETS], scale[ROWS_SETS], factor[ROWS_SETS], from[ROWS_SETS];
};

/* Of the candidates of one step. */
struct range_sums {
    vf l[ROWS_SETS], l2[ROWS_SETS], xl[ROWS_SETS];
};

/* How levels are bounded: below, above, or both by lanes_bound(). */
enum range_bound {
    BOUND_LOW = 1,
    BOUND_HIGH = 2,
    BOUND_TABLE = 4,
};

/*
 * Levels as fit_range() makes them if it bounds numbers before it rounds them, for every float. If
 * it does not they are the same below 2^22, as both bounds are integers; range_guard() sees to that
 * (test_mixed in tests/kernels.c).
 */
INLINE vf range_level(vf value, float top, unsigned bounds)
{
    if (bounds == BOUND_TABLE)
        return lanes_bound(value + vf_all(0x1.8p23f), top);
    if (bounds & BOUND_LOW)
        value = vf_max(value, vf_all(0)); /* NaN becomes 0 */
    if (bounds & BOUND_HIGH)
        value = vf_min(value, vf_all(top));
    return vf_round(value);
}

/* Ends and sums. */
INLINE void range_start(const struct rows *rows, const struct range_kind *kind, int sets,
                        struct range_state *s)
{
    vf x, w;

    UNROLL
    for (int g = 0; g < sets; g++) {
        x = vf_load(rows->row[0][g] + ROWS_NUMBER);
        w = vf_load(rows->row[0][g] + ROWS_WEIGHT);
        s->least[g] = s->most[g] = x;
        s->sum_w[g] = w;
        s->sum_x[g] = w * x;
    }
    for (int i = 1; i < kind->count; i++) {
        UNROLL
        for (int g = 0; g < sets; g++) {
            x = vf_load(rows->row[i][g] + ROWS_NUMBER);
            w = vf_load(rows->row[i][g] + ROWS_WEIGHT);
            s->least[g] = vf_min(x, s->least[g]);
            s->most[g] = vf_max(x, s->most[g]);
            s->sum_w[g] = s->sum_w[g] + w;
            s->sum_x[g] = s->sum_x[g] + w * x;
        }
    }
}

/* The quotients of both ends, between which those of all numbers are: rounded differences and
 * products are monotonous. */
INLINE void range_ends(const struct range_state *s, int g, vf factor, vf *first, vf *last)
{
    *first = factor * (s->least[g] - s->low[g]);
    *last = factor * (s->most[g] - s->low[g]);
}

/* Is a lane that counts beyond the floats for which rint() is the reference's rounding? NaN and
 * infinities are, too. */
INLINE bool range_guard(vm live, vf first, vf last)
{
    const vf limit = vf_all(4e6f);
    vm inside = vm_and(vf_less(vf_abs(first), limit), vf_less(vf_abs(last), limit));

    return !vm_within(live, inside);
}

/* The weighted error of what the levels in the rows mean. */
INLINE void range_error(const struct rows *rows, const struct range_kind *kind, int sets,
                        const vf *scale, const vf *low, vf *error)
{
    vf x, w, l, difference;

    UNROLL
    for (int g = 0; g < sets; g++)
        error[g] = vf_all(0);
    for (int i = 0; i < kind->count; i++) {
        UNROLL
        for (int g = 0; g < sets; g++) {
            x = vf_load(rows->row[i][g] + ROWS_NUMBER);
            w = vf_load(rows->row[i][g] + ROWS_WEIGHT);
            l = vf_load(rows->row[i][g] + ROWS_OTHER);
            difference = scale[g] * l + low[g] - x;
            if (kind->error == FIT_SQUARE)
                error[g] = error[g] + w * (difference * difference);
            else
                error[g] = error[g] + w * vf_abs(difference);
        }
    }
}

/* Before the candidates: all levels over the whole width. False: beyond the guard. */
INLINE bool range_middle(struct rows *rows, const struct range_kind *kind, int sets,
                         struct range_state *s)
{
    bool inside = true;
    vf first, last, x;

    UNROLL
    for (int g = 0; g < sets; g++) {
        s->low[g] = vf_select(vf_less(vf_all(0), s->least[g]), vf_all(0), s->least[g]);
        s->live[g] = vm_not(vf_equal(s->most[g], s->low[g]));
        s->factor[g] = vf_all(kind->top) / (s->most[g] - s->low[g]);
        s->from[g] = s->low[g];
        s->scale[g] = vf_all(1) / s->factor[g];
        range_ends(s, g, s->factor[g], &first, &last);
        if (range_guard(s->live[g], first, last))
            inside = false;
    }
    for (int i = 0; i < kind->count; i++) {
        UNROLL
        for (int g = 0; g < sets; g++) {
            x = vf_load(rows->row[i][g] + ROWS_NUMBER);
            vf_store(rows->row[i][g] + ROWS_OTHER, range_level(s->factor[g] * (x - s->low[g]),
                                                               kind->top, BOUND_LOW | BOUND_HIGH));
        }
    }
    range_error(rows, kind, sets, s->scale, s->low, s->best);
    return inside;
}

/* Levels and sums of a step's candidates, of `n` sets from `first` on. */
INLINE void range_pass(struct rows *rows, const struct range_kind *kind, int first, int n,
                       const vf *factors, const struct range_state *s, unsigned bounds,
                       struct range_sums *sums)
{
    vf factor[ROWS_SETS], low[ROWS_SETS], sum_l[ROWS_SETS], sum_l2[ROWS_SETS], sum_xl[ROWS_SETS];
    vf x, w, l, product;

    UNROLL
    for (int g = 0; g < n; g++) {
        factor[g] = factors[first + g];
        low[g] = s->low[first + g];
        sum_l[g] = sum_l2[g] = sum_xl[g] = vf_all(0);
    }
    for (int i = 0; i < kind->count; i++) {
        float(*row)[ROWS_ROW] = rows->row[i] + first;

        UNROLL
        for (int g = 0; g < n; g++) {
            x = vf_load(row[g] + ROWS_NUMBER);
            w = vf_load(row[g] + ROWS_WEIGHT);
            l = range_level(factor[g] * (x - low[g]), kind->top, bounds);
            vf_store(row[g] + ROWS_OTHER, l);
            product = w * l;
            sum_l[g] = sum_l[g] + product;
            sum_l2[g] = sum_l2[g] + product * l;
            sum_xl[g] = sum_xl[g] + product * x;
        }
    }
    UNROLL
    for (int g = 0; g < n; g++) {
        sums->l[first + g] = sum_l[g];
        sums->l2[first + g] = sum_l2[g];
        sums->xl[first + g] = sum_xl[g];
    }
}

/* What fits best to the levels. Returns the lanes in which there is such. */
INLINE vm range_fit(vf sum_w, vf sum_x, vf l, vf l2, vf xl, vf *scale, vf *low)
{
    vf determinant = sum_w * l2 - l * l;
    vm positive;

    *scale = (sum_w * xl - sum_x * l) / determinant;
    *low = (l2 * sum_x - l * xl) / determinant;
    positive = vf_less(vf_all(0), *low);
    if (vm_any(positive)) {
        *scale = vf_select(positive, xl / l2, *scale);
        *low = vf_select(positive, vf_all(0), *low);
    }
    return vf_less(vf_all(0), determinant);
}

/*
 * Bounds are left out where no lane needs them: quotients lie between those of the ends (see
 * range_ends()), of which a NaN counts as outside; one between them comes from an infinite factor,
 * which makes both ends infinite or NaN. A level may be -0 then, which no sum can tell from 0. For
 * lanes_bound() levels are to lie between -8 and 23 alike. (test_mixed in tests/kernels.c.) False:
 * beyond the guard.
 */
INLINE bool range_half(struct rows *rows, const struct range_kind *kind, int from, int n,
                       float spread, vf *factor, const struct range_state *s,
                       struct range_sums *sums)
{
    const bool table = LANES_BOUND && kind->top < 16;
    const vf least = vf_all(table ? -8 : 0), most = vf_all(table ? 23 : kind->top);
    bool inside = true, below = false, above = false;
    vf first, last;

    UNROLL
    for (int g = from; g < from + n; g++) {
        factor[g] = vf_all(spread) / (s->most[g] - s->low[g]);
        range_ends(s, g, factor[g], &first, &last);
        if (!kind->steps.bounded && range_guard(s->live[g], first, last))
            inside = false;
        first = vf_round(first);
        last = vf_round(last);
        below = below ||
                !vm_within(s->live[g], vm_and(vf_at_most(least, first), vf_at_most(least, last)));
        above = above ||
                !vm_within(s->live[g], vm_and(vf_at_most(first, most), vf_at_most(last, most)));
    }
    if (below && above)
        range_pass(rows, kind, from, n, factor, s, BOUND_LOW | BOUND_HIGH, sums);
    else if (below)
        range_pass(rows, kind, from, n, factor, s, table ? BOUND_LOW | BOUND_HIGH : BOUND_LOW,
                   sums);
    else if (above)
        range_pass(rows, kind, from, n, factor, s, table ? BOUND_LOW | BOUND_HIGH : BOUND_HIGH,
                   sums);
    else
        range_pass(rows, kind, from, n, factor, s, table ? BOUND_TABLE : 0, sums);
    return inside;
}

/* A candidate of each group. False: beyond the guard. */
INLINE bool range_step(struct rows *rows, const struct range_kind *kind, int sets, int step,
                       struct range_state *s)
{
    const float spread = kind->steps.first + kind->steps.step * (float)step + kind->top;
    const int most = sets < ROWS_PASS ? sets : ROWS_PASS;
    bool inside = true;
    vf factor[ROWS_SETS], scale[ROWS_SETS], low[ROWS_SETS], error[ROWS_SETS];
    vm wins[ROWS_SETS];
    struct range_sums sums;

    for (int first = 0; first < sets; first += most) {
        if (!range_half(rows, kind, first, most, spread, factor, s, &sums))
            inside = false;
    }
    UNROLL
    for (int g = 0; g < sets; g++)
        wins[g] = vm_and(s->live[g], range_fit(s->sum_w[g], s->sum_x[g], sums.l[g], sums.l2[g],
                                               sums.xl[g], &scale[g], &low[g]));
    range_error(rows, kind, sets, scale, low, error);
    UNROLL
    for (int g = 0; g < sets; g++) {
        wins[g] = vm_and(wins[g], vf_less(error[g], s->best[g]));
        s->factor[g] = vf_select(wins[g], factor[g], s->factor[g]);
        s->from[g] = vf_select(wins[g], s->low[g], s->from[g]);
        s->best[g] = vf_select(wins[g], error[g], s->best[g]);
        s->scale[g] = vf_select(wins[g], scale[g], s->scale[g]);
        s->low[g] = vf_select(wins[g], low[g], s->low[g]);
    }
    return inside;
}

/*
 * The search; rows hold numbers and weights. What is found of the first group goes to place `at`.
 * False: a lane was beyond what is proven, and nothing of it means anything.
 */
INLINE bool range_search(struct rows *rows, const struct range_kind *kind, int sets,
                         struct range_found *found, int at)
{
    struct range_state s;
    bool inside;

    range_start(rows, kind, sets, &s);
    inside = range_middle(rows, kind, sets, &s);
    for (int step = 0; step <= kind->steps.count; step++)
        if (!range_step(rows, kind, sets, step, &s))
            inside = false;
    UNROLL
    for (int g = 0; g < sets; g++, at += LANES) {
        vf_store(found->scale + at, vf_select(s.live[g], s.scale[g], vf_all(0)));
        vf_store(found->low + at, s.low[g]);
        vf_store(found->factor + at, vf_select(s.live[g], s.factor[g], vf_all(0)));
        vf_store(found->from + at, vf_select(s.live[g], s.from[g], vf_all(0)));
        vf_store(found->weight + at, s.sum_w[g]);
    }
    return inside;
}

#endif

#endif
