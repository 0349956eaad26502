/* Phi 2 to 4. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "quant/format/hf/arch.h"
#include "quant/format/hf/rope.h"

#define FACTORS_MAX 65536

static const char *rope_type(const struct hf_model *model)
{
    const char *type;
    size_t size;

    return json_as_text(json_member(hf_config_rope(model->config), "rope_type"), &type, &size)
               ? type
               : "";
}

static bool is_long(const char *type)
{
    return strcmp(type, "longrope") == 0 || strcmp(type, "su") == 0;
}

static int write_factors(struct hf_model *model, const char *member, const char *name)
{
    const json_t *list = json_member(hf_config_rope(model->config), member);
    size_t count = json_array_size(list);
    float *values;
    double value;
    int r = 0;

    if (count == 0 || count > FACTORS_MAX)
        return hf_model_refuse(model, "a rope of type %s without %s", rope_type(model), member);
    values = reallocarray(NULL, count, sizeof(*values));
    if (!values)
        return -ENOMEM;
    for (size_t i = 0; i < count && r == 0; i++) {
        if (!json_as_double(json_array_get(list, i), &value))
            r = hf_model_refuse(model, "%s has something that is no number", member);
        else
            values[i] = (float)value;
    }
    if (r == 0)
        r = hf_rope_write(model, name, values, count);
    free(values);
    return r;
}

static int factors(struct hf_model *model)
{
    int r;

    if (!is_long(rope_type(model)) && strcmp(rope_type(model), "yarn") != 0)
        return 0;
    r = write_factors(model, "long_factor", "rope_factors_long.weight");
    return r == 0 ? write_factors(model, "short_factor", "rope_factors_short.weight") : r;
}

/* How much longer the context is than the one that was trained. */
static int attention_factor(struct hf_model *model)
{
    const char *type = rope_type(model);
    uint64_t context, trained;
    double scale, factor = 1;
    int r;

    if (!is_long(type) && strcmp(type, "yarn") != 0)
        return 0;
    r = hf_need_count(model, "max_position_embeddings", &context);
    if (r == 0)
        r = hf_need_count(model, "original_max_position_embeddings", &trained);
    if (r == 0 && trained < 2)
        r = hf_model_refuse(model, "an original context of %" PRIu64, trained);
    if (r < 0)
        return r;
    scale = (double)context / (double)trained;
    if (scale > 1)
        factor = is_long(type) ? sqrt(1 + log(scale) / log((double)trained)) : 0.1 * log(scale) + 1;
    return hf_set_f32(model, "rope.scaling.attn_factor", factor);
}

static int rope_dimensions(struct hf_model *model)
{
    uint64_t hidden;
    double part = 1;
    int r = hf_need_count(model, "hidden_size n_embd", &hidden);

    if (r < 0)
        return r;
    (void)json_as_double(json_member(hf_config_rope(model->config), "partial_rotary_factor"),
                         &part);
    if (model->heads == 0 || hidden > UINT32_MAX || !(part >= 0 && part <= 1))
        return hf_model_refuse(model, "a rope without dimensions");
    return hf_set_u32(model, "rope.dimension_count",
                      (uint64_t)(part * (double)hidden) / model->heads);
}

static int theta(struct hf_model *model)
{
    double base;

    if (!json_as_double(json_member(hf_config_rope(model->config), "rope_theta"), &base))
        return hf_model_refuse(model, "no rope_theta");
    return hf_set_f32(model, "rope.freq_base", base);
}

static int window(struct hf_model *model)
{
    uint64_t size = 0;

    (void)hf_config_count(model->config, "sliding_window", &size);
    return hf_set_u32(model, "attention.sliding_window", size);
}

static const struct hf_key phi3_keys[] = {
    {HF_U32, "context_length", "max_position_embeddings n_positions", NULL},
    {HF_U32, "rope.scaling.original_context_length", "original_max_position_embeddings", NULL},
    {HF_U32, "embedding_length", "hidden_size n_embd", NULL},
    {HF_U32, "feed_forward_length", "intermediate_size", NULL},
    {.kind = HF_CALL, .call = hf_key_block_count},
    {HF_U32, "attention.head_count", "num_attention_heads n_head", NULL},
    {HF_U32, "attention.head_count_kv", "num_key_value_heads n_head_kv num_attention_heads", NULL},
    {HF_F32, "attention.layer_norm_rms_epsilon", "rms_norm_eps", NULL},
    {.kind = HF_CALL, .call = rope_dimensions},
    {.kind = HF_CALL, .call = theta},
    {.kind = HF_FILE_TYPE},
    {.kind = HF_CALL, .call = window},
    {.kind = HF_END},
};

static const struct hf_tensor_name fused_names[] = {
    {".self_attn.qkv_proj", ".attn_qkv"},
    {".self_attn.o_proj", ".attn_output"},
    {".mlp.gate_up_proj", ".ffn_up"},
    {".mlp.down_proj", ".ffn_down"},
    {NULL, NULL},
};

/* --- Phi 2 --------------------------------------------------------------------------------------
 */

static int four_times(struct hf_model *model)
{
    uint64_t hidden;
    int r = hf_need_count(model, "hidden_size n_embd", &hidden);

    return r == 0 ? hf_set_u32(model, "feed_forward_length",
                               hidden > UINT32_MAX ? UINT64_MAX : 4 * hidden)
                  : r;
}

/* Before all other keys of the tokenizer. */
static int no_bos(struct hf_model *model)
{
    return hf_kv_bool(model->kv, "tokenizer.ggml.add_bos_token", false);
}

static const struct hf_key phi2_keys[] = {
    {HF_U32, "context_length", "n_positions max_position_embeddings", NULL},
    {HF_U32, "embedding_length", "n_embd hidden_size", NULL},
    {.kind = HF_CALL, .call = four_times},
    {.kind = HF_CALL, .call = hf_key_block_count},
    {HF_U32, "attention.head_count", "num_attention_heads n_head", NULL},
    {HF_U32, "attention.head_count_kv", "num_attention_heads n_head", NULL},
    {HF_F32, "attention.layer_norm_epsilon", "layer_norm_epsilon layer_norm_eps", NULL},
    {.kind = HF_CALL, .call = rope_dimensions},
    {.kind = HF_FILE_TYPE},
    {.kind = HF_CALL, .call = no_bos},
    {.kind = HF_END},
};

static const struct hf_tensor_name phi2_names[] = {
    {"model.embed_tokens", "token_embd"},
    {"model.final_layernorm", "output_norm"},
    {"lm_head", "output"},
    {".input_layernorm", ".attn_norm"},
    {".self_attn.dense", ".attn_output"},
    {".mlp.fc1", ".ffn_up"},
    {".mlp.fc2", ".ffn_down"},
    {NULL, NULL},
};

const struct hf_arch hf_arch_phi[] = {
    {
        .name = "phi2",
        .classes = "PhiForCausalLM",
        .tokenizer = HF_TOKENIZER_PHI2,
        .keys = phi2_keys,
        .names = {phi2_names, hf_names_attention},
    },
    {
        .name = "phi3",
        .classes = "Phi3ForCausalLM",
        .tokenizer = HF_TOKENIZER_PHI3,
        .keys = phi3_keys,
        .names = {hf_names_ends, hf_names_norms, fused_names},
        .early = attention_factor,
        .extra = factors,
    },
    {.name = NULL},
};
