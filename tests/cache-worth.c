/*
 * Is a type worth a place in the cache? Measures, for chunks of one type of a view, by one thread:
 * a conversion from a source in the page cache; a put; reading the object from the page cache,
 * opened and verified as a new process has to.
 *
 *     cache-worth SOURCE TYPE DIR      DIR: an empty directory on the filesystem of a cache
 *
 * Prints medians, in microseconds a chunk: CONVERT PUT READ.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cache/cache.h"
#include "quant/convert.h"

#define CHUNKS 64

struct worth {
    struct kernel_set kernels;
    struct source *source;
    struct recipe *recipe;
    struct view *view;
    enum type type;
    size_t count;
    uint32_t tensors[CHUNKS], indices[CHUNKS];
    double convert[CHUNKS], put[CHUNKS], read[CHUNKS];
};

static int open_file(void *context, const char *name)
{
    int fd = openat(AT_FDCWD, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    (void)context;
    return fd < 0 ? -errno : fd;
}

static int open_view(const char *path, const char *type, struct worth *worth)
{
    struct defect defect = {0};
    struct variant variant = {.ftype = ftype_find(type, strlen(type)),
                              .pure = true,
                              .output_type = TYPE_NONE,
                              .token_embd_type = TYPE_NONE};
    struct arch_facts facts;
    int r = variant.ftype ? source_open(open_file, NULL, path, &worth->source, &defect) : -EINVAL;

    if (r == 0)
        r = arch_check(worth->source, &facts, &defect);
    if (r == 0)
        r = recipe_make(worth->source, &facts, &variant, &worth->recipe, &defect);
    if (r == 0)
        r = view_make(worth->source, worth->recipe, &worth->view, &defect);
    if (r < 0)
        fprintf(stderr, "%s as %s: %s %s\n", path, type, strerror(-r), defect.text);
    worth->type = type_find(type, strlen(type));
    return r;
}

/* Chunks of the type, as far from each other as they are. */
static void choose(struct worth *worth)
{
    const struct view *view = worth->view;
    size_t total = 0, at = 0;

    for (uint32_t i = 0; i < view->extent_count; i++)
        total += view->extents[i].type == worth->type ? view->extents[i].chunk_count : 0;
    for (uint32_t i = 0; i < view->extent_count; i++) {
        for (uint32_t j = 0; j < view->extents[i].chunk_count; j++) {
            if (view->extents[i].type != worth->type)
                continue;
            if (worth->count < CHUNKS && at++ >= worth->count * total / CHUNKS) {
                worth->tensors[worth->count] = i;
                worth->indices[worth->count++] = j;
            }
        }
    }
}

static double now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (double)time.tv_sec * 1e6 + (double)time.tv_nsec / 1e3;
}

static int name_chunk(struct cache *cache, const struct worth *worth, size_t i, const void *weights,
                      size_t size, struct name *name)
{
    struct fingerprint fingerprint;
    struct digest digest;
    int r = weights ? fingerprint_make(cache_key(cache), weights, size, &fingerprint) : 0;

    name_begin(&digest, cache_key(cache), "object");
    name_add_number(&digest, worth->type);
    name_add_number(&digest, i);
    return r < 0 ? r : name_end(&digest, name);
}

/* Twice, so that the source is in the page cache; the second time counts. */
static int convert(struct worth *worth, struct cache *cache, size_t i)
{
    struct chunk chunk = view_chunk(worth->view, worth->tensors[i], worth->indices[i]);
    uint64_t position = view_chunk_offset(worth->view, worth->tensors[i], worth->indices[i]);
    uint8_t *weights = malloc(chunk.source_size);
    uint8_t *room = aligned_alloc(CACHE_PAGE, (chunk.size / CACHE_PAGE + 4) * CACHE_PAGE);
    struct cache_bytes result = {.size = chunk.size, .position = position, .room = room};
    uint8_t *data = room + CACHE_PAGE + position % CACHE_PAGE;
    struct defect defect;
    struct name name;
    double begin;
    int r = weights && room ? 0 : -ENOMEM;

    result.data = data;
    for (int turn = 0; turn < 2 && r == 0; turn++) {
        begin = now();
        r = convert_load(worth->view, worth->tensors[i], &chunk, weights);
        if (r == 0)
            r = convert_run(&worth->kernels, worth->view, worth->tensors[i], &chunk, weights, data,
                            &defect);
        worth->convert[i] = now() - begin;
    }
    /* The fingerprint of the source is a put's, too. */
    begin = now();
    if (r == 0)
        r = name_chunk(cache, worth, i, weights, chunk.source_size, &name);
    if (r == 0)
        r = cache_put(cache, &name, &result);
    worth->put[i] = now() - begin;
    free(weights);
    free(room);
    return r;
}

static int read_object(struct worth *worth, struct cache *cache, size_t i)
{
    struct chunk chunk = view_chunk(worth->view, worth->tensors[i], worth->indices[i]);
    uint8_t *result = malloc(chunk.size);
    struct cache_object *object = NULL;
    struct name name;
    double begin;
    int r = result ? 0 : -ENOMEM;

    if (r == 0) {
        memset(result, 0, chunk.size);
        begin = now();
        r = name_chunk(cache, worth, i, NULL, 0, &name);
        if (r == 0)
            r = cache_open(cache, &name, &object);
        if (r == 0)
            r = cache_read(cache, object, 0, result, chunk.size);
        worth->read[i] = now() - begin;
    }
    if (object)
        cache_close(cache, object);
    free(result);
    return r;
}

static int compare(const void *a, const void *b)
{
    const double *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

static double median(double *values, size_t count)
{
    qsort(values, count, sizeof(*values), compare);
    return count > 0 ? values[count / 2] : 0;
}

int main(int argc, char **argv)
{
    struct cache_config config = {.min_free = {.given = true}};
    char reason[CACHE_REASON_SIZE];
    struct cache *cache = NULL;
    struct worth worth = {0};
    int r;

    if (argc != 4) {
        fprintf(stderr, "usage: cache-worth SOURCE TYPE DIR\n");
        return 2;
    }
    config.path = argv[3];
    r = kernel_select(getenv("QUANTFS_CPU"), &worth.kernels);
    if (r == 0)
        r = open_view(argv[1], argv[2], &worth);
    if (r == 0)
        r = cache_new(&config, &cache, reason);
    if (r == 0)
        choose(&worth);
    for (size_t i = 0; i < worth.count && r == 0; i++)
        r = convert(&worth, cache, i);
    cache_free(cache);
    /* The second time counts, as of conversions. */
    for (int turn = 0; turn < 2 && r == 0; turn++) {
        cache = NULL;
        r = cache_new(&config, &cache, reason); /* which has nothing open */
        for (size_t i = 0; i < worth.count && r == 0; i++)
            r = read_object(&worth, cache, i);
        cache_free(cache);
    }
    if (r == 0)
        printf("%.0f %.0f %.0f\n", median(worth.convert, worth.count),
               median(worth.put, worth.count), median(worth.read, worth.count));
    else
        fprintf(stderr, "%s\n", strerror(-r));
    view_free(worth.view);
    recipe_free(worth.recipe);
    source_close(worth.source);
    return r < 0;
}
