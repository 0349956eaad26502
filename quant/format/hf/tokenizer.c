#include "quant/format/hf/tokenizer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "quant/format/hf/template.h"
#include "quant/format/hf/tokenizer_state.h"
#include "quant/format/json.h"

/* --- files ---------------------------------------------------------------------------------------
 */

int hf_tokenizer_json(const struct hf_directory *directory, const char *name, json_t **json,
                      struct defect *defect)
{
    char *text;
    size_t size;
    int r;

    *json = NULL;
    if (!hf_find(directory, name))
        return -ENOENT;
    r = hf_read_text(directory, name, HF_JSON_MAX, &text, &size, defect);
    if (r < 0)
        return r;
    r = json_parse(name, text, size, JSON_AS_PYTHON, json, defect);
    free(text);
    return r;
}

int hf_tokenizer_open(const struct hf_directory *directory, const json_t *config,
                      struct hf_tokenizer **out, struct defect *defect)
{
    struct hf_tokenizer *tokenizer = calloc(1, sizeof(*tokenizer));
    int r = 0;

    *out = NULL;
    if (!tokenizer)
        return -ENOMEM;
    tokenizer->directory = directory;
    tokenizer->config = config;
    if (hf_find(directory, "tokenizer.json"))
        r = hf_vocab_read(directory, &tokenizer->vocab, defect);
    if (r == 0)
        r = hf_tokenizer_json(directory, "tokenizer_config.json", &tokenizer->tokenizer_config,
                              defect);
    if (r == 0 || r == -ENOENT)
        r = hf_tokenizer_json(directory, "special_tokens_map.json", &tokenizer->special_map,
                              defect);
    if (r == -ENOENT)
        r = 0;
    if (r < 0)
        hf_tokenizer_close(tokenizer);
    else
        *out = tokenizer;
    return r;
}

void hf_tokenizer_close(struct hf_tokenizer *tokenizer)
{
    if (!tokenizer)
        return;
    hf_vocab_free(tokenizer->vocab);
    json_decref(tokenizer->tokenizer_config);
    json_decref(tokenizer->special_map);
    free(tokenizer);
}

bool hf_tokenizer_find(const struct hf_tokenizer *tokenizer, const char *text, uint32_t *id)
{
    return tokenizer->vocab && hf_vocab_find(tokenizer->vocab, text, strlen(text), id);
}

uint64_t hf_tokenizer_entries(const struct hf_tokenizer *tokenizer)
{
    const struct hf_vocab *vocab = tokenizer->vocab;

    return vocab ? (uint64_t)vocab->base_count + vocab->added_entries : 0;
}

struct hf_special_files hf_tokenizer_files(const struct hf_tokenizer *tokenizer)
{
    return (struct hf_special_files){
        .directory = tokenizer->directory,
        .tokenizer = tokenizer->vocab ? tokenizer->vocab->rest : NULL,
        .tokenizer_config = tokenizer->tokenizer_config,
        .config = tokenizer->config,
    };
}

int hf_tokenizer_size(struct hf_tokenizer_writing *writing, uint64_t standard, size_t *size)
{
    uint64_t wanted = writing->rules->vocab_size ? writing->rules->vocab_size : standard;

    if (wanted > HF_TOKENS_MAX)
        return hf_tokenizer_blame(writing, "config.json", EINVAL,
                                  "vocab_size is %llu, more than %llu", (unsigned long long)wanted,
                                  (unsigned long long)HF_TOKENS_MAX);
    *size = (size_t)wanted;
    return 0;
}

/* --- parts of kinds ------------------------------------------------------------------------------
 */

bool hf_has_file(const struct hf_tokenizer_writing *writing, const char *name)
{
    return hf_find(writing->tokenizer->directory, name) != NULL;
}

int hf_write_text(struct hf_tokenizer_writing *writing, const char *key, const char *text)
{
    return hf_kv_string(writing->kv, key, text, strlen(text));
}

int hf_find_special(struct hf_tokenizer_writing *writing, uint64_t limit,
                    struct hf_special *special)
{
    struct hf_special_files files = hf_tokenizer_files(writing->tokenizer);

    return hf_special_find(&files, limit, special, writing->defect);
}

/* Special numbers, flags and templates of the usual kind. */
int hf_write_special(struct hf_tokenizer_writing *writing, uint64_t limit)
{
    struct hf_special special;
    int r = hf_find_special(writing, limit, &special);

    if (r == 0) {
        r = hf_special_write(&special, writing->kv);
        hf_special_free(&special);
    }
    return r;
}

/* The second pass: `id` is that of eot unless it has one. */
static int write_eot(struct hf_tokenizer_writing *writing, uint32_t id, bool chat_template)
{
    struct hf_special_files files = hf_tokenizer_files(writing->tokenizer);
    struct hf_special special;
    int r = hf_special_find_eot(&files, &special, writing->defect);

    if (r < 0)
        return r;
    hf_special_set(&special, HF_EOT, id);
    if (!chat_template) {
        json_decref(special.chat_template);
        special.chat_template = NULL;
    }
    r = hf_special_write(&special, writing->kv);
    hf_special_free(&special);
    return r;
}

int hf_write_space_prefix(struct hf_tokenizer_writing *writing, bool value)
{
    return hf_kv_bool(writing->kv, "tokenizer.ggml.add_space_prefix", value);
}

/* As tokenizer_config.json says, if it does. */
static int write_stated_space_prefix(struct hf_tokenizer_writing *writing)
{
    const json_t *value = json_member(writing->tokenizer->tokenizer_config, "add_prefix_space");

    return json_is_boolean(value) ? hf_write_space_prefix(writing, json_is_true(value)) : 0;
}

static int write_bpe(struct hf_tokenizer_writing *writing)
{
    int r = hf_bpe_tokens(writing);

    if (r == 0)
        r = hf_bpe_write(writing);
    return r < 0 ? r : hf_write_special(writing, HF_NO_LIMIT);
}

/* Keys of a token list with scores: `model`, `pre`, tokens, scores, types. */
int hf_write_scored(struct hf_tokenizer_writing *writing, const char *model)
{
    (void)hf_write_text(writing, "tokenizer.ggml.model", model);
    (void)hf_write_text(writing, "tokenizer.ggml.pre", "default");
    return hf_tokens_write(&writing->tokens, true, writing->kv);
}

int hf_write_type_count(struct hf_tokenizer_writing *writing)
{
    uint64_t count = writing->rules->type_vocab_size;

    return hf_kv_u32(writing->kv, "tokenizer.ggml.token_type_count", count ? (uint32_t)count : 1);
}

/* --- kinds ---------------------------------------------------------------------------------------
 */

static int write_spm_or_bpe(struct hf_tokenizer_writing *writing)
{
    return hf_has_file(writing, "tokenizer.model") ? hf_write_spm(writing, hf_spm_tokens)
                                                   : write_bpe(writing);
}

static int write_fast_spm(struct hf_tokenizer_writing *writing)
{
    int r = hf_fast_spm_tokens(writing);

    if (r == 0)
        r = hf_write_scored(writing, "llama");
    return r < 0 ? r : hf_write_special(writing, writing->tokens.count);
}

static int write_llama(struct hf_tokenizer_writing *writing)
{
    const struct hf_vocab *vocab = writing->tokenizer->vocab;
    int r;

    if (hf_has_file(writing, "tekken.json") && !vocab)
        return hf_tokenizer_blame(writing, "tekken.json", ENOTSUP,
                                  "a tokenizer that is only there is not supported");
    (void)write_stated_space_prefix(writing);
    if (hf_has_file(writing, "tokenizer.model"))
        r = hf_write_spm(writing, hf_spm_tokens);
    else if (vocab && hf_fast_spm(vocab))
        r = write_fast_spm(writing);
    else
        r = write_bpe(writing);
    if (r == 0 && writing->rules->vocab_size == 32016) /* CodeLlama */
        r = write_eot(writing, 32010, true);
    if (r == 0 && writing->rules->vocab_size == 49152) /* small models of Granite */
        r = hf_kv_bool(writing->kv, "tokenizer.ggml.add_bos_token", false);
    return r;
}

/* SPM without a space before a text. */
static int write_gemma(struct hf_tokenizer_writing *writing, bool code_gemma)
{
    int r = hf_write_spm(writing, hf_spm_tokens);

    if (r == 0 && code_gemma)
        r = write_eot(writing, 107, false);
    return r < 0 ? r : hf_write_space_prefix(writing, false);
}

/* Tokens that its chats show, whatever tokenizer.json says of them. */
static void show_gemma4(struct hf_tokenizer_writing *writing)
{
    static const char *const shown[] = {
        "<|channel>",       "<channel|>",       "<|tool_call>", "<tool_call|>",
        "<|tool_response>", "<tool_response|>", "<|\"|>",
    };
    uint32_t id;

    for (size_t i = 0; i < sizeof(shown) / sizeof(shown[0]); i++)
        if (hf_tokenizer_find(writing->tokenizer, shown[i], &id) && id < writing->tokens.count)
            writing->tokens.types[id] = HF_TOKEN_USER_DEFINED;
}

static int write_gemma4(struct hf_tokenizer_writing *writing)
{
    int r;

    if (!writing->tokenizer->vocab || !hf_fast_spm(writing->tokenizer->vocab))
        return hf_tokenizer_blame(writing, "tokenizer.json", EINVAL,
                                  "no BPE with byte_fallback and a decoder of type Sequence");
    r = hf_fast_spm_tokens(writing);
    if (r < 0)
        return r;
    show_gemma4(writing);
    (void)hf_write_text(writing, "tokenizer.ggml.model", "gemma4");
    r = hf_tokens_write(&writing->tokens, true, writing->kv);
    if (r == 0)
        r = hf_merges_write(writing);
    if (r == 0)
        r = hf_write_special(writing, HF_NO_LIMIT);
    (void)hf_write_space_prefix(writing, false);
    (void)hf_kv_bool(writing->kv, "tokenizer.ggml.add_bos_token", true);
    return r;
}

static int write_ernie(struct hf_tokenizer_writing *writing)
{
    int r = hf_write_spm(writing, hf_spm_tokens);

    return r < 0 ? r : write_stated_space_prefix(writing);
}

static int write_phi3(struct hf_tokenizer_writing *writing)
{
    const char *class =
        json_string_value(json_member(writing->tokenizer->tokenizer_config, "tokenizer_class"));

    if (class && strcmp(class, "GPT2Tokenizer") == 0)
        return write_bpe(writing);
    return hf_write_spm(writing, hf_phi3_tokens);
}

/* BPE whose special numbers are those of tokens of fixed names, where the files give none. */
static int write_glm(struct hf_tokenizer_writing *writing)
{
    static const struct {
        enum hf_special_kind kind;
        const char *name;
    } glm4[] = {{HF_EOS, "<|endoftext|>"},
                {HF_EOT, "<|user|>"},
                {HF_UNK, "<|endoftext|>"},
                {HF_BOS, "<|endoftext|>"}},
      moe[] = {{HF_BOS, "[gMASK]"},
               {HF_EOT, "<|user|>"},
               {HF_UNK, "<|endoftext|>"},
               {HF_EOM, "<|observation|>"}};
    bool is_moe = writing->rules->kind == HF_TOKENIZER_GLM4MOE;
    struct hf_special special = {0};
    uint32_t id;
    int r = hf_bpe_tokens(writing);

    if (r == 0)
        r = hf_bpe_write(writing);
    if (r == 0)
        r = hf_find_special(writing, HF_NO_LIMIT, &special);
    for (size_t i = 0; r == 0 && i < sizeof(glm4) / sizeof(glm4[0]); i++) {
        const char *name = is_moe ? moe[i].name : glm4[i].name;

        if (hf_tokenizer_find(writing->tokenizer, name, &id))
            hf_special_set(&special, is_moe ? moe[i].kind : glm4[i].kind, id);
        else
            r = hf_tokenizer_blame(writing, "tokenizer.json", EINVAL, "no token '%s'", name);
    }
    if (r == 0)
        r = hf_special_write(&special, writing->kv);
    hf_special_free(&special);
    return r;
}

static void write_id(struct hf_tokenizer_writing *writing, const char *key, const json_t *id)
{
    uint64_t value;

    if (json_as_u64(id, &value) && value <= UINT32_MAX)
        (void)hf_kv_u32(writing->kv, key, (uint32_t)value);
}

/* A member of config.json's text part, or else of its top. */
static const json_t *config_member(const struct hf_tokenizer_writing *writing, const char *name)
{
    const json_t *config = writing->tokenizer->config;
    const json_t *value = json_member(json_member(config, "text_config"), name);

    return value ? value : json_member(config, name);
}

static int write_hunyuan(struct hf_tokenizer_writing *writing)
{
    json_t *generation;
    const json_t *eos;
    int r = write_bpe(writing);

    if (r < 0)
        return r;
    write_id(writing, "tokenizer.ggml.eos_token_id", config_member(writing, "eod_token_id"));
    r = hf_tokenizer_json(writing->tokenizer->directory, "generation_config.json", &generation,
                          writing->defect);
    if (r < 0)
        return r == -ENOENT ? 0 : r;
    eos = json_member(generation, "eos_token_id");
    if (json_array_size(eos) >= 2)
        write_id(writing, "tokenizer.ggml.eot_token_id", json_array_get(eos, 0));
    json_decref(generation);
    return 0;
}

/* The first number of the list eos_token_id that is not bos's. */
static void write_laguna_eot(struct hf_tokenizer_writing *writing)
{
    const json_t *list = config_member(writing, "eos_token_id");
    const json_t *bos = config_member(writing, "bos_token_id");

    for (size_t i = 0; i < json_array_size(list); i++) {
        if (bos && json_equal(json_array_get(list, i), bos))
            continue;
        write_id(writing, "tokenizer.ggml.eot_token_id", json_array_get(list, i));
        return;
    }
}

/* The template of tokenizer_config.json may only include the file's. */
static int write_laguna(struct hf_tokenizer_writing *writing)
{
    json_t *jinja = NULL;
    uint32_t id;
    int r = hf_bpe_tokens(writing);

    if (r == 0 && hf_tokenizer_find(writing->tokenizer, "</assistant>", &id) &&
        id < writing->tokens.count)
        writing->tokens.types[id] = HF_TOKEN_CONTROL;
    if (r == 0)
        r = hf_bpe_write(writing);
    if (r == 0)
        r = hf_write_special(writing, HF_NO_LIMIT);
    if (r == 0 && hf_has_file(writing, "chat_template.jinja"))
        r = hf_template_jinja(writing->tokenizer->directory, "chat_template.jinja", &jinja,
                              writing->defect);
    if (r == 0 && jinja)
        r = hf_template_write(jinja, writing->kv);
    json_decref(jinja);
    if (r == 0)
        write_laguna_eot(writing);
    return r;
}

static int write_wordpiece(struct hf_tokenizer_writing *writing)
{
    int r = hf_bpe_tokens(writing);

    (void)hf_write_type_count(writing);
    if (r == 0)
        r = hf_wordpiece_write(writing);
    return r < 0 ? r : hf_write_special(writing, writing->tokens.count);
}

static int write_roberta(struct hf_tokenizer_writing *writing)
{
    int r;

    if (!writing->tokenizer->vocab)
        return write_wordpiece(writing);
    r = write_bpe(writing);
    return r < 0 ? r : hf_write_type_count(writing);
}

static int write_modern_bert(struct hf_tokenizer_writing *writing)
{
    (void)hf_kv_bool(writing->kv, "tokenizer.ggml.add_bos_token", true);
    (void)hf_kv_bool(writing->kv, "tokenizer.ggml.add_eos_token", true);
    (void)hf_kv_bool(writing->kv, "tokenizer.ggml.add_sep_token", true);
    return write_bpe(writing);
}

static int write_phi2(struct hf_tokenizer_writing *writing)
{
    (void)hf_kv_bool(writing->kv, "tokenizer.ggml.add_bos_token", false);
    return write_bpe(writing);
}

static int write_kind(struct hf_tokenizer_writing *writing)
{
    switch (writing->rules->kind) {
    case HF_TOKENIZER_BPE:
        return write_bpe(writing);
    case HF_TOKENIZER_SPM_OR_BPE:
        return write_spm_or_bpe(writing);
    case HF_TOKENIZER_LLAMA:
        return write_llama(writing);
    case HF_TOKENIZER_GEMMA:
        return write_gemma(writing, true);
    case HF_TOKENIZER_GEMMA2:
        return write_gemma(writing, false);
    case HF_TOKENIZER_GEMMA3:
        return hf_has_file(writing, "tokenizer.model") ? write_gemma(writing, false)
                                                       : write_bpe(writing);
    case HF_TOKENIZER_GEMMA4:
        return write_gemma4(writing);
    case HF_TOKENIZER_ERNIE:
        return write_ernie(writing);
    case HF_TOKENIZER_PHI2:
        return write_phi2(writing);
    case HF_TOKENIZER_PHI3:
        return write_phi3(writing);
    case HF_TOKENIZER_GLM4:
    case HF_TOKENIZER_GLM4MOE:
        return write_glm(writing);
    case HF_TOKENIZER_HUNYUAN:
        return write_hunyuan(writing);
    case HF_TOKENIZER_LAGUNA:
        return write_laguna(writing);
    case HF_TOKENIZER_INTERNLM2:
        return hf_write_internlm2(writing);
    case HF_TOKENIZER_WORDPIECE:
        return write_wordpiece(writing);
    case HF_TOKENIZER_ROBERTA:
        return write_roberta(writing);
    case HF_TOKENIZER_MODERN_BERT:
        return write_modern_bert(writing);
    case HF_TOKENIZER_XLM_ROBERTA:
        return hf_write_xlm_roberta(writing);
    case HF_TOKENIZER_T5:
        return hf_write_t5(writing);
    }
    return -EINVAL;
}

int hf_tokenizer_write(struct hf_tokenizer *tokenizer, const struct hf_tokenizer_rules *rules,
                       struct hf_kv *kv, size_t *token_count, struct defect *defect)
{
    struct hf_tokenizer_writing writing = {
        .tokenizer = tokenizer, .rules = rules, .kv = kv, .defect = defect};
    int r = write_kind(&writing);

    *token_count = writing.tokens.count;
    if (r == 0)
        r = hf_kv_error(kv);
    hf_tokens_free(&writing.tokens);
    return r;
}
