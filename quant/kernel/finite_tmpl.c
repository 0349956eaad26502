/* finite.c in lanes: 32 bits of each, so two numbers of 16. */
#include <string.h>

#include "quant/kernel/lanes.h"
#include "quant/kernel/scalar.h"
#include "quant/kernel/set.h"

/* Chains of ORs side by side. */
#define CHAINS 4

/*
 * The sum of no 16-bit number reaches the one above it: 0x7fff and one unit are less than 0x10000.
 * `sign`: of each number; `unit`: of each exponent. *done: the numbers that were looked at.
 */
INLINE bool finite(const uint8_t *src, size_t size, uint32_t sign, uint32_t unit, size_t *done)
{
    const size_t step = CHAINS * LANES * 4;
    vi all[CHAINS], bits;
    size_t at = 0;

    UNROLL
    for (int i = 0; i < CHAINS; i++)
        all[i] = vi_all(0);
    for (; size - at >= step; at += step) {
        UNROLL
        for (int i = 0; i < CHAINS; i++) {
            memcpy(&bits, src + at + (size_t)i * LANES * 4, sizeof(bits));
            bits = vi_add(vi_and(bits, vi_all((int32_t)~sign)), vi_all((int32_t)unit));
            all[i] = vi_or(all[i], bits);
        }
    }
    for (int i = 1; i < CHAINS; i++)
        all[0] = vi_or(all[0], all[i]);
    *done = at;
    return !vi_test(all[0], INT32_MIN) && (sign == 0x80000000 || !vi_test(all[0], 0x8000));
}

bool SET(finite_f32)(const void *src, size_t count)
{
    const uint8_t *in = src;
    size_t done;

    return finite(in, 4 * count, 0x80000000, 0x00800000, &done) &&
           scalar_finite_f32(in + done, count - done / 4);
}

bool SET(finite_f16)(const void *src, size_t count)
{
    const uint8_t *in = src;
    size_t done;

    return finite(in, 2 * count, 0x80008000, 0x04000400, &done) &&
           scalar_finite_f16(in + done, count - done / 2);
}

bool SET(finite_bf16)(const void *src, size_t count)
{
    const uint8_t *in = src;
    size_t done;

    return finite(in, 2 * count, 0x80008000, 0x00800080, &done) &&
           scalar_finite_bf16(in + done, count - done / 2);
}
