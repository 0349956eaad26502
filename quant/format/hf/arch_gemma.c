/* Gemma 1 to 3, EmbeddingGemma: norms are stored without the 1 that belongs to them. */
#include <string.h>

#include "quant/format/hf/arch.h"

static const struct hf_rule plus_one[] = {
    {"*norm.weight", hf_rule_add_one},
    {"lm_head.weight", hf_rule_drop},
    {NULL, NULL},
};

#define GEMMA_KEYS                                                                                 \
    {HF_U32, "context_length", "max_position_embeddings", NULL},                                   \
        {HF_U32, "embedding_length", "hidden_size", NULL},                                         \
        {.kind = HF_CALL, .call = hf_key_block_count},                                             \
        {HF_U32, "feed_forward_length", "intermediate_size", NULL},                                \
        {HF_U32, "attention.head_count", "num_attention_heads", NULL},                             \
        {HF_U32, "attention.head_count_kv", "num_key_value_heads num_attention_heads", NULL},      \
        {HF_F32, "attention.layer_norm_rms_epsilon", "rms_norm_eps", NULL},                        \
        {HF_U32, "attention.key_length", "head_dim", NULL},                                        \
        {HF_U32, "attention.value_length", "head_dim", NULL},                                      \
    {                                                                                              \
        .kind = HF_FILE_TYPE                                                                       \
    }

static const struct hf_key gemma_keys[] = {GEMMA_KEYS, {.kind = HF_END}};

static const struct hf_key gemma2_keys[] = {
    GEMMA_KEYS,
    {HF_F32, "attn_logit_softcapping", "attn_logit_softcapping", NULL},
    {HF_F32, "final_logit_softcapping", "final_logit_softcapping", NULL},
    {HF_U32, "attention.sliding_window", "sliding_window", NULL},
    {.kind = HF_END},
};

/* --- Gemma 3 ------------------------------------------------------------------------------------
 */

static int window(struct hf_model *model)
{
    uint64_t pattern, size;
    int r;

    if (hf_config_count(model->config, "sliding_window_pattern", &pattern) && pattern == 1)
        return 0;
    r = hf_need_count(model, "sliding_window", &size);
    return r == 0 ? hf_set_u32(model, "attention.sliding_window", size) : r;
}

static const struct hf_key gemma3_keys[] = {
    {.kind = HF_BASE},
    {HF_F32_IF, "final_logit_softcapping", "final_logit_softcapping", NULL},
    {.kind = HF_CALL, .call = window},
    {.kind = HF_END},
};

/* --- EmbeddingGemma -----------------------------------------------------------------------------
 */

/* The file's own: the class makes another one of it. */
static const struct hf_key embedding_keys[] = {
    {.kind = HF_BASE},
    {HF_F32_IF, "final_logit_softcapping", "final_logit_softcapping", NULL},
    {HF_U32, "attention.sliding_window", "sliding_window", NULL},
    {.kind = HF_CALL, .call = hf_key_pooling},
    {.kind = HF_END},
};

/* Its names have no prefix. */
static bool embedding_rename(const struct hf_model *model, char name[HF_NAME_MAX])
{
    static const char prefix[] = "model.";
    size_t length = strlen(name);

    (void)model;
    if (strncmp(name, prefix, strlen(prefix)) == 0 || length + sizeof(prefix) > HF_NAME_MAX)
        return true;
    memmove(name + strlen(prefix), name, length + 1);
    memcpy(name, prefix, strlen(prefix));
    return true;
}

/* --- tokens -------------------------------------------------------------------------------------
 */

/* Rows of tokens that the tokenizer does not have are left out. */
static int cut_rows(struct hf_model *model, const struct hf_source *source)
{
    struct hf_slice slice = hf_whole(model->weights, source->tensor);
    uint64_t shape[2] = {source->stored->shape[0], source->stored->shape[1]}, count;
    int r;

    if (source->stored->n_dims != 2)
        return hf_source_refuse(model, source, "no matrix");
    if (hf_find(model->directory, "tokenizer.model")) {
        r = hf_need_count(model, "vocab_size", &count);
        if (r < 0)
            return r;
    } else {
        count = hf_tokenizer_entries(model->tokenizer);
    }
    if (count < shape[0]) {
        shape[0] = count;
        hf_narrow(&slice, 0, 0, count, 1);
    }
    r = hf_begin_named(model, source, source->name, 2, shape);
    return r == 0 ? hf_add_slice(model, &slice) : r;
}

static const struct hf_rule gemma3_rules[] = {
    {"*norm.weight", hf_rule_add_one},
    {"model.embed_tokens.weight", cut_rows},
    {NULL, NULL},
};

const struct hf_arch hf_arch_gemma[] = {
    {
        .name = "gemma",
        .classes = "GemmaForCausalLM",
        .tokenizer = HF_TOKENIZER_GEMMA,
        .keys = gemma_keys,
        .names = {hf_names_ends, hf_names_attention, hf_names_norms, hf_names_mlp},
        .rules = plus_one,
    },
    {
        .name = "gemma2",
        .classes = "Gemma2ForCausalLM",
        .tokenizer = HF_TOKENIZER_GEMMA2,
        .keys = gemma2_keys,
        .names = {hf_names_ends, hf_names_attention, hf_names_norms4, hf_names_mlp},
        .rules = plus_one,
    },
    {
        .name = "gemma3",
        .classes = "Gemma3ForCausalLM Gemma3ForConditionalGeneration",
        .tokenizer = HF_TOKENIZER_GEMMA3,
        .keys = gemma3_keys,
        .names = {hf_names_ends, hf_names_attention, hf_names_qk_norm, hf_names_norms4,
                  hf_names_mlp},
        .rules = gemma3_rules,
    },
    {
        .name = "gemma-embedding",
        .classes = "Gemma3TextModel",
        .tokenizer = HF_TOKENIZER_GEMMA2,
        .keys = embedding_keys,
        .names = {hf_names_ends, hf_names_attention, hf_names_qk_norm, hf_names_norms4,
                  hf_names_mlp},
        .rules = gemma3_rules,
        .rename = embedding_rename,
    },
    {.name = NULL},
};
