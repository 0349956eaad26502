/* LFM2: short convolutions among layers of attention. */
#include <inttypes.h>
#include <string.h>

#include "quant/format/hf/arch.h"

/* No heads of keys in the layers that convolve. */
static int kv_heads(struct hf_model *model)
{
    return hf_set_u32_of(model, "attention.head_count_kv", "full_attention", model->kv_heads, 0);
}

/* What the model makes of the length that the config has (import-2.md 2.4). */
static int adjusted_ffn(struct hf_model *model)
{
    uint64_t size, multiple = 1;
    double multiplier;
    int r = hf_need_count(model, "block_ff_dim intermediate_size", &size);

    if (r < 0)
        return r;
    if (size > UINT32_MAX)
        return hf_model_refuse(model, "feed_forward_length is %" PRIu64, size);
    if (hf_config_true(model->config, "block_auto_adjust_ff_dim")) {
        size = 2 * size / 3;
        if (hf_config_real(model->config, "block_ffn_dim_multiplier", &multiplier)) {
            if (!(multiplier >= 0 && multiplier <= 1024))
                return hf_model_refuse(model, "block_ffn_dim_multiplier is %g", multiplier);
            size = (uint64_t)(multiplier * (double)size);
        }
        (void)hf_config_count(model->config, "block_multiple_of", &multiple);
        if (multiple == 0 || multiple > UINT32_MAX)
            return hf_model_refuse(model, "block_multiple_of is %" PRIu64, multiple);
        size = (size + multiple - 1) / multiple * multiple;
    }
    return hf_set_u32(model, "feed_forward_length", size);
}

static int sigmoid(struct hf_model *model)
{
    return hf_set_u32(model, "expert_gating_func", 2);
}

static const struct hf_key lfm2_keys[] = {
    {.kind = HF_BASE},
    {.kind = HF_CALL, .call = kv_heads},
    {.kind = HF_CALL, .call = adjusted_ffn},
    {HF_U32, "vocab_size", "vocab_size", NULL},
    {HF_U32, "shortconv.l_cache", "conv_L_cache", NULL},
    {.kind = HF_END},
};

static const struct hf_key lfm2moe_keys[] = {
    {.kind = HF_BASE},
    {.kind = HF_CALL, .call = kv_heads},
    {HF_U32, "expert_feed_forward_length", "moe_intermediate_size", NULL},
    {HF_U32, "leading_dense_block_count", "num_dense_layers", NULL},
    {.kind = HF_CALL, .call = sigmoid},
    {HF_U32, "vocab_size", "vocab_size", NULL},
    {HF_U32, "shortconv.l_cache", "conv_L_cache", NULL},
    {.kind = HF_END},
};

static const struct hf_tensor_name lfm2_names[] = {
    {"model.embed_tokens", "token_embd"},
    {"model.embedding_norm", "token_embd_norm"},
    {"lm_head", "output"},
    {".operator_norm", ".attn_norm"},
    {".ffn_norm", ".ffn_norm"},
    {".conv.conv", ".shortconv.conv"},
    {".conv.in_proj", ".shortconv.in_proj"},
    {".conv.out_proj", ".shortconv.out_proj"},
    {".feed_forward.w1", ".ffn_gate"},
    {".feed_forward.w2", ".ffn_down"},
    {".feed_forward.w3", ".ffn_up"},
    {".self_attn.out_proj", ".attn_output"},
    {".self_attn.q_layernorm", ".attn_q_norm"},
    {".self_attn.k_layernorm", ".attn_k_norm"},
    {NULL, NULL},
};

static const struct hf_tensor_name expert_names[] = {
    {".feed_forward.gate", ".ffn_gate_inp"},
    {".feed_forward.expert_bias", ".exp_probs_b.bias"},
    {".feed_forward.experts.w1", ".ffn_gate_exps"},
    {".feed_forward.experts.w2", ".ffn_down_exps"},
    {".feed_forward.experts.w3", ".ffn_up_exps"},
    {NULL, NULL},
};

static const struct hf_stack expert_stack = {"model.layers.#.feed_forward.experts.",
                                             {"w1", "w2", "w3"}};

static const struct hf_rule lfm2_rules[] = {
    {"*.conv.conv.weight", hf_rule_squeeze},
    {NULL, NULL},
};

const struct hf_arch hf_arch_lfm[] = {
    {
        .name = "lfm2",
        .classes = "Lfm2ForCausalLM LFM2ForCausalLM",
        .tokenizer = HF_TOKENIZER_BPE,
        .keys = lfm2_keys,
        .names = {lfm2_names, hf_names_attention},
        .rules = lfm2_rules,
    },
    {
        .name = "lfm2moe",
        .classes = "Lfm2MoeForCausalLM",
        .tokenizer = HF_TOKENIZER_BPE,
        .keys = lfm2moe_keys,
        .names = {lfm2_names, hf_names_attention, expert_names},
        .rules = lfm2_rules,
        .stack = &expert_stack,
    },
    {.name = NULL},
};
