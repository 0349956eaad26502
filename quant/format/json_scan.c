#include "quant/format/json_scan.h"

#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 128

bool json_scan_fail(struct json_scan *scan, const char *fault)
{
    if (!scan->fault)
        scan->fault = fault;
    return false;
}

uint64_t json_scan_offset(const struct json_scan *scan)
{
    return (uint64_t)(scan->at - scan->start);
}

/* Bytes of the character at `at`, 0 if it is none (RFC 3629: no surrogates, no long forms). */
static size_t utf8_size(const uint8_t *at, size_t left)
{
    uint8_t least = 0x80, most = 0xbf;
    size_t size;

    if (at[0] < 0x80)
        return 1;
    if (at[0] < 0xc2 || at[0] > 0xf4)
        return 0;
    size = at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : 4;
    if (at[0] == 0xe0)
        least = 0xa0;
    else if (at[0] == 0xed)
        most = 0x9f;
    else if (at[0] == 0xf0)
        least = 0x90;
    else if (at[0] == 0xf4)
        most = 0x8f;
    if (left < size || at[1] < least || at[1] > most)
        return 0;
    for (size_t i = 2; i < size; i++)
        if (at[i] < 0x80 || at[i] > 0xbf)
            return 0;
    return size;
}

/* Bytes from `at` on that are ASCII, eight at a time: most of every file. */
static size_t ascii_size(const char *at, const char *end)
{
    const char *first = at;
    uint64_t word;

    for (; end - at >= 8; at += 8) {
        memcpy(&word, at, sizeof(word));
        if (word & UINT64_C(0x8080808080808080))
            break;
    }
    return (size_t)(at - first);
}

void json_scan_start(struct json_scan *scan, char *text, size_t size)
{
    size_t n = 1;

    *scan = (struct json_scan){.start = text, .at = text, .end = text + size};
    for (; scan->at < scan->end && n > 0; scan->at += n) {
        n = ascii_size(scan->at, scan->end);
        if (n == 0)
            n = utf8_size((const uint8_t *)scan->at, (size_t)(scan->end - scan->at));
    }
    if (n == 0)
        scan->fault = "not UTF-8";
    else
        scan->at = text;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void skip_blanks(struct json_scan *scan)
{
    while (scan->at < scan->end && is_blank(*scan->at))
        scan->at++;
}

char json_scan_peek(struct json_scan *scan)
{
    if (scan->fault)
        return 0;
    skip_blanks(scan);
    return scan->at < scan->end ? *scan->at : 0;
}

static bool expect(struct json_scan *scan, char c, const char *fault)
{
    if (json_scan_peek(scan) != c)
        return json_scan_fail(scan, fault);
    scan->at++;
    return true;
}

bool json_scan_open(struct json_scan *scan, char bracket)
{
    return expect(scan, bracket, bracket == '{' ? "no JSON object" : "no JSON array");
}

bool json_scan_more(struct json_scan *scan, char bracket, bool first)
{
    char c = json_scan_peek(scan);

    if (c == bracket) {
        scan->at++;
        return false;
    }
    if (first)
        return c ? true : json_scan_fail(scan, "the JSON text ends here");
    return expect(scan, ',', "broken JSON: a comma is missing");
}

bool json_scan_name(struct json_scan *scan, const char **text, size_t *size)
{
    return json_scan_string(scan, text, size) &&
           expect(scan, ':', "broken JSON: a colon is missing");
}

static bool read_hex(struct json_scan *scan, uint32_t *value)
{
    *value = 0;
    for (int i = 0; i < 4; i++, scan->at++) {
        const char *digits = "0123456789abcdef", *digit;
        char c = scan->at < scan->end ? *scan->at : 0;

        c = c >= 'A' && c <= 'F' ? (char)(c - 'A' + 'a') : c;
        digit = c ? strchr(digits, c) : NULL;
        if (!digit)
            return json_scan_fail(scan, "broken JSON: an escape");
        *value = *value << 4 | (uint32_t)(digit - digits);
    }
    return true;
}

/* Behind "\u": the character, of one escape or of two. */
static bool read_unicode(struct json_scan *scan, uint32_t *c)
{
    uint32_t low;

    if (!read_hex(scan, c))
        return false;
    if (*c < 0xd800 || *c > 0xdfff)
        return true;
    if (*c > 0xdbff || scan->end - scan->at < 2 || memcmp(scan->at, "\\u", 2) != 0)
        return json_scan_fail(scan, "broken JSON: half a surrogate pair");
    scan->at += 2;
    if (!read_hex(scan, &low))
        return false;
    if (low < 0xdc00 || low > 0xdfff)
        return json_scan_fail(scan, "broken JSON: half a surrogate pair");
    *c = 0x10000 + ((*c - 0xd800) << 10) + (low - 0xdc00);
    return true;
}

static char *put_utf8(char *out, uint32_t c)
{
    if (c < 0x80) {
        *out++ = (char)c;
        return out;
    }
    if (c < 0x800) {
        *out++ = (char)(0xc0 | c >> 6);
    } else {
        if (c < 0x10000) {
            *out++ = (char)(0xe0 | c >> 12);
        } else {
            *out++ = (char)(0xf0 | c >> 18);
            *out++ = (char)(0x80 | (c >> 12 & 0x3f));
        }
        *out++ = (char)(0x80 | (c >> 6 & 0x3f));
    }
    *out++ = (char)(0x80 | (c & 0x3f));
    return out;
}

/* An escape takes more room than what it stands for. */
static char *unescape(struct json_scan *scan, char *out)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    const char *found;
    uint32_t c;
    char letter;

    scan->at++;
    letter = scan->at < scan->end ? *scan->at++ : 0;
    if (letter == 'u') {
        if (read_unicode(scan, &c))
            out = put_utf8(out, c);
        return out;
    }
    found = letter ? strchr(from, letter) : NULL;
    if (found)
        *out++ = to[found - from];
    else
        (void)json_scan_fail(scan, "broken JSON: an escape");
    return out;
}

bool json_scan_string(struct json_scan *scan, const char **text, size_t *size)
{
    char *out;

    if (!expect(scan, '"', "no JSON string"))
        return false;
    *text = out = scan->at;
    while (!scan->fault && scan->at < scan->end && *scan->at != '"') {
        if (*scan->at == '\\')
            out = unescape(scan, out);
        else if ((uint8_t)*scan->at < 0x20)
            (void)json_scan_fail(scan, "broken JSON: a control character");
        else
            *out++ = *scan->at++;
    }
    if (scan->fault)
        return false;
    *size = (size_t)(out - *text);
    return expect(scan, '"', "the JSON text ends here");
}

bool json_scan_u64(struct json_scan *scan, uint64_t *value)
{
    char c = json_scan_peek(scan);
    const char *first = scan->at;

    *value = 0;
    if (scan->fault)
        return false;
    for (; c >= '0' && c <= '9'; c = scan->at < scan->end ? *scan->at : 0) {
        if (__builtin_mul_overflow(*value, UINT64_C(10), value) ||
            __builtin_add_overflow(*value, (uint64_t)(c - '0'), value))
            return json_scan_fail(scan, "a number that is too large");
        scan->at++;
    }
    if (scan->at == first || c == '.' || c == 'e' || c == 'E' ||
        (*first == '0' && scan->at > first + 1))
        return json_scan_fail(scan, "no whole number");
    return true;
}

/* Digits at least once. */
static bool skip_digits(struct json_scan *scan)
{
    char *first = scan->at;

    while (scan->at < scan->end && *scan->at >= '0' && *scan->at <= '9')
        scan->at++;
    return scan->at > first || json_scan_fail(scan, "broken JSON: a number");
}

static bool at_one_of(const struct json_scan *scan, const char *letters)
{
    return scan->at < scan->end && *scan->at && strchr(letters, *scan->at);
}

static bool skip_number(struct json_scan *scan)
{
    bool zero;

    if (at_one_of(scan, "-"))
        scan->at++;
    zero = at_one_of(scan, "0");
    if (zero)
        scan->at++;
    else if (!skip_digits(scan))
        return false;
    if (at_one_of(scan, ".")) {
        scan->at++;
        if (!skip_digits(scan))
            return false;
    }
    if (at_one_of(scan, "eE")) {
        scan->at++;
        if (at_one_of(scan, "+-"))
            scan->at++;
        return skip_digits(scan);
    }
    return true;
}

bool json_scan_number(struct json_scan *scan, const char **text, size_t *size, bool *whole)
{
    (void)json_scan_peek(scan);
    *text = scan->at;
    if (scan->fault || !skip_number(scan))
        return false;
    *size = (size_t)(scan->at - *text);
    *whole = true;
    for (size_t i = 0; i < *size; i++)
        *whole &= !strchr(".eE", (*text)[i]);
    return true;
}

static bool skip_word(struct json_scan *scan)
{
    static const char *const words[] = {"true", "false", "null"};

    for (size_t i = 0; i < 3; i++) {
        size_t size = strlen(words[i]);

        if ((size_t)(scan->end - scan->at) >= size && memcmp(scan->at, words[i], size) == 0) {
            scan->at += size;
            return true;
        }
    }
    return json_scan_fail(scan, "broken JSON");
}

static bool skip(struct json_scan *scan, unsigned depth)
{
    char open = json_scan_peek(scan), close = open == '{' ? '}' : ']';
    const char *text;
    size_t size;

    if (depth > DEPTH_MAX)
        return json_scan_fail(scan, "JSON nested too deep");
    if (open == '"')
        return json_scan_string(scan, &text, &size);
    if (open == '-' || (open >= '0' && open <= '9'))
        return skip_number(scan);
    if (open != '{' && open != '[')
        return skip_word(scan);
    (void)json_scan_open(scan, open);
    for (bool first = true; json_scan_more(scan, close, first); first = false)
        if ((open == '{' && !json_scan_name(scan, &text, &size)) || !skip(scan, depth + 1))
            return false;
    return !scan->fault;
}

bool json_scan_skip(struct json_scan *scan)
{
    return !scan->fault && skip(scan, 1);
}

bool json_scan_double(struct json_scan *scan, double *value)
{
    const char *text;
    char copy[64];
    size_t size;
    bool whole;

    if (!json_scan_number(scan, &text, &size, &whole))
        return false;
    if (size >= sizeof(copy))
        return json_scan_fail(scan, "a number that is too long");
    memcpy(copy, text, size);
    copy[size] = 0;
    *value = strtod(copy, NULL);
    return true;
}

/* The string whose quote is next. */
static bool pass_string(struct json_scan *scan)
{
    for (scan->at++; scan->at < scan->end && *scan->at != '"'; scan->at++)
        if (*scan->at == '\\' && scan->end - scan->at > 1)
            scan->at++;
    if (scan->at == scan->end)
        return json_scan_fail(scan, "the JSON text ends here");
    scan->at++;
    return true;
}

bool json_scan_pass(struct json_scan *scan)
{
    unsigned depth = 0;
    char c;

    do {
        c = json_scan_peek(scan);
        if (c == 0)
            return json_scan_fail(scan, "the JSON text ends here");
        if (c == '"') {
            if (!pass_string(scan))
                return false;
            continue;
        }
        if (depth == 0 && c != '{' && c != '[' && strchr(",:]}", c))
            return json_scan_fail(scan, "broken JSON");
        depth += c == '{' || c == '[';
        depth -= c == '}' || c == ']';
        scan->at++;
        if (depth == 0 && c != '}' && c != ']') /* a number or a word, whole */
            while (scan->at < scan->end && !is_blank(*scan->at) && !at_one_of(scan, ",:]}"))
                scan->at++;
    } while (depth > 0);
    return true;
}

bool json_scan_end(struct json_scan *scan)
{
    if (scan->fault)
        return false;
    skip_blanks(scan);
    return scan->at == scan->end || json_scan_fail(scan, "something stands behind the JSON text");
}
