#include "quant/format/hf/bytes.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/*
 * Bytes that are printable in Latin-1 stand for themselves; the 68 others, in their order, are the
 * characters from U+0100 on.
 */
static bool stands_for_itself(unsigned byte)
{
    return (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) ||
           (byte >= 0xae && byte <= 0xff);
}

static unsigned symbol_of(unsigned byte)
{
    if (stands_for_itself(byte))
        return byte;
    if (byte <= 0x20)
        return 0x100 + byte;
    if (byte <= 0xa0)
        return 0x100 + 0x21 + (byte - 0x7f);
    return 0x100 + 0x21 + 0x22; /* 0xad */
}

size_t hf_byte_symbol(unsigned char byte, char *out)
{
    unsigned symbol = symbol_of(byte);

    if (symbol < 0x80) {
        out[0] = (char)symbol;
        return 1;
    }
    out[0] = (char)(0xc0 | symbol >> 6);
    out[1] = (char)(0x80 | (symbol & 0x3f));
    return 2;
}

/* The byte that a character stands for, or -1. */
static int byte_of(unsigned symbol)
{
    if (symbol < 0x100)
        return stands_for_itself(symbol) ? (int)symbol : -1;
    if (symbol <= 0x120)
        return (int)(symbol - 0x100);
    if (symbol <= 0x142)
        return (int)(symbol - 0x121 + 0x7f);
    return symbol == 0x143 ? 0xad : -1;
}

/* Writes the bytes; false: some character stands for none. `text` is UTF-8. */
static bool to_bytes(const struct hf_text *text, char *out, size_t *size)
{
    int byte;

    *size = 0;
    for (size_t i = 0; i < text->size; i++) {
        unsigned c = (unsigned char)text->text[i];

        if (c >= 0x80) {
            if (c >= 0xe0 || i + 1 == text->size)
                return false;
            c = (c & 0x1f) << 6 | ((unsigned char)text->text[++i] & 0x3f);
        }
        byte = byte_of(c);
        if (byte < 0)
            return false;
        out[(*size)++] = (char)byte;
    }
    return true;
}

/* Bytes of the character at `text`, or minus those of the longest start of one (at least 1). */
static int measure(const unsigned char *text, size_t left)
{
    unsigned char low = 0x80, high = 0xbf;
    int size;

    if (*text < 0x80)
        return 1;
    if (*text < 0xc2 || *text > 0xf4)
        return -1;
    size = *text < 0xe0 ? 2 : *text < 0xf0 ? 3 : 4;
    if (*text == 0xe0)
        low = 0xa0;
    else if (*text == 0xed)
        high = 0x9f;
    else if (*text == 0xf0)
        low = 0x90;
    else if (*text == 0xf4)
        high = 0x8f;
    for (int i = 1; i < size; i++) {
        if ((size_t)i == left || text[i] < low || text[i] > high)
            return -i;
        low = 0x80;
        high = 0xbf;
    }
    return size;
}

int hf_byte_decode(struct hf_arena *arena, struct hf_text *text)
{
    char *bytes = malloc(text->size + 1), *out;
    size_t size;
    int n;

    if (!bytes)
        return -ENOMEM;
    if (!to_bytes(text, bytes, &size)) {
        free(bytes);
        return 0;
    }
    out = hf_arena_take(arena, 3 * size);
    if (out) {
        text->text = out;
        for (size_t i = 0; i < size; i += (size_t)abs(n)) {
            n = measure((const unsigned char *)bytes + i, size - i);
            memcpy(out, n > 0 ? bytes + i : "\xef\xbf\xbd", n > 0 ? (size_t)n : 3);
            out += n > 0 ? n : 3;
        }
        text->size = (size_t)(out - text->text);
    }
    free(bytes);
    return out ? 0 : -ENOMEM;
}

bool hf_is_utf8(const char *text, size_t size)
{
    int n = 1;

    for (size_t i = 0; i < size && n > 0; i += (size_t)n)
        n = measure((const unsigned char *)text + i, size - i);
    return n > 0;
}
