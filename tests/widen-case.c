#include "widen-case.h"

#include <assert.h>
#include <string.h>

static const enum type types[WIDEN_TYPES] = {
    TYPE_Q4_0,   TYPE_Q4_1,   TYPE_Q5_0,    TYPE_Q5_1,  TYPE_Q8_0,  TYPE_Q2_K,  TYPE_Q3_K,
    TYPE_Q4_K,   TYPE_Q5_K,   TYPE_Q6_K,    TYPE_TQ1_0, TYPE_TQ2_0, TYPE_Q1_0,  TYPE_Q2_0,
    TYPE_IQ4_NL, TYPE_IQ4_XS, TYPE_MXFP4,   TYPE_NVFP4, TYPE_IQ1_S, TYPE_IQ1_M, TYPE_IQ2_XXS,
    TYPE_IQ2_XS, TYPE_IQ2_S,  TYPE_IQ3_XXS, TYPE_IQ3_S,
};

static const char *const kinds[WIDEN_KINDS] = {
    "random", "edges of the scale", "no bit set", "all bits set", "scales that are not finite",
};

enum type widen_type(unsigned index)
{
    return types[index];
}

const char *widen_kind_name(unsigned kind)
{
    return kinds[kind];
}

size_t widen_count(enum type type)
{
    return WIDEN_BLOCKS * (size_t)type_info((uint32_t)type)->block_weights;
}

/* splitmix64 */
static uint64_t next(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

/* Zeros, the smallest and largest denormals and normals, one, and neighbours. */
static uint16_t edge(uint64_t *state)
{
    static const uint16_t edges[] = {0,      1,      2,      0x03ff, 0x0400,
                                     0x0401, 0x3bff, 0x3c00, 0x7bfe, 0x7bff};
    uint64_t bits = next(state);

    return (uint16_t)(edges[(bits >> 32) % (sizeof(edges) / sizeof(edges[0]))] | (bits & 0x8000));
}

/* Scales that are half floats; where a type has none of its own its block stays random. */
static void put_scales(const struct type_info *info, unsigned kind, uint64_t *state, uint8_t *block)
{
    uint16_t scale;

    for (unsigned i = 0; i < info->scale_count; i++) {
        scale = edge(state);
        if (kind == 4)
            scale = (uint16_t)((next(state) & 0x81ff) | 0x7c00);
        memcpy(block + info->scale_offset[i], &scale, sizeof(scale));
    }
}

void widen_blocks(enum type type, unsigned kind, uint64_t seed, uint8_t *blocks)
{
    const struct type_info *info = type_info((uint32_t)type);
    uint64_t state = (seed + 1) * 0x9e3779b97f4a7c15 + kind * 0xd1342543de82ef95 + (uint64_t)type;
    size_t size = WIDEN_BLOCKS * (size_t)info->block_size;

    assert(size <= WIDEN_BYTES);
    for (size_t i = 0; i < size; i++)
        blocks[i] = kind == 2 ? 0 : kind == 3 ? 0xff : (uint8_t)(next(&state) >> 56);
    for (size_t i = 0; i < size && kind != 0; i += info->block_size)
        put_scales(info, kind, &state, blocks + i);
}

/* FNV-1a, a float at a time. */
uint64_t widen_hash(uint64_t hash, const float *x, size_t count)
{
    uint32_t bits;

    for (size_t i = 0; i < count; i++) {
        memcpy(&bits, &x[i], sizeof(bits));
        if ((bits & 0x7fffffff) > 0x7f800000)
            bits = 0x7fc00000;
        hash = (hash ^ bits) * 0x100000001b3;
    }
    return hash;
}
