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

/* Quotients of smaller magnitude are rounded by rint() as by the reference. */
#define RANGE_LIMIT 4e6f

/* What is constant where the search is used. */
struct range_kind {
    int count; /* numbers of a group: 16, 32 */
    enum fit_error error;
    float top;
    struct fit_steps steps;
};

/* Are levels bounded by lanes_bound()? */
INLINE bool range_table(const struct range_kind *kind)
{
    return LANES_BOUND && kind->top < 16;
}

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

/* How levels are kept within their bounds. */
enum range_way {
    WAY_CUT,   /* the numbers are cut: struct range_cut */
    WAY_TABLE, /* by lanes_bound() */
    WAY_BOUND, /* each by itself */
};

/*
 * The numbers, of which those below `bottom` and above `ceiling` are taken for these, so that no
 * level of them is out of bounds. With a factor above 0 quotients are ordered as numbers are, since
 * rounded differences and products are monotonous. All levels are right then, and none has to be
 * bounded, if
 * - the quotient of `bottom` is within 1/2 of 0: its level is 0, and so is that of a number below,
 *   whose quotient is no higher. (A level may be -0 then, which no sum can tell from 0.)
 * - where the spread is at most 1/4 above the top: no number is above `ceiling`, whose quotient is
 *   the spread but for less than the share 2^-20: factors are at least 2^-128, and if one were
 *   infinite the quotient of `bottom` would be NaN or infinite, too.
 * - elsewhere: the quotient of `ceiling` is within 1/2 of the top: its level is the top, and so is
 *   that of a number above, whose quotient is no lower.
 * Spreads grow from one candidate to the next, and the lower end moves little, so that numbers are
 * seldom cut anew.
 * (test_mixed, test_cuts in tests/kernels.c.)
 */
struct range_cut {
    _Alignas(64) float row[ROWS_MAX][ROWS_SETS][LANES];
    vf bottom[ROWS_SETS], ceiling[ROWS_SETS];
};

/*
 * Levels as fit_range() makes them if it bounds numbers before it rounds them, for every float. If
 * it does not they are the same below 2^22, as both bounds are integers; range_guard() sees to that
 * (test_mixed in tests/kernels.c).
 */
INLINE vf range_level(vf value, float top)
{
    value = vf_max(value, vf_all(0)); /* NaN becomes 0 */
    return vf_round(vf_min(value, vf_all(top)));
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
    const vf limit = vf_all(RANGE_LIMIT);
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
            vf_store(rows->row[i][g] + ROWS_OTHER,
                     range_level(s->factor[g] * (x - s->low[g]), kind->top));
        }
    }
    range_error(rows, kind, sets, s->scale, s->low, s->best);
    return inside;
}

/* Levels and sums of a step's candidates, of `n` sets from `first` on. */
INLINE void range_pass(struct rows *rows, const struct range_cut *cut,
                       const struct range_kind *kind, int first, int n, const vf *factors,
                       const struct range_state *s, enum range_way way, struct range_sums *sums)
{
    vf factor[ROWS_SETS], low[ROWS_SETS], sum_l[ROWS_SETS], sum_l2[ROWS_SETS], sum_xl[ROWS_SETS];
    vf x, w, l, value, product;

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
            value = way == WAY_CUT ? vf_load(cut->row[i][first + g]) : x;
            value = factor[g] * (value - low[g]);
            if (way == WAY_CUT)
                l = g % 2 ? vf_rint(value) : vf_round(value);
            else if (way == WAY_TABLE)
                l = lanes_bound(value + vf_all(0x1.8p23f), kind->top);
            else
                l = range_level(value, kind->top);
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

/* Is the top beyond what the numbers are spread over? */
INLINE bool range_above(const struct range_kind *kind, float spread)
{
    return spread > kind->top + 0.25f;
}

/* Cuts the numbers of `n` sets from `from` on for this spread and those that follow. */
INLINE void range_cut(const struct rows *rows, const struct range_kind *kind, int from, int n,
                      float spread, const struct range_state *s, struct range_cut *cut)
{
    const bool above = range_above(kind, spread);
    const vf share = vf_all((kind->top - 0.25f) / spread);

    UNROLL
    for (int g = from; g < from + n; g++) {
        cut->bottom[g] = s->low[g];
        cut->ceiling[g] = s->most[g];
        if (above)
            cut->ceiling[g] = s->low[g] + share * (s->most[g] - s->low[g]);
    }
    for (int i = 0; i < kind->count; i++) {
        UNROLL
        for (int g = from; g < from + n; g++)
            vf_store(cut->row[i][g],
                     vf_min(vf_max(vf_load(rows->row[i][g] + ROWS_NUMBER), cut->bottom[g]),
                            cut->ceiling[g]));
    }
}

/* Is what struct range_cut asks for true in all lanes that count, and all within the guard? */
INLINE bool range_cut_holds(const struct range_kind *kind, int from, int n, float spread,
                            const vf *factor, const struct range_state *s,
                            const struct range_cut *cut)
{
    const bool above = range_above(kind, spread);
    vm lanes, wrong[ROWS_SETS];
    vf quotient;

    UNROLL
    for (int g = from; g < from + n; g++) {
        quotient = factor[g] * (cut->bottom[g] - s->low[g]);
        lanes = vm_and(vf_less(vf_all(0), factor[g]), vf_at_most(vf_abs(quotient), vf_all(0.5f)));
        if (above) {
            quotient = factor[g] * (cut->ceiling[g] - s->low[g]) - vf_all(kind->top);
            lanes = vm_and(lanes, vf_less(vf_abs(quotient), vf_all(0.5f)));
        }
        if (!kind->steps.bounded) {
            quotient = factor[g] * (s->least[g] - s->low[g]);
            lanes = vm_and(lanes, vf_less(vf_all(-RANGE_LIMIT), quotient));
        }
        wrong[g] = vm_not_and(lanes, s->live[g]);
        if (g > from)
            wrong[from] = vm_or(wrong[from], wrong[g]);
    }
    return !vm_any(wrong[from]);
}

/* Are all levels such that lanes_bound() takes them? The quotient of the highest number is the
 * spread, as above. */
INLINE bool range_table_holds(int from, int n, const vf *factor, const struct range_state *s)
{
    vm lanes, wrong[ROWS_SETS];
    vf first;

    UNROLL
    for (int g = from; g < from + n; g++) {
        first = factor[g] * (s->least[g] - s->low[g]);
        lanes = vm_and(vf_less(vf_all(-8.5f), first), vf_less(first, vf_all(23.5f)));
        lanes = vm_and(lanes, vf_less(vf_all(0), factor[g]));
        wrong[g] = vm_not_and(lanes, s->live[g]);
        if (g > from)
            wrong[from] = vm_or(wrong[from], wrong[g]);
    }
    return !vm_any(wrong[from]);
}

/* Levels and sums of one candidate of `n` sets from `from` on. False: beyond the guard. */
INLINE bool range_half(struct rows *rows, struct range_cut *cut, const struct range_kind *kind,
                       int from, int n, float spread, vf *factor, const struct range_state *s,
                       struct range_sums *sums)
{
    bool inside = true, holds;
    vf first, last;

    UNROLL
    for (int g = from; g < from + n; g++)
        factor[g] = vf_all(spread) / (s->most[g] - s->low[g]);
    if (range_table(kind)) {
        holds = range_table_holds(from, n, factor, s);
    } else {
        holds = range_cut_holds(kind, from, n, spread, factor, s, cut);
        if (!holds) {
            range_cut(rows, kind, from, n, spread, s, cut);
            holds = range_cut_holds(kind, from, n, spread, factor, s, cut);
        }
    }
    if (holds) {
        range_pass(rows, cut, kind, from, n, factor, s, range_table(kind) ? WAY_TABLE : WAY_CUT,
                   sums);
        return true;
    }
    UNROLL
    for (int g = from; g < from + n; g++) {
        range_ends(s, g, factor[g], &first, &last);
        if (!kind->steps.bounded && range_guard(s->live[g], first, last))
            inside = false;
    }
    range_pass(rows, cut, kind, from, n, factor, s, WAY_BOUND, sums);
    return inside;
}

/* A candidate of each group. False: beyond the guard. */
INLINE bool range_step(struct rows *rows, struct range_cut *cut, const struct range_kind *kind,
                       int sets, int step, struct range_state *s)
{
    const float spread = kind->steps.first + kind->steps.step * (float)step + kind->top;
    const int most = sets < ROWS_PASS ? sets : ROWS_PASS;
    bool inside = true;
    vf factor[ROWS_SETS], scale[ROWS_SETS], low[ROWS_SETS], error[ROWS_SETS];
    vm wins[ROWS_SETS];
    struct range_sums sums;

    for (int first = 0; first < sets; first += most) {
        if (!range_half(rows, cut, kind, first, most, spread, factor, s, &sums))
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
    struct range_cut cut;
    bool inside;

    range_start(rows, kind, sets, &s);
    inside = range_middle(rows, kind, sets, &s);
    if (!range_table(kind))
        range_cut(rows, kind, 0, sets, kind->top, &s, &cut);
    for (int step = 0; step <= kind->steps.count; step++)
        if (!range_step(rows, &cut, kind, sets, step, &s))
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
