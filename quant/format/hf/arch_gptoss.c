/* gpt-oss: experts come in blocks of MXFP4, or as matrices that are turned and interleaved. */
#include <string.h>

#include "quant/format/hf/arch.h"

static const struct hf_key gptoss_keys[] = {
    {.kind = HF_BASE},
    {HF_U32, "attention.sliding_window", "sliding_window", NULL},
    {HF_U32, "expert_feed_forward_length", "intermediate_size", NULL},
    {.kind = HF_END},
};

static const struct hf_tensor_name gptoss_names[] = {
    {".input_layernorm", ".attn_norm"},
    {".post_attention_layernorm", ".post_attention_norm"},
    {".self_attn.sinks.weight", ".attn_sinks.weight"},
    {".mlp.router", ".ffn_gate_inp"},
    {NULL, NULL},
};

/* --- MXFP4 --------------------------------------------------------------------------------------
 */

/* One tensor of blocks: every step-th row from `first` on of each expert. */
static int write_blocks(struct hf_model *model, const struct hf_source *blocks, uint32_t scales,
                        const char *name, uint64_t first, uint64_t step)
{
    const uint64_t *shape = blocks->stored->shape;
    struct hf_slice slice = {.kind = HF_MXFP4, .tensor = blocks->tensor, .scale = scales};
    uint64_t ne[4] = {32 * shape[2], shape[1] / step, shape[0], 1};
    char gguf[HF_NAME_MAX];
    int r = hf_tensor_name_find(model, blocks, name, gguf);

    if (r < 0)
        return r;
    if (shape[1] % step != 0 || shape[2] > UINT32_MAX)
        return hf_source_refuse(model, blocks, "no rows of gate and up");
    slice.start = first * shape[2];
    slice.dim_count = 3;
    slice.dims[0] = (struct hf_dim){shape[0], shape[1] * shape[2]};
    slice.dims[1] = (struct hf_dim){shape[1] / step, step * shape[2]};
    slice.dims[2] = (struct hf_dim){shape[2], 1};
    r = hf_plan_add(model->plan, gguf, TYPE_MXFP4, 3, ne);
    if (r == -EINVAL)
        return hf_source_refuse(model, blocks, "it cannot become %s", gguf);
    return r == 0 ? hf_plan_slice(model->plan, &slice, model->defect) : r;
}

/* PREFIXgate_up_proj_scales with ..._blocks: the even rows are gate's, the odd ones up's. */
static int repack(struct hf_model *model, uint32_t scales, const char *prefix, bool fused)
{
    const struct hf_tensor *tensor = &model->weights->tensors[scales];
    struct hf_source blocks = {0};
    char stored[HF_NAME_MAX], name[HF_NAME_MAX + 32];
    size_t length = strlen(tensor->name) - strlen("scales");
    int r;

    memcpy(stored, tensor->name, length);
    strcpy(stored + length, "blocks");
    blocks.stored = hf_weights_find(model->weights, stored);
    if (!blocks.stored || blocks.stored->n_dims != 4 || tensor->n_dims != 3)
        return hf_model_refuse(model, "%s without its blocks", tensor->name);
    blocks.tensor = (uint32_t)(blocks.stored - model->weights->tensors);
    hf_source_name(&blocks, blocks.stored->name);
    if (!fused) {
        (void)snprintf(name, sizeof(name), "%sdown_proj.weight", prefix);
        return write_blocks(model, &blocks, scales, name, 0, 1);
    }
    (void)snprintf(name, sizeof(name), "%sgate_proj.weight", prefix);
    r = write_blocks(model, &blocks, scales, name, 0, 2);
    (void)snprintf(name, sizeof(name), "%sup_proj.weight", prefix);
    return r == 0 ? write_blocks(model, &blocks, scales, name, 1, 2) : r;
}

/* All blocks stand before all other tensors. */
static int write_experts(struct hf_model *model)
{
    static const char *const parts[] = {"down_proj_scales", "gate_up_proj_scales"};
    char prefix[HF_NAME_MAX];
    const char *name, *at;
    int r = 0;

    for (size_t i = 0; i < model->weights->count && r == 0; i++) {
        name = model->weights->tensors[i].name;
        for (size_t k = 0; k < 2 && r == 0 && strlen(name) < sizeof(prefix); k++) {
            at = strstr(name, parts[k]);
            if (!at || at == name || at[-1] != '.' || strcmp(at, parts[k]) != 0)
                continue;
            memcpy(prefix, name, (size_t)(at - name));
            prefix[at - name] = '\0';
            r = repack(model, (uint32_t)i, prefix, k == 1);
        }
    }
    return r;
}

/* --- the others ---------------------------------------------------------------------------------
 */

/* gate_up_proj's part along the last axis of the shape that the file has, written as PART.SUFFIX.
 */
static int write_turned(struct hf_model *model, const struct hf_source *source, const char *from,
                        const char *to, uint64_t first, uint64_t step)
{
    const struct hf_tensor *stored = source->stored;
    const char *at = strstr(source->name, from);
    unsigned last = stored->n_dims == 3 ? 2 : 1;
    uint64_t shape[3] = {stored->shape[0], stored->shape[last] / step, stored->shape[1]};
    char name[HF_NAME_MAX + 16];
    struct hf_slice slice = hf_whole(model->weights, source->tensor);
    int r;

    if (stored->n_dims < 2 || stored->n_dims > 3 || stored->shape[last] % step != 0)
        return hf_source_refuse(model, source, "no experts");
    hf_narrow(&slice, last, first, shape[1], step);
    if (stored->n_dims == 3)
        hf_swap(&slice, 1, 2);
    (void)snprintf(name, sizeof(name), "%.*s%s", (int)(at - source->name), source->name, to);
    r = hf_begin_named(model, source, name, stored->n_dims, shape);
    return r == 0 ? hf_add_slice(model, &slice) : r;
}

static int gate_up(struct hf_model *model, const struct hf_source *source)
{
    bool bias = strstr(source->name, "_bias") != NULL;
    int r = write_turned(model, source, "gate_up_proj",
                         bias ? "gate_proj.bias" : "gate_proj.weight", 0, 2);

    return r == 0 ? write_turned(model, source, "gate_up_proj",
                                 bias ? "up_proj.bias" : "up_proj.weight", 1, 2)
                  : r;
}

static int down(struct hf_model *model, const struct hf_source *source)
{
    return write_turned(model, source, "down_proj", "down_proj.weight", 0, 1);
}

static int down_bias(struct hf_model *model, const struct hf_source *source)
{
    const char *at = strstr(source->name, "_bias");
    struct hf_slice slice = hf_whole(model->weights, source->tensor);
    char name[HF_NAME_MAX];

    (void)snprintf(name, sizeof(name), "%.*s.bias", (int)(at - source->name), source->name);
    return hf_write(model, source, name, &slice);
}

static const struct hf_rule gptoss_rules[] = {
    {"*_blocks", hf_rule_drop}, /* written by now */
    {"*_scales", hf_rule_drop},          {"*.experts.gate_up_proj_bias", gate_up},
    {"*.experts.gate_up_proj", gate_up}, {"*.experts.down_proj_bias", down_bias},
    {"*.experts.down_proj", down},       {NULL, NULL},
};

static bool gptoss_rename(const struct hf_model *model, char name[HF_NAME_MAX])
{
    size_t length = strlen(name);

    (void)model;
    if (strstr(name, "sinks") && length + strlen(".weight") < HF_NAME_MAX)
        strcpy(name + length, ".weight");
    return true;
}

const struct hf_arch hf_arch_gptoss[] = {
    {
        .name = "gpt-oss",
        .classes = "GptOssForCausalLM",
        .tokenizer = HF_TOKENIZER_BPE,
        .keys = gptoss_keys,
        .names = {hf_names_ends, hf_names_attention, gptoss_names, hf_names_experts},
        .rules = gptoss_rules,
        .extra = write_experts,
        .rename = gptoss_rename,
    },
    {.name = NULL},
};
