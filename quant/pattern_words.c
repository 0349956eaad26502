#include "quant/pattern_words.h"

#include <ctype.h>
#include <limits.h>
#include <stdbool.h>

int pattern_words_fail(const struct pattern_words *words, const char *message)
{
    return defect_set(words->defect, EINVAL, DEFECT_NOWHERE, "%s", message);
}

int pattern_words_fail_paren(const struct pattern_words *words)
{
    return pattern_words_fail(words, "Mismatched '(' and ')' in regular expression");
}

int pattern_words_fail_badbrace(const struct pattern_words *words)
{
    return pattern_words_fail(words, "Invalid range in '{}' in regular expression");
}

int pattern_words_refuse(const struct pattern_words *words, const char *what)
{
    return defect_set(words->defect, ENOTSUP, DEFECT_NOWHERE, "%s in a pattern: not supported",
                      what);
}

static int set_literal(struct pattern_words *words, unsigned char value)
{
    words->word = PATTERN_LITERAL;
    words->value = value;
    return 0;
}

static int set_word(struct pattern_words *words, enum pattern_word word)
{
    words->word = word;
    return 0;
}

/* \x and \u with that many digits. */
static int read_code(struct pattern_words *words, unsigned digits, const char *message)
{
    for (unsigned i = 0; i < digits; i++)
        if (words->at + i >= words->end || !isxdigit((unsigned char)words->at[i]))
            return pattern_words_fail(words, message);
    return pattern_words_refuse(words, "a character by its number");
}

static int read_back_reference(struct pattern_words *words)
{
    unsigned long number = 0;

    for (words->at--; words->at < words->end && isdigit((unsigned char)*words->at); words->at++)
        number = number < INT_MAX ? number * 10 + (unsigned long)(*words->at - '0') : number;
    if (number > INT_MAX)
        return pattern_words_fail(words, "invalid back reference");
    if (number > words->groups)
        return pattern_words_fail(words,
                                  "Back-reference index exceeds current sub-expression count.");
    return pattern_words_refuse(words, "a back reference");
}

/* Behind a backslash. */
static int read_escape(struct pattern_words *words)
{
    static const char letters[] = "fnrtv", meanings[] = "\f\n\r\t\v";
    const char *letter;
    unsigned char c;

    if (words->at == words->end)
        return pattern_words_fail(words, words->mode == PATTERN_IN_BRACKET
                                             ? "Invalid escape in regular expression"
                                             : "Invalid escape at end of regular expression");
    c = (unsigned char)*words->at++;
    letter = c ? strchr(letters, c) : NULL;
    if (letter)
        return set_literal(words, (unsigned char)meanings[letter - letters]);
    switch (c) {
    case 'b':
        return words->mode == PATTERN_IN_BRACKET ? set_literal(words, '\b')
                                                 : set_word(words, PATTERN_BOUNDARY);
    case 'B':
        return set_word(words, PATTERN_NO_BOUNDARY);
    case 'd':
    case 'D':
    case 's':
    case 'S':
    case 'w':
    case 'W':
        words->value = c;
        return set_word(words, PATTERN_CLASS);
    case 'c':
        return words->at == words->end
                   ? pattern_words_fail(words,
                                        "invalid '\\cX' control character in regular expression")
                   : pattern_words_refuse(words, "a control character by its letter");
    case 'x':
        return read_code(words, 2, "Invalid '\\xNN' control character in regular expression");
    case 'u':
        return read_code(words, 4, "Invalid '\\uNNNN' control character in regular expression");
    case '0':
    case '\0':
        return pattern_words_refuse(words, "a zero byte");
    default:
        return isdigit(c) ? read_back_reference(words) : set_literal(words, c);
    }
}

/* Behind `(`. */
static int read_open(struct pattern_words *words)
{
    if (words->at == words->end || *words->at != '?')
        return set_word(words, PATTERN_OPEN);
    if (++words->at == words->end)
        return pattern_words_fail_paren(words);
    switch (*words->at++) {
    case ':':
        return set_word(words, PATTERN_OPEN_PLAIN);
    case '=':
        return set_word(words, PATTERN_OPEN_AHEAD);
    case '!':
        return set_word(words, PATTERN_OPEN_NOT_AHEAD);
    default:
        return pattern_words_fail(words,
                                  "Invalid '(?...)' zero-width assertion in regular expression");
    }
}

static int read_normal(struct pattern_words *words, char c)
{
    switch (c) {
    case '\\':
        return read_escape(words);
    case '(':
        return read_open(words);
    case ')':
        return set_word(words, PATTERN_CLOSE);
    case '[':
        words->mode = PATTERN_IN_BRACKET;
        if (words->at < words->end && *words->at == '^') {
            words->at++;
            return set_word(words, PATTERN_NEGATED_BRACKET);
        }
        return set_word(words, PATTERN_BRACKET);
    case '{':
        words->mode = PATTERN_IN_BRACE;
        return set_word(words, PATTERN_BRACE);
    case '.':
        return set_word(words, PATTERN_DOT);
    case '^':
        return set_word(words, PATTERN_LINE_BEGIN);
    case '$':
        return set_word(words, PATTERN_LINE_END);
    case '|':
        return set_word(words, PATTERN_OR);
    case '*':
        return set_word(words, PATTERN_STAR);
    case '+':
        return set_word(words, PATTERN_PLUS);
    case '?':
        return set_word(words, PATTERN_OPTIONAL);
    default:
        return set_literal(words, (unsigned char)c);
    }
}

/* [:name:], or the two other kinds of names in brackets, behind their first two characters. */
static int read_name(struct pattern_words *words, char kind)
{
    const char *begin = words->at;

    while (words->at < words->end && *words->at != kind)
        words->at++;
    words->name = begin;
    words->name_length = (size_t)(words->at - begin);
    if (words->end - words->at < 2 || words->at[1] != ']')
        return pattern_words_fail(words, kind == ':'
                                             ? "Invalid character class in regular expression"
                                             : "Invalid collating element in regular expression");
    words->at += 2;
    return kind == ':' ? set_word(words, PATTERN_NAMED_CLASS)
                       : pattern_words_refuse(words, "a collating element");
}

static int read_in_bracket(struct pattern_words *words, char c)
{
    char kind;

    switch (c) {
    case '\\':
        return read_escape(words);
    case '-':
        return set_word(words, PATTERN_DASH);
    case ']':
        words->mode = PATTERN_NORMAL;
        return set_word(words, PATTERN_BRACKET_END);
    case '[':
        if (words->at == words->end)
            return pattern_words_fail(words,
                                      "Incomplete '[[' character class in regular expression");
        kind = *words->at;
        if (kind != ':' && kind != '.' && kind != '=')
            return set_literal(words, '[');
        words->at++;
        return read_name(words, kind);
    default:
        return set_literal(words, (unsigned char)c);
    }
}

static int read_in_brace(struct pattern_words *words, char c)
{
    if (isdigit((unsigned char)c)) {
        words->name = words->at - 1;
        while (words->at < words->end && isdigit((unsigned char)*words->at))
            words->at++;
        words->name_length = (size_t)(words->at - words->name);
        return set_word(words, PATTERN_NUMBER);
    }
    if (c == ',')
        return set_word(words, PATTERN_COMMA);
    if (c != '}')
        return pattern_words_fail_badbrace(words);
    words->mode = PATTERN_NORMAL;
    return set_word(words, PATTERN_BRACE_END);
}

int pattern_words_next(struct pattern_words *words)
{
    char c;

    if (words->at == words->end)
        return set_word(words, PATTERN_END);
    c = *words->at++;
    if (c == '\0')
        return pattern_words_fail(words, "Unexpected null character in regular expression");
    return words->mode == PATTERN_NORMAL       ? read_normal(words, c)
           : words->mode == PATTERN_IN_BRACKET ? read_in_bracket(words, c)
                                               : read_in_brace(words, c);
}
