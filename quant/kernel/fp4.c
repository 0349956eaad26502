/* The types with floats of four bits: MXFP4, NVFP4. */
#include "quant/kernel/fp4.h"

#include <math.h>

#include "quant/kernel/block.h"
#include "quant/kernel/four.h"
#include "quant/kernel/scalar.h"
#include "quant/kernel/values.h"

/* --- levels ------------------------------------------------------------------------------------
 */

/*
 * Levels of `count` weights, and 8 where a weight with one above 0 is negative. A weight in the
 * middle between two values goes to the smaller one. The reference takes the first of the values
 * with the smallest difference; differences to the two next ones are exact or, below half a unit,
 * ordered all the same, and a middle is a product without rounding, so comparing with middles
 * decides the same up to 16 units. `unit` has at most four bits, and is not 0.
 */
INLINE void put_levels(const float *x, int count, float unit, uint8_t *qs)
{
    four_bits bits, magnitude, number;
    int32_t level[BLOCK_SMALL];

    for (int i = 0; i < count; i += FOUR) {
        bits = (four_bits)four_load(x + i);
        magnitude = bits & INT32_MAX; /* ordered as the floats are */
        number = (four_bits){0};
        for (int m = 0; m < FP4_STEPS; m++)
            number -= magnitude > (int32_t)float_bits(fp4_middles[m] * unit);
        number |= bits >> 28 & 8 & (number != 0);
        memcpy(level + i, &number, sizeof(number));
    }
    for (int i = 0; i < count / 2; i++)
        qs[i] = (uint8_t)(level[i] | level[i + count / 2] << 4);
}

/* The bits of the largest magnitude. */
INLINE int32_t most_of(const float *x, int count)
{
    int32_t most = 0, magnitude;

    for (int i = 0; i < count; i++) {
        magnitude = float_bits(x[i]) & INT32_MAX;
        most = magnitude > most ? magnitude : most;
    }
    return most;
}

/* --- MXFP4 -------------------------------------------------------------------------------------
 */

void scalar_mxfp4(void *restrict dst, const float *restrict src, size_t rows, size_t row_len,
                  const float *restrict importance)
{
    struct block_mxfp4 *block = dst;

    (void)importance;
    for (size_t i = 0; i < rows * row_len; i += BLOCK_SMALL, src += BLOCK_SMALL, block++) {
        block->e = fp4_exponent_byte(bits_float((uint32_t)most_of(src, BLOCK_SMALL)));
        put_levels(src, BLOCK_SMALL, fp4_power(block->e - 128), block->qs);
    }
}

/* --- NVFP4 -------------------------------------------------------------------------------------
 */

/*
 * The byte for a scale, not negative: rounded half up to three bits of mantissa. Small ones are
 * multiples of 2^-9; what would need the exponent 15 becomes the largest, 448, and so does NaN.
 */
static uint8_t nvfp4_scale(float scale)
{
    const uint8_t largest = 0x7e;
    uint32_t bits = float_bits(scale);
    int exponent = (int)(bits >> 23) - 127 + 7;

    if (exponent <= 0) {
        int multiple = (int)(scale * 512.0f + 0.5f);

        return (uint8_t)(multiple > 7 ? 7 : multiple);
    }
    if (exponent >= 15)
        return largest;
    /* A mantissa that is rounded up to 8 carries into the exponent. */
    bits = ((uint32_t)exponent << 3) + (bits >> 20 & 7) + (bits >> 19 & 1);
    return bits >= 15 << 3 ? largest : (uint8_t)bits;
}

/* As put_levels(), of weights of any size: far beyond the largest value all differences are rounded
 * to the same float, and the first one counts. */
static void put_levels_far(const float *x, float unit, uint8_t *qs)
{
    uint8_t level[BLOCK_NVFP4_SUB];
    float least, difference;

    for (int i = 0; i < BLOCK_NVFP4_SUB; i++) {
        level[i] = 0;
        least = fabsf(x[i]);
        for (uint8_t v = 1; v < 16; v++) {
            difference = fabsf((float)values_fp4[v] * unit - x[i]);
            if (difference < least) {
                least = difference;
                level[i] = v;
            }
        }
    }
    for (int i = 0; i < BLOCK_NVFP4_SUB / 2; i++)
        qs[i] = (uint8_t)(level[i] | level[i + BLOCK_NVFP4_SUB / 2] << 4);
}

static uint8_t nvfp4_sub(const float *x, uint8_t *qs)
{
    float most = bits_float((uint32_t)most_of(x, BLOCK_NVFP4_SUB));
    uint8_t scale = nvfp4_scale(most / 6);
    float unit = fp4_unit(scale);

    if (unit == 0)
        memset(qs, 0, BLOCK_NVFP4_SUB / 2);
    else if (most <= 16 * unit)
        put_levels(x, BLOCK_NVFP4_SUB, unit, qs);
    else
        put_levels_far(x, unit, qs);
    return scale;
}

void scalar_nvfp4(void *restrict dst, const float *restrict src, size_t rows, size_t row_len,
                  const float *restrict importance)
{
    struct block_nvfp4 *block = dst;

    (void)importance;
    for (size_t i = 0; i < rows * row_len; i += BLOCK_NVFP4, block++)
        for (int sub = 0; sub < BLOCK_NVFP4 / BLOCK_NVFP4_SUB; sub++, src += BLOCK_NVFP4_SUB)
            block->d[sub] = nvfp4_sub(src, block->qs + sub * BLOCK_NVFP4_SUB / 2);
}
