#ifndef QUANT_FORMAT_HF_BYTES_H
#define QUANT_FORMAT_HF_BYTES_H

#include <stdbool.h>
#include <stddef.h>

#include "quant/format/hf/arena.h"
#include "quant/format/hf/kv.h"

/* The character by which a byte level tokenizer writes a byte, as UTF-8: 1 or 2 bytes at `out`;
 * returns how many. */
size_t hf_byte_symbol(unsigned char byte, char *out);

/*
 * What a ByteLevel decoder makes of a text: if all its characters stand for bytes, those bytes,
 * with U+FFFD for each maximal part that is no UTF-8; else the text as it is. -ENOMEM.
 */
MUST_USE int hf_byte_decode(struct hf_arena *arena, struct hf_text *text);

/* Whether all of it is UTF-8. */
bool hf_is_utf8(const char *text, size_t size);

#endif
