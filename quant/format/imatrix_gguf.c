/*
 * An importance matrix in a GGUF file:
 *
 *   keys      imatrix.datasets    strings, may be none
 *             imatrix.chunk_count U32
 *             imatrix.chunk_size  U32
 *   tensors   NAME.in_sum2        F32, sums of squares: row length times matrices
 *             NAME.counts         F32, one a matrix: how often it was met
 *             NAME.in_sum         if it is there as many as in_sum2; of no use here
 *             others              not looked at
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "quant/format/gguf.h"
#include "quant/format/imatrix_state.h"
#include "quant/type.h"

/* Values that are loaded at once where they are not kept. */
#define WINDOW 1024

enum role { SUMS, COUNTS, PLAIN_SUMS, ROLES };

static const char *const endings[ROLES] = {
    [SUMS] = ".in_sum2", [COUNTS] = ".counts", [PLAIN_SUMS] = ".in_sum"};

/* One tensor that has a part in an entry. */
struct part {
    const struct gguf_tensor *tensor;
    size_t length; /* of its name without the ending */
    enum role role;
};

struct reading {
    int fd;
    const struct gguf *gguf;
    struct imatrix *imatrix;
    struct defect *defect;
    struct part *parts; /* by name, then role */
    size_t part_count;
};

/* --- the parts ---------------------------------------------------------------------------------
 */

static bool find_role(const char *name, struct part *part)
{
    size_t length = strlen(name), ending;

    for (int i = 0; i < ROLES; i++) {
        ending = strlen(endings[i]);
        if (length >= ending && strcmp(name + length - ending, endings[i]) == 0) {
            part->length = length - ending;
            part->role = (enum role)i;
            return true;
        }
    }
    return false;
}

static int compare_names(const struct part *a, const struct part *b)
{
    size_t length = a->length < b->length ? a->length : b->length;
    int order = memcmp(a->tensor->name, b->tensor->name, length);

    return order ? order : (a->length > b->length) - (a->length < b->length);
}

static int compare_parts(const void *a, const void *b)
{
    const struct part *x = a, *y = b;
    int order = compare_names(x, y);

    return order ? order : (x->role > y->role) - (x->role < y->role);
}

static int find_parts(struct reading *reading)
{
    const struct gguf *gguf = reading->gguf;
    struct part *part;

    reading->parts = reallocarray(NULL, gguf->tensor_count + 1, sizeof(*reading->parts));
    if (!reading->parts)
        return -ENOMEM;
    for (size_t i = 0; i < gguf->tensor_count; i++) {
        part = &reading->parts[reading->part_count];
        part->tensor = &gguf->tensors[i];
        /* The tool passes over a tensor without a name. */
        if (gguf->tensors[i].name[0] != '\0' && find_role(gguf->tensors[i].name, part))
            reading->part_count++;
    }
    qsort(reading->parts, reading->part_count, sizeof(*reading->parts), compare_parts);
    return 0;
}

/* --- an entry ----------------------------------------------------------------------------------
 */

static uint64_t values_of(const struct gguf_tensor *tensor)
{
    return tensor->ne[0] * tensor->ne[1] * tensor->ne[2] * tensor->ne[3]; /* gguf_parse() saw it */
}

/* Divides the sums, which are the values as yet. Where matrices are not all of one length, what is
 * left over behind them is zero. */
static int divide(const struct reading *reading, const struct gguf_tensor *counts,
                  struct imatrix_entry *entry)
{
    uint64_t count = values_of(counts), length = count > 0 ? entry->count / count : 0, done = 0;
    float window[WINDOW], divisor, *values = entry->values;
    size_t n;
    int r = 0;

    for (; done < count && length > 0 && r == 0; done += n) {
        n = count - done < WINDOW ? (size_t)(count - done) : WINDOW;
        r = imatrix_load(reading->fd, counts->offset + 4 * done, window, 4 * n, reading->defect);
        for (size_t i = 0; i < n && r == 0; i++) {
            /* Beyond what a number of 64 bits holds it is taken for a negative one. */
            divisor = fabsf(window[i]) < 0x1p63f ? (float)lroundf(window[i]) : 0;
            for (uint64_t j = 0; j < length; j++, values++)
                *values = divisor > 0 ? *values / divisor : 1;
        }
    }
    for (; values < entry->values + entry->count; values++)
        *values = 0;
    return r;
}

static int take_entry(struct reading *reading, const struct part *name,
                      const struct gguf_tensor *sums, const struct gguf_tensor *counts)
{
    struct imatrix_entry *entry = imatrix_add(reading->imatrix);
    int r;

    if (!entry)
        return -ENOMEM;
    entry->name = strndup(name->tensor->name, name->length);
    if (!entry->name)
        return -ENOMEM;
    r = imatrix_take_values(reading->imatrix, entry, values_of(sums));
    if (r == 0)
        r = imatrix_load(reading->fd, sums->offset, entry->values, (size_t)sums->size,
                         reading->defect);
    return r < 0 ? r : divide(reading, counts, entry);
}

/* The entry whose parts begin at `first`; returns how many they are. */
static int read_entry(struct reading *reading, size_t first)
{
    const struct part *name = &reading->parts[first];
    const struct gguf_tensor *tensors[ROLES] = {NULL};
    int count = 0, r;

    while (first + (size_t)count < reading->part_count && compare_names(name, &name[count]) == 0) {
        tensors[name[count].role] = name[count].tensor;
        count++;
    }
    if (!tensors[SUMS] || !tensors[COUNTS] ||
        (tensors[PLAIN_SUMS] && values_of(tensors[PLAIN_SUMS]) != values_of(tensors[SUMS])))
        return defect_set(reading->defect, EINVAL, DEFECT_NOWHERE,
                          "mismatched sums and counts for %.*s", (int)name->length,
                          name->tensor->name);
    if (tensors[SUMS]->type != TYPE_F32 || tensors[COUNTS]->type != TYPE_F32)
        return defect_set(reading->defect, EINVAL, DEFECT_NOWHERE,
                          "sums and counts for %.*s must be F32", (int)name->length,
                          name->tensor->name);
    r = take_entry(reading, name, tensors[SUMS], tensors[COUNTS]);
    return r < 0 ? r : count;
}

static int read_entries(struct reading *reading)
{
    int count;

    for (size_t i = 0; i < reading->part_count; i += (size_t)count) {
        count = read_entry(reading, i);
        if (count < 0)
            return count;
    }
    return 0;
}

/* --- keys ---------------------------------------------------------------------------------------
 */

/* The number of a key that may be missing, then 0. The tool stops at another type than U32. */
static int read_number(const struct reading *reading, const char *name, uint32_t *number,
                       bool *found)
{
    const struct gguf_key *key = gguf_find(reading->gguf, name);
    uint8_t bytes[4] = {0};
    int r;

    *found = key != NULL;
    *number = 0;
    if (!key)
        return 0;
    if (key->type != GGUF_U32)
        return defect_set(reading->defect, EINVAL, key->offset,
                          "key %s has wrong type %s but expected type u32", name,
                          gguf_type_name(key->type));
    r = imatrix_load(reading->fd, key->value, bytes, sizeof(bytes), reading->defect);
    for (int i = 4; i-- > 0;)
        *number = *number << 8 | bytes[i];
    return r;
}

/* The first of the datasets, cut as in a header. */
static int read_dataset(const struct reading *reading, const struct gguf_key *key)
{
    struct imatrix *imatrix = reading->imatrix;
    size_t room = sizeof(imatrix->dataset) - 1;
    uint8_t bytes[8];
    uint64_t length = 0;
    int r;

    if (key->type != GGUF_ARRAY || key->subtype != GGUF_STRING || key->count == 0)
        return 0;
    r = imatrix_load(reading->fd, key->value, bytes, sizeof(bytes), reading->defect);
    for (int i = 8; i-- > 0;)
        length = length << 8 | bytes[i];
    imatrix->has_dataset = true;
    if (r < 0)
        return r;
    return imatrix_load(reading->fd, key->value + 8, imatrix->dataset,
                        length < room ? (size_t)length : room, reading->defect);
}

/* *complete: the three keys are there that make a GGUF file an importance matrix. */
static int read_keys(const struct reading *reading, bool *complete)
{
    const struct gguf_key *datasets = gguf_find(reading->gguf, "imatrix.datasets");
    bool found_count, found_size, found;
    uint32_t count = 0, ignored;
    int r = datasets ? read_dataset(reading, datasets) : 0;

    if (r == 0)
        r = read_number(reading, "imatrix.chunk_count", &count, &found_count);
    if (r == 0)
        r = read_number(reading, "imatrix.chunk_size", &ignored, &found_size);
    if (r == 0)
        r = read_number(reading, "imatrix.n_layer_nextn", &ignored, &found);
    if (r < 0)
        return r;
    reading->imatrix->chunk_count = (int32_t)count;
    *complete = datasets && found_count && found_size;
    return 0;
}

/* --- the whole ----------------------------------------------------------------------------------
 */

/* The tool reads all data at once, with the padding behind the last tensor. */
static int check_end(const struct reading *reading, uint64_t size)
{
    const struct gguf *gguf = reading->gguf;
    const struct gguf_tensor *last;

    if (gguf->tensor_count == 0)
        return defect_set(reading->defect, EINVAL, DEFECT_NOWHERE, "no data");
    last = &gguf->tensors[gguf->tensor_count - 1];
    if ((-last->size & (gguf->alignment - 1)) > size - (last->offset + last->size))
        return defect_set(reading->defect, ENODATA, size, "failed to read tensor data binary blob");
    return 0;
}

int imatrix_read_gguf(int fd, uint64_t size, struct imatrix *imatrix, struct defect *defect)
{
    struct gguf gguf;
    struct reading reading = {.fd = fd, .gguf = &gguf, .imatrix = imatrix, .defect = defect};
    bool complete = false;
    int r = gguf_parse(fd, size, &gguf, defect);

    if (r < 0)
        return r;
    r = check_end(&reading, size);
    if (r == 0)
        r = read_keys(&reading, &complete);
    if (r == 0)
        r = find_parts(&reading);
    if (r == 0)
        r = read_entries(&reading);
    if (r == 0 && !complete)
        r = defect_set(defect, ENOKEY, DEFECT_NOWHERE, "missing imatrix metadata");
    free(reading.parts);
    gguf_free(&gguf);
    return r;
}
