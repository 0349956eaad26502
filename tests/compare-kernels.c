/*
 * If this fails, our kernels do not make the bytes that the reference library makes.
 *
 *   compare-kernels LIBRARY [--type NAME] [--seed N] [--weights MILLIONS] [--golden]
 *   compare-kernels LIBRARY --bench [--type NAME] [--seed N] [--rounds N]
 *
 * LIBRARY: libggml-base.so.0, to be loaded (tests/kernels-reference starts this program so that it
 * can). --type: only this one. --weights: of each type at least so many millions, 1 unless told,
 * from one seed after the other. --golden: tests/kernels-golden.h instead, of what the library
 * makes. --bench: speed of the library and of each set up to QUANTFS_CPU, one
 * thread, instead; of the widest set also what it writes, and the share of the memory's bandwidth
 * that all cores would take with it, if they read F16 and wrote blocks.
 */
#include <dlfcn.h>
#include <sched.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bandwidth.h"
#include "kernel-case.h"
#include "quant/kernel/cpu.h"
#include "quant/kernel/kernel.h"

struct library {
    size_t (*quantize)(int type, const float *src, void *dst, int64_t start, int64_t rows,
                       int64_t row_len, const float *importance);
    void (*widen_f16)(const uint16_t *src, float *dst, int64_t count);
    void (*widen_bf16)(const uint16_t *src, float *dst, int64_t count);
};

/*
 * Where the library finds no point of a code book it ends the program, but says so to a callback,
 * from which there is a way out.
 */
static jmp_buf stopped;

static void on_stop(const char *message)
{
    (void)message;
    longjmp(stopped, 1);
}

/* ISO C knows no conversion of an object pointer to a function pointer; POSIX does. */
static void find(void *handle, const char *name, void *function)
{
    void *symbol = dlsym(handle, name);

    if (!symbol) {
        fprintf(stderr, "compare-kernels: %s\n", dlerror());
        exit(2);
    }
    memcpy(function, &symbol, sizeof(symbol));
}

static void library_open(const char *path, struct library *library)
{
    void (*(*set_on_stop)(void (*callback)(const char *)))(const char *);
    void *handle = dlopen(path, RTLD_NOW);

    if (!handle) {
        fprintf(stderr, "compare-kernels: %s\n", dlerror());
        exit(2);
    }
    find(handle, "ggml_quantize_chunk", &library->quantize);
    find(handle, "ggml_fp16_to_fp32_row", &library->widen_f16);
    find(handle, "ggml_bf16_to_fp32_row", &library->widen_bf16);
    find(handle, "ggml_set_abort_callback", &set_on_stop);
    (void)set_on_stop(on_stop);
}

struct buffers {
    float x[CASE_WEIGHTS];
    float importance[CASE_WEIGHTS];
    uint8_t ours[CASE_WEIGHTS * 2];
    uint8_t theirs[CASE_WEIGHTS * 2];
    unsigned long long compared; /* weights */
    unsigned long long stops;    /* blocks at which the library stopped */
};

/* False: the library stopped. */
static bool try_library(const struct library *library, const struct kernel_case *c, const float *x,
                        const float *importance, size_t rows, size_t row_len, uint8_t *out)
{
    if (setjmp(stopped))
        return false;
    library->quantize((int)c->type, x, out, 0, (int64_t)rows, (int64_t)row_len, importance);
    return true;
}

/* Block by block, those where the library stops as ones that are refused. */
static void run_blocks(const struct library *library, const struct kernel_case *c,
                       const float *importance, struct buffers *b)
{
    const struct type_info *info = type_info((uint32_t)c->type);
    size_t weights = info->block_weights, at;
    uint8_t *out = b->theirs;

    for (size_t i = 0; i < c->rows * c->row_len; i += weights, out += info->block_size) {
        at = i % c->row_len;
        if (!try_library(library, c, b->x + i, importance ? importance + at : NULL, 1, weights,
                         out)) {
            memset(out, 0xff, info->block_size);
            b->stops++;
        }
    }
}

static void run_library(const struct library *library, const struct kernel_case *c, uint64_t seed,
                        struct buffers *b)
{
    case_weights(c->kind, seed, b->x, c->rows * c->row_len);
    case_importance(c->importance, seed, b->importance, c->row_len);
    if (!try_library(library, c, b->x, c->importance ? b->importance : NULL, c->rows, c->row_len,
                     b->theirs))
        run_blocks(library, c, c->importance ? b->importance : NULL, b);
}

static void print_block(const char *who, const uint8_t *block, size_t size)
{
    printf("  %-6s", who);
    for (size_t i = 0; i < size; i++)
        printf(" %02x", block[i]);
    printf("\n");
}

static bool same(const struct kernel_case *c, uint64_t seed, const struct buffers *b)
{
    const struct type_info *info = type_info((uint32_t)c->type);
    const uint8_t *ours, *theirs;
    bool ours_refused, theirs_refused;

    for (size_t at = 0; at < c->size; at += info->block_size) {
        ours = b->ours + at;
        theirs = b->theirs + at;
        ours_refused = case_refused(c, ours);
        theirs_refused = case_refused(c, theirs);
        if (ours_refused && theirs_refused)
            continue;
        if (ours_refused == theirs_refused && memcmp(ours, theirs, info->block_size) == 0)
            continue;
        printf("%s, %s, importance %s, %zu rows of %zu, seed %llu, block %zu:\n", info->name,
               case_kind_name(c->kind), case_importance_name(c->importance), c->rows, c->row_len,
               (unsigned long long)seed, at / info->block_size);
        print_block("ours", ours, info->block_size);
        print_block("theirs", theirs, info->block_size);
        return false;
    }
    return true;
}

/* All cases of a type and a kind of weights. -1: there are none. */
static int compare(const struct library *library, const struct kernel_set *set, unsigned type,
                   unsigned kind, uint64_t seed, struct buffers *b)
{
    struct kernel_case c;
    int result = -1;

    for (unsigned importance = 0; importance < CASE_IMPORTANCES; importance++)
        for (unsigned shape = 0; shape < CASE_SHAPES; shape++) {
            if (!case_make(type, kind, importance, shape, &c))
                continue;
            run_library(library, &c, seed, b);
            set->quantize[c.type](b->ours, b->x, c.rows, c.row_len,
                                  c.importance ? b->importance : NULL);
            b->compared += c.rows * c.row_len;
            if (!same(&c, seed, b))
                return 0;
            result = 1;
        }
    return result;
}

static const char golden_head[] =
    "#ifndef TESTS_KERNELS_GOLDEN_H\n"
    "#define TESTS_KERNELS_GOLDEN_H\n\n"
    "#include \"kernel-case.h\"\n\n"
    "/*\n"
    " * Hashes of what libggml 0.27.0 (Debian sid, x86-64) makes of the cases, written by\n"
    " * tests/kernels-reference BUILD ROOT --golden. A row holds the types in the order of\n"
    " * case_type().\n"
    " */\n"
    "/* clang-format off */\n"
    "static const uint64_t golden[CASE_KINDS][CASE_TYPES] = {\n";

static void golden(const struct library *library, struct buffers *b)
{
    FILE *out = fdopen(dup(STDOUT_FILENO), "w");
    struct kernel_case c;
    uint64_t hash;

    /* The library says there what is wrong before it stops. */
    if (!out || dup2(STDERR_FILENO, STDOUT_FILENO) < 0)
        exit(2);
    fputs(golden_head, out);
    for (unsigned kind = 0; kind < CASE_KINDS; kind++) {
        fprintf(out, "    /* %s */\n    {", case_kind_name(kind));
        for (unsigned type = 0; type < CASE_TYPES; type++) {
            hash = 0;
            for (unsigned importance = 0; importance < CASE_IMPORTANCES; importance++)
                for (unsigned shape = 0; shape < CASE_SHAPES; shape++)
                    if (case_make(type, kind, importance, shape, &c)) {
                        run_library(library, &c, CASE_SEED, b);
                        hash = case_hash(hash, &c, b->theirs);
                    }
            fprintf(out, "%s0x%016llx,", type % 4 ? " " : "\n     ", (unsigned long long)hash);
        }
        fprintf(out, "},\n");
    }
    fputs("};\n/* clang-format on */\n\n#endif\n", out);
    fclose(out);
}

/* Types of which one is asked for: NULL is all. */
static bool wanted(unsigned type, const char *name)
{
    return !name || strcmp(type_info((uint32_t)case_type(type))->name, name) == 0;
}

/* All cases of a type, with one seed after the other until it has had so many weights, or fails. */
static void compare_type(const struct library *library, const struct kernel_set *set, unsigned type,
                         uint64_t seed, unsigned long long weights, struct buffers *b, int *passed,
                         int *failed)
{
    unsigned long long enough = b->compared + weights;
    int result, before = *failed;

    for (; b->compared < enough && *failed == before; seed++)
        for (unsigned kind = 0; kind < CASE_KINDS; kind++) {
            result = compare(library, set, type, kind, seed, b);
            *passed += result == 1;
            *failed += result == 0;
        }
}

/* All 65536 values of both 16-bit types. */
static bool compare_widen(const struct library *library, const struct kernel_set *set,
                          enum type type)
{
    static uint16_t half[1 << 16];
    static float ours[1 << 16], theirs[1 << 16];

    for (int i = 0; i < 1 << 16; i++)
        half[i] = (uint16_t)i;
    set->widen[type](ours, half, 1 << 16);
    (type == TYPE_F16 ? library->widen_f16 : library->widen_bf16)(half, theirs, 1 << 16);
    for (int i = 0; i < 1 << 16; i++)
        if (memcmp(&ours[i], &theirs[i], sizeof(float)) != 0) {
            printf("widen %s: 0x%04x is %a, not %a\n", type_info((uint32_t)type)->name, i,
                   (double)ours[i], (double)theirs[i]);
            return false;
        }
    return true;
}

/* --- times -------------------------------------------------------------------------------------
 */

enum {
    BENCH_WEIGHTS = 65536,
    BENCH_TILE = 4096, /* as convert_run() calls a kernel, */
    BENCH_ROWS = 4,    /* with so many rows if blocks depend on them */
    BENCH_ROUNDS = 40, /* unless fewer are asked for */
    BENCH_CALLS = 64,  /* of a conversion so short that the clock would count */
};

static double now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double median(double *values, size_t count)
{
    qsort(values, count, sizeof(*values), ascending);
    return values[count / 2];
}

/* The sets of this machine that the wish allows, from the narrowest up. */
struct sets {
    struct kernel_set set[CPU_SET_COUNT];
    int count;
};

struct bench {
    const struct library *library;
    struct sets sets;
    size_t rounds;
    unsigned cores;
    double bandwidth; /* bytes a second, of all cores */
};

/* Once before it is timed: a core needs a while until it runs wide instructions at its full speed,
 * which a conversion waits for but once. */
static double time_set(const struct kernel_set *set, enum type type, uint64_t tile_size,
                       const float *importance, const float *x, uint8_t *out)
{
    size_t rows = importance && type_spans_row(type) ? BENCH_ROWS : 1;
    double start = 0;

    for (int run = 0; run < 2; run++) {
        start = now();
        for (size_t i = 0; i < BENCH_WEIGHTS / BENCH_TILE; i += rows)
            set->quantize[type](out + i * tile_size, x + i * BENCH_TILE, rows, BENCH_TILE,
                                importance);
    }
    return now() - start;
}

/* What the widest set writes in MB a second, and the share of the bandwidth: `bytes` are read and
 * written for a weight. */
static void print_traffic(const struct bench *b, double weights, double written, double bytes)
{
    printf("  %9.0f", weights * written * 1e-6);
    if (b->bandwidth > 0)
        printf("  %5.1f %%\n", 100 * b->cores * weights * bytes / b->bandwidth);
    else
        printf("      - %%\n");
}

/* Each round takes the library and all sets one after the other; medians of times and of the
 * rounds' ratios, since others use the machine, too. */
static void bench_type(const struct bench *b, enum type type, const float *importance,
                       const float *x, uint8_t *out)
{
    double start, theirs[BENCH_ROUNDS], ours[CPU_SET_COUNT][BENCH_ROUNDS];
    double ratio[CPU_SET_COUNT][BENCH_ROUNDS], took = 1, written;
    uint64_t tile_size;

    if (!type_size(type, BENCH_TILE, &tile_size))
        exit(2);
    for (size_t round = 0; round < b->rounds; round++) {
        start = now();
        b->library->quantize((int)type, x, out, 0, BENCH_WEIGHTS / BENCH_TILE, BENCH_TILE,
                             importance);
        theirs[round] = now() - start;
        for (int i = 0; i < b->sets.count; i++) {
            ours[i][round] = time_set(&b->sets.set[i], type, tile_size, importance, x, out);
            ratio[i][round] = theirs[round] / ours[i][round];
        }
    }
    printf("%-7s %-10s %8.1f", type_info((uint32_t)type)->name, importance ? "importance" : "",
           BENCH_WEIGHTS / median(theirs, b->rounds) * 1e-6);
    for (int i = 0; i < b->sets.count; i++) {
        took = median(ours[i], b->rounds);
        printf("  %8.1f %6.2f", BENCH_WEIGHTS / took * 1e-6, median(ratio[i], b->rounds));
    }
    written = (double)tile_size / BENCH_TILE;
    print_traffic(b, BENCH_WEIGHTS / took, written, 2 + written);
}

static double time_widen(kernel_widen_fn widen, const uint8_t *half, float *out)
{
    double start = now();

    for (int i = 0; i < BENCH_CALLS; i++)
        widen(out, half, BENCH_TILE);
    return (now() - start) / BENCH_CALLS;
}

/* Floats stay in the cache: of memory it takes what is read. */
static void bench_widen(const struct bench *b, enum type type, const uint8_t *half, float *out)
{
    double start, theirs[BENCH_ROUNDS], ours[CPU_SET_COUNT][BENCH_ROUNDS];
    double ratio[CPU_SET_COUNT][BENCH_ROUNDS], took = 1;

    for (size_t round = 0; round < b->rounds; round++) {
        start = now();
        for (int i = 0; i < BENCH_CALLS; i++)
            (type == TYPE_F16 ? b->library->widen_f16
                              : b->library->widen_bf16)((const uint16_t *)half, out, BENCH_TILE);
        theirs[round] = (now() - start) / BENCH_CALLS;
        for (int i = 0; i < b->sets.count; i++) {
            ours[i][round] = time_widen(b->sets.set[i].widen[type], half, out);
            ratio[i][round] = theirs[round] / ours[i][round];
        }
    }
    printf("%-7s %-10s %8.1f", type_info((uint32_t)type)->name, "widened",
           BENCH_TILE / median(theirs, b->rounds) * 1e-6);
    for (int i = 0; i < b->sets.count; i++) {
        took = median(ours[i], b->rounds);
        printf("  %8.1f %6.2f", BENCH_TILE / took * 1e-6, median(ratio[i], b->rounds));
    }
    print_traffic(b, BENCH_TILE / took, sizeof(float), 2);
}

static unsigned count_cores(void)
{
    cpu_set_t set;

    return sched_getaffinity(0, sizeof(set), &set) == 0 ? (unsigned)CPU_COUNT(&set) : 1;
}

/* Of each core so much that no cache has it, of many cores less. */
static double measure_bandwidth(unsigned cores)
{
    size_t size = ((size_t)1 << 30) / cores, least = (size_t)32 << 20, most = (size_t)128 << 20;

    return bandwidth_measure(cores, size < least ? least : size > most ? most : size);
}

static void find_sets(const struct kernel_set *widest, struct sets *sets)
{
    const char *name;

    sets->count = 0;
    for (int i = 0; i < CPU_SET_COUNT; i++) {
        name = cpu_set_name((enum cpu_set)i);
        if (kernel_select(name, &sets->set[sets->count]) == 0)
            sets->count++;
        if (strcmp(name, widest->name) == 0)
            break;
    }
}

static void bench_head(const struct bench *b)
{
    printf(
        "millions of weights a second and core: library; for each set: ours, ratio; MB written a "
        "second;\nshare of what %u cores read and write of memory, %.1f GB/s\n%26s",
        b->cores, b->bandwidth * 1e-9, "library");
    for (int i = 0; i < b->sets.count; i++)
        printf("  %15s", b->sets.set[i].name);
    printf("  %9s  %7s\n", "MB/s", "share");
}

static void bench(const struct library *library, const struct kernel_set *set, const char *name,
                  uint64_t seed, size_t rounds)
{
    static float x[BENCH_WEIGHTS], importance[BENCH_TILE];
    static _Alignas(16) uint8_t out[BENCH_WEIGHTS * 2];
    struct bench b = {.library = library, .rounds = rounds, .cores = count_cores()};

    case_weights(1, seed, x, BENCH_WEIGHTS);
    case_importance(2, seed, importance, BENCH_TILE);
    find_sets(set, &b.sets);
    b.bandwidth = measure_bandwidth(b.cores);
    bench_head(&b);
    for (unsigned i = 0; i < CASE_TYPES; i++) {
        if (!wanted(i, name))
            continue;
        if (!case_needs_importance(i))
            bench_type(&b, case_type(i), NULL, x, out);
        if (type_info((uint32_t)case_type(i))->quantized && case_type(i) != TYPE_Q8_0)
            bench_type(&b, case_type(i), importance, x, out);
    }
    if (name)
        return;
    set->quantize[TYPE_F16](out, x, 1, BENCH_TILE, NULL);
    bench_widen(&b, TYPE_F16, out, x);
    bench_widen(&b, TYPE_BF16, out, x);
}

int main(int argc, char **argv)
{
    static struct buffers buffers;
    const char *mode = "", *type = NULL;
    uint64_t seed = CASE_SEED, millions = 1, rounds = BENCH_ROUNDS;
    struct library library;
    struct kernel_set set;
    int passed = 0, failed = 0, result;

    if (argc < 2 || kernel_select(getenv("QUANTFS_CPU"), &set) < 0)
        return 2;
    for (int i = 2; i < argc; i++) {
        if (strcmp(argv[i], "--seed") == 0 && i + 1 < argc)
            seed = strtoull(argv[++i], NULL, 10);
        else if (strcmp(argv[i], "--weights") == 0 && i + 1 < argc)
            millions = strtoull(argv[++i], NULL, 10);
        else if (strcmp(argv[i], "--rounds") == 0 && i + 1 < argc)
            rounds = strtoull(argv[++i], NULL, 10);
        else if (strcmp(argv[i], "--type") == 0 && i + 1 < argc)
            type = argv[++i];
        else
            mode = argv[i];
    }
    if (rounds < 1 || rounds > BENCH_ROUNDS)
        return 2;
    library_open(argv[1], &library);
    if (strcmp(mode, "--golden") == 0)
        return golden(&library, &buffers), 0;
    if (strcmp(mode, "--bench") == 0)
        return bench(&library, &set, type, seed, (size_t)rounds), 0;
    printf("%s kernels, seed %llu\n", set.name, (unsigned long long)seed);
    for (unsigned i = 0; i < CASE_TYPES; i++)
        if (wanted(i, type))
            compare_type(&library, &set, i, seed, millions * 1000000, &buffers, &passed, &failed);
    for (int i = 0; i < 2 && !type; i++) {
        result = compare_widen(&library, &set, i ? TYPE_BF16 : TYPE_F16);
        passed += result;
        failed += !result;
    }
    printf("%.1f million weights; the library stopped at %llu blocks\n",
           (double)buffers.compared * 1e-6, buffers.stops);
    printf("%d passed, %d failed\n", passed, failed);
    return failed > 0 || passed == 0;
}
