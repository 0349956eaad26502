#include <endian.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "quant/format/hf/number.h"
#include "quant/format/hf/plan_state.h"

/* Weights that become floats at once. */
#define TILE 1024u
/* Bytes of stored weights that wait for it: what lies apart in the file is read in runs as long as
 * this allows. */
#define BATCH_SIZE ((size_t)512 << 10)

/* A part of a slice under way. */
struct part {
    const struct hf_plan *plan;
    const struct hf_slice *slice;
    const struct hf_tensor *tensor;
    enum type type;
    float *scales; /* of the whole tensor, or NULL */
};

/* The walk of a slice through its tensor, or through that one's scales: elements of `size` bytes.
 */
static struct hf_walk walk_of(const struct hf_plan *plan, const struct hf_slice *slice,
                              uint32_t number, size_t size)
{
    const struct hf_tensor *tensor = &plan->weights->tensors[number];
    struct hf_walk walk = {
        .fd = plan->directory->files[tensor->file].fd,
        .offset = tensor->offset,
        .size = size,
        .start = slice->start,
        .dim_count = slice->dim_count,
    };

    memcpy(walk.dims, slice->dims, sizeof(walk.dims));
    return walk;
}

static size_t element_size(const struct hf_tensor *tensor)
{
    return safetensors_dtype_bits(tensor->dtype) / 8;
}

/* ---- weights that become another type ---- */

/* Factors of blocks, all of them: some thousands. */
static int load_scales(struct part *p)
{
    const struct hf_tensor *scale = &p->plan->weights->tensors[p->slice->scale];
    uint64_t count = hf_tensor_elements(scale);
    uint8_t *raw = malloc((size_t)scale->size + 1);
    int r = -ENOMEM;

    p->scales = reallocarray(NULL, (size_t)count + 1, sizeof(*p->scales));
    if (raw && p->scales) {
        r = hf_read_at(p->plan->directory->files[scale->file].fd, scale->offset, raw,
                       (size_t)scale->size);
        if (r == 0)
            hf_number_widen(scale->dtype, raw, p->scales, (size_t)count);
    }
    free(raw);
    return r == -ENODATA ? -EIO : r;
}

/* The stored element at that place of the slice. */
static uint64_t element_at(const struct hf_slice *slice, uint64_t place)
{
    uint64_t element = slice->start;

    for (unsigned i = slice->dim_count; i-- > 0;) {
        element += place % slice->dims[i].count * slice->dims[i].stride;
        place /= slice->dims[i].count;
    }
    return element;
}

static void apply_scales(const struct part *p, uint64_t first, float *values, size_t count)
{
    const struct hf_slice *slice = p->slice;
    const struct hf_dim *last = slice->dim_count ? &slice->dims[slice->dim_count - 1] : NULL;
    uint64_t across =
        slice->columns / slice->block_columns + (slice->columns % slice->block_columns != 0);
    uint64_t element = 0, left = 0;

    for (size_t i = 0; i < count; i++) {
        if (left == 0) {
            element = element_at(slice, first + i);
            left = last ? last->count - (first + i) % last->count : 1;
        }
        values[i] *= p->scales[element / slice->columns / slice->block_rows * across +
                               element % slice->columns / slice->block_columns];
        element += last ? last->stride : 0;
        left--;
    }
}

static float step(const struct hf_step *step, float x)
{
    switch (step->math) {
    case HF_ADD_ONE:
        return x + 1.0f;
    case HF_NEG_EXP:
        return -expf(x);
    case HF_SCALE:
        return x * step->factor;
    default:
        return x;
    }
}

/* F16 is a working type of its own: each step is rounded to it. Sums and products of two halfs are
 * rounded the same by way of a float, which has more than twice their bits. */
static void apply_step(const struct part *p, const struct hf_step *s, float *values, size_t count)
{
    uint8_t halfs[2 * TILE];

    if (s->math == HF_AS_IS)
        return;
    for (size_t i = 0; i < count; i++)
        values[i] = step(s, values[i]);
    if (p->tensor->dtype == SAFETENSORS_F16) {
        hf_number_narrow(TYPE_F16, values, halfs, count);
        hf_number_widen(SAFETENSORS_F16, halfs, values, count);
    }
}

static void convert(const struct part *p, uint64_t first, const uint8_t *raw, size_t count,
                    uint8_t *out)
{
    size_t in_size = element_size(p->tensor), out_size = type_info(p->type)->block_size, n;
    float values[TILE];

    for (size_t done = 0; done < count; done += n) {
        n = count - done < TILE ? count - done : TILE;
        hf_number_widen(p->tensor->dtype, raw + done * in_size, values, n);
        if (p->scales)
            apply_scales(p, first + done, values, n);
        for (unsigned i = 0; i < HF_STEPS_MAX; i++)
            apply_step(p, &p->slice->steps[i], values, n);
        hf_number_narrow(p->type, values, out + done * out_size, n);
    }
}

static int read_converted(struct part *p, uint64_t first, uint64_t count, uint8_t *out)
{
    size_t size = element_size(p->tensor), batch = BATCH_SIZE / size, n;
    const struct hf_walk walk = walk_of(p->plan, p->slice, p->slice->tensor, size);
    size_t out_size = type_info(p->type)->block_size;
    uint8_t *raw = malloc((size_t)(count < batch ? count : batch) * size);
    int r = raw ? 0 : -ENOMEM;

    if (r == 0 && p->slice->scale != HF_NO_TENSOR)
        r = load_scales(p);
    for (uint64_t done = 0; done < count && r == 0; done += n) {
        n = count - done < batch ? (size_t)(count - done) : batch;
        r = hf_gather(&walk, first + done, n, raw);
        if (r == 0)
            convert(p, first + done, raw, n, out + done * out_size);
    }
    free(p->scales);
    free(raw);
    return r;
}

/* ---- slices ---- */

/* Weights that are stored as they are written. */
static bool as_is(const struct part *p)
{
    static const struct {
        enum safetensors_dtype dtype;
        enum type type;
    } same[] = {
        {SAFETENSORS_F32, TYPE_F32}, {SAFETENSORS_F16, TYPE_F16}, {SAFETENSORS_BF16, TYPE_BF16}};

    if (p->slice->scale != HF_NO_TENSOR)
        return false;
    for (unsigned i = 0; i < HF_STEPS_MAX; i++)
        if (p->slice->steps[i].math != HF_AS_IS)
            return false;
    /* A NaN becomes quiet on the way from BF16 through F32; nothing else changes (import.md 2.1).
     */
    for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++)
        if (p->tensor->dtype == same[i].dtype && p->type == same[i].type)
            return true;
    return false;
}

/* Weights that are looked through for a NaN at once, which hardly ever is there: near enough to be
 * written again where one is. */
#define QUIET_COUNT ((uint64_t)4096)

/* Without a branch and without a write, so that it is done for many at once: all weights pass. */
static bool has_nan(const uint8_t *data, uint64_t count)
{
    int16_t most = 0, x;

    for (uint64_t i = 0; i < count; i++) {
        memcpy(&x, data + 2 * i, sizeof(x));
        x = (int16_t)(x & 0x7fff);
        most = x > most ? x : most;
    }
    return most > 0x7f80;
}

static void quiet(uint8_t *data, uint64_t count)
{
    uint64_t n;
    uint16_t x;

    for (; count > 0; count -= n, data += 2 * n) {
        n = count < QUIET_COUNT ? count : QUIET_COUNT;
        if (!has_nan(data, n))
            continue;
        for (uint64_t i = 0; i < n; i++) {
            memcpy(&x, data + 2 * i, sizeof(x));
            x = (uint16_t)(x | ((x & 0x7fff) > 0x7f80) << 6);
            memcpy(data + 2 * i, &x, sizeof(x));
        }
    }
}

static int read_weights(struct part *p, uint64_t first, uint64_t count, uint8_t *out)
{
    struct hf_walk walk;
    int r;

    if (!as_is(p))
        return read_converted(p, first, count, out);
    walk = walk_of(p->plan, p->slice, p->slice->tensor, element_size(p->tensor));
    r = hf_gather(&walk, first, count, out);
    if (r == 0 && p->type == TYPE_BF16)
        quiet(out, count);
    return r;
}

/* The sixteen bytes of a group have weights 0 and 1, 2 and 3, ...; a block has 0 and 16, ... */
static void repack(const uint8_t *in, uint8_t *out)
{
    for (unsigned k = 0; k < 8; k++) {
        out[2 * k] = (uint8_t)((in[k] & 15) | in[k + 8] << 4);
        out[2 * k + 1] = (uint8_t)(in[k] >> 4 | (in[k + 8] & 0xf0));
    }
}

static int read_groups(struct part *p, uint64_t first, uint64_t count, uint8_t *out)
{
    const struct hf_walk blocks = walk_of(p->plan, p->slice, p->slice->tensor, 16);
    const struct hf_walk scales = walk_of(p->plan, p->slice, p->slice->scale, 1);
    size_t batch = BATCH_SIZE / 16, n;
    uint8_t *raw = malloc((size_t)(count < batch ? count : batch) * 17), *scale;
    int r = raw ? 0 : -ENOMEM;

    for (uint64_t done = 0; done < count && r == 0; done += n) {
        n = count - done < batch ? (size_t)(count - done) : batch;
        scale = raw + 16 * n;
        r = hf_gather(&blocks, first + done, n, raw);
        if (r == 0)
            r = hf_gather(&scales, first + done, n, scale);
        for (size_t i = 0; i < n && r == 0; i++, out += 17) {
            out[0] = scale[i];
            repack(raw + 16 * i, out + 1);
        }
    }
    free(raw);
    return r;
}

/* The weights of some words of the walk, the first of them word `first` of it. */
static void unpack(const struct part *p, uint64_t first, const uint8_t *raw, size_t words,
                   float *values)
{
    const struct hf_slice *slice = p->slice;
    uint64_t across =
        slice->columns / slice->block_columns + (slice->columns % slice->block_columns != 0);
    uint64_t element;
    uint32_t word;
    float scale;

    for (size_t i = 0; i < words; i++) {
        element = 8 * element_at(slice, first + i);
        scale = p->scales[element / slice->columns / slice->block_rows * across +
                          element % slice->columns / slice->block_columns];
        memcpy(&word, raw + 4 * i, sizeof(word));
        word = le32toh(word);
        for (unsigned k = 0; k < 8; k++)
            *values++ = (float)((int)(word >> 4 * k & 15) - 8) * scale;
    }
}

static int read_nibbles(struct part *p, uint64_t first, uint64_t count, uint8_t *out)
{
    const struct hf_walk walk = walk_of(p->plan, p->slice, p->slice->tensor, 4);
    size_t size = type_info(p->type)->block_size, n, skip;
    uint64_t word = first / 8, end = (first + count + 7) / 8;
    uint8_t raw[TILE / 2], narrow[4 * TILE];
    float values[TILE];
    int r = load_scales(p);

    for (; word < end && r == 0; word += n) {
        n = end - word < TILE / 8 ? (size_t)(end - word) : TILE / 8;
        r = hf_gather(&walk, word, n, raw);
        if (r < 0)
            break;
        unpack(p, word, raw, n, values);
        for (unsigned i = 0; i < HF_STEPS_MAX; i++)
            apply_step(p, &p->slice->steps[i], values, 8 * n);
        hf_number_narrow(p->type, values, narrow, 8 * n);
        /* The first and the last word may have more than what is wanted. */
        skip = word * 8 < first ? (size_t)(first - word * 8) : 0;
        n = 8 * n - skip < count ? 8 * n - skip : (size_t)count;
        memcpy(out, narrow + skip * size, n * size);
        out += n * size;
        count -= n;
        n = (skip + n + 7) / 8;
    }
    free(p->scales);
    return r;
}

static int read_slice(const struct hf_plan *plan, const struct hf_plan_slice *slice, enum type type,
                      uint64_t first, uint64_t count, uint8_t *out)
{
    size_t unit = type_info(type)->block_size;
    struct part p = {.plan = plan, .slice = &slice->slice, .type = type};

    switch (slice->slice.kind) {
    case HF_ZEROS:
        memset(out, 0, (size_t)(count * unit));
        return 0;
    case HF_BYTES:
        memcpy(out, plan->bytes + slice->slice.start + first * unit, (size_t)(count * unit));
        return 0;
    case HF_MXFP4:
        return read_groups(&p, first, count, out);
    case HF_NIBBLES:
        p.tensor = &plan->weights->tensors[slice->slice.tensor];
        return read_nibbles(&p, first, count, out);
    default:
        p.tensor = &plan->weights->tensors[slice->slice.tensor];
        return read_weights(&p, first, count, out);
    }
}

/* ---- outputs ---- */

/* The slice that has that unit. */
static const struct hf_plan_slice *slice_at(const struct hf_plan *plan,
                                            const struct hf_output *output, uint64_t unit)
{
    size_t low = output->first_slice, high = low + output->slice_count;

    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;

        if (plan->slices[middle].first <= unit)
            low = middle;
        else
            high = middle;
    }
    return &plan->slices[low];
}

static int read_units(const struct hf_plan *plan, const struct hf_output *output, uint64_t first,
                      uint64_t count, uint8_t *out)
{
    enum type type = hf_plan_unit_type(output->type);
    size_t unit = type_info(type)->block_size;
    const struct hf_plan_slice *slice;
    uint64_t n;
    int r = 0;

    for (; count > 0 && r == 0; first += n, count -= n) {
        slice = slice_at(plan, output, first);
        n = slice->first + slice->count - first;
        n = n < count ? n : count;
        r = read_slice(plan, slice, type, first - slice->first, n, out);
        out += n * unit;
    }
    return r;
}

/* Blocks of Q8_0, from floats that wait for it. */
static int read_q8_0(const struct hf_plan *plan, const struct hf_output *output, uint64_t first,
                     uint64_t count, uint8_t *out)
{
    const struct type_info *info = type_info(TYPE_Q8_0);
    uint64_t batch = BATCH_SIZE / (info->block_weights * sizeof(float)), n;
    float *values =
        malloc((size_t)(count < batch ? count : batch) * info->block_weights * sizeof(*values));
    int r = values ? 0 : -ENOMEM;

    for (; count > 0 && r == 0; first += n, count -= n) {
        n = count < batch ? count : batch;
        r = read_units(plan, output, first * info->block_weights, n * info->block_weights,
                       (uint8_t *)values);
        if (r == 0)
            hf_number_narrow(TYPE_Q8_0, values, out, (size_t)n * info->block_weights);
        out += n * info->block_size;
    }
    free(values);
    return r;
}

static int read_blocks(const struct hf_plan *plan, const struct hf_output *output, uint64_t first,
                       uint64_t count, uint8_t *out)
{
    return output->type == TYPE_Q8_0 ? read_q8_0(plan, output, first, count, out)
                                     : read_units(plan, output, first, count, out);
}

/* Bytes [from, to) of one block. */
static int read_within(const struct hf_plan *plan, const struct hf_output *output, uint64_t number,
                       size_t from, size_t to, uint8_t *out)
{
    uint8_t block[34]; /* of Q8_0, the largest */
    int r = read_blocks(plan, output, number, 1, block);

    if (r == 0)
        memcpy(out, block + from, to - from);
    return r;
}

int hf_plan_read(const struct hf_plan *plan, size_t number, uint64_t offset, void *data,
                 size_t size)
{
    const struct hf_output *output = &plan->outputs[number];
    size_t unit = type_info(output->type)->block_size, from = offset % unit, n;
    uint8_t *out = data;
    int r = 0;

    if (offset > output->size || size > output->size - offset)
        return -EIO;
    if (from > 0 && size > 0) {
        n = unit - from < size ? unit - from : size;
        r = read_within(plan, output, offset / unit, from, from + n, out);
        offset += n;
        out += n;
        size -= n;
    }
    n = size - size % unit;
    if (r == 0 && n > 0)
        r = read_blocks(plan, output, offset / unit, n / unit, out);
    if (r == 0 && size > n)
        r = read_within(plan, output, (offset + n) / unit, 0, size - n, out + n);
    return r;
}

/* The last output that begins at or before `offset`. */
static size_t output_at(const struct hf_plan *plan, uint64_t offset)
{
    size_t low = 0, high = plan->output_count;

    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;

        if (plan->outputs[middle].offset <= offset)
            low = middle;
        else
            high = middle;
    }
    return low;
}

int hf_plan_read_data(const struct hf_plan *plan, uint64_t offset, void *data, size_t size)
{
    uint8_t *out = data;
    uint64_t n, within;
    size_t number;
    int r = 0;

    if (offset > plan->size || size > plan->size - offset)
        return -EIO;
    while (size > 0 && r == 0) {
        const struct hf_output *output;

        number = output_at(plan, offset);
        output = &plan->outputs[number];
        within = offset - output->offset;
        if (within < output->size) {
            n = output->size - within < size ? output->size - within : size;
            r = hf_plan_read(plan, number, within, out, (size_t)n);
        } else {
            n = number + 1 < plan->output_count ? plan->outputs[number + 1].offset - offset
                                                : plan->size - offset;
            n = n < size ? n : size;
            memset(out, 0, (size_t)n);
        }
        offset += n;
        out += n;
        size -= (size_t)n;
    }
    return r;
}

/* ---- spans ---- */

struct spans {
    void (*span)(void *context, unsigned file, uint64_t offset, uint64_t size);
    void *context;
};

/* Units [first, first + count) of a slice. Where they lie apart, those between them are still to
 * come: nothing is said of such a range. */
static void span_of_slice(const struct hf_plan *plan, const struct hf_plan_slice *slice,
                          uint64_t first, uint64_t count, const struct spans *spans)
{
    const struct hf_slice *walk = &slice->slice;
    const struct hf_tensor *tensor;
    uint64_t within = 1, rows, low, high, size;
    unsigned dim = 0;

    if (walk->kind == HF_ZEROS || walk->kind == HF_BYTES)
        return;
    if (walk->kind == HF_NIBBLES) {
        count = (first % 8 + count + 7) / 8;
        first /= 8;
    }
    tensor = &plan->weights->tensors[walk->tensor];
    size = walk->kind == HF_MXFP4 ? 16 : element_size(tensor);
    for (unsigned i = 1; i < walk->dim_count; i++)
        within *= walk->dims[i].count;
    /* The outermost dimension that the range has more than one step of. */
    for (; dim + 1 < walk->dim_count && count <= within; dim++)
        within /= walk->dims[dim + 1].count;
    low = element_at(walk, first / within * within);
    rows = walk->dim_count ? (first % within + count + within - 1) / within : 1;
    high = low;
    for (unsigned i = dim; i < walk->dim_count; i++)
        high += ((i == dim ? rows : walk->dims[i].count) - 1) * walk->dims[i].stride;
    if (high - low + 1 <= 2 * rows * within)
        spans->span(spans->context, tensor->file, tensor->offset + low * size,
                    (high - low + 1) * size);
}

/* Blocks [first, first + count). */
static void span_of_output(const struct hf_plan *plan, const struct hf_output *output,
                           uint64_t first, uint64_t count, const struct spans *spans)
{
    uint64_t units = type_info((uint32_t)output->type)->block_weights /
                     type_info((uint32_t)hf_plan_unit_type(output->type))->block_weights;
    const struct hf_plan_slice *slice;
    uint64_t n;

    first *= units;
    count *= units;
    for (; count > 0; first += n, count -= n) {
        slice = slice_at(plan, output, first);
        n = slice->first + slice->count - first;
        n = n < count ? n : count;
        span_of_slice(plan, slice, first - slice->first, n, spans);
    }
}

void hf_plan_spans(const struct hf_plan *plan, uint64_t offset, uint64_t size,
                   void (*span)(void *context, unsigned file, uint64_t offset, uint64_t size),
                   void *context)
{
    const struct spans spans = {span, context};
    uint64_t end;

    if (plan->output_count == 0 || __builtin_add_overflow(offset, size, &end))
        return;
    for (size_t i = output_at(plan, offset); i < plan->output_count; i++) {
        const struct hf_output *output = &plan->outputs[i];
        uint64_t unit = type_info((uint32_t)output->type)->block_size;
        uint64_t from = offset > output->offset ? offset - output->offset : 0, to;

        if (output->offset >= end)
            return;
        to = end - output->offset < output->size ? end - output->offset : output->size;
        if (from < to)
            span_of_output(plan, output, from / unit, (to - 1) / unit - from / unit + 1, &spans);
    }
}
