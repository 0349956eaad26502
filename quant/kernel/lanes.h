#ifndef QUANT_KERNEL_LANES_H
#define QUANT_KERNEL_LANES_H

/*
 * LANES floats at once, for the instruction set that the compiler was told to use. Each lane does
 * with its number what C does with one: + - * / and the comparisons are those of the language,
 * comparisons with NaN are false. Nothing here fuses, reorders or estimates. Without AVX2 the
 * header is empty: such sets are not built.
 */
#if defined(__AVX512F__) || defined(__AVX2__)

#include <immintrin.h>
#include <stdbool.h>
#include <stdint.h>

#define INLINE static inline __attribute__((always_inline))

/* Before a loop over groups of lanes: they lie in registers only if it is unrolled. */
#if defined(__SANITIZE_ADDRESS__)
#define UNROLL /* what gcc adds to each access would be compiled for minutes */
#elif defined(__clang__)
#define UNROLL _Pragma("unroll")
#else
#define UNROLL _Pragma("GCC unroll 4")
#endif

#ifdef __AVX512F__

#define LANES 16

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

INLINE vm vm_not(vm a)
{
    return (vm)~a;
}

INLINE bool vm_any(vm a)
{
    return a != 0;
}

INLINE vf vf_select(vm mask, vf a, vf b)
{
    return _mm512_mask_blend_ps(mask, b, a);
}

INLINE vi vi_all(int32_t value)
{
    return _mm512_set1_epi32(value);
}

INLINE vi vi_add(vi a, vi b)
{
    return _mm512_add_epi32(a, b);
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

INLINE vf vi_floats(vi a)
{
    return _mm512_castsi512_ps(a);
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

#else

#define LANES 8

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

INLINE vm vm_not(vm a)
{
    return _mm256_xor_ps(a, _mm256_castsi256_ps(_mm256_set1_epi32(-1)));
}

INLINE bool vm_any(vm a)
{
    return _mm256_movemask_ps(a) != 0;
}

INLINE vf vf_select(vm mask, vf a, vf b)
{
    return _mm256_blendv_ps(b, a, mask);
}

INLINE vi vi_all(int32_t value)
{
    return _mm256_set1_epi32(value);
}

INLINE vi vi_add(vi a, vi b)
{
    return _mm256_add_epi32(a, b);
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

INLINE vf vi_floats(vi a)
{
    return _mm256_castsi256_ps(a);
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

#endif

INLINE vm vm_not_and(vm a, vm b)
{
    return vm_and(vm_not(a), b);
}

INLINE vf vf_copysign(vf magnitude, vf sign)
{
    return vi_floats(vi_or(vi_bits(vf_abs(magnitude)), vi_and(vi_bits(sign), vi_all(INT32_MIN))));
}

/* All lanes of `mask` are in `bound`? */
INLINE bool vm_within(vm mask, vm bound)
{
    return !vm_any(vm_not_and(bound, mask));
}

/* As fit_nearest() for every float, as integers. */
INLINE vi vi_nearest(vf a)
{
    return vi_add(vi_and(vi_bits(a + vf_all(0x1.8p23f)), vi_all(0x7fffff)), vi_all(-0x400000));
}

INLINE vi vi_clamp(vi a, int32_t low, int32_t high)
{
    return vi_max(vi_min(a, vi_all(high)), vi_all(low));
}

/*
 * A number of each of LANES rows of `from`, which are `stride` floats apart, into one vector, for
 * `count` columns, a multiple of four. Vectors go to `to`, `step` floats apart.
 */
INLINE void lanes_transpose(const float *from, size_t stride, int count, float *to, size_t step)
{
    vf a, b, c, d, low, high;

    for (int i = 0; i < count; i += 4, from += 4, to += 4 * step) {
        a = lanes_quarters(from, stride);
        b = lanes_quarters(from + stride, stride);
        c = lanes_quarters(from + 2 * stride, stride);
        d = lanes_quarters(from + 3 * stride, stride);
        low = lanes_low(a, b);
        high = lanes_low(c, d);
        vf_store(to, lanes_first(low, high));
        vf_store(to + step, lanes_second(low, high));
        low = lanes_high(a, b);
        high = lanes_high(c, d);
        vf_store(to + 2 * step, lanes_first(low, high));
        vf_store(to + 3 * step, lanes_second(low, high));
    }
}

#endif

#endif
