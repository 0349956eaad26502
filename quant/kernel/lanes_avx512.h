#ifndef QUANT_KERNEL_LANES_AVX512_H
#define QUANT_KERNEL_LANES_AVX512_H

/* Sixteen floats at once: see lanes.h, which alone includes this. */
#ifdef __AVX512F__

#include <immintrin.h>
#include <stdbool.h>
#include <stdint.h>

#include "quant/kernel/inline.h"

#define LANES 16
#define LANES_BITS 4 /* LANES is 2 to this */
#define REGISTERS 32 /* that hold vectors */

typedef __m512 vf;
typedef __m512i vi;
typedef __mmask16 vm; /* a bit for each lane */

INLINE vf vf_all(float value)
{
    return _mm512_set1_ps(value);
}

INLINE vf vf_load(const float *from)
{
    return _mm512_loadu_ps(from);
}

INLINE void vf_store(float *to, vf a)
{
    _mm512_storeu_ps(to, a);
}

/* LANES numbers of F16, exact; a signaling NaN becomes quiet. */
INLINE vf vf_load_half(const void *from)
{
    return _mm512_cvtph_ps(_mm256_loadu_si256(from));
}

/* To F16: nearest, ties to even, subnormals kept. Not for NaN, of which the payload would stay. */
INLINE void vf_store_half(void *to, vf a)
{
    _mm256_storeu_si256(to, _mm512_cvtps_ph(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}

/* a < b ? a : b, so b where one is NaN and where both are zeros. */
INLINE vf vf_min(vf a, vf b)
{
    return _mm512_min_ps(a, b);
}

/* a > b ? a : b */
INLINE vf vf_max(vf a, vf b)
{
    return _mm512_max_ps(a, b);
}

INLINE vf vf_sqrt(vf a)
{
    return _mm512_sqrt_ps(a);
}

INLINE vf vf_abs(vf a)
{
    return _mm512_abs_ps(a);
}

INLINE vf vf_negate(vf a)
{
    return _mm512_castsi512_ps(
        _mm512_xor_si512(_mm512_castps_si512(a), _mm512_set1_epi32(INT32_MIN)));
}

/* To the nearest integer, ties to even. */
INLINE vf vf_rint(vf a)
{
    return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

/* The same for magnitudes below 2^22; larger ones stay as large, NaN stays. -0 may become 0. */
INLINE vf vf_round(vf a)
{
    return vf_rint(a);
}

/* About 1 / (level + 1/2) of a level from 0 to 31: off by the share LANES_INVERSE_ERROR at most.
 * `shifted` is the level, which is a whole number, plus 1.5 * 2^23. */
#define LANES_INVERSE_ERROR 0x1p-24f

INLINE vf lanes_inverse(vf level, vf shifted)
{
    static const _Alignas(64) float inverse[2][LANES] = {
        {1 / 0.5f, 1 / 1.5f, 1 / 2.5f, 1 / 3.5f, 1 / 4.5f, 1 / 5.5f, 1 / 6.5f, 1 / 7.5f, 1 / 8.5f,
         1 / 9.5f, 1 / 10.5f, 1 / 11.5f, 1 / 12.5f, 1 / 13.5f, 1 / 14.5f, 1 / 15.5f},
        {1 / 16.5f, 1 / 17.5f, 1 / 18.5f, 1 / 19.5f, 1 / 20.5f, 1 / 21.5f, 1 / 22.5f, 1 / 23.5f,
         1 / 24.5f, 1 / 25.5f, 1 / 26.5f, 1 / 27.5f, 1 / 28.5f, 1 / 29.5f, 1 / 30.5f, 1 / 31.5f}};

    (void)level;
    return _mm512_permutex2var_ps(_mm512_load_ps(inverse[0]), _mm512_castps_si512(shifted),
                                  _mm512_load_ps(inverse[1]));
}

/* Sets that have this operation define LANES_BOUND: whole numbers from -8 to 23 bounded by 0 and
 * `top`, which is at most 15, from their sums with 1.5 * 2^23, of which the last five bits say
 * which they are. */
#define LANES_BOUND 1

INLINE vf lanes_bound(vf shifted, float top)
{
    const vf count = _mm512_setr_ps(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    const vf most = vf_all(top);

    return _mm512_permutex2var_ps(vf_min(count, most), _mm512_castps_si512(shifted),
                                  _mm512_maskz_mov_ps(0xff, most));
}

INLINE vm vf_less(vf a, vf b)
{
    return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ);
}

INLINE vm vf_at_most(vf a, vf b)
{
    return _mm512_cmp_ps_mask(a, b, _CMP_LE_OQ);
}

INLINE vm vf_equal(vf a, vf b)
{
    return _mm512_cmp_ps_mask(a, b, _CMP_EQ_OQ);
}

INLINE vm vm_and(vm a, vm b)
{
    return (vm)(a & b);
}

INLINE vm vm_or(vm a, vm b)
{
    return (vm)(a | b);
}

INLINE vm vm_not(vm a)
{
    return (vm)~a;
}

INLINE bool vm_any(vm a)
{
    return a != 0;
}

/* A bit for each lane. */
INLINE uint32_t vm_bits(vm a)
{
    return a;
}

INLINE vf vf_select(vm mask, vf a, vf b)
{
    return _mm512_mask_blend_ps(mask, b, a);
}

/* What vf_either() wants to know of b, besides a. */
INLINE vf vf_other(vf a, vf b)
{
    (void)a;
    return b;
}

/* b in the lanes of `mask`, a in the others; cheaper than vf_select(). */
INLINE vf vf_either(vm mask, vf a, vf other)
{
    return _mm512_mask_blend_ps(mask, a, other);
}

INLINE vi vi_all(int32_t value)
{
    return _mm512_set1_epi32(value);
}

INLINE vi vi_load(const int32_t *from)
{
    return _mm512_loadu_si512(from);
}

/* Of LANES 16-bit numbers. */
INLINE vi vi_load_short(const uint16_t *from)
{
    return _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)from));
}

INLINE void vi_store(int32_t *to, vi a)
{
    _mm512_storeu_si512(to, a);
}

/* Lane i gets from[index of lane i]. */
INLINE vf vf_gather(const float *from, vi index)
{
    return _mm512_i32gather_ps(index, from, 4);
}

/* 0, 1, 2, ... */
INLINE vi vi_places(void)
{
    return _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
}

INLINE vm vi_equal(vi a, vi b)
{
    return _mm512_cmpeq_epi32_mask(a, b);
}

INLINE vm vi_less(vi a, vi b)
{
    return _mm512_cmplt_epi32_mask(a, b);
}

INLINE vi vi_select(vm mask, vi a, vi b)
{
    return _mm512_mask_blend_epi32(mask, b, a);
}

INLINE vi vi_add(vi a, vi b)
{
    return _mm512_add_epi32(a, b);
}

/* One more in the lanes of `mask`. */
INLINE vi vi_count(vi a, vm mask)
{
    return _mm512_mask_add_epi32(a, mask, a, _mm512_set1_epi32(1));
}

INLINE vi vi_and(vi a, vi b)
{
    return _mm512_and_si512(a, b);
}

INLINE vi vi_min(vi a, vi b)
{
    return _mm512_min_epi32(a, b);
}

INLINE vi vi_max(vi a, vi b)
{
    return _mm512_max_epi32(a, b);
}

INLINE vi vi_bits(vf a)
{
    return _mm512_castps_si512(a);
}

INLINE vi vi_or(vi a, vi b)
{
    return _mm512_or_si512(a, b);
}

INLINE vi vi_xor(vi a, vi b)
{
    return _mm512_xor_si512(a, b);
}

INLINE vi vi_shift_left(vi a, unsigned bits)
{
    return _mm512_slli_epi32(a, bits);
}

/* Zeros come in. */
INLINE vi vi_shift_right(vi a, unsigned bits)
{
    return _mm512_srli_epi32(a, bits);
}

INLINE vf vi_floats(vi a)
{
    return _mm512_castsi512_ps(a);
}

/* Each lane one further; `before` becomes the first. */
INLINE vi vi_after(int32_t before, vi a)
{
    return _mm512_alignr_epi32(a, vi_all(before), LANES - 1);
}

INLINE vi vi_gather(const int32_t *from, vi index)
{
    return _mm512_i32gather_epi32(index, from, 4);
}

/* What lies behind a number is read too. */
INLINE vi vi_gather_short(const uint16_t *from, vi index)
{
    return _mm512_and_si512(_mm512_i32gather_epi32(index, from, 2), _mm512_set1_epi32(0xffff));
}

/* A bit for each lane: is `bit`, a power of two, set there? */
INLINE uint32_t vi_test(vi a, int32_t bit)
{
    return _mm512_test_epi32_mask(a, _mm512_set1_epi32(bit));
}

INLINE int32_t vi_largest(vi a)
{
    return _mm512_reduce_max_epi32(a);
}

/* Of lanes without NaN; which zero is not said. */
INLINE float vf_least(vf a)
{
    return _mm512_reduce_min_ps(a);
}

INLINE float vf_largest(vf a)
{
    return _mm512_reduce_max_ps(a);
}

INLINE vf vf_from(vi a)
{
    return _mm512_cvtepi32_ps(a);
}

/* Towards zero; INT32_MIN where it is no 32-bit integer. */
INLINE vi vi_cut(vf a)
{
    return _mm512_cvttps_epi32(a);
}

/* LANES numbers of 16 bits, none of which is negative. */
INLINE vi vi_load_halves(const void *from)
{
    return _mm512_cvtepu16_epi32(_mm256_loadu_si256(from));
}

/* The upper 16 bits of each lane. */
INLINE void vi_store_halves(void *to, vi a)
{
    _mm256_storeu_si256(to, _mm512_cvtepi32_epi16(_mm512_srli_epi32(a, 16)));
}

/* The low byte of each lane. */
INLINE void vi_store_bytes(uint8_t *to, vi a)
{
    _mm_storeu_si128((__m128i *)to, _mm512_cvtepi32_epi8(a));
}

/* Four floats each from rows 0, 4, 8, ... from `from` on, `stride` floats apart. */
INLINE vf lanes_quarters(const float *from, size_t stride)
{
    vf rows = _mm512_castps128_ps512(_mm_loadu_ps(from));

    rows = _mm512_insertf32x4(rows, _mm_loadu_ps(from + 4 * stride), 1);
    rows = _mm512_insertf32x4(rows, _mm_loadu_ps(from + 8 * stride), 2);
    return _mm512_insertf32x4(rows, _mm_loadu_ps(from + 12 * stride), 3);
}

/* In each quarter: the first two of a and b in turns, and the last two. */
INLINE vf lanes_low(vf a, vf b)
{
    return _mm512_unpacklo_ps(a, b);
}

INLINE vf lanes_high(vf a, vf b)
{
    return _mm512_unpackhi_ps(a, b);
}

/* In each quarter: the first halves of a and b, and the second ones. */
INLINE vf lanes_first(vf a, vf b)
{
    return _mm512_shuffle_ps(a, b, 0x44);
}

INLINE vf lanes_second(vf a, vf b)
{
    return _mm512_shuffle_ps(a, b, 0xee);
}

/* The even quarters of a, then those of b, and the odd ones. */
INLINE vf lanes_even(vf a, vf b)
{
    return _mm512_shuffle_f32x4(a, b, 0x88);
}

INLINE vf lanes_odd(vf a, vf b)
{
    return _mm512_shuffle_f32x4(a, b, 0xdd);
}

/* 32 levels below 32, in order; INT32_MIN counts as 0. The low four bits of level i go to the low
 * half of byte i, those of level i + 16 to the high half. Returns the fifth bits: that of level i
 * is bit i. */
INLINE uint32_t lanes_pack(const vi level[32 / LANES], uint8_t nibbles[16])
{
    const vi low = _mm512_and_si512(level[0], _mm512_set1_epi32(15));

    _mm_storeu_si128((__m128i *)nibbles,
                     _mm512_cvtepi32_epi8(_mm512_or_si512(low, _mm512_slli_epi32(level[1], 4))));
    return vi_test(level[0], 16) | vi_test(level[1], 16) << LANES;
}

/* Eight floats, and sixteen, of which each lane picks the one with its index; of eight the low
 * three bits of that count. */
struct eight {
    vf entry;
};

struct sixteen {
    vf entry;
};

INLINE struct eight eight_load(const float from[8])
{
    return (struct eight){_mm512_broadcast_f32x8(_mm256_loadu_ps(from))};
}

INLINE struct sixteen sixteen_load(const float from[16])
{
    return (struct sixteen){_mm512_loadu_ps(from)};
}

INLINE vf eight_pick(const struct eight *table, vi index)
{
    return _mm512_permutexvar_ps(index, table->entry);
}

INLINE vf sixteen_pick(const struct sixteen *table, vi index)
{
    return _mm512_permutexvar_ps(index, table->entry);
}

/* Four floats, of which each lane picks the one that the low two bits of its index say. */
INLINE vf four_load_all(const float from[4])
{
    return _mm512_broadcast_f32x4(_mm_loadu_ps(from));
}

INLINE vf four_pick(vf table, vi index)
{
    return _mm512_permutevar_ps(table, index);
}

#endif

#endif
