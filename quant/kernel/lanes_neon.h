#ifndef QUANT_KERNEL_LANES_NEON_H
#define QUANT_KERNEL_LANES_NEON_H

/*
 * Four floats at once, with what every AArch64 machine has: see lanes.h. Its own minimum, maximum
 * and conversions to integers differ from those of x86-64 where a number is NaN or too large, so
 * they are made of what does not.
 */
#ifdef __aarch64__

#include <arm_neon.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "quant/kernel/inline.h"

#define LANES 4
#define LANES_BITS 2 /* LANES is 2 to this */
#define REGISTERS 32

typedef float32x4_t vf;
typedef int32x4_t vi;
typedef uint32x4_t vm; /* all bits of a lane, or none */

INLINE vf vf_all(float value)
{
    return vdupq_n_f32(value);
}

INLINE vf vf_load(const float *from)
{
    return vld1q_f32(from);
}

INLINE void vf_store(float *to, vf a)
{
    vst1q_f32(to, a);
}

INLINE vf vf_load_half(const void *from)
{
    return vcvt_f32_f16(vreinterpret_f16_u8(vld1_u8(from)));
}

INLINE void vf_store_half(void *to, vf a)
{
    vst1_u8(to, vreinterpret_u8_f16(vcvt_f16_f32(a)));
}

INLINE vm vf_less(vf a, vf b)
{
    return vcltq_f32(a, b);
}

INLINE vm vf_at_most(vf a, vf b)
{
    return vcleq_f32(a, b);
}

INLINE vm vf_equal(vf a, vf b)
{
    return vceqq_f32(a, b);
}

INLINE vm vm_and(vm a, vm b)
{
    return vandq_u32(a, b);
}

INLINE vm vm_or(vm a, vm b)
{
    return vorrq_u32(a, b);
}

INLINE vm vm_not(vm a)
{
    return vmvnq_u32(a);
}

INLINE bool vm_any(vm a)
{
    return vmaxvq_u32(a) != 0;
}

INLINE uint32_t vm_bits(vm a)
{
    const uint32x4_t lane = {1, 2, 4, 8};

    return vaddvq_u32(vandq_u32(a, lane));
}

INLINE vf vf_select(vm mask, vf a, vf b)
{
    return vbslq_f32(mask, a, b);
}

INLINE vf vf_min(vf a, vf b)
{
    return vf_select(vf_less(a, b), a, b);
}

INLINE vf vf_max(vf a, vf b)
{
    return vf_select(vf_less(b, a), a, b);
}

INLINE vf vf_sqrt(vf a)
{
    return vsqrtq_f32(a);
}

INLINE vf vf_abs(vf a)
{
    return vabsq_f32(a);
}

INLINE vf vf_negate(vf a)
{
    return vnegq_f32(a);
}

#define LANES_INVERSE_ERROR 0x1p-23f

INLINE vf lanes_inverse(vf level, vf shifted)
{
    (void)shifted;
    return vf_all(1) / (level + vf_all(0.5f));
}

INLINE vf vf_rint(vf a)
{
    return vrndnq_f32(a);
}

INLINE vf vf_round(vf a)
{
    return vf_rint(a);
}

INLINE vf vf_other(vf a, vf b)
{
    (void)a;
    return b;
}

INLINE vf vf_either(vm mask, vf a, vf other)
{
    return vbslq_f32(mask, other, a);
}

INLINE vi vi_all(int32_t value)
{
    return vdupq_n_s32(value);
}

INLINE vi vi_load(const int32_t *from)
{
    return vld1q_s32(from);
}

INLINE vi vi_load_short(const uint16_t *from)
{
    return vreinterpretq_s32_u32(vmovl_u16(vld1_u16(from)));
}

INLINE void vi_store(int32_t *to, vi a)
{
    vst1q_s32(to, a);
}

INLINE vf vf_gather(const float *from, vi index)
{
    return (vf){from[index[0]], from[index[1]], from[index[2]], from[index[3]]};
}

INLINE vi vi_places(void)
{
    return (vi){0, 1, 2, 3};
}

INLINE vm vi_equal(vi a, vi b)
{
    return vceqq_s32(a, b);
}

INLINE vm vi_less(vi a, vi b)
{
    return vcltq_s32(a, b);
}

INLINE vi vi_select(vm mask, vi a, vi b)
{
    return vbslq_s32(mask, a, b);
}

INLINE vi vi_add(vi a, vi b)
{
    return vaddq_s32(a, b);
}

INLINE vi vi_count(vi a, vm mask)
{
    return vsubq_s32(a, vreinterpretq_s32_u32(mask));
}

INLINE vi vi_and(vi a, vi b)
{
    return vandq_s32(a, b);
}

INLINE vi vi_min(vi a, vi b)
{
    return vminq_s32(a, b);
}

INLINE vi vi_max(vi a, vi b)
{
    return vmaxq_s32(a, b);
}

INLINE vi vi_bits(vf a)
{
    return vreinterpretq_s32_f32(a);
}

INLINE vi vi_or(vi a, vi b)
{
    return vorrq_s32(a, b);
}

INLINE vi vi_xor(vi a, vi b)
{
    return veorq_s32(a, b);
}

INLINE vi vi_shift_left(vi a, unsigned bits)
{
    return vshlq_s32(a, vdupq_n_s32((int32_t)bits));
}

INLINE vi vi_shift_right(vi a, unsigned bits)
{
    return vreinterpretq_s32_u32(vshlq_u32(vreinterpretq_u32_s32(a), vdupq_n_s32(-(int32_t)bits)));
}

INLINE vf vi_floats(vi a)
{
    return vreinterpretq_f32_s32(a);
}

INLINE vi vi_after(int32_t before, vi a)
{
    return vextq_s32(vdupq_n_s32(before), a, LANES - 1);
}

INLINE vi vi_gather(const int32_t *from, vi index)
{
    return (vi){from[index[0]], from[index[1]], from[index[2]], from[index[3]]};
}

INLINE vi vi_gather_short(const uint16_t *from, vi index)
{
    return (vi){from[index[0]], from[index[1]], from[index[2]], from[index[3]]};
}

INLINE uint32_t vi_test(vi a, int32_t bit)
{
    return vm_bits(vtstq_s32(a, vi_all(bit)));
}

INLINE int32_t vi_largest(vi a)
{
    return vmaxvq_s32(a);
}

INLINE float vf_least(vf a)
{
    return vminvq_f32(a);
}

INLINE float vf_largest(vf a)
{
    return vmaxvq_f32(a);
}

INLINE vf vf_from(vi a)
{
    return vcvtq_f32_s32(a);
}

/* -2^31 is INT32_MIN itself, so it may count as too large. */
INLINE vi vi_cut(vf a)
{
    return vbslq_s32(vcltq_f32(vabsq_f32(a), vdupq_n_f32(0x1p31f)), vcvtq_s32_f32(a),
                     vdupq_n_s32(INT32_MIN));
}

INLINE vi vi_load_halves(const void *from)
{
    return vreinterpretq_s32_u32(vmovl_u16(vreinterpret_u16_u8(vld1_u8(from))));
}

INLINE void vi_store_halves(void *to, vi a)
{
    vst1_u8(to, vreinterpret_u8_u16(vshrn_n_u32(vreinterpretq_u32_s32(a), 16)));
}

INLINE void vi_store_bytes(uint8_t *to, vi a)
{
    const uint16x4_t half = vmovn_u32(vreinterpretq_u32_s32(a));
    const uint8x8_t bytes = vmovn_u16(vcombine_u16(half, half));
    uint32_t word = vget_lane_u32(vreinterpret_u32_u8(bytes), 0);

    __builtin_memcpy(to, &word, sizeof(word));
}

/* A vector is one quarter here. */
INLINE vf lanes_quarters(const float *from, size_t stride)
{
    (void)stride;
    return vld1q_f32(from);
}

INLINE vf lanes_low(vf a, vf b)
{
    return vzip1q_f32(a, b);
}

INLINE vf lanes_high(vf a, vf b)
{
    return vzip2q_f32(a, b);
}

INLINE vf lanes_first(vf a, vf b)
{
    return vcombine_f32(vget_low_f32(a), vget_low_f32(b));
}

INLINE vf lanes_second(vf a, vf b)
{
    return vcombine_f32(vget_high_f32(a), vget_high_f32(b));
}

/* The low bytes of four vectors. */
INLINE uint8x16_t bytes_low(const vi *a)
{
    const uint16x8_t first = vcombine_u16(vmovn_u32(vreinterpretq_u32_s32(a[0])),
                                          vmovn_u32(vreinterpretq_u32_s32(a[1])));
    const uint16x8_t second = vcombine_u16(vmovn_u32(vreinterpretq_u32_s32(a[2])),
                                           vmovn_u32(vreinterpretq_u32_s32(a[3])));

    return vcombine_u8(vmovn_u16(first), vmovn_u16(second));
}

/* A bit for each byte: is the fifth set there? */
INLINE uint32_t bytes_fifth(uint8x16_t bytes)
{
    const uint8x16_t place = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
    const uint8x16_t bits = vandq_u8(vtstq_u8(bytes, vdupq_n_u8(16)), place);

    return vaddv_u8(vget_low_u8(bits)) | (uint32_t)vaddv_u8(vget_high_u8(bits)) << 8;
}

INLINE uint32_t lanes_pack(const vi level[32 / LANES], uint8_t nibbles[16])
{
    const uint8x16_t low = bytes_low(level), high = bytes_low(level + 4);

    vst1q_u8(nibbles, vorrq_u8(vandq_u8(low, vdupq_n_u8(15)), vshlq_n_u8(high, 4)));
    return bytes_fifth(low) | bytes_fifth(high) << 16;
}

struct eight {
    uint8x16x2_t bytes;
};

struct sixteen {
    uint8x16x4_t bytes;
};

INLINE struct eight eight_load(const float from[8])
{
    return (struct eight){vld1q_u8_x2((const uint8_t *)from)};
}

INLINE struct sixteen sixteen_load(const float from[16])
{
    return (struct sixteen){vld1q_u8_x4((const uint8_t *)from)};
}

/* Which bytes make the float with an index. */
INLINE uint8x16_t bytes_of(vi index)
{
    return vreinterpretq_u8_s32(vaddq_s32(vmulq_n_s32(index, 0x04040404), vdupq_n_s32(0x03020100)));
}

INLINE vf eight_pick(const struct eight *table, vi index)
{
    return vreinterpretq_f32_u8(vqtbl2q_u8(table->bytes, bytes_of(vi_and(index, vi_all(7)))));
}

INLINE vf sixteen_pick(const struct sixteen *table, vi index)
{
    return vreinterpretq_f32_u8(vqtbl4q_u8(table->bytes, bytes_of(index)));
}

INLINE vf four_load_all(const float from[4])
{
    return vld1q_f32(from);
}

INLINE vf four_pick(vf table, vi index)
{
    return vreinterpretq_f32_u8(
        vqtbl1q_u8(vreinterpretq_u8_f32(table), bytes_of(vandq_s32(index, vdupq_n_s32(3)))));
}

#endif

#endif
