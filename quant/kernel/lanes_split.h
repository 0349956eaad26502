#ifndef QUANT_KERNEL_LANES_SPLIT_H
#define QUANT_KERNEL_LANES_SPLIT_H

#include "quant/kernel/iq1.h"
#include "quant/kernel/lanes.h"

/*
 * What the searches of iq1.c do with a sub-block, with one in each lane: numbers are sorted, split
 * in two places of their order, and become levels.
 */
#ifdef LANES

enum {
    SPLIT_MAX = IQ1_S_SUB, /* numbers of a sub-block */
};

/* One behind the other what each lane has at a place. */
struct split_sub {
    _Alignas(64) float x[SPLIT_MAX][LANES], w[SPLIT_MAX][LANES];
    /* In ascending order: integers that are ordered as the numbers are, and where those stand. One
     * more that is above all others. */
    int32_t key[SPLIT_MAX + 1][LANES], place[SPLIT_MAX + 1][LANES];
};

/* The best split of each lane. */
struct split_best {
    vf best, scale; /* as in iq1.c */
    vi where;       /* first << 16 | second << 8 | shift */
};

INLINE void split_load(struct split_sub *sub, int count, const float *x, const float *weight)
{
    lanes_transpose(x, (size_t)count, count, sub->x[0], LANES);
    lanes_transpose(weight, (size_t)count, count, sub->w[0], LANES);
}

/* Between the bits of a float and an integer that is ordered as floats are. Its own inverse. */
INLINE vi split_flip(vi bits)
{
    return vi_select(vi_less(bits, vi_all(0)), vi_xor(bits, vi_all(INT32_MAX)), bits);
}

INLINE vi split_key(vf x)
{
    return split_flip(vi_bits(x + vf_all(0))); /* 0 and -0 are equal */
}

/* Equal numbers stay in their order. */
INLINE vm split_before(vi key, vi place, vi other_key, vi other_place)
{
    return vm_or(vi_less(key, other_key),
                 vm_and(vi_equal(key, other_key), vi_less(place, other_place)));
}

INLINE void split_exchange(struct split_sub *sub, int a, int b)
{
    vi key = vi_load(sub->key[a]), place = vi_load(sub->place[a]);
    vi other_key = vi_load(sub->key[b]), other_place = vi_load(sub->place[b]);
    vm wrong = split_before(other_key, other_place, key, place);

    vi_store(sub->key[a], vi_min(key, other_key));
    vi_store(sub->key[b], vi_max(key, other_key));
    vi_store(sub->place[a], vi_select(wrong, other_place, place));
    vi_store(sub->place[b], vi_select(wrong, place, other_place));
}

/* Batcher's network of merges, `count` a power of two. */
INLINE void split_sort(struct split_sub *sub, int count)
{
    for (int i = 0; i < count; i++) {
        vi_store(sub->key[i], split_key(vf_load(sub->x[i])));
        vi_store(sub->place[i], vi_all(i));
    }
    vi_store(sub->key[count], vi_all(INT32_MAX));
    vi_store(sub->place[count], vi_all(count));
    for (int run = 1; run < count; run *= 2)
        for (int apart = run; apart > 0; apart /= 2)
            for (int first = apart % run; first + apart < count; first += 2 * apart)
                for (int a = first; a < first + apart && a + apart < count; a++)
                    if (a / (2 * run) == (a + apart) / (2 * run))
                        split_exchange(sub, a, a + apart);
}

/* The number at a place of the order, and its weight. */
INLINE vf split_weight(const struct split_sub *sub, int at, vf *x)
{
    *x = vi_floats(split_flip(vi_load(sub->key[at])));
    return vf_gather(sub->w[0],
                     vi_add(vi_shift_left(vi_load(sub->place[at]), LANES_BITS), vi_places()));
}

/*
 * Lanes for which splits are proven to be the same as those of iq1.c. Weights and their products
 * with numbers are nothing or of [2^-116, 2^30], so all sums of them are multiples of 2^-139, and
 * may be divided by up to 2^10 where that is easier.
 */
INLINE vm split_bounds(const struct split_sub *sub, int count)
{
    const vf zero = vf_all(0), least = vf_all(0x1p-116f), most = vf_all(0x1p30f);
    vm inside = vf_equal(zero, zero);
    vf w, product;

    for (int i = 0; i < count; i++) {
        w = vf_load(sub->w[i]);
        product = vf_abs(w * vf_load(sub->x[i]));
        inside = vm_and(inside, vm_and(vf_at_most(w, most), vf_at_most(product, most)));
        inside = vm_and(inside, vm_or(vf_equal(w, zero), vf_at_most(least, w)));
        inside = vm_and(inside, vm_or(vf_equal(product, zero), vf_at_most(least, product)));
    }
    return inside;
}

INLINE vm split_wins(const struct split_best *best, vf vx, vf v2)
{
    return vf_less(best->best * v2, vx * vx);
}

INLINE void split_take(struct split_best *best, vm wins, vf vx, vf v2, int where)
{
    if (!vm_any(wins))
        return;
    best->scale = vf_select(wins, vx / v2, best->scale);
    best->best = vf_select(wins, best->scale * vx, best->best);
    best->where = vi_select(wins, vi_all(where), best->where);
}

/* Of some splits the best one, near enough. */
struct split_probe {
    vf square, v2;
};

INLINE void split_compare(struct split_probe *probe, vf vx, vf v2)
{
    vm better = vf_less(probe->square * v2, vx * vx * probe->v2);

    probe->square = vf_select(better, vx * vx, probe->square);
    probe->v2 = vf_select(better, v2, probe->v2);
}

/*
 * A search may begin with a bound instead of -FLT_MAX: a little less than what some split among
 * all, the probe, is worth. Splits that are worth less win at first in iq1.c, but then the probe
 * or one that is worth about as much wins over them, here too, and from there on both are the same.
 *
 * What a split is worth is the quotient vx^2 / v2 of its sums. It wins if that is more than 2^-21
 * above the best one, and loses if it is as much below, roundings included. As long as no split
 * above the bound has won in both searches, one between may win in one of them only; each such
 * raises that one's best by no more than 2^-20 of it over the bound or what was best, all 1122 of
 * them by less than 2^-9. So the probe, which is 2^-8 above the bound, wins in both, unless what
 * did so before has made them the same. (test_sets, test_mixed in tests/kernels.c)
 *
 * All that is compared is normal floats: v2 is no less than 1/64 of the sum of weights, and no more
 * than 5/4 of it, but for rounding. That is also why it need not be compared with 0. Lanes for
 * which this does not hold are left out.
 */
INLINE vm split_start(const struct split_probe *probe, vf sum_w, struct split_best *best)
{
    vf bound = probe->square / probe->v2 * vf_all(1 - 0x1p-8f);

    *best = (struct split_best){bound, vf_all(0), vi_all(0)};
    return vm_and(
        vf_at_most(vf_all(0x1p-112f), bound * sum_w),
        vm_and(vf_at_most(vf_all(0x1p-100f), bound), vf_at_most(bound, vf_all(0x1p100f))));
}

/* Levels of eight numbers from the one at `from` on: their key in the code book, and the code of
 * the point that they would be. */
struct split_levels {
    vi first_key, first_place, second_key, second_place; /* what begins with the next level */
    vm negative;                                         /* levels are turned around */
};

INLINE struct split_levels split_levels(const struct split_sub *sub, const struct split_best *best)
{
    vi first = vi_shift_right(best->where, 16);
    vi second = vi_and(vi_shift_right(best->where, 8), vi_all(255));
    struct split_levels levels;

    first = vi_add(vi_shift_left(first, LANES_BITS), vi_places());
    second = vi_add(vi_shift_left(second, LANES_BITS), vi_places());
    levels.first_key = vi_gather(sub->key[0], first);
    levels.first_place = vi_gather(sub->place[0], first);
    levels.second_key = vi_gather(sub->key[0], second);
    levels.second_place = vi_gather(sub->place[0], second);
    levels.negative = vf_less(best->scale, vf_all(0));
    return levels;
}

INLINE void split_point(const struct split_sub *sub, const struct split_levels *levels, int from,
                        vi *grid_key, vi *code)
{
    vi level, key;
    vm below_first, below_second;

    *grid_key = *code = vi_all(0);
    for (int i = from + IQ1_POINT - 1; i >= from; i--) {
        key = split_key(vf_load(sub->x[i]));
        below_first = split_before(key, vi_all(i), levels->first_key, levels->first_place);
        below_second = split_before(key, vi_all(i), levels->second_key, levels->second_place);
        level = vi_count(vi_count(vi_all(0), vm_not(below_first)), vm_not(below_second));
        level = vi_select(levels->negative, vi_add(vi_xor(level, vi_all(-1)), vi_all(3)), level);
        *grid_key = vi_add(vi_add(*grid_key, vi_add(*grid_key, *grid_key)), level);
        *code = vi_or(vi_shift_left(*code, 2), level);
    }
}

#endif

#endif
