#ifndef QUANT_KERNEL_IQ3_H
#define QUANT_KERNEL_IQ3_H

#include "quant/kernel/iq.h"

/* What all sets do alike to one block of IQ3_XXS or IQ3_S, around the searches. */

enum {
    IQ3_SUB = 32, /* weights with a scale of their own */
    IQ3_SUBS = BLOCK_SUPER / IQ3_SUB,
    IQ3_QUAD = 4, /* weights of one point of the code book; level l stands for 2 l + 1 */
    IQ3_QUADS = IQ3_SUB / IQ3_QUAD,
    IQ3_LEVELS = 8,
    IQ3_BITS = 3,       /* of a level in a key */
    IQ3_TOP = 15,       /* what the highest level stands for */
    IQ3_SCALE_TOP = 31, /* what the highest scale stands for */
    /* Candidates for a scale on each side of the middle one. */
    IQ3_XXS_STEPS = 15,
    IQ3_S_STEPS = 9,
};

#define IQ3_STEP 0.2f          /* from one candidate to the next */
#define IQ3_XXS_EPSILON 1e-8f  /* an IQ3_XXS group of smaller magnitudes counts as zeros */
#define IQ3_XXS_FACTOR 1.0125f /* by which the scales are stored larger than they are */
#define IQ3_S_FACTOR 1.033f

/* What is found for 32 weights. */
struct iq3_found {
    bool zeros;                /* they count as such, and the others here mean nothing */
    float scale;               /* any; NaN is none */
    uint32_t negative;         /* a bit for each weight */
    uint16_t index[IQ3_QUADS]; /* points */
};

/* False where the reference library stops. */
static inline bool iq3_s_put(const struct iq3_found *found, void *to)
{
    struct block_iq3_s *block = to;
    uint8_t *qs = block->qs, *signs = block->signs;
    float scale[IQ3_SUBS] = {0}, max_scale = 0;
    uint32_t negative;

    memset(block, 0, sizeof(*block));
    for (int j = 0; j < IQ3_SUBS; j++) {
        /* Where there are only zeros the next levels and signs, but not their high bits, move up:
         * so does the reference. */
        if (found[j].zeros)
            continue;
        scale[j] = found[j].scale;
        negative = found[j].negative;
        if (!iq_positive(&scale[j], &negative))
            return false;
        for (int k = 0; k < IQ3_QUADS; k++) {
            *qs++ = (uint8_t)found[j].index[k];
            block->qh[j] = (uint8_t)(block->qh[j] | found[j].index[k] >> 8 << k);
        }
        memcpy(signs, &negative, sizeof(negative));
        signs += sizeof(negative);
        max_scale = scale[j] > max_scale ? scale[j] : max_scale;
    }
    if (max_scale == 0)
        return true;
    half_put(block->d, max_scale / IQ3_SCALE_TOP * IQ3_S_FACTOR);
    iq_put_scales(IQ3_SUBS, scale, max_scale / IQ3_SCALE_TOP, block->scales);
    return true;
}

/* The same. */
static inline bool iq3_xxs_put(const struct iq3_found *found, void *to)
{
    struct block_iq3_xxs *block = to;
    uint32_t negative, signs[IQ3_SUBS] = {0};
    float scale[IQ3_SUBS] = {0}, max_scale = 0;

    memset(block, 0, sizeof(*block));
    for (int j = 0; j < IQ3_SUBS; j++) {
        if (found[j].zeros)
            continue;
        scale[j] = found[j].scale;
        negative = found[j].negative;
        if (!iq_positive(&scale[j], &negative))
            return false;
        for (int k = 0; k < IQ3_QUADS; k++)
            block->qs[IQ3_QUADS * j + k] = (uint8_t)found[j].index[k];
        signs[j] = iq_pack_signs(negative);
        max_scale = scale[j] > max_scale ? scale[j] : max_scale;
    }
    if (max_scale == 0) {
        memset(block->qs, 0, sizeof(block->qs));
        return true;
    }
    half_put(block->d, max_scale / IQ3_SCALE_TOP * IQ3_XXS_FACTOR);
    for (int j = 0; j < IQ3_SUBS; j++)
        signs[j] |= (uint32_t)iq_scale_level(scale[j], max_scale / IQ3_SCALE_TOP, 15) << 28;
    memcpy(block->scales_signs, signs, sizeof(signs));
    return true;
}

#endif
