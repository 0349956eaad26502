#ifndef QUANT_KERNEL_Q0_H
#define QUANT_KERNEL_Q0_H

#include "quant/kernel/block.h"
#include "quant/kernel/fit.h"

/* What all sets do alike to a block of 32 weights. */

/* With importance, of Q4_1 and Q5_1. */
static const struct fit_steps q0_steps = {-0.9f, 0.05f, 36, true};

enum {
    Q0_ROWS = 4, /* of which means are made at once */
};

/*
 * The means of squares of at most Q0_ROWS rows, with importance. Sums are made in order, so that of
 * one row is a chain of additions that wait for one another; those of several rows go side by side.
 */
void q0_mean_squares(const float *x, size_t rows, size_t length, float mean[Q0_ROWS]);

#endif
