/* Q4_K, Q5_K and Q6_K with a sub-block in each lane; built once for each instruction set. */
#include "quant/kernel/qk.h"

#include "quant/kernel/lanes_batch.h"
#include "quant/kernel/lanes_positive.h"
#include "quant/kernel/lanes_range.h"
#include "quant/kernel/lanes_signed.h"
#include "quant/kernel/scalar.h"
#include "quant/kernel/set.h"

/* --- Q4_K and Q5_K -----------------------------------------------------------------------------
 */

INLINE struct range_kind range_kind(const struct qk_type *type, bool imatrix)
{
    return (struct range_kind){QK_SUB, FIT_SQUARE, type->top,
                               imatrix ? type->imatrix : type->steps};
}

/* Weights of the search without importance: the mean of a sub-block and the number's size. */
INLINE void plain_weights(struct rows *rows, int g)
{
    vf sum = vf_all(0), x;

    for (int i = 0; i < QK_SUB; i++) {
        x = vf_load(rows->row[i][g] + ROWS_NUMBER);
        sum = sum + x * x;
    }
    sum = vf_sqrt(sum / vf_all(QK_SUB));
    for (int i = 0; i < QK_SUB; i++)
        vf_store(rows->row[i][g] + ROWS_WEIGHT,
                 sum + vf_abs(vf_load(rows->row[i][g] + ROWS_NUMBER)));
}

/* The searches of `sets` times LANES sub-blocks from `first` on. */
INLINE bool search_k(const struct batch *batch, const struct qk_type *type, bool imatrix, int sets,
                     int first, const float *means, struct rows *rows, struct range_found *found)
{
    const struct range_kind kind = range_kind(type, imatrix);

    for (int g = 0; g < sets; g++) {
        int sub = first + LANES * g;

        rows_load(rows, g, ROWS_NUMBER, batch->x + QK_SUB * sub, QK_SUB);
        if (!imatrix) {
            plain_weights(rows, g);
            continue;
        }
        rows_load(rows, g, ROWS_WEIGHT, batch->importance + QK_SUB * sub, QK_SUB);
        batch_weights(rows, g, QK_SUB, sub, QK_SUBS, means);
    }
    return range_search(rows, &kind, sets, found, first);
}

INLINE bool search_batch_k(const struct batch *batch, const struct qk_type *type, bool imatrix,
                           struct range_found *found)
{
    const int subs = (int)batch->count * QK_SUBS;
    float means[BATCH_BLOCKS];
    struct rows rows;
    bool inside = true;
    int sub = 0;

    if (imatrix)
        batch_means(batch, 2, means);
    for (; inside && subs - sub > (ROWS_SETS - 1) * LANES; sub += ROWS_SETS * LANES)
        inside = search_k(batch, type, imatrix, ROWS_SETS, sub, means, &rows, found);
    for (; inside && sub < subs; sub += LANES)
        inside = search_k(batch, type, imatrix, 1, sub, means, &rows, found);
    return inside;
}

/* Scales and minima of block i; `positive` is NULL without importance. */
INLINE void scales_k(const struct qk_type *type, const struct range_found *found,
                     const struct positive_found *positive, int i, struct block_k_head *head)
{
    uint8_t scale[QK_SUBS], minimum[QK_SUBS];
    float negative[QK_SUBS];

    if (positive) {
        half_put(head->d, positive->unit[0][i]);
        half_put(head->dmin, positive->unit[1][i]);
    }
    for (int j = 0; j < QK_SUBS && positive; j++) {
        scale[j] = positive->level[0][j][i];
        scale[j] = scale[j] < type->scale_limit ? scale[j] : type->scale_limit;
        minimum[j] = positive->level[1][j][i];
    }
    if (!positive) {
        for (int j = 0; j < QK_SUBS; j++)
            negative[j] = -found->low[QK_SUBS * i + j];
        half_put(head->d, qk_scale_six(found->scale + QK_SUBS * i, scale));
        half_put(head->dmin, qk_scale_six(negative, minimum));
    }
    qk_pack_scales(scale, minimum, head->scales);
}

/* The levels for the scales as they will be read; where one has become 0 those of the search. */
INLINE void levels_k(const float *x, const struct qk_type *type, const struct range_found *found,
                     int at, const struct block_k_head *head, uint8_t *level)
{
    uint8_t scale[QK_SUBS], minimum[QK_SUBS];
    float d, low;
    vf value;

    qk_unpack_scales(head->scales, scale, minimum);
    for (int j = 0; j < QK_SUBS; j++) {
        d = half_get(head->d) * scale[j];
        low = half_get(head->dmin) * minimum[j];
        for (int i = 0; i < QK_SUB; i += LANES, x += LANES, level += LANES) {
            if (d != 0)
                value = (vf_load(x) + vf_all(low)) / vf_all(d);
            else
                value = range_level(vf_all(found->factor[at + j]) *
                                        (vf_load(x) - vf_all(found->from[at + j])),
                                    type->top);
            vi_store_bytes(level, vi_clamp(vi_nearest(value), 0, (int)type->top));
        }
    }
}

/* Blocks of Q4_K, or of Q5_K, which have a fifth bit. */
INLINE void quantize_k(uint8_t *out, const struct qk_type *type, bool fifth, const float *src,
                       size_t weights, size_t row_len, const float *importance, bool imatrix)
{
    const size_t blocks = weights / BLOCK_SUPER,
                 size = fifth ? sizeof(struct block_q5_k) : sizeof(struct block_q4_k);
    uint8_t level[BLOCK_SUPER];
    struct range_found found = {0};
    struct positive_found positive;
    struct batch batch;
    size_t count;

    for (size_t first = 0; first < blocks; first += count) {
        count = batch_start(&batch, src, first, blocks, row_len, importance);
        if (!search_batch_k(&batch, type, imatrix, &found)) {
            (fifth ? scalar_q5_k : scalar_q4_k)(out, batch.x, 1, count * BLOCK_SUPER,
                                                batch.importance);
            out += count * size;
            continue;
        }
        if (imatrix)
            batch_positive(found.scale, found.low, found.weight, QK_SUBS, 63, &positive);
        for (int i = 0; i < (int)count; i++, out += size) {
            struct block_k_head *head = (void *)out;
            uint8_t *bits = out + sizeof(*head);

            scales_k(type, &found, imatrix ? &positive : NULL, i, head);
            levels_k(batch.x + BLOCK_SUPER * i, type, &found, QK_SUBS * i, head, level);
            if (fifth)
                qk_pack_fifth(level, bits);
            qk_pack_low(level, bits + (fifth ? QK_SUB : 0));
        }
    }
}

void SET(q4_k)(void *restrict dst, const float *restrict src, size_t rows, size_t row_len,
               const float *restrict importance)
{
    if (importance)
        quantize_k(dst, &qk_q4, false, src, rows * row_len, row_len, importance, true);
    else
        quantize_k(dst, &qk_q4, false, src, rows * row_len, row_len, NULL, false);
}

void SET(q5_k)(void *restrict dst, const float *restrict src, size_t rows, size_t row_len,
               const float *restrict importance)
{
    if (importance)
        quantize_k(dst, &qk_q5, true, src, rows * row_len, row_len, importance, true);
    else
        quantize_k(dst, &qk_q5, true, src, rows * row_len, row_len, NULL, false);
}

/* --- Q6_K --------------------------------------------------------------------------------------
 */

enum {
    LIMIT_6 = 32,
};

INLINE void search_6(const struct batch *batch, int sets, int first, struct rows *rows,
                     struct signed_found *found)
{
    vf x;

    for (int g = 0; g < sets; g++) {
        int sub = first + LANES * g;

        rows_load(rows, g, ROWS_NUMBER, batch->x + QK_SUB_6 * sub, QK_SUB_6);
        if (batch->importance) {
            rows_load(rows, g, ROWS_WEIGHT, batch->importance + QK_SUB_6 * sub, QK_SUB_6);
            continue;
        }
        for (int i = 0; i < QK_SUB_6; i++) {
            x = vf_load(rows->row[i][g] + ROWS_NUMBER);
            vf_store(rows->row[i][g] + ROWS_WEIGHT, x * x);
        }
    }
    signed_search(rows, QK_SUB_6, LIMIT_6, sets, found, first);
}

static void search_batch_6(const struct batch *batch, struct signed_found *found)
{
    const int subs = (int)batch->count * QK_SUBS_6;
    struct rows rows;
    int sub = 0;

    for (; subs - sub > (ROWS_SETS - 1) * LANES; sub += ROWS_SETS * LANES)
        search_6(batch, ROWS_SETS, sub, &rows, found);
    for (; sub < subs; sub += LANES)
        search_6(batch, 1, sub, &rows, found);
}

/* As levels_k(); a sub-block of zeros has the level 0 there, not that of 0. */
static void levels_6(const float *x, const struct signed_found *found, int at,
                     const struct block_q6_k *block, uint8_t *level)
{
    float d, factor;
    vf value;
    vi whole;

    for (int j = 0; j < QK_SUBS_6; j++, x += QK_SUB_6, level += QK_SUB_6) {
        d = half_get(block->d) * (int8_t)block->scales[j];
        factor = found->factor[at + j];
        if (d == 0 && factor == 0) {
            memset(level, 0, QK_SUB_6);
            continue;
        }
        for (int i = 0; i < QK_SUB_6; i += LANES) {
            if (d != 0)
                value = vf_load(x + i) / vf_all(d);
            else
                value = vf_load(x + i) * vf_all(factor);
            whole = vi_clamp(vi_nearest(value), -LIMIT_6, LIMIT_6 - 1);
            vi_store_bytes(level + i, vi_add(whole, vi_all(LIMIT_6)));
        }
    }
}

void SET(q6_k)(void *restrict dst, const float *restrict src, size_t rows, size_t row_len,
               const float *restrict importance)
{
    size_t blocks = rows * row_len / BLOCK_SUPER, count;
    struct block_q6_k *block = dst;
    uint8_t level[BLOCK_SUPER];
    struct signed_found found;
    struct batch batch;

    for (size_t first = 0; first < blocks; first += count, block += count) {
        count = batch_start(&batch, src, first, blocks, row_len, importance);
        search_batch_6(&batch, &found);
        for (size_t i = 0; i < count; i++) {
            if (!qk_scale_eight(found.scale + QK_SUBS_6 * i, &block[i])) {
                memset(&block[i], 0, sizeof(block[i]));
                continue;
            }
            levels_6(batch.x + BLOCK_SUPER * i, &found, (int)(QK_SUBS_6 * i), &block[i], level);
            qk_pack_q6(level, &block[i]);
        }
    }
}
