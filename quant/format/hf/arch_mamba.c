/* Layers of Mamba 2: Granite hybrids, Nemotron-H, Falcon-H1. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "quant/format/hf/arch.h"

/* Of a model that has such layers, whatever the file says. */
#define LONG_CONTEXT 1048576

/* --- tensors of a Mamba 2 layer (import-2.md 2.3) -----------------------------------------------
 */

#define MAMBA_NAMES(prefix)                                                                        \
    {prefix ".A_log", ".ssm_a"}, {prefix ".D", ".ssm_d"}, {prefix ".conv1d", ".ssm_conv1d"},       \
        {prefix ".dt_bias", ".ssm_dt.bias"}, {prefix ".in_proj", ".ssm_in"},                       \
        {prefix ".out_proj", ".ssm_out"},                                                          \
    {                                                                                              \
        prefix ".norm", ".ssm_norm"                                                                \
    }

/* One value for each head, as a column. */
static int column(struct hf_model *model, const struct hf_source *source, enum hf_math math)
{
    if (source->stored->n_dims != 1)
        return hf_source_refuse(model, source, "no list");
    return hf_write_shaped(model, source, source->name, 2,
                           (uint64_t[]){source->stored->shape[0], 1}, math);
}

int hf_rule_mamba_decay(struct hf_model *model, const struct hf_source *source)
{
    return column(model, source, HF_NEG_EXP);
}

int hf_rule_mamba_skip(struct hf_model *model, const struct hf_source *source)
{
    return column(model, source, HF_AS_IS);
}

/* A row for each group. */
int hf_rule_mamba_norm(struct hf_model *model, const struct hf_source *source)
{
    uint64_t groups, size = source->stored->shape[0];
    int r = hf_need_count(model, "mamba_n_groups n_groups", &groups);

    if (r == 0 && (source->stored->n_dims != 1 || groups == 0 || size % groups != 0))
        r = hf_source_refuse(model, source, "its length is not that of the groups");
    return r == 0 ? hf_write_shaped(model, source, source->name, 2,
                                    (uint64_t[]){groups, size / groups}, HF_AS_IS)
                  : r;
}

#define MAMBA_RULES                                                                                \
    {"*.A_log", hf_rule_mamba_decay}, {"*.D", hf_rule_mamba_skip},                                 \
    {                                                                                              \
        "*.conv1d.weight", hf_rule_squeeze                                                         \
    }

/* --- Granite ------------------------------------------------------------------------------------
 */

static bool has_mamba(const struct hf_config *config)
{
    uint64_t layers = 0;

    (void)hf_config_count(config, "num_hidden_layers", &layers);
    for (uint64_t i = 0; i < layers && i < HF_LAYERS_MAX; i++)
        if (strcmp(hf_config_layer_type(config, i), "mamba") == 0)
            return true;
    return false;
}

static bool has_no_experts(const struct hf_config *config)
{
    uint64_t count = 0;

    (void)hf_config_count(config, "num_experts_per_tok", &count);
    return count == 0;
}

/* The layers that are not Mamba's have heads of keys. */
static int hybrid_heads(struct hf_model *model)
{
    int r = has_mamba(model->config) ? hf_set_u32(model, "context_length", LONG_CONTEXT) : 0;

    return r == 0 ? hf_set_u32_of(model, "attention.head_count_kv", "mamba", 0, model->kv_heads)
                  : r;
}

static int hybrid_inner(struct hf_model *model)
{
    uint64_t expand, hidden;
    int r = hf_need_count(model, "mamba_expand", &expand);

    if (r == 0)
        r = hf_need_count(model, "hidden_size", &hidden);
    if (r == 0 && __builtin_mul_overflow(expand, hidden, &hidden))
        hidden = UINT64_MAX;
    return r == 0 ? hf_set_u32(model, "ssm.inner_size", hidden) : r;
}

static int hybrid_finetuned(struct hf_model *model)
{
    return hf_set_bool(model, "rope.scaling.finetuned", !has_mamba(model->config));
}

static int shared_length(struct hf_model *model)
{
    uint64_t size = 0;

    (void)hf_config_count(model->config, "shared_intermediate_size", &size);
    return size > 0 ? hf_set_u32(model, "expert_shared_feed_forward_length", size) : 0;
}

#define GRANITE_BASE                                                                               \
    {                                                                                              \
        .kind = HF_BASE, .from = "attention.key_length attention.value_length"                     \
    }

#define GRANITE_KEYS                                                                               \
    {HF_U32, "vocab_size", "vocab_size", NULL}, {.kind = HF_CALL, .call = hf_key_rope_of_hidden},  \
        {HF_F32_NONZERO, "attention.scale", "attention_multiplier", NULL},                         \
        {HF_F32_NONZERO, "embedding_scale", "embedding_multiplier", NULL},                         \
        {HF_F32_NONZERO, "residual_scale", "residual_multiplier", NULL},                           \
        {HF_F32_NONZERO, "logit_scale", "logits_scaling", NULL},                                   \
    {                                                                                              \
        .kind = HF_CALL, .call = shared_length                                                     \
    }

#define HYBRID_KEYS                                                                                \
    {HF_U32, "ssm.conv_kernel", "mamba_d_conv", NULL},                                             \
        {HF_U32, "ssm.state_size", "mamba_d_state", NULL},                                         \
        {HF_U32, "ssm.group_count", "mamba_n_groups", NULL},                                       \
        {.kind = HF_CALL, .call = hybrid_inner},                                                   \
    {                                                                                              \
        HF_U32, "ssm.time_step_rank", "mamba_n_heads", NULL                                        \
    }

static const struct hf_key granitemoe_keys[] = {GRANITE_BASE, GRANITE_KEYS, {.kind = HF_END}};

static const struct hf_key hybrid_keys[] = {
    GRANITE_BASE, {.kind = HF_CALL, .call = hybrid_heads},     GRANITE_KEYS,
    HYBRID_KEYS,  {.kind = HF_CALL, .call = hybrid_finetuned}, {.kind = HF_END},
};

static const struct hf_tensor_name expert_names[] = {
    {".block_sparse_moe.router.layer", ".ffn_gate_inp"},
    {".block_sparse_moe.gate", ".ffn_gate_exps"},
    {".block_sparse_moe.up", ".ffn_up_exps"},
    {".block_sparse_moe.output_linear", ".ffn_down_exps"},
    {".shared_mlp.gate", ".ffn_gate_shexp"},
    {".shared_mlp.up", ".ffn_up_shexp"},
    {".shared_mlp.output_linear", ".ffn_down_shexp"},
    {NULL, NULL},
};

/* The same MLP is that of a layer where there are no experts. */
static const struct hf_tensor_name dense_names[] = {
    {".shared_mlp.gate", ".ffn_gate"},
    {".shared_mlp.up", ".ffn_up"},
    {".shared_mlp.output_linear", ".ffn_down"},
    {NULL, NULL},
};

static const struct hf_tensor_name mamba_names[] = {MAMBA_NAMES(".mamba"), {NULL, NULL}};

/* The first half of the rows is gate's, the second one up's. */
static int split_linear(struct hf_model *model, const struct hf_source *source)
{
    static const char *const parts[] = {"gate", "up"};
    const struct hf_tensor *stored = source->stored;
    const char *at = strstr(source->name, "input_linear");
    unsigned axis = stored->n_dims - 2;
    uint64_t shape[3] = {stored->shape[0], stored->shape[1], stored->shape[2]};
    struct hf_slice slice;
    char name[HF_NAME_MAX];
    int r = 0;

    if (!at || stored->n_dims < 2 || stored->n_dims > 3 || stored->shape[axis] % 2 != 0)
        return hf_source_refuse(model, source, "no rows of gate and up");
    shape[axis] /= 2;
    for (unsigned i = 0; i < 2 && r == 0; i++) {
        slice = hf_whole(model->weights, source->tensor);
        hf_narrow(&slice, axis, i * shape[axis], shape[axis], 1);
        (void)snprintf(name, sizeof(name), "%.*s%s.weight", (int)(at - source->name), source->name,
                       parts[i]);
        r = hf_begin_named(model, source, name, stored->n_dims, shape);
        if (r == 0)
            r = hf_add_slice(model, &slice);
    }
    return r;
}

static const struct hf_rule granite_rules[] = {
    {"*.q_proj.*", hf_rule_permute_q},
    {"*.k_proj.*", hf_rule_permute_k},
    {"*.input_linear.weight", split_linear},
    {"*.mamba.norm.weight", hf_rule_mamba_norm},
    MAMBA_RULES,
    {NULL, NULL},
};

/* --- Bamba --------------------------------------------------------------------------------------
 */

static bool attends(const struct hf_model *model, uint64_t layer)
{
    const json_t *layers = hf_config_get(model->config, "attn_layer_indices");
    uint64_t number;

    for (size_t i = 0; i < json_array_size(layers); i++)
        if (json_as_u64(json_array_get(layers, i), &number) && number == layer)
            return true;
    return false;
}

static int bamba_begin(struct hf_model *model)
{
    uint64_t count = 0;

    for (uint64_t i = 0; i < model->layers; i++)
        count += attends(model, i);
    if (count == 0 || count == model->layers)
        return hf_model_refuse_kind(model, "attn_layer_indices has none of its layers or all");
    return 0;
}

static int bamba_heads(struct hf_model *model)
{
    int32_t *values = reallocarray(NULL, (size_t)model->layers + 1, sizeof(*values));
    int r = values ? 0 : -ENOMEM;

    if (r == 0 && model->kv_heads > INT32_MAX)
        r = hf_model_refuse(model, "too many heads");
    for (uint64_t i = 0; i < model->layers && r == 0; i++)
        values[i] = attends(model, i) ? (int32_t)model->kv_heads : 0;
    if (r == 0)
        r = hf_kv_i32s(model->kv, "granitehybrid.attention.head_count_kv", values,
                       (size_t)model->layers);
    free(values);
    return r;
}

static int bamba_rope(struct hf_model *model)
{
    uint64_t size = 0;

    (void)hf_config_count(model->config, "attn_rotary_emb", &size);
    return size > 0 ? hf_set_u32(model, "rope.dimension_count", size) : 0;
}

/* Unlike Granite's, its attention has a rope. */
static int finetuned(struct hf_model *model)
{
    return hf_set_bool(model, "rope.scaling.finetuned", true);
}

static const struct hf_key bamba_keys[] = {
    GRANITE_BASE,     {.kind = HF_CALL, .call = bamba_heads},
    GRANITE_KEYS,     {.kind = HF_CALL, .call = bamba_rope},
    HYBRID_KEYS,      {.kind = HF_CALL, .call = finetuned},
    {.kind = HF_END},
};

static const struct hf_tensor_name bamba_names[] = {
    {"model.final_layernorm", "output_norm"},
    {".input_layernorm", ".attn_norm"},
    {".pre_ff_layernorm", ".ffn_norm"},
    {".feed_forward.gate_proj", ".ffn_gate"},
    {".feed_forward.up_proj", ".ffn_up"},
    {".feed_forward.down_proj", ".ffn_down"},
    {NULL, NULL},
};

/* --- Nemotron-H ---------------------------------------------------------------------------------
 */

/* Of a layer: M mamba, * attention, - MLP, E experts. 0: no such layer. */
static char block_of(const struct hf_config *config, uint64_t layer)
{
    static const char *const words[] = {"mamba", "attention", "mlp", "moe"};
    static const char letters[] = "M*-E";
    const json_t *pattern = hf_config_get(config, "hybrid_override_pattern"), *types;
    const char *text;
    size_t size;

    if (json_as_text(pattern, &text, &size))
        return layer < size ? text[layer] : 0;
    types = json_is_array(pattern) ? pattern : hf_config_get(config, "layers_block_type");
    if (!json_as_text(json_array_get(types, (size_t)layer), &text, &size))
        return 0;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (strcmp(words[i], text) == 0)
            return letters[i];
    return 0;
}

static bool has_experts(const struct hf_config *config)
{
    char block;

    for (uint64_t i = 0; i < HF_LAYERS_MAX && (block = block_of(config, i)) != 0; i++)
        if (block == 'E')
            return true;
    return false;
}

static bool has_blocks(const struct hf_config *config)
{
    return block_of(config, 0) != 0;
}

static int nemotron_begin(struct hf_model *model)
{
    uint64_t layers = 0, next = 0;

    while (layers < HF_LAYERS_MAX && block_of(model->config, layers) != 0)
        layers++;
    (void)hf_config_count(model->config, "num_nextn_predict_layers", &next);
    if (next > 0)
        return hf_model_refuse_kind(model, "layers that predict more tokens are not supported");
    model->layers = model->hidden_layers = layers;
    return 0;
}

/* A key for each layer: `value` where the layer is such a block. */
static int set_blocks(struct hf_model *model, const char *key, char block, uint64_t value)
{
    int32_t *values = reallocarray(NULL, (size_t)model->layers + 1, sizeof(*values));
    char text[96];
    int r = values ? 0 : -ENOMEM;

    if (r == 0 && value > INT32_MAX)
        r = hf_model_refuse(model, "%s is %" PRIu64, key, value);
    for (uint64_t i = 0; i < model->layers && r == 0; i++)
        values[i] = block_of(model->config, i) == block ? (int32_t)value : 0;
    (void)snprintf(text, sizeof(text), "%s.%s", model->arch->name, key);
    if (r == 0)
        r = hf_kv_i32s(model->kv, text, values, (size_t)model->layers);
    free(values);
    return r;
}

static int nemotron_sizes(struct hf_model *model)
{
    bool experts = has_experts(model->config);
    uint64_t size;
    int r = hf_need_count(model, experts ? "moe_intermediate_size" : "intermediate_size", &size);

    if (r == 0)
        r = hf_set_u32(model, "context_length", LONG_CONTEXT);
    if (r == 0)
        r = set_blocks(model, "feed_forward_length", experts ? 'E' : '-', size);
    return r == 0 ? set_blocks(model, "attention.head_count_kv", '*', model->kv_heads) : r;
}

static int nemotron_inner(struct hf_model *model)
{
    uint64_t heads, size;
    int r = hf_need_count(model, "mamba_num_heads", &heads);

    if (r == 0)
        r = hf_need_count(model, "mamba_head_dim", &size);
    if (r == 0 && __builtin_mul_overflow(heads, size, &size))
        size = UINT64_MAX;
    return r == 0 ? hf_set_u32(model, "ssm.inner_size", size) : r;
}

static int not_finetuned(struct hf_model *model)
{
    return hf_set_bool(model, "rope.scaling.finetuned", false);
}

static int nemotron_norm(struct hf_model *model)
{
    return hf_set_bool(model, "expert_weights_norm",
                       hf_config_true(model->config, "norm_topk_prob"));
}

#define NEMOTRON_KEYS                                                                              \
    {.kind = HF_CALL, .call = nemotron_sizes}, {HF_U32, "vocab_size", "vocab_size", NULL},         \
        {.kind = HF_CALL, .call = hf_key_rope_of_hidden},                                          \
        {HF_U32, "ssm.conv_kernel", "conv_kernel", NULL},                                          \
        {HF_U32, "ssm.state_size", "ssm_state_size", NULL},                                        \
        {HF_U32, "ssm.group_count", "n_groups", NULL}, {.kind = HF_CALL, .call = nemotron_inner},  \
        {HF_U32, "ssm.time_step_rank", "mamba_num_heads", NULL},                                   \
        {.kind = HF_CALL, .call = not_finetuned},                                                  \
        {HF_U32, "attention.key_length", "head_dim attention_head_dim", NULL},                     \
    {                                                                                              \
        HF_U32, "attention.value_length", "head_dim attention_head_dim", NULL                      \
    }

/* The class has defaults for experts that a dense model does not have (import-2.md 6). */
static const struct hf_key nemotron_keys[] = {
    {.kind = HF_BASE,
     .from = "attention.key_length attention.value_length expert_count expert_used_count "
             "expert_group_count expert_group_used_count"},
    NEMOTRON_KEYS,
    {.kind = HF_END},
};

static const struct hf_key nemotron_moe_keys[] = {
    {.kind = HF_BASE, .from = "attention.key_length attention.value_length"},
    NEMOTRON_KEYS,
    {HF_U32, "expert_feed_forward_length", "moe_intermediate_size", NULL},
    {HF_U32, "expert_shared_feed_forward_length", "moe_shared_expert_intermediate_size", NULL},
    {HF_U32, "expert_shared_count", "n_shared_experts", NULL},
    {.kind = HF_CALL, .call = nemotron_norm},
    {HF_F32, "expert_weights_scale", "routed_scaling_factor", NULL},
    {HF_U32_IF, "moe_latent_size", "moe_latent_size", NULL},
    {.kind = HF_END},
};

static const struct hf_tensor_name nemotron_names[] = {
    {"model.embeddings", "token_embd"},
    {"model.norm_f", "output_norm"},
    {"lm_head", "output"},
    {".norm", ".attn_norm"},
    MAMBA_NAMES(".mixer"),
    {".mixer.q_proj", ".attn_q"},
    {".mixer.k_proj", ".attn_k"},
    {".mixer.v_proj", ".attn_v"},
    {".mixer.o_proj", ".attn_output"},
    {".mixer.up_proj", ".ffn_up"},
    {".mixer.down_proj", ".ffn_down"},
    {".mixer.gate", ".ffn_gate_inp"},
    {".mixer.gate.e_score_correction", ".exp_probs_b"},
    {".mixer.experts.up_proj", ".ffn_up_exps"},
    {".mixer.experts.down_proj", ".ffn_down_exps"},
    {".mixer.shared_experts.up_proj", ".ffn_up_shexp"},
    {".mixer.shared_experts.down_proj", ".ffn_down_shexp"},
    {NULL, NULL},
};

static const struct hf_stack nemotron_stack = {"model.layers.#.mixer.experts.",
                                               {"down_proj", "up_proj"}};

static const struct hf_rule nemotron_rules[] = {
    {"*.mixer.q_proj.*", hf_rule_permute_q},
    {"*.mixer.k_proj.*", hf_rule_permute_k},
    {"*.mixer.norm.weight", hf_rule_mamba_norm},
    MAMBA_RULES,
    {NULL, NULL},
};

static bool nemotron_rename(const struct hf_model *model, char name[HF_NAME_MAX])
{
    static const char from[] = "backbone.", to[] = "model.";

    (void)model;
    if (strncmp(name, from, strlen(from)) == 0) {
        memmove(name + strlen(to), name + strlen(from), strlen(name + strlen(from)) + 1);
        memcpy(name, to, strlen(to));
    }
    return true;
}

const struct hf_arch hf_arch_mamba[] = {
    {
        .name = "granitemoe",
        .classes = "GraniteMoeForCausalLM GraniteMoeSharedForCausalLM",
        .tokenizer = HF_TOKENIZER_LLAMA,
        .pre = "refact",
        .keys = granitemoe_keys,
        .names = {hf_names_ends, hf_names_attention, hf_names_norms, expert_names},
        .rules = granite_rules,
    },
    {
        .name = "granitehybrid",
        .classes = "GraniteMoeHybridForCausalLM",
        .fits = has_mamba,
        .tokenizer = HF_TOKENIZER_SPM_OR_BPE,
        .pre = "refact",
        .vocab_multiple = 8,
        .keys = hybrid_keys,
        .names = {hf_names_ends, hf_names_attention, hf_names_norms, mamba_names, expert_names},
        .rules = granite_rules,
    },
    {
        .name = "granite",
        .classes = "GraniteMoeHybridForCausalLM",
        .fits = has_no_experts,
        .tokenizer = HF_TOKENIZER_SPM_OR_BPE,
        .pre = "refact",
        .keys = hybrid_keys,
        .names = {hf_names_ends, hf_names_attention, hf_names_norms, dense_names},
        .rules = granite_rules,
    },
    {
        .name = "granitemoe",
        .classes = "GraniteMoeHybridForCausalLM",
        .tokenizer = HF_TOKENIZER_SPM_OR_BPE,
        .pre = "refact",
        .keys = hybrid_keys,
        .names = {hf_names_ends, hf_names_attention, hf_names_norms, expert_names},
        .rules = granite_rules,
    },
    {
        .name = "granitehybrid",
        .classes = "BambaForCausalLM",
        .tokenizer = HF_TOKENIZER_SPM_OR_BPE,
        .vocab_multiple = 8,
        .keys = bamba_keys,
        .names = {hf_names_ends, hf_names_attention, mamba_names, bamba_names},
        .rules = granite_rules,
        .begin = bamba_begin,
    },
    {
        .name = "nemotron_h_moe",
        .classes = "NemotronHForCausalLM",
        .fits = has_experts,
        .tokenizer = HF_TOKENIZER_BPE,
        .vocab_multiple = 8,
        .keys = nemotron_moe_keys,
        .names = {nemotron_names},
        .rules = nemotron_rules,
        .stack = &nemotron_stack,
        .begin = nemotron_begin,
        .rename = nemotron_rename,
    },
    {
        .name = "nemotron_h",
        .classes = "NemotronHForCausalLM",
        .fits = has_blocks,
        .tokenizer = HF_TOKENIZER_BPE,
        .vocab_multiple = 8,
        .keys = nemotron_keys,
        .names = {nemotron_names},
        .rules = nemotron_rules,
        .begin = nemotron_begin,
        .rename = nemotron_rename,
    },
    {.name = NULL},
};
