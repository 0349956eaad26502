#include "quant/pattern_gate.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/*
 * Words are read one ahead of their use, as libstdc++ does: so of two mistakes the same one is
 * told. Its messages are those of the libraries that the reference tool is built with (GCC 15).
 *
 * Known differences between std::regex and PCRE2, and what becomes of them here:
 *   in a lookahead std::regex takes its place for the beginning, so that ^ holds there and \b looks
 *   at nothing before it: refused; `.` is neither \n nor \r, `$` only the very end: said so when
 *   compiled; a quantifier of a quantifier (PCRE2: possessive): refused; letters behind a backslash
 *   that mean nothing (PCRE2: errors and more): written as letters; classes: written as bytes.
 */

enum word {
    END,
    LITERAL, /* value */
    DOT,
    LINE_BEGIN,
    LINE_END,
    BOUNDARY, /* \b */
    NO_BOUNDARY /* \B */,
    CLASS, /* value: d D s S w W */
    OPEN,
    OPEN_PLAIN, /* (?: */
    OPEN_AHEAD, /* (?= */
    OPEN_NOT_AHEAD,
    CLOSE,
    OR,
    STAR,
    PLUS,
    OPTIONAL,
    BRACKET, /* [ */
    NEGATED_BRACKET,
    BRACE,
    /* in brackets */
    BRACKET_END,
    DASH,
    NAMED_CLASS, /* name */
    /* in braces */
    NUMBER, /* text */
    COMMA,
    BRACE_END,
};

enum mode { NORMAL, IN_BRACKET, IN_BRACE };

struct text {
    char *data;
    size_t size, room;
};

struct gate {
    const char *at, *end;
    struct defect *defect;
    struct text *out; /* NULL: nothing is written */
    enum mode mode;
    enum word word;
    unsigned char value;
    const char *name; /* of a named class, or digits */
    size_t name_length;
    unsigned depth, ahead; /* groups around, lookaheads among them */
    unsigned groups;
};

/* --- writing ------------------------------------------------------------------------------------
 */

static int put(struct gate *gate, const char *data, size_t size)
{
    struct text *out = gate->out;
    char *grown;

    if (!out)
        return 0;
    if (out->size + size >= out->room) {
        grown = realloc(out->data, 2 * (out->room + size) + 64);
        if (!grown)
            return -ENOMEM;
        out->data = grown;
        out->room = 2 * (out->room + size) + 64;
    }
    memcpy(out->data + out->size, data, size);
    out->size += size;
    out->data[out->size] = '\0';
    return 0;
}

static int put_text(struct gate *gate, const char *text)
{
    return put(gate, text, strlen(text));
}

static int put_byte(struct gate *gate, unsigned char byte)
{
    char code[8];

    if (byte == '_' || (byte < 0x80 && isalnum(byte)))
        return put(gate, (const char *)&byte, 1);
    (void)snprintf(code, sizeof(code), "\\x%02x", byte);
    return put_text(gate, code);
}

/* --- what is wrong ------------------------------------------------------------------------------
 */

static int fail(const struct gate *gate, const char *message)
{
    return defect_set(gate->defect, EINVAL, DEFECT_NOWHERE, "%s", message);
}

static int fail_paren(const struct gate *gate)
{
    return fail(gate, "Mismatched '(' and ')' in regular expression");
}

static int fail_brace(const struct gate *gate)
{
    return fail(gate, "Mismatched '{' and '}' in regular expression");
}

static int fail_badbrace(const struct gate *gate)
{
    return fail(gate, "Invalid range in '{}' in regular expression");
}

static int fail_bracket(const struct gate *gate)
{
    return fail(gate, "Unexpected character within '[...]' in regular expression");
}

static int refuse(const struct gate *gate, const char *what)
{
    return defect_set(gate->defect, ENOTSUP, DEFECT_NOWHERE, "%s in a pattern: not supported",
                      what);
}

/* --- words --------------------------------------------------------------------------------------
 */

static int set_literal(struct gate *gate, unsigned char value)
{
    gate->word = LITERAL;
    gate->value = value;
    return 0;
}

static int set_word(struct gate *gate, enum word word)
{
    gate->word = word;
    return 0;
}

/* \x and \u with that many digits. */
static int read_code(struct gate *gate, unsigned digits, const char *message)
{
    for (unsigned i = 0; i < digits; i++)
        if (gate->at + i >= gate->end || !isxdigit((unsigned char)gate->at[i]))
            return fail(gate, message);
    return refuse(gate, "a character by its number");
}

static int read_back_reference(struct gate *gate)
{
    unsigned long number = 0;

    for (gate->at--; gate->at < gate->end && isdigit((unsigned char)*gate->at); gate->at++)
        number = number < INT_MAX ? number * 10 + (unsigned long)(*gate->at - '0') : number;
    if (number > INT_MAX)
        return fail(gate, "invalid back reference");
    if (number > gate->groups)
        return fail(gate, "Back-reference index exceeds current sub-expression count.");
    return refuse(gate, "a back reference");
}

/* Behind a backslash. */
static int read_escape(struct gate *gate)
{
    static const char letters[] = "fnrtv", meanings[] = "\f\n\r\t\v";
    const char *letter;
    unsigned char c;

    if (gate->at == gate->end)
        return fail(gate, gate->mode == IN_BRACKET ? "Invalid escape in regular expression"
                                                   : "Invalid escape at end of regular expression");
    c = (unsigned char)*gate->at++;
    letter = c ? strchr(letters, c) : NULL;
    if (letter)
        return set_literal(gate, (unsigned char)meanings[letter - letters]);
    switch (c) {
    case 'b':
        return gate->mode == IN_BRACKET ? set_literal(gate, '\b') : set_word(gate, BOUNDARY);
    case 'B':
        return set_word(gate, NO_BOUNDARY);
    case 'd':
    case 'D':
    case 's':
    case 'S':
    case 'w':
    case 'W':
        gate->value = c;
        return set_word(gate, CLASS);
    case 'c':
        return gate->at == gate->end
                   ? fail(gate, "invalid '\\cX' control character in regular expression")
                   : refuse(gate, "a control character by its letter");
    case 'x':
        return read_code(gate, 2, "Invalid '\\xNN' control character in regular expression");
    case 'u':
        return read_code(gate, 4, "Invalid '\\uNNNN' control character in regular expression");
    case '0':
    case '\0':
        return refuse(gate, "a zero byte");
    default:
        return isdigit(c) ? read_back_reference(gate) : set_literal(gate, c);
    }
}

/* Behind `(`. */
static int read_open(struct gate *gate)
{
    if (gate->at == gate->end || *gate->at != '?')
        return set_word(gate, OPEN);
    if (++gate->at == gate->end)
        return fail_paren(gate);
    switch (*gate->at++) {
    case ':':
        return set_word(gate, OPEN_PLAIN);
    case '=':
        return set_word(gate, OPEN_AHEAD);
    case '!':
        return set_word(gate, OPEN_NOT_AHEAD);
    default:
        return fail(gate, "Invalid '(?...)' zero-width assertion in regular expression");
    }
}

static int read_normal(struct gate *gate, char c)
{
    switch (c) {
    case '\\':
        return read_escape(gate);
    case '(':
        return read_open(gate);
    case ')':
        return set_word(gate, CLOSE);
    case '[':
        gate->mode = IN_BRACKET;
        if (gate->at < gate->end && *gate->at == '^') {
            gate->at++;
            return set_word(gate, NEGATED_BRACKET);
        }
        return set_word(gate, BRACKET);
    case '{':
        gate->mode = IN_BRACE;
        return set_word(gate, BRACE);
    case '.':
        return set_word(gate, DOT);
    case '^':
        return set_word(gate, LINE_BEGIN);
    case '$':
        return set_word(gate, LINE_END);
    case '|':
        return set_word(gate, OR);
    case '*':
        return set_word(gate, STAR);
    case '+':
        return set_word(gate, PLUS);
    case '?':
        return set_word(gate, OPTIONAL);
    default:
        return set_literal(gate, (unsigned char)c);
    }
}

/* [:name:], or the two other kinds of names in brackets, behind their first two characters. */
static int read_name(struct gate *gate, char kind)
{
    const char *begin = gate->at;

    while (gate->at < gate->end && *gate->at != kind)
        gate->at++;
    gate->name = begin;
    gate->name_length = (size_t)(gate->at - begin);
    if (gate->end - gate->at < 2 || gate->at[1] != ']')
        return fail(gate, kind == ':' ? "Invalid character class in regular expression"
                                      : "Invalid collating element in regular expression");
    gate->at += 2;
    return kind == ':' ? set_word(gate, NAMED_CLASS) : refuse(gate, "a collating element");
}

static int read_in_bracket(struct gate *gate, char c)
{
    char kind;

    switch (c) {
    case '\\':
        return read_escape(gate);
    case '-':
        return set_word(gate, DASH);
    case ']':
        gate->mode = NORMAL;
        return set_word(gate, BRACKET_END);
    case '[':
        if (gate->at == gate->end)
            return fail(gate, "Incomplete '[[' character class in regular expression");
        kind = *gate->at;
        if (kind != ':' && kind != '.' && kind != '=')
            return set_literal(gate, '[');
        gate->at++;
        return read_name(gate, kind);
    default:
        return set_literal(gate, (unsigned char)c);
    }
}

static int read_in_brace(struct gate *gate, char c)
{
    if (isdigit((unsigned char)c)) {
        gate->name = gate->at - 1;
        while (gate->at < gate->end && isdigit((unsigned char)*gate->at))
            gate->at++;
        gate->name_length = (size_t)(gate->at - gate->name);
        return set_word(gate, NUMBER);
    }
    if (c == ',')
        return set_word(gate, COMMA);
    if (c != '}')
        return fail_badbrace(gate);
    gate->mode = NORMAL;
    return set_word(gate, BRACE_END);
}

static int next(struct gate *gate)
{
    char c;

    if (gate->at == gate->end)
        return set_word(gate, END);
    c = *gate->at++;
    if (c == '\0')
        return fail(gate, "Unexpected null character in regular expression");
    return gate->mode == NORMAL       ? read_normal(gate, c)
           : gate->mode == IN_BRACKET ? read_in_bracket(gate, c)
                                      : read_in_brace(gate, c);
}

/* --- classes ------------------------------------------------------------------------------------
 */

static bool is_word(int c)
{
    return isalnum(c) || c == '_';
}

/* In the C locale, that of the tool's expressions; so a byte that is not ASCII is of no class. */
static bool in_class(const char *name, int c)
{
    static const struct {
        const char *name;
        int (*holds)(int c);
    } classes[] = {
        {"alnum", isalnum}, {"alpha", isalpha},   {"blank", isblank}, {"cntrl", iscntrl},
        {"d", isdigit},     {"digit", isdigit},   {"graph", isgraph}, {"lower", islower},
        {"print", isprint}, {"punct", ispunct},   {"s", isspace},     {"space", isspace},
        {"upper", isupper}, {"xdigit", isxdigit},
    };

    if (c >= 0x80)
        return false;
    if (strcmp(name, "w") == 0)
        return is_word(c);
    for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++)
        if (strcmp(classes[i].name, name) == 0)
            return classes[i].holds(c) != 0;
    return false;
}

static bool is_class(const char *name)
{
    for (int c = 0; c < 0x80; c++) /* none is empty */
        if (in_class(name, c))
            return true;
    return false;
}

/* What stands in brackets so far. */
struct set {
    bool has[256];
    enum { NOTHING, CHARACTER, A_CLASS } last; /* what a dash behind it means */
    unsigned char character;
};

static void add_class(struct set *set, const char *name, bool opposite)
{
    for (int c = 0; c < 256; c++)
        set->has[c] |= in_class(name, c) != opposite;
    set->last = A_CLASS;
}

static int add_character(struct gate *gate, struct set *set, unsigned char character)
{
    if (character >= 0x80)
        return refuse(gate, "a character that is not ASCII in brackets");
    set->has[character] = true;
    set->last = CHARACTER;
    set->character = character;
    return next(gate);
}

static int add_named_class(struct gate *gate, struct set *set)
{
    char name[16] = "";

    if (gate->name_length < sizeof(name))
        memcpy(name, gate->name, gate->name_length);
    for (char *c = name; *c; c++) /* names of classes are in any case */
        *c = (char)(*c >= 'A' && *c <= 'Z' ? *c + ('a' - 'A') : *c);
    if (!is_class(name))
        return fail(gate, "Invalid character class.");
    add_class(set, name, false);
    return next(gate);
}

/* A dash that was not the last character. */
static int add_range(struct gate *gate, struct set *set)
{
    unsigned char from = set->character, to = '-';

    if (gate->word == LITERAL)
        to = gate->value;
    else if (gate->word != DASH)
        return fail(gate, "Invalid end of '[x-x]' range in regular expression");
    if (to >= 0x80)
        return refuse(gate, "a character that is not ASCII in brackets");
    if (from > to)
        return fail(gate, "Invalid range in bracket expression.");
    for (unsigned c = from; c <= to; c++)
        set->has[c] = true;
    set->last = NOTHING;
    return next(gate);
}

static int add_dash(struct gate *gate, struct set *set)
{
    int r = next(gate);

    if (r < 0)
        return r;
    if (gate->word == BRACKET_END || set->last == NOTHING) {
        set->has['-'] = true;
        set->last = CHARACTER;
        set->character = '-';
        return 0;
    }
    if (set->last == A_CLASS)
        return fail(gate, "Invalid start of '[x-x]' range in regular expression");
    return add_range(gate, set);
}

static int read_set(struct gate *gate, struct set *set)
{
    int r = next(gate);
    char name[2] = "";

    while (r == 0 && gate->word != BRACKET_END) {
        switch (gate->word) {
        case LITERAL:
            r = add_character(gate, set, gate->value);
            break;
        case DASH:
            r = add_dash(gate, set);
            break;
        case NAMED_CLASS:
            r = add_named_class(gate, set);
            break;
        case CLASS:
            name[0] = (char)(gate->value | 0x20);
            add_class(set, name, name[0] != (char)gate->value);
            r = next(gate);
            break;
        default:
            return fail_bracket(gate);
        }
    }
    return r < 0 ? r : next(gate);
}

static int put_set(struct gate *gate, const struct set *set, bool negated)
{
    char run[16];
    unsigned from, to;
    bool empty = true;
    int r = 0;

    for (from = 0; from < 256 && r == 0; from = to) {
        for (to = from; to < 256 && set->has[to] != negated; to++)
            ;
        if (to == from) {
            to++;
            continue;
        }
        (void)snprintf(run, sizeof(run), "%s\\x%02x-\\x%02x", empty ? "[" : "", from, to - 1);
        empty = false;
        r = put_text(gate, run);
    }
    return r < 0 ? r : put_text(gate, empty ? "(?!)" : "]");
}

static int read_bracket(struct gate *gate)
{
    bool negated = gate->word == NEGATED_BRACKET;
    struct set set = {.last = NOTHING};
    int r = read_set(gate, &set);

    return r < 0 ? r : put_set(gate, &set, negated);
}

/* --- the pattern --------------------------------------------------------------------------------
 */

static int read_alternatives(struct gate *gate, size_t *states);

/* A count in braces. */
static int read_count(struct gate *gate, size_t *count)
{
    int value = 0;

    for (size_t i = 0; i < gate->name_length; i++)
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, gate->name[i] - '0', &value))
            return fail(gate, "invalid back reference"); /* as the library has it */
    *count = (size_t)value;
    return next(gate);
}

/* {n}, {n,}, {n,m}; *max is 0 if there is no end. */
static int read_braces(struct gate *gate, size_t *min, size_t *max, bool *endless)
{
    int r = next(gate);

    *endless = false;
    if (r == 0 && gate->word != NUMBER)
        return fail_badbrace(gate);
    if (r == 0)
        r = read_count(gate, min);
    *max = *min;
    if (r == 0 && gate->word == COMMA) {
        r = next(gate);
        *endless = r == 0 && gate->word != NUMBER;
        if (r == 0 && gate->word == NUMBER)
            r = read_count(gate, max);
    }
    if (r == 0 && gate->word != BRACE_END)
        return fail_brace(gate);
    if (r == 0 && *max < *min)
        return fail_badbrace(gate);
    return r < 0 ? r : next(gate);
}

static bool is_quantifier(enum word word)
{
    return word == STAR || word == PLUS || word == OPTIONAL || word == BRACE;
}

static int check_states(const struct gate *gate, size_t states)
{
    return states > PATTERN_STATES_MAX ? refuse(gate, "so many repetitions") : 0;
}

/* Behind an atom of *states, whose repetitions they become. */
static int read_quantifier(struct gate *gate, size_t *states)
{
    size_t min = gate->word == PLUS, max = 1;
    bool endless = gate->word == STAR || gate->word == PLUS;
    char text[64];
    int r = gate->word == BRACE ? read_braces(gate, &min, &max, &endless) : next(gate);

    if (r < 0)
        return r;
    if (min > PATTERN_STATES_MAX || max > PATTERN_STATES_MAX)
        return check_states(gate, SIZE_MAX);
    if (endless)
        (void)snprintf(text, sizeof(text), "{%zu,}", min);
    else
        (void)snprintf(text, sizeof(text), "{%zu,%zu}", min, max);
    r = put_text(gate, text);
    if (r == 0 && gate->word == OPTIONAL) {
        r = put_text(gate, "?");
        if (r == 0)
            r = next(gate);
    }
    if (r == 0 && is_quantifier(gate->word))
        return refuse(gate, "a repetition of a repetition");
    *states = (*states + 1) * (max > 0 ? max : 1) + 1;
    return r < 0 ? r : put_text(gate, "(?C1)");
}

/* Behind the opening of a group. */
static int read_group(struct gate *gate, size_t *states)
{
    int r;

    if (++gate->depth > PATTERN_DEPTH_MAX)
        return refuse(gate, "so many groups within groups");
    r = next(gate);
    if (r == 0)
        r = read_alternatives(gate, states);
    if (r == 0 && gate->word != CLOSE)
        return fail_paren(gate);
    gate->depth--;
    return r;
}

static int read_lookahead(struct gate *gate, size_t *states)
{
    int r = put_text(gate, gate->word == OPEN_AHEAD ? "(?=" : "(?!");

    gate->ahead++;
    if (r == 0)
        r = read_group(gate, states);
    gate->ahead--;
    if (r == 0)
        r = put_text(gate, ")");
    return r < 0 ? r : next(gate);
}

/* 1: there was one, which takes no quantifier. */
static int read_assertion(struct gate *gate, size_t *states)
{
    static const char *const texts[] = {
        [LINE_BEGIN] = "\\A", [LINE_END] = "\\z", [BOUNDARY] = "\\b", [NO_BOUNDARY] = "\\B"};
    int r;

    switch (gate->word) {
    case LINE_BEGIN:
    case BOUNDARY:
    case NO_BOUNDARY:
    case LINE_END:
        if (gate->ahead > 0 && gate->word != LINE_END)
            return refuse(gate, "^, \\b or \\B in a lookahead");
        r = put_text(gate, texts[gate->word]);
        if (r == 0)
            r = next(gate);
        break;
    case OPEN_AHEAD:
    case OPEN_NOT_AHEAD:
        r = read_lookahead(gate, states);
        break;
    default:
        return 0;
    }
    return r < 0 ? r : 1;
}

/* 1: there was one. */
static int read_atom(struct gate *gate, size_t *states)
{
    char text[3] = {'\\', (char)gate->value, '\0'};
    int r;

    *states = 1;
    switch (gate->word) {
    case LITERAL:
        r = put_byte(gate, gate->value);
        break;
    case DOT:
        r = put_text(gate, ".");
        break;
    case CLASS:
        r = put_text(gate, text);
        break;
    case BRACKET:
    case NEGATED_BRACKET:
        r = read_bracket(gate);
        return r < 0 ? r : 1;
    case OPEN:
    case OPEN_PLAIN:
        gate->groups += gate->word == OPEN;
        r = put_text(gate, "(?:");
        if (r == 0)
            r = read_group(gate, states);
        if (r == 0)
            r = put_text(gate, ")");
        break;
    default:
        return 0;
    }
    if (r == 0)
        r = next(gate);
    return r < 0 ? r : 1;
}

/* 1: there was a term. */
static int read_term(struct gate *gate, size_t *states)
{
    int r;

    *states = 1;
    r = read_assertion(gate, states);
    if (r != 0)
        return r;
    r = read_atom(gate, states);
    if (r == 1 && is_quantifier(gate->word)) {
        r = read_quantifier(gate, states);
        return r < 0 ? r : 1;
    }
    return r;
}

/* The end of alternatives, with their callout: several of them cost more. What is not within
 * parentheses is come to once for each of them. */
static int put_end(struct gate *gate, unsigned alternatives)
{
    unsigned cost = 1 + alternatives / 8;
    char text[16];

    if (gate->depth == 0 && alternatives == 1)
        return put_text(gate, ")");
    (void)snprintf(text, sizeof(text), ")(?C%u)", cost < 255 ? cost : 255);
    return put_text(gate, text);
}

/* Alternatives have a group of their own. */
static int read_alternatives(struct gate *gate, size_t *states)
{
    unsigned alternatives = 1;
    size_t term;
    int r = put_text(gate, "(?:");

    *states = 1;
    while (r >= 0) {
        r = read_term(gate, &term);
        if (r == 1) {
            *states += term;
            r = check_states(gate, *states);
        } else if (r == 0 && gate->word == OR) {
            alternatives++;
            *states += 1;
            r = put_text(gate, "|");
            if (r == 0)
                r = next(gate);
        } else {
            break;
        }
    }
    return r < 0 ? r : put_end(gate, alternatives);
}

int pattern_gate(const char *text, size_t length, char **written, struct defect *defect)
{
    struct text out = {0};
    struct gate gate = {
        .at = text, .end = text + length, .defect = defect, .out = written ? &out : NULL};
    size_t states;
    int r = 0;

    if (length > PATTERN_SIZE_MAX)
        r = refuse(&gate, "so many characters");
    if (r == 0)
        r = next(&gate);
    if (r == 0)
        r = read_alternatives(&gate, &states);
    if (r == 0 && gate.word != END)
        r = fail_paren(&gate);
    if (r < 0 || !written) {
        free(out.data);
        return r;
    }
    *written = out.data;
    return 0;
}
