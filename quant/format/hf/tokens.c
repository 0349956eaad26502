#include "quant/format/hf/tokens.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int make_room(struct hf_tokens *tokens, size_t room)
{
    struct hf_text *texts;
    float *scores;
    int32_t *types;

    if (room <= tokens->room)
        return 0;
    texts = reallocarray(tokens->texts, room, sizeof(*texts));
    if (texts)
        tokens->texts = texts;
    scores = texts ? reallocarray(tokens->scores, room, sizeof(*scores)) : NULL;
    if (scores)
        tokens->scores = scores;
    types = scores ? reallocarray(tokens->types, room, sizeof(*types)) : NULL;
    if (!types)
        return -ENOMEM;
    tokens->types = types;
    tokens->room = room;
    return 0;
}

int hf_tokens_pad(struct hf_tokens *tokens, size_t count, float score)
{
    struct hf_text text;
    int r = make_room(tokens, count);

    assert(count <= HF_TOKENS_MAX && tokens->count == 0);
    for (size_t i = 0; r == 0 && i < count; i++) {
        text.text = hf_arena_print(&tokens->arena, &text.size, "[PAD%zu]", i);
        if (!text.text)
            return -ENOMEM;
        tokens->count++;
        hf_tokens_set(tokens, i, &text, score, HF_TOKEN_UNUSED);
    }
    return r;
}

int hf_tokens_append(struct hf_tokens *tokens, const struct hf_text *text, float score,
                     enum hf_token_type type)
{
    int r = tokens->count < tokens->room ? 0 : make_room(tokens, 2 * tokens->room + 64);

    if (r < 0)
        return r;
    tokens->count++;
    hf_tokens_set(tokens, tokens->count - 1, text, score, type);
    return 0;
}

void hf_tokens_set(struct hf_tokens *tokens, size_t number, const struct hf_text *text, float score,
                   enum hf_token_type type)
{
    assert(number < tokens->count);
    tokens->texts[number] = *text;
    tokens->scores[number] = score;
    tokens->types[number] = type;
}

void hf_tokens_free(struct hf_tokens *tokens)
{
    free(tokens->texts);
    free(tokens->scores);
    free(tokens->types);
    hf_arena_free(&tokens->arena);
    *tokens = (struct hf_tokens){0};
}

/* --- texts ---------------------------------------------------------------------------------------
 */

static bool begins_and_ends(const struct hf_text *text, const char *start, const char *end)
{
    size_t start_size = strlen(start), end_size = strlen(end);

    return text->size >= start_size && text->size >= end_size &&
           memcmp(text->text, start, start_size) == 0 &&
           memcmp(text->text + text->size - end_size, end, end_size) == 0;
}

bool hf_looks_special(const struct hf_text *text)
{
    static const char *const names[] = {"<pad>", "<mask>", "<2mass>", "[@BOS@]"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (text->size == strlen(names[i]) && memcmp(text->text, names[i], text->size) == 0)
            return true;
    return begins_and_ends(text, "<|", "|>") ||
           begins_and_ends(text, "<\xef\xbd\x9c", "\xef\xbd\x9c>") ||
           begins_and_ends(text, "<unused", ">");
}

int hf_plain_spaces(struct hf_arena *arena, struct hf_text *text)
{
    static const char mark[3] = "\xe2\x96\x81";
    const char *at = memmem(text->text, text->size, mark, sizeof(mark));
    char *copy, *out;

    if (!at)
        return 0;
    copy = hf_arena_copy(arena, text->text, text->size);
    if (!copy)
        return -ENOMEM;
    out = copy + (at - text->text);
    for (at = out; at < copy + text->size;) {
        if (copy + text->size - at >= 3 && memcmp(at, mark, sizeof(mark)) == 0) {
            *out++ = ' ';
            at += sizeof(mark);
        } else {
            *out++ = *at++;
        }
    }
    *text = (struct hf_text){copy, (size_t)(out - copy)};
    return 0;
}

int hf_tokens_write(const struct hf_tokens *tokens, bool scores, struct hf_kv *kv)
{
    (void)hf_kv_strings(kv, "tokenizer.ggml.tokens", tokens->texts, tokens->count);
    if (scores)
        (void)hf_kv_f32s(kv, "tokenizer.ggml.scores", tokens->scores, tokens->count);
    (void)hf_kv_i32s(kv, "tokenizer.ggml.token_type", tokens->types, tokens->count);
    return hf_kv_error(kv);
}
