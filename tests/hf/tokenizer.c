/*
 * If this fails, a tokenizer's keys differ from those that the reference converter writes, or its
 * hostile files are not refused by name.
 */
#include "quant/format/hf/tokenizer.h"

#include "directory.h"
#include "quant/format/json.h"

/* A tokenizer.json in parts: what stands before, in and behind the model's object. */
#define TOKENIZER(before, model, behind) "{" before "\"model\":{" model "}" behind "}"
#define BYTE_LEVEL                                                                                 \
    "\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"use_regex\":true},"    \
    "\"decoder\":{\"type\":\"ByteLevel\"},"
#define BPE "\"type\":\"BPE\",\"vocab\":{\"a\":0,\"b\":1,\"ab\":2},\"merges\":[\"a b\"]"
/* What they are in a header. */
#define GPT2 "tokenizer.ggml.model = gpt2\ntokenizer.ggml.pre = gpt-2\n"
#define BASE(tokens, types)                                                                        \
    GPT2 "tokenizer.ggml.tokens = [a|b|ab" tokens "]\n"                                            \
         "tokenizer.ggml.token_type = [1|1|1" types "]\ntokenizer.ggml.merges = [a b]\n"
/* Makes these numbers of tokens: added ones. */
#define ADDED(id, text, flags) "{\"id\":" id ",\"content\":\"" text "\"" flags "}"

struct file {
    const char *name, *text;
};

struct test_case {
    const char *what;
    struct file files[6];
    const char *config;
    struct hf_tokenizer_rules rules;
    const char *keys;   /* the outcome, or */
    const char *end;    /* what it ends with, or */
    const char *defect; /* a part of it */
    int error;
};

static int run(const struct test_case *c, struct made *made, char **keys, struct defect *defect)
{
    char *text = strdup(c->config ? c->config : "{}");
    struct hf_tokenizer *tokenizer = NULL;
    struct hf_kv *kv = NULL;
    json_t *config;
    size_t count;
    int r;

    CHECK_EQ(json_parse("config.json", text, strlen(text), JSON_AS_PYTHON, &config, defect), 0);
    CHECK_EQ(hf_kv_new(&kv), 0);
    r = hf_tokenizer_open(&made->directory, config, &tokenizer, defect);
    CHECK((r == 0) == (tokenizer != NULL));
    if (r == 0)
        r = hf_tokenizer_write(tokenizer, &c->rules, kv, &count, defect);
    if (r == 0)
        *keys = show_keys(kv);
    hf_tokenizer_close(tokenizer);
    hf_kv_free(kv);
    json_decref(config);
    free(text);
    return r;
}

static void check_keys(const struct test_case *c, const char *keys)
{
    const char *found = keys, *expected = c->keys ? c->keys : c->end;

    if (c->end && strlen(keys) > strlen(c->end))
        found = keys + strlen(keys) - strlen(c->end);
    if (strcmp(found, expected) != 0)
        fprintf(stderr, "%s:\n%s\nexpected:\n%s\n", c->what, found, expected);
    CHECK(strcmp(found, expected) == 0);
}

static void check_outcome(const struct test_case *c, int r, char *keys, const struct defect *defect)
{
    if (!c->defect) {
        if (r < 0)
            fprintf(stderr, "%s: %s\n", c->what, defect->text);
        CHECK_EQ(r, 0);
        check_keys(c, keys);
    } else {
        if (!strstr(defect->text, c->defect))
            fprintf(stderr, "%s: found: %s\n", c->what, defect->text);
        CHECK_EQ(r, -c->error);
        CHECK(strstr(defect->text, c->defect));
    }
    free(keys);
}

static void check_case(const struct test_case *c)
{
    struct made made;
    struct defect defect = {0};
    char *keys = NULL;
    int r;

    made_start(&made, "model");
    for (size_t i = 0; c->files[i].name; i++)
        made_text(&made, c->files[i].name, c->files[i].text);
    r = run(c, &made, &keys, &defect);
    check_outcome(c, r, keys, &defect);
    made_end(&made);
}

/* --- BPE: tokens and merges ----------------------------------------------------------------------
 */

static const struct test_case bpe[] = {
    {.what = "the whole list",
     .files = {{"tokenizer.json", TOKENIZER(BYTE_LEVEL, BPE, "")}},
     .keys = BASE("", "")},
    {.what = "padding up to vocab_size",
     .files = {{"tokenizer.json", TOKENIZER(BYTE_LEVEL, BPE, "")}},
     .rules = {.vocab_size = 5},
     .keys = BASE("|[PAD3]|[PAD4]", "|5|5")},
    {.what = "types and texts of added tokens; the number that they state does not count",
     .files =
         {{"tokenizer.json",
           TOKENIZER(
               BYTE_LEVEL, BPE,
               ",\"added_tokens\":[" ADDED("7", "<|x|>", "") "," ADDED("8", "\\u2581y", ",\"normalized\":true") "," ADDED(
                   "9", "\\u0120z\\u00e9",
                   ",\"normalized\":false,\"special\":"
                   "true") "," ADDED("1", "b",
                                     ",\"special\":"
                                     "true") "," ADDED("12", "\\u0120\\u4e00",
                                                       ",\"normalized\":false") "," ADDED("13", "",
                                                                                          "") "]")}},
     .rules = {.vocab_size = 8},
     .keys = GPT2 "tokenizer.ggml.tokens = [a|b|ab|<|x|>| y| z\\xef\\xbf\\xbd|"
                  "\\xc4\\xa0\\xe4\\xb8\\x80|[PAD7]]\n"
                  "tokenizer.ggml.token_type = [1|3|1|3|4|3|4|5]\n"
                  "tokenizer.ggml.merges = [a b]\n"},
    {.what = "merges as pairs, with spaces and escapes",
     .files =
         {{"tokenizer.json",
           TOKENIZER(BYTE_LEVEL,
                     "\"vocab\":{\"a\":0,\"\\u0062\":1,\"ab\":2},"
                     "\"merges\":[[\"a\",\"b\"],[\"a b\" , \" \"],[\"\\\"\", \"\\ud83d\\ude00\"]]",
                     "")}},
     .keys =
         GPT2 "tokenizer.ggml.tokens = [a|b|ab]\ntokenizer.ggml.token_type = [1|1|1]\n"
              "tokenizer.ggml.merges = [a b|a\\xc4\\xa0b \\xc4\\xa0|\" \\xf0\\x9f\\x98\\x80]\n"},
    {.what = "merges.txt, where tokenizer.json has none",
     .files = {{"tokenizer.json",
                TOKENIZER(BYTE_LEVEL, "\"vocab\":{\"a\":0,\"b\":1,\"ab\":2}", "")},
               {"merges.txt", "#version: 0.2\r\n#a b\na b c\n\n  x   y  \nz w"}},
     .keys = GPT2 "tokenizer.ggml.tokens = [a|b|ab]\ntokenizer.ggml.token_type = [1|1|1]\n"
                  "tokenizer.ggml.merges = [#a b|x y|z w]\n"},
    {.what = "names that the vocabulary lacks",
     .files = {{"tokenizer.json", TOKENIZER(BYTE_LEVEL, BPE, "")},
               {"tokenizer_config.json",
                "{\"zz_token\":\"<z>\",\"pad_token\":{\"content\":\"<p>\"},\"bos_token\":null,"
                "\"unk_token\":null,\"extra_special_tokens\":{\"k\":\"<x>\",\"l\":\"<z>\"},"
                "\"additional_special_tokens\":[\"<y>\"],\"tokenizer_class\":\"LlamaTokenizer\"}"}},
     .rules = {.vocab_size = 8},
     .keys = BASE("|</s>|<p>|<z>|<x>|[PAD7]", "|3|3|3|3|5")},
    {.what = "a name of the base vocabulary is special",
     .files = {{"tokenizer.json", TOKENIZER(BYTE_LEVEL, BPE, "")},
               {"tokenizer_config.json", "{\"unk_token\":\"a\"}"}},
     .keys = "tokenizer.ggml.model = gpt2\ntokenizer.ggml.pre = gpt-2\n"
             "tokenizer.ggml.tokens = [a|b|ab]\ntokenizer.ggml.token_type = [3|1|1]\n"
             "tokenizer.ggml.merges = [a b]\n"},
    {.what = "tokenizer_config.json has the last word on added tokens",
     .files = {{"tokenizer.json", TOKENIZER(BYTE_LEVEL, BPE,
                                            ",\"added_tokens\":[" ADDED("3", "<x>", "") "," ADDED(
                                                "4", "<y>", ",\"special\":true") "]")},
               {"tokenizer_config.json",
                "{\"added_tokens_decoder\":{\"10\":{\"content\":\"<w>\"},\"4\":{\"content\":"
                "\"<y>\"},\"9\":{\"content\":\"<z>\",\"special\":true},\"3\":{\"content\":"
                "\"<x>\",\"special\":true},\"2\":{\"content\":\"\"},\"1\":{}}}"}},
     .keys = BASE("|<x>|<y>|<z>|<w>", "|3|4|3|4")},
    {.what = "names of special_tokens_map.json",
     .files = {{"tokenizer.json", TOKENIZER(BYTE_LEVEL, BPE, "")},
               {"tokenizer_config.json", "{\"eos_token\":\"<e>\"}"},
               {"special_tokens_map.json", "{\"eos_token\":\"<f>\",\"pad_token\":\"<p>\"}"}},
     .keys = BASE("|<f>|<p>", "|3|3")},
    {.what = "special_tokens_map.json beside a list of added tokens",
     .files = {{"tokenizer.json", TOKENIZER(BYTE_LEVEL, BPE, "")},
               {"tokenizer_config.json", "{\"eos_token\":\"<e>\",\"added_tokens_decoder\":{}}"},
               {"special_tokens_map.json", "{\"eos_token\":\"<f>\"}"}},
     .keys = BASE("|<e>", "|3")},
    {.what = "LlamaTokenizer decodes in its own way, but not for DeepSeek",
     .files = {{"tokenizer.json",
                TOKENIZER(BYTE_LEVEL, BPE,
                          ",\"added_tokens\":[" ADDED("3", "<|a\\u2581b\\u00e9|>",
                                                      ",\"normalized\":false") "]")},
               {"tokenizer_config.json", "{\"tokenizer_class\":\"LlamaTokenizerFast\","
                                         "\"bos_token\":null,\"eos_token\":null,"
                                         "\"unk_token\":null}"}},
     .config = "{\"model_type\":\"kimi_k25\"}",
     .keys = BASE("|<|a b\\xc3\\xa9|>", "|3")},
    {.what = "LlamaTokenizerFast of DeepSeek",
     .files = {{"tokenizer.json",
                TOKENIZER(BYTE_LEVEL, BPE,
                          ",\"added_tokens\":[" ADDED("3", "<|a\\u2581b|>",
                                                      ",\"normalized\":false") "]")},
               {"tokenizer_config.json", "{\"tokenizer_class\":\"LlamaTokenizerFast\"}"}},
     .config = "{\"model_type\":\"deepseek_v3\"}",
     .keys = BASE("|<|a\\xe2\\x96\\x81b|>", "|3")},
    {.what = "no tokenizer.json", .defect = "tokenizer.json: not there", .error = ENOENT},
    {.what = "a token beyond vocab_size",
     .files = {{"tokenizer.json", TOKENIZER(BYTE_LEVEL, BPE, "")}},
     .rules = {.vocab_size = 2},
     .defect = "tokenizer.json: token number 2, but config.json has vocab_size 2",
     .error = EINVAL},
    {.what = "a number twice",
     .files = {{"tokenizer.json", TOKENIZER("", "\"vocab\":{\"a\":1,\"b\":1}", "")}},
     .rules = {.vocab_size = 2},
     .defect = "tokenizer.json: two tokens have the number 1",
     .error = EINVAL},
    {.what = "a token twice",
     .files = {{"tokenizer.json", TOKENIZER("", "\"vocab\":{\"a\":0,\"\\u0061\":1}", "")}},
     .defect = "tokenizer.json: a token that is given twice",
     .error = EINVAL},
    {.what = "the vocabulary twice",
     .files = {{"tokenizer.json", TOKENIZER("", "\"vocab\":{\"a\":0},\"vocab\":{}", "")}},
     .defect = "tokenizer.json: model.vocab or model.merges is given twice",
     .error = EINVAL},
    {.what = "another member twice",
     .files = {{"tokenizer.json", TOKENIZER("", "\"vocab\":{\"a\":0},\"type\":1,\"type\":2", "")}},
     .defect = "tokenizer.json: a member that is given twice",
     .error = EINVAL},
    {.what = "no vocabulary",
     .files = {{"tokenizer.json", TOKENIZER("", "\"merges\":[]", "")}},
     .defect = "tokenizer.json: no model.vocab",
     .error = EINVAL},
    {.what = "a large vocab_size",
     .files = {{"tokenizer.json", TOKENIZER(BYTE_LEVEL, BPE, "")}},
     .rules = {.vocab_size = UINT64_C(1) << 40},
     .defect = "config.json: vocab_size is 1099511627776, more than 2097152",
     .error = EINVAL},
    {.what = "a negative number",
     .files = {{"tokenizer.json", TOKENIZER("", "\"vocab\":{\"a\":-1}", "")}},
     .defect = "tokenizer.json: no whole number",
     .error = EINVAL},
    {.what = "a large number",
     .files = {{"tokenizer.json", TOKENIZER("", "\"vocab\":{\"a\":4294967295}", "")}},
     .defect = "tokenizer.json: the number of a token is too large",
     .error = EINVAL},
    {.what = "merges that are none",
     .files = {{"tokenizer.json", TOKENIZER("", "\"merges\":[[\"a\",\"b\",\"c\"]]", "")}},
     .defect = "tokenizer.json: not an array of two",
     .error = EINVAL},
    {.what = "an added token without a text",
     .files = {{"tokenizer.json", TOKENIZER("", BPE, ",\"added_tokens\":[{\"id\":3}]")}},
     .defect = "tokenizer.json: added_tokens[0] has no content",
     .error = EINVAL},
    {.what = "a cut file",
     .files = {{"tokenizer.json", "{\"model\":{\"vocab\":{\"a\":0,\"b"}},
     .defect = "tokenizer.json: the JSON text ends here",
     .error = EINVAL},
    {.what = "a cut file behind the vocabulary",
     .files = {{"tokenizer.json", "{\"model\":{\"vocab\":{\"a\":0}}, \"x\":[1,"}},
     .defect = "tokenizer.json: the JSON text ends here",
     .error = EINVAL},
    {.what = "broken JSON behind the vocabulary",
     .files = {{"tokenizer.json", "{\"model\":{\"vocab\":{\"a\":0}}, \"x\":[1,,2]}"}},
     .defect = "tokenizer.json: broken JSON: no value",
     .error = EINVAL},
    {.what = "text behind the file's object",
     .files = {{"tokenizer.json", "{\"model\":{\"vocab\":{\"a\":0}}} {"}},
     .defect = "tokenizer.json: something stands behind the JSON text",
     .error = EINVAL},
    {.what = "no UTF-8",
     .files = {{"tokenizer.json", "{\"model\":{\"vocab\":{\"a\xff\":0}}}"}},
     .defect = "tokenizer.json: not UTF-8",
     .error = EINVAL},
    {.what = "a broken tokenizer_config.json",
     .files = {{"tokenizer.json", TOKENIZER(BYTE_LEVEL, BPE, "")},
               {"tokenizer_config.json", "{\"a\":1,\"a\":2}"}},
     .defect = "tokenizer_config.json: a member that is given twice",
     .error = EINVAL},
};

/* --- special numbers, flags, templates -----------------------------------------------------------
 */

#define SPECIALS                                                                                   \
    ",\"added_tokens\":[" ADDED("13", "<s>", ",\"special\":true") "," ADDED(                       \
        "14", "</s>", ",\"special\":true") "," ADDED("15", "<e>", ",\"special\":true") "]"
#define WITH_SPECIALS BASE("|<s>|</s>|<e>", "|3|3|3")
#define TEMPLATE(single, pair)                                                                     \
    "\"post_processor\":{\"type\":\"Sequence\",\"processors\":[{\"type\":\"ByteLevel\"},"          \
    "{\"type\":\"TemplateProcessing\",\"single\":[" single "],\"pair\":[" pair "]}]},"
#define TOKEN(id) "{\"SpecialToken\":{\"id\":\"" id "\",\"type_id\":0}}"
#define A "{\"Sequence\":{\"id\":\"A\",\"type_id\":0}}"
#define B "{\"Sequence\":{\"id\":\"B\",\"type_id\":1}}"

static const struct test_case special[] = {
    {.what = "the number that an added token states; then config.json's",
     .files =
         {{"tokenizer.json", TOKENIZER(BYTE_LEVEL, BPE, SPECIALS)},
          {"tokenizer_config.json",
           "{\"bos_token\":{\"content\":\"<s>\"},\"eos_token\":\"</s>\",\"add_bos_token\":true,"
           "\"add_eos_token\":null,\"unk_token\":{\"x\":1}}"}},
     .config = "{\"bos_token_id\":1,\"pad_token_id\":2,\"unk_token_id\":[1],\"sep_token_id\":-1,"
               "\"eos_token_id\":4,\"text_config\":{\"mask_token_id\":99,\"pad_token_id\":5}}",
     .keys = WITH_SPECIALS "tokenizer.ggml.bos_token_id = 13\n"
                           "tokenizer.ggml.eos_token_id = 14\n"
                           "tokenizer.ggml.padding_token_id = 2\n"
                           "tokenizer.ggml.mask_token_id = 99\n"
                           "tokenizer.ggml.add_bos_token = true\n"},
    {.what = "a template before the text",
     .files = {{"tokenizer.json",
                TOKENIZER(BYTE_LEVEL TEMPLATE(TOKEN("<s>") "," A, ""), BPE, SPECIALS)},
               {"tokenizer_config.json", "{\"add_eos_token\":true}"}},
     .keys = WITH_SPECIALS "tokenizer.ggml.bos_token_id = 13\n"
                           "tokenizer.ggml.add_bos_token = true\n"
                           "tokenizer.ggml.add_eos_token = false\n"},
    {.what = "a template whose end is not eos: eos moves to eot",
     .files = {{"tokenizer.json",
                TOKENIZER(BYTE_LEVEL TEMPLATE(A "," TOKEN("<e>"), A "," B "," TOKEN("<e>")), BPE,
                          SPECIALS)},
               {"tokenizer_config.json", "{\"bos_token\":\"<s>\",\"eos_token\":\"</s>\"}"}},
     .config = "{\"eot_token_id\":1,\"mask_token_id\":7}",
     .keys = WITH_SPECIALS "tokenizer.ggml.bos_token_id = 13\n"
                           "tokenizer.ggml.eos_token_id = 15\n"
                           "tokenizer.ggml.eot_token_id = 14\n"
                           "tokenizer.ggml.mask_token_id = 7\n"
                           "tokenizer.ggml.add_bos_token = false\n"
                           "tokenizer.ggml.add_eos_token = true\n"},
    {.what = "a separator twice between a pair; sep becomes eos",
     .files = {{"tokenizer.json",
                TOKENIZER(BYTE_LEVEL TEMPLATE(TOKEN("<s>") "," A "," TOKEN("</s>"),
                                              TOKEN("<s>") "," A "," TOKEN("</s>") "," TOKEN(
                                                  "</s>") "," B "," TOKEN("</s>")),
                          BPE, SPECIALS)},
               {"tokenizer_config.json", "{\"bos_token\":\"<s>\",\"eos_token\":\"</s>\"}"}},
     .keys = WITH_SPECIALS "tokenizer.ggml.bos_token_id = 13\n"
                           "tokenizer.ggml.eos_token_id = 14\n"
                           "tokenizer.ggml.seperator_token_id = 14\n"
                           "tokenizer.ggml.add_bos_token = true\n"
                           "tokenizer.ggml.add_eos_token = true\n"
                           "tokenizer.ggml.add_sep_token = true\n"},
    {.what = "one separator, and eos behind",
     .files = {{"tokenizer.json",
                TOKENIZER(BYTE_LEVEL TEMPLATE(
                              TOKEN("<s>") "," A "," TOKEN("</s>"),
                              TOKEN("<s>") "," A "," TOKEN("</s>") "," B "," TOKEN("</s>")),
                          BPE, SPECIALS)},
               {"tokenizer_config.json", "{\"cls_token\":\"<s>\",\"sep_token\":\"</s>\"}"}},
     .keys = WITH_SPECIALS "tokenizer.ggml.bos_token_id = 13\n"
                           "tokenizer.ggml.eos_token_id = 14\n"
                           "tokenizer.ggml.seperator_token_id = 14\n"
                           "tokenizer.ggml.add_bos_token = true\n"
                           "tokenizer.ggml.add_eos_token = true\n"
                           "tokenizer.ggml.add_sep_token = false\n"},
    {.what = "RobertaProcessing",
     .files = {{"tokenizer.json",
                TOKENIZER(BYTE_LEVEL "\"post_processor\":{\"type\":\"RobertaProcessing\","
                                     "\"sep\":[\"</s>\",14],\"cls\":[\"<s>\",13]},",
                          BPE, SPECIALS)},
               {"tokenizer_config.json", "{\"add_bos_token\":false}"}},
     .keys = WITH_SPECIALS "tokenizer.ggml.seperator_token_id = 14\n"
                           "tokenizer.ggml.add_bos_token = true\n"
                           "tokenizer.ggml.add_eos_token = true\n"
                           "tokenizer.ggml.add_sep_token = true\n"},
    {.what = "no tokenizer_config.json: flags, but no template",
     .files = {{"tokenizer.json",
                TOKENIZER(BYTE_LEVEL TEMPLATE(TOKEN("<s>") "," A, ""), BPE, SPECIALS)},
               {"chat_template.jinja", "x"}},
     .keys = WITH_SPECIALS "tokenizer.ggml.add_bos_token = true\n"
                           "tokenizer.ggml.add_eos_token = false\n"},
    {.what = "templates: tokenizer_config.json first, and named ones",
     .files = {{"tokenizer.json", TOKENIZER(BYTE_LEVEL, BPE, "")},
               {"tokenizer_config.json",
                "{\"chat_template\":[{\"name\":\"tool use\\u00e9\",\"template\":\"T\"},"
                "{\"name\":\"default\",\"template\":\"D\"},{\"name\":\"x\"},"
                "{\"name\":\"rag\",\"template\":\"R\"}]}"},
               {"chat_template.jinja", "x"}},
     .keys = BASE("", "") "tokenizer.chat_template.tool_use_ = T\n"
                          "tokenizer.chat_template.rag = R\n"
                          "tokenizer.chat_templates = [tool_use_|rag]\n"
                          "tokenizer.chat_template = D\n"},
    {.what = "templates: null hides a file's",
     .files = {{"tokenizer.json", TOKENIZER(BYTE_LEVEL, BPE, "")},
               {"tokenizer_config.json", "{\"chat_template\":null}"},
               {"chat_template.jinja", "x"}},
     .keys = BASE("", "")},
    {.what = "templates: chat_template.jinja, its lines, and its folder",
     .files = {{"tokenizer.json", TOKENIZER(BYTE_LEVEL, BPE, "")},
               {"tokenizer_config.json", "{\"x\":1}"},
               {"chat_template.jinja", "a\r\nb\rc\n"},
               {"additional_chat_templates/rag.jinja", "r"},
               {"chat_template.json", "{\"chat_template\":\"j\"}"}},
     .keys = BASE("", "") "tokenizer.chat_template.rag = r\n"
                          "tokenizer.chat_templates = [rag]\n"
                          "tokenizer.chat_template = a\\x0ab\\x0ac\\x0a\n"},
    {.what = "templates: chat_template.json",
     .files = {{"tokenizer.json", TOKENIZER(BYTE_LEVEL, BPE, "")},
               {"tokenizer_config.json", "{\"x\":1}"},
               {"chat_template.json", "{\"chat_template\":\"j\"}"}},
     .keys = BASE("", "") "tokenizer.chat_template = j\n"},
    {.what = "many templates",
     .files = {{"tokenizer.json", TOKENIZER(BYTE_LEVEL, BPE, "")},
               {"tokenizer_config.json",
                "{\"chat_template\":["
                "0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,"
                "0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]}"}},
     .defect = "65 chat templates, more than 64",
     .error = EINVAL},
    {.what = "a chat_template.jinja that is no UTF-8",
     .files = {{"tokenizer.json", TOKENIZER(BYTE_LEVEL, BPE, "")},
               {"tokenizer_config.json", "{\"x\":1}"},
               {"chat_template.jinja", "\xff"}},
     .defect = "chat_template.jinja: no UTF-8",
     .error = EINVAL},
    {.what = "normalizers",
     .files = {{"tokenizer.json",
                TOKENIZER(BYTE_LEVEL "\"normalizer\":{\"type\":\"Sequence\",\"normalizers\":["
                                     "{\"type\":\"NFC\"},{\"type\":\"BertNormalizer\","
                                     "\"lowercase\":true,\"strip_accents\":null},"
                                     "{\"type\":\"StripAccents\"}]},",
                          BPE, "")}},
     .keys = BASE("", "") "tokenizer.ggml.normalizer.nfc = true\n"
                          "tokenizer.ggml.normalizer.lowercase = true\n"
                          "tokenizer.ggml.normalizer.strip_accents = true\n"},
};

/* --- kinds that no case of tests/hf/files has ----------------------------------------------------
 */

#define FAST_SPM                                                                                   \
    "{\"added_tokens\":[" ADDED("5", "<s>", ",\"special\":true") "," ADDED(                        \
        "6", "<x>",                                                                                \
        "") "],"                                                                                   \
            "\"decoder\":{\"type\":\"Sequence\"},\"model\":{\"type\":\"BPE\",\"byte_fallback\":"   \
            "true,"                                                                                \
            "\"vocab\":{\"b\":1,\"a\":0,\"<0x0a>\":2,\"<0x0>\":3},\"merges\":[[\"a\",\"b\"]]}}"

static const struct test_case kinds[] = {
    {.what = "BPE with bytes for what is unknown, as SPM",
     .files = {{"tokenizer.json", FAST_SPM},
               {"tokenizer_config.json",
                "{\"bos_token\":\"<s>\",\"unk_token\":\"a\",\"mask_token\":\"<m>\"}"}},
     .rules = {.kind = HF_TOKENIZER_LLAMA, .vocab_size = 100},
     .keys = "tokenizer.ggml.model = llama\ntokenizer.ggml.pre = default\n"
             "tokenizer.ggml.tokens = [a|b|<0x0a>|<0x0>|<s>|<x>|<m>]\n"
             "tokenizer.ggml.scores = [-1000|-1000|-1000|-1000|-1000|-1000|-1000]\n"
             "tokenizer.ggml.token_type = [3|1|6|1|3|4|3]\n"
             "tokenizer.ggml.bos_token_id = 5\n"},
    {.what = "the same with a gap",
     .files = {{"tokenizer.json",
                "{\"decoder\":{\"type\":\"Sequence\"},\"model\":{\"type\":\"BPE\","
                "\"byte_fallback\":true,\"vocab\":{\"b\":2,\"a\":0}}}"}},
     .rules = {.kind = HF_TOKENIZER_LLAMA},
     .defect = "tokenizer.json: the 2 tokens have other numbers than 0 to 1",
     .error = EINVAL},
    {.what = "a Llama whose bytes are in its vocabulary",
     .files = {{"tokenizer.json", TOKENIZER(BYTE_LEVEL, "\"ignore_merges\":true," BPE, "")},
               {"tokenizer_config.json", "{\"add_prefix_space\":false}"}},
     .rules = {.kind = HF_TOKENIZER_LLAMA},
     .keys = "tokenizer.ggml.add_space_prefix = false\n" BASE("", "")},
    {.what = "CodeLlama",
     .files = {{"tokenizer.json", TOKENIZER(BYTE_LEVEL, BPE, "")},
               {"tokenizer_config.json", "{\"chat_template\":\"T\"}"}},
     .rules = {.kind = HF_TOKENIZER_LLAMA, .vocab_size = 32016},
     .end = "tokenizer.ggml.merges = [a b]\ntokenizer.chat_template = T\n"
            "tokenizer.ggml.eot_token_id = 32010\n"},
    {.what = "a small Granite",
     .files = {{"tokenizer.json", TOKENIZER(BYTE_LEVEL, BPE, "")},
               {"tokenizer_config.json", "{\"add_bos_token\":true}"}},
     .rules = {.kind = HF_TOKENIZER_LLAMA, .vocab_size = 49152},
     .end = "tokenizer.ggml.merges = [a b]\ntokenizer.ggml.add_bos_token = false\n"},
    {.what = "Gemma 3 without tokenizer.model",
     .files = {{"tokenizer.json", TOKENIZER(BYTE_LEVEL, BPE, "")}},
     .rules = {.kind = HF_TOKENIZER_GEMMA3},
     .keys = BASE("", "")},
    {.what = "Gemma 4 needs bytes",
     .files = {{"tokenizer.json", TOKENIZER(BYTE_LEVEL, BPE, "")}},
     .rules = {.kind = HF_TOKENIZER_GEMMA4},
     .defect = "tokenizer.json: no BPE with byte_fallback",
     .error = EINVAL},
    {.what = "GLM without its tokens",
     .files = {{"tokenizer.json", TOKENIZER(BYTE_LEVEL, BPE, "")}},
     .rules = {.kind = HF_TOKENIZER_GLM4},
     .defect = "tokenizer.json: no token '<|endoftext|>'",
     .error = EINVAL},
    {.what = "RoBERTa",
     .files = {{"tokenizer.json", TOKENIZER(BYTE_LEVEL, BPE, "")}},
     .rules = {.kind = HF_TOKENIZER_ROBERTA, .type_vocab_size = 3},
     .keys = BASE("", "") "tokenizer.ggml.token_type_count = 3\n"},
};

static void check_cases(const struct test_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++)
        check_case(&cases[i]);
}

#define CHECK_CASES(cases) check_cases(cases, sizeof(cases) / sizeof((cases)[0]))

int main(void)
{
    CHECK_CASES(bpe);
    CHECK_CASES(special);
    CHECK_CASES(kinds);
    return 0;
}
