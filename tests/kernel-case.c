#include "kernel-case.h"

#include <math.h>
#include <string.h>

#include "quant/kernel/values.h"

static const enum type types[CASE_TYPES] = {
    TYPE_F16,     TYPE_BF16,    TYPE_Q4_0,   TYPE_Q5_0,  TYPE_Q5_1,  TYPE_Q8_0,   TYPE_Q4_K,
    TYPE_Q5_K,    TYPE_Q6_K,    TYPE_Q4_1,   TYPE_Q2_K,  TYPE_Q3_K,  TYPE_IQ4_NL, TYPE_IQ4_XS,
    TYPE_TQ1_0,   TYPE_TQ2_0,   TYPE_MXFP4,  TYPE_Q1_0,  TYPE_Q2_0,  TYPE_NVFP4,  TYPE_IQ3_S,
    TYPE_IQ3_XXS, TYPE_IQ2_XXS, TYPE_IQ2_XS, TYPE_IQ2_S, TYPE_IQ1_S, TYPE_IQ1_M,
};

enum type case_type(unsigned index)
{
    return types[index];
}

/* --- random numbers ----------------------------------------------------------------------------
 */

struct random {
    uint64_t state;
};

static struct random random_start(uint64_t seed, unsigned kind)
{
    return (struct random){(seed + 1) * 0x9e3779b97f4a7c15 + kind * 0xd1342543de82ef95};
}

/* splitmix64 */
static uint64_t next(struct random *random)
{
    uint64_t z = random->state += 0x9e3779b97f4a7c15;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

static unsigned below(struct random *random, unsigned limit)
{
    return (unsigned)(next(random) >> 32) % limit;
}

/* Of about a normal distribution with deviation 1: the sum of twelve uniform numbers. */
static float normal(struct random *random)
{
    int32_t sum = -6 * 65535;

    for (int i = 0; i < 3; i++) {
        uint64_t bits = next(random);

        for (int j = 0; j < 4; j++, bits >>= 16)
            sum += (int32_t)(bits & 0xffff);
    }
    return (float)sum * 0x1p-16f;
}

static float bits_float(uint32_t bits)
{
    float value;

    memcpy(&value, &bits, sizeof(value));
    return value;
}

static float negate_some(struct random *random, float value)
{
    return next(random) >> 63 ? -value : value;
}

/* Any mantissa and sign with an exponent of [first, last] (of the bits: 0 to 254). */
static float with_exponent(struct random *random, unsigned first, unsigned last)
{
    uint32_t exponent = first + below(random, last - first + 1);

    return bits_float(((uint32_t)next(random) & 0x807fffff) | exponent << 23);
}

/* A finite half float, any bits, or those of normal weights. */
static float half_pattern(struct random *random)
{
    uint32_t bits = (uint32_t)next(random), exponent = bits >> 10 & 31, fraction = bits & 1023;
    float value;

    exponent = exponent == 31 ? 30 : exponent;
    value = exponent == 0 ? (float)fraction * 0x1p-24f
                          : ldexpf((float)(fraction + 1024), (int)exponent - 25);
    return negate_some(random, value);
}

/* --- kinds of weights that are made one by one -------------------------------------------------
 */

static float kind_normal(struct random *random)
{
    return 0.02f * normal(random);
}

static float kind_outliers(struct random *random)
{
    return 0.02f * normal(random) * (below(random, 200) == 0 ? 8.0f : 1.0f);
}

static float kind_uniform(struct random *random)
{
    return (float)(int32_t)next(random) * 0x1p-31f;
}

static float kind_heavy(struct random *random)
{
    float above = normal(random);

    return above / (fabsf(normal(random)) + 0.001f);
}

static float kind_zeros(struct random *random)
{
    (void)random;
    return 0;
}

static float kind_negative_zeros(struct random *random)
{
    (void)random;
    return -0.0f;
}

static float kind_signed_zeros(struct random *random)
{
    return negate_some(random, 0);
}

static float kind_sparse(struct random *random)
{
    return below(random, 16) ? negate_some(random, 0) : normal(random);
}

static float kind_denormals(struct random *random)
{
    uint32_t bits = (uint32_t)next(random) & 0x807fffff;

    return bits_float(bits >> below(random, 23));
}

static float kind_tiny(struct random *random)
{
    return with_exponent(random, 0, 30);
}

/* Around the magnitude below which the searches take a group for zeros. */
static float kind_threshold(struct random *random)
{
    return with_exponent(random, 127 - 56, 127 - 46);
}

static float kind_large(struct random *random)
{
    return with_exponent(random, 127 + 30, 127 + 62);
}

static float kind_huge(struct random *random)
{
    return with_exponent(random, 127 + 60, 254);
}

static float kind_any(struct random *random)
{
    return with_exponent(random, 0, 254);
}

static float kind_spread(struct random *random)
{
    return with_exponent(random, 115, 127);
}

static float kind_positive(struct random *random)
{
    return fabsf(normal(random));
}

static float kind_negative(struct random *random)
{
    return -1.0f - fabsf(0.1f * normal(random));
}

/* None above zero, which is negative itself: a search can come to think the group has no width. */
static float kind_not_above(struct random *random)
{
    float value = -fabsf(normal(random));

    return below(random, 8) ? -0.0f : value;
}

static float kind_offset(struct random *random)
{
    return 1.0f + 0.001f * normal(random);
}

static float kind_halfs(struct random *random)
{
    return half_pattern(random);
}

static float kind_bf16(struct random *random)
{
    float value = 0.02f * normal(random);
    uint32_t bits;

    memcpy(&bits, &value, sizeof(bits));
    return bits_float(bits & 0xffff0000);
}

static float kind_infinities(struct random *random)
{
    return below(random, 8) ? normal(random) : negate_some(random, INFINITY);
}

static float kind_nan(struct random *random)
{
    return below(random, 8) ? normal(random)
                            : bits_float(((uint32_t)next(random) & 0x807fffff) | 0x7f800001);
}

/* --- kinds that are made in groups of 32 -------------------------------------------------------
 */

static void group_constant(struct random *random, float *x)
{
    float value = normal(random);

    for (int i = 0; i < 32; i++)
        x[i] = value;
}

/* Quotients that lie between two levels: the ends make the scale a power of two. */
static void group_ties(struct random *random, float *x)
{
    static const float limits[] = {8, 16, 15, 31, 32, 63, 127, 128};
    float limit = limits[below(random, 8)], unit = ldexpf(1, (int)below(random, 20) - 15);
    bool range = limit == 15 || limit == 31;

    for (int i = 0; i < 32; i++) {
        x[i] = ((float)below(random, (unsigned)limit) + 0.5f * (float)below(random, 2)) * unit;
        x[i] = range ? x[i] : negate_some(random, x[i]);
    }
    x[below(random, 32)] = range ? 0 : negate_some(random, limit * unit);
    x[below(random, 32)] = limit * unit;
}

/* The same magnitude with both signs: the first one decides. */
static void group_ends(struct random *random, float *x)
{
    float end = normal(random);

    for (int i = 0; i < 32; i++)
        x[i] = negate_some(random, below(random, 4) ? end * 0.25f : end);
}

/* Groups of very different size in one block, some without weights. */
static void group_levels(struct random *random, float *x)
{
    float unit = below(random, 4) ? ldexpf(1, -(int)below(random, 40)) : 0;

    for (int i = 0; i < 32; i++)
        x[i] = unit * normal(random);
}

/* The largest lies close to a power of two, where a logarithm is rounded. */
static void group_powers(struct random *random, float *x)
{
    uint32_t bits = (1 + below(random, 254)) << 23;
    unsigned where;
    float end;

    if (below(random, 8) == 0)
        bits = 1u << below(random, 23);
    bits += below(random, 4);
    if (bits > 128)
        bits -= below(random, 100);
    end = bits_float(bits);
    for (int i = 0; i < 32; i++)
        x[i] = end * 0.0625f * (float)((int)below(random, 33) - 16);
    where = below(random, 32);
    x[where] = negate_some(random, end);
}

/* Some candidate's quotients are values of IQ4_NL and middles of two of them, or lie beside those;
 * where only values count, that candidate's levels are kept. */
static void group_middles(struct random *random, float *x)
{
    float unit = negate_some(random, ldexpf(1, (int)below(random, 20) - 15)), middle;
    float largest = below(random, 2) ? 127 : 120 + (float)below(random, 15);
    unsigned level;

    for (int i = 0; i < 32; i++) {
        level = 1 + below(random, 14);
        x[i] = unit * values_iq4[level];
        middle = unit * 0.5f * (float)(values_iq4[level - below(random, 2)] + values_iq4[level]);
        if (below(random, 4) == 0)
            x[i] = below(random, 3) ? nextafterf(middle, below(random, 2) ? 1 : -1) : middle;
    }
    x[below(random, 32)] = -unit * largest;
}

static const struct kind {
    const char *name;
    float (*one)(struct random *random);
    void (*group)(struct random *random, float *x);
} kinds[CASE_KINDS] = {
    {"normal", kind_normal, NULL},
    {"outliers", kind_outliers, NULL},
    {"uniform", kind_uniform, NULL},
    {"heavy", kind_heavy, NULL},
    {"zeros", kind_zeros, NULL},
    {"negative zeros", kind_negative_zeros, NULL},
    {"signed zeros", kind_signed_zeros, NULL},
    {"sparse", kind_sparse, NULL},
    {"denormals", kind_denormals, NULL},
    {"tiny", kind_tiny, NULL},
    {"threshold", kind_threshold, NULL},
    {"large", kind_large, NULL},
    {"huge", kind_huge, NULL},
    {"any", kind_any, NULL},
    {"spread", kind_spread, NULL},
    {"positive", kind_positive, NULL},
    {"negative", kind_negative, NULL},
    {"not above", kind_not_above, NULL},
    {"offset", kind_offset, NULL},
    {"halfs", kind_halfs, NULL},
    {"bf16", kind_bf16, NULL},
    {"constant", NULL, group_constant},
    {"ties", NULL, group_ties},
    {"ends", NULL, group_ends},
    {"levels", NULL, group_levels},
    {"powers", NULL, group_powers},
    {"middles", NULL, group_middles},
    /* CASE_FINITE */
    {"infinities", kind_infinities, NULL},
    {"nan", kind_nan, NULL},
};

const char *case_kind_name(unsigned kind)
{
    return kinds[kind].name;
}

void case_weights(unsigned kind, uint64_t seed, float *x, size_t count)
{
    struct random random = random_start(seed, kind);
    float group[32];

    for (size_t i = 0; i < count; i++) {
        if (!kinds[kind].one && i % 32 == 0)
            kinds[kind].group(&random, group);
        x[i] = kinds[kind].one ? kinds[kind].one(&random) : group[i % 32];
    }
}

/* --- importance --------------------------------------------------------------------------------
 */

static const char *const importances[CASE_IMPORTANCES] = {
    "none", "ones", "squares", "sparse", "few", "zeros", "tiny", "spread", "steps", "signed",
};

const char *case_importance_name(unsigned importance)
{
    return importances[importance];
}

static float importance_one(unsigned importance, size_t group, struct random *random)
{
    float value = normal(random);

    switch (importance) {
    case 1:
        return 1;
    case 2:
        return value * value + 0.01f;
    case 3:
        return below(random, 3) ? 0 : value * value;
    case 4: /* so few that some scales of the searches are negative */
        return below(random, 12) ? 0 : value * value;
    case 5:
        return 0;
    case 6:
        return value * value * 0x1p-100f;
    case 7:
        return fabsf(with_exponent(random, 107, 147));
    case 9: /* nothing that makes sense, but a file may say so */
        return value * value * (below(random, 3) ? 1.0f : below(random, 2) ? -0.0f : -1.0f);
    default: /* sub-blocks that count for very different parts */
        return ldexpf(value * value, -(int)(group % 5 * 3));
    }
}

void case_importance(unsigned importance, uint64_t seed, float *w, size_t count)
{
    struct random random = random_start(seed, 1000 + importance);

    for (size_t i = 0; i < count; i++)
        w[i] = importance_one(importance, i / 32, &random);
}

/* --- cases -------------------------------------------------------------------------------------
 */

bool case_make(unsigned type_index, unsigned kind, unsigned importance, unsigned shape,
               struct kernel_case *c)
{
    static const size_t shapes[CASE_SHAPES][2] = {{1, 8}, {2, 3}, {5, 1}}; /* blocks of 256 */
    const struct type_info *info = type_info((uint32_t)types[type_index]);
    uint64_t size;

    *c = (struct kernel_case){.type = types[type_index], .kind = kind, .importance = importance};
    c->rows = shapes[shape][0];
    c->row_len = shapes[shape][1] * 256;
    if (info->block_weights < 256 && shape > 0) /* also rows that are no multiple of 256 */
        c->row_len = shapes[shape][1] * info->block_weights;
    if (info->block_weights == 1 && shape > 0)
        c->row_len = shapes[shape][1] * 7;
    if (!info->quantized)
        return type_size(c->type, c->rows * c->row_len, &size) && (c->size = size, !importance);
    return type_size(c->type, c->rows * c->row_len, &size) && (c->size = size, kind < CASE_FINITE);
}

bool case_needs_importance(unsigned type_index)
{
    return types[type_index] == TYPE_IQ1_S || types[type_index] == TYPE_IQ2_XXS ||
           types[type_index] == TYPE_IQ2_XS;
}

bool case_refused(const struct kernel_case *c, const uint8_t *block)
{
    const struct type_info *info = type_info((uint32_t)c->type);
    uint16_t scale;

    for (unsigned i = 0; i < info->scale_count; i++) {
        memcpy(&scale, block + info->scale_offset[i], sizeof(scale));
        if ((scale & 0x7c00) == 0x7c00)
            return true;
    }
    if (c->type == TYPE_IQ1_M) { /* in the highest bits of four words; the last has the exponent */
        memcpy(&scale, block + 54, sizeof(scale));
        return (scale & 0x7000) == 0x7000 && (block[53] & 0xc0) == 0xc0;
    }
    return c->type == TYPE_MXFP4 && block[0] == 0xff;
}

/* FNV-1a. */
uint64_t case_hash(uint64_t hash, const struct kernel_case *c, const uint8_t *result)
{
    size_t block_size = type_info((uint32_t)c->type)->block_size;

    for (size_t at = 0; at < c->size; at += block_size) {
        if (case_refused(c, result + at)) {
            hash = (hash ^ 256) * 0x100000001b3;
            continue;
        }
        for (size_t i = at; i < at + block_size; i++)
            hash = (hash ^ result[i]) * 0x100000001b3;
    }
    return hash;
}
