#include <errno.h>
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

static int add_kinds(json_t *list, const struct hf_tokenizer_writing *writing)
{
    const json_t *config = writing->tokenizer->tokenizer_config;
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

json_t *hf_named_tokens(const struct hf_tokenizer_writing *writing)
{
    json_t *config = writing->tokenizer->tokenizer_config, *list = json_array(), *token, *extra;
    const char *name;
    int r = list ? add_kinds(list, writing) : -ENOMEM;

    json_object_foreach(config, name, token)
    {
        if (r == 0 && ends_with_token(name) && !is_kind(name))
            r = add(list, token);
    }
    extra = json_object_get(config, "extra_special_tokens");
    if (!extra)
        extra = json_object_get(config, "additional_special_tokens");
    if (r == 0)
        r = add_extra(list, extra);
    if (r < 0) {
        json_decref(list);
        list = NULL;
    }
    return list;
}

int hf_append_named(struct hf_tokenizer_writing *writing, const json_t *named)
{
    struct hf_vocab *vocab = writing->tokenizer->vocab;
    struct hf_text text;
    int r = 0;

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
