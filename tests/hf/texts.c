/*
 * If this fails, texts of a tokenizer are not found again, or are decoded otherwise than the
 * tokenizers library decodes them.
 */
#include <errno.h>

#include "../check.h"
#include "quant/format/hf/bytes.h"
#include "quant/format/hf/index.h"
#include "quant/format/hf/tokens.h"

#define COUNT 5000

static void check_index(void)
{
    static char names[COUNT][12];
    static struct hf_text texts[COUNT + 1];
    struct hf_index index = {0};
    uint32_t place;

    CHECK(!hf_index_find(&index, texts, "0", 1, &place));
    for (uint32_t i = 0; i < COUNT; i++) {
        texts[i].size = (size_t)snprintf(names[i], sizeof(names[i]), "%x", i * 2654435761u);
        texts[i].text = names[i];
        place = i;
        CHECK_EQ(hf_index_add(&index, texts, &place), 0);
    }
    CHECK_EQ(index.count, COUNT);
    for (uint32_t i = 0; i < COUNT; i++) {
        CHECK(hf_index_find(&index, texts, names[i], strlen(names[i]), &place));
        CHECK_EQ(place, i);
        CHECK(!hf_index_find(&index, texts, names[i], sizeof(names[i]), &place));
    }
    /* The same text again: the first stays, unless it is replaced. */
    texts[COUNT] = (struct hf_text){"7", 0}; /* an empty one */
    place = COUNT;
    CHECK_EQ(hf_index_add(&index, texts, &place), 0);
    texts[COUNT] = texts[17];
    place = COUNT;
    CHECK_EQ(hf_index_add(&index, texts, &place), -EEXIST);
    CHECK_EQ(place, 17);
    CHECK_EQ(hf_index_replace(&index, texts, COUNT), 0);
    CHECK(hf_index_find(&index, texts, names[17], strlen(names[17]), &place) && place == COUNT);
    hf_index_free(&index);
}

/* Every byte has a character of its own, which gives the byte again. */
static void check_bytes(void)
{
    struct hf_arena arena = {0};
    struct hf_text text;
    char all[2 * 128], symbol[3];
    size_t size = 0;

    for (unsigned byte = 0; byte < 128; byte++)
        size += hf_byte_symbol((unsigned char)byte, all + size);
    text = (struct hf_text){all, size};
    CHECK(hf_is_utf8(all, size));
    CHECK_EQ(hf_byte_decode(&arena, &text), 0);
    CHECK_EQ(text.size, 128);
    for (size_t i = 0; i < 128; i++)
        CHECK_EQ(text.text[i], i);
    symbol[hf_byte_symbol(' ', symbol)] = 0;
    CHECK_STR(symbol, "\xc4\xa0");
    symbol[hf_byte_symbol(0x7f, symbol)] = 0;
    CHECK_STR(symbol, "\xc4\xa1");
    symbol[hf_byte_symbol(0xad, symbol)] = 0;
    CHECK_STR(symbol, "\xc5\x83");
    hf_arena_free(&arena);
}

/* A text, its decoded form. */
static void check_decoded(const char *from, const char *to)
{
    struct hf_arena arena = {0};
    struct hf_text text = {from, strlen(from)};

    CHECK_EQ(hf_byte_decode(&arena, &text), 0);
    if (text.size != strlen(to) || memcmp(text.text, to, text.size) != 0)
        fprintf(stderr, "'%s' gives '%.*s'\n", from, (int)text.size, text.text);
    CHECK(text.size == strlen(to) && memcmp(text.text, to, text.size) == 0);
    hf_arena_free(&arena);
}

static void check_decoding(void)
{
    check_decoded("", "");
    check_decoded("<|x|>", "<|x|>");
    check_decoded("\xc4\xa0x", " x");
    check_decoded("a b", "a b");                                 /* a blank stands for no byte */
    check_decoded("\xc3\xa9", "\xef\xbf\xbd");                   /* half of a character */
    check_decoded("\xc3\xa2\xc4\xa4\xc2\xac", "\xe2\x82\xac");   /* all of one */
    check_decoded("\xc3\xb0\xc4\xb8\xc4\xb8x", "\xef\xbf\xbdx"); /* a start, then another */
    check_decoded("\xc3\xad\xc5\x82\xc4\xb8",                    /* a surrogate: three times none */
                  "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
    check_decoded("\xef\xbd\x9c\xc4\xa0", "\xef\xbd\x9c\xc4\xa0");
}

static void check_utf8(void)
{
    static const char *const bad[] = {"\x80",
                                      "\xc0\x80",
                                      "\xc3",
                                      "\xe0\x80\x80",
                                      "\xed\xa0\x80",
                                      "\xf4\x90\x80\x80",
                                      "\xf5\x80\x80\x80",
                                      "a\xff"};

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CHECK(!hf_is_utf8(bad[i], strlen(bad[i])));
    CHECK(hf_is_utf8("", 0) && hf_is_utf8("\0", 1));
    CHECK(hf_is_utf8("\xed\x9f\xbf\xee\x80\x80\xf4\x8f\xbf\xbf", 10));
}

static void check_looks(void)
{
    static const char *const special[] = {"<pad>",     "<mask>",   "<2mass>",
                                          "[@BOS@]",   "<|x|>",    "<|>",
                                          "<unused9>", "<unused>", "<\xef\xbd\x9cx\xef\xbd\x9c>"};
    static const char *const plain[] = {"",    "<|x",   "x|>",          "<unused9",
                                        "<s>", "[PAD]", "<\xef\xbd\x9c"};
    struct hf_text text;

    for (size_t i = 0; i < sizeof(special) / sizeof(special[0]); i++) {
        text = (struct hf_text){special[i], strlen(special[i])};
        CHECK(hf_looks_special(&text));
    }
    for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
        text = (struct hf_text){plain[i], strlen(plain[i])};
        CHECK(!hf_looks_special(&text));
    }
}

int main(void)
{
    check_index();
    check_bytes();
    check_decoding();
    check_utf8();
    check_looks();
    return 0;
}
