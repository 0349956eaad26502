/* ERNIE 4.5, dense and with experts. */
#include <inttypes.h>
#include <string.h>

#include "quant/format/hf/arch.h"

static bool ernie_rename(const struct hf_model *model, char name[HF_NAME_MAX])
{
    static const char prefix[] = "ernie."; /* as long as "model." */

    (void)model;
    if (strncmp(name, prefix, strlen(prefix)) == 0)
        memcpy(name, "model.", strlen(prefix));
    return true;
}

/* --- dense --------------------------------------------------------------------------------------
 */

static const struct hf_key ernie_keys[] = {{.kind = HF_BASE}, {.kind = HF_END}};

/* Rows of the stored tensor under the name that has `to` in place of `from`. */
static int write_rows(struct hf_model *model, const struct hf_source *source, const char *from,
                      const char *to, uint64_t first, uint64_t count)
{
    const char *at = strstr(source->name, from);
    uint64_t shape[2] = {count, source->stored->shape[1]};
    struct hf_slice slice = hf_rows(model->weights, source->tensor, first, count);
    char name[HF_NAME_MAX];
    int r;

    (void)snprintf(name, sizeof(name), "%.*s%s%s", (int)(at - source->name), source->name, to,
                   at + strlen(from));
    r = hf_begin_named(model, source, name, 2, shape);
    return r == 0 ? hf_add_slice(model, &slice) : r;
}

/* Queries, keys and values in one tensor. */
static int split_attention(struct hf_model *model, const struct hf_source *source)
{
    static const char from[] = "qkv_proj";
    const struct hf_tensor *stored = source->stored;
    uint64_t size, queries, keys, rows;
    int r = hf_head_size(model, &size);

    if (r < 0)
        return r;
    if (__builtin_mul_overflow(model->heads, size, &queries) ||
        __builtin_mul_overflow(model->kv_heads, size, &keys) ||
        __builtin_mul_overflow(keys, 2, &rows) || __builtin_add_overflow(rows, queries, &rows) ||
        stored->n_dims != 2 || stored->shape[0] != rows)
        return hf_source_refuse(model, source, "its rows are not those of the heads");
    r = write_rows(model, source, from, "q_proj", 0, queries);
    if (r == 0)
        r = write_rows(model, source, from, "k_proj", queries, keys);
    return r == 0 ? write_rows(model, source, from, "v_proj", queries + keys, keys) : r;
}

/* The gate above the rest. */
static int split_mlp(struct hf_model *model, const struct hf_source *source)
{
    static const char from[] = "up_gate_proj";
    const struct hf_tensor *stored = source->stored;
    int r;

    if (stored->n_dims != 2 || stored->shape[0] % 2 != 0)
        return hf_source_refuse(model, source, "it has no two halves");
    r = write_rows(model, source, from, "gate_proj", 0, stored->shape[0] / 2);
    return r == 0 ? write_rows(model, source, from, "up_proj", stored->shape[0] / 2,
                               stored->shape[0] / 2)
                  : r;
}

static const struct hf_rule ernie_rules[] = {
    {"*.qkv_proj.weight", split_attention},
    {"*.up_gate_proj.weight", split_mlp},
    {NULL, NULL},
};

/* --- with experts -------------------------------------------------------------------------------
 */

static int ernie_shared(struct hf_model *model)
{
    uint64_t size;
    int r = hf_need_count(model, "intermediate_size", &size);

    if (r == 0 && model->kv_heads == 0)
        r = hf_model_refuse(model, "no heads of keys");
    /* By the heads: what the converter writes. */
    return r == 0 ? hf_set_u32(model, "expert_shared_feed_forward_length", size / model->kv_heads)
                  : r;
}

static const struct hf_key ernie_moe_keys[] = {
    {.kind = HF_BASE},
    {HF_U32, "expert_count", "moe_num_experts", NULL},
    {HF_U32, "expert_used_count", "moe_k", NULL},
    {HF_U32, "interleave_moe_layer_step", "moe_layer_interval", NULL},
    {HF_U32, "leading_dense_block_count", "moe_layer_start_index", NULL},
    {HF_U32_IF, "expert_feed_forward_length", "moe_intermediate_size", NULL},
    {HF_U32_IF, "expert_shared_count", "moe_num_shared_experts", NULL},
    {.kind = HF_CALL, .call = ernie_shared},
    {.kind = HF_END},
};

static const struct hf_tensor_name ernie_names[] = {
    {".mlp.moe_statics.e_score_correction", ".exp_probs_b"},
    {NULL, NULL},
};

static const struct hf_rule ernie_moe_rules[] = {
    {"model.mtp_block.#*", hf_rule_drop},
    {"model.mtp_emb_norm.#*", hf_rule_drop},
    {"model.mtp_hidden_norm.#*", hf_rule_drop},
    {"model.mtp_linear_proj.#*", hf_rule_drop},
    {NULL, NULL},
};

/* --- the page -----------------------------------------------------------------------------------
 */

const struct hf_arch hf_arch_ernie[] = {
    {
        .name = "ernie4_5",
        .classes = "Ernie4_5ForCausalLM Ernie4_5_ForCausalLM",
        .tokenizer = HF_TOKENIZER_ERNIE,
        .keys = ernie_keys,
        .names = {hf_names_ends, hf_names_attention, hf_names_norms, hf_names_mlp},
        .rules = ernie_rules,
        .rename = ernie_rename,
    },
    {
        .name = "paddleocr",
        .classes = "PaddleOCRVLForConditionalGeneration",
        .tokenizer = HF_TOKENIZER_ERNIE,
        .keys = ernie_keys,
        .names = {hf_names_ends, hf_names_attention, hf_names_norms, hf_names_mlp},
        .rules = ernie_rules,
        .rename = ernie_rename,
    },
    {
        .name = "ernie4_5-moe",
        .classes = "Ernie4_5_MoeForCausalLM",
        .tokenizer = HF_TOKENIZER_ERNIE,
        .keys = ernie_moe_keys,
        .names = {hf_names_ends, hf_names_attention, hf_names_norms, hf_names_mlp, hf_names_experts,
                  hf_names_shared_experts, ernie_names},
        .rules = ernie_moe_rules,
        .stack = &hf_stack_mlp_gate_first,
        .rename = ernie_rename,
    },
    {.name = NULL},
};
