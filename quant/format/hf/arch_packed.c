/* Weights of 4 bits, eight in a word: compressed-tensors, pack-quantized (import-2.md 2.6). */
#include <string.h>

#include "quant/format/hf/arch.h"

#define GROUP 32 /* weights of a row that share a scale */

static const char packed_end[] = "_packed";

static bool is_text(const json_t *json, const char *expected)
{
    const char *text;
    size_t size;

    return json_as_text(json, &text, &size) && strcmp(text, expected) == 0;
}

static bool is_count(const json_t *json, uint64_t expected)
{
    uint64_t value;

    return json_as_u64(json, &value) && value == expected;
}

/* The one way of packing there is a reference for. */
static bool is_known(const json_t *config)
{
    const json_t *groups = json_member(config, "config_groups");
    const json_t *weights = json_member(json_member(groups, "group_0"), "weights");

    return is_text(json_member(config, "format"), "pack-quantized") &&
           json_object_size(groups) == 1 && is_count(json_member(weights, "num_bits"), 4) &&
           is_count(json_member(weights, "group_size"), GROUP) &&
           is_text(json_member(weights, "strategy"), "group") &&
           is_text(json_member(weights, "type"), "int") && json_member_true(weights, "symmetric");
}

/* NAME_packed -> NAME with another end. */
static const struct hf_tensor *companion(const struct hf_model *model, const char *stored,
                                         const char *end)
{
    char name[HF_NAME_MAX];
    size_t length = strlen(stored) - strlen(packed_end);

    if (length + strlen(end) >= sizeof(name))
        return NULL;
    memcpy(name, stored, length);
    strcpy(name + length, end);
    return hf_weights_find(model->weights, name);
}

static int find_one(struct hf_model *model, size_t i, bool *used)
{
    const struct hf_tensor *tensors = model->weights->tensors, *packed = &tensors[i];
    const struct hf_tensor *scale = companion(model, packed->name, "_scale");
    const struct hf_tensor *shape = companion(model, packed->name, "_shape");

    if (!scale || packed->n_dims != 2 || scale->n_dims != 2 || packed->dtype != SAFETENSORS_I32 ||
        scale->shape[0] != packed->shape[0] || packed->shape[1] != scale->shape[1] * (GROUP / 8))
        return hf_model_refuse(model, "%s has no scales that fit it", packed->name);
    if (companion(model, packed->name, "_zero_point"))
        return hf_model_refuse_kind(model, "%s has zero points", packed->name);
    model->packed[i] = true;
    model->scales[i] = (uint32_t)(scale - tensors);
    used[scale - tensors] = true;
    if (shape)
        used[shape - tensors] = true;
    return 0;
}

int hf_packed_find(struct hf_model *model, bool *used)
{
    const json_t *config = hf_config_get(model->config, "quantization_config");
    int r = 0;

    if (!is_known(config))
        return hf_model_refuse_kind(model,
                                    "of compressed-tensors only symmetric 4 bits in groups of 32 "
                                    "are supported");
    for (size_t i = 0; i < model->weights->count && r == 0; i++) {
        const char *name = model->weights->tensors[i].name;
        size_t length = strlen(name);

        if (length > strlen(packed_end) &&
            strcmp(name + length - strlen(packed_end), packed_end) == 0)
            r = find_one(model, i, used);
    }
    return r;
}

void hf_packed_rename(char *name)
{
    size_t length = strlen(name);

    if (length > strlen(packed_end) && strcmp(name + length - strlen(packed_end), packed_end) == 0)
        name[length - strlen(packed_end)] = '\0';
}
