/*
 * If this fails, a safetensors file gives other tensors than are in it, or a hostile or damaged one
 * is taken for a model.
 */
#include "quant/format/safetensors.h"

#include "hf-case.h"

static int parse(const void *bytes, size_t size, struct safetensors *all, struct defect *defect)
{
    int fd = memory_file(bytes, size), r = safetensors_parse(fd, size, all, defect);

    (void)close(fd);
    return r;
}

static struct safetensors accepted(const char *json, size_t data_size)
{
    struct defect defect = {0};
    struct safetensors all;
    uint8_t *data = calloc(1, data_size + 1);
    size_t size;
    uint8_t *bytes = shard_bytes(json, data, data_size, &size);
    int r = parse(bytes, size, &all, &defect);

    if (r < 0)
        fprintf(stderr, "%s\n", defect.text);
    CHECK_EQ(r, 0);
    free(bytes);
    free(data);
    return all;
}

static void refused_bytes(const void *bytes, size_t size, int error, const char *text)
{
    struct defect defect = {0};
    struct safetensors all;
    int r = parse(bytes, size, &all, &defect);

    if (r >= 0 || !strstr(defect.text, text))
        fprintf(stderr, "found: %s\nexpected: %s\n", defect.text, text);
    CHECK(strstr(defect.text, text));
    CHECK_EQ(r, -error);
    CHECK(!all.tensors && !all.names && all.count == 0);
}

static void refused(const char *json, size_t data_size, int error, const char *text)
{
    uint8_t *data = calloc(1, data_size + 1);
    size_t size;
    uint8_t *bytes = shard_bytes(json, data, data_size, &size);

    refused_bytes(bytes, size, error, text);
    free(bytes);
    free(data);
}

/* An entry of one byte under that dtype, shape and offsets, as text. */
static void refused_entry(const char *dtype, const char *shape, const char *offsets, size_t data,
                          const char *text)
{
    char json[512];

    (void)snprintf(json, sizeof(json), "{\"w\":{\"dtype\":%s,\"shape\":%s,\"data_offsets\":%s}}",
                   dtype, shape, offsets);
    refused(json, data, EINVAL, text);
}

static void test_accepted(void)
{
    struct safetensors all =
        accepted(" \n{\"__metadata__\": {\"format\": \"pt\"},"
                 "\"model.layers.10.w\":{\"dtype\":\"F16\",\"shape\":[2,3],"
                 "\"data_offsets\":[8,20],\"more\":[{\"a\":[-1.5e3,true,null]}]},"
                 "\"\":{\"data_offsets\":[20,20],\"shape\":[0,7],\"dtype\":\"BF16\"},"
                 "\"model.layers.2.w\":{\"dtype\":\"F64\",\"shape\":[],\"data_offsets\":[0,8]},"
                 "\"\\u00e9\\ud83d\\ude00\\n\":{\"dtype\":\"F4\",\"shape\":[4],"
                 "\"data_offsets\":[20,22]}} \t\r\n ",
                 22);
    const struct safetensors_tensor *tensor;
    uint64_t data;

    CHECK_EQ(all.count, 4);
    CHECK_STR(all.tensors[0].name, "");
    CHECK_STR(all.tensors[1].name, "model.layers.10.w");
    CHECK_STR(all.tensors[2].name, "model.layers.2.w");
    CHECK_STR(all.tensors[3].name, "\xc3\xa9\xf0\x9f\x98\x80\n");
    tensor = &all.tensors[1];
    CHECK(tensor->dtype == SAFETENSORS_F16 && tensor->n_dims == 2 && tensor->shape[0] == 2 &&
          tensor->shape[1] == 3 && tensor->shape[2] == 1 && tensor->size == 12);
    CHECK(all.tensors[2].n_dims == 0 && all.tensors[2].size == 8);
    data = all.tensors[2].offset;
    CHECK(tensor->offset == data + 8 && all.tensors[0].offset == data + 20 &&
          all.tensors[3].offset == data + 20);
    safetensors_free(&all);
    all = accepted("{}", 0);
    CHECK_EQ(all.count, 0);
    safetensors_free(&all);
}

static void test_lengths(void)
{
    static const uint8_t huge[] = {255, 255, 255, 255, 255, 255, 255, 127, '{', '}'};
    static const uint8_t all[] = {255, 255, 255, 255, 255, 255, 255, 255, '{', '}'};
    static const uint8_t limit[] = {1, 0xe1, 0xf5, 5, 0, 0, 0, 0, '{', '}'}; /* 100,000,001 */
    static const uint8_t below[] = {0, 0xe1, 0xf5, 5, 0, 0, 0, 0, '{', '}'};
    static const uint8_t behind[] = {3, 0, 0, 0, 0, 0, 0, 0, '{', '}'};

    for (size_t size = 0; size < 8; size++)
        refused_bytes(huge, size, ENODATA, "ends in its header");
    refused_bytes(huge, sizeof(huge), EINVAL, "a header of 9223372036854775807 bytes");
    refused_bytes(all, sizeof(all), EINVAL, "a header of 18446744073709551615 bytes");
    refused_bytes(limit, sizeof(limit), EINVAL, "a header of 100000001 bytes");
    refused_bytes(below, sizeof(below), ENODATA, "ends in its header");
    refused_bytes(behind, sizeof(behind), ENODATA, "ends in its header");
    refused("", 0, EINVAL, "no JSON object");
}

static char *repeated(const char *text, size_t count, const char *end)
{
    size_t length = strlen(text);
    char *all = malloc(length * count + strlen(end) + 1);

    CHECK(all);
    for (size_t i = 0; i < count; i++)
        memcpy(all + i * length, text, length);
    memcpy(all + length * count, end, strlen(end) + 1);
    return all;
}

static void test_text(void)
{
    char *deep = repeated("[", 1000000, ""), *nested = repeated("{\"a\":", 1000000, "");
    char *blanks = repeated(" ", 1000000, "");
    char *within = repeated("[", 200, "");
    char json[512];

    refused(deep, 0, EINVAL, "no JSON object");
    refused(nested, 0, EINVAL, "nested too deep");
    refused(blanks, 0, EINVAL, "no JSON object");
    (void)snprintf(json, sizeof(json), "{\"w\":{\"x\":%s", within);
    refused(json, 0, EINVAL, "nested too deep");
    free(deep);
    free(nested);
    free(blanks);
    free(within);
    refused("\xef\xbb\xbf{}", 0, EINVAL, "no JSON object");
    refused("{\"\xff\":1}", 0, EINVAL, "not UTF-8");
    refused("{\"\xc0\x80\":1}", 0, EINVAL, "not UTF-8");
    refused("{\"\xed\xa0\x80\":1}", 0, EINVAL, "not UTF-8");
    refused("{} x", 0, EINVAL, "behind the JSON text");
    refused("{}{}", 0, EINVAL, "behind the JSON text");
    refused("[]", 0, EINVAL, "no JSON object");
    refused("{\"a\":{}", 0, EINVAL, "no dtype, shape or data_offsets");
    refused("{\"a\"", 0, EINVAL, "a colon is missing");
    refused("{\"a", 0, EINVAL, "ends here");
    refused("{\"\\ud800\":{}}", 0, EINVAL, "half a surrogate pair");
    refused("{\"\\udc00\":{}}", 0, EINVAL, "half a surrogate pair");
    refused("{\"\\x\":{}}", 0, EINVAL, "an escape");
    refused("{\"\\u12g4\":{}}", 0, EINVAL, "an escape");
    refused("{\"\\u0000\":{}}", 0, EINVAL, "a zero byte");
    refused("{\"\n\":{}}", 0, EINVAL, "a control character");
    refused("{\"__metadata__\":{\"a\":1}}", 0, EINVAL, "no JSON string");
    refused("{\"__metadata__\":{},\"__metadata__\":{}}", 0, EINVAL, "there twice");
}

static void test_entries(void)
{
    refused_entry("\"F31\"", "[1]", "[0,4]", 4, "dtype that is unknown");
    refused_entry("\"f32\"", "[1]", "[0,4]", 4, "dtype that is unknown");
    refused_entry("1", "[1]", "[0,4]", 4, "no JSON string");
    refused_entry("\"F32\"", "[-1]", "[0,4]", 4, "no whole number");
    refused_entry("\"F32\"", "[-0]", "[0,4]", 4, "no whole number");
    refused_entry("\"F32\"", "[1.0]", "[0,4]", 4, "no whole number");
    refused_entry("\"F32\"", "[1e0]", "[0,4]", 4, "no whole number");
    refused_entry("\"F32\"", "[01]", "[0,4]", 4, "no whole number");
    refused_entry("\"F32\"", "[NaN]", "[0,4]", 4, "no whole number");
    refused_entry("\"F32\"", "[18446744073709551616]", "[0,4]", 4, "too large");
    refused_entry("\"F32\"", "[4294967296,4294967296]", "[0,4]", 4, "too large");
    refused_entry("\"F32\"", "[9223372036854775809,2]", "[0,4]", 4, "too large");
    refused_entry("\"F32\"", "[1,1,1,1,1,1,1,1,1]", "[0,4]", 4, "more than 8 dimensions");
    refused_entry("\"F32\"", "1", "[0,4]", 4, "no JSON array");
    refused_entry("\"F32\"", "[2]", "[0,4]", 4, "does not fit");
    refused_entry("\"F4\"", "[3]", "[0,2]", 2, "does not fit");
    refused_entry("\"F32\"", "[1]", "[4,0]", 4, "ends before it begins");
    refused_entry("\"F32\"", "[1]", "[0]", 4, "no pair of offsets");
    refused_entry("\"F32\"", "[1]", "[0,4,8]", 4, "no pair of offsets");
    refused_entry("\"F32\"", "[1],\"shape\":[1]", "[0,4]", 4, "there twice");
    refused_entry("\"F32\"", "[1]", "[4,8]", 8, "a gap or an overlap");
    refused_entry("\"F32\"", "[1]", "[0,4]", 5, "1 bytes behind the data");
    refused_entry("\"U8\"", "[18446744073709551614]", "[0,18446744073709551614]", 4, "too large");
    refused("{\"w\":{\"dtype\":\"F32\",\"shape\":[1]}}", 4, EINVAL, "no dtype, shape");
    refused("{\"w\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 3, ENODATA,
            "the file ends here");
}

static void test_layout(void)
{
    static const char entry[] = "\"%s\":{\"dtype\":\"U8\",\"shape\":[%u],\"data_offsets\":[%u,%u]}";
    static const struct {
        const char *names[2];
        unsigned begin[2], end[2];
        const char *text;
    } rows[] = {
        {{"a", "b"}, {0, 4}, {4, 8}, NULL},
        {{"b", "a"}, {4, 0}, {8, 4}, NULL},
        {{"a", "b"}, {0, 0}, {0, 8}, NULL},
        {{"a", "b"}, {0, 5}, {4, 8}, "tensor b: a gap or an overlap"},
        {{"a", "b"}, {0, 3}, {4, 8}, "tensor b: a gap or an overlap"},
        {{"a", "b"}, {0, 0}, {8, 8}, "a gap or an overlap"},
        {{"a", "a"}, {0, 4}, {4, 8}, "tensor a is there twice"},
    };
    char json[512], one[2][200];
    struct safetensors all;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        for (int k = 0; k < 2; k++)
            (void)snprintf(one[k], sizeof(one[k]), entry, rows[i].names[k],
                           rows[i].end[k] - rows[i].begin[k], rows[i].begin[k], rows[i].end[k]);
        (void)snprintf(json, sizeof(json), "{%s,%s}", one[0], one[1]);
        if (rows[i].text) {
            refused(json, 8, EINVAL, rows[i].text);
        } else {
            all = accepted(json, 8);
            CHECK_STR(all.tensors[0].name, "a");
            safetensors_free(&all);
        }
    }
}

int main(void)
{
    test_accepted();
    test_lengths();
    test_text();
    test_entries();
    test_layout();
    return 0;
}
