#include "quant/view.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* Bytes of a header that a view would otherwise copy in very short runs become part of a patch: a
 * piece costs more than they do. */
#define SHORT_RUN 64

/* What is read at once where a value of the source's header has to be looked at. */
#define WINDOW_SIZE 65536

/* A run of the header. It ends where the next one begins, the last one at header_size. */
struct view_header_piece {
    uint64_t offset; /* bytes from the start of the view */
    uint64_t from;   /* COPY: bytes from the start of the first shard; PATCH: index into patches */
    enum piece_kind kind;
};

/* --- growing lists ---------------------------------------------------------------------------- */

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

/* Keys that are not where they were: the first two come again at the end (recipe.md §6.2). */
static bool key_moves(const char *name)
{
    static const char *const moved[] = {"general.quantization_version", "general.file_type",
                                        "split.no", "split.count", "split.tensors.count"};

    for (size_t i = 0; i < sizeof(moved) / sizeof(moved[0]); i++)
        if (strcmp(name, moved[i]) == 0)
            return true;
    return false;
}

static int emit_key_u32(struct builder *b, const char *name, uint32_t value)
{
    int r = emit_string(b, name);

    if (r == 0)
        r = emit_u32(b, GGUF_U32);
    return r < 0 ? r : emit_u32(b, value);
}

static int emit_keys(struct builder *b, const struct gguf *gguf, uint32_t ftype_number)
{
    struct window window = {0};
    const struct gguf_key *key;
    int r = 0;

    for (size_t i = 0; i < gguf->key_count && r == 0; i++) {
        key = &gguf->keys[i];
        if (key_moves(key->name))
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
    if (r == 0)
        r = emit_key_u32(b, "general.quantization_version", 2);
    if (r == 0)
        r = emit_key_u32(b, "general.file_type", ftype_number);
    return r;
}

static int emit_start(struct builder *b, const struct gguf *gguf, uint64_t tensor_count)
{
    uint64_t key_count = 2;
    int r;

    for (size_t i = 0; i < gguf->key_count; i++)
        key_count += !key_moves(gguf->keys[i].name);
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

/* --- extents -----------------------------------------------------------------------------------
 */

/* Rounds up to the alignment; false on overflow. A reader may take any power of two. */
static bool pad(uint64_t *offset, uint64_t alignment)
{
    return !__builtin_add_overflow(*offset, (alignment - *offset % alignment) % alignment, offset);
}

/* How a converted tensor is cut (design.md, "Chunk size"). False: more chunks than can be
 * counted. */
static bool cut_chunks(struct extent *extent)
{
    const uint64_t *ne = extent->tensor->ne;
    uint64_t weights = type_info((uint32_t)extent->type)->chunk_weights;
    uint64_t per_row, per_matrix, all;

    if (ne[0] == 0 || extent->size == 0)
        return true;
    if (ne[0] > weights) {
        per_row = ne[0] / weights + (ne[0] % weights != 0);
        if (__builtin_mul_overflow(per_row, ne[1], &per_matrix))
            return false;
    } else {
        per_row = 0;
        extent->chunk_rows = weights / ne[0];
        per_matrix = ne[1] / extent->chunk_rows + (ne[1] % extent->chunk_rows != 0);
    }
    if (__builtin_mul_overflow(per_matrix, ne[2], &all) ||
        __builtin_mul_overflow(all, ne[3], &all) || all > UINT32_MAX)
        return false;
    extent->row_chunks = (uint32_t)per_row;
    extent->matrix_chunks = (uint32_t)per_matrix;
    extent->chunk_count = (uint32_t)all;
    return true;
}

static int lay_out_tensor(struct extent *extent, const struct recipe_entry *entry,
                          struct defect *defect)
{
    const struct source_tensor *tensor = entry->tensor;
    const struct type_info *info = type_info((uint32_t)entry->type);
    uint64_t rows;
    bool fits;

    *extent = (struct extent){.tensor = tensor, .type = entry->type, .size = tensor->size};
    if (entry->type == tensor->type)
        return 0;
    if (!info || info->chunk_weights == 0)
        return defect_set(defect, EINVAL, DEFECT_NOWHERE, "tensor '%s' cannot become %s",
                          tensor->name, info ? info->name : "a type that does not exist");
    assert(info->chunk_weights % info->block_weights == 0);
    fits = type_size(entry->type, tensor->ne[0], &extent->size) &&
           !__builtin_mul_overflow(tensor->ne[1], tensor->ne[2], &rows) &&
           !__builtin_mul_overflow(rows, tensor->ne[3], &rows) &&
           !__builtin_mul_overflow(extent->size, rows, &extent->size) && cut_chunks(extent);
    if (!fits)
        return defect_set(defect, EINVAL, DEFECT_NOWHERE, "tensor '%s' is too large for type %s",
                          tensor->name, info->name);
    return 0;
}

/* Offsets count from the start of the data here; *size becomes that of all data. */
static int lay_out(struct view *view, const struct recipe *recipe, uint64_t alignment,
                   uint64_t *size, struct defect *defect)
{
    struct extent *extent;
    int r;

    *size = 0;
    for (size_t i = 0; i < recipe->count; i++) {
        extent = &view->extents[i];
        r = lay_out_tensor(extent, &recipe->entries[i], defect);
        if (r < 0)
            return r;
        extent->offset = *size;
        if (__builtin_add_overflow(*size, extent->size, size) || !pad(size, alignment) ||
            *size > INT64_MAX)
            return defect_set(defect, EINVAL, DEFECT_NOWHERE, "the tensors are too large together");
    }
    return 0;
}

/* --- making a view -----------------------------------------------------------------------------
 */

static int build_header(struct builder *b, const struct view *view, const struct gguf *gguf,
                        const struct recipe *recipe)
{
    uint64_t end;
    int r = emit_start(b, gguf, recipe->count);

    if (r == 0)
        r = emit_keys(b, gguf, recipe->ftype_number);
    for (size_t i = 0; i < recipe->count && r == 0; i++)
        r = emit_tensor(b, &view->extents[i]);
    if (r < 0)
        return r;
    end = b->size;
    if (!pad(&end, gguf->alignment))
        return defect_set(b->defect, EINVAL, DEFECT_NOWHERE, "the header is too large");
    return emit(b, PIECE_ZERO, 0, end - b->size);
}

/* Gives back what the lists of the builder hold in reserve. */
static void hand_over(struct builder *b, struct view *view)
{
    void *fitted = realloc(b->pieces, b->count * sizeof(*b->pieces));

    view->header = fitted ? fitted : b->pieces;
    fitted = realloc(b->patches, b->patches_size);
    view->patches = fitted ? fitted : b->patches;
    b->pieces = NULL;
    b->patches = NULL;
    view->header_count = b->count;
    view->header_size = b->size;
    view->memory = sizeof(*view) + view->extent_count * sizeof(*view->extents) +
                   b->count * sizeof(*view->header) + b->patches_size;
}

int view_make(const struct source *source, const struct recipe *recipe, struct view **result,
              struct defect *defect)
{
    const struct gguf *gguf = source_gguf(source);
    struct builder b = {.source = source, .defect = defect};
    struct view *view;
    uint64_t data_size;
    int r = -ENOMEM;

    *result = NULL;
    view = calloc(1, sizeof(*view));
    if (!view)
        goto out;
    view->source = source;
    view->extent_count = recipe->count;
    view->extents = calloc(recipe->count > 0 ? recipe->count : 1, sizeof(*view->extents));
    if (!view->extents)
        goto out;
    r = lay_out(view, recipe, gguf->alignment, &data_size, defect);
    if (r < 0)
        goto out;
    r = build_header(&b, view, gguf, recipe);
    if (r < 0)
        goto out;
    hand_over(&b, view);
    if (__builtin_add_overflow(view->header_size, data_size, &view->size) ||
        view->size > INT64_MAX) {
        r = defect_set(defect, EINVAL, DEFECT_NOWHERE, "the tensors are too large together");
        goto out;
    }
    for (size_t i = 0; i < view->extent_count; i++)
        view->extents[i].offset += view->header_size;
    *result = view;
    view = NULL;
out:
    free(b.pieces);
    free(b.patches);
    view_free(view);
    return r;
}

void view_free(struct view *view)
{
    if (!view)
        return;
    free(view->extents);
    free(view->header);
    free(view->patches);
    free(view);
}

/* --- chunks ------------------------------------------------------------------------------------
 */

/* Bytes of `weights` weights, whole blocks, of a tensor whose size was checked. */
static uint64_t bytes_of(enum type type, uint64_t weights)
{
    const struct type_info *info = type_info((uint32_t)type);

    return weights / info->block_weights * info->block_size;
}

struct chunk view_chunk(const struct view *view, uint32_t tensor, uint32_t index)
{
    const struct extent *extent = &view->extents[tensor];
    const struct source_tensor *from = extent->tensor;
    uint64_t length = from->ne[0], matrix, rest, left;
    uint64_t weights = type_info((uint32_t)extent->type)->chunk_weights;
    struct chunk chunk = {.rows = 1, .columns = length};

    assert(tensor < view->extent_count && index < extent->chunk_count);
    matrix = index / extent->matrix_chunks;
    rest = index % extent->matrix_chunks;
    if (extent->chunk_rows > 0) {
        left = from->ne[1] - rest * extent->chunk_rows;
        chunk.row = matrix * from->ne[1] + rest * extent->chunk_rows;
        chunk.rows = (uint32_t)(left < extent->chunk_rows ? left : extent->chunk_rows);
    } else {
        chunk.row = matrix * from->ne[1] + rest / extent->row_chunks;
        chunk.column = rest % extent->row_chunks * weights;
        left = length - chunk.column;
        chunk.columns = left < weights ? left : weights;
    }
    chunk.source_offset = from->offset + chunk.row * bytes_of(from->type, length) +
                          bytes_of(from->type, chunk.column);
    chunk.source_size = (size_t)(chunk.rows * bytes_of(from->type, chunk.columns));
    chunk.size = (size_t)(chunk.rows * bytes_of(extent->type, chunk.columns));
    return chunk;
}

uint64_t view_chunk_offset(const struct view *view, uint32_t tensor, uint32_t index)
{
    const struct extent *extent = &view->extents[tensor];
    struct chunk chunk = view_chunk(view, tensor, index);

    return extent->offset + chunk.row * bytes_of(extent->type, extent->tensor->ne[0]) +
           bytes_of(extent->type, chunk.column);
}

/* The chunk that holds byte `at` of a converted tensor. */
static uint32_t chunk_at(const struct extent *extent, uint64_t at)
{
    uint64_t row_size = bytes_of(extent->type, extent->tensor->ne[0]);
    uint64_t row = at / row_size, rows = extent->tensor->ne[1];
    uint64_t matrix = row / rows, within;
    uint64_t weights = type_info((uint32_t)extent->type)->chunk_weights;

    if (extent->chunk_rows > 0)
        within = row % rows / extent->chunk_rows;
    else
        within = row % rows * extent->row_chunks + at % row_size / bytes_of(extent->type, weights);
    return (uint32_t)(matrix * extent->matrix_chunks + within);
}

/* --- ranges to pieces --------------------------------------------------------------------------
 */

/* The last run of the header that begins at or before `offset`. */
static size_t header_at(const struct view *view, uint64_t offset)
{
    size_t low = 0, high = view->header_count;

    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;

        if (view->header[middle].offset <= offset)
            low = middle;
        else
            high = middle;
    }
    return low;
}

/* The last extent that begins at or before `offset`: of several at one place all but the last are
 * empty. */
static size_t extent_at(const struct view *view, uint64_t offset)
{
    size_t low = 0, high = view->extent_count;

    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;

        if (view->extents[middle].offset <= offset)
            low = middle;
        else
            high = middle;
    }
    return low;
}

/* The piece from `offset` to the end of header run `i`; *end is where it stops. */
static struct piece header_piece(const struct view *view, size_t i, uint64_t offset, uint64_t *end)
{
    const struct view_header_piece *run = &view->header[i];
    struct piece piece = {.kind = run->kind};

    *end = i + 1 < view->header_count ? view->header[i + 1].offset : view->header_size;
    if (run->kind == PIECE_PATCH)
        piece.patch = view->patches + run->from + (offset - run->offset);
    else if (run->kind == PIECE_COPY)
        piece.copy.offset = run->from + (offset - run->offset);
    return piece;
}

/* The piece from `offset` on in extent `i` or in the padding behind it; *end is where it stops. */
static struct piece extent_piece(const struct view *view, size_t i, uint64_t offset, uint64_t *end)
{
    const struct extent *extent = &view->extents[i];
    uint64_t at = offset - extent->offset, begin;
    struct piece piece = {.kind = PIECE_ZERO};

    if (at >= extent->size) {
        *end = i + 1 < view->extent_count ? view->extents[i + 1].offset : view->size;
        return piece;
    }
    if (extent->chunk_count == 0) {
        *end = extent->offset + extent->size;
        piece.kind = PIECE_COPY;
        piece.copy.shard = extent->tensor->shard;
        piece.copy.offset = extent->tensor->offset + at;
        return piece;
    }
    piece.kind = PIECE_CHUNK;
    piece.chunk.tensor = (uint32_t)i;
    piece.chunk.index = chunk_at(extent, at);
    begin = view_chunk_offset(view, (uint32_t)i, piece.chunk.index);
    piece.chunk.skip = (size_t)(offset - begin);
    *end = begin + view_chunk(view, (uint32_t)i, piece.chunk.index).size;
    return piece;
}

/* Does `next` go on where `piece` ends? */
static bool follows(const struct piece *piece, const struct piece *next)
{
    if (piece->kind != next->kind)
        return false;
    switch (piece->kind) {
    case PIECE_ZERO:
        return true;
    case PIECE_PATCH:
        return piece->patch + piece->size == next->patch;
    case PIECE_COPY:
        return piece->copy.shard == next->copy.shard &&
               piece->copy.offset + piece->size == next->copy.offset;
    case PIECE_CHUNK:
        break;
    }
    return false;
}

size_t view_map(const struct view *view, uint64_t offset, size_t size, struct piece *pieces,
                size_t max)
{
    uint64_t stop, end;
    size_t count = 0, i = 0;
    bool header = offset < view->header_size;
    struct piece piece;

    if (offset >= view->size)
        return 0;
    stop = size < view->size - offset ? offset + size : view->size;
    i = header ? header_at(view, offset) : extent_at(view, offset);
    while (offset < stop) {
        if (header && offset >= view->header_size) {
            header = false;
            i = extent_at(view, offset);
        }
        piece = header ? header_piece(view, i, offset, &end) : extent_piece(view, i, offset, &end);
        piece.size = (size_t)((end < stop ? end : stop) - offset);
        if (count > 0 && follows(&pieces[count - 1], &piece))
            pieces[count - 1].size += piece.size;
        else if (count < max)
            pieces[count++] = piece;
        else
            break;
        offset += piece.size;
        if (header)
            i++;
        else if (i + 1 < view->extent_count && offset >= view->extents[i + 1].offset)
            i = extent_at(view, offset);
    }
    return count;
}
