/* Whether numbers are finite, whole tiles at a time. */
#include <string.h>

#include "quant/kernel/scalar.h"

/*
 * A number is finite unless all bits of its exponent are set. Adding one unit to the exponent
 * carries into the sign bit exactly then, so all are judged by an OR of sums.
 */
bool scalar_finite_f32(const void *src, size_t count)
{
    uint32_t bits, all = 0;

    for (size_t i = 0; i < count; i++) {
        memcpy(&bits, (const uint8_t *)src + 4 * i, 4);
        all |= (bits & 0x7fffffff) + 0x00800000;
    }
    return !(all & 0x80000000);
}

/* The same for 16 bits; `unit` is one unit of the exponent. */
static bool finite_16(const uint8_t *src, size_t count, uint16_t unit)
{
    uint16_t bits, all = 0;

    for (size_t i = 0; i < count; i++) {
        memcpy(&bits, src + 2 * i, 2);
        all = (uint16_t)(all | ((bits & 0x7fff) + unit));
    }
    return !(all & 0x8000);
}

bool scalar_finite_f16(const void *src, size_t count)
{
    return finite_16(src, count, 0x0400);
}

bool scalar_finite_bf16(const void *src, size_t count)
{
    return finite_16(src, count, 0x0080);
}
