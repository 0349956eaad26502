/* The types with code books back to floats: IQ1_S, IQ1_M and all of IQ2 and IQ3. */
#include "quant/kernel/block.h"
#include "quant/kernel/grid.h"
#include "quant/kernel/half.h"
#include "quant/kernel/scalar.h"

enum {
    SUB = 32, /* weights with a scale of their own, or two */
    SUBS = BLOCK_SUPER / SUB,
    GROUP = 8, /* weights with signs in one byte */
    GROUPS = SUB / GROUP,
};

static inline uint32_t get_16(const uint8_t *from)
{
    return from[0] | (uint32_t)from[1] << 8;
}

static inline uint32_t get_32(const uint8_t *from)
{
    return get_16(from) | get_16(from + 2) << 16;
}

/* Seven signs are stored; the eighth makes the number of negative ones even. */
static inline uint8_t eight_signs(uint32_t seven)
{
    seven &= 127;
    return (uint8_t)(seven | (uint32_t)__builtin_parity(seven) << 7);
}

/* Weights of as many digits; `value` by digit. */
static inline void widen_point(float *dst, const uint8_t *digit, unsigned count,
                               const float *restrict value, float scale, unsigned signs)
{
    for (unsigned j = 0; j < count; j++) {
        float weight = scale * value[digit[j]];

        dst[j] = signs >> j & 1 ? -weight : weight;
    }
}

/* --- IQ2 ---------------------------------------------------------------------------------------
 */

static inline void widen_2(float *dst, const struct grid *grid, uint32_t index, float scale,
                           unsigned signs)
{
    static const float value[3] = {8, 25, 43};

    widen_point(dst, grid->point + 8 * index, 8, value, scale, signs);
}

static inline float scale_2(float d, unsigned scale)
{
    return d * (0.5f + (float)scale) * 0.25f;
}

void scalar_widen_iq2_xxs(float *restrict dst, const void *restrict src, size_t count)
{
    const struct block_iq2_xxs *block = src;
    const uint8_t *qs;
    uint32_t bits;
    float scale;

    for (size_t i = 0; i < count; i += BLOCK_SUPER, block++)
        for (int sub = 0; sub < SUBS; sub++) {
            qs = block->qs + 8 * sub;
            bits = get_32(qs + 4);
            scale = scale_2(half_get(block->d), bits >> 28);
            for (int g = 0; g < GROUPS; g++, dst += GROUP)
                widen_2(dst, &grid_iq2_xxs, qs[g], scale, eight_signs(bits >> 7 * g));
        }
}

void scalar_widen_iq2_xs(float *restrict dst, const void *restrict src, size_t count)
{
    const struct block_iq2_xs *block = src;
    uint32_t bits;
    float scale;

    for (size_t i = 0; i < count; i += BLOCK_SUPER, block++)
        for (int g = 0; g < SUBS * GROUPS; g++, dst += GROUP) {
            bits = get_16(block->qs + 2 * g);
            scale = scale_2(half_get(block->d), block->scales[g / 4] >> (g / 2 % 2 * 4) & 15u);
            widen_2(dst, &grid_iq2_xs, bits & 511, scale, eight_signs(bits >> 9));
        }
}

void scalar_widen_iq2_s(float *restrict dst, const void *restrict src, size_t count)
{
    const struct block_iq2_s *block = src;
    uint32_t index;
    float scale;

    for (size_t i = 0; i < count; i += BLOCK_SUPER, block++)
        for (int g = 0; g < SUBS * GROUPS; g++, dst += GROUP) {
            index = block->qs[g] | (block->qh[g / 4] >> (g % 4 * 2) & 3u) << 8;
            scale = scale_2(half_get(block->d), block->scales[g / 4] >> (g / 2 % 2 * 4) & 15u);
            widen_2(dst, &grid_iq2_s, index, scale, block->signs[g]);
        }
}

/* --- IQ3: two points of four digits a group ----------------------------------------------------
 */

void scalar_widen_iq3_xxs(float *restrict dst, const void *restrict src, size_t count)
{
    static const float value[8] = {4, 12, 20, 28, 36, 44, 52, 62};
    const struct block_iq3_xxs *block = src;
    const uint8_t *qs;
    uint32_t bits;
    uint8_t signs;
    float scale;

    for (size_t i = 0; i < count; i += BLOCK_SUPER, block++)
        for (int sub = 0; sub < SUBS; sub++) {
            qs = block->qs + 8 * sub;
            bits = get_32(block->scales_signs + 4 * sub);
            scale = half_get(block->d) * (0.5f + (float)(bits >> 28)) * 0.5f;
            for (int g = 0; g < GROUPS; g++, dst += GROUP) {
                signs = eight_signs(bits >> 7 * g);
                widen_point(dst, grid_iq3_xxs.point + 4 * qs[2 * g], 4, value, scale, signs);
                widen_point(dst + 4, grid_iq3_xxs.point + 4 * qs[2 * g + 1], 4, value, scale,
                            signs >> 4);
            }
        }
}

void scalar_widen_iq3_s(float *restrict dst, const void *restrict src, size_t count)
{
    static const float value[8] = {1, 3, 5, 7, 9, 11, 13, 15};
    const struct block_iq3_s *block = src;
    uint32_t index;
    float scale;

    for (size_t i = 0; i < count; i += BLOCK_SUPER, block++)
        for (int half = 0; half < 2 * SUBS * GROUPS; half++, dst += GROUP / 2) {
            index = block->qs[half] | (block->qh[half / 8] >> half % 8 & 1u) << 8;
            scale = (float)(1 + 2 * (block->scales[half / 16] >> (half / 8 % 2 * 4) & 15));
            widen_point(dst, grid_iq3_s.point + 4 * index, 4, value, half_get(block->d) * scale,
                        block->signs[half / 2] >> half % 2 * 4);
        }
}

/* --- IQ1: digits -1, 0 and 1, all moved up or down a little ------------------------------------
 */

static inline void widen_1(float *dst, uint32_t index, float scale, bool down)
{
    const uint8_t *digit = grid_iq1.point + 8 * index;
    const float delta = down ? -0.125f : 0.125f;

    for (int j = 0; j < GROUP; j++)
        dst[j] = scale * ((float)(digit[j] - 1) + delta);
}

void scalar_widen_iq1_s(float *restrict dst, const void *restrict src, size_t count)
{
    const struct block_iq1_s *block = src;
    uint32_t bits;
    float scale;

    for (size_t i = 0; i < count; i += BLOCK_SUPER, block++)
        for (int sub = 0; sub < SUBS; sub++) {
            bits = get_16(block->qh + 2 * sub);
            scale = half_get(block->d) * (float)(2 * (bits >> 12 & 7) + 1);
            for (int g = 0; g < GROUPS; g++, dst += GROUP)
                widen_1(dst, block->qs[GROUPS * sub + g] | (bits >> 3 * g & 7) << 8, scale,
                        bits & 0x8000);
        }
}

void scalar_widen_iq1_m(float *restrict dst, const void *restrict src, size_t count)
{
    const struct block_iq1_m *block = src;
    uint32_t half, high, scale;
    float d;

    for (size_t i = 0; i < count; i += BLOCK_SUPER, block++) {
        half = 0;
        for (int w = 0; w < 4; w++)
            half |= get_16(block->scales + 2 * w) >> 12 << 4 * w;
        d = half_to_float((uint16_t)half);
        for (int g = 0; g < SUBS * GROUPS; g++, dst += GROUP) {
            high = block->qh[g / 2] >> (g % 2 * 4) & 15u;
            scale = get_16(block->scales + g / 8 * 2) >> (g / 2 % 4 * 3) & 7;
            widen_1(dst, block->qs[g] | (high & 7) << 8, d * (float)(2 * scale + 1), high & 8);
        }
    }
}
