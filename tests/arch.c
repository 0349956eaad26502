/* If this fails, a model that the reference tool loads is refused, or one that it refuses is
 * offered, or for another reason. */
#include "quant/arch.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/check.h"

#define KEYS_MAX 64

/* A key of a header that is made up. */
struct key {
    char name[96];
    enum gguf_type type, subtype;
    uint64_t count;
    uint32_t values[96]; /* of an array, or one; floats as their bits */
    const char *text;    /* of a string */
};

struct model {
    const char *arch; /* NULL: no such key */
    struct key keys[KEYS_MAX];
    size_t count;
};

/* --- writing a header ---------------------------------------------------------------------------
 */

struct bytes {
    uint8_t data[1 << 16];
    size_t size;
};

static void put(struct bytes *bytes, uint64_t value, size_t size)
{
    CHECK(bytes->size + size <= sizeof(bytes->data));
    for (size_t i = 0; i < size; i++)
        bytes->data[bytes->size++] = (uint8_t)(value >> (8 * i));
}

static void put_string(struct bytes *bytes, const char *text)
{
    put(bytes, strlen(text), 8);
    for (; *text; text++)
        put(bytes, (uint8_t)*text, 1);
}

static void put_key(struct bytes *bytes, const struct key *key)
{
    put_string(bytes, key->name);
    put(bytes, key->type, 4);
    if (key->type == GGUF_STRING) {
        put_string(bytes, key->text);
        return;
    }
    if (key->type == GGUF_ARRAY) {
        put(bytes, key->subtype, 4);
        put(bytes, key->count, 8);
    }
    for (uint64_t i = 0; i < key->count; i++) {
        uint32_t value = key->values[i < 96 ? i : 95];

        put(bytes, value, gguf_type_size(key->subtype));
    }
}

static int open_copy(void *context, const char *name)
{
    int fd = dup(*(int *)context);

    (void)name;
    return fd < 0 ? -errno : fd;
}

/* A file that only this process sees. */
static struct source *open_model(const struct model *model)
{
    static const char arch_name[] = "general.architecture";
    struct bytes *bytes = calloc(1, sizeof(*bytes));
    struct defect defect = {0};
    struct source *source = NULL;
    int fd = memfd_create("arch", MFD_CLOEXEC);

    CHECK(bytes && fd >= 0);
    put(bytes, 0x46554747, 4);
    put(bytes, 3, 4);
    put(bytes, 0, 8);
    put(bytes, model->count + (model->arch != NULL), 8);
    if (model->arch) {
        put_string(bytes, arch_name);
        put(bytes, GGUF_STRING, 4);
        put_string(bytes, model->arch);
    }
    for (size_t i = 0; i < model->count; i++)
        put_key(bytes, &model->keys[i]);
    while (bytes->size % 32 != 0)
        put(bytes, 0, 1);
    CHECK_EQ(write(fd, bytes->data, bytes->size), (ssize_t)bytes->size);
    CHECK_EQ(source_open(open_copy, &fd, "model.gguf", &source, &defect), 0);
    (void)close(fd);
    free(bytes);
    return source;
}

/* "OK", or why not. */
static const char *says(const struct model *model, struct arch_facts *facts, char text[512])
{
    struct source *source = open_model(model);
    struct defect defect = {0};
    int r = arch_check(source, facts, &defect);

    CHECK(r == 0 || r == -EINVAL);
    (void)snprintf(text, 512, "%s", r == 0 ? "OK" : defect.text);
    source_close(source);
    return text;
}

/* --- the table of what the tool says ------------------------------------------------------------
 */

static enum gguf_type type_of(const char *name, size_t length)
{
    for (int i = 0; i < GGUF_TYPE_COUNT; i++)
        if (strlen(gguf_type_name((enum gguf_type)i)) == length &&
            strncmp(gguf_type_name((enum gguf_type)i), name, length) == 0)
            return (enum gguf_type)i;
    CHECK(false); /* no such type in GGUF */
    return GGUF_TYPE_COUNT;
}

static uint32_t value_of(enum gguf_type type, const char *text)
{
    float number = strtof(text, NULL);
    uint32_t bits;

    if (type != GGUF_F32)
        return (uint32_t)strtoul(text, NULL, 10);
    memcpy(&bits, &number, sizeof(bits));
    return bits;
}

/* "u32" and "5"; "arr[i32]" and "1,2,3"; "arr[bool]" and "80*1". */
static struct key key_of(const char *name, const char *type, const char *value)
{
    struct key key = {.count = 1};
    const char *star = strchr(value, '*');

    (void)snprintf(key.name, sizeof(key.name), "%s", name);
    if (strncmp(type, "arr[", 4) != 0) {
        key.type = key.subtype = type_of(type, strlen(type));
        key.values[0] = value_of(key.type, value);
        return key;
    }
    key.type = GGUF_ARRAY;
    key.subtype = type_of(type + 4, strlen(type) - 5);
    if (star) {
        key.count = strtoul(value, NULL, 10);
        for (size_t i = 0; i < 96; i++)
            key.values[i] = value_of(key.subtype, star + 1);
        return key;
    }
    for (key.count = 0; value; value = strchr(value, ',')) {
        value += *value == ',';
        CHECK(key.count < 96);
        key.values[key.count++] = value_of(key.subtype, value);
    }
    return key;
}

struct row {
    char *fields[6]; /* architecture, key, type, value, without it, as an I8 */
};

static void check_row(const struct model *passes, const struct row *row)
{
    struct model *model = calloc(1, sizeof(*model));
    struct key wrong = {.type = GGUF_I8, .subtype = GGUF_I8, .count = 1, .values = {1}};
    struct arch_facts facts;
    char text[512];

    CHECK(model);
    model->arch = passes->arch;
    for (size_t i = 0; i < passes->count; i++)
        if (strcmp(passes->keys[i].name, row->fields[1]) != 0)
            model->keys[model->count++] = passes->keys[i];
    CHECK_EQ(model->count < passes->count, strcmp(row->fields[3], "-") != 0);
    (void)says(model, &facts, text);
    if (strcmp(row->fields[4], "ABORT") == 0)
        CHECK(strcmp(text, "OK") != 0);
    else
        CHECK_STR(text, row->fields[4][0] == '-' ? "OK" : row->fields[4]);
    (void)snprintf(wrong.name, sizeof(wrong.name), "%s", row->fields[1]);
    model->keys[model->count++] = wrong;
    CHECK_STR(says(model, &facts, text), row->fields[5]);
    free(model);
}

/* All rows of one architecture. */
static void check_arch(const struct row *rows, size_t count)
{
    struct model *passes = calloc(1, sizeof(*passes));
    struct arch_facts facts;
    const char *expected = "OK";
    char text[512];

    CHECK(passes);
    passes->arch = rows[0].fields[0];
    for (size_t i = 0; i < count; i++) {
        if (strcmp(rows[i].fields[1], "-") == 0)
            expected = rows[i].fields[4];
        else if (strcmp(rows[i].fields[3], "-") != 0)
            passes->keys[passes->count++] =
                key_of(rows[i].fields[1], rows[i].fields[2], rows[i].fields[3]);
    }
    CHECK_STR(says(passes, &facts, text), expected);
    if (strcmp(expected, "OK") == 0) {
        CHECK_STR(facts.name, passes->arch);
        CHECK_EQ(facts.known_heads, passes->count > 0);
        CHECK_EQ(facts.block_count, passes->count > 0 ? 80 : 0);
    }
    for (size_t i = 0; i < count; i++)
        if (strcmp(rows[i].fields[1], "-") != 0)
            check_row(passes, &rows[i]);
    free(passes);
}

/* Every architecture of the tool: the model that passes, without each key, and with each an I8. */
static void test_table(const char *path)
{
    FILE *file = fopen(path, "r");
    static struct row rows[2048];
    size_t count = 0, archs = 0, end;
    char *line = NULL, *rest;
    size_t size = 0;

    CHECK(file);
    while (getline(&line, &size, file) > 0) {
        if (line[0] == '#')
            continue;
        CHECK(count < 2048);
        line[strcspn(line, "\n")] = '\0';
        rest = line;
        for (int i = 0; i < 6; i++) {
            rows[count].fields[i] = strdup(strsep(&rest, "\t"));
            CHECK(rows[count].fields[i]);
        }
        CHECK(!rest);
        count++;
    }
    for (size_t i = 0; i < count; i = end, archs++) {
        for (end = i; end < count && strcmp(rows[end].fields[0], rows[i].fields[0]) == 0; end++)
            ;
        check_arch(rows + i, end - i);
    }
    CHECK_EQ(archs, 158);
    for (size_t i = 0; i < count; i++)
        for (int f = 0; f < 6; f++)
            free(rows[i].fields[f]);
    free(line);
    (void)fclose(file);
}

/* --- what the table does not say ----------------------------------------------------------------
 */

/* A llama of 4 layers; a key in `changes`, "name type value" each, comes besides or instead. */
static const char *llama(struct arch_facts *facts, char text[512], const char *const changes[])
{
    struct model *model = calloc(1, sizeof(*model));
    static const char *const base[] = {"llama.context_length u32 128",
                                       "llama.embedding_length u32 256", "llama.block_count u32 4",
                                       "llama.attention.layer_norm_rms_epsilon f32 1e-05", NULL};
    char name[96], type[16], value[256];

    CHECK(model);
    model->arch = "llama";
    for (int pass = 0; pass < 2; pass++)
        for (const char *const *text_of = pass ? base : changes; *text_of; text_of++) {
            bool known = false;

            CHECK_EQ(sscanf(*text_of, "%95s %15s %255s", name, type, value), 3);
            for (size_t i = 0; i < model->count; i++)
                known = known || strcmp(model->keys[i].name, name) == 0;
            if (!known)
                model->keys[model->count++] = key_of(name, type, value);
        }
    (void)says(model, facts, text);
    free(model);
    return text;
}

#define LLAMA(...) llama(&facts, text, (const char *const[]){__VA_ARGS__, NULL})

static void test_facts(void)
{
    struct arch_facts facts;
    char text[512];

    CHECK_STR(LLAMA("llama.expert_count u32 8", "llama.expert_used_count u32 2",
                    "llama.attention.head_count u32 32", "llama.attention.head_count_kv u32 8"),
              "OK");
    CHECK_STR(facts.name, "llama");
    CHECK_EQ(facts.block_count, 4);
    CHECK_EQ(facts.expert_count, 8);
    CHECK_EQ(facts.head_count, 32);
    CHECK_EQ(facts.head_count_kv, 8);
    CHECK(facts.known_heads);
    CHECK_STR(LLAMA("llama.attention.head_count arr[i32] 16,8,8,8",
                    "llama.attention.head_count_kv arr[u32] 2,4,8,8"),
              "OK");
    CHECK_EQ(facts.head_count, 16);
    CHECK_EQ(facts.head_count_kv, 2);
    CHECK_STR(LLAMA("llama.attention.head_count u32 16"), "OK");
    CHECK_EQ(facts.head_count_kv, 16);
    CHECK_STR(LLAMA("llama.attention.head_count_kv u32 2"), "OK");
    CHECK_EQ(facts.head_count, 0);
    CHECK_EQ(facts.head_count_kv, 2);
}

static void test_arrays(void)
{
    struct arch_facts facts;
    char text[512];

    CHECK_STR(LLAMA("llama.attention.head_count arr[u32] 8,8,8"),
              "key llama.attention.head_count has wrong array length; expected 4, got 3");
    CHECK_STR(LLAMA("llama.attention.head_count arr[u64] 4*8"),
              "llama.attention.head_count has wrong array element type u64");
    CHECK_STR(LLAMA("llama.attention.head_count arr[i8] 4*8"),
              "llama.attention.head_count is not a string/float32/uint32/int32/uint64 array");
    CHECK_STR(LLAMA("llama.block_count arr[u32] 4"),
              "key llama.block_count has wrong type arr but expected type u32");
    CHECK_STR(LLAMA("llama.block_count u64 4"),
              "key llama.block_count has wrong type u64 but expected type u32");
    CHECK_STR(LLAMA("general.file_type i32 1"),
              "key general.file_type has wrong type i32 but expected type u32");
}

static void test_numbers(void)
{
    struct arch_facts facts;
    char text[512];

    CHECK_STR(LLAMA("llama.block_count u32 0"), "llama.block_count is 0; it must be 1 to 512");
    CHECK_STR(LLAMA("llama.block_count u32 513"), "llama.block_count is 513; it must be 1 to 512");
    CHECK_STR(LLAMA("llama.block_count u32 512"), "OK");
    CHECK_STR(LLAMA("llama.nextn_predict_layers u32 4"), "OK");
    CHECK_STR(LLAMA("llama.nextn_predict_layers u32 5"),
              "llama.nextn_predict_layers is 5, more than the 4 of llama.block_count");
    CHECK_STR(LLAMA("llama.expert_count u32 1024", "llama.expert_used_count u32 1024"), "OK");
    CHECK_STR(LLAMA("llama.expert_count u32 1025", "llama.expert_used_count u32 2"),
              "llama.expert_count is 1025; it must be at most 1024");
    CHECK_STR(LLAMA("llama.expert_count u32 8"),
              "llama.expert_used_count is 0, which does not fit 8 experts");
    CHECK_STR(LLAMA("llama.expert_count u32 8", "llama.expert_used_count arr[u32] 0,0,0,9"),
              "llama.expert_used_count is 9, which does not fit 8 experts");
    CHECK_STR(LLAMA("llama.expert_count u32 8", "llama.expert_used_count arr[u32] 0,0,0,8"), "OK");
    CHECK_STR(LLAMA("llama.expert_used_count u32 1"),
              "llama.expert_used_count is 1, which does not fit 0 experts");
    CHECK_STR(LLAMA("llama.expert_group_count u32 2"),
              "llama.expert_group_count is 2 with 0 used, which does not fit 0 experts");
    CHECK_STR(LLAMA("llama.expert_count u32 8", "llama.expert_used_count u32 2",
                    "llama.expert_group_count u32 4", "llama.expert_group_used_count u32 3"),
              "OK");
    CHECK_STR(LLAMA("llama.expert_count u32 8", "llama.expert_used_count u32 2",
                    "llama.expert_group_count u32 3", "llama.expert_group_used_count u32 1"),
              "llama.expert_group_count is 3 with 1 used, which does not fit 8 experts");
    CHECK_STR(LLAMA("llama.attention.head_count u32 8", "llama.rope.dimension_count u32 32"), "OK");
    CHECK_STR(LLAMA("llama.attention.head_count u32 8", "llama.rope.dimension_count u32 31"),
              "invalid n_rot: 31, expected 32");
    CHECK_STR(LLAMA("llama.rope.dimension_count u32 31"), "OK");
    CHECK_STR(LLAMA("llama.attention.head_count u32 8", "llama.attention.key_length u32 64",
                    "llama.rope.dimension_count u32 64"),
              "OK");
}

/* One architecture asks for more where there are experts. */
static void test_more_with_experts(void)
{
    struct model *model = calloc(1, sizeof(*model));
    struct arch_facts facts;
    char text[512];

    CHECK(model);
    model->arch = "k2-horizon";
    model->keys[0] = key_of("k2-horizon.context_length", "u32", "128");
    model->keys[1] = key_of("k2-horizon.embedding_length", "u32", "256");
    model->keys[2] = key_of("k2-horizon.block_count", "u32", "4");
    model->keys[3] = key_of("k2-horizon.attention.layer_norm_rms_epsilon", "f32", "1e-05");
    model->count = 4;
    CHECK_STR(says(model, &facts, text), "OK");
    model->keys[4] = key_of("k2-horizon.expert_count", "u32", "8");
    model->keys[5] = key_of("k2-horizon.expert_used_count", "u32", "2");
    model->count = 6;
    CHECK_STR(says(model, &facts, text),
              "key not found in model: k2-horizon.expert_feed_forward_length");
    model->keys[6] = key_of("k2-horizon.expert_feed_forward_length", "u32", "2");
    model->count = 7;
    CHECK_STR(says(model, &facts, text), "OK");
    free(model);
}

static void test_scaling(void)
{
    struct model *model = calloc(1, sizeof(*model));
    struct arch_facts facts;
    char text[512];

    CHECK(model);
    model->arch = "llama";
    model->keys[0] = key_of("llama.context_length", "u32", "128");
    model->keys[1] = key_of("llama.embedding_length", "u32", "256");
    model->keys[2] = key_of("llama.block_count", "u32", "4");
    model->keys[3] = key_of("llama.attention.layer_norm_rms_epsilon", "f32", "1e-05");
    model->keys[4] = key_of("llama.rope.scaling.type", "str", "0");
    model->count = 5;
    model->keys[4].text = "yarn";
    CHECK_STR(says(model, &facts, text), "OK");
    model->keys[4].text = "yarns";
    CHECK_STR(says(model, &facts, text),
              "key llama.rope.scaling.type says a kind of scaling that is not known");
    model->keys[4].text = "none, and more than any name of a kind is long";
    CHECK_STR(says(model, &facts, text),
              "key llama.rope.scaling.type says a kind of scaling that is not known");
    free(model);
}

static void test_architecture(void)
{
    struct model *model = calloc(1, sizeof(*model));
    struct arch_facts facts;
    char text[512], name[300];

    CHECK(model);
    CHECK_STR(says(model, &facts, text), "unknown model architecture: ''");
    model->arch = "nosucharch";
    CHECK_STR(says(model, &facts, text), "unknown model architecture: 'nosucharch'");
    memset(name, 'x', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    model->arch = name;
    CHECK(strncmp(says(model, &facts, text), "unknown model architecture: 'xxx", 32) == 0);
    model->arch = NULL;
    model->keys[model->count++] = key_of("general.architecture", "u32", "1");
    CHECK_STR(says(model, &facts, text),
              "key general.architecture has wrong type u32 but expected type str");
    free(model);
}

int main(int argc, char **argv)
{
    CHECK_EQ(argc, 2);
    test_table(argv[1]);
    test_facts();
    test_arrays();
    test_numbers();
    test_more_with_experts();
    test_scaling();
    test_architecture();
    return 0;
}
