#ifndef QUANT_ARCH_KEYS_H
#define QUANT_ARCH_KEYS_H

/* The table of architectures: for arch.c alone. */
#include "quant/format/gguf.h"

/* What may stand for a value besides one of its type. */
enum form {
    FORM_SCALAR,  /* nothing */
    FORM_LAYERS,  /* an array of block_count such values */
    FORM_FOUR,    /* an array of four */
    FORM_LOOSE,   /* any array: it is passed over */
    FORM_ARRAY,   /* only an array, of at most 512 */
    FORM_LIST,    /* only an array, of any length but not of booleans */
    FORM_COUNTED, /* only an array, of any length; what is none has the wrong type */
};

struct arch_key {
    const char *name; /* without "ARCH." */
    enum gguf_type type;
    enum form form;
    bool needed;
    bool whole;          /* the name stands alone, without "ARCH." */
    bool experts;        /* looked at only if there are experts */
    const char *missing; /* what the tool says then; NULL: "key not found in model: ..." */
};

struct arch {
    const char *name;
    bool refused;                /* known to the tool, but not loaded by it */
    bool rotates_all;            /* rope.dimension_count must be the size of a head */
    const struct arch_key *keys; /* ends with a NULL name; NULL: no key at all is looked at */
};

/* A number (or with `length` the length of an array) that the tool bounds. */
struct arch_limit {
    const char *arch;
    const char *key;
    bool length;
    uint64_t min, max;
    const char *text; /* the tool's message; NULL: an assertion of its */
};

/* Stands for block_count. */
#define ARCH_LAYERS (UINT64_MAX - 1)

#define NEED_AS(name, type, form)                                                                  \
    {                                                                                              \
        name, type, form, true, false, false, NULL                                                 \
    }
#define MAY_AS(name, type, form)                                                                   \
    {                                                                                              \
        name, type, form, false, false, false, NULL                                                \
    }
#define SAYS(name, type, form, missing)                                                            \
    {                                                                                              \
        name, type, form, true, false, false, missing                                              \
    }
#define WHOLE(name, type, form, needed)                                                            \
    {                                                                                              \
        name, type, form, needed, true, false, NULL                                                \
    }
#define NEED(name, type) NEED_AS(name, type, FORM_SCALAR)
#define MAY(name, type) MAY_AS(name, type, FORM_SCALAR)
#define EXPERTS(name, type, form, needed)                                                          \
    {                                                                                              \
        name, type, form, needed, false, true, NULL                                                \
    }
#define END                                                                                        \
    {                                                                                              \
        NULL, GGUF_U32, FORM_SCALAR, false, false, false, NULL                                     \
    }

/*
 * What llama-quantize 0.7.0 looks at while it loads a model, in its order: found by giving it each
 * key with a wrong type, and without it. First what it asks of every architecture.
 */
/* clang-format off */
static const struct arch_key file_type_key = WHOLE("general.file_type", GGUF_U32, FORM_SCALAR, false);

static const struct arch_key name_keys[] = {
    WHOLE("general.name", GGUF_STRING, FORM_SCALAR, false),
    END,
};

static const struct arch_key layer_keys[] = {
    NEED("context_length", GGUF_U32), NEED("embedding_length", GGUF_U32),
    MAY("embedding_length_out", GGUF_U32), MAY("attention.causal", GGUF_BOOL),
    MAY("pooling_type", GGUF_U32), MAY("classifier.pooling_type", GGUF_U32),
    MAY("classifier.activation", GGUF_STRING), NEED("block_count", GGUF_U32),
    MAY("nextn_predict_layers", GGUF_U32),
    END,
};

static const struct arch_key model_keys[] = {
    MAY("expert_count", GGUF_U32), MAY_AS("expert_used_count", GGUF_U32, FORM_LAYERS),
    MAY("expert_group_count", GGUF_U32), MAY("expert_group_used_count", GGUF_U32),
    MAY_AS("feed_forward_length", GGUF_U32, FORM_LAYERS),
    MAY_AS("attention.head_count", GGUF_U32, FORM_LAYERS),
    MAY_AS("attention.head_count_kv", GGUF_U32, FORM_LAYERS),
    MAY("rope.scaling.finetuned", GGUF_BOOL),
    MAY("rope.scaling.original_context_length", GGUF_U32), MAY("rope.freq_base", GGUF_F32),
    MAY("rope.scaling.type", GGUF_STRING), MAY("rope.section_order", GGUF_STRING),
    MAY("rope.scaling.factor", GGUF_F32), MAY("rope.scaling.attn_factor", GGUF_F32),
    MAY("rope.scaling.alpha", GGUF_F32),
    END,
};

/* Only if there are heads. */
static const struct arch_key head_keys[] = {
    MAY("attention.key_length", GGUF_U32), MAY("attention.value_length", GGUF_U32),
    MAY("rope.dimension_count", GGUF_U32),
    END,
};

static const struct arch_key window_keys[] = {
    MAY("attention.key_length_swa", GGUF_U32), MAY("attention.value_length_swa", GGUF_U32),
    MAY("rope.dimension_count_swa", GGUF_U32),
    END,
};

/* Then what each asks for itself. */
static const struct arch archs[] = {
    {"afmoe", false, false, (const struct arch_key[]){
        NEED("attention.layer_norm_rms_epsilon", GGUF_F32),
        MAY("leading_dense_block_count", GGUF_U32),
        NEED_AS("expert_feed_forward_length", GGUF_U32, FORM_LAYERS),
        NEED("expert_shared_count", GGUF_U32), MAY("expert_gating_func", GGUF_U32),
        MAY("expert_weights_scale", GGUF_F32), MAY("expert_weights_norm", GGUF_BOOL),
        MAY("attention.sliding_window", GGUF_U32), END}},
    {"apertus", false, false, (const struct arch_key[]){
        NEED("attention.layer_norm_rms_epsilon", GGUF_F32),
        WHOLE("xielu.alpha_n", GGUF_F32, FORM_LAYERS, true),
        WHOLE("xielu.alpha_p", GGUF_F32, FORM_LAYERS, true),
        WHOLE("xielu.beta", GGUF_F32, FORM_LAYERS, true),
        WHOLE("xielu.eps", GGUF_F32, FORM_LAYERS, true), END}},
    {"arcee", false, false, (const struct arch_key[]){
        NEED("attention.layer_norm_rms_epsilon", GGUF_F32), END}},
    {"arctic", false, false, (const struct arch_key[]){
        NEED("attention.layer_norm_rms_epsilon", GGUF_F32), END}},
    {"arwkv7", false, false, (const struct arch_key[]){
        MAY("attention.layer_norm_epsilon", GGUF_F32),
        MAY("attention.layer_norm_rms_epsilon", GGUF_F32), NEED("wkv.head_size", GGUF_U32),
        NEED("attention.decay_lora_rank", GGUF_U32), NEED("attention.iclr_lora_rank", GGUF_U32),
        NEED("attention.value_residual_mix_lora_rank", GGUF_U32),
        MAY("attention.gate_lora_rank", GGUF_U32), MAY("token_shift_count", GGUF_U32), END}},
    {"baichuan", false, false, (const struct arch_key[]){
        NEED("attention.layer_norm_rms_epsilon", GGUF_F32), END}},
    {"bailingmoe", false, false, (const struct arch_key[]){
        NEED("attention.layer_norm_rms_epsilon", GGUF_F32),
        MAY("leading_dense_block_count", GGUF_U32),
        NEED_AS("expert_feed_forward_length", GGUF_U32, FORM_LAYERS),
        NEED("expert_shared_count", GGUF_U32), MAY("expert_weights_scale", GGUF_F32),
        MAY("expert_weights_norm", GGUF_BOOL), END}},
    {"bailingmoe2", false, false, (const struct arch_key[]){
        NEED("attention.layer_norm_rms_epsilon", GGUF_F32),
        MAY("leading_dense_block_count", GGUF_U32),
        NEED_AS("expert_feed_forward_length", GGUF_U32, FORM_LAYERS),
        MAY("expert_shared_feed_forward_length", GGUF_U32), NEED("expert_shared_count", GGUF_U32),
        MAY("expert_weights_scale", GGUF_F32), MAY("expert_weights_norm", GGUF_BOOL),
        NEED("expert_gating_func", GGUF_U32), END}},
    {"bailingmoe3", false, false, (const struct arch_key[]){
        NEED("attention.layer_norm_rms_epsilon", GGUF_F32),
        NEED("attention.key_length_mla", GGUF_U32), NEED("attention.value_length_mla", GGUF_U32),
        NEED("attention.kv_lora_rank", GGUF_U32), MAY("attention.q_lora_rank", GGUF_U32),
        NEED("ssm.conv_kernel", GGUF_U32), NEED("kda.head_dim", GGUF_U32),
        MAY("kda.safe_gate", GGUF_BOOL), NEED("kda.gate_lower_bound", GGUF_F32),
        MAY_AS("rope.dimension_sections", GGUF_I32, FORM_FOUR),
        NEED_AS("expert_feed_forward_length", GGUF_U32, FORM_LAYERS),
        MAY("expert_shared_feed_forward_length", GGUF_U32), NEED("expert_shared_count", GGUF_U32),
        NEED("leading_dense_block_count", GGUF_U32), MAY("expert_weights_scale", GGUF_F32),
        MAY("expert_weights_norm", GGUF_BOOL), NEED("expert_gating_func", GGUF_U32),
        MAY_AS("swiglu_clamp_exp", GGUF_F32, FORM_LAYERS),
        MAY_AS("swiglu_clamp_shexp", GGUF_F32, FORM_LAYERS), END}},
    {"bert", false, false, (const struct arch_key[]){
        NEED("attention.layer_norm_epsilon", GGUF_F32), END}},
    {"bitnet", false, false, (const struct arch_key[]){
        NEED("attention.layer_norm_rms_epsilon", GGUF_F32), END}},
    {"bloom", false, false, (const struct arch_key[]){
        NEED("attention.layer_norm_epsilon", GGUF_F32), END}},
    {"chameleon", false, false, (const struct arch_key[]){
        NEED("attention.layer_norm_rms_epsilon", GGUF_F32), MAY("swin_norm", GGUF_BOOL), END}},
    {"chatglm", false, false, (const struct arch_key[]){
        NEED("attention.layer_norm_rms_epsilon", GGUF_F32), END}},
    {"clef", false, false, (const struct arch_key[]){
        NEED("attention.layer_norm_rms_epsilon", GGUF_F32),
        NEED_AS("rope.dimension_sections", GGUF_I32, FORM_FOUR), NEED("ssm.conv_kernel", GGUF_U32),
        NEED("ssm.inner_size", GGUF_U32), NEED("ssm.state_size", GGUF_U32),
        NEED("ssm.time_step_rank", GGUF_U32), NEED("ssm.group_count", GGUF_U32),
        MAY_AS("attention.recurrent_layers", GGUF_U32, FORM_LAYERS),
        MAY("full_attention_interval", GGUF_U32), NEED("decision.routing_block_count", GGUF_U32),
        NEED("decision.block_count", GGUF_U32), NEED("decision.head_count", GGUF_U32),
        NEED("attention.layer_norm_epsilon", GGUF_F32), END}},
    {"clip", false, false, NULL},
    {"codeshell", false, false, (const struct arch_key[]){
        NEED("attention.layer_norm_epsilon", GGUF_F32), END}},
    {"cogvlm", false, false, (const struct arch_key[]){
        NEED("attention.layer_norm_rms_epsilon", GGUF_F32), END}},
    {"cohere2", false, false, (const struct arch_key[]){
        MAY_AS("attention.sliding_window_pattern", GGUF_U32, FORM_LOOSE),
        MAY("rope.freq_base_swa", GGUF_F32), NEED("attention.sliding_window", GGUF_U32),
        NEED("logit_scale", GGUF_F32), NEED("attention.layer_norm_epsilon", GGUF_F32), END}},
    {"cohere2moe", false, false, (const struct arch_key[]){
        SAYS("attention.layer_norm_epsilon", GGUF_F32, FORM_SCALAR, "missing Cohere2 MoE norm epsilon"),
        MAY("attention.layer_norm_rms_epsilon", GGUF_F32),
        NEED("attention.sliding_window", GGUF_U32), NEED("logit_scale", GGUF_F32),
        NEED("leading_dense_block_count", GGUF_U32),
        NEED_AS("expert_feed_forward_length", GGUF_U32, FORM_LAYERS),
        MAY("expert_shared_feed_forward_length", GGUF_U32), MAY("expert_shared_count", GGUF_U32),
        MAY("expert_weights_norm", GGUF_BOOL), MAY("expert_weights_scale", GGUF_F32),
        MAY("expert_gating_func", GGUF_U32),
        MAY_AS("attention.sliding_window_pattern", GGUF_U32, FORM_LOOSE),
        MAY("rope.freq_base_swa", GGUF_F32), END}},
    {"command-r", false, false, (const struct arch_key[]){
        MAY("logit_scale", GGUF_F32), NEED("attention.layer_norm_epsilon", GGUF_F32), END}},
    {"dbrx", false, false, (const struct arch_key[]){
        NEED("attention.layer_norm_epsilon", GGUF_F32), NEED("attention.clamp_kqv", GGUF_F32),
        END}},
    {"deci", false, true, (const struct arch_key[]){
        NEED("attention.layer_norm_rms_epsilon", GGUF_F32), END}},
    {"deepseek", false, false, (const struct arch_key[]){
        NEED("attention.layer_norm_rms_epsilon", GGUF_F32),
        MAY("leading_dense_block_count", GGUF_U32),
        NEED_AS("expert_feed_forward_length", GGUF_U32, FORM_LAYERS),
        NEED("expert_shared_count", GGUF_U32), MAY("expert_weights_scale", GGUF_F32), END}},
    {"deepseek2", false, false, (const struct arch_key[]){
        MAY("vocab_size", GGUF_U32), NEED("attention.layer_norm_rms_epsilon", GGUF_F32),
        MAY("leading_dense_block_count", GGUF_U32), NEED("attention.q_lora_rank", GGUF_U32),
        NEED("attention.kv_lora_rank", GGUF_U32), MAY("attention.key_length_mla", GGUF_U32),
        MAY("attention.value_length_mla", GGUF_U32),
        NEED_AS("expert_feed_forward_length", GGUF_U32, FORM_LAYERS),
        NEED("expert_shared_count", GGUF_U32), MAY("expert_weights_scale", GGUF_F32),
        MAY("expert_weights_norm", GGUF_BOOL), MAY("expert_gating_func", GGUF_U32),
        MAY("rope.scaling.yarn_log_multiplier", GGUF_F32),
        MAY("attention.temperature_scale", GGUF_F32),
        MAY("attention.temperature_length", GGUF_U32), END}},
    {"deepseek2-ocr", false, false, (const struct arch_key[]){
        NEED("attention.layer_norm_rms_epsilon", GGUF_F32),
        MAY("leading_dense_block_count", GGUF_U32),
        NEED_AS("expert_feed_forward_length", GGUF_U32, FORM_LAYERS),
        NEED("expert_shared_count", GGUF_U32), MAY("expert_weights_scale", GGUF_F32),
        MAY("expert_weights_norm", GGUF_BOOL), MAY("expert_gating_func", GGUF_U32), END}},
    {"deepseek32", false, false, (const struct arch_key[]){
        NEED_AS("expert_feed_forward_length", GGUF_U32, FORM_LAYERS),
        NEED("attention.layer_norm_rms_epsilon", GGUF_F32),
        MAY_AS("rope.dimension_sections", GGUF_I32, FORM_FOUR),
        NEED("expert_shared_count", GGUF_U32), MAY("leading_dense_block_count", GGUF_U32),
        MAY("expert_weights_scale", GGUF_F32), MAY("expert_weights_norm", GGUF_BOOL),
        NEED("attention.q_lora_rank", GGUF_U32), NEED("attention.kv_lora_rank", GGUF_U32),
        MAY("attention.key_length_mla", GGUF_U32), MAY("attention.value_length_mla", GGUF_U32),
        NEED("attention.indexer.head_count", GGUF_U32),
        NEED("attention.indexer.key_length", GGUF_U32), NEED("attention.indexer.top_k", GGUF_U32),
        NEED("expert_gating_func", GGUF_U32), MAY("rope.scaling.yarn_log_multiplier", GGUF_F32),
        END}},
    {"deepseek4", false, false, (const struct arch_key[]){
        NEED("attention.layer_norm_rms_epsilon", GGUF_F32),
        NEED("attention.q_lora_rank", GGUF_U32), NEED("attention.sliding_window", GGUF_U32),
        NEED_AS("expert_feed_forward_length", GGUF_U32, FORM_LAYERS),
        NEED("expert_shared_count", GGUF_U32), NEED("expert_weights_scale", GGUF_F32),
        NEED("expert_weights_norm", GGUF_BOOL), NEED_AS("swiglu_clamp_exp", GGUF_F32, FORM_LAYERS),
        MAY_AS("swiglu_clamp_shexp", GGUF_F32, FORM_LAYERS),
        NEED("attention.indexer.head_count", GGUF_U32),
        NEED("attention.indexer.key_length", GGUF_U32), NEED("attention.indexer.top_k", GGUF_U32),
        NEED("attention.output_group_count", GGUF_U32),
        NEED("attention.output_lora_rank", GGUF_U32),
        NEED("attention.compress_rope_freq_base", GGUF_F32),
        NEED("hyper_connection.count", GGUF_U32),
        NEED("hyper_connection.sinkhorn_iterations", GGUF_U32),
        NEED("hyper_connection.epsilon", GGUF_F32), NEED("hash_layer_count", GGUF_U32),
        NEED_AS("attention.compress_ratios", GGUF_U32, FORM_COUNTED),
        NEED("expert_gating_func", GGUF_U32), END}},
    {"dflash", false, false, (const struct arch_key[]){
        MAY("embedding_scale", GGUF_F32), MAY("attention.scale", GGUF_F32),
        MAY("attention.value_scale", GGUF_F32), MAY("hidden_activation", GGUF_STRING),
        NEED("attention.layer_norm_rms_epsilon", GGUF_F32), MAY("logit_scale", GGUF_F32),
        MAY("final_logit_softcapping", GGUF_F32),
        MAY_AS("rope.dimension_sections", GGUF_I32, FORM_FOUR), MAY("block_size", GGUF_U32),
        MAY("conv_kernel_size", GGUF_U32), MAY("conv_group_size", GGUF_U32),
        MAY("selector_rank", GGUF_U32), MAY("selector_top_k", GGUF_U32),
        SAYS("target_layers", GGUF_U32, FORM_LIST, "DFlash model requires 'target_layers' in GGUF metadata"),
        MAY("hyper_connection.count", GGUF_U32), MAY("attention.sliding_window", GGUF_U32), END}},
    {"dots1", false, false, (const struct arch_key[]){
        NEED("attention.layer_norm_rms_epsilon", GGUF_F32),
        MAY("leading_dense_block_count", GGUF_U32),
        NEED_AS("expert_feed_forward_length", GGUF_U32, FORM_LAYERS),
        NEED("expert_shared_count", GGUF_U32), MAY("expert_weights_scale", GGUF_F32),
        MAY("expert_weights_norm", GGUF_BOOL), MAY("expert_gating_func", GGUF_U32), END}},
    {"dots3note", false, false, (const struct arch_key[]){
        NEED("attention.layer_norm_rms_epsilon", GGUF_F32), NEED("expert_shared_count", GGUF_U32),
        NEED_AS("expert_feed_forward_length", GGUF_U32, FORM_LAYERS),
        NEED("leading_dense_block_count", GGUF_U32), MAY("expert_weights_scale", GGUF_F32),
        MAY("expert_weights_norm", GGUF_BOOL), NEED("expert_gating_func", GGUF_U32),
        NEED("attention.q_lora_rank", GGUF_U32), NEED("attention.kv_lora_rank", GGUF_U32),
        NEED("attention.key_length_mla", GGUF_U32), NEED("attention.value_length_mla", GGUF_U32),
        NEED("attention.kv_lora_rank_swa", GGUF_U32),
        NEED("attention.key_length_mla_swa", GGUF_U32),
        NEED("attention.value_length_mla_swa", GGUF_U32),
        NEED("attention.sliding_window", GGUF_U32), NEED("rope.freq_base_swa", GGUF_F32),
        NEED_AS("attention.sliding_window_pattern", GGUF_U32, FORM_ARRAY),
        NEED("attention.indexer.head_count", GGUF_U32),
        NEED("attention.indexer.key_length", GGUF_U32), NEED("attention.indexer.top_k", GGUF_U32),
        NEED_AS("attention.indexer.types", GGUF_U32, FORM_ARRAY), END}},
    {"dream", false, false, (const struct arch_key[]){
        NEED("attention.layer_norm_rms_epsilon", GGUF_F32), END}},
    {"eagle3", false, false, (const struct arch_key[]){
        NEED("attention.layer_norm_rms_epsilon", GGUF_F32),
        SAYS("target_layers", GGUF_U32, FORM_LIST, "EAGLE3 model requires 'extract_layers' in GGUF metadata"),
        NEED("target_hidden_size", GGUF_U32), MAY("norm_before_residual", GGUF_BOOL),
        MAY("norm_before_fc", GGUF_BOOL), END}},
    {"ernie4_5", false, false, (const struct arch_key[]){
        MAY_AS("rope.dimension_sections", GGUF_I32, FORM_FOUR),
        NEED("attention.layer_norm_rms_epsilon", GGUF_F32), END}},
    {"ernie4_5-moe", false, false, (const struct arch_key[]){
        MAY_AS("rope.dimension_sections", GGUF_I32, FORM_FOUR),
        NEED("attention.layer_norm_rms_epsilon", GGUF_F32),
        NEED_AS("expert_feed_forward_length", GGUF_U32, FORM_LAYERS),
        MAY("expert_shared_feed_forward_length", GGUF_U32),
        NEED("interleave_moe_layer_step", GGUF_U32), MAY("leading_dense_block_count", GGUF_U32),
        END}},
    {"eurobert", false, false, (const struct arch_key[]){
        NEED("attention.layer_norm_rms_epsilon", GGUF_F32), END}},
    {"exaone", false, false, (const struct arch_key[]){
        NEED("attention.layer_norm_rms_epsilon", GGUF_F32), END}},
    {"exaone-moe", false, false, (const struct arch_key[]){
        MAY_AS("attention.sliding_window_pattern", GGUF_U32, FORM_LOOSE),
        MAY("rope.freq_base_swa", GGUF_F32), NEED("attention.sliding_window", GGUF_U32),
        NEED("attention.layer_norm_rms_epsilon", GGUF_F32), MAY("expert_shared_count", GGUF_U32),
        NEED_AS("expert_feed_forward_length", GGUF_U32, FORM_LAYERS),
        MAY("expert_shared_feed_forward_length", GGUF_U32), NEED("expert_gating_func", GGUF_U32),
        MAY("expert_weights_scale", GGUF_F32), MAY("expert_weights_norm", GGUF_BOOL),
        MAY("leading_dense_block_count", GGUF_U32), END}},
    {"exaone4", false, false, (const struct arch_key[]){
        MAY("attention.sliding_window", GGUF_U32),
        NEED("attention.layer_norm_rms_epsilon", GGUF_F32), END}},
    {"falcon", false, true, (const struct arch_key[]){
        NEED("attention.layer_norm_epsilon", GGUF_F32), END}},
    {"falcon-h1", false, false, (const struct arch_key[]){
        NEED("attention.layer_norm_rms_epsilon", GGUF_F32), NEED("ssm.conv_kernel", GGUF_U32),
        NEED("ssm.inner_size", GGUF_U32), NEED("ssm.state_size", GGUF_U32),
        NEED("ssm.time_step_rank", GGUF_U32), NEED("ssm.group_count", GGUF_U32), END}},
    {"gemma", false, false, (const struct arch_key[]){
        NEED("attention.layer_norm_rms_epsilon", GGUF_F32), END}},
    {"gemma-embedding", false, false, (const struct arch_key[]){
        MAY_AS("attention.sliding_window_pattern", GGUF_U32, FORM_LOOSE),
        MAY("rope.freq_base_swa", GGUF_F32), NEED("attention.sliding_window", GGUF_U32),
        NEED("attention.layer_norm_rms_epsilon", GGUF_F32), MAY("dense_2_feat_in", GGUF_U32),
        MAY("dense_2_feat_out", GGUF_U32), MAY("dense_3_feat_in", GGUF_U32),
        MAY("dense_3_feat_out", GGUF_U32), END}},
    {"gemma-embedding2", false, false, (const struct arch_key[]){
        MAY_AS("attention.sliding_window_pattern", GGUF_U32, FORM_LOOSE),
        MAY("rope.freq_base_swa", GGUF_F32), NEED("attention.sliding_window", GGUF_U32),
        NEED("attention.layer_norm_rms_epsilon", GGUF_F32),
        NEED("embedding_length_per_layer_input", GGUF_U32), END}},
    {"gemma2", false, false, (const struct arch_key[]){
        MAY_AS("attention.sliding_window_pattern", GGUF_U32, FORM_LOOSE),
        MAY("rope.freq_base_swa", GGUF_F32), MAY("attention.sliding_window", GGUF_U32),
        NEED("attention.layer_norm_rms_epsilon", GGUF_F32),
        MAY("attn_logit_softcapping", GGUF_F32), MAY("final_logit_softcapping", GGUF_F32), END}},
    {"gemma3", false, false, (const struct arch_key[]){
        MAY("attention.sliding_window", GGUF_U32), MAY("final_logit_softcapping", GGUF_F32),
        NEED("attention.layer_norm_rms_epsilon", GGUF_F32), END}},
    {"gemma3n", false, false, (const struct arch_key[]){
        MAY_AS("attention.sliding_window_pattern", GGUF_U32, FORM_LOOSE),
        MAY("rope.freq_base_swa", GGUF_F32), NEED("attention.sliding_window", GGUF_U32),
        NEED("attention.layer_norm_rms_epsilon", GGUF_F32), END}},
    {"gemma4", false, false, (const struct arch_key[]){
        NEED_AS("attention.sliding_window_pattern", GGUF_U32, FORM_ARRAY),
        MAY("attention.shared_kv_layers", GGUF_U32), MAY("rope.freq_base_swa", GGUF_F32),
        MAY_AS("expert_feed_forward_length", GGUF_U32, FORM_LAYERS),
        NEED("attention.sliding_window", GGUF_U32),
        NEED("attention.layer_norm_rms_epsilon", GGUF_F32),
        NEED("embedding_length_per_layer_input", GGUF_U32),
        NEED("attention.key_length_swa", GGUF_U32), NEED("attention.value_length_swa", GGUF_U32),
        MAY("final_logit_softcapping", GGUF_F32), END}},
    {"gemma4-assistant", false, false, (const struct arch_key[]){
        NEED_AS("attention.sliding_window_pattern", GGUF_U32, FORM_ARRAY),
        MAY("attention.shared_kv_layers", GGUF_U32), MAY("rope.freq_base_swa", GGUF_F32),
        NEED("attention.sliding_window", GGUF_U32),
        NEED("attention.layer_norm_rms_epsilon", GGUF_F32),
        NEED("attention.key_length_swa", GGUF_U32), NEED("attention.value_length_swa", GGUF_U32),
        END}},
    {"glm-dsa", false, false, (const struct arch_key[]){
        NEED_AS("expert_feed_forward_length", GGUF_U32, FORM_LAYERS),
        NEED("attention.layer_norm_rms_epsilon", GGUF_F32),
        MAY_AS("rope.dimension_sections", GGUF_I32, FORM_FOUR),
        NEED("expert_shared_count", GGUF_U32), MAY("leading_dense_block_count", GGUF_U32),
        MAY("expert_weights_scale", GGUF_F32), MAY("expert_weights_norm", GGUF_BOOL),
        NEED("attention.q_lora_rank", GGUF_U32), NEED("attention.kv_lora_rank", GGUF_U32),
        MAY("attention.key_length_mla", GGUF_U32), MAY("attention.value_length_mla", GGUF_U32),
        NEED("attention.indexer.head_count", GGUF_U32),
        NEED("attention.indexer.key_length", GGUF_U32), NEED("attention.indexer.top_k", GGUF_U32),
        MAY("expert_gating_func", GGUF_U32),
        MAY_AS("attention.indexer.types", GGUF_U32, FORM_LAYERS), END}},
    {"glm4", false, false, (const struct arch_key[]){
        NEED("attention.layer_norm_rms_epsilon", GGUF_F32),
        MAY_AS("rope.dimension_sections", GGUF_I32, FORM_FOUR), END}},
    {"glm4moe", false, false, (const struct arch_key[]){
        NEED_AS("expert_feed_forward_length", GGUF_U32, FORM_LAYERS),
        NEED("attention.layer_norm_rms_epsilon", GGUF_F32),
        MAY_AS("rope.dimension_sections", GGUF_I32, FORM_FOUR),
        NEED("expert_shared_count", GGUF_U32), MAY("leading_dense_block_count", GGUF_U32),
        MAY("expert_weights_scale", GGUF_F32), MAY("expert_weights_norm", GGUF_BOOL),
        MAY("expert_gating_func", GGUF_U32), END}},
    {"glm5-next", false, false, (const struct arch_key[]){
        NEED("attention.layer_norm_rms_epsilon", GGUF_F32),
        MAY("attention.layer_norm_epsilon", GGUF_F32), NEED("attention.key_length_mla", GGUF_U32),
        NEED("attention.value_length_mla", GGUF_U32), NEED("attention.q_lora_rank", GGUF_U32),
        NEED("attention.kv_lora_rank", GGUF_U32), NEED("ssm.conv_kernel", GGUF_U32),
        NEED("kda.head_dim", GGUF_U32), MAY("kda.gate_lower_bound", GGUF_F32),
        NEED_AS("expert_feed_forward_length", GGUF_U32, FORM_LAYERS),
        NEED("expert_shared_count", GGUF_U32), MAY("leading_dense_block_count", GGUF_U32),
        MAY("expert_weights_scale", GGUF_F32), MAY("expert_weights_norm", GGUF_BOOL),
        MAY("expert_gating_func", GGUF_U32), MAY_AS("swiglu_clamp_exp", GGUF_F32, FORM_LAYERS),
        MAY_AS("swiglu_clamp_shexp", GGUF_F32, FORM_LAYERS),
        NEED("attention.indexer.head_count", GGUF_U32),
        NEED("attention.indexer.key_length", GGUF_U32), NEED("attention.indexer.top_k", GGUF_U32),
        NEED("attention.indexer.kpool", GGUF_U32),
        MAY("attention.indexer.kpool_select_tail", GGUF_BOOL),
        MAY_AS("attention.indexer.types", GGUF_U32, FORM_LAYERS),
        NEED("hyper_connection.count", GGUF_U32),
        NEED("hyper_connection.sinkhorn_iterations", GGUF_U32),
        NEED("hyper_connection.epsilon", GGUF_F32), END}},
    {"gpt-oss", false, false, (const struct arch_key[]){
        NEED("attention.layer_norm_rms_epsilon", GGUF_F32),
        NEED_AS("expert_feed_forward_length", GGUF_U32, FORM_LAYERS),
        NEED("attention.sliding_window", GGUF_U32),
        MAY_AS("attention.sliding_window_pattern", GGUF_U32, FORM_LOOSE),
        MAY("rope.freq_base_swa", GGUF_F32), END}},
    {"gpt2", false, false, (const struct arch_key[]){
        NEED("attention.layer_norm_epsilon", GGUF_F32), END}},
    {"gptj", true, false, NULL},
    {"gptneox", false, false, (const struct arch_key[]){
        NEED("attention.layer_norm_epsilon", GGUF_F32), NEED("use_parallel_residual", GGUF_BOOL),
        END}},
    {"granite", false, false, (const struct arch_key[]){
        NEED("attention.layer_norm_rms_epsilon", GGUF_F32), NEED("logit_scale", GGUF_F32),
        MAY("residual_scale", GGUF_F32), MAY("embedding_scale", GGUF_F32),
        MAY("attention.scale", GGUF_F32), MAY("expert_shared_feed_forward_length", GGUF_U32),
        MAY_AS("deepstack_mapping", GGUF_U32, FORM_LIST), END}},
    {"granite_swa", false, false, (const struct arch_key[]){
        NEED("attention.layer_norm_rms_epsilon", GGUF_F32), NEED("logit_scale", GGUF_F32),
        MAY("residual_scale", GGUF_F32), MAY("embedding_scale", GGUF_F32),
        MAY("attention.scale", GGUF_F32),
        NEED_AS("attention.sliding_window_pattern", GGUF_U32, FORM_ARRAY),
        NEED("attention.sliding_window", GGUF_U32),
        MAY("expert_shared_feed_forward_length", GGUF_U32),
        MAY_AS("deepstack_mapping", GGUF_U32, FORM_LIST),
        MAY_AS("attention.rope_pattern", GGUF_U32, FORM_LIST), END}},
    {"granitehybrid", false, false, (const struct arch_key[]){
        NEED("attention.layer_norm_rms_epsilon", GGUF_F32), MAY("logit_scale", GGUF_F32),
        MAY("residual_scale", GGUF_F32), MAY("embedding_scale", GGUF_F32),
        MAY("attention.scale", GGUF_F32), NEED("ssm.conv_kernel", GGUF_U32),
        NEED("ssm.inner_size", GGUF_U32), NEED("ssm.state_size", GGUF_U32),
        NEED("ssm.time_step_rank", GGUF_U32), NEED("ssm.group_count", GGUF_U32),
        MAY("expert_shared_feed_forward_length", GGUF_U32), END}},
    {"granitemoe", false, false, (const struct arch_key[]){
        NEED("attention.layer_norm_rms_epsilon", GGUF_F32), NEED("logit_scale", GGUF_F32),
        MAY("residual_scale", GGUF_F32), MAY("embedding_scale", GGUF_F32),
        MAY("attention.scale", GGUF_F32), MAY("expert_shared_feed_forward_length", GGUF_U32),
        END}},
    {"graniteswitch", false, false, (const struct arch_key[]){
        NEED("attention.layer_norm_rms_epsilon", GGUF_F32), NEED("logit_scale", GGUF_F32),
        MAY("residual_scale", GGUF_F32), MAY("embedding_scale", GGUF_F32),
        MAY("attention.scale", GGUF_F32), MAY("expert_shared_feed_forward_length", GGUF_U32),
        NEED("adapters.count", GGUF_U32), NEED("adapters.lora_rank", GGUF_U32),
        MAY("adapters.router_gain", GGUF_F32),
        NEED_AS("adapters.token_ids_activate", GGUF_U32, FORM_LIST),
        NEED_AS("adapters.token_ids_substitute", GGUF_U32, FORM_LIST), END}},
    {"grok", false, false, (const struct arch_key[]){
        NEED("attention.layer_norm_rms_epsilon", GGUF_F32),
        MAY_AS("expert_feed_forward_length", GGUF_U32, FORM_LAYERS), MAY("logit_scale", GGUF_F32),
        MAY("embedding_scale", GGUF_F32), MAY("attention.output_scale", GGUF_F32),
        MAY("attn_logit_softcapping", GGUF_F32), MAY("router_logit_softcapping", GGUF_F32),
        MAY("final_logit_softcapping", GGUF_F32), MAY("attention.temperature_length", GGUF_U32),
        MAY("rope.scaling.yarn_ext_factor", GGUF_F32),
        MAY("rope.scaling.yarn_attn_factor", GGUF_F32),
        MAY("rope.scaling.yarn_beta_fast", GGUF_F32), MAY("rope.scaling.yarn_beta_slow", GGUF_F32),
        END}},
    {"grovemoe", false, false, (const struct arch_key[]){
        NEED_AS("expert_feed_forward_length", GGUF_U32, FORM_LAYERS),
        MAY("expert_chunk_feed_forward_length", GGUF_U32), NEED("expert_group_scale", GGUF_F32),
        NEED("experts_per_group", GGUF_U32), NEED("attention.layer_norm_rms_epsilon", GGUF_F32),
        END}},
    {"hrm_text", false, false, (const struct arch_key[]){
        NEED("attention.layer_norm_rms_epsilon", GGUF_F32), MAY("embedding_scale", GGUF_F32),
        NEED("hrm.layers_per_stack", GGUF_U32), NEED("hrm.h_cycles", GGUF_U32),
        NEED("hrm.l_cycles", GGUF_U32), MAY("hrm.prefix_lm", GGUF_BOOL), END}},
    {"hunyuan-dense", false, false, (const struct arch_key[]){
        NEED("attention.layer_norm_rms_epsilon", GGUF_F32),
        MAY_AS("rope.dimension_sections", GGUF_I32, FORM_FOUR), END}},
    {"hunyuan-moe", false, false, (const struct arch_key[]){
        NEED("attention.layer_norm_rms_epsilon", GGUF_F32),
        NEED_AS("expert_feed_forward_length", GGUF_U32, FORM_LAYERS),
        MAY("expert_shared_feed_forward_length", GGUF_U32), END}},
    {"hunyuan_vl", false, false, (const struct arch_key[]){
        NEED("attention.layer_norm_rms_epsilon", GGUF_F32),
        MAY_AS("rope.dimension_sections", GGUF_I32, FORM_FOUR), END}},
    {"hy_v3", false, false, (const struct arch_key[]){
        NEED("attention.layer_norm_rms_epsilon", GGUF_F32),
        NEED_AS("expert_feed_forward_length", GGUF_U32, FORM_LAYERS),
        MAY("expert_shared_feed_forward_length", GGUF_U32), MAY("expert_gating_func", GGUF_U32),
        MAY("expert_weights_scale", GGUF_F32), MAY("expert_weights_norm", GGUF_BOOL), END}},
    {"hy_v4", false, false, (const struct arch_key[]){
        NEED("attention.layer_norm_rms_epsilon", GGUF_F32),
        MAY("leading_dense_block_count", GGUF_U32), NEED("attention.q_lora_rank", GGUF_U32),
        NEED("attention.kv_lora_rank", GGUF_U32), NEED("attention.key_length_mla", GGUF_U32),
        NEED("attention.value_length_mla", GGUF_U32),
        NEED_AS("expert_feed_forward_length", GGUF_U32, FORM_LAYERS),
        NEED("expert_shared_count", GGUF_U32), MAY("expert_weights_scale", GGUF_F32),
        MAY("expert_weights_norm", GGUF_BOOL), MAY("expert_gating_func", GGUF_U32),
        MAY_AS("swiglu_clamp_exp", GGUF_F32, FORM_LAYERS),
        NEED("hyper_connection.count", GGUF_U32), NEED("hyper_connection.epsilon", GGUF_F32),
        NEED("hyper_connection.magnitude", GGUF_F32),
        MAY("attention.indexer.head_count", GGUF_U32),
        MAY("attention.indexer.key_length", GGUF_U32), MAY("attention.indexer.top_k", GGUF_U32),
        END}},
    {"internlm2", false, false, (const struct arch_key[]){
        NEED("attention.layer_norm_rms_epsilon", GGUF_F32), END}},
    {"jais", false, false, (const struct arch_key[]){
        NEED("attention.layer_norm_epsilon", GGUF_F32), MAY("attention.max_alibi_bias", GGUF_F32),
        END}},
    {"jais2", false, false, (const struct arch_key[]){
        NEED("attention.layer_norm_epsilon", GGUF_F32), END}},
    {"jamba", false, false, (const struct arch_key[]){
        NEED("ssm.conv_kernel", GGUF_U32), NEED("ssm.inner_size", GGUF_U32),
        NEED("ssm.state_size", GGUF_U32), NEED("ssm.time_step_rank", GGUF_U32),
        NEED("attention.layer_norm_rms_epsilon", GGUF_F32), END}},
    {"jina-bert-v2", false, false, (const struct arch_key[]){
        NEED("attention.layer_norm_epsilon", GGUF_F32), END}},
    {"jina-bert-v3", false, false, (const struct arch_key[]){
        NEED("attention.layer_norm_epsilon", GGUF_F32), END}},
    {"k2-horizon", false, false, (const struct arch_key[]){
        MAY("rope.scaling.yarn_beta_fast", GGUF_F32), MAY("rope.scaling.yarn_beta_slow", GGUF_F32),
        NEED("attention.layer_norm_rms_epsilon", GGUF_F32),
        MAY("attention.group_norm_groups", GGUF_U32),
        MAY("attention.value_expert_count", GGUF_U32),
        MAY("attention.value_expert_used_count", GGUF_U32),
        EXPERTS("expert_feed_forward_length", GGUF_U32, FORM_LAYERS, true),
        EXPERTS("leading_dense_block_count", GGUF_U32, FORM_SCALAR, false),
        EXPERTS("moe_every_n_layers", GGUF_U32, FORM_SCALAR, false),
        EXPERTS("expert_shared_count", GGUF_U32, FORM_SCALAR, false),
        EXPERTS("expert_shared_feed_forward_length", GGUF_U32, FORM_SCALAR, false),
        EXPERTS("expert_weights_scale", GGUF_F32, FORM_SCALAR, false),
        EXPERTS("expert_weights_norm", GGUF_BOOL, FORM_SCALAR, false),
        EXPERTS("expert_gating_func", GGUF_U32, FORM_SCALAR, false), END}},
    {"kimi-k3", false, false, (const struct arch_key[]){
        NEED("attention.layer_norm_rms_epsilon", GGUF_F32),
        NEED("attention.key_length_mla", GGUF_U32), NEED("attention.value_length_mla", GGUF_U32),
        MAY("attention.q_lora_rank", GGUF_U32), NEED("attention.kv_lora_rank", GGUF_U32),
        NEED("ssm.conv_kernel", GGUF_U32), NEED("kda.head_dim", GGUF_U32),
        MAY("kda.gate_lower_bound", GGUF_F32),
        NEED_AS("expert_feed_forward_length", GGUF_U32, FORM_LAYERS),
        NEED("expert_shared_count", GGUF_U32), MAY("leading_dense_block_count", GGUF_U32),
        MAY("expert_weights_scale", GGUF_F32), MAY("expert_weights_norm", GGUF_BOOL),
        NEED("expert_gating_func", GGUF_U32), MAY("expert_latent_length", GGUF_U32),
        NEED("attn_res.block_size", GGUF_U32), NEED("activation.situ_beta", GGUF_F32),
        NEED("activation.situ_linear_beta", GGUF_F32), END}},
    {"kimi-linear", false, false, (const struct arch_key[]){
        NEED("attention.layer_norm_rms_epsilon", GGUF_F32),
        NEED("attention.key_length_mla", GGUF_U32), NEED("attention.value_length_mla", GGUF_U32),
        NEED("attention.kv_lora_rank", GGUF_U32), NEED("ssm.conv_kernel", GGUF_U32),
        NEED("kda.head_dim", GGUF_U32),
        NEED_AS("expert_feed_forward_length", GGUF_U32, FORM_LAYERS),
        NEED("expert_shared_count", GGUF_U32), MAY("leading_dense_block_count", GGUF_U32),
        MAY("expert_weights_scale", GGUF_F32), NEED("expert_gating_func", GGUF_U32), END}},
    {"laguna", false, false, (const struct arch_key[]){
        MAY("rope.scaling.yarn_beta_fast", GGUF_F32), MAY("rope.scaling.yarn_beta_slow", GGUF_F32),
        NEED("attention.layer_norm_rms_epsilon", GGUF_F32),
        NEED("leading_dense_block_count", GGUF_U32),
        NEED_AS("expert_feed_forward_length", GGUF_U32, FORM_LAYERS),
        MAY("expert_gating_func", GGUF_U32), MAY("expert_weights_scale", GGUF_F32),
        MAY("expert_weights_norm", GGUF_BOOL), MAY("expert_shared_count", GGUF_U32),
        MAY("expert_shared_feed_forward_length", GGUF_U32),
        MAY("attention.sliding_window", GGUF_U32), END}},
    {"lfm2", false, false, (const struct arch_key[]){
        NEED("shortconv.l_cache", GGUF_U32), NEED("attention.layer_norm_rms_epsilon", GGUF_F32),
        MAY("decision.block_count", GGUF_U32), MAY("attention.sliding_window", GGUF_U32), END}},
    {"lfm2moe", false, false, (const struct arch_key[]){
        NEED("shortconv.l_cache", GGUF_U32), NEED("attention.layer_norm_rms_epsilon", GGUF_F32),
        MAY("leading_dense_block_count", GGUF_U32),
        NEED_AS("expert_feed_forward_length", GGUF_U32, FORM_LAYERS),
        NEED("expert_gating_func", GGUF_U32), END}},
    {"llada", false, false, (const struct arch_key[]){
        NEED("attention.layer_norm_rms_epsilon", GGUF_F32), END}},
    {"llada-moe", false, false, (const struct arch_key[]){
        MAY_AS("expert_feed_forward_length", GGUF_U32, FORM_LAYERS),
        NEED("attention.layer_norm_rms_epsilon", GGUF_F32), END}},
    {"llama", false, true, (const struct arch_key[]){
        MAY("vocab_size", GGUF_U32), NEED("attention.layer_norm_rms_epsilon", GGUF_F32), END}},
    {"llama-embed", false, true, (const struct arch_key[]){
        MAY("vocab_size", GGUF_U32), NEED("attention.layer_norm_rms_epsilon", GGUF_F32), END}},
    {"llama4", false, false, (const struct arch_key[]){
        NEED("attention.layer_norm_rms_epsilon", GGUF_F32),
        NEED_AS("expert_feed_forward_length", GGUF_U32, FORM_LAYERS),
        NEED("interleave_moe_layer_step", GGUF_U32), MAY("attention.sliding_window", GGUF_U32),
        MAY_AS("attention.sliding_window_pattern", GGUF_U32, FORM_LOOSE),
        MAY("rope.freq_base_swa", GGUF_F32), END}},
    {"maincoder", false, false, (const struct arch_key[]){
        NEED("attention.layer_norm_rms_epsilon", GGUF_F32), END}},
    {"maion-coder", false, false, (const struct arch_key[]){
        NEED("attention.layer_norm_rms_epsilon", GGUF_F32),
        NEED_AS("expert_feed_forward_length", GGUF_U32, FORM_LAYERS),
        NEED("interleave_moe_layer_step", GGUF_U32), NEED("moe_latent_size", GGUF_U32),
        SAYS("expert_count", GGUF_U32, FORM_SCALAR, "maion-coder requires a positive MoE layer step, latent size and expert count"),
        NEED("attention.sliding_window", GGUF_U32),
        NEED_AS("attention.sliding_window_pattern", GGUF_U32, FORM_COUNTED), END}},
    {"mamba", false, false, (const struct arch_key[]){
        NEED("ssm.conv_kernel", GGUF_U32), NEED("ssm.inner_size", GGUF_U32),
        NEED("ssm.state_size", GGUF_U32), NEED("ssm.time_step_rank", GGUF_U32),
        MAY("ssm.dt_b_c_rms", GGUF_BOOL), NEED("attention.layer_norm_rms_epsilon", GGUF_F32),
        END}},
    {"mamba2", false, false, (const struct arch_key[]){
        NEED("ssm.conv_kernel", GGUF_U32), NEED("ssm.inner_size", GGUF_U32),
        NEED("ssm.state_size", GGUF_U32), NEED("ssm.time_step_rank", GGUF_U32),
        NEED("ssm.group_count", GGUF_U32), NEED("attention.layer_norm_rms_epsilon", GGUF_F32),
        END}},
    {"maple", false, false, (const struct arch_key[]){
        NEED("attention.layer_norm_rms_epsilon", GGUF_F32),
        NEED("attention.sliding_window", GGUF_U32),
        NEED_AS("expert_feed_forward_length", GGUF_U32, FORM_LAYERS),
        NEED_AS("attention.sliding_window_pattern", GGUF_U32, FORM_ARRAY),
        MAY("rope.freq_base_swa", GGUF_F32), NEED_AS("swiglu_clamp_exp", GGUF_F32, FORM_LAYERS),
        END}},
    {"mellum", false, false, (const struct arch_key[]){
        NEED("attention.layer_norm_rms_epsilon", GGUF_F32),
        NEED_AS("expert_feed_forward_length", GGUF_U32, FORM_LAYERS),
        MAY("attention.sliding_window", GGUF_U32), MAY("expert_weights_norm", GGUF_BOOL),
        MAY("expert_gating_func", GGUF_U32), END}},
    {"mimo2", false, false, (const struct arch_key[]){
        NEED("attention.layer_norm_rms_epsilon", GGUF_F32),
        NEED_AS("expert_feed_forward_length", GGUF_U32, FORM_LAYERS),
        NEED("attention.sliding_window", GGUF_U32), MAY("rope.freq_base_swa", GGUF_F32),
        NEED_AS("attention.sliding_window_pattern", GGUF_U32, FORM_ARRAY),
        MAY("attention.value_scale", GGUF_F32), END}},
    {"minicpm", false, false, (const struct arch_key[]){
        NEED("attention.layer_norm_rms_epsilon", GGUF_F32), MAY("embedding_scale", GGUF_F32),
        MAY("residual_scale", GGUF_F32), MAY("logit_scale", GGUF_F32), END}},
    {"minicpm3", false, false, (const struct arch_key[]){
        NEED("attention.layer_norm_rms_epsilon", GGUF_F32),
        NEED("attention.q_lora_rank", GGUF_U32), NEED("attention.kv_lora_rank", GGUF_U32), END}},
    {"minimax-01", false, false, (const struct arch_key[]){
        NEED("attention.layer_norm_rms_epsilon", GGUF_F32), NEED("residual_scale", GGUF_F32),
        MAY_AS("attention.recurrent_layers", GGUF_U32, FORM_LAYERS),
        MAY("full_attention_interval", GGUF_U32), END}},
    {"minimax-m2", false, false, (const struct arch_key[]){
        NEED("attention.layer_norm_rms_epsilon", GGUF_F32),
        NEED_AS("expert_feed_forward_length", GGUF_U32, FORM_LAYERS),
        MAY("expert_gating_func", GGUF_U32), END}},
    {"minimax-m3", false, false, (const struct arch_key[]){
        NEED("attention.layer_norm_rms_epsilon", GGUF_F32),
        MAY("leading_dense_block_count", GGUF_U32),
        NEED_AS("expert_feed_forward_length", GGUF_U32, FORM_LAYERS),
        NEED("expert_shared_count", GGUF_U32), MAY("expert_weights_scale", GGUF_F32),
        MAY("expert_weights_norm", GGUF_BOOL), NEED("expert_gating_func", GGUF_U32),
        NEED("attention.indexer.head_count", GGUF_U32),
        NEED("attention.indexer.key_length", GGUF_U32), NEED("attention.indexer.top_k", GGUF_U32),
        NEED("attention.indexer.block_size", GGUF_U32),
        NEED("attention.indexer.local_blocks", GGUF_U32), END}},
    {"mistral3", false, false, (const struct arch_key[]){
        NEED("attention.layer_norm_rms_epsilon", GGUF_F32),
        MAY("attention.temperature_scale", GGUF_F32), MAY("rope.scaling.yarn_beta_fast", GGUF_F32),
        MAY("rope.scaling.yarn_beta_slow", GGUF_F32),
        MAY("rope.scaling.yarn_log_multiplier", GGUF_F32), END}},
    {"mistral4", false, false, (const struct arch_key[]){
        MAY("vocab_size", GGUF_U32), NEED("attention.layer_norm_rms_epsilon", GGUF_F32),
        MAY("leading_dense_block_count", GGUF_U32), NEED("attention.q_lora_rank", GGUF_U32),
        NEED("attention.kv_lora_rank", GGUF_U32), MAY("attention.key_length_mla", GGUF_U32),
        MAY("attention.value_length_mla", GGUF_U32),
        NEED_AS("expert_feed_forward_length", GGUF_U32, FORM_LAYERS),
        NEED("expert_shared_count", GGUF_U32), MAY("expert_weights_scale", GGUF_F32),
        MAY("expert_weights_norm", GGUF_BOOL), MAY("expert_gating_func", GGUF_U32),
        MAY("rope.scaling.yarn_log_multiplier", GGUF_F32),
        MAY("attention.temperature_scale", GGUF_F32),
        MAY("attention.temperature_length", GGUF_U32), END}},
    {"modern-bert", false, false, (const struct arch_key[]){
        MAY("attention.sliding_window", GGUF_U32), NEED("attention.layer_norm_epsilon", GGUF_F32),
        MAY("hidden_activation", GGUF_STRING), MAY("decision.block_count", GGUF_U32), END}},
    {"mpt", false, false, (const struct arch_key[]){
        NEED("attention.layer_norm_epsilon", GGUF_F32), MAY("attention.clamp_kqv", GGUF_F32),
        MAY("attention.max_alibi_bias", GGUF_F32), END}},
    {"muse-glimmer", false, false, (const struct arch_key[]){
        NEED("attention.layer_norm_rms_epsilon", GGUF_F32),
        NEED("attention.sliding_window", GGUF_U32), MAY("final_logit_softcapping", GGUF_F32),
        NEED("logit_scale", GGUF_F32), MAY("rope.freq_base_swa", GGUF_F32),
        MAY_AS("attention.sliding_window_pattern", GGUF_U32, FORM_LOOSE), END}},
    {"nanbeige", false, false, (const struct arch_key[]){
        NEED("attention.layer_norm_rms_epsilon", GGUF_F32), MAY("num_loops", GGUF_U32),
        MAY("skip_loop_final_norm", GGUF_BOOL), END}},
    {"nemotron", false, false, (const struct arch_key[]){
        NEED("attention.layer_norm_epsilon", GGUF_F32), END}},
    {"nemotron_h", false, false, (const struct arch_key[]){
        NEED("ssm.conv_kernel", GGUF_U32), NEED("ssm.inner_size", GGUF_U32),
        NEED("ssm.state_size", GGUF_U32), NEED("ssm.time_step_rank", GGUF_U32),
        NEED("ssm.group_count", GGUF_U32), NEED("attention.layer_norm_epsilon", GGUF_F32),
        MAY("attention.layer_norm_rms_epsilon", GGUF_F32),
        MAY_AS("expert_feed_forward_length", GGUF_U32, FORM_LAYERS),
        MAY("expert_shared_feed_forward_length", GGUF_U32), MAY("expert_shared_count", GGUF_U32),
        MAY("expert_weights_norm", GGUF_BOOL), MAY("expert_weights_scale", GGUF_F32),
        MAY("moe_latent_size", GGUF_U32), END}},
    {"nemotron_h_moe", false, false, (const struct arch_key[]){
        NEED("ssm.conv_kernel", GGUF_U32), NEED("ssm.inner_size", GGUF_U32),
        NEED("ssm.state_size", GGUF_U32), NEED("ssm.time_step_rank", GGUF_U32),
        NEED("ssm.group_count", GGUF_U32), NEED("attention.layer_norm_epsilon", GGUF_F32),
        MAY("attention.layer_norm_rms_epsilon", GGUF_F32),
        MAY_AS("expert_feed_forward_length", GGUF_U32, FORM_LAYERS),
        MAY("expert_shared_feed_forward_length", GGUF_U32), MAY("expert_shared_count", GGUF_U32),
        MAY("expert_weights_norm", GGUF_BOOL), MAY("expert_weights_scale", GGUF_F32),
        MAY("moe_latent_size", GGUF_U32), END}},
    {"neo-bert", false, false, (const struct arch_key[]){
        NEED("attention.layer_norm_rms_epsilon", GGUF_F32), END}},
    {"nomic-bert", false, false, (const struct arch_key[]){
        NEED("attention.layer_norm_epsilon", GGUF_F32), END}},
    {"nomic-bert-moe", false, false, (const struct arch_key[]){
        NEED("attention.layer_norm_epsilon", GGUF_F32), MAY("moe_every_n_layers", GGUF_U32), END}},
    {"olmo", false, false, (const struct arch_key[]){
        NEED("attention.layer_norm_epsilon", GGUF_F32), MAY("attention.clamp_kqv", GGUF_F32),
        END}},
    {"olmo2", false, false, (const struct arch_key[]){
        NEED("attention.layer_norm_rms_epsilon", GGUF_F32),
        MAY("attention.sliding_window", GGUF_U32), END}},
    {"olmoe", false, false, (const struct arch_key[]){
        NEED("attention.layer_norm_rms_epsilon", GGUF_F32), END}},
    {"openelm", false, false, (const struct arch_key[]){
        NEED("attention.layer_norm_rms_epsilon", GGUF_F32), END}},
    {"orion", false, false, (const struct arch_key[]){
        NEED("attention.layer_norm_epsilon", GGUF_F32), END}},
    {"paddleocr", false, false, (const struct arch_key[]){
        MAY_AS("rope.dimension_sections", GGUF_I32, FORM_FOUR),
        NEED("attention.layer_norm_rms_epsilon", GGUF_F32), END}},
    {"pangu-embedded", false, false, (const struct arch_key[]){
        NEED("attention.layer_norm_rms_epsilon", GGUF_F32), END}},
    {"phi2", false, false, (const struct arch_key[]){
        NEED("attention.layer_norm_epsilon", GGUF_F32), END}},
    {"phi3", false, false, (const struct arch_key[]){
        NEED("attention.layer_norm_rms_epsilon", GGUF_F32),
        MAY("attention.sliding_window", GGUF_U32), END}},
    {"phimoe", false, false, (const struct arch_key[]){
        NEED("attention.layer_norm_rms_epsilon", GGUF_F32), END}},
    {"plamo", false, false, (const struct arch_key[]){
        NEED("attention.layer_norm_rms_epsilon", GGUF_F32), END}},
    {"plamo2", false, false, (const struct arch_key[]){
        NEED("attention.layer_norm_rms_epsilon", GGUF_F32), NEED("ssm.conv_kernel", GGUF_U32),
        NEED("ssm.inner_size", GGUF_U32), NEED("ssm.state_size", GGUF_U32),
        NEED("ssm.time_step_rank", GGUF_U32), NEED("ssm.group_count", GGUF_U32),
        MAY("attention.key_length", GGUF_U32), MAY("attention.value_length", GGUF_U32), END}},
    {"plamo3", false, false, (const struct arch_key[]){
        NEED("attention.layer_norm_rms_epsilon", GGUF_F32),
        MAY("attention.sliding_window", GGUF_U32), END}},
    {"plm", false, false, (const struct arch_key[]){
        NEED("attention.layer_norm_rms_epsilon", GGUF_F32),
        NEED("attention.kv_lora_rank", GGUF_U32), END}},
    {"pockettts", false, false, (const struct arch_key[]){
        NEED("attention.layer_norm_epsilon", GGUF_F32), END}},
    {"qwen", false, false, (const struct arch_key[]){
        NEED("attention.layer_norm_rms_epsilon", GGUF_F32), END}},
    {"qwen2", false, false, (const struct arch_key[]){
        NEED("attention.layer_norm_rms_epsilon", GGUF_F32), END}},
    {"qwen2moe", false, false, (const struct arch_key[]){
        MAY_AS("expert_feed_forward_length", GGUF_U32, FORM_LAYERS),
        MAY("expert_shared_feed_forward_length", GGUF_U32),
        NEED("attention.layer_norm_rms_epsilon", GGUF_F32), END}},
    {"qwen2vl", false, false, (const struct arch_key[]){
        NEED_AS("rope.dimension_sections", GGUF_I32, FORM_FOUR), END}},
    {"qwen3", false, false, (const struct arch_key[]){
        NEED("attention.layer_norm_rms_epsilon", GGUF_F32), END}},
    {"qwen35", false, false, (const struct arch_key[]){
        NEED("attention.layer_norm_rms_epsilon", GGUF_F32),
        NEED_AS("rope.dimension_sections", GGUF_I32, FORM_FOUR), NEED("ssm.conv_kernel", GGUF_U32),
        NEED("ssm.inner_size", GGUF_U32), NEED("ssm.state_size", GGUF_U32),
        NEED("ssm.time_step_rank", GGUF_U32), NEED("ssm.group_count", GGUF_U32),
        MAY_AS("attention.recurrent_layers", GGUF_U32, FORM_LAYERS),
        MAY("full_attention_interval", GGUF_U32), END}},
    {"qwen35moe", false, false, (const struct arch_key[]){
        MAY_AS("expert_feed_forward_length", GGUF_U32, FORM_LAYERS),
        MAY("expert_shared_feed_forward_length", GGUF_U32),
        NEED("attention.layer_norm_rms_epsilon", GGUF_F32),
        NEED_AS("rope.dimension_sections", GGUF_I32, FORM_FOUR), NEED("ssm.conv_kernel", GGUF_U32),
        NEED("ssm.inner_size", GGUF_U32), NEED("ssm.state_size", GGUF_U32),
        NEED("ssm.time_step_rank", GGUF_U32), NEED("ssm.group_count", GGUF_U32),
        MAY_AS("attention.recurrent_layers", GGUF_U32, FORM_LAYERS),
        MAY("full_attention_interval", GGUF_U32), END}},
    {"qwen3moe", false, false, (const struct arch_key[]){
        MAY_AS("expert_feed_forward_length", GGUF_U32, FORM_LAYERS),
        NEED("attention.layer_norm_rms_epsilon", GGUF_F32), END}},
    {"qwen3next", false, false, (const struct arch_key[]){
        MAY_AS("expert_feed_forward_length", GGUF_U32, FORM_LAYERS),
        MAY("expert_shared_feed_forward_length", GGUF_U32),
        NEED("attention.layer_norm_rms_epsilon", GGUF_F32), NEED("ssm.conv_kernel", GGUF_U32),
        NEED("ssm.inner_size", GGUF_U32), NEED("ssm.state_size", GGUF_U32),
        NEED("ssm.time_step_rank", GGUF_U32), NEED("ssm.group_count", GGUF_U32),
        MAY_AS("attention.recurrent_layers", GGUF_U32, FORM_LAYERS),
        MAY("full_attention_interval", GGUF_U32), END}},
    {"qwen3tts", false, false, (const struct arch_key[]){
        MAY("n_deepstack_layers", GGUF_U32),
        NEED_AS("rope.dimension_sections", GGUF_I32, FORM_FOUR),
        NEED("attention.layer_norm_rms_epsilon", GGUF_F32), END}},
    {"qwen3vl", false, false, (const struct arch_key[]){
        MAY("n_deepstack_layers", GGUF_U32),
        NEED_AS("rope.dimension_sections", GGUF_I32, FORM_FOUR),
        NEED("attention.layer_norm_rms_epsilon", GGUF_F32), END}},
    {"qwen3vlmoe", false, false, (const struct arch_key[]){
        MAY("n_deepstack_layers", GGUF_U32),
        NEED_AS("rope.dimension_sections", GGUF_I32, FORM_FOUR),
        MAY_AS("expert_feed_forward_length", GGUF_U32, FORM_LAYERS),
        NEED("attention.layer_norm_rms_epsilon", GGUF_F32), END}},
    {"qwen4exp", false, false, (const struct arch_key[]){
        MAY_AS("expert_feed_forward_length", GGUF_U32, FORM_LAYERS),
        MAY("expert_shared_feed_forward_length", GGUF_U32),
        NEED("attention.layer_norm_rms_epsilon", GGUF_F32),
        NEED_AS("rope.dimension_sections", GGUF_I32, FORM_FOUR), NEED("ssm.conv_kernel", GGUF_U32),
        NEED("ssm.inner_size", GGUF_U32), NEED("ssm.state_size", GGUF_U32),
        NEED("ssm.time_step_rank", GGUF_U32), NEED("ssm.group_count", GGUF_U32),
        NEED("hyper_connection.count", GGUF_U32), NEED("hyper_connection.low_rank", GGUF_U32),
        NEED("attention.indexer.head_count", GGUF_U32),
        NEED("attention.indexer.key_length", GGUF_U32), NEED("attention.indexer.top_k", GGUF_U32),
        MAY_AS("attention.compress_ratios", GGUF_U32, FORM_LAYERS),
        MAY_AS("ple.layers", GGUF_U32, FORM_COUNTED),
        MAY_AS("attention.recurrent_layers", GGUF_U32, FORM_LAYERS),
        MAY("full_attention_interval", GGUF_U32), END}},
    {"refact", false, false, (const struct arch_key[]){
        NEED("attention.layer_norm_rms_epsilon", GGUF_F32), END}},
    {"rnd1", false, false, (const struct arch_key[]){
        MAY_AS("expert_feed_forward_length", GGUF_U32, FORM_LAYERS),
        NEED("attention.layer_norm_rms_epsilon", GGUF_F32), END}},
    {"rwkv6", false, false, (const struct arch_key[]){
        MAY("attention.layer_norm_epsilon", GGUF_F32),
        MAY("attention.layer_norm_rms_epsilon", GGUF_F32), NEED("wkv.head_size", GGUF_U32),
        NEED("time_mix_extra_dim", GGUF_U32), NEED("time_decay_extra_dim", GGUF_U32),
        MAY("rescale_every_n_layers", GGUF_U32), MAY("token_shift_count", GGUF_U32), END}},
    {"rwkv6qwen2", false, false, (const struct arch_key[]){
        MAY("attention.layer_norm_epsilon", GGUF_F32),
        MAY("attention.layer_norm_rms_epsilon", GGUF_F32), NEED("wkv.head_size", GGUF_U32),
        NEED("time_mix_extra_dim", GGUF_U32), NEED("time_decay_extra_dim", GGUF_U32),
        MAY("rescale_every_n_layers", GGUF_U32), MAY("token_shift_count", GGUF_U32), END}},
    {"rwkv7", false, false, (const struct arch_key[]){
        MAY("attention.layer_norm_epsilon", GGUF_F32),
        MAY("attention.layer_norm_rms_epsilon", GGUF_F32), NEED("wkv.head_size", GGUF_U32),
        NEED("attention.decay_lora_rank", GGUF_U32), NEED("attention.iclr_lora_rank", GGUF_U32),
        NEED("attention.value_residual_mix_lora_rank", GGUF_U32),
        MAY("attention.gate_lora_rank", GGUF_U32), MAY("token_shift_count", GGUF_U32), END}},
    {"seed_oss", false, false, (const struct arch_key[]){
        NEED("attention.layer_norm_rms_epsilon", GGUF_F32), END}},
    {"smallthinker", false, false, (const struct arch_key[]){
        MAY("attention.sliding_window", GGUF_U32),
        MAY_AS("expert_feed_forward_length", GGUF_U32, FORM_LAYERS),
        NEED("attention.layer_norm_rms_epsilon", GGUF_F32), MAY("expert_gating_func", GGUF_U32),
        END}},
    {"smollm3", false, false, (const struct arch_key[]){
        NEED("attention.layer_norm_rms_epsilon", GGUF_F32), END}},
    {"spark2_5", false, false, (const struct arch_key[]){
        NEED("attention.layer_norm_rms_epsilon", GGUF_F32),
        NEED("attention.sliding_window", GGUF_U32),
        NEED_AS("attention.sliding_window_pattern", GGUF_U32, FORM_ARRAY),
        MAY("rope.freq_base_swa", GGUF_F32), END}},
    {"stablelm", false, false, (const struct arch_key[]){
        NEED("attention.layer_norm_epsilon", GGUF_F32), END}},
    {"starcoder", false, false, (const struct arch_key[]){
        NEED("attention.layer_norm_epsilon", GGUF_F32), END}},
    {"starcoder2", false, false, (const struct arch_key[]){
        NEED("attention.layer_norm_epsilon", GGUF_F32), END}},
    {"step35", false, false, (const struct arch_key[]){
        NEED("attention.layer_norm_rms_epsilon", GGUF_F32),
        NEED_AS("expert_feed_forward_length", GGUF_U32, FORM_LAYERS),
        MAY("expert_shared_feed_forward_length", GGUF_U32), MAY("expert_gating_func", GGUF_U32),
        MAY("expert_weights_scale", GGUF_F32), MAY("expert_weights_norm", GGUF_BOOL),
        NEED("attention.sliding_window", GGUF_U32), MAY("rope.freq_base_swa", GGUF_F32),
        NEED_AS("attention.sliding_window_pattern", GGUF_U32, FORM_ARRAY),
        MAY_AS("swiglu_clamp_exp", GGUF_F32, FORM_LAYERS),
        MAY_AS("swiglu_clamp_shexp", GGUF_F32, FORM_LAYERS), END}},
    {"t5", false, false, (const struct arch_key[]){
        NEED("attention.layer_norm_rms_epsilon", GGUF_F32),
        NEED("attention.relative_buckets_count", GGUF_U32),
        MAY("decoder_start_token_id", GGUF_U32), MAY("decoder_block_count", GGUF_U32), END}},
    {"t5encoder", false, false, (const struct arch_key[]){
        NEED("attention.layer_norm_rms_epsilon", GGUF_F32),
        NEED("attention.relative_buckets_count", GGUF_U32), END}},
    {"talkie", false, false, (const struct arch_key[]){
        NEED("attention.layer_norm_rms_epsilon", GGUF_F32), NEED("logit_scale", GGUF_F32), END}},
    {"vllm-decision2", false, false, (const struct arch_key[]){
        NEED("attention.layer_norm_rms_epsilon", GGUF_F32),
        NEED("attention.layer_norm_epsilon", GGUF_F32), END}},
    {"wavtokenizer-dec", false, false, (const struct arch_key[]){
        NEED("features_length", GGUF_U32), NEED("posnet.embedding_length", GGUF_U32),
        NEED("posnet.block_count", GGUF_U32), NEED("convnext.embedding_length", GGUF_U32),
        NEED("convnext.block_count", GGUF_U32), NEED("attention.layer_norm_epsilon", GGUF_F32),
        NEED("attention.group_norm_epsilon", GGUF_F32),
        NEED("attention.group_norm_groups", GGUF_U32), END}},
    {"xverse", false, false, (const struct arch_key[]){
        NEED("attention.layer_norm_rms_epsilon", GGUF_F32), END}},
};

static const struct arch_limit arch_limits[] = {
    {"clef", "decision.head_count", false, 1, UINT32_MAX, "invalid size of the decision head"},
    {"deepseek4", "attention.compress_ratios", true, ARCH_LAYERS, 512,
        "DeepSeek-V4 compress_ratios is shorter than block_count"},
    {"deepseek4", "expert_gating_func", false, 4, 4,
        "DeepSeek-V4 loader currently expects sqrtsoftplus MoE scoring"},
    {"eagle3", "target_layers", true, 3, 3, "EAGLE3 requires exactly 3 entries in 'extract_layers'"},
    {"glm5-next", "hyper_connection.count", false, 4, 4, NULL},
    {"hrm_text", "hrm.layers_per_stack", false, 1, UINT32_MAX, NULL},
    {"hrm_text", "hrm.h_cycles", false, 1, UINT32_MAX, NULL},
    {"hrm_text", "hrm.l_cycles", false, 1, UINT32_MAX, NULL},
    {"hy_v4", "attention.key_length_mla", false, 1, UINT32_MAX, NULL},
    {"hy_v4", "attention.value_length_mla", false, 1, UINT32_MAX, NULL},
    {"maion-coder", "interleave_moe_layer_step", false, 1, UINT32_MAX,
        "maion-coder requires a positive MoE layer step, latent size and expert count"},
    {"maion-coder", "moe_latent_size", false, 1, UINT32_MAX,
        "maion-coder requires a positive MoE layer step, latent size and expert count"},
    {"maion-coder", "expert_count", false, 1, UINT32_MAX,
        "maion-coder requires a positive MoE layer step, latent size and expert count"},
    {"maion-coder", "attention.sliding_window", false, 1, UINT32_MAX,
        "maion-coder requires a positive sliding window and a sliding window pattern for each layer"},
    {"maion-coder", "attention.sliding_window_pattern", true, ARCH_LAYERS, ARCH_LAYERS,
        "maion-coder requires a positive sliding window and a sliding window pattern for each layer"},
    {"minimax-m3", "attention.indexer.block_size", false, 1, UINT32_MAX, NULL},
    {"qwen4exp", "ssm.conv_kernel", false, 1, UINT32_MAX,
        "qwen4exp.ssm.conv_kernel must be greater than zero, got 0"},
    {"wavtokenizer-dec", "convnext.block_count", false, 0, ARCH_LAYERS, NULL},
};
/* clang-format on */

#endif
