#ifndef QUANT_KERNEL_LANES_BATCH_H
#define QUANT_KERNEL_LANES_BATCH_H

#include <string.h>

#include "quant/kernel/block.h"
#include "quant/kernel/lanes_rows.h"

/*
 * What is taken at once of a type with blocks of 256: up to 16 blocks, also of several rows, so
 * that no lane is idle at the end of a row. Behind the last block zeros fill the lanes.
 */
#ifdef LANES

enum {
    BATCH_BLOCKS = 16,
    BATCH_WEIGHTS = BATCH_BLOCKS * BLOCK_SUPER,
};

struct batch {
    size_t count;            /* blocks */
    const float *x;          /* of BATCH_BLOCKS blocks */
    const float *importance; /* the same, or NULL */
    _Alignas(64) float room[2][BATCH_WEIGHTS];
};

/* Importance of each block, which is that of its place in the row. */
static inline void batch_importance(struct batch *batch, size_t first, size_t row_len,
                                    const float *importance)
{
    size_t at = first * BLOCK_SUPER % row_len, weights = batch->count * BLOCK_SUPER, run;

    if (at + BATCH_WEIGHTS <= row_len && batch->count == BATCH_BLOCKS) {
        batch->importance = importance + at;
        return;
    }
    for (size_t i = 0; i < weights; i += run, at = 0) {
        run = weights - i < row_len - at ? weights - i : row_len - at;
        memcpy(batch->room[1] + i, importance + at, run * sizeof(float));
    }
    memset(batch->room[1] + weights, 0, (BATCH_WEIGHTS - weights) * sizeof(float));
    batch->importance = batch->room[1];
}

/* Block `first` of `blocks` and those that follow. Returns how many they are. */
static inline size_t batch_start(struct batch *batch, const float *src, size_t first, size_t blocks,
                                 size_t row_len, const float *importance)
{
    size_t weights;

    batch->count = blocks - first < BATCH_BLOCKS ? blocks - first : BATCH_BLOCKS;
    batch->x = src + first * BLOCK_SUPER;
    batch->importance = NULL;
    weights = batch->count * BLOCK_SUPER;
    if (weights < BATCH_WEIGHTS) {
        memcpy(batch->room[0], batch->x, weights * sizeof(float));
        memset(batch->room[0] + weights, 0, (BATCH_WEIGHTS - weights) * sizeof(float));
        batch->x = batch->room[0];
    }
    if (importance)
        batch_importance(batch, first, row_len, importance);
    return batch->count;
}

/* The sum of squares of each block, in order: one a lane. */
static inline void batch_squares(const struct batch *batch, float sum[BATCH_BLOCKS])
{
    enum { COLUMNS = 16 };
    _Alignas(64) float column[COLUMNS * LANES];
    vf total, x;

    for (int block = 0; block < BATCH_BLOCKS; block += LANES) {
        total = vf_all(0);
        for (int i = 0; i < BLOCK_SUPER; i += COLUMNS) {
            lanes_transpose(batch->x + BLOCK_SUPER * block + i, BLOCK_SUPER, COLUMNS, column,
                            LANES);
            for (int j = 0; j < COLUMNS; j++) {
                x = vf_load(column + LANES * j);
                total = total + x * x;
            }
        }
        vf_store(sum + block, total);
    }
}

/* factor * the sum of squares / 256 */
static inline void batch_means(const struct batch *batch, float factor, float mean[BATCH_BLOCKS])
{
    batch_squares(batch, mean);
    for (int i = 0; i < BATCH_BLOCKS; i++)
        mean[i] = factor * mean[i] / BLOCK_SUPER;
}

/* Weights of the searches with importance, in the order of the numbers. */
INLINE void batch_importances(const struct batch *batch, const float *means, float *weight)
{
    vf x;

    for (int i = 0; i < BATCH_WEIGHTS; i += LANES) {
        x = vf_load(batch->x + i);
        vf_store(weight + i,
                 vf_load(batch->importance + i) * vf_sqrt(vf_all(means[i / BLOCK_SUPER]) + x * x));
    }
}

/* Makes weights of the importance that stands in their place. `subs` sub-blocks of `count` weights
 * make a block; lane 0 is sub-block `first`. */
INLINE void batch_weights(struct rows *rows, int g, int count, int first, int subs,
                          const float *means)
{
    float lane[LANES];
    vf mean, x, w;

    for (int i = 0; i < LANES; i++)
        lane[i] = means[(first + i) / subs];
    mean = vf_load(lane);
    for (int i = 0; i < count; i++) {
        x = vf_load(rows->row[i][g] + ROWS_NUMBER);
        w = vf_load(rows->row[i][g] + ROWS_WEIGHT);
        vf_store(rows->row[i][g] + ROWS_WEIGHT, w * vf_sqrt(mean + x * x));
    }
}

#endif

#endif
