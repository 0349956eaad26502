#include <assert.h>

#include "quant/format/hf/plan.h"

struct hf_slice hf_whole(const struct hf_weights *weights, uint32_t number)
{
    const struct hf_tensor *tensor = &weights->tensors[number];
    struct hf_slice slice = {.kind = HF_WEIGHTS, .tensor = number, .scale = HF_NO_TENSOR};
    uint64_t stride = 1;
    unsigned shed = tensor->n_dims > HF_DIMS_MAX ? tensor->n_dims - HF_DIMS_MAX : 0;

    /* More axes than a slice has: the first ones become one. */
    slice.dim_count = tensor->n_dims - shed;
    for (unsigned i = slice.dim_count; i-- > 0;) {
        slice.dims[i] = (struct hf_dim){tensor->shape[i + shed], stride};
        stride *= tensor->shape[i + shed];
    }
    for (unsigned i = 0; i < shed; i++)
        slice.dims[0].count *= tensor->shape[i];
    return slice;
}

void hf_narrow(struct hf_slice *slice, unsigned dim, uint64_t first, uint64_t count, uint64_t step)
{
    struct hf_dim *narrowed = &slice->dims[dim];
    uint64_t skipped;

    assert(dim < slice->dim_count);
    /* Numbers of a configuration may be anything; hf_plan_slice() refuses such a start. */
    if (__builtin_mul_overflow(first, narrowed->stride, &skipped) ||
        __builtin_add_overflow(slice->start, skipped, &slice->start))
        slice->start = UINT64_MAX;
    narrowed->count = count;
    if (__builtin_mul_overflow(narrowed->stride, step, &narrowed->stride))
        narrowed->stride = UINT64_MAX;
}

bool hf_split(struct hf_slice *slice, unsigned dim, uint64_t inner)
{
    struct hf_dim whole;

    assert(dim < slice->dim_count);
    whole = slice->dims[dim];
    if (slice->dim_count == HF_DIMS_MAX || inner == 0 || whole.count % inner != 0)
        return false;
    for (unsigned i = slice->dim_count++; i > dim; i--)
        slice->dims[i] = slice->dims[i - 1];
    /* Strides of checked shapes: the product is within the tensor unless `whole` is. */
    slice->dims[dim] = (struct hf_dim){whole.count / inner, whole.stride * inner};
    slice->dims[dim + 1] = (struct hf_dim){inner, whole.stride};
    return true;
}

void hf_swap(struct hf_slice *slice, unsigned a, unsigned b)
{
    struct hf_dim kept = slice->dims[a];

    assert(a < slice->dim_count && b < slice->dim_count);
    slice->dims[a] = slice->dims[b];
    slice->dims[b] = kept;
}

struct hf_slice hf_rows(const struct hf_weights *weights, uint32_t tensor, uint64_t first,
                        uint64_t count)
{
    struct hf_slice slice = hf_whole(weights, tensor);

    hf_narrow(&slice, 0, first, count, 1);
    return slice;
}

struct hf_slice hf_every(const struct hf_weights *weights, uint32_t tensor, uint64_t first,
                         uint64_t step)
{
    struct hf_slice slice = hf_whole(weights, tensor);
    uint64_t rows = slice.dims[0].count;

    hf_narrow(&slice, 0, first, rows > first ? (rows - first - 1) / step + 1 : 0, step);
    return slice;
}

struct hf_slice hf_part(const struct hf_weights *weights, uint32_t tensor, uint64_t i)
{
    struct hf_slice slice = hf_rows(weights, tensor, i, 1);

    slice.dim_count--;
    for (unsigned k = 0; k < slice.dim_count; k++)
        slice.dims[k] = slice.dims[k + 1];
    return slice;
}

struct hf_slice hf_transpose(const struct hf_weights *weights, uint32_t tensor)
{
    struct hf_slice slice = hf_whole(weights, tensor);
    struct hf_dim last;

    assert(slice.dim_count >= 2);
    last = slice.dims[slice.dim_count - 1];
    slice.dims[slice.dim_count - 1] = slice.dims[slice.dim_count - 2];
    slice.dims[slice.dim_count - 2] = last;
    return slice;
}

bool hf_permute(const struct hf_weights *weights, uint32_t tensor, uint64_t heads,
                struct hf_slice *slice)
{
    struct hf_dim rows;
    uint64_t half;

    *slice = hf_whole(weights, tensor);
    if (slice->dim_count == 0 || slice->dim_count > 2 || heads == 0 ||
        slice->dims[0].count / heads % 2 != 0 || slice->dims[0].count % heads != 0)
        return false;
    rows = slice->dims[0];
    half = rows.count / heads / 2;
    if (slice->dim_count == 2)
        slice->dims[3] = slice->dims[1];
    slice->dims[0] = (struct hf_dim){heads, 2 * half * rows.stride};
    slice->dims[1] = (struct hf_dim){half, rows.stride};
    slice->dims[2] = (struct hf_dim){2, half * rows.stride};
    slice->dim_count += 2;
    return true;
}
