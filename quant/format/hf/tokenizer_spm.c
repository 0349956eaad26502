#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "quant/format/hf/tokenizer_state.h"
#include "quant/format/json.h"

#define ADDED_SCORE (-1000.0f)
#define PAD_SCORE (-10000.0f)

static const char *const added_file = "added_tokens.json";
static const char *const config_file = "tokenizer_config.json";

/* A token that is defined by the user is a normal one here. */
static enum hf_token_type token_type(enum hf_piece_type type)
{
    switch (type) {
    case HF_PIECE_UNKNOWN:
        return HF_TOKEN_UNKNOWN;
    case HF_PIECE_CONTROL:
        return HF_TOKEN_CONTROL;
    case HF_PIECE_UNUSED:
        return HF_TOKEN_UNUSED;
    case HF_PIECE_BYTE:
        return HF_TOKEN_BYTE;
    default:
        return HF_TOKEN_NORMAL;
    }
}

static void set_pieces(struct hf_tokens *tokens, const struct hf_pieces *pieces)
{
    const struct hf_piece *piece = pieces->pieces;

    for (size_t i = 0; i < pieces->count && i < tokens->count; i++, piece++)
        hf_tokens_set(tokens, i, &piece->text, piece->score, token_type(piece->type));
}

/* Sets a token whose text is of a JSON tree, and is copied. */
static int set_copy(struct hf_tokens *tokens, uint64_t id, const char *text, size_t size,
                    enum hf_token_type type)
{
    struct hf_text copy = {hf_arena_copy(&tokens->arena, text, size), size};

    if (!copy.text)
        return -ENOMEM;
    hf_tokens_set(tokens, (size_t)id, &copy, ADDED_SCORE, type);
    return 0;
}

/* --- added_tokens.json: {"text": number} ---------------------------------------------------------
 */

static int read_added(struct hf_tokenizer_writing *writing, json_t **json)
{
    int r = hf_tokenizer_json(writing->tokenizer->directory, added_file, json, writing->defect);

    return r == -ENOENT ? 0 : r;
}

static int set_added(struct hf_tokenizer_writing *writing)
{
    json_t *json, *number;
    const char *text;
    uint64_t id;
    int r = read_added(writing, &json);

    json_object_foreach(json, text, number)
    {
        if (r < 0)
            break;
        if (!json_as_u64(number, &id))
            r = hf_tokenizer_blame(writing, added_file, EINVAL, "'%s' has no number", text);
        else if (id < writing->tokens.count)
            r = set_copy(&writing->tokens, id, text, strlen(text), HF_TOKEN_USER_DEFINED);
    }
    json_decref(json);
    return r;
}

/* --- added_tokens_decoder: {"number": {"content": "text", "special": true}} ----------------------
 */

/* How a kind of tokenizer takes an added token. */
enum added_rule {
    RULE_LLAMA, /* control if it looks so, no U+2581 else; what is beyond the list is passed over */
    RULE_PLAIN, /* as the file says; what is beyond the list is an error */
};

static bool read_number(const char *text, uint64_t *value)
{
    *value = 0;
    if (!*text || strlen(text) > 18)
        return false;
    for (; *text; text++) {
        if (*text < '0' || *text > '9')
            return false;
        *value = 10 * *value + (uint64_t)(*text - '0');
    }
    return true;
}

static int take_added(struct hf_tokenizer_writing *writing, const char *file, uint64_t id,
                      const json_t *token, enum added_rule rule)
{
    struct hf_tokens *tokens = &writing->tokens;
    enum hf_token_type type = HF_TOKEN_USER_DEFINED;
    struct hf_text text;
    int r = 0;

    if (!json_as_text(json_member(token, "content"), &text.text, &text.size))
        return hf_tokenizer_blame(writing, file, EINVAL, "added token %llu has no content",
                                  (unsigned long long)id);
    if (id >= tokens->count)
        return rule == RULE_LLAMA ? 0
                                  : hf_tokenizer_blame(writing, file, EINVAL,
                                                       "added token %llu, but there are %zu tokens",
                                                       (unsigned long long)id, tokens->count);
    if (json_member_true(token, "special") || (rule == RULE_LLAMA && hf_looks_special(&text)))
        type = HF_TOKEN_CONTROL;
    else if (rule == RULE_LLAMA)
        r = hf_plain_spaces(&tokens->arena, &text);
    return r < 0 ? r : set_copy(tokens, id, text.text, text.size, type);
}

static int set_decoder(struct hf_tokenizer_writing *writing, enum added_rule rule)
{
    json_t *decoder = json_member(writing->tokenizer->tokenizer_config, "added_tokens_decoder");
    json_t *token;
    const char *number;
    uint64_t id;
    int r = 0;

    json_object_foreach(decoder, number, token)
    {
        if (r < 0)
            break;
        r = read_number(number, &id)
                ? take_added(writing, config_file, id, token, rule)
                : hf_tokenizer_blame(writing, config_file, EINVAL,
                                     "added_tokens_decoder: '%s' is no number", number);
    }
    return r;
}

/* added_tokens of tokenizer.json, by the numbers that it states. */
static int set_fast(struct hf_tokenizer_writing *writing)
{
    const struct hf_vocab *vocab = writing->tokenizer->vocab;
    const json_t *list = vocab ? json_member(vocab->rest, "added_tokens") : NULL, *token;
    uint64_t id;
    int r = 0;

    for (size_t i = 0; r == 0 && i < json_array_size(list); i++) {
        token = json_array_get(list, i);
        r = json_as_u64(json_member(token, "id"), &id)
                ? take_added(writing, "tokenizer.json", id, token, RULE_PLAIN)
                : hf_tokenizer_blame(writing, "tokenizer.json", EINVAL,
                                     "added_tokens[%zu] has no number", i);
    }
    return r;
}

/* --- the kinds -----------------------------------------------------------------------------------
 */

/* `least`: the list is no shorter than the pieces. */
static int pad(struct hf_tokenizer_writing *writing, const struct hf_pieces *pieces, bool least)
{
    size_t size;
    int r = hf_tokenizer_size(writing, pieces->count, &size);

    if (r < 0)
        return r;
    if (least && size < pieces->count)
        size = pieces->count;
    if (size > HF_TOKENS_MAX)
        return hf_tokenizer_blame(writing, "config.json", EINVAL, "%zu tokens", size);
    r = hf_tokens_pad(&writing->tokens, size, PAD_SCORE);
    if (r == 0)
        set_pieces(&writing->tokens, pieces);
    return r;
}

int hf_spm_tokens(struct hf_tokenizer_writing *writing, const struct hf_pieces *pieces)
{
    int r = pad(writing, pieces, false);

    if (r == 0)
        r = set_added(writing);
    return r < 0 ? r : set_decoder(writing, RULE_LLAMA);
}

int hf_phi3_tokens(struct hf_tokenizer_writing *writing, const struct hf_pieces *pieces)
{
    int r = pad(writing, pieces, false);

    if (r == 0 && writing->tokens.count < pieces->count)
        r = hf_tokenizer_blame(writing, "tokenizer.model", EINVAL,
                               "%zu pieces, but vocab_size is %zu", pieces->count,
                               writing->tokens.count);
    if (r == 0)
        r = set_added(writing);
    if (r == 0)
        r = set_decoder(writing, RULE_PLAIN);
    return r < 0 ? r : set_fast(writing);
}

int hf_t5_tokens(struct hf_tokenizer_writing *writing, const struct hf_pieces *pieces)
{
    int r = pad(writing, pieces, false);

    if (r == 0 && writing->tokens.count < pieces->count)
        r = hf_tokenizer_blame(writing, "config.json", EINVAL,
                               "vocab_size is %zu, but there are %zu pieces", writing->tokens.count,
                               pieces->count);
    return r < 0 ? r : set_added(writing);
}

/* A single zero byte would be an empty text to the runtime; "[UNUSED" begins what is not used. */
static int append_internlm2(struct hf_tokens *tokens, const struct hf_piece *piece)
{
    static const char dragon[] = "\xf0\x9f\x90\x89", unused[] = "[UNUSED";
    struct hf_text text = piece->text;
    enum hf_token_type type = token_type(piece->type);

    if (text.size >= sizeof(unused) - 1 && memcmp(text.text, unused, sizeof(unused) - 1) == 0)
        type = HF_TOKEN_UNUSED;
    if (text.size == 1 && text.text[0] == 0)
        text = (struct hf_text){dragon, sizeof(dragon) - 1};
    return hf_tokens_append(tokens, &text, piece->score, type);
}

static int append_added(struct hf_tokenizer_writing *writing)
{
    struct hf_tokens *tokens = &writing->tokens;
    struct hf_text copy;
    json_t *json, *number;
    const char *text;
    int r = read_added(writing, &json);

    json_object_foreach(json, text, number)
    {
        if (r < 0)
            break;
        copy.size = strlen(text);
        copy.text = hf_arena_copy(&tokens->arena, text, copy.size);
        r = copy.text ? hf_tokens_append(tokens, &copy, ADDED_SCORE, HF_TOKEN_USER_DEFINED)
                      : -ENOMEM;
    }
    json_decref(json);
    return r;
}

int hf_internlm2_tokens(struct hf_tokenizer_writing *writing, const struct hf_pieces *pieces)
{
    size_t size;
    int r = hf_tokenizer_size(writing, pieces->count, &size);

    if (r == 0 && size > pieces->count)
        r = hf_tokenizer_blame(writing, "config.json", EINVAL,
                               "vocab_size is %zu, but there are %zu pieces", size, pieces->count);
    for (size_t i = 0; r == 0 && i < size; i++)
        r = append_internlm2(&writing->tokens, &pieces->pieces[i]);
    if (r == 0)
        r = append_added(writing);
    if (r == 0)
        r = set_decoder(writing, RULE_PLAIN);
    return r < 0 ? r : set_fast(writing);
}

/*
 * The transformers library has its own first four tokens, without the model's first three, and
 * drops the list's last entry (import-2 3.5).
 */
int hf_xlm_roberta_tokens(struct hf_tokenizer_writing *writing, const struct hf_pieces *pieces)
{
    static const struct {
        const char *text;
        enum hf_token_type type;
    } first[] = {{"<s>", HF_TOKEN_CONTROL},
                 {"<pad>", HF_TOKEN_CONTROL},
                 {"</s>", HF_TOKEN_CONTROL},
                 {"<unk>", HF_TOKEN_UNKNOWN}};
    struct hf_tokens *tokens = &writing->tokens;
    struct hf_text text;
    int r = pad(writing, pieces, true);

    if (r < 0)
        return r;
    if (tokens->count < 4)
        return hf_tokenizer_blame(writing, "sentencepiece.bpe.model", EINVAL,
                                  "fewer than 4 pieces");
    memmove(tokens->texts + 4, tokens->texts + 3, (tokens->count - 4) * sizeof(*tokens->texts));
    memmove(tokens->scores + 4, tokens->scores + 3, (tokens->count - 4) * sizeof(*tokens->scores));
    memmove(tokens->types + 4, tokens->types + 3, (tokens->count - 4) * sizeof(*tokens->types));
    for (size_t i = 0; i < 4; i++) {
        text = (struct hf_text){first[i].text, strlen(first[i].text)};
        hf_tokens_set(tokens, i, &text, 0, first[i].type);
    }
    return 0;
}
