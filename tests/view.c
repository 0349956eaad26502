/*
 * If this fails, a read of a view returns bytes from the wrong place, or the header that clients
 * parse is not the one that the reference tool writes.
 */
#include "quant/view.h"

#include <inttypes.h>

#include "check.h"

#define GIB (UINT64_C(1) << 30)

/* --- a made-up source --------------------------------------------------------------------------
 */

/*
 * view.c asks two things of a source; they are defined here, so that the linker leaves out the
 * library's own. Only the header has bytes; every byte behind it is a function of its place.
 */
struct source {
    struct gguf gguf;
    const uint8_t *header;
    size_t size;
    uint64_t *bytes_read; /* counted there, unless NULL */
};

const struct gguf *source_gguf(const struct source *source)
{
    return &source->gguf;
}

static uint8_t noise(uint64_t at)
{
    return (uint8_t)((at * UINT64_C(0x9e3779b97f4a7c15)) >> 56);
}

int source_read(const struct source *source, unsigned shard, uint64_t offset, void *data,
                size_t size)
{
    uint8_t *out = data;

    for (size_t i = 0; i < size; i++)
        out[i] = shard == 0 && offset + i < source->size ? source->header[offset + i]
                                                         : noise(offset + i + shard);
    if (source->bytes_read)
        *source->bytes_read += size;
    return 0;
}

/* Bytes of a header, in a source or in what is expected of a view. */
struct bytes {
    uint8_t *data;
    size_t size, room;
};

static void put(struct bytes *b, const void *data, size_t size)
{
    if (b->size + size > b->room) {
        b->room = 2 * (b->size + size);
        b->data = realloc(b->data, b->room);
        CHECK(b->data);
    }
    if (size > 0)
        memcpy(b->data + b->size, data, size);
    b->size += size;
}

static void put_number(struct bytes *b, uint64_t value, size_t size)
{
    for (size_t i = 0; i < size; i++, value >>= 8)
        put(b, &(uint8_t){(uint8_t)value}, 1);
}

static void put_string(struct bytes *b, const char *text, size_t size)
{
    put_number(b, size, 8);
    put(b, text, size);
}

/* What stands before the keys of a source; no view copies it. */
static const uint8_t start[24];

struct keys {
    struct bytes file;
    struct gguf_key list[32];
    size_t count;
};

/* Begins a record; value_end() ends it. */
static struct gguf_key *key_begin(struct keys *keys, const char *name, size_t name_size,
                                  enum gguf_type type)
{
    struct gguf_key *key = &keys->list[keys->count++];

    CHECK(keys->count <= 32);
    *key = (struct gguf_key){.name = name, .type = type, .subtype = type, .count = 1};
    key->offset = keys->file.size;
    key->verbatim = true;
    put_string(&keys->file, name, name_size);
    put_number(&keys->file, type, 4);
    key->value = keys->file.size;
    return key;
}

static struct gguf_key *array_begin(struct keys *keys, const char *name, enum gguf_type subtype,
                                    uint64_t count)
{
    struct gguf_key *key = key_begin(keys, name, strlen(name), GGUF_ARRAY);

    put_number(&keys->file, subtype, 4);
    put_number(&keys->file, count, 8);
    key->subtype = subtype;
    key->count = count;
    key->value = keys->file.size;
    return key;
}

static void key_end(struct keys *keys, struct gguf_key *key, bool verbatim)
{
    key->end = keys->file.size;
    key->verbatim = verbatim;
}

static void key_u32(struct keys *keys, const char *name, uint32_t value)
{
    struct gguf_key *key = key_begin(keys, name, strlen(name), GGUF_U32);

    put_number(&keys->file, value, 4);
    key_end(keys, key, true);
}

static struct source source_of(struct keys *keys, uint64_t alignment)
{
    struct source source = {.header = keys->file.data, .size = keys->file.size};

    source.gguf.version = 3;
    source.gguf.alignment = alignment;
    source.gguf.keys = keys->list;
    source.gguf.key_count = keys->count;
    return source;
}

/* --- tensors -----------------------------------------------------------------------------------
 */

struct shape {
    const char *name;
    uint64_t ne[4];
    enum type from, to;
};

/* A recipe of these tensors; they lie in the source one behind the other from `offset` on. */
static struct recipe *recipe_of(const struct shape *shapes, size_t count,
                                struct source_tensor *tensors, uint64_t offset)
{
    struct recipe *recipe = calloc(1, sizeof(*recipe) + count * sizeof(recipe->entries[0]));
    struct source_tensor *tensor;

    CHECK(recipe);
    recipe->ftype_number = 15;
    recipe->count = count;
    for (size_t i = 0; i < count; i++) {
        tensor = &tensors[i];
        *tensor = (struct source_tensor){.name = shapes[i].name, .type = shapes[i].from};
        memcpy(tensor->ne, shapes[i].ne, sizeof(tensor->ne));
        tensor->n_dims = 1;
        for (unsigned d = 1; d < 4; d++)
            if (tensor->ne[d] > 1)
                tensor->n_dims = d + 1;
        tensor->offset = offset;
        tensor->size = type_info((uint32_t)tensor->type)->block_size;
        tensor->size *= tensor->ne[0] / type_info((uint32_t)tensor->type)->block_weights;
        tensor->size *= tensor->ne[1] * tensor->ne[2] * tensor->ne[3];
        offset += (tensor->size + 31) / 32 * 32;
        recipe->entries[i] = (struct recipe_entry){.tensor = tensor, .type = shapes[i].to};
    }
    return recipe;
}

/* What a view holds: converted bytes are a function of their place in the view. */
static void fill(const struct view *view, uint64_t offset, const struct piece *piece, uint8_t *out)
{
    switch (piece->kind) {
    case PIECE_ZERO:
        memset(out, 0, piece->size);
        break;
    case PIECE_PATCH:
        memcpy(out, piece->patch, piece->size);
        break;
    case PIECE_COPY:
        CHECK_EQ(source_read(view->source, piece->copy.shard, piece->copy.offset, out, piece->size),
                 0);
        break;
    case PIECE_CHUNK:
        CHECK_EQ(view_chunk_offset(view, piece->chunk.tensor, piece->chunk.index) +
                     piece->chunk.skip,
                 offset);
        CHECK(piece->chunk.skip + piece->size <=
              view_chunk(view, piece->chunk.tensor, piece->chunk.index).size);
        for (size_t i = 0; i < piece->size; i++)
            out[i] = noise(piece->chunk.tensor * UINT64_C(7919) + piece->chunk.index * 31u +
                           piece->chunk.skip + i);
        break;
    }
}

/* Reads a range with at most `max` pieces at a time. Returns the calls that it took. */
static size_t read_view(const struct view *view, uint64_t offset, size_t size, uint8_t *out,
                        size_t max)
{
    struct piece pieces[64];
    size_t done = 0, calls = 0, count;

    while (done < size) {
        count = view_map(view, offset + done, size - done, pieces, max);
        CHECK(count > 0 && count <= max);
        for (size_t i = 0; i < count; i++) {
            CHECK(pieces[i].size > 0 && pieces[i].size <= size - done);
            fill(view, offset + done, &pieces[i], out + done);
            done += pieces[i].size;
        }
        calls++;
    }
    return calls;
}

/* --- tests -------------------------------------------------------------------------------------
 */

static void put_end(struct bytes *expected, uint32_t ftype)
{
    put_string(expected, "general.quantization_version", 28);
    put_number(expected, GGUF_U32, 4);
    put_number(expected, 2, 4);
    put_string(expected, "general.file_type", 17);
    put_number(expected, GGUF_U32, 4);
    put_number(expected, ftype, 4);
}

static void put_start(struct bytes *expected, uint64_t tensors, uint64_t keys)
{
    put(expected, "GGUF", 4);
    put_number(expected, 3, 4);
    put_number(expected, tensors, 8);
    put_number(expected, keys, 8);
}

static void check_header(const struct source *source, struct bytes *expected)
{
    struct recipe empty = {.ftype_number = 7};
    struct view *view;
    uint8_t *got;

    while (expected->size % 32)
        put_number(expected, 0, 1);
    CHECK_EQ(view_make(source, &empty, &view, NULL), 0);
    CHECK_EQ(view->header_size, expected->size);
    CHECK_EQ(view->size, expected->size);
    got = malloc(expected->size);
    CHECK(got);
    (void)read_view(view, 0, expected->size, got, 64);
    CHECK(memcmp(got, expected->data, expected->size) == 0);
    free(got);
    view_free(view);
}

/* Keys are copied; five go, two of them to the end. */
static void test_keys(void)
{
    struct keys keys = {0};
    struct bytes expected = {0};
    struct source source;
    struct gguf_key *key;

    put_start(&expected, 0, 5);
    put(&keys.file, start, sizeof(start));
    key_u32(&keys, "a", 1);
    key_u32(&keys, "general.file_type", 1);
    key_u32(&keys, "b", 2);
    key_u32(&keys, "split.count", 3);
    key_u32(&keys, "split.no", 3);
    key_u32(&keys, "split.tensors.count", 3);
    key_u32(&keys, "general.quantization_version", 9);
    key = array_begin(&keys, "tokens", GGUF_STRING, 3);
    put_string(&keys.file, "x", 1);
    put_string(&keys.file, "", 0);
    put_string(&keys.file, "yz", 2);
    key_end(&keys, key, true);

    put(&expected, keys.file.data + keys.list[0].offset, keys.list[0].end - keys.list[0].offset);
    put(&expected, keys.file.data + keys.list[2].offset, keys.list[2].end - keys.list[2].offset);
    put(&expected, keys.file.data + keys.list[7].offset, keys.list[7].end - keys.list[7].offset);
    put_end(&expected, 7);
    source = source_of(&keys, 32);
    check_header(&source, &expected);
    free(keys.file.data);
    free(expected.data);
}

/* Zero bytes in strings and names, and BOOLs beyond 1, are mended; what is long stays a copy. */
static void test_mended_keys(void)
{
    static const char long_text[] = "a text that is longer than what a view would rather keep than "
                                    "copy, so that its bytes come from the source";
    struct keys keys = {0};
    struct bytes expected = {0};
    struct source source;
    struct gguf_key *key;
    uint8_t bools[1000];

    put_start(&expected, 0, 8);
    put(&keys.file, start, sizeof(start));

    key = key_begin(&keys, "bool", 4, GGUF_BOOL);
    put_number(&keys.file, 7, 1);
    key_end(&keys, key, false);
    put_string(&expected, "bool", 4);
    put_number(&expected, GGUF_BOOL, 4);
    put_number(&expected, 1, 1);

    key = key_begin(&keys, "cut\0here", 8, GGUF_U32);
    put_number(&keys.file, 5, 4);
    key_end(&keys, key, false);
    put_string(&expected, "cut", 3);
    put_number(&expected, GGUF_U32, 4);
    put_number(&expected, 5, 4);

    key = key_begin(&keys, "string", 6, GGUF_STRING);
    put_string(&keys.file, long_text, sizeof(long_text));
    key->count = sizeof(long_text);
    key_end(&keys, key, false);
    put_string(&expected, "string", 6);
    put_number(&expected, GGUF_STRING, 4);
    put_string(&expected, long_text, sizeof(long_text) - 1);

    key = array_begin(&keys, "strings", GGUF_STRING, 4);
    put_string(&keys.file, "ab\0c", 4);
    put_string(&keys.file, "\0", 1);
    put_string(&keys.file, long_text, sizeof(long_text) - 1);
    put_string(&keys.file, "", 0);
    key_end(&keys, key, false);
    put_string(&expected, "strings", 7);
    put_number(&expected, GGUF_ARRAY, 4);
    put_number(&expected, GGUF_STRING, 4);
    put_number(&expected, 4, 8);
    put_string(&expected, "ab", 2);
    put_string(&expected, "", 0);
    put_string(&expected, long_text, sizeof(long_text) - 1);
    put_string(&expected, "", 0);

    memset(bools, 1, sizeof(bools));
    bools[300] = 0;
    bools[999] = 255;
    key = array_begin(&keys, "bools", GGUF_BOOL, sizeof(bools));
    put(&keys.file, bools, sizeof(bools));
    key_end(&keys, key, false);
    put_string(&expected, "bools", 5);
    put_number(&expected, GGUF_ARRAY, 4);
    put_number(&expected, GGUF_BOOL, 4);
    put_number(&expected, sizeof(bools), 8);
    bools[999] = 1;
    put(&expected, bools, sizeof(bools));

    key = array_begin(&keys, "none", GGUF_STRING, 0);
    key_end(&keys, key, false);
    put_string(&expected, "none", 4);
    put_number(&expected, GGUF_ARRAY, 4);
    put_number(&expected, GGUF_STRING, 4);
    put_number(&expected, 0, 8);

    put_end(&expected, 7);
    source = source_of(&keys, 32);
    check_header(&source, &expected);
    free(keys.file.data);
    free(expected.data);
}

/* A vocabulary is not read, and what a view owns grows with its tensors alone. */
static void test_memory(void)
{
    enum { COUNT = 10000 };
    struct keys keys = {0};
    struct source source;
    struct source_tensor *tensors = calloc(COUNT, sizeof(*tensors));
    struct shape *list = calloc(COUNT, sizeof(*list));
    struct recipe *recipe;
    struct view *view;
    struct gguf_key *key;
    struct piece pieces[8];
    uint64_t bytes_read = 0;

    CHECK(tensors && list);
    put(&keys.file, start, sizeof(start));
    key = array_begin(&keys, "tokens", GGUF_STRING, 100000);
    for (int i = 0; i < 100000; i++)
        put_string(&keys.file, "token", 5);
    key_end(&keys, key, true);
    source = source_of(&keys, 32);
    source.bytes_read = &bytes_read;
    for (size_t i = 0; i < COUNT; i++)
        list[i] = (struct shape){"blk.10.ffn_down.weight", {512, 512, 1, 1}, TYPE_F16, TYPE_Q4_K};
    recipe = recipe_of(list, COUNT, tensors, 1 << 22);
    CHECK_EQ(view_make(&source, recipe, &view, NULL), 0);
    CHECK_EQ(bytes_read, 0);
    CHECK(view->memory > COUNT * sizeof(struct extent));
    CHECK(view->memory < COUNT * 140);
    /* start, vocabulary, all else, and perhaps padding: neighbours are merged */
    CHECK(view->header_count >= 3 && view->header_count <= 4);
    CHECK_EQ(view_map(view, 0, view->header_size, pieces, 8), view->header_count);
    CHECK_EQ(pieces[0].kind, PIECE_PATCH);
    CHECK_EQ(pieces[0].size, 24);
    CHECK_EQ(pieces[1].kind, PIECE_COPY);
    CHECK_EQ(pieces[1].size, keys.file.size - 24);
    view_free(view);
    free(recipe);
    free(tensors);
    free(list);
    free(keys.file.data);
}

/* Every chunk of a tensor: side by side in the view and in the source, in one matrix, not too
 * large. */
static void check_chunks(const struct view *view, uint32_t tensor)
{
    const struct extent *extent = &view->extents[tensor];
    const struct source_tensor *from = extent->tensor;
    uint64_t at = extent->offset, source_at = from->offset, weights;
    uint64_t limit = type_info((uint32_t)extent->type)->chunk_weights;
    struct chunk chunk = {0};

    for (uint32_t i = 0; i < extent->chunk_count; i++) {
        chunk = view_chunk(view, tensor, i);
        weights = chunk.rows * chunk.columns;
        CHECK_EQ(view_chunk_offset(view, tensor, i), at);
        CHECK_EQ(chunk.source_offset, source_at);
        CHECK(chunk.rows > 0 && chunk.columns > 0 && weights <= limit);
        CHECK(chunk.column + chunk.columns <= from->ne[0]);
        CHECK(chunk.rows == 1 || chunk.columns == from->ne[0]);
        CHECK_EQ(chunk.row / from->ne[1], (chunk.row + chunk.rows - 1) / from->ne[1]);
        /* only the last of a matrix may be short by a row or more */
        if (from->ne[0] <= limit && (chunk.row + chunk.rows) % from->ne[1] != 0)
            CHECK_EQ(chunk.rows, limit / from->ne[0]);
        if (from->ne[0] > limit && chunk.column + chunk.columns < from->ne[0])
            CHECK_EQ(chunk.columns, limit);
        at += chunk.size;
        source_at += chunk.source_size;
    }
    CHECK_EQ(at, extent->offset + extent->size);
    CHECK_EQ(source_at, from->offset + from->size);
}

static const struct shape shapes[] = {
    {"plain", {4096, 1000, 1, 1}, TYPE_F16, TYPE_Q4_K},
    {"copied", {100, 7, 1, 1}, TYPE_F32, TYPE_F32},
    {"long-row", {(1 << 20) + 256, 3, 1, 1}, TYPE_F16, TYPE_Q4_K},
    {"very-long-row", {5 << 20, 1, 1, 1}, TYPE_F32, TYPE_Q6_K},
    {"long-experts", {(1 << 19) + 32, 2, 3, 1}, TYPE_BF16, TYPE_Q8_0},
    {"experts", {288, 1001, 5, 1}, TYPE_F16, TYPE_Q8_0},
    {"four", {256, 3, 2, 2}, TYPE_F16, TYPE_Q4_K},
    {"exact", {1 << 20, 2, 1, 1}, TYPE_F16, TYPE_Q4_K},
    {"one-row", {32, 1, 1, 1}, TYPE_F16, TYPE_Q8_0},
    {"empty-copied", {256, 0, 1, 1}, TYPE_F32, TYPE_F32},
    {"empty", {256, 0, 3, 1}, TYPE_F16, TYPE_Q4_K},
    {"empty-rows", {0, 256, 1, 1}, TYPE_F16, TYPE_Q8_0},
    {"odd", {77, 13001, 1, 1}, TYPE_F32, TYPE_F16},
    {"widened", {77, 4001, 1, 1}, TYPE_F16, TYPE_F32},
    {"one", {1, 1, 1, 1}, TYPE_F32, TYPE_F32},
    {"empty-last", {0, 1, 1, 1}, TYPE_F32, TYPE_F32},
};
enum { SHAPES = sizeof(shapes) / sizeof(shapes[0]) };

/* A random range is the same part of the whole, however few pieces are asked for at a time. */
static void check_ranges(const struct view *view, uint32_t seed)
{
    uint8_t *whole = malloc(view->size), *part = malloc(view->size);
    uint64_t random = seed, offset;
    size_t size;

    CHECK(whole && part);
    (void)read_view(view, 0, view->size, whole, 64);
    CHECK_EQ(view_map(view, view->size, 1, (struct piece[1]){{0}}, 1), 0);
    CHECK_EQ(view_map(view, UINT64_MAX, SIZE_MAX, (struct piece[1]){{0}}, 1), 0);
    for (int i = 0; i < 1000; i++) {
        random = random * UINT64_C(6364136223846793005) + 1442695040888963407u;
        offset = (random >> 33) % view->size;
        if (i % 3 == 0) /* near the header, where the pieces are small */
            offset %= view->header_size + 4096;
        size = (size_t)((random >> 11) % (i % 50 ? 5000 : 5000000)) + 1;
        if (size > view->size - offset)
            size = (size_t)(view->size - offset);
        (void)read_view(view, offset, size, part, 1 + (size_t)i % 5);
        if (memcmp(part, whole + offset, size) != 0) {
            fprintf(stderr, "seed %u: offset %" PRIu64 ", size %zu\n", seed, offset, size);
            exit(1);
        }
    }
    free(whole);
    free(part);
}

/* The bytes of a tensor alone are those of the same chunks. */
static void check_extent(const struct view *whole, uint32_t tensor)
{
    const struct extent *extent = &whole->extents[tensor];
    struct view *view;
    struct piece found[8], expected[8];
    uint64_t at, step = extent->size / 7 + 1;
    size_t count;

    CHECK_EQ(view_make_extent(whole, tensor, &view), 0);
    CHECK_EQ(view->size, extent->size);
    CHECK_EQ(view->extents[0].chunk_count, extent->chunk_count);
    CHECK_EQ(view_map(view, view->size, 1, found, 8), 0);
    for (at = 0; at < view->size; at += step) {
        count = view_map(view, at, 1, found, 8);
        CHECK_EQ(count, 1);
        CHECK_EQ(view_map(whole, extent->offset + at, 1, expected, 8), 1);
        CHECK_EQ(found[0].kind, expected[0].kind);
        CHECK_EQ(found[0].size, 1);
        if (found[0].kind == PIECE_CHUNK) {
            CHECK_EQ(found[0].chunk.tensor, 0);
            CHECK_EQ(found[0].chunk.index, expected[0].chunk.index);
            CHECK_EQ(found[0].chunk.skip, expected[0].chunk.skip);
        } else {
            CHECK_EQ(found[0].copy.shard, expected[0].copy.shard);
            CHECK_EQ(found[0].copy.offset, expected[0].copy.offset);
        }
    }
    view_free(view);
}

static void test_bytes(void)
{
    struct source source = {0};
    struct piece pieces[4];
    struct view *view;
    uint8_t *bytes = malloc(5);

    memcpy(bytes, "bytes", 5);
    CHECK_EQ(view_make_bytes(&source, bytes, 5, &view), 0);
    CHECK_EQ(view->size, 5);
    CHECK_EQ(view_map(view, 1, 100, pieces, 4), 1);
    CHECK_EQ(pieces[0].kind, PIECE_PATCH);
    CHECK_EQ(pieces[0].size, 4);
    CHECK(memcmp(pieces[0].patch, "ytes", 4) == 0);
    CHECK_EQ(view_map(view, 5, 1, pieces, 4), 0);
    view_free(view);
    CHECK_EQ(view_make_bytes(&source, malloc(1), 0, &view), 0);
    CHECK_EQ(view_map(view, 0, 1, pieces, 4), 0);
    view_free(view);
}

static void test_layout(uint64_t alignment, uint32_t seed)
{
    struct keys keys = {0};
    struct source source;
    struct source_tensor tensors[SHAPES];
    struct recipe *recipe;
    struct view *view;
    uint64_t at;

    put(&keys.file, start, sizeof(start));
    key_u32(&keys, "general.alignment", (uint32_t)alignment);
    source = source_of(&keys, alignment);
    recipe = recipe_of(shapes, SHAPES, tensors, 4096);
    CHECK_EQ(view_make(&source, recipe, &view, NULL), 0);
    CHECK_EQ(view->header_size % alignment, 0);
    at = view->header_size;
    for (uint32_t i = 0; i < SHAPES; i++) {
        CHECK_EQ(view->extents[i].offset, at);
        at += (view->extents[i].size + alignment - 1) / alignment * alignment;
        if (shapes[i].from == shapes[i].to || view->extents[i].size == 0)
            CHECK_EQ(view->extents[i].chunk_count, 0);
        else
            check_chunks(view, i);
        check_extent(view, i);
    }
    CHECK_EQ(view->size, at);
    CHECK_EQ(view->extents[0].size, 1000 * 4096 / 256 * 144);
    CHECK_EQ(view->extents[0].chunk_count, 4); /* 256 rows each, 232 the last */
    CHECK_EQ(view->extents[2].chunk_count, 6);
    CHECK_EQ(view->extents[4].chunk_count, 12);
    CHECK_EQ(view->extents[5].chunk_count, 5);
    check_ranges(view, seed);
    view_free(view);
    free(recipe);
    free(keys.file.data);
}

/* Of the files of a set only the first has the source's keys: the others have no alignment of their
 * own, and so the plain one. */
static void test_shards(void)
{
    static const struct shape list[] = {
        {"a", {256, 3, 1, 1}, TYPE_F16, TYPE_Q4_K},
        {"b", {256, 5, 1, 1}, TYPE_F16, TYPE_Q4_K},
        {"c", {7, 1, 1, 1}, TYPE_F32, TYPE_F32},
        {"d", {256, 1, 1, 1}, TYPE_F32, TYPE_F32},
    };
    struct keys keys = {0};
    struct source source;
    struct source_tensor tensors[4];
    struct recipe *recipe;
    struct view *view;

    put(&keys.file, start, sizeof(start));
    key_u32(&keys, "general.alignment", 4096);
    source = source_of(&keys, 4096);
    recipe = recipe_of(list, 4, tensors, 4096);
    tensors[1].shard = tensors[2].shard = tensors[3].shard = 2;
    recipe->shard_count = 3;
    CHECK_EQ(view_make_shard(&source, recipe, 0, &view, NULL), 0);
    CHECK_EQ(view->extent_count, 1);
    CHECK_EQ(view->header_size, 4096);
    CHECK_EQ(view->extents[0].offset, 4096);
    CHECK_EQ(view->size, 8192);
    view_free(view);
    CHECK_EQ(view_make_shard(&source, recipe, 1, &view, NULL), 0);
    CHECK_EQ(view->extent_count, 0);
    CHECK_EQ(view->size, view->header_size);
    CHECK(view->size < 4096 && view->size % 32 == 0);
    view_free(view);
    CHECK_EQ(view_make_shard(&source, recipe, 2, &view, NULL), 0);
    CHECK_EQ(view->extent_count, 3);
    CHECK(view->header_size < 4096 && view->header_size % 32 == 0);
    CHECK_STR(view->extents[0].tensor->name, "b");
    CHECK_EQ(view->extents[0].offset, view->header_size);
    CHECK_EQ(view->extents[1].offset, view->header_size + 5 * 144 + 16);
    CHECK_EQ(view->extents[2].offset, view->extents[1].offset + 32);
    CHECK_EQ(view->size, view->extents[2].offset + 1024);
    view_free(view);
    free(recipe);
    free(keys.file.data);
}

/* Sizes that a sparse file may well claim, and those that wrap. */
static void test_giants(void)
{
    struct {
        struct shape shape;
        int r;
    } cases[] = {
        {{"a", {16384, 1 << 20, 32, 1}, TYPE_F16, TYPE_Q4_K}, 0},
        {{"a", {GIB * 1024, 1, 1, 1}, TYPE_F16, TYPE_Q8_0}, 0},
        {{"a", {256, GIB * GIB / 64, 1, 1}, TYPE_F16, TYPE_Q4_K}, -EINVAL},
        {{"a", {256, GIB * GIB, 256, 1}, TYPE_F16, TYPE_Q4_K}, -EINVAL},
        {{"a", {1, GIB * 4, GIB * 4, 1}, TYPE_F16, TYPE_F32}, -EINVAL},
        {{"a", {32, 1, GIB * 8, 1}, TYPE_F16, TYPE_Q8_0}, -EINVAL}, /* too many chunks */
    };
    struct keys keys = {0};
    struct source source = source_of(&keys, 32);
    struct source_tensor tensors[2];
    struct recipe *recipe;
    struct view *view;
    struct defect defect;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct shape two[2] = {cases[i].shape, cases[i].shape};

        two[1].name = "b";
        recipe = recipe_of(two, 2, tensors, 4096);
        CHECK_EQ(view_make(&source, recipe, &view, &defect), cases[i].r);
        if (cases[i].r == 0) {
            struct extent *extent = &view->extents[1];
            struct chunk last = view_chunk(view, 1, extent->chunk_count - 1);
            struct piece piece[2];

            CHECK_EQ(view_chunk_offset(view, 1, extent->chunk_count - 1) + last.size,
                     extent->offset + extent->size);
            CHECK_EQ(last.source_offset + last.source_size, tensors[1].offset + tensors[1].size);
            CHECK_EQ(view_map(view, view->size - 1, SIZE_MAX, piece, 2), 1);
            CHECK_EQ(piece[0].size, 1);
            CHECK_EQ(piece[0].chunk.index, extent->chunk_count - 1);
        } else {
            CHECK(strstr(defect.text, "too large"));
        }
        view_free(view);
        free(recipe);
    }
    /* copied tensors whose sum wraps */
    {
        struct shape two[2] = {{"a", {32, 1, 1, 1}, TYPE_I8, TYPE_I8},
                               {"b", {32, 1, 1, 1}, TYPE_I8, TYPE_I8}};

        recipe = recipe_of(two, 2, tensors, 4096);
        tensors[0].size = tensors[1].size = UINT64_C(0x7fffffffffffffc0);
        CHECK_EQ(view_make(&source, recipe, &view, &defect), -EINVAL);
        free(recipe);
    }
}

int main(int argc, char **argv)
{
    uint32_t seed = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 1;
    const uint64_t alignments[] = {32, 1, 8, 64, 65536};

    printf("seed %u\n", seed);
    test_keys();
    test_mended_keys();
    test_memory();
    test_giants();
    test_bytes();
    test_shards();
    for (size_t i = 0; i < sizeof(alignments) / sizeof(alignments[0]); i++)
        test_layout(alignments[i], seed);
    return 0;
}
