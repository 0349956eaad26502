/* Qwen 2 to 3.5. */
#include <inttypes.h>
#include <string.h>

#include "quant/format/hf/arch.h"

/* --- dense --------------------------------------------------------------------------------------
 */

static const struct hf_key base_keys[] = {{.kind = HF_BASE}, {.kind = HF_END}};

static const struct hf_key dense_keys[] = {
    {.kind = HF_BASE},
    {.kind = HF_CALL, .call = hf_key_pooling},
    {.kind = HF_END},
};

/* A reranker is told by its name, and is another model then (import.md 5, import-2.md 36). */
static int no_reranker(struct hf_model *model)
{
    static const char *const marks[] = {"qwen3-reranker", "qwen3-vl-reranker"};
    const json_t *path = json_member(hf_config_root(model->config), "_name_or_path");
    const char *text;
    size_t size;

    for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++)
        if (strcasestr(model->directory->name, marks[i]) ||
            (json_as_text(path, &text, &size) && strcasestr(text, marks[i])))
            return hf_model_refuse_kind(model, "rerankers are not supported");
    return 0;
}

/* --- experts ------------------------------------------------------------------------------------
 */

static const struct hf_key expert_keys[] = {
    {.kind = HF_BASE},
    {HF_U32_IF, "expert_feed_forward_length", "moe_intermediate_size", NULL},
    {HF_U32_IF, "expert_shared_feed_forward_length", "shared_expert_intermediate_size", NULL},
    {.kind = HF_END},
};

static const struct hf_rule expert_rules[] = {
    {"*.mlp.experts.gate_up_proj", hf_rule_split_experts},
    {"*.mlp.experts.down_proj", hf_rule_add_suffix},
    {NULL, NULL},
};

/* --- with a vision tower, which is left out -----------------------------------------------------
 */

static int deepstack(struct hf_model *model)
{
    const json_t *vision = json_member(hf_config_root(model->config), "vision_config");
    const json_t *layers = json_member(vision, "deepstack_visual_indexes");

    /* The class has three of them where the file says nothing. */
    return hf_set_u32(model, "n_deepstack_layers", layers ? json_array_size(layers) : 3);
}

static const struct hf_key qwen3vl_keys[] = {
    {.kind = HF_BASE},
    {HF_U32_IF, "expert_feed_forward_length", "moe_intermediate_size", NULL},
    {.kind = HF_CALL, .call = deepstack},
    {.kind = HF_END},
};

static const struct hf_rule turned_rules[] = {
    {"*.mlp.experts.gate_up_proj", hf_rule_turn_experts},
    {"*.mlp.experts.down_proj", hf_rule_turn_experts},
    {NULL, NULL},
};

/* --- the page -----------------------------------------------------------------------------------
 */

const struct hf_arch hf_arch_qwen[] = {
    {
        .name = "qwen2",
        .classes = "Qwen2ForCausalLM",
        .tokenizer = HF_TOKENIZER_SPM_OR_BPE,
        .keys = dense_keys,
        .names = {hf_names_ends, hf_names_attention, hf_names_norms, hf_names_mlp},
    },
    {
        .name = "qwen3",
        .classes = "Qwen3ForCausalLM",
        .begin = no_reranker,
        .tokenizer = HF_TOKENIZER_SPM_OR_BPE,
        .keys = dense_keys,
        .names = {hf_names_ends, hf_names_attention, hf_names_qk_norm, hf_names_norms,
                  hf_names_mlp},
    },
    {
        .name = "qwen2moe",
        .classes = "Qwen2MoeForCausalLM",
        .tokenizer = HF_TOKENIZER_BPE,
        .keys = expert_keys,
        .names = {hf_names_ends, hf_names_attention, hf_names_norms, hf_names_mlp, hf_names_experts,
                  hf_names_shared_expert},
        .rules = expert_rules,
        .stack = &hf_stack_mlp,
    },
    {
        .name = "qwen3moe",
        .classes = "Qwen3MoeForCausalLM",
        .tokenizer = HF_TOKENIZER_BPE,
        .keys = expert_keys,
        .names = {hf_names_ends, hf_names_attention, hf_names_qk_norm, hf_names_norms, hf_names_mlp,
                  hf_names_experts},
        .rules = expert_rules,
        .stack = &hf_stack_mlp,
    },
    {
        .name = "qwen2vl",
        .classes = "Qwen2_5_VLForConditionalGeneration Qwen2VLForConditionalGeneration",
        .tokenizer = HF_TOKENIZER_SPM_OR_BPE,
        .keys = base_keys,
        .names = {hf_names_ends, hf_names_attention, hf_names_norms, hf_names_mlp},
    },
    {
        .name = "qwen3vl",
        .classes = "Qwen3VLForConditionalGeneration",
        .tokenizer = HF_TOKENIZER_SPM_OR_BPE,
        .keys = qwen3vl_keys,
        .names = {hf_names_ends, hf_names_attention, hf_names_qk_norm, hf_names_norms,
                  hf_names_mlp},
    },
    {
        .name = "qwen3vlmoe",
        .classes = "Qwen3VLMoeForConditionalGeneration",
        .tokenizer = HF_TOKENIZER_SPM_OR_BPE,
        .keys = qwen3vl_keys,
        .names = {hf_names_ends, hf_names_attention, hf_names_qk_norm, hf_names_norms, hf_names_mlp,
                  hf_names_experts},
        .rules = turned_rules,
    },
    {.name = NULL},
};
