#ifndef QUANT_KERNEL_LANES_SIGNED_H
#define QUANT_KERNEL_LANES_SIGNED_H

#include "quant/kernel/fit.h"
#include "quant/kernel/lanes_rows.h"

/*
 * fit_signed() of many groups of numbers, one a lane: each lane does what that function does for
 * its group, in the same order. Numbers are finite; nothing else is asked of them: the largest
 * magnitude is at least 1e-15, so factors are finite, and no quotient is larger than limit + 1,
 * where rint() is the reference's rounding (test_mixed in tests/kernels.c).
 */
#ifdef LANES

enum {
    LANES_SIGNED_STEPS = 9, /* candidates on each side of the middle one, which comes first */
};

/* Of each group the scale, and the factor that its levels were made with: 0 where they are 0. */
struct signed_found {
    float scale[ROWS_FOUND];
    float factor[ROWS_FOUND];
};

struct signed_state {
    vf most[ROWS_SETS];                 /* the first number of the largest magnitude */
    vf low[ROWS_SETS], high[ROWS_SETS]; /* ends, 0 among them */
    vm live[ROWS_SETS];                 /* groups that are no zeros */
    vf lx[ROWS_SETS], l2[ROWS_SETS];    /* sums of the candidate */
    vf best[ROWS_SETS], scale[ROWS_SETS], factor[ROWS_SETS];
};

/* Ends and products of weight and number. */
INLINE void signed_start(struct rows *rows, int count, int sets, struct signed_state *s)
{
    vf magnitude[ROWS_SETS], x, size;
    vm larger;

    UNROLL
    for (int g = 0; g < sets; g++)
        magnitude[g] = s->most[g] = s->low[g] = s->high[g] = vf_all(0);
    for (int i = 0; i < count; i++) {
        UNROLL
        for (int g = 0; g < sets; g++) {
            x = vf_load(rows->row[i][g] + ROWS_NUMBER);
            size = vf_abs(x);
            larger = vf_less(magnitude[g], size);
            magnitude[g] = vf_select(larger, size, magnitude[g]);
            s->most[g] = vf_select(larger, x, s->most[g]);
            s->low[g] = vf_min(x, s->low[g]);
            s->high[g] = vf_max(x, s->high[g]);
            vf_store(rows->row[i][g] + ROWS_OTHER, vf_load(rows->row[i][g] + ROWS_WEIGHT) * x);
        }
    }
    UNROLL
    for (int g = 0; g < sets; g++) {
        s->live[g] = vm_not(vf_less(magnitude[g], vf_all(FIT_EPSILON)));
        s->best[g] = s->scale[g] = s->factor[g] = vf_all(0);
    }
}

/* Sums of a candidate. */
INLINE void signed_pass(const struct rows *rows, int count, float limit, int sets, const vf *factor,
                        bool below, bool above, struct signed_state *s)
{
    vf level, weight;

    UNROLL
    for (int g = 0; g < sets; g++)
        s->lx[g] = s->l2[g] = vf_all(0);
    for (int i = 0; i < count; i++) {
        UNROLL
        for (int g = 0; g < sets; g++) {
            level = vf_round(factor[g] * vf_load(rows->row[i][g] + ROWS_NUMBER));
            if (above)
                level = vf_min(level, vf_all(limit - 1));
            if (below)
                level = vf_max(level, vf_all(-limit));
            weight = vf_load(rows->row[i][g] + ROWS_WEIGHT);
            s->lx[g] = s->lx[g] + vf_load(rows->row[i][g] + ROWS_OTHER) * level;
            s->l2[g] = s->l2[g] + weight * level * level;
        }
    }
}

/*
 * A bound is left out where no lane needs it: quotients lie between those of the ends, as rounded
 * products are monotonous, and none is below that of the largest number, -spread but for rounding.
 */
INLINE void signed_try(const struct rows *rows, int count, float limit, int sets, int step,
                       vf *factor, struct signed_state *s)
{
    const float spread = limit + 0.1f * (float)step;
    bool below = spread > limit + 0.45f, above = false;
    vf end;

    UNROLL
    for (int g = 0; g < sets; g++) {
        factor[g] = vf_all(-spread) / s->most[g];
        end = vf_round(vf_max(factor[g] * s->low[g], factor[g] * s->high[g]));
        above = above || vm_any(vm_and(s->live[g], vf_less(vf_all(limit - 1), end)));
    }
    if (below && above)
        signed_pass(rows, count, limit, sets, factor, true, true, s);
    else if (below)
        signed_pass(rows, count, limit, sets, factor, true, false, s);
    else if (above)
        signed_pass(rows, count, limit, sets, factor, false, true, s);
    else
        signed_pass(rows, count, limit, sets, factor, false, false, s);
}

INLINE void signed_take(struct signed_state *s, int g, vm wins, vf factor)
{
    s->scale[g] = vf_select(wins, s->lx[g] / s->l2[g], s->scale[g]);
    s->best[g] = vf_select(wins, s->scale[g] * s->lx[g], s->best[g]);
    s->factor[g] = vf_select(wins, factor, s->factor[g]);
}

/* The search; rows hold numbers and weights. What is found of the first group goes to place `at`.
 */
INLINE void signed_search(struct rows *rows, int count, float limit, int sets,
                          struct signed_found *found, int at)
{
    struct signed_state s;
    vf factor[ROWS_SETS];
    vm wins;

    signed_start(rows, count, sets, &s);
    signed_try(rows, count, limit, sets, 0, factor, &s);
    UNROLL
    for (int g = 0; g < sets; g++) {
        signed_take(&s, g, vm_not(vf_equal(s.l2[g], vf_all(0))), factor[g]);
        s.best[g] = s.scale[g] * s.lx[g];
        s.factor[g] = factor[g];
    }
    for (int step = -LANES_SIGNED_STEPS; step <= LANES_SIGNED_STEPS; step++) {
        if (step == 0)
            continue;
        signed_try(rows, count, limit, sets, step, factor, &s);
        UNROLL
        for (int g = 0; g < sets; g++) {
            wins = vm_and(vf_less(vf_all(0), s.l2[g]),
                          vf_less(s.best[g] * s.l2[g], s.lx[g] * s.lx[g]));
            if (vm_any(wins))
                signed_take(&s, g, wins, factor[g]);
        }
    }
    UNROLL
    for (int g = 0; g < sets; g++, at += LANES) {
        vf_store(found->scale + at, vf_select(s.live[g], s.scale[g], vf_all(0)));
        vf_store(found->factor + at, vf_select(s.live[g], s.factor[g], vf_all(0)));
    }
}

#endif

#endif
