#include "quant/pattern_gate.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "quant/pattern_words.h"

/*
 * Known differences between std::regex and PCRE2, and what becomes of them here:
 *   in a lookahead std::regex takes its place for the beginning, so that ^ holds there and \b looks
 *   at nothing before it: refused; `.` is neither \n nor \r, `$` only the very end: said so when
 *   compiled; a quantifier of a quantifier (PCRE2: possessive): refused; letters behind a backslash
 *   that mean nothing (PCRE2: errors and more): written as letters; classes: written as bytes.
 */

struct text {
    char *data;
    size_t size, room;
};

/* An expression being read, and written anew. */
struct gate {
    struct pattern_words words;
    struct text *out;      /* NULL: nothing is written */
    unsigned depth, ahead; /* groups around, lookaheads among them */
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

/* --- words and what is wrong with them ----------------------------------------------------------
 */

static int next(struct gate *gate)
{
    return pattern_words_next(&gate->words);
}

static int fail(const struct gate *gate, const char *message)
{
    return pattern_words_fail(&gate->words, message);
}

static int refuse(const struct gate *gate, const char *what)
{
    return pattern_words_refuse(&gate->words, what);
}

static int fail_brace(const struct gate *gate)
{
    return fail(gate, "Mismatched '{' and '}' in regular expression");
}

static int fail_bracket(const struct gate *gate)
{
    return fail(gate, "Unexpected character within '[...]' in regular expression");
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

    if (gate->words.name_length < sizeof(name))
        memcpy(name, gate->words.name, gate->words.name_length);
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

    if (gate->words.word == PATTERN_LITERAL)
        to = gate->words.value;
    else if (gate->words.word != PATTERN_DASH)
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
    if (gate->words.word == PATTERN_BRACKET_END || set->last == NOTHING) {
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

    while (r == 0 && gate->words.word != PATTERN_BRACKET_END) {
        switch (gate->words.word) {
        case PATTERN_LITERAL:
            r = add_character(gate, set, gate->words.value);
            break;
        case PATTERN_DASH:
            r = add_dash(gate, set);
            break;
        case PATTERN_NAMED_CLASS:
            r = add_named_class(gate, set);
            break;
        case PATTERN_CLASS:
            name[0] = (char)(gate->words.value | 0x20);
            add_class(set, name, name[0] != (char)gate->words.value);
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
    bool negated = gate->words.word == PATTERN_NEGATED_BRACKET;
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

    for (size_t i = 0; i < gate->words.name_length; i++)
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, gate->words.name[i] - '0', &value))
            return fail(gate, "invalid back reference"); /* as the library has it */
    *count = (size_t)value;
    return next(gate);
}

/* {n}, {n,}, {n,m}; *max is 0 if there is no end. */
static int read_braces(struct gate *gate, size_t *min, size_t *max, bool *endless)
{
    int r = next(gate);

    *endless = false;
    if (r == 0 && gate->words.word != PATTERN_NUMBER)
        return pattern_words_fail_badbrace(&gate->words);
    if (r == 0)
        r = read_count(gate, min);
    *max = *min;
    if (r == 0 && gate->words.word == PATTERN_COMMA) {
        r = next(gate);
        *endless = r == 0 && gate->words.word != PATTERN_NUMBER;
        if (r == 0 && gate->words.word == PATTERN_NUMBER)
            r = read_count(gate, max);
    }
    if (r == 0 && gate->words.word != PATTERN_BRACE_END)
        return fail_brace(gate);
    if (r == 0 && *max < *min)
        return pattern_words_fail_badbrace(&gate->words);
    return r < 0 ? r : next(gate);
}

static bool is_quantifier(enum pattern_word word)
{
    return word == PATTERN_STAR || word == PATTERN_PLUS || word == PATTERN_OPTIONAL ||
           word == PATTERN_BRACE;
}

static int check_states(const struct gate *gate, size_t states)
{
    return states > PATTERN_STATES_MAX ? refuse(gate, "so many repetitions") : 0;
}

/* Behind an atom of *states, whose repetitions they become. */
static int read_quantifier(struct gate *gate, size_t *states)
{
    size_t min = gate->words.word == PATTERN_PLUS, max = 1;
    bool endless = gate->words.word == PATTERN_STAR || gate->words.word == PATTERN_PLUS;
    char text[64];
    int r =
        gate->words.word == PATTERN_BRACE ? read_braces(gate, &min, &max, &endless) : next(gate);

    if (r < 0)
        return r;
    if (min > PATTERN_STATES_MAX || max > PATTERN_STATES_MAX)
        return check_states(gate, SIZE_MAX);
    if (endless)
        (void)snprintf(text, sizeof(text), "{%zu,}", min);
    else
        (void)snprintf(text, sizeof(text), "{%zu,%zu}", min, max);
    r = put_text(gate, text);
    if (r == 0 && gate->words.word == PATTERN_OPTIONAL) {
        r = put_text(gate, "?");
        if (r == 0)
            r = next(gate);
    }
    if (r == 0 && is_quantifier(gate->words.word))
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
    if (r == 0 && gate->words.word != PATTERN_CLOSE)
        return pattern_words_fail_paren(&gate->words);
    gate->depth--;
    return r;
}

static int read_lookahead(struct gate *gate, size_t *states)
{
    int r = put_text(gate, gate->words.word == PATTERN_OPEN_AHEAD ? "(?=" : "(?!");

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
    static const char *const texts[] = {[PATTERN_LINE_BEGIN] = "\\A",
                                        [PATTERN_LINE_END] = "\\z",
                                        [PATTERN_BOUNDARY] = "\\b",
                                        [PATTERN_NO_BOUNDARY] = "\\B"};
    int r;

    switch (gate->words.word) {
    case PATTERN_LINE_BEGIN:
    case PATTERN_BOUNDARY:
    case PATTERN_NO_BOUNDARY:
    case PATTERN_LINE_END:
        if (gate->ahead > 0 && gate->words.word != PATTERN_LINE_END)
            return refuse(gate, "^, \\b or \\B in a lookahead");
        r = put_text(gate, texts[gate->words.word]);
        if (r == 0)
            r = next(gate);
        break;
    case PATTERN_OPEN_AHEAD:
    case PATTERN_OPEN_NOT_AHEAD:
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
    char text[3] = {'\\', (char)gate->words.value, '\0'};
    int r;

    *states = 1;
    switch (gate->words.word) {
    case PATTERN_LITERAL:
        r = put_byte(gate, gate->words.value);
        break;
    case PATTERN_DOT:
        r = put_text(gate, ".");
        break;
    case PATTERN_CLASS:
        r = put_text(gate, text);
        break;
    case PATTERN_BRACKET:
    case PATTERN_NEGATED_BRACKET:
        r = read_bracket(gate);
        return r < 0 ? r : 1;
    case PATTERN_OPEN:
    case PATTERN_OPEN_PLAIN:
        gate->words.groups += gate->words.word == PATTERN_OPEN;
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
    if (r == 1 && is_quantifier(gate->words.word)) {
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
        } else if (r == 0 && gate->words.word == PATTERN_OR) {
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
    struct gate gate = {.words = {.at = text, .end = text + length, .defect = defect},
                        .out = written ? &out : NULL};
    size_t states;
    int r = 0;

    if (length > PATTERN_SIZE_MAX)
        r = refuse(&gate, "so many characters");
    if (r == 0)
        r = next(&gate);
    if (r == 0)
        r = read_alternatives(&gate, &states);
    if (r == 0 && gate.words.word != PATTERN_END)
        r = pattern_words_fail_paren(&gate.words);
    if (r < 0 || !written) {
        free(out.data);
        return r;
    }
    *written = out.data;
    return 0;
}
