/*
 * If this fails, tensors are taken for larger or smaller than they are, or a chunk cuts a block.
 */
#include "quant/type.h"

#include "check.h"

/* Weights and bytes per block as ggml has them. */
static const struct {
    const char *name;
    uint32_t number, weights, size;
} blocks[] = {
    {"f32", 0, 1, 4},         {"f16", 1, 1, 2},         {"q4_0", 2, 32, 18},
    {"q4_1", 3, 32, 20},      {"q5_0", 6, 32, 22},      {"q5_1", 7, 32, 24},
    {"q8_0", 8, 32, 34},      {"q8_1", 9, 32, 36},      {"q2_k", 10, 256, 84},
    {"q3_k", 11, 256, 110},   {"q4_k", 12, 256, 144},   {"q5_k", 13, 256, 176},
    {"q6_k", 14, 256, 210},   {"q8_k", 15, 256, 292},   {"iq2_xxs", 16, 256, 66},
    {"iq2_xs", 17, 256, 74},  {"iq3_xxs", 18, 256, 98}, {"iq1_s", 19, 256, 50},
    {"iq4_nl", 20, 32, 18},   {"iq3_s", 21, 256, 110},  {"iq2_s", 22, 256, 82},
    {"iq4_xs", 23, 256, 136}, {"i8", 24, 1, 1},         {"i16", 25, 1, 2},
    {"i32", 26, 1, 4},        {"i64", 27, 1, 8},        {"f64", 28, 1, 8},
    {"iq1_m", 29, 256, 56},   {"bf16", 30, 1, 2},       {"tq1_0", 34, 256, 54},
    {"tq2_0", 35, 256, 66},   {"mxfp4", 39, 32, 17},    {"nvfp4", 40, 64, 36},
    {"q1_0", 41, 128, 18},    {"q2_0", 42, 64, 18},
};

static void test_blocks(void)
{
    const struct type_info *info;
    size_t known = 0;

    for (size_t i = 0; i < sizeof(blocks) / sizeof(blocks[0]); i++) {
        info = type_info(blocks[i].number);
        CHECK(info);
        CHECK_STR(info->name, blocks[i].name);
        CHECK_EQ(info->block_weights, blocks[i].weights);
        CHECK_EQ(info->block_size, blocks[i].size);
    }
    for (uint32_t number = 0; number < 1000; number++)
        known += type_info(number) != NULL;
    CHECK_EQ(known, sizeof(blocks) / sizeof(blocks[0]));
    CHECK(!type_info(4) && !type_info(5) && !type_info(31) && !type_info(33));
    CHECK(!type_info(36) && !type_info(38) && !type_info(43) && !type_info(UINT32_MAX));
}

/* What the tool can widen: not integers and doubles, nor the types of activations. */
static bool is_source(uint32_t number)
{
    switch (number) {
    case TYPE_I8:
    case TYPE_I16:
    case TYPE_I32:
    case TYPE_I64:
    case TYPE_F64:
    case TYPE_Q8_1:
    case TYPE_Q8_K:
        return false;
    default:
        return true;
    }
}

/* A chunk is whole blocks and at most 1 MiB; a scale lies in its block; a fallback helps. */
static void test_consistent(void)
{
    const struct type_info *info, *next;

    for (uint32_t number = 0; number < TYPE_COUNT; number++) {
        info = type_info(number);
        if (!info)
            continue;
        CHECK_EQ(info->chunk_weights % info->block_weights, 0);
        CHECK(info->chunk_weights / info->block_weights * info->block_size <= 1 << 20);
        CHECK(info->scale_count <= 2);
        for (unsigned i = 0; i < info->scale_count; i++)
            CHECK(info->scale_offset[i] + 2u <= info->block_size);
        CHECK_EQ(info->quantized, info->block_weights > 1);
        CHECK_EQ(info->source, is_source(number));
        if (info->fallback == TYPE_NONE || info->fallback == (enum type)number)
            continue;
        next = type_info((uint32_t)info->fallback);
        CHECK(next && next->block_weights == 32 && info->block_weights > 32);
        CHECK_EQ(next->fallback, info->fallback);
    }
    CHECK_EQ(type_info(TYPE_Q4_K)->fallback, TYPE_Q5_0);
    CHECK_EQ(type_info(TYPE_Q5_K)->fallback, TYPE_Q5_1);
    CHECK_EQ(type_info(TYPE_Q6_K)->fallback, TYPE_Q8_0);
    CHECK_EQ(type_info(TYPE_Q3_K)->fallback, TYPE_Q4_0);
    CHECK_EQ(type_info(TYPE_IQ4_XS)->fallback, TYPE_IQ4_NL);
    CHECK_EQ(type_info(TYPE_Q8_0)->fallback, TYPE_Q8_0);
    CHECK_EQ(type_info(TYPE_Q1_0)->fallback, TYPE_NONE);
}

static void test_find(void)
{
    for (size_t i = 0; i < sizeof(blocks) / sizeof(blocks[0]); i++)
        CHECK_EQ(type_find(blocks[i].name, strlen(blocks[i].name)), blocks[i].number);
    CHECK_EQ(type_find("Q4_K", 4), TYPE_Q4_K);
    CHECK_EQ(type_find("bF16", 4), TYPE_BF16);
    CHECK_EQ(type_find("q4_k_m", 4), TYPE_Q4_K);
    CHECK_EQ(type_find("q4_k_m", 6), TYPE_NONE);
    CHECK_EQ(type_find("q4_", 3), TYPE_NONE);
    CHECK_EQ(type_find("q4_k\0", 5), TYPE_NONE);
    CHECK_EQ(type_find("", 0), TYPE_NONE);
    CHECK_EQ(type_find("deprecated", 10), TYPE_NONE);
}

static void test_size(void)
{
    uint64_t size;

    CHECK(type_size(TYPE_Q4_K, 256 * 3, &size) && size == 144 * 3);
    CHECK(type_size(TYPE_BF16, 7, &size) && size == 14);
    CHECK(type_size(TYPE_Q4_K, 0, &size) && size == 0);
    CHECK(!type_size(TYPE_Q4_K, 255, &size));
    CHECK(!type_size(TYPE_Q8_0, 33, &size));
    CHECK(!type_size(TYPE_NONE, 32, &size));
    CHECK(!type_size((enum type)4, 32, &size));
    CHECK(type_size(TYPE_F32, UINT64_C(1) << 61, &size) && size == UINT64_C(1) << 63);
    CHECK(!type_size(TYPE_F32, UINT64_C(1) << 62, &size));
    CHECK(!type_size(TYPE_Q8_0, UINT64_MAX - 31, &size));
    CHECK(type_size(TYPE_I8, UINT64_MAX, &size) && size == UINT64_MAX);
}

int main(void)
{
    test_blocks();
    test_consistent();
    test_find();
    test_size();
    return 0;
}
