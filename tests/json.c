/*
 * If this fails, the JSON of a model directory is read otherwise than Python reads it, or a hostile
 * text costs more than a small multiple of its size.
 */
#include "quant/format/json.h"

#include <float.h>

#include "check.h"

static json_t *parsed(const char *text, enum json_numbers numbers)
{
    struct defect defect = {0};
    char *copy = strdup(text);
    json_t *json;
    int r = json_parse("f.json", copy, strlen(copy), numbers, &json, &defect);

    if (r < 0)
        fprintf(stderr, "%s\n", defect.text);
    CHECK_EQ(r, 0);
    free(copy);
    return json;
}

static void refused_size(const char *text, size_t size, uint64_t offset, const char *reason)
{
    struct defect defect = {0};
    char *copy = malloc(size + 1);
    json_t *json = NULL;

    CHECK(copy);
    memcpy(copy, text, size);
    CHECK_EQ(json_parse("f.json", copy, size, JSON_EXACT, &json, &defect), -EINVAL);
    if (!strstr(defect.text, reason))
        fprintf(stderr, "found: %s\nexpected: %s\n", defect.text, reason);
    CHECK(!json && strstr(defect.text, reason) && strncmp(defect.text, "f.json: ", 8) == 0);
    if (offset != DEFECT_NOWHERE)
        CHECK_EQ(defect.offset, offset);
    free(copy);
}

static void refused(const char *text, const char *reason)
{
    refused_size(text, strlen(text), DEFECT_NOWHERE, reason);
}

static void check_values(void)
{
    json_t *json = parsed(" {\"b\": 1, \"a\": null, \"t\": \"x\\u0000y\", \"r\": 1.0, \"n\": -1,"
                          " \"u\": 9223372036854775807, \"y\": true}\n",
                          JSON_EXACT);
    const char *text;
    size_t size;
    uint64_t value;
    double number;

    CHECK(json_as_u64(json_member(json, "b"), &value) && value == 1);
    CHECK(json_as_u64(json_member(json, "u"), &value) && value == INT64_MAX);
    CHECK(!json_as_u64(json_member(json, "n"), &value));
    CHECK(!json_as_u64(json_member(json, "r"), &value));
    CHECK(!json_member(json, "a") && !json_member(json, "absent") && !json_member(NULL, "a"));
    CHECK(json_as_double(json_member(json, "r"), &number) && number == 1);
    CHECK(json_as_double(json_member(json, "n"), &number) && number == -1);
    CHECK(json_as_text(json_member(json, "t"), &text, &size) && size == 3);
    CHECK(memcmp(text, "x\0y", 3) == 0);
    CHECK(!json_as_text(NULL, &text, &size) && !json_as_double(NULL, &number));
    CHECK(json_member_true(json, "y") && !json_member_true(json, "b"));
    CHECK(!json_member_true(json, "absent"));
    CHECK_STR(json_object_iter_key(json_object_iter(json)), "b"); /* the order of the text */
    json_decref(json);
}

static void check_long_integers(void)
{
    static const struct {
        const char *text;
        double value;
    } cases[] = {{"1000000000000000019884624838656", 1000000000000000019884624838656.0},
                 {"-1000000000000000019884624838656", -1000000000000000019884624838656.0},
                 {"9223372036854775808", 9223372036854775808.0},
                 {"-9223372036854775809", -9223372036854775808.0},
                 {"123456789012345678901234", 123456789012345678901234.0},
                 {"Infinity", DBL_MAX},
                 {"-Infinity", -DBL_MAX}};
    char text[256];
    json_t *json;
    uint64_t value;
    double number;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        (void)snprintf(text, sizeof(text), "{\"Infinity\": 7, \"long\": [%s,%s]}", cases[i].text,
                       cases[i].text);
        json = parsed(text, JSON_AS_PYTHON);
        CHECK(json_as_u64(json_member(json, "Infinity"), &value) && value == 7);
        for (size_t j = 0; j < 2; j++) {
            CHECK(json_as_double(json_array_get(json_member(json, "long"), j), &number));
            CHECK(number == cases[i].value);
            CHECK(!json_as_u64(json_array_get(json_member(json, "long"), j), &value));
        }
        json_decref(json);
        refused(text, strstr(cases[i].text, "I") ? "broken JSON" : "too large");
    }
    json = parsed("[-9223372036854775808, \"99999999999999999999\", 1e30]", JSON_AS_PYTHON);
    CHECK(json_integer_value(json_array_get(json, 0)) == INT64_MIN);
    CHECK_STR(json_string_value(json_array_get(json, 1)), "99999999999999999999");
    json_decref(json);
}

static void check_refusals(void)
{
    refused("", "no JSON object");
    refused("{", "the JSON text ends here");
    refused("1", "no JSON object");
    refused("{\"a\": 1} x", "something stands behind the JSON text");
    refused("{\"a\": 1, \"a\": 1}", "a member that is given twice");
    refused("{\"a\": 1, \"\\u0061\": 1}", "a member that is given twice");
    refused("{\"a\\u0000\": 1}", "a member's name with a NUL");
    refused("{\"a\": NaN}", "broken JSON");
    refused("[1e999]", "a number that is too large");
    refused("[-0]", "-0 is no integer");
    refused("[01]", "broken JSON");
    refused("[+1]", "broken JSON");
    refused("[1.]", "broken JSON");
    refused("[.5]", "broken JSON");
    refused("[1e]", "broken JSON");
    refused("[-]", "broken JSON");
    refused("[-Infinity]", "broken JSON");
    refused("[trueish]", "broken JSON");
    refused("[1,]", "broken JSON");
    refused("[,1]", "broken JSON");
    refused("{\"a\":1,}", "no JSON string");
    refused("{1:1}", "no JSON string");
    refused("\xef\xbb\xbf{}", "no JSON object");
    refused("[\"\xff\"]", "not UTF-8");
    refused("[\"\\ud800\"]", "half a surrogate pair");
    refused("[\"a\\", "broken JSON: an escape");
    refused("[\"\n\"]", "a control character");
    refused_size("[1,\n \"a\0b\"]", 11, 7, "a control character");
    refused_size("[1,\n 2 3]", 10, 7, "a comma is missing");
}

/* Depth is refused before the stack is used, width before the memory is. */
static void check_bounds(void)
{
    size_t size = (size_t)3 << 20;
    char *text = malloc(size), *deep = strdup("{\"a\":");

    CHECK(text && deep);
    memset(text, '[', size);
    refused_size(text, size, JSON_DEPTH_MAX, "within each other: more than 64");
    for (size_t i = 0; i < size; i++)
        text[i] = deep[i % 5];
    refused_size(text, size, (uint64_t)JSON_DEPTH_MAX * 5, "within each other: more than 64");
    for (size_t i = 0; i < size; i++)
        text[i] = "{},"[(i + 2) % 3]; /* behind a bracket */
    text[0] = '[';
    refused_size(text, size, DEFECT_NOWHERE, "more values than");
    memset(text, ' ', size);
    refused_size(text, size, DEFECT_NOWHERE, "no JSON object");
    free(text);
    free(deep);
}

static void check_constant(void)
{
    json_t *json = json_constant("[1, true]"), *text = json_constant(" \"x\" ");

    CHECK(json_array_size(json) == 2 && json_string_length(text) == 1);
    CHECK(!json_constant("1 2") && !json_constant("") && !json_constant("x"));
    json_decref(json);
    json_decref(text);
}

static void check_clone(void)
{
    json_t *json = parsed("{\"a\": [1, {\"b\": null}], \"c\": \"d\"}", JSON_EXACT);
    json_t *clone = json_clone(json);

    CHECK(json_equal(json, clone));
    CHECK(json_array_append_new(json_member(clone, "a"), json_true()) == 0);
    CHECK(json_object_del(json_array_get(json_member(clone, "a"), 1), "b") == 0);
    CHECK(json_array_size(json_member(json, "a")) == 2);
    CHECK(json_object_size(json_array_get(json_member(json, "a"), 1)) == 1);
    json_decref(json);
    json_decref(clone);
}

int main(void)
{
    check_constant();
    check_clone();
    check_values();
    check_long_integers();
    check_refusals();
    check_bounds();
    return 0;
}
