#ifndef QUANT_PATTERN_GATE_H
#define QUANT_PATTERN_GATE_H

#include "quant/pattern.h"

/* Private to pattern.c: the reading half. */

/*
 * Reads a pattern and writes the same for PCRE2 (for free(); NULL: it is only checked): no groups
 * that capture, no letter that PCRE2 may take for more than itself. A callout stands where a
 * repetition ends, and at the end of what is within parentheses, so that what is tried can be
 * counted: its number says what it costs. Errors as of pattern_check().
 */
MUST_USE int pattern_gate(const char *text, size_t length, char **written, struct defect *defect);

#endif
