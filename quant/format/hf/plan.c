#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "quant/format/hf/number.h"
#include "quant/format/hf/plan_state.h"

/* A matrix of factors is read whole for each part of its tensor: it must be small. */
#define SCALES_MAX ((uint64_t)4 << 20)

int hf_plan_new(const struct hf_directory *directory, const struct hf_weights *weights,
                struct hf_plan **out)
{
    struct hf_plan *plan = calloc(1, sizeof(*plan));

    *out = plan;
    if (!plan)
        return -ENOMEM;
    plan->directory = directory;
    plan->weights = weights;
    return 0;
}

void hf_plan_free(struct hf_plan *plan)
{
    if (!plan)
        return;
    for (size_t i = 0; i < plan->output_count; i++)
        free((void *)(uintptr_t)plan->outputs[i].name);
    free(plan->outputs);
    free(plan->slices);
    free(plan->bytes);
    free(plan);
}

/* ---- outputs ---- */

static bool type_fits(enum type type)
{
    return type == TYPE_F32 || type == TYPE_F16 || type == TYPE_BF16 || type == TYPE_Q8_0 ||
           type == TYPE_MXFP4;
}

enum type hf_plan_unit_type(enum type type)
{
    return type == TYPE_Q8_0 ? TYPE_F32 : type;
}

static const struct type_info *unit_info(enum type type)
{
    return type_info((uint32_t)hf_plan_unit_type(type));
}

int hf_plan_end(struct hf_plan *plan)
{
    return plan->filled == plan->units ? 0 : -EINVAL;
}

/* Room for one more element; NULL: no memory. */
static void *grow(void *array, size_t count, size_t *capacity, size_t size)
{
    size_t more = *capacity ? 2 * *capacity : 64;
    void *grown;

    if (count < *capacity)
        return array;
    grown = reallocarray(array, more, size);
    if (grown)
        *capacity = more;
    return grown;
}

int hf_plan_add(struct hf_plan *plan, const char *name, enum type type, unsigned n_dims,
                const uint64_t *ne)
{
    struct hf_output output = {
        .n_dims = n_dims,
        .ne = {1, 1, 1, 1},
        .type = type,
        .offset = plan->size,
        .first_slice = plan->slice_count,
    };
    uint64_t weights = 1, end;
    struct hf_output *outputs;

    if (hf_plan_end(plan) < 0 || n_dims > 4 || !type_fits(type))
        return -EINVAL;
    for (unsigned i = 0; i < n_dims; i++) {
        output.ne[i] = ne[i];
        if (ne[i] > INT64_MAX || __builtin_mul_overflow(weights, ne[i], &weights))
            return -EINVAL;
    }
    if (output.ne[0] % type_info(type)->block_weights != 0 ||
        !type_size(type, weights, &output.size) ||
        __builtin_add_overflow(plan->size, output.size, &end) ||
        end > INT64_MAX - HF_PLAN_ALIGNMENT)
        return -EINVAL;
    outputs = grow(plan->outputs, plan->output_count, &plan->output_capacity, sizeof(*outputs));
    if (!outputs)
        return -ENOMEM;
    plan->outputs = outputs;
    output.name = strdup(name);
    if (!output.name)
        return -ENOMEM;
    plan->outputs[plan->output_count++] = output;
    plan->size = (end + HF_PLAN_ALIGNMENT - 1) / HF_PLAN_ALIGNMENT * HF_PLAN_ALIGNMENT;
    plan->units = weights / unit_info(type)->block_weights;
    plan->filled = 0;
    return 0;
}

/* ---- slices ---- */

static int add_slice(struct hf_plan *plan, const struct hf_slice *slice, uint64_t count)
{
    struct hf_plan_slice *slices;

    if (count == 0)
        return 0;
    slices = grow(plan->slices, plan->slice_count, &plan->slice_capacity, sizeof(*slices));
    if (!slices)
        return -ENOMEM;
    plan->slices = slices;
    plan->slices[plan->slice_count++] = (struct hf_plan_slice){*slice, plan->filled, count};
    plan->filled += count;
    plan->outputs[plan->output_count - 1].slice_count++;
    return 0;
}

/* Elements of the slice, and that all of them are among `there`. */
static bool measure(const struct hf_slice *slice, uint64_t there, bool stored, uint64_t *count)
{
    uint64_t last = slice->start, n;

    *count = 1;
    for (unsigned i = 0; i < slice->dim_count; i++)
        if (__builtin_mul_overflow(*count, slice->dims[i].count, count))
            return false;
    if (*count == 0 || !stored)
        return true;
    for (unsigned i = 0; i < slice->dim_count; i++) {
        const struct hf_dim *dim = &slice->dims[i];

        if ((dim->count > 1 && dim->stride == 0) ||
            __builtin_mul_overflow(dim->count - 1, dim->stride, &n) ||
            __builtin_add_overflow(last, n, &last))
            return false;
    }
    return last < there;
}

/* Rounded up. */
static uint64_t parts_of(uint64_t whole, uint64_t part)
{
    return whole / part + (whole % part != 0);
}

static bool scale_fits(const struct hf_weights *weights, const struct hf_slice *slice)
{
    const struct hf_tensor *tensor = &weights->tensors[slice->tensor], *scale;
    uint64_t elements = hf_tensor_elements(tensor), count;

    if (slice->kind == HF_NIBBLES) {
        if (tensor->dtype != SAFETENSORS_I32 || slice->block_columns % 8 != 0)
            return false;
        elements *= 8; /* four bytes of a file each: no overflow */
    }
    if (slice->scale >= weights->count || slice->columns == 0 || slice->block_rows == 0 ||
        slice->block_columns == 0 || elements % slice->columns != 0)
        return false;
    scale = &weights->tensors[slice->scale];
    return hf_number_readable(scale->dtype) &&
           !__builtin_mul_overflow(parts_of(elements / slice->columns, slice->block_rows),
                                   parts_of(slice->columns, slice->block_columns), &count) &&
           count == hf_tensor_elements(scale) && count <= SCALES_MAX;
}

static bool groups_fit(const struct hf_weights *weights, const struct hf_slice *slice)
{
    const struct hf_tensor *blocks = &weights->tensors[slice->tensor], *scale;

    if (slice->scale >= weights->count || blocks->n_dims == 0 || blocks->dtype != SAFETENSORS_U8 ||
        blocks->shape[blocks->n_dims - 1] != 16)
        return false;
    scale = &weights->tensors[slice->scale];
    return scale->dtype == SAFETENSORS_U8 &&
           hf_tensor_elements(scale) == hf_tensor_elements(blocks) / 16;
}

/* Units of the output that an element becomes. */
static uint64_t weights_each(const struct hf_slice *slice)
{
    return slice->kind == HF_NIBBLES ? 8 : 1;
}

int hf_plan_slice(struct hf_plan *plan, const struct hf_slice *slice, struct defect *defect)
{
    const struct hf_output *output =
        plan->output_count ? &plan->outputs[plan->output_count - 1] : NULL;
    bool stored = slice->kind != HF_ZEROS, groups = slice->kind == HF_MXFP4;
    const struct hf_tensor *tensor = NULL;
    uint64_t there = 0, count;

    if (!output || slice->dim_count > HF_DIMS_MAX || slice->kind > HF_NIBBLES ||
        groups != (output->type == TYPE_MXFP4) || (stored && slice->tensor >= plan->weights->count))
        return defect_set(defect, EINVAL, DEFECT_NOWHERE, "tensor %.200s: a slice of another kind",
                          output ? output->name : "");
    if (stored) {
        tensor = &plan->weights->tensors[slice->tensor];
        there = hf_tensor_elements(tensor) / (groups ? 16 : 1);
    }
    if (stored && !hf_number_readable(tensor->dtype))
        return hf_blame(plan->directory, plan->directory->files[tensor->file].name, defect, EINVAL,
                        DEFECT_NOWHERE, "tensor %.200s: weights of the type %s cannot be read",
                        tensor->name, safetensors_dtype_name(tensor->dtype));
    if ((groups && !groups_fit(plan->weights, slice)) ||
        (!groups && stored && (slice->scale != HF_NO_TENSOR || slice->kind == HF_NIBBLES) &&
         !scale_fits(plan->weights, slice)))
        return hf_blame(plan->directory, plan->directory->files[tensor->file].name, defect, EINVAL,
                        DEFECT_NOWHERE, "tensor %.200s: its scales do not fit it", tensor->name);
    if (!measure(slice, there, stored, &count) ||
        __builtin_mul_overflow(count, weights_each(slice), &count) ||
        count > plan->units - plan->filled)
        return defect_set(defect, EINVAL, DEFECT_NOWHERE,
                          "tensor %.150s of the file: the shape of %.150s does not fit it",
                          output->name, tensor ? tensor->name : "nothing");
    return add_slice(plan, slice, count);
}

bool hf_plan_slice_fits(const struct hf_plan *plan, const struct hf_plan_slice *slice,
                        enum type type)
{
    const struct hf_slice *walk = &slice->slice;
    bool stored = walk->kind != HF_ZEROS && walk->kind != HF_BYTES;
    uint64_t unit = unit_info(type)->block_size, there = 0, count;
    const struct hf_tensor *tensor;

    if (walk->kind == HF_BYTES)
        return walk->start <= plan->byte_count &&
               slice->count <= (plan->byte_count - walk->start) / unit;
    if (stored && walk->tensor >= plan->weights->count)
        return false;
    if (walk->kind == HF_WEIGHTS || walk->kind == HF_NIBBLES) {
        tensor = &plan->weights->tensors[walk->tensor];
        there = hf_tensor_elements(tensor);
        if (type == TYPE_MXFP4 || !hf_number_readable(tensor->dtype) ||
            ((walk->scale != HF_NO_TENSOR || walk->kind == HF_NIBBLES) &&
             !scale_fits(plan->weights, walk)))
            return false;
    } else if (walk->kind == HF_MXFP4) {
        if (type != TYPE_MXFP4 || walk->scale >= plan->weights->count ||
            plan->weights->tensors[walk->tensor].dtype != SAFETENSORS_U8 ||
            plan->weights->tensors[walk->scale].dtype != SAFETENSORS_U8)
            return false;
        there = hf_tensor_elements(&plan->weights->tensors[walk->tensor]) / 16;
        if (hf_tensor_elements(&plan->weights->tensors[walk->scale]) != there)
            return false;
    }
    return measure(walk, there, stored, &count) &&
           !__builtin_mul_overflow(count, weights_each(walk), &count) && count == slice->count;
}

int hf_plan_bytes(struct hf_plan *plan, const void *data, size_t size)
{
    const struct hf_output *output =
        plan->output_count ? &plan->outputs[plan->output_count - 1] : NULL;
    struct hf_slice slice = {.kind = HF_BYTES, .start = plan->byte_count};
    uint32_t unit = output ? unit_info(output->type)->block_size : 0;
    uint8_t *bytes;

    if (!output || size % unit != 0 || size / unit > plan->units - plan->filled)
        return -EINVAL;
    bytes = realloc(plan->bytes, plan->byte_count + size + 1);
    if (!bytes)
        return -ENOMEM;
    plan->bytes = bytes;
    memcpy(bytes + plan->byte_count, data, size);
    plan->byte_count += size;
    return add_slice(plan, &slice, size / unit);
}

/* ---- */

const struct hf_output *hf_plan_outputs(const struct hf_plan *plan, size_t *count)
{
    *count = plan->output_count;
    return plan->outputs;
}

uint64_t hf_plan_size(const struct hf_plan *plan)
{
    return plan->size;
}
