#ifndef QUANT_FORMAT_HF_LETTERS_H
#define QUANT_FORMAT_HF_LETTERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "quant/format/hf/kv.h"

/* Characters as Python's str knows them, whatever the process's locale is. */

/* The character at `at` of a text, and its bytes in *size. A byte that is no UTF-8 is U+FFFD. */
uint32_t hf_letter_at(const struct hf_text *text, size_t at, size_t *size);
/* UTF-8 at `out`, which has 4 bytes; returns how many. */
size_t hf_letter_put(char *out, uint32_t letter);

bool hf_is_space(uint32_t letter);
bool hf_is_alpha(uint32_t letter);
bool hf_is_upper(uint32_t letter);
bool hf_is_lower(uint32_t letter);
uint32_t hf_to_upper(uint32_t letter);
uint32_t hf_to_lower(uint32_t letter);

#endif
