#include "quant/format/hf/letters.h"

#include <ctype.h>
#include <locale.h>
#include <wctype.h>

/* glibc has this locale built in, and its tables are Unicode's. Without it: ASCII. */
static locale_t open_locale(void)
{
    return newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
}

static bool is(uint32_t letter, const char *class)
{
    locale_t locale = open_locale();
    bool answer = false;

    if (locale != (locale_t)0) {
        answer = iswctype_l((wint_t)letter, wctype_l(class, locale), locale) != 0;
        freelocale(locale);
    }
    return answer;
}

static uint32_t to(uint32_t letter, const char *map)
{
    locale_t locale = open_locale();
    uint32_t answer = letter;

    if (locale != (locale_t)0) {
        answer = (uint32_t)towctrans_l((wint_t)letter, wctrans_l(map, locale), locale);
        freelocale(locale);
    }
    return answer;
}

bool hf_is_alpha(uint32_t letter)
{
    return letter < 0x80 ? isalpha((int)letter) != 0 : is(letter, "alpha");
}

bool hf_is_upper(uint32_t letter)
{
    return letter < 0x80 ? isupper((int)letter) != 0 : is(letter, "upper");
}

bool hf_is_lower(uint32_t letter)
{
    return letter < 0x80 ? islower((int)letter) != 0 : is(letter, "lower");
}

uint32_t hf_to_upper(uint32_t letter)
{
    return letter < 0x80 ? (uint32_t)toupper((int)letter) : to(letter, "toupper");
}

uint32_t hf_to_lower(uint32_t letter)
{
    return letter < 0x80 ? (uint32_t)tolower((int)letter) : to(letter, "tolower");
}

bool hf_is_space(uint32_t letter)
{
    return letter == ' ' || (letter >= 0x09 && letter <= 0x0d) ||
           (letter >= 0x1c && letter <= 0x1f) || letter == 0x85 || letter == 0xa0 ||
           letter == 0x1680 || (letter >= 0x2000 && letter <= 0x200a) || letter == 0x2028 ||
           letter == 0x2029 || letter == 0x202f || letter == 0x205f || letter == 0x3000;
}

uint32_t hf_letter_at(const struct hf_text *text, size_t at, size_t *size)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    unsigned char first = (unsigned char)text->text[at], next;
    size_t n = first < 0x80 ? 1 : first < 0xc0 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    uint32_t letter = n <= 1 ? first : first & (0x7fu >> n);

    *size = 1;
    if (n == 1)
        return letter;
    if (n == 0 || n > text->size - at)
        return 0xfffd;
    for (size_t i = 1; i < n; i++) {
        next = (unsigned char)text->text[at + i];
        if ((next & 0xc0) != 0x80)
            return 0xfffd;
        letter = letter << 6 | (next & 0x3f);
    }
    if (letter < least[n] || letter > 0x10ffff || (letter >= 0xd800 && letter <= 0xdfff))
        return 0xfffd;
    *size = n;
    return letter;
}

size_t hf_letter_put(char *out, uint32_t letter)
{
    if (letter < 0x80) {
        out[0] = (char)letter;
        return 1;
    }
    if (letter < 0x800) {
        out[0] = (char)(0xc0 | letter >> 6);
        out[1] = (char)(0x80 | (letter & 0x3f));
        return 2;
    }
    if (letter < 0x10000) {
        out[0] = (char)(0xe0 | letter >> 12);
        out[1] = (char)(0x80 | (letter >> 6 & 0x3f));
        out[2] = (char)(0x80 | (letter & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | letter >> 18);
    out[1] = (char)(0x80 | (letter >> 12 & 0x3f));
    out[2] = (char)(0x80 | (letter >> 6 & 0x3f));
    out[3] = (char)(0x80 | (letter & 0x3f));
    return 4;
}
