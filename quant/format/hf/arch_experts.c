/* Experts that are stored as stacks: both halves of gate_up_proj apart, rows and columns turned
 * where they are stored the other way round. */
#include <string.h>

#include "quant/format/hf/arch.h"

int hf_rule_split_experts(struct hf_model *model, const struct hf_source *source)
{
    static const char *const parts[] = {"gate", "up"};
    const struct hf_tensor *stored = source->stored;
    const char *at = strstr(source->name, "gate_up_proj");
    uint64_t shape[3] = {stored->shape[0], stored->shape[1] / 2, stored->shape[2]};
    struct hf_slice slice;
    char name[HF_NAME_MAX + 16];
    int r = 0;

    if (!at || stored->n_dims != 3 || stored->shape[1] % 2 != 0)
        return hf_source_refuse(model, source, "no stack of gate and up");
    for (size_t i = 0; i < 2 && r == 0; i++) {
        (void)snprintf(name, sizeof(name), "%.*s%s_proj.weight", (int)(at - source->name),
                       source->name, parts[i]);
        slice = hf_whole(model->weights, source->tensor);
        hf_narrow(&slice, 1, i * shape[1], shape[1], 1);
        r = hf_begin_named(model, source, name, 3, shape);
        if (r == 0)
            r = hf_add_slice(model, &slice);
    }
    return r;
}

int hf_rule_add_suffix(struct hf_model *model, const struct hf_source *source)
{
    struct hf_slice slice = hf_whole(model->weights, source->tensor);
    char name[HF_NAME_MAX + 16];

    (void)snprintf(name, sizeof(name), "%s.weight", source->name);
    return hf_write(model, source, name, &slice);
}

/* [experts, in, out]: the columns from `first` on, as rows. */
static int write_turned(struct hf_model *model, const struct hf_source *source, const char *from,
                        const char *to, uint64_t first, uint64_t parts)
{
    const uint64_t *stored = source->stored->shape;
    const char *at = strstr(source->name, from);
    uint64_t shape[3] = {stored[0], stored[2] / parts, stored[1]};
    struct hf_slice slice = hf_whole(model->weights, source->tensor);
    char name[HF_NAME_MAX + 16];
    int r;

    if (!at || source->stored->n_dims != 3 || stored[2] % parts != 0)
        return hf_source_refuse(model, source, "no stack of experts");
    hf_narrow(&slice, 2, first * shape[1], shape[1], 1);
    hf_swap(&slice, 1, 2);
    (void)snprintf(name, sizeof(name), "%.*s%s.weight", (int)(at - source->name), source->name, to);
    r = hf_begin_named(model, source, name, 3, shape);
    return r == 0 ? hf_add_slice(model, &slice) : r;
}

int hf_rule_turn_experts(struct hf_model *model, const struct hf_source *source)
{
    int r;

    if (strstr(source->name, "down_proj"))
        return write_turned(model, source, "down_proj", "down_proj", 0, 1);
    r = write_turned(model, source, "gate_up_proj", "gate_proj", 0, 2);
    return r == 0 ? write_turned(model, source, "gate_up_proj", "up_proj", 1, 2) : r;
}
