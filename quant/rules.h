#ifndef QUANT_RULES_H
#define QUANT_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "quant/type.h"

/* The type of all tensors that a pattern finds. */
struct rules_pattern {
    char *text; /* lower case */
    enum type type;
};

enum rules_kind { RULES_INT, RULES_FLOAT, RULES_BOOL, RULES_STRING };

/* The longest key of an override, and its longest string. */
#define RULES_TEXT_MAX 127

/* A key of the output, and what the model is taken for. */
struct rules_override {
    char key[RULES_TEXT_MAX + 1];
    enum rules_kind kind;
    int64_t number; /* of kind INT; BOOL: 0 or 1 */
    double real;
    char text[RULES_TEXT_MAX + 1];
};

/* What a user may ask for without end: more than a plain value holds. {0} is none; lists are in the
 * order in which they were given. */
struct rules {
    struct rules_pattern *patterns;
    size_t pattern_count;
    uint32_t *pruned; /* layers that are left out, rising */
    size_t pruned_count;
    struct rules_override *overrides;
    size_t override_count;
    bool overrides_end; /* those that come now do not count */
};

void rules_free(struct rules *rules);
bool rules_empty(const struct rules *rules);

/* The text is taken in lower case, as the tool does; nothing is checked. -ENOMEM. */
MUST_USE int rules_add_pattern(struct rules *rules, const char *text, size_t length,
                               enum type type);
/* A layer that is there already is there once. -ENOMEM. */
MUST_USE int rules_add_pruned(struct rules *rules, uint32_t layer);
bool rules_prunes(const struct rules *rules, uint32_t layer);

/* What an override of kind INT is written as: a U32. */
uint32_t rules_number(const struct rules_override *override);

/* What is wrong with an override's text. */
enum rules_mistake {
    RULES_GOOD,
    RULES_MALFORMED, /* no '=', or the key is too long */
    RULES_NO_TYPE,
    RULES_NO_BOOL,
    RULES_LONG, /* the string */
};

/* Adds KEY=TYPE:VALUE as the tool reads it: what is no number is 0; an empty KEY ends the list.
 * -EINVAL with *mistake; -ENOMEM. */
MUST_USE int rules_add_override(struct rules *rules, const char *text, enum rules_mistake *mistake);

/* The first override of the key, if it is of that kind, or NULL; `rules` may be NULL. */
const struct rules_override *rules_find(const struct rules *rules, const char *key,
                                        enum rules_kind kind);

#endif
