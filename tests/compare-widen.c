/*
 * If this fails, a quantized source is read as other weights than the reference library reads.
 *
 *   compare-widen LIBRARY [--seed N] [--rounds N] [--bench | --golden]
 *
 * LIBRARY: libggml-base.so.0 (tests/kernels-reference --widen starts this program so that it can be
 * loaded). A round takes 64 blocks of each type and kind; by default there are so many that each
 * type has a million weights. --bench: times of the library by ours, one thread, instead. --golden:
 * tests/widen-golden.h instead, of what the library makes.
 */
#include <dlfcn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "quant/kernel/kernel.h"
#include "widen-case.h"

typedef void (*library_fn)(const void *src, float *dst, int64_t count);

enum {
    LEAST_WEIGHTS = 1000000, /* of a type, without --rounds */
    BENCH_ROUNDS = 200,
};

static uint8_t blocks[WIDEN_BYTES];
static float ours[WIDEN_WEIGHTS], theirs[WIDEN_WEIGHTS];

/* dequantize_row_q4_K and so on: the library's names have a capital K. */
static library_fn find(void *handle, enum type type)
{
    char name[64];
    size_t length =
        (size_t)snprintf(name, sizeof(name), "dequantize_row_%s", type_info((uint32_t)type)->name);
    library_fn function;
    void *symbol;

    if (strcmp(name + length - 2, "_k") == 0)
        name[length - 1] = 'K';
    symbol = dlsym(handle, name);
    if (!symbol) {
        fprintf(stderr, "compare-widen: %s\n", dlerror());
        exit(2);
    }
    /* ISO C knows no conversion of an object pointer to a function pointer; POSIX does. */
    memcpy(&function, &symbol, sizeof(symbol));
    return function;
}

static uint32_t bits_of(float value)
{
    uint32_t bits;

    memcpy(&bits, &value, sizeof(bits));
    return (bits & 0x7fffffff) > 0x7f800000 ? 0x7fc00000 : bits;
}

/* One case; the floats stay in ours and theirs. */
static bool same(library_fn library, kernel_widen_fn kernel, enum type type, unsigned kind,
                 uint64_t seed)
{
    const struct type_info *info = type_info((uint32_t)type);
    size_t count = widen_count(type);

    widen_blocks(type, kind, seed, blocks);
    library(blocks, theirs, (int64_t)count);
    kernel(ours, blocks, count);
    for (size_t i = 0; i < count; i++) {
        if (bits_of(ours[i]) == bits_of(theirs[i]))
            continue;
        printf("%s, %s, seed %llu, block %zu, weight %zu: %a, not %a\n", info->name,
               widen_kind_name(kind), (unsigned long long)seed, i / info->block_weights,
               i % info->block_weights, (double)ours[i], (double)theirs[i]);
        for (size_t j = 0; j < info->block_size; j++)
            printf(" %02x", blocks[i / info->block_weights * info->block_size + j]);
        printf("\n");
        return false;
    }
    return true;
}

static const char golden_head[] =
    "#ifndef TESTS_WIDEN_GOLDEN_H\n"
    "#define TESTS_WIDEN_GOLDEN_H\n\n"
    "#include \"widen-case.h\"\n\n"
    "/*\n"
    " * Hashes of what libggml 0.27.0 (Debian sid, x86-64) makes of the cases, written by\n"
    " * tests/kernels-reference BUILD ROOT --widen --golden. A row holds the types in the order\n"
    " * of widen_type().\n"
    " */\n"
    "/* clang-format off */\n"
    "static const uint64_t golden[WIDEN_KINDS][WIDEN_TYPES] = {\n";

static void golden(void *handle)
{
    enum type type;

    fputs(golden_head, stdout);
    for (unsigned kind = 0; kind < WIDEN_KINDS; kind++) {
        printf("    /* %s */\n    {", widen_kind_name(kind));
        for (unsigned i = 0; i < WIDEN_TYPES; i++) {
            type = widen_type(i);
            widen_blocks(type, kind, WIDEN_SEED, blocks);
            find(handle, type)(blocks, theirs, (int64_t)widen_count(type));
            printf("%s0x%016llx,", i % 4 ? " " : "\n     ",
                   (unsigned long long)widen_hash(0, theirs, widen_count(type)));
        }
        printf("},\n");
    }
    fputs("};\n/* clang-format on */\n\n#endif\n", stdout);
}

static double now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static void bench(void *handle, const struct kernel_set *set)
{
    double start, took, best[2];
    library_fn library;
    enum type type;
    size_t count;

    printf("millions of weights a second: library, ours, ratio\n");
    for (unsigned i = 0; i < WIDEN_TYPES; i++) {
        type = widen_type(i);
        count = widen_count(type);
        library = find(handle, type);
        widen_blocks(type, 1, 1, blocks);
        best[0] = best[1] = 1e9;
        for (int round = 0; round < BENCH_ROUNDS; round++) {
            start = now();
            library(blocks, theirs, (int64_t)count);
            took = now() - start;
            best[0] = took < best[0] ? took : best[0];
            start = now();
            set->widen[type](ours, blocks, count);
            took = now() - start;
            best[1] = took < best[1] ? took : best[1];
        }
        printf("%-8s %8.1f %8.1f  %5.2f\n", type_info((uint32_t)type)->name,
               (double)count / best[0] * 1e-6, (double)count / best[1] * 1e-6, best[0] / best[1]);
    }
}

static void compare(void *handle, const struct kernel_set *set, uint64_t seed, uint64_t rounds,
                    int *passed, int *failed)
{
    uint64_t count;
    bool good;

    for (unsigned i = 0; i < WIDEN_TYPES; i++)
        for (unsigned kind = 0; kind < WIDEN_KINDS; kind++) {
            enum type type = widen_type(i);
            library_fn library = find(handle, type);

            count = rounds ? rounds : LEAST_WEIGHTS / widen_count(type) + 1;
            good = true;
            for (uint64_t n = 0; n < count && good; n++)
                good = same(library, set->widen[type], type, kind, seed + n);
            *passed += good;
            *failed += !good;
        }
}

int main(int argc, char **argv)
{
    uint64_t seed = WIDEN_SEED, rounds = 0;
    const char *mode = "";
    struct kernel_set set;
    int passed = 0, failed = 0;
    void *handle;

    if (argc < 2 || kernel_select(getenv("QUANTFS_CPU"), &set) < 0)
        return 2;
    for (int i = 2; i < argc; i++) {
        if (strcmp(argv[i], "--seed") == 0 && i + 1 < argc)
            seed = strtoull(argv[++i], NULL, 10);
        else if (strcmp(argv[i], "--rounds") == 0 && i + 1 < argc)
            rounds = strtoull(argv[++i], NULL, 10);
        else
            mode = argv[i];
    }
    handle = dlopen(argv[1], RTLD_NOW);
    if (!handle) {
        fprintf(stderr, "compare-widen: %s\n", dlerror());
        return 2;
    }
    if (strcmp(mode, "--golden") == 0)
        return golden(handle), 0;
    if (strcmp(mode, "--bench") == 0)
        return bench(handle, &set), 0;
    printf("%s kernels, seed %llu\n", set.name, (unsigned long long)seed);
    compare(handle, &set, seed, rounds, &passed, &failed);
    printf("%d passed, %d failed\n", passed, failed);
    return failed > 0;
}
