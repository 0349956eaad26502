/*
 * If this fails, a tensor of a file made from a directory has other weights than the reference
 * converter gives it, or a range of its bytes differs from the same range of the whole.
 */
#include <math.h>

#include "hf-case.h"
#include "quant/format/hf/plan.h"

/* Made at random: what each tensor holds, besides the file that holds it. */
struct model {
    uint8_t *data;
    struct hf_file file;
    struct hf_directory directory;
    struct hf_weights weights;
    struct hf_plan *plan;
};

static uint64_t state = 1;

static uint64_t next_random(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static void model_open(struct model *m, const char *json, size_t size)
{
    struct defect defect = {0};

    m->data = malloc(size + 1);
    CHECK(m->data);
    for (size_t i = 0; i < size; i++)
        m->data[i] = (uint8_t)next_random();
    m->file = shard_file("model.safetensors", json, m->data, size);
    m->directory = (struct hf_directory){"Model", &m->file, 1};
    CHECK_EQ(hf_weights_read(&m->directory, &m->weights, &defect), 0);
    CHECK_EQ(hf_plan_new(&m->directory, &m->weights, &m->plan), 0);
}

static void model_close(struct model *m)
{
    hf_plan_free(m->plan);
    hf_weights_free(&m->weights);
    close_files(&m->file, 1);
    free(m->data);
}

static uint32_t number_of(const struct model *m, const char *name)
{
    const struct hf_tensor *tensor = hf_weights_find(&m->weights, name);

    CHECK(tensor);
    return (uint32_t)(tensor - m->weights.tensors);
}

static void slice_in(struct model *m, const struct hf_slice *slice)
{
    struct defect defect = {0};
    int r = hf_plan_slice(m->plan, slice, &defect);

    if (r < 0)
        fprintf(stderr, "%s\n", defect.text);
    CHECK_EQ(r, 0);
}

/* The data section equals `expected`, whole and in random ranges. */
static void check_data(const struct model *m, const uint8_t *expected, size_t size)
{
    uint8_t *data = malloc(size + 2);
    size_t offset, n;

    CHECK(data && hf_plan_end(m->plan) == 0);
    CHECK_EQ(hf_plan_size(m->plan), size);
    CHECK_EQ(hf_plan_read_data(m->plan, 0, data, size), 0);
    for (size_t i = 0; i < size; i++)
        if (data[i] != expected[i]) {
            fprintf(stderr, "byte %zu is %02x, expected %02x\n", i, data[i], expected[i]);
            exit(1);
        }
    for (int turn = 0; turn < 300; turn++) {
        offset = next_random() % (size + 1);
        n = next_random() % (turn % 2 ? 40 : size - offset + 1);
        n = n < size - offset ? n : size - offset;
        memset(data, 0xa5, size + 2);
        CHECK_EQ(hf_plan_read_data(m->plan, offset, data + 1, n), 0);
        CHECK(memcmp(data + 1, expected + offset, n) == 0);
        CHECK(data[0] == 0xa5 && data[n + 1] == 0xa5);
    }
    CHECK_EQ(hf_plan_read_data(m->plan, size, data, 1), -EIO);
    free(data);
}

static size_t padded(size_t size)
{
    return (size + 31) / 32 * 32;
}

/* One output of weights of F32: moves are judged by what they move, bit by bit. */
static void check_move(const char *shape, size_t elements, const struct hf_slice *slices,
                       size_t slice_count, const uint32_t *order, size_t order_count)
{
    uint64_t ne = order_count;
    char json[256];
    struct model m;
    uint8_t *expected = calloc(1, padded(4 * order_count) + 1);

    (void)snprintf(json, sizeof(json),
                   "{\"w\":{\"dtype\":\"F32\",\"shape\":%s,"
                   "\"data_offsets\":[0,%zu]}}",
                   shape, 4 * elements);
    model_open(&m, json, 4 * elements);
    CHECK(expected);
    for (size_t i = 0; i < order_count; i++)
        memcpy(expected + 4 * i, m.data + 4 * (size_t)order[i], 4);
    CHECK_EQ(hf_plan_add(m.plan, "out", TYPE_F32, 1, &ne), 0);
    for (size_t i = 0; i < slice_count; i++)
        slice_in(&m, &slices[i]);
    check_data(&m, expected, padded(4 * order_count));
    model_close(&m);
    free(expected);
}

/* A move is made for weights that are there; tests make them from a shape alone. */
static struct hf_weights shape_only(struct hf_tensor *tensor, unsigned n_dims,
                                    const uint64_t *shape)
{
    *tensor = (struct hf_tensor){.name = "w", .dtype = SAFETENSORS_F32, .n_dims = n_dims};
    for (unsigned i = 0; i < SAFETENSORS_DIMS_MAX; i++)
        tensor->shape[i] = i < n_dims ? shape[i] : 1;
    return (struct hf_weights){.tensors = tensor, .count = 1};
}

static void test_moves(void)
{
    enum { A = 24, B = 150, C = 5 };
    static uint32_t order[A * B * C];
    const uint64_t shape2[] = {A, B}, shape3[] = {C, A, B};
    struct hf_tensor two, three;
    const struct hf_weights w2 = shape_only(&two, 2, shape2), w3 = shape_only(&three, 3, shape3);
    struct hf_slice slices[C];
    size_t n = 0;

    slices[0] = hf_whole(&w3, 0);
    for (uint32_t i = 0; i < A * B * C; i++)
        order[i] = i;
    check_move("[5,24,150]", A * B * C, slices, 1, order, A * B * C);

    CHECK(hf_permute(&w2, 0, 3, &slices[0])); /* heads of 8 rows: 0 4 1 5 2 6 3 7 */
    for (uint32_t row = 0; row < A; row++)
        for (uint32_t i = 0; i < B; i++)
            order[n++] = (row / 8 * 8 + row % 8 / 2 + row % 2 * 4) * B + i;
    check_move("[24,150]", A * B, slices, 1, order, n);
    CHECK(!hf_permute(&w2, 0, 5, &slices[0]) && !hf_permute(&w2, 0, 8, &slices[0]) &&
          !hf_permute(&w2, 0, 0, &slices[0]));

    slices[0] = hf_transpose(&w3, 0);
    n = 0;
    for (uint32_t x = 0; x < C; x++)
        for (uint32_t i = 0; i < B; i++)
            for (uint32_t j = 0; j < A; j++)
                order[n++] = x * A * B + j * B + i;
    check_move("[5,24,150]", A * B * C, slices, 1, order, n);

    slices[0] = hf_every(&w2, 0, 0, 2);
    slices[1] = hf_every(&w2, 0, 1, 2);
    n = 0;
    for (uint32_t half = 0; half < 2; half++)
        for (uint32_t row = half; row < A; row += 2)
            for (uint32_t i = 0; i < B; i++)
                order[n++] = row * B + i;
    check_move("[24,150]", A * B, slices, 2, order, n);

    /* Stacked in another order, cut. */
    n = 0;
    for (uint32_t x = 0; x < C; x++) {
        slices[x] = hf_part(&w3, 0, C - 1 - x);
        hf_narrow(&slices[x], 0, 3, 7, 2);
        for (uint32_t row = 3; row < 17; row += 2)
            for (uint32_t i = 0; i < B; i++)
                order[n++] = ((C - 1 - x) * A + row) * B + i;
    }
    check_move("[5,24,150]", A * B * C, slices, C, order, n);

    slices[0] = hf_rows(&w2, 0, 20, 4);
    slices[1] = hf_rows(&w2, 0, 0, 1);
    n = 0;
    for (uint32_t i = 20 * B; i < A * B; i++)
        order[n++] = i;
    for (uint32_t i = 0; i < B; i++)
        order[n++] = i;
    check_move("[24,150]", A * B, slices, 2, order, n);
}

/* Any strided walk, narrow and wide ones, against loops. */
static void test_random_walks(void)
{
    enum { COUNT = 3 * 7 * 200 * 64 };
    static uint32_t order[COUNT];
    static const uint64_t counts[] = {3, 7, 200, 64};

    for (int turn = 0; turn < 12; turn++) {
        struct hf_slice slice = {.scale = HF_NO_TENSOR, .dim_count = 4};
        uint64_t stride = 1;
        unsigned places[4] = {0, 1, 2, 3};
        size_t n = 0;

        for (unsigned i = 3; i > 0; i--) {
            unsigned j = (unsigned)(next_random() % (i + 1)), place = places[i];

            places[i] = places[j];
            places[j] = place;
        }
        for (unsigned i = 4; i-- > 0;) {
            slice.dims[places[i]] = (struct hf_dim){counts[i], stride};
            stride *= counts[i];
        }
        for (uint64_t a = 0; a < slice.dims[0].count; a++)
            for (uint64_t b = 0; b < slice.dims[1].count; b++)
                for (uint64_t c = 0; c < slice.dims[2].count; c++)
                    for (uint64_t d = 0; d < slice.dims[3].count; d++)
                        order[n++] =
                            (uint32_t)(a * slice.dims[0].stride + b * slice.dims[1].stride +
                                       c * slice.dims[2].stride + d * slice.dims[3].stride);
        check_move("[3,7,200,64]", COUNT, &slice, 1, order, n);
    }
}

static void test_zeros_and_bytes(void)
{
    static const float bytes[3] = {1, 2, 3};
    static const uint64_t ne = 3, more = 7;
    struct hf_slice zeros = {.kind = HF_ZEROS, .dim_count = 1, .dims = {{4, 0}}};
    uint8_t expected[64] = {0};
    struct model m;

    model_open(&m, "{\"w\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,12]}}", 12);
    memcpy(expected, bytes, 12);
    memcpy(expected + 32, m.data, 12);
    CHECK_EQ(hf_plan_add(m.plan, "rope", TYPE_F32, 1, &ne), 0);
    CHECK_EQ(hf_plan_bytes(m.plan, bytes, 12), 0);
    CHECK_EQ(hf_plan_bytes(m.plan, bytes, 4), -EINVAL);
    CHECK_EQ(hf_plan_add(m.plan, "padded", TYPE_F32, 1, &more), 0);
    slice_in(&m, &(struct hf_slice){
                     .dim_count = 1, .dims = {{3, 1}}, .scale = HF_NO_TENSOR, .tensor = 0});
    CHECK_EQ(hf_plan_end(m.plan), -EINVAL);
    CHECK_EQ(hf_plan_add(m.plan, "early", TYPE_F32, 1, &ne), -EINVAL);
    slice_in(&m, &zeros);
    check_data(&m, expected, 64);
    model_close(&m);
}

/* ---- numbers ---- */

/* One weight of that dtype and its bits, to another type. */
static uint32_t converted(const char *dtype, const void *weight, size_t size, enum type type,
                          struct hf_step step)
{
    uint64_t ne = 1;
    size_t out_size = type == TYPE_F32 ? 4 : 2;
    uint32_t bits = 0;
    struct hf_slice slice;
    char json[128];
    struct model m;

    (void)snprintf(json, sizeof(json),
                   "{\"w\":{\"dtype\":\"%s\",\"shape\":[1],"
                   "\"data_offsets\":[0,%zu]}}",
                   dtype, size);
    model_open(&m, json, size);
    CHECK(pwrite(m.file.fd, weight, size, (off_t)(m.file.size - size)) == (ssize_t)size);
    slice = hf_whole(&m.weights, 0);
    slice.steps[0] = step;
    CHECK_EQ(hf_plan_add(m.plan, "out", type, 1, &ne), 0);
    slice_in(&m, &slice);
    CHECK_EQ(hf_plan_read(m.plan, 0, 0, &bits, out_size), 0);
    model_close(&m);
    return bits;
}

static uint32_t from_f32(uint32_t bits, enum type type)
{
    return converted("F32", &bits, 4, type, (struct hf_step){0});
}

static uint32_t from_half(const char *dtype, uint16_t bits, enum type type)
{
    return converted(dtype, &bits, 2, type, (struct hf_step){0});
}

/* The rules of import.md 2.1. */
static void test_rounding(void)
{
    static const double third = 1.0 / 3, tie = 1 + 0x1p-24, above = 1 + 0x1p-24 + 0x1p-50;
    static const struct {
        uint32_t f32;
        uint16_t f16, bf16;
    } rows[] = {
        {0x00000000, 0x0000, 0x0000}, {0x80000000, 0x8000, 0x8000}, {0x3f800000, 0x3c00, 0x3f80},
        {0xbf801000, 0xbc00, 0xbf80},                               /* tie, even below */
        {0x3f803000, 0x3c02, 0x3f80},                               /* tie, even above */
        {0x3f801001, 0x3c01, 0x3f80}, {0x477fefff, 0x7bff, 0x4780}, /* the largest half */
        {0x477ff000, 0x7c00, 0x4780}, {0x7f7fffff, 0x7c00, 0x7f80}, /* overflow */
        {0xff800000, 0xfc00, 0xff80}, {0x38800000, 0x0400, 0x3880}, /* the smallest normal */
        {0x387fe000, 0x0400, 0x3880}, {0x387fc000, 0x03ff, 0x3880}, {0x33800000, 0x0001, 0x3380},
        {0x33000000, 0x0000, 0x3300}, {0x33000001, 0x0001, 0x3300}, {0x33c00000, 0x0002, 0x33c0},
        {0x00000001, 0x0000, 0x0000}, {0x00018000, 0x0000, 0x0002}, /* floats below normal */
        {0x007fffff, 0x0000, 0x0080}, {0x3f808000, 0x3c04, 0x3f80}, {0x3f818000, 0x3c0c, 0x3f82},
        {0x7f800001, 0x7c01, 0x7fc0}, {0xffc02000, 0xfe01, 0xffc0}, {0x7fa12345, 0x7d09, 0x7fe1},
        {0x7f802000, 0x7c01, 0x7fc0}, {0xffffffff, 0xffff, 0xffff}, /* NaN */
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        CHECK_EQ(from_f32(rows[i].f32, TYPE_F16), rows[i].f16);
        CHECK_EQ(from_f32(rows[i].f32, TYPE_BF16), rows[i].bf16);
        CHECK_EQ(from_f32(rows[i].f32, TYPE_F32), rows[i].f32);
    }
    CHECK_EQ(from_half("F16", 0x7c01, TYPE_F16), 0x7c01);
    CHECK_EQ(from_half("F16", 0x7c01, TYPE_F32), 0x7f802000);
    CHECK_EQ(from_half("F16", 0x8001, TYPE_F32), 0xb3800000);
    CHECK_EQ(from_half("F16", 0x03ff, TYPE_F32), 0x387fc000);
    CHECK_EQ(from_half("F16", 0x3c01, TYPE_BF16), 0x3f80);
    CHECK_EQ(from_half("F16", 0x7c01, TYPE_BF16), 0x7fc0);
    CHECK_EQ(from_half("BF16", 0x7f81, TYPE_F32), 0x7f810000);
    CHECK_EQ(from_half("BF16", 0x7f81, TYPE_BF16), 0x7fc1);
    CHECK_EQ(from_half("BF16", 0xff80, TYPE_BF16), 0xff80);
    CHECK_EQ(from_half("BF16", 0x0001, TYPE_F16), 0x0000);
    CHECK_EQ(converted("F64", &third, 8, TYPE_F32, (struct hf_step){0}), 0x3eaaaaab);
    CHECK_EQ(converted("F64", &tie, 8, TYPE_F32, (struct hf_step){0}), 0x3f800000);
    CHECK_EQ(converted("F64", &above, 8, TYPE_F32, (struct hf_step){0}), 0x3f800001);
}

/* Wherever it is, and it alone. */
static void test_nan_among_many(void)
{
    enum { COUNT = 10001 };
    static const size_t places[] = {0, 4095, 4096, 5000, COUNT - 1};
    static uint16_t stored[COUNT], read[COUNT];
    const uint64_t ne = COUNT;
    struct hf_slice slice;
    struct model m;

    for (size_t k = 0; k < sizeof(places) / sizeof(places[0]); k++) {
        model_open(&m, "{\"w\":{\"dtype\":\"BF16\",\"shape\":[10001],\"data_offsets\":[0,20002]}}",
                   sizeof(stored));
        for (size_t i = 0; i < COUNT; i++)
            stored[i] = i % 2 ? 0xff80 : 0x3f81;
        stored[places[k]] = 0xff81;
        CHECK(pwrite(m.file.fd, stored, sizeof(stored), (off_t)(m.file.size - sizeof(stored))) ==
              (ssize_t)sizeof(stored));
        slice = hf_whole(&m.weights, 0);
        CHECK_EQ(hf_plan_add(m.plan, "out", TYPE_BF16, 1, &ne), 0);
        slice_in(&m, &slice);
        CHECK_EQ(hf_plan_read(m.plan, 0, 0, read, sizeof(read)), 0);
        stored[places[k]] = 0xffc1;
        CHECK(memcmp(read, stored, sizeof(read)) == 0);
        model_close(&m);
    }
}

static void test_other_dtypes(void)
{
    const uint8_t e4m3[] = {0x38, 0x01, 0xff, 0x7e}, e5m2[] = {0x3c, 0x7c, 0x01}, e8m0[] = {0, 127};
    const int64_t large = 16777217;
    const int8_t minus = -3;

    CHECK_EQ(converted("F8_E4M3", &e4m3[0], 1, TYPE_F32, (struct hf_step){0}), 0x3f800000);
    CHECK_EQ(converted("F8_E4M3", &e4m3[1], 1, TYPE_F32, (struct hf_step){0}), 0x3b000000);
    CHECK_EQ(converted("F8_E4M3", &e4m3[2], 1, TYPE_F32, (struct hf_step){0}), 0xfff00000);
    CHECK_EQ(converted("F8_E4M3", &e4m3[3], 1, TYPE_F32, (struct hf_step){0}), 0x43e00000);
    CHECK_EQ(converted("F8_E5M2", &e5m2[0], 1, TYPE_F32, (struct hf_step){0}), 0x3f800000);
    CHECK_EQ(converted("F8_E5M2", &e5m2[1], 1, TYPE_F32, (struct hf_step){0}), 0x7f800000);
    CHECK_EQ(converted("F8_E5M2", &e5m2[2], 1, TYPE_F32, (struct hf_step){0}), 0x37800000);
    CHECK_EQ(converted("F8_E8M0", &e8m0[0], 1, TYPE_F32, (struct hf_step){0}), 0x00400000);
    CHECK_EQ(converted("F8_E8M0", &e8m0[1], 1, TYPE_F32, (struct hf_step){0}), 0x3f800000);
    CHECK_EQ(converted("I64", &large, 8, TYPE_F32, (struct hf_step){0}), 0x4b800000);
    CHECK_EQ(converted("I8", &minus, 1, TYPE_F32, (struct hf_step){0}), 0xc0400000);
}

/* Arithmetic happens in the working type: F16 for F16. */
static void test_steps(void)
{
    const struct hf_step one = {.math = HF_ADD_ONE}, negexp = {.math = HF_NEG_EXP},
                         scale = {.math = HF_SCALE, .factor = 3.0f};
    const uint16_t half = 0x1001, bf16 = 0x3a01;
    const float x = -0.75f, y = 0x1.8p-25f;
    float expected;
    uint32_t bits;

    CHECK_EQ(converted("F16", &half, 2, TYPE_F32, one), 0x3f802000); /* 1 + 2^-11.. rounded */
    CHECK_EQ(converted("BF16", &bf16, 2, TYPE_F32, one), 0x3f801020);
    CHECK_EQ(converted("BF16", &bf16, 2, TYPE_F16, one), 0x3c01);
    CHECK_EQ(converted("F32", &y, 4, TYPE_F32, one), 0x3f800000);
    expected = -expf(x);
    memcpy(&bits, &expected, 4);
    CHECK_EQ(converted("F32", &x, 4, TYPE_F32, negexp), bits);
    CHECK_EQ(converted("F32", &x, 4, TYPE_F32, scale), 0xc0100000);
}

/* Factors of blocks, permuted: each weight keeps its own. */
static void test_scales(void)
{
    enum { ROWS = 12, COLUMNS = 70, BR = 5, BC = 32 };
    static const char json[] = "{\"s\":{\"dtype\":\"F32\",\"shape\":[3,3],\"data_offsets\":[0,36]},"
                               "\"w\":{\"dtype\":\"I8\",\"shape\":[12,70],"
                               "\"data_offsets\":[36,876]}}";
    static uint8_t expected[ROWS * COLUMNS * 4 + 32];
    const uint64_t ne[] = {COLUMNS, ROWS}, flipped[] = {ROWS, COLUMNS};
    float factor, value;
    struct hf_slice slice;
    struct model m;

    for (int transposed = 0; transposed < 2; transposed++) {
        model_open(&m, json, 36 + ROWS * COLUMNS);
        for (int i = 0; i < 9; i++) {
            factor = (float)i + 0.125f;
            CHECK(pwrite(m.file.fd, &factor, 4, (off_t)(m.file.size - 876 + 4 * (size_t)i)) == 4);
        }
        for (size_t row = 0; row < ROWS; row++)
            for (size_t i = 0; i < COLUMNS; i++) {
                size_t from = transposed ? row : row / 6 * 6 + row % 6 / 2 + row % 2 * 3;
                size_t to = transposed ? i * ROWS + row : row * COLUMNS + i;

                factor = (float)(from / BR * 3 + i / BC) + 0.125f;
                value = (float)(int8_t)m.data[36 + from * COLUMNS + i] * factor;
                memcpy(expected + 4 * to, &value, 4);
            }
        CHECK(hf_permute(&m.weights, number_of(&m, "w"), 2, &slice));
        if (transposed)
            slice = hf_transpose(&m.weights, number_of(&m, "w"));
        slice.scale = number_of(&m, "s");
        slice.columns = COLUMNS;
        slice.block_rows = BR;
        slice.block_columns = BC;
        CHECK_EQ(hf_plan_add(m.plan, "w", TYPE_F32, 2, transposed ? flipped : ne), 0);
        slice_in(&m, &slice);
        check_data(&m, expected, padded(ROWS * COLUMNS * 4));
        model_close(&m);
    }
}

/* import-2.md 5, from numbers whose quotients are exact. */
static void test_q8_0_numbers(void)
{
    static const struct {
        uint32_t most, weight; /* floats */
        uint16_t half;
        uint8_t q_most, q;
    } rows[] = {
        {0x42fe0000, 0x3f000000, 0x3c00, 127, 1},    /* 127, 0.5: away from zero */
        {0x42fe0000, 0xbf000000, 0x3c00, 127, 0xff}, /* -0.5 */
        {0x42fe0000, 0x3effffff, 0x3c00, 127, 0},    /* less than that */
        {0xc2fe0000, 0x40200000, 0x3c00, 0x81, 3},   /* -127, 2.5 */
        {0x00000000, 0x80000000, 0x0000, 0, 0},      /* zeros */
        {0x2e7e0000, 0x2e7e0000, 0x0000, 127, 127},  /* the half is too small, the rest is not */
        {0x00000001, 0x00000000, 0x0000, 0, 0},      /* as small as can be: no quotient */
        {0x7f7f0000, 0x3f800000, 0x7c00, 127, 0},    /* the half is too large */
        {0x7f800000, 0x3f800000, 0x7c00, 0, 0},      /* infinite */
        {0x7fc00000, 0x3f800000, 0x7e00, 0, 0},      /* NaN */
    };
    const uint64_t ne = 32;
    uint32_t weights[32];
    uint8_t block[34];
    struct hf_slice slice;
    struct model m;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        model_open(&m, "{\"w\":{\"dtype\":\"F32\",\"shape\":[32],\"data_offsets\":[0,128]}}", 128);
        for (size_t k = 0; k < 32; k++)
            weights[k] = k == 17 ? rows[i].most : rows[i].weight;
        CHECK(pwrite(m.file.fd, weights, 128, (off_t)(m.file.size - 128)) == 128);
        slice = hf_whole(&m.weights, 0);
        CHECK_EQ(hf_plan_add(m.plan, "out", TYPE_Q8_0, 1, &ne), 0);
        slice_in(&m, &slice);
        CHECK_EQ(hf_plan_read(m.plan, 0, 0, block, sizeof(block)), 0);
        CHECK_EQ(block[0] | block[1] << 8, rows[i].half);
        CHECK_EQ(block[2 + 17], rows[i].q_most);
        for (size_t k = 0; k < 32; k++)
            CHECK(k == 17 || block[2 + k] == rows[i].q);
        model_close(&m);
    }
}

/* Of a number that is neither too large nor too small for it. */
static uint16_t normal_half(float value)
{
    int exponent;
    double fraction = rint(frexp(value, &exponent) * 2048);

    return (uint16_t)(((exponent + 14) << 10) + (int)fraction - 1024);
}

/* Blocks that have weights of two slices, steps before them, zeros behind, and more of them than
 * are made at once. */
static void test_q8_0_slices(void)
{
    enum { ROWS = 10, COLUMNS = 20000, COUNT = ROWS * COLUMNS, ALL = COUNT + 40 * 32 };
    static const char json[] = "{\"w\":{\"dtype\":\"I16\",\"shape\":[10,20000],"
                               "\"data_offsets\":[0,400000]}}";
    static float values[ALL];
    static uint8_t expected[ALL / 32 * 34 + 32];
    const uint64_t ne = ALL, odd = 33;
    struct hf_slice zeros = {.kind = HF_ZEROS, .dim_count = 1, .dims = {{ALL - COUNT, 0}}};
    struct hf_slice slice;
    struct model m;
    int16_t weight;

    model_open(&m, json, 2 * COUNT);
    CHECK_EQ(hf_plan_add(m.plan, "odd", TYPE_Q8_0, 1, &odd), -EINVAL);
    CHECK_EQ(hf_plan_add(m.plan, "out", TYPE_Q8_0, 1, &ne), 0);
    /* Odd rows, of 19,999 weights each: no multiple of a block. */
    for (size_t row = 0; row < ROWS; row++) {
        slice = hf_rows(&m.weights, 0, ROWS - 1 - row, 1);
        hf_narrow(&slice, 1, 0, COLUMNS - 1, 1);
        slice.steps[0].math = HF_ADD_ONE;
        slice_in(&m, &slice);
        for (size_t i = 0; i < COLUMNS - 1; i++) {
            memcpy(&weight, m.data + 2 * ((ROWS - 1 - row) * COLUMNS + i), 2);
            values[row * (COLUMNS - 1) + i] = (float)weight + 1;
        }
    }
    zeros.dims[0].count += ROWS;
    slice_in(&m, &zeros);
    for (size_t block = 0; block < ALL / 32; block++) {
        const float *x = values + 32 * block;
        float most = 0;
        uint16_t half;

        for (size_t i = 0; i < 32; i++)
            most = fabsf(x[i]) > most ? fabsf(x[i]) : most;
        half = most > 0 ? normal_half(most / 127) : 0;
        memcpy(expected + 34 * block, &half, 2);
        for (size_t i = 0; i < 32 && most > 0; i++)
            expected[34 * block + 2 + i] = (uint8_t)lroundf(x[i] * (1 / (most / 127)));
    }
    check_data(&m, expected, padded(ALL / 32 * 34));
    model_close(&m);
}

static void note_span(void *context, unsigned file, uint64_t offset, uint64_t size)
{
    uint64_t *span = context;

    CHECK_EQ(file, 0);
    span[0] += size;
    span[1] = offset;
}

/* Which stored weights the second block comes from. */
static void test_q8_0_span(void)
{
    const uint64_t ne = 96;
    uint64_t span[2] = {0};
    struct hf_slice slice;
    struct model m;

    model_open(&m, "{\"w\":{\"dtype\":\"F32\",\"shape\":[96],\"data_offsets\":[0,384]}}", 384);
    slice = hf_whole(&m.weights, 0);
    CHECK_EQ(hf_plan_add(m.plan, "out", TYPE_Q8_0, 1, &ne), 0);
    slice_in(&m, &slice);
    hf_plan_spans(m.plan, 40, 20, note_span, span);
    CHECK_EQ(span[0], 128);
    CHECK_EQ(span[1], m.file.size - 384 + 128);
    model_close(&m);
}

static void test_mxfp4(void)
{
    enum { X = 2, R = 6, G = 3 };
    static const char json[] =
        "{\"b\":{\"dtype\":\"U8\",\"shape\":[2,6,3,16],\"data_offsets\":[0,576]},"
        "\"s\":{\"dtype\":\"U8\",\"shape\":[2,6,3],\"data_offsets\":[576,612]}}";
    const uint64_t ne[] = {32 * G, R / 2, X};
    uint8_t expected[640] = {0}, *out = expected;
    struct hf_slice slice;
    struct model m;

    model_open(&m, json, 612);
    for (size_t x = 0; x < X; x++)
        for (size_t row = 1; row < R; row += 2)
            for (size_t g = 0; g < G; g++, out += 17) {
                size_t group = (x * R + row) * G + g;
                uint8_t nibbles[32];

                for (size_t i = 0; i < 32; i++)
                    nibbles[i] = m.data[group * 16 + i / 2] >> (i % 2 ? 4 : 0) & 15;
                out[0] = m.data[576 + group];
                for (size_t i = 0; i < 16; i++)
                    out[1 + i] = (uint8_t)(nibbles[i] | nibbles[i + 16] << 4);
            }
    slice = hf_whole(&m.weights, number_of(&m, "s")); /* groups have the shape of their scales */
    hf_narrow(&slice, 1, 1, 3, 2);
    slice.kind = HF_MXFP4;
    slice.scale = slice.tensor;
    slice.tensor = number_of(&m, "b");
    CHECK_EQ(hf_plan_add(m.plan, "e", TYPE_MXFP4, 3, ne), 0);
    slice_in(&m, &slice);
    check_data(&m, expected, padded(X * R / 2 * G * 17));
    model_close(&m);
}

/* Rows of two heads turn by turn, eight weights in each word, a scale for 32 of them. */
static void test_nibbles(void)
{
    enum { ROWS = 20, COLUMNS = 96, WORDS = COLUMNS / 8 };
    static const char json[] =
        "{\"s\":{\"dtype\":\"F32\",\"shape\":[20,3],\"data_offsets\":[0,240]},"
        "\"w\":{\"dtype\":\"I32\",\"shape\":[20,12],\"data_offsets\":[240,1200]}}";
    static uint8_t expected[ROWS * COLUMNS * 4];
    const uint64_t ne[] = {COLUMNS, ROWS};
    struct defect defect = {0};
    struct hf_slice slice;
    struct model m;
    float factor, value;

    model_open(&m, json, 1200);
    for (int i = 0; i < 3 * ROWS; i++) {
        factor = (float)i + 0.125f;
        CHECK(pwrite(m.file.fd, &factor, 4, (off_t)(m.file.size - 1200 + 4 * (size_t)i)) == 4);
    }
    for (size_t row = 0; row < ROWS; row++)
        for (size_t i = 0; i < COLUMNS; i++) {
            size_t from = row / 10 * 10 + row % 10 / 2 + row % 2 * 5;
            uint8_t byte = m.data[240 + (from * WORDS + i / 8) * 4 + i % 8 / 2];

            factor = (float)(from * 3 + i / 32) + 0.125f;
            value = (float)((byte >> (i % 2 ? 4 : 0) & 15) - 8) * factor;
            memcpy(expected + 4 * (row * COLUMNS + i), &value, 4);
        }
    CHECK(hf_permute(&m.weights, number_of(&m, "w"), 2, &slice));
    slice.kind = HF_NIBBLES;
    CHECK_EQ(hf_plan_add(m.plan, "w", TYPE_F32, 2, ne), 0);
    CHECK_EQ(hf_plan_slice(m.plan, &slice, &defect), -EINVAL); /* without a scale */
    slice.scale = number_of(&m, "s");
    slice.columns = COLUMNS;
    slice.block_rows = 1;
    slice.block_columns = 33;
    CHECK_EQ(hf_plan_slice(m.plan, &slice, &defect), -EINVAL); /* within a word */
    slice.block_columns = 32;
    slice_in(&m, &slice);
    CHECK_EQ(hf_plan_slice(m.plan, &slice, &defect), -EINVAL); /* more than there is room for */
    check_data(&m, expected, padded(sizeof(expected)));
    model_close(&m);
}

/* ---- refused ---- */

static void refused(struct model *m, const struct hf_slice *slice, const char *text)
{
    struct defect defect = {0};

    CHECK_EQ(hf_plan_slice(m->plan, slice, &defect), -EINVAL);
    if (!strstr(defect.text, text))
        fprintf(stderr, "found: %s\nexpected: %s\n", defect.text, text);
    CHECK(strstr(defect.text, text));
}

static void test_refused(void)
{
    static const char json[] =
        "{\"c\":{\"dtype\":\"C64\",\"shape\":[2],\"data_offsets\":[0,16]},"
        "\"w\":{\"dtype\":\"F32\",\"shape\":[4,8],\"data_offsets\":[16,144]}}";
    const uint64_t ne[] = {8, 4}, wraps[] = {UINT64_C(1) << 62, 16}, odd[] = {31};
    struct hf_slice slice;
    struct model m;

    model_open(&m, json, 144);
    slice = hf_whole(&m.weights, 1);
    refused(&m, &slice, "another kind");
    CHECK_EQ(hf_plan_add(m.plan, "w", TYPE_Q4_K, 2, ne), -EINVAL);
    CHECK_EQ(hf_plan_add(m.plan, "w", TYPE_F32, 2, wraps), -EINVAL);
    CHECK_EQ(hf_plan_add(m.plan, "w", TYPE_MXFP4, 1, odd), -EINVAL);
    CHECK_EQ(hf_plan_add(m.plan, "w", TYPE_F32, 2, ne), 0);
    slice = hf_rows(&m.weights, 1, 1, 4);
    refused(&m, &slice, "does not fit");
    slice = hf_rows(&m.weights, 1, UINT64_MAX / 2, 1);
    refused(&m, &slice, "does not fit");
    slice = hf_whole(&m.weights, 1);
    slice.dims[0].count = UINT64_C(1) << 61;
    refused(&m, &slice, "does not fit");
    slice = hf_whole(&m.weights, 1);
    slice.dims[0].stride = 0;
    refused(&m, &slice, "does not fit");
    slice.tensor = 2;
    refused(&m, &slice, "another kind");
    slice = hf_whole(&m.weights, 0);
    refused(&m, &slice, "model.safetensors: tensor c: weights of the type C64 cannot be read");
    slice = hf_whole(&m.weights, 1);
    slice.scale = 0;
    slice.columns = 8;
    refused(&m, &slice, "scales do not fit");
    slice = hf_whole(&m.weights, 1);
    slice.kind = HF_MXFP4;
    refused(&m, &slice, "another kind");
    slice = hf_whole(&m.weights, 1);
    slice_in(&m, &slice);
    refused(&m, &slice, "does not fit");
    model_close(&m);
}

/* What the file has not any more is an error, never an old byte. */
static void test_shrunk(void)
{
    static const uint64_t ne[] = {8, 4};
    uint8_t data[128];
    struct hf_slice slice;
    struct model m;

    model_open(&m, "{\"w\":{\"dtype\":\"F32\",\"shape\":[4,8],\"data_offsets\":[0,128]}}", 128);
    slice = hf_whole(&m.weights, 0);
    CHECK_EQ(hf_plan_add(m.plan, "w", TYPE_F32, 2, ne), 0);
    slice_in(&m, &slice);
    CHECK_EQ(hf_plan_read(m.plan, 0, 0, data, 128), 0);
    CHECK_EQ(ftruncate(m.file.fd, (off_t)m.file.size - 1), 0);
    CHECK_EQ(hf_plan_read(m.plan, 0, 0, data, 128), -EIO);
    CHECK_EQ(hf_plan_read(m.plan, 0, 0, data, 96), 0);
    model_close(&m);
}

int main(void)
{
    test_moves();
    test_random_walks();
    test_zeros_and_bytes();
    test_rounding();
    test_nan_among_many();
    test_other_dtypes();
    test_steps();
    test_scales();
    test_q8_0_numbers();
    test_q8_0_slices();
    test_q8_0_span();
    test_mxfp4();
    test_nibbles();
    test_refused();
    test_shrunk();
    return 0;
}
