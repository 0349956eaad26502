/* GLM 4. */
#include <string.h>

#include "quant/format/hf/arch.h"

static int half_rope(struct hf_model *model)
{
    uint64_t size;
    int r = hf_head_size(model, &size);

    return r == 0 ? hf_set_partial_rope(model, "rope.dimension_count", size, 0.5) : r;
}

static const struct hf_key glm4_keys[] = {
    {.kind = HF_BASE},
    {.kind = HF_CALL, .call = half_rope},
    {.kind = HF_END},
};

/* As GLM 4, with a layer that predicts one token more. */
static const struct hf_key glm_ocr_keys[] = {
    {.kind = HF_BASE},
    {.kind = HF_CALL, .call = half_rope},
    {HF_U32_IF, "nextn_predict_layers", "num_nextn_predict_layers", NULL},
    {.kind = HF_END},
};

static const struct hf_tensor_name glm4_names[] = {
    {".input_layernorm", ".attn_norm"},
    {".post_self_attn_layernorm", ".post_attention_norm"},
    {".post_attention_layernorm", ".ffn_norm"},
    {".post_mlp_layernorm", ".post_ffw_norm"},
    {".mlp.gate_up_proj", ".ffn_up"},
    {".mlp.down_proj", ".ffn_down"},
    {NULL, NULL},
};

/* --- with a vision tower, which is left out -----------------------------------------------------
 */

/* Of each head's first rows, which turn, the even ones and then the odd ones; the rest stays. */
static int part_heads(struct hf_model *model, const struct hf_source *source, uint64_t heads)
{
    const struct hf_tensor *stored = source->stored;
    struct hf_slice whole = hf_whole(model->weights, source->tensor), slice;
    uint64_t size, turning;
    double part = 0.5;
    int r = hf_head_size(model, &size);

    (void)json_as_double(json_member(hf_config_rope(model->config), "partial_rotary_factor"),
                         &part);
    if (r < 0)
        return r;
    turning = part >= 0 && part <= 1 && size <= UINT32_MAX ? (uint64_t)((double)size * part) : 1;
    if (stored->n_dims < 1 || stored->n_dims > 2 || size == 0 || turning % 2 != 0 ||
        stored->shape[0] / size != heads || !hf_split(&whole, 0, size))
        return hf_source_refuse(model, source, "its rows are not those of the heads");
    r = hf_begin_named(model, source, source->name, stored->n_dims, stored->shape);
    for (uint64_t head = 0; head < heads && r == 0; head++) {
        slice = whole;
        hf_narrow(&slice, 0, head, 1, 1);
        hf_narrow(&slice, 1, 0, turning, 1);
        if (turning > 0 && hf_split(&slice, 1, 2)) {
            hf_swap(&slice, 1, 2);
            r = hf_add_slice(model, &slice);
        }
        slice = whole;
        hf_narrow(&slice, 0, head, 1, 1);
        hf_narrow(&slice, 1, turning, size - turning, 1);
        if (r == 0 && turning < size)
            r = hf_add_slice(model, &slice);
    }
    return r;
}

static int part_q(struct hf_model *model, const struct hf_source *source)
{
    return part_heads(model, source, model->heads);
}

static int part_k(struct hf_model *model, const struct hf_source *source)
{
    return part_heads(model, source, model->kv_heads);
}

static const struct hf_rule sections_rules[] = {
    {"*.q_proj.*", part_q},
    {"*.k_proj.*", part_k},
    {NULL, NULL},
};

static bool has_sections(const struct hf_config *config)
{
    return json_member(hf_config_rope_all(config), "mrope_section") != NULL;
}

/* --- with experts -------------------------------------------------------------------------------
 */

static int sigmoid(struct hf_model *model)
{
    return hf_set_u32(model, "expert_gating_func", 2);
}

static const struct hf_key glm4moe_keys[] = {
    {.kind = HF_BASE},
    {.kind = HF_CALL, .call = half_rope},
    {HF_U32_IF, "expert_feed_forward_length", "moe_intermediate_size", NULL},
    {HF_U32_IF, "expert_shared_count", "n_shared_experts", NULL},
    {HF_U32_IF, "leading_dense_block_count", "first_k_dense_replace", NULL},
    {.kind = HF_CALL, .call = sigmoid},
    {HF_F32_IF, "expert_weights_scale", "routed_scaling_factor", NULL},
    {HF_TRUE, "expert_weights_norm", "norm_topk_prob", NULL},
    {HF_U32_IF, "nextn_predict_layers", "num_nextn_predict_layers", NULL},
    {.kind = HF_END},
};

static const struct hf_tensor_name glm4moe_names[] = {
    {".input_layernorm", ".attn_norm"},
    {".post_attention_layernorm", ".post_attention_norm"},
    {NULL, NULL},
};

const struct hf_arch hf_arch_glm[] = {
    {
        .name = "glm4",
        .classes = "Glm4ForCausalLM Glm4vForConditionalGeneration",
        .fits = has_sections,
        .tokenizer = HF_TOKENIZER_GLM4,
        .pre = "glm4",
        .keys = glm4_keys,
        .names = {hf_names_ends, hf_names_attention, glm4_names},
        .rules = sections_rules,
    },
    {
        .name = "glm4",
        .classes = "Glm4ForCausalLM Glm4vForConditionalGeneration",
        .tokenizer = HF_TOKENIZER_GLM4,
        .pre = "glm4",
        .keys = glm4_keys,
        .names = {hf_names_ends, hf_names_attention, glm4_names},
    },
    {
        .name = "glm4",
        .classes = "GlmOcrForConditionalGeneration",
        .fits = has_sections,
        .tokenizer = HF_TOKENIZER_GLM4,
        .pre = "glm4",
        .keys = glm_ocr_keys,
        .names = {hf_names_ends, hf_names_attention, glm4_names, hf_names_next},
        .rules = sections_rules,
        .begin = hf_begin_next,
    },
    {
        .name = "glm4moe",
        .classes = "Glm4MoeForCausalLM Glm4vMoeForConditionalGeneration",
        .tokenizer = HF_TOKENIZER_GLM4MOE,
        .pre = "glm4",
        .keys = glm4moe_keys,
        .names = {hf_names_ends, hf_names_attention, hf_names_qk_norm, glm4moe_names, hf_names_mlp,
                  hf_names_experts, hf_names_shared_experts, hf_names_next},
        .stack = &hf_stack_mlp,
        .begin = hf_begin_next,
    },
    {.name = NULL},
};
