/* Projectors (import-2.md 4): what a vision model's file for llama.cpp's --mmproj has. */
#include "quant/format/hf/arch_vision.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* --- keys ---------------------------------------------------------------------------------------
 */

/* A member of preprocessor_config.json, or of what comes before it. *file: for json_decref(). */
static int processor_member(const struct hf_model *model, const char *member, json_t **file,
                            const json_t **value)
{
    static const char *const names[] = {"processor_config.json", "preprocessor_config.json"};
    int r = 0;

    *value = NULL;
    *file = NULL;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && r == 0 && !*value; i++) {
        json_decref(*file);
        r = hf_read_json(model, names[i], file);
        if (r == 0 && json_member(*file, "image_processor"))
            *value = json_member(json_member(*file, "image_processor"), member);
        if (r == 0 && !*value)
            *value = json_member(*file, member);
    }
    return r;
}

static int set_colors(struct hf_model *model, const char *key, const char *member)
{
    json_t *file;
    const json_t *list;
    float values[8];
    double value;
    char name[64];
    int r = processor_member(model, member, &file, &list);
    size_t count = json_array_size(list);

    if (r == 0 && (count == 0 || count > sizeof(values) / sizeof(values[0])))
        r = hf_model_refuse(model, "no %s in preprocessor_config.json", member);
    for (size_t i = 0; i < count && r == 0; i++) {
        if (!json_as_double(json_array_get(list, i), &value))
            r = hf_model_refuse(model, "%s has something that is no number", member);
        else
            values[i] = (float)value;
    }
    (void)snprintf(name, sizeof(name), "%s.%s", model->arch->name, key);
    if (r == 0)
        r = hf_kv_f32s(model->kv, name, values, count);
    json_decref(file);
    return r;
}

int hf_processor_count(const struct hf_model *model, const char *member, uint64_t *value)
{
    json_t *file;
    const json_t *json;
    int r = processor_member(model, member, &file, &json);

    if (r == 0)
        (void)json_as_u64(json, value);
    json_decref(file);
    return r;
}

int hf_processor_edge(const struct hf_model *model, uint64_t *value)
{
    json_t *file;
    const json_t *json;
    int r = processor_member(model, "size", &file, &json);

    if (r == 0)
        (void)json_as_u64(json_member(json, "longest_edge"), value);
    json_decref(file);
    return r;
}

int hf_key_vision(struct hf_model *model)
{
    uint64_t size;
    int r = hf_set_bool(model, "has_vision_encoder", true);

    if (r == 0 && !hf_config_count(model->text, "hidden_size n_embd", &size))
        r = hf_model_refuse(model, "config.json has no hidden_size of the text part");
    if (r == 0)
        r = hf_set_u32(model, "vision.projection_dim", size);
    if (r == 0 && model->image_size == 0)
        r = hf_need_count(model, "image_size", &model->image_size);
    return r == 0 ? hf_set_u32(model, "vision.image_size", model->image_size) : r;
}

int hf_key_vision_blocks(struct hf_model *model)
{
    return hf_set_u32(model, "vision.block_count", model->layers);
}

int hf_key_vision_colors(struct hf_model *model)
{
    int r = set_colors(model, "vision.image_mean", "image_mean");

    return r == 0 ? set_colors(model, "vision.image_std", "image_std") : r;
}

/* use_gelu or use_silu, by hidden_act. */
int hf_key_vision_activation(struct hf_model *model)
{
    const char *name = hf_config_string(model->config, "hidden_act hidden_activation");

    if (strcmp(name, "silu") == 0)
        return hf_set_bool(model, "use_silu", true);
    if (strncmp(name, "gelu", 4) == 0)
        return hf_set_bool(model, "use_gelu", true);
    return hf_model_refuse(model, "activation %s is not supported", name);
}

int hf_set_projector(struct hf_model *model, const char *name)
{
    return hf_set_string(model, "projector_type", name);
}

int hf_key_vision_gelu(struct hf_model *model)
{
    return hf_set_bool(model, "use_gelu", true);
}

int hf_set_vision_epsilon(struct hf_model *model, double value)
{
    return hf_set_f32(model, "vision.attention.layer_norm_epsilon", value);
}

/* One by that number, without what is behind the point. */
int hf_set_vision_shuffle(struct hf_model *model, const json_t *json)
{
    double ratio;

    if (!json_as_double(json, &ratio) || !(ratio > 0.001 && ratio <= 1))
        return hf_model_refuse(model, "no usable ratio of the pixels' shuffle");
    return hf_set_u32(model, "vision.projector.scale_factor", (uint64_t)(1 / ratio));
}

void hf_cut_prefix(char *name, const char *prefix)
{
    size_t length = strlen(prefix);

    if (strncmp(name, prefix, length) == 0)
        memmove(name, name + length, strlen(name + length) + 1);
}

/* --- tensors ------------------------------------------------------------------------------------
 */

enum type hf_force_vision(const struct hf_model *model, const struct hf_source *source,
                          const char *gguf)
{
    (void)source;
    if (strcmp(gguf, "v.position_embd.weight") == 0)
        return TYPE_F32;
    if (strstr(gguf, ".patch_embd.weight") || strstr(gguf, ".patch_merger.weight"))
        return model->type == TYPE_F16 ? TYPE_F16 : TYPE_F32;
    return TYPE_NONE;
}

enum type hf_force_embeddings(const struct hf_model *model, const struct hf_source *source,
                              const char *gguf)
{
    if (strcmp(gguf, "mm.input_projection.weight") == 0)
        return TYPE_F16;
    if (strstr(source->name, ".embeddings."))
        return TYPE_F32;
    return hf_force_vision(model, source, gguf);
}

/* NAMEqkvREST: a third of the rows each, as NAMEqREST and so on. */
int hf_rule_split_qkv(struct hf_model *model, const struct hf_source *source)
{
    static const char parts[] = "qkv";
    const struct hf_tensor *stored = source->stored;
    const char *at = strstr(source->name, "qkv");
    uint64_t shape[2] = {stored->shape[0] / 3, stored->shape[1]};
    struct hf_slice slice;
    char name[HF_NAME_MAX];
    int r = 0;

    if (!at || stored->n_dims < 1 || stored->n_dims > 2 || stored->shape[0] % 3 != 0)
        return hf_source_refuse(model, source, "no rows of q, k and v");
    for (unsigned i = 0; i < 3 && r == 0; i++) {
        slice = hf_rows(model->weights, source->tensor, i * shape[0], shape[0]);
        (void)snprintf(name, sizeof(name), "%.*s%c%s", (int)(at - source->name), source->name,
                       parts[i], at + 3);
        r = hf_begin_named(model, source, name, stored->n_dims, shape);
        if (r == 0)
            r = hf_add_slice(model, &slice);
    }
    return r;
}

/* A kernel for two images, one behind the other: a tensor for each. */
int hf_rule_split_times(struct hf_model *model, const struct hf_source *source)
{
    const uint64_t *stored = source->stored->shape;
    uint64_t shape[4] = {stored[0], stored[1], stored[3], stored[4]};
    struct hf_slice slice;
    char gguf[HF_NAME_MAX + 4];
    int r;

    if (source->stored->n_dims != 5 || stored[2] != 2)
        return hf_source_refuse(model, source, "no kernel for two images");
    r = hf_tensor_name_find(model, source, source->name, gguf);
    for (unsigned i = 0; i < 2 && r == 0; i++) {
        if (i == 1)
            strcat(gguf, ".1");
        slice = hf_whole(model->weights, source->tensor);
        hf_narrow(&slice, 2, i, 1, 1);
        r = hf_begin(model, source, gguf, 4, shape);
        if (r == 0)
            r = hf_add_slice(model, &slice);
    }
    return r;
}

/* [out, rows x columns x channels] -> [out, channels, rows, columns] */
int hf_rule_patches(struct hf_model *model, const struct hf_source *source)
{
    struct hf_slice slice = hf_whole(model->weights, source->tensor);
    uint64_t size;
    int r = hf_need_count(model, "patch_size", &size);

    if (r < 0)
        return r;
    if (source->stored->n_dims != 2 || size == 0 || size > UINT16_MAX ||
        source->stored->shape[1] != 3 * size * size || !hf_split(&slice, 1, 3) ||
        !hf_split(&slice, 1, size))
        return hf_source_refuse(model, source, "no matrix for patches of %" PRIu64, size);
    /* out, rows, columns, channels */
    hf_swap(&slice, 2, 3);
    hf_swap(&slice, 1, 2);
    r = hf_begin_named(model, source, source->name, 4,
                       (uint64_t[]){source->stored->shape[0], 3, size, size});
    return r == 0 ? hf_add_slice(model, &slice) : r;
}

bool hf_begins_with(const char *name, const char *const *prefixes)
{
    for (; *prefixes; prefixes++)
        if (strncmp(name, *prefixes, strlen(*prefixes)) == 0)
            return true;
    return false;
}
