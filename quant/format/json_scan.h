#ifndef QUANT_FORMAT_JSON_SCAN_H
#define QUANT_FORMAT_JSON_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config.h"

/*
 * JSON that nobody vouches for, read in order with no tree of values behind it: for files whose
 * shape is known and whose size may be great. Numbers are taken as they are written.
 *
 * After a fault every function fails and `fault` says what was wrong at `at`.
 */
struct json_scan {
    char *start, *at, *end; /* the text is changed: strings are unescaped where they stand */
    const char *fault;      /* a phrase, or NULL */
};

/* UTF-8 is checked here, once. */
void json_scan_start(struct json_scan *scan, char *text, size_t size);
/* Bytes from the start of the text to the next one. */
uint64_t json_scan_offset(const struct json_scan *scan);
/* Fails with `fault`, unless there is one already. */
bool json_scan_fail(struct json_scan *scan, const char *fault);

/* The next character that is no blank, which stays; 0: there is none, or a fault. */
char json_scan_peek(struct json_scan *scan);

/* Opens an object or an array: `bracket` is '{' or '['. */
bool json_scan_open(struct json_scan *scan, char bracket);
/* Is there one more element before `bracket`, which is passed else? `first`: none was read yet. */
bool json_scan_more(struct json_scan *scan, char bracket, bool first);
/* The name of a member, with its colon. */
bool json_scan_name(struct json_scan *scan, const char **text, size_t *size);

/* Valid as long as the text; no zero byte behind it. */
bool json_scan_string(struct json_scan *scan, const char **text, size_t *size);
/* Digits alone: no sign, no fraction, no exponent. */
bool json_scan_u64(struct json_scan *scan, uint64_t *value);
/* Any number, as it is written; `whole`: it has neither fraction nor exponent. */
bool json_scan_number(struct json_scan *scan, const char **text, size_t *size, bool *whole);
/* Any number. */
bool json_scan_double(struct json_scan *scan, double *value);
/* Any value, nested up to 128 deep. */
bool json_scan_skip(struct json_scan *scan);
/* Likewise, but nothing of the text is changed or checked but brackets and the ends of strings. */
bool json_scan_pass(struct json_scan *scan);
/* Nothing but blanks is left. */
bool json_scan_end(struct json_scan *scan);

#endif
