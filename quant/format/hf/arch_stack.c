/* Experts that are stored one by one become one tensor for each part. */
#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "quant/format/hf/arch.h"

static size_t part_count(const struct hf_stack *stack)
{
    size_t count = 0;

    while (count < HF_STACK_PARTS && stack->parts[count])
        count++;
    return count;
}

/* PREFIX#.PART.weight -> the expert and the part; behind `prefix` stands where the prefix ends. */
static bool split(const struct hf_stack *stack, const char *name, uint64_t *expert, size_t *part,
                  size_t *prefix)
{
    const char *at = name, *end;

    for (const char *p = stack->prefix; *p; p++) {
        if (*p != '#') {
            if (*p != *at++)
                return false;
            continue;
        }
        if (!isdigit((unsigned char)*at))
            return false;
        while (isdigit((unsigned char)*at))
            at++;
    }
    *prefix = (size_t)(at - name);
    *expert = 0;
    for (end = at; isdigit((unsigned char)*end) && end - at < 9; end++)
        *expert = 10 * *expert + (uint64_t)(*end - '0');
    if (end == at || *end++ != '.')
        return false;
    for (*part = 0; *part < part_count(stack); ++*part) {
        size_t length = strlen(stack->parts[*part]);

        if (strncmp(end, stack->parts[*part], length) == 0 && strcmp(end + length, ".weight") == 0)
            return true;
    }
    return false;
}

static int write_part(struct hf_model *model, const struct hf_source *source, size_t prefix,
                      size_t part, const uint32_t *tensors)
{
    const struct hf_tensor *first = &model->weights->tensors[tensors[0]];
    uint64_t shape[4] = {model->experts, 1, 1, 1};
    char name[HF_NAME_MAX];
    struct hf_slice slice;
    int r;

    if (first->n_dims > 3)
        return hf_source_refuse(model, source, "an expert of %u dimensions", first->n_dims);
    for (unsigned i = 0; i < first->n_dims; i++)
        shape[i + 1] = first->shape[i];
    (void)snprintf(name, sizeof(name), "%.*s%s.weight", (int)prefix, source->name,
                   model->arch->stack->parts[part]);
    r = hf_begin_named(model, source, name, first->n_dims + 1, shape);
    for (uint64_t i = 0; i < model->experts && r == 0; i++) {
        const struct hf_tensor *one = &model->weights->tensors[tensors[i]];

        if (one->n_dims != first->n_dims ||
            memcmp(one->shape, first->shape, sizeof(one->shape)) != 0)
            return hf_source_refuse(model, source, "%s has another shape than %s", one->name,
                                    first->name);
        slice = hf_whole(model->weights, tensors[i]);
        r = hf_add_slice(model, &slice);
    }
    return r;
}

/* The layer's list, all of it empty at first. */
static uint32_t *list_of(struct hf_model *model, uint64_t layer, size_t parts)
{
    uint64_t count = parts * model->experts;

    if (!model->stacks)
        model->stacks = calloc((size_t)model->layers + 1, sizeof(*model->stacks));
    if (!model->stack_counts)
        model->stack_counts = calloc((size_t)model->layers + 1, sizeof(*model->stack_counts));
    if (!model->stacks || !model->stack_counts)
        return NULL;
    if (!model->stacks[layer]) {
        model->stacks[layer] = reallocarray(NULL, (size_t)count + 1, sizeof(uint32_t));
        for (uint64_t i = 0; i < count && model->stacks[layer]; i++)
            model->stacks[layer][i] = HF_NO_TENSOR;
    }
    return model->stacks[layer];
}

int hf_stack_take(struct hf_model *model, const struct hf_source *source, bool *taken)
{
    const struct hf_stack *stack = model->arch->stack;
    size_t part, parts = stack ? part_count(stack) : 0, prefix;
    uint32_t *list;
    uint64_t expert;
    int r = 0;

    *taken = stack && source->in_layer && split(stack, source->name, &expert, &part, &prefix);
    if (!*taken)
        return 0;
    /* A list has a place for each expert: there are no more than tensors. */
    if (source->layer >= model->layers || expert >= model->experts ||
        model->experts > model->weights->count)
        return hf_source_refuse(model, source,
                                "the model has %" PRIu64 " layers of %" PRIu64 " experts",
                                model->layers, model->experts);
    list = list_of(model, source->layer, parts);
    if (!list)
        return -ENOMEM;
    if (list[part * model->experts + expert] == HF_NO_TENSOR)
        model->stack_counts[source->layer]++;
    list[part * model->experts + expert] = source->tensor;
    if (model->stack_counts[source->layer] < parts * model->experts)
        return 0;
    for (part = 0; part < parts && r == 0; part++)
        r = write_part(model, source, prefix, part, list + part * model->experts);
    model->stack_counts[source->layer] = 0;
    free(list);
    model->stacks[source->layer] = NULL;
    return r;
}

int hf_stack_end(const struct hf_model *model)
{
    for (uint64_t i = 0; model->stack_counts && i < model->layers; i++)
        if (model->stack_counts[i] > 0)
            return hf_model_refuse(model, "layer %" PRIu64 " has some of its experts only", i);
    return 0;
}

void hf_stack_free(struct hf_model *model)
{
    for (uint64_t i = 0; model->stacks && i < model->layers; i++)
        free(model->stacks[i]);
    free(model->stacks);
    free(model->stack_counts);
    model->stacks = NULL; /* a plan may be made again for another outtype */
    model->stack_counts = NULL;
}
