#ifndef QUANT_KERNEL_LANES_H
#define QUANT_KERNEL_LANES_H

/*
 * LANES floats at once, for the instruction set that the compiler was told to use. Each lane does
 * with its number what C does with one: + - * / and the comparisons are those of the language,
 * comparisons with NaN are false. Nothing here fuses, reorders or estimates. Each set has a header
 * of its own with the same operations; what they promise is said in that of AVX-512. What is made
 * of them alone is here. Without such a set the header is empty.
 */
#if defined(__AVX512F__)
#include "quant/kernel/lanes_avx512.h"
#elif defined(__AVX2__)
#include "quant/kernel/lanes_avx2.h"
#elif defined(__aarch64__)
#include "quant/kernel/lanes_neon.h"
#endif

#ifdef LANES

INLINE vm vm_not_and(vm a, vm b)
{
    return vm_and(vm_not(a), b);
}

#ifndef LANES_BOUND
#define LANES_BOUND 0

INLINE vf lanes_bound(vf shifted, float top)
{
    (void)top;
    return shifted;
}
#endif

INLINE vf vf_copysign(vf magnitude, vf sign)
{
    return vi_floats(vi_or(vi_bits(vf_abs(magnitude)), vi_and(vi_bits(sign), vi_all(INT32_MIN))));
}

/* All lanes of `mask` are in `bound`? */
INLINE bool vm_within(vm mask, vm bound)
{
    return !vm_any(vm_not_and(bound, mask));
}

/* round_away() of q0.c, which says why this is roundf(). (test_round_away) */
INLINE vi vi_round_away(vf a)
{
    return vi_cut(a + vf_copysign(vf_all(0x1.fffffep-2f), a));
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

/* Of four vectors without NaN, in each quarter, the least number of each, or the largest: which
 * zero is not said. */
INLINE vf lanes_ends(const vf a[4], bool largest)
{
    const vf low[2] = {lanes_low(a[0], a[1]), lanes_low(a[2], a[3])};
    const vf high[2] = {lanes_high(a[0], a[1]), lanes_high(a[2], a[3])};
    vf pair[2], first, second;

    UNROLL
    for (int i = 0; i < 2; i++)
        pair[i] = largest ? vf_max(low[i], high[i]) : vf_min(low[i], high[i]);
    first = lanes_first(pair[0], pair[1]);
    second = lanes_second(pair[0], pair[1]);
    return largest ? vf_max(first, second) : vf_min(first, second);
}

/* The same of LANES / 4 such vectors and all their quarters: a lane is left for each vector that
 * came first. */
INLINE vf lanes_join(vf *ends, bool largest)
{
#if LANES > 4
    UNROLL
    for (int n = LANES / 4; n > 1; n /= 2) {
        UNROLL
        for (int i = 0; i < n; i += 2) {
            vf even = lanes_even(ends[i], ends[i + 1]), odd = lanes_odd(ends[i], ends[i + 1]);

            ends[i / 2] = largest ? vf_max(even, odd) : vf_min(even, odd);
        }
    }
#else
    (void)largest;
#endif
    return ends[0];
}

#endif

#endif
