/* Projectors whose tensors are a vision_tower's or a vision_model's. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "quant/format/hf/arch_vision.h"

#define SIGLIP_NAMES(prefix)                                                                       \
    {prefix "embeddings.patch_embedding", "v.patch_embd"},                                         \
        {prefix "embeddings.position_embedding", "v.position_embd"},                               \
        {prefix "encoder.layers.#.layer_norm1", "v.blk.#.ln1"},                                    \
        {prefix "encoder.layers.#.layer_norm2", "v.blk.#.ln2"},                                    \
        {prefix "encoder.layers.#.mlp.fc1", "v.blk.#.ffn_up"},                                     \
        {prefix "encoder.layers.#.mlp.fc2", "v.blk.#.ffn_down"},                                   \
        {prefix "encoder.layers.#.self_attn.q_proj", "v.blk.#.attn_q"},                            \
        {prefix "encoder.layers.#.self_attn.k_proj", "v.blk.#.attn_k"},                            \
        {prefix "encoder.layers.#.self_attn.v_proj", "v.blk.#.attn_v"},                            \
        {prefix "encoder.layers.#.self_attn.out_proj", "v.blk.#.attn_out"},                        \
    {                                                                                              \
        prefix "post_layernorm", "v.post_ln"                                                       \
    }

/* --- Gemma 3 ------------------------------------------------------------------------------------
 */

static int gemma3_values(struct hf_model *model)
{
    double epsilon = 1e-6;
    uint64_t patch, tokens = 256, side, scale;
    int r = hf_set_projector(model, "gemma3");

    (void)hf_config_real(model->config, "layer_norm_eps", &epsilon);
    if (r == 0)
        r = hf_set_vision_epsilon(model, epsilon);
    if (r == 0)
        r = hf_key_vision_gelu(model);
    if (r == 0)
        r = hf_need_count(model, "patch_size", &patch);
    if (r == 0)
        r = hf_processor_count(model, "image_seq_length", &tokens);
    if (r < 0)
        return r;
    side = tokens > 0 && tokens < UINT32_MAX ? (uint64_t)sqrt((double)tokens) : 0;
    if (patch == 0 || side == 0)
        return hf_model_refuse(model, "no patches of an image");
    scale = model->image_size / patch / side;
    return scale > 0 && scale != 4 ? hf_set_u32(model, "vision.projector.scale_factor", scale) : 0;
}

static const struct hf_key gemma3_keys[] = {
    VISION_KEYS,
    {.kind = HF_CALL, .call = gemma3_values},
    {.kind = HF_END},
};

static const struct hf_tensor_name gemma3_names[] = {
    {"multi_modal_projector.mm_input_projection", "mm.input_projection"},
    {"multi_modal_projector.mm_soft_emb_norm", "mm.soft_emb_norm"},
    SIGLIP_NAMES("vision_tower.vision_model."),
    {NULL, NULL},
};

static const struct hf_rule gemma3_rules[] = {
    {"*.mm_soft_emb_norm.weight", hf_rule_add_one},
    {NULL, NULL},
};

static bool gemma3_rename(const struct hf_model *model, char name[HF_NAME_MAX])
{
    static const char *const prefixes[] = {"multi_modal_projector.", "vision_tower.",
                                           "multimodal_projector.", "vision_model.", NULL};
    char *at = strstr(name, "_weight");

    (void)model;
    if (!hf_begins_with(name, prefixes) || strstr(name, "vision_model.head."))
        return false;
    if (at)
        *at = '.';
    return true;
}

/* --- Pixtral ------------------------------------------------------------------------------------
 */

static int pixtral_values(struct hf_model *model)
{
    const json_t *merge = json_member(hf_config_root(model->config), "spatial_merge_size");
    double epsilon = 1e-5;
    uint64_t size;
    int r = hf_set_projector(model, "pixtral");

    (void)hf_config_real(model->config, "layer_norm_eps", &epsilon);
    if (r == 0)
        r = hf_set_vision_epsilon(model, epsilon);
    if (r == 0)
        r = hf_key_vision_activation(model);
    return r == 0 && json_as_u64(merge, &size)
               ? hf_set_u32(model, "vision.spatial_merge_size", size)
               : r;
}

static const struct hf_key pixtral_keys[] = {
    VISION_KEYS,
    {.kind = HF_CALL, .call = pixtral_values},
    {.kind = HF_END},
};

static const struct hf_tensor_name pixtral_names[] = {
    {"multi_modal_projector.linear_1", "mm.1"},
    {"multi_modal_projector.linear_2", "mm.2"},
    {"multi_modal_projector.norm", "mm.input_norm"},
    {"multi_modal_projector.patch_merger.merging_layer", "mm.patch_merger"},
    {"vision_tower.ln_pre", "v.pre_ln"},
    {"vision_tower.patch_conv", "v.patch_embd"},
    {"vision_tower.transformer.layers.#.attention.q_proj", "v.blk.#.attn_q"},
    {"vision_tower.transformer.layers.#.attention.k_proj", "v.blk.#.attn_k"},
    {"vision_tower.transformer.layers.#.attention.v_proj", "v.blk.#.attn_v"},
    {"vision_tower.transformer.layers.#.attention.o_proj", "v.blk.#.attn_out"},
    {"vision_tower.transformer.layers.#.attention_norm", "v.blk.#.ln1"},
    {"vision_tower.transformer.layers.#.feed_forward.gate_proj", "v.blk.#.ffn_gate"},
    {"vision_tower.transformer.layers.#.feed_forward.up_proj", "v.blk.#.ffn_up"},
    {"vision_tower.transformer.layers.#.feed_forward.down_proj", "v.blk.#.ffn_down"},
    {"vision_tower.transformer.layers.#.ffn_norm", "v.blk.#.ln2"},
    {NULL, NULL},
};

/* The number of the token between an image's rows. *found: the tokenizer has it. */
static int find_break(const struct hf_model *model, uint32_t *token, bool *found)
{
    struct hf_tokenizer *tokenizer = NULL;
    int r = hf_tokenizer_open(model->directory, hf_config_root(model->config), &tokenizer,
                              model->defect);

    *found = r == 0 && hf_tokenizer_find(tokenizer, "[IMG_BREAK]", token);
    hf_tokenizer_close(tokenizer);
    return r;
}

/* Its row. */
static int pixtral_break(struct hf_model *model, const struct hf_source *source)
{
    uint64_t shape[1] = {source->stored->shape[1]};
    struct hf_slice slice = hf_whole(model->weights, source->tensor);
    uint32_t token;
    bool found;
    int r = find_break(model, &token, &found);

    if (r < 0 || !found)
        return r;
    if (source->stored->n_dims != 2 || token >= source->stored->shape[0])
        return hf_source_refuse(model, source, "no row for [IMG_BREAK]");
    hf_narrow(&slice, 0, token, 1, 1);
    r = hf_begin(model, source, "v.token_embd.img_break", 1, shape);
    return r == 0 ? hf_add_slice(model, &slice) : r;
}

static const struct hf_rule pixtral_rules[] = {
    {"*embed_tokens.weight*", pixtral_break},
    {"vision_tower.*.q_proj.*", hf_rule_permute_q},
    {"vision_tower.*.k_proj.*", hf_rule_permute_q},
    {NULL, NULL},
};

static bool pixtral_rename(const struct hf_model *model, char name[HF_NAME_MAX])
{
    static const char *const prefixes[] = {"multi_modal_projector.",
                                           "vision_tower.",
                                           "vision_encoder.",
                                           "vision_language_adapter.",
                                           "patch_merger.",
                                           "pre_mm_projector_norm",
                                           NULL};

    (void)model;
    return hf_begins_with(name, prefixes) || strstr(name, "embed_tokens.weight");
}

static bool is_pixtral(const struct hf_config *config)
{
    return strcmp(hf_config_model_type(config), "pixtral") == 0 ||
           strcmp(hf_config_model_type(config), "mistral3") == 0;
}

/* --- Gemma 4 ------------------------------------------------------------------------------------
 */

static int gemma4_begin(struct hf_model *model)
{
    model->image_size = 224;
    if (json_member(hf_config_root(model->config), "audio_config"))
        return hf_model_refuse_kind(model, "projectors with an audio part are not supported");
    return 0;
}

static int gemma4_values(struct hf_model *model)
{
    int r = hf_set_string(model, "vision.projector_type", "gemma4v");

    return r == 0 ? hf_set_vision_epsilon(model, 1e-6) : r;
}

static const struct hf_key gemma4_keys[] = {
    VISION_KEYS,
    {.kind = HF_CALL, .call = gemma4_values},
    {.kind = HF_END},
};

static const struct hf_tensor_name gemma4_names[] = {
    {"embed_vision.embedding_projection", "mm.input_projection"},
    {"vision_tower.patch_embedder.input_proj", "v.patch_embd"},
    {"vision_tower.patch_embedder.position_embedding_table", "v.position_embd"},
    {"vision_tower.encoder.layers.#.input_layernorm", "v.blk.#.ln1"},
    {"vision_tower.encoder.layers.#.post_attention_layernorm", "v.blk.#.attn_post_norm"},
    {"vision_tower.encoder.layers.#.pre_feedforward_layernorm", "v.blk.#.ln2"},
    {"vision_tower.encoder.layers.#.post_feedforward_layernorm", "v.blk.#.ffn_post_norm"},
    {"vision_tower.encoder.layers.#.self_attn.q_proj", "v.blk.#.attn_q"},
    {"vision_tower.encoder.layers.#.self_attn.k_proj", "v.blk.#.attn_k"},
    {"vision_tower.encoder.layers.#.self_attn.v_proj", "v.blk.#.attn_v"},
    {"vision_tower.encoder.layers.#.self_attn.o_proj", "v.blk.#.attn_out"},
    {"vision_tower.encoder.layers.#.self_attn.q_norm", "v.blk.#.attn_q_norm"},
    {"vision_tower.encoder.layers.#.self_attn.k_norm", "v.blk.#.attn_k_norm"},
    {"vision_tower.encoder.layers.#.mlp.gate_proj", "v.blk.#.ffn_gate"},
    {"vision_tower.encoder.layers.#.mlp.up_proj", "v.blk.#.ffn_up"},
    {"vision_tower.encoder.layers.#.mlp.down_proj", "v.blk.#.ffn_down"},
    {NULL, NULL},
};

static const struct hf_rule gemma4_rules[] = {
    {"vision_tower.patch_embedder.input_proj.weight", hf_rule_patches},
    {"*.position_embedding_table", hf_rule_add_suffix},
    {NULL, NULL},
};

static bool gemma4_rename(const struct hf_model *model, char name[HF_NAME_MAX])
{
    static const char *const prefixes[] = {"vision_tower.", "embed_vision.", NULL};
    static const char linear[] = ".linear.weight";
    size_t length;

    (void)model;
    hf_cut_prefix(name, "model.");
    length = strlen(name);
    if (length > strlen(linear) && strcmp(name + length - strlen(linear), linear) == 0)
        strcpy(name + length - strlen(linear), ".weight");
    return hf_begins_with(name, prefixes);
}

/* --- LFM2-VL ------------------------------------------------------------------------------------
 */

static int lfm2_begin(struct hf_model *model)
{
    const json_t *layer = json_member(hf_config_root(model->config), "vision_feature_layer");

    model->image_size = 256;
    if (layer && json_integer_value(layer) != -1)
        return hf_model_refuse_kind(model, "a vision_feature_layer before the last one is not "
                                           "supported");
    return 0;
}

static int lfm2_values(struct hf_model *model)
{
    static const char *const ways[] = {NULL, "lanczos", "bilinear", "bicubic"};
    uint64_t factor = 2, way = 0;
    double epsilon;
    int r = hf_set_projector(model, "lfm2");

    if (r == 0)
        r = hf_need_real(model, "layer_norm_eps", &epsilon);
    if (r == 0)
        r = hf_set_vision_epsilon(model, epsilon);
    (void)json_as_u64(json_member(hf_config_root(model->config), "downsample_factor"), &factor);
    if (r == 0)
        r = hf_set_u32(model, "vision.projector.scale_factor", factor);
    if (r == 0)
        r = hf_key_vision_gelu(model);
    if (r == 0)
        r = hf_processor_count(model, "resample", &way);
    if (r == 0 && way > 0 && way < sizeof(ways) / sizeof(ways[0]))
        r = hf_set_string(model, "vision.image_resize_algo", ways[way]);
    return r;
}

static const struct hf_key lfm2_keys[] = {
    VISION_KEYS,
    {.kind = HF_CALL, .call = lfm2_values},
    {.kind = HF_END},
};

static const struct hf_tensor_name lfm2_names[] = {
    {"multi_modal_projector.layer_norm", "mm.input_norm"},
    {"multi_modal_projector.linear_1", "mm.1"},
    {"multi_modal_projector.linear_2", "mm.2"},
    SIGLIP_NAMES("vision_tower.vision_model."),
    {NULL, NULL},
};

static const struct hf_rule lfm2_rules[] = {
    {"*.embeddings.patch_embedding.weight", hf_rule_patches},
    {NULL, NULL},
};

static bool lfm2_rename(const struct hf_model *model, char name[HF_NAME_MAX])
{
    static const char *const prefixes[] = {"vision_tower.", "multi_modal_projector.", NULL};

    (void)model;
    hf_cut_prefix(name, "model.");
    return hf_begins_with(name, prefixes);
}

/* --- Idefics 3, SmolVLM -------------------------------------------------------------------------
 */

static int idefics3_values(struct hf_model *model)
{
    uint64_t factor = 2, edge = model->image_size;
    double epsilon = 1e-5;
    int r = hf_set_projector(model, "idefics3");

    (void)hf_config_real(model->config, "layer_norm_eps", &epsilon);
    if (r == 0)
        r = hf_set_vision_epsilon(model, epsilon);
    (void)json_as_u64(json_member(hf_config_root(model->config), "scale_factor"), &factor);
    if (r == 0)
        r = hf_set_u32(model, "vision.projector.scale_factor", factor);
    if (r == 0)
        r = hf_key_vision_gelu(model);
    if (r == 0)
        r = hf_processor_edge(model, &edge);
    return r == 0 ? hf_set_u32(model, "vision.preproc_image_size", edge) : r;
}

static const struct hf_key idefics3_keys[] = {
    VISION_KEYS,
    {.kind = HF_CALL, .call = idefics3_values},
    {.kind = HF_END},
};

static const struct hf_tensor_name idefics3_names[] = {
    {"model.connector.modality_projection.proj", "mm.model.fc"},
    SIGLIP_NAMES("model.vision_model."),
    {NULL, NULL},
};

static bool idefics3_rename(const struct hf_model *model, char name[HF_NAME_MAX])
{
    (void)model;
    return strstr(name, "vision_tower") || strstr(name, "vision_model") ||
           strstr(name, "model.connector");
}

/* --- InternVL -----------------------------------------------------------------------------------
 */

static int internvl_values(struct hf_model *model)
{
    const json_t *root = hf_config_root(model->config);
    uint64_t tiles;
    double epsilon;
    int r = hf_set_projector(model, "internvl");

    if (r == 0)
        r = hf_need_real(model, "layer_norm_eps", &epsilon);
    if (r == 0)
        r = hf_set_vision_epsilon(model, epsilon);
    if (r == 0)
        r = hf_key_vision_activation(model);
    if (r == 0)
        r = hf_set_vision_shuffle(model, json_member(root, "downsample_ratio"));
    if (r == 0 && json_as_u64(json_member(root, "min_dynamic_patch"), &tiles) && tiles > 0)
        r = hf_set_u32(model, "vision.preproc_min_tiles", tiles);
    if (r == 0 && json_as_u64(json_member(root, "max_dynamic_patch"), &tiles) && tiles > 0)
        r = hf_set_u32(model, "vision.preproc_max_tiles", tiles);
    return r;
}

static const struct hf_key internvl_keys[] = {
    VISION_KEYS,
    {.kind = HF_CALL, .call = internvl_values},
    {.kind = HF_END},
};

static const struct hf_tensor_name internvl_names[] = {
    {"mlp1.0", "mm.model.mlp.0"},
    {"mlp1.1", "mm.model.mlp.1"},
    {"mlp1.3", "mm.model.mlp.3"},
    {"vision_model.embeddings.class_embedding", "v.class_embd"},
    {"vision_model.embeddings.patch_embedding", "v.patch_embd"},
    {"vision_model.embeddings.position_embedding", "v.position_embd"},
    {"vision_model.encoder.layers.#.attn.q", "v.blk.#.attn_q"},
    {"vision_model.encoder.layers.#.attn.k", "v.blk.#.attn_k"},
    {"vision_model.encoder.layers.#.attn.v", "v.blk.#.attn_v"},
    {"vision_model.encoder.layers.#.attn.q_norm", "v.blk.#.attn_q_norm"},
    {"vision_model.encoder.layers.#.attn.k_norm", "v.blk.#.attn_k_norm"},
    {"vision_model.encoder.layers.#.attn.proj", "v.blk.#.attn_out"},
    {"vision_model.encoder.layers.#.ls1", "v.blk.#.ls1"},
    {"vision_model.encoder.layers.#.ls2", "v.blk.#.ls2"},
    {"vision_model.encoder.layers.#.mlp.fc1", "v.blk.#.ffn_up"},
    {"vision_model.encoder.layers.#.mlp.fc2", "v.blk.#.ffn_down"},
    {"vision_model.encoder.layers.#.norm1", "v.blk.#.ln1"},
    {"vision_model.encoder.layers.#.norm2", "v.blk.#.ln2"},
    {NULL, NULL},
};

static const struct hf_rule internvl_rules[] = {
    {"*.attn.qkv.*", hf_rule_split_qkv},
    {"*.ls1", hf_rule_add_suffix},
    {"*.ls2", hf_rule_add_suffix},
    {"*.position_embedding", hf_rule_add_suffix},
    {NULL, NULL},
};

static bool internvl_rename(const struct hf_model *model, char name[HF_NAME_MAX])
{
    static const char *const prefixes[] = {"vision_model.", "mlp1.", NULL};

    (void)model;
    return hf_begins_with(name, prefixes);
}

/* --- Llama 4 ------------------------------------------------------------------------------------
 */

static int llama4_values(struct hf_model *model)
{
    double epsilon;
    int r = hf_set_projector(model, "llama4");

    if (r == 0)
        r = hf_need_real(model, "norm_eps", &epsilon);
    if (r == 0)
        r = hf_set_vision_epsilon(model, epsilon);
    if (r == 0)
        r = hf_set_vision_shuffle(model, hf_config_get(model->config, "pixel_shuffle_ratio"));
    return r == 0 ? hf_key_vision_gelu(model) : r;
}

static const struct hf_key llama4_keys[] = {
    VISION_KEYS,
    {.kind = HF_CALL, .call = llama4_values},
    {.kind = HF_END},
};

static const struct hf_tensor_name llama4_names[] = {
    {"multi_modal_projector.linear_1", "mm.model.fc"},
    {"vision_model.class_embedding", "v.class_embd"},
    {"vision_model.positional_embedding_vlm", "v.position_embd"},
    {"vision_model.patch_embedding.linear", "v.patch_embd"},
    {"vision_model.layernorm_pre", "v.pre_ln"},
    {"vision_model.layernorm_post", "v.post_ln"},
    {"vision_model.vision_adapter.mlp.fc1", "mm.model.mlp.1"},
    {"vision_model.vision_adapter.mlp.fc2", "mm.model.mlp.2"},
    {"vision_model.model.layers.#.input_layernorm", "v.blk.#.ln1"},
    {"vision_model.model.layers.#.post_attention_layernorm", "v.blk.#.attn_post_norm"},
    {"vision_model.model.layers.#.self_attn.q_proj", "v.blk.#.attn_q"},
    {"vision_model.model.layers.#.self_attn.k_proj", "v.blk.#.attn_k"},
    {"vision_model.model.layers.#.self_attn.v_proj", "v.blk.#.attn_v"},
    {"vision_model.model.layers.#.self_attn.o_proj", "v.blk.#.attn_out"},
    {"vision_model.model.layers.#.mlp.fc1", "v.blk.#.ffn_up"},
    {"vision_model.model.layers.#.mlp.fc2", "v.blk.#.ffn_down"},
    {NULL, NULL},
};

static const struct hf_rule llama4_rules[] = {
    {"*.positional_embedding_vlm", hf_rule_add_suffix},
    {NULL, NULL},
};

static bool llama4_rename(const struct hf_model *model, char name[HF_NAME_MAX])
{
    (void)model;
    return strstr(name, "multi_modal_projector") || strstr(name, "vision_model");
}

/* --- the page -----------------------------------------------------------------------------------
 */

#define PROJECTOR .name = "clip", .vision = true

const struct hf_arch hf_arch_towers[] = {
    {
        PROJECTOR,
        .classes = "Gemma3ForConditionalGeneration",
        .keys = gemma3_keys,
        .names = {gemma3_names},
        .rules = gemma3_rules,
        .force = hf_force_embeddings,
        .rename = gemma3_rename,
    },
    {
        PROJECTOR,
        .classes = "Mistral3ForConditionalGeneration LlavaForConditionalGeneration",
        .fits = is_pixtral,
        .keys = pixtral_keys,
        .names = {pixtral_names},
        .rules = pixtral_rules,
        .force = hf_force_vision,
        .rename = pixtral_rename,
    },
    {
        PROJECTOR,
        .classes = "Gemma4ForConditionalGeneration",
        .keys = gemma4_keys,
        .names = {gemma4_names},
        .rules = gemma4_rules,
        .force = hf_force_vision,
        .begin = gemma4_begin,
        .rename = gemma4_rename,
    },
    {
        PROJECTOR,
        .classes = "Lfm2VlForConditionalGeneration",
        .keys = lfm2_keys,
        .names = {lfm2_names},
        .rules = lfm2_rules,
        .force = hf_force_vision,
        .begin = lfm2_begin,
        .rename = lfm2_rename,
    },
    {
        PROJECTOR,
        .classes = "Idefics3ForConditionalGeneration SmolVLMForConditionalGeneration",
        .keys = idefics3_keys,
        .names = {idefics3_names},
        .force = hf_force_embeddings,
        .rename = idefics3_rename,
    },
    {
        PROJECTOR,
        .classes = "InternVisionModel",
        .keys = internvl_keys,
        .names = {internvl_names},
        .rules = internvl_rules,
        .force = hf_force_vision,
        .rename = internvl_rename,
    },
    {
        PROJECTOR,
        .classes = "Llama4ForConditionalGeneration",
        .keys = llama4_keys,
        .names = {llama4_names},
        .rules = llama4_rules,
        .force = hf_force_vision,
        .rename = llama4_rename,
    },
    {.name = NULL},
};
