#ifndef QUANT_FORMAT_HF_PRETOK_H
#define QUANT_FORMAT_HF_PRETOK_H

#include "quant/format/hf/vocab.h"

/*
 * The value of tokenizer.ggml.pre for a byte level BPE, as the reference converter finds it
 * (import.md 6.1): a fixed text is encoded and the numbers are hashed. Which pieces a pre_tokenizer
 * makes of that text is known for the usual ones, so no regular expression is run. A vocabulary
 * that nobody knows, at which the converter gives up, has the name of its pre_tokenizer's
 * definition (`usual`, if it is one of its names), of its expressions, or "default".
 *
 * `tokenizer_config` (or NULL): tokenizer_config.json; `usual`: or NULL. -ENOMEM.
 */
MUST_USE int hf_pretok_name(const struct hf_vocab *vocab, const json_t *tokenizer_config,
                            const char *usual, const char **name);

#define HF_PRETOK_DIGEST_SIZE 65 /* SHA-256 in hexadecimal, with its end */

/* The hash of those numbers. -ENOENT: the pre_tokenizer is not known, the vocabulary lacks a part,
 * or an added token stands in the text. -ENOMEM. */
MUST_USE int hf_pretok_digest(const struct hf_vocab *vocab, char digest[HF_PRETOK_DIGEST_SIZE]);

#endif
