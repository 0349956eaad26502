/*
 * A GGUF file, version 2 or 3, all numbers little-endian:
 *
 *   magic "GGUF", version U32, number of tensors U64, number of keys U64
 *   keys           name STRING, type U32, value; an array's value: element type U32, count U64,
 *                  elements. STRING: length U64, bytes without an end
 *   tensor infos   name STRING, number of dimensions U32, dimensions U64 each, type U32,
 *                  offset U64 from the start of the data
 *   padding to the alignment (general.alignment, else 32), where there are tensors
 *   data           each tensor padded to the alignment, in the order of the infos, without gaps
 *
 * What holds: nothing is allocated for a record before the whole record before it was read, so
 * memory follows the bytes that are there and not the counts that the file claims; every name is
 * compared by a sort, so that no choice of names makes this slow.
 */
#include "quant/format/gguf.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "quant/format/cursor.h"
#include "quant/type.h"

/* Limits of the reference tool's reader (ggml 0.27). */
#define STRING_MAX (UINT64_C(1) << 30)   /* bytes */
#define ELEMENTS_MAX (UINT64_C(1) << 30) /* of an array */
#define TENSOR_NAME_MAX 63               /* bytes */
#define KEYS_MAX (UINT64_MAX / 88)
#define TENSORS_MAX (UINT64_MAX / 344)

/* The smallest records: a key of one byte and a byte's value; a tensor without name and dimensions.
 */
#define KEY_SIZE_MIN 14
#define TENSOR_SIZE_MIN 24

/* Names, in blocks that stay where they are. */
struct names {
    struct names *next;
    size_t size, used;
    char text[];
};

struct parser {
    struct cursor cursor;
    struct gguf *gguf;
    struct defect *defect;
    const char *part; /* what fails if something fails now, in the words of the reference tool */
    uint64_t key_count, tensor_count; /* as the file claims */
    uint64_t infos;                   /* offset of the first tensor info */
    uint64_t data_size;               /* of the tensors so far, with padding */
};

/* Longer names are cut in messages, so that the reason behind them is seen. */
#define NAME "%.128s"

#define BAD(p, at, ...) defect_set((p)->defect, EINVAL, at, __VA_ARGS__)

/* The error that the cursor carries. */
static int unread(const struct parser *p)
{
    if (p->cursor.error == -EIO)
        return defect_set(p->defect, EIO, p->cursor.start + p->cursor.filled, "%s: %s", p->part,
                          strerror(p->cursor.io_errno));
    return defect_set(p->defect, ENODATA, p->cursor.size, "%s: the file ends here", p->part);
}

/* --- strings -----------------------------------------------------------------------------------
 */

static char *take_name(struct gguf *gguf, size_t size)
{
    struct names *block = gguf->arena;
    size_t room = block ? block->size : 1024;
    char *text;

    if (!block || block->size - block->used < size) {
        room = room < 64 * 1024 ? 2 * room : room;
        room = room < size ? size : room;
        block = malloc(sizeof(*block) + room);
        if (!block)
            return NULL;
        block->next = gguf->arena;
        block->size = room;
        block->used = 0;
        gguf->arena = block;
    }
    text = block->text + block->used;
    block->used += size;
    return text;
}

static int read_length(struct parser *p, uint64_t *length)
{
    uint64_t at = p->cursor.offset;

    *length = cursor_u64(&p->cursor);
    if (p->cursor.error)
        return unread(p);
    if (*length > STRING_MAX)
        return BAD(p, at, "%s: string length %" PRIu64 " exceeds maximum %" PRIu64, p->part,
                   *length, STRING_MAX);
    if (*length > cursor_left(&p->cursor))
        return defect_set(p->defect, ENODATA, p->cursor.size,
                          "%s: string length %" PRIu64 " exceeds remaining file size %" PRIu64
                          " bytes",
                          p->part, *length, cursor_left(&p->cursor));
    return 0;
}

/* How many of the next `length` bytes stand before a zero byte. Stays where it is. */
static uint64_t find_zero(struct cursor *cursor, uint64_t length)
{
    uint64_t begin = cursor->offset, size = 0, n;
    const uint8_t *data, *zero = NULL;

    while (size < length && !zero && cursor->error == 0) {
        n = length - size;
        data = cursor_peek(cursor, &n);
        zero = memchr(data, 0, (size_t)n);
        size += zero ? (uint64_t)(zero - data) : n;
        cursor->offset = begin + size;
    }
    cursor->offset = begin;
    return size;
}

/* A name of a key or tensor; *whole is false if a zero byte ends it early. What stands behind that
 * is neither read nor given room. */
static int read_name(struct parser *p, uint64_t length, const char **name, bool *whole)
{
    uint64_t size = find_zero(&p->cursor, length);
    char *text;

    if (p->cursor.error)
        return unread(p);
    text = take_name(p->gguf, (size_t)size + 1);
    if (!text)
        return -ENOMEM;
    cursor_take(&p->cursor, text, (size_t)size);
    cursor_skip(&p->cursor, length - size);
    if (p->cursor.error)
        return unread(p);
    text[size] = '\0';
    *name = text;
    *whole = size == length;
    return 0;
}

static bool bools_verbatim(const uint8_t *data, size_t count)
{
    uint8_t all = 0;

    for (size_t i = 0; i < count; i++)
        all |= data[i];
    return all <= 1;
}

/* Passes over `size` bytes; *verbatim becomes false if one of them is not as the tool writes it: a
 * zero in a string, more than 1 in a BOOL. */
static int scan(struct parser *p, uint64_t size, bool string, bool *verbatim)
{
    const uint8_t *data;
    uint64_t n;

    while (size > 0 && *verbatim && p->cursor.error == 0) {
        n = size;
        data = cursor_peek(&p->cursor, &n);
        if (string)
            *verbatim = memchr(data, 0, (size_t)n) == NULL;
        else
            *verbatim = bools_verbatim(data, (size_t)n);
        cursor_skip(&p->cursor, n);
        size -= n;
    }
    cursor_skip(&p->cursor, size);
    return p->cursor.error ? unread(p) : 0;
}

/* --- keys --------------------------------------------------------------------------------------
 */

static const struct {
    const char *name;
    size_t size;
} value_types[GGUF_TYPE_COUNT] = {
    [GGUF_U8] = {"u8", 1},     [GGUF_I8] = {"i8", 1},     [GGUF_U16] = {"u16", 2},
    [GGUF_I16] = {"i16", 2},   [GGUF_U32] = {"u32", 4},   [GGUF_I32] = {"i32", 4},
    [GGUF_F32] = {"f32", 4},   [GGUF_BOOL] = {"bool", 1}, [GGUF_STRING] = {"str", 0},
    [GGUF_ARRAY] = {"arr", 0}, [GGUF_U64] = {"u64", 8},   [GGUF_I64] = {"i64", 8},
    [GGUF_F64] = {"f64", 8},
};

const char *gguf_type_name(enum gguf_type type)
{
    return (unsigned)type < GGUF_TYPE_COUNT ? value_types[type].name : "?";
}

size_t gguf_type_size(enum gguf_type type)
{
    return (unsigned)type < GGUF_TYPE_COUNT ? value_types[type].size : 0;
}

static int read_strings(struct parser *p, uint64_t count, bool *verbatim)
{
    uint64_t length;
    int r = 0;

    for (uint64_t i = 0; i < count && r == 0; i++) {
        r = read_length(p, &length);
        if (r == 0)
            r = scan(p, length, true, verbatim);
    }
    return r;
}

/* The elements of an array, or the one value of any other key. */
static int read_value(struct parser *p, struct gguf_key *key)
{
    size_t size = gguf_type_size(key->subtype), least = size ? size : 8;
    int r;

    if (key->count > ELEMENTS_MAX)
        return BAD(p, key->value - 8,
                   "%s: key '" NAME "' has %" PRIu64 " elements, maximum %" PRIu64, p->part,
                   key->name, key->count, ELEMENTS_MAX);
    if (key->count > cursor_left(&p->cursor) / least) {
        cursor_fail(&p->cursor, -ENODATA);
        return unread(p);
    }
    if (key->subtype == GGUF_STRING && key->type == GGUF_STRING) {
        r = read_length(p, &key->count);
        return r < 0 ? r : scan(p, key->count, true, &key->verbatim);
    }
    if (key->subtype == GGUF_STRING)
        return read_strings(p, key->count, &key->verbatim);
    if (key->subtype == GGUF_BOOL)
        return scan(p, key->count, false, &key->verbatim);
    cursor_skip(&p->cursor, key->count * size);
    return 0;
}

static int read_key(struct parser *p, struct gguf_key *key)
{
    uint64_t length, at;
    uint32_t type, subtype;
    int r;

    *key = (struct gguf_key){.offset = p->cursor.offset, .count = 1};
    r = read_length(p, &length);
    if (r == 0)
        r = read_name(p, length, &key->name, &key->verbatim);
    if (r < 0)
        return r;
    if (key->name[0] == '\0')
        return BAD(p, key->offset, "%s: key %zu is empty", p->part, p->gguf->key_count);
    at = p->cursor.offset;
    type = subtype = cursor_u32(&p->cursor);
    if (type == GGUF_ARRAY) {
        at = p->cursor.offset;
        subtype = cursor_u32(&p->cursor);
        key->count = cursor_u64(&p->cursor);
    }
    if (p->cursor.error)
        return unread(p);
    if (subtype >= GGUF_TYPE_COUNT || subtype == GGUF_ARRAY)
        return BAD(p, at, "%s: key '" NAME "' has invalid GGUF type %" PRId32, p->part, key->name,
                   (int32_t)subtype);
    key->type = (enum gguf_type)type;
    key->subtype = (enum gguf_type)subtype;
    key->value = p->cursor.offset;
    r = read_value(p, key);
    key->end = p->cursor.offset;
    return r;
}

/* Room for one more record: grows with what was read, never to more than the file claims. */
static void *grow(void *list, size_t count, uint64_t claimed, size_t size)
{
    uint64_t room = count < 16 ? 16 : 2 * (uint64_t)count;

    if (count > 0 && (count < 16 || (count & (count - 1)) != 0))
        return list; /* grown at 0 and at powers of two from 16 on */
    return reallocarray(list, (size_t)(room < claimed ? room : claimed), size);
}

static int read_keys(struct parser *p)
{
    struct gguf *gguf = p->gguf;
    struct gguf_key *keys;
    int r;

    p->part = "failed to read key-value pairs";
    while (gguf->key_count < p->key_count) {
        keys = grow(gguf->keys, gguf->key_count, p->key_count, sizeof(*keys));
        if (!keys)
            return -ENOMEM;
        gguf->keys = keys;
        r = read_key(p, &keys[gguf->key_count]);
        if (r < 0)
            return r;
        gguf->key_count++;
    }
    return 0;
}

/* --- duplicates, by sorted indices -------------------------------------------------------------
 */

/* Equal names in the order of the file: the second of a pair is the duplicate. */
static int compare(const char *name_a, const char *name_b, uint32_t a, uint32_t b)
{
    int order = strcmp(name_a, name_b);

    return order ? order : (a > b) - (a < b);
}

static int compare_keys(const void *a, const void *b, void *list)
{
    const struct gguf_key *keys = list;
    uint32_t i = *(const uint32_t *)a, j = *(const uint32_t *)b;

    return compare(keys[i].name, keys[j].name, i, j);
}

static int compare_tensors(const void *a, const void *b, void *list)
{
    const struct gguf_tensor *tensors = list;
    uint32_t i = *(const uint32_t *)a, j = *(const uint32_t *)b;

    return compare(tensors[i].name, tensors[j].name, i, j);
}

static uint32_t *sorted(void *list, size_t count, int (*order)(const void *, const void *, void *))
{
    uint32_t *index = reallocarray(NULL, count + 1, sizeof(*index));

    for (size_t i = 0; index && i < count; i++)
        index[i] = (uint32_t)i;
    if (index)
        qsort_r(index, count, sizeof(*index), order, list);
    return index;
}

static int index_keys(struct parser *p)
{
    struct gguf *gguf = p->gguf;
    const struct gguf_key *key, *first = NULL;

    gguf->key_index = sorted(gguf->keys, gguf->key_count, compare_keys);
    if (!gguf->key_index)
        return -ENOMEM;
    gguf->key_index_size = gguf->key_count;
    for (size_t i = 1; i < gguf->key_count; i++) {
        key = &gguf->keys[gguf->key_index[i]];
        if (strcmp(key->name, gguf->keys[gguf->key_index[i - 1]].name) == 0)
            first = !first || key < first ? key : first;
    }
    if (first)
        return BAD(p, first->offset, "%s: duplicate key '" NAME "'", p->part, first->name);
    return 0;
}

/* Where the info of a tensor lies, for a message: walks there once more. */
static uint64_t info_offset(struct parser *p, size_t tensor)
{
    struct cursor *cursor = &p->cursor;

    cursor->offset = p->infos;
    for (size_t i = 0; i < tensor; i++) {
        cursor_skip(cursor, cursor_u64(cursor));
        cursor_skip(cursor, 8 * (uint64_t)cursor_u32(cursor) + 4 + 8);
    }
    return cursor->error ? DEFECT_NOWHERE : cursor->offset;
}

static int check_tensor_names(struct parser *p)
{
    const struct gguf *gguf = p->gguf;
    const struct gguf_tensor *tensor, *first = NULL;
    uint32_t *index = sorted(gguf->tensors, gguf->tensor_count, compare_tensors);

    if (!index)
        return -ENOMEM;
    for (size_t i = 1; i < gguf->tensor_count; i++) {
        tensor = &gguf->tensors[index[i]];
        if (strcmp(tensor->name, gguf->tensors[index[i - 1]].name) == 0)
            first = !first || tensor < first ? tensor : first;
    }
    free(index);
    if (first)
        return BAD(p, info_offset(p, (size_t)(first - gguf->tensors)),
                   "%s: duplicate tensor name '%s'", p->part, first->name);
    return 0;
}

const struct gguf_key *gguf_find(const struct gguf *gguf, const char *name)
{
    size_t low = 0, high = gguf->key_index_size, middle;
    int order;

    while (low < high) {
        middle = low + (high - low) / 2;
        order = strcmp(name, gguf->keys[gguf->key_index[middle]].name);
        if (order == 0)
            return &gguf->keys[gguf->key_index[middle]];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

/* --- tensors -----------------------------------------------------------------------------------
 */

/* Dimensions one by one, and their product, which the tool keeps below 2^63 - 1. */
static int read_dimensions(struct parser *p, struct gguf_tensor *tensor, uint64_t *weights)
{
    uint64_t at = p->cursor.offset;
    bool empty = false;

    tensor->n_dims = cursor_u32(&p->cursor);
    if (tensor->n_dims > 4)
        return BAD(p, at, "%s: tensor '%s' has invalid number of dimensions: %" PRIu32 " > 4",
                   p->part, tensor->name, tensor->n_dims);
    for (uint32_t i = 0; i < 4; i++) {
        tensor->ne[i] = i < tensor->n_dims ? cursor_u64(&p->cursor) : 1;
        if (tensor->ne[i] > INT64_MAX)
            return BAD(p, at + 4 + 8 * (uint64_t)i,
                       "%s: tensor '%s' dimension %" PRIu32
                       " has invalid number of elements: %" PRId64 " < 0",
                       p->part, tensor->name, i, (int64_t)tensor->ne[i]);
        empty = empty || tensor->ne[i] == 0;
    }
    if (p->cursor.error)
        return unread(p);
    *weights = empty ? 0 : tensor->ne[0];
    for (uint32_t i = 1; i < 4 && !empty; i++) {
        if (INT64_MAX / tensor->ne[i] <= *weights)
            return BAD(p, at,
                       "%s: total number of elements in tensor '%s' with shape (%" PRIu64
                       ", %" PRIu64 ", %" PRIu64 ", %" PRIu64 ") is >= %" PRId64,
                       p->part, tensor->name, tensor->ne[0], tensor->ne[1], tensor->ne[2],
                       tensor->ne[3], INT64_MAX);
        *weights *= tensor->ne[i];
    }
    return 0;
}

static int read_type(struct parser *p, struct gguf_tensor *tensor, uint64_t weights)
{
    uint64_t at = p->cursor.offset;
    const struct type_info *info;

    tensor->type = cursor_u32(&p->cursor);
    if (p->cursor.error)
        return unread(p);
    if (tensor->type >= TYPE_COUNT)
        return BAD(p, at, "%s: tensor '%s' has invalid ggml type %" PRId32 ". should be in [0, %d)",
                   p->part, tensor->name, (int32_t)tensor->type, TYPE_COUNT);
    info = type_info(tensor->type);
    if (!info || tensor->ne[0] % info->block_weights != 0)
        return BAD(p, at,
                   "%s: tensor '%s' of type %" PRIu32 " (%s) has %" PRIu64
                   " elements per row, not a multiple of block size (%" PRIu32 ")",
                   p->part, tensor->name, tensor->type, info ? info->name : "removed",
                   tensor->ne[0], info ? info->block_weights : 0);
    if (!type_size((enum type)tensor->type, weights, &tensor->size))
        return BAD(p, at,
                   "%s: tensor '%s' with shape (%" PRIu64 ", %" PRIu64 ", %" PRIu64 ", %" PRIu64
                   ") has a size in bytes > %" PRIu64,
                   p->part, tensor->name, tensor->ne[0], tensor->ne[1], tensor->ne[2],
                   tensor->ne[3], UINT64_MAX);
    return 0;
}

static bool pad(uint64_t *size, uint64_t alignment)
{
    return !__builtin_add_overflow(*size, -*size & (alignment - 1), size);
}

/* The offset must be where the tensors before it end. */
static int read_offset(struct parser *p, struct gguf_tensor *tensor)
{
    uint64_t at = p->cursor.offset, padded = tensor->size, before = p->data_size;

    tensor->offset = cursor_u64(&p->cursor);
    if (p->cursor.error)
        return unread(p);
    if (tensor->offset != p->data_size)
        return BAD(p, at,
                   "failed to read tensor data: tensor '%s' has offset %" PRIu64
                   ", expected %" PRIu64,
                   tensor->name, tensor->offset, p->data_size);
    if (!pad(&padded, p->gguf->alignment) ||
        __builtin_add_overflow(p->data_size, padded, &p->data_size))
        return BAD(p, at,
                   "failed to read tensor data: tensor '%s' size overflow, cannot accumulate size "
                   "%" PRIu64 " + %" PRIu64,
                   tensor->name, before, tensor->size);
    return 0;
}

static int read_tensor(struct parser *p, struct gguf_tensor *tensor)
{
    uint64_t at = p->cursor.offset, length, weights = 0;
    bool whole;
    int r;

    *tensor = (struct gguf_tensor){0};
    r = read_length(p, &length);
    if (r < 0)
        return r;
    if (length > TENSOR_NAME_MAX)
        return BAD(p, at, "%s: tensor name %zu is too long: %" PRIu64 " >= %d", p->part,
                   p->gguf->tensor_count, length, TENSOR_NAME_MAX + 1);
    r = read_name(p, length, &tensor->name, &whole);
    if (r == 0)
        r = read_dimensions(p, tensor, &weights);
    if (r == 0)
        r = read_type(p, tensor, weights);
    if (r == 0)
        r = read_offset(p, tensor);
    return r;
}

static int read_tensors(struct parser *p)
{
    struct gguf *gguf = p->gguf;
    struct gguf_tensor *tensors;
    int r;

    p->part = "failed to read tensor info";
    p->infos = p->cursor.offset;
    while (gguf->tensor_count < p->tensor_count) {
        tensors = grow(gguf->tensors, gguf->tensor_count, p->tensor_count, sizeof(*tensors));
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

/* --- the file ----------------------------------------------------------------------------------
 */

static int read_magic(struct parser *p)
{
    static const char magic[4] = "GGUF";
    char found[4] = "", shown[5] = "????";
    size_t size = p->cursor.size < 4 ? (size_t)p->cursor.size : 4;

    p->part = "failed to read magic";
    cursor_take(&p->cursor, found, size);
    if (p->cursor.error)
        return unread(p);
    if (memcmp(found, magic, size) == 0) {
        if (size == 4)
            return 0;
        cursor_fail(&p->cursor, -ENODATA);
        return unread(p);
    }
    for (int i = 0; i < 4; i++)
        if (found[i] >= ' ' && found[i] <= '~')
            shown[i] = found[i];
    return defect_set(p->defect, ENOEXEC, 0, "invalid magic characters: '%s', expected 'GGUF'",
                      shown);
}

static int check_version(struct parser *p)
{
    uint32_t version = p->gguf->version;

    if (version == 0)
        return BAD(p, 4, "%s: bad GGUF version: 0", p->part);
    if ((version & 0xffff) == 0)
        return BAD(p, 4,
                   "%s: this GGUF file version %" PRIu32 " is extremely large, is there a mismatch "
                   "between the host and model endianness?",
                   p->part, version);
    if (version == 1)
        return BAD(p, 4, "%s: GGUFv1 is no longer supported, please use a more up-to-date version",
                   p->part);
    if (version > 3)
        return BAD(p, 4,
                   "%s: this GGUF file is version %" PRIu32
                   " but this software only supports up to version 3",
                   p->part, version);
    return 0;
}

/* A count at offset `at` of records of at least `least` bytes. */
static int check_count(struct parser *p, uint64_t at, const char *what, uint64_t count,
                       uint64_t max, uint64_t least)
{
    if (count > max)
        return BAD(p, at, "%s: number of %s is %" PRId64 " but must be in [0, %" PRIu64 "]",
                   p->part, what, (int64_t)count, max);
    if (count >= UINT32_MAX)
        return BAD(p, at, "%s: number of %s is %" PRIu64 ", more than can be counted", p->part,
                   what, count);
    if (count > cursor_left(&p->cursor) / least)
        return defect_set(p->defect, ENODATA, p->cursor.size,
                          "%s: number of %s is %" PRIu64 ", but %" PRIu64 " bytes follow", p->part,
                          what, count, cursor_left(&p->cursor));
    return 0;
}

static int read_header(struct parser *p)
{
    int r;

    p->part = "failed to read header";
    p->gguf->version = cursor_u32(&p->cursor);
    if (p->cursor.error)
        return unread(p);
    r = check_version(p);
    if (r < 0)
        return r;
    p->tensor_count = cursor_u64(&p->cursor);
    p->key_count = cursor_u64(&p->cursor);
    if (p->cursor.error)
        return unread(p);
    r = check_count(p, 8, "tensors", p->tensor_count, TENSORS_MAX, TENSOR_SIZE_MIN);
    if (r == 0)
        r = check_count(p, 16, "key value pairs", p->key_count, KEYS_MAX, KEY_SIZE_MIN);
    return r;
}

/* The cursor has passed this value; it is read again. */
static int read_alignment(struct parser *p)
{
    const struct gguf_key *key = gguf_find(p->gguf, "general.alignment");
    uint64_t behind = p->cursor.offset;

    p->gguf->alignment = 32;
    if (!key)
        return 0;
    if (key->type != GGUF_U32)
        return BAD(p, key->offset, "%s: key '%s' must be of type u32 but is %s", p->part, key->name,
                   gguf_type_name(key->type));
    p->cursor.offset = key->value;
    p->gguf->alignment = cursor_u32(&p->cursor);
    if (p->cursor.error)
        return unread(p);
    p->cursor.offset = behind;
    if (p->gguf->alignment == 0 || (p->gguf->alignment & (p->gguf->alignment - 1)) != 0)
        return BAD(p, key->value, "%s: alignment %" PRIu64 " is not a power of 2", p->part,
                   p->gguf->alignment);
    return 0;
}

/* Where the data lies, and that all of it is there. */
static int place_data(struct parser *p)
{
    struct gguf *gguf = p->gguf;
    struct gguf_tensor *tensor;
    uint64_t size = p->cursor.size, end;

    gguf->data_offset = p->cursor.offset;
    if (gguf->tensor_count > 0 &&
        (!pad(&gguf->data_offset, gguf->alignment) || gguf->data_offset > size))
        return defect_set(p->defect, ENODATA, size,
                          "failed to seek to beginning of data section: the file ends here");
    for (size_t i = 0; i < gguf->tensor_count; i++) {
        tensor = &gguf->tensors[i];
        if (__builtin_add_overflow(tensor->offset, gguf->data_offset, &tensor->offset) ||
            __builtin_add_overflow(tensor->offset, tensor->size, &end) || end > size)
            return defect_set(p->defect, ENODATA, size,
                              "tensor '%s' data is not within the file bounds, model is corrupted "
                              "or incomplete",
                              tensor->name);
    }
    return 0;
}

int gguf_parse(int fd, uint64_t size, struct gguf *gguf, struct defect *defect)
{
    static int (*const steps[])(struct parser *) = {
        read_magic, read_header, read_keys, index_keys, read_alignment, read_tensors, place_data,
    };
    struct parser p = {.gguf = gguf, .defect = defect};
    int r;

    *gguf = (struct gguf){0};
    r = cursor_open(&p.cursor, fd, size);
    for (size_t i = 0; r == 0 && i < sizeof(steps) / sizeof(steps[0]); i++)
        r = steps[i](&p);
    if (r == -ENOMEM)
        r = defect_set(defect, ENOMEM, DEFECT_NOWHERE, "%s", strerror(ENOMEM));
    if (r < 0)
        gguf_free(gguf);
    cursor_close(&p.cursor);
    return r;
}

void gguf_free(struct gguf *gguf)
{
    struct names *block = gguf->arena, *next;

    for (; block; block = next) {
        next = block->next;
        free(block);
    }
    free(gguf->keys);
    free(gguf->tensors);
    free(gguf->key_index);
    *gguf = (struct gguf){0};
}
