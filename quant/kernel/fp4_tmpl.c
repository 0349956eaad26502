/* MXFP4 and NVFP4; built once for each instruction set. Weights of a block lie side by side. */
#include "quant/kernel/fp4.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "quant/kernel/block.h"
#include "quant/kernel/lanes.h"
#include "quant/kernel/scalar.h"
#include "quant/kernel/set.h"

/* The largest magnitude. Bits of magnitudes are ordered as these are. */
INLINE float magnitude(const float *x, int count)
{
    vi most = vi_all(0);

    for (int i = 0; i < count; i += LANES)
        most = vi_max(most, vi_bits(vf_abs(vf_load(x + i))));
    return bits_float((uint32_t)vi_largest(most));
}

/*
 * The middles between two values by the step that looks at them: that of all, those of the halves
 * that leaves, and of the quarters.
 */
struct middles {
    float first;
    struct eight second, third;
};

static void middles_init(struct middles *middles)
{
    const float second[8] = {fp4_middles[1], fp4_middles[5]};
    const float third[8] = {fp4_middles[0], fp4_middles[2], fp4_middles[4], fp4_middles[6]};

    middles->first = fp4_middles[3];
    middles->second = eight_load(second);
    middles->third = eight_load(third);
}

/* As put_levels() of fp4.c: as many as there are middles below the weight, and 8 more where one
 * with a level above 0 is negative. */
INLINE vi levels(const struct middles *middles, const float *x, float unit)
{
    vf weight = vf_load(x), size = vf_abs(weight), units = vf_all(unit);
    vi level = vi_count(vi_all(0), vf_less(vf_all(middles->first) * units, size)), sign;

    level =
        vi_count(vi_add(level, level), vf_less(eight_pick(&middles->second, level) * units, size));
    level =
        vi_count(vi_add(level, level), vf_less(eight_pick(&middles->third, level) * units, size));
    /* Bit 3 of both is set: that is the sign's, and a level of 1 to 7 has it with 7 more. */
    sign = vi_and(vi_shift_right(vi_bits(weight), 28), vi_add(level, vi_all(7)));
    return vi_or(level, vi_and(sign, vi_all(8)));
}

void SET(mxfp4)(void *restrict dst, const float *restrict src, size_t rows, size_t row_len,
                const float *restrict importance)
{
    struct block_mxfp4 *block = dst;
    struct middles middles;
    float most, unit;

    (void)importance;
    middles_init(&middles);
    for (size_t i = 0; i < rows * row_len; i += BLOCK_SMALL, src += BLOCK_SMALL, block++) {
        most = magnitude(src, BLOCK_SMALL);
        block->e = fp4_exponent_byte(most);
        unit = fp4_power(block->e - 128);
        for (int j = 0; j < BLOCK_SMALL / 2; j += LANES)
            vi_store_bytes(
                block->qs + j,
                vi_or(levels(&middles, src + j, unit),
                      vi_shift_left(levels(&middles, src + j + BLOCK_SMALL / 2, unit), 4)));
    }
}

/* --- NVFP4 -------------------------------------------------------------------------------------
 */

enum {
    SUBS = BLOCK_NVFP4 / BLOCK_NVFP4_SUB,
};

/* The largest magnitudes of LANES sub-blocks: one a lane. */
INLINE vf magnitudes(const float *x)
{
    float most[LANES];

    for (int s = 0; s < LANES; s++)
        most[s] = magnitude(x + BLOCK_NVFP4_SUB * s, BLOCK_NVFP4_SUB);
    return vf_load(most);
}

/*
 * As nvfp4_scale() of fp4.c. A mantissa that is rounded up carries into the exponent; what would
 * become 256 is 248 and more, and NaN counts as such.
 */
INLINE vi scale_bytes(vf scale)
{
    vi multiple = vi_min(vi_cut(scale * vf_all(512) + vf_all(0.5f)), vi_all(7));
    vi bits = vi_bits(scale), round = vi_and(vi_shift_right(bits, 19), vi_all(1));
    vi normal = vi_add(vi_add(vi_shift_right(bits, 20), round), vi_all(-((127 - 7) << 3)));
    vf byte = vf_select(vf_less(scale, vf_all(248)), vi_floats(normal), vi_floats(vi_all(0x7e)));

    return vi_bits(vf_select(vf_less(scale, vf_all(0x1p-6f)), vi_floats(multiple), byte));
}

/* As fp4_unit(), of the bytes of scale_bytes(), of which none is NaN. */
INLINE vf units(vi byte)
{
    vi exponent = vi_shift_right(byte, 3), mantissa = vi_and(byte, vi_all(7));
    vi power = vi_add(vi_max(exponent, vi_all(1)), vi_all(127 - 7 - 3 - 1));

    mantissa = vi_add(mantissa, vi_shift_left(vi_min(exponent, vi_all(1)), 3));
    return vf_from(mantissa) * vi_floats(vi_shift_left(power, 23));
}

/* Scales of LANES sub-blocks, and their units, where 0 is replaced by infinity, which makes the
 * same levels of 0. False: a sub-block is beyond what put_levels() of fp4.c takes. */
INLINE bool scales(const float *x, uint8_t *scale, float *unit)
{
    vf most = magnitudes(x), value;
    vi byte = scale_bytes(most / vf_all(6));

    value = units(byte);
    value = vf_select(vf_equal(value, vf_all(0)), vf_all(INFINITY), value);
    vi_store_bytes(scale, byte);
    vf_store(unit, value);
    return !vm_any(vm_not(vf_at_most(most, vf_all(16) * value)));
}

INLINE void put_levels(const struct middles *middles, const float *x, float unit, uint8_t *qs)
{
    enum { HALF = BLOCK_NVFP4_SUB / 2 };
    uint8_t level[BLOCK_NVFP4_SUB];
    uint64_t low, high;

    for (int i = 0; i < HALF && LANES <= HALF; i += LANES)
        vi_store_bytes(qs + i, vi_or(levels(middles, x + i, unit),
                                     vi_shift_left(levels(middles, x + HALF + i, unit), 4)));
    if (LANES <= HALF)
        return;
    vi_store_bytes(level, levels(middles, x, unit));
    memcpy(&low, level, sizeof(low));
    memcpy(&high, level + HALF, sizeof(high));
    low |= high << 4;
    memcpy(qs, &low, sizeof(low));
}

void SET(nvfp4)(void *restrict dst, const float *restrict src, size_t rows, size_t row_len,
                const float *restrict importance)
{
    enum { WEIGHTS = LANES * BLOCK_NVFP4_SUB };
    size_t count = rows * row_len;
    struct block_nvfp4 *block = dst;
    struct middles middles;
    uint8_t scale[LANES];
    float unit[LANES];

    middles_init(&middles);
    for (; count >= WEIGHTS; count -= WEIGHTS, src += WEIGHTS, block += LANES / SUBS) {
        if (!scales(src, scale, unit)) {
            scalar_nvfp4(block, src, 1, WEIGHTS, importance);
            continue;
        }
        for (int s = 0; s < LANES; s++) {
            block[s / SUBS].d[s % SUBS] = scale[s];
            put_levels(&middles, src + BLOCK_NVFP4_SUB * s, unit[s],
                       block[s / SUBS].qs + s % SUBS * (BLOCK_NVFP4_SUB / 2));
        }
    }
    scalar_nvfp4(block, src, 1, count, importance);
}
