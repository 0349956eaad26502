#ifndef QUANT_KERNEL_HALF_H
#define QUANT_KERNEL_HALF_H

#include <stdint.h>
#include <string.h>

static inline uint32_t float_bits(float value)
{
    uint32_t bits;

    memcpy(&bits, &value, sizeof(bits));
    return bits;
}

static inline float bits_float(uint32_t bits)
{
    float value;

    memcpy(&value, &bits, sizeof(value));
    return value;
}

/*
 * The nearest half float, ties to even; NaN becomes 0x7e00 with its sign.
 *
 * For a value of [2^e, 2^(e+1)) half floats are 2^(e-10) apart, and so are floats around 2^(e+13):
 * their sum is rounded as the half must be, and its low bits are k = value / 2^(e-10), of 1024 to
 * 2048. The half's bits are then (e + 14) * 1024 + k, also where k = 2048 carries into the
 * exponent. Below 2^-14 halfs stay 2^-24 apart: e is -14 there and k less than 1024. From 2^16 on
 * all are infinite as 2^16 is: e = 16 and k = 1024 give 0x7c00.
 */
static inline uint16_t half_from_float(float value)
{
    const int32_t least = (127 - 14) << 23, most = (127 + 16) << 23;
    uint32_t bits = float_bits(value);
    int32_t magnitude = bits & 0x7fffffff, capped = magnitude < most ? magnitude : most;
    int32_t power = capped & 0x7f800000, half, nan;

    power = power > least ? power : least;
    half = (power - least) >> 13;
    half += float_bits(bits_float(power + (13 << 23)) + bits_float(capped)) & 0xfff;
    nan = -(magnitude > 0x7f800000);
    return (uint16_t)((bits >> 16 & 0x8000) | (0x7e00 & nan) | (half & ~nan));
}

/*
 * Exact; NaN becomes quiet. Normal halfs are shifted into place and their exponent is corrected by
 * a multiplication, which leaves infinity and NaN what they are. Denormals are n * 2^-24: the low
 * bits of a float 1/2 + n * 2^-24.
 */
static inline float half_to_float(uint16_t half)
{
    int32_t shifted = (half & 0x7fff) << 13, small = -(shifted < 0x400 << 13);
    float normal = bits_float(shifted + ((255 - 31) << 23)) * 0x1p-112f;
    float denormal = bits_float((126 << 23) | (half & 0x7fff)) - 0.5f;
    uint32_t bits = (float_bits(denormal) & small) | (float_bits(normal) & ~small);

    /* A mask, not a branch: both sides are cheap, and several can be made at once. */
    return bits_float(bits | (uint32_t)(half & 0x8000) << 16);
}

/* A half float in a block. */
static inline void half_put(uint8_t field[2], float value)
{
    uint16_t half = half_from_float(value);

    memcpy(field, &half, sizeof(half));
}

static inline float half_get(const uint8_t field[2])
{
    uint16_t half;

    memcpy(&half, field, sizeof(half));
    return half_to_float(half);
}

#endif
