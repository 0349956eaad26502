#ifndef QUANT_KERNEL_LANES_QUEUE_H
#define QUANT_KERNEL_LANES_QUEUE_H

#include <math.h>

#include "quant/kernel/lanes_batch.h"
#include "quant/kernel/lanes_range.h"

/*
 * The search of lanes_range.h where candidates are so close together that most give the levels of
 * the one before, as with importance. Such a candidate cannot win: levels decide its sums, these
 * the fit, this the error, so it is no better than one that has lost already. A lane goes on to
 * the next candidate that may have other levels, at its own pace, and takes the next group that
 * waits when its own is done.
 *
 * When levels change. While no candidate wins, the lower end stays, and so do differences d and the
 * span. A candidate's spread is s, a number's quotient (s / span) * d, its level that quotient
 * bounded and rounded to l. Quotients grow with s by the same share: up to s * (l + 1/2) / quotient
 * the level stays l. One below 0 goes away from 0, and its level stays 0; one above the top is
 * taken for the top, which only makes a lane wait less. Where spans are neither tiny nor huge the
 * quotient of a later candidate is off by six roundings, less than the share 2^-20; the share by
 * which the spread is taken to be smaller, 2^-18, covers that and the rounding here; estimates say
 * how far off they are. After a candidate that wins, or with other spans, none is left out.
 * (test_border in tests/kernels.c.)
 */
#ifdef LANES

enum {
    QUEUE_SETS = 2, /* side by side */
};

/* A group in each lane, and how far its search is. */
struct queue_set {
    _Alignas(64) float row[ROWS_MAX][ROWS_ROW]; /* as struct rows */
    float least[LANES], most[LANES], sum_w[LANES], sum_x[LANES];
    float low[LANES], best[LANES], scale[LANES], factor[LANES], from[LANES];
    float step[LANES]; /* the next candidate: -1 is the whole width; beyond the last: none */
    int group[LANES];
};

/* Groups that wait, and what is known of each of the batch. */
struct queue {
    const float *x, *weight; /* one group after the other */
    float least[ROWS_FOUND], most[ROWS_FOUND], sum_x[ROWS_FOUND];
    int waiting[ROWS_FOUND], count, next;
    struct queue_set set[QUEUE_SETS];
};

/* --- before ------------------------------------------------------------------------------------
 */

/* Ends and sums of the groups from `at` on, of which `count` are of the batch; those with a width
 * wait, of the others all is found. False: beyond the guard. */
INLINE bool queue_prepare(struct queue *queue, const struct range_kind *kind, int at, int count,
                          struct range_found *found)
{
    struct range_state s;
    struct rows rows;
    vf factor, first, last;
    uint32_t live;

    rows_load(&rows, 0, ROWS_NUMBER, queue->x + kind->count * at, kind->count);
    rows_load(&rows, 0, ROWS_WEIGHT, queue->weight + kind->count * at, kind->count);
    range_start(&rows, kind, 1, &s);
    s.low[0] = vf_select(vf_less(vf_all(0), s.least[0]), vf_all(0), s.least[0]);
    s.live[0] = vm_not(vf_equal(s.most[0], s.low[0]));
    factor = vf_all(kind->top) / (s.most[0] - s.low[0]);
    range_ends(&s, 0, factor, &first, &last);
    vf_store(queue->least + at, s.least[0]);
    vf_store(queue->most + at, s.most[0]);
    vf_store(queue->sum_x + at, s.sum_x[0]);
    vf_store(found->weight + at, s.sum_w[0]);
    vf_store(found->low + at, s.low[0]);
    vf_store(found->scale + at, vf_select(s.live[0], vf_all(1) / factor, vf_all(0)));
    vf_store(found->factor + at, vf_all(0));
    vf_store(found->from + at, vf_all(0));
    for (live = vm_bits(s.live[0]); live; live &= live - 1)
        if (at + __builtin_ctz(live) < count)
            queue->waiting[queue->count++] = at + __builtin_ctz(live);
    return !range_guard(s.live[0], first, last);
}

/* Lane j of a set gets the next group, if there is one. */
INLINE void queue_take(struct queue *queue, struct queue_set *set, int j,
                       const struct range_kind *kind, const struct range_found *found)
{
    const float *x, *weight;
    int group;

    if (queue->next == queue->count) {
        set->group[j] = -1;
        set->step[j] = INFINITY;
        return;
    }
    group = queue->waiting[queue->next++];
    x = queue->x + kind->count * group;
    weight = queue->weight + kind->count * group;
    for (int i = 0; i < kind->count; i++) {
        set->row[i][ROWS_NUMBER + j] = x[i];
        set->row[i][ROWS_WEIGHT + j] = weight[i];
    }
    set->least[j] = queue->least[group];
    set->most[j] = queue->most[group];
    set->sum_x[j] = queue->sum_x[group];
    set->sum_w[j] = found->weight[group];
    set->low[j] = found->low[group];
    set->scale[j] = found->scale[group];
    set->group[j] = group;
    set->step[j] = -1;
}

/* --- one candidate of each lane ----------------------------------------------------------------
 */

struct queue_turn {
    vf spread[QUEUE_SETS], span[QUEUE_SETS], factor[QUEUE_SETS], low[QUEUE_SETS];
    vf l[QUEUE_SETS], l2[QUEUE_SETS], xl[QUEUE_SETS]; /* as struct range_sums */
    vf ratio[QUEUE_SETS];                             /* the largest of quotient / (level + 1/2) */
    vf scale[QUEUE_SETS], next[QUEUE_SETS], error[QUEUE_SETS];
    vm wins[QUEUE_SETS];
};

/* Factors. Are all levels such that lanes_bound() takes them? As in range_half(). */
INLINE bool queue_factors(const struct queue_set *sets, const struct range_kind *kind,
                          struct queue_turn *t)
{
    const vf top = vf_all(kind->top), least = vf_all(-8), most = vf_all(23);
    bool inside = LANES_BOUND && kind->top < 16;
    vf step, first, last;
    vm live;

    UNROLL
    for (int g = 0; g < QUEUE_SETS; g++) {
        step = vf_load(sets[g].step);
        live = vf_at_most(step, vf_all((float)kind->steps.count));
        t->low[g] = vf_load(sets[g].low);
        t->span[g] = vf_load(sets[g].most) - t->low[g];
        t->spread[g] = vf_all(kind->steps.first) + vf_all(kind->steps.step) * step + top;
        t->spread[g] = vf_select(vf_less(step, vf_all(0)), top, t->spread[g]);
        t->factor[g] = t->spread[g] / t->span[g];
        first = vf_round(t->factor[g] * (vf_load(sets[g].least) - t->low[g]));
        last = vf_round(t->factor[g] * t->span[g]);
        inside =
            inside && vm_within(live, vm_and(vf_at_most(least, first), vf_at_most(first, most)));
        inside = inside && vm_within(live, vm_and(vf_at_most(least, last), vf_at_most(last, most)));
    }
    return inside;
}

INLINE void queue_pass(struct queue_set *sets, const struct range_kind *kind, bool table,
                       struct queue_turn *t)
{
    const vf shift = vf_all(0x1.8p23f);
    vf l[QUEUE_SETS], l2[QUEUE_SETS], xl[QUEUE_SETS], ratio[QUEUE_SETS];
    vf x, value, shifted, level, product;

    UNROLL
    for (int g = 0; g < QUEUE_SETS; g++)
        l[g] = l2[g] = xl[g] = ratio[g] = vf_all(0);
    for (int i = 0; i < kind->count; i++) {
        UNROLL
        for (int g = 0; g < QUEUE_SETS; g++) {
            float *row = sets[g].row[i];

            x = vf_load(row + ROWS_NUMBER);
            value = t->factor[g] * (x - t->low[g]);
            if (!table)
                value = vf_min(vf_max(value, vf_all(0)), vf_all(kind->top)); /* NaN becomes 0 */
            shifted = value + shift;
            level = shifted - shift;
            if (table)
                level = lanes_bound(shifted, kind->top);
            vf_store(row + ROWS_OTHER, level);
            ratio[g] = vf_max(value * lanes_inverse(level, shifted), ratio[g]);
            product = vf_load(row + ROWS_WEIGHT) * level;
            l[g] = l[g] + product;
            l2[g] = l2[g] + product * level;
            xl[g] = xl[g] + product * x;
        }
    }
    UNROLL
    for (int g = 0; g < QUEUE_SETS; g++) {
        t->l[g] = l[g];
        t->l2[g] = l2[g];
        t->xl[g] = xl[g];
        t->ratio[g] = ratio[g];
    }
}

INLINE void queue_errors(const struct queue_set *sets, const struct range_kind *kind,
                         struct queue_turn *t)
{
    vf error[QUEUE_SETS], difference;

    UNROLL
    for (int g = 0; g < QUEUE_SETS; g++)
        error[g] = vf_all(0);
    for (int i = 0; i < kind->count; i++) {
        UNROLL
        for (int g = 0; g < QUEUE_SETS; g++) {
            const float *row = sets[g].row[i];

            difference =
                t->scale[g] * vf_load(row + ROWS_OTHER) + t->next[g] - vf_load(row + ROWS_NUMBER);
            error[g] = error[g] + vf_load(row + ROWS_WEIGHT) * (difference * difference);
        }
    }
    UNROLL
    for (int g = 0; g < QUEUE_SETS; g++)
        t->error[g] = error[g];
}

/* How many candidates after one of this spread have its levels. */
INLINE vf queue_same(const struct range_kind *kind, vf spread, vf span, vf ratio)
{
    const float less = (1 - 0x1p-18f) * (1 - LANES_INVERSE_ERROR);
    vm proven = vm_and(vf_less(vf_all(1e-30f), span), vf_less(span, vf_all(1e30f)));
    vf count = (spread * vf_all(less) / ratio - spread) * vf_all(1 / kind->steps.step);

    count = vf_min(count, vf_all((float)kind->steps.count));
    count = vf_from(vi_cut(vf_max(count, vf_all(0))));
    return vf_select(proven, count, vf_all(0));
}

/* What a set has found. */
INLINE void queue_keep(struct queue_set *set, const struct range_kind *kind, int g,
                       const struct queue_turn *t)
{
    vf step = vf_load(set->step), best = vf_load(set->best);
    vf same = queue_same(kind, t->spread[g], t->span[g], t->ratio[g]);
    vm wins = vm_and(t->wins[g], vf_less(t->error[g], best));

    wins = vm_or(vf_less(step, vf_all(0)), wins);
    vf_store(set->best, vf_select(wins, t->error[g], best));
    vf_store(set->scale, vf_select(wins, t->scale[g], vf_load(set->scale)));
    vf_store(set->factor, vf_select(wins, t->factor[g], vf_load(set->factor)));
    vf_store(set->from, vf_select(wins, t->low[g], vf_load(set->from)));
    vf_store(set->low, vf_select(wins, t->next[g], t->low[g]));
    vf_store(set->step, step + vf_all(1) + vf_select(wins, vf_all(0), same));
}

INLINE void queue_turn(struct queue_set *sets, const struct range_kind *kind)
{
    struct queue_turn t;
    vm middle;

    if (queue_factors(sets, kind, &t))
        queue_pass(sets, kind, true, &t);
    else
        queue_pass(sets, kind, false, &t);
    UNROLL
    for (int g = 0; g < QUEUE_SETS; g++) {
        middle = vf_less(vf_load(sets[g].step), vf_all(0));
        t.wins[g] = range_fit(vf_load(sets[g].sum_w), vf_load(sets[g].sum_x), t.l[g], t.l2[g],
                              t.xl[g], &t.scale[g], &t.next[g]);
        t.scale[g] = vf_select(middle, vf_load(sets[g].scale), t.scale[g]);
        t.next[g] = vf_select(middle, t.low[g], t.next[g]);
    }
    queue_errors(sets, kind, &t);
    UNROLL
    for (int g = 0; g < QUEUE_SETS; g++)
        queue_keep(&sets[g], kind, g, &t);
}

/* --- all ---------------------------------------------------------------------------------------
 */

/* Lanes that are done leave what they found and take other groups. Is one of the set at work? */
INLINE bool queue_leave(struct queue *queue, struct queue_set *set, const struct range_kind *kind,
                        struct range_found *found)
{
    vm busy = vf_at_most(vf_load(set->step), vf_all((float)kind->steps.count));
    int group;

    for (uint32_t done = vm_bits(vm_not(busy)); done; done &= done - 1) {
        int j = __builtin_ctz(done);

        group = set->group[j];
        if (group < 0)
            continue;
        found->scale[group] = set->scale[j];
        found->low[group] = set->low[j];
        found->factor[group] = set->factor[j];
        found->from[group] = set->from[j];
        queue_take(queue, set, j, kind, found);
    }
    return vm_any(vf_at_most(vf_load(set->step), vf_all((float)kind->steps.count)));
}

/* As range_search() of all groups of a batch. `weight` is as long as the batch's numbers. */
INLINE bool queue_search(const float *x, const float *weight, int groups,
                         const struct range_kind *kind, struct range_found *found)
{
    struct queue queue = {.x = x, .weight = weight};
    bool busy;

    for (int at = 0; at < groups; at += LANES)
        if (!queue_prepare(&queue, kind, at, groups, found))
            return false;
    for (int g = 0; g < QUEUE_SETS; g++)
        for (int j = 0; j < LANES; j++)
            queue_take(&queue, &queue.set[g], j, kind, found);
    for (;;) {
        busy = false;
        for (int g = 0; g < QUEUE_SETS; g++)
            if (queue_leave(&queue, &queue.set[g], kind, found))
                busy = true;
        if (!busy)
            break;
        queue_turn(queue.set, kind);
    }
    return true;
}

#endif

#endif
