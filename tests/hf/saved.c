/*
 * If this fails, what is kept of a model directory makes another file of it than the directory's
 * own files do, or bytes that were changed lead beyond them.
 */
#include "quant/format/hf/saved.h"

#include "../hf-case.h"

#define CONFIG                                                                                     \
    "{\"architectures\":[\"LlamaForCausalLM\"],\"model_type\":\"llama\",\"hidden_size\":8,"        \
    "\"num_attention_heads\":2,\"num_hidden_layers\":1,\"vocab_size\":4,\"intermediate_size\":8,"  \
    "\"rope_parameters\":{\"rope_type\":\"llama3\",\"rope_theta\":1e4,\"factor\":8}}"
#define TOKENS                                                                                     \
    "{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0,\"b\":1},\"merges\":[]},"                     \
    "\"pre_tokenizer\":{\"type\":\"ByteLevel\"}}"
#define WEIGHTS                                                                                    \
    "{\"model.embed_tokens.weight\":{\"dtype\":\"BF16\",\"shape\":[4,8],\"data_offsets\":[0,64]}," \
    "\"model.layers.0.self_attn.q_proj.weight\":{\"dtype\":\"BF16\",\"shape\":[8,8],"              \
    "\"data_offsets\":[64,192]},\"model.norm.weight\":{\"dtype\":\"F32\",\"shape\":[8],"           \
    "\"data_offsets\":[192,224]},\"lm_head.weight\":{\"dtype\":\"BF16\",\"shape\":[4,32],"         \
    "\"data_offsets\":[224,480]}}"

static uint64_t state = 1;

static uint64_t next_random(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

/* All bytes of the data section, for free(). */
static uint8_t *data_of(const struct hf_import *import, size_t *size, int *r)
{
    const struct hf_plan *plan = hf_import_plan(import);
    uint8_t *data;

    *size = (size_t)hf_plan_size(plan);
    CHECK(*size < 1 << 20);
    data = calloc(1, *size + 1);
    CHECK(data);
    *r = hf_plan_read_data(plan, 0, data, *size);
    return data;
}

static void check_same(const struct hf_import *a, const struct hf_import *b)
{
    size_t a_size, b_size;
    const uint8_t *a_header = hf_import_header(a, &a_size),
                  *b_header = hf_import_header(b, &b_size);
    uint8_t *a_data, *b_data;
    int r;

    CHECK(a_size == b_size && memcmp(a_header, b_header, a_size) == 0);
    CHECK(hf_import_type(a) == hf_import_type(b));
    a_data = data_of(a, &a_size, &r);
    CHECK_EQ(r, 0);
    b_data = data_of(b, &b_size, &r);
    CHECK_EQ(r, 0);
    CHECK(a_size == b_size && memcmp(a_data, b_data, a_size) == 0);
    free(a_data);
    free(b_data);
}

static uint8_t *copy_of(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size + 1);

    CHECK(copy);
    memcpy(copy, data, size);
    return copy;
}

/* Taken or not: nothing is read from where it is not. */
static bool try(const struct hf_directory *directory, uint8_t *data, size_t size)
{
    struct hf_import *import;
    int r = hf_import_load(directory, data, size, &import);

    CHECK(r == 0 || r == -EBADMSG);
    CHECK((r == 0) == (import != NULL));
    if (r == 0 && hf_plan_size(hf_import_plan(import)) < 1 << 20)
        free(data_of(import, &size, &r));
    hf_import_free(import);
    return import != NULL;
}

static void check_changed(const struct hf_directory *directory, const uint8_t *data, size_t size)
{
    size_t taken = 0, at;
    uint8_t *copy;

    for (size_t cut = 0; cut < size; cut++)
        CHECK(!try(directory, copy_of(data, cut), cut));
    for (int turn = 0; turn < 20000; turn++) {
        copy = copy_of(data, size);
        for (uint64_t changes = 1 + next_random() % 3; changes > 0; changes--) {
            at = next_random() % size;
            copy[at] = next_random() % 2 ? (uint8_t)next_random()
                                         : (uint8_t)(copy[at] ^ 1u << next_random() % 8);
        }
        taken += try(directory, copy, size);
    }
    CHECK(taken > 0 && taken < 20000);
}

int main(void)
{
    static const enum type types[] = {TYPE_NONE, TYPE_F16, TYPE_Q8_0};
    uint8_t weights[480], *data;
    struct hf_file files[3];
    const struct hf_directory directory = {"Model", files, 3}, fewer = {"Model", files, 1};
    struct hf_import *import, *loaded;
    struct defect defect = {0};
    size_t size;

    for (size_t i = 0; i < sizeof(weights); i++)
        weights[i] = (uint8_t)(next_random() & 0x3f);
    files[0] = text_file("config.json", CONFIG);
    files[1] = shard_file("model.safetensors", WEIGHTS, weights, sizeof(weights));
    files[2] = text_file("tokenizer.json", TOKENS);
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        int r = hf_import_open(&directory, types[i], &import, &defect);

        if (r < 0)
            fprintf(stderr, "%s\n", defect.text);
        CHECK_EQ(r, 0);
        CHECK_EQ(hf_import_save(import, &data, &size), 0);
        CHECK_EQ(hf_import_load(&directory, copy_of(data, size), size, &loaded), 0);
        check_same(import, loaded);
        hf_import_free(loaded);
        hf_import_free(import);
        CHECK(!try(&fewer, copy_of(data, size), size));
        check_changed(&directory, data, size);
        free(data);
    }
    close_files(files, 3);
    return 0;
}
