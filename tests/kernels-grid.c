/*
 * If this fails, a shortcut of the searches in code books (IQ2, IQ3) makes other bytes than the
 * scalar kernels.
 *
 *   test-kernels-grid [--seed N] [--short]
 *
 * Weights at which each shortcut could fail, for all sets of this machine. --short: a few of them,
 * for machines that are emulated.
 */
#include <math.h>
#include <time.h>

#include "check.h"
#include "kernel-case.h"
#include "quant/kernel/cpu.h"
#include "quant/kernel/kernel.h"

enum {
    BLOCKS = 8,
    WEIGHTS = 256 * BLOCKS,
    BLOCK_MAX = 110, /* bytes of the largest block */
};

static const enum type types[] = {TYPE_IQ3_S, TYPE_IQ3_XXS, TYPE_IQ2_S, TYPE_IQ2_XS, TYPE_IQ2_XXS};

enum {
    TYPES = sizeof(types) / sizeof(types[0]),
};

struct input {
    float x[WEIGHTS];
    float importance[WEIGHTS];
};

static uint64_t next(uint64_t *random)
{
    *random = *random * 6364136223846793005 + 1442695040888963407;
    return *random >> 33;
}

static float sign(uint64_t *random)
{
    return next(random) & 1 ? -1.0f : 1.0f;
}

/* A block that has no scale is refused, whatever else it holds. */
static bool refused(const uint8_t *block)
{
    return (block[1] & 0x7c) == 0x7c;
}

/* All sets make of this what the scalar one makes. Returns how many blocks are not refused. */
static unsigned check_input(const char *test, uint64_t seed, const struct input *input,
                            bool importance)
{
    static uint8_t expected[BLOCK_MAX * BLOCKS], result[BLOCK_MAX * BLOCKS];
    const float *w = importance ? input->importance : NULL;
    struct kernel_set scalar, set;
    unsigned made = 0;
    size_t size;

    CHECK_EQ(kernel_select("scalar", &scalar), 0);
    for (unsigned type = 0; type < TYPES; type++) {
        if (!importance && (types[type] == TYPE_IQ2_XXS || types[type] == TYPE_IQ2_XS))
            continue;
        size = type_info((uint32_t)types[type])->block_size;
        scalar.quantize[types[type]](expected, input->x, 1, WEIGHTS, w);
        for (size_t at = 0; at < size * BLOCKS; at += size)
            made += !refused(expected + at);
        for (int i = CPU_SCALAR + 1; i < CPU_SET_COUNT; i++) {
            if (kernel_select(cpu_set_name((enum cpu_set)i), &set) < 0)
                continue;
            memset(result, 0xa5, sizeof(result));
            set.quantize[types[type]](result, input->x, 1, WEIGHTS, w);
            for (size_t at = 0; at < size * BLOCKS; at += size) {
                if (refused(expected + at) && refused(result + at))
                    continue;
                if (memcmp(expected + at, result + at, size) == 0)
                    continue;
                fprintf(stderr, "%s: %s, %s, seed %llu, block %zu differs from scalar\n", test,
                        set.name, type_info((uint32_t)types[type])->name, (unsigned long long)seed,
                        at / size);
                exit(1);
            }
        }
    }
    return made;
}

/*
 * Few magnitudes in a sub-block: many candidates for its scale are as good as one another, or all
 * but. Their size goes beyond both ends of what grid_best() calls proper.
 */
static void test_choice(uint64_t seed)
{
    static const float magnitudes[] = {1, 0.75f, 0.5f, 0.25f, 1 / 3.0f, 0.999f, 0.2f, 0};
    uint64_t random = seed;
    struct input input;
    unsigned kinds = 2, made;
    float unit = 1, weight = 1;

    for (size_t i = 0; i < WEIGHTS; i++) {
        if (i % 32 == 0) {
            kinds = 2 + (unsigned)next(&random) % 7;
            unit = ldexpf(1, (int)(next(&random) % 48) - 36);
            weight = ldexpf(1, (int)(next(&random) % 40) - 20);
        }
        input.x[i] = sign(&random) * unit * magnitudes[next(&random) % 8 % kinds];
        input.importance[i] = weight * (next(&random) % 4 ? 1.0f : 0.5f);
    }
    made = check_input("choice", seed, &input, false);
    made += check_input("choice", seed, &input, true);
    CHECK(made > 0);
}

/* An odd number of signs makes one magnitude negative: the one that counts least, but it may be by
 * far the largest. Beyond a factor of NEAR no level is proven. */
static void test_far(uint64_t seed)
{
    uint64_t random = seed;
    struct input input;
    float far = 1;

    for (size_t i = 0; i < WEIGHTS; i++) {
        if (i % 32 == 0)
            far = ldexpf(1.5f, (int)(next(&random) % 32));
        input.x[i] = sign(&random) * (0.5f + (float)(next(&random) % 1000) * 0.001f);
        input.importance[i] = 1;
        if (i % 32 == (seed + i / 32 * 5) % 32) {
            input.x[i] *= far;
            input.importance[i] = 1e-30f;
        }
    }
    CHECK(check_input("far", seed, &input, true) > 0);
}

/* Distances around the largest float, where the reference library finds no point. */
static void test_overflow(uint64_t seed)
{
    uint64_t random = seed;
    struct input input;
    float unit = 1, weight = 1;

    for (size_t i = 0; i < WEIGHTS; i++) {
        if (i % 256 == 0) {
            unit = ldexpf(1, (int)(next(&random) % 64));
            weight = ldexpf(1, (int)(next(&random) % 120));
        }
        input.x[i] = sign(&random) * unit * (float)(next(&random) % 1000) * 0.001f;
        input.importance[i] = weight * (float)(next(&random) % 1000);
    }
    (void)check_input("overflow", seed, &input, false);
    (void)check_input("overflow", seed, &input, true);
}

/* Ties between points, and numbers between two levels. */
static void test_ties(uint64_t seed)
{
    uint64_t random = seed;
    struct input input;
    float unit = 1;

    for (size_t i = 0; i < WEIGHTS; i++) {
        if (i % 32 == 0)
            unit = next(&random) % 2 ? 0.01f : 1 / 64.0f;
        input.x[i] = sign(&random) * unit * (float)(next(&random) % 9);
        input.importance[i] = 1 + (float)(next(&random) % 2);
    }
    CHECK(check_input("ties", seed, &input, false) > 0);
    CHECK(check_input("ties", seed, &input, true) > 0);
}

/* A few floats up and down, but not beyond `most`. */
static float beside(uint64_t *random, float x, float most)
{
    for (uint64_t n = next(random) % 4; n > 0; n--)
        x = nextafterf(x, 0);
    for (uint64_t n = next(random) % 4; n > 0; n--)
        x = nextafterf(x, most);
    return x < most ? x : most;
}

/*
 * Numbers that some candidate puts in the middle of two levels, or all but: which of two points is
 * nearer depends on roundings.
 */
static void test_needless(uint64_t seed)
{
    const unsigned levels = seed % 2 ? 7 : 2;
    uint64_t random = seed;
    float most = 1, spread = 1;
    struct input input;

    for (size_t i = 0; i < WEIGHTS; i++) {
        if (i % 32 == 0) {
            most = 0.5f + (float)(next(&random) % 1000) * 0.001f;
            spread = (float)((int)(next(&random) % 19) - 9);
            spread = levels == 7 ? 15 + 0.2f * spread : 5 + 0.1f * spread;
        }
        input.x[i] = most * (2 + 2 * (float)(next(&random) % levels)) / spread;
        input.x[i] = i % 16 ? beside(&random, input.x[i], most) : most;
        input.x[i] *= sign(&random);
        input.importance[i] = ldexpf(1, -(int)(next(&random) % 20));
    }
    CHECK(check_input("needless", seed, &input, false) > 0);
    CHECK(check_input("needless", seed, &input, true) > 0);
}

/* The same of the refit: eight weights that count are levels, so that the scale is theirs, the next
 * eight lie between two. */
static void test_needless_refit(uint64_t seed)
{
    const unsigned levels = seed % 2 ? 7 : 2;
    uint64_t random = seed;
    struct input input;
    float unit = 1;

    for (size_t i = 0; i < WEIGHTS; i++) {
        if (i % 32 == 0)
            unit = (float)(1 + next(&random) % 1000) / 1024;
        input.x[i] = unit * (float)(2 * (next(&random) % levels) + 1);
        input.importance[i] = 1;
        if (i % 16 == 0)
            input.x[i] = unit * (float)(2 * levels + 1);
        if (i % 16 >= 8) {
            input.x[i] = beside(&random, input.x[i] + unit, unit * (float)(2 * levels + 1));
            input.importance[i] = 0x1p-40f;
        }
        input.x[i] *= sign(&random);
    }
    CHECK(check_input("needless refit", seed, &input, true) > 0);
}

static void test_normal(uint64_t seed)
{
    struct input input;

    case_weights(1, seed, input.x, WEIGHTS);
    case_importance(2, seed, input.importance, WEIGHTS);
    CHECK(check_input("normal", seed, &input, false) > 0);
    CHECK(check_input("normal", seed, &input, true) > 0);
}

int main(int argc, char **argv)
{
    uint64_t seed = (uint64_t)time(NULL);
    unsigned rounds = 40;

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--seed") == 0 && i + 1 < argc)
            seed = strtoull(argv[++i], NULL, 10);
        else if (strcmp(argv[i], "--short") == 0)
            rounds = 4;
        else
            return 2;
    }
    printf("seed %llu\n", (unsigned long long)seed);
    for (unsigned i = 0; i < rounds; i++, seed++) {
        test_choice(seed);
        test_far(seed);
        test_overflow(seed);
        test_ties(seed);
        for (unsigned n = 0; n < 5; n++) {
            test_needless(5 * seed + n);
            test_needless_refit(5 * seed + n);
        }
        test_normal(seed);
    }
    return 0;
}
