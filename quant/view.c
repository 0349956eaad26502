#include "quant/view.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "quant/view_header.h"

/* --- extents -----------------------------------------------------------------------------------
 */

/* How a converted tensor is cut (design.md, "Chunk size"). False: more chunks than can be
 * counted. */
static bool cut_chunks(struct extent *extent)
{
    const uint64_t *ne = extent->tensor->ne;
    uint64_t weights = type_info((uint32_t)extent->type)->chunk_weights;
    uint64_t per_row, per_matrix, all;

    if (ne[0] == 0 || extent->size == 0)
        return true;
    if (extent->importance && type_spans_row(extent->type) && ne[0] > weights)
        weights = ne[0];
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

    *extent = (struct extent){.tensor = tensor,
                              .type = entry->type,
                              .importance = entry->importance,
                              .size = tensor->size};
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

/* The entries of one file of the recipe. Returns the first. */
static const struct recipe_entry *entries_of(const struct recipe *recipe, unsigned shard,
                                             size_t *count)
{
    size_t first = 0, end = recipe->count;

    if (recipe->shard_count > 1) {
        while (first < recipe->count && recipe->entries[first].tensor->shard < shard)
            first++;
        for (end = first; end < recipe->count && recipe->entries[end].tensor->shard == shard;)
            end++;
    }
    *count = end - first;
    return recipe->entries + first;
}

/* Offsets count from the start of the data here; *size becomes that of all data. */
static int lay_out(struct view *view, const struct recipe_entry *entries, uint64_t alignment,
                   uint64_t *size, struct defect *defect)
{
    struct extent *extent;
    int r;

    *size = 0;
    for (size_t i = 0; i < view->extent_count; i++) {
        extent = &view->extents[i];
        r = lay_out_tensor(extent, &entries[i], defect);
        if (r < 0)
            return r;
        extent->offset = *size;
        if (__builtin_add_overflow(*size, extent->size, size) ||
            !view_header_pad(size, alignment) || *size > INT64_MAX)
            return defect_set(defect, EINVAL, DEFECT_NOWHERE, "the tensors are too large together");
    }
    return 0;
}

/* --- making a view -----------------------------------------------------------------------------
 */

/* Tensors under another name than the source's become the view's own: who made it may go. */
static void own_tensor(struct view *view, struct extent *extent, char **at)
{
    struct source_tensor *renamed = &view->renamed[view->renamed_count++];
    size_t size = strlen(extent->tensor->name) + 1;

    *renamed = *extent->tensor;
    renamed->name = memcpy(*at, extent->tensor->name, size);
    extent->tensor = renamed;
    *at += size;
}

static bool is_renamed(const struct recipe_entry *entry)
{
    return entry->origin && entry->tensor != entry->origin;
}

static int own_tensors(struct view *view, const struct recipe_entry *entries)
{
    size_t count = 0, size = 0;
    char *at;

    for (size_t i = 0; i < view->extent_count; i++)
        if (is_renamed(&entries[i])) {
            size += strlen(entries[i].tensor->name) + 1;
            count++;
        }
    if (count == 0)
        return 0;
    view->renamed = calloc(count, sizeof(*view->renamed));
    view->names = at = malloc(size);
    if (!view->renamed || !view->names)
        return -ENOMEM;
    for (size_t i = 0; i < view->extent_count; i++)
        if (is_renamed(&entries[i]))
            own_tensor(view, &view->extents[i], &at);
    view->memory += count * sizeof(*view->renamed) + size;
    return 0;
}

int view_make(const struct source *source, const struct recipe *recipe, struct view **result,
              struct defect *defect)
{
    return view_make_shard(source, recipe, 0, result, defect);
}

int view_make_shard(const struct source *source, const struct recipe *recipe, unsigned shard,
                    struct view **result, struct defect *defect)
{
    const struct recipe_entry *entries;
    struct view_header header = {0};
    struct view *view;
    uint64_t data_size;
    int r = -ENOMEM;

    *result = NULL;
    view = calloc(1, sizeof(*view));
    if (!view)
        goto out;
    view->source = source;
    view->imatrix = recipe->imatrix != NULL;
    entries = entries_of(recipe, shard, &view->extent_count);
    view->extents = calloc(view->extent_count > 0 ? view->extent_count : 1, sizeof(*view->extents));
    if (!view->extents)
        goto out;
    r = lay_out(view, entries, view_header_alignment(source, recipe, shard), &data_size, defect);
    if (r < 0)
        goto out;
    r = own_tensors(view, entries);
    if (r < 0)
        goto out;
    r = view_header_make(source, recipe, shard, view->extents, view->extent_count, &header, defect);
    if (r < 0)
        goto out;
    view->header = header.pieces;
    view->header_count = header.count;
    view->patches = header.patches;
    view->header_size = header.size;
    view->memory += sizeof(*view) + view->extent_count * sizeof(*view->extents) + header.memory;
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
    view_free(view);
    return r;
}

int view_make_bytes(const struct source *source, uint8_t *bytes, size_t size, struct view **result)
{
    struct view *view = calloc(1, sizeof(*view));
    struct view_header_piece *header = malloc(sizeof(*header));

    *result = NULL;
    if (!view || !header) {
        free(view);
        free(header);
        free(bytes);
        return -ENOMEM;
    }
    *header = (struct view_header_piece){.kind = PIECE_PATCH};
    *view = (struct view){
        .source = source,
        .size = size,
        .header_size = size,
        .header_count = 1,
        .header = header,
        .patches = bytes,
        .memory = sizeof(*view) + sizeof(*header) + size,
    };
    *result = view;
    return 0;
}

int view_make_extent(const struct view *whole, size_t index, struct view **result)
{
    struct view *view = calloc(1, sizeof(*view));
    struct extent *extent = malloc(sizeof(*extent));
    struct source_tensor *renamed = malloc(sizeof(*renamed));
    char *name = strdup(whole->extents[index].tensor->name), *at = name;

    *result = NULL;
    if (!view || !extent || !renamed || !name) {
        free(view);
        free(extent);
        free(renamed);
        free(name);
        return -ENOMEM;
    }
    *extent = whole->extents[index];
    extent->offset = 0;
    *view = (struct view){
        .source = whole->source,
        .imatrix = extent->importance != NULL,
        .size = extent->size,
        .extent_count = 1,
        .extents = extent,
        .renamed = renamed,
        .names = name,
        .memory = sizeof(*view) + sizeof(*extent) + sizeof(*renamed) + strlen(name) + 1,
    };
    own_tensor(view, extent, &at);
    *result = view;
    return 0;
}

void view_free(struct view *view)
{
    if (!view)
        return;
    free(view->extents);
    free(view->header);
    free(view->patches);
    free(view->renamed);
    free(view->names);
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
