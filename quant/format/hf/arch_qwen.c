/* Qwen 2 to 3.5. */
#include <inttypes.h>
#include <string.h>

#include "quant/format/hf/arch.h"
#include "quant/format/hf/card.h"
#include "quant/format/hf/config_defaults.h"

/* --- dense --------------------------------------------------------------------------------------
 */

static const struct hf_key base_keys[] = {{.kind = HF_BASE}, {.kind = HF_END}};

static const struct hf_key dense_keys[] = {
    {.kind = HF_BASE},
    {.kind = HF_CALL, .call = hf_key_pooling},
    {.kind = HF_END},
};

static const struct hf_tensor_name kormo_names[] = {
    {".pre_attention_layernorm", ".attn_norm"},
    {".pre_mlp_layernorm", ".ffn_norm"},
    {NULL, NULL},
};

/* --- rerankers (import-2.md 36) -----------------------------------------------------------------
 */

static bool has_mark(const char *name)
{
    return strcasestr(name, "qwen3-reranker") || strcasestr(name, "qwen3-vl-reranker");
}

/* Told by what it is called, or by its card. The classes that are known drop _name_or_path. */
static int look_for_reranker(struct hf_model *model)
{
    static const char *const headlines[] = {"# qwen3-reranker", "# qwen3-vl-reranker"};
    const json_t *root = hf_config_root(model->config);
    const json_t *classes = json_member(root, "architectures");
    const char *class = "", *type = "", *path = "";
    size_t size;
    int r = 0;

    (void)json_as_text(json_array_get(classes, 0), &class, &size);
    (void)json_as_text(json_member(root, "model_type"), &type, &size);
    if (!hf_config_known(type))
        (void)json_as_text(json_member(root, "_name_or_path"), &path, &size);
    model->reranker = has_mark(model->directory->name) || has_mark(type) || has_mark(path) ||
                      strcasestr(class, "sequenceclassification");
    for (size_t i = 0; i < 2 && r == 0 && !model->reranker; i++)
        r = hf_card_mentions(model->directory, headlines[i], &model->reranker, model->defect);
    return r;
}

/* What it is asked with: text of the reference converter, which decides bytes. */
static const char rerank_template[] =
    "<|im_start|>system\nJudge whether the Document meets the requirements based on the Query and "
    "the Instruct provided. Note that the answer can only be \"yes\" or \"no\".<|im_end|>\n"
    "<|im_start|>user\n<Instruct>: Given a web search query, retrieve relevant passages that "
    "answer the query\n<Query>: {query}\n<Document>: {document}<|im_end|>\n"
    "<|im_start|>assistant\n<think>\n\n</think>\n\n";

static int rerank_keys(struct hf_model *model)
{
    static const struct hf_text labels[] = {{"yes", 3}, {"no", 2}}, names[] = {{"rerank", 6}};
    char key[64];
    int r;

    if (!model->reranker)
        return 0;
    r = hf_set_u32(model, "pooling_type", 4);
    (void)snprintf(key, sizeof(key), "%s.classifier.output_labels", model->arch->name);
    if (r == 0)
        r = hf_kv_strings(model->kv, key, labels, 2);
    if (r == 0)
        r = hf_kv_string(model->kv, "tokenizer.chat_template.rerank", rerank_template,
                         sizeof(rerank_template) - 1);
    return r == 0 ? hf_kv_strings(model->kv, "tokenizer.chat_templates", names, 1) : r;
}

/* The rows of "yes" and "no": all that it needs of its head. */
static int write_answers(struct hf_model *model, const struct hf_source *source)
{
    static const char *const answers[] = {"yes", "no"};
    const struct hf_tensor *stored = source->stored;
    struct hf_slice slice;
    uint32_t id;
    int r;

    if (stored->n_dims != 2)
        return hf_source_refuse(model, source, "no matrix");
    r = hf_begin(model, source, "cls.output.weight", 2, (uint64_t[]){2, stored->shape[1]});
    for (size_t i = 0; i < 2 && r == 0; i++) {
        if (!hf_tokenizer_find(model->tokenizer, answers[i], &id))
            return hf_model_refuse(model, "a reranker without a token \"%s\"", answers[i]);
        if (id >= stored->shape[0])
            return hf_source_refuse(model, source, "no row for the token \"%s\"", answers[i]);
        slice = hf_rows(model->weights, source->tensor, id, 1);
        r = hf_add_slice(model, &slice);
    }
    return r;
}

static int write_whole(struct hf_model *model, const struct hf_source *source)
{
    struct hf_slice slice = hf_whole(model->weights, source->tensor);

    return hf_write(model, source, source->name, &slice);
}

static bool is_tied(const struct hf_model *model)
{
    return hf_config_true(model->config, "tie_word_embeddings");
}

/* Instead of the head; tied to the embeddings before these. */
static int rerank_head(struct hf_model *model, const struct hf_source *source)
{
    return model->reranker && !is_tied(model) ? write_answers(model, source)
                                              : write_whole(model, source);
}

static int rerank_embeddings(struct hf_model *model, const struct hf_source *source)
{
    int r = model->reranker && is_tied(model) ? write_answers(model, source) : 0;

    return r == 0 ? write_whole(model, source) : r;
}

static const struct hf_rule rerank_rules[] = {
    {"*lm_head*", rerank_head},
    {"*embed_tokens*", rerank_embeddings},
    {NULL, NULL},
};

static const struct hf_key qwen3_keys[] = {
    {.kind = HF_BASE},
    {.kind = HF_CALL, .call = hf_key_pooling},
    {.kind = HF_CALL, .call = rerank_keys},
    {.kind = HF_END},
};

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
    {.kind = HF_CALL, .call = hf_key_pooling},
    {.kind = HF_CALL, .call = rerank_keys},
    {.kind = HF_CALL, .call = deepstack},
    {.kind = HF_END},
};

static const struct hf_key qwen3vlmoe_keys[] = {
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
        .classes = "Qwen2ForCausalLM Qwen2Model KORMoForCausalLM DotsOCRForCausalLM "
                   "Qwen2AudioForConditionalGeneration",
        .tokenizer = HF_TOKENIZER_SPM_OR_BPE,
        .keys = dense_keys,
        .names = {hf_names_ends, hf_names_attention, hf_names_norms, hf_names_mlp, kormo_names},
        .rename = hf_rename_bare,
    },
    {
        .name = "qwen3",
        .classes = "Qwen3ForCausalLM Qwen3Model",
        .begin = look_for_reranker,
        .tokenizer = HF_TOKENIZER_SPM_OR_BPE,
        .keys = qwen3_keys,
        .names = {hf_names_ends, hf_names_attention, hf_names_qk_norm, hf_names_norms,
                  hf_names_mlp},
        .rules = rerank_rules,
        .rename = hf_rename_bare,
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
        .classes = "Qwen2_5_VLForConditionalGeneration Qwen2VLForConditionalGeneration "
                   "Qwen2VLModel",
        .tokenizer = HF_TOKENIZER_SPM_OR_BPE,
        .keys = base_keys,
        .names = {hf_names_ends, hf_names_attention, hf_names_norms, hf_names_mlp},
    },
    {
        .name = "qwen3vl",
        .classes = "Qwen3VLForConditionalGeneration",
        .begin = look_for_reranker,
        .tokenizer = HF_TOKENIZER_SPM_OR_BPE,
        .keys = qwen3vl_keys,
        .names = {hf_names_ends, hf_names_attention, hf_names_qk_norm, hf_names_norms,
                  hf_names_mlp},
        .rules = rerank_rules,
    },
    {
        .name = "qwen3vlmoe",
        .classes = "Qwen3VLMoeForConditionalGeneration",
        .tokenizer = HF_TOKENIZER_SPM_OR_BPE,
        .keys = qwen3vlmoe_keys,
        .names = {hf_names_ends, hf_names_attention, hf_names_qk_norm, hf_names_norms, hf_names_mlp,
                  hf_names_experts},
        .rules = turned_rules,
    },
    {.name = NULL},
};
