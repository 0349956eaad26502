#ifndef QUANT_KERNEL_LANES_POSITIVE_H
#define QUANT_KERNEL_LANES_POSITIVE_H

#include "quant/kernel/fit.h"
#include "quant/kernel/lanes_batch.h"

/*
 * fit_positive() of many groups of numbers, one a lane: the same operations for every float, so
 * nothing has to be guarded (test_mixed in tests/kernels.c).
 */
#ifdef LANES

enum {
    POSITIVE_MAX = 32,        /* numbers of a group */
    LANES_POSITIVE_STEPS = 4, /* candidates on each side of the middle one, which comes first */
    POSITIVE_HALF = BATCH_BLOCKS / LANES, /* sets of LANES blocks */
    POSITIVE_SETS = 2 * POSITIVE_HALF,    /* the minima's behind the scales' */
};

/* Of the scales [0] and the minima [1] of each block of a batch: what fit_positive() returns, and
 * levels. */
struct positive_found {
    _Alignas(64) float unit[2][BATCH_BLOCKS];
    uint8_t level[2][POSITIVE_MAX][BATCH_BLOCKS];
};

struct positive_state {
    vf x[POSITIVE_MAX][POSITIVE_SETS], weight[POSITIVE_MAX][POSITIVE_SETS];
    /* As they are stored: those below 0 have wrapped around. */
    vf level[POSITIVE_MAX][POSITIVE_SETS];
    vf lx[POSITIVE_SETS], l2[POSITIVE_SETS];
    vm live[POSITIVE_SETS]; /* groups that are no zeros */
};

INLINE vf positive_nearest(vf value, float top)
{
    return vf_min(vf_all(top), vf_from(vi_nearest(value)));
}

INLINE vf positive_wrap(vf level)
{
    return vf_from(vi_and(vi_cut(level), vi_all(255)));
}

/* The weighted square error of a candidate; the levels of the middle one are as they are stored. */
INLINE vf positive_error(const struct positive_state *s, int g, int count, vf factor, float top,
                         bool middle)
{
    vf scale = vf_all(1) / factor, sum = vf_all(0), level, difference;

    for (int i = 0; i < count; i++) {
        if (middle)
            level = vf_from(vi_and(vi_nearest(factor * s->x[i][g]), vi_all(255)));
        else
            level = positive_nearest(factor * s->x[i][g], top);
        difference = s->x[i][g] - scale * level;
        sum = sum + s->weight[i][g] * difference * difference;
    }
    return sum;
}

/* The best factor x to levels. */
INLINE vf positive_factor(const struct positive_state *s, int g, int count, vf most, float top)
{
    vf winner = vf_all(top) / most, best = positive_error(s, g, count, winner, top, true);
    vf factor, error;
    vm wins;

    for (int step = -LANES_POSITIVE_STEPS; step <= LANES_POSITIVE_STEPS; step++) {
        if (step == 0)
            continue;
        factor = vf_all(0.1f * (float)step + top) / most;
        error = positive_error(s, g, count, factor, top, false);
        wins = vf_less(error, best);
        best = vf_select(wins, error, best);
        winner = vf_select(wins, factor, winner);
    }
    return winner;
}

/* Level i moves where that makes the error smaller. Where did it? */
INLINE vm positive_move(struct positive_state *s, int g, int i, float top)
{
    vf x = s->x[i][g], weight = s->weight[i][g], old = s->level[i][g], next;
    vf lx = s->lx[g] - weight * x * old, l2 = s->l2[g] - weight * old * old;
    vm moves = vm_and(s->live[g], vm_and(vf_less(vf_all(0), lx), vf_less(vf_all(0), l2)));

    next = positive_nearest(x * l2 / lx, top);
    lx = lx + weight * x * next;
    l2 = l2 + weight * next * next;
    moves = vm_and(vm_not_and(vf_equal(next, old), moves),
                   vf_less(s->lx[g] * s->lx[g] * l2, lx * lx * s->l2[g]));
    s->level[i][g] = vf_select(moves, positive_wrap(next), old);
    s->lx[g] = vf_select(moves, lx, s->lx[g]);
    s->l2[g] = vf_select(moves, l2, s->l2[g]);
    return moves;
}

/* Levels of the best candidate, then passes over them. One that moves nothing would move nothing
 * again, so lanes may wait for one another. */
INLINE void positive_levels(struct positive_state *s, int sets, int count, float top)
{
    vf most, factor, level;
    vm moved;

    for (int g = 0; g < sets; g++) {
        most = s->lx[g] = s->l2[g] = vf_all(0);
        for (int i = 0; i < count; i++)
            most = vf_max(s->x[i][g], most);
        s->live[g] = vm_not(vf_less(most, vf_all(FIT_EPSILON)));
        factor = positive_factor(s, g, count, most, top);
        for (int i = 0; i < count; i++) {
            level = positive_nearest(factor * s->x[i][g], top);
            s->level[i][g] = positive_wrap(level);
            s->lx[g] = s->lx[g] + s->weight[i][g] * s->x[i][g] * level;
            s->l2[g] = s->l2[g] + s->weight[i][g] * level * level;
        }
    }
    for (int pass = 0; pass < 5; pass++) {
        moved = vf_less(vf_all(0), vf_all(0));
        for (int i = 0; i < count; i++) {
            UNROLL
            for (int g = 0; g < sets; g++)
                moved = vm_or(moved, positive_move(s, g, i, top));
        }
        if (!vm_any(moved))
            break;
    }
}

/* Of LANES groups: `count` vectors of numbers and of weights. `s` is room. Returns the scales. */
INLINE vf positive_scale(const float *x, const float *weight, int count, float top,
                         struct positive_state *s)
{
    for (int i = 0; i < count; i++) {
        s->x[i][0] = vf_load(x + LANES * i);
        s->weight[i][0] = vf_load(weight + LANES * i);
    }
    positive_levels(s, 1, count, top);
    return vf_select(vm_and(s->live[0], vf_less(vf_all(0), s->l2[0])), s->lx[0] / s->l2[0],
                     vf_all(0));
}

/* `scale`, `low`, `weight`: `count` numbers (a multiple of four) of each of BATCH_BLOCKS blocks;
 * minima are -low. */
INLINE void batch_positive(const float *scale, const float *low, const float *weight, int count,
                           float top, struct positive_found *found)
{
    const size_t step = POSITIVE_SETS * LANES;
    struct positive_state s;
    vm fits;

    for (int g = 0; g < POSITIVE_HALF; g++) {
        size_t at = (size_t)(count * LANES * g), minima = (size_t)((POSITIVE_HALF + g) * LANES);

        lanes_transpose(scale + at, (size_t)count, count, (float *)s.x + LANES * g, step);
        lanes_transpose(low + at, (size_t)count, count, (float *)s.x + minima, step);
        lanes_transpose(weight + at, (size_t)count, count, (float *)s.weight + LANES * g, step);
        for (int i = 0; i < count; i++) {
            s.x[i][POSITIVE_HALF + g] = vf_negate(s.x[i][POSITIVE_HALF + g]);
            s.weight[i][POSITIVE_HALF + g] = s.weight[i][g];
        }
    }
    positive_levels(&s, POSITIVE_SETS, count, top);
    for (int g = 0; g < POSITIVE_SETS; g++) {
        int kind = g / POSITIVE_HALF, at = g % POSITIVE_HALF * LANES;

        fits = vm_and(s.live[g], vf_less(vf_all(0), s.l2[g]));
        vf_store(found->unit[kind] + at, vf_select(fits, s.lx[g] / s.l2[g], vf_all(0)));
        for (int i = 0; i < count; i++)
            vi_store_bytes(found->level[kind][i] + at,
                           vi_cut(vf_select(s.live[g], s.level[i][g], vf_all(0))));
    }
}

#endif

#endif
