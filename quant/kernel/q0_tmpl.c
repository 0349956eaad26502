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
    uint32_t bits = 0;

    UNROLL
    for (int v = 0; v < VECTORS; v++)
        bits |= fifth ? vi_test(levels->level[v], 16) << LANES * v : 0;
    if (fifth) {
        memcpy(to, &bits, sizeof(bits));
        to += sizeof(bits);
    }
    UNROLL
    for (int v = 0; v < VECTORS / 2; v++)
        vi_store_bytes(to + LANES * v, vi_or(vi_and(levels->level[v], vi_all(15)),
                                             vi_shift_left(levels->level[v + VECTORS / 2], 4)));
    return to + BLOCK_SMALL / 2;
}

/* --- without importance ------------------------------------------------------------------------
 */

/* As fit_extreme(). */
INLINE float extreme(const float *x)
{
    vi above = vi_all(0), below = vi_all(0), bits;

    UNROLL
    for (int v = 0; v < VECTORS; v++) {
        bits = vi_bits(vf_load(x + LANES * v));
        above = vi_max(above, bits);
        below = vi_max(below, vi_xor(bits, vi_all(INT32_MIN)));
    }
    return fit_extreme_of(BLOCK_SMALL, x, vi_largest(above), vi_largest(below));
}

/*
 * The reference cuts the sum to 32 bits and takes the low byte, of which `top` is the most. Where
 * the inverse is finite the sum is of [0, 2 * limit + 1); else it is infinite or NaN, which
 * becomes INT32_MIN, and its low byte 0.
 */
INLINE float signed_block(const float *x, float limit, struct levels *levels)
{
    float d = extreme(x) / -limit, inverse = d != 0 ? 1 / d : 0;
    vf sum;

    UNROLL
    for (int v = 0; v < VECTORS; v++) {
        sum = vf_load(x + LANES * v) * vf_all(inverse) + vf_all(limit + 0.5f);
        levels->level[v] = vi_min(vi_and(vi_cut(sum), vi_all(255)), vi_all((int)(2 * limit) - 1));
    }
    return d;
}

/* As range_levels() of q0.c. */
INLINE float range_block(const float *x, float top, struct levels *levels, float *low)
{
    vf least = vf_load(x), most = least, sum;
    float high, d, inverse;

    UNROLL
    for (int v = 1; v < VECTORS; v++) {
        least = vf_min(vf_load(x + LANES * v), least);
        most = vf_max(vf_load(x + LANES * v), most);
    }
    *low = vf_least(least);
    high = vf_largest(most);
    q0_end_zeros(x, low, &high);
    d = (high - *low) / top;
    inverse = d != 0 ? 1 / d : 0;
    UNROLL
    for (int v = 0; v < VECTORS; v++) {
        sum = (vf_load(x + LANES * v) - vf_all(*low)) * vf_all(inverse) + vf_all(0.5f);
        sum = vf_select(vf_less(sum, vf_all(top + 1)), sum, vf_all(0));
        levels->level[v] = vi_cut(sum);
    }
    return d;
}

/* Of LANES blocks the bits of the largest magnitude, one a lane: among magnitudes the order of bits
 * is that of numbers, and NaN is the largest. */
INLINE vi most_of_blocks(const float *src)
{
    _Alignas(64) float most[LANES][LANES], turned[LANES][LANES];
    vi all;

    for (int i = 0; i < LANES; i++, src += BLOCK_SMALL) {
        all = vi_all(0);
        UNROLL
        for (int v = 0; v < VECTORS; v++)
            all = vi_max(all, vi_bits(vf_abs(vf_load(src + LANES * v))));
        vf_store(most[i], vi_floats(all));
    }
    lanes_transpose(most[0], LANES, LANES, turned[0], LANES);
    all = vi_all(0);
    for (int i = 0; i < LANES; i++)
        all = vi_max(all, vi_bits(vf_load(turned[i])));
    return all;
}

/* LANES blocks. False: one has no number for a scale, and nothing was made. */
INLINE bool blocks_q8_0(struct block_q8_0 *block, const float *src)
{
    _Alignas(64) float inverse[LANES];
    uint16_t halves[LANES];
    vf d = vi_floats(most_of_blocks(src)) / vf_all(127), x;

    if (vm_any(vm_not(vf_equal(d, d))))
        return false;
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
    return true;
}

void SET(q8_0)(void *restrict dst, const float *restrict src, size_t rows, size_t row_len,
               const float *restrict importance)
{
    const size_t weights = LANES * BLOCK_SMALL;
    struct block_q8_0 *block = dst;
    size_t left = rows * row_len;

    (void)importance;
    for (; left >= weights; left -= weights, src += weights, block += LANES)
        if (!blocks_q8_0(block, src))
            scalar_q8_0(block, src, 1, weights, NULL);
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
        levels->level[v] = vi_nearest(range_level(value, top, BOUND_LOW | BOUND_HIGH));
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

    for (size_t i = 0; i < blocks && !m->importance; i++) {
        half_put(out, signed_block(m->x + BLOCK_SMALL * i, limit, &levels));
        out = pack(&levels, fifth, out + 2);
    }
    for (size_t first = 0; first < blocks && m->importance; first += GROUP) {
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
    float low;

    for (size_t i = 0; i < blocks && !m->importance; i++) {
        half_put(out, range_block(m->x + BLOCK_SMALL * i, top, &levels, &low));
        half_put(out + 2, low);
        out = pack(&levels, fifth, out + 4);
    }
    for (size_t first = 0; first < blocks && m->importance; first += GROUP) {
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
    signed_blocks(dst, 8, false, &(struct matrix){src, rows, row_len, importance});
}

void SET(q5_0)(void *restrict dst, const float *restrict src, size_t rows, size_t row_len,
               const float *restrict importance)
{
    signed_blocks(dst, 16, true, &(struct matrix){src, rows, row_len, importance});
}

/* Where a lane was beyond what is proven all is done anew, since the scalar kernel wants whole rows
 * with importance. */
void SET(q4_1)(void *restrict dst, const float *restrict src, size_t rows, size_t row_len,
               const float *restrict importance)
{
    if (!range_blocks(dst, 15, false, &(struct matrix){src, rows, row_len, importance}))
        scalar_q4_1(dst, src, rows, row_len, importance);
}

void SET(q5_1)(void *restrict dst, const float *restrict src, size_t rows, size_t row_len,
               const float *restrict importance)
{
    if (!range_blocks(dst, 31, true, &(struct matrix){src, rows, row_len, importance}))
        scalar_q5_1(dst, src, rows, row_len, importance);
}
