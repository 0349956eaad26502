/* T5: an encoder, and the decoder that may go with it. */
#include <string.h>

#include "quant/format/hf/arch.h"

static int positions(struct hf_model *model)
{
    uint64_t count = 512;

    (void)hf_config_count(model->config, "n_positions", &count);
    return hf_set_u32(model, "context_length", count);
}

static int decoder_blocks(struct hf_model *model)
{
    uint64_t count = model->layers;

    (void)hf_config_count(model->config, "num_decoder_layers", &count);
    return hf_set_u32(model, "decoder_block_count", count);
}

#define SIZES                                                                                      \
    {.kind = HF_CALL, .call = positions}, {HF_U32, "embedding_length", "d_model", NULL},           \
        {HF_U32, "feed_forward_length", "d_ff", NULL},                                             \
    {                                                                                              \
        .kind = HF_CALL, .call = hf_key_block_count                                                \
    }

#define ATTENTION                                                                                  \
    {HF_U32, "attention.head_count", "num_heads", NULL},                                           \
        {HF_U32, "attention.key_length", "d_kv", NULL},                                            \
        {HF_U32, "attention.value_length", "d_kv", NULL},                                          \
        {HF_F32, "attention.layer_norm_epsilon", "layer_norm_epsilon", NULL},                      \
        {HF_U32, "attention.relative_buckets_count", "relative_attention_num_buckets", NULL},      \
    {                                                                                              \
        HF_F32, "attention.layer_norm_rms_epsilon", "layer_norm_epsilon", NULL                     \
    }

static const struct hf_key encoder_keys[] = {
    SIZES,
    ATTENTION,
    {.kind = HF_FILE_TYPE},
    {.kind = HF_END},
};

static const struct hf_key t5_keys[] = {
    SIZES,
    {.kind = HF_CALL, .call = decoder_blocks},
    ATTENTION,
    {HF_U32, "decoder_start_token_id", "decoder_start_token_id", NULL},
    {.kind = HF_FILE_TYPE},
    {.kind = HF_END},
};

static const struct hf_tensor_name encoder_names[] = {
    {"shared", "token_embd"},
    {"encoder.final_layer_norm", "enc.output_norm"},
    {"encoder.block.#.layer.0.SelfAttention.q", "enc.blk.#.attn_q"},
    {"encoder.block.#.layer.0.SelfAttention.k", "enc.blk.#.attn_k"},
    {"encoder.block.#.layer.0.SelfAttention.v", "enc.blk.#.attn_v"},
    {"encoder.block.#.layer.0.SelfAttention.o", "enc.blk.#.attn_o"},
    {"encoder.block.#.layer.0.SelfAttention.relative_attention_bias", "enc.blk.#.attn_rel_b"},
    {"encoder.block.#.layer.0.layer_norm", "enc.blk.#.attn_norm"},
    {"encoder.block.#.layer.1.DenseReluDense.wi", "enc.blk.#.ffn_up"},
    {"encoder.block.#.layer.1.DenseReluDense.wi_0", "enc.blk.#.ffn_gate"},
    {"encoder.block.#.layer.1.DenseReluDense.wi_1", "enc.blk.#.ffn_up"},
    {"encoder.block.#.layer.1.DenseReluDense.wo", "enc.blk.#.ffn_down"},
    {"encoder.block.#.layer.1.layer_norm", "enc.blk.#.ffn_norm"},
    {NULL, NULL},
};

static const struct hf_tensor_name decoder_names[] = {
    {"lm_head", "output"},
    {"decoder.final_layer_norm", "dec.output_norm"},
    {"decoder.block.#.layer.0.SelfAttention.q", "dec.blk.#.attn_q"},
    {"decoder.block.#.layer.0.SelfAttention.k", "dec.blk.#.attn_k"},
    {"decoder.block.#.layer.0.SelfAttention.v", "dec.blk.#.attn_v"},
    {"decoder.block.#.layer.0.SelfAttention.o", "dec.blk.#.attn_o"},
    {"decoder.block.#.layer.0.SelfAttention.relative_attention_bias", "dec.blk.#.attn_rel_b"},
    {"decoder.block.#.layer.0.layer_norm", "dec.blk.#.attn_norm"},
    {"decoder.block.#.layer.1.EncDecAttention.q", "dec.blk.#.cross_attn_q"},
    {"decoder.block.#.layer.1.EncDecAttention.k", "dec.blk.#.cross_attn_k"},
    {"decoder.block.#.layer.1.EncDecAttention.v", "dec.blk.#.cross_attn_v"},
    {"decoder.block.#.layer.1.EncDecAttention.o", "dec.blk.#.cross_attn_o"},
    {"decoder.block.#.layer.1.layer_norm", "dec.blk.#.cross_attn_norm"},
    {"decoder.block.#.layer.2.DenseReluDense.wi", "dec.blk.#.ffn_up"},
    {"decoder.block.#.layer.2.DenseReluDense.wi_0", "dec.blk.#.ffn_gate"},
    {"decoder.block.#.layer.2.DenseReluDense.wi_1", "dec.blk.#.ffn_up"},
    {"decoder.block.#.layer.2.DenseReluDense.wo", "dec.blk.#.ffn_down"},
    {"decoder.block.#.layer.2.layer_norm", "dec.blk.#.ffn_norm"},
    {NULL, NULL},
};

/* One embedding under several names: the first one counts. */
static int shared(struct hf_model *model, const struct hf_source *source)
{
    static const char *const names[] = {"decoder.embed_tokens.weight",
                                        "encoder.embed_tokens.weight", "shared.weight"};
    struct hf_slice slice = hf_whole(model->weights, source->tensor);
    const struct hf_tensor *other;

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        other = hf_weights_find(model->weights, names[i]);
        if (other && other < source->stored)
            return 0;
    }
    return hf_write(model, source, "shared.weight", &slice);
}

static const struct hf_rule t5_rules[] = {
    {"shared.weight", shared},
    {"encoder.embed_tokens.weight", shared},
    {"decoder.embed_tokens.weight", shared},
    {NULL, NULL},
};

const struct hf_arch hf_arch_t5[] = {
    {
        .name = "t5encoder",
        .classes = "T5EncoderModel",
        .tokenizer = HF_TOKENIZER_T5,
        .keys = encoder_keys,
        .names = {encoder_names},
        .rules = t5_rules,
    },
    {
        .name = "t5",
        .classes = "T5ForConditionalGeneration T5WithLMHeadModel MT5ForConditionalGeneration "
                   "UMT5ForConditionalGeneration",
        .tokenizer = HF_TOKENIZER_T5,
        .keys = t5_keys,
        .names = {encoder_names, decoder_names},
        .rules = t5_rules,
    },
    {.name = NULL},
};
