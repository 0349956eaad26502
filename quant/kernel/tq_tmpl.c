/*
 * The types with two or three levels and one magnitude a block: TQ1_0, TQ2_0, Q1_0, Q2_0; built
 * once for each instruction set. Weights of a block lie side by side, of Q1_0 a block in each lane.
 */
#include <float.h>
#include <string.h>

#include "quant/kernel/block.h"
#include "quant/kernel/half.h"
#include "quant/kernel/lanes.h"
#include "quant/kernel/scalar.h"
#include "quant/kernel/set.h"

/* --- three levels ------------------------------------------------------------------------------
 */

/* The largest magnitude. Bits of magnitudes are ordered as these are. */
INLINE float magnitude(const float *x, size_t count)
{
    vi most = vi_all(0);

    for (size_t i = 0; i < count; i += LANES)
        most = vi_max(most, vi_bits(vf_abs(vf_load(x + i))));
    return bits_float((uint32_t)vi_largest(most));
}

/* -1, 0, 1: the quotient by the largest magnitude rounded, half away from zero. It is little more
 * than 1 at most, since the inverse is rounded; its half and more is one, as 1.5 is never met. */
INLINE vi three(const float *x, float inverse)
{
    return vi_round_away(vf_load(x) * vf_all(inverse));
}

/* The inverse of the largest magnitude. 0, so that all levels are that of 0, where it is infinite.
 */
INLINE float inverse_of(float d)
{
    float inverse = d != 0 ? 1 / d : 0;

    return inverse <= FLT_MAX ? inverse : 0;
}

/*
 * Five digits, the first one at the top, as a fraction of 256, rounded up: number * 256 / 243. It
 * is a multiple of 1 / 243, and floats near it are so much closer to one another that half of that
 * below 1 can be added before it is cut. (test_digits)
 */
INLINE void pack_digits(const float *x, size_t stride, float inverse, uint8_t *qs)
{
    vi number = three(x, inverse);

    UNROLL
    for (size_t i = 1; i < 5; i++)
        number = vi_add(vi_add(number, vi_shift_left(number, 1)), three(x + stride * i, inverse));
    /* Digits are levels less 1 so far: the number is less than it ought to be by 11111 in threes.
     */
    number = vi_add(number, vi_all(121));
    vi_store_bytes(qs, vi_cut(vf_from(number) * vf_all(256.0f / 243) + vf_all(1 - 0.5f / 243)));
}

/* Four weights in each of four bytes. */
static void pack_last_digits(const float *x, float inverse, uint8_t qs[4])
{
    unsigned number;

    for (int j = 0; j < 4; j++) {
        number = 0;
        for (int i = 0; i < 4; i++) {
            float value = x[4 * i + j] * inverse;

            number = 3 * number + 1u + (value >= 0.5f) - (value <= -0.5f);
        }
        qs[j] = (uint8_t)((3 * number * 256 + 242) / 243);
    }
}

void SET(tq1_0)(void *restrict dst, const float *restrict src, size_t rows, size_t row_len,
                const float *restrict importance)
{
    struct block_tq1_0 *block = dst;
    float d, inverse;

    (void)importance;
    for (size_t i = 0; i < rows * row_len; i += BLOCK_SUPER, src += BLOCK_SUPER, block++) {
        d = magnitude(src, BLOCK_SUPER);
        inverse = inverse_of(d);
        half_put(block->d, d);
        for (size_t j = 0; j < 32; j += LANES)
            pack_digits(src + j, 32, inverse, block->qs + j);
        for (size_t j = 0; j < 16; j += LANES)
            pack_digits(src + 160 + j, 16, inverse, block->qs + 32 + j);
        pack_last_digits(src + 240, inverse, block->qh);
    }
}

/* Two bits for each of four levels, of which the first are lowest. */
INLINE vi pack_fields(vi a, vi b, vi c, vi d)
{
    const int ones = 0x55; /* what makes levels of -1, 0 and 1 */

    a = vi_add(a, vi_shift_left(b, 2));
    c = vi_add(vi_shift_left(c, 4), vi_shift_left(d, 6));
    return vi_add(vi_add(a, c), vi_all(ones));
}

void SET(tq2_0)(void *restrict dst, const float *restrict src, size_t rows, size_t row_len,
                const float *restrict importance)
{
    struct block_tq2_0 *block = dst;
    const float *x;
    float d, inverse;

    (void)importance;
    for (size_t i = 0; i < rows * row_len; i += BLOCK_SUPER, src += BLOCK_SUPER, block++) {
        d = magnitude(src, BLOCK_SUPER);
        inverse = inverse_of(d);
        half_put(block->d, d);
        for (size_t j = 0; j < 64; j += LANES) {
            x = src + 128 * (j / 32) + j % 32;
            vi_store_bytes(block->qs + j,
                           pack_fields(three(x, inverse), three(x + 32, inverse),
                                       three(x + 64, inverse), three(x + 96, inverse)));
        }
    }
}

/* A byte in each lane: its weights are next to one another. */
void SET(q2_0)(void *restrict dst, const float *restrict src, size_t rows, size_t row_len,
               const float *restrict importance)
{
    struct block_q2_0 *block = dst;
    _Alignas(64) float column[4][LANES];
    float d, inverse;

    (void)importance;
    for (size_t i = 0; i < rows * row_len; i += BLOCK_Q2_0, src += BLOCK_Q2_0, block++) {
        d = magnitude(src, BLOCK_Q2_0);
        inverse = inverse_of(d);
        half_put(block->d, d);
        if (d != 0 && inverse == 0) {
            memset(block->qs, 0, sizeof(block->qs));
            continue;
        }
        for (size_t j = 0; j < sizeof(block->qs); j += LANES) {
            lanes_transpose(src + 4 * j, 4, 4, column[0], LANES);
            vi_store_bytes(block->qs + j,
                           pack_fields(three(column[0], inverse), three(column[1], inverse),
                                       three(column[2], inverse), three(column[3], inverse)));
        }
    }
}

/* --- signs -------------------------------------------------------------------------------------
 */

/* The sums of magnitudes of LANES blocks: one a lane. */
INLINE vf sum_magnitudes(const float *x)
{
    enum { COLUMNS = 16 };
    _Alignas(64) float column[COLUMNS][LANES];
    vf sum = vf_all(0);

    for (int i = 0; i < BLOCK_Q1_0; i += COLUMNS) {
        lanes_transpose(x + i, BLOCK_Q1_0, COLUMNS, column[0], LANES);
        for (int j = 0; j < COLUMNS; j++)
            sum = sum + vf_abs(vf_load(column[j]));
    }
    return sum;
}

/* One bit for each weight that is not below zero. */
INLINE void pack_signs(const float *x, uint8_t *qs)
{
    uint32_t bits;

    for (int i = 0; i < BLOCK_Q1_0; i += 32, qs += sizeof(bits)) {
        bits = 0;
        UNROLL
        for (int j = 0; j < 32; j += LANES)
            bits |= vm_bits(vf_at_most(vf_all(0), vf_load(x + i + j))) << j;
        memcpy(qs, &bits, sizeof(bits));
    }
}

void SET(q1_0)(void *restrict dst, const float *restrict src, size_t rows, size_t row_len,
               const float *restrict importance)
{
    size_t count = rows * row_len / BLOCK_Q1_0;
    struct block_q1_0 *block = dst;
    float sum[LANES];

    for (; count >= LANES; count -= LANES) {
        vf_store(sum, sum_magnitudes(src));
        for (int i = 0; i < LANES; i++, src += BLOCK_Q1_0, block++) {
            half_put(block->d, sum[i] / BLOCK_Q1_0);
            pack_signs(src, block->qs);
        }
    }
    scalar_q1_0(block, src, 1, count * BLOCK_Q1_0, importance);
}
