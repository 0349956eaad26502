#ifndef QUANT_FORMAT_HF_CONFIG_DEFAULTS_H
#define QUANT_FORMAT_HF_CONFIG_DEFAULTS_H

#include <stdbool.h>

#include "quant/format/json.h"

/* Is it a model_type that the library knows, so that the file is read through a class? */
bool hf_config_known(const char *model_type);
/* Has its class a rope of its own for layers with a sliding window, in any case? */
bool hf_config_two_ropes(const char *model_type);

/*
 * Fills what `values` (an object) leaves out, as the class of `model_type` does (of model_type with
 * "_text" where only that is a class); without such a class nothing. -ENOMEM.
 */
MUST_USE int hf_config_fill(json_t *values, const char *model_type);
/* The same of a model's vision part ("_vision" where only that is a class). */
MUST_USE int hf_config_fill_vision(json_t *values, const char *model_type);

#endif
