#ifndef QUANT_KERNEL_LANES_ROWS_H
#define QUANT_KERNEL_LANES_ROWS_H

#include "quant/kernel/lanes.h"

/*
 * Groups of 16 or 32 numbers, one a lane. Sets of LANES groups are taken side by side, so that the
 * chain of additions of one does not wait for itself.
 */
#ifdef LANES

enum {
    ROWS_SETS = 4,    /* at most */
    ROWS_MAX = 32,    /* numbers of a group */
    ROWS_FOUND = 256, /* groups of which results are kept */
    /* Number i of LANES groups, and next to it what belongs to it: separate arrays would lie at
     * distances at which caches take one for the other. */
    ROWS_NUMBER = 0,
    ROWS_WEIGHT = LANES,
    ROWS_OTHER = 2 * LANES, /* as each search says */
    ROWS_ROW = 3 * LANES,
};

struct rows {
    _Alignas(64) float row[ROWS_MAX][ROWS_SETS][ROWS_ROW];
};

/* Puts LANES groups of `count` consecutive floats into set g; `what`: as numbers, as weights. */
INLINE void rows_load(struct rows *rows, int g, int what, const float *from, int count)
{
    lanes_transpose(from, (size_t)count, count, rows->row[0][g] + what, ROWS_SETS * ROWS_ROW);
}

#endif

#endif
