#ifndef QUANT_FORMAT_HF_ROPE_H
#define QUANT_FORMAT_HF_ROPE_H

#include "quant/format/hf/arch.h"

/* rope_freqs.weight of a model whose rope_type is llama3 (import.md 2.2); others have none. The
 * second one is for models whose factor is 16 where the config has none. */
MUST_USE int hf_rope_stretch(struct hf_model *model);
MUST_USE int hf_rope_stretch_16(struct hf_model *model);

/* A tensor of so many values. */
MUST_USE int hf_rope_write(struct hf_model *model, const char *name, const float *values,
                           uint64_t count);

#endif
