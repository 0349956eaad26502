/* IQ1_S and IQ1_M with a sub-block in each lane; built once for each instruction set. */
#include "quant/kernel/iq1.h"

#include <float.h>

#include "quant/kernel/four.h"
#include "quant/kernel/lanes_batch.h"
#include "quant/kernel/lanes_split.h"
#include "quant/kernel/set.h"

/* --- points ------------------------------------------------------------------------------------
 */

/* The square errors of eight weights with each level, weighted; the last of four means nothing. */
INLINE void make_terms(const float *x, const float *weight, float scale, const float *value,
                       float term[IQ1_POINT][FOUR])
{
    const four worth = scale * (four){value[0], value[1], value[2], 0};
    four difference, error;

    for (int i = 0; i < IQ1_POINT; i++) {
        difference = worth - x[i];
        error = weight[i] * difference * difference;
        memcpy(term[i], &error, sizeof(error));
    }
}

/*
 * As find_point() of iq1.c, with a neighbour in each lane: the same terms, added in the same order.
 * Each lane has its first neighbour of the least error, so of those that are as good as any the one
 * that comes first is the first of all. Returns its code as in grid.h, or -1.
 */
INLINE int32_t nearest_point(const uint16_t *near, const float *x, const float *weight, float scale,
                             const float *value)
{
    _Alignas(16) float term[IQ1_POINT][FOUR];
    const int count = *near++;
    vf best = vf_all(FLT_MAX), sum, table[IQ1_POINT];
    vi at = vi_places(), found = vi_all(0), code = vi_all(-1), now;
    float least;
    vm less;

    make_terms(x, weight, scale, value, term);
    UNROLL
    for (int i = 0; i < IQ1_POINT; i++)
        table[i] = four_load_all(term[i]);
    for (int n = 0; n < count; n += LANES, at = vi_add(at, vi_all(LANES))) {
        now = vi_gather(grid_iq1.code, vi_load_short(near + n));
        sum = four_pick(table[0], now);
        UNROLL
        for (int i = 1; i < IQ1_POINT; i++)
            sum = sum + four_pick(table[i], vi_shift_right(now, 2 * (unsigned)i));
        less = vm_and(vf_less(sum, best), vi_less(at, vi_all(count)));
        best = vf_select(less, sum, best);
        found = vi_select(less, at, found);
        code = vi_select(less, now, code);
    }
    least = vf_least(best);
    found = vi_select(vf_equal(best, vf_all(least)), vi_xor(found, vi_all(-1)), vi_all(INT32_MIN));
    code = vi_select(vi_equal(found, vi_all(vi_largest(found))), code, vi_all(INT32_MIN));
    return vi_largest(code);
}

/* What lanes have found. */
struct found {
    float scale[LANES];
    int32_t shift[LANES];
    int32_t key[IQ1_S_POINTS][LANES], code[IQ1_S_POINTS][LANES];
    bool moved[LANES]; /* has other levels than those of its split */
};

/* Lists of neighbours lie far apart: they are on their way while others are searched. Behind the
 * last of them grid.h has more than is fetched here. */
INLINE void fetch_lists(int count, const struct found *found)
{
    enum { MOST = 96, LINE = 32 }; /* of a list, most often; numbers of a line of a cache */
    int32_t place;

    for (int i = 0; i < LANES; i++)
        for (int k = 0; k < count; k++) {
            place = grid_iq1.place[found->key[k][i]];
            for (int n = 0; n < MOST && place < 0; n += LINE)
                __builtin_prefetch(grid_iq1.near + ~place + n);
        }
}

/* Points for the levels of one lane. False where the reference library stops. */
INLINE bool find_points(int count, int lane, const float *x, const float *weight,
                        const float *const *value, struct found *found)
{
    int32_t place;

    for (int k = 0; k < count; k++) {
        place = grid_iq1.place[found->key[k][lane]];
        if (place >= 0) {
            found->code[k][lane] |= place << 16;
            continue;
        }
        found->moved[lane] = true;
        found->code[k][lane] = nearest_point(grid_iq1.near + ~place, x + IQ1_POINT * k,
                                             weight + IQ1_POINT * k, found->scale[lane], value[k]);
        if (found->code[k][lane] < 0)
            return false;
    }
    return true;
}

/* The scale anew where a lane's levels have moved. `shift`: of each point -1 or 1 eighth. */
INLINE void fit_moved(const struct split_sub *sub, int count, const vf *offset, struct found *found)
{
    vf vx = vf_all(0), v2 = vf_all(0), scale = vf_load(found->scale), w, x, v;
    float fitted[LANES];

    for (int k = 0; k < count; k++) {
        vi code = vi_load(found->code[k]);

        for (int i = IQ1_POINT * k; i < IQ1_POINT * (k + 1); i++, code = vi_shift_right(code, 2)) {
            x = vf_load(sub->x[i]);
            w = vf_load(sub->w[i]);
            v = vf_from(vi_and(code, vi_all(3))) + offset[k];
            vx = vx + w * v * x;
            v2 = v2 + w * v * v;
        }
    }
    scale = vf_select(vm_and(vf_less(vf_all(0), vx), vf_less(vf_all(0), v2)), vx / v2, scale);
    vf_store(fitted, scale);
    for (int i = 0; i < LANES; i++)
        found->scale[i] = found->moved[i] ? fitted[i] : found->scale[i];
}

/* --- IQ1_S -------------------------------------------------------------------------------------
 */

enum {
    S_PROBE = 4, /* every fourth place is probed */
};

/* Sums up to each place of the order, and what is above it at its level. Those of the middle are
 * multiplied by its value beforehand, which is a power of two. */
struct s_sums {
    _Alignas(64) float x[IQ1_S_SUB + 1][LANES], w[IQ1_S_SUB + 1][LANES];
    struct {
        float x[LANES], w[LANES], above_vx[IQ1_SHIFTS][LANES], above_v2[IQ1_SHIFTS][LANES];
    } at[IQ1_S_SUB + 1];
};

/* What does not change with the second place. */
struct s_first {
    vf x, w, below_vx[IQ1_SHIFTS], below_v2[IQ1_SHIFTS];
};

INLINE void s_sum(const struct split_sub *sub, struct s_sums *sums)
{
    vf sum_x = vf_all(0), sum_w = vf_all(0), all_x, all_w, x, w;

    for (int j = 0; j <= IQ1_S_SUB; j++) {
        vf_store(sums->x[j], sum_x);
        vf_store(sums->w[j], sum_w);
        vf_store(sums->at[j].x, sum_x * vf_all(0.125f));
        vf_store(sums->at[j].w, sum_w * vf_all(0.125f * 0.125f));
        if (j == IQ1_S_SUB)
            break;
        w = split_weight(sub, j, &x);
        sum_x = sum_x + w * x;
        sum_w = sum_w + w;
    }
    all_x = sum_x;
    all_w = sum_w;
    for (int j = 0; j <= IQ1_S_SUB; j++) {
        x = all_x - vf_load(sums->x[j]);
        w = all_w - vf_load(sums->w[j]);
        for (int s = 0; s < IQ1_SHIFTS; s++) {
            const vf value = vf_all(iq1_values[s][2]);

            vf_store(sums->at[j].above_vx[s], x * value);
            vf_store(sums->at[j].above_v2[s], w * value * value);
        }
    }
}

INLINE struct s_first s_first(const struct s_sums *sums, int first)
{
    struct s_first f = {.x = vf_load(sums->at[first].x), .w = vf_load(sums->at[first].w)};

    for (int s = 0; s < IQ1_SHIFTS; s++) {
        const vf value = vf_all(iq1_values[s][0]);

        f.below_vx[s] = vf_load(sums->x[first]) * value;
        f.below_v2[s] = vf_load(sums->w[first]) * value * value;
    }
    return f;
}

/* The sums of a split with both shifts; the middle's values are opposites. */
INLINE void s_split(const struct s_sums *sums, const struct s_first *f, int second, vf *vx, vf *v2)
{
    const vf x = vf_load(sums->at[second].x) - f->x, w = vf_load(sums->at[second].w) - f->w;

    vx[IQ1_UP] = f->below_vx[IQ1_UP] + x + vf_load(sums->at[second].above_vx[IQ1_UP]);
    vx[IQ1_DOWN] = f->below_vx[IQ1_DOWN] - x + vf_load(sums->at[second].above_vx[IQ1_DOWN]);
    v2[IQ1_UP] = f->below_v2[IQ1_UP] + w + vf_load(sums->at[second].above_v2[IQ1_UP]);
    v2[IQ1_DOWN] = f->below_v2[IQ1_DOWN] + w + vf_load(sums->at[second].above_v2[IQ1_DOWN]);
}

/* Returns the lanes whose best split is that of iq1.c. */
INLINE vm s_search(const struct s_sums *sums, struct split_best *best)
{
    struct split_probe probe = {vf_all(0), vf_all(1)};
    vf vx[IQ1_SHIFTS], v2[IQ1_SHIFTS];
    struct s_first f;
    vm wins, proven;

    for (int first = 0; first <= IQ1_S_SUB; first += S_PROBE) {
        f = s_first(sums, first);
        for (int second = first; second <= IQ1_S_SUB; second += S_PROBE) {
            s_split(sums, &f, second, vx, v2);
            split_compare(&probe, vx[IQ1_UP], v2[IQ1_UP]);
            split_compare(&probe, vx[IQ1_DOWN], v2[IQ1_DOWN]);
        }
    }
    proven = split_start(&probe, vf_load(sums->w[IQ1_S_SUB]), best);
    for (int first = 0; first <= IQ1_S_SUB; first++) {
        f = s_first(sums, first);
        for (int second = first; second <= IQ1_S_SUB; second++) {
            const int where = first << 16 | second << 8;

            s_split(sums, &f, second, vx, v2);
            wins = split_wins(best, vx[IQ1_UP], v2[IQ1_UP]);
            if (!vm_any(vm_or(wins, split_wins(best, vx[IQ1_DOWN], v2[IQ1_DOWN]))))
                continue;
            split_take(best, wins, vx[IQ1_UP], v2[IQ1_UP], where | IQ1_UP);
            wins = split_wins(best, vx[IQ1_DOWN], v2[IQ1_DOWN]);
            split_take(best, wins, vx[IQ1_DOWN], v2[IQ1_DOWN], where | IQ1_DOWN);
        }
    }
    return proven;
}

/* --- IQ1_M -------------------------------------------------------------------------------------
 */

enum {
    M_PROBE = 3,
};

/* Of the weights of either half. */
struct m_sums {
    _Alignas(64) float w[IQ1_M_POINTS][IQ1_M_SUB + 1][LANES];
    struct {
        float x[IQ1_M_POINTS][LANES];
        float v2[IQ1_M_POINTS][IQ1_SHIFTS][LANES]; /* what those below lose */
    } at[IQ1_M_SUB + 1];
};

struct m_first {
    vf x[IQ1_M_POINTS], top[IQ1_M_POINTS][IQ1_SHIFTS], v2[IQ1_M_POINTS][IQ1_SHIFTS];
};

INLINE void m_sum(const struct split_sub *sub, struct m_sums *sums)
{
    vf sum_x[IQ1_M_POINTS], sum_w[IQ1_M_POINTS], x, w;
    vm low;

    for (int half = 0; half < IQ1_M_POINTS; half++)
        sum_x[half] = sum_w[half] = vf_all(0);
    for (int j = 0; j <= IQ1_M_SUB; j++) {
        for (int half = 0; half < IQ1_M_POINTS; half++) {
            vf_store(sums->w[half][j], sum_w[half]);
            vf_store(sums->at[j].x[half], sum_x[half]);
            for (int s = 0; s < IQ1_SHIFTS; s++) {
                const float *value = iq1_values[s];

                vf_store(sums->at[j].v2[half][s],
                         sum_w[half] * vf_all(value[1] * value[1] - value[2] * value[2]));
            }
        }
        if (j == IQ1_M_SUB)
            break;
        w = split_weight(sub, j, &x);
        x = w * x;
        /* Nothing is added to the other half's. */
        low = vi_less(vi_load(sub->place[j]), vi_all(IQ1_POINT));
        sum_x[0] = vf_select(low, sum_x[0] + x, sum_x[0]);
        sum_w[0] = vf_select(low, sum_w[0] + w, sum_w[0]);
        sum_x[1] = vf_select(low, sum_x[1], sum_x[1] + x);
        sum_w[1] = vf_select(low, sum_w[1], sum_w[1] + w);
    }
}

INLINE struct m_first m_first(const struct m_sums *sums, int first)
{
    struct m_first f;

    for (int half = 0; half < IQ1_M_POINTS; half++) {
        const vf all_w = vf_load(sums->w[half][IQ1_M_SUB]), w = vf_load(sums->w[half][first]);

        f.x[half] = vf_load(sums->at[first].x[half]);
        for (int s = 0; s < IQ1_SHIFTS; s++) {
            const float *value = iq1_values[s];

            f.top[half][s] = vf_load(sums->at[IQ1_M_SUB].x[half]) * vf_all(value[2]);
            f.v2[half][s] = w * vf_all(value[0] * value[0] - value[1] * value[1]) +
                            all_w * vf_all(value[2]) * vf_all(value[2]);
        }
    }
    return f;
}

INLINE void m_split(const struct m_sums *sums, const struct m_first *f, int second, vf *vx, vf *v2)
{
    vf half_vx[IQ1_M_POINTS][IQ1_SHIFTS], half_v2[IQ1_M_POINTS][IQ1_SHIFTS], x;

    UNROLL
    for (int half = 0; half < IQ1_M_POINTS; half++) {
        x = vf_load(sums->at[second].x[half]) + f->x[half];
        UNROLL
        for (int s = 0; s < IQ1_SHIFTS; s++) {
            half_vx[half][s] = f->top[half][s] - x;
            half_v2[half][s] = vf_load(sums->at[second].v2[half][s]) + f->v2[half][s];
        }
    }
    UNROLL
    for (int s = 0; s < IQ1_M_SHIFTS; s++) {
        vx[s] = half_vx[0][iq1_half_shift(s, 0)] + half_vx[1][iq1_half_shift(s, 1)];
        v2[s] = half_v2[0][iq1_half_shift(s, 0)] + half_v2[1][iq1_half_shift(s, 1)];
    }
}

INLINE vm m_search(const struct m_sums *sums, struct split_best *best)
{
    struct split_probe probe = {vf_all(0), vf_all(1)};
    vf vx[IQ1_M_SHIFTS], v2[IQ1_M_SHIFTS];
    struct m_first f;
    vm proven, wins;

    for (int first = 0; first <= IQ1_M_SUB; first += M_PROBE) {
        f = m_first(sums, first);
        for (int second = first; second <= IQ1_M_SUB; second += M_PROBE) {
            m_split(sums, &f, second, vx, v2);
            UNROLL
            for (int s = 0; s < IQ1_M_SHIFTS; s++)
                split_compare(&probe, vx[s], v2[s]);
        }
    }
    proven =
        split_start(&probe, vf_load(sums->w[0][IQ1_M_SUB]) + vf_load(sums->w[1][IQ1_M_SUB]), best);
    for (int first = 0; first <= IQ1_M_SUB; first++) {
        f = m_first(sums, first);
        for (int second = first; second <= IQ1_M_SUB; second++) {
            m_split(sums, &f, second, vx, v2);
            wins = vm_or(vm_or(split_wins(best, vx[0], v2[0]), split_wins(best, vx[1], v2[1])),
                         vm_or(split_wins(best, vx[2], v2[2]), split_wins(best, vx[3], v2[3])));
            if (!vm_any(wins))
                continue;
            UNROLL
            for (int s = 0; s < IQ1_M_SHIFTS; s++)
                split_take(best, split_wins(best, vx[s], v2[s]), vx[s], v2[s],
                           first << 16 | second << 8 | s);
        }
    }
    return proven;
}

/* --- batches -----------------------------------------------------------------------------------
 */

/* Of all weights of a batch, as iq_weights() makes them. */
static void batch_iq_weights(const struct batch *batch, float *weight)
{
    float means[BATCH_BLOCKS];
    vf x;

    if (batch->importance)
        batch_means(batch, 2, means);
    for (int i = 0; i < BATCH_WEIGHTS; i += LANES) {
        x = vf_load(batch->x + i);
        if (batch->importance)
            x = vf_load(batch->importance + i) * vf_sqrt(vf_all(means[i / BLOCK_SUPER]) + x * x);
        else
            x = x * x;
        vf_store(weight + i, x);
    }
}

INLINE vf largest(const struct split_sub *sub, int count)
{
    vf most = vf_all(0);

    for (int i = 0; i < count; i++)
        most = vf_max(vf_abs(vf_load(sub->x[i])), most);
    return most;
}

/* What a type asks for. */
struct shape {
    int sub, points; /* of a sub-block: weights, points */
    int last_shift;
    float epsilon;
    bool (*find)(const float *x, const float *weight, struct iq1_part *part);
};

static const struct shape shape_s = {IQ1_S_SUB, IQ1_S_POINTS, IQ1_DOWN, IQ1_S_EPSILON, iq1_s_find};
static const struct shape shape_m = {IQ1_M_SUB, IQ1_M_POINTS, IQ1_M_SHIFTS - 1, IQ1_M_EPSILON,
                                     iq1_m_find};

INLINE enum iq1_shift point_shift(const struct shape *shape, int shift, int k)
{
    return shape == &shape_s ? (enum iq1_shift)shift : iq1_half_shift(shift, k);
}

/* The search of LANES sub-blocks, up to the levels. Returns the lanes that are as in iq1.c. */
INLINE vm search(const struct shape *shape, const struct split_sub *sub, struct found *found)
{
    struct split_levels levels;
    struct split_best best;
    union {
        struct s_sums s;
        struct m_sums m;
    } sums;
    vi shift, key, code;
    vm proven;

    if (shape == &shape_s) {
        s_sum(sub, &sums.s);
        proven = s_search(&sums.s, &best);
    } else {
        m_sum(sub, &sums.m);
        proven = m_search(&sums.m, &best);
    }
    levels = split_levels(sub, &best);
    for (int k = 0; k < shape->points; k++) {
        split_point(sub, &levels, IQ1_POINT * k, &key, &code);
        vi_store(found->key[k], key);
        vi_store(found->code[k], code);
    }
    /* A negative scale turns levels and shifts around; the last shift is opposite to the first. */
    shift = vi_and(best.where, vi_all(shape->last_shift));
    shift = vi_select(levels.negative, vi_xor(shift, vi_all(shape->last_shift)), shift);
    vi_store(found->shift, shift);
    vf_store(found->scale, vf_abs(best.scale));
    return vm_and(proven, split_bounds(sub, shape->sub));
}

/* Of LANES sub-blocks. A bit of the result: the reference library stops there. */
INLINE uint32_t find_lanes(const struct shape *shape, const float *x, const float *weight,
                           struct iq1_part *part)
{
    const float *value[IQ1_S_POINTS] = {0};
    float offset[IQ1_S_POINTS][LANES];
    vf offsets[IQ1_S_POINTS];
    struct split_sub sub;
    struct found found;
    uint32_t live, proven, stopped = 0;

    split_load(&sub, shape->sub, x, weight);
    live = vm_bits(vm_not(vf_less(largest(&sub, shape->sub), vf_all(shape->epsilon))));
    memset(part, 0, LANES * sizeof(*part));
    if (!live)
        return 0;
    split_sort(&sub, shape->sub);
    proven = vm_bits(search(shape, &sub, &found)) & live;
    fetch_lists(shape->points, &found);
    memset(found.moved, 0, sizeof(found.moved));
    for (int i = 0; i < LANES; i++) {
        for (int k = 0; k < shape->points; k++) {
            value[k] = iq1_values[point_shift(shape, found.shift[i], k)];
            offset[k][i] = value[k][0];
        }
        if ((proven >> i & 1) != 0 && !find_points(shape->points, i, x + shape->sub * i,
                                                   weight + shape->sub * i, value, &found))
            stopped |= 1u << i;
    }
    for (int k = 0; k < shape->points; k++)
        offsets[k] = vf_load(offset[k]);
    fit_moved(&sub, shape->points, offsets, &found);
    for (int i = 0; i < LANES; i++) {
        if ((proven >> i & 1) == 0) {
            if ((live >> i & 1) != 0 &&
                !shape->find(x + shape->sub * i, weight + shape->sub * i, &part[i]))
                stopped |= 1u << i;
            continue;
        }
        part[i].scale = found.scale[i];
        part[i].shift = found.shift[i];
        for (int k = 0; k < shape->points; k++)
            part[i].point[k] = found.code[k][i] >> 16;
    }
    return stopped;
}

/* Of a batch. A bit of the result: the block cannot be made. */
INLINE uint32_t find_batch(const struct shape *shape, const struct batch *batch,
                           const float *weight, struct iq1_part *part)
{
    const int subs = BLOCK_SUPER / shape->sub;
    uint32_t stopped, refused = 0;

    for (int j = 0; j < (int)batch->count * subs; j += LANES) {
        stopped = find_lanes(shape, batch->x + shape->sub * j, weight + shape->sub * j, part + j);
        for (int i = 0; stopped; i++, stopped >>= 1)
            refused |= (stopped & 1) << (j + i) / subs;
    }
    return refused;
}

/* --- the kernels -------------------------------------------------------------------------------
 */

void SET(iq1_s)(void *restrict dst, const float *restrict src, size_t rows, size_t row_len,
                const float *restrict importance)
{
    size_t blocks = rows * row_len / BLOCK_SUPER, count;
    _Alignas(64) float weight[BATCH_WEIGHTS];
    struct iq1_part part[BATCH_BLOCKS * IQ1_S_SUBS];
    struct block_iq1_s *block = dst;
    struct batch batch;
    uint32_t refused;

    for (size_t first = 0; first < blocks; first += count, block += count) {
        count = batch_start(&batch, src, first, blocks, row_len, importance);
        refused = UINT32_MAX;
        if (importance) {
            batch_iq_weights(&batch, weight);
            refused = find_batch(&shape_s, &batch, weight, part);
        }
        for (size_t i = 0; i < count; i++) {
            if ((refused >> i & 1) != 0)
                iq1_s_refuse(&block[i]);
            else
                iq1_s_put(part + IQ1_S_SUBS * i, &block[i]);
        }
    }
}

void SET(iq1_m)(void *restrict dst, const float *restrict src, size_t rows, size_t row_len,
                const float *restrict importance)
{
    size_t blocks = rows * row_len / BLOCK_SUPER, count;
    _Alignas(64) float weight[BATCH_WEIGHTS];
    struct iq1_part part[BATCH_BLOCKS * IQ1_M_SUBS];
    struct block_iq1_m *block = dst;
    struct batch batch;
    uint32_t refused;

    for (size_t first = 0; first < blocks; first += count, block += count) {
        count = batch_start(&batch, src, first, blocks, row_len, importance);
        batch_iq_weights(&batch, weight);
        refused = find_batch(&shape_m, &batch, weight, part);
        for (size_t i = 0; i < count; i++) {
            if ((refused >> i & 1) != 0)
                iq1_m_refuse(&block[i]);
            else
                iq1_m_put(part + IQ1_M_SUBS * i, batch.x + BLOCK_SUPER * i,
                          weight + BLOCK_SUPER * i, &block[i]);
        }
    }
}
