/* Q2_K and Q3_K with a sub-block in each lane; built once for each instruction set. */
#include "quant/kernel/qk_low.h"

#include "quant/kernel/lanes_batch.h"
#include "quant/kernel/lanes_positive.h"
#include "quant/kernel/lanes_queue.h"
#include "quant/kernel/lanes_range.h"
#include "quant/kernel/lanes_signed.h"
#include "quant/kernel/scalar.h"
#include "quant/kernel/set.h"

/* Numbers of sub-blocks from `first` on, and weights with importance. */
INLINE void load_sub(const struct batch *batch, int first, int g, const float *means,
                     struct rows *rows)
{
    rows_load(rows, g, ROWS_NUMBER, batch->x + QK_LOW_SUB * first, QK_LOW_SUB);
    if (!batch->importance)
        return;
    rows_load(rows, g, ROWS_WEIGHT, batch->importance + QK_LOW_SUB * first, QK_LOW_SUB);
    batch_weights(rows, g, QK_LOW_SUB, first, QK_LOW_SUBS, means);
}

/* --- Q2_K --------------------------------------------------------------------------------------
 */

INLINE bool search_2(const struct batch *batch, bool imatrix, int sets, int first,
                     const float *means, struct rows *rows, struct range_found *found)
{
    const struct range_kind kind = {QK_LOW_SUB, imatrix ? FIT_SQUARE : FIT_ABSOLUTE, 3,
                                    imatrix ? q2_imatrix_steps : q2_steps};

    for (int g = 0; g < sets; g++) {
        load_sub(batch, first + LANES * g, g, means, rows);
        for (int i = 0; i < QK_LOW_SUB && !imatrix; i++)
            vf_store(rows->row[i][g] + ROWS_WEIGHT, vf_abs(vf_load(rows->row[i][g] + ROWS_NUMBER)));
    }
    return range_search(rows, &kind, sets, found, first);
}

/* With importance. */
INLINE bool search_queue_2(const struct batch *batch, struct range_found *found)
{
    const struct range_kind kind = {QK_LOW_SUB, FIT_SQUARE, 3, q2_imatrix_steps};
    _Alignas(64) float weight[BATCH_WEIGHTS];
    float means[BATCH_BLOCKS];

    batch_means(batch, 1, means);
    batch_importances(batch, means, weight);
    return queue_search(batch->x, weight, (int)batch->count * QK_LOW_SUBS, &kind, found);
}

INLINE bool search_batch_2(const struct batch *batch, bool imatrix, struct range_found *found)
{
    const int subs = (int)batch->count * QK_LOW_SUBS;
    float means[BATCH_BLOCKS];
    struct rows rows;
    bool inside = true;
    int sub = 0;

    if (imatrix)
        batch_means(batch, 1, means);
    for (; inside && subs - sub > (ROWS_SETS - 1) * LANES; sub += ROWS_SETS * LANES)
        inside = search_2(batch, imatrix, ROWS_SETS, sub, means, &rows, found);
    for (; inside && sub < subs; sub += LANES)
        inside = search_2(batch, imatrix, 1, sub, means, &rows, found);
    return inside;
}

/* The levels of sub-block `at` for the scales as they will be read, or those of the search. */
INLINE void levels_2(const float *x, float d, float low, const struct range_found *found, int at,
                     uint8_t *level)
{
    vf value;

    for (int i = 0; i < QK_LOW_SUB; i += LANES) {
        if (d != 0)
            value = (vf_load(x + i) + vf_all(low)) / vf_all(d);
        else
            value = range_level(
                vf_all(found->factor[at]) * (vf_load(x + i) - vf_all(found->from[at])), 3);
        vi_store_bytes(level + i, vi_clamp(vi_nearest(value), 0, 3));
    }
}

/* Scales and minima of block i; `positive` is NULL without importance. */
INLINE void scales_2(const struct range_found *found, const struct positive_found *positive, int i,
                     struct block_q2_k *block)
{
    uint8_t scale[QK_LOW_SUBS], minimum[QK_LOW_SUBS];
    float negative[QK_LOW_SUBS];

    if (positive) {
        half_put(block->d, positive->unit[0][i]);
        half_put(block->dmin, positive->unit[1][i]);
        for (int j = 0; j < QK_LOW_SUBS; j++)
            block->scales[j] = (uint8_t)(positive->level[0][j][i] | positive->level[1][j][i] << 4);
        return;
    }
    for (int j = 0; j < QK_LOW_SUBS; j++)
        negative[j] = -found->low[QK_LOW_SUBS * i + j];
    half_put(block->d, q2_scale_four(found->scale + QK_LOW_SUBS * i, scale));
    half_put(block->dmin, q2_scale_four(negative, minimum));
    for (int j = 0; j < QK_LOW_SUBS; j++)
        block->scales[j] = (uint8_t)(scale[j] | minimum[j] << 4);
}

INLINE void finish_2(const float *x, const struct range_found *found, int at,
                     struct block_q2_k *block)
{
    uint8_t level[BLOCK_SUPER];
    float d, low;

    for (int j = 0; j < QK_LOW_SUBS; j++) {
        d = half_get(block->d) * (float)(block->scales[j] & 15);
        low = half_get(block->dmin) * (float)(block->scales[j] >> 4);
        levels_2(x + QK_LOW_SUB * j, d, low, found, at + j, level + QK_LOW_SUB * j);
    }
    qk_low_pack(level, block->qs);
}

INLINE void quantize_2(struct block_q2_k *block, const float *src, size_t rows, size_t row_len,
                       const float *importance, bool imatrix)
{
    size_t blocks = rows * row_len / BLOCK_SUPER, count;
    struct range_found found = {0};
    struct positive_found positive;
    struct batch batch;

    for (size_t first = 0; first < blocks; first += count, block += count) {
        count = batch_start(&batch, src, first, blocks, row_len, importance);
        if (!(imatrix ? search_queue_2(&batch, &found) : search_batch_2(&batch, false, &found))) {
            scalar_q2_k(block, batch.x, 1, count * BLOCK_SUPER, batch.importance);
            continue;
        }
        if (imatrix)
            batch_positive(found.scale, found.low, found.weight, QK_LOW_SUBS, 15, &positive);
        for (int i = 0; i < (int)count; i++) {
            scales_2(&found, imatrix ? &positive : NULL, i, &block[i]);
            finish_2(batch.x + BLOCK_SUPER * i, &found, QK_LOW_SUBS * i, &block[i]);
        }
    }
}

void SET(q2_k)(void *restrict dst, const float *restrict src, size_t rows, size_t row_len,
               const float *restrict importance)
{
    if (importance)
        quantize_2(dst, src, rows, row_len, importance, true);
    else
        quantize_2(dst, src, rows, row_len, NULL, false);
}

/* --- Q3_K --------------------------------------------------------------------------------------
 */

enum {
    LIMIT_3 = 4,
};

/* What was found of all sub-blocks of a batch. */
struct found_3 {
    struct signed_found search; /* without importance only its scales */
    float weight[ROWS_FOUND];   /* with importance: sums of weights */
    /* Without: level i of each sub-block, as fit_refined() leaves them; 0 where all are zeros. */
    uint8_t level[QK_LOW_SUB][ROWS_FOUND];
};

/* fit_refined() in lanes: the same operations for every float, so nothing has to be guarded. The
 * rows' weights hold levels here. */
struct refined {
    vf lx[ROWS_SETS], l2[ROWS_SETS];
    vm live[ROWS_SETS];
};

INLINE vf refined_level(vf quotient)
{
    return vf_from(vi_clamp(vi_nearest(quotient), -LIMIT_3, LIMIT_3 - 1));
}

INLINE void refined_start(struct rows *rows, int sets, struct refined *r)
{
    vf most[ROWS_SETS], size[ROWS_SETS], x, level;
    vm larger;

    UNROLL
    for (int g = 0; g < sets; g++)
        most[g] = size[g] = r->lx[g] = r->l2[g] = vf_all(0);
    for (int i = 0; i < QK_LOW_SUB; i++) {
        UNROLL
        for (int g = 0; g < sets; g++) {
            x = vf_load(rows->row[i][g] + ROWS_NUMBER);
            larger = vf_less(size[g], vf_abs(x));
            size[g] = vf_select(larger, vf_abs(x), size[g]);
            most[g] = vf_select(larger, x, most[g]);
        }
    }
    UNROLL
    for (int g = 0; g < sets; g++) {
        r->live[g] = vm_not(vf_less(size[g], vf_all(FIT_EPSILON)));
        most[g] = vf_all(-LIMIT_3) / most[g];
    }
    for (int i = 0; i < QK_LOW_SUB; i++) {
        UNROLL
        for (int g = 0; g < sets; g++) {
            x = vf_load(rows->row[i][g] + ROWS_NUMBER);
            level = refined_level(most[g] * x);
            vf_store(rows->row[i][g] + ROWS_WEIGHT, level);
            r->lx[g] = r->lx[g] + x * x * x * level;
            r->l2[g] = r->l2[g] + x * x * level * level;
        }
    }
}

/* A level moves where that makes the error smaller. Did any? */
INLINE bool refined_move(float *row, int g, struct refined *r)
{
    vf x = vf_load(row + ROWS_NUMBER), old = vf_load(row + ROWS_WEIGHT);
    vf weight = x * x, product = weight * x, next;
    vf lx = r->lx[g] - product * old, l2 = r->l2[g] - weight * old * old;
    vm moves = vm_and(r->live[g], vf_less(vf_all(0), lx));

    next = refined_level(x * l2 / lx);
    moves = vm_not_and(vf_equal(next, old), moves);
    if (!vm_any(moves))
        return false;
    lx = lx + product * next;
    l2 = l2 + weight * next * next;
    moves = vm_and(moves, vm_and(vf_less(vf_all(0), l2),
                                 vf_less(r->lx[g] * r->lx[g] * l2, lx * lx * r->l2[g])));
    vf_store(row + ROWS_WEIGHT, vf_select(moves, next, old));
    r->lx[g] = vf_select(moves, lx, r->lx[g]);
    r->l2[g] = vf_select(moves, l2, r->l2[g]);
    return vm_any(moves);
}

/* A pass that moves nothing would move nothing again, so lanes may wait for one another. */
INLINE void refined_search(struct rows *rows, int sets, struct found_3 *found, int at)
{
    struct refined r;
    bool moved = true;
    vf level;

    refined_start(rows, sets, &r);
    for (int pass = 0; pass < 5 && moved; pass++) {
        moved = false;
        for (int i = 0; i < QK_LOW_SUB; i++) {
            UNROLL
            for (int g = 0; g < sets; g++)
                if (refined_move(rows->row[i][g], g, &r))
                    moved = true;
        }
    }
    UNROLL
    for (int g = 0; g < sets; g++, at += LANES) {
        vm fits = vm_and(r.live[g], vf_less(vf_all(0), r.l2[g]));

        vf_store(found->search.scale + at, vf_select(fits, r.lx[g] / r.l2[g], vf_all(0)));
        for (int i = 0; i < QK_LOW_SUB; i++) {
            level = vf_load(rows->row[i][g] + ROWS_WEIGHT) + vf_all(LIMIT_3);
            vi_store_bytes(found->level[i] + at,
                           vi_nearest(vf_select(r.live[g], level, vf_all(0))));
        }
    }
}

INLINE void search_3(const struct batch *batch, bool imatrix, int sets, int first,
                     const float *means, struct rows *rows, struct found_3 *found)
{
    vf sum;

    for (int g = 0; g < sets; g++) {
        load_sub(batch, first + LANES * g, g, means, rows);
        sum = vf_all(0);
        for (int i = 0; i < QK_LOW_SUB && imatrix; i++)
            sum = sum + vf_load(rows->row[i][g] + ROWS_WEIGHT);
        vf_store(found->weight + first + LANES * g, sum);
    }
    if (imatrix)
        signed_search(rows, QK_LOW_SUB, LIMIT_3, sets, &found->search, first);
    else
        refined_search(rows, sets, found, first);
}

INLINE void search_batch_3(const struct batch *batch, bool imatrix, struct found_3 *found)
{
    const int subs = (int)batch->count * QK_LOW_SUBS;
    float means[BATCH_BLOCKS];
    struct rows rows;
    int sub = 0;

    if (imatrix)
        batch_means(batch, 2, means);
    for (; subs - sub > (ROWS_SETS - 1) * LANES; sub += ROWS_SETS * LANES)
        search_3(batch, imatrix, ROWS_SETS, sub, means, &rows, found);
    for (; sub < subs; sub += LANES)
        search_3(batch, imatrix, 1, sub, means, &rows, found);
}

/* The levels of sub-block `at` for the scale as it will be read, or those of the search. */
INLINE void levels_3(const float *x, float d, bool imatrix, const struct found_3 *found, int at,
                     uint8_t *level)
{
    float factor = imatrix ? found->search.factor[at] : 0;
    vf value;
    vi whole;

    if (d == 0 && factor == 0) {
        for (int i = 0; i < QK_LOW_SUB; i++)
            level[i] = imatrix ? 0 : found->level[i][at];
        return;
    }
    for (int i = 0; i < QK_LOW_SUB; i += LANES) {
        if (d != 0)
            value = vf_load(x + i) / vf_all(d);
        else
            value = vf_load(x + i) * vf_all(factor);
        whole = vi_clamp(vi_nearest(value), -LIMIT_3, LIMIT_3 - 1);
        vi_store_bytes(level + i, vi_add(whole, vi_all(LIMIT_3)));
    }
}

/* Of each block the unit of its scales, and these. */
struct scales_3 {
    float unit[BATCH_BLOCKS];
    uint8_t six[BATCH_BLOCKS][QK_LOW_SUBS];
};

INLINE bool all_finite(const float *x, int count)
{
    vm finite = vf_equal(vf_all(0), vf_all(0));
    vf value;

    for (int i = 0; i < count; i += LANES) {
        value = vf_load(x + i);
        finite = vm_and(finite, vf_equal(value - value, vf_all(0)));
    }
    return !vm_any(vm_not(finite));
}

/* q3_scale_imatrix() of all blocks, one a lane, if no scale is NaN or infinite. */
static void scales_imatrix(const struct found_3 *found, struct scales_3 *scales)
{
    const float *scale = found->search.scale;
    struct signed_found fit;
    struct rows rows;
    vi six, shift;

    for (int g = 0; g < BATCH_BLOCKS / LANES; g++) {
        rows_load(&rows, g, ROWS_NUMBER, scale + QK_LOW_SUBS * LANES * g, QK_LOW_SUBS);
        rows_load(&rows, g, ROWS_WEIGHT, found->weight + QK_LOW_SUBS * LANES * g, QK_LOW_SUBS);
    }
    signed_search(&rows, QK_LOW_SUBS, 32, BATCH_BLOCKS / LANES, &fit, 0);
    memcpy(scales->unit, fit.scale, sizeof(scales->unit));
    for (int i = 0; i < BATCH_BLOCKS; i++) {
        shift = vi_all(fit.factor[i] != 0 ? 32 : 0);
        for (int j = 0; j < QK_LOW_SUBS; j += LANES, scale += LANES) {
            six = vi_nearest(vf_all(fit.factor[i]) * vf_load(scale));
            vi_store_bytes(scales->six[i] + j, vi_add(vi_clamp(six, -32, 31), shift));
        }
    }
}

INLINE void scales_batch(const struct found_3 *found, int count, bool imatrix,
                         struct scales_3 *scales)
{
    const float *scale = found->search.scale, *weight = found->weight;

    if (imatrix && all_finite(scale, ROWS_FOUND)) {
        scales_imatrix(found, scales);
        return;
    }
    for (int i = 0; i < count; i++, scale += QK_LOW_SUBS, weight += QK_LOW_SUBS)
        scales->unit[i] = imatrix ? q3_scale_imatrix(scale, weight, scales->six[i])
                                  : q3_scale_six(scale, scales->six[i]);
}

INLINE void finish_3(const float *x, bool imatrix, const struct found_3 *found, int at,
                     const uint8_t *six, struct block_q3_k *block)
{
    uint8_t level[BLOCK_SUPER];
    float d;

    q3_pack_scales(six, block->scales);
    for (int j = 0; j < QK_LOW_SUBS; j++) {
        d = half_get(block->d) * (float)(six[j] - 32);
        levels_3(x + QK_LOW_SUB * j, d, imatrix, found, at + j, level + QK_LOW_SUB * j);
    }
    q3_pack_third(level, block->hmask);
    qk_low_pack(level, block->qs);
}

INLINE void quantize_3(struct block_q3_k *block, const float *src, size_t rows, size_t row_len,
                       const float *importance, bool imatrix)
{
    size_t blocks = rows * row_len / BLOCK_SUPER, count;
    struct found_3 found = {0};
    struct scales_3 scales;
    struct batch batch;

    for (size_t first = 0; first < blocks; first += count, block += count) {
        count = batch_start(&batch, src, first, blocks, row_len, importance);
        search_batch_3(&batch, imatrix, &found);
        scales_batch(&found, (int)count, imatrix, &scales);
        for (int i = 0; i < (int)count; i++) {
            half_put(block[i].d, scales.unit[i]);
            finish_3(batch.x + BLOCK_SUPER * i, imatrix, &found, QK_LOW_SUBS * i, scales.six[i],
                     &block[i]);
        }
    }
}

void SET(q3_k)(void *restrict dst, const float *restrict src, size_t rows, size_t row_len,
               const float *restrict importance)
{
    if (importance)
        quantize_3(dst, src, rows, row_len, importance, true);
    else
        quantize_3(dst, src, rows, row_len, NULL, false);
}
