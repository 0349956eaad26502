#include "quant/view_header.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "quant/view_added.h"

/* Bytes of a header that a view would otherwise copy in very short runs become part of a patch: a
 * piece costs more than they do. */
#define SHORT_RUN 64

/* Of a file that names none. */
#define PLAIN_ALIGNMENT 32

/* What is read at once where a value of the source's header has to be looked at. */
#define WINDOW_SIZE 65536

/* A header under construction. */
struct builder {
    const struct source *source;
    struct view_header_piece *pieces;
    size_t count, room;
    uint8_t *patches;
    size_t patches_size, patches_room;
    uint64_t size; /* of the header so far */
    struct defect *defect;
};

/* The list with room for `count` items, moved if it has to be; NULL: no memory, the list is as it
 * was. */
static void *grow(void *list, size_t *room, size_t count, size_t item)
{
    size_t wanted, bytes;
    void *grown;

    if (count <= *room)
        return list;
    if (__builtin_add_overflow(count, count / 2 + 64, &wanted) ||
        __builtin_mul_overflow(wanted, item, &bytes))
        return NULL;
    grown = realloc(list, bytes);
    if (grown)
        *room = wanted;
    return grown;
}

/* Appends a run, or makes the last one longer where the new one follows it. */
static int emit(struct builder *b, enum piece_kind kind, uint64_t from, uint64_t size)
{
    const struct view_header_piece *last = b->count > 0 ? &b->pieces[b->count - 1] : NULL;
    void *grown;
    uint64_t end;

    if (size == 0)
        return 0;
    if (__builtin_add_overflow(b->size, size, &end))
        return defect_set(b->defect, EINVAL, DEFECT_NOWHERE, "the header is too large");
    if (!last || last->kind != kind ||
        (kind != PIECE_ZERO && last->from + (b->size - last->offset) != from)) {
        grown = grow(b->pieces, &b->room, b->count + 1, sizeof(*b->pieces));
        if (!grown)
            return -ENOMEM;
        b->pieces = grown;
        b->pieces[b->count++] = (struct view_header_piece){b->size, from, kind};
    }
    b->size = end;
    return 0;
}

static int emit_copy(struct builder *b, uint64_t from, uint64_t end)
{
    return emit(b, PIECE_COPY, from, end - from);
}

static int emit_patch(struct builder *b, const void *data, size_t size)
{
    size_t at = b->patches_size;
    void *grown;

    if (size == 0)
        return 0;
    grown = grow(b->patches, &b->patches_room, at + size, 1);
    if (!grown)
        return -ENOMEM;
    b->patches = grown;
    memcpy(b->patches + at, data, size);
    b->patches_size += size;
    return emit(b, PIECE_PATCH, at, size);
}

static int emit_u32(struct builder *b, uint32_t value)
{
    uint8_t bytes[4];

    for (int i = 0; i < 4; i++)
        bytes[i] = (uint8_t)(value >> 8 * i);
    return emit_patch(b, bytes, sizeof(bytes));
}

static int emit_u64(struct builder *b, uint64_t value)
{
    uint8_t bytes[8];

    for (int i = 0; i < 8; i++)
        bytes[i] = (uint8_t)(value >> 8 * i);
    return emit_patch(b, bytes, sizeof(bytes));
}

static int emit_string(struct builder *b, const char *text)
{
    int r = emit_u64(b, strlen(text));

    return r < 0 ? r : emit_patch(b, text, strlen(text));
}

/* --- keys that are not what the tool writes ----------------------------------------------------
 */

/* A part of the source's header in memory, so that short values are not read one by one. */
struct window {
    uint64_t offset; /* of data[0] in the first shard */
    size_t size;
    uint64_t end; /* nothing behind it is wanted */
    uint8_t *data;
};

/* Points at the bytes from `offset` on; *size tells how many there are, at least `least`. */
static int window_get(struct builder *b, struct window *w, uint64_t offset, size_t least,
                      const uint8_t **data, size_t *size)
{
    uint64_t left;
    int r;

    assert(least <= WINDOW_SIZE);
    *data = NULL;
    *size = 0;
    if (offset > w->end || w->end - offset < least)
        return defect_set(b->defect, EINVAL, offset, "the header has changed under our eyes");
    if (offset < w->offset || offset - w->offset > w->size ||
        w->size - (size_t)(offset - w->offset) < least) {
        left = w->end - offset;
        w->offset = offset;
        w->size = 0;
        r = source_read(b->source, 0, offset, w->data,
                        left < WINDOW_SIZE ? (size_t)left : WINDOW_SIZE);
        if (r < 0)
            return defect_set(b->defect, -r, offset, "cannot read the header");
        w->size = left < WINDOW_SIZE ? (size_t)left : WINDOW_SIZE;
    }
    *data = w->data + (offset - w->offset);
    *size = w->size - (size_t)(offset - w->offset);
    return 0;
}

static int window_u64(struct builder *b, struct window *w, uint64_t offset, uint64_t *value)
{
    const uint8_t *data;
    size_t size;
    int r = window_get(b, w, offset, 8, &data, &size);

    if (r < 0)
        return r;
    *value = 0;
    for (int i = 0; i < 8; i++)
        *value |= (uint64_t)data[i] << 8 * i;
    return 0;
}

/* [from, end) as it stands: a copy, or part of a patch where it is short. */
static int emit_run(struct builder *b, struct window *w, uint64_t from, uint64_t end)
{
    const uint8_t *data;
    size_t size;
    int r;

    if (end - from > SHORT_RUN || from == end)
        return emit_copy(b, from, end);
    r = window_get(b, w, from, (size_t)(end - from), &data, &size);
    return r < 0 ? r : emit_patch(b, data, (size_t)(end - from));
}

/* A string with its length field, cut at its first zero byte; *end is the first byte behind it. */
static int emit_cut_string(struct builder *b, struct window *w, uint64_t offset, uint64_t *end)
{
    const uint8_t *data, *zero = NULL;
    uint64_t length, at, begin = offset + 8;
    size_t size;
    int r;

    r = window_u64(b, w, offset, &length);
    if (r < 0)
        return r;
    if (begin > w->end || w->end - begin < length)
        return defect_set(b->defect, EINVAL, offset, "the header has changed under our eyes");
    *end = begin + length;
    for (at = begin; at < *end && !zero; at += size) {
        r = window_get(b, w, at, 1, &data, &size);
        if (r < 0)
            return r;
        if (size > *end - at)
            size = (size_t)(*end - at);
        zero = memchr(data, 0, size);
        if (zero)
            size = (size_t)(zero - data);
    }
    if (!zero)
        return emit_run(b, w, offset, *end);
    r = emit_u64(b, at - begin);
    return r < 0 ? r : emit_run(b, w, begin, at);
}

/* BOOLs become 0 or 1. A stretch that is right already is copied. */
static int emit_bools(struct builder *b, struct window *w, uint64_t offset, uint64_t count)
{
    uint8_t fixed[256];
    const uint8_t *data;
    uint64_t end = offset + count;
    size_t size, i;
    bool same;
    int r = 0;

    for (; offset < end && r == 0; offset += size) {
        r = window_get(b, w, offset, 1, &data, &size);
        if (r < 0)
            return r;
        if (size > sizeof(fixed))
            size = sizeof(fixed);
        if (size > end - offset)
            size = (size_t)(end - offset);
        for (i = 0, same = true; i < size; i++) {
            fixed[i] = data[i] != 0;
            same = same && fixed[i] == data[i];
        }
        r = same && size > SHORT_RUN ? emit_copy(b, offset, offset + size)
                                     : emit_patch(b, fixed, size);
    }
    return r;
}

static int emit_mended_key(struct builder *b, struct window *w, const struct gguf_key *key)
{
    uint64_t at, strings = key->type == GGUF_ARRAY ? key->count : 1;
    int r;

    w->offset = key->offset;
    w->size = 0;
    w->end = key->end;
    r = emit_cut_string(b, w, key->offset, &at);
    if (r == 0)
        r = emit_run(b, w, at, key->value);
    if (r < 0)
        return r;
    if (key->subtype == GGUF_BOOL)
        return emit_bools(b, w, key->value, key->end - key->value);
    if (key->subtype != GGUF_STRING)
        return emit_run(b, w, key->value, key->end);
    at = key->value;
    for (uint64_t i = 0; i < strings && r == 0; i++)
        r = emit_cut_string(b, w, at, &at);
    return r;
}

/* --- the header --------------------------------------------------------------------------------
 */

static int emit_added(struct builder *b, const struct view_added_key *key)
{
    uint8_t bytes[4];
    int r = emit_string(b, key->name);

    if (r == 0)
        r = emit_u32(b, key->type);
    if (r < 0)
        return r;
    if (key->type == GGUF_STRING)
        return emit_string(b, key->text);
    for (int i = 0; i < 4; i++)
        bytes[i] = (uint8_t)(key->bits >> 8 * i);
    return emit_patch(b, bytes, gguf_type_size(key->type));
}

/* The first file's keys: the source's. */
static int emit_keys(struct builder *b, const struct gguf *gguf, const struct view_added *added)
{
    struct window window = {0};
    const struct gguf_key *key;
    int r = 0;

    for (size_t i = 0; i < gguf->key_count && r == 0; i++) {
        key = &gguf->keys[i];
        if (view_added_replaces(added, key->name))
            continue;
        if (key->verbatim) {
            r = emit_copy(b, key->offset, key->end);
            continue;
        }
        if (!window.data) {
            window.data = malloc(WINDOW_SIZE);
            if (!window.data)
                return -ENOMEM;
        }
        r = emit_mended_key(b, &window, key);
    }
    free(window.data);
    return r;
}

static int emit_start(struct builder *b, const struct gguf *gguf, const struct view_added *added,
                      unsigned shard, uint64_t tensor_count)
{
    uint64_t key_count = added->count;
    int r;

    for (size_t i = 0; i < gguf->key_count && shard == 0; i++)
        key_count += !view_added_replaces(added, gguf->keys[i].name);
    r = emit_patch(b, "GGUF", 4);
    if (r == 0)
        r = emit_u32(b, 3);
    if (r == 0)
        r = emit_u64(b, tensor_count);
    return r < 0 ? r : emit_u64(b, key_count);
}

/* `extent->offset` is still the one that counts from the start of the data. */
static int emit_tensor(struct builder *b, const struct extent *extent)
{
    const struct source_tensor *tensor = extent->tensor;
    int r = emit_string(b, tensor->name);

    if (r == 0)
        r = emit_u32(b, tensor->n_dims);
    for (unsigned i = 0; i < tensor->n_dims && r == 0; i++)
        r = emit_u64(b, tensor->ne[i]);
    if (r == 0)
        r = emit_u32(b, (uint32_t)extent->type);
    return r < 0 ? r : emit_u64(b, extent->offset);
}

/* --- the whole --------------------------------------------------------------------------------
 */

bool view_header_pad(uint64_t *offset, uint64_t alignment)
{
    return !__builtin_add_overflow(*offset, (alignment - *offset % alignment) % alignment, offset);
}

uint64_t view_header_alignment(const struct source *source, const struct recipe *recipe,
                               unsigned shard)
{
    if (shard > 0)
        return PLAIN_ALIGNMENT;
    return recipe->alignment > 0 ? recipe->alignment : source_gguf(source)->alignment;
}

static int build_header(struct builder *b, const struct recipe *recipe, unsigned shard,
                        const struct extent *extents, size_t extent_count)
{
    const struct gguf *gguf = source_gguf(b->source);
    struct view_added added;
    uint64_t end;
    int r = view_added_make(recipe, shard, &added);

    if (r == 0)
        r = emit_start(b, gguf, &added, shard, extent_count);
    if (r == 0 && shard == 0)
        r = emit_keys(b, gguf, &added);
    for (size_t i = 0; i < added.count && r == 0; i++)
        r = emit_added(b, &added.keys[i]);
    view_added_free(&added);
    for (size_t i = 0; i < extent_count && r == 0; i++)
        r = emit_tensor(b, &extents[i]);
    if (r < 0)
        return r;
    end = b->size;
    if (!view_header_pad(&end, view_header_alignment(b->source, recipe, shard)))
        return defect_set(b->defect, EINVAL, DEFECT_NOWHERE, "the header is too large");
    return emit(b, PIECE_ZERO, 0, end - b->size);
}

/* Gives back what the lists of the builder hold in reserve. */
static void hand_over(struct builder *b, struct view_header *header)
{
    void *fitted = realloc(b->pieces, b->count * sizeof(*b->pieces));

    header->pieces = fitted ? fitted : b->pieces;
    fitted = realloc(b->patches, b->patches_size);
    header->patches = fitted ? fitted : b->patches;
    b->pieces = NULL;
    b->patches = NULL;
    header->count = b->count;
    header->size = b->size;
    header->memory = b->count * sizeof(*header->pieces) + b->patches_size;
}

int view_header_make(const struct source *source, const struct recipe *recipe, unsigned shard,
                     const struct extent *extents, size_t extent_count, struct view_header *header,
                     struct defect *defect)
{
    struct builder b = {.source = source, .defect = defect};
    int r = build_header(&b, recipe, shard, extents, extent_count);

    if (r == 0)
        hand_over(&b, header);
    free(b.pieces);
    free(b.patches);
    return r;
}
