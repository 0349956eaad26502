/*
 * Runs a fuzz target without a fuzzer, on files and on what comes of them when they are damaged:
 *
 *     TARGET [--mutate COUNT] [--cuts COUNT] [--seed SEED] FILE-OR-DIRECTORY...
 *
 * Each file is taken as it is, cut at every byte (at so many places), and COUNT times with random
 * changes. The input
 * that the target stops at is left in ./crash-input.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fuzz.h"

#define SIZE_MAX_INPUT ((size_t)1 << 20)
#define CUTS_MAX 4096 /* a longer file is not cut at every byte */

struct run {
    uint64_t random; /* state of the generator */
    unsigned long mutations, cuts;
    unsigned long files, inputs;
};

static uint64_t next(struct run *run)
{
    run->random ^= run->random << 13;
    run->random ^= run->random >> 7;
    run->random ^= run->random << 17;
    return run->random;
}

/* Written before and removed after, so that it remains if the target stops. */
static void try_input(struct run *run, const uint8_t *data, size_t size)
{
    int fd = open("crash-input", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    /* Of its own size, so that reading beyond it is found. */
    uint8_t *exact = malloc(size ? size : 1);

    if (!exact || fd < 0 || write(fd, data, size) != (ssize_t)size) {
        perror("crash-input");
        exit(2);
    }
    (void)close(fd);
    memcpy(exact, data, size);
    (void)LLVMFuzzerTestOneInput(exact, size);
    free(exact);
    (void)unlink("crash-input");
    run->inputs++;
}

/* One random change of a buffer that has room for 16 more bytes. */
static size_t mutate_once(struct run *run, uint8_t *data, size_t size)
{
    static const uint64_t values[] = {
        0,
        1,
        0x7f,
        0xff,
        0xffff,
        0x7fffffff,
        0x80000000,
        0xffffffff,
        0x40000001,
        INT64_MAX,
        UINT64_MAX,
        UINT64_MAX - 31,
        UINT64_C(1) << 61,
        UINT64_C(1) << 32,
    };
    size_t at = size ? next(run) % size : 0, width = (size_t)1 << next(run) % 4;
    uint64_t value = values[next(run) % (sizeof(values) / sizeof(values[0]))];

    switch (next(run) % 6) {
    case 0:
        if (size)
            data[at] ^= (uint8_t)(1u << next(run) % 8);
        return size;
    case 1:
        if (size)
            data[at] = (uint8_t)next(run);
        return size;
    case 2:
        for (size_t i = 0; i < width && at + i < size; i++)
            data[at + i] = (uint8_t)(value >> 8 * i);
        return size;
    case 3: /* a small step, so that counts and lengths nearly fit */
        if (size)
            data[at] = (uint8_t)(data[at] + next(run) % 9 - 4);
        return size;
    case 4: /* a hole, or a part twice */
        if (at + width > size)
            return size;
        if (next(run) % 2) {
            memmove(data + at, data + at + width, size - at - width);
            return size - width;
        }
        memmove(data + at + width, data + at, size - at);
        return size + width;
    default:
        return next(run) % 4 == 0 ? at : size;
    }
}

static void try_file(struct run *run, const char *path)
{
    uint8_t *data = malloc(SIZE_MAX_INPUT), *copy = malloc(SIZE_MAX_INPUT);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 || !data || !copy ? -1 : read(fd, data, SIZE_MAX_INPUT);
    size_t size, changes, step;

    if (n < 0) {
        perror(path);
        exit(2);
    }
    (void)close(fd);
    run->files++;
    try_input(run, data, (size_t)n);
    step = run->cuts > 0 ? (size_t)n / run->cuts + 1 : 1;
    for (size = 0; size < (size_t)n && n <= CUTS_MAX; size += step)
        try_input(run, data, size);
    for (unsigned long i = 0; i < run->mutations; i++) {
        memcpy(copy, data, (size_t)n);
        size = (size_t)n;
        changes = 1 + next(run) % 5;
        while (changes-- > 0 && size + 16 < SIZE_MAX_INPUT)
            size = mutate_once(run, copy, size);
        try_input(run, copy, size);
    }
    free(data);
    free(copy);
}

static void try_path(struct run *run, const char *path)
{
    char name[4096];
    struct dirent *entry;
    struct stat st;
    DIR *dir;

    if (stat(path, &st) < 0) {
        perror(path);
        exit(2);
    }
    if (!S_ISDIR(st.st_mode)) {
        try_file(run, path);
        return;
    }
    dir = opendir(path);
    while (dir && (entry = readdir(dir))) {
        (void)snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
        if (entry->d_name[0] != '.')
            try_path(run, name);
    }
    if (dir)
        (void)closedir(dir);
}

int main(int argc, char **argv)
{
    struct run run = {.random = 1};
    uint64_t seed = 1;
    int i = 1;

    for (; i + 1 < argc && argv[i][0] == '-'; i += 2) {
        if (strcmp(argv[i], "--mutate") == 0)
            run.mutations = strtoul(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "--cuts") == 0)
            run.cuts = strtoul(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "--seed") == 0)
            seed = strtoull(argv[i + 1], NULL, 10);
        else
            return 2;
    }
    run.random = seed * UINT64_C(0x9e3779b97f4a7c15) | 1;
    for (; i < argc; i++)
        try_path(&run, argv[i]);
    printf("%lu files, %lu inputs, seed %" PRIu64 "\n", run.files, run.inputs, seed);
    return run.files > 0 ? 0 : 2;
}
