#include "quant/format/json.h"

#include <float.h>
#include <stdlib.h>
#include <string.h>

#include "quant/format/json_scan.h"

struct reading {
    struct json_scan scan;
    enum json_numbers numbers;
    size_t values, limit;
    bool no_memory;
};

/* NULL with a fault. */
static json_t *fail(struct reading *reading, const char *fault)
{
    (void)json_scan_fail(&reading->scan, fault);
    return NULL;
}

/* A value that was made, or a lack of memory. */
static json_t *made(struct reading *reading, json_t *json)
{
    reading->no_memory |= !json;
    return json;
}

static json_t *read_value(struct reading *reading, unsigned depth);

/* --- scalars -------------------------------------------------------------------------------------
 */

static bool pass(struct reading *reading, const char *word)
{
    struct json_scan *scan = &reading->scan;
    size_t size = strlen(word);

    if ((size_t)(scan->end - scan->at) < size || memcmp(scan->at, word, size) != 0)
        return false;
    scan->at += size;
    return true;
}

static json_t *read_word(struct reading *reading)
{
    /* jansson has no infinite numbers; this one is infinite to a float. */
    if (reading->numbers == JSON_AS_PYTHON && pass(reading, "Infinity"))
        return made(reading, json_real(DBL_MAX));
    if (reading->numbers == JSON_AS_PYTHON && pass(reading, "-Infinity"))
        return made(reading, json_real(-DBL_MAX));
    if (pass(reading, "true"))
        return json_true();
    if (pass(reading, "false"))
        return json_false();
    if (pass(reading, "null"))
        return json_null();
    return fail(reading, "broken JSON: no value");
}

/* Digits with or without a sign as a number of 64 bits; false: they do not fit. */
static bool read_integer(const char *text, size_t size, json_int_t *value)
{
    bool negative = *text == '-';

    *value = 0;
    for (size_t i = negative; i < size; i++) {
        json_int_t digit = text[i] - '0';

        if (__builtin_mul_overflow(*value, (json_int_t)10, value) ||
            __builtin_add_overflow(*value, negative ? -digit : digit, value))
            return false;
    }
    return true;
}

static json_t *read_real(struct reading *reading, const char *text, size_t size)
{
    char *copy = malloc(size + 1);
    double value;

    if (!copy)
        return made(reading, NULL);
    memcpy(copy, text, size);
    copy[size] = 0;
    value = strtod(copy, NULL);
    free(copy);
    if (value > DBL_MAX || value < -DBL_MAX)
        return fail(reading, "a number that is too large");
    return made(reading, json_real(value));
}

static json_t *read_number(struct reading *reading)
{
    const char *text;
    size_t size;
    bool whole;
    json_int_t value;

    if (!json_scan_number(&reading->scan, &text, &size, &whole))
        return NULL;
    if (!whole)
        return read_real(reading, text, size);
    if (reading->numbers == JSON_EXACT && size == 2 && memcmp(text, "-0", 2) == 0)
        return fail(reading, "-0 is no integer");
    if (read_integer(text, size, &value))
        return made(reading, json_integer(value));
    if (reading->numbers == JSON_EXACT)
        return fail(reading, "a number that is too large");
    return read_real(reading, text, size);
}

static json_t *read_string(struct reading *reading)
{
    const char *text;
    size_t size;

    if (!json_scan_string(&reading->scan, &text, &size))
        return NULL;
    return made(reading, json_stringn_nocheck(text, size)); /* UTF-8, which was checked */
}

/* --- objects and arrays --------------------------------------------------------------------------
 */

static bool read_member(struct reading *reading, json_t *object, unsigned depth)
{
    const char *name;
    size_t size;
    json_t *value;

    if (!json_scan_name(&reading->scan, &name, &size))
        return false;
    if (memchr(name, 0, size))
        return fail(reading, "a member's name with a NUL");
    if (json_object_getn(object, name, size))
        return fail(reading, "a member that is given twice");
    value = read_value(reading, depth);
    if (value && json_object_setn_new_nocheck(object, name, size, value) < 0)
        reading->no_memory = true;
    return value && !reading->no_memory;
}

static bool read_element(struct reading *reading, json_t *array, unsigned depth)
{
    json_t *value = read_value(reading, depth);

    if (value && json_array_append_new(array, value) < 0)
        reading->no_memory = true;
    return value && !reading->no_memory;
}

static json_t *read_group(struct reading *reading, char open, unsigned depth)
{
    json_t *group = made(reading, open == '{' ? json_object() : json_array());
    bool first = true, good = group && json_scan_open(&reading->scan, open);

    for (; good && json_scan_more(&reading->scan, open == '{' ? '}' : ']', first); first = false)
        good =
            open == '{' ? read_member(reading, group, depth) : read_element(reading, group, depth);
    if (good && !reading->scan.fault)
        return group;
    json_decref(group);
    return NULL;
}

static json_t *read_value(struct reading *reading, unsigned depth)
{
    char next = json_scan_peek(&reading->scan);

    if (++reading->values > reading->limit)
        return fail(reading, "more values than a text of its size may have");
    if (next == '{' || next == '[') {
        if (depth == JSON_DEPTH_MAX)
            return fail(reading, "objects and arrays within each other: more than 64");
        return read_group(reading, next, depth + 1);
    }
    if (next == '"')
        return read_string(reading);
    if ((next >= '0' && next <= '9') ||
        (next == '-' && reading->scan.end - reading->scan.at > 1 && reading->scan.at[1] != 'I'))
        return read_number(reading);
    return next ? read_word(reading) : fail(reading, "the JSON text ends here");
}

int json_parse(const char *name, char *text, size_t size, enum json_numbers numbers, json_t **json,
               struct defect *defect)
{
    struct reading reading = {.numbers = numbers};
    char first;

    _Static_assert(JSON_DEPTH_MAX == 64, "a fault says so");
    *json = NULL;
    reading.limit = JSON_VALUES_FREE + size / JSON_VALUE_BYTES;
    if (reading.limit > JSON_VALUES_MAX)
        reading.limit = JSON_VALUES_MAX;
    json_scan_start(&reading.scan, text, size);
    first = json_scan_peek(&reading.scan);
    if (first == '{' || first == '[')
        *json = read_value(&reading, 0);
    else
        (void)fail(&reading, "no JSON object");
    if (*json && json_scan_end(&reading.scan))
        return 0;
    json_decref(*json);
    *json = NULL;
    if (reading.no_memory)
        return -ENOMEM;
    return defect_set(defect, EINVAL, json_scan_offset(&reading.scan), "%s: %s", name,
                      reading.scan.fault);
}

json_t *json_constant(const char *text)
{
    struct reading reading = {.numbers = JSON_EXACT, .limit = JSON_VALUES_FREE};
    char *copy = strdup(text);
    json_t *json = NULL;

    if (copy) {
        json_scan_start(&reading.scan, copy, strlen(copy));
        json = read_value(&reading, 0);
        if (json && !json_scan_end(&reading.scan)) {
            json_decref(json);
            json = NULL;
        }
    }
    free(copy);
    return json;
}

/* --- values --------------------------------------------------------------------------------------
 */

json_t *json_member(const json_t *object, const char *key)
{
    json_t *value = json_object_get(object, key);

    return json_is_null(value) ? NULL : value;
}

bool json_as_u64(const json_t *json, uint64_t *value)
{
    if (!json_is_integer(json) || json_integer_value(json) < 0)
        return false;
    *value = (uint64_t)json_integer_value(json);
    return true;
}

bool json_as_double(const json_t *json, double *value)
{
    if (!json_is_number(json))
        return false;
    *value = json_number_value(json);
    return true;
}

bool json_as_text(const json_t *json, const char **text, size_t *size)
{
    if (!json_is_string(json))
        return false;
    *text = json_string_value(json);
    *size = json_string_length(json);
    return true;
}

bool json_member_true(const json_t *object, const char *key)
{
    return json_is_true(json_object_get(object, key));
}

json_t *json_clone(const json_t *json)
{
    json_t *original = (json_t *)(uintptr_t)json, *clone, *value;
    const char *name;
    size_t i;
    bool good;

    if (!json_is_object(json) && !json_is_array(json))
        return json_incref(original);
    clone = json_is_object(json) ? json_object() : json_array();
    good = clone != NULL;
    json_object_foreach(original, name, value) /* nothing of an array */
        good = good && json_object_set_new_nocheck(clone, name, json_clone(value)) == 0;
    json_array_foreach(original, i, value) good =
        good && json_array_append_new(clone, json_clone(value)) == 0;
    if (good)
        return clone;
    json_decref(clone);
    return NULL;
}
