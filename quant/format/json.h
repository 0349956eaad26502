#ifndef QUANT_FORMAT_JSON_H
#define QUANT_FORMAT_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "quant/defect.h"

/* Objects and arrays that may stand within each other. */
#define JSON_DEPTH_MAX 64
/* Values of one text, and at most one for so many bytes beyond the first ones: jansson takes some
 * 250 bytes for an empty object. */
#define JSON_VALUES_MAX ((size_t)1 << 20)
#define JSON_VALUES_FREE ((size_t)1 << 16)
#define JSON_VALUE_BYTES 8

enum json_numbers {
    JSON_EXACT,     /* an integer beyond 64 bits is refused, and so is -0 */
    JSON_AS_PYTHON, /* it becomes a real number; Infinity and -Infinity are read */
};

/*
 * Parses `size` bytes at `text` (which are changed): an object or an array, nothing but blanks
 * around it, UTF-8, no member twice, no member with a NUL in its name, members in the order of the
 * text. Integers remain integers where they fit 64 bits. -EINVAL: *defect has the reason, beginning
 * with `name` (of the file), and the offset in the text. -ENOMEM. The caller drops *json with
 * json_decref().
 *
 * The values are jansson's. Its parser is not used: where memory lacks it gives strings with bytes
 * missing (2.14, lex_save()), and so another header than the file's.
 */
MUST_USE int json_parse(const char *name, char *text, size_t size, enum json_numbers numbers,
                        json_t **json, struct defect *defect);

/* The member of an object; NULL if it is not there or is null, or if `object` is none. */
json_t *json_member(const json_t *object, const char *key);

/* Whether it is an integer from 0 on, a number, a text; the value if it is. `json` may be NULL. */
bool json_as_u64(const json_t *json, uint64_t *value);
bool json_as_double(const json_t *json, double *value);
bool json_as_text(const json_t *json, const char **text, size_t *size);

/*
 * A copy to be changed: objects and arrays are new, down to the last, other values are shared.
 * NULL: no memory. (jansson's own copies leave out what there is no memory for.)
 */
json_t *json_clone(const json_t *json);

/* Any value, of a text of our own. NULL: no memory, or it is no JSON. */
json_t *json_constant(const char *text);

/* A member that is "true"; one that is absent or anything else is false. */
bool json_member_true(const json_t *object, const char *key);

#endif
