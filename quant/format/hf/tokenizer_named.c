#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "quant/format/hf/tokenizer_state.h"
#include "quant/format/json.h"

/* The kinds that come first, and what two classes name where tokenizer_config.json says nothing. */
static const struct {
    const char *member;
    const char *llama, *gemma;
} kinds[] = {
    {"bos_token", "<s>", "<bos>"},  {"eos_token", "</s>", "<eos>"}, {"unk_token", "<unk>", "<unk>"},
    {"sep_token", NULL, NULL},      {"pad_token", NULL, "<pad>"},   {"cls_token", NULL, NULL},
    {"mask_token", NULL, "<mask>"},
};

#define KIND_COUNT (sizeof(kinds) / sizeof(kinds[0]))

bool hf_is_llama_class(const struct hf_tokenizer *tokenizer)
{
    const char *class =
        json_string_value(json_member(tokenizer->tokenizer_config, "tokenizer_class"));
    const char *model = json_string_value(json_member(tokenizer->config, "model_type"));

    if (!class)
        return false;
    return strcmp(class, "LlamaTokenizer") == 0 ||
           (strcmp(class, "LlamaTokenizerFast") == 0 &&
            !(model && strncmp(model, "deepseek_v", strlen("deepseek_v")) == 0));
}

/* What the tokenizer's class names. */
static const char *named_by_class(const struct hf_tokenizer_writing *writing, size_t kind)
{
    const char *class =
        json_string_value(json_member(writing->tokenizer->tokenizer_config, "tokenizer_class"));

    if (class && strncmp(class, "GemmaTokenizer", strlen("GemmaTokenizer")) == 0)
        return kinds[kind].gemma;
    return hf_is_llama_class(writing->tokenizer) ? kinds[kind].llama : NULL;
}

static bool ends_with_token(const char *name)
{
    static const char end[] = "_token";
    size_t length = strlen(name);

    return length >= sizeof(end) - 1 && strcmp(name + length - (sizeof(end) - 1), end) == 0;
}

static bool is_kind(const char *name)
{
    for (size_t i = 0; i < KIND_COUNT; i++)
        if (strcmp(name, kinds[i].member) == 0)
            return true;
    return false;
}

/* Adds a string, or an object's content; what is neither is nothing. */
static int add(json_t *list, json_t *token)
{
    if (json_is_object(token))
        token = json_member(token, "content");
    if (!json_is_string(token) || json_string_length(token) == 0)
        return 0;
    return json_array_append(list, token) < 0 ? -ENOMEM : 0;
}

static int add_kinds(json_t *list, const struct hf_tokenizer_writing *writing, const json_t *config)
{
    const char *standard;
    json_t *token;
    int r = 0;

    for (size_t i = 0; r == 0 && i < KIND_COUNT; i++) {
        token = json_object_get(config, kinds[i].member);
        standard = named_by_class(writing, i);
        if (token)
            r = add(list, token);
        else if (standard && json_array_append_new(list, json_string(standard)) < 0)
            r = -ENOMEM;
    }
    return r;
}

/* A list, or the values of an object. */
static int add_extra(json_t *list, json_t *extra)
{
    const char *name;
    json_t *token;
    size_t i;
    int r = 0;

    if (json_is_array(extra)) {
        json_array_foreach(extra, i, token)
        {
            if (r == 0)
                r = add(list, token);
        }
    } else if (json_is_object(extra)) {
        json_object_foreach(extra, name, token)
        {
            if (r == 0)
                r = add(list, token);
        }
    }
    return r;
}

/* tokenizer_config.json; where that does not list added tokens the members of
 * special_tokens_map.json come before its own. */
static json_t *effective_config(const struct hf_tokenizer *tokenizer)
{
    json_t *config =
        tokenizer->tokenizer_config ? json_clone(tokenizer->tokenizer_config) : json_object();

    if (config && tokenizer->special_map && !json_object_get(config, "added_tokens_decoder") &&
        json_object_update(config, tokenizer->special_map) < 0) {
        json_decref(config);
        config = NULL;
    }
    return config;
}

static int collect_named(const struct hf_tokenizer_writing *writing, json_t *config, json_t *list)
{
    json_t *token, *extra;
    const char *name;
    int r = add_kinds(list, writing, config);

    json_object_foreach(config, name, token)
    {
        if (r == 0 && ends_with_token(name) && !is_kind(name))
            r = add(list, token);
    }
    extra = json_object_get(config, "extra_special_tokens");
    if (!extra)
        extra = json_object_get(config, "additional_special_tokens");
    return r == 0 ? add_extra(list, extra) : r;
}

json_t *hf_named_tokens(const struct hf_tokenizer_writing *writing)
{
    json_t *config = effective_config(writing->tokenizer), *list = json_array();
    int r = config && list ? collect_named(writing, config, list) : -ENOMEM;

    json_decref(config);
    if (r < 0) {
        json_decref(list);
        list = NULL;
    }
    return list;
}

/* --- added tokens --------------------------------------------------------------------------------
 */

struct stated {
    uint64_t number;
    struct hf_added_token token;
};

static int by_number(const void *a, const void *b)
{
    const struct stated *x = a, *y = b;

    return (x->number > y->number) - (x->number < y->number);
}

static bool is_named(const json_t *named, const struct hf_text *text)
{
    for (size_t i = 0; i < json_array_size(named); i++) {
        const json_t *name = json_array_get(named, i);

        if (json_string_length(name) == text->size &&
            memcmp(json_string_value(name), text->text, text->size) == 0)
            return true;
    }
    return false;
}

/* The entries in the order of their numbers. */
static size_t collect_stated(const json_t *decoder, struct stated *stated)
{
    size_t count = 0;
    void *at = json_object_iter((json_t *)(uintptr_t)decoder);

    for (; at; at = json_object_iter_next((json_t *)(uintptr_t)decoder, at)) {
        stated[count].number = strtoull(json_object_iter_key(at), NULL, 10);
        if (hf_added_token(json_object_iter_value(at), &stated[count].token))
            count++;
    }
    qsort(stated, count, sizeof(*stated), by_number);
    return count;
}

/* tokenizer_config.json has the last word on what a token is; where it says something new of a
 * named one, that is special. What tokenizer.json lacks is added. */
static int add_stated(struct hf_tokenizer_writing *writing, const json_t *named)
{
    const json_t *decoder =
        json_member(writing->tokenizer->tokenizer_config, "added_tokens_decoder");
    struct hf_vocab *vocab = writing->tokenizer->vocab;
    size_t count = json_object_size(decoder);
    struct stated *stated;
    struct hf_added_token *tokens;
    int r = -ENOMEM;

    if (count == 0)
        return 0;
    stated = reallocarray(NULL, count, sizeof(*stated));
    tokens = reallocarray(NULL, count, sizeof(*tokens));
    if (stated && tokens) {
        count = collect_stated(decoder, stated);
        for (size_t i = 0; i < count; i++)
            tokens[i] = stated[i].token;
        r = hf_vocab_news(vocab, tokens, &count);
        for (size_t i = 0; r == 0 && i < count; i++)
            if (is_named(named, &tokens[i].text))
                tokens[i].special = true;
        if (r == 0)
            r = hf_vocab_add(vocab, tokens, count);
    }
    free(tokens);
    free(stated);
    return r;
}

int hf_append_named(struct hf_tokenizer_writing *writing, const json_t *named)
{
    struct hf_vocab *vocab = writing->tokenizer->vocab;
    struct hf_text text;
    int r = add_stated(writing, named);

    for (size_t i = 0; r == 0 && i < json_array_size(named); i++) {
        if (!json_as_text(json_array_get(named, i), &text.text, &text.size))
            continue;
        /* The list does not live as long as the vocabulary. */
        text.text = hf_arena_copy(&vocab->arena, text.text, text.size);
        r = text.text ? hf_vocab_append(vocab, text.text, text.size) : -ENOMEM;
    }
    if (r == -EINVAL)
        return hf_tokenizer_blame(writing, "tokenizer_config.json", EINVAL,
                                  "tokens beyond the number 4294967295");
    return r;
}
