/* Further architectures that stand for themselves. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "quant/format/hf/arch.h"
#include "quant/format/hf/number.h"
#include "quant/format/hf/rope.h"

static const struct hf_key base_keys[] = {{.kind = HF_BASE}, {.kind = HF_END}};

static int sigmoid(struct hf_model *model)
{
    return hf_set_u32(model, "expert_gating_func", 2);
}

/* --- EXAONE 4 -----------------------------------------------------------------------------------
 */

static const struct hf_key exaone4_keys[] = {
    {.kind = HF_BASE},
    {HF_U32, "vocab_size", "vocab_size", NULL},
    {.kind = HF_CALL, .call = hf_key_sliding},
    {.kind = HF_END},
};

/* --- EXAONE 3 -----------------------------------------------------------------------------------
 */

static int exaone_rope(struct hf_model *model)
{
    uint64_t hidden;
    int r = hf_need_count(model, "hidden_size", &hidden);

    if (r == 0 && model->heads == 0)
        r = hf_model_refuse(model, "no attention heads");
    return r == 0 ? hf_set_partial_rope(model, "rope.dimension_count", hidden / model->heads, 1)
                  : r;
}

static const struct hf_key exaone_keys[] = {
    {.kind = HF_BASE},
    {.kind = HF_CALL, .call = exaone_rope},
    {.kind = HF_END},
};

static const struct hf_tensor_name exaone_names[] = {
    {"transformer.wte", "token_embd"},
    {"transformer.ln_f", "output_norm"},
    {"lm_head", "output"},
    {"transformer.h.#.ln_1", "blk.#.attn_norm"},
    {"transformer.h.#.ln_2", "blk.#.ffn_norm"},
    {"transformer.h.#.attn.attention.q_proj", "blk.#.attn_q"},
    {"transformer.h.#.attn.attention.k_proj", "blk.#.attn_k"},
    {"transformer.h.#.attn.attention.v_proj", "blk.#.attn_v"},
    {"transformer.h.#.attn.attention.out_proj", "blk.#.attn_output"},
    {"transformer.h.#.mlp.c_fc_0", "blk.#.ffn_gate"},
    {"transformer.h.#.mlp.c_fc_1", "blk.#.ffn_up"},
    {"transformer.h.#.mlp.c_proj", "blk.#.ffn_down"},
    {NULL, NULL},
};

/* --- Hunyuan ------------------------------------------------------------------------------------
 */

#define HUNYUAN_CONTEXT 262144

/* A rope that grows with alpha: its base, once for all lengths. */
static int hunyuan_rope(struct hf_model *model)
{
    const json_t *rope = hf_config_rope(model->config);
    const char *type;
    double base, alpha, size;
    uint64_t head, context;
    size_t length;
    int r;

    if (!json_as_text(json_member(rope, "rope_type"), &type, &length) ||
        strcmp(type, "dynamic") != 0)
        return 0;
    r = hf_head_size(model, &head);
    if (r == 0)
        r = hf_need_count(model, "max_position_embeddings", &context);
    if (r < 0)
        return r;
    if (!json_as_double(json_member(rope, "alpha"), &alpha) ||
        !json_as_double(json_member(rope, "rope_theta"), &base) || base != 10000 || head < 3 ||
        (context != 32768 && context != HUNYUAN_CONTEXT))
        return hf_model_refuse(model, "a dynamic rope that the converter does not take");
    size = (double)head;
    r = hf_set_f32(model, "rope.freq_base", base * pow(alpha, size / (size - 2)));
    if (r == 0)
        r = hf_set_string(model, "rope.scaling.type", "none");
    if (r == 0)
        r = hf_set_f32(model, "rope.scaling.factor", 1);
    if (r == 0)
        r = hf_set_u32(model, "rope.scaling.original_context_length", HUNYUAN_CONTEXT);
    return r == 0 ? hf_set_u32(model, "context_length", HUNYUAN_CONTEXT) : r;
}

static const struct hf_key hunyuan_keys[] = {
    {.kind = HF_BASE},
    {.kind = HF_CALL, .call = hunyuan_rope},
    {.kind = HF_END},
};

static const struct hf_tensor_name hunyuan_names[] = {
    {".self_attn.query_layernorm", ".attn_q_norm"},
    {".self_attn.key_layernorm", ".attn_k_norm"},
    {NULL, NULL},
};

static const struct hf_rule tied_rules[] = {
    {"lm_head.weight", hf_rule_drop_tied},
    {NULL, NULL},
};

/* --- MiniMax M2 ---------------------------------------------------------------------------------
 */

static const struct hf_key minimax_keys[] = {
    {.kind = HF_BASE},
    {HF_U32, "expert_feed_forward_length", "intermediate_size", NULL},
    {HF_U32, "rope.dimension_count", "rotary_dim", NULL},
    {.kind = HF_END},
};

static const struct hf_tensor_name minimax_names[] = {
    {".block_sparse_moe.gate", ".ffn_gate_inp"},
    {".block_sparse_moe.e_score_correction", ".exp_probs_b"},
    {".block_sparse_moe.experts.w1", ".ffn_gate_exps"},
    {".block_sparse_moe.experts.w2", ".ffn_down_exps"},
    {".block_sparse_moe.experts.w3", ".ffn_up_exps"},
    {NULL, NULL},
};

static const struct hf_stack minimax_stack = {"model.layers.#.block_sparse_moe.experts.",
                                              {"w1", "w2", "w3"}};

/* --- InternLM 2 ---------------------------------------------------------------------------------
 */

static const struct hf_tensor_name internlm2_names[] = {
    {"model.tok_embeddings", "token_embd"},
    {"model.norm", "output_norm"},
    {"output", "output"},
    {".attention_norm", ".attn_norm"},
    {".ffn_norm", ".ffn_norm"},
    {".attention.wq", ".attn_q"},
    {".attention.wk", ".attn_k"},
    {".attention.wv", ".attn_v"},
    {".attention.wo", ".attn_output"},
    {".feed_forward.w1", ".ffn_gate"},
    {".feed_forward.w2", ".ffn_down"},
    {".feed_forward.w3", ".ffn_up"},
    {NULL, NULL},
};

/* Of each group `count` heads from `first` on; `permuted`: with their rows as the rope wants. */
static int internlm2_part(struct hf_model *model, const struct hf_source *source, const char *part,
                          uint64_t first, uint64_t count, bool permuted)
{
    const struct hf_tensor *stored = source->stored;
    uint64_t group = model->heads / model->kv_heads + 2;
    uint64_t size = stored->shape[0] / (group * model->kv_heads);
    uint64_t shape[2] = {model->kv_heads * count * size, stored->shape[1]};
    struct hf_slice slice = hf_whole(model->weights, source->tensor);
    const char *at = strstr(source->name, "wqkv");
    char name[HF_NAME_MAX];
    int r;

    (void)snprintf(name, sizeof(name), "%.*s%s%s", (int)(at - source->name), source->name, part,
                   at + strlen("wqkv"));
    r = hf_begin_named(model, source, name, stored->n_dims, shape);
    /* groups, heads, rows of a head; these as two halves, turn by turn */
    if (!hf_split(&slice, 0, group * size) || !hf_split(&slice, 1, size))
        return hf_source_refuse(model, source, "its rows are not those of the heads");
    hf_narrow(&slice, 1, first, count, 1);
    if (permuted) {
        if (!hf_split(&slice, 2, size / 2) || size % 2 != 0)
            return hf_source_refuse(model, source, "its heads have no halves");
        hf_swap(&slice, 2, 3);
    }
    return r == 0 ? hf_add_slice(model, &slice) : r;
}

static int internlm2_split(struct hf_model *model, const struct hf_source *source)
{
    const struct hf_tensor *stored = source->stored;
    uint64_t queries, rows;
    int r;

    if (model->kv_heads == 0 || model->heads % model->kv_heads != 0 || model->heads > UINT32_MAX)
        return hf_source_refuse(model, source, "its heads do not go together");
    queries = model->heads / model->kv_heads;
    rows = (queries + 2) * model->kv_heads;
    if (stored->n_dims < 1 || stored->n_dims > 2 || stored->shape[0] < rows ||
        stored->shape[0] % rows != 0)
        return hf_source_refuse(model, source, "its rows are not those of the heads");
    r = internlm2_part(model, source, "wq", 0, queries, true);
    if (r == 0)
        r = internlm2_part(model, source, "wk", queries, 1, true);
    return r == 0 ? internlm2_part(model, source, "wv", queries + 1, 1, false) : r;
}

static const struct hf_rule internlm2_rules[] = {
    {"*.wqkv.*", internlm2_split},
    {NULL, NULL},
};

/* --- OLMoE --------------------------------------------------------------------------------------
 */

/* Whatever the file says. */
static int olmoe_epsilon(struct hf_model *model)
{
    return hf_set_f32(model, "attention.layer_norm_rms_epsilon", 1e-5);
}

static const struct hf_key olmoe_keys[] = {
    {.kind = HF_BASE},
    {.kind = HF_CALL, .call = olmoe_epsilon},
    {.kind = HF_END},
};

/* --- Cohere 2 -----------------------------------------------------------------------------------
 */

static int cohere2_rope(struct hf_model *model)
{
    uint64_t hidden;
    int r = hf_need_count(model, "hidden_size", &hidden);

    if (r == 0 && model->heads == 0)
        r = hf_model_refuse(model, "no attention heads");
    if (r == 0)
        r = hf_set_partial_rope(model, "rope.dimension_count", hidden / model->heads, 1);
    return r == 0 ? hf_set_string(model, "rope.scaling.type", "none") : r;
}

static const struct hf_key cohere2_keys[] = {
    {.kind = HF_BASE},
    {HF_F32, "logit_scale", "logit_scale", NULL},
    {HF_U32, "attention.sliding_window", "sliding_window", NULL},
    {HF_U32, "vocab_size", "vocab_size", NULL},
    {.kind = HF_CALL, .call = cohere2_rope},
    {.kind = HF_END},
};

static const struct hf_tensor_name cohere2_names[] = {
    {"model.embed_tokens", "token_embd"},
    {"model.norm", "output_norm"},
    {".input_layernorm", ".attn_norm"},
    {NULL, NULL},
};

/* The converter drops biases of zeros, which takes a look at all weights, and refuses others. */
static int cohere2_bias(struct hf_model *model, const struct hf_source *source)
{
    (void)source;
    return hf_model_refuse_kind(model, "biases are not supported");
}

static const struct hf_rule cohere2_rules[] = {
    {"*.bias", cohere2_bias},
    {NULL, NULL},
};

/* --- Apertus ------------------------------------------------------------------------------------
 */

/* The one number of a stored tensor. */
static int read_number(const struct hf_model *model, const char *name, float *value)
{
    const struct hf_tensor *tensor = hf_weights_find(model->weights, name);
    uint8_t data[8];
    int r;

    if (!tensor || hf_tensor_elements(tensor) != 1 || tensor->size > sizeof(data) ||
        !hf_number_readable(tensor->dtype))
        return hf_model_refuse(model, "no number %s", name);
    r = hf_read_at(model->directory->files[tensor->file].fd, tensor->offset, data,
                   (size_t)tensor->size);
    if (r < 0)
        return defect_set(model->defect, -r, DEFECT_NOWHERE, "%s: %s", name, strerror(-r));
    hf_number_widen(tensor->dtype, data, value, 1);
    return 0;
}

/* What its activation is made of, a list for each parameter. */
static int apertus_activation(struct hf_model *model)
{
    static const char *const parts[] = {"alpha_n", "alpha_p", "beta", "eps"};
    float *values = reallocarray(NULL, (size_t)model->layers + 1, sizeof(*values));
    char name[HF_NAME_MAX];
    int r = values ? 0 : -ENOMEM;

    for (size_t k = 0; k < sizeof(parts) / sizeof(parts[0]) && r == 0; k++) {
        for (uint64_t i = 0; i < model->layers && r == 0; i++) {
            (void)snprintf(name, sizeof(name), "model.layers.%" PRIu64 ".mlp.act_fn.%s", i,
                           parts[k]);
            r = read_number(model, name, &values[i]);
        }
        (void)snprintf(name, sizeof(name), "xielu.%s", parts[k]);
        if (r == 0)
            r = hf_kv_f32s(model->kv, name, values, (size_t)model->layers);
    }
    free(values);
    return r;
}

static const struct hf_key apertus_keys[] = {
    {.kind = HF_BASE},
    {HF_U32, "vocab_size", "vocab_size", NULL},
    {.kind = HF_CALL, .call = hf_key_rope_dimensions},
    {.kind = HF_END},
};

static const struct hf_tensor_name apertus_names[] = {
    {".attention_layernorm", ".attn_norm"},
    {".feedforward_layernorm", ".ffn_norm"},
    {NULL, NULL},
};

static const struct hf_rule apertus_rules[] = {
    {"*.mlp.act_fn.*", hf_rule_drop}, /* they are keys */
    {NULL, NULL},
};

/* --- Laguna -------------------------------------------------------------------------------------
 */

static int laguna_dense(struct hf_model *model)
{
    const json_t *types = hf_config_get(model->config, "mlp_layer_types");
    const char *type;
    uint64_t count = 0;
    size_t size;

    while (json_as_text(json_array_get(types, (size_t)count), &type, &size) &&
           strcmp(type, "dense") == 0)
        count++;
    return hf_set_u32(model, "leading_dense_block_count", count);
}

static int laguna_rope(struct hf_model *model)
{
    const json_t *sliding = hf_config_rope_sliding(model->config);
    uint64_t size;
    double part = 1;
    int r = hf_head_size(model, &size);

    if (r == 0)
        r = hf_set_partial_rope(model, "rope.dimension_count", size, 1);
    (void)json_as_double(json_member(sliding, "partial_rotary_factor"), &part);
    if (r == 0 && (!(part >= 0 && part <= 1) || size > UINT32_MAX))
        r = hf_model_refuse(model, "a rope on %g of a head", part);
    return r == 0 ? hf_set_u32(model, "rope.dimension_count_swa", (uint64_t)((double)size * part))
                  : r;
}

static int laguna_window(struct hf_model *model)
{
    uint64_t window = 0;

    (void)hf_config_count(model->config, "sliding_window", &window);
    return window > 0 ? hf_set_u32(model, "attention.sliding_window", window) : 0;
}

static int weights_norm(struct hf_model *model)
{
    return hf_set_bool(model, "expert_weights_norm", true);
}

static const struct hf_key laguna_keys[] = {
    {.kind = HF_BASE},
    {HF_U32_IF, "attention.head_count", "num_attention_heads_per_layer", NULL},
    {HF_U32, "vocab_size", "vocab_size", NULL},
    {.kind = HF_CALL, .call = laguna_window},
    {HF_U32, "expert_feed_forward_length", "moe_intermediate_size", NULL},
    {HF_U32, "expert_shared_feed_forward_length", "shared_expert_intermediate_size", NULL},
    {.kind = HF_CALL, .call = weights_norm},
    {HF_F32, "expert_weights_scale", "moe_routed_scaling_factor", NULL},
    {.kind = HF_CALL, .call = sigmoid},
    {.kind = HF_CALL, .call = laguna_dense},
    {.kind = HF_CALL, .call = laguna_rope},
    {.kind = HF_END},
};

static const struct hf_tensor_name laguna_names[] = {
    {".self_attn.g_proj", ".attn_gate"},
    {".mlp.experts.e_score_correction", ".exp_probs_b"},
    {NULL, NULL},
};

/* A gate for each head, or for each element of all of them. */
static int laguna_gate(struct hf_model *model, const struct hf_source *source)
{
    const json_t *per_layer = hf_config_get(model->config, "num_attention_heads_per_layer");
    struct hf_slice slice = hf_whole(model->weights, source->tensor);
    uint64_t heads = model->heads, size, rows = source->stored->shape[0];
    int r = hf_head_size(model, &size);

    (void)json_as_u64(json_array_get(per_layer, (size_t)source->layer), &heads);
    if (r == 0 && rows != heads && (heads == 0 || rows / heads != size || rows % heads != 0))
        r = hf_source_refuse(model, source, "its rows are neither heads nor their elements");
    return r == 0 ? hf_write(model, source, source->name, &slice) : r;
}

static const struct hf_rule laguna_rules[] = {
    {"*.g_proj.weight", laguna_gate},
    {NULL, NULL},
};

/* --- Bailing MoE 2 ------------------------------------------------------------------------------
 */

static int bailing_rope(struct hf_model *model)
{
    uint64_t size;
    int r = hf_head_size(model, &size);

    return r == 0 ? hf_set_partial_rope(model, "rope.dimension_count", size, 0.5) : r;
}

static int bailing_shared(struct hf_model *model)
{
    uint64_t size, count;
    int r;

    if (hf_config_count(model->config, "moe_shared_expert_intermediate_size", &size))
        return hf_set_u32(model, "expert_shared_feed_forward_length", size);
    r = hf_need_count(model, "moe_intermediate_size", &size);
    if (r == 0)
        r = hf_need_count(model, "num_shared_experts", &count);
    if (r == 0 && __builtin_mul_overflow(size, count, &size))
        size = UINT64_MAX;
    return r == 0 ? hf_set_u32(model, "expert_shared_feed_forward_length", size) : r;
}

static int bailing_norm(struct hf_model *model)
{
    return hf_set_bool(model, "expert_weights_norm",
                       hf_config_true(model->config, "norm_topk_prob"));
}

static const struct hf_key bailing_keys[] = {
    {.kind = HF_BASE},
    {.kind = HF_CALL, .call = bailing_rope},
    {HF_U32, "leading_dense_block_count", "first_k_dense_replace", NULL},
    {HF_U32, "vocab_size", "vocab_size", NULL},
    {HF_U32, "expert_feed_forward_length", "moe_intermediate_size", NULL},
    {.kind = HF_CALL, .call = bailing_shared},
    {HF_F32, "expert_weights_scale", "routed_scaling_factor", NULL},
    {HF_U32, "expert_shared_count", "num_shared_experts", NULL},
    {.kind = HF_CALL, .call = bailing_norm},
    {HF_U32_IF, "nextn_predict_layers", "num_nextn_predict_layers", NULL},
    {.kind = HF_END},
};

static const struct hf_tensor_name bailing_names[] = {
    {"model.word_embeddings", "token_embd"},
    {"model.norm", "output_norm"},
    {"lm_head", "output"},
    {".attention.query_key_value", ".attn_qkv"},
    {".attention.query_layernorm", ".attn_q_norm"},
    {".attention.key_layernorm", ".attn_k_norm"},
    {".attention.dense", ".attn_output"},
    {".mlp.gate.expert_bias", ".exp_probs_b.bias"},
    {".final_layernorm", ".layer_output_norm"}, /* of a layer that predicts one token more */
    {NULL, NULL},
};

/* --- the page -----------------------------------------------------------------------------------
 */

const struct hf_arch hf_arch_more[] = {
    {
        .name = "exaone4",
        .classes = "Exaone4ForCausalLM",
        .tokenizer = HF_TOKENIZER_BPE,
        .keys = exaone4_keys,
        .names = {hf_names_ends, hf_names_attention, hf_names_qk_norm, hf_names_norms_behind,
                  hf_names_mlp},
        .extra = hf_rope_stretch_16,
    },
    {
        .name = "exaone",
        .classes = "ExaoneForCausalLM",
        .tokenizer = HF_TOKENIZER_BPE,
        .keys = exaone_keys,
        .names = {exaone_names},
        .extra = hf_rope_stretch,
    },
    {
        .name = "hunyuan-dense",
        .classes = "HunYuanDenseV1ForCausalLM",
        .tokenizer = HF_TOKENIZER_HUNYUAN,
        .keys = hunyuan_keys,
        .names = {hf_names_ends, hf_names_attention, hf_names_norms, hf_names_mlp, hunyuan_names},
        .rules = tied_rules,
    },
    {
        .name = "minimax-m2",
        .classes = "MiniMaxM2ForCausalLM",
        .tokenizer = HF_TOKENIZER_BPE,
        .keys = minimax_keys,
        .names = {hf_names_ends, hf_names_attention, hf_names_qk_norm, hf_names_norms,
                  minimax_names},
        .stack = &minimax_stack,
    },
    {
        .name = "internlm2",
        .classes = "InternLM2ForCausalLM",
        .tokenizer = HF_TOKENIZER_INTERNLM2,
        .keys = base_keys,
        .names = {internlm2_names},
        .rules = internlm2_rules,
    },
    {
        .name = "olmoe",
        .classes = "OlmoeForCausalLM",
        .tokenizer = HF_TOKENIZER_BPE,
        .keys = olmoe_keys,
        .names = {hf_names_ends, hf_names_attention, hf_names_qk_norm, hf_names_norms,
                  hf_names_experts},
        .stack = &hf_stack_mlp,
    },
    {
        .name = "cohere2",
        .classes = "Cohere2ForCausalLM",
        .tokenizer = HF_TOKENIZER_BPE,
        .keys = cohere2_keys,
        .names = {cohere2_names, hf_names_attention, hf_names_mlp},
        .rules = cohere2_rules,
    },
    {
        .name = "apertus",
        .classes = "ApertusForCausalLM",
        .tokenizer = HF_TOKENIZER_LLAMA,
        .keys = apertus_keys,
        .names = {hf_names_ends, hf_names_attention, hf_names_qk_norm, hf_names_mlp, apertus_names},
        .rules = apertus_rules,
        .early = apertus_activation,
        .extra = hf_rope_stretch,
    },
    {
        .name = "laguna",
        .classes = "LagunaForCausalLM",
        .tokenizer = HF_TOKENIZER_LAGUNA,
        .keys = laguna_keys,
        .names = {hf_names_ends, hf_names_attention, hf_names_qk_norm, hf_names_norms, hf_names_mlp,
                  hf_names_experts, hf_names_shared_expert, laguna_names},
        .rules = laguna_rules,
        .stack = &hf_stack_mlp_gate_first,
    },
    {
        .name = "bailingmoe2",
        .classes = "BailingMoeV2ForCausalLM",
        .tokenizer = HF_TOKENIZER_BPE,
        .keys = bailing_keys,
        .names = {bailing_names, hf_names_norms, hf_names_mlp, hf_names_experts,
                  hf_names_shared_experts, hf_names_next},
        .stack = &hf_stack_mlp,
        .begin = hf_begin_next,
    },
    {.name = NULL},
};
