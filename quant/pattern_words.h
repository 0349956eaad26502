#ifndef QUANT_PATTERN_WORDS_H
#define QUANT_PATTERN_WORDS_H

#include <stddef.h>

#include "quant/defect.h"

/*
 * The words of a regular expression, as libstdc++ reads them: one ahead of their use, so that of
 * two mistakes the same one is told. Messages are those of the libraries that the reference tool is
 * built with (GCC 15).
 */
enum pattern_word {
    PATTERN_END,
    PATTERN_LITERAL, /* value */
    PATTERN_DOT,
    PATTERN_LINE_BEGIN,
    PATTERN_LINE_END,
    PATTERN_BOUNDARY, /* \b */
    PATTERN_NO_BOUNDARY /* \B */,
    PATTERN_CLASS, /* value: d D s S w W */
    PATTERN_OPEN,
    PATTERN_OPEN_PLAIN, /* (?: */
    PATTERN_OPEN_AHEAD, /* (?= */
    PATTERN_OPEN_NOT_AHEAD,
    PATTERN_CLOSE,
    PATTERN_OR,
    PATTERN_STAR,
    PATTERN_PLUS,
    PATTERN_OPTIONAL,
    PATTERN_BRACKET, /* [ */
    PATTERN_NEGATED_BRACKET,
    PATTERN_BRACE,
    /* in brackets */
    PATTERN_BRACKET_END,
    PATTERN_DASH,
    PATTERN_NAMED_CLASS, /* name */
    /* in braces */
    PATTERN_NUMBER, /* text */
    PATTERN_COMMA,
    PATTERN_BRACE_END,
};

enum pattern_mode { PATTERN_NORMAL, PATTERN_IN_BRACKET, PATTERN_IN_BRACE };

/* To begin with all is 0 but what is to be read, and where mistakes are told (or NULL). */
struct pattern_words {
    const char *at, *end;
    struct defect *defect;
    enum pattern_mode mode;
    enum pattern_word word; /* the one that was read last */
    unsigned char value;
    const char *name; /* of a named class, or digits */
    size_t name_length;
    unsigned groups; /* begun so far, which the reader counts: what a back reference may mean */
};

/* Reads the next word. -EINVAL: it is none; -ENOTSUP: one that is refused. */
MUST_USE int pattern_words_next(struct pattern_words *words);

/* -EINVAL with that message. */
MUST_USE int pattern_words_fail(const struct pattern_words *words, const char *message);
MUST_USE int pattern_words_fail_paren(const struct pattern_words *words);
MUST_USE int pattern_words_fail_badbrace(const struct pattern_words *words);
/* -ENOTSUP: a pattern with such a thing is not taken. */
MUST_USE int pattern_words_refuse(const struct pattern_words *words, const char *what);

#endif
