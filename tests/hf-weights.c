/*
 * If this fails, the tensors of a directory come in another order than the reference converter's, a
 * shard that is missing is not missed, or an index leads out of its directory.
 */
#include "hf-case.h"
#include "quant/format/hf/weights.h"

#define ENTRY(name, from, to)                                                                      \
    "\"" name "\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[" #from "," #to "]}"

static int read_weights(const struct hf_file *files, size_t count, struct hf_weights *weights,
                        struct defect *defect)
{
    const struct hf_directory directory = {"Model", files, count};
    int r = hf_weights_read(&directory, weights, defect);

    close_files(files, count);
    return r;
}

static struct hf_weights accepted(const struct hf_file *files, size_t count)
{
    struct hf_weights weights;
    struct defect defect = {0};
    int r = read_weights(files, count, &weights, &defect);

    if (r < 0)
        fprintf(stderr, "%s\n", defect.text);
    CHECK_EQ(r, 0);
    return weights;
}

static void refused(const struct hf_file *files, size_t count, int error, const char *text)
{
    struct hf_weights weights;
    struct defect defect = {0};
    int r = read_weights(files, count, &weights, &defect);

    if (!strstr(defect.text, text))
        fprintf(stderr, "found: %s\nexpected: %s\n", defect.text, text);
    CHECK(strstr(defect.text, text));
    CHECK_EQ(r, -error);
    CHECK(!weights.tensors && weights.count == 0);
}

static void check_order(const struct hf_weights *weights, const char *const *names, size_t count)
{
    CHECK_EQ(weights->count, count);
    for (size_t i = 0; i < count; i++) {
        CHECK_STR(weights->tensors[i].name, names[i]);
        CHECK(hf_weights_find(weights, names[i]) == &weights->tensors[i]);
    }
    CHECK(!hf_weights_find(weights, "nothing") && !hf_weights_find(weights, ""));
}

static struct hf_file shard(const char *name, const char *json, size_t size)
{
    static const uint8_t data[16] = {1, 2, 3, 4, 5, 6, 7, 8};

    return shard_file(name, json, data, size);
}

static struct hf_file index_of(const char *map)
{
    char text[1024];

    (void)snprintf(text, sizeof(text), "{\"metadata\":{\"total_size\":3},\"weight_map\":%s}", map);
    return text_file("model.safetensors.index.json", text);
}

/* Without an index: model*.safetensors by name, in each the tensors by name. */
static void test_listed(void)
{
    static const char *const names[] = {"model.layers.10.w", "model.layers.2.w", "lm_head"};
    const struct hf_file files[] = {
        shard("consolidated.safetensors", "{" ENTRY("other", 0, 1) "}", 1),
        shard("model-2.safetensors", "{" ENTRY("lm_head", 0, 1) "}", 1),
        shard("model-1.safetensors",
              "{" ENTRY("model.layers.2.w", 0, 1) "," ENTRY("model.layers.10.w", 1, 2) "}", 2),
    };
    struct hf_weights weights = accepted(files, 3);

    check_order(&weights, names, 3);
    CHECK(weights.tensors[0].file == 2 && weights.tensors[2].file == 1);
    hf_weights_free(&weights);
    refused(files, 0, ENODATA, "no model*.safetensors");
}

/* Its values name the shards, whatever its order; which key names which does not matter. */
static void test_indexed(void)
{
    static const char *const names[] = {"b", "a", "c"};
    const struct hf_file files[] = {
        index_of("{\"a\":\"z.safetensors\",\"c\":\"z.safetensors\",\"b\":\"z.safetensors\","
                 "\"d\":\"k.safetensors\"}"),
        shard("z.safetensors", "{" ENTRY("a", 0, 1) "," ENTRY("c", 1, 2) "}", 2),
        shard("k.safetensors", "{" ENTRY("b", 0, 1) "}", 1),
        shard("model.safetensors", "{" ENTRY("x", 0, 1) "}", 1),
    };
    const struct hf_file again[] = {
        index_of("{\"a\":\"z.safetensors\",\"c\":\"z.safetensors\",\"b\":\"k.safetensors\"}"),
        shard("z.safetensors", "{" ENTRY("a", 0, 1) "," ENTRY("c", 1, 2) "}", 2),
        shard("k.safetensors", "{" ENTRY("b", 0, 1) "}", 1),
    };
    const struct hf_file more[] = {
        index_of("{\"a\":\"z.safetensors\"}"),
        shard("z.safetensors", "{" ENTRY("a", 0, 1) "," ENTRY("c", 1, 2) "}", 2),
    };
    struct hf_weights weights;

    refused(files, 4, EINVAL, "model.safetensors.index.json: no shard has d");
    weights = accepted(again, 3);
    check_order(&weights, names, 3);
    hf_weights_free(&weights);
    refused(more, 2, EINVAL, "model.safetensors.index.json: c is not in it");
}

/* A name in two shards: the first place, the last data. */
static void test_doubles(void)
{
    static const char *const names[] = {"a", "b", "c", "d"};
    const struct hf_file files[] = {
        shard("model-1.safetensors", "{" ENTRY("a", 0, 1) "," ENTRY("b", 1, 2) "}", 2),
        shard("model-2.safetensors", "{" ENTRY("a", 0, 1) "," ENTRY("c", 1, 2) "}", 2),
        shard("model-3.safetensors", "{" ENTRY("a", 0, 1) "," ENTRY("d", 1, 2) "}", 2),
    };
    struct hf_weights weights = accepted(files, 3);

    check_order(&weights, names, 4);
    CHECK(weights.tensors[0].file == 2 && weights.tensors[1].file == 0);
    hf_weights_free(&weights);
}

static void refused_index(const char *map, int error, const char *text)
{
    const struct hf_file files[] = {
        index_of(map),
        shard("model.safetensors", "{" ENTRY("a", 0, 1) "}", 1),
    };

    refused(files, 2, error, text);
}

static void test_hostile_index(void)
{
    struct hf_file broken = text_file("model.safetensors.index.json", "{\"weight_map\":{\"a\":");
    struct hf_file none = text_file("model.safetensors.index.json", "{\"weights\":{}}");
    struct hf_file cut = shard("model.safetensors", "{" ENTRY("a", 0, 1) "}", 0);

    refused_index("{\"a\":\"../x.safetensors\"}", EINVAL, "a: no name of a shard: ../x");
    refused_index("{\"a\":\"/etc/passwd\"}", EINVAL, "a: no name of a shard: /etc/passwd");
    refused_index("{\"a\":\"a/../../x.safetensors\"}", EINVAL, "no name of a shard");
    refused_index("{\"a\":\"\"}", EINVAL, "no name of a shard");
    refused_index("{\"a\":\"..\"}", EINVAL, "no name of a shard");
    refused_index("{\"a\":\"model.safetensors\\u0000\"}", EINVAL, "a zero byte");
    refused_index("{\"a\":1}", EINVAL, "no JSON string");
    refused_index("[]", EINVAL, "no JSON object");
    refused_index("{\"a\":\"model.safetensors\",\"a\":\"model.safetensors\"}", EINVAL,
                  "a is there twice");
    refused_index("{\"a\":\"model-00001-of-00002.safetensors\"}", ENODATA,
                  "model-00001-of-00002.safetensors: missing");
    refused(&broken, 1, EINVAL, "model.safetensors.index.json: ");
    refused(&none, 1, EINVAL, "no weight_map");
    refused(&cut, 1, ENODATA, "model.safetensors: the file ends here");
}

int main(void)
{
    test_listed();
    test_indexed();
    test_doubles();
    test_hostile_index();
    return 0;
}
