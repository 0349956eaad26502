#ifndef QUANT_FORMAT_HF_GENERAL_H
#define QUANT_FORMAT_HF_GENERAL_H

#include <jansson.h>

#include "quant/format/hf/files.h"
#include "quant/format/hf/kv.h"
#include "quant/format/hf/names.h"

/*
 * Writes the keys general.* that describe a model, from general.sampling.* to general.languages
 * (import.md 4 and 4.1): from generation_config.json, the model card, config.json and the names.
 * `config`: config.json as it is; `parameters`: of all tensors of the file. A value of a type that
 * stops the reference converter is written as its text, or left out. -EIO, -ENOMEM: *defect.
 */
MUST_USE int hf_general_write(const struct hf_directory *directory, const json_t *config,
                              const struct hf_parameters *parameters, struct hf_kv *kv,
                              struct defect *defect);

#endif
