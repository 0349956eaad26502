#include "quant/format/safetensors.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "quant/format/json_scan.h"

/* The format's own limit of a header. */
#define HEADER_SIZE_MAX 100000000u

static const struct {
    const char *name;
    unsigned bits;
} dtypes[SAFETENSORS_DTYPE_COUNT] = {
    [SAFETENSORS_BOOL] = {"BOOL", 8},
    [SAFETENSORS_U8] = {"U8", 8},
    [SAFETENSORS_I8] = {"I8", 8},
    [SAFETENSORS_F8_E4M3] = {"F8_E4M3", 8},
    [SAFETENSORS_F8_E5M2] = {"F8_E5M2", 8},
    [SAFETENSORS_F8_E8M0] = {"F8_E8M0", 8},
    [SAFETENSORS_F8_E4M3FNUZ] = {"F8_E4M3FNUZ", 8},
    [SAFETENSORS_F8_E5M2FNUZ] = {"F8_E5M2FNUZ", 8},
    [SAFETENSORS_F16] = {"F16", 16},
    [SAFETENSORS_BF16] = {"BF16", 16},
    [SAFETENSORS_I16] = {"I16", 16},
    [SAFETENSORS_U16] = {"U16", 16},
    [SAFETENSORS_F32] = {"F32", 32},
    [SAFETENSORS_I32] = {"I32", 32},
    [SAFETENSORS_U32] = {"U32", 32},
    [SAFETENSORS_F64] = {"F64", 64},
    [SAFETENSORS_I64] = {"I64", 64},
    [SAFETENSORS_U64] = {"U64", 64},
    [SAFETENSORS_C64] = {"C64", 64},
    [SAFETENSORS_F4] = {"F4", 4},
    [SAFETENSORS_F6_E2M3] = {"F6_E2M3", 6},
    [SAFETENSORS_F6_E3M2] = {"F6_E3M2", 6},
};

struct parser {
    struct safetensors *safetensors;
    struct defect *defect;
    struct json_scan scan;
    uint64_t data_offset; /* bytes from the start of the file */
    uint64_t file_size;
    size_t capacity;
    size_t names_size;
};

const char *safetensors_dtype_name(enum safetensors_dtype dtype)
{
    return dtypes[dtype].name;
}

unsigned safetensors_dtype_bits(enum safetensors_dtype dtype)
{
    return dtypes[dtype].bits;
}

/* The fault of the scan becomes the defect. */
static int broken(struct parser *p)
{
    return defect_set(p->defect, EINVAL, 8 + json_scan_offset(&p->scan), "%s", p->scan.fault);
}

static bool fail(struct parser *p, const char *fault)
{
    return json_scan_fail(&p->scan, fault);
}

/* ---- one entry ---- */

static bool read_dtype(struct parser *p, struct safetensors_tensor *tensor)
{
    const char *text;
    size_t size;

    if (!json_scan_string(&p->scan, &text, &size))
        return false;
    for (unsigned i = 0; i < SAFETENSORS_DTYPE_COUNT; i++)
        if (strlen(dtypes[i].name) == size && memcmp(dtypes[i].name, text, size) == 0) {
            tensor->dtype = (enum safetensors_dtype)i;
            return true;
        }
    return fail(p, "a dtype that is unknown");
}

static bool read_shape(struct parser *p, struct safetensors_tensor *tensor)
{
    for (unsigned i = 0; i < SAFETENSORS_DIMS_MAX; i++)
        tensor->shape[i] = 1;
    if (!json_scan_open(&p->scan, '['))
        return false;
    while (json_scan_more(&p->scan, ']', tensor->n_dims == 0)) {
        if (tensor->n_dims == SAFETENSORS_DIMS_MAX)
            return fail(p, "more than 8 dimensions");
        if (!json_scan_u64(&p->scan, &tensor->shape[tensor->n_dims++]))
            return false;
    }
    return !p->scan.fault;
}

/* Offsets from the start of the data, until place() knows all of them. */
static bool read_offsets(struct parser *p, struct safetensors_tensor *tensor)
{
    uint64_t end;

    if (!json_scan_open(&p->scan, '[') || !json_scan_more(&p->scan, ']', true) ||
        !json_scan_u64(&p->scan, &tensor->offset) || !json_scan_more(&p->scan, ']', false) ||
        !json_scan_u64(&p->scan, &end) || json_scan_more(&p->scan, ']', false) || p->scan.fault)
        return fail(p, "no pair of offsets");
    if (end < tensor->offset)
        return fail(p, "data that ends before it begins");
    tensor->size = end - tensor->offset;
    return true;
}

static bool check_size(struct parser *p, const struct safetensors_tensor *tensor)
{
    uint64_t bits = dtypes[tensor->dtype].bits;

    for (unsigned i = 0; i < tensor->n_dims; i++)
        if (__builtin_mul_overflow(bits, tensor->shape[i], &bits))
            return fail(p, "a shape that is too large");
    if (bits % 8 != 0 || bits / 8 != tensor->size)
        return fail(p, "a shape that does not fit the size of the data");
    return true;
}

static bool read_entry(struct parser *p, struct safetensors_tensor *tensor)
{
    enum { DTYPE = 1, SHAPE = 2, OFFSETS = 4, ALL = 7 };
    unsigned seen = 0, member;
    const char *text;
    size_t size;
    bool read;

    if (!json_scan_open(&p->scan, '{'))
        return false;
    for (bool first = true; json_scan_more(&p->scan, '}', first); first = false) {
        if (!json_scan_name(&p->scan, &text, &size))
            return false;
        member = size == 5 && memcmp(text, "dtype", 5) == 0            ? DTYPE
                 : size == 5 && memcmp(text, "shape", 5) == 0          ? SHAPE
                 : size == 12 && memcmp(text, "data_offsets", 12) == 0 ? OFFSETS
                                                                       : 0;
        if (seen & member)
            return fail(p, "a member that is there twice");
        seen |= member;
        read = member == DTYPE     ? read_dtype(p, tensor)
               : member == SHAPE   ? read_shape(p, tensor)
               : member == OFFSETS ? read_offsets(p, tensor)
                                   : json_scan_skip(&p->scan);
        if (!read)
            return false;
    }
    if (!p->scan.fault && seen != ALL)
        return fail(p, "no dtype, shape or data_offsets");
    return !p->scan.fault && check_size(p, tensor);
}

/* ---- the header ---- */

static bool read_metadata(struct parser *p)
{
    const char *text;
    size_t size;

    if (!json_scan_open(&p->scan, '{'))
        return false;
    for (bool first = true; json_scan_more(&p->scan, '}', first); first = false)
        if (!json_scan_name(&p->scan, &text, &size) || !json_scan_string(&p->scan, &text, &size))
            return false;
    return !p->scan.fault;
}

static int add(struct parser *p, const char *name, size_t size)
{
    struct safetensors *all = p->safetensors;
    struct safetensors_tensor *tensors = all->tensors;

    if (memchr(name, 0, size)) {
        (void)fail(p, "a name with a zero byte");
        return broken(p);
    }
    if (all->count == p->capacity) {
        p->capacity = p->capacity ? 2 * p->capacity : 64;
        tensors = reallocarray(tensors, p->capacity, sizeof(*tensors));
        if (!tensors)
            return -ENOMEM;
        all->tensors = tensors;
    }
    tensors += all->count;
    *tensors = (struct safetensors_tensor){.name = name};
    if (!read_entry(p, tensors))
        return broken(p);
    /* Behind the name stood at least its quote, which has been read. */
    p->scan.start[name + size - p->scan.start] = '\0';
    p->names_size += size + 1;
    all->count++;
    return 0;
}

static int read_entries(struct parser *p)
{
    bool metadata = false;
    const char *name;
    size_t size;
    int r;

    (void)json_scan_open(&p->scan, '{');
    for (bool first = true; !p->scan.fault && json_scan_more(&p->scan, '}', first); first = false) {
        if (!json_scan_name(&p->scan, &name, &size))
            break;
        if (size == 12 && memcmp(name, "__metadata__", 12) == 0) {
            if (metadata)
                (void)fail(p, "a name that is there twice");
            metadata = true;
            (void)read_metadata(p);
            continue;
        }
        r = add(p, name, size);
        if (r < 0)
            return r;
    }
    return json_scan_end(&p->scan) ? 0 : broken(p);
}

/* Names of their own, so that the text of the header can go. */
static int keep_names(struct parser *p)
{
    struct safetensors *all = p->safetensors;
    char *at = all->names = malloc(p->names_size + 1);

    if (!at)
        return -ENOMEM;
    for (size_t i = 0; i < all->count; i++) {
        size_t size = strlen(all->tensors[i].name) + 1;

        all->tensors[i].name = memcpy(at, all->tensors[i].name, size);
        at += size;
    }
    return 0;
}

/* ---- where the data lies ---- */

static int compare_places(const void *a, const void *b)
{
    const struct safetensors_tensor *x = a, *y = b;

    if (x->offset != y->offset)
        return x->offset < y->offset ? -1 : 1;
    return (x->size > y->size) - (x->size < y->size);
}

static int compare_names(const void *a, const void *b)
{
    const struct safetensors_tensor *x = a, *y = b;

    return strcmp(x->name, y->name);
}

/* The tensors cover the data without a gap, and nothing lies behind them. */
static int place(struct parser *p)
{
    struct safetensors *all = p->safetensors;
    uint64_t end = 0, there = p->file_size - p->data_offset;

    if (all->count > 0)
        qsort(all->tensors, all->count, sizeof(*all->tensors), compare_places);
    for (size_t i = 0; i < all->count; i++) {
        struct safetensors_tensor *tensor = &all->tensors[i];

        if (tensor->offset != end)
            return defect_set(p->defect, EINVAL, p->data_offset + end,
                              "tensor %.200s: a gap or an overlap before its data", tensor->name);
        if (__builtin_add_overflow(end, tensor->size, &end) || end > INT64_MAX - p->data_offset)
            return defect_set(p->defect, EINVAL, DEFECT_NOWHERE, "tensor %.200s: it is too large",
                              tensor->name);
        tensor->offset += p->data_offset;
    }
    if (end > there)
        return defect_set(p->defect, ENODATA, p->file_size,
                          "the file ends here, its data would end at %" PRIu64,
                          p->data_offset + end);
    if (end < there)
        return defect_set(p->defect, EINVAL, p->data_offset + end,
                          "%" PRIu64 " bytes behind the data", there - end);
    return 0;
}

static int sort_names(struct parser *p)
{
    struct safetensors *all = p->safetensors;

    if (all->count > 0)
        qsort(all->tensors, all->count, sizeof(*all->tensors), compare_names);
    for (size_t i = 1; i < all->count; i++)
        if (strcmp(all->tensors[i - 1].name, all->tensors[i].name) == 0)
            return defect_set(p->defect, EINVAL, DEFECT_NOWHERE, "tensor %.200s is there twice",
                              all->tensors[i].name);
    return 0;
}

/* ---- */

static int load(struct parser *p, int fd, uint64_t offset, void *data, size_t size)
{
    uint8_t *out = data;
    ssize_t n;

    while (size > 0) {
        n = pread(fd, out, size, (off_t)offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return defect_set(p->defect, EIO, offset, "%s", strerror(errno));
        if (n == 0)
            return defect_set(p->defect, ENODATA, offset, "the file ends in its header");
        out += n;
        offset += (uint64_t)n;
        size -= (size_t)n;
    }
    return 0;
}

static int read_header(struct parser *p, int fd, char **text)
{
    uint8_t bytes[8];
    uint64_t size = 0;
    int r = load(p, fd, 0, bytes, sizeof(bytes));

    if (r < 0)
        return r;
    for (int i = 8; i-- > 0;)
        size = size << 8 | bytes[i];
    if (size > HEADER_SIZE_MAX)
        return defect_set(p->defect, EINVAL, 0, "a header of %" PRIu64 " bytes", size);
    if (p->file_size < 8 || size > p->file_size - 8)
        return defect_set(p->defect, ENODATA, p->file_size, "the file ends in its header");
    *text = malloc((size_t)size + 1);
    if (!*text)
        return -ENOMEM;
    p->data_offset = 8 + size;
    r = load(p, fd, 8, *text, (size_t)size);
    if (r < 0)
        return r;
    json_scan_start(&p->scan, *text, (size_t)size);
    return read_entries(p);
}

int safetensors_parse(int fd, uint64_t size, struct safetensors *safetensors, struct defect *defect)
{
    struct parser p = {.safetensors = safetensors, .defect = defect, .file_size = size};
    char *text = NULL;
    int r;

    *safetensors = (struct safetensors){0};
    r = read_header(&p, fd, &text);
    if (r == 0)
        r = keep_names(&p);
    free(text);
    if (r == 0)
        r = place(&p);
    if (r == 0)
        r = sort_names(&p);
    if (r == -ENOMEM)
        r = defect_set(defect, ENOMEM, DEFECT_NOWHERE, "%s", strerror(ENOMEM));
    if (r < 0)
        safetensors_free(safetensors);
    return r;
}

void safetensors_free(struct safetensors *safetensors)
{
    free(safetensors->tensors);
    free(safetensors->names);
    *safetensors = (struct safetensors){0};
}
