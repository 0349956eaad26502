#include "quant/convert.h"

#include <assert.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Floats of a tile: 16 KiB, which stay in the first-level cache. A multiple of every block. */
#define TILE_WEIGHTS 4096

/* Rows of a tile where blocks depend on their row, whose sums the kernels then make side by side;
 * of longer rows, 256 KiB at most if they are several. */
#define TILE_ROWS 4
#define TILE_ROWS_WEIGHTS 65536

static const char result_message[] = "quantized data validation failed";

/* --- checks ------------------------------------------------------------------------------------
 */

/* The tool judges an F64 after it was rounded to float: 2^128 less half a unit becomes infinite. */
static bool finite_f64(const void *data, size_t count)
{
    const double limit = 0x1.ffffffp127;
    bool finite = true;
    double value;

    for (size_t i = 0; i < count; i++) {
        memcpy(&value, (const uint8_t *)data + 8 * i, 8);
        finite = finite && fabs(value) < limit;
    }
    return finite;
}

/* The half floats at the start of `count` places that are `step` bytes apart; as
 * scalar_finite_f16().
 */
static bool finite_scales(const uint8_t *at, size_t count, size_t step)
{
    uint16_t bits, all = 0;

    for (size_t i = 0; i < count; i++, at += step) {
        memcpy(&bits, at, 2);
        all = (uint16_t)(all | ((bits & 0x7fff) + 0x0400));
    }
    return !(all & 0x8000);
}

/* IQ1_M keeps its half float in the high four bits of four 16-bit words behind qs and qh. */
static bool finite_iq1_m(const uint8_t *block)
{
    uint16_t word, scale = 0;

    for (int i = 0; i < 4; i++) {
        memcpy(&word, block + 48 + 2 * i, 2);
        scale = (uint16_t)(scale | (word >> 12) << 4 * i);
    }
    return (scale & 0x7c00) != 0x7c00;
}

/* What a block has besides scales that are half floats at fixed places. */
static bool finite_block(enum type type, const uint8_t *block)
{
    float number;

    switch (type) {
    case TYPE_IQ1_M:
        return finite_iq1_m(block);
    case TYPE_MXFP4: /* the exponent comes first; 255 is its NaN */
        return block[0] != 0xff;
    case TYPE_Q8_K: /* a float comes first */
        memcpy(&number, block, 4);
        return isfinite(number);
    default: /* Q8_1, a type of activations: the tool takes no tensor of it for valid */
        return false;
    }
}

static bool has_more(enum type type)
{
    return type == TYPE_IQ1_M || type == TYPE_MXFP4 || type == TYPE_Q8_K || type == TYPE_Q8_1;
}

/* Is what the tool checks of `count` blocks in order? (ggml_validate_row_data, 0.27) */
static bool finite_blocks(const struct kernel_set *kernels, enum type type, const void *data,
                          size_t count)
{
    const struct type_info *info = type_info((uint32_t)type);
    const uint8_t *block = data;

    if (kernels->finite[type])
        return kernels->finite[type](data, count);
    if (type == TYPE_F64)
        return finite_f64(data, count);
    if (!info->quantized)
        return true;
    for (unsigned i = 0; i < info->scale_count; i++)
        if (!finite_scales(block + info->scale_offset[i], count, info->block_size))
            return false;
    for (size_t i = 0; i < count && has_more(type); i++, block += info->block_size)
        if (!finite_block(type, block))
            return false;
    return true;
}

/* The first of `count` blocks that is not in order; only asked when one is not. */
static size_t first_bad(const struct kernel_set *kernels, enum type type, const void *data,
                        size_t count)
{
    size_t block_size = type_info((uint32_t)type)->block_size, i = 0;

    while (i + 1 < count && finite_blocks(kernels, type, (const uint8_t *)data + i * block_size, 1))
        i++;
    return i;
}

static int invalid_source(const struct source_tensor *tensor, uint64_t row, struct defect *defect)
{
    return defect_set(defect, EIO, DEFECT_NOWHERE, "tensor '%s' has invalid data (row %llu)",
                      tensor->name, (unsigned long long)row);
}

static int invalid_result(const struct source_tensor *tensor, uint64_t row, struct defect *defect)
{
    return defect_set(defect, EIO, DEFECT_NOWHERE, "%s (row %llu of tensor '%s')", result_message,
                      (unsigned long long)row, tensor->name);
}

int convert_check(const struct kernel_set *kernels, const struct source_tensor *tensor,
                  uint64_t first, const void *data, size_t size, struct defect *defect)
{
    const struct type_info *info = type_info((uint32_t)tensor->type);
    size_t count = size / info->block_size;

    assert(size % info->block_size == 0);
    if (finite_blocks(kernels, tensor->type, data, count))
        return 0;
    first += first_bad(kernels, tensor->type, data, count);
    return invalid_source(tensor, first * info->block_weights / tensor->ne[0], defect);
}

size_t convert_message_length(const char *text)
{
    const char *row, *next;
    size_t length = strlen(result_message);

    if (strncmp(text, result_message, length) == 0)
        return length;
    row = strstr(text, " (row ");
    if (!row)
        return strlen(text);
    /* A tensor's name may hold the same words; ours come last. */
    while ((next = strstr(row + 1, " (row ")))
        row = next;
    return (size_t)(row - text);
}

/* --- conversion --------------------------------------------------------------------------------
 */

int convert_load(const struct view *view, uint32_t tensor, const struct chunk *chunk, void *data)
{
    const struct source_tensor *from = view->extents[tensor].tensor;

    return source_read(view->source, from->shard, chunk->source_offset, data, chunk->source_size);
}

/* What stays the same from tile to tile. */
struct conversion {
    const struct source_tensor *tensor;
    enum type type;
    const struct type_info *from;
    const struct type_info *to;
    const struct kernel_set *kernels;
    kernel_widen_fn widen;   /* NULL: they are floats already */
    kernel_fn quantize;      /* NULL: they stay floats */
    const float *importance; /* from the chunk's first column on; NULL: none */
    uint64_t row;            /* the chunk's first, of the tensor */
    size_t rows, columns;    /* the chunk's */
    bool whole_rows;         /* a block depends on its row */
};

static int find_kernels(const struct kernel_set *kernels, struct conversion *c)
{
    c->kernels = kernels;
    c->from = type_info((uint32_t)c->tensor->type);
    c->to = type_info((uint32_t)c->type);
    c->widen = kernels->widen[c->tensor->type];
    c->quantize = kernels->quantize[c->type];
    if ((!c->widen && c->tensor->type != TYPE_F32) || (!c->quantize && c->type != TYPE_F32))
        return -ENOTSUP;
    return 0;
}

/*
 * Some weights that are converted at one call. Where a block depends on nothing but its own weights
 * and columns, those of a chunk are one run of blocks: tiles are full wherever its rows end, since
 * kernels take as long for a part of what they do at once. To the kernel such a tile is one row.
 */
struct tile {
    float *weights;    /* room for them */
    float *importance; /* room for that of TILE_WEIGHTS columns */
    size_t first;      /* weights of the chunk before it */
    size_t rows, length;
};

/* The row of the tensor that holds the weight `at` of the tile. */
static uint64_t tile_row(const struct conversion *c, const struct tile *t, size_t at)
{
    return c->row + (t->first + at) / c->columns;
}

/* That of the tile's columns. */
static const float *tile_importance(const struct conversion *c, const struct tile *t)
{
    size_t column = t->first % c->columns, run;

    if (!c->importance || c->columns - column >= t->length)
        return c->importance ? c->importance + column : NULL;
    for (size_t i = 0; i < t->length; i += run, column = 0) {
        run = c->columns - column < t->length - i ? c->columns - column : t->length - i;
        memcpy(t->importance + i, c->importance + column, run * sizeof(float));
    }
    return t->importance;
}

/* The tile as floats: those of the source where they are such. NULL with *r: it has others. */
static const float *widen_tile(const struct conversion *c, const struct tile *t,
                               const uint8_t *data, struct defect *defect, int *r)
{
    size_t weights = t->rows * t->length, blocks = weights / c->from->block_weights, bad;
    const float *floats = (const void *)data;

    /* The first pass brings the bytes into the first-level cache for the second. */
    if (!finite_blocks(c->kernels, c->tensor->type, data, blocks)) {
        bad = first_bad(c->kernels, c->tensor->type, data, blocks) * c->from->block_weights;
        *r = invalid_source(c->tensor, tile_row(c, t, bad), defect);
        return NULL;
    }
    if (c->widen) {
        c->widen(t->weights, data, weights);
        floats = t->weights;
    }
    /* Finite scales may still mean numbers beyond those of floats. */
    if (c->from->quantized && !finite_blocks(c->kernels, TYPE_F32, floats, weights)) {
        bad = first_bad(c->kernels, TYPE_F32, floats, weights);
        *r = invalid_result(c->tensor, tile_row(c, t, bad), defect);
        return NULL;
    }
    return floats;
}

static int convert_tile(const struct conversion *c, const struct tile *t, const uint8_t *data,
                        uint8_t *result, struct defect *defect)
{
    size_t weights = t->rows * t->length, blocks = weights / c->to->block_weights, bad;
    int r = 0;
    const float *floats = widen_tile(c, t, data, defect, &r);

    if (!floats)
        return r;
    if (c->quantize)
        c->quantize(result, floats, t->rows, t->length, tile_importance(c, t));
    else
        memcpy(result, floats, weights * sizeof(*floats));
    if (finite_blocks(c->kernels, c->type, result, blocks))
        return 0;
    bad = first_bad(c->kernels, c->type, result, blocks) * c->to->block_weights;
    return invalid_result(c->tensor, tile_row(c, t, bad), defect);
}

/* Rows of a tile where a block depends on its row. */
static size_t tile_rows(size_t columns)
{
    size_t rows = TILE_ROWS;

    while (rows > 1 && columns > TILE_ROWS_WEIGHTS / rows)
        rows--;
    return rows * columns > TILE_WEIGHTS ? rows : TILE_WEIGHTS / columns;
}

/* Tile by tile. */
static int convert_tiles(const struct conversion *c, struct tile *tile, const uint8_t *in,
                         uint8_t *out, struct defect *defect)
{
    size_t rows = tile_rows(c->columns), all = c->rows * c->columns, left, count;
    int r = 0;

    for (tile->first = 0; tile->first < all && r == 0; tile->first += count) {
        left = all - tile->first;
        if (c->whole_rows) {
            tile->rows = left > rows * c->columns ? rows : left / c->columns;
            tile->length = c->columns;
        } else {
            tile->rows = 1;
            tile->length = left < TILE_WEIGHTS ? left : TILE_WEIGHTS;
        }
        r = convert_tile(c, tile, in, out, defect);
        count = tile->rows * tile->length;
        in += count / c->from->block_weights * c->from->block_size;
        out += count / c->to->block_weights * c->to->block_size;
    }
    return r;
}

int convert_run(const struct kernel_set *kernels, const struct view *view, uint32_t tensor,
                const struct chunk *chunk, const void *data, void *result, struct defect *defect)
{
    const struct extent *extent = &view->extents[tensor];
    struct conversion c = {
        .tensor = extent->tensor,
        .type = extent->type,
        .row = chunk->row,
        .rows = chunk->rows,
        .columns = (size_t)chunk->columns,
    };
    _Alignas(64) float near[TILE_WEIGHTS], importance[TILE_WEIGHTS];
    struct tile tile = {.weights = near, .importance = importance};
    float *long_rows = NULL;
    size_t most;
    int r = find_kernels(kernels, &c);

    if (r < 0)
        return defect_set(defect, -r, DEFECT_NOWHERE, "no kernel converts tensor '%s' to %s",
                          c.tensor->name, c.to->name);
    /* A chunk is of one matrix. */
    if (extent->importance)
        c.importance =
            extent->importance + chunk->row / c.tensor->ne[1] * c.tensor->ne[0] + chunk->column;
    c.whole_rows = c.importance && type_spans_row(c.type);
    most = tile_rows(c.columns) * c.columns;
    if (c.whole_rows && most > TILE_WEIGHTS) {
        tile.weights = long_rows = reallocarray(NULL, most, sizeof(*long_rows));
        if (!long_rows)
            return -ENOMEM;
    }
    r = convert_tiles(&c, &tile, data, result, defect);
    free(long_rows);
    return r;
}
