/* Tensors that stretch the rope, made from the config alone. */
#include "quant/format/hf/rope.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define DIMENSIONS_MAX 65536

/* Of a llama3 rope, the converter's defaults where the config has none. */
struct stretch {
    float base, factor, low, high, old; /* as its arithmetic in single precision takes them */
    double low_wave, high_wave;
    float range; /* high - low */
};

/* A number by a tensor is its reciprocal times the number there: two roundings (import.md 2.2). */
static float divide(float a, float b)
{
    float reciprocal = 1.0f / b;

    return reciprocal * a;
}

/* One value; each operation is rounded for itself. */
static float stretch_of(const struct stretch *s, uint64_t i, uint64_t dimensions)
{
    float exponent = (float)i / (float)dimensions;
    float power = powf(s->base, exponent);
    float frequency = 1.0f / power;
    float wave = divide((float)(2 * M_PI), frequency);
    float smooth, rest;

    if ((double)wave < s->high_wave)
        return 1;
    if ((double)wave > s->low_wave)
        return s->factor;
    smooth = divide(s->old, wave);
    smooth = smooth - s->low;
    smooth = smooth / s->range;
    rest = 1.0f - smooth;
    rest = rest / s->factor;
    rest = rest + smooth;
    return 1.0f / rest;
}

static double parameter(const json_t *rope, const char *name, double absent)
{
    double value;

    return json_as_double(json_member(rope, name), &value) ? value : absent;
}

int hf_rope_write(struct hf_model *model, const char *name, const float *values, uint64_t count)
{
    uint64_t ne[4] = {count, 1, 1, 1};
    int r = hf_plan_add(model->plan, name, TYPE_F32, 1, ne);

    return r == 0 ? hf_plan_bytes(model->plan, values, (size_t)count * sizeof(*values)) : r;
}

static int write_stretch(struct hf_model *model, const json_t *rope, double default_factor)
{
    double low = parameter(rope, "low_freq_factor", 1);
    double high = parameter(rope, "high_freq_factor", 4);
    double old = parameter(rope, "original_max_position_embeddings", 8192);
    struct stretch s = {
        .base = (float)parameter(rope, "rope_theta", 10000),
        .factor = (float)parameter(rope, "factor", default_factor),
        .low = (float)low,
        .high = (float)high,
        .old = (float)old,
        .low_wave = old / low,
        .high_wave = old / high,
        .range = (float)(high - low),
    };
    uint64_t dimensions;
    float *values;
    int r = hf_head_size(model, &dimensions);

    if (r == 0 && (dimensions == 0 || dimensions > DIMENSIONS_MAX))
        r = hf_model_refuse(model, "a rope of %" PRIu64 " dimensions", dimensions);
    if (r < 0)
        return r;
    values = reallocarray(NULL, (size_t)(dimensions + 1) / 2, sizeof(*values));
    if (!values)
        return -ENOMEM;
    for (uint64_t i = 0; i < dimensions; i += 2)
        values[i / 2] = stretch_of(&s, i, dimensions);
    r = hf_rope_write(model, "rope_freqs.weight", values, (dimensions + 1) / 2);
    free(values);
    return r;
}

static int stretch(struct hf_model *model, double default_factor)
{
    const json_t *rope = hf_config_rope(model->config);
    const char *type;
    size_t size;

    if (!json_as_text(json_member(rope, "rope_type"), &type, &size) ||
        strcasecmp(type, "llama3") != 0)
        return 0;
    return write_stretch(model, rope, default_factor);
}

int hf_rope_stretch(struct hf_model *model)
{
    return stretch(model, 8);
}

int hf_rope_stretch_16(struct hf_model *model)
{
    return stretch(model, 16);
}
