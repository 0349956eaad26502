#ifndef QUANT_FORMAT_HF_TOKENS_H
#define QUANT_FORMAT_HF_TOKENS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "quant/format/hf/arena.h"
#include "quant/format/hf/kv.h"

/* Tokens of one vocabulary, so that a number in a file makes no table without an end. */
#define HF_TOKENS_MAX ((uint64_t)1 << 21)

/* Values of tokenizer.ggml.token_type. */
enum hf_token_type {
    HF_TOKEN_NORMAL = 1,
    HF_TOKEN_UNKNOWN = 2,
    HF_TOKEN_CONTROL = 3,
    HF_TOKEN_USER_DEFINED = 4,
    HF_TOKEN_UNUSED = 5,
    HF_TOKEN_BYTE = 6,
};

/* The tokens of a header under construction, by number. */
struct hf_tokens {
    size_t count, room;
    struct hf_text *texts;
    float *scores;
    int32_t *types;
    struct hf_arena arena; /* of texts that are nobody else's */
};

/* `count` (at most HF_TOKENS_MAX) tokens "[PAD<number>]", unused, with that score. -ENOMEM. */
MUST_USE int hf_tokens_pad(struct hf_tokens *tokens, size_t count, float score);
/* One more at the end. -ENOMEM. */
MUST_USE int hf_tokens_append(struct hf_tokens *tokens, const struct hf_text *text, float score,
                              enum hf_token_type type);
void hf_tokens_set(struct hf_tokens *tokens, size_t number, const struct hf_text *text, float score,
                   enum hf_token_type type);
void hf_tokens_free(struct hf_tokens *tokens);

/* A token that should be a control token though its file does not say so. */
bool hf_looks_special(const struct hf_text *text);
/* Each U+2581 becomes a space. -ENOMEM. */
MUST_USE int hf_plain_spaces(struct hf_arena *arena, struct hf_text *text);

/* Writes tokens, scores (if `scores`) and types. */
MUST_USE int hf_tokens_write(const struct hf_tokens *tokens, bool scores, struct hf_kv *kv);

#endif
