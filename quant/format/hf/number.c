#include "quant/format/hf/number.h"

#include <endian.h>
#include <math.h>
#include <string.h>

bool hf_number_readable(enum safetensors_dtype dtype)
{
    switch (dtype) {
    case SAFETENSORS_BOOL:
    case SAFETENSORS_U8:
    case SAFETENSORS_I8:
    case SAFETENSORS_F8_E4M3:
    case SAFETENSORS_F8_E5M2:
    case SAFETENSORS_F8_E8M0:
    case SAFETENSORS_F16:
    case SAFETENSORS_BF16:
    case SAFETENSORS_I16:
    case SAFETENSORS_F32:
    case SAFETENSORS_I32:
    case SAFETENSORS_F64:
    case SAFETENSORS_I64:
        return true;
    default:
        return false;
    }
}

static uint32_t bits_of(float value)
{
    uint32_t bits;

    memcpy(&bits, &value, sizeof(bits));
    return bits;
}

static float float_of(uint32_t bits)
{
    float value;

    memcpy(&value, &bits, sizeof(value));
    return value;
}

/* ---- to floats ---- */

/* NaN stays what it is, signalling ones too. */
static float from_half(uint16_t half)
{
    uint32_t sign = (uint32_t)(half & 0x8000) << 16, exponent = half >> 10 & 31;
    uint32_t fraction = half & 0x3ff;

    if (exponent == 31)
        return float_of(sign | 0x7f800000 | fraction << 13);
    if (exponent == 0) /* n * 2^-24, which floats hold exactly */
        return float_of(bits_of((float)fraction * 0x1p-24f) | sign);
    return float_of(sign | (exponent + 112) << 23 | fraction << 13);
}

/* 1 sign, 4 exponent (bias 7), 3 fraction; no infinities, one NaN. */
static float from_e4m3(uint8_t byte)
{
    uint32_t sign = (uint32_t)(byte & 0x80) << 24, exponent = byte >> 3 & 15, fraction = byte & 7;

    if (exponent == 15 && fraction == 7)
        return float_of(sign | 0x7ff00000);
    if (exponent == 0)
        return float_of(bits_of((float)fraction * 0x1p-9f) | sign);
    return float_of(sign | (exponent + 120) << 23 | fraction << 20);
}

/* The upper half of a half float; NaN becomes quiet. */
static float from_e5m2(uint8_t byte)
{
    uint32_t bits = bits_of(from_half((uint16_t)(byte << 8)));

    return float_of((bits & 0x7fffffff) > 0x7f800000 ? bits | 0x400000 : bits);
}

/* A power of two: its exponent with the bias of floats. */
static float from_e8m0(uint8_t byte)
{
    return byte == 255 ? float_of(0x7fc00000) : byte ? float_of((uint32_t)byte << 23) : 0x1p-127f;
}

/* A loop over numbers of one C type. */
#define WIDEN(type, expression)                                                                    \
    for (size_t i = 0; i < count; i++) {                                                           \
        type x;                                                                                    \
        memcpy(&x, data + i * sizeof(x), sizeof(x));                                               \
        out[i] = expression;                                                                       \
    }                                                                                              \
    break

void hf_number_widen(enum safetensors_dtype dtype, const uint8_t *data, float *out, size_t count)
{
    switch (dtype) {
    case SAFETENSORS_F32:
        memcpy(out, data, count * sizeof(*out));
        break;
    case SAFETENSORS_BF16:
        WIDEN(uint16_t, float_of((uint32_t)x << 16));
    case SAFETENSORS_F16:
        WIDEN(uint16_t, from_half(x));
    case SAFETENSORS_F64:
        WIDEN(double, (float)x);
    case SAFETENSORS_F8_E4M3:
        WIDEN(uint8_t, from_e4m3(x));
    case SAFETENSORS_F8_E5M2:
        WIDEN(uint8_t, from_e5m2(x));
    case SAFETENSORS_F8_E8M0:
        WIDEN(uint8_t, from_e8m0(x));
    case SAFETENSORS_BOOL:
        WIDEN(uint8_t, x ? 1 : 0);
    case SAFETENSORS_U8:
        WIDEN(uint8_t, x);
    case SAFETENSORS_I8:
        WIDEN(int8_t, x);
    case SAFETENSORS_I16:
        WIDEN(int16_t, x);
    case SAFETENSORS_I32:
        WIDEN(int32_t, (float)x);
    case SAFETENSORS_I64:
        WIDEN(int64_t, (float)x);
    default: /* not readable */
        memset(out, 0, count * sizeof(*out));
        break;
    }
}

/* ---- from floats ---- */

#define Q8_0_WEIGHTS 32u
#define Q8_0_SIZE 34u

static uint16_t to_half(float value)
{
    uint32_t bits = bits_of(value), magnitude = bits & 0x7fffffff, half;
    uint16_t sign = (uint16_t)(bits >> 16 & 0x8000);

    if (magnitude > 0x7f800000) {
        half = magnitude >> 13 & 0x3ff;
        return (uint16_t)(sign | 0x7c00 | (half ? half : 1));
    }
    if (magnitude >= 0x47800000) /* 2^16 and more */
        return (uint16_t)(sign | 0x7c00);
    if (magnitude < 0x38800000) {
        /* Below 2^-14 halfs are 2^-24 apart, as floats from 1/2 to 1 are: the sum is rounded so. */
        half = bits_of(float_of(magnitude) + 0.5f) - bits_of(0.5f);
        return (uint16_t)(sign | half);
    }
    /* Half a step less one, and the odd bit: ties go to even. A carry moves on the exponent. */
    half = (magnitude - (112u << 23) + 0xfff + (magnitude >> 13 & 1)) >> 13;
    return (uint16_t)(sign | half);
}

static uint16_t to_bf16(float value)
{
    uint32_t bits = bits_of(value);

    if ((bits & 0x7fffffff) > 0x7f800000)
        return (uint16_t)(bits >> 16 | 0x40);
    return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

/* Half the largest magnitude over 127, then a byte for each weight. NaN counts as the largest. */
static void to_q8_0(const float *values, uint8_t *out)
{
    uint32_t most = 0, magnitude;
    float d, inverse, x;
    uint16_t half;

    for (unsigned i = 0; i < Q8_0_WEIGHTS; i++) {
        magnitude = bits_of(values[i]) & 0x7fffffff;
        most = magnitude > most ? magnitude : most;
    }
    d = float_of(most) / 127;
    inverse = d == 0 ? 0 : 1 / d;
    half = htole16(to_half(d));
    memcpy(out, &half, sizeof(half));
    for (unsigned i = 0; i < Q8_0_WEIGHTS; i++) {
        x = roundf(values[i] * inverse);
        out[2 + i] = (uint8_t)(isfinite(x) ? (int)x : 0);
    }
}

void hf_number_narrow(enum type type, const float *values, uint8_t *out, size_t count)
{
    uint16_t half;

    if (type == TYPE_Q8_0) {
        for (size_t i = 0; i < count; i += Q8_0_WEIGHTS, out += Q8_0_SIZE)
            to_q8_0(values + i, out);
        return;
    }

    if (type == TYPE_F32) {
        memcpy(out, values, count * sizeof(*values));
        return;
    }
    for (size_t i = 0; i < count; i++) {
        half = type == TYPE_F16 ? to_half(values[i]) : to_bf16(values[i]);
        memcpy(out + 2 * i, &half, 2);
    }
}
