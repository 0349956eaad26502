/* F16 and BF16, both ways. */
#include "quant/kernel/half.h"

#include "quant/kernel/scalar.h"

void scalar_f16(void *restrict dst, const float *restrict src, size_t rows, size_t row_len,
                const float *restrict importance)
{
    uint8_t *out = dst;

    (void)importance;
    for (size_t i = 0; i < rows * row_len; i++)
        half_put(out + 2 * i, src[i]);
}

/* The upper half of the float's bits, rounded to nearest, ties to even; NaN becomes quiet. */
void scalar_bf16(void *restrict dst, const float *restrict src, size_t rows, size_t row_len,
                 const float *restrict importance)
{
    uint8_t *out = dst;
    uint32_t bits, rounded;
    uint16_t half;

    (void)importance;
    for (size_t i = 0; i < rows * row_len; i++) {
        bits = float_bits(src[i]);
        rounded = bits + 0x7fff + (bits >> 16 & 1);
        /* As signed numbers: the vector units compare no others. */
        rounded = (int32_t)(bits & 0x7fffffff) > 0x7f800000 ? bits | 0x400000 : rounded;
        half = (uint16_t)(rounded >> 16);
        memcpy(out + 2 * i, &half, 2);
    }
}

void scalar_widen_f16(float *restrict dst, const void *restrict src, size_t count)
{
    const uint8_t *in = src;

    for (size_t i = 0; i < count; i++)
        dst[i] = half_get(in + 2 * i);
}

void scalar_widen_bf16(float *restrict dst, const void *restrict src, size_t count)
{
    uint16_t half;

    for (size_t i = 0; i < count; i++) {
        memcpy(&half, (const uint8_t *)src + 2 * i, 2);
        dst[i] = bits_float((uint32_t)half << 16);
    }
}
