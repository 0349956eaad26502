#ifndef QUANT_PATTERN_H
#define QUANT_PATTERN_H

#include <stddef.h>
#include <stdint.h>

#include "quant/defect.h"

/*
 * Patterns of tensor names: ECMAScript regular expressions as libstdc++'s std::regex takes them,
 * found anywhere in a name.
 *
 * A gate reads the pattern and writes it anew for PCRE2, which runs it. It passes what both read
 * alike: literals, `.`, classes, groups, lookahead, alternatives, anchors, \b \d \w \s and their
 * opposites, greedy and lazy quantifiers. Bytes are ASCII in classes, anything elsewhere.
 */

/* What the gate passes at most: bytes of a pattern, groups within groups, and what repetitions make
 * of it (a{3} counts three). */
#define PATTERN_SIZE_MAX 4096
#define PATTERN_DEPTH_MAX 50
#define PATTERN_STATES_MAX 8192

struct pattern; /* compiled; no two threads may search with one at a time */

/* The gate alone: cheap, linear in the length. -EINVAL with libstdc++'s message in *defect: it is
 * no regular expression. -ENOTSUP with one of our own: not a kind that passes. -ENOMEM. */
MUST_USE int pattern_check(const char *text, size_t length, struct defect *defect);

/* As above; *pattern is for pattern_free(). */
MUST_USE int pattern_compile(const char *text, size_t length, struct pattern **pattern,
                             struct defect *defect);
void pattern_free(struct pattern *pattern);

/*
 * Is it found in the name? 1 or 0. *steps is what may still be spent: a search takes one, and one
 * or more for each way that it tries; between two steps there is work for the length of the
 * pattern, as it is written, at most. -E2BIG: they are used up. -ENOMEM.
 */
MUST_USE int pattern_search(struct pattern *pattern, const char *name, size_t length,
                            uint64_t *steps);

#endif
