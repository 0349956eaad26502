/* Qwen 3 Next and 3.5: layers of linear attention among the others. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "quant/format/hf/arch.h"

/* --- layers that predict one token more ---------------------------------------------------------
 */

/* The layers that predict one token more stand behind the others. */
static int next_layers(struct hf_model *model)
{
    uint64_t next = 0;

    (void)hf_config_count(model->config, "mtp_num_hidden_layers", &next);
    if (next > HF_LAYERS_MAX)
        return hf_model_refuse(model, "too many layers");
    model->layers += next;
    return 0;
}

/* Their names say so too. */
static bool next_rename(const struct hf_model *model, char name[HF_NAME_MAX])
{
    static const struct {
        const char *from, *to;
    } whole[] = {
        {"mtp.fc.", "eh_proj."},
        {"mtp.pre_fc_norm_embedding.", "enorm."},
        {"mtp.pre_fc_norm_hidden.", "hnorm."},
        {"mtp.norm.", "shared_head.norm."},
    };
    static const char layers[] = "mtp.layers.";
    char renamed[HF_NAME_MAX], *end;
    unsigned long number;
    int size = 0;

    if (strncmp(name, layers, strlen(layers)) == 0) {
        number = strtoul(name + strlen(layers), &end, 10);
        if (number > HF_LAYERS_MAX)
            return true; /* it has no name then, which is an error */
        size = snprintf(renamed, sizeof(renamed), "model.layers.%" PRIu64 "%s",
                        model->hidden_layers + number, end);
    }
    for (size_t i = 0; i < sizeof(whole) / sizeof(whole[0]) && size == 0; i++)
        if (strncmp(name, whole[i].from, strlen(whole[i].from)) == 0)
            size = snprintf(renamed, sizeof(renamed), "model.layers.%" PRIu64 ".%s%s",
                            model->hidden_layers, whole[i].to, name + strlen(whole[i].from));
    if (size > 0 && size < HF_NAME_MAX)
        memcpy(name, renamed, (size_t)size + 1);
    return true;
}

static int next_key(struct hf_model *model)
{
    uint64_t next = model->layers - model->hidden_layers;

    return next > 0 ? hf_set_u32(model, "nextn_predict_layers", next) : 0;
}

static int linear_inner(struct hf_model *model)
{
    uint64_t size, heads;
    int r = hf_need_count(model, "linear_value_head_dim", &size);

    if (r == 0)
        r = hf_need_count(model, "linear_num_value_heads", &heads);
    if (r < 0)
        return r;
    if (__builtin_mul_overflow(size, heads, &size))
        size = UINT64_MAX;
    return hf_set_u32(model, "ssm.inner_size", size);
}

static int linear_layers(struct hf_model *model)
{
    uint64_t interval = 4;
    int r = hf_set_layers_of(model, "attention.recurrent_layers", "linear_attention");

    (void)hf_config_count(model->config, "full_attention_interval", &interval);
    return r == 0 ? hf_set_u32(model, "full_attention_interval", interval) : r;
}

static int quarter_rope(struct hf_model *model)
{
    uint64_t size;
    int r = hf_head_size(model, &size);

    return r == 0 ? hf_set_partial_rope(model, "rope.dimension_count", size, 0.25) : r;
}

static int sections(struct hf_model *model)
{
    static const int32_t absent[4] = {11, 11, 10, 0};
    char key[64];

    (void)snprintf(key, sizeof(key), "%s.rope.dimension_sections", model->arch->name);
    return hf_kv_has(model->kv, key) ? 0 : hf_kv_i32s(model->kv, key, absent, 4);
}

#define LINEAR_KEYS                                                                                \
    {.kind = HF_BASE}, {HF_U32_IF, "expert_feed_forward_length", "moe_intermediate_size", NULL},   \
        {HF_U32_IF, "expert_shared_feed_forward_length", "shared_expert_intermediate_size", NULL}, \
        {.kind = HF_CALL, .call = next_key},                                                       \
        {HF_U32, "ssm.conv_kernel", "linear_conv_kernel_dim", NULL},                               \
        {HF_U32, "ssm.state_size", "linear_key_head_dim", NULL},                                   \
        {HF_U32, "ssm.group_count", "linear_num_key_heads", NULL},                                 \
        {HF_U32, "ssm.time_step_rank", "linear_num_value_heads", NULL},                            \
        {.kind = HF_CALL, .call = linear_inner}, {.kind = HF_CALL, .call = linear_layers},         \
    {                                                                                              \
        .kind = HF_CALL, .call = quarter_rope                                                      \
    }

static const struct hf_key qwen3next_keys[] = {LINEAR_KEYS, {.kind = HF_END}};

static const struct hf_key qwen35_keys[] = {
    LINEAR_KEYS,
    {.kind = HF_CALL, .call = sections},
    {.kind = HF_CALL, .call = hf_key_pooling},
    {.kind = HF_END},
};

static const struct hf_key qwen35moe_keys[] = {
    LINEAR_KEYS,
    {.kind = HF_CALL, .call = sections},
    {.kind = HF_END},
};

static const struct hf_tensor_name linear_names[] = {
    {".linear_attn.A_log", ".ssm_a"},
    {".linear_attn.conv1d", ".ssm_conv1d"},
    {".linear_attn.dt_bias", ".ssm_dt.bias"},
    {".linear_attn.in_proj_a", ".ssm_alpha"},
    {".linear_attn.in_proj_b", ".ssm_beta"},
    {".linear_attn.in_proj_qkv", ".attn_qkv"},
    {".linear_attn.in_proj_z", ".attn_gate"},
    {".linear_attn.in_proj_ba", ".ssm_ba"},
    {".linear_attn.norm", ".ssm_norm"},
    {".linear_attn.out_proj", ".ssm_out"},
    {".input_layernorm", ".attn_norm"},
    {".post_attention_layernorm", ".post_attention_norm"},
    {NULL, NULL},
};

/* Heads of linear attention: keys, and values that share one key each. */
struct linear {
    uint64_t keys, shares, key_size, value_size;
};

static int linear_of(const struct hf_model *model, struct linear *linear)
{
    uint64_t values;
    int r = hf_need_count(model, "linear_num_key_heads", &linear->keys);

    if (r == 0)
        r = hf_need_count(model, "linear_num_value_heads", &values);
    if (r == 0)
        r = hf_need_count(model, "linear_key_head_dim", &linear->key_size);
    if (r == 0)
        r = hf_need_count(model, "linear_value_head_dim", &linear->value_size);
    if (r < 0)
        return r;
    if (linear->keys == 0 || values % linear->keys != 0 || linear->keys > UINT32_MAX ||
        values > UINT32_MAX || linear->key_size > UINT16_MAX || linear->value_size > UINT16_MAX)
        return hf_model_refuse(model, "heads of linear attention that do not go together");
    linear->shares = values / linear->keys;
    return 0;
}

/* Value heads of one key, which stand together, come to stand apart: in each dimension `dim` the
 * shares become the outer order, the keys the inner one (import.md 2.2). */
static bool reorder(struct hf_slice *slice, unsigned dim, const struct linear *linear,
                    uint64_t width)
{
    if (linear->keys * linear->shares * width != slice->dims[dim].count ||
        !hf_split(slice, dim, linear->shares * width) || !hf_split(slice, dim + 1, width))
        return false;
    hf_swap(slice, dim, dim + 1);
    return true;
}

static int reorder_refuse(const struct hf_model *model, const struct hf_source *source)
{
    return hf_source_refuse(model, source, "its shape is not that of the value heads");
}

/* Value heads along one axis of the whole tensor. */
static int write_values(struct hf_model *model, const struct hf_source *source, unsigned dim,
                        bool wide, enum hf_math math)
{
    struct hf_slice slice = hf_whole(model->weights, source->tensor);
    struct linear linear = {0};
    int r = linear_of(model, &linear);

    if (r < 0)
        return r;
    if (dim >= slice.dim_count || !reorder(&slice, dim, &linear, wide ? linear.value_size : 1))
        return reorder_refuse(model, source);
    slice.steps[0].math = math;
    return hf_write(model, source, source->name, &slice);
}

static int linear_decay(struct hf_model *model, const struct hf_source *source)
{
    return write_values(model, source, 0, false, HF_NEG_EXP);
}

static int linear_rows(struct hf_model *model, const struct hf_source *source)
{
    return write_values(model, source, 0, false, HF_AS_IS);
}

static int linear_gate(struct hf_model *model, const struct hf_source *source)
{
    return write_values(model, source, 0, true, HF_AS_IS);
}

static int linear_out(struct hf_model *model, const struct hf_source *source)
{
    return write_values(model, source, 1, true, HF_AS_IS);
}

/* Rows of q and k, then those of the value heads; an axis of length 1 goes. */
static int linear_qkv(struct hf_model *model, const struct hf_source *source)
{
    const struct hf_tensor *stored = source->stored;
    uint64_t shape[2] = {stored->shape[0], stored->shape[stored->n_dims == 3 ? 2 : 1]}, keys;
    struct linear linear = {0};
    struct hf_slice slice;
    int r = linear_of(model, &linear);

    if (r < 0)
        return r;
    keys = 2 * linear.keys * linear.key_size;
    if (stored->n_dims < 2 || stored->n_dims > 3 || keys > shape[0] ||
        (stored->n_dims == 3 && stored->shape[1] != 1))
        return reorder_refuse(model, source);
    r = hf_begin_named(model, source, source->name, 2, shape);
    slice = hf_rows(model->weights, source->tensor, 0, keys);
    if (r == 0)
        r = hf_add_slice(model, &slice);
    slice = hf_rows(model->weights, source->tensor, keys, shape[0] - keys);
    if (!reorder(&slice, 0, &linear, linear.value_size))
        return reorder_refuse(model, source);
    return r == 0 ? hf_add_slice(model, &slice) : r;
}

static int as_is(struct hf_model *model, const struct hf_source *source)
{
    struct hf_slice slice = hf_whole(model->weights, source->tensor);

    return hf_write(model, source, source->name, &slice);
}

static const struct hf_rule qwen35_rules[] = {
    {"*.linear_attn.A_log", linear_decay},
    {"*.linear_attn.dt_bias", linear_rows},
    {"*.linear_attn.conv1d.weight", linear_qkv},
    {"*.linear_attn.in_proj_qkv.weight", linear_qkv},
    {"*.linear_attn.in_proj_z.weight", linear_gate},
    {"*.linear_attn.in_proj_a.weight", linear_rows},
    {"*.linear_attn.in_proj_b.weight", linear_rows},
    {"*.linear_attn.out_proj.weight", linear_out},
    {"*.linear_attn.norm.weight", as_is},
    {"*norm.weight", hf_rule_add_one},
    {"*.mlp.experts.gate_up_proj", hf_rule_split_experts},
    {"*.mlp.experts.down_proj", hf_rule_add_suffix},
    {NULL, NULL},
};

/* --- Qwen 3 Next --------------------------------------------------------------------------------
 */

/* The layers that predict one token more are counted by their tensors; without them the converter
 * fails (import-2.md 6). */
static int qwen3next_begin(struct hf_model *model)
{
    static const char layers[] = "mtp.layers.";
    unsigned long number, next = 0;
    const char *name;

    for (size_t i = 0; i < model->weights->count; i++) {
        name = model->weights->tensors[i].name;
        if (strncmp(name, layers, strlen(layers)) != 0)
            continue;
        number = strtoul(name + strlen(layers), NULL, 10);
        if (number >= HF_LAYERS_MAX)
            return hf_model_refuse(model, "too many layers");
        next = number + 1 > next ? number + 1 : next;
    }
    if (next == 0)
        return hf_model_refuse_kind(model, "the converter needs the tensors of its mtp layer");
    model->layers += next;
    return 0;
}

/* Of each group of rows, as many as there are keys: rows [first, first + count) of all of them. */
static int add_grouped(struct hf_model *model, const struct hf_source *source, uint64_t group,
                       uint64_t first, uint64_t count)
{
    struct hf_slice slice = hf_whole(model->weights, source->tensor);

    if (!hf_split(&slice, 0, group))
        return reorder_refuse(model, source);
    hf_narrow(&slice, 1, first, count, 1);
    return hf_add_slice(model, &slice);
}

/* q, k, v, z of one key head after the other: all q, all k, all v, and apart from them all z. */
static int split_qkvz(struct hf_model *model, const struct hf_source *source)
{
    const struct hf_tensor *stored = source->stored;
    struct linear linear = {0};
    uint64_t values, group, shape[2] = {0, stored->shape[1]};
    char name[HF_NAME_MAX + 16];
    int length = (int)(strstr(source->name, "in_proj_qkvz") - source->name);
    int r = linear_of(model, &linear);

    if (r < 0)
        return r;
    values = linear.shares * linear.value_size;
    group = 2 * linear.key_size + 2 * values;
    if (stored->n_dims != 2 || group == 0 || stored->shape[0] != group * linear.keys)
        return reorder_refuse(model, source);
    (void)snprintf(name, sizeof(name), "%.*sin_proj_qkv.weight", length, source->name);
    shape[0] = linear.keys * (group - values);
    r = hf_begin_named(model, source, name, 2, shape);
    if (r == 0)
        r = add_grouped(model, source, group, 0, linear.key_size);
    if (r == 0)
        r = add_grouped(model, source, group, linear.key_size, linear.key_size);
    if (r == 0)
        r = add_grouped(model, source, group, 2 * linear.key_size, values);
    (void)snprintf(name, sizeof(name), "%.*sin_proj_z.weight", length, source->name);
    shape[0] = linear.keys * values;
    if (r == 0)
        r = hf_begin_named(model, source, name, 2, shape);
    return r == 0 ? add_grouped(model, source, group, group - values, values) : r;
}

static const struct hf_rule qwen3next_rules[] = {
    {"*.linear_attn.A_log", hf_rule_neg_exp},
    {"*.linear_attn.conv1d.weight", hf_rule_squeeze},
    {"*.linear_attn.in_proj_qkvz.weight", split_qkvz},
    {"*.linear_attn.norm.weight", as_is},
    {"*norm.weight", hf_rule_add_one},
    {"*.mlp.experts.gate_up_proj", hf_rule_split_experts},
    {"*.mlp.experts.down_proj", hf_rule_add_suffix},
    {NULL, NULL},
};

/* --- Qwen 3.5 -----------------------------------------------------------------------------------
 */

/* The model without a head has no layers that predict one token more. */
static bool is_headless(const struct hf_model *model)
{
    return strcmp(hf_config_architecture(model->config), "Qwen3_5TextModel") == 0;
}

static bool qwen35_rename(const struct hf_model *model, char name[HF_NAME_MAX])
{
    return next_rename(model, name) && hf_rename_bare(model, name);
}

/* Without these tensors the converter fails (import-2.md 6). */
static int qwen35_begin(struct hf_model *model)
{
    int r = is_headless(model) ? 0 : next_layers(model);

    if (r == 0 && !is_headless(model) && model->layers == model->hidden_layers)
        r = hf_model_refuse_kind(model, "the converter needs mtp_num_hidden_layers");
    return r;
}

/* --- the page -----------------------------------------------------------------------------------
 */

const struct hf_arch hf_arch_qwen_linear[] = {
    {
        .name = "qwen3next",
        .classes = "Qwen3NextForCausalLM",
        .tokenizer = HF_TOKENIZER_BPE,
        .keys = qwen3next_keys,
        .names = {hf_names_ends, hf_names_attention, hf_names_qk_norm, hf_names_mlp, linear_names,
                  hf_names_next, hf_names_experts, hf_names_shared_expert},
        .rules = qwen3next_rules,
        .stack = &hf_stack_mlp,
        .begin = qwen3next_begin,
        .rename = next_rename,
    },
    {
        .name = "qwen35moe",
        .classes = "Qwen3_5MoeForConditionalGeneration Qwen3_5MoeForCausalLM",
        .tokenizer = HF_TOKENIZER_BPE,
        .keys = qwen35moe_keys,
        .names = {hf_names_ends, hf_names_attention, hf_names_qk_norm, hf_names_mlp, linear_names,
                  hf_names_next, hf_names_experts, hf_names_shared_expert},
        .rules = qwen35_rules,
        .stack = &hf_stack_mlp,
        .begin = qwen35_begin,
        .rename = next_rename,
    },
    {
        .name = "qwen35",
        .classes = "Qwen3_5ForConditionalGeneration Qwen3_5ForCausalLM Qwen3_5TextModel",
        .tokenizer = HF_TOKENIZER_BPE,
        .keys = qwen35_keys,
        .names = {hf_names_ends, hf_names_attention, hf_names_qk_norm, hf_names_mlp, linear_names,
                  hf_names_next},
        .rules = qwen35_rules,
        .begin = qwen35_begin,
        .rename = qwen35_rename,
    },
    {.name = NULL},
};
