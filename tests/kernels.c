/*
 * If this fails, some machine would get other bytes from us than the reference tool writes.
 *
 *   test-kernels [--seed N] [--all | --short | --bench]
 *
 * --all: the rounding of Q8_0 for every float. --short: of types and kinds of weights one pair in
 * eight, which ones depends on the seed; for machines that are emulated. --bench: speed of the
 * sets, instead.
 */
#include <errno.h>
#include <math.h>
#include <time.h>

#include "check.h"
#include "kernel-case.h"
#include "kernels-golden.h"
#include "quant/kernel/cpu.h"
#include "quant/kernel/kernel.h"

enum {
    GUARD = 64, /* bytes behind a result */
    RESULT_MAX = CASE_WEIGHTS * 2 + GUARD + 1,
    MIXED_WEIGHTS = 40 * 256,
};

struct buffers {
    float x[CASE_WEIGHTS];
    float importance[CASE_WEIGHTS];
    uint8_t expected[RESULT_MAX];
    uint8_t result[RESULT_MAX];
};

/* --- sets --------------------------------------------------------------------------------------
 */

static struct kernel_set select_set(const char *name)
{
    struct kernel_set set;

    CHECK_EQ(kernel_select(name, &set), 0);
    return set;
}

static void test_select(void)
{
    struct kernel_set set = select_set("scalar");

    CHECK_STR(set.name, "scalar");
    for (unsigned i = 0; i < CASE_TYPES; i++)
        CHECK(set.quantize[case_type(i)]);
    CHECK(set.widen[TYPE_F16] && set.widen[TYPE_BF16]);
    CHECK(!set.quantize[TYPE_F32] && !set.widen[TYPE_F32]); /* floats are copied */
    CHECK(!set.quantize[TYPE_I32]);
    set = select_set(NULL);
    CHECK(set.name && set.quantize[TYPE_Q4_K]);
    CHECK_EQ(kernel_select("scalar2", &set), -EINVAL);
    CHECK_EQ(kernel_select("", &set), -EINVAL);
    CHECK_EQ(kernel_select("Scalar", &set), -EINVAL);
#ifdef __aarch64__
    CHECK_STR(set.name, "neon");
    CHECK_STR(select_set("neon").name, "neon");
    CHECK_EQ(kernel_select("avx2", &set), -EINVAL);
#else
    CHECK_EQ(kernel_select("neon", &set), -EINVAL);
#endif
}

/* Which pairs of a type and a kind of weights are tried. */
struct sample {
    unsigned every;
    unsigned first;
};

static bool sampled(const struct sample *sample, unsigned n)
{
    return n % sample->every == sample->first;
}

/* --- cases -------------------------------------------------------------------------------------
 */

static void make_inputs(const struct kernel_case *c, uint64_t seed, struct buffers *b)
{
    case_weights(c->kind, seed, b->x, c->rows * c->row_len);
    case_importance(c->importance, seed, b->importance, c->row_len);
}

/* Runs a kernel between rubbish; the rubbish must stay. At an odd address: blocks lie anywhere. */
static const uint8_t *run(const struct kernel_set *set, const struct kernel_case *c,
                          const struct buffers *b, uint8_t *out)
{
    memset(out, 0xa5, RESULT_MAX);
    set->quantize[c->type](out + 1, b->x, c->rows, c->row_len,
                           c->importance ? b->importance : NULL);
    CHECK_EQ(out[0], 0xa5);
    for (size_t i = 0; i < GUARD; i++)
        CHECK_EQ(out[1 + c->size + i], 0xa5);
    return out + 1;
}

static void test_golden(const struct kernel_set *set, const struct sample *sample,
                        struct buffers *b)
{
    struct kernel_case c;
    uint64_t hash;

    for (unsigned kind = 0; kind < CASE_KINDS; kind++)
        for (unsigned type = 0; type < CASE_TYPES; type++) {
            if (!sampled(sample, CASE_TYPES * kind + type))
                continue;
            hash = 0;
            for (unsigned importance = 0; importance < CASE_IMPORTANCES; importance++)
                for (unsigned shape = 0; shape < CASE_SHAPES; shape++) {
                    if (!case_make(type, kind, importance, shape, &c))
                        continue;
                    make_inputs(&c, CASE_SEED, b);
                    hash = case_hash(hash, &c, run(set, &c, b, b->result));
                }
            if (hash == golden[kind][type])
                continue;
            fprintf(stderr, "%s, %s of %s: not what the reference library makes\n", set->name,
                    type_info((uint32_t)case_type(type))->name, case_kind_name(kind));
            exit(1);
        }
}

static void print_block(const char *who, const uint8_t *block, size_t size)
{
    fprintf(stderr, "  %-8s", who);
    for (size_t i = 0; i < size; i++)
        fprintf(stderr, " %02x", block[i]);
    fprintf(stderr, "\n");
}

static void check_same(const struct kernel_case *c, const char *set, uint64_t seed,
                       const uint8_t *expected, const uint8_t *result)
{
    const struct type_info *info = type_info((uint32_t)c->type);
    size_t first = 0;

    for (size_t at = 0; at < c->size; at += info->block_size) {
        if (case_refused(c, expected + at) && case_refused(c, result + at))
            continue;
        if (memcmp(expected + at, result + at, info->block_size) == 0)
            continue;
        while (expected[at + first] == result[at + first])
            first++;
        fprintf(stderr, "%s, %s, %s, importance %s, %zu rows of %zu, seed %llu, block %zu: ", set,
                info->name, c->kind < CASE_KINDS ? case_kind_name(c->kind) : "mixed",
                case_importance_name(c->importance), c->rows, c->row_len, (unsigned long long)seed,
                at / info->block_size);
        fprintf(stderr, "byte %zu differs from scalar\n", first);
        print_block("scalar", expected + at, info->block_size);
        print_block(set, result + at, info->block_size);
        exit(1);
    }
}

/* Every set of this machine makes what the scalar one makes. */
static void test_sets(const struct sample *sample, uint64_t seed, struct buffers *b)
{
    struct kernel_set scalar = select_set("scalar"), set;
    struct kernel_case c;

    for (int i = CPU_SCALAR + 1; i < CPU_SET_COUNT; i++) {
        if (kernel_select(cpu_set_name((enum cpu_set)i), &set) < 0) {
            printf("skipped: this machine has no %s\n", cpu_set_name((enum cpu_set)i));
            continue;
        }
        for (unsigned n = 0; n < CASE_TYPES * CASE_KINDS * CASE_IMPORTANCES * CASE_SHAPES; n++) {
            unsigned kind = n / CASE_TYPES % CASE_KINDS, rest = n / CASE_TYPES / CASE_KINDS;

            if (!sampled(sample, n % (CASE_TYPES * CASE_KINDS)))
                continue;
            if (!case_make(n % CASE_TYPES, kind, rest % CASE_IMPORTANCES, rest / CASE_IMPORTANCES,
                           &c))
                continue;
            if (set.quantize[c.type] == scalar.quantize[c.type])
                continue;
            make_inputs(&c, seed, b);
            run(&scalar, &c, b, b->expected);
            check_same(&c, set.name, seed, b->expected + 1, run(&set, &c, b, b->result));
        }
    }
}

static float bits_float(uint32_t bits)
{
    float value;

    memcpy(&value, &bits, sizeof(value));
    return value;
}

static uint32_t float_bits(float value)
{
    uint32_t bits;

    memcpy(&bits, &value, sizeof(bits));
    return bits;
}

/* A group of 256 of each of random kinds side by side: some lanes of a batch are beyond what is
 * proven for the fast way, others are not. */
static void mixed_weights(uint64_t seed, float *x, size_t count)
{
    for (size_t i = 0; i < count; i += 256, seed = seed * 6364136223846793005 + 1442695040888963407)
        case_weights((unsigned)(seed >> 33) % CASE_FINITE, seed, x + i, 256);
}

/*
 * Groups of 16 from 0 to `span` of which the quotients of Q2_K with importance, spread * x / span,
 * lie at the border of two levels just where a candidate's spread is 2.1 + 0.05 * step, or beside.
 */
static void border_weights(uint64_t seed, float *x, size_t count)
{
    float span = 1;

    for (size_t i = 0; i < count; i++) {
        unsigned random, step, level;

        seed = seed * 6364136223846793005 + 1442695040888963407;
        random = (unsigned)(seed >> 33);
        step = random % 37;
        level = random / 64 % 3;
        if (i % 16 == 0)
            span = (float)(1 + random % 1000) / 1024;
        x[i] = span * ((float)level + 0.5f) / (3 + (-0.9f + 0.05f * (float)step));
        if (x[i] > span || i % 16 < 2)
            x[i] = i % 16 ? span : 0;
        else
            x[i] = bits_float(float_bits(x[i]) + random / 1024 % 5 - 2);
    }
}

/*
 * Groups of 32 whose levels are near their bounds: the quotients spread * x / span of Q4_K, Q4_1
 * (top 15), Q5_K and Q5_1 (top 31) lie at the border of the lowest or the highest two levels, or
 * beside. Groups on one side of 0, as narrow as they may be, or with one number far from the others
 * make the lower end move far, or beyond all numbers.
 */
static void cut_weights(uint64_t seed, float *x, size_t count)
{
    unsigned random, kind = 0, shift = 0;
    float top = 15, spread;

    for (size_t i = 0; i < count; i++) {
        seed = seed * 6364136223846793005 + 1442695040888963407;
        random = (unsigned)(seed >> 33);
        if (i % 32 == 0) {
            kind = random % 8;
            shift = random / 8 % 20;
            top = random & 256 ? 31 : 15;
        }
        x[i] = (float)(int)(random % 2001) / 1000 - 1;
        x[i] = x[i] * x[i] * x[i];
        if (kind < 4) {
            spread = top - 0.9f + 0.05f * (float)(random % 37);
            x[i] = (random & 512 ? 0.5f : random & 1024 ? top - 0.5f : top - 1.5f) / spread;
            x[i] = bits_float(float_bits(x[i]) + random / 2048 % 5 - 2);
            x[i] = i % 32 < 2 ? (float)(i % 32) : x[i] < 1 ? x[i] : 1;
            x[i] = kind % 2 ? x[i] - 0.25f : x[i];
        } else if (kind == 4) {
            x[i] = ldexpf(x[i], -(int)shift) - 1;
        } else if (kind == 5) {
            x[i] = ldexpf(x[i], -(int)shift) + 1;
        } else if (kind == 6 && i % 32 == shift) {
            x[i] = random & 512 ? 100 : -100;
        }
    }
}

typedef void (*weights_fn)(uint64_t seed, float *x, size_t count);

/* One shape of one type: every set, the same as scalar. */
static void check_shape(weights_fn weights, enum type type, unsigned importance, size_t rows,
                        size_t row_len, uint64_t seed)
{
    static float x[MIXED_WEIGHTS], w[MIXED_WEIGHTS];
    static uint8_t expected[MIXED_WEIGHTS * 2 + GUARD], result[MIXED_WEIGHTS * 2 + GUARD];
    struct kernel_case c = {type, CASE_KINDS, importance, rows, row_len, 0};
    struct kernel_set scalar = select_set("scalar"), set;
    uint64_t size;

    CHECK(rows * row_len <= MIXED_WEIGHTS && type_size(type, rows * row_len, &size));
    c.size = (size_t)size;
    weights(seed, x, rows * row_len);
    case_importance(importance, seed, w, row_len);
    for (int i = CPU_SCALAR + 1; i < CPU_SET_COUNT; i++) {
        if (kernel_select(cpu_set_name((enum cpu_set)i), &set) < 0 ||
            set.quantize[type] == scalar.quantize[type])
            continue;
        scalar.quantize[type](expected, x, rows, row_len, importance ? w : NULL);
        memset(result, 0xa5, sizeof(result));
        set.quantize[type](result, x, rows, row_len, importance ? w : NULL);
        check_same(&c, set.name, seed, expected, result);
        for (size_t at = 0; at < GUARD; at++)
            CHECK_EQ(result[c.size + at], 0xa5);
    }
}

/*
 * Rows of many lengths, which end within the lanes that are taken at once and go on in the next
 * row.
 */
static void test_mixed(const struct sample *sample, uint64_t seed)
{
    static const size_t shapes[][2] = {{1, 1},  {1, 2},  {1, 3},  {1, 15}, {1, 16}, {1, 17},
                                       {3, 1},  {3, 5},  {7, 3},  {17, 1}, {2, 16}, {2, 17},
                                       {1, 35}, {11, 3}, {4, 10}, {40, 1}, {1, 40}, {2, 20}};
    const struct type_info *info;

    for (unsigned type = 0; type < CASE_TYPES; type++) {
        info = type_info((uint32_t)case_type(type));
        for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
            if (!sampled(sample, (unsigned)i + type))
                continue;
            /* Blocks of the type, and rows of as many times 256. */
            for (unsigned n = 0; n < 2 * CASE_IMPORTANCES; n++, seed++) {
                unsigned importance = n / 2;
                size_t unit = n % 2 ? info->block_weights : 256;

                if (importance ? !info->quantized : case_needs_importance(type))
                    continue;
                if (n % 2 && unit == 256)
                    continue;
                check_shape(mixed_weights, case_type(type), importance, shapes[i][0],
                            shapes[i][1] * unit, seed);
            }
        }
    }
}

/* A search that leaves out candidates with levels that another had takes none for such that has
 * others. */
static void test_border(uint64_t seed)
{
    for (unsigned importance = 1; importance < CASE_IMPORTANCES; importance++)
        for (int i = 0; i < 20; i++)
            check_shape(border_weights, TYPE_Q2_K, importance, 2, 20 * 256, seed++);
}

/* Blocks of like magnitude of which scales are made whose inverses are just not infinite, or are.
 */
static void least_weights(uint64_t seed, float *x, size_t count)
{
    uint32_t most = 1;

    for (size_t i = 0; i < count; i++) {
        seed = seed * 6364136223846793005 + 1442695040888963407;
        if (i % 128 == 0)
            most = 1 + (uint32_t)(seed >> 33) % (8u << 23);
        seed = seed * 6364136223846793005 + 1442695040888963407;
        x[i] = bits_float((uint32_t)(seed >> 33) % most | ((uint32_t)(seed >> 32) & 1) << 31);
    }
}

/* Sums of which levels are cut lie between their bounds without being bounded, or make 0. */
static void test_least_scales(uint64_t seed)
{
    static const enum type types[] = {TYPE_Q4_0, TYPE_Q4_1, TYPE_Q5_0, TYPE_Q5_1, TYPE_Q8_0};

    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        for (int n = 0; n < 20; n++)
            check_shape(least_weights, types[i], 0, 1, 40 * 256, seed++);
}

/* Levels are right where numbers are cut so that none is out of bounds, and where they cannot be.
 */
static void test_cuts(uint64_t seed)
{
    static const enum type types[] = {TYPE_Q4_K, TYPE_Q5_K, TYPE_Q4_1, TYPE_Q5_1, TYPE_Q2_K};

    for (size_t type = 0; type < sizeof(types) / sizeof(types[0]); type++)
        for (unsigned importance = 0; importance < CASE_IMPORTANCES; importance++)
            for (int i = 0; i < 10; i++)
                check_shape(cut_weights, types[type], importance, 2, 20 * 256, seed++);
}

/* Weights that are not finite never get to a kernel of blocks; if they did, it must stay within its
 * block and end. */
static void test_not_finite(uint64_t seed, struct buffers *b)
{
    struct kernel_set set = select_set(NULL);
    struct kernel_case c;

    for (unsigned kind = CASE_FINITE; kind < CASE_KINDS; kind++)
        for (unsigned type = 0; type < CASE_TYPES; type++)
            for (unsigned importance = 0; importance < 3; importance++) {
                (void)case_make(type, kind, importance, 1, &c);
                make_inputs(&c, seed, b);
                run(&set, &c, b, b->result);
            }
}

/* A row cut in two gives the same blocks, as long as no importance spans it. */
static void test_cut(uint64_t seed, struct buffers *b)
{
    struct kernel_set set = select_set(NULL);
    struct kernel_case c;
    size_t half;

    for (unsigned type = 0; type < CASE_TYPES; type++)
        for (unsigned importance = 0; importance < 3; importance += 2) {
            if (!case_make(type, 1, importance, 0, &c))
                continue;
            if (importance && type_info((uint32_t)c.type)->block_weights != 256)
                continue;
            CHECK_EQ(c.rows, 1);
            make_inputs(&c, seed, b);
            run(&set, &c, b, b->expected);
            half = c.row_len / 4;
            set.quantize[c.type](b->result + 1, b->x, 1, half, importance ? b->importance : NULL);
            set.quantize[c.type](b->result + 1 + c.size / 4, b->x + half, 1, c.row_len - half,
                                 importance ? b->importance + half : NULL);
            CHECK(memcmp(b->expected + 1, b->result + 1, c.size) == 0);
        }
}

/* --- rounding ----------------------------------------------------------------------------------
 */

/* Q8_0 of 31 floats from `bits` on, behind a 127 that makes the scale 1. */
static void check_round(const struct kernel_set *set, uint32_t bits)
{
    float x[32] = {127};
    uint8_t block[34];

    for (uint32_t i = 1; i < 32; i++) {
        x[i] = bits_float(bits + i - 1);
        x[i] = x[i] > 127 ? 127 : x[i];
        x[i] = i % 2 ? x[i] : -x[i];
    }
    set->quantize[TYPE_Q8_0](block, x, 1, 32, NULL);
    for (int i = 0; i < 32; i++)
        if ((int8_t)block[2 + i] != (int)roundf(x[i])) {
            fprintf(stderr, "%a is rounded to %d\n", (double)x[i], (int8_t)block[2 + i]);
            exit(1);
        }
}

static void test_round_away(bool all)
{
    struct kernel_set set = select_set(NULL);
    uint32_t bits;

    for (int n = 0; n < 127; n++) {
        bits = float_bits((float)n + 0.5f) - 310;
        for (uint32_t i = 0; i < 620; i += 31)
            check_round(&set, bits + i);
        check_round(&set, float_bits((float)n) - (n ? 15 : 0));
    }
    if (all)
        for (bits = 0; bits <= float_bits(127); bits += 31)
            check_round(&set, bits);
}

static uint16_t to_16(const struct kernel_set *set, enum type type, float value)
{
    uint16_t half;

    set->quantize[type](&half, &value, 1, 1, NULL);
    return half;
}

/* What a finite half float is worth, by its definition. */
static float half_value(unsigned half)
{
    unsigned exponent = half >> 10 & 31, fraction = half & 1023;
    float value = exponent ? ldexpf((float)(1024 + fraction), (int)exponent - 25)
                           : ldexpf((float)fraction, -24);

    return half & 0x8000 ? -value : value;
}

/* Each half float comes back; between two neighbours the middle goes to the even one. */
static void test_f16(void)
{
    struct kernel_set set = select_set(NULL);
    float value, middle;
    uint16_t sign, half, in;

    for (unsigned i = 0; i < 2 * 0x7c00; i++) {
        sign = (uint16_t)((i & 1) << 15);
        half = (uint16_t)(i / 2);
        value = half_value(half | sign);
        in = (uint16_t)(half | sign);
        set.widen[TYPE_F16](&middle, &in, 1);
        CHECK_EQ(float_bits(middle), float_bits(value));
        CHECK_EQ(to_16(&set, TYPE_F16, value), half | sign);
        /* Above 65504 infinity stands where 65536 would. */
        middle = half == 0x7bff ? 65536 : fabsf(half_value(half + 1u));
        middle = copysignf((fabsf(value) + middle) / 2, value);
        CHECK_EQ(to_16(&set, TYPE_F16, middle), (half + half % 2) | sign);
        CHECK_EQ(to_16(&set, TYPE_F16, bits_float(float_bits(middle) - 1)), half | sign);
        CHECK_EQ(to_16(&set, TYPE_F16, bits_float(float_bits(middle) + 1)), (half + 1) | sign);
    }
    CHECK_EQ(to_16(&set, TYPE_F16, 1e38f), 0x7c00);
    CHECK_EQ(to_16(&set, TYPE_F16, -INFINITY), 0xfc00);
    CHECK_EQ(to_16(&set, TYPE_F16, bits_float(0xff800001)), 0xfe00);
    CHECK_EQ(to_16(&set, TYPE_F16, bits_float(1)), 0);
    in = 0xfc00;
    set.widen[TYPE_F16](&value, &in, 1);
    CHECK_EQ(float_bits(value), 0xff800000);
}

static void test_bf16(void)
{
    struct kernel_set set = select_set(NULL);
    uint32_t upper;
    float value;

    for (uint32_t half = 0; half < 0x10000; half++) {
        upper = half << 16;
        set.widen[TYPE_BF16](&value, &(uint16_t){(uint16_t)half}, 1);
        CHECK_EQ(float_bits(value), upper);
        if ((half & 0x7f80) == 0x7f80)
            continue;
        CHECK_EQ(to_16(&set, TYPE_BF16, bits_float(upper)), half);
        CHECK_EQ(to_16(&set, TYPE_BF16, bits_float(upper | 0x7fff)), half);
        CHECK_EQ(to_16(&set, TYPE_BF16, bits_float(upper | 0x8000)), half + half % 2);
        CHECK_EQ(to_16(&set, TYPE_BF16, bits_float(upper | 0x8001)), half + 1);
    }
    CHECK_EQ(to_16(&set, TYPE_BF16, -INFINITY), 0xff80);
    CHECK_EQ(to_16(&set, TYPE_BF16, bits_float(0x7f800001)), 0x7fc0);
    CHECK_EQ(to_16(&set, TYPE_BF16, bits_float(0xffb00001)), 0xfff0);
}

/* Half floats many at once: those that are read, and floats at and beside each of them and each
 * middle of two, NaN too. Of F16 or BF16, where half a step is so many bits of a float. */
static void check_halves(const struct kernel_set *set, enum type type, uint32_t half_step)
{
    static uint16_t halves[0x10000], expected[0x10000], result[0x10000];
    static float all[0x10000], wide[0x10000];
    struct kernel_set scalar = select_set("scalar");

    for (uint32_t i = 0; i < 0x10000; i++)
        halves[i] = (uint16_t)i;
    scalar.widen[type](all, halves, 0x10000);
    for (size_t first = 0; first < 40;
         first++) { /* each place of a vector is the last one's once */
        set->widen[type](wide + first, halves + first, 0x10000 - first);
        CHECK(memcmp(wide + first, all + first, (0x10000 - first) * sizeof(*all)) == 0);
    }
    for (uint32_t middle = 0; middle < 2; middle++)
        for (int beside = -1; beside < 2; beside++) {
            for (uint32_t i = 0; i < 0x10000; i++)
                wide[i] = bits_float(float_bits(all[i]) + middle * half_step + (uint32_t)beside);
            scalar.quantize[type](expected, wide, 1, 0x10000, NULL);
            set->quantize[type](result, wide, 1, 0x10000, NULL);
            CHECK(memcmp(result, expected, sizeof(result)) == 0);
            set->quantize[type](result + 1, wide + 1, 1, 0xfff0, NULL);
            CHECK(memcmp(result, expected, 0xfff1 * sizeof(*result)) == 0);
        }
}

static void test_halves(const struct kernel_set *set)
{
    check_halves(set, TYPE_F16, 1u << 12);
    check_halves(set, TYPE_BF16, 1u << 15);
}

/* Every place among numbers that fill vectors or do not, every number of 16 bits, and floats beside
 * infinity. */
static void test_finite(const struct kernel_set *set)
{
    enum { COUNT = 300 };
    static const uint32_t good[] = {0, 0x80000000, 0x7f7fffff, 0xff7fffff, 0x007fffff, 0x3f800000};
    static const uint32_t bad[] = {0x7f800000, 0xff800000, 0x7f800001, 0xffffffff, 0x7fc00000};
    static const enum type halves[] = {TYPE_F16, TYPE_BF16};
    uint16_t half[COUNT + 1], fill, exponent;
    uint32_t x[COUNT];

    for (size_t count = 0; count <= COUNT; count += count < 80 ? 1 : 73) {
        for (size_t i = 0; i < count; i++)
            x[i] = good[i % 6];
        CHECK(set->finite[TYPE_F32](x, count));
        for (size_t i = 0; i < count; i++) {
            x[i] = bad[i % 5];
            CHECK(!set->finite[TYPE_F32](x, count));
            x[i] = good[i % 6];
        }
    }
    for (size_t t = 0; t < 2; t++) {
        exponent = halves[t] == TYPE_F16 ? 0x7c00 : 0x7f80;
        for (uint32_t value = 0; value < 0x10000; value++) {
            size_t at = value % COUNT;

            fill = (uint16_t)(exponent - 1 + (value & 0x8000));
            for (size_t i = 0; i <= COUNT; i++)
                half[i] = fill;
            half[1 + at] = (uint16_t)value;
            CHECK_EQ(set->finite[halves[t]](half + 1, COUNT), (value & exponent) != exponent);
            CHECK(set->finite[halves[t]](half + 1, at));
            CHECK(set->finite[halves[t]](half + 2 + at, COUNT - 1 - at));
        }
    }
}

/* A set makes of weights what the scalar kernel makes of them. */
static void check_weights(const struct kernel_set *set, enum type type, const float *x,
                          size_t count)
{
    static uint8_t expected[CASE_WEIGHTS * 2], result[CASE_WEIGHTS * 2];
    struct kernel_case c = {type, CASE_KINDS, 0, 1, count, 0};
    struct kernel_set scalar = select_set("scalar");
    uint64_t size;

    CHECK(count <= CASE_WEIGHTS && type_size(type, count, &size));
    c.size = (size_t)size;
    scalar.quantize[type](expected, x, 1, count, NULL);
    set->quantize[type](result, x, 1, count, NULL);
    check_same(&c, set->name, 0, expected, result);
}

/* All numbers of five digits of TQ1_0, which become a fraction of 256. */
static void test_digits(const struct kernel_set *set)
{
    static const int powers[5] = {81, 27, 9, 3, 1};
    uint8_t block[54];
    float x[256];

    for (int first = 0; first < 243; first += 48) {
        for (int i = 0; i < 240; i++) { /* 32 bytes of 160 weights, 16 of 80 */
            int byte = i < 160 ? i % 32 : 32 + i % 16, digit = i < 160 ? i / 32 : (i - 160) / 16;

            x[i] = (float)((first + byte) % 243 / powers[digit] % 3 - 1);
        }
        for (int i = 240; i < 256; i++)
            x[i] = (float)(i % 3 - 1);
        set->quantize[TYPE_TQ1_0](block, x, 1, 256, NULL);
        for (int byte = 0; byte < 48; byte++)
            CHECK_EQ(block[byte], ((first + byte) % 243 * 256 + 242) / 243);
        check_weights(set, TYPE_TQ1_0, x, 256);
    }
}

/* Scales of MXFP4 and NVFP4 at and beside the middles of two, and weights at and beside the middles
 * of two levels. */
static void test_fp4(const struct kernel_set *set)
{
    static const float middles[8] = {0.5f, 1.5f, 2.5f, 3.5f, 5, 7, 10, 12};
    static float x[CASE_WEIGHTS];
    uint32_t bits, unit;

    for (int exponent = -149; exponent < 124; exponent++)
        for (int eighths = 8; eighths < 16; eighths++) {
            unit = float_bits(ldexpf((float)eighths, exponent - 3));
            for (int i = 0; i < CASE_WEIGHTS; i++) {
                bits = float_bits(bits_float(unit) * middles[i % 8]);
                bits += bits > 2 ? (uint32_t)(i / 8 % 3) - 1 : 0;
                x[i] = bits_float(bits | (uint32_t)(i / 24 % 2) << 31);
            }
            /* The largest of each 16 weights lies around what 6 times a scale is. */
            for (int i = 0; i < CASE_WEIGHTS; i += 16) {
                bits = float_bits(bits_float(unit) * (i / 16 % 2 ? 12.0f : 12.75f));
                x[i] = bits_float(bits + (uint32_t)(i / 32 % 7) - 3);
            }
            check_weights(set, TYPE_MXFP4, x, CASE_WEIGHTS);
            check_weights(set, TYPE_NVFP4, x, CASE_WEIGHTS);
        }
}

/* --- speed -------------------------------------------------------------------------------------
 */

enum {
    BENCH_WEIGHTS = 4096,
    BENCH_ROUNDS = 200,
};

static double now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static double best_time(const struct kernel_set *set, enum type type, const float *x,
                        const float *importance)
{
    static uint8_t out[BENCH_WEIGHTS * 2];
    double best = 1e9, start, took;

    for (int i = 0; i < BENCH_ROUNDS; i++) {
        start = now();
        set->quantize[type](out, x, 1, BENCH_WEIGHTS, importance);
        took = now() - start;
        best = took < best ? took : best;
    }
    return best;
}

static void bench(uint64_t seed)
{
    static float x[BENCH_WEIGHTS], w[BENCH_WEIGHTS];
    struct kernel_set scalar = select_set("scalar"), set;
    const float *importance;
    enum type type;
    double base;

    case_weights(1, seed, x, BENCH_WEIGHTS);
    case_importance(2, seed, w, BENCH_WEIGHTS);
    printf("millions of weights a second; in brackets: times scalar\n");
    for (unsigned i = 0; i < 2 * CASE_TYPES; i++) {
        type = case_type(i / 2);
        importance = i % 2 ? w : NULL;
        if (importance ? !type_info((uint32_t)type)->quantized : case_needs_importance(i / 2))
            continue;
        base = best_time(&scalar, type, x, importance);
        printf("%-6s %-10s  scalar %8.1f", type_info((uint32_t)type)->name,
               importance ? "importance" : "", BENCH_WEIGHTS / base * 1e-6);
        for (int s = CPU_SCALAR + 1; s < CPU_SET_COUNT; s++)
            if (kernel_select(cpu_set_name((enum cpu_set)s), &set) == 0) {
                double best = best_time(&set, type, x, importance);

                printf("  %s %8.1f %6.2f ns (%.2f)", set.name, BENCH_WEIGHTS / best * 1e-6,
                       best / BENCH_WEIGHTS * 1e9, base / best);
            }
        printf("\n");
    }
}

/* What kinds of weights do not reach, in each set. */
static void test_own(const struct kernel_set *set)
{
    test_halves(set);
    test_digits(set);
    test_fp4(set);
    test_finite(set);
}

int main(int argc, char **argv)
{
    static struct buffers buffers;
    struct kernel_set set;
    uint64_t seed = (uint64_t)time(NULL);
    bool all = false, speed = false;
    struct sample sample = {1, 0}, other;

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--seed") == 0 && i + 1 < argc)
            seed = strtoull(argv[++i], NULL, 10);
        else if (strcmp(argv[i], "--all") == 0)
            all = true;
        else if (strcmp(argv[i], "--short") == 0)
            sample.every = 8;
        else if (strcmp(argv[i], "--bench") == 0)
            speed = true;
        else
            return 2;
    }
    printf("seed %llu\n", (unsigned long long)seed);
    if (speed)
        return bench(seed), 0;
    test_select();
    sample.first = (unsigned)(seed % sample.every);
    other = (struct sample){sample.every, (sample.first + sample.every / 2) % sample.every};
    set = select_set("scalar");
    test_golden(&set, &sample, &buffers);
    set = select_set(NULL);
    test_golden(&set, &other, &buffers);
    test_sets(&sample, seed, &buffers);
    test_mixed(&sample, seed);
    test_border(seed);
    test_least_scales(seed);
    test_cuts(seed);
    test_not_finite(seed, &buffers);
    test_cut(seed, &buffers);
    test_round_away(all);
    test_f16();
    test_bf16();
    for (int i = 0; i < CPU_SET_COUNT; i++)
        if (kernel_select(cpu_set_name((enum cpu_set)i), &set) == 0)
            test_own(&set);
    return 0;
}
