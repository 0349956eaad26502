#include "quant/format/hf/gather.h"

#include <stdlib.h>
#include <string.h>

/* Bytes that are read at once into memory of our own. */
#define SPAN_MAX ((uint64_t)256 << 10)
/* Bytes that are read for nothing rather than read around: about what a system call costs. */
#define GAP_MAX ((uint64_t)4096)

/* A dimension of a box: steps in the file, and in what is written. In elements. */
struct axis {
    uint64_t count, from, to;
};

struct box {
    const struct hf_walk *walk;
    uint8_t *scratch; /* SPAN_MAX bytes, made at first use */
    unsigned axis_count;
    struct axis axes[HF_DIMS_MAX]; /* smallest step in the file first */
};

static int read_elements(const struct hf_walk *walk, uint64_t element, uint64_t count, void *data)
{
    int r = hf_read_at(walk->fd, walk->offset + element * walk->size, data,
                       (size_t)(count * walk->size));

    return r == -ENODATA ? -EIO : r;
}

/* ---- out of memory, in the order of the walk ---- */

#define COPY_CASE(bytes)                                                                           \
    case bytes:                                                                                    \
        for (uint64_t i = 0; i < axis->count; i++)                                                 \
            memcpy(out + i * axis->to * (bytes), in + i * axis->from * (bytes), bytes);            \
        break

static void copy_row(const struct axis *axis, size_t size, const uint8_t *in, uint8_t *out)
{
    if (axis->from == 1 && axis->to == 1) {
        memcpy(out, in, (size_t)(axis->count * size));
        return;
    }
    switch (size) {
        COPY_CASE(1);
        COPY_CASE(2);
        COPY_CASE(4);
        COPY_CASE(8);
    default:
        for (uint64_t i = 0; i < axis->count; i++)
            memcpy(out + i * axis->to * size, in + i * axis->from * size, size);
        break;
    }
}

/* `axes`: the largest step of what is written first. */
static void scatter(const struct axis *axes, unsigned count, size_t size, const uint8_t *in,
                    uint8_t *out)
{
    if (count == 0) {
        memcpy(out, in, size);
        return;
    }
    if (count == 1) {
        copy_row(axes, size, in, out);
        return;
    }
    for (uint64_t i = 0; i < axes->count; i++)
        scatter(axes + 1, count - 1, size, in + i * axes->from * size, out + i * axes->to * size);
}

static int compare_to(const void *a, const void *b)
{
    const struct axis *x = a, *y = b;

    return (x->to < y->to) - (x->to > y->to);
}

static int compare_from(const void *a, const void *b)
{
    const struct axis *x = a, *y = b;

    return (x->from > y->from) - (x->from < y->from);
}

/* ---- boxes ---- */

/* The first `count` axes lie within `span` elements from `element` on. */
static int copy_span(struct box *box, const struct axis *axes, unsigned count, uint64_t span,
                     uint64_t element, uint8_t *out)
{
    const struct hf_walk *walk = box->walk;
    struct axis sorted[HF_DIMS_MAX];
    int r;

    if (count == 0 || (count == 1 && axes->from == 1 && axes->to == 1))
        return read_elements(walk, element, span, out);
    if (!box->scratch)
        box->scratch = malloc(SPAN_MAX);
    if (!box->scratch)
        return -ENOMEM;
    r = read_elements(walk, element, span, box->scratch);
    if (r < 0)
        return r;
    memcpy(sorted, axes, count * sizeof(*axes));
    qsort(sorted, count, sizeof(*sorted), compare_to);
    scatter(sorted, count, walk->size, box->scratch, out);
    return 0;
}

/* How many of the axes are worth to be read at once, and what they span; *part: how much of the
 * last one. */
static unsigned take_axes(const struct box *box, uint64_t *span, uint64_t *part)
{
    uint64_t size = box->walk->size, room = SPAN_MAX / size, n;
    unsigned taken = 0;

    *span = 1;
    *part = 0;
    for (; taken < box->axis_count && *span < room; taken++) {
        const struct axis *axis = &box->axes[taken];

        if (axis->from > *span && (axis->from - *span) * size > GAP_MAX)
            break;
        n = (room - *span) / axis->from + 1;
        /* One run of the file that is written as one goes without memory of our own. */
        if (n > axis->count || (taken == 0 && axis->from == 1 && axis->to == 1))
            n = axis->count;
        if (n == 1)
            break;
        *part = n;
        *span += (n - 1) * axis->from;
        if (n < axis->count)
            return taken + 1;
    }
    return taken;
}

static int copy_rest(struct box *box, struct axis *axes, unsigned taken, uint64_t span,
                     unsigned rest, uint64_t element, uint8_t *out)
{
    const struct axis *axis;
    int r = 0;

    if (rest == taken)
        return copy_span(box, axes, taken, span, element, out);
    axis = &box->axes[rest - 1];
    for (uint64_t i = 0; i < axis->count && r == 0; i++)
        r = copy_rest(box, axes, taken, span, rest - 1, element + i * axis->from,
                      out + i * axis->to * box->walk->size);
    return r;
}

/* All of the box whose first element is `element`. */
static int copy_box(struct box *box, uint64_t element, uint8_t *out)
{
    struct axis axes[HF_DIMS_MAX], *last;
    uint64_t span, part, done = 0, count, before;
    unsigned taken = take_axes(box, &span, &part);
    int r = 0;

    memcpy(axes, box->axes, sizeof(axes));
    if (taken == 0)
        return copy_rest(box, axes, 0, 1, box->axis_count, element, out);
    /* The last of those that are taken goes in parts. */
    last = &axes[taken - 1];
    count = last->count;
    before = span - (part - 1) * last->from;
    for (; done < count && r == 0; done += part) {
        last->count = count - done < part ? count - done : part;
        r = copy_rest(box, axes, taken, before + (last->count - 1) * last->from, box->axis_count,
                      element + done * last->from, out + done * last->to * box->walk->size);
    }
    return r;
}

/* `count` of the outermost dimension from `dim` on, all of those within. */
static int gather_box(struct box *box, unsigned dim, uint64_t element, uint64_t count, uint8_t *out)
{
    const struct hf_walk *walk = box->walk;
    uint64_t step = 1;

    box->axis_count = 0;
    for (unsigned i = walk->dim_count; i-- > dim;) {
        const struct axis axis = {i == dim ? count : walk->dims[i].count, walk->dims[i].stride,
                                  step};

        step *= axis.count;
        if (axis.count > 1)
            box->axes[box->axis_count++] = axis;
    }
    if (box->axis_count > 1)
        qsort(box->axes, box->axis_count, sizeof(*box->axes), compare_from);
    return copy_box(box, element, out);
}

/* ---- ranges ---- */

/* A range of the dimensions from `dim` on is a part of one of them, whole ones, a part. */
static int gather_range(struct box *box, unsigned dim, uint64_t element, uint64_t first,
                        uint64_t count, uint8_t *out)
{
    const struct hf_walk *walk = box->walk;
    uint64_t within = 1, stride, n;
    int r = 0;

    if (count == 0)
        return 0;
    if (dim == walk->dim_count)
        return read_elements(walk, element, 1, out);
    for (unsigned i = dim + 1; i < walk->dim_count; i++)
        within *= walk->dims[i].count;
    stride = walk->dims[dim].stride;
    element += first / within * stride;
    first %= within;
    if (first > 0) {
        n = within - first < count ? within - first : count;
        r = gather_range(box, dim + 1, element, first, n, out);
        element += stride;
        count -= n;
        out += n * walk->size;
    }
    n = count / within;
    if (r == 0 && n > 0) {
        r = gather_box(box, dim, element, n, out);
        element += n * stride;
        count -= n * within;
        out += n * within * walk->size;
    }
    return r < 0 ? r : gather_range(box, dim + 1, element, 0, count, out);
}

/* Without dimensions of one, and with those as one that lie in the file as one. */
static struct hf_walk simplified(const struct hf_walk *walk)
{
    struct hf_walk simple = *walk;
    struct hf_dim *last;

    simple.dim_count = 0;
    for (unsigned i = 0; i < walk->dim_count; i++) {
        const struct hf_dim *dim = &walk->dims[i];

        last = simple.dim_count ? &simple.dims[simple.dim_count - 1] : NULL;
        if (dim->count == 1)
            continue;
        if (last && last->stride == dim->count * dim->stride)
            *last = (struct hf_dim){last->count * dim->count, dim->stride};
        else
            simple.dims[simple.dim_count++] = *dim;
    }
    return simple;
}

int hf_gather(const struct hf_walk *walk, uint64_t first, uint64_t count, uint8_t *out)
{
    const struct hf_walk simple = simplified(walk);
    struct box box = {.walk = &simple};
    int r = gather_range(&box, 0, simple.start, first, count, out);

    free(box.scratch);
    return r;
}
