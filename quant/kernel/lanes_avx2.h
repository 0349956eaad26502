#ifndef QUANT_KERNEL_LANES_AVX2_H
#define QUANT_KERNEL_LANES_AVX2_H

/* Eight floats at once: see lanes.h, which alone includes this. */
#ifdef __AVX2__

#include <immintrin.h>
#include <stdbool.h>
#include <stdint.h>

#include "quant/kernel/inline.h"

#define LANES 8
#define LANES_BITS 3 /* LANES is 2 to this */
#define REGISTERS 16

typedef __m256 vf;
typedef __m256i vi;
typedef __m256 vm; /* all bits of a lane, or none */

INLINE vf vf_all(float value)
{
    return _mm256_set1_ps(value);
}

INLINE vf vf_load(const float *from)
{
    return _mm256_loadu_ps(from);
}

INLINE void vf_store(float *to, vf a)
{
    _mm256_storeu_ps(to, a);
}

INLINE vf vf_load_half(const void *from)
{
    return _mm256_cvtph_ps(_mm_loadu_si128(from));
}

INLINE void vf_store_half(void *to, vf a)
{
    _mm_storeu_si128(to, _mm256_cvtps_ph(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}

INLINE vf vf_min(vf a, vf b)
{
    return _mm256_min_ps(a, b);
}

INLINE vf vf_max(vf a, vf b)
{
    return _mm256_max_ps(a, b);
}

INLINE vf vf_sqrt(vf a)
{
    return _mm256_sqrt_ps(a);
}

INLINE vf vf_abs(vf a)
{
    return _mm256_and_ps(a, _mm256_castsi256_ps(_mm256_set1_epi32(INT32_MAX)));
}

INLINE vf vf_negate(vf a)
{
    return _mm256_xor_ps(a, _mm256_set1_ps(-0.0f));
}

INLINE vf vf_rint(vf a)
{
    return _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

/* Moved to where floats are 1 apart and back; two quick operations instead of a slow one. */
INLINE vf vf_round(vf a)
{
    const vf shift = _mm256_set1_ps(0x1.8p23f);

    return (a + shift) - shift;
}

#define LANES_INVERSE_ERROR 0x1.8p-12f

INLINE vf lanes_inverse(vf level, vf shifted)
{
    (void)shifted;
    return _mm256_rcp_ps(level + _mm256_set1_ps(0.5f));
}

INLINE vm vf_less(vf a, vf b)
{
    return _mm256_cmp_ps(a, b, _CMP_LT_OQ);
}

INLINE vm vf_at_most(vf a, vf b)
{
    return _mm256_cmp_ps(a, b, _CMP_LE_OQ);
}

INLINE vm vf_equal(vf a, vf b)
{
    return _mm256_cmp_ps(a, b, _CMP_EQ_OQ);
}

INLINE vm vm_and(vm a, vm b)
{
    return _mm256_and_ps(a, b);
}

INLINE vm vm_or(vm a, vm b)
{
    return _mm256_or_ps(a, b);
}

INLINE vm vm_not(vm a)
{
    return _mm256_xor_ps(a, _mm256_castsi256_ps(_mm256_set1_epi32(-1)));
}

INLINE bool vm_any(vm a)
{
    return _mm256_movemask_ps(a) != 0;
}

INLINE uint32_t vm_bits(vm a)
{
    return (uint32_t)_mm256_movemask_ps(a);
}

INLINE vf vf_select(vm mask, vf a, vf b)
{
    return _mm256_blendv_ps(b, a, mask);
}

/* To blend takes three operations on some machines. */
INLINE vf vf_other(vf a, vf b)
{
    return _mm256_xor_ps(a, b);
}

INLINE vf vf_either(vm mask, vf a, vf other)
{
    return _mm256_xor_ps(a, _mm256_and_ps(mask, other));
}

INLINE vi vi_all(int32_t value)
{
    return _mm256_set1_epi32(value);
}

INLINE vi vi_load(const int32_t *from)
{
    return _mm256_loadu_si256((const __m256i *)from);
}

INLINE vi vi_load_short(const uint16_t *from)
{
    return _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)from));
}

INLINE void vi_store(int32_t *to, vi a)
{
    _mm256_storeu_si256((__m256i *)to, a);
}

INLINE vf vf_gather(const float *from, vi index)
{
    return _mm256_i32gather_ps(from, index, 4);
}

INLINE vi vi_places(void)
{
    return _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
}

INLINE vm vi_equal(vi a, vi b)
{
    return _mm256_castsi256_ps(_mm256_cmpeq_epi32(a, b));
}

INLINE vm vi_less(vi a, vi b)
{
    return _mm256_castsi256_ps(_mm256_cmpgt_epi32(b, a));
}

INLINE vi vi_select(vm mask, vi a, vi b)
{
    return _mm256_blendv_epi8(b, a, _mm256_castps_si256(mask));
}

INLINE vi vi_add(vi a, vi b)
{
    return _mm256_add_epi32(a, b);
}

INLINE vi vi_count(vi a, vm mask)
{
    return _mm256_sub_epi32(a, _mm256_castps_si256(mask));
}

INLINE vi vi_and(vi a, vi b)
{
    return _mm256_and_si256(a, b);
}

INLINE vi vi_min(vi a, vi b)
{
    return _mm256_min_epi32(a, b);
}

INLINE vi vi_max(vi a, vi b)
{
    return _mm256_max_epi32(a, b);
}

INLINE vi vi_bits(vf a)
{
    return _mm256_castps_si256(a);
}

INLINE vi vi_or(vi a, vi b)
{
    return _mm256_or_si256(a, b);
}

INLINE vi vi_xor(vi a, vi b)
{
    return _mm256_xor_si256(a, b);
}

INLINE vi vi_shift_left(vi a, unsigned bits)
{
    return _mm256_slli_epi32(a, (int)bits);
}

INLINE vi vi_shift_right(vi a, unsigned bits)
{
    return _mm256_srli_epi32(a, (int)bits);
}

INLINE vf vi_floats(vi a)
{
    return _mm256_castsi256_ps(a);
}

INLINE vi vi_after(int32_t before, vi a)
{
    return _mm256_alignr_epi8(a, _mm256_permute2x128_si256(vi_all(before), a, 0x21), 12);
}

INLINE vi vi_gather(const int32_t *from, vi index)
{
    return _mm256_i32gather_epi32(from, index, 4);
}

INLINE vi vi_gather_short(const uint16_t *from, vi index)
{
    return _mm256_and_si256(_mm256_i32gather_epi32((const int *)(const void *)from, index, 2),
                            _mm256_set1_epi32(0xffff));
}

INLINE uint32_t vi_test(vi a, int32_t bit)
{
    const vi none =
        _mm256_cmpeq_epi32(_mm256_and_si256(a, _mm256_set1_epi32(bit)), _mm256_setzero_si256());

    return ~(uint32_t)_mm256_movemask_ps(_mm256_castsi256_ps(none)) & 0xff;
}

INLINE int32_t vi_largest(vi a)
{
    __m128i b = _mm_max_epi32(_mm256_castsi256_si128(a), _mm256_extracti128_si256(a, 1));

    b = _mm_max_epi32(b, _mm_shuffle_epi32(b, 0x4e));
    b = _mm_max_epi32(b, _mm_shuffle_epi32(b, 0xb1));
    return _mm_cvtsi128_si32(b);
}

INLINE float vf_least(vf a)
{
    __m128 b = _mm_min_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));

    b = _mm_min_ps(b, _mm_movehl_ps(b, b));
    b = _mm_min_ss(b, _mm_movehdup_ps(b));
    return _mm_cvtss_f32(b);
}

INLINE float vf_largest(vf a)
{
    __m128 b = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));

    b = _mm_max_ps(b, _mm_movehl_ps(b, b));
    b = _mm_max_ss(b, _mm_movehdup_ps(b));
    return _mm_cvtss_f32(b);
}

INLINE vf vf_from(vi a)
{
    return _mm256_cvtepi32_ps(a);
}

INLINE vi vi_cut(vf a)
{
    return _mm256_cvttps_epi32(a);
}

INLINE vi vi_load_halves(const void *from)
{
    return _mm256_cvtepu16_epi32(_mm_loadu_si128(from));
}

INLINE void vi_store_halves(void *to, vi a)
{
    const __m256i halves = _mm256_packus_epi32(_mm256_srli_epi32(a, 16), _mm256_setzero_si256());

    _mm_storeu_si128(to, _mm256_castsi256_si128(_mm256_permute4x64_epi64(halves, 0x08)));
}

INLINE void vi_store_bytes(uint8_t *to, vi a)
{
    const __m256i low = _mm256_set1_epi64x(0x0c080400); /* of the bytes of each half */
    __m256i bytes = _mm256_shuffle_epi8(a, low);
    uint32_t first = (uint32_t)_mm256_extract_epi32(bytes, 0);
    uint32_t second = (uint32_t)_mm256_extract_epi32(bytes, 4);

    __builtin_memcpy(to, &first, sizeof(first));
    __builtin_memcpy(to + sizeof(first), &second, sizeof(second));
}

INLINE vf lanes_quarters(const float *from, size_t stride)
{
    return _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(from)),
                                _mm_loadu_ps(from + 4 * stride), 1);
}

INLINE vf lanes_low(vf a, vf b)
{
    return _mm256_unpacklo_ps(a, b);
}

INLINE vf lanes_high(vf a, vf b)
{
    return _mm256_unpackhi_ps(a, b);
}

INLINE vf lanes_first(vf a, vf b)
{
    return _mm256_shuffle_ps(a, b, 0x44);
}

INLINE vf lanes_second(vf a, vf b)
{
    return _mm256_shuffle_ps(a, b, 0xee);
}

/* Quarters are halves here. */
INLINE vf lanes_even(vf a, vf b)
{
    return _mm256_permute2f128_ps(a, b, 0x20);
}

INLINE vf lanes_odd(vf a, vf b)
{
    return _mm256_permute2f128_ps(a, b, 0x31);
}

INLINE uint32_t lanes_pack(const vi level[32 / LANES], uint8_t nibbles[16])
{
    /* Bytes 0 to 3 of each vector, then 4 to 7. */
    const vi mixed = _mm256_packus_epi16(_mm256_packs_epi32(level[0], level[1]),
                                         _mm256_packs_epi32(level[2], level[3]));
    const vi order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    const vi bytes = _mm256_permutevar8x32_epi32(mixed, order);
    const vi low = _mm256_and_si256(bytes, _mm256_set1_epi8(15));

    _mm_storeu_si128((__m128i *)nibbles,
                     _mm_or_si128(_mm256_castsi256_si128(low),
                                  _mm_slli_epi16(_mm256_extracti128_si256(low, 1), 4)));
    return (uint32_t)_mm256_movemask_epi8(_mm256_slli_epi16(bytes, 3));
}

struct eight {
    vf entry;
};

struct sixteen {
    vf low, other;
};

INLINE struct eight eight_load(const float from[8])
{
    return (struct eight){_mm256_loadu_ps(from)};
}

INLINE struct sixteen sixteen_load(const float from[16])
{
    const vf low = _mm256_loadu_ps(from);

    return (struct sixteen){low, vf_other(low, _mm256_loadu_ps(from + 8))};
}

INLINE vf eight_pick(const struct eight *table, vi index)
{
    return _mm256_permutevar8x32_ps(table->entry, index);
}

INLINE vf sixteen_pick(const struct sixteen *table, vi index)
{
    const vm upper = _mm256_castsi256_ps(_mm256_cmpgt_epi32(index, _mm256_set1_epi32(7)));

    return vf_either(upper, _mm256_permutevar8x32_ps(table->low, index),
                     _mm256_permutevar8x32_ps(table->other, index));
}

INLINE vf four_load_all(const float from[4])
{
    return _mm256_broadcast_ps((const __m128 *)from);
}

INLINE vf four_pick(vf table, vi index)
{
    return _mm256_permutevar_ps(table, index);
}

#endif

#endif
