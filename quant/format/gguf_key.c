/* The keys of a GGUF file: their records, and finding one by its name. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "quant/format/gguf_state.h"

#define ELEMENTS_MAX (UINT64_C(1) << 30) /* of an array; limit of the reference tool's reader */

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

static int read_strings(struct gguf_parser *p, uint64_t count, bool *verbatim)
{
    uint64_t length;
    int r = 0;

    for (uint64_t i = 0; i < count && r == 0; i++) {
        r = gguf_read_length(p, &length);
        if (r == 0)
            r = gguf_scan(p, length, true, verbatim);
    }
    return r;
}

/* The elements of an array, or the one value of any other key. */
static int read_value(struct gguf_parser *p, struct gguf_key *key)
{
    size_t size = gguf_type_size(key->subtype), least = size ? size : 8;
    int r;

    if (key->count > ELEMENTS_MAX)
        return GGUF_BAD(p, key->value - 8,
                        "%s: key '" GGUF_NAME "' has %" PRIu64 " elements, maximum %" PRIu64,
                        p->part, key->name, key->count, ELEMENTS_MAX);
    if (key->count > cursor_left(&p->cursor) / least) {
        cursor_fail(&p->cursor, -ENODATA);
        return gguf_unread(p);
    }
    if (key->subtype == GGUF_STRING && key->type == GGUF_STRING) {
        r = gguf_read_length(p, &key->count);
        return r < 0 ? r : gguf_scan(p, key->count, true, &key->verbatim);
    }
    if (key->subtype == GGUF_STRING)
        return read_strings(p, key->count, &key->verbatim);
    if (key->subtype == GGUF_BOOL)
        return gguf_scan(p, key->count, false, &key->verbatim);
    cursor_skip(&p->cursor, key->count * size);
    return 0;
}

static int read_key(struct gguf_parser *p, struct gguf_key *key)
{
    uint64_t length, at;
    uint32_t type, subtype;
    int r;

    *key = (struct gguf_key){.offset = p->cursor.offset, .count = 1};
    r = gguf_read_length(p, &length);
    if (r == 0)
        r = gguf_read_name(p, length, &key->name, &key->verbatim);
    if (r < 0)
        return r;
    if (key->name[0] == '\0')
        return GGUF_BAD(p, key->offset, "%s: key %zu is empty", p->part, p->gguf->key_count);
    at = p->cursor.offset;
    type = subtype = cursor_u32(&p->cursor);
    if (type == GGUF_ARRAY) {
        at = p->cursor.offset;
        subtype = cursor_u32(&p->cursor);
        key->count = cursor_u64(&p->cursor);
    }
    if (p->cursor.error)
        return gguf_unread(p);
    if (subtype >= GGUF_TYPE_COUNT || subtype == GGUF_ARRAY)
        return GGUF_BAD(p, at, "%s: key '" GGUF_NAME "' has invalid GGUF type %" PRId32, p->part,
                        key->name, (int32_t)subtype);
    key->type = (enum gguf_type)type;
    key->subtype = (enum gguf_type)subtype;
    key->value = p->cursor.offset;
    r = read_value(p, key);
    key->end = p->cursor.offset;
    return r;
}

int gguf_read_keys(struct gguf_parser *p)
{
    struct gguf *gguf = p->gguf;
    struct gguf_key *keys;
    int r;

    p->part = "failed to read key-value pairs";
    while (gguf->key_count < p->key_count) {
        keys = gguf_grow(gguf->keys, gguf->key_count, p->key_count, sizeof(*keys));
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

static int compare_keys(const void *a, const void *b, void *list)
{
    const struct gguf_key *keys = list;
    uint32_t i = *(const uint32_t *)a, j = *(const uint32_t *)b;

    return gguf_compare(keys[i].name, keys[j].name, i, j);
}

int gguf_index_keys(struct gguf_parser *p)
{
    struct gguf *gguf = p->gguf;
    const struct gguf_key *key, *first = NULL;

    gguf->key_index = gguf_sorted(gguf->keys, gguf->key_count, compare_keys);
    if (!gguf->key_index)
        return -ENOMEM;
    gguf->key_index_size = gguf->key_count;
    for (size_t i = 1; i < gguf->key_count; i++) {
        key = &gguf->keys[gguf->key_index[i]];
        if (strcmp(key->name, gguf->keys[gguf->key_index[i - 1]].name) == 0)
            first = !first || key < first ? key : first;
    }
    if (first)
        return GGUF_BAD(p, first->offset, "%s: duplicate key '" GGUF_NAME "'", p->part,
                        first->name);
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
