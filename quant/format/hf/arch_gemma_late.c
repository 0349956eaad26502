/* Gemma 3n and 4: embeddings for each layer. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "quant/format/hf/arch.h"
#include "quant/format/hf/rope.h"

#define ROPE_MAX 65536

static const struct hf_tensor_name late_names[] = {
    {"model.embed_tokens_per_layer", "per_layer_token_embd"},
    {"model.per_layer_model_projection", "per_layer_model_proj"},
    {"model.per_layer_projection_norm", "per_layer_proj_norm"},
    {".per_layer_input_gate", ".inp_gate"},
    {".per_layer_projection", ".proj"},
    {".post_per_layer_input_norm", ".post_norm"},
    {NULL, NULL},
};

/* --- Gemma 3n -----------------------------------------------------------------------------------
 */

/* A list for each layer in any case. */
static int n_ffn(struct hf_model *model)
{
    uint64_t size;

    if (!hf_config_count(model->config, "intermediate_size", &size))
        return 0; /* a list: the base list has it */
    return hf_set_u32_of(model, "feed_forward_length", "", size, size);
}

static int n_inputs(struct hf_model *model)
{
    uint64_t count;
    int r = hf_need_count(model, "altup_num_inputs", &count);

    if (r == 0 && count != 4)
        r = hf_model_refuse(model, "altup_num_inputs is %" PRIu64, count);
    return r == 0 ? hf_set_u32(model, "altup.num_inputs", count) : r;
}

/* The share of inactive values as a multiple of their deviation, by the inverse of the normal
 * distribution in single precision. Models have two values of it (import-2.md 2.5). */
static int n_sparsity(struct hf_model *model)
{
    static const float active = 0x1.a5151cp+0F; /* 0.95 */
    const json_t *pattern = hf_config_get(model->config, "activation_sparsity_pattern");
    float *values = reallocarray(NULL, (size_t)model->layers + 1, sizeof(*values));
    char key[64];
    double share;
    int r = values ? 0 : -ENOMEM;

    for (uint64_t i = 0; i < model->layers && r == 0; i++) {
        share = i < 10 && model->layers > 10 ? 0.95 : 0; /* of the class */
        if (pattern && !json_as_double(json_array_get(pattern, (size_t)i), &share))
            r = hf_model_refuse(model, "activation_sparsity_pattern has nothing for each layer");
        else if (share != 0.95 && share != 0)
            r = hf_model_refuse(model, "activation_sparsity_pattern has %g", share);
        else
            values[i] = share == 0 ? -INFINITY : active;
    }
    (void)snprintf(key, sizeof(key), "%s.activation_sparsity_scale", model->arch->name);
    if (r == 0)
        r = hf_kv_f32s(model->kv, key, values, (size_t)model->layers);
    free(values);
    return r;
}

static int n_pattern(struct hf_model *model)
{
    return hf_set_layers_of(model, "attention.sliding_window_pattern", "sliding_attention");
}

static const struct hf_key gemma3n_keys[] = {
    {.kind = HF_BASE},
    {.kind = HF_CALL, .call = n_ffn},
    {HF_F32_IF, "final_logit_softcapping", "final_logit_softcapping", NULL},
    {HF_U32, "attention.sliding_window", "sliding_window", NULL},
    {HF_U32, "altup.active_idx", "altup_active_idx", NULL},
    {.kind = HF_CALL, .call = n_inputs},
    {HF_U32, "embedding_length_per_layer_input", "hidden_size_per_layer_input", NULL},
    {HF_U32, "attention.shared_kv_layers", "num_kv_shared_layers", NULL},
    {.kind = HF_CALL, .call = n_sparsity},
    {.kind = HF_CALL, .call = n_pattern},
    {.kind = HF_END},
};

static const struct hf_tensor_name gemma3n_names[] = {
    {"model.altup_projections", "altup_proj"},
    {"model.altup_unembed_projections", "altup_unembd_proj"},
    {".altup.correct_output_scale", ".altup_correct_scale"},
    {".altup.correction_coefs", ".altup_correct_coef"},
    {".altup.modality_router", ".altup_router"},
    {".altup.prediction_coefs", ".altup_predict_coef"},
    {".altup.router_norm", ".altup_router_norm"},
    {".laurel.linear_left", ".laurel_l"},
    {".laurel.linear_right", ".laurel_r"},
    {".laurel.post_laurel_norm", ".laurel_post_norm"},
    {NULL, NULL},
};

/* Rows for all of the vocabulary: those that are not stored are zeros. */
static int pad_rows(struct hf_model *model, const struct hf_source *source)
{
    struct hf_slice slice = hf_whole(model->weights, source->tensor);
    struct hf_slice zeros = {.kind = HF_ZEROS, .scale = HF_NO_TENSOR, .dim_count = 2};
    uint64_t count, shape[2] = {source->stored->shape[0], source->stored->shape[1]};
    int r = hf_need_count(model, "vocab_size", &count);

    if (r == 0 && source->stored->n_dims != 2)
        r = hf_source_refuse(model, source, "no matrix");
    if (r < 0)
        return r;
    zeros.dims[0].count = count > shape[0] ? count - shape[0] : 0;
    zeros.dims[1].count = shape[1];
    shape[0] += zeros.dims[0].count;
    r = hf_begin_named(model, source, source->name, 2, shape);
    if (r == 0)
        r = hf_add_slice(model, &slice);
    return r == 0 && zeros.dims[0].count > 0 ? hf_add_slice(model, &zeros) : r;
}

/* PREFIX0.weight to PREFIX2.weight become one tensor where the last of them stands. */
static int stack_three(struct hf_model *model, const struct hf_source *source)
{
    const struct hf_tensor *parts[3], *stored = source->stored;
    uint64_t shape[3] = {3, stored->shape[0], stored->shape[1]};
    const char *at = strstr(stored->name, "projections.");
    char name[HF_NAME_MAX];
    struct hf_slice slice;
    int r = 0;

    if (!at || stored->n_dims != 2)
        return hf_source_refuse(model, source, "no matrix");
    at += strlen("projections.");
    for (unsigned i = 0; i < 3; i++) {
        (void)snprintf(name, sizeof(name), "%.*s%u.weight", (int)(at - stored->name), stored->name,
                       i);
        parts[i] = hf_weights_find(model->weights, name);
        if (!parts[i] || parts[i]->n_dims != 2 || parts[i]->shape[0] != shape[1] ||
            parts[i]->shape[1] != shape[2])
            return hf_source_refuse(model, source, "%s does not go with it", name);
        if (parts[i] > stored)
            return 0; /* not the last one */
    }
    at = strstr(source->name, "projections.");
    (void)snprintf(name, sizeof(name), "%.*sprojections.weight", (int)(at - source->name),
                   source->name);
    r = hf_begin_named(model, source, name, 3, shape);
    for (unsigned i = 0; i < 3 && r == 0; i++) {
        slice = hf_whole(model->weights, (uint32_t)(parts[i] - model->weights->tensors));
        r = hf_add_slice(model, &slice);
    }
    return r;
}

static const struct hf_rule gemma3n_rules[] = {
    {"*_scale", hf_rule_add_suffix},
    {"model.embed_tokens.weight", pad_rows},
    {"model.embed_tokens_per_layer.weight", pad_rows},
    {"model.altup_projections.#.weight", stack_three},
    {"model.altup_unembed_projections.#.weight", stack_three},
    {NULL, NULL},
};

/* --- Gemma 4 ------------------------------------------------------------------------------------
 */

static int four_lengths(struct hf_model *model, const char *key, const char *value_key,
                        const char *from)
{
    uint64_t size;
    int r = hf_need_count(model, from, &size);

    if (r == 0)
        r = hf_set_u32(model, key, size);
    return r == 0 ? hf_set_u32(model, value_key, size) : r;
}

static int four_full(struct hf_model *model)
{
    return four_lengths(model, "attention.key_length", "attention.value_length", "global_head_dim");
}

static int four_sliding(struct hf_model *model)
{
    return four_lengths(model, "attention.key_length_swa", "attention.value_length_swa",
                        "head_dim");
}

/* The layers that share their keys and values have an MLP twice as wide. */
static int four_ffn(struct hf_model *model)
{
    int32_t *values;
    uint64_t size, shared = 0;
    char key[64];
    int r;

    if (!hf_config_true(model->config, "use_double_wide_mlp"))
        return 0;
    r = hf_need_count(model, "intermediate_size", &size);
    if (r == 0)
        r = hf_need_count(model, "num_kv_shared_layers", &shared);
    if (r == 0 && size > INT32_MAX / 2)
        r = hf_model_refuse(model, "intermediate_size is too large");
    if (r < 0)
        return r;
    values = reallocarray(NULL, (size_t)model->layers + 1, sizeof(*values));
    if (!values)
        return -ENOMEM;
    for (uint64_t i = 0; i < model->layers; i++)
        values[i] = (int32_t)(i + shared < model->layers ? size : 2 * size);
    (void)snprintf(key, sizeof(key), "%s.feed_forward_length", model->arch->name);
    r = hf_kv_i32s(model->kv, key, values, (size_t)model->layers);
    free(values);
    return r;
}

static int four_heads(struct hf_model *model)
{
    uint64_t full, sliding;

    if (!hf_config_count(model->config, "num_global_key_value_heads", &full) ||
        !hf_config_count(model->config, "num_key_value_heads", &sliding))
        return 0;
    return hf_set_u32_of(model, "attention.head_count_kv", "sliding_attention", sliding, full);
}

static int four_per_layer(struct hf_model *model)
{
    uint64_t size = 0;

    (void)hf_config_count(model->config, "hidden_size_per_layer_input", &size);
    return hf_set_u32(model, "embedding_length_per_layer_input", size);
}

/* The whole head of full attention: rope_freqs says what turns. */
static int four_rope(struct hf_model *model)
{
    uint64_t full, sliding;
    double part = 1;
    int r = hf_need_count(model, "global_head_dim", &full);

    if (r == 0)
        r = hf_need_count(model, "head_dim", &sliding);
    if (r == 0)
        r = hf_set_u32(model, "rope.dimension_count", full);
    (void)hf_config_real(model->config, "partial_rotary_factor", &part);
    if (r == 0 && (!(part >= 0 && part <= 1) || sliding > UINT32_MAX))
        r = hf_model_refuse(model, "a rope on %g of a head", part);
    return r == 0
               ? hf_set_u32(model, "rope.dimension_count_swa", (uint64_t)((double)sliding * part))
               : r;
}

static const struct hf_key gemma4_keys[] = {
    {.kind = HF_BASE},
    {.kind = HF_CALL, .call = four_full},
    {.kind = HF_CALL, .call = four_ffn},
    {.kind = HF_CALL, .call = four_heads},
    {HF_F32_IF, "final_logit_softcapping", "final_logit_softcapping", NULL},
    {HF_U32, "attention.sliding_window", "sliding_window", NULL},
    {HF_U32, "attention.shared_kv_layers", "num_kv_shared_layers", NULL},
    {.kind = HF_CALL, .call = four_per_layer},
    {.kind = HF_CALL, .call = n_pattern},
    {.kind = HF_CALL, .call = four_sliding},
    {HF_U32_IF, "expert_feed_forward_length", "expert_intermediate_size moe_intermediate_size",
     NULL},
    {.kind = HF_CALL, .call = four_rope},
    {.kind = HF_END},
};

static const struct hf_tensor_name gemma4_names[] = {
    {".experts.down_proj", ".ffn_down_exps"},
    {".experts.gate_up_proj", ".ffn_gate_up_exps"},
    {".layer_scalar", ".layer_output_scale"},
    {".post_feedforward_layernorm_1", ".post_ffw_norm_1"},
    {".post_feedforward_layernorm_2", ".post_ffw_norm_2"},
    {".pre_feedforward_layernorm_2", ".pre_ffw_norm_2"},
    {".router.proj", ".ffn_gate_inp"},
    {".router.scale", ".ffn_gate_inp.scale"},
    {".router.per_expert_scale", ".ffn_down_exps.scale"},
    {NULL, NULL},
};

/* Of full attention's rope a part turns; the rest gets a factor that stops it. */
static int four_freqs(struct hf_model *model)
{
    uint64_t size, turning;
    float *values;
    double part;
    int r = hf_need_count(model, "global_head_dim", &size);

    if (r < 0)
        return r;
    if (!json_as_double(json_member(hf_config_rope(model->config), "partial_rotary_factor"),
                        &part) ||
        !(part >= 0 && part <= 1) || size < 2 || size > ROPE_MAX)
        return hf_model_refuse(model, "no usable rope of full attention");
    turning = (uint64_t)((double)size * part / 2);
    values = reallocarray(NULL, (size_t)size / 2, sizeof(*values));
    if (!values)
        return -ENOMEM;
    for (uint64_t i = 0; i < size / 2; i++)
        values[i] = i < turning ? 1.0F : 1e30F;
    r = hf_rope_write(model, "rope_freqs.weight", values, size / 2);
    free(values);
    return r;
}

/* Rows of tokens that the tokenizer does not have are left out. */
static int four_rows(struct hf_model *model, const struct hf_source *source)
{
    struct hf_slice slice = hf_whole(model->weights, source->tensor);
    uint64_t shape[2] = {source->stored->shape[0], source->stored->shape[1]};
    uint64_t count = hf_tokenizer_entries(model->tokenizer);
    int r;

    if (source->stored->n_dims != 2)
        return hf_source_refuse(model, source, "no matrix");
    shape[0] = count < shape[0] ? count : shape[0];
    hf_narrow(&slice, 0, 0, shape[0], 1);
    r = hf_begin_named(model, source, source->name, 2, shape);
    return r == 0 ? hf_add_slice(model, &slice) : r;
}

static const struct hf_rule gemma4_rules[] = {
    {"*.layer_scalar", hf_rule_add_suffix},
    {"*.experts.*_proj", hf_rule_add_suffix},
    {"model.embed_tokens.weight", four_rows},
    {NULL, NULL},
};

const struct hf_arch hf_arch_gemma_late[] = {
    {
        .name = "gemma3n",
        .classes = "Gemma3nForConditionalGeneration Gemma3nForCausalLM",
        .tokenizer = HF_TOKENIZER_GEMMA2,
        .keys = gemma3n_keys,
        .names = {hf_names_ends, hf_names_attention, hf_names_qk_norm, hf_names_norms4,
                  hf_names_mlp, late_names, gemma3n_names},
        .rules = gemma3n_rules,
    },
    {
        .name = "gemma4",
        .classes = "Gemma4ForConditionalGeneration Gemma4ForCausalLM",
        .tokenizer = HF_TOKENIZER_GEMMA4,
        .keys = gemma4_keys,
        .names = {hf_names_ends, hf_names_attention, hf_names_qk_norm, hf_names_norms4,
                  hf_names_mlp, late_names, gemma4_names},
        .rules = gemma4_rules,
        .extra = four_freqs,
    },
    {.name = NULL},
};
