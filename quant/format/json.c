#include "quant/format/json.h"

#include <ctype.h>
#include <string.h>

/* One look at a text before jansson takes it, for what jansson has no setting for. */
struct glance {
    char *text;
    size_t size, at;
    size_t values;
    unsigned depth;
    enum json_numbers numbers;
};

static void skip_string(struct glance *g)
{
    for (g->at++; g->at < g->size && g->text[g->at] != '"'; g->at++)
        if (g->text[g->at] == '\\')
            g->at++;
    g->at++;
}

/*
 * Digits that do not fit 64 bits become a real number of the same length: all but the last three,
 * which become an exponent, so that the double is what Python's would be but for a digit beyond
 * the 16th.
 */
static void mend_integer(char *digits, size_t count)
{
    size_t dropped = count < 24 ? 2 : 3, zeros = dropped;

    digits[count - dropped] = 'e';
    for (size_t i = count - dropped + 1; i < count - 1; i++)
        digits[i] = '0';
    digits[count - 1] = (char)('0' + zeros);
}

static bool overflows(const char *digits, size_t count, bool negative)
{
    const char *max = negative ? "9223372036854775808" : "9223372036854775807";

    return count > 19 || (count == 19 && memcmp(digits, max, 19) > 0);
}

/* False: -0, which is 0 to jansson and no integer to other readers. */
static bool skip_number(struct glance *g)
{
    size_t start = g->at, end = g->at;
    bool real = false, negative = start > 0 && g->text[start - 1] == '-';

    while (end < g->size &&
           (isalnum((unsigned char)g->text[end]) || (g->text[end] && strchr("+-.", g->text[end]))))
        real |= !isdigit((unsigned char)g->text[end++]);
    if (!real && g->numbers == JSON_AS_PYTHON && g->text[start] != '0' &&
        overflows(g->text + start, end - start, negative))
        mend_integer(g->text + start, end - start);
    g->at = end;
    return real || !negative || g->numbers != JSON_EXACT || g->text[start] != '0';
}

static int look(struct glance *g, const char *name, struct defect *defect)
{
    static const char infinity[] = "Infinity", most[] = "1.79e308";
    size_t limit = JSON_VALUES_FREE + g->size / JSON_VALUE_BYTES;
    char c;

    if (limit > JSON_VALUES_MAX)
        limit = JSON_VALUES_MAX;
    while (g->at < g->size) {
        c = g->text[g->at];
        if (c == '"') {
            skip_string(g);
            continue;
        }
        if (isdigit((unsigned char)c)) {
            if (!skip_number(g))
                return defect_set(defect, EINVAL, g->at - 1, "%s: -0 is no integer", name);
            continue;
        }
        if (c == 'I' && g->numbers == JSON_AS_PYTHON && g->size - g->at >= sizeof(infinity) - 1 &&
            memcmp(g->text + g->at, infinity, sizeof(infinity) - 1) == 0)
            memcpy(g->text + g->at, most, sizeof(most) - 1);
        g->depth += c == '{' || c == '[';
        g->depth -= (c == '}' || c == ']') && g->depth > 0;
        g->values += c == '{' || c == '[' || c == ',';
        if (g->depth > JSON_DEPTH_MAX)
            return defect_set(defect, EINVAL, g->at,
                              "%s: objects and arrays within each other: more than %d", name,
                              JSON_DEPTH_MAX);
        if (g->values > limit)
            return defect_set(defect, EINVAL, g->at, "%s: more than %zu values in %zu bytes", name,
                              limit, g->size);
        g->at++;
    }
    return 0;
}

int json_parse(const char *name, char *text, size_t size, enum json_numbers numbers, json_t **json,
               struct defect *defect)
{
    struct glance glance = {.text = text, .size = size, .numbers = numbers};
    json_error_t error;
    int r;

    *json = NULL;
    r = look(&glance, name, defect);
    if (r < 0)
        return r;
    *json = json_loadb(text, size, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
    if (*json)
        return 0;
    if (json_error_code(&error) == json_error_out_of_memory)
        return -ENOMEM;
    return defect_set(defect, EINVAL, error.position > 0 ? (uint64_t)error.position : 0, "%s: %s",
                      name, error.text);
}

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
