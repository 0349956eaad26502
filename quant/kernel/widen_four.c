/* The types with sixteen values that are not evenly spaced back to floats: IQ4_NL, IQ4_XS, MXFP4,
 * NVFP4. */
#include "quant/kernel/block.h"
#include "quant/kernel/fp4.h"
#include "quant/kernel/half.h"
#include "quant/kernel/scalar.h"
#include "quant/kernel/values.h"

/* The weights of `bytes` bytes: first those of all low halves. */
static inline void widen_values(float *dst, const uint8_t *qs, int bytes, const int8_t values[16],
                                float scale)
{
    for (int j = 0; j < bytes; j++) {
        dst[j] = scale * (float)values[qs[j] & 15];
        dst[j + bytes] = scale * (float)values[qs[j] >> 4];
    }
}

void scalar_widen_iq4_nl(float *restrict dst, const void *restrict src, size_t count)
{
    const struct block_iq4_nl *block = src;

    for (size_t i = 0; i < count; i += BLOCK_SMALL, dst += BLOCK_SMALL, block++)
        widen_values(dst, block->qs, BLOCK_SMALL / 2, values_iq4, half_get(block->d));
}

void scalar_widen_iq4_xs(float *restrict dst, const void *restrict src, size_t count)
{
    const struct block_iq4_xs *block = src;
    int scale;

    for (size_t i = 0; i < count; i += BLOCK_SUPER, block++)
        for (int sub = 0; sub < BLOCK_SUPER / 32; sub++, dst += 32) {
            scale = block->scales_l[sub / 2] >> (sub % 2 * 4) & 15;
            scale |= (block->scales_h[sub / 4] >> (sub % 4 * 2) & 3) << 4;
            widen_values(dst, block->qs + 16 * sub, 16, values_iq4,
                         half_get(block->d) * (float)(scale - 32));
        }
}

void scalar_widen_mxfp4(float *restrict dst, const void *restrict src, size_t count)
{
    const struct block_mxfp4 *block = src;

    for (size_t i = 0; i < count; i += BLOCK_SMALL, dst += BLOCK_SMALL, block++)
        widen_values(dst, block->qs, BLOCK_SMALL / 2, values_fp4, fp4_power(block->e - 128));
}

void scalar_widen_nvfp4(float *restrict dst, const void *restrict src, size_t count)
{
    const struct block_nvfp4 *block = src;

    for (size_t i = 0; i < count; i += BLOCK_NVFP4, block++)
        for (int sub = 0; sub < BLOCK_NVFP4 / BLOCK_NVFP4_SUB; sub++, dst += BLOCK_NVFP4_SUB)
            widen_values(dst, block->qs + sub * BLOCK_NVFP4_SUB / 2, BLOCK_NVFP4_SUB / 2,
                         values_fp4, fp4_unit(block->d[sub]));
}
