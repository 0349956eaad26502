/* If this fails, a model directory that is not what an architecture's entry expects is taken all
 * the same, or refused without a reason. */
#include "quant/format/hf/import.h"

#include <endian.h>

#include "directory.h"
#include "quant/format/hf/arch.h"

/* A safetensors file whose tensors are all zeros. */
struct weights {
    char header[8192];
    size_t size, data;
    bool any;
};

static void weights_add(struct weights *w, const char *name, const char *dtype, unsigned n_dims,
                        const uint64_t *shape, size_t weight_size)
{
    size_t count = weight_size;

    w->size +=
        (size_t)snprintf(w->header + w->size, sizeof(w->header) - w->size,
                         "%s\"%s\":{\"dtype\":\"%s\",\"shape\":[", w->any ? "," : "{", name, dtype);
    for (unsigned i = 0; i < n_dims; i++) {
        count *= shape[i];
        w->size += (size_t)snprintf(w->header + w->size, sizeof(w->header) - w->size, "%s%" PRIu64,
                                    i ? "," : "", shape[i]);
    }
    w->size += (size_t)snprintf(w->header + w->size, sizeof(w->header) - w->size,
                                "],\"data_offsets\":[%zu,%zu]}", w->data, w->data + count);
    CHECK(w->size < sizeof(w->header));
    w->data += count;
    w->any = true;
}

static void weights_end(struct weights *w, struct made *made)
{
    size_t size = 8 + w->size + 1 + w->data;
    char *file = calloc(1, size);
    uint64_t length = htole64(w->size + 1);

    CHECK(file);
    memcpy(file, &length, sizeof(length));
    memcpy(file + 8, w->header, w->size);
    file[8 + w->size] = '}';
    made_add(made, "model.safetensors", file, size);
    free(file);
}

#define LLAMA                                                                                      \
    "\"architectures\":[\"LlamaForCausalLM\"],\"model_type\":\"llama\",\"hidden_size\":8,"         \
    "\"num_attention_heads\":2,\"num_hidden_layers\":1,\"vocab_size\":4,\"intermediate_size\":8"
#define MOE                                                                                        \
    "\"architectures\":[\"MixtralForCausalLM\"],\"model_type\":\"mixtral\",\"hidden_size\":8,"     \
    "\"num_attention_heads\":2,\"num_hidden_layers\":1,\"vocab_size\":4,\"num_local_experts\":2"
#define QWEN3                                                                                      \
    "\"architectures\":[\"Qwen3ForCausalLM\"],\"hidden_size\":8,\"num_attention_heads\":2,"        \
    "\"num_hidden_layers\":1,\"vocab_size\":4,\"intermediate_size\":8"
#define TOKENS                                                                                     \
    "{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0,\"b\":1},\"merges\":[]},"                     \
    "\"pre_tokenizer\":{\"type\":\"ByteLevel\"}}"

struct row {
    const char *what, *config; /* the config's members */
    struct {
        const char *name, *dtype;
        unsigned n_dims;
        uint64_t shape[3];
    } tensors[4];
    int error;
    const char *text; /* what the defect begins with */
};

static const struct row rows[] = {
    {.what = "a plain one", .config = LLAMA, .tensors = {{"model.norm.weight", "F32", 1, {8}}}},
    {.what = "no architecture",
     .config = "\"model_type\":\"llama\"",
     .error = ENOTSUP,
     .text = "architecture (none) is not supported (supported: LlamaForCausalLM "},
    {.what = "an unknown one",
     .config = "\"architectures\":[\"FooForCausalLM\"]",
     .error = ENOTSUP,
     .text = "architecture FooForCausalLM is not supported (supported: LlamaForCausalLM "},
    {.what = "no number of layers",
     .config = "\"architectures\":[\"InternLM2ForCausalLM\"]",
     .error = EINVAL,
     .text = "InternLM2ForCausalLM: config.json has no usable n_layers num_hidden_layers"},
    {.what = "too many layers",
     .config = "\"architectures\":[\"LlamaForCausalLM\"],\"num_hidden_layers\":70000",
     .error = EINVAL,
     .text = "LlamaForCausalLM: too many layers"},
    {.what = "a value that does not fit",
     .config = LLAMA ",\"max_position_embeddings\":5000000000",
     .error = EINVAL,
     .text = "LlamaForCausalLM: context_length is 5000000000"},
    {.what = "a value of another kind",
     .config = LLAMA ",\"max_position_embeddings\":\"long\"",
     .error = EINVAL,
     .text = "LlamaForCausalLM: context_length is no count"},
    {.what = "a name that the architecture does not have",
     .config = LLAMA,
     .tensors = {{"model.layers.0.self_attn.q_norm.weight", "F32", 1, {8}}},
     .error = EINVAL,
     .text = "tensor model.layers.0.self_attn.q_norm.weight: no tensor of that name belongs to "
             "LlamaForCausalLM"},
    {.what = "a layer too many",
     .config = LLAMA,
     .tensors = {{"model.layers.1.mlp.up_proj.weight", "F32", 2, {8, 8}}},
     .error = EINVAL,
     .text = "tensor model.layers.1.mlp.up_proj.weight: the model has 1 layers"},
    {.what = "rows that are not those of the heads",
     .config = LLAMA,
     .tensors = {{"model.layers.0.self_attn.q_proj.weight", "F32", 2, {7, 8}}},
     .error = EINVAL,
     .text = "tensor model.layers.0.self_attn.q_proj.weight: its rows are not those of 2 heads"},
    {.what = "no heads",
     .config = LLAMA ",\"num_key_value_heads\":0",
     .tensors = {{"model.layers.0.self_attn.k_proj.weight", "F32", 2, {8, 8}}},
     .error = EINVAL,
     .text = "tensor model.layers.0.self_attn.k_proj.weight: its rows are not those of 0 heads"},
    {.what = "a dtype that nothing reads",
     .config = LLAMA,
     .tensors = {{"model.norm.weight", "U16", 1, {8}}},
     .error = EINVAL,
     .text = ""},
    {.what = "parts of an image model",
     .config = LLAMA,
     .tensors = {{"vision_tower.x", "F32", 1, {8}},
                 {"model.norm.weight", "F32", 1, {8}},
                 {"model.layers.0.self_attn.rotary_emb.inv_freq", "F32", 1, {4}}}},
    {.what = "some of the experts",
     .config = MOE,
     .tensors = {{"model.layers.0.block_sparse_moe.experts.1.w1.weight", "F32", 2, {8, 8}},
                 {"model.norm.weight", "F32", 1, {8}}},
     .error = EINVAL,
     .text = "MixtralForCausalLM: layer 0 has some of its experts only"},
    {.what = "an expert too many",
     .config = MOE,
     .tensors = {{"model.layers.0.block_sparse_moe.experts.2.w1.weight", "F32", 2, {8, 8}},
                 {"model.norm.weight", "F32", 1, {8}}},
     .error = EINVAL,
     .text = "tensor model.layers.0.block_sparse_moe.experts.2.w1.weight: the model has 1 layers "
             "of 2 experts"},
    {.what = "more experts than tensors",
     .config = "\"architectures\":[\"MixtralForCausalLM\"],\"num_hidden_layers\":1,"
               "\"num_local_experts\":4000000000",
     .tensors = {{"model.layers.0.block_sparse_moe.experts.0.w1.weight", "F32", 2, {8, 8}}},
     .error = EINVAL,
     .text = "tensor model.layers.0.block_sparse_moe.experts.0.w1.weight: the model has 1 layers "
             "of 4000000000 experts"},
    {.what = "quantized in a way that is not known",
     .config = LLAMA ",\"quantization_config\":{\"quant_method\":\"gptq\"}",
     .tensors = {{"model.norm.weight", "F32", 1, {8}}},
     .error = ENOTSUP,
     .text = "LlamaForCausalLM: quantized by gptq, which is not supported"},
    {.what = "packed in a way that is not known",
     .config = LLAMA ",\"quantization_config\":{\"quant_method\":\"compressed-tensors\","
                     "\"format\":\"pack-quantized\"}",
     .tensors = {{"model.norm.weight", "F32", 1, {8}}},
     .error = ENOTSUP,
     .text = "LlamaForCausalLM: of compressed-tensors only symmetric 4 bits in groups of 32 are "},
    {.what = "packed weights without scales",
     .config = LLAMA ",\"quantization_config\":{\"quant_method\":\"compressed-tensors\","
                     "\"format\":\"pack-quantized\",\"config_groups\":{\"group_0\":{\"weights\":{"
                     "\"num_bits\":4,\"group_size\":32,\"strategy\":\"group\",\"type\":\"int\","
                     "\"symmetric\":true}}}}",
     .tensors = {{"lm_head.weight_packed", "F32", 2, {4, 4}}},
     .error = EINVAL,
     .text = "LlamaForCausalLM: lm_head.weight_packed has no scales that fit it"},
    {.what = "factors without weights",
     .config = LLAMA ",\"quantization_config\":{\"quant_method\":\"fp8\"}",
     .tensors = {{"model.layers.0.mlp.up_proj.weight_scale_inv", "F32", 2, {1, 1}}},
     .error = EINVAL,
     .text = "LlamaForCausalLM: model.layers.0.mlp.up_proj.weight_scale_inv without "},
    {.what = "biases that nobody looks at",
     .config = "\"architectures\":[\"Cohere2ForCausalLM\"],\"model_type\":\"cohere2\"",
     .tensors = {{"model.layers.0.self_attn.q_proj.bias", "F32", 1, {8}}},
     .error = ENOTSUP,
     .text = "Cohere2ForCausalLM: biases are not supported"},
    {.what = "what its class does not call a reranker",
     .config = QWEN3 ",\"model_type\":\"qwen3\",\"_name_or_path\":\"x/Qwen3-Reranker-4B\"",
     .tensors = {{"lm_head.weight", "F32", 2, {4, 8}}}},
    {.what = "a reranker by its first name, as its class is not known",
     .config = QWEN3 ",\"model_type\":\"x\",\"_name_or_path\":\"x/Qwen3-Reranker-4B\"",
     .tensors = {{"lm_head.weight", "F32", 2, {4, 8}}},
     .error = EINVAL,
     .text = "Qwen3ForCausalLM: a reranker without a token \"yes\""},
    {.what = "a reranker by its type, without its answers",
     .config = QWEN3 ",\"model_type\":\"Qwen3-reranker\"",
     .tensors = {{"lm_head.weight", "F32", 2, {4, 8}}},
     .error = EINVAL,
     .text = "Qwen3ForCausalLM: a reranker without a token \"yes\""},
    {.what = "a reranker by its class",
     .config = "\"architectures\":[\"FooForSequenceClassification\"],\"text_config\":{" QWEN3
               ",\"model_type\":\"qwen3\",\"tie_word_embeddings\":true}",
     .tensors = {{"model.embed_tokens.weight", "F32", 2, {4, 8}}},
     .error = EINVAL,
     .text = "Qwen3ForCausalLM: a reranker without a token \"yes\""},
};

static int import_row(const struct row *row, enum type type, struct hf_import **import,
                      struct defect *defect, struct made *made)
{
    struct weights w = {.size = 0};
    char config[1024];

    made_start(made, "a-model");
    (void)snprintf(config, sizeof(config), "{%s}", row->config);
    made_text(made, "config.json", config);
    made_text(made, "tokenizer.json", TOKENS);
    for (size_t i = 0; i < 4 && row->tensors[i].name; i++)
        weights_add(&w, row->tensors[i].name, row->tensors[i].dtype, row->tensors[i].n_dims,
                    row->tensors[i].shape, strcmp(row->tensors[i].dtype, "F32") == 0 ? 4 : 2);
    if (!w.any)
        weights_add(&w, "model.embed_tokens.weight", "F32", 2, (uint64_t[]){4, 8}, 4);
    weights_end(&w, made);
    return hf_import_open(&made->directory, type, import, defect);
}

static void test_rows(void)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct hf_import *import = NULL;
        struct defect defect = {0};
        struct made made;
        int r = import_row(&rows[i], TYPE_F16, &import, &defect, &made);

        if (r != -rows[i].error || (r < 0 && strstr(defect.text, rows[i].text) != defect.text)) {
            (void)fprintf(stderr, "%s: %d %s\n", rows[i].what, r, defect.text);
            exit(1);
        }
        hf_import_free(import);
        made_end(&made);
    }
}

/* The type that loses nothing: of matrices, not of what is F32 in any case. */
static void test_own_type(void)
{
    static const struct {
        const char *a, *b;
        enum type type;
    } cases[] = {{"BF16", "BF16", TYPE_BF16},
                 {"F16", "F16", TYPE_F16},
                 {"F32", "F32", TYPE_F32},
                 {"BF16", "F16", TYPE_F32}};

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct row row = {.config = LLAMA,
                          .tensors = {{"lm_head.weight", cases[i].a, 2, {4, 8}},
                                      {"model.embed_tokens.weight", cases[i].b, 2, {4, 8}},
                                      {"model.norm.weight", "F32", 1, {8}}}};
        struct hf_import *import = NULL;
        struct defect defect = {0};
        struct made made;
        size_t count;

        CHECK_EQ(import_row(&row, TYPE_NONE, &import, &defect, &made), 0);
        CHECK_EQ(hf_import_type(import), cases[i].type);
        CHECK_EQ(hf_plan_outputs(hf_import_plan(import), &count)[0].type, cases[i].type);
        CHECK_EQ(count, 3);
        hf_import_free(import);
        made_end(&made);
    }
}

static void test_patterns(void)
{
    CHECK(hf_tensor_name_fits("a.12.b", "a.#.b") && !hf_tensor_name_fits("a.x.b", "a.#.b"));
    CHECK(!hf_tensor_name_fits("a..b", "a.#.b") && !hf_tensor_name_fits("a.1", "a.#.b"));
    CHECK(hf_tensor_name_fits("x.norm.weight", "*norm.weight"));
    CHECK(hf_tensor_name_fits("", "*") && !hf_tensor_name_fits("a", ""));
    CHECK(hf_tensor_name_fits("aXbXc", "a*b*c") && !hf_tensor_name_fits("aXbXd", "a*b*c"));
}

int main(void)
{
    test_rows();
    test_own_type();
    test_patterns();
    return 0;
}
