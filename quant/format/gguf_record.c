/* What the records of a GGUF file are made of: names and strings, lists and their order. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "quant/format/gguf_state.h"

#define STRING_MAX (UINT64_C(1) << 30) /* bytes; limit of the reference (ggml 0.27) */

/* Names, in blocks that stay where they are. */
struct names {
    struct names *next;
    size_t size, used;
    char text[];
};

int gguf_unread(const struct gguf_parser *p)
{
    if (p->cursor.error == -EIO)
        return defect_set(p->defect, EIO, p->cursor.start + p->cursor.filled, "%s: %s", p->part,
                          strerror(p->cursor.io_errno));
    return defect_set(p->defect, ENODATA, p->cursor.size, "%s: the file ends here", p->part);
}

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

int gguf_read_length(struct gguf_parser *p, uint64_t *length)
{
    uint64_t at = p->cursor.offset;

    *length = cursor_u64(&p->cursor);
    if (p->cursor.error)
        return gguf_unread(p);
    if (*length > STRING_MAX)
        return GGUF_BAD(p, at, "%s: string length %" PRIu64 " exceeds maximum %" PRIu64, p->part,
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

int gguf_read_name(struct gguf_parser *p, uint64_t length, const char **name, bool *whole)
{
    uint64_t size = find_zero(&p->cursor, length);
    char *text;

    if (p->cursor.error)
        return gguf_unread(p);
    text = take_name(p->gguf, (size_t)size + 1);
    if (!text)
        return -ENOMEM;
    cursor_take(&p->cursor, text, (size_t)size);
    cursor_skip(&p->cursor, length - size);
    if (p->cursor.error)
        return gguf_unread(p);
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

int gguf_scan(struct gguf_parser *p, uint64_t size, bool string, bool *verbatim)
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
    return p->cursor.error ? gguf_unread(p) : 0;
}

void gguf_free_names(struct gguf *gguf)
{
    struct names *block = gguf->arena, *next;

    for (; block; block = next) {
        next = block->next;
        free(block);
    }
    gguf->arena = NULL;
}

void *gguf_grow(void *list, size_t count, uint64_t claimed, size_t size)
{
    uint64_t room = count < 16 ? 16 : 2 * (uint64_t)count;

    if (count > 0 && (count < 16 || (count & (count - 1)) != 0))
        return list; /* grown at 0 and at powers of two from 16 on */
    return reallocarray(list, (size_t)(room < claimed ? room : claimed), size);
}

int gguf_compare(const char *name_a, const char *name_b, uint32_t a, uint32_t b)
{
    int order = strcmp(name_a, name_b);

    return order ? order : (a > b) - (a < b);
}

uint32_t *gguf_sorted(void *list, size_t count, int (*order)(const void *, const void *, void *))
{
    uint32_t *index = reallocarray(NULL, count + 1, sizeof(*index));

    for (size_t i = 0; index && i < count; i++)
        index[i] = (uint32_t)i;
    if (index)
        qsort_r(index, count, sizeof(*index), order, list);
    return index;
}
