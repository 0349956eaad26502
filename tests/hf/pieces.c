/*
 * If this fails, a SentencePiece model gives other tokens than the reference converter writes, or a
 * hostile one is read beyond its end.
 */
#include "quant/format/hf/pieces.h"

#include "directory.h"
#include "quant/format/hf/tokenizer.h"
#include "quant/format/json.h"

/* --- models under construction -------------------------------------------------------------------
 */

struct model {
    uint8_t data[4096];
    size_t size;
};

static void put(struct model *model, const void *data, size_t size)
{
    CHECK(model->size + size <= sizeof(model->data));
    memcpy(model->data + model->size, data, size);
    model->size += size;
}

static void put_byte(struct model *model, unsigned value)
{
    uint8_t byte = (uint8_t)value;

    put(model, &byte, 1);
}

/* A field of bytes (at most 127 of them). */
static void put_field(struct model *model, unsigned number, const void *data, size_t size)
{
    CHECK(size < 128 && number < 16);
    put_byte(model, number << 3 | 2);
    put_byte(model, (unsigned)size);
    put(model, data, size);
}

static void put_number(struct model *model, unsigned number, unsigned value)
{
    CHECK(value < 128);
    put_byte(model, number << 3);
    put_byte(model, value);
}

static void put_piece(struct model *model, const char *text, size_t size, float score,
                      unsigned type)
{
    struct model piece = {.size = 0};

    put_field(&piece, 1, text, size);
    put_byte(&piece, 2 << 3 | 5);
    put(&piece, &score, sizeof(score)); /* the tests' machines are little-endian */
    if (type)
        put_number(&piece, 3, type);
    put_field(&piece, 9, "x", 1); /* unknown: passed over */
    put_field(model, 1, piece.data, piece.size);
}

static void put_text_piece(struct model *model, const char *text, float score, unsigned type)
{
    put_piece(model, text, strlen(text), score, type);
}

/* Of the trainer only the type of the model. */
static void put_trainer(struct model *model, unsigned type)
{
    struct model trainer = {.size = 0};

    put_field(&trainer, 1, "input", 5);
    put_number(&trainer, 3, type);
    put_field(model, 2, trainer.data, trainer.size);
}

static void put_normalizer(struct model *model)
{
    struct model normalizer = {.size = 0};

    put_field(&normalizer, 2, "c\0m", 3);
    put_number(&normalizer, 3, 0);
    put_number(&normalizer, 4, 0);
    put_field(model, 3, normalizer.data, normalizer.size);
}

/* Every type of piece: 0 unknown, 1 control, 2 normal without a type, 3 defined by the user, 4
 * unused, 5 a byte, 6 normal. */
static void put_pieces(struct model *model)
{
    put_text_piece(model, "<unk>", 0, 2);
    put_text_piece(model, "<s>", 0, 3);
    put_text_piece(model, "a", -1.5F, 0);
    put_text_piece(model, "b", -2, 4);
    put_text_piece(model, "[UNUSED_1]", -3, 5);
    put_text_piece(model, "<0x0A>", 0, 6);
    put_piece(model, "", 1, -4, 1); /* one zero byte */
}

/* --- cases ---------------------------------------------------------------------------------------
 */

#define LLAMA "tokenizer.ggml.model = llama\ntokenizer.ggml.pre = default\n"
#define T5 "tokenizer.ggml.model = t5\ntokenizer.ggml.pre = default\n"

struct test_case {
    const char *what;
    const char *model_name;
    unsigned model_type; /* 0: none is given */
    struct {
        const char *name, *text;
    } files[4];
    struct hf_tokenizer_rules rules;
    const char *keys;
    const char *defect;
};

static const struct test_case cases[] = {
    {.what = "types, padding, added tokens by both files, eos by its number",
     .model_name = "tokenizer.model",
     .files = {{"added_tokens.json", "{\"x\":7,\"y\":3,\"far\":99}"},
               {"tokenizer_config.json",
                "{\"add_prefix_space\":true,\"added_tokens_decoder\":{"
                "\"7\":{\"content\":\"\\u2581z\"},\"2\":{\"content\":\"<|e|>\"},"
                "\"1\":{\"content\":\"\\u2581s\",\"special\":true},\"50\":{\"content\":\"no\"}}}"}},
     .rules = {.kind = HF_TOKENIZER_LLAMA, .vocab_size = 9},
     .keys = "tokenizer.ggml.add_space_prefix = true\n" LLAMA
             "tokenizer.ggml.tokens = [<unk>|\\xe2\\x96\\x81s|<|e|>|y|[UNUSED_1]|<0x0A>|\\x00| z|"
             "[PAD8]]\n"
             "tokenizer.ggml.scores = [0|-1000|-1000|-1000|-3|0|-4|-1000|-10000]\n"
             "tokenizer.ggml.token_type = [2|3|3|4|5|6|1|4|5]\n"
             "tokenizer.ggml.eos_token_id = 8\n"},
    {.what = "pieces beyond vocab_size",
     .model_name = "tokenizer.model",
     .rules = {.kind = HF_TOKENIZER_SPM_OR_BPE, .vocab_size = 3},
     .keys = LLAMA "tokenizer.ggml.tokens = [<unk>|<s>|a]\n"
                   "tokenizer.ggml.scores = [0|0|-1.5]\n"
                   "tokenizer.ggml.token_type = [2|3|1]\n"},
    {.what = "CodeLlama's and Gemma's second pass",
     .model_name = "tokenizer.model",
     .files = {{"tokenizer_config.json", "{\"chat_template\":\"T\"}"}},
     .rules = {.kind = HF_TOKENIZER_GEMMA, .vocab_size = 3},
     .keys = LLAMA "tokenizer.ggml.tokens = [<unk>|<s>|a]\n"
                   "tokenizer.ggml.scores = [0|0|-1.5]\n"
                   "tokenizer.ggml.token_type = [2|3|1]\n"
                   "tokenizer.chat_template = T\n"
                   "tokenizer.ggml.eot_token_id = 107\n"
                   "tokenizer.ggml.add_space_prefix = false\n"},
    {.what = "Gemma 2",
     .model_name = "tokenizer.model",
     .rules = {.kind = HF_TOKENIZER_GEMMA2, .vocab_size = 1},
     .keys = LLAMA "tokenizer.ggml.tokens = [<unk>]\ntokenizer.ggml.scores = [0]\n"
                   "tokenizer.ggml.token_type = [2]\n"
                   "tokenizer.ggml.add_space_prefix = false\n"},
    {.what = "Ernie",
     .model_name = "tokenizer.model",
     .files = {{"tokenizer_config.json", "{\"add_prefix_space\":false}"}},
     .rules = {.kind = HF_TOKENIZER_ERNIE, .vocab_size = 1},
     .keys = LLAMA "tokenizer.ggml.tokens = [<unk>]\ntokenizer.ggml.scores = [0]\n"
                   "tokenizer.ggml.token_type = [2]\n"
                   "tokenizer.ggml.add_space_prefix = false\n"},
    {.what = "phi3: no looks, and tokenizer.json last",
     .model_name = "tokenizer.model",
     .files = {{"tokenizer_config.json",
                "{\"added_tokens_decoder\":{\"7\":{\"content\":\"<|x|>\"},"
                "\"2\":{\"content\":\"\\u2581y\"},\"3\":{\"content\":\"z\",\"special\":true}}}"},
               {"tokenizer.json", "{\"added_tokens\":[{\"id\":4,\"content\":\"w\"},"
                                  "{\"id\":3,\"content\":\"v\"}],\"model\":{\"vocab\":{}}}"}},
     .rules = {.kind = HF_TOKENIZER_PHI3, .vocab_size = 8},
     .keys = LLAMA "tokenizer.ggml.tokens = [<unk>|<s>|\\xe2\\x96\\x81y|v|w|<0x0A>|\\x00|<|x|>]\n"
                   "tokenizer.ggml.scores = [0|0|-1000|-1000|-1000|0|-4|-1000]\n"
                   "tokenizer.ggml.token_type = [2|3|4|4|4|6|1|4]\n"},
    {.what = "InternLM2: the zero byte, unused pieces, added ones behind, eos of a chat",
     .model_name = "tokenizer.model",
     .files = {{"added_tokens.json", "{\"x\":1}"},
               {"tokenizer_config.json", "{\"added_tokens_decoder\":{\"3\":{\"content\":"
                                         "\"<|im_end|>\",\"special\":true}}}"}},
     .rules = {.kind = HF_TOKENIZER_INTERNLM2},
     .keys = LLAMA "tokenizer.ggml.tokens = [<unk>|<s>|a|<|im_end|>|[UNUSED_1]|<0x0A>|"
                   "\\xf0\\x9f\\x90\\x89|x]\n"
                   "tokenizer.ggml.scores = [0|0|-1.5|-1000|-3|0|-4|-1000]\n"
                   "tokenizer.ggml.token_type = [2|3|1|3|5|6|1|4]\n"
                   "tokenizer.ggml.add_space_prefix = false\n"
                   "tokenizer.ggml.eos_token_id = 3\n"},
    {.what = "T5",
     .model_name = "spiece.model",
     .model_type = 1,
     .files = {{"tokenizer_config.json",
                "{\"added_tokens_decoder\":{\"1\":{\"content\":\"not read\"}}}"},
               {"added_tokens.json", "{\"x\":7}"}},
     .rules = {.kind = HF_TOKENIZER_T5, .vocab_size = 8},
     .keys = T5 "tokenizer.ggml.tokens = [<unk>|<s>|a|b|[UNUSED_1]|<0x0A>|\\x00|x]\n"
                "tokenizer.ggml.scores = [0|0|-1.5|-2|-3|0|-4|-1000]\n"
                "tokenizer.ggml.token_type = [2|3|1|1|5|6|1|4]\n"
                "tokenizer.ggml.add_space_prefix = false\n"
                "tokenizer.ggml.remove_extra_whitespaces = false\n"
                "tokenizer.ggml.precompiled_charsmap = [99|0|109]\n"},
    {.what = "T5 of BPE",
     .model_name = "tokenizer.model",
     .model_type = 2,
     .rules = {.kind = HF_TOKENIZER_T5, .vocab_size = 1},
     .keys = LLAMA "tokenizer.ggml.tokens = [<unk>]\ntokenizer.ggml.scores = [0]\n"
                   "tokenizer.ggml.token_type = [2]\n"},
    {.what = "XLM-RoBERTa",
     .model_name = "sentencepiece.bpe.model",
     .rules = {.kind = HF_TOKENIZER_XLM_ROBERTA, .vocab_size = 8, .type_vocab_size = 2},
     .keys = T5 "tokenizer.ggml.tokens = [<s>|<pad>|</s>|<unk>|b|[UNUSED_1]|<0x0A>|\\x00]\n"
                "tokenizer.ggml.scores = [0|0|0|0|-2|-3|0|-4]\n"
                "tokenizer.ggml.token_type = [3|3|3|2|1|5|6|1]\n"
                "tokenizer.ggml.add_space_prefix = false\n"
                "tokenizer.ggml.token_type_count = 2\n"
                "tokenizer.ggml.remove_extra_whitespaces = false\n"
                "tokenizer.ggml.precompiled_charsmap = [99|0|109]\n"},
    {.what = "XLM-RoBERTa of a tokenizer.json",
     .files = {{"tokenizer.json",
                "{\"added_tokens\":[{\"id\":0,\"content\":\"<s>\"},{\"id\":2,\"content\":\"<x>\"}],"
                "\"normalizer\":{\"type\":\"Precompiled\",\"precompiled_charsmap\":\"YwBtYQ==\"},"
                "\"model\":{\"type\":\"Unigram\",\"unk_id\":1,\"vocab\":[[\"<s>\",0.0],"
                "[\"<unk>\",-1],[\"<x>\",-2.5e-1],[\"a\",-3]]}}"},
               {"tokenizer_config.json",
                "{\"bos_token\":\"<s>\",\"clean_up_tokenization_spaces\":true}"}},
     .rules = {.kind = HF_TOKENIZER_XLM_ROBERTA, .vocab_size = 5},
     .keys = T5 "tokenizer.ggml.tokens = [<s>|<unk>|<x>|a|[PAD4]]\n"
                "tokenizer.ggml.scores = [0|-1|-0.25|-3|-10000]\n"
                "tokenizer.ggml.token_type = [3|2|4|1|5]\n"
                "tokenizer.ggml.add_space_prefix = true\n"
                "tokenizer.ggml.token_type_count = 1\n"
                "tokenizer.ggml.remove_extra_whitespaces = true\n"
                "tokenizer.ggml.precompiled_charsmap = [99|0|109|97]\n"
                "tokenizer.ggml.bos_token_id = 0\n"},
    {.what = "T5 that is no Unigram",
     .model_name = "spiece.model",
     .model_type = 3,
     .rules = {.kind = HF_TOKENIZER_T5},
     .defect = "spiece.model: its model type is 3, not Unigram (1)"},
    {.what = "more tokens than pieces",
     .model_name = "tokenizer.model",
     .rules = {.kind = HF_TOKENIZER_INTERNLM2, .vocab_size = 8},
     .defect = "config.json: vocab_size is 8, but there are 7 pieces"},
    {.what = "fewer tokens than pieces",
     .model_name = "tokenizer.model",
     .rules = {.kind = HF_TOKENIZER_PHI3, .vocab_size = 6},
     .defect = "tokenizer.model: 7 pieces, but vocab_size is 6"},
    {.what = "an added token beyond the list",
     .model_name = "tokenizer.model",
     .files = {{"tokenizer_config.json", "{\"added_tokens_decoder\":{\"7\":{\"content\":\"x\"}}}"}},
     .rules = {.kind = HF_TOKENIZER_PHI3},
     .defect = "tokenizer_config.json: added token 7, but there are 7 tokens"},
    {.what = "a number that is none",
     .model_name = "tokenizer.model",
     .files = {{"tokenizer_config.json", "{\"added_tokens_decoder\":{\"-1\":{}}}"}},
     .rules = {.kind = HF_TOKENIZER_GEMMA2},
     .defect = "tokenizer_config.json: added_tokens_decoder: '-1' is no number"},
    {.what = "an added token without a number",
     .model_name = "tokenizer.model",
     .files = {{"added_tokens.json", "{\"x\":1.5}"}},
     .rules = {.kind = HF_TOKENIZER_GEMMA2},
     .defect = "added_tokens.json: 'x' has no number"},
    {.what = "no model", .rules = {.kind = HF_TOKENIZER_GEMMA2}, .defect = "tokenizer.model: "},
    {.what = "a tokenizer that nobody reads",
     .files = {{"tekken.json", "{}"}},
     .rules = {.kind = HF_TOKENIZER_LLAMA},
     .defect = "tekken.json: a tokenizer that is only there is not supported"},
};

static int write_keys(const struct made *made, const struct hf_tokenizer_rules *rules, char **keys,
                      struct defect *defect)
{
    json_t *config = json_pack("{s:i}", "eos_token_id", 8);
    struct hf_tokenizer *tokenizer;
    struct hf_kv *kv;
    size_t count;
    int r;

    CHECK_EQ(hf_kv_new(&kv), 0);
    CHECK_EQ(hf_tokenizer_open(&made->directory, config, &tokenizer, defect), 0);
    r = hf_tokenizer_write(tokenizer, rules, kv, &count, defect);
    if (r == 0)
        *keys = show_keys(kv);
    hf_tokenizer_close(tokenizer);
    hf_kv_free(kv);
    json_decref(config);
    return r;
}

static void check_case(const struct test_case *c)
{
    struct model model = {.size = 0};
    struct defect defect = {0};
    struct made made;
    char *keys = NULL;
    int r;

    put_pieces(&model);
    if (c->model_type)
        put_trainer(&model, c->model_type);
    put_normalizer(&model);
    made_start(&made, "model");
    if (c->model_name)
        made_add(&made, c->model_name, (const char *)model.data, model.size);
    for (size_t i = 0; c->files[i].name; i++)
        made_text(&made, c->files[i].name, c->files[i].text);
    r = write_keys(&made, &c->rules, &keys, &defect);
    if (c->keys ? r < 0 || strcmp(keys, c->keys) != 0 : r == 0 || !strstr(defect.text, c->defect))
        fprintf(stderr, "%s: %s\n%s\n", c->what, defect.text, keys ? keys : "");
    CHECK(c->keys ? r == 0 && strcmp(keys, c->keys) == 0
                  : r < 0 && !!strstr(defect.text, c->defect));
    free(keys);
    made_end(&made);
}

/* --- hostile models ------------------------------------------------------------------------------
 */

static int read_model(const void *data, size_t size, struct hf_pieces *pieces,
                      struct defect *defect)
{
    struct made made;
    int r;

    *defect = (struct defect){0};
    made_start(&made, "model");
    made_add(&made, "tokenizer.model", data, size);
    r = hf_pieces_read(&made.directory, "tokenizer.model", pieces, defect);
    CHECK(r == 0 || (r == -EINVAL && strncmp(defect->text, "tokenizer.model: ", 17) == 0));
    made_end(&made);
    return r;
}

static void refused(const void *data, size_t size, uint64_t offset, const char *reason)
{
    struct hf_pieces pieces;
    struct defect defect;

    CHECK_EQ(read_model(data, size, &pieces, &defect), -EINVAL);
    if (!strstr(defect.text, reason))
        fprintf(stderr, "%s, expected %s\n", defect.text, reason);
    CHECK(strstr(defect.text, reason));
    CHECK_EQ(defect.offset, offset);
}

static void check_hostile(void)
{
    static const char ten[] = "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02";

    refused("", 0, 0, "no pieces");
    refused("\x0a", 1, 1, "a number without an end");
    refused("\x0a\x05"
            "abc",
            5, 2, "a field that is longer than what is left");
    refused("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11, 11, "longer than what is left");
    refused(ten, sizeof(ten) - 1, 11, "a number without an end");
    refused("\x0b", 1, 1, "an unknown wire type");
    refused("\x0e", 1, 1, "an unknown wire type");
    refused("\x02\x00", 2, 1, "a field without a number");
    refused("\x0d\x00", 2, 1, "it ends within a field");
    refused("\x09\x00\x00\x00\x00\x00\x00\x00", 8, 1, "it ends within a field");
    refused("\x0a\x00", 2, 2, "a piece without a text");
    refused("\x0a\x03\x0a\x01\xff", 5, 5, "a piece that is no UTF-8");
    refused("\x0a\x03\x0a\x02\x61", 5, 5, "a field that is longer than what is left");
    refused("\x0a\x03\x0a\x01\x61\x12\x01\x08", 8, 8, "a number without an end");
}

/* Messages within each other are not entered. */
static void check_depth(void)
{
    size_t size = 100000;
    char *text = malloc(size);
    struct hf_pieces pieces;
    struct defect defect;

    CHECK(text);
    memset(text, 0x0a, size); /* field 1 of 10 bytes, whose first is field 1 of 10 bytes */
    CHECK_EQ(read_model(text, size, &pieces, &defect), -EINVAL);
    free(text);
}

/* Cut anywhere it is refused, or is a model of fewer pieces. */
static void check_cuts(void)
{
    struct model model = {.size = 0};
    struct hf_pieces pieces;
    struct defect defect;

    put_pieces(&model);
    put_trainer(&model, 1);
    put_normalizer(&model);
    for (size_t size = 0; size < model.size; size++)
        if (read_model(model.data, size, &pieces, &defect) == 0) {
            CHECK(pieces.count > 0 && pieces.count <= 7);
            hf_pieces_free(&pieces);
        }
}

int main(void)
{
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        check_case(&cases[i]);
    check_hostile();
    check_depth();
    check_cuts();
    return 0;
}
