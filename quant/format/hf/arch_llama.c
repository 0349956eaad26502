/* Llama and those that are like it: q and k are permuted for the rope. */
#include <string.h>

#include "quant/format/hf/arch.h"
#include "quant/format/hf/rope.h"

static const struct hf_rule permuted[] = {
    {"*.q_proj.*", hf_rule_permute_q},
    {"*.k_proj.*", hf_rule_permute_k},
    {NULL, NULL},
};

static const struct hf_key llama_keys[] = {
    {.kind = HF_BASE},
    {HF_U32, "vocab_size", "vocab_size", NULL},
    {.kind = HF_CALL, .call = hf_key_rope_dimensions},
    {.kind = HF_END},
};

static const struct hf_key arcee_keys[] = {
    {.kind = HF_BASE},
    {HF_U32, "vocab_size", "vocab_size", NULL},
    {.kind = HF_CALL, .call = hf_key_rope_dimensions},
    {.kind = HF_CALL, .call = hf_key_pooling},
    {.kind = HF_END},
};

/* --- Llama, Mistral, Mixtral --------------------------------------------------------------------
 */

static const struct hf_tensor_name mixtral_names[] = {
    {".block_sparse_moe.gate", ".ffn_gate_inp"},
    {".block_sparse_moe.experts.w1", ".ffn_gate_exps"},
    {".block_sparse_moe.experts.w2", ".ffn_down_exps"},
    {".block_sparse_moe.experts.w3", ".ffn_up_exps"},
    {NULL, NULL},
};

static const struct hf_stack mixtral_stack = {"model.layers.#.block_sparse_moe.experts.",
                                              {"w1", "w2", "w3"}};

/* SmolVLM has a part more in its names. */
static bool llama_rename(const struct hf_model *model, char name[HF_NAME_MAX])
{
    static const char part[] = "text_model.";

    for (char *at; (at = strstr(name, part)) != NULL;)
        memmove(at, at + strlen(part), strlen(at + strlen(part)) + 1);
    return hf_rename_bare(model, name);
}

/* --- Mistral 3 ----------------------------------------------------------------------------------
 */

static bool is_mistral3(const struct hf_config *config)
{
    return strcmp(hf_config_model_type(config), "mistral4") != 0; /* arch_deepseek.c */
}

static int mistral3_scaling(struct hf_model *model)
{
    const json_t *rope = hf_config_rope(model->config);
    double multiplier, scale;
    int r;

    if (strcmp(hf_config_model_type(model->config), "ministral3") != 0)
        return 0;
    if (!json_as_double(json_member(rope, "mscale_all_dim"), &multiplier) ||
        !json_as_double(json_member(rope, "llama_4_scaling_beta"), &scale))
        return hf_model_refuse(model,
                               "a rope without mscale_all_dim or without llama_4_scaling_beta");
    r = hf_set_f32(model, "rope.scaling.yarn_log_multiplier", multiplier);
    return r == 0 ? hf_set_f32(model, "attention.temperature_scale", scale) : r;
}

static const struct hf_key mistral3_keys[] = {
    {.kind = HF_BASE},
    {HF_U32, "vocab_size", "vocab_size", NULL},
    {.kind = HF_CALL, .call = hf_key_rope_dimensions},
    {.kind = HF_CALL, .call = mistral3_scaling},
    {.kind = HF_END},
};

/* --- Granite ------------------------------------------------------------------------------------
 */

static const struct hf_key granite_keys[] = {
    {.kind = HF_BASE, .from = "attention.key_length attention.value_length"},
    {HF_U32, "vocab_size", "vocab_size", NULL},
    {.kind = HF_CALL, .call = hf_key_rope_of_hidden},
    {HF_F32_NONZERO, "attention.scale", "attention_multiplier", NULL},
    {HF_F32_NONZERO, "embedding_scale", "embedding_multiplier", NULL},
    {HF_F32_NONZERO, "residual_scale", "residual_multiplier", NULL},
    {HF_F32_NONZERO, "logit_scale", "logits_scaling", NULL},
    {.kind = HF_END},
};

/* --- Llama 4 ------------------------------------------------------------------------------------
 */

static int llama4_window(struct hf_model *model)
{
    for (uint64_t i = 0; i < model->hidden_layers; i++)
        if (strcmp(hf_config_layer_type(model->config, i), "full_attention") != 0)
            return 0;
    return hf_set_u32(model, "attention.sliding_window", 0);
}

static const struct hf_key llama4_keys[] = {
    {.kind = HF_BASE},
    {HF_U32, "feed_forward_length", "intermediate_size_mlp", NULL},
    {HF_U32, "vocab_size", "vocab_size", NULL},
    {.kind = HF_CALL, .call = hf_key_rope_dimensions},
    {HF_U32, "interleave_moe_layer_step", "interleave_moe_layer_step", NULL},
    {HF_U32, "expert_feed_forward_length", "intermediate_size", NULL},
    {.kind = HF_CALL, .call = llama4_window},
    {.kind = HF_END},
};

static const struct hf_tensor_name llama4_names[] = {
    {".feed_forward.gate_proj", ".ffn_gate"},
    {".feed_forward.up_proj", ".ffn_up"},
    {".feed_forward.down_proj", ".ffn_down"},
    {".feed_forward.router", ".ffn_gate_inp"},
    {".feed_forward.experts.down_proj", ".ffn_down_exps"},
    {".feed_forward.experts.gate_proj", ".ffn_gate_exps"},
    {".feed_forward.experts.up_proj", ".ffn_up_exps"},
    {".feed_forward.shared_expert.down_proj", ".ffn_down_shexp"},
    {".feed_forward.shared_expert.gate_proj", ".ffn_gate_shexp"},
    {".feed_forward.shared_expert.up_proj", ".ffn_up_shexp"},
    {NULL, NULL},
};

static const struct hf_rule llama4_rules[] = {
    {"*.experts.gate_up_proj", hf_rule_turn_experts},
    {"*.experts.down_proj", hf_rule_turn_experts},
    {NULL, NULL},
};

/* --- OLMo ---------------------------------------------------------------------------------------
 */

static int olmo_epsilon(struct hf_model *model)
{
    return hf_set_f32(model, "attention.layer_norm_epsilon", 1e-5);
}

static const struct hf_key olmo_keys[] = {
    {.kind = HF_BASE},
    {.kind = HF_CALL, .call = olmo_epsilon},
    {HF_F32_IF, "attention.clamp_kqv", "clip_qkv", NULL},
    {.kind = HF_END},
};

const struct hf_arch hf_arch_llama[] = {
    {
        .name = "llama",
        .classes = "LlamaForCausalLM MistralForCausalLM MixtralForCausalLM LlamaModel "
                   "LLaMAForCausalLM IQuestCoderForCausalLM "
                   "LlavaForConditionalGeneration VLlama3ForCausalLM",
        .tokenizer = HF_TOKENIZER_LLAMA,
        .keys = llama_keys,
        .names = {hf_names_ends, hf_names_attention, hf_names_norms, hf_names_mlp, mixtral_names},
        .rules = permuted,
        .stack = &mixtral_stack,
        .extra = hf_rope_stretch,
        .rename = llama_rename,
    },
    {
        .name = "arcee",
        .classes = "ArceeForCausalLM",
        .tokenizer = HF_TOKENIZER_LLAMA,
        .keys = arcee_keys,
        .names = {hf_names_ends, hf_names_attention, hf_names_norms, hf_names_mlp},
        .rules = permuted,
        .extra = hf_rope_stretch,
    },
    {
        .name = "mistral3",
        .classes = "Ministral3ForCausalLM Mistral3ForConditionalGeneration",
        .fits = is_mistral3,
        .tokenizer = HF_TOKENIZER_LLAMA,
        .keys = mistral3_keys,
        .names = {hf_names_ends, hf_names_attention, hf_names_norms, hf_names_mlp},
        .rules = permuted,
        .extra = hf_rope_stretch,
    },
    {
        .name = "granite",
        .classes = "GraniteForCausalLM",
        .tokenizer = HF_TOKENIZER_LLAMA,
        .pre = "refact",
        .keys = granite_keys,
        .names = {hf_names_ends, hf_names_attention, hf_names_norms, hf_names_mlp},
        .rules = permuted,
        .extra = hf_rope_stretch,
    },
    {
        .name = "smollm3",
        .classes = "SmolLM3ForCausalLM",
        .tokenizer = HF_TOKENIZER_LLAMA,
        .keys = llama_keys,
        .names = {hf_names_ends, hf_names_attention, hf_names_norms, hf_names_mlp},
        .rules = permuted,
        .extra = hf_rope_stretch,
    },
    {
        .name = "llama4",
        .classes = "Llama4ForConditionalGeneration Llama4ForCausalLM",
        .tokenizer = HF_TOKENIZER_BPE,
        .keys = llama4_keys,
        .names = {hf_names_ends, hf_names_attention, hf_names_norms, llama4_names},
        .rules = llama4_rules,
        .extra = hf_rope_stretch,
    },
    {
        .name = "olmo",
        .classes = "OlmoForCausalLM OLMoForCausalLM",
        .tokenizer = HF_TOKENIZER_BPE,
        .pre = "olmo",
        .keys = olmo_keys,
        .names = {hf_names_ends, hf_names_attention, hf_names_mlp},
        .rules = permuted,
    },
    {.name = NULL},
};
