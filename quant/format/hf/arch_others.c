/* Architectures that stand for themselves. */
#include <string.h>

#include "quant/format/hf/arch.h"

static const struct hf_key base_keys[] = {{.kind = HF_BASE}, {.kind = HF_END}};

/* --- OLMo 2 and 3 -------------------------------------------------------------------------------
 */

static const struct hf_key olmo2_keys[] = {
    {.kind = HF_BASE},
    {.kind = HF_CALL, .call = hf_key_sliding},
    {.kind = HF_END},
};

/* --- Cohere -------------------------------------------------------------------------------------
 */

static int cohere_context(struct hf_model *model)
{
    uint64_t context;

    if (!hf_config_count(model->config, "model_max_length", &context))
        return 0;
    return hf_set_u32(model, "context_length", context);
}

static int no_scaling(struct hf_model *model)
{
    return hf_set_string(model, "rope.scaling.type", "none");
}

static const struct hf_key cohere_keys[] = {
    {.kind = HF_BASE},
    {.kind = HF_CALL, .call = cohere_context},
    {HF_F32, "logit_scale", "logit_scale", NULL},
    {.kind = HF_CALL, .call = no_scaling},
    {.kind = HF_END},
};

static const struct hf_tensor_name cohere_names[] = {
    {"model.embed_tokens", "token_embd"},
    {"model.norm", "output_norm"},
    {".input_layernorm", ".attn_norm"},
    {NULL, NULL},
};

/* --- StarCoder 2, Seed OSS ----------------------------------------------------------------------
 */

static const struct hf_tensor_name starcoder_names[] = {
    {".mlp.c_fc", ".ffn_up"},
    {".mlp.c_proj", ".ffn_down"},
    {NULL, NULL},
};

static const struct hf_tensor_name seed_names[] = {
    {".input_layernorm", ".attn_norm"},
    {".post_attention_layernorm", ".post_attention_norm"},
    {NULL, NULL},
};

/* --- StableLM -----------------------------------------------------------------------------------
 */

static int stablelm_rope(struct hf_model *model)
{
    uint64_t hidden;
    int r = hf_need_count(model, "hidden_size", &hidden);

    if (r == 0 && model->heads == 0)
        r = hf_model_refuse(model, "no attention heads");
    return r == 0 ? hf_set_partial_rope(model, "rope.dimension_count", hidden / model->heads, 0.25)
                  : r;
}

static int stablelm_parallel(struct hf_model *model)
{
    const json_t *value = hf_config_get(model->config, "use_parallel_residual");

    return hf_set_bool(model, "use_parallel_residual", !value || json_is_true(value));
}

static const struct hf_key stablelm_keys[] = {
    {HF_U32, "context_length", "max_position_embeddings", NULL},
    {HF_U32, "embedding_length", "hidden_size", NULL},
    {.kind = HF_CALL, .call = hf_key_block_count},
    {HF_U32, "feed_forward_length", "intermediate_size", NULL},
    {.kind = HF_CALL, .call = stablelm_rope},
    {HF_U32, "attention.head_count", "num_attention_heads", NULL},
    {HF_U32, "attention.head_count_kv", "num_key_value_heads", NULL},
    {.kind = HF_CALL, .call = stablelm_parallel},
    {HF_F32, "attention.layer_norm_epsilon", "layer_norm_eps norm_eps", NULL},
    {.kind = HF_FILE_TYPE},
    {.kind = HF_END},
};

/* --- GPT-2 --------------------------------------------------------------------------------------
 */

static int gpt2_ffn(struct hf_model *model)
{
    uint64_t size;
    int r = hf_need_count(model, "n_embd", &size);

    return r == 0
               ? hf_set_u32(model, "feed_forward_length", size > UINT32_MAX ? UINT64_MAX : 4 * size)
               : r;
}

static const struct hf_key gpt2_keys[] = {
    {.kind = HF_CALL, .call = hf_key_block_count},
    {HF_U32, "context_length", "n_ctx n_positions", NULL},
    {HF_U32, "embedding_length", "n_embd", NULL},
    {.kind = HF_CALL, .call = gpt2_ffn},
    {HF_U32, "attention.head_count", "n_head", NULL},
    {HF_F32, "attention.layer_norm_epsilon", "layer_norm_epsilon", NULL},
    {.kind = HF_FILE_TYPE},
    {.kind = HF_END},
};

static const struct hf_tensor_name gpt2_names[] = {
    {"wte", "token_embd"},
    {"wpe", "position_embd"},
    {"ln_f", "output_norm"},
    {"lm_head", "output"},
    {"h.#.ln_1", "blk.#.attn_norm"},
    {"h.#.ln_2", "blk.#.ffn_norm"},
    {"h.#.attn.c_attn", "blk.#.attn_qkv"},
    {"h.#.attn.c_proj", "blk.#.attn_output"},
    {"h.#.mlp.c_fc", "blk.#.ffn_up"},
    {"h.#.mlp.c_proj", "blk.#.ffn_down"},
    {NULL, NULL},
};

/* Its projections are stored the other way round, and the mask that hides what comes is no weight.
 */
static const struct hf_rule gpt2_rules[] = {
    {"h.#.attn.bias", hf_rule_drop},        {"h.#.attn.masked_bias", hf_rule_drop},
    {"*.c_attn.weight", hf_rule_transpose}, {"*.c_proj.weight", hf_rule_transpose},
    {"*.c_fc.weight", hf_rule_transpose},   {NULL, NULL},
};

static bool gpt2_rename(const struct hf_model *model, char name[HF_NAME_MAX])
{
    static const char prefix[] = "transformer.";

    (void)model;
    if (strncmp(name, prefix, strlen(prefix)) == 0)
        memmove(name, name + strlen(prefix), strlen(name + strlen(prefix)) + 1);
    return true;
}

/* --- StarCoder ----------------------------------------------------------------------------------
 */

/* All queries share one. */
static int one_key(struct hf_model *model)
{
    return hf_set_u32(model, "attention.head_count_kv", 1);
}

static const struct hf_key bigcode_keys[] = {
    {HF_U32, "context_length", "n_positions", NULL},
    {HF_U32, "embedding_length", "n_embd", NULL},
    {.kind = HF_CALL, .call = gpt2_ffn},
    {.kind = HF_CALL, .call = hf_key_block_count},
    {HF_U32, "attention.head_count", "n_head", NULL},
    {.kind = HF_CALL, .call = one_key},
    {HF_F32, "attention.layer_norm_epsilon", "layer_norm_epsilon", NULL},
    {.kind = HF_FILE_TYPE},
    {.kind = HF_END},
};

/* --- the page -----------------------------------------------------------------------------------
 */

const struct hf_arch hf_arch_others[] = {
    {
        .name = "olmo2",
        .classes = "Olmo2ForCausalLM Olmo3ForCausalLM",
        .tokenizer = HF_TOKENIZER_BPE,
        .keys = olmo2_keys,
        .names = {hf_names_ends, hf_names_attention, hf_names_qk_norm, hf_names_norms_behind,
                  hf_names_mlp},
    },
    {
        .name = "command-r",
        .classes = "CohereForCausalLM",
        .tokenizer = HF_TOKENIZER_BPE,
        .pre = "command-r",
        .keys = cohere_keys,
        .names = {cohere_names, hf_names_attention, hf_names_qk_norm, hf_names_mlp},
    },
    {
        .name = "starcoder2",
        .classes = "Starcoder2ForCausalLM",
        .tokenizer = HF_TOKENIZER_BPE,
        .pre = "starcoder",
        .keys = base_keys,
        .names = {hf_names_ends, hf_names_attention, hf_names_norms, starcoder_names},
    },
    {
        .name = "seed_oss",
        .classes = "SeedOssForCausalLM",
        .tokenizer = HF_TOKENIZER_BPE,
        .keys = base_keys,
        .names = {hf_names_ends, hf_names_attention, seed_names, hf_names_mlp},
    },
    {
        .name = "stablelm",
        .classes = "StableLmForCausalLM StableLMEpochForCausalLM",
        .tokenizer = HF_TOKENIZER_BPE,
        .keys = stablelm_keys,
        .names = {hf_names_ends, hf_names_attention, hf_names_norms, hf_names_mlp},
    },
    {
        .name = "gpt2",
        .classes = "GPT2LMHeadModel",
        .tokenizer = HF_TOKENIZER_BPE,
        .keys = gpt2_keys,
        .names = {gpt2_names},
        .rules = gpt2_rules,
        .rename = gpt2_rename,
    },
    {
        .name = "starcoder",
        .classes = "GPTBigCodeForCausalLM",
        .tokenizer = HF_TOKENIZER_BPE,
        .pre = "starcoder",
        .keys = bigcode_keys,
        .names = {gpt2_names},
        .rename = gpt2_rename,
    },
    {.name = NULL},
};
