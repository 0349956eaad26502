#include "quant/format/hf/saved.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "quant/format/hf/import_state.h"
#include "quant/format/hf/number.h"
#include "quant/format/hf/plan_state.h"

/*
 * All numbers are little-endian:
 *
 *   offset  size
 *        0     4  "qfsi"
 *        4     4  hf_import_save_version()
 *        8     4  the outtype, as a number of GGUF
 *       12     4  0
 *       16     8  H, size of the header
 *       24     8  T, tensors of the directory
 *       32     8  O, tensors of the file
 *       40     8  S, slices
 *       48     8  B, bytes that the plan has of its own
 *       56     8  size of the data section
 *       64     H  the header
 *        .   32T  tensors: dtype (4), number of the file (4), offset (8), size (8), elements (8)
 *        .   72O  tensors of the file: dimensions (4), type (4), ne (4 x 8), offset (8), size (8),
 *                 first slice (8), slices (8)
 *        .  176S  slices: kind (4), tensor (4), scale (4), dimensions (4), start (8), six of count
 *                 and stride (16), two steps of math and factor (8), columns (8), block rows (8),
 *                 block columns (8), first unit (8), units (8)
 *        .     B
 */
#define HEAD_SIZE 64u
#define TENSOR_SIZE 32u
#define OUTPUT_SIZE 72u
#define SLICE_SIZE 176u

static const uint8_t magic[4] = {'q', 'f', 's', 'i'};

uint32_t hf_import_save_version(void)
{
    return
#include "hf_rules.inc"
        ;
}

/* ---- writing ---- */

static uint8_t *put_u32(uint8_t *out, uint32_t value)
{
    value = htole32(value);
    memcpy(out, &value, sizeof(value));
    return out + sizeof(value);
}

static uint8_t *put_u64(uint8_t *out, uint64_t value)
{
    value = htole64(value);
    memcpy(out, &value, sizeof(value));
    return out + sizeof(value);
}

static uint8_t *put_bytes(uint8_t *out, const void *data, size_t size)
{
    if (size > 0)
        memcpy(out, data, size);
    return out + size;
}

static uint8_t *put_tensor(uint8_t *out, const struct hf_tensor *tensor)
{
    out = put_u32(out, tensor->dtype);
    out = put_u32(out, tensor->file);
    out = put_u64(out, tensor->offset);
    out = put_u64(out, tensor->size);
    return put_u64(out, hf_tensor_elements(tensor));
}

static uint8_t *put_output(uint8_t *out, const struct hf_output *output)
{
    out = put_u32(out, output->n_dims);
    out = put_u32(out, (uint32_t)output->type);
    for (unsigned i = 0; i < 4; i++)
        out = put_u64(out, output->ne[i]);
    out = put_u64(out, output->offset);
    out = put_u64(out, output->size);
    out = put_u64(out, output->first_slice);
    return put_u64(out, output->slice_count);
}

static uint8_t *put_slice(uint8_t *out, const struct hf_plan_slice *slice)
{
    const struct hf_slice *walk = &slice->slice;
    uint32_t factor;

    out = put_u32(out, walk->kind);
    out = put_u32(out, walk->tensor);
    out = put_u32(out, walk->scale);
    out = put_u32(out, walk->dim_count);
    out = put_u64(out, walk->start);
    for (unsigned i = 0; i < HF_DIMS_MAX; i++) {
        out = put_u64(out, walk->dims[i].count);
        out = put_u64(out, walk->dims[i].stride);
    }
    for (unsigned i = 0; i < HF_STEPS_MAX; i++) {
        memcpy(&factor, &walk->steps[i].factor, sizeof(factor));
        out = put_u32(out, walk->steps[i].math);
        out = put_u32(out, factor);
    }
    out = put_u64(out, walk->columns);
    out = put_u64(out, walk->block_rows);
    out = put_u64(out, walk->block_columns);
    out = put_u64(out, slice->first);
    return put_u64(out, slice->count);
}

int hf_import_save(const struct hf_import *import, uint8_t **data, size_t *size)
{
    const struct hf_plan *plan = import->plan;
    size_t tensors = import->weights.count;
    uint8_t *out;

    *size = HEAD_SIZE + import->header_size + tensors * TENSOR_SIZE +
            plan->output_count * OUTPUT_SIZE + plan->slice_count * SLICE_SIZE + plan->byte_count;
    out = *data = malloc(*size);
    if (!out)
        return -ENOMEM;
    out = put_bytes(out, magic, sizeof(magic));
    out = put_u32(out, hf_import_save_version());
    out = put_u32(out, (uint32_t)import->type);
    out = put_u32(out, 0);
    out = put_u64(out, import->header_size);
    out = put_u64(out, tensors);
    out = put_u64(out, plan->output_count);
    out = put_u64(out, plan->slice_count);
    out = put_u64(out, plan->byte_count);
    out = put_u64(out, plan->size);
    out = put_bytes(out, import->header, import->header_size);
    for (size_t i = 0; i < tensors; i++)
        out = put_tensor(out, &import->weights.tensors[i]);
    for (size_t i = 0; i < plan->output_count; i++)
        out = put_output(out, &plan->outputs[i]);
    for (size_t i = 0; i < plan->slice_count; i++)
        out = put_slice(out, &plan->slices[i]);
    (void)put_bytes(out, plan->bytes, plan->byte_count);
    return 0;
}

/* ---- reading ---- */

struct reader {
    const uint8_t *at;
    size_t left;
    bool bad;
};

/* The next `count` things of `size` bytes each; NULL: there are not so many. */
static const uint8_t *take(struct reader *reader, uint64_t count, size_t size)
{
    const uint8_t *at = reader->at;

    if (reader->bad || count > reader->left / size) {
        reader->bad = true;
        return NULL;
    }
    reader->at += count * size;
    reader->left -= (size_t)count * size;
    return at;
}

static uint32_t get_u32(const uint8_t **in)
{
    uint32_t value;

    memcpy(&value, *in, sizeof(value));
    *in += sizeof(value);
    return le32toh(value);
}

static uint64_t get_u64(const uint8_t **in)
{
    uint64_t value;

    memcpy(&value, *in, sizeof(value));
    *in += sizeof(value);
    return le64toh(value);
}

/* What reading by the plan goes by. Of the shape the number of elements is enough. */
static bool get_tensor(const uint8_t *in, const struct hf_directory *directory,
                       struct hf_tensor *tensor)
{
    uint32_t dtype = get_u32(&in);
    uint64_t size;

    *tensor = (struct hf_tensor){.name = "", .n_dims = 1};
    for (unsigned i = 1; i < SAFETENSORS_DIMS_MAX; i++)
        tensor->shape[i] = 1;
    tensor->file = get_u32(&in);
    tensor->offset = get_u64(&in);
    tensor->size = get_u64(&in);
    tensor->shape[0] = get_u64(&in);
    if (dtype >= SAFETENSORS_DTYPE_COUNT || tensor->file >= directory->count)
        return false;
    tensor->dtype = (enum safetensors_dtype)dtype;
    size = directory->files[tensor->file].size;
    return tensor->offset <= size && tensor->size <= size - tensor->offset &&
           tensor->shape[0] <= 8 * tensor->size / safetensors_dtype_bits(tensor->dtype);
}

static bool get_output(const uint8_t *in, const struct hf_plan *plan, struct hf_output *output)
{
    uint32_t type;
    uint64_t weights = 1, size;

    *output = (struct hf_output){.n_dims = get_u32(&in)};
    type = get_u32(&in);
    if (type != TYPE_F32 && type != TYPE_F16 && type != TYPE_BF16 && type != TYPE_Q8_0 &&
        type != TYPE_MXFP4)
        return false;
    output->type = (enum type)type;
    for (unsigned i = 0; i < 4; i++) {
        output->ne[i] = get_u64(&in);
        if (__builtin_mul_overflow(weights, output->ne[i], &weights))
            return false;
    }
    output->offset = get_u64(&in);
    output->size = get_u64(&in);
    output->first_slice = (size_t)get_u64(&in);
    output->slice_count = (size_t)get_u64(&in);
    return output->n_dims <= 4 && type_size(output->type, weights, &size) && size == output->size &&
           output->offset <= plan->size && output->size <= plan->size - output->offset &&
           output->first_slice <= plan->slice_count &&
           output->slice_count <= plan->slice_count - output->first_slice &&
           (output->slice_count > 0 || output->size == 0);
}

static bool get_slice(const uint8_t *in, struct hf_plan_slice *slice)
{
    struct hf_slice *walk = &slice->slice;
    uint32_t kind = get_u32(&in), math, factor;

    *slice = (struct hf_plan_slice){0};
    walk->tensor = get_u32(&in);
    walk->scale = get_u32(&in);
    walk->dim_count = get_u32(&in);
    walk->start = get_u64(&in);
    for (unsigned i = 0; i < HF_DIMS_MAX; i++) {
        walk->dims[i].count = get_u64(&in);
        walk->dims[i].stride = get_u64(&in);
    }
    for (unsigned i = 0; i < HF_STEPS_MAX; i++) {
        math = get_u32(&in);
        factor = get_u32(&in);
        if (math > HF_SCALE)
            return false;
        walk->steps[i].math = (enum hf_math)math;
        memcpy(&walk->steps[i].factor, &factor, sizeof(factor));
    }
    walk->columns = get_u64(&in);
    walk->block_rows = get_u64(&in);
    walk->block_columns = get_u64(&in);
    slice->first = get_u64(&in);
    slice->count = get_u64(&in);
    if (kind > HF_BYTES || walk->dim_count > HF_DIMS_MAX)
        return false;
    walk->kind = (enum hf_kind)kind;
    return true;
}

/* The slices of each tensor of the file follow each other, have all of its units, and stay within
 * what they are of. */
static bool check_output(const struct hf_plan *plan, const struct hf_output *output)
{
    enum type type = hf_plan_unit_type(output->type);
    uint64_t per_unit = type_info((uint32_t)type)->block_weights, units = 0, weights = 1;

    for (size_t i = 0; i < output->slice_count; i++) {
        const struct hf_plan_slice *slice = &plan->slices[output->first_slice + i];

        if (slice->first != units || __builtin_add_overflow(units, slice->count, &units) ||
            !hf_plan_slice_fits(plan, slice, output->type))
            return false;
    }
    for (unsigned i = 0; i < 4; i++)
        weights *= output->ne[i];
    return units == weights / per_unit;
}

static int decode_plan(struct hf_plan *plan, const uint8_t *outputs, const uint8_t *slices,
                       const uint8_t *bytes)
{
    plan->outputs = calloc(plan->output_count + 1, sizeof(*plan->outputs));
    plan->slices = calloc(plan->slice_count + 1, sizeof(*plan->slices));
    plan->bytes = malloc(plan->byte_count + 1);
    if (!plan->outputs || !plan->slices || !plan->bytes)
        return -ENOMEM;
    if (plan->byte_count > 0)
        memcpy(plan->bytes, bytes, plan->byte_count);
    for (size_t i = 0; i < plan->slice_count; i++)
        if (!get_slice(slices + i * SLICE_SIZE, &plan->slices[i]))
            return -EBADMSG;
    for (size_t i = 0; i < plan->output_count; i++)
        if (!get_output(outputs + i * OUTPUT_SIZE, plan, &plan->outputs[i]) ||
            !check_output(plan, &plan->outputs[i]))
            return -EBADMSG;
    return 0;
}

static int decode(struct hf_import *import, const struct hf_directory *directory,
                  const uint8_t *data, size_t size)
{
    struct reader reader = {data, size, false};
    const uint8_t *head = take(&reader, 1, HEAD_SIZE), *tensors, *outputs, *slices, *bytes;
    uint64_t header_size, tensor_count, output_count, slice_count, byte_count;
    struct hf_plan *plan;
    int r;

    if (!head || memcmp(head, magic, sizeof(magic)) != 0)
        return -EBADMSG;
    head += sizeof(magic);
    if (get_u32(&head) != hf_import_save_version())
        return -EBADMSG;
    import->type = (enum type)get_u32(&head);
    (void)get_u32(&head);
    header_size = get_u64(&head);
    tensor_count = get_u64(&head);
    output_count = get_u64(&head);
    slice_count = get_u64(&head);
    byte_count = get_u64(&head);
    (void)take(&reader, header_size, 1);
    tensors = take(&reader, tensor_count, TENSOR_SIZE);
    outputs = take(&reader, output_count, OUTPUT_SIZE);
    slices = take(&reader, slice_count, SLICE_SIZE);
    bytes = take(&reader, byte_count, 1);
    if (reader.bad || reader.left != 0 || tensor_count >= UINT32_MAX ||
        (import->type != TYPE_F32 && import->type != TYPE_F16 && import->type != TYPE_BF16 &&
         import->type != TYPE_Q8_0))
        return -EBADMSG;
    import->header_size = (size_t)header_size;
    r = hf_plan_new(directory, &import->weights, &import->plan);
    if (r < 0)
        return r;
    plan = import->plan;
    plan->size = get_u64(&head);
    import->weights.tensors = calloc((size_t)tensor_count + 1, sizeof(*import->weights.tensors));
    if (!import->weights.tensors)
        return -ENOMEM;
    import->weights.count = (size_t)tensor_count;
    for (size_t i = 0; i < tensor_count; i++)
        if (!get_tensor(tensors + i * TENSOR_SIZE, directory, &import->weights.tensors[i]))
            return -EBADMSG;
    plan->output_count = (size_t)output_count;
    plan->slice_count = (size_t)slice_count;
    plan->byte_count = (size_t)byte_count;
    return decode_plan(plan, outputs, slices, bytes);
}

int hf_import_load(const struct hf_directory *directory, uint8_t *data, size_t size,
                   struct hf_import **result)
{
    struct hf_import *import = calloc(1, sizeof(*import));
    uint8_t *header;
    int r = import ? decode(import, directory, data, size) : -ENOMEM;

    *result = NULL;
    if (r < 0) {
        free(data);
        hf_import_free(import);
        return r;
    }
    /* What was kept beside the header goes. */
    memmove(data, data + HEAD_SIZE, import->header_size);
    header = realloc(data, import->header_size + 1);
    import->header = header ? header : data;
    *result = import;
    return 0;
}
