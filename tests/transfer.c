/*
 * If this failed, `quantize` would write bytes in the wrong order, skip the check of a copied
 * tensor, or blame the wrong one. transfer.c stands between an engine and an output; both are made
 * up here, so that every order of arrival occurs.
 */
#include "fs/transfer.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "fs/engine.h"
#include "fs/warm.h"
#include "tests/check.h"

#define TENSORS 40
#define CHUNK ((uint64_t)300 * 1024)
#define BLOCK 34u
#define REQUEST_MAX (((size_t)1 << 20) + 4096)

struct world {
    struct view view;
    struct extent extents[TENSORS];
    struct source_tensor tensors[TENSORS];
    char names[TENSORS][16];
    bool anywhere;    /* the output takes bytes in any order */
    uint64_t written; /* bytes that arrived at the output, all right so far; in order those before
                         which none is missing */
    /* of an output that takes them in any order, under mutex: */
    pthread_mutex_t mutex;
    uint8_t *there;               /* for each byte: has it arrived? */
    uint64_t warmed, warmed_most; /* where the bytes end whose source was fetched ahead; the most of
                                     them that were not written yet */
    int writing;                  /* calls that run */
    bool together;                /* several did at a time */
    pthread_cond_t cond;
    uint64_t checked;    /* bytes of copied tensors that were checked */
    size_t begun, ended; /* tensors */
    int fail_tensor;     /* whose conversion fails, or -1 */
    int bad_tensor;      /* whose check fails, or -1 */
    uint64_t full;       /* the output fails behind so many bytes */
};

/* ---- the made-up units ---- */

static const struct type_info row = {.name = "q8_0", .block_weights = 32, .block_size = BLOCK};

const struct type_info *type_info(uint32_t number)
{
    (void)number;
    return &row;
}

uint64_t view_chunk_offset(const struct view *view, uint32_t tensor, uint32_t index)
{
    CHECK(index < view->extents[tensor].chunk_count);
    return view->extents[tensor].offset + index * CHUNK;
}

static uint8_t byte_at(uint64_t offset)
{
    return (uint8_t)((offset * 2654435761u) >> 11);
}

static struct world *world_of(const struct source_tensor *tensor)
{
    return (struct world *)(uintptr_t)tensor->ne[3];
}

int convert_check(const struct kernel_set *kernels, const struct source_tensor *tensor,
                  uint64_t first, const void *data, size_t size, struct defect *defect)
{
    struct world *world = world_of(tensor);
    int index = (int)(tensor - world->tensors);

    CHECK_STR(kernels->name, "none");
    CHECK_EQ(size % BLOCK, 0);
    CHECK_EQ(*(const uint8_t *)data, byte_at(world->extents[index].offset + first * BLOCK));
    pthread_mutex_lock(&world->mutex);
    world->checked += size;
    pthread_mutex_unlock(&world->mutex);
    if (index == world->bad_tensor)
        return defect_set(defect, EIO, DEFECT_NOWHERE, "tensor '%s' has invalid data (block %llu)",
                          tensor->name, (unsigned long long)first);
    return 0;
}

struct output {
    struct world *world;
};

int output_write(struct output *output, size_t index, struct iovec *iov, int count)
{
    (void)index;

    struct world *world = output->world;

    CHECK(!world->anywhere);
    for (int i = 0; i < count; i++) {
        const uint8_t *data = iov[i].iov_base;

        for (size_t at = 0; at < iov[i].iov_len; at++)
            CHECK_EQ(data[at], byte_at(world->written + at));
        world->written += iov[i].iov_len;
    }
    return world->written > world->full ? -ENOSPC : 0;
}

/* The source is four times as large. */
uint64_t warm_source(const struct view *view, uint64_t offset, size_t size)
{
    struct world *world = world_of(view->extents[0].tensor);

    /* In order; what is in the file by then is left out. */
    CHECK(offset >= world->warmed && offset >= world->written);
    world->warmed = offset + size;
    if (world->warmed - world->written > world->warmed_most)
        world->warmed_most = world->warmed - world->written;
    return 4 * (uint64_t)size;
}

bool output_anywhere(const struct output *output, size_t index)
{
    CHECK_EQ(index, 0);
    return output->world->anywhere;
}

/* The first call ends when there is a second: no call waits for another one. */
static void wait_for_another(struct world *world)
{
    struct timespec limit;
    int r = 0;

    (void)clock_gettime(CLOCK_REALTIME, &limit);
    limit.tv_sec += 30;
    pthread_mutex_lock(&world->mutex);
    world->together |= ++world->writing > 1;
    pthread_cond_broadcast(&world->cond);
    while (!world->together && r == 0)
        r = pthread_cond_timedwait(&world->cond, &world->mutex, &limit);
    CHECK(world->together);
    pthread_mutex_unlock(&world->mutex);
}

int output_write_at(struct output *output, size_t index, uint64_t offset, struct iovec *iov,
                    int count)
{
    struct world *world = output->world;
    uint64_t end = offset;

    CHECK_EQ(index, 0);
    CHECK(world->anywhere);
    wait_for_another(world);
    for (int i = 0; i < count; i++) {
        const uint8_t *data = iov[i].iov_base;

        CHECK(iov[i].iov_len <= world->view.size - end);
        for (size_t at = 0; at < iov[i].iov_len; at++)
            CHECK_EQ(data[at], byte_at(end + at));
        end += iov[i].iov_len;
    }
    pthread_mutex_lock(&world->mutex);
    world->writing--;
    for (; offset < end; offset++) {
        CHECK(!world->there[offset]);
        world->there[offset] = 1;
    }
    pthread_mutex_unlock(&world->mutex);
    return end > world->full ? -ENOSPC : 0;
}

int pool_new(unsigned cores, struct pool **pool)
{
    CHECK(cores > 0);
    *pool = NULL;
    return 0;
}

void pool_free(struct pool *pool)
{
    (void)pool;
}

struct engine {
    struct engine_config config;
    pthread_mutex_t mutex;
    pthread_cond_t cond;
    int running;
};

struct request {
    struct engine *engine;
    const struct view *view;
    uint64_t offset;
    size_t size;
    engine_done done;
    void *context;
    int tensor;
};

int engine_new(const struct engine_config *config, struct engine **engine)
{
    *engine = calloc(1, sizeof(**engine));
    CHECK(*engine);
    (*engine)->config = *config;
    pthread_mutex_init(&(*engine)->mutex, NULL);
    pthread_cond_init(&(*engine)->cond, NULL);
    return 0;
}

void engine_free(struct engine *engine)
{
    pthread_mutex_lock(&engine->mutex);
    while (engine->running > 0)
        pthread_cond_wait(&engine->cond, &engine->mutex);
    pthread_mutex_unlock(&engine->mutex);
    pthread_mutex_destroy(&engine->mutex);
    pthread_cond_destroy(&engine->cond);
    free(engine);
}

static void answer(const struct request *request, uint8_t *data)
{
    const struct view *view = request->view;
    struct part parts[2] = {
        {.data = data, .size = request->size / 3},
        {.data = data + request->size / 3, .size = request->size - request->size / 3}};
    struct world *world = world_of(view->extents[0].tensor);
    struct defect defect;
    int r = 0;

    for (size_t i = 0; i < request->size; i++)
        data[i] = byte_at(request->offset + i);
    if (request->tensor >= 0 && request->tensor == world->fail_tensor) {
        r = defect_set(&defect, EIO, DEFECT_NOWHERE, "no good (tensor '%s')",
                       view->extents[request->tensor].tensor->name);
        request->engine->config.failed(request->engine->config.context, NULL, r, &defect);
    } else if (request->tensor > world->fail_tensor && world->fail_tensor >= 0 &&
               request->tensor % 2 == 0) {
        /* a later one fails too, and maybe earlier in time */
        r = defect_set(&defect, EIO, DEFECT_NOWHERE, "no good either (tensor '%s')",
                       view->extents[request->tensor].tensor->name);
        request->engine->config.failed(request->engine->config.context, NULL, r, &defect);
    }
    request->done(request->context, r, r < 0 ? NULL : parts, r < 0 ? 0 : 2);
}

static void *worker(void *argument)
{
    struct request *request = argument;
    struct engine *engine = request->engine;
    uint8_t *data = malloc(request->size);

    CHECK(data);
    (void)usleep((useconds_t)(request->offset * 7919 % 3000));
    answer(request, data);
    free(data);
    free(request);
    pthread_mutex_lock(&engine->mutex);
    engine->running--;
    pthread_cond_signal(&engine->cond);
    pthread_mutex_unlock(&engine->mutex);
    return NULL;
}

/* Which tensor a request belongs to: to one alone, and there to whole chunks. */
static int tensor_of(const struct view *view, uint64_t offset, size_t size)
{
    for (size_t i = view->extent_count; i-- > 0;) {
        const struct extent *extent = &view->extents[i];
        uint64_t end = i + 1 < view->extent_count ? view->extents[i + 1].offset : view->size;

        if (offset < extent->offset || extent->size == 0)
            continue;
        CHECK(offset + size <= end);
        if (extent->chunk_count > 0 && offset < extent->offset + extent->size) {
            CHECK_EQ((offset - extent->offset) % CHUNK, 0);
            CHECK(offset + size >= extent->offset + extent->size ||
                  (offset + size - extent->offset) % CHUNK == 0);
        }
        return (int)i;
    }
    CHECK(offset + size <= view->header_size);
    return -1;
}

void engine_submit(struct engine *engine, const struct view *view, void *owner, uint64_t offset,
                   size_t size, engine_done done, void *context)
{
    struct request *request = malloc(sizeof(*request));
    pthread_attr_t attributes;
    pthread_t thread;

    (void)owner;
    CHECK(request && size > 0);
    CHECK(size <= REQUEST_MAX); /* as big as a request, so is the memory */
    *request =
        (struct request){engine, view, offset, size, done, context, tensor_of(view, offset, size)};
    pthread_mutex_lock(&engine->mutex);
    engine->running++;
    pthread_mutex_unlock(&engine->mutex);
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    CHECK_EQ(pthread_create(&thread, &attributes, worker, request), 0);
    pthread_attr_destroy(&attributes);
}

/* ---- the test ---- */

static void begin(void *context, size_t tensor)
{
    struct world *world = context;

    CHECK_EQ(tensor, world->begun);
    world->begun++;
}

static void end(void *context, size_t tensor)
{
    struct world *world = context;

    CHECK_EQ(tensor, world->ended);
    world->ended++;
    CHECK_EQ(world->ended, world->begun);
}

static void written(void *context, uint64_t offset)
{
    struct world *world = context;

    pthread_mutex_lock(&world->mutex);
    while (world->anywhere && world->written < offset && world->there[world->written])
        world->written++;
    pthread_mutex_unlock(&world->mutex);
    CHECK_EQ(offset, world->written);
}

/* Tensors of none to a few megabytes, every third one copied. */
static void world_make_aligned(struct world *world, unsigned seed, uint64_t alignment)
{
    uint64_t at = 1500000 / 32 * 32;

    *world = (struct world){.mutex = PTHREAD_MUTEX_INITIALIZER,
                            .cond = PTHREAD_COND_INITIALIZER,
                            .fail_tensor = -1,
                            .bad_tensor = -1,
                            .full = UINT64_MAX};
    srand(seed);
    world->view =
        (struct view){.header_size = at, .extent_count = TENSORS, .extents = world->extents};
    for (int i = 0; i < TENSORS; i++) {
        unsigned blocks = (unsigned)rand() % (i % 5 == 0 ? 90000 : 300);
        struct extent *extent = &world->extents[i];

        (void)snprintf(world->names[i], sizeof(world->names[i]), "t%d", i);
        world->tensors[i] = (struct source_tensor){.name = world->names[i], .type = TYPE_Q8_0};
        world->tensors[i].ne[3] = (uintptr_t)world; /* so that convert_check() finds it */
        *extent = (struct extent){.tensor = &world->tensors[i], .type = TYPE_Q8_0, .offset = at};
        extent->size = i % 7 == 6 ? 0 : (uint64_t)BLOCK * blocks;
        if (i % 3 != 0)
            extent->chunk_count = (uint32_t)((extent->size + CHUNK - 1) / CHUNK);
        at += (extent->size + alignment - 1) / alignment * alignment;
    }
    world->view.size = at;
}

static void world_make(struct world *world, unsigned seed)
{
    world_make_aligned(world, seed, 32);
}

static int run_cached(struct world *world, bool anywhere, unsigned cores, struct cache *cache,
                      struct transfer_failure *failure)
{
    struct transfer_progress progress = {world, begin, end, written};
    struct output output = {world};
    struct kernel_set kernels = {.name = "none"};
    int r;

    world->anywhere = anywhere;
    world->there = calloc(1, (size_t)world->view.size);
    CHECK(world->there);
    r = transfer_run(&world->view, &kernels, cores, cache, &output, 0, &progress, failure);
    CHECK_EQ(world->writing, 0);
    free(world->there);
    return r;
}

static int run(struct world *world, bool anywhere, unsigned cores, struct transfer_failure *failure)
{
    return run_cached(world, anywhere, cores, NULL, failure);
}

static uint64_t copied_bytes(const struct world *world)
{
    uint64_t copied = 0;

    for (int i = 0; i < TENSORS; i++)
        copied += world->extents[i].chunk_count == 0 ? world->extents[i].size : 0;
    CHECK(copied > 0);
    return copied;
}

static void test_whole(bool anywhere)
{
    for (unsigned cores = 1; cores <= 5; cores += 2) {
        struct transfer_failure failure;
        struct world world;

        world_make(&world, cores);
        CHECK_EQ(run(&world, anywhere, cores, &failure), 0);
        CHECK_EQ(world.written, world.view.size);
        CHECK_EQ(world.ended, TENSORS);
        CHECK_EQ(world.checked, copied_bytes(&world));
        CHECK_EQ(world.together, anywhere);
        CHECK(world.warmed > 0);
    }
}

/* The alignment is a number in the file: whatever it is, a request stays as big as any other. */
static void test_padding(bool anywhere)
{
    static const uint64_t alignments[] = {1, 8192, UINT64_C(1) << 21};

    for (size_t i = 0; i < sizeof(alignments) / sizeof(alignments[0]); i++) {
        struct transfer_failure failure;
        struct world world;

        world_make_aligned(&world, 40, alignments[i]);
        CHECK_EQ(run(&world, anywhere, 2, &failure), 0);
        CHECK_EQ(world.written, world.view.size);
        CHECK_EQ(world.ended, TENSORS);
        CHECK_EQ(world.checked, copied_bytes(&world));
    }
}

/* Read from the disk before a worker wants it, but not all at once; and not where it may turn out
 * that nobody does. */
static void test_warm(bool anywhere)
{
    const uint64_t most = (UINT64_C(64) << 20) / 4;
    struct transfer_failure failure;
    struct world world;

    world_make_aligned(&world, 50, UINT64_C(1) << 21);
    CHECK(world.view.size > 2 * most);
    CHECK_EQ(run(&world, anywhere, 16, &failure), 0);
    CHECK(world.warmed_most <= most + REQUEST_MAX);
    CHECK(world.warmed_most >= most / 2);

    world_make(&world, 50);
    CHECK_EQ(run_cached(&world, anywhere, 2, (void *)&world, &failure), 0);
    CHECK_EQ(world.written, world.view.size);
    CHECK_EQ(world.warmed, 0);
}

static void test_failures(bool anywhere)
{
    struct transfer_failure failure;
    struct world world;

    for (unsigned seed = 10; seed < 14; seed++) {
        world_make(&world, seed);
        world.fail_tensor = 10; /* a large one that is converted */
        CHECK(world.extents[10].chunk_count > 0);
        CHECK_EQ(run(&world, anywhere, 3, &failure), -EIO);
        CHECK(failure.in_tensor && !failure.writing);
        CHECK_EQ(failure.tensor, 10);
        CHECK_STR(failure.defect.text, "no good (tensor 't10')");
        CHECK(world.written <= world.extents[10].offset + world.extents[10].size);
    }
    world_make(&world, 20);
    world.bad_tensor = 15; /* one that is copied */
    CHECK(world.extents[15].chunk_count == 0 && world.extents[15].size > REQUEST_MAX);
    CHECK_EQ(run(&world, anywhere, 2, &failure), -EIO);
    CHECK(failure.in_tensor && !failure.writing);
    CHECK_EQ(failure.tensor, 15);
    CHECK_STR(failure.defect.text, "tensor 't15' has invalid data (block 0)");

    world_make(&world, 30);
    world.full = world.view.size / 2;
    CHECK_EQ(run(&world, anywhere, 2, &failure), -ENOSPC);
    CHECK(failure.writing);
}

int main(void)
{
    for (int anywhere = 0; anywhere <= 1; anywhere++) {
        test_whole(anywhere);
        test_padding(anywhere);
        test_warm(anywhere);
        test_failures(anywhere);
    }
    return 0;
}
