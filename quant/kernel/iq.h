#ifndef QUANT_KERNEL_IQ_H
#define QUANT_KERNEL_IQ_H

#include <math.h>
#include <stdbool.h>

#include "quant/kernel/block.h"
#include "quant/kernel/fit.h"
#include "quant/kernel/four.h"

/* What the types whose levels come from a code book (grid.h) have in common. */

enum {
    IQ_SIGNED = 8, /* weights whose signs are kept together */
};

/* Of the weights of a super-block. */
static inline float iq_sum_squares(const float *x)
{
    float sum = 0;

    for (int i = 0; i < BLOCK_SUPER; i++)
        sum += x[i] * x[i];
    return sum;
}

/* Weights of the search: of importance and of how large the weights of a block are, or squares. */
static inline void iq_weights(const float *x, const float *importance, float weight[BLOCK_SUPER])
{
    float mean_square = importance ? 2 * iq_sum_squares(x) / BLOCK_SUPER : 0;

    for (int i = 0; i < BLOCK_SUPER; i++)
        weight[i] = importance ? importance[i] * sqrtf(mean_square + x[i] * x[i]) : x[i] * x[i];
}

/*
 * Seven bits for the signs of eight weights: the eighth makes their number even. Where it is odd,
 * the one that counts least gets the other sign: its magnitude becomes negative. `x`: magnitudes;
 * `negative`: one bit for each weight. Returns that anew.
 */
INLINE uint32_t iq_even_signs(unsigned count, float *x, const float *weight, uint32_t negative)
{
    float product, least;
    unsigned where;

    for (unsigned first = 0; first < count; first += IQ_SIGNED) {
        if (!__builtin_parity(negative >> first & 0xff))
            continue;
        where = first;
        least = weight[first] * x[first] * x[first];
        for (unsigned i = first + 1; i < first + IQ_SIGNED; i++) {
            product = weight[i] * x[i] * x[i];
            where = product < least ? i : where;
            least = product < least ? product : least;
        }
        x[where] = -x[where];
        negative ^= (uint32_t)1 << where;
    }
    return negative;
}

/* Seven bits for each eight signs. */
static inline uint32_t iq_pack_signs(uint32_t negative)
{
    return (negative & 0x7f) | (negative >> 8 & 0x7f) << 7 | (negative >> 16 & 0x7f) << 14 |
           (negative >> 24 & 0x7f) << 21;
}

INLINE float iq_highest(unsigned count, const float *x)
{
    float most = x[0];

    for (unsigned i = 1; i < count; i++)
        most = x[i] > most ? x[i] : most;
    return most;
}

/* A scale is stored without its sign, which goes to the weights instead. False if it is NaN. */
static inline bool iq_positive(float *scale, uint32_t *negative)
{
    if (*scale < 0) {
        *scale = -*scale;
        *negative = ~*negative;
    }
    return *scale >= 0;
}

/* The level of a scale, at most `top`: level l stands for d * (2 l + 1). */
static inline uint8_t iq_scale_level(float scale, float d, float top)
{
    return (uint8_t)(int)fit_clamp(fit_nearest(0.5f * (1 / d * scale - 1)), 0, top);
}

/* The levels of `count` scales, up to 15: two in a byte, the first in its low bits. */
static inline void iq_put_scales(unsigned count, const float *scale, float d, uint8_t *field)
{
    for (unsigned j = 0; j < count; j += 2)
        field[j / 2] =
            (uint8_t)(iq_scale_level(scale[j], d, 15) | iq_scale_level(scale[j + 1], d, 15) << 4);
}

/* A block that cannot be made: its scale says so to whoever checks it. */
static inline void iq_refuse(void *block, size_t size, uint8_t d[2])
{
    memset(block, 0, size);
    half_put(d, NAN);
}

#endif
