/* Falcon and Falcon-H1. */
#include <inttypes.h>
#include <string.h>

#include "quant/format/hf/arch.h"

/* --- Falcon -------------------------------------------------------------------------------------
 */

static int context(struct hf_model *model)
{
    return hf_set_u32(model, "context_length", 2048); /* of no member of the config */
}

static int layout(struct hf_model *model)
{
    return hf_set_string(model, "tensor_data_layout", "jploski");
}

static int four_times(struct hf_model *model)
{
    uint64_t hidden;
    int r = hf_need_count(model, "hidden_size", &hidden);

    return r == 0 ? hf_set_u32(model, "feed_forward_length",
                               hidden > UINT32_MAX ? UINT64_MAX : 4 * hidden)
                  : r;
}

static const struct hf_key falcon_keys[] = {
    {.kind = HF_CALL, .call = context},
    {.kind = HF_CALL, .call = layout},
    {HF_U32, "embedding_length", "hidden_size", NULL},
    {.kind = HF_CALL, .call = four_times},
    {.kind = HF_CALL, .call = hf_key_block_count},
    {HF_U32, "attention.head_count", "num_attention_heads n_head", NULL},
    {HF_U32, "attention.head_count_kv", "num_kv_heads n_head_kv", NULL},
    {HF_F32, "attention.layer_norm_epsilon", "layer_norm_epsilon", NULL},
    {.kind = HF_FILE_TYPE},
    {.kind = HF_END},
};

static const struct hf_tensor_name falcon_names[] = {
    {"transformer.word_embeddings", "token_embd"},
    {"transformer.ln_f", "output_norm"},
    {"lm_head", "output"},
    {"transformer.h.#.input_layernorm", "blk.#.attn_norm"},
    {"transformer.h.#.ln_mlp", "blk.#.attn_norm"},
    {"transformer.h.#.ln_attn", "blk.#.attn_norm_2"},
    {"transformer.h.#.self_attention.query_key_value", "blk.#.attn_qkv"},
    {"transformer.h.#.self_attention.dense", "blk.#.attn_output"},
    {"transformer.h.#.mlp.dense_h_to_4h", "blk.#.ffn_up"},
    {"transformer.h.#.mlp.dense_4h_to_h", "blk.#.ffn_down"},
    {NULL, NULL},
};

/* With one head of keys for all and none in the config, the converter fails on what its class fills
 * in (import-2.md 6): the tensors' shapes would tell that it is wrong. */
static int falcon_heads(const struct hf_model *model, uint64_t *kv_heads)
{
    int r = hf_need_count(model, "num_kv_heads n_head_kv", kv_heads);

    if (r == 0 && (*kv_heads == 0 || model->heads % *kv_heads != 0 || model->heads > UINT32_MAX))
        r = hf_model_refuse(model, "%" PRIu64 " heads of queries and %" PRIu64 " of keys",
                            model->heads, *kv_heads);
    return r;
}

/* Rows [first, first + count) of each of the groups, which have `group` rows. */
static int add_rows(struct hf_model *model, const struct hf_source *source, uint64_t group,
                    uint64_t first, uint64_t count)
{
    struct hf_slice slice = hf_whole(model->weights, source->tensor);

    if (!hf_split(&slice, 0, group))
        return hf_source_refuse(model, source, "its rows are not those of the heads");
    hf_narrow(&slice, 1, first, count, 1);
    return hf_add_slice(model, &slice);
}

/* Queries with their key and value, group by group: all queries, then all keys, then all values. */
static int regroup(struct hf_model *model, const struct hf_source *source)
{
    const struct hf_tensor *stored = source->stored;
    uint64_t kv_heads, queries, size;
    int r = falcon_heads(model, &kv_heads);

    if (r < 0)
        return r;
    queries = model->heads / kv_heads;
    size = stored->shape[0] / (model->heads + 2 * kv_heads);
    if (stored->n_dims < 1 || stored->n_dims > 2 || size == 0 ||
        stored->shape[0] != size * (model->heads + 2 * kv_heads))
        return hf_source_refuse(model, source, "its rows are not those of the heads");
    r = hf_begin_named(model, source, source->name, stored->n_dims, stored->shape);
    if (r == 0)
        r = add_rows(model, source, (queries + 2) * size, 0, queries * size);
    if (r == 0)
        r = add_rows(model, source, (queries + 2) * size, queries * size, size);
    return r == 0 ? add_rows(model, source, (queries + 2) * size, (queries + 1) * size, size) : r;
}

static const struct hf_rule falcon_rules[] = {
    {"*.query_key_value.*", regroup},
    {NULL, NULL},
};

/* --- Falcon-H1 ----------------------------------------------------------------------------------
 */

static int rank(struct hf_model *model)
{
    uint64_t inner, size;
    int r = hf_need_count(model, "mamba_d_ssm", &inner);

    if (r == 0)
        r = hf_need_count(model, "mamba_d_head", &size);
    if (r == 0 && size == 0)
        r = hf_model_refuse(model, "mamba_d_head is 0");
    return r == 0 ? hf_set_u32(model, "ssm.time_step_rank", inner / size) : r;
}

static int key_lengths(struct hf_model *model)
{
    uint64_t size;
    int r = hf_head_size(model, &size);

    if (r == 0)
        r = hf_set_u32(model, "attention.key_length", size);
    return r == 0 ? hf_set_u32(model, "attention.value_length", size) : r;
}

static int theta(struct hf_model *model)
{
    double base;

    if (!json_as_double(json_member(hf_config_rope(model->config), "rope_theta"), &base))
        return hf_model_refuse(model, "no rope_theta");
    return hf_set_f32(model, "rope.freq_base", base);
}

static const struct hf_key h1_keys[] = {
    {HF_U32, "context_length", "max_position_embeddings", NULL},
    {HF_U32, "embedding_length", "hidden_size", NULL},
    {HF_U32, "feed_forward_length", "intermediate_size", NULL},
    {HF_U32, "attention.head_count", "num_attention_heads", NULL},
    {.kind = HF_CALL, .call = hf_key_block_count},
    {HF_U32, "ssm.conv_kernel", "mamba_d_conv", NULL},
    {HF_U32, "ssm.inner_size", "mamba_d_ssm", NULL},
    {HF_U32, "ssm.state_size", "mamba_d_state", NULL},
    {.kind = HF_CALL, .call = rank},
    {HF_U32, "ssm.group_count", "mamba_n_groups", NULL},
    {HF_F32, "attention.layer_norm_rms_epsilon", "rms_norm_eps", NULL},
    {.kind = HF_FILE_TYPE},
    {HF_U32, "vocab_size", "vocab_size", NULL},
    {HF_U32, "attention.head_count_kv", "num_key_value_heads", NULL},
    {.kind = HF_CALL, .call = key_lengths},
    {.kind = HF_CALL, .call = theta},
    {.kind = HF_END},
};

static const struct hf_tensor_name h1_names[] = {
    {"model.embed_tokens", "token_embd"},
    {"model.final_layernorm", "output_norm"},
    {"lm_head", "output"},
    {".input_layernorm", ".attn_norm"},
    {".pre_ff_layernorm.weight", ".ffn_norm"},
    {".feed_forward.gate_proj", ".ffn_gate"},
    {".feed_forward.up_proj", ".ffn_up"},
    {".feed_forward.down_proj", ".ffn_down"},
    {".mamba.A_log", ".ssm_a"},
    {".mamba.D", ".ssm_d"},
    {".mamba.conv1d", ".ssm_conv1d"},
    {".mamba.dt_bias", ".ssm_dt.bias"},
    {".mamba.in_proj", ".ssm_in"},
    {".mamba.out_proj", ".ssm_out"},
    {".mamba.norm", ".ssm_norm"},
    {NULL, NULL},
};

/* A multiplier of the config, or one (`i`) of a list of them; 1 where there is none. */
static float multiplier(const struct hf_model *model, const char *name, size_t i)
{
    const json_t *value = hf_config_get(model->config, name);
    double factor;

    if (json_is_array(value))
        value = json_array_get(value, i);
    return json_as_double(value, &factor) ? (float)factor : 1.0F;
}

/* Multipliers become part of the weights (import-2.md 2.2). */
static int fold(struct hf_model *model, const struct hf_source *source)
{
    static const struct {
        const char *pattern, *name;
        size_t i;
    } table[] = {
        {"*.down_proj.*", "mlp_multipliers", 1},
        {"*.gate_proj.*", "mlp_multipliers", 0},
        {"*.q_proj.*", "attention_in_multiplier", 0},
        {"*.v_proj.*", "attention_in_multiplier", 0},
        {"*.o_proj.*", "attention_out_multiplier", 0},
        {"*.mamba.out_proj.*", "ssm_out_multiplier", 0},
        {"lm_head.*", "lm_head_multiplier", 0},
        {"*embed_tokens.*", "embedding_multiplier", 0},
    };

    if (hf_tensor_name_fits(source->name, "*.k_proj.*"))
        return hf_rule_scale(model, source, multiplier(model, "key_multiplier", 0),
                             multiplier(model, "attention_in_multiplier", 0));
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        if (hf_tensor_name_fits(source->name, table[i].pattern))
            return hf_rule_scale(model, source, multiplier(model, table[i].name, table[i].i), 1);
    return hf_source_refuse(model, source, "no multiplier belongs to it");
}

/* Five ranges of rows with a multiplier each, besides one that all have. */
static int fold_in(struct hf_model *model, const struct hf_source *source)
{
    const struct hf_tensor *stored = source->stored;
    uint64_t inner, groups, state, ends[5], first = 0;
    struct hf_slice slice;
    int r = hf_need_count(model, "mamba_d_ssm", &inner);

    if (r == 0)
        r = hf_need_count(model, "mamba_n_groups", &groups);
    if (r == 0)
        r = hf_need_count(model, "mamba_d_state", &state);
    if (r < 0)
        return r;
    if (inner > UINT32_MAX || groups > UINT16_MAX || state > UINT16_MAX ||
        2 * (inner + groups * state) > stored->shape[0] || stored->n_dims < 1)
        return hf_source_refuse(model, source, "its rows are not those of the model's states");
    ends[0] = inner;
    ends[1] = 2 * inner;
    ends[2] = 2 * inner + groups * state;
    ends[3] = 2 * (inner + groups * state);
    ends[4] = stored->shape[0];
    r = hf_begin_named(model, source, source->name, stored->n_dims, stored->shape);
    for (size_t i = 0; i < 5 && r == 0; first = ends[i++]) {
        slice = hf_rows(model->weights, source->tensor, first, ends[i] - first);
        slice.steps[0] = (struct hf_step){HF_SCALE, multiplier(model, "ssm_in_multiplier", 0)};
        slice.steps[1] = (struct hf_step){HF_SCALE, multiplier(model, "ssm_multipliers", i)};
        r = hf_add_slice(model, &slice);
    }
    return r;
}

static const struct hf_rule h1_rules[] = {
    {"*.mamba.in_proj.*", fold_in},
    {"*.mamba.A_log", hf_rule_mamba_decay},
    {"*.mamba.D", hf_rule_mamba_skip},
    {"*.mamba.conv1d.weight", hf_rule_squeeze},
    {"*.mamba.norm.weight", hf_rule_mamba_norm},
    {"*.down_proj.*", fold},
    {"*.gate_proj.*", fold},
    {"*.q_proj.*", fold},
    {"*.k_proj.*", fold},
    {"*.v_proj.*", fold},
    {"*.o_proj.*", fold},
    {"*.mamba.out_proj.*", fold},
    {"lm_head.*", fold},
    {"*embed_tokens.*", fold},
    {NULL, NULL},
};

const struct hf_arch hf_arch_falcon[] = {
    {
        .name = "falcon",
        .classes = "FalconForCausalLM RWForCausalLM",
        .tokenizer = HF_TOKENIZER_BPE,
        .keys = falcon_keys,
        .names = {falcon_names},
        .rules = falcon_rules,
    },
    {
        .name = "falcon-h1",
        .classes = "FalconH1ForCausalLM",
        .tokenizer = HF_TOKENIZER_BPE,
        .keys = h1_keys,
        .names = {h1_names, hf_names_attention},
        .rules = h1_rules,
    },
    {.name = NULL},
};
