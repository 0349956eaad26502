#ifndef QUANT_KERNEL_IQ2_H
#define QUANT_KERNEL_IQ2_H

#include "quant/kernel/iq.h"

/* What all sets do alike to one block of IQ2_XXS, IQ2_XS or IQ2_S, around the searches. */

enum {
    IQ2_OCTET = 8,    /* weights of one point of the code book */
    IQ2_LEVELS = 3,   /* level l stands for 2 l + 1 */
    IQ2_TOP = 5,      /* what the highest level stands for */
    IQ2_SUB_MAX = 32, /* weights with a scale of their own: 32, or 16 */
    IQ2_OCTETS_MAX = IQ2_SUB_MAX / IQ2_OCTET,
    IQ2_SCALE_TOP = 31, /* what the highest scale stands for */
    IQ2_XXS_SUB = 32,
    IQ2_XXS_SUBS = BLOCK_SUPER / IQ2_XXS_SUB,
    IQ2_XS_SUB = 16, /* of IQ2_S, too */
    IQ2_XS_SUBS = BLOCK_SUPER / IQ2_XS_SUB,
    /* Candidates for a scale on each side of the middle one. */
    IQ2_XXS_STEPS = 6,
    IQ2_XS_STEPS = 9,
};

#define IQ2_STEP 0.1f        /* from one candidate to the next */
#define IQ2_S_EPSILON 1e-8f  /* an IQ2_S group of smaller magnitudes counts as zeros */
#define IQ2_S_FACTOR 0.9875f /* by which the scales of IQ2_S are stored smaller than they are */

/* What is found for a sub-block. */
struct iq2_found {
    bool zeros;                     /* it counts as such, and the others here mean nothing */
    float scale;                    /* any; NaN is none */
    uint32_t negative;              /* a bit for each weight */
    uint16_t index[IQ2_OCTETS_MAX]; /* points */
};

/* Scales and signs of `count` sub-blocks with all scales positive; the largest. False where the
 * reference library stops. */
static inline bool iq2_scales(const struct iq2_found *found, int count, float *scale,
                              uint32_t *negative, float *largest)
{
    *largest = 0;
    for (int j = 0; j < count; j++) {
        scale[j] = found[j].zeros ? 0 : found[j].scale;
        negative[j] = found[j].negative;
        if (!iq_positive(&scale[j], &negative[j]))
            return false;
        *largest = *largest > scale[j] ? *largest : scale[j];
    }
    return true;
}

static inline bool iq2_xxs_put(const struct iq2_found *found, void *to)
{
    struct block_iq2_xxs *block = to;
    uint32_t negative[IQ2_XXS_SUBS], signs;
    float scale[IQ2_XXS_SUBS], largest;
    uint8_t *qs = block->qs;

    memset(block, 0, sizeof(*block));
    if (!iq2_scales(found, IQ2_XXS_SUBS, scale, negative, &largest))
        return false;
    half_put(block->d, largest / IQ2_SCALE_TOP);
    for (int j = 0; j < IQ2_XXS_SUBS && largest != 0; j++, qs += 8) {
        signs = (uint32_t)iq_scale_level(scale[j], largest / IQ2_SCALE_TOP, 15) << 28;
        for (int k = 0; k < 4 && !found[j].zeros; k++)
            qs[k] = (uint8_t)found[j].index[k];
        if (!found[j].zeros)
            signs |= iq_pack_signs(negative[j]);
        memcpy(qs + 4, &signs, sizeof(signs));
    }
    return true;
}

/* The same. */
static inline bool iq2_xs_put(const struct iq2_found *found, void *to)
{
    struct block_iq2_xs *block = to;
    uint16_t word[2 * IQ2_XS_SUBS] = {0};
    float scale[IQ2_XS_SUBS], largest;
    uint32_t negative[IQ2_XS_SUBS];

    memset(block, 0, sizeof(*block));
    if (!iq2_scales(found, IQ2_XS_SUBS, scale, negative, &largest))
        return false;
    if (largest == 0)
        return true;
    for (int i = 0; i < 2 * IQ2_XS_SUBS; i++)
        if (!found[i / 2].zeros)
            word[i] = (uint16_t)(found[i / 2].index[i % 2] | (negative[i / 2] >> 8 * (i % 2) & 0x7f)
                                                                 << 9);
    half_put(block->d, largest / IQ2_SCALE_TOP);
    memcpy(block->qs, word, sizeof(word));
    iq_put_scales(IQ2_XS_SUBS, scale, largest / IQ2_SCALE_TOP, block->scales);
    return true;
}

/* The same. */
static inline bool iq2_s_put(const struct iq2_found *found, void *to)
{
    struct block_iq2_s *block = to;
    float scale[IQ2_XS_SUBS], largest;
    uint32_t negative[IQ2_XS_SUBS];
    unsigned index;

    memset(block, 0, sizeof(*block));
    if (!iq2_scales(found, IQ2_XS_SUBS, scale, negative, &largest))
        return false;
    for (int i = 0; i < 2 * IQ2_XS_SUBS; i++) {
        if (found[i / 2].zeros)
            continue;
        index = found[i / 2].index[i % 2];
        block->qs[i] = (uint8_t)index;
        block->qh[i / 4] = (uint8_t)(block->qh[i / 4] | index >> 8 << 2 * (i % 4));
        block->signs[i] = (uint8_t)(negative[i / 2] >> 8 * (i % 2));
    }
    if (largest == 0)
        return true;
    half_put(block->d, largest / IQ2_SCALE_TOP * IQ2_S_FACTOR);
    iq_put_scales(IQ2_XS_SUBS, scale, largest / IQ2_SCALE_TOP, block->scales);
    return true;
}

#endif
