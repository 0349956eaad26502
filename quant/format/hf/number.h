#ifndef QUANT_FORMAT_HF_NUMBER_H
#define QUANT_FORMAT_HF_NUMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "quant/format/safetensors.h"
#include "quant/type.h"

/*
 * Numbers as the reference converter turns one type into another (import.md 2.1): not as kernels
 * do, which treat NaN otherwise. All of it goes by way of F32.
 */

/* Can weights of that dtype be read? */
bool hf_number_readable(enum safetensors_dtype dtype);

/* `count` numbers of a readable dtype at `data`, of any alignment, to floats: exact, or the nearest
 * (F64, I32, I64), ties to even. */
void hf_number_widen(enum safetensors_dtype dtype, const uint8_t *data, float *out, size_t count);

/*
 * Floats to F32, F16 or BF16: the nearest, ties to even. F16: halfs underflow gradually, overflow
 * is infinite, NaN keeps its sign and the upper bits of its payload (1 if they are all zero). BF16:
 * NaN becomes quiet. To Q8_0, of which `count` is whole blocks: import-2.md 5; what no integer is
 * near becomes 0.
 */
void hf_number_narrow(enum type type, const float *values, uint8_t *out, size_t count);

#endif
