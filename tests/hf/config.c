/* If this fails, a model's parameters are not those that the reference converter takes for what its
 * config.json says or leaves out. */
#include "directory.h"
#include "quant/format/hf/config_defaults.h"
#include "quant/format/hf/config_json.h"

static struct hf_config *open_text(const char *text)
{
    struct hf_config *config = NULL;
    struct defect defect = {0};
    struct made made;
    int r;

    made_start(&made, "a-model");
    made_text(&made, "config.json", text);
    r = hf_config_open(&made.directory, &config, &defect);
    if (r < 0) {
        CHECK_EQ(r, -EINVAL);
        CHECK(strstr(defect.text, "config.json") == defect.text);
    }
    made_end(&made);
    return config;
}

static void check_count(const struct hf_config *config, const char *names, uint64_t expected)
{
    uint64_t value;

    CHECK(hf_config_count(config, names, &value));
    CHECK_EQ(value, expected);
}

static void check_real(const json_t *json, double expected)
{
    double value;

    CHECK(json_as_double(json, &value));
    CHECK(value == expected);
}

/* What the file says counts, then what the class has; null is as good as nothing, but where a class
 * has a constant the file's null stays. */
static void test_defaults(void)
{
    struct hf_config *config = open_text(
        "{\"architectures\":[\"LlamaForCausalLM\"],\"model_type\":\"llama\",\"hidden_size\":1536,"
        "\"num_attention_heads\":16,\"num_key_value_heads\":null,\"vocab_size\":null}");
    uint64_t value;

    CHECK(config);
    CHECK_STR(hf_config_architecture(config), "LlamaForCausalLM");
    CHECK_STR(hf_config_model_type(config), "llama");
    check_count(config, "n_embd hidden_size", 1536);
    check_count(config, "head_dim", 96);
    check_count(config, "num_key_value_heads", 16);
    check_count(config, "intermediate_size", 11008);
    CHECK(!hf_config_count(config, "vocab_size", &value));
    check_real(json_member(hf_config_rope(config), "rope_theta"), 10000);
    CHECK(!hf_config_rope_sliding(config));
    hf_config_free(config);

    config = open_text("{\"model_type\":\"qwen3\",\"head_dim\":null}");
    CHECK(config);
    CHECK(!hf_config_count(config, "head_dim", &value));
    check_count(config, "num_key_value_heads", 32);
    hf_config_free(config);

    config = open_text("{\"model_type\":\"of_no_class\",\"hidden_size\":3.5}");
    CHECK(config);
    CHECK(!hf_config_count(config, "num_hidden_layers", &value));
    CHECK(!hf_config_count(config, "hidden_size", &value));
    CHECK_STR(hf_config_architecture(config), "");
    hf_config_free(config);
}

/* The text part's members are the model's; its class fills them in. */
static void test_text_part(void)
{
    struct hf_config *config = open_text(
        "{\"architectures\":[\"Gemma3ForConditionalGeneration\"],\"model_type\":\"gemma3\","
        "\"hidden_size\":7,\"eos_token_id\":[1],\"text_config\":{\"hidden_size\":64,\"model_type\":"
        "\"gemma3_text\",\"rope_scaling\":{\"factor\":8.0,\"rope_type\":\"linear\"}}}");

    CHECK(config);
    CHECK_STR(hf_config_architecture(config), "Gemma3ForConditionalGeneration");
    check_count(config, "hidden_size", 64);
    check_count(config, "num_hidden_layers", 26);
    CHECK_STR(hf_config_layer_type(config, 4), "sliding_attention");
    CHECK_STR(hf_config_layer_type(config, 5), "full_attention");
    CHECK_STR(hf_config_layer_type(config, 26), "");
    check_real(json_member(hf_config_rope(config), "rope_theta"), 1000000);
    check_real(json_member(hf_config_rope(config), "factor"), 8);
    CHECK_STR(json_string_value(json_member(hf_config_rope(config), "rope_type")), "linear");
    check_real(json_member(hf_config_rope_sliding(config), "rope_theta"), 10000);
    CHECK(hf_config_text(config) && json_member(hf_config_root(config), "text_config"));
    hf_config_free(config);

    /* A class that nobody knows has no defaults for its parts either. */
    config = open_text("{\"model_type\":\"internvl_chat\",\"llm_config\":{\"model_type\":\"qwen2\","
                       "\"architectures\":[\"Qwen2ForCausalLM\"],\"hidden_size\":8}}");
    CHECK(config);
    CHECK_STR(hf_config_architecture(config), "Qwen2ForCausalLM");
    check_count(config, "hidden_size", 8);
    CHECK(!hf_config_get(config, "num_hidden_layers"));
    hf_config_free(config);
}

/* Parameters of the rope from wherever the file has them. */
static void test_rope(void)
{
    struct hf_config *config = open_text(
        "{\"model_type\":\"gpt_oss\",\"rope_theta\":5,\"rope_scaling\":{\"rope_type\":\"yarn\","
        "\"factor\":2}}");

    CHECK(config);
    check_real(json_member(hf_config_rope(config), "rope_theta"), 5);
    check_real(json_member(hf_config_rope(config), "factor"), 2);
    CHECK(!json_member(hf_config_rope(config), "beta_fast"));
    hf_config_free(config);

    config = open_text("{\"model_type\":\"gpt_oss\",\"rope_scaling\":null}");
    CHECK(config);
    check_real(json_member(hf_config_rope(config), "beta_fast"), 32);
    hf_config_free(config);

    config =
        open_text("{\"rope_parameters\":{\"full_attention\":{\"type\":\"yarn\",\"rope_theta\":1},"
                  "\"sliding_attention\":{\"rope_theta\":2}},\"rope_theta\":3}");
    CHECK(config);
    CHECK_STR(json_string_value(json_member(hf_config_rope(config), "rope_type")), "yarn");
    check_real(json_member(hf_config_rope(config), "rope_theta"), 1);
    check_real(json_member(hf_config_rope_sliding(config), "rope_theta"), 2);
    hf_config_free(config);
}

static const char *rope_type(const struct hf_config *config)
{
    return json_string_value(json_member(hf_config_rope(config), "rope_type"));
}

/* What classes of transformers make of a rope that the converter alone would read otherwise. */
static void test_rope_of_class(void)
{
    static const char both[] = "\"rope_parameters\":{\"rope_type\":\"linear\",\"factor\":2},"
                               "\"rope_scaling\":{\"type\":\"yarn\",\"factor\":4}}";
    struct hf_config *config;
    char text[256];

    (void)snprintf(text, sizeof(text), "{\"model_type\":\"llama\",%s", both);
    config = open_text(text);
    CHECK(config);
    CHECK_STR(rope_type(config), "yarn");
    check_real(json_member(hf_config_rope(config), "original_max_position_embeddings"), 2048);
    hf_config_free(config);
    (void)snprintf(text, sizeof(text), "{\"model_type\":\"of_no_class\",%s", both);
    config = open_text(text);
    CHECK(config);
    CHECK_STR(rope_type(config), "linear");
    hf_config_free(config);

    /* Where layers have two sets of parameters the older name of the type says nothing. */
    config = open_text("{\"model_type\":\"gemma3_text\",\"rope_scaling\":{\"type\":\"linear\","
                       "\"factor\":4}}");
    CHECK(config);
    CHECK_STR(rope_type(config), "default");
    check_real(json_member(hf_config_rope(config), "factor"), 4);
    hf_config_free(config);
    config = open_text("{\"model_type\":\"modernbert\",\"rope_scaling\":{\"rope_type\":"
                       "\"linear\",\"factor\":4}}");
    CHECK(config);
    check_real(json_member(hf_config_rope(config), "rope_theta"), 160000);
    check_real(json_member(hf_config_rope_sliding(config), "rope_theta"), 10000);
    check_real(json_member(hf_config_rope_sliding(config), "factor"), 4);
    hf_config_free(config);

    /* Phi 3's own context counts, another class's does not. */
    config = open_text("{\"model_type\":\"phi3\",\"original_max_position_embeddings\":5,"
                       "\"rope_scaling\":{\"type\":\"longrope\"}}");
    CHECK(config);
    check_real(json_member(hf_config_rope(config), "original_max_position_embeddings"), 5);
    hf_config_free(config);
    config = open_text("{\"model_type\":\"qwen3\",\"original_max_position_embeddings\":5,"
                       "\"max_position_embeddings\":6,\"rope_scaling\":{\"type\":\"yarn\"}}");
    CHECK(config);
    check_real(json_member(hf_config_rope(config), "original_max_position_embeddings"), 6);
    hf_config_free(config);
}

static void test_layers(void)
{
    struct hf_config *config = open_text(
        "{\"model_type\":\"qwen3_next\",\"num_hidden_layers\":6,\"full_attention_interval\":3}");

    CHECK(config);
    for (unsigned i = 0; i < 6; i++)
        CHECK_STR(hf_config_layer_type(config, i),
                  i % 3 == 2 ? "full_attention" : "linear_attention");
    hf_config_free(config);
    config = open_text("{\"model_type\":\"gemma4_text\",\"num_hidden_layers\":3}");
    CHECK(config);
    CHECK_STR(hf_config_layer_type(config, 1), "sliding_attention");
    CHECK_STR(hf_config_layer_type(config, 2), "full_attention"); /* the last one always */
    hf_config_free(config);
    config = open_text("{\"model_type\":\"gemma4_text\",\"num_hidden_layers\":4000000000}");
    CHECK(config);
    CHECK_STR(hf_config_layer_type(config, 0), "");
    hf_config_free(config);
}

/* Each line of the table can be read. */
static void test_table(void)
{
    static const char *const types[] = {"gpt_oss",    "ministral3", "apertus",         "bert",
                                        "t5",         "nemotron_h", "qwen3_vl_vision", "mistral4",
                                        "glm_moe_dsa"};
    json_t *values;

    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        CHECK(hf_config_known(types[i]));
        values = json_object();
        CHECK_EQ(hf_config_fill(values, types[i]), 0);
        CHECK(json_object_size(values) > 3);
        json_decref(values);
    }
    CHECK(hf_config_known("qwen3_vl") && hf_config_known("llava") && !hf_config_known("internlm2"));
    CHECK(!hf_config_known("falcon_h1")); /* the converter reads its file */
}

static void test_refused(void)
{
    static const char *const texts[] = {"", "[1]", "{", "{\"a\":1,\"a\":2}", "3"};

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        CHECK(!open_text(texts[i]));
}

int main(void)
{
    test_defaults();
    test_text_part();
    test_rope();
    test_rope_of_class();
    test_layers();
    test_table();
    test_refused();
    return 0;
}
