/*
 * If this fails, a lack of memory while a model directory is read crashes, leaks, or gives other
 * keys without an error. Each allocation fails once, of ours and of jansson's; then it and all
 * later ones.
 */
#include <stdarg.h>

#include "directory.h"
#include "quant/format/hf/general.h"
#include "quant/format/hf/import.h"
#include "quant/format/hf/tokenizer.h"
#include "quant/format/json.h"

/* Which allocation fails. Linked with --wrap for each of these functions. */
static struct {
    unsigned long count, fails; /* fails: 0: none */
    bool later;                 /* and all later ones */
} memory;

static bool fails(void)
{
    memory.count++;
    return memory.fails > 0 &&
           (memory.later ? memory.count >= memory.fails : memory.count == memory.fails);
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__real_reallocarray(void *old, size_t count, size_t size);
char *__real_strdup(const char *text);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
void *__wrap_reallocarray(void *old, size_t count, size_t size);
char *__wrap_strdup(const char *text);
int __wrap_asprintf(char **text, const char *format, ...) __attribute__((format(printf, 2, 3)));

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
    return fails() ? NULL : __real_realloc(old, size);
}

void *__wrap_reallocarray(void *old, size_t count, size_t size)
{
    return fails() ? NULL : __real_reallocarray(old, count, size);
}

char *__wrap_strdup(const char *text)
{
    return fails() ? NULL : __real_strdup(text);
}

int __wrap_asprintf(char **text, const char *format, ...)
{
    va_list args;
    int n;

    if (fails())
        return -1;
    va_start(args, format);
    n = vasprintf(text, format, args);
    va_end(args);
    return n;
}

/* --- directories ---------------------------------------------------------------------------------
 */

static const struct test_case {
    struct {
        const char *name, *text;
        size_t size; /* 0: of the text */
    } files[6];
    struct hf_tokenizer_rules rules;
} cases[] = {
    {.files = {{"tokenizer.json",
                "{\"added_tokens\":[{\"id\":3,\"content\":\"<s>\",\"special\":true},"
                "{\"id\":4,\"content\":\"\\u0120x\\u2581\",\"normalized\":false}],"
                "\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":false},"
                "\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":["
                "{\"SpecialToken\":{\"id\":\"<s>\"}},{\"Sequence\":{\"id\":\"A\"}}],"
                "\"special_tokens\":{\"<s>\":{\"ids\":[3]}}},\"decoder\":{\"type\":\"ByteLevel\"},"
                "\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0,\"b\":1,\"ab\":2},"
                "\"merges\":[[\"a\",\"b\"],[\" a\",\"b\"]]}}",
                0},
               {"tokenizer_config.json",
                "{\"bos_token\":{\"content\":\"<s>\"},\"pad_token\":\"<p>\"}", 0},
               {"chat_template.jinja", "T", 0},
               {"additional_chat_templates/rag.jinja", "R", 0},
               {"README.md",
                "---\nname: a model\nlicense: [a, b]\nbase_model: [x/y-v1, {name: z}]\n"
                "tags: [a]\n---\n",
                0},
               {"generation_config.json", "{\"top_k\":1}", 0}},
     .rules = {.kind = HF_TOKENIZER_LLAMA, .vocab_size = 8}},
    {.files = {{"tokenizer.model", "\x0a\x03\x0a\x01\x61\x0a\x05\x0a\x01\x62\x18\x02", 12},
               {"added_tokens.json", "{\"x\":2}", 0},
               {"tokenizer_config.json",
                "{\"added_tokens_decoder\":{\"1\":{\"content\":\"\\u2581y\"}}}", 0}},
     .rules = {.kind = HF_TOKENIZER_GEMMA, .vocab_size = 4}},
    {.files = {{"tokenizer.json",
                "{\"added_tokens\":[{\"id\":0,\"content\":\"<s>\"}],\"normalizer\":"
                "{\"precompiled_charsmap\":\"YwBt\"},\"model\":{\"type\":\"Unigram\",\"vocab\":"
                "[[\"<s>\",0],[\"a\",-1.5]]}}",
                0},
               {"tokenizer_config.json", "{\"bos_token\":\"<s>\"}", 0}},
     .rules = {.kind = HF_TOKENIZER_XLM_ROBERTA}},
    {.files = {{"tokenizer.json",
                "{\"decoder\":{\"type\":\"Sequence\"},\"model\":{\"type\":\"BPE\","
                "\"byte_fallback\":true,\"vocab\":{\"a\":0,\"<0x00>\":1}}}",
                0},
               {"merges.txt", "a b\nc d\n", 0},
               {"chat_template.json", "{\"chat_template\":\"J\"}", 0},
               {"tokenizer_config.json", "{\"x\":1}", 0}},
     .rules = {.kind = HF_TOKENIZER_GEMMA4}},
};

/* Keys of the model, NULL: an error. */
static int write_keys(const struct made *made, const json_t *config,
                      const struct hf_tokenizer_rules *rules, struct hf_kv *kv)
{
    static const struct hf_parameters parameters = {.total = 1000000};
    struct hf_tokenizer *tokenizer = NULL;
    struct defect defect = {0};
    size_t count;
    int r = hf_general_write(&made->directory, config, &parameters, kv, &defect);

    if (r == 0)
        r = hf_tokenizer_open(&made->directory, config, &tokenizer, &defect);
    if (r == 0)
        r = hf_tokenizer_write(tokenizer, rules, kv, &count, &defect);
    hf_tokenizer_close(tokenizer);
    return r;
}

static char *keys_of(const struct made *made, const json_t *config,
                     const struct hf_tokenizer_rules *rules)
{
    struct hf_kv *kv;
    char *keys = NULL;
    int r;

    memory.count = 0;
    r = hf_kv_new(&kv);
    if (r == 0)
        r = write_keys(made, config, rules, kv);
    memory.fails = 0;
    if (r == 0)
        keys = show_keys(kv);
    if (kv)
        hf_kv_free(kv);
    return keys;
}

static void check_case(const struct test_case *c, bool later)
{
    json_t *config = json_pack("{s:i}", "eos_token_id", 1);
    struct made made;
    char *whole, *keys;
    unsigned long total, errors = 0;

    made_start(&made, "Some-Model-7B");
    for (size_t i = 0; i < 6 && c->files[i].name; i++)
        made_add(&made, c->files[i].name, c->files[i].text,
                 c->files[i].size ? c->files[i].size : strlen(c->files[i].text));
    whole = keys_of(&made, config, &c->rules);
    CHECK(whole);
    total = memory.count;
    for (unsigned long n = 1; n <= total; n++) {
        memory.fails = n;
        memory.later = later;
        keys = keys_of(&made, config, &c->rules);
        if (keys && strcmp(keys, whole) != 0)
            fprintf(stderr, "allocation %lu of %lu:\n%s\nexpected:\n%s\n", n, total, keys, whole);
        CHECK(!keys || strcmp(keys, whole) == 0);
        errors += !keys;
        free(keys);
    }
    CHECK(total > 50 && errors > total / 2);
    free(whole);
    json_decref(config);
    made_end(&made);
}

/* --- a whole import ------------------------------------------------------------------------------
 */

#define NORM "{\"dtype\":\"F16\",\"shape\":[8],\"data_offsets\":[0,16]}"
#define QUERY "{\"dtype\":\"F16\",\"shape\":[8,8],\"data_offsets\":[16,144]}"

static void make_model(struct made *made)
{
    static const char header[] =
        "{\"model.norm.weight\":" NORM ",\"model.layers.0.self_attn.q_proj.weight\":" QUERY "}";
    static char weights[8 + sizeof(header) - 1 + 144] = {(char)(sizeof(header) - 1)};

    _Static_assert(sizeof(header) - 1 < 256, "its length is one byte");
    memcpy(weights + 8, header, sizeof(header) - 1);
    made_start(made, "Some-Model-7B");
    made_text(made, "config.json",
              "{\"architectures\":[\"LlamaForCausalLM\"],\"model_type\":\"llama\","
              "\"hidden_size\":8,\"num_attention_heads\":2,\"num_hidden_layers\":1,"
              "\"vocab_size\":8,\"rope_scaling\":{\"type\":\"yarn\",\"factor\":2.5,"
              "\"original_max_position_embeddings\":64}}");
    made_add(made, "model.safetensors", weights, sizeof(weights));
    for (size_t i = 0; i < 4; i++)
        made_text(made, cases[0].files[i].name, cases[0].files[i].text);
}

/* A header for free(); NULL: an error, which says that it is memory. */
static uint8_t *header_of(const struct made *made, size_t *size)
{
    struct hf_import *import;
    struct defect defect = {0};
    uint8_t *copy = NULL;
    const uint8_t *header;
    int r;

    memory.count = 0;
    r = hf_import_open(&made->directory, TYPE_F16, &import, &defect);
    memory.fails = 0;
    if (r < 0) {
        if (r != -ENOMEM)
            fprintf(stderr, "%s\n", defect.text);
        CHECK_EQ(r, -ENOMEM);
        return NULL;
    }
    header = hf_import_header(import, size);
    copy = malloc(*size);
    CHECK(copy);
    memcpy(copy, header, *size);
    hf_import_free(import);
    return copy;
}

static void check_import(bool later)
{
    struct made made;
    uint8_t *whole, *header;
    size_t size, again;
    unsigned long total;

    make_model(&made);
    whole = header_of(&made, &size);
    CHECK(whole);
    total = memory.count;
    for (unsigned long n = 1; n <= total; n++) {
        memory.fails = n;
        memory.later = later;
        header = header_of(&made, &again);
        CHECK(!header || (again == size && memcmp(header, whole, size) == 0));
        free(header);
    }
    CHECK(total > 200);
    free(whole);
    made_end(&made);
}

int main(void)
{
    json_set_alloc_funcs(__wrap_malloc, free);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        check_case(&cases[i], false);
        check_case(&cases[i], true);
    }
    check_import(false);
    check_import(true);
    return 0;
}
