/*
 * Q4_0, Q4_1, Q5_0, Q5_1 and Q8_0; built once for each instruction set. With importance a block is
 * in each lane, without it the weights of a block side by side.
 */
#include "quant/kernel/q0.h"

#include <math.h>
#include <string.h>

#include "quant/kernel/block.h"
#include "quant/kernel/fit.h"
#include "quant/kernel/lanes_range.h"
#include "quant/kernel/lanes_signed.h"
#include "quant/kernel/scalar.h"
#include "quant/kernel/set.h"

enum {
    VECTORS = BLOCK_SMALL / LANES, /* of a block */
};

/* Levels of a block, weight i in lane i % LANES of vector i / LANES. */
struct levels {
    vi level[VECTORS];
};

/* --- packing -----------------------------------------------------------------------------------
 */

/* The low four bits of the levels, and before them the fifth ones if there are such. Returns what
 * is behind them. */
INLINE uint8_t *pack(const struct levels *levels, bool fifth, uint8_t *to)
{
    uint8_t *nibbles = to + (fifth ? sizeof(uint32_t) : 0);
    uint32_t bits = lanes_pack(levels->level, nibbles);

    if (fifth)
        memcpy(to, &bits, sizeof(bits));
    return nibbles + BLOCK_SMALL / 2;
}

INLINE uint8_t *put_half(uint8_t *to, uint16_t half)
{
    memcpy(to, &half, sizeof(half));
    return to + sizeof(half);
}

/* --- without importance ------------------------------------------------------------------------
 */

/* A type, as constants. */
struct plain {
    bool range; /* levels from the least number on; else on both sides of zero */
    bool fifth; /* bits */
    float top;  /* the highest level */
};

/* Of LANES blocks: their scales, as they are stored, and what levels are made with. */
struct plain_scales {
    uint16_t d[LANES], m[LANES];
    _Alignas(64) float factor[LANES];
    float low[LANES];
};

/* The least and the largest number of LANES blocks, one a lane. */
INLINE void ends_of_blocks(const float *src, vf *least, vf *most)
{
    vf low[LANES / 4], high[LANES / 4], lows[4], highs[4];

    UNROLL
    for (int q = 0; q < LANES / 4; q++) {
        UNROLL
        for (int i = 0; i < 4; i++, src += BLOCK_SMALL) {
            lows[i] = highs[i] = vf_load(src);
            UNROLL
            for (int v = 1; v < VECTORS; v++) {
                lows[i] = vf_min(vf_load(src + LANES * v), lows[i]);
                highs[i] = vf_max(vf_load(src + LANES * v), highs[i]);
            }
        }
        low[q] = lanes_ends(lows, false);
        high[q] = lanes_ends(highs, true);
    }
    *least = lanes_join(low, false);
    *most = lanes_join(high, true);
}

/* As fit_extreme() of each block. */
INLINE vf extremes(const float *src, vf least, vf most)
{
    const vf below = vf_negate(least);
    uint32_t same = vm_bits(vf_equal(most, below));
    float extreme[LANES];
    int32_t bits;

    vf_store(extreme, vf_select(vf_less(most, below), least, most));
    for (; same; same &= same - 1) {
        int j = __builtin_ctz(same);

        bits = (int32_t)float_bits(fabsf(extreme[j]));
        extreme[j] = fit_extreme_of(BLOCK_SMALL, src + BLOCK_SMALL * j, bits, bits);
    }
    return vf_load(extreme);
}

/* As end_zeros() of q0.c, of each block. */
INLINE void end_zeros(const float *src, vf *least, vf *most)
{
    uint32_t zeros = vm_bits(vf_equal(*least, vf_all(0))), all;
    float low[LANES];

    if (!zeros)
        return;
    vf_store(low, *least);
    for (; zeros; zeros &= zeros - 1) {
        int j = __builtin_ctz(zeros);
        const float *x = src + BLOCK_SMALL * j;

        all = 0;
        UNROLL
        for (int v = 0; v < VECTORS; v++)
            all |= vm_bits(vf_equal(vf_load(x + LANES * v), vf_all(0))) << LANES * v;
        low[j] = x[__builtin_ctz(all)];
    }
    *least = vf_load(low);
    *most = vf_select(vf_equal(*most, *least), *least, *most);
}

INLINE void scales_of_blocks(const struct plain *type, const float *src, struct plain_scales *s)
{
    vf least, most, d, factor;

    ends_of_blocks(src, &least, &most);
    if (type->range) {
        end_zeros(src, &least, &most);
        d = (most - least) / vf_all(type->top);
        vf_store(s->low, least);
        vf_store_half(s->m, least);
    } else {
        d = extremes(src, least, most) / vf_all(-0.5f * (type->top + 1));
    }
    factor = vf_select(vf_equal(d, vf_all(0)), vf_all(0), vf_all(1) / d);
    vf_store(s->factor, factor);
    vf_store_half(s->d, d);
}

/*
 * Of a block. A scale whose inverse is not infinite is above 2^-128, where floats are so close that
 * the inverse is off by less than the share 2^-20. No number is beyond the end of which the scale
 * was made, so sums are above 0 and, in a range, below top + 1. Where the inverse is infinite sums
 * are infinite or NaN; so they are where the scale is, which is refused later. INT32_MIN is made of
 * those, and of that the level 0, as the low byte that the reference takes. (test_least_scales in
 * tests/kernels.c)
 */
INLINE void plain_levels(const struct plain *type, const float *x, const struct plain_scales *s,
                         int i, struct levels *levels)
{
    const vf factor = vf_all(s->factor[i]);
    vf sum;

    UNROLL
    for (int v = 0; v < VECTORS; v++) {
        sum = vf_load(x + LANES * v);
        if (type->range)
            sum = (sum - vf_all(s->low[i])) * factor + vf_all(0.5f);
        else
            sum = sum * factor + vf_all(0.5f * (type->top + 1) + 0.5f);
        levels->level[v] = vi_cut(sum);
        if (!type->range)
            levels->level[v] = vi_min(levels->level[v], vi_all((int)type->top));
    }
}

INLINE void plain_all(const struct plain *type, kernel_fn scalar, uint8_t *out, const float *src,
                      size_t left)
{
    const size_t weights = LANES * BLOCK_SMALL;
    struct plain_scales scales;
    struct levels levels;

    for (; left >= weights; left -= weights) {
        scales_of_blocks(type, src, &scales);
        for (int i = 0; i < LANES; i++, src += BLOCK_SMALL) {
            plain_levels(type, src, &scales, i, &levels);
            out = put_half(out, scales.d[i]);
            if (type->range)
                out = put_half(out, scales.m[i]);
            out = pack(&levels, type->fifth, out);
        }
    }
    scalar(out, src, 1, left, NULL);
}

/* The largest magnitude of LANES blocks, one a lane. */
INLINE vf most_of_blocks(const float *src)
{
    vf most[LANES / 4], magnitude[4];

    UNROLL
    for (int q = 0; q < LANES / 4; q++) {
        UNROLL
        for (int i = 0; i < 4; i++, src += BLOCK_SMALL) {
            magnitude[i] = vf_abs(vf_load(src));
            UNROLL
            for (int v = 1; v < VECTORS; v++)
                magnitude[i] = vf_max(vf_abs(vf_load(src + LANES * v)), magnitude[i]);
        }
        most[q] = lanes_ends(magnitude, true);
    }
    return lanes_join(most, true);
}

/* What is made of an infinite scale or inverse has the low byte 0, as in the reference. */
INLINE void blocks_q8_0(struct block_q8_0 *block, const float *src)
{
    _Alignas(64) float inverse[LANES];
    uint16_t halves[LANES];
    vf d = most_of_blocks(src) / vf_all(127), x;

    vf_store_half(halves, d);
    vf_store(inverse, vf_select(vf_equal(d, vf_all(0)), vf_all(0), vf_all(1) / d));
    for (int i = 0; i < LANES; i++, src += BLOCK_SMALL, block++) {
        memcpy(block->d, &halves[i], sizeof(halves[i]));
        UNROLL
        for (int v = 0; v < VECTORS; v++) {
            x = vf_load(src + LANES * v) * vf_all(inverse[i]);
            vi_store_bytes(block->qs + LANES * v, vi_round_away(x));
        }
    }
}

void SET(q8_0)(void *restrict dst, const float *restrict src, size_t rows, size_t row_len,
               const float *restrict importance)
{
    const size_t weights = LANES * BLOCK_SMALL;
    struct block_q8_0 *block = dst;
    size_t left = rows * row_len;

    (void)importance;
    for (; left >= weights; left -= weights, src += weights, block += LANES)
        blocks_q8_0(block, src);
    scalar_q8_0(block, src, 1, left, NULL);
}

/* --- with importance ---------------------------------------------------------------------------
 */

enum {
    GROUP = ROWS_SETS * LANES, /* blocks that are searched at once */
};

/* Blocks, also of several rows; behind the last one zeros. */
struct group {
    size_t count;
    const float *x;
    float mean[Q0_ROWS]; /* of the squares of the row that the last block is in, and others */
    float means[GROUP];
    _Alignas(64) float room[GROUP * BLOCK_SMALL];
    _Alignas(64) float importance[GROUP * BLOCK_SMALL];
};

/* Weights with importance, as a kernel is given them. */
struct matrix {
    const float *x;
    size_t rows, row_len;
    const float *importance;
};

/* Block `first` of the matrix and those that follow. */
static void group_start(struct group *group, const struct matrix *m, size_t first)
{
    const size_t columns = m->row_len / BLOCK_SMALL, blocks = m->rows * columns;
    size_t row = first / columns, at = first % columns * BLOCK_SMALL, weights;

    group->count = blocks - first < GROUP ? blocks - first : GROUP;
    group->x = m->x + first * BLOCK_SMALL;
    memset(group->means, 0, sizeof(group->means));
    for (size_t i = 0; i < group->count; i++) {
        if (at == 0 && row % Q0_ROWS == 0)
            q0_mean_squares(m->x + row * m->row_len,
                            m->rows - row < Q0_ROWS ? m->rows - row : Q0_ROWS, m->row_len,
                            group->mean);
        group->means[i] = group->mean[row % Q0_ROWS];
        memcpy(group->importance + BLOCK_SMALL * i, m->importance + at,
               BLOCK_SMALL * sizeof(float));
        at += BLOCK_SMALL;
        if (at == m->row_len) {
            at = 0;
            row++;
        }
    }
    if (group->count == GROUP)
        return;
    weights = group->count * BLOCK_SMALL;
    memcpy(group->room, group->x, weights * sizeof(float));
    memset(group->room + weights, 0, sizeof(group->room) - weights * sizeof(float));
    memset(group->importance + weights, 0, sizeof(group->room) - weights * sizeof(float));
    group->x = group->room;
}

/* Numbers and weights of the blocks from `first` on. */
INLINE void group_rows(const struct group *group, int sets, int first, struct rows *rows)
{
    vf mean, x, w;
    int block;

    for (int g = 0; g < sets; g++) {
        block = first + LANES * g;
        rows_load(rows, g, ROWS_NUMBER, group->x + BLOCK_SMALL * block, BLOCK_SMALL);
        rows_load(rows, g, ROWS_WEIGHT, group->importance + BLOCK_SMALL * block, BLOCK_SMALL);
        mean = vf_load(group->means + block);
        for (int i = 0; i < BLOCK_SMALL; i++) {
            x = vf_load(rows->row[i][g] + ROWS_NUMBER);
            w = vf_load(rows->row[i][g] + ROWS_WEIGHT);
            vf_store(rows->row[i][g] + ROWS_WEIGHT, w * vf_sqrt(mean + x * x));
        }
    }
}

INLINE void signed_group(const struct group *group, float limit, struct signed_found *found)
{
    struct rows rows;

    if ((int)group->count > (ROWS_SETS - 1) * LANES) {
        group_rows(group, ROWS_SETS, 0, &rows);
        signed_search(&rows, BLOCK_SMALL, limit, ROWS_SETS, found, 0);
        return;
    }
    for (int i = 0; i < (int)group->count; i += LANES) {
        group_rows(group, 1, i, &rows);
        signed_search(&rows, BLOCK_SMALL, limit, 1, found, i);
    }
}

INLINE bool range_group(const struct group *group, float top, struct range_found *found)
{
    const struct range_kind kind = {BLOCK_SMALL, FIT_SQUARE, top, q0_steps};
    struct rows rows;
    bool inside = true;

    if ((int)group->count > (ROWS_SETS - 1) * LANES) {
        group_rows(group, ROWS_SETS, 0, &rows);
        return range_search(&rows, &kind, ROWS_SETS, found, 0);
    }
    for (int i = 0; inside && i < (int)group->count; i += LANES) {
        group_rows(group, 1, i, &rows);
        inside = range_search(&rows, &kind, 1, found, i);
    }
    return inside;
}

/* The levels of the search: none but 0 where there is no factor. */
INLINE void signed_levels(const float *x, float factor, float limit, struct levels *levels)
{
    vi level, shift = vi_all(factor != 0 ? (int)limit : 0);

    UNROLL
    for (int v = 0; v < VECTORS; v++) {
        level = vi_nearest(vf_all(factor) * vf_load(x + LANES * v));
        levels->level[v] = vi_add(vi_clamp(level, (int)-limit, (int)limit - 1), shift);
    }
}

INLINE void range_levels(const float *x, float factor, float from, float top, struct levels *levels)
{
    vf value;

    UNROLL
    for (int v = 0; v < VECTORS; v++) {
        value = vf_all(factor) * (vf_load(x + LANES * v) - vf_all(from));
        levels->level[v] = vi_nearest(range_level(value, top));
    }
}

/* --- the kernels -------------------------------------------------------------------------------
 */

/* Q4_0, or Q5_0, which has fifth bits: d, levels. */
INLINE void signed_blocks(uint8_t *out, float limit, bool fifth, const struct matrix *m)
{
    const size_t blocks = m->rows * m->row_len / BLOCK_SMALL;
    struct signed_found found;
    struct levels levels;
    struct group group;

    for (size_t first = 0; first < blocks; first += GROUP) {
        group_start(&group, m, first);
        signed_group(&group, limit, &found);
        for (size_t i = 0; i < group.count; i++) {
            half_put(out, found.scale[i]);
            signed_levels(group.x + BLOCK_SMALL * i, found.factor[i], limit, &levels);
            out = pack(&levels, fifth, out + 2);
        }
    }
}

/* Q4_1, or Q5_1, which has fifth bits: d, m, levels. False: a lane was beyond what is proven. */
INLINE bool range_blocks(uint8_t *out, float top, bool fifth, const struct matrix *m)
{
    const size_t blocks = m->rows * m->row_len / BLOCK_SMALL;
    struct range_found found;
    struct levels levels;
    struct group group;

    for (size_t first = 0; first < blocks; first += GROUP) {
        group_start(&group, m, first);
        if (!range_group(&group, top, &found))
            return false;
        for (size_t i = 0; i < group.count; i++) {
            half_put(out, found.scale[i]);
            half_put(out + 2, found.low[i]);
            range_levels(group.x + BLOCK_SMALL * i, found.factor[i], found.from[i], top, &levels);
            out = pack(&levels, fifth, out + 4);
        }
    }
    return true;
}

void SET(q4_0)(void *restrict dst, const float *restrict src, size_t rows, size_t row_len,
               const float *restrict importance)
{
    static const struct plain type = {.top = 15};

    if (importance)
        signed_blocks(dst, 8, false, &(struct matrix){src, rows, row_len, importance});
    else
        plain_all(&type, scalar_q4_0, dst, src, rows * row_len);
}

void SET(q5_0)(void *restrict dst, const float *restrict src, size_t rows, size_t row_len,
               const float *restrict importance)
{
    static const struct plain type = {.fifth = true, .top = 31};

    if (importance)
        signed_blocks(dst, 16, true, &(struct matrix){src, rows, row_len, importance});
    else
        plain_all(&type, scalar_q5_0, dst, src, rows * row_len);
}

/* Where a lane was beyond what is proven all is done anew, since the scalar kernel wants whole rows
 * with importance. */
void SET(q4_1)(void *restrict dst, const float *restrict src, size_t rows, size_t row_len,
               const float *restrict importance)
{
    static const struct plain type = {.range = true, .top = 15};

    if (!importance)
        plain_all(&type, scalar_q4_1, dst, src, rows * row_len);
    else if (!range_blocks(dst, 15, false, &(struct matrix){src, rows, row_len, importance}))
        scalar_q4_1(dst, src, rows, row_len, importance);
}

void SET(q5_1)(void *restrict dst, const float *restrict src, size_t rows, size_t row_len,
               const float *restrict importance)
{
    static const struct plain type = {.range = true, .fifth = true, .top = 31};

    if (!importance)
        plain_all(&type, scalar_q5_1, dst, src, rows * row_len);
    else if (!range_blocks(dst, 31, true, &(struct matrix){src, rows, row_len, importance}))
        scalar_q5_1(dst, src, rows, row_len, importance);
}
