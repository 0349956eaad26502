#ifndef QUANT_KERNEL_IQ1_H
#define QUANT_KERNEL_IQ1_H

#include "quant/kernel/grid.h"
#include "quant/kernel/iq.h"

/* What all sets do alike to a block of IQ1_S or IQ1_M, around the searches. */

enum {
    IQ1_POINT = 8, /* weights of one point of the code book */
    IQ1_LEVELS = 3,
    IQ1_SCALE_TOP = 15, /* what the highest scale stands for */

    IQ1_S_SUB = 32, /* weights of an IQ1_S with a scale of their own */
    IQ1_S_SUBS = BLOCK_SUPER / IQ1_S_SUB,
    IQ1_S_POINTS = IQ1_S_SUB / IQ1_POINT,

    IQ1_M_SUB = 16, /* of an IQ1_M, in two halves with shifts of their own */
    IQ1_M_SUBS = BLOCK_SUPER / IQ1_M_SUB,
    IQ1_M_POINTS = IQ1_M_SUB / IQ1_POINT,
};

/* A group of smaller magnitudes counts as zeros. */
#define IQ1_S_EPSILON 1e-12f
#define IQ1_M_EPSILON 1e-7f

/* What the levels stand for: all are moved up or down a little. */
enum iq1_shift { IQ1_UP, IQ1_DOWN, IQ1_SHIFTS };

enum {
    IQ1_M_SHIFTS = IQ1_SHIFTS * IQ1_SHIFTS, /* that of the first half in the higher bit */
};

static const float iq1_values[IQ1_SHIFTS][IQ1_LEVELS] = {
    [IQ1_UP] = {-0.875f, 0.125f, 1.125f},
    [IQ1_DOWN] = {-1.125f, -0.125f, 0.875f},
};

/* The shift of one half of an IQ1_M's sub-block. */
INLINE enum iq1_shift iq1_half_shift(int shift, int half)
{
    return (shift >> (1 - half) & 1) == 0 ? IQ1_UP : IQ1_DOWN;
}

/* What a search finds for a sub-block; all 0 where there is nothing to be found. */
struct iq1_part {
    float scale;
    int shift;               /* of IQ1_M: of both halves */
    int point[IQ1_S_POINTS]; /* of IQ1_M: the first two */
};

/* iq1.c: the scalar searches, into an empty part. False where the reference library stops. */
bool iq1_s_find(const float *x, const float *weight, struct iq1_part *part);
bool iq1_m_find(const float *x, const float *weight, struct iq1_part *part);

/* Blocks of what was found. `weight`: those of the search. */
void iq1_s_put(const struct iq1_part part[IQ1_S_SUBS], struct block_iq1_s *block);
void iq1_m_put(const struct iq1_part part[IQ1_M_SUBS], const float *x, const float *weight,
               struct block_iq1_m *block);

/* Blocks that cannot be made. */
void iq1_s_refuse(struct block_iq1_s *block);
void iq1_m_refuse(struct block_iq1_m *block);

#endif
