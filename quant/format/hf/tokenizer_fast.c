#include <ctype.h>
#include <errno.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "quant/format/hf/tokenizer_state.h"
#include "quant/format/json.h"

#define SCORE (-1000.0f)

static bool is_text(const json_t *json, const char *text)
{
    const char *value = json_string_value(json);

    return value && strcmp(value, text) == 0;
}

bool hf_fast_spm(const struct hf_vocab *vocab)
{
    return is_text(json_member(vocab->model, "type"), "BPE") &&
           json_member_true(vocab->model, "byte_fallback") &&
           is_text(json_member(json_member(vocab->rest, "decoder"), "type"), "Sequence");
}

/* "<0xHH>" */
static bool is_byte(const struct hf_text *text)
{
    return text->size == 6 && memcmp(text->text, "<0x", 3) == 0 && text->text[5] == '>' &&
           isxdigit((unsigned char)text->text[3]) && isxdigit((unsigned char)text->text[4]);
}

/* Marks, by place in the vocabulary, the tokens that are named as special. */
static void mark_named(const struct hf_vocab *vocab, const json_t *named, bool *marks)
{
    uint32_t place;

    for (size_t i = 0; i < json_array_size(named); i++) {
        const json_t *text = json_array_get(named, i);

        if (hf_index_find(&vocab->by_text, vocab->texts, json_string_value(text),
                          json_string_length(text), &place))
            marks[place] = true;
    }
}

/* The base's tokens have the numbers from 0 on; those added follow in their order. */
static int set_tokens(struct hf_tokenizer_writing *writing, const bool *named)
{
    const struct hf_vocab *vocab = writing->tokenizer->vocab;
    struct hf_tokens *tokens = &writing->tokens;
    enum hf_token_type type;

    for (size_t i = 0; i < vocab->count; i++) {
        bool base = i < vocab->base_count;
        uint32_t id = base ? vocab->ids[i] : (uint32_t)i;

        if (id >= (base ? vocab->base_count : vocab->count) || tokens->types[id] != HF_TOKEN_UNUSED)
            return hf_tokenizer_blame(writing, "tokenizer.json", EINVAL,
                                      "the %zu tokens have other numbers than 0 to %zu",
                                      vocab->base_count, vocab->base_count - 1);
        if (base && is_byte(&vocab->texts[i]))
            type = HF_TOKEN_BYTE;
        else if (named[i])
            type = HF_TOKEN_CONTROL;
        else
            type = base ? HF_TOKEN_NORMAL : HF_TOKEN_USER_DEFINED;
        hf_tokens_set(tokens, id, &vocab->texts[i], SCORE, type);
    }
    return 0;
}

int hf_fast_spm_tokens(struct hf_tokenizer_writing *writing)
{
    struct hf_vocab *vocab = writing->tokenizer->vocab;
    json_t *list = hf_named_tokens(writing);
    bool *named = NULL;
    int r = list ? hf_append_named(writing, list) : -ENOMEM;

    if (r == 0 && vocab->count > HF_TOKENS_MAX)
        r = hf_tokenizer_blame(writing, "tokenizer.json", EINVAL, "%zu tokens", vocab->count);
    if (r == 0) {
        named = calloc(vocab->count + 1, sizeof(*named));
        r = named ? hf_tokens_pad(&writing->tokens, vocab->count, SCORE) : -ENOMEM;
    }
    if (r == 0) {
        mark_named(vocab, list, named);
        r = set_tokens(writing, named);
    }
    free(named);
    json_decref(list);
    return r;
}

/* --- Unigram -------------------------------------------------------------------------------------
 */

/* The number of the unknown token: by its name among the added ones, or as the model says. */
static uint64_t unknown_id(const struct hf_tokenizer_writing *writing)
{
    const struct hf_vocab *vocab = writing->tokenizer->vocab;
    const json_t *name = json_member(writing->tokenizer->tokenizer_config, "unk_token");
    const struct hf_text *text;
    uint64_t id = 3;

    for (size_t i = 0; json_is_string(name) && i < vocab->added_count; i++) {
        text = &vocab->texts[vocab->added[i].place];
        if (text->size == json_string_length(name) &&
            memcmp(text->text, json_string_value(name), text->size) == 0)
            return vocab->ids[vocab->added[i].place];
    }
    (void)json_as_u64(json_member(vocab->model, "unk_id"), &id);
    return id;
}

static void set_unigram(struct hf_tokenizer_writing *writing, bool *named)
{
    const struct hf_vocab *vocab = writing->tokenizer->vocab;
    struct hf_tokens *tokens = &writing->tokens;
    uint64_t unknown = unknown_id(writing);
    uint32_t place;

    for (size_t i = 0; i < vocab->base_count; i++)
        hf_tokens_set(tokens, i, &vocab->texts[i], vocab->scores[i], HF_TOKEN_NORMAL);
    for (size_t i = 0; i < vocab->added_count; i++) {
        place = vocab->added[i].place;
        if (place < vocab->base_count)
            tokens->types[place] = HF_TOKEN_USER_DEFINED;
    }
    for (size_t i = 0; i < vocab->base_count; i++)
        if (named[i])
            tokens->types[i] = HF_TOKEN_CONTROL;
    if (unknown < vocab->base_count)
        tokens->types[unknown] = HF_TOKEN_UNKNOWN;
}

int hf_unigram_tokens(struct hf_tokenizer_writing *writing)
{
    const struct hf_vocab *vocab = writing->tokenizer->vocab;
    json_t *list;
    bool *named;
    size_t size;
    int r;

    if (!vocab || !vocab->scores)
        return hf_tokenizer_blame(writing, "tokenizer.json", EINVAL, "no Unigram model");
    r = hf_tokenizer_size(writing, 0, &size);
    if (r < 0)
        return r;
    if (size < vocab->base_count)
        size = vocab->base_count;
    if (size > HF_TOKENS_MAX)
        return hf_tokenizer_blame(writing, "tokenizer.json", EINVAL, "%zu tokens", size);
    list = hf_named_tokens(writing);
    named = calloc(vocab->count + 1, sizeof(*named));
    r = list && named ? hf_tokens_pad(&writing->tokens, size, -10000) : -ENOMEM;
    if (r == 0) {
        mark_named(vocab, list, named);
        set_unigram(writing, named);
    }
    free(named);
    json_decref(list);
    return r;
}

/* Where the text of a charsmap is: in the normalizer, or in one of its parts. */
static const json_t *find_charsmap(const struct hf_vocab *vocab)
{
    const json_t *normalizer = json_member(vocab->rest, "normalizer");
    const json_t *list = json_member(normalizer, "normalizers");
    const json_t *text = json_member(normalizer, "precompiled_charsmap");

    for (size_t i = 0; !text && i < json_array_size(list); i++)
        text = json_member(json_array_get(list, i), "precompiled_charsmap");
    return text;
}

int hf_unigram_charsmap(struct hf_tokenizer_writing *writing)
{
    const json_t *json = find_charsmap(writing->tokenizer->vocab);
    const char *text = json_string_value(json);
    size_t size = json_string_length(json);
    unsigned char *bytes;
    int n;

    if (size == 0)
        return 0;
    bytes = size < INT32_MAX ? malloc(size + 4) : NULL;
    if (!bytes)
        return -ENOMEM;
    n = EVP_DecodeBlock(bytes, (const unsigned char *)text, (int)size);
    for (size_t i = size; n > 0 && i > size - 2 && i > 0 && text[i - 1] == '='; i--)
        n--;
    if (n > 0)
        (void)hf_kv_u8s(writing->kv, "tokenizer.ggml.precompiled_charsmap", bytes, (size_t)n);
    free(bytes);
    if (n < 0)
        return hf_tokenizer_blame(writing, "tokenizer.json", EINVAL,
                                  "precompiled_charsmap is no base64");
    return 0;
}
