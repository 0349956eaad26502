/*
 * If this fails, what a chunk is converted to depends on how it was cut, or weights that the
 * reference tool refuses come out as numbers.
 */
#include "quant/convert.h"

#include <float.h>
#include <math.h>

#include "check.h"
#include "quant/kernel/scalar.h"

/* --- a made-up source and made-up kernels ------------------------------------------------------
 */

/* All that is asked of a source here; the library's own is left out by the linker. */
struct source {
    struct gguf gguf;
    const uint8_t *data;
    size_t size;
};

const struct gguf *source_gguf(const struct source *source)
{
    return &source->gguf;
}

int source_read(const struct source *source, unsigned shard, uint64_t offset, void *data,
                size_t size)
{
    if (shard != 0 || offset > source->size || source->size - offset < size)
        return -EIO;
    memcpy(data, source->data + offset, size);
    return 0;
}

/* A block of a byte for each weight that tells which float it was, behind a good scale. What is
 * beyond 60000 makes the scale infinite. */
static void toy_blocks(uint8_t *dst, const float *src, size_t count, enum type type)
{
    const struct type_info *info = type_info((uint32_t)type);
    uint32_t bits;
    bool large;

    for (size_t b = 0; b < count / info->block_weights; b++, dst += info->block_size) {
        memset(dst, 0, info->block_size);
        large = false;
        for (size_t i = 0; i < info->block_weights; i++, src++) {
            memcpy(&bits, src, 4);
            dst[i % info->block_size] ^= (uint8_t)(bits * 2654435761u >> 24);
            large = large || fabsf(*src) > 60000;
        }
        for (unsigned i = 0; i < info->scale_count; i++)
            memcpy(dst + info->scale_offset[i], large ? "\0\x7c" : "\0\x3c", 2);
    }
}

static void toy_q8_0(void *restrict dst, const float *restrict src, size_t rows, size_t row_len,
                     const float *restrict importance)
{
    CHECK(rows > 0 && row_len > 0 && !importance);
    CHECK(rows * row_len <= 4096); /* a tile: it must stay in the first-level cache */
    toy_blocks(dst, src, rows * row_len, TYPE_Q8_0);
}

static void toy_q4_k(void *restrict dst, const float *restrict src, size_t rows, size_t row_len,
                     const float *restrict importance)
{
    CHECK(rows > 0 && row_len % 256 == 0 && !importance);
    CHECK(rows * row_len <= 4096);
    toy_blocks(dst, src, rows * row_len, TYPE_Q4_K);
}

/* Enough of F16 for tests: infinity from 65520 on, else the upper bits. */
static void toy_f16(void *restrict dst, const float *restrict src, size_t rows, size_t row_len,
                    const float *restrict importance)
{
    uint8_t *out = dst;
    uint32_t bits;
    uint16_t half;

    CHECK(rows > 0 && rows * row_len <= 4096 && !importance);
    for (size_t i = 0; i < rows * row_len; i++) {
        memcpy(&bits, &src[i], 4);
        half = fabsf(src[i]) >= 65520 ? 0x7c00 : (uint16_t)(bits >> 16 & 0x3fff);
        memcpy(out + 2 * i, &half, 2);
    }
}

static void toy_widen_bf16(float *restrict dst, const void *restrict src, size_t count)
{
    uint16_t half;
    uint32_t bits;

    for (size_t i = 0; i < count; i++) {
        memcpy(&half, (const uint8_t *)src + 2 * i, 2);
        bits = (uint32_t)half << 16;
        memcpy(&dst[i], &bits, 4);
    }
}

static const struct kernel_set toys = {
    .name = "toys",
    .quantize = {[TYPE_F16] = toy_f16, [TYPE_Q8_0] = toy_q8_0, [TYPE_Q4_K] = toy_q4_k},
    .widen = {[TYPE_BF16] = toy_widen_bf16},
    .finite = {[TYPE_F32] = scalar_finite_f32,
               [TYPE_F16] = scalar_finite_f16,
               [TYPE_BF16] = scalar_finite_bf16},
};

/* --- one tensor in a view ----------------------------------------------------------------------
 */

struct bench {
    struct source source;
    struct source_tensor tensor;
    struct recipe *recipe;
    struct view *view;
    uint8_t *data; /* of the source tensor */
    uint8_t *result;
};

static struct bench bench_new(enum type from, enum type to, uint64_t length, uint64_t rows,
                              uint64_t matrices)
{
    const struct type_info *info = type_info((uint32_t)from);
    struct bench b = {.tensor = {.name = "w (row 9)", .ne = {length, rows, matrices, 1}}};

    b.tensor.n_dims = matrices > 1 ? 3 : 2;
    b.tensor.type = from;
    b.tensor.size = length / info->block_weights * info->block_size * rows * matrices;
    b.data = calloc(1, b.tensor.size);
    b.recipe = calloc(1, sizeof(*b.recipe) + sizeof(b.recipe->entries[0]));
    CHECK(b.data && b.recipe);
    b.recipe->count = 1;
    b.recipe->entries[0].type = to;
    return b;
}

/* Makes the view; b must not move from here on. */
static void bench_view(struct bench *b)
{
    b->source.data = b->data;
    b->source.size = b->tensor.size;
    b->source.gguf.alignment = 32;
    b->recipe->entries[0].tensor = &b->tensor;
    CHECK_EQ(view_make(&b->source, b->recipe, &b->view, NULL), 0);
    b->result = malloc(b->view->extents[0].size);
    CHECK(b->result);
}

static void bench_free(struct bench *b)
{
    view_free(b->view);
    free(b->recipe);
    free(b->data);
    free(b->result);
}

/* Loads and converts every chunk, the last one first. Returns the first error. */
static int bench_run(struct bench *b, const struct kernel_set *kernels, struct defect *defect)
{
    const struct extent *extent = &b->view->extents[0];
    struct chunk chunk;
    uint8_t *loaded, *out;
    int r = 0;

    for (uint32_t i = extent->chunk_count; i-- > 0 && r == 0;) {
        chunk = view_chunk(b->view, 0, i);
        loaded = malloc(chunk.source_size);
        out = malloc(chunk.size + 16);
        CHECK(loaded && out);
        memset(out, 0xa5, chunk.size + 16);
        CHECK_EQ(convert_load(b->view, 0, &chunk, loaded), 0);
        r = convert_run(kernels, b->view, 0, &chunk, loaded, out, defect);
        for (size_t g = 0; g < 16; g++)
            CHECK_EQ(out[chunk.size + g], 0xa5);
        memcpy(b->result + (view_chunk_offset(b->view, 0, i) - extent->offset), out, chunk.size);
        free(loaded);
        free(out);
    }
    return r;
}

static void fill_f32(struct bench *b)
{
    uint64_t random = 42;
    float value;

    for (size_t i = 0; i < b->tensor.size / 4; i++) {
        random = random * UINT64_C(6364136223846793005) + 1442695040888963407u;
        value = (float)(int32_t)(random >> 32) / 1e7f;
        memcpy(b->data + 4 * i, &value, 4);
    }
}

/* --- tests -------------------------------------------------------------------------------------
 */

/* However a tensor is cut, each weight comes to its own place. */
static void test_cutting(void)
{
    static const struct {
        enum type type;
        uint64_t length, rows, matrices;
    } cases[] = {
        {TYPE_Q8_0, 32, 3, 1},     {TYPE_Q8_0, 96, 1000, 1}, {TYPE_Q8_0, 4096, 150, 1},
        {TYPE_Q8_0, 4128, 130, 2}, {TYPE_Q8_0, 288, 33, 3},  {TYPE_Q8_0, (1 << 19) + 32, 2, 1},
        {TYPE_Q4_K, 256, 4100, 1}, {TYPE_Q4_K, 2816, 40, 2}, {TYPE_Q4_K, (1 << 20) + 768, 1, 2},
        {TYPE_Q4_K, 5120, 300, 1},
    };
    struct bench b;
    uint8_t *expected;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        b = bench_new(TYPE_F32, cases[i].type, cases[i].length, cases[i].rows, cases[i].matrices);
        fill_f32(&b);
        bench_view(&b);
        expected = malloc(b.view->extents[0].size);
        CHECK(expected);
        toy_blocks(expected, (const float *)(const void *)b.data, b.tensor.size / 4, cases[i].type);
        CHECK_EQ(bench_run(&b, &toys, NULL), 0);
        CHECK(memcmp(b.result, expected, b.view->extents[0].size) == 0);
        free(expected);
        bench_free(&b);
    }
}

/* Converts with one weight changed; what comes of it is told with its row. */
static void check_weight(enum type from, enum type to, size_t at, const void *bytes, size_t size,
                         const char *text)
{
    struct bench b = bench_new(from, to, 512, 20, 3);
    struct defect defect = {0};

    memcpy(b.data + at * size, bytes, size);
    bench_view(&b);
    CHECK_EQ(bench_run(&b, &toys, &defect), text ? -EIO : 0);
    if (text)
        CHECK_STR(defect.text, text);
    bench_free(&b);
}

static void test_weights(void)
{
    const float nan_value = NAN, inf_value = -INFINITY, large = 70000, maximum = 3.4e38f;
    const uint16_t bf16_inf = 0x7f80, bf16_nan = 0xffff, bf16_large = 0x7f7f;
    const char *const invalid = "tensor 'w (row 9)' has invalid data (row 7)";
    const char *const beyond = "quantized data validation failed (row 47 of tensor 'w (row 9)')";

    check_weight(TYPE_F32, TYPE_Q8_0, 512 * 7, &nan_value, 4, invalid);
    check_weight(TYPE_F32, TYPE_Q8_0, 512 * 7 + 511, &inf_value, 4, invalid);
    check_weight(TYPE_BF16, TYPE_Q8_0, 512 * 7 + 1, &bf16_inf, 2, invalid);
    check_weight(TYPE_BF16, TYPE_F32, 512 * 7 + 1, &bf16_nan, 2, invalid);
    check_weight(TYPE_BF16, TYPE_F32, 512 * 7 + 1, &bf16_large, 2, NULL);
    check_weight(TYPE_F32, TYPE_Q8_0, 512 * 47 + 300, &large, 4, beyond);
    check_weight(TYPE_F32, TYPE_Q4_K, 512 * 47 + 300, &large, 4, beyond);
    check_weight(TYPE_F32, TYPE_F16, 512 * 47 + 300, &maximum, 4, beyond);
}

/*
 * Blocks of real kernels, with the importance of columns: each matrix has its own, a part of a row
 * or of several rows those of its columns, and where a block depends on its row, rows stay whole,
 * however long.
 */
static void test_importance(void)
{
    static const struct {
        enum type type;
        uint64_t length, rows, matrices;
    } cases[] = {
        {TYPE_Q4_K, 512, 20, 3},
        {TYPE_Q4_K, 256, 4100, 1},
        {TYPE_Q6_K, (1 << 20) + 256, 1, 2},
        {TYPE_Q4_0, 4096, 5, 2},
        {TYPE_Q4_0, 96, 50, 4},
        {TYPE_Q4_1, 8224, 3, 2},
        {TYPE_Q5_0, 20000, 7, 2},
        {TYPE_Q5_1, (1 << 20) + 64, 1, 1},
        {TYPE_Q2_K, 2816, 5, 2},
        {TYPE_Q3_K, 768, 11, 3},
        {TYPE_Q4_K, 4352, 7, 1},
        {TYPE_Q5_K, 5632, 6, 2},
        {TYPE_Q6_K, 1280, 9, 2},
        {TYPE_IQ4_NL, 4128, 4, 2},
        {TYPE_IQ4_XS, 2816, 5, 1},
        {TYPE_IQ1_S, 768, 7, 1},
        {TYPE_IQ1_M, 768, 7, 1},
        {TYPE_IQ2_XXS, 768, 7, 1},
        {TYPE_IQ2_XS, 768, 7, 1},
        {TYPE_IQ2_S, 768, 7, 1},
        {TYPE_IQ3_XXS, 768, 7, 1},
        {TYPE_IQ3_S, 768, 7, 1},
    };
    struct kernel_set scalar;
    struct bench b;
    uint8_t *expected;
    float *importance;
    size_t columns, row_bytes, rows;

    CHECK_EQ(kernel_select("scalar", &scalar), 0);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        b = bench_new(TYPE_F32, cases[i].type, cases[i].length, cases[i].rows, cases[i].matrices);
        columns = cases[i].length * cases[i].matrices;
        importance = malloc(columns * sizeof(*importance));
        CHECK(importance);
        for (size_t c = 0; c < columns; c++)
            importance[c] = 1 + (float)(c * 2654435761u % 1000) / 10;
        fill_f32(&b);
        b.recipe->entries[0].importance = importance;
        bench_view(&b);
        expected = malloc(b.view->extents[0].size);
        CHECK(expected);
        rows = cases[i].rows;
        row_bytes = b.view->extents[0].size / rows / cases[i].matrices;
        for (size_t m = 0; m < cases[i].matrices; m++)
            scalar.quantize[cases[i].type](expected + m * rows * row_bytes,
                                           (const float *)(const void *)b.data +
                                               m * rows * cases[i].length,
                                           rows, cases[i].length, importance + m * cases[i].length);
        CHECK_EQ(bench_run(&b, &scalar, NULL), 0);
        CHECK(memcmp(b.result, expected, b.view->extents[0].size) == 0);
        free(importance);
        free(expected);
        bench_free(&b);
    }
}

/* Blocks of a quantized source, all scales 1 but for those of MXFP4, 2^-26. */
static void fill_blocks(struct bench *b)
{
    const struct type_info *info = type_info((uint32_t)b->tensor.type);

    for (size_t i = 0; i < b->tensor.size; i++)
        b->data[i] = b->tensor.type == TYPE_MXFP4 && i % info->block_size == 0
                         ? 102
                         : (uint8_t)(i * 167 >> 3);
    for (size_t at = 0; at < b->tensor.size; at += info->block_size)
        for (unsigned i = 0; i < info->scale_count; i++)
            memcpy(b->data + at + info->scale_offset[i], &(uint16_t){0x3c00}, 2);
}

/* Blocks of one size to blocks of another, however the tensor is cut. */
static void test_requantized(void)
{
    static const struct {
        enum type from, to;
        uint64_t length, rows, matrices;
    } cases[] = {
        {TYPE_Q8_0, TYPE_Q4_K, 2816, 410, 2}, {TYPE_Q8_0, TYPE_F16, 96, 6000, 1},
        {TYPE_Q4_K, TYPE_Q8_0, 768, 700, 2},  {TYPE_Q6_K, TYPE_Q5_0, (1 << 20) + 768, 1, 2},
        {TYPE_Q1_0, TYPE_Q8_0, 384, 1500, 1}, {TYPE_MXFP4, TYPE_Q6_K, (1 << 20) + 256, 2, 1},
    };
    struct kernel_set scalar;
    struct bench b;
    uint8_t *expected;
    float *x;
    size_t rows;

    CHECK_EQ(kernel_select("scalar", &scalar), 0);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        rows = cases[i].rows * cases[i].matrices;
        b = bench_new(cases[i].from, cases[i].to, cases[i].length, cases[i].rows,
                      cases[i].matrices);
        fill_blocks(&b);
        bench_view(&b);
        expected = malloc(b.view->extents[0].size);
        x = malloc(rows * cases[i].length * sizeof(*x));
        CHECK(expected && x);
        scalar.widen[cases[i].from](x, b.data, rows * cases[i].length);
        scalar.quantize[cases[i].to](expected, x, rows, cases[i].length, NULL);
        CHECK_EQ(bench_run(&b, &scalar, NULL), 0);
        CHECK(memcmp(b.result, expected, b.view->extents[0].size) == 0);
        free(expected);
        free(x);
        bench_free(&b);
    }
}

/* A block whose scale is no number is the source's defect; weights that no float can hold are one
 * of the result. */
static void test_bad_blocks(void)
{
    static const struct {
        enum type from;
        uint64_t at, bytes;
        unsigned size;
        const char *text;
    } cases[] = {
        {TYPE_Q8_0, (7 * 16 + 3) * 34, 0x7c00, 2, "tensor 'w (row 9)' has invalid data (row 7)"},
        {TYPE_Q4_K, (7 * 2 + 1) * 144 + 2, 0xfe00, 2,
         "tensor 'w (row 9)' has invalid data (row 7)"},
        {TYPE_MXFP4, (7 * 16 + 3) * 17, 0xff, 1, "tensor 'w (row 9)' has invalid data (row 7)"},
        {TYPE_MXFP4, (7 * 16 + 3) * 17, 0x77fe, 2,
         "quantized data validation failed (row 7 of tensor 'w (row 9)')"},
    };
    struct kernel_set scalar;
    struct defect defect;
    struct bench b;

    CHECK_EQ(kernel_select("scalar", &scalar), 0);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        b = bench_new(cases[i].from, TYPE_Q6_K, 512, 20, 3);
        fill_blocks(&b);
        bench_view(&b);
        CHECK_EQ(bench_run(&b, &scalar, &defect), 0);
        memcpy(b.data + cases[i].at, &cases[i].bytes, cases[i].size);
        CHECK_EQ(bench_run(&b, &scalar, &defect), -EIO);
        CHECK_STR(defect.text, cases[i].text);
        bench_free(&b);
    }
}

/* Weights that are near no point of a code book: there the reference library stops the program. */
static void test_code_book(void)
{
    static const float larges[] = {1e15f, -1e18f, 3e19f, FLT_MAX};
    static const enum type types[] = {TYPE_IQ3_XXS, TYPE_IQ3_S, TYPE_IQ2_S};
    struct kernel_set set;
    struct defect defect;
    struct bench b;

    CHECK_EQ(kernel_select(NULL, &set), 0);
    for (size_t i = 0; i < 4 * sizeof(types) / sizeof(types[0]); i++) {
        b = bench_new(TYPE_F32, types[i / 4], 512, 20, 3);
        fill_f32(&b);
        for (size_t w = 512 * 47 + 256; w < 512 * 48; w++)
            memcpy(b.data + w * 4, &larges[i % 4], 4);
        bench_view(&b);
        CHECK_EQ(bench_run(&b, &set, &defect), -EIO);
        CHECK_STR(defect.text, "quantized data validation failed (row 47 of tensor 'w (row 9)')");
        bench_free(&b);
    }
}

static void test_no_kernel(void)
{
    struct bench b = bench_new(TYPE_F32, TYPE_Q6_K, 512, 20, 3);
    struct defect defect;

    bench_view(&b);
    CHECK_EQ(bench_run(&b, &toys, &defect), -ENOTSUP);
    bench_free(&b);
}

/* A view that only widens gives the source's numbers. */
static void test_widen(void)
{
    struct bench b = bench_new(TYPE_BF16, TYPE_F32, 77, 13, 2);
    float value;

    for (size_t i = 0; i < b.tensor.size; i++)
        b.data[i] = (uint8_t)(i * 37 % 125);
    bench_view(&b);
    CHECK_EQ(bench_run(&b, &toys, NULL), 0);
    for (size_t i = 0; i < 77 * 13 * 2; i++) {
        toy_widen_bf16(&value, b.data + 2 * i, 1);
        CHECK(memcmp(b.result + 4 * i, &value, 4) == 0);
    }
    bench_free(&b);
}

/* What makes one block of a copied tensor invalid: bytes of a little-endian value, and where. */
static const struct {
    enum type type;
    unsigned offset, size;
    uint64_t bad, good;
} blocks[] = {
    {TYPE_F32, 0, 4, 0x7f800000, 0x7f7fffff},
    {TYPE_F32, 0, 4, 0xffc00001, 0x807fffff},
    {TYPE_F16, 0, 2, 0x7c00, 0x7bff},
    {TYPE_F16, 0, 2, 0xfe00, 0x83ff},
    {TYPE_BF16, 0, 2, 0x7f80, 0x7f7f},
    {TYPE_BF16, 0, 2, 0xffff, 0xff7f},
    {TYPE_F64, 0, 8, 0x7ff8000000000000, 0},
    {TYPE_F64, 0, 8, 0x47efffffe0000000 + 0x10000000, 0x47efffffe0000000 + 0x0fffffff},
    {TYPE_Q4_0, 0, 2, 0x7c00, 0x7bff},
    {TYPE_Q4_1, 0, 2, 0x7c00, 0x7bff},
    {TYPE_Q4_1, 2, 2, 0x7e00, 0x7bff},
    {TYPE_Q5_0, 0, 2, 0x7c00, 0x7bff},
    {TYPE_Q5_1, 0, 2, 0x7c00, 0x7bff},
    {TYPE_Q5_1, 2, 2, 0xfc00, 0xfbff},
    {TYPE_Q8_0, 0, 2, 0x7c00, 0x7bff},
    {TYPE_Q2_K, 80, 2, 0x7c00, 0x7bff},
    {TYPE_Q2_K, 82, 2, 0x7c00, 0x7bff},
    {TYPE_Q3_K, 108, 2, 0x7c00, 0x7bff},
    {TYPE_Q4_K, 0, 2, 0x7c00, 0x7bff},
    {TYPE_Q4_K, 2, 2, 0x7c00, 0x7bff},
    {TYPE_Q5_K, 0, 2, 0x7c00, 0x7bff},
    {TYPE_Q5_K, 2, 2, 0x7c00, 0x7bff},
    {TYPE_Q6_K, 208, 2, 0x7c00, 0x7bff},
    {TYPE_Q8_K, 0, 4, 0x7f800000, 0x7f7fffff},
    {TYPE_IQ2_XXS, 0, 2, 0x7c00, 0x7bff},
    {TYPE_IQ2_XS, 0, 2, 0x7c00, 0x7bff},
    {TYPE_IQ2_S, 0, 2, 0x7c00, 0x7bff},
    {TYPE_IQ3_XXS, 0, 2, 0x7c00, 0x7bff},
    {TYPE_IQ3_S, 0, 2, 0x7c00, 0x7bff},
    {TYPE_IQ1_S, 0, 2, 0x7c00, 0x7bff},
    {TYPE_IQ1_M, 48, 8, 0x7fffcfff0fff0fff, 0x7fffbfffffffffff},
    {TYPE_IQ4_NL, 0, 2, 0x7c00, 0x7bff},
    {TYPE_IQ4_XS, 0, 2, 0x7c00, 0x7bff},
    {TYPE_TQ1_0, 52, 2, 0x7c00, 0x7bff},
    {TYPE_TQ2_0, 64, 2, 0x7c00, 0x7bff},
    {TYPE_Q1_0, 0, 2, 0x7c00, 0x7bff},
    {TYPE_Q2_0, 0, 2, 0x7c00, 0x7bff},
    {TYPE_MXFP4, 0, 1, 0xff, 0xfe},
};

static void put_value(uint8_t *at, uint64_t value, unsigned size)
{
    for (unsigned i = 0; i < size; i++)
        at[i] = (uint8_t)(value >> 8 * i);
}

/* Every type's own check, wherever the block lies; all other bytes of a block may be anything. */
static void test_check(void)
{
    enum { COUNT = 12 };
    const struct type_info *info;
    struct kernel_set set;
    struct source_tensor tensor = {.name = "t"};
    struct defect defect;
    uint8_t data[COUNT * 512];
    char text[64];
    size_t size;

    CHECK_EQ(kernel_select(NULL, &set), 0);
    for (size_t i = 0; i < sizeof(blocks) / sizeof(blocks[0]); i++) {
        info = type_info((uint32_t)blocks[i].type);
        CHECK(info);
        size = info->block_size;
        tensor.type = blocks[i].type;
        tensor.ne[0] = 3 * info->block_weights;
        memset(data, 0, sizeof(data));
        CHECK_EQ(convert_check(&set, &tensor, 0, data, COUNT * size, &defect), 0);
        for (size_t b = 0; b < COUNT; b++) {
            put_value(data + b * size + blocks[i].offset, blocks[i].bad, blocks[i].size);
            CHECK_EQ(convert_check(&set, &tensor, 30, data, COUNT * size, &defect), -EIO);
            snprintf(text, sizeof(text), "tensor 't' has invalid data (row %zu)", (30 + b) / 3);
            CHECK_STR(defect.text, text);
            put_value(data + b * size + blocks[i].offset, blocks[i].good, blocks[i].size);
            CHECK_EQ(convert_check(&set, &tensor, 0, data, COUNT * size, &defect), 0);
        }
    }
    memset(data, 0xff, sizeof(data));
    tensor.type = TYPE_I8;
    CHECK_EQ(convert_check(&set, &tensor, 0, data, sizeof(data), &defect), 0);
}

static void test_message(void)
{
    static const struct {
        const char *text;
        size_t length;
    } cases[] = {
        {"tensor 'a' has invalid data (row 7)", 27},
        {"tensor 'a (row 1)' has invalid data (row 7)", 35},
        {"quantized data validation failed (row 7 of tensor 'a (row 1)')", 32},
        {"something else", 14},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        CHECK_EQ(convert_message_length(cases[i].text), cases[i].length);
}

int main(void)
{
    test_cutting();
    test_weights();
    test_importance();
    test_requantized();
    test_bad_blocks();
    test_code_book();
    test_no_kernel();
    test_widen();
    test_check();
    test_message();
    return 0;
}
