#ifndef QUANT_KERNEL_IQ4_H
#define QUANT_KERNEL_IQ4_H

#include <math.h>
#include <string.h>

#include "quant/kernel/block.h"
#include "quant/kernel/fit.h"

/* What all sets do alike to a block of IQ4_NL or IQ4_XS, around the searches. */

enum {
    IQ4_SUB = 32,                     /* weights that are searched together */
    IQ4_SUBS = BLOCK_SUPER / IQ4_SUB, /* of an IQ4_XS */
    IQ4_VALUES = 16,                  /* levels */
    IQ4_STEPS = 7,                    /* candidates on each side of the middle one */
    IQ4_TRIES = 2 * IQ4_STEPS + 2,    /* all, and before them the one of the opposite sign */
    IQ4_LARGEST = 135 /* no search asks for more: a weight by the largest one times 127 + 7 */
};

/* The factor x to value of a candidate. */
static inline float iq4_factor(int candidate, float most)
{
    if (candidate == 0)
        return 1 / (most / 127);
    return (float)(candidate - 1 - IQ4_STEPS - 127) / most;
}

/* Six bits of each scale, from 0 to 63; 32 stands for 0. */
static inline void iq4_pack_scales(const uint8_t *six, struct block_iq4_xs *block)
{
    memset(block->scales_h, 0, sizeof(block->scales_h));
    for (int j = 0; j < IQ4_SUBS; j++)
        block->scales_h[j / 4] = (uint8_t)(block->scales_h[j / 4] | six[j] >> 4 << 2 * (j % 4));
    for (int j = 0; j < IQ4_SUBS; j += 2)
        block->scales_l[j / 2] = (uint8_t)((six[j] & 15) | six[j + 1] << 4);
}

/* The scales of the sub-blocks of an IQ4_XS. What they are then goes to `kept`, which levels are
 * made for: for d as it was before it became a half float. */
static inline void iq4_put_scales(const float *scale, struct block_iq4_xs *block, float *kept)
{
    float most = 0, d, inverse, level;
    uint8_t six[IQ4_SUBS];

    for (int j = 0; j < IQ4_SUBS; j++)
        most = fabsf(scale[j]) > fabsf(most) ? scale[j] : most;
    d = -most / 32;
    half_put(block->d, d);
    inverse = d != 0 ? 1 / d : 0;
    for (int j = 0; j < IQ4_SUBS; j++) {
        level = fit_clamp(fit_nearest(inverse * scale[j]), -32, 31);
        six[j] = (uint8_t)((int)level + 32);
        kept[j] = d * level;
    }
    iq4_pack_scales(six, block);
}

#endif
