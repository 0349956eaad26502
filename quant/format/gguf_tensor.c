/* The tensor infos of a GGUF file. Nothing of the data is read. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "quant/format/gguf_state.h"
#include "quant/type.h"

#define TENSOR_NAME_MAX 63 /* bytes; limit of the reference tool's reader */

/* Dimensions one by one, and their product, which the tool keeps below 2^63 - 1. */
static int read_dimensions(struct gguf_parser *p, struct gguf_tensor *tensor, uint64_t *weights)
{
    uint64_t at = p->cursor.offset;
    bool empty = false;

    tensor->n_dims = cursor_u32(&p->cursor);
    if (tensor->n_dims > 4)
        return GGUF_BAD(p, at, "%s: tensor '%s' has invalid number of dimensions: %" PRIu32 " > 4",
                        p->part, tensor->name, tensor->n_dims);
    for (uint32_t i = 0; i < 4; i++) {
        tensor->ne[i] = i < tensor->n_dims ? cursor_u64(&p->cursor) : 1;
        if (tensor->ne[i] > INT64_MAX)
            return GGUF_BAD(p, at + 4 + 8 * (uint64_t)i,
                            "%s: tensor '%s' dimension %" PRIu32
                            " has invalid number of elements: %" PRId64 " < 0",
                            p->part, tensor->name, i, (int64_t)tensor->ne[i]);
        empty = empty || tensor->ne[i] == 0;
    }
    if (p->cursor.error)
        return gguf_unread(p);
    *weights = empty ? 0 : tensor->ne[0];
    for (uint32_t i = 1; i < 4 && !empty; i++) {
        if (INT64_MAX / tensor->ne[i] <= *weights)
            return GGUF_BAD(p, at,
                            "%s: total number of elements in tensor '%s' with shape (%" PRIu64
                            ", %" PRIu64 ", %" PRIu64 ", %" PRIu64 ") is >= %" PRId64,
                            p->part, tensor->name, tensor->ne[0], tensor->ne[1], tensor->ne[2],
                            tensor->ne[3], INT64_MAX);
        *weights *= tensor->ne[i];
    }
    return 0;
}

static int read_type(struct gguf_parser *p, struct gguf_tensor *tensor, uint64_t weights)
{
    uint64_t at = p->cursor.offset;
    const struct type_info *info;

    tensor->type = cursor_u32(&p->cursor);
    if (p->cursor.error)
        return gguf_unread(p);
    if (tensor->type >= TYPE_COUNT)
        return GGUF_BAD(p, at,
                        "%s: tensor '%s' has invalid ggml type %" PRId32 ". should be in [0, %d)",
                        p->part, tensor->name, (int32_t)tensor->type, TYPE_COUNT);
    info = type_info(tensor->type);
    if (!info || tensor->ne[0] % info->block_weights != 0)
        return GGUF_BAD(p, at,
                        "%s: tensor '%s' of type %" PRIu32 " (%s) has %" PRIu64
                        " elements per row, not a multiple of block size (%" PRIu32 ")",
                        p->part, tensor->name, tensor->type, info ? info->name : "removed",
                        tensor->ne[0], info ? info->block_weights : 0);
    if (!type_size((enum type)tensor->type, weights, &tensor->size))
        return GGUF_BAD(p, at,
                        "%s: tensor '%s' with shape (%" PRIu64 ", %" PRIu64 ", %" PRIu64
                        ", %" PRIu64 ") has a size in bytes > %" PRIu64,
                        p->part, tensor->name, tensor->ne[0], tensor->ne[1], tensor->ne[2],
                        tensor->ne[3], UINT64_MAX);
    return 0;
}

/* The offset must be where the tensors before it end. */
static int read_offset(struct gguf_parser *p, struct gguf_tensor *tensor)
{
    uint64_t at = p->cursor.offset, padded = tensor->size, before = p->data_size;

    tensor->offset = cursor_u64(&p->cursor);
    if (p->cursor.error)
        return gguf_unread(p);
    if (tensor->offset != p->data_size)
        return GGUF_BAD(p, at,
                        "failed to read tensor data: tensor '%s' has offset %" PRIu64
                        ", expected %" PRIu64,
                        tensor->name, tensor->offset, p->data_size);
    if (!gguf_pad(&padded, p->gguf->alignment) ||
        __builtin_add_overflow(p->data_size, padded, &p->data_size))
        return GGUF_BAD(
            p, at,
            "failed to read tensor data: tensor '%s' size overflow, cannot accumulate size "
            "%" PRIu64 " + %" PRIu64,
            tensor->name, before, tensor->size);
    return 0;
}

static int read_tensor(struct gguf_parser *p, struct gguf_tensor *tensor)
{
    uint64_t at = p->cursor.offset, length, weights = 0;
    bool whole;
    int r;

    *tensor = (struct gguf_tensor){0};
    r = gguf_read_length(p, &length);
    if (r < 0)
        return r;
    if (length > TENSOR_NAME_MAX)
        return GGUF_BAD(p, at, "%s: tensor name %zu is too long: %" PRIu64 " >= %d", p->part,
                        p->gguf->tensor_count, length, TENSOR_NAME_MAX + 1);
    r = gguf_read_name(p, length, &tensor->name, &whole);
    if (r == 0)
        r = read_dimensions(p, tensor, &weights);
    if (r == 0)
        r = read_type(p, tensor, weights);
    if (r == 0)
        r = read_offset(p, tensor);
    return r;
}

static int compare_tensors(const void *a, const void *b, void *list)
{
    const struct gguf_tensor *tensors = list;
    uint32_t i = *(const uint32_t *)a, j = *(const uint32_t *)b;

    return gguf_compare(tensors[i].name, tensors[j].name, i, j);
}

/* Where the info of a tensor lies, for a message: walks there once more. */
static uint64_t info_offset(struct gguf_parser *p, size_t tensor)
{
    struct cursor *cursor = &p->cursor;

    cursor->offset = p->infos;
    for (size_t i = 0; i < tensor; i++) {
        cursor_skip(cursor, cursor_u64(cursor));
        cursor_skip(cursor, 8 * (uint64_t)cursor_u32(cursor) + 4 + 8);
    }
    return cursor->error ? DEFECT_NOWHERE : cursor->offset;
}

static int check_tensor_names(struct gguf_parser *p)
{
    const struct gguf *gguf = p->gguf;
    const struct gguf_tensor *tensor, *first = NULL;
    uint32_t *index = gguf_sorted(gguf->tensors, gguf->tensor_count, compare_tensors);

    if (!index)
        return -ENOMEM;
    for (size_t i = 1; i < gguf->tensor_count; i++) {
        tensor = &gguf->tensors[index[i]];
        if (strcmp(tensor->name, gguf->tensors[index[i - 1]].name) == 0)
            first = !first || tensor < first ? tensor : first;
    }
    free(index);
    if (first)
        return GGUF_BAD(p, info_offset(p, (size_t)(first - gguf->tensors)),
                        "%s: duplicate tensor name '%s'", p->part, first->name);
    return 0;
}

int gguf_read_tensors(struct gguf_parser *p)
{
    struct gguf *gguf = p->gguf;
    struct gguf_tensor *tensors;
    int r;

    p->part = "failed to read tensor info";
    p->infos = p->cursor.offset;
    while (gguf->tensor_count < p->tensor_count) {
        tensors = gguf_grow(gguf->tensors, gguf->tensor_count, p->tensor_count, sizeof(*tensors));
        if (!tensors)
            return -ENOMEM;
        gguf->tensors = tensors;
        r = read_tensor(p, &tensors[gguf->tensor_count]);
        if (r < 0)
            return r;
        gguf->tensor_count++;
    }
    return check_tensor_names(p);
}
