/*
 * If this fails, the pre-tokenizer of a vocabulary has another name than the reference converter
 * gives it, and a runtime splits texts otherwise than the model has learned.
 *
 * The digests were made by another program, which merges as the tokenizers library does; with the
 * vocabularies of Llama 3.2 and GPT-2 it gives those that the converter knows.
 */
#include "quant/format/hf/pretok.h"

#include "directory.h"
#include "quant/format/hf/bytes.h"

#define BYTE_LEVEL "{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"use_regex\":true}"
#define DIGITS                                                                                     \
    "{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Digits\",\"individual_digits\":true}"   \
    "," BYTE_LEVEL "]}"
#define TEMPLATE                                                                                   \
    "{\"type\":\"Sequence\",\"processors\":[{\"type\":\"ByteLevel\"},{\"type\":"                   \
    "\"TemplateProcessing\",\"single\":[{\"SpecialToken\":{\"id\":\"a\"}},{\"Sequence\":"          \
    "{\"id\":\"A\"}},{\"SpecialToken\":{\"id\":\"b\"}}],\"special_tokens\":{\"a\":{\"ids\":"       \
    "[7,8]},\"b\":{\"ids\":[9]}}}]}"

struct test_case {
    const char *pre, *post;
    const char *model; /* more of its members */
    const char *added; /* tokens */
    const char *usual;
    const char *digest; /* NULL: there is none */
    const char *name;
};

/* All bytes by their values, and some that are merged; one merge is given twice. */
static const char *const merges[] = {
    "\xc4\xa0 \xc4\xa0",
    "\xc4\xa0\xc4\xa0 \xc4\xa0\xc4\xa0",
    "h e",
    "he r",
    "her e",
    "\xc4\xa0 t",
    "\xc4\xa0t he",
    "3 3",
    "33 3",
    "' s",
    "3 33",
    "\xc4\xa0 \xc4\xa0",
    "o l",
};

#define MERGES (sizeof(merges) / sizeof(merges[0]))

static void put_vocab(FILE *out)
{
    char symbol[3] = "";

    (void)fputs("\"vocab\":{\"\\u0120been\":500", out);
    for (unsigned byte = 0; byte < 256; byte++) {
        symbol[hf_byte_symbol((unsigned char)byte, symbol)] = 0;
        (void)fprintf(out, ",\"%s%s\":%u", strchr("\"\\", symbol[0]) ? "\\" : "", symbol, byte);
    }
    for (size_t i = 0; i < MERGES; i++) {
        const char *space = strchr(merges[i], ' ');

        if (i != 10 && i != 11) /* what they make is there */
            (void)fprintf(out, ",\"%.*s%s\":%zu", (int)(space - merges[i]), merges[i], space + 1,
                          256 + i);
    }
    (void)fputs("},\"merges\":[", out);
    for (size_t i = 0; i < MERGES; i++)
        (void)fprintf(out, "%s\"%s\"", i ? "," : "", merges[i]);
    (void)fputs("]", out);
}

static struct hf_vocab *make_vocab(const struct test_case *c)
{
    struct hf_vocab *vocab;
    struct defect defect;
    struct made made;
    char *text;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    CHECK(out);
    (void)fprintf(out,
                  "{\"added_tokens\":[%s],\"pre_tokenizer\":%s,\"post_processor\":%s,"
                  "\"model\":{%s\"type\":\"BPE\",",
                  c->added ? c->added : "", c->pre, c->post ? c->post : "null",
                  c->model ? c->model : "");
    put_vocab(out);
    (void)fputs("}}", out);
    (void)fclose(out);
    made_start(&made, "model");
    made_add(&made, "tokenizer.json", text, size);
    free(text);
    if (hf_vocab_read(&made.directory, &vocab, &defect) < 0)
        fprintf(stderr, "%s\n", defect.text);
    CHECK(vocab);
    made_end(&made);
    return vocab;
}

static void check_case(const struct test_case *c)
{
    struct hf_vocab *vocab = make_vocab(c);
    char digest[HF_PRETOK_DIGEST_SIZE];
    const char *name;
    int r = hf_pretok_digest(vocab, digest);

    CHECK_EQ(r, c->digest ? 0 : -ENOENT);
    if (c->digest)
        CHECK_STR(digest, c->digest);
    CHECK_EQ(hf_pretok_name(vocab, NULL, c->usual, &name), 0);
    CHECK_STR(name, c->name);
    hf_vocab_free(vocab);
}

int main(void)
{
    static const struct test_case cases[] = {
        {.pre = BYTE_LEVEL,
         .digest = "72b42185919fedcf1a171bd98e6f684f9351a0e13440684cffcc1f1a41db89d8",
         .name = "gpt-2"},
        {.pre = DIGITS,
         .usual = "command-r",
         .digest = "55d9fb76b7191ce44026eedf080fcf6a8fe074377b66fdc2b806fabfa90ede19",
         .name = "command-r"},
        {.pre = BYTE_LEVEL,
         .post = TEMPLATE,
         .usual = "glm4", /* which has another definition */
         .digest = "e3f7f74c2427f04ccd174cee85135839659737d5afe0b899d812a06c4afd36fb",
         .name = "gpt-2"},
        {.pre = BYTE_LEVEL,
         .model = "\"ignore_merges\":true,",
         .digest = "a2126c6d0cc9616a83c10949c98d7e83c9ad5efe62950bc3a18456a49036ca0f",
         .name = "gpt-2"},
        {.pre = BYTE_LEVEL,
         .added = "{\"id\":600,\"content\":\"  \"}", /* it stands in the text */
         .name = "gpt-2"},
        {.pre = "{\"type\":\"ByteLevel\",\"add_prefix_space\":true}", .name = "default"},
        {.pre = "null", .name = "default"},
        /* Not the definition that is known, but its expression. */
        {.pre = "{\"type\":\"Split\",\"pattern\":{\"Regex\":\"(?i:'s|'t|'re|'ve|'m|'ll|'d)|"
                "[^\\\\r\\\\n\\\\p{L}\\\\p{N}]?\\\\p{L}+|\\\\p{N}| ?[^\\\\s\\\\p{L}\\\\p{N}]+"
                "[\\\\r\\\\n]*|\\\\s*[\\\\r\\\\n]+|\\\\s+(?!\\\\S)|\\\\s+\"},"
                "\"behavior\":\"Isolated\"}",
         .name = "qwen2"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        check_case(&cases[i]);
    return 0;
}
