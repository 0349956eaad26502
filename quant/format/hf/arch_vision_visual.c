/* Projectors whose tensors are called visual. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "quant/format/hf/arch_vision.h"

/* --- Qwen 2 VL ----------------------------------------------------------------------------------
 */

static int qwen2_begin(struct hf_model *model)
{
    model->image_size = 560;
    (void)hf_config_count(model->config, "image_size", &model->image_size);
    return 0;
}

static int qwen2_values(struct hf_model *model)
{
    int r = hf_set_projector(model, "qwen2vl_merger");

    /* Of the composite's class, which has none of the file's by then. */
    return r == 0 ? hf_set_vision_epsilon(model, 1e-6) : r;
}

/* What others call intermediate_size is its hidden_size. */
static const struct hf_key qwen2_keys[] = {
    {.kind = HF_FILE_TYPE},
    {.kind = HF_CALL, .call = hf_key_vision},
    {HF_U32, "vision.patch_size", "patch_size", NULL},
    {HF_U32, "vision.embedding_length", "embed_dim", NULL},
    {HF_U32, "vision.feed_forward_length", "hidden_size", NULL},
    {.kind = HF_CALL, .call = hf_key_vision_blocks},
    {HF_U32, "vision.attention.head_count", "num_heads", NULL},
    {.kind = HF_CALL, .call = hf_key_vision_colors},
    {.kind = HF_CALL, .call = qwen2_values},
    {.kind = HF_END},
};

#define QWEN2_NAMES                                                                                \
    {"visual.patch_embed.proj", "v.patch_embd"}, {"visual.blocks.#.attn.q", "v.blk.#.attn_q"},     \
        {"visual.blocks.#.attn.k", "v.blk.#.attn_k"},                                              \
        {"visual.blocks.#.attn.v", "v.blk.#.attn_v"},                                              \
        {"visual.blocks.#.attn.proj", "v.blk.#.attn_out"},                                         \
        {"visual.blocks.#.norm1", "v.blk.#.ln1"}, {"visual.blocks.#.norm2", "v.blk.#.ln2"},        \
        {"visual.merger.ln_q", "v.post_ln"}, {"visual.merger.mlp.0", "mm.0"},                      \
    {                                                                                              \
        "visual.merger.mlp.2", "mm.2"                                                              \
    }

static const struct hf_tensor_name qwen2_names[] = {
    QWEN2_NAMES,
    {"visual.blocks.#.mlp.fc1", "v.blk.#.ffn_up"},
    {"visual.blocks.#.mlp.fc2", "v.blk.#.ffn_down"},
    {NULL, NULL},
};

/* --- Qwen 2.5 VL --------------------------------------------------------------------------------
 */

/* Every so many layers look at all of the image: the converter takes even spacing only. */
static int qwen25_values(struct hf_model *model)
{
    const json_t *full = hf_config_get(model->config, "fullatt_block_indexes");
    uint64_t first = 0, index;
    int r = hf_set_projector(model, "qwen2.5vl_merger");

    if (r == 0)
        r = hf_set_bool(model, "use_silu", true);
    for (size_t i = 0; i < json_array_size(full) && r == 0; i++) {
        if (!json_as_u64(json_array_get(full, i), &index) || index > HF_LAYERS_MAX)
            r = hf_model_refuse(model, "fullatt_block_indexes has something that is no layer");
        else if (i == 0)
            first = index + 1;
        else if (index + 1 != (i + 1) * first)
            r = hf_model_refuse(model, "fullatt_block_indexes are not evenly spaced");
    }
    if (r == 0 && first > 0)
        r = hf_set_u32(model, "vision.n_wa_pattern", first);
    /* Of the composite's class, which has none of the file's by then. */
    return r == 0 ? hf_set_vision_epsilon(model, 1e-6) : r;
}

static const struct hf_key qwen25_keys[] = {
    VISION_KEYS,
    {.kind = HF_CALL, .call = qwen25_values},
    {.kind = HF_END},
};

static const struct hf_tensor_name qwen25_names[] = {
    QWEN2_NAMES,
    {"visual.blocks.#.mlp.gate_proj", "v.blk.#.ffn_gate"},
    {"visual.blocks.#.mlp.up_proj", "v.blk.#.ffn_up"},
    {"visual.blocks.#.mlp.down_proj", "v.blk.#.ffn_down"},
    {NULL, NULL},
};

static const struct hf_rule qwen2_rules[] = {
    {"visual.patch_embed.proj.weight", hf_rule_split_times},
    {"*.attn.qkv.*", hf_rule_split_qkv},
    {NULL, NULL},
};

static bool visual_rename(const struct hf_model *model, char name[HF_NAME_MAX])
{
    (void)model;
    return strncmp(name, "visual.", 7) == 0;
}

/* --- Qwen 3 VL ----------------------------------------------------------------------------------
 */

static int qwen3_begin(struct hf_model *model)
{
    uint64_t positions, patch;
    int r = hf_need_count(model, "num_position_embeddings", &positions);

    if (r == 0)
        r = hf_need_count(model, "patch_size", &patch);
    if (r == 0 && (positions > UINT32_MAX || patch > UINT16_MAX))
        r = hf_model_refuse(model, "positions or patches that are too many");
    if (r == 0)
        model->image_size = (uint64_t)(sqrt((double)positions) * (double)patch);
    return r;
}

static int qwen3_deepstack(struct hf_model *model)
{
    const json_t *list = hf_config_get(model->config, "deepstack_visual_indexes");
    bool *flags = calloc((size_t)model->layers + 1, sizeof(*flags));
    uint64_t index;
    int r = flags ? 0 : -ENOMEM;

    for (size_t i = 0; i < json_array_size(list) && r == 0; i++) {
        if (!json_as_u64(json_array_get(list, i), &index) || index >= model->layers)
            r = hf_model_refuse(model, "deepstack_visual_indexes has something that is no layer");
        else
            flags[index] = true;
    }
    if (r == 0)
        r = hf_kv_bools(model->kv, "clip.vision.is_deepstack_layers", flags, (size_t)model->layers);
    free(flags);
    return r;
}

static int qwen3_values(struct hf_model *model)
{
    double epsilon = 1e-6;
    uint64_t merge;
    int r = hf_set_projector(model, "qwen3vl_merger");

    (void)hf_config_real(model->text, "rms_norm_eps", &epsilon);
    if (r == 0)
        r = hf_key_vision_gelu(model);
    if (r == 0)
        r = hf_need_count(model, "spatial_merge_size", &merge);
    if (r == 0)
        r = hf_set_u32(model, "vision.spatial_merge_size", merge);
    if (r == 0)
        r = hf_set_vision_epsilon(model, epsilon);
    return r == 0 ? qwen3_deepstack(model) : r;
}

static const struct hf_key qwen3_keys[] = {
    VISION_KEYS,
    {.kind = HF_CALL, .call = qwen3_values},
    {.kind = HF_END},
};

static const struct hf_tensor_name qwen3_names[] = {
    {"visual.patch_embed.proj", "v.patch_embd"},
    {"visual.pos_embed", "v.position_embd"},
    {"visual.blocks.#.attn.qkv", "v.blk.#.attn_qkv"},
    {"visual.blocks.#.attn.proj", "v.blk.#.attn_out"},
    {"visual.blocks.#.mlp.linear_fc1", "v.blk.#.ffn_up"},
    {"visual.blocks.#.mlp.linear_fc2", "v.blk.#.ffn_down"},
    {"visual.blocks.#.norm1", "v.blk.#.ln1"},
    {"visual.blocks.#.norm2", "v.blk.#.ln2"},
    {"visual.merger.norm", "v.post_ln"},
    {"visual.merger.linear_fc1", "mm.0"},
    {"visual.merger.linear_fc2", "mm.2"},
    {NULL, NULL},
};

/* deepstack_merger_list.J.PART.SUFFIX is that of the layer which the config has at place J. */
static int qwen3_merger(struct hf_model *model, const struct hf_source *source)
{
    static const struct {
        const char *from, *to;
    } parts[] = {{"norm.", "norm."}, {"linear_fc1.", "fc1."}, {"linear_fc2.", "fc2."}};
    const json_t *list = hf_config_get(model->config, "deepstack_visual_indexes");
    struct hf_slice slice = hf_whole(model->weights, source->tensor);
    char gguf[HF_NAME_MAX], *rest;
    uint64_t layer;
    unsigned long place =
        strtoul(source->name + strlen("visual.deepstack_merger_list."), &rest, 10);
    int r;

    if (*rest++ != '.' || !json_as_u64(json_array_get(list, place), &layer) ||
        layer >= model->layers)
        return hf_source_refuse(model, source, "deepstack_visual_indexes has no layer for it");
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        if (strncmp(rest, parts[i].from, strlen(parts[i].from)) == 0) {
            (void)snprintf(gguf, sizeof(gguf), "v.deepstack.%" PRIu64 ".%s%s", layer, parts[i].to,
                           rest + strlen(parts[i].from));
            r = hf_begin(model, source, gguf, source->stored->n_dims, source->stored->shape);
            return r == 0 ? hf_add_slice(model, &slice) : r;
        }
    return hf_source_refuse(model, source, "a part that no merger has");
}

static const struct hf_rule qwen3_rules[] = {
    {"visual.patch_embed.proj.weight", hf_rule_split_times},
    {"visual.deepstack_merger_list.#.*", qwen3_merger},
    {NULL, NULL},
};

static bool model_visual_rename(const struct hf_model *model, char name[HF_NAME_MAX])
{
    (void)model;
    if (strncmp(name, "model.visual.", 13) == 0)
        hf_cut_prefix(name, "model.");
    return strncmp(name, "visual.", 7) == 0;
}

/* --- GLM 4V -------------------------------------------------------------------------------------
 */

static int glm4v_values(struct hf_model *model)
{
    double epsilon;
    int r = hf_set_projector(model, "glm4v");

    if (r == 0)
        r = hf_key_vision_activation(model);
    if (r == 0)
        r = hf_need_real(model, "rms_norm_eps", &epsilon);
    return r == 0 ? hf_set_vision_epsilon(model, epsilon) : r;
}

static const struct hf_key glm4v_keys[] = {
    VISION_KEYS,
    {.kind = HF_CALL, .call = glm4v_values},
    {.kind = HF_END},
};

static const struct hf_tensor_name glm4v_names[] = {
    {"visual.patch_embed.proj", "v.patch_embd"},
    {"visual.embeddings.position_embedding", "v.position_embd"},
    {"visual.post_conv_layernorm", "v.norm_embd"},
    {"visual.post_layernorm", "v.post_ln"},
    {"visual.downsample", "mm.patch_merger"},
    {"visual.merger.proj", "mm.model.fc"},
    {"visual.merger.gate_proj", "mm.gate"},
    {"visual.merger.up_proj", "mm.up"},
    {"visual.merger.down_proj", "mm.down"},
    {"visual.merger.post_projection_norm", "mm.post_norm"},
    {"visual.blocks.#.attn.qkv", "v.blk.#.attn_qkv"},
    {"visual.blocks.#.attn.proj", "v.blk.#.attn_out"},
    {"visual.blocks.#.mlp.gate_proj", "v.blk.#.ffn_gate"},
    {"visual.blocks.#.mlp.up_proj", "v.blk.#.ffn_up"},
    {"visual.blocks.#.mlp.down_proj", "v.blk.#.ffn_down"},
    {"visual.blocks.#.norm1", "v.blk.#.ln1"},
    {"visual.blocks.#.norm2", "v.blk.#.ln2"},
    {NULL, NULL},
};

static const struct hf_rule glm4v_rules[] = {
    {"visual.patch_embed.proj.weight", hf_rule_split_times},
    {NULL, NULL},
};

/* --- the page -----------------------------------------------------------------------------------
 */

#define PROJECTOR .name = "clip", .vision = true

const struct hf_arch hf_arch_visual[] = {
    {
        PROJECTOR,
        .classes = "Qwen2VLForConditionalGeneration",
        .keys = qwen2_keys,
        .names = {qwen2_names},
        .rules = qwen2_rules,
        .force = hf_force_vision,
        .begin = qwen2_begin,
        .rename = visual_rename,
    },
    {
        PROJECTOR,
        .classes = "Qwen2_5_VLForConditionalGeneration",
        .keys = qwen25_keys,
        .names = {qwen25_names},
        .rules = qwen2_rules,
        .force = hf_force_vision,
        .begin = qwen2_begin,
        .rename = visual_rename,
    },
    {
        PROJECTOR,
        .classes = "Qwen3VLForConditionalGeneration Qwen3VLMoeForConditionalGeneration "
                   "Qwen3_5ForConditionalGeneration Qwen3_5MoeForConditionalGeneration",
        .keys = qwen3_keys,
        .names = {qwen3_names},
        .rules = qwen3_rules,
        .force = hf_force_vision,
        .begin = qwen3_begin,
        .rename = model_visual_rename,
    },
    {
        PROJECTOR,
        .classes = "Glm4vForConditionalGeneration Glm4vMoeForConditionalGeneration",
        .keys = glm4v_keys,
        .names = {glm4v_names},
        .rules = glm4v_rules,
        .force = hf_force_vision,
        .rename = model_visual_rename,
    },
    {.name = NULL},
};
