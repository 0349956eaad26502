#include <errno.h>
#include <string.h>

#include "quant/format/hf/bytes.h"
#include "quant/format/hf/pretok.h"
#include "quant/format/hf/tokenizer_state.h"
#include "quant/format/json.h"

static bool has_type(const json_t *part, const char *name)
{
    const char *type = json_string_value(json_member(part, "type"));

    return type && strcmp(type, name) == 0;
}

/* Whether added tokens are decoded as bytes: by a ByteLevel decoder, alone or in a Sequence. */
static bool decodes_bytes(const struct hf_tokenizer *tokenizer)
{
    const json_t *decoder = json_member(tokenizer->vocab->rest, "decoder");
    const json_t *list = json_member(decoder, "decoders");

    if (has_type(decoder, "ByteLevel"))
        return true;
    for (size_t i = 0; i < json_array_size(list); i++)
        if (has_type(json_array_get(list, i), "ByteLevel"))
            return true;
    return false;
}

static int set_base(struct hf_tokenizer_writing *writing)
{
    const struct hf_vocab *vocab = writing->tokenizer->vocab;
    struct hf_tokens *tokens = &writing->tokens;

    for (size_t i = 0; i < vocab->count; i++) {
        uint32_t id = vocab->ids[i];

        if (id >= tokens->count)
            return hf_tokenizer_blame(writing, "tokenizer.json", EINVAL,
                                      "token number %u, but config.json has vocab_size %zu", id,
                                      tokens->count);
        if (tokens->types[id] != HF_TOKEN_UNUSED)
            return hf_tokenizer_blame(writing, "tokenizer.json", EINVAL,
                                      "two tokens have the number %u", id);
        hf_tokens_set(tokens, id, &vocab->texts[i], 0, HF_TOKEN_NORMAL);
    }
    return 0;
}

/* Their text is what encoding and decoding it gives, unless they are normalized. */
static int set_added(struct hf_tokenizer_writing *writing)
{
    const struct hf_vocab *vocab = writing->tokenizer->vocab;
    struct hf_tokens *tokens = &writing->tokens;
    bool llama = hf_is_llama_class(writing->tokenizer);
    bool bytes = !llama && decodes_bytes(writing->tokenizer);
    const struct hf_added *added;
    enum hf_token_type type;
    struct hf_text text;
    int r = 0;

    for (size_t i = 0; r == 0 && i < vocab->added_count; i++) {
        added = &vocab->added[i];
        text = vocab->texts[added->place];
        if (!added->normalized && bytes)
            r = hf_byte_decode(&tokens->arena, &text);
        else if (!added->normalized && llama)
            r = hf_plain_spaces(&tokens->arena, &text);
        type = HF_TOKEN_CONTROL;
        if (!added->special && !hf_looks_special(&text)) {
            type = HF_TOKEN_USER_DEFINED;
            if (r == 0)
                r = hf_plain_spaces(&tokens->arena, &text);
        }
        hf_tokens_set(tokens, vocab->ids[added->place], &text, 0, type);
    }
    return r;
}

int hf_bpe_tokens(struct hf_tokenizer_writing *writing)
{
    struct hf_vocab *vocab = writing->tokenizer->vocab;
    json_t *named;
    size_t size = 0;
    int r;

    if (!vocab)
        return hf_tokenizer_blame(writing, "tokenizer.json", ENOENT, "not there");
    named = hf_named_tokens(writing);
    r = named ? hf_append_named(writing, named) : -ENOMEM;
    json_decref(named);
    if (r == 0)
        r = hf_tokenizer_size(writing, vocab->count, &size);
    if (r == 0)
        r = hf_tokens_pad(&writing->tokens, size, 0);
    if (r == 0)
        r = set_base(writing);
    return r < 0 ? r : set_added(writing);
}

/* --- merges.txt ----------------------------------------------------------------------------------
 */

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* The next word of a line that ends at `end`, or an empty one. */
static struct hf_text next_word(const char **at, const char *end)
{
    struct hf_text word;

    while (*at < end && is_blank(**at))
        ++*at;
    word.text = *at;
    while (*at < end && !is_blank(**at))
        ++*at;
    word.size = (size_t)(*at - word.text);
    return word;
}

/* A line of two words is a merge; others are passed over, as the converter does. */
static int take_line(struct hf_tokens *merges, const char *line, const char *end)
{
    struct hf_text left = next_word(&line, end), right = next_word(&line, end), merge;
    char *text;

    if (right.size == 0 || next_word(&line, end).size > 0)
        return 0;
    merge.size = left.size + 1 + right.size;
    text = hf_arena_take(&merges->arena, merge.size);
    if (!text)
        return -ENOMEM;
    memcpy(text, left.text, left.size);
    text[left.size] = ' ';
    memcpy(text + left.size + 1, right.text, right.size);
    merge.text = text;
    return hf_tokens_append(merges, &merge, 0, HF_TOKEN_NORMAL);
}

static int write_merges_txt(struct hf_tokenizer_writing *writing)
{
    struct hf_tokens merges = {0};
    char *text;
    const char *at, *line;
    size_t size;
    int r = hf_read_text(writing->tokenizer->directory, "merges.txt", HF_VOCAB_MAX, &text, &size,
                         writing->defect);

    if (r < 0)
        return r == -ENOENT ? 0 : r;
    at = text;
    for (bool first = true; r == 0 && at < text + size; first = false) {
        line = at;
        while (at < text + size && *at != '\n' && *at != '\r')
            at++;
        while (first && line < at && is_blank(*line))
            line++;
        if (!first || *line != '#')
            r = take_line(&merges, line, at);
        at++;
    }
    if (r == 0)
        (void)hf_kv_strings(writing->kv, "tokenizer.ggml.merges", merges.texts, merges.count);
    hf_tokens_free(&merges);
    free(text);
    return r;
}

int hf_merges_write(struct hf_tokenizer_writing *writing)
{
    const struct hf_vocab *vocab = writing->tokenizer->vocab;

    if (vocab->merge_count == 0)
        return write_merges_txt(writing);
    return hf_kv_strings(writing->kv, "tokenizer.ggml.merges", vocab->merges, vocab->merge_count);
}

/* --- keys ----------------------------------------------------------------------------------------
 */

int hf_bpe_write(struct hf_tokenizer_writing *writing)
{
    const char *pre;
    int r = hf_pretok_name(writing->tokenizer->vocab, writing->tokenizer->tokenizer_config,
                           writing->rules->pre, &pre);

    if (r < 0)
        return r;
    (void)hf_kv_string(writing->kv, "tokenizer.ggml.model", "gpt2", strlen("gpt2"));
    (void)hf_kv_string(writing->kv, "tokenizer.ggml.pre", pre, strlen(pre));
    r = hf_tokens_write(&writing->tokens, false, writing->kv);
    return r < 0 ? r : hf_merges_write(writing);
}

/* A word's start is marked, not its inside: "##x" becomes "x", "x" gets a U+2581. */
static int mark_words(struct hf_tokens *tokens)
{
    static const char mark[] = "\xe2\x96\x81";
    struct hf_text *text;
    char *copy;

    for (size_t i = 0; i < tokens->count; i++) {
        text = &tokens->texts[i];
        if (tokens->types[i] == HF_TOKEN_CONTROL)
            continue;
        if (text->size >= 2 && memcmp(text->text, "##", 2) == 0) {
            text->text += 2;
            text->size -= 2;
            continue;
        }
        copy = hf_arena_take(&tokens->arena, sizeof(mark) - 1 + text->size);
        if (!copy)
            return -ENOMEM;
        memcpy(copy, mark, sizeof(mark) - 1);
        memcpy(copy + sizeof(mark) - 1, text->text, text->size);
        *text = (struct hf_text){copy, sizeof(mark) - 1 + text->size};
    }
    return 0;
}

int hf_wordpiece_write(struct hf_tokenizer_writing *writing)
{
    int r = mark_words(&writing->tokens);

    if (r < 0)
        return r;
    (void)hf_kv_string(writing->kv, "tokenizer.ggml.model", "bert", strlen("bert"));
    /* The runtime ignores it for this model; the converter has it from a list of digests. */
    (void)hf_kv_string(writing->kv, "tokenizer.ggml.pre", "jina-v2-en", strlen("jina-v2-en"));
    return hf_tokens_write(&writing->tokens, false, writing->kv);
}
