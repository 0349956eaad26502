#ifndef QUANT_FORMAT_HF_VOCAB_H
#define QUANT_FORMAT_HF_VOCAB_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "quant/format/hf/arena.h"
#include "quant/format/hf/files.h"
#include "quant/format/hf/index.h"
#include "quant/format/hf/kv.h"

/* Bytes of a tokenizer.json; of any other JSON file but those of the weights. */
#define HF_VOCAB_MAX ((size_t)256 << 20)
#define HF_JSON_MAX ((size_t)64 << 20)

/* A token that is matched before the model's own: an entry of added_tokens. */
struct hf_added {
    uint32_t place; /* of its text */
    bool special;
    bool normalized;
    unsigned char match; /* single_word, lstrip and rstrip, a bit for each */
};

/* What is said of such a token. */
struct hf_added_token {
    struct hf_text text;
    bool special, normalized;
    unsigned char match;
};

/*
 * A tokenizer.json. Texts live in the file's bytes, decoded where they stood.
 *
 * The base vocabulary comes first, in the file's order; then the added tokens that it lacks, each
 * with the number that the tokenizers library gives it: the `id` that the file states is not used
 * (import.md 6.1).
 */
struct hf_vocab {
    char *file;
    json_t *rest;  /* all of it but model.vocab and model.merges, which are null there */
    json_t *model; /* a part of it */
    struct hf_text *texts;
    uint32_t *ids;
    float *scores; /* of a Unigram model, one for each of the base; else NULL */
    size_t base_count, count;
    struct hf_index by_text; /* places */
    struct hf_added *added;  /* of one text given twice the later one counts */
    size_t added_count;
    size_t added_entries;   /* of added_tokens in the file */
    struct hf_text *merges; /* "left right" */
    size_t merge_count;
    uint32_t next_id; /* of the next token that is added */
    struct hf_arena arena;
};

/* -ENOENT: the directory has no tokenizer.json. -EINVAL, -EFBIG, ...: *defect has the reason. */
MUST_USE int hf_vocab_read(const struct hf_directory *directory, struct hf_vocab **vocab,
                           struct defect *defect);
void hf_vocab_free(struct hf_vocab *vocab);

/* The number of a token; false: there is none of that text. */
bool hf_vocab_find(const struct hf_vocab *vocab, const char *text, size_t size, uint32_t *id);

/*
 * Adds tokens behind all others, or where there are such texts says anew what they are; none is
 * empty. The texts must outlive the vocabulary. -EINVAL: too many; -ENOMEM.
 */
MUST_USE int hf_vocab_add(struct hf_vocab *vocab, const struct hf_added_token *tokens,
                          size_t count);
/* Leaves those that are not known as just that, and no empty ones. -ENOMEM. */
MUST_USE int hf_vocab_news(const struct hf_vocab *vocab, struct hf_added_token *tokens,
                           size_t *count);
/* Adds a token that is special and as it is, unless it was added before. */
MUST_USE int hf_vocab_append(struct hf_vocab *vocab, const char *text, size_t size);

/* An entry of added_tokens, or of the like in tokenizer_config.json. false: it has no content. */
bool hf_added_token(const json_t *json, struct hf_added_token *token);

#endif
