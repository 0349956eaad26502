#ifndef QUANT_KERNEL_LANES_GRID_H
#define QUANT_KERNEL_LANES_GRID_H

#include <float.h>
#include <string.h>

#include "quant/kernel/grid.h"
#include "quant/kernel/lanes.h"

/*
 * Searches for the nearest point of a code book (grid.h) with candidates for a scale in the lanes.
 * From one candidate to the next a string of digits seldom changes, and candidates with the same
 * string have the same neighbours, so those are looked at together.
 *
 * The distance to a point is a sum with one term for each digit, which takes few values: terms of
 * all values are made first. They are the numbers that the scalar kernels add up, in their order.
 */
#ifdef LANES

enum {
    GRID_STREAM = GRID_ROW * GRID_LONGEST, /* a list for each candidate */
};

/* Up to so many times what factors are made of numbers may be large: their products with factors
 * are below 2^23 then. (test_far in tests/kernels-grid.c) */
#define GRID_NEAR 0x1p18f

#define GRID_ZERO 0x4bc00000 /* the bits of 0x1.8p24 */

/*
 * A level is (factor * x - 1) / 2 rounded to an integer, ties to even, of 0 to `top`: factor * x -
 * 1 rounded to an even integer, those that are no multiples of four giving way. 1.5 * 2^24 moves it
 * to where floats are 2 apart; as an integer the sum is then GRID_ZERO plus the level, and can be
 * bounded at once. That is what it returns. (test_ties in tests/kernels-grid.c) `far`, unless NULL,
 * becomes the most that a number has been rounded by; those differences are exact.
 */
INLINE vi grid_level(vf factor, vf x, int32_t top, vf *far)
{
    const vf exact = factor * x - vf_all(1), shifted = exact + vf_all(0x1.8p24f);

    if (far)
        *far = vf_max(vf_abs(exact - (shifted - vf_all(0x1.8p24f))), *far);
    return vi_clamp(vi_bits(shifted), GRID_ZERO, GRID_ZERO + top);
}

/* What `near` is for grid_key(), by the number that candidates' factors are made of. */
INLINE vf grid_near(float most)
{
    return vf_all(most > 1e-30f && most < 1e30f ? 1 - 0x1p-16f : -1);
}

/*
 * By which the list of a string is found: its key, or, if a needless point may be the nearest, the
 * key behind all `keys`. `far`: the most that one of the digits has been rounded by, out of 1;
 * `near`: how far is near enough.
 *
 * Needless points (grid.h) are as far away as those that make them so, or farther, also as floats,
 * unless a number lies all but in the middle of two digits' values: let the string's digit be l,
 * and p > q >= l those of the points. Values, scale * (2 l + 1), grow with the digit. For a number
 * x up to that of q both differences keep their order, and so do their squares with weights. Else x
 * is not above the middle of the values of l and l + 1, so not above that of p and q; that is
 * certain of the floats, too, if factor * x - 1, which is less than 2 * 7 + 1 then and off by a few
 * roundings, is less than 2 l + 1 - 2^-16. Below the string's digit it is the same. Then terms and
 * sums of the needless point are no smaller; what makes it needless is nearer and so stands before
 * it in the list. That is said of scales that are neither tiny nor huge. (test_needless and
 * test_needless_refit in tests/kernels-grid.c)
 */
INLINE vi grid_key(vi key, vf far, vf near, int32_t keys)
{
    return vi_select(vf_at_most(far, near), key, vi_add(key, vi_all(keys)));
}

/* `near` and `far` where levels for a scale are made by vi_nearest() of (1 / scale * x - 1) / 2:
 * numbers that do not fit it are as far as can be. */
INLINE vf grid_near_each(vf scale)
{
    const vm proven = vm_and(vf_less(vf_all(1e-30f), scale), vf_less(scale, vf_all(1e30f)));

    return vf_select(proven, vf_all(1 - 0x1p-16f), vf_all(-1));
}

INLINE vf grid_far_each(vf half)
{
    const vm fits = vf_less(vf_abs(half), vf_all(0x1p21f));

    return vf_select(fits, vf_all(2) * vf_abs(half - vf_rint(half)), vf_all(1));
}

/* A bit for each candidate at which a run of equal keys begins, or a vector. */
INLINE uint32_t grid_runs(const int32_t *key, int vectors)
{
    vi now;
    uint32_t same = 0;

    UNROLL
    for (int v = 0; v < vectors; v++) {
        now = vi_load(key + LANES * v);
        same |= vm_bits(vi_equal(now, vi_after(-1, now))) << LANES * v;
    }
    return ~same & (uint32_t)((UINT64_C(1) << LANES * vectors) - 1);
}

/*
 * Lists of a few points, one behind the other: to leave a short loop costs more than to go through
 * it. For each point that is to be compared: for which candidates it is. Points for the first LANES
 * candidates come first, and so on.
 */
struct grid_stream {
    _Alignas(64) float others[GRID_ROW * LANES]; /* of each run: NaN in all other lanes, else 0 */
    size_t end[GRID_ROW / LANES];
    uint16_t point[GRID_STREAM + GRID_SHORT];
    uint16_t run[GRID_STREAM + GRID_SHORT]; /* where in `others` */
};

/* The lists of all runs. Returns which terms they need. */
INLINE uint32_t grid_stream(const struct grid *grid, const int32_t *key, int vectors,
                            struct grid_stream *stream)
{
    uint32_t runs = grid_runs(key, vectors), terms = 0;
    size_t at = 0, run = 0, first, count;
    const uint16_t *near;
    vm own;

    for (; runs; runs &= runs - 1, run += LANES, at += count) {
        first = (size_t)__builtin_ctz(runs);
        near = grid->near + grid->list[key[first]];
        count = *near++;
        terms |= grid->terms[key[first]];
        own = vi_equal(vi_load(key + first / LANES * LANES), vi_all(key[first]));
        vf_store(stream->others + run, vi_floats(vi_select(own, vi_all(0), vi_all(-1))));
        stream->end[first / LANES] = at + count;
        for (size_t i = 0; i == 0 || i < count; i += GRID_SHORT) {
            memcpy(stream->point + at + i, near + i, GRID_SHORT * sizeof(*near));
            for (size_t j = 0; j < GRID_SHORT; j++)
                stream->run[at + i + j] = (uint16_t)run;
        }
    }
    return terms;
}

/* For each candidate the code of the point with the smallest distance, of several the first.
 * Distances are below FLT_MAX. */
INLINE void grid_compare(const struct grid *grid, const struct grid_stream *stream, int digits,
                         const float *term, int vectors, int32_t *code)
{
    const uint16_t *at;
    size_t n = 0;
    vf best, sum;
    vi found;
    vm less;

    for (int v = 0; v < vectors; v++, term += LANES) {
        best = vf_all(FLT_MAX);
        found = vi_all(0);
        for (const size_t end = stream->end[v]; n < end; n++) {
            at = grid->term + (size_t)digits * stream->point[n];
            sum = vf_load(term + at[0]);
            UNROLL
            for (int i = 1; i < digits; i++)
                sum = sum + vf_load(term + at[i]);
            sum = vi_floats(vi_or(vi_bits(sum), vi_bits(vf_load(stream->others + stream->run[n]))));
            less = vf_less(sum, best);
            best = vf_min(sum, best);
            found = vi_select(less, vi_all(grid->code[stream->point[n]]), found);
        }
        vi_store(code + LANES * v, found);
    }
}

/* --- the best candidate ------------------------------------------------------------------------
 */

/*
 * Which candidates may be left if each in turn takes the place of the one before it where
 * vx^2 > best * v2, best = vx / v2 * vx of that: a bit for each. Those that are much worse than the
 * best of all cannot: rounding makes less than 2^-21 of a quotient, and if no candidate is between
 * 2^-21 and 2^-19 below the best, then all that are nearer to it are better than all others,
 * whatever the order; the first of them takes the place of any other, and no other takes theirs.
 * That is said of numbers that neither overflow nor become subnormal; of others all may be left.
 * (test_choice in tests/kernels.c)
 */
INLINE uint32_t grid_best(const float *vx, const float *v2, int vectors)
{
    vf gain[GRID_ROW / LANES], most = vf_all(0), x, weight;
    uint32_t near = 0, nearer = 0;
    vm proper = vf_equal(most, most);
    float top;

    UNROLL
    for (int v = 0; v < vectors; v++) {
        x = vf_load(vx + LANES * v);
        weight = vf_load(v2 + LANES * v);
        proper = vm_and(proper, vm_and(vf_at_most(vf_abs(x), vf_all(1e18f)),
                                       vm_and(vf_at_most(vf_all(1e-10f), weight),
                                              vf_at_most(weight, vf_all(1e15f)))));
        gain[v] = x / weight * x;
        most = vf_max(gain[v], most);
    }
    top = vf_largest(most);
    if (vm_any(vm_not(proper)) || !(top >= 1e-20f && top <= 1e20f))
        return UINT32_MAX;
    UNROLL
    for (int v = 0; v < vectors; v++) {
        near |= vm_bits(vf_at_most(vf_all(top * (1 - 0x1p-19f)), gain[v])) << LANES * v;
        nearer |= vm_bits(vf_at_most(vf_all(top * (1 - 0x1p-21f)), gain[v])) << LANES * v;
    }
    return near == nearer ? near : UINT32_MAX;
}

/* The candidate that is left; -1 if none is better than the scale 0. */
INLINE int grid_choose(const float *vx, const float *v2, int tries, int vectors, float *scale)
{
    uint32_t left = grid_best(vx, v2, vectors) & (uint32_t)((UINT64_C(1) << tries) - 1);
    int winner = -1, t;
    float best = 0;

    for (; left; left &= left - 1) {
        t = __builtin_ctz(left);
        if (v2[t] > 0 && vx[t] * vx[t] > best * v2[t]) {
            *scale = vx[t] / v2[t];
            best = *scale * vx[t];
            winner = t;
        }
    }
    return winner;
}

/* Without a stream, for long lists: for each lane the code of the point with the smallest distance,
 * of several the first; -1 if none is below FLT_MAX. */
INLINE vi grid_nearest(const struct grid *grid, const uint16_t *near, int digits, const float *term)
{
    vf best = vf_all(FLT_MAX), sum;
    vi found = vi_all(-1);
    const uint16_t *at;
    vm less;

    for (const uint16_t *end = near + *near; near < end;) {
        at = grid->term + (size_t)digits * *++near;
        sum = vf_load(term + at[0]);
        UNROLL
        for (int i = 1; i < digits; i++)
            sum = sum + vf_load(term + at[i]);
        less = vf_less(sum, best);
        best = vf_min(sum, best);
        found = vi_select(less, vi_all(grid->code[*near]), found);
    }
    return found;
}

/* The codes for all candidates. Returns a bit for each whose key is a point. */
INLINE uint32_t grid_settle(const struct grid *grid, const int32_t *key, int keys, int digits,
                            const float *term, int vectors, int32_t *code)
{
    uint32_t runs = grid_runs(key, vectors), points = 0;
    size_t first, at;
    vi found;
    vm own;

    for (; runs; runs &= runs - 1) {
        first = (size_t)__builtin_ctz(runs);
        at = first / LANES * LANES;
        found = grid_nearest(grid, grid->near + grid->list[key[first]], digits, term + at);
        own = vi_equal(vi_load(key + at), vi_all(key[first]));
        vi_store(code + at, vi_select(own, found, vi_load(code + at)));
        if (grid->place[key[first] < keys ? key[first] : key[first] - keys] >= 0)
            points |= vm_bits(own) << at;
    }
    return points;
}

/* The first of the smallest distances, which lanes have at places `where` + their number. */
INLINE int32_t grid_first(vf best, vi where, vi found)
{
    const float least = vf_least(best);
    uint32_t lanes = vm_bits(vf_equal(best, vf_all(least)));
    int32_t place[LANES], code[LANES];
    int first, lane;

    if (!(least < FLT_MAX))
        return -1;
    vi_store(place, where);
    vi_store(code, found);
    first = __builtin_ctz(lanes);
    for (; lanes; lanes &= lanes - 1) {
        lane = __builtin_ctz(lanes);
        if (place[lane] < place[first])
            first = lane;
    }
    return code[first];
}

/* A single search, with a point of the list in each lane. */
INLINE int32_t grid_nearest_one(const struct grid *grid, const uint16_t *near, int digits,
                                unsigned bits, const struct eight *value, const float *x,
                                const float *root, float scale)
{
    static const int32_t numbers[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    const int32_t count = *near++;
    vi found = vi_all(-1), where = vi_all(0), code;
    vf best = vf_all(FLT_MAX), difference, term, sum;
    vm less;

    for (int32_t n = 0; n < count; n += LANES) {
        code = vi_gather(grid->code, vi_load_short(near + n));
        UNROLL
        for (int i = 0; i < digits; i++) {
            difference =
                vf_all(scale) * eight_pick(value, vi_shift_right(code, bits * (unsigned)i)) -
                vf_all(x[i]);
            term = vf_all(root[i]) * difference * difference;
            if (i == 0)
                sum = term;
            else
                sum = sum + term;
        }
        less = vm_and(vi_less(vi_load(numbers), vi_all(count - n)), vf_less(sum, best));
        best = vf_select(less, sum, best);
        found = vi_select(less, code, found);
        where = vi_select(less, vi_all(n), where);
    }
    return grid_first(best, where, found);
}

/*
 * A search of its own in each lane of `live`, whose keys have these lists. The
 * terms are made as they are needed. `value`: what each digit is worth.
 */
INLINE vi grid_nearest_each(const struct grid *grid, vi list, vm live, int digits, unsigned bits,
                            const struct eight *value, const vf *x, const vf *root, vf scale)
{
    const vi count = vi_select(live, vi_gather_short(grid->near, list), vi_all(0));
    vf best = vf_all(FLT_MAX), difference, term, sum;
    vi found = vi_all(-1), code;
    vm more, less;

    for (int n = 1, most = vi_largest(count); n <= most; n++) {
        more = vi_less(vi_all(n - 1), count);
        code = vi_gather_short(grid->near, vi_select(more, vi_add(list, vi_all(n)), vi_all(1)));
        code = vi_gather(grid->code, code);
        UNROLL
        for (int i = 0; i < digits; i++) {
            difference = scale * eight_pick(value, vi_shift_right(code, bits * (unsigned)i)) - x[i];
            term = root[i] * difference * difference;
            if (i == 0)
                sum = term;
            else
                sum = sum + term;
        }
        less = vm_and(more, vf_less(sum, best));
        best = vf_select(less, sum, best);
        found = vi_select(less, code, found);
    }
    return found;
}

#endif

#endif
