/* F16, by the machine's own conversions, and BF16, both ways; built once for each instruction set.
 */
#include "quant/kernel/half.h"

#include "quant/kernel/lanes.h"
#include "quant/kernel/scalar.h"
#include "quant/kernel/set.h"

void SET(f16)(void *restrict dst, const float *restrict src, size_t rows, size_t row_len,
              const float *restrict importance)
{
    size_t count = rows * row_len, i = 0;
    uint8_t *out = dst;
    vf a;

    for (; count - i >= LANES; i += LANES) {
        a = vf_load(src + i);
        if (vm_any(vm_not(vf_equal(a, a)))) /* the reference has one NaN of its own */
            scalar_f16(out + 2 * i, src + i, 1, LANES, NULL);
        else
            vf_store_half(out + 2 * i, a);
    }
    scalar_f16(out + 2 * i, src + i, 1, count - i, importance);
}

void SET(bf16)(void *restrict dst, const float *restrict src, size_t rows, size_t row_len,
               const float *restrict importance)
{
    size_t count = rows * row_len, i = 0;
    uint8_t *out = dst;
    vi bits, even;
    vf a;

    for (; count - i >= LANES; i += LANES) {
        a = vf_load(src + i);
        bits = vi_bits(a);
        even = vi_and(vi_shift_right(bits, 16), vi_all(1));
        if (vm_any(vm_not(vf_equal(a, a)))) /* stays one, and is not rounded */
            scalar_bf16(out + 2 * i, src + i, 1, LANES, NULL);
        else
            vi_store_halves(out + 2 * i, vi_add(bits, vi_add(even, vi_all(0x7fff))));
    }
    scalar_bf16(out + 2 * i, src + i, 1, count - i, importance);
}

void SET(widen_f16)(float *restrict dst, const void *restrict src, size_t count)
{
    const uint8_t *in = src;
    size_t i = 0;

    for (; count - i >= LANES; i += LANES)
        vf_store(dst + i, vf_load_half(in + 2 * i));
    scalar_widen_f16(dst + i, in + 2 * i, count - i);
}

void SET(widen_bf16)(float *restrict dst, const void *restrict src, size_t count)
{
    const uint8_t *in = src;
    size_t i = 0;

    for (; count - i >= LANES; i += LANES)
        vf_store(dst + i, vi_floats(vi_shift_left(vi_load_halves(in + 2 * i), 16)));
    scalar_widen_bf16(dst + i, in + 2 * i, count - i);
}
