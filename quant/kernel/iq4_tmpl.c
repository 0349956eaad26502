/* IQ4_NL and IQ4_XS with a sub-block in each lane; built once for each instruction set. */
#include "quant/kernel/iq4.h"

#include <float.h>

#include "quant/kernel/lanes_batch.h"
#include "quant/kernel/set.h"
#include "quant/kernel/values.h"

/* --- the nearest value -------------------------------------------------------------------------
 */

/*
 * A number has level l if l of the middles between two values are not above it, which is how iq4.c
 * has it (a middle itself goes up). They are found in four steps, of which each looks at the middle
 * of those that are left; a table holds the middles of one step.
 */
struct nearest {
    float first;
    struct eight second, third, fourth;
    struct sixteen value;         /* of each level */
    struct sixteen below, middle; /* the value below it, and the middle to that */
};

/* Of level 0 no number lies below. */
static void nearest_init(struct nearest *nearest)
{
    float value[IQ4_VALUES], below[IQ4_VALUES], middle[IQ4_VALUES], step[3][8] = {{0}};

    for (int i = 0; i < IQ4_VALUES; i++) {
        value[i] = values_iq4[i];
        below[i] = values_iq4[i ? i - 1 : 0];
        middle[i] = i ? (value[i] + below[i]) / 2 : -FLT_MAX;
    }
    for (int i = 0; i < 8; i++) {
        step[0][i / 4] = middle[i / 4 * 8 + 4];
        step[1][i / 2] = middle[i / 2 * 4 + 2];
        step[2][i] = middle[i * 2 + 1];
    }
    nearest->first = middle[8];
    nearest->second = eight_load(step[0]);
    nearest->third = eight_load(step[1]);
    nearest->fourth = eight_load(step[2]);
    nearest->value = sixteen_load(value);
    nearest->below = sixteen_load(below);
    nearest->middle = sixteen_load(middle);
}

/* The level of any number but NaN. */
INLINE vi nearest_level(const struct nearest *nearest, vf number)
{
    vi level = vi_count(vi_all(0), vf_at_most(vf_all(nearest->first), number));

    level = vi_count(vi_add(level, level), vf_at_most(eight_pick(&nearest->second, level), number));
    level = vi_count(vi_add(level, level), vf_at_most(eight_pick(&nearest->third, level), number));
    return vi_count(vi_add(level, level), vf_at_most(eight_pick(&nearest->fourth, level), number));
}

/* The levels of 32 weights for a scale. A quotient that is NaN has the last one. */
INLINE void put_levels(const struct nearest *nearest, const float *x, float scale, uint8_t *qs)
{
    const float inverse = scale != 0 ? 1 / scale : 0;
    vi level[IQ4_SUB / LANES];

    UNROLL
    for (int v = 0; v < IQ4_SUB / LANES; v++)
        level[v] = nearest_level(
            nearest, vf_min(vf_all(inverse) * vf_load(x + LANES * v), vf_all(IQ4_LARGEST)));
    UNROLL
    for (int v = 0; v < IQ4_SUB / LANES / 2; v++)
        vi_store_bytes(qs + LANES * v,
                       vi_or(level[v], vi_shift_left(level[v + IQ4_SUB / LANES / 2], 4)));
}

/* --- the search for a scale --------------------------------------------------------------------
 */

/*
 * The candidates but the first have factors that are all close to one another, 120 to 134 by the
 * largest number; rounding is monotonous, so the quotients of a number lie between those of the
 * first and the last such candidate. Each middle is more than 134 / 120 times the next one (101 to
 * 79, 115.5 to 93.5), so at most one of them lies there, and a number has two values at most. They
 * and the middle are found once, and what each of them adds to the sums, by the operations of
 * iq4.c. (The weights called "middles" in tests/kernel-case.c)
 */
enum {
    ROW_X = 0,
    ROW_MIDDLE = LANES,
    ROW_VX = 2 * LANES, /* the weight until prepare() */
    ROW_VX_OTHER = 3 * LANES,
    ROW_V2 = 4 * LANES,
    ROW_V2_OTHER = 5 * LANES,
    ROW = 6 * LANES,
    AT_ONCE = REGISTERS >= 32 ? 5 : 3, /* candidates whose sums fit into the registers */
};

_Static_assert((IQ4_TRIES - 1) % AT_ONCE == 0, "no candidate is left over");

/* LANES sub-blocks. */
struct subs {
    _Alignas(64) float row[IQ4_SUB][ROW];
};

struct best {
    vf scale, product;
};

/* The first of the largest magnitude. Returns the lanes in which iq4.c searches. */
INLINE vm extreme(const struct subs *subs, vf *most)
{
    vf size = vf_all(0), x;

    *most = vf_all(0);
    for (int i = 0; i < IQ4_SUB; i++) {
        x = vf_load(subs->row[i] + ROW_X);
        *most = vf_select(vf_less(size, vf_abs(x)), x, *most);
        size = vf_max(vf_abs(x), size);
    }
    return vm_and(vf_at_most(vf_all(FIT_EPSILON), size), vf_at_most(size, vf_all(FLT_MAX)));
}

/* Sums of the candidate of the opposite sign, and what those of the others are made of. */
INLINE void prepare(const struct nearest *nearest, struct subs *subs, vf most, vf *vx, vf *v2)
{
    const vf opposite = vf_all(1) / (most / vf_all(127));
    const vf first = vf_all(-127 - IQ4_STEPS) / most, last = vf_all(-127 + IQ4_STEPS) / most;
    vf x, weight, value, other, low, high;
    vi level;

    *vx = *v2 = vf_all(0);
    for (int i = 0; i < IQ4_SUB; i++) {
        x = vf_load(subs->row[i] + ROW_X);
        weight = vf_load(subs->row[i] + ROW_VX);
        value = sixteen_pick(&nearest->value, nearest_level(nearest, opposite * x));
        *vx = *vx + weight * value * x;
        *v2 = *v2 + weight * value * value;
        level = nearest_level(nearest, vf_max(first * x, last * x));
        value = sixteen_pick(&nearest->below, level);
        other = sixteen_pick(&nearest->value, level);
        low = weight * value;
        high = weight * other;
        vf_store(subs->row[i] + ROW_MIDDLE, sixteen_pick(&nearest->middle, level));
        vf_store(subs->row[i] + ROW_VX, low * x);
        vf_store(subs->row[i] + ROW_VX_OTHER, vf_other(low * x, high * x));
        vf_store(subs->row[i] + ROW_V2, low * value);
        vf_store(subs->row[i] + ROW_V2_OTHER, vf_other(low * value, high * other));
    }
}

/* Sums of AT_ONCE candidates. */
INLINE void try_some(const struct subs *subs, const vf *factor, vf *vx, vf *v2)
{
    vf x, middle, low_vx, low_v2, other_vx, other_v2;
    vm above;

    UNROLL
    for (int c = 0; c < AT_ONCE; c++)
        vx[c] = v2[c] = vf_all(0);
    for (int i = 0; i < IQ4_SUB; i++) {
        x = vf_load(subs->row[i] + ROW_X);
        middle = vf_load(subs->row[i] + ROW_MIDDLE);
        low_vx = vf_load(subs->row[i] + ROW_VX);
        other_vx = vf_load(subs->row[i] + ROW_VX_OTHER);
        low_v2 = vf_load(subs->row[i] + ROW_V2);
        other_v2 = vf_load(subs->row[i] + ROW_V2_OTHER);
        UNROLL
        for (int c = 0; c < AT_ONCE; c++) {
            above = vf_at_most(middle, factor[c] * x);
            vx[c] = vx[c] + vf_either(above, low_vx, other_vx);
            v2[c] = v2[c] + vf_either(above, low_v2, other_v2);
        }
    }
}

INLINE void take(struct best *best, vf vx, vf v2)
{
    vm wins = vm_and(vf_less(vf_all(0), v2), vf_less(best->product * v2, vx * vx));

    if (!vm_any(wins))
        return;
    best->scale = vf_select(wins, vx / v2, best->scale);
    best->product = vf_select(wins, best->scale * vx, best->product);
}

/* As fit_scale() of iq4.c, in each lane; rows hold numbers and weights. */
INLINE void fit_scales(const struct nearest *nearest, struct subs *subs, float scale[LANES])
{
    vf factor[AT_ONCE], vx[AT_ONCE], v2[AT_ONCE], most;
    vm live = extreme(subs, &most);
    struct best best;

    prepare(nearest, subs, most, &vx[0], &v2[0]);
    best.scale = vf_select(vf_less(vf_all(0), v2[0]), vx[0] / v2[0], vf_all(0));
    best.product = best.scale * vx[0];
    for (int first = -127 - IQ4_STEPS; first <= -127 + IQ4_STEPS; first += AT_ONCE) {
        UNROLL
        for (int c = 0; c < AT_ONCE; c++)
            factor[c] = vf_all((float)(first + c)) / most;
        try_some(subs, factor, vx, v2);
        UNROLL
        for (int c = 0; c < AT_ONCE; c++)
            take(&best, vx[c], v2[c]);
    }
    vf_store(scale, vf_select(live, best.scale, vf_all(0)));
}

/* Weights of the search where there is no importance. */
INLINE void plain_weights(struct subs *subs)
{
    vf x;

    for (int i = 0; i < IQ4_SUB; i++) {
        x = vf_load(subs->row[i] + ROW_X);
        vf_store(subs->row[i] + ROW_VX, x * x);
    }
}

/* And of the importance that stands in their place. */
INLINE void weigh(struct subs *subs, vf mean_square)
{
    vf x, importance;

    for (int i = 0; i < IQ4_SUB; i++) {
        x = vf_load(subs->row[i] + ROW_X);
        importance = vf_load(subs->row[i] + ROW_VX);
        vf_store(subs->row[i] + ROW_VX, importance * vf_sqrt(mean_square + x * x));
    }
}

INLINE void subs_load(struct subs *subs, int what, const float *from)
{
    lanes_transpose(from, IQ4_SUB, IQ4_SUB, subs->row[0] + what, ROW);
}

/* --- IQ4_NL ------------------------------------------------------------------------------------
 */

enum {
    GROUP_WEIGHTS = LANES * IQ4_SUB,
};

INLINE vf mean_square(const struct subs *subs)
{
    vf sum = vf_all(0), x;

    for (int i = 0; i < IQ4_SUB; i++) {
        x = vf_load(subs->row[i] + ROW_X);
        sum = sum + x * x;
    }
    return sum * vf_all(2 / (float)IQ4_SUB);
}

/* Importance of the blocks at place `at` of a row, which go on in the next one. */
INLINE const float *group_importance(const float *importance, size_t at, size_t row_len,
                                     float room[GROUP_WEIGHTS])
{
    if (at + GROUP_WEIGHTS <= row_len)
        return importance + at;
    for (int i = 0; i < GROUP_WEIGHTS; i += IQ4_SUB, at += IQ4_SUB)
        memcpy(room + i, importance + at % row_len, IQ4_SUB * sizeof(float));
    return room;
}

void SET(iq4_nl)(void *restrict dst, const float *restrict src, size_t rows, size_t row_len,
                 const float *restrict importance)
{
    size_t blocks = rows * row_len / IQ4_SUB, count;
    float scale[LANES], room[GROUP_WEIGHTS], more[GROUP_WEIGHTS];
    struct block_iq4_nl *block = dst;
    struct nearest nearest;
    struct subs subs;
    const float *x;

    nearest_init(&nearest);
    for (size_t first = 0; first < blocks; first += count, block += count) {
        count = blocks - first < LANES ? blocks - first : LANES;
        x = src + IQ4_SUB * first;
        if (count < LANES) { /* zeros behind */
            memset(room, 0, sizeof(room));
            x = memcpy(room, x, count * IQ4_SUB * sizeof(float));
        }
        subs_load(&subs, ROW_X, x);
        if (importance) {
            subs_load(&subs, ROW_VX,
                      group_importance(importance, IQ4_SUB * first % row_len, row_len, more));
            weigh(&subs, mean_square(&subs));
        } else {
            plain_weights(&subs);
        }
        fit_scales(&nearest, &subs, scale);
        for (size_t i = 0; i < count; i++) {
            half_put(block[i].d, scale[i]);
            put_levels(&nearest, x + IQ4_SUB * i, scale[i], block[i].qs);
        }
    }
}

/* --- IQ4_XS ------------------------------------------------------------------------------------
 */

/* Of all sub-blocks of a batch. */
INLINE void fit_batch(const struct nearest *nearest, const struct batch *batch, float *scale)
{
    float squares[BATCH_BLOCKS], mean[LANES];
    struct subs subs;

    if (batch->importance)
        batch_squares(batch, squares);
    for (int sub = 0; sub < (int)batch->count * IQ4_SUBS; sub += LANES) {
        subs_load(&subs, ROW_X, batch->x + IQ4_SUB * sub);
        if (batch->importance) {
            subs_load(&subs, ROW_VX, batch->importance + IQ4_SUB * sub);
            for (int i = 0; i < LANES; i++)
                mean[i] = squares[(sub + i) / IQ4_SUBS] * (2 / (float)BLOCK_SUPER);
            weigh(&subs, vf_load(mean));
        } else {
            plain_weights(&subs);
        }
        fit_scales(nearest, &subs, scale + sub);
    }
}

void SET(iq4_xs)(void *restrict dst, const float *restrict src, size_t rows, size_t row_len,
                 const float *restrict importance)
{
    size_t blocks = rows * row_len / BLOCK_SUPER, count;
    float scale[BATCH_BLOCKS * IQ4_SUBS], kept[IQ4_SUBS];
    struct block_iq4_xs *block = dst;
    struct nearest nearest;
    struct batch batch;
    const float *x;

    nearest_init(&nearest);
    for (size_t first = 0; first < blocks; first += count, block += count) {
        count = batch_start(&batch, src, first, blocks, row_len, importance);
        fit_batch(&nearest, &batch, scale);
        x = batch.x;
        for (size_t i = 0; i < count; i++) {
            iq4_put_scales(scale + IQ4_SUBS * i, &block[i], kept);
            for (int j = 0; j < IQ4_SUBS; j++, x += IQ4_SUB)
                put_levels(&nearest, x, kept[j], block[i].qs + IQ4_SUB / 2 * j);
        }
    }
}
