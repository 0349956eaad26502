/* DeepSeek, Kimi, the later GLMs, Mistral 4: latent attention. */
#include <stdlib.h>
#include <string.h>

#include "quant/format/hf/arch.h"

/* --- keys ---------------------------------------------------------------------------------------
 */

struct latent {
    uint64_t rank, nope, rope, value;
};

static int latent_of(const struct hf_model *model, struct latent *latent)
{
    int r = hf_need_count(model, "kv_lora_rank", &latent->rank);

    if (r == 0)
        r = hf_need_count(model, "qk_nope_head_dim", &latent->nope);
    if (r == 0)
        r = hf_need_count(model, "qk_rope_head_dim", &latent->rope);
    if (r == 0)
        r = hf_need_count(model, "v_head_dim", &latent->value);
    if (r == 0 && (latent->rank > UINT32_MAX || latent->nope > UINT32_MAX ||
                   latent->rope > UINT32_MAX || latent->value > UINT32_MAX))
        r = hf_model_refuse(model, "ranks of attention that are too large");
    return r;
}

static int one_kv_head(struct hf_model *model)
{
    return hf_set_u32(model, "attention.head_count_kv", 1);
}

static int lengths(struct hf_model *model)
{
    struct latent latent = {0};
    int r = latent_of(model, &latent);

    if (r == 0)
        r = hf_set_u32(model, "attention.key_length", latent.rank + latent.rope);
    if (r == 0)
        r = hf_set_u32(model, "attention.value_length", latent.rank);
    if (r == 0)
        r = hf_set_u32(model, "attention.key_length_mla", latent.nope + latent.rope);
    return r == 0 ? hf_set_u32(model, "attention.value_length_mla", latent.value) : r;
}

static int multiplier(struct hf_model *model)
{
    double scale;

    if (!json_as_double(json_member(hf_config_rope(model->config), "mscale_all_dim"), &scale))
        return 0;
    return hf_set_f32(model, "rope.scaling.yarn_log_multiplier", 0.1 * scale);
}

/* rope.dimension_count: of the part of a head that is turned. */
static int rope(struct hf_model *model)
{
    struct latent latent = {0};
    int r = latent_of(model, &latent);

    return r == 0 ? hf_set_u32(model, "rope.dimension_count", latent.rope) : r;
}

static int partial_rope(struct hf_model *model)
{
    struct latent latent = {0};
    int r = latent_of(model, &latent);

    return r == 0 ? hf_set_partial_rope(model, "rope.dimension_count", latent.rope, 1) : r;
}

static int shared_count(struct hf_model *model)
{
    uint64_t count = 0;

    (void)hf_config_count(model->config, "n_shared_experts", &count);
    return hf_set_u32(model, "expert_shared_count", count);
}

#define LATENT_KEYS(rope_key)                                                                      \
    {.kind = HF_BASE}, {.kind = HF_CALL, .call = one_kv_head},                                     \
        {HF_U32_IF, "leading_dense_block_count", "first_k_dense_replace", NULL},                   \
        {HF_U32, "vocab_size", "vocab_size", NULL},                                                \
        {HF_U32_IF, "attention.q_lora_rank", "q_lora_rank", NULL},                                 \
        {HF_U32, "attention.kv_lora_rank", "kv_lora_rank", NULL},                                  \
        {.kind = HF_CALL, .call = lengths},                                                        \
        {HF_U32_IF, "expert_feed_forward_length", "moe_intermediate_size", NULL},                  \
        {.kind = HF_CALL, .call = shared_count},                                                   \
        {HF_F32_IF, "expert_weights_scale", "routed_scaling_factor", NULL},                        \
        {HF_TRUE, "expert_weights_norm", "norm_topk_prob", NULL},                                  \
        {.kind = HF_CALL, .call = (rope_key)},                                                     \
    {                                                                                              \
        .kind = HF_CALL, .call = multiplier                                                        \
    }

#define INDEXER_KEYS                                                                               \
    {HF_U32_IF, "nextn_predict_layers", "num_nextn_predict_layers", NULL},                         \
        {HF_U32, "attention.indexer.head_count", "index_n_heads", NULL},                           \
        {HF_U32, "attention.indexer.key_length", "index_head_dim", NULL},                          \
    {                                                                                              \
        HF_U32, "attention.indexer.top_k", "index_topk", NULL                                      \
    }

static const struct hf_key deepseek2_keys[] = {LATENT_KEYS(rope), {.kind = HF_END}};

static const struct hf_key lite_keys[] = {
    LATENT_KEYS(rope),
    {HF_U32_IF, "nextn_predict_layers", "num_nextn_predict_layers", NULL},
    {.kind = HF_END},
};

static const struct hf_key deepseek32_keys[] = {
    LATENT_KEYS(rope),
    INDEXER_KEYS,
    {.kind = HF_END},
};

/* Which layers have an indexer of their own: all where the file says nothing. */
static int indexer_types(struct hf_model *model)
{
    const json_t *types = hf_config_get(model->config, "indexer_types");
    bool *full = calloc((size_t)model->hidden_layers + 1, sizeof(*full));
    size_t count = types ? json_array_size(types) : (size_t)model->hidden_layers;
    const char *type;
    size_t size;
    char key[64];
    int r = full ? 0 : -ENOMEM;

    if (r == 0 && count > model->hidden_layers)
        r = hf_model_refuse(model, "more indexer_types than layers");
    for (size_t i = 0; i < count && r == 0; i++)
        full[i] = !types || (json_as_text(json_array_get(types, i), &type, &size) &&
                             strcmp(type, "full") == 0);
    (void)snprintf(key, sizeof(key), "%s.attention.indexer.types", model->arch->name);
    if (r == 0)
        r = hf_kv_bools(model->kv, key, full, count);
    free(full);
    return r;
}

static const struct hf_key dsa_keys[] = {
    LATENT_KEYS(partial_rope),
    INDEXER_KEYS,
    {.kind = HF_CALL, .call = indexer_types},
    {.kind = HF_END},
};

/* --- tensors ------------------------------------------------------------------------------------
 */

static const struct hf_tensor_name latent_names[] = {
    {".self_attn.q_a_proj", ".attn_q_a"},
    {".self_attn.q_a_layernorm", ".attn_q_a_norm"},
    {".self_attn.q_b_proj", ".attn_q_b"},
    {".self_attn.kv_a_proj_with_mqa", ".attn_kv_a_mqa"},
    {".self_attn.kv_a_layernorm", ".attn_kv_a_norm"},
    {".self_attn.k_b_proj", ".attn_k_b"},
    {".self_attn.v_b_proj", ".attn_v_b"},
    {NULL, NULL},
};

static const struct hf_tensor_name indexer_names[] = {
    {".self_attn.indexer.k_norm", ".indexer.k_norm"},
    {".self_attn.indexer.weights_proj", ".indexer.proj"},
    {".self_attn.indexer.wk", ".indexer.attn_k"},
    {".self_attn.indexer.wq_b", ".indexer.attn_q_b"},
    {NULL, NULL},
};

static const struct hf_tensor_name fused_names[] = {
    {".mlp.experts.gate_up_proj", ".ffn_gate_up_exps"},
    {NULL, NULL},
};

/* NAMEkv_b_proj.weight -> NAMEPARTweight */
static int part_begin(struct hf_model *model, const struct hf_source *source, const char *part,
                      const uint64_t *shape)
{
    const char *at = strstr(source->name, "kv_b_proj");
    char name[HF_NAME_MAX];

    (void)snprintf(name, sizeof(name), "%.*s%s_proj.weight", (int)(at - source->name), source->name,
                   part);
    return hf_begin_named(model, source, name, 3, shape);
}

/* Of each head the rows that make keys, transposed, and those that make values. */
static int split_kv(struct hf_model *model, const struct hf_source *source)
{
    struct latent latent = {0};
    struct hf_slice keys, values;
    uint64_t rows, heads = model->kv_heads;
    int r = latent_of(model, &latent);

    if (r < 0)
        return r;
    rows = latent.nope + latent.value;
    keys = values = hf_whole(model->weights, source->tensor);
    if (source->stored->n_dims != 2 || heads == 0 || rows == 0 ||
        source->stored->shape[0] / rows != heads || !hf_split(&keys, 0, rows))
        return hf_source_refuse(model, source, "its rows are not those of the heads");
    values = keys;
    hf_narrow(&keys, 1, 0, latent.nope, 1);
    hf_swap(&keys, 1, 2);
    hf_narrow(&values, 1, latent.nope, latent.value, 1);
    r = part_begin(model, source, "k_b",
                   (uint64_t[]){heads, source->stored->shape[1], latent.nope});
    if (r == 0)
        r = hf_add_slice(model, &keys);
    if (r == 0)
        r = part_begin(model, source, "v_b",
                       (uint64_t[]){heads, latent.value, source->stored->shape[1]});
    return r == 0 ? hf_add_slice(model, &values) : r;
}

static const struct hf_rule latent_rules[] = {
    {"*.kv_b_proj.weight", split_kv},
    {"lm_head.weight", hf_rule_drop_tied},
    {NULL, NULL},
};

static const struct hf_rule mistral4_rules[] = {
    {"*.kv_b_proj.weight", split_kv},
    {"lm_head.weight", hf_rule_drop_tied},
    {"*.mlp.experts.gate_up_proj", hf_rule_add_suffix},
    {"*.mlp.experts.down_proj", hf_rule_add_suffix},
    {NULL, NULL},
};

static bool is_mistral4(const struct hf_config *config)
{
    return strcmp(hf_config_model_type(config), "mistral4") == 0;
}

const struct hf_arch hf_arch_deepseek[] = {
    {
        .name = "deepseek2",
        .classes = "DeepseekV2ForCausalLM DeepseekV3ForCausalLM KimiK25ForConditionalGeneration",
        .tokenizer = HF_TOKENIZER_BPE,
        .keys = deepseek2_keys,
        .names = {hf_names_ends, hf_names_attention, hf_names_norms, hf_names_mlp, hf_names_experts,
                  hf_names_shared_experts, latent_names},
        .rules = latent_rules,
        .stack = &hf_stack_mlp,
        .drops_next = true,
    },
    {
        .name = "deepseek2",
        .classes = "Glm4MoeLiteForCausalLM",
        .tokenizer = HF_TOKENIZER_GLM4MOE,
        .pre = "glm4",
        .keys = lite_keys,
        .names = {hf_names_ends, hf_names_attention, hf_names_norms, hf_names_mlp, hf_names_experts,
                  hf_names_shared_experts, latent_names, hf_names_next},
        .rules = latent_rules,
        .stack = &hf_stack_mlp,
        .begin = hf_begin_next,
    },
    {
        .name = "deepseek32",
        .classes = "DeepseekV32ForCausalLM",
        .tokenizer = HF_TOKENIZER_BPE,
        .keys = deepseek32_keys,
        .names = {hf_names_ends, hf_names_attention, hf_names_norms, hf_names_mlp, hf_names_experts,
                  hf_names_shared_experts, latent_names, hf_names_next, indexer_names},
        .rules = latent_rules,
        .stack = &hf_stack_mlp,
        .begin = hf_begin_next,
    },
    {
        .name = "glm-dsa",
        .classes = "GlmMoeDsaForCausalLM",
        .tokenizer = HF_TOKENIZER_GLM4MOE,
        .pre = "glm4",
        .keys = dsa_keys,
        .names = {hf_names_ends, hf_names_attention, hf_names_norms, hf_names_mlp, hf_names_experts,
                  hf_names_shared_experts, latent_names, hf_names_next, indexer_names},
        .rules = latent_rules,
        .stack = &hf_stack_mlp,
        .begin = hf_begin_next,
    },
    {
        .name = "mistral4",
        .classes = "Mistral3ForConditionalGeneration",
        .fits = is_mistral4,
        .tokenizer = HF_TOKENIZER_LLAMA,
        .keys = deepseek2_keys,
        .names = {hf_names_ends, hf_names_attention, hf_names_norms, hf_names_mlp, hf_names_experts,
                  hf_names_shared_experts, latent_names, fused_names},
        .rules = mistral4_rules,
    },
    {.name = NULL},
};
