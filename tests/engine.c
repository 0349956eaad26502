/* If this failed, reads of a view could be wrong, late, converted twice, or never answered. */
#include "fs/engine.h"

#include <fcntl.h>
#include <glob.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"

/*
 * A made-up source and view, so that a test decides when a conversion ends and how: header and
 * padding, a converted tensor, a copied one, a converted one. Byte n of the view is byte_at(n),
 * wherever it comes from.
 */
#define CORES 2
#define CHUNK 65536u
#define CHUNKS 70u
#define HEADER 1000u
#define PADDING 24u
#define COPIED 300000u
#define FIRST (HEADER + PADDING)
#define COPY (FIRST + CHUNKS * CHUNK)
#define SECOND (COPY + COPIED)
#define VIEW_SIZE (SECOND + (CHUNKS - 1) * CHUNK + CHUNK / 2)

#define OLD 5
#define YOUNG 6

struct source {
    struct version version;
    int fd;               /* of a file on a filesystem with a true ctime */
    uint8_t content;      /* what the source's bytes are */
    atomic_int unchanged; /* what source_unchanged() says */
    atomic_int converted[2][CHUNKS];
    atomic_int failing; /* chunk of the first tensor whose conversion fails, or -1 */
    pthread_mutex_t lock;
    pthread_cond_t cond;
    bool closed; /* conversions wait at this gate */
    int waiting; /* at the gate */
    atomic_int held;
    atomic_bool young; /* all versions are */
    atomic_int loads;  /* of source rows */
    struct cache *cache;
    atomic_int failures;
    struct defect defect;
};

static struct source source;
static struct source_tensor tensors[2];
static struct extent extents[2];
static uint8_t header[HEADER];
static struct view view;

/* As little compressible as weights are: objects of the cache are files, not memory. */
static uint8_t byte_at(uint64_t n)
{
    if (n >= HEADER && n < FIRST)
        return 0;
    n = n * 0x9e3779b97f4a7c15u;
    n = (n ^ n >> 32) * 0xd6e8feb86659fd93u;
    return (uint8_t)(n >> 56);
}

const struct version *source_version(const struct source *s, unsigned shard)
{
    (void)shard;
    return &s->version;
}

unsigned source_shard_count(const struct source *s)
{
    (void)s;
    return 1;
}

int source_descriptor(const struct source *s, unsigned shard)
{
    (void)s;
    (void)shard;
    return source.fd;
}

bool version_young(const struct version *version, struct timespec now)
{
    (void)now;
    return version->inode == YOUNG || atomic_load(&source.young);
}

bool version_equal(const struct version *a, const struct version *b)
{
    return a->inode == b->inode;
}

/* No view of it has an importance matrix. */
const struct version *source_imatrix_version(const struct source *s)
{
    return source_version(s, 0);
}

int source_imatrix_descriptor(const struct source *s)
{
    return source_descriptor(s, 0);
}

int source_imatrix_unchanged(const struct source *s)
{
    (void)s;
    return -ESTALE;
}

int source_unchanged(const struct source *s, unsigned shard)
{
    (void)shard;
    return atomic_load(&((struct source *)(uintptr_t)s)->unchanged);
}

int source_read(const struct source *s, unsigned shard, uint64_t offset, void *data, size_t size)
{
    (void)s;
    (void)shard;
    for (size_t i = 0; i < size; i++)
        ((uint8_t *)data)[i] = byte_at(offset + i);
    return 0;
}

struct chunk view_chunk(const struct view *v, uint32_t tensor, uint32_t index)
{
    struct chunk chunk = {.size = CHUNK, .source_size = (size_t)2 * CHUNK, .columns = 32};

    (void)v;
    if (tensor == 1 && index == CHUNKS - 1)
        chunk.size = CHUNK / 2;
    chunk.source_offset = (tensor * CHUNKS + index) * (uint64_t)CHUNK;
    return chunk;
}

static uint64_t chunk_place(uint32_t tensor, uint32_t index)
{
    return (tensor ? SECOND : FIRST) + (uint64_t)index * CHUNK;
}

size_t view_map(const struct view *v, uint64_t offset, size_t size, struct piece *pieces,
                size_t max)
{
    static const uint64_t ends[] = {HEADER, FIRST, COPY, SECOND, VIEW_SIZE};
    size_t count = 0;

    (void)v;
    while (count < max && size > 0 && offset < VIEW_SIZE) {
        struct piece *piece = &pieces[count++];
        int part = 0;
        uint64_t end;

        while (offset >= ends[part])
            part++;
        end = ends[part];
        *piece = (struct piece){.kind = PIECE_CHUNK};
        if (part == 0) {
            piece->kind = PIECE_PATCH;
            piece->patch = header + offset;
        } else if (part == 1) {
            piece->kind = PIECE_ZERO;
        } else if (part == 3) {
            piece->kind = PIECE_COPY;
            piece->copy.offset = offset;
        } else {
            uint64_t from = part == 2 ? FIRST : SECOND;

            piece->chunk.tensor = part == 4;
            piece->chunk.index = (uint32_t)((offset - from) / CHUNK);
            piece->chunk.skip = (offset - from) % CHUNK;
            if (end > offset - piece->chunk.skip + CHUNK)
                end = offset - piece->chunk.skip + CHUNK;
        }
        piece->size = end - offset < size ? (size_t)(end - offset) : size;
        offset += piece->size;
        size -= piece->size;
    }
    return count;
}

int convert_load(const struct view *v, uint32_t tensor, const struct chunk *chunk, void *data)
{
    (void)v;
    (void)tensor;
    memset(data, (int)(chunk->source_offset / CHUNK), chunk->source_size);
    ((uint8_t *)data)[0] = source.content;
    atomic_fetch_add(&source.loads, 1);
    return 0;
}

static void pass_gate(void)
{
    pthread_mutex_lock(&source.lock);
    source.waiting++;
    pthread_cond_broadcast(&source.cond);
    while (source.closed)
        pthread_cond_wait(&source.cond, &source.lock);
    source.waiting--;
    pthread_mutex_unlock(&source.lock);
}

int convert_run(const struct kernel_set *kernels, const struct view *v, uint32_t tensor,
                const struct chunk *chunk, const void *data, void *result, struct defect *defect)
{
    uint32_t index = (uint32_t)(chunk->source_offset / CHUNK) - tensor * CHUNKS;
    uint64_t place = chunk_place(tensor, index);

    (void)kernels;
    (void)v;
    CHECK(((const uint8_t *)data)[chunk->source_size - 1] == chunk->source_offset / CHUNK);
    atomic_fetch_add(&source.converted[tensor][index], 1);
    pass_gate();
    for (size_t i = 0; i < chunk->size; i++)
        ((uint8_t *)result)[i] = byte_at(place + i);
    if (tensor == 0 && (int)index == atomic_load(&source.failing))
        return defect_set(defect, EIO, DEFECT_NOWHERE, "row 7");
    return 0;
}

/* --- what the tests say --------------------------------------------------------------------------
 */

static void gate(bool closed)
{
    pthread_mutex_lock(&source.lock);
    source.closed = closed;
    pthread_cond_broadcast(&source.cond);
    pthread_mutex_unlock(&source.lock);
}

static void wait_for_conversions(int count)
{
    pthread_mutex_lock(&source.lock);
    while (source.waiting < count)
        pthread_cond_wait(&source.cond, &source.lock);
    pthread_mutex_unlock(&source.lock);
}

static int conversions(void)
{
    int sum = 0;

    for (unsigned tensor = 0; tensor < 2; tensor++)
        for (unsigned i = 0; i < CHUNKS; i++)
            sum += atomic_load(&source.converted[tensor][i]);
    return sum;
}

static void hold(void *owner)
{
    CHECK(owner == &source);
    atomic_fetch_add(&source.held, 1);
}

static void release(void *owner)
{
    CHECK(owner == &source);
    atomic_fetch_sub(&source.held, 1);
}

static void failed(void *context, void *owner, int r, const struct defect *defect)
{
    CHECK(context == &view && owner == &source && r < 0);
    if (defect)
        source.defect = *defect;
    atomic_fetch_add(&source.failures, 1);
}

struct bench {
    struct pool *pool;
    struct engine *engine;
};

static void begin(struct bench *bench, uint64_t memory)
{
    struct engine_config config = {
        .cores = CORES,
        .memory = memory,
        .cache = source.cache,
        .context = &view,
        .hold = hold,
        .release = release,
        .failed = failed,
    };

    memset(&source.converted, 0, sizeof(source.converted));
    atomic_store(&source.unchanged, 0);
    atomic_store(&source.failing, -1);
    atomic_store(&source.failures, 0);
    atomic_store(&source.loads, 0);
    CHECK(pool_new(CORES, &bench->pool) == 0);
    config.pool = bench->pool;
    CHECK(engine_new(&config, &bench->engine) == 0);
}

static void end(struct bench *bench)
{
    engine_free(bench->engine);
    pool_free(bench->pool);
    CHECK(atomic_load(&source.held) == 0);
}

/* A request that is waited for. */
struct asked {
    pthread_mutex_t lock;
    pthread_cond_t cond;
    uint64_t offset;
    size_t size;
    bool done;
    int r;
};

static void answered(void *context, int r, const struct part *parts, int count)
{
    struct asked *asked = context;
    uint64_t at = asked->offset;
    size_t have = 0;

    for (int i = 0; i < count; i++) {
        uint8_t *bytes = malloc(parts[i].size);

        CHECK(parts_copy(&parts[i], 1, bytes, parts[i].size) == 0);
        for (size_t j = 0; j < parts[i].size; j++, at++)
            CHECK(bytes[j] == byte_at(at));
        free(bytes);
        have += parts[i].size;
    }
    CHECK(r < 0 ? count == 0 : have == asked->size);
    pthread_mutex_lock(&asked->lock);
    CHECK(!asked->done);
    asked->r = r;
    asked->done = true;
    pthread_cond_signal(&asked->cond);
    pthread_mutex_unlock(&asked->lock);
}

static void ask(struct bench *bench, struct asked *asked, uint64_t offset, size_t size)
{
    *asked = (struct asked){.offset = offset, .size = size};
    pthread_mutex_init(&asked->lock, NULL);
    pthread_cond_init(&asked->cond, NULL);
    if (offset >= VIEW_SIZE)
        asked->size = 0;
    else if (size > VIEW_SIZE - offset)
        asked->size = (size_t)(VIEW_SIZE - offset);
    engine_submit(bench->engine, &view, &source, offset, size, answered, asked);
}

static bool is_answered(struct asked *asked)
{
    bool done;

    pthread_mutex_lock(&asked->lock);
    done = asked->done;
    pthread_mutex_unlock(&asked->lock);
    return done;
}

static int wait_answer(struct asked *asked)
{
    pthread_mutex_lock(&asked->lock);
    while (!asked->done)
        pthread_cond_wait(&asked->cond, &asked->lock);
    pthread_mutex_unlock(&asked->lock);
    pthread_cond_destroy(&asked->cond);
    pthread_mutex_destroy(&asked->lock);
    return asked->r;
}

static int read_now(struct bench *bench, uint64_t offset, size_t size)
{
    struct asked asked;

    ask(bench, &asked, offset, size);
    return wait_answer(&asked);
}

/* --- tests ---------------------------------------------------------------------------------------
 */

static void every_range_has_its_bytes(void)
{
    struct bench bench;
    unsigned seed = 1;
    uint8_t *whole = malloc(VIEW_SIZE);

    begin(&bench, 0);
    CHECK(read_now(&bench, 0, HEADER + PADDING) == 0);
    CHECK(read_now(&bench, VIEW_SIZE, 10) == 0);
    CHECK(read_now(&bench, VIEW_SIZE + 5, 10) == 0);
    CHECK(read_now(&bench, VIEW_SIZE - 5, 10) == 0);
    for (int i = 0; i < 300; i++) {
        uint64_t offset = (unsigned)rand_r(&seed) % VIEW_SIZE;

        CHECK(read_now(&bench, offset, (unsigned)rand_r(&seed) % (i % 3 ? 5000 : 400000)) == 0);
    }
    CHECK(engine_read(bench.engine, &view, &source, 0, whole, VIEW_SIZE) == 0);
    for (size_t i = 0; i < VIEW_SIZE; i++)
        CHECK(whole[i] == byte_at(i));
    free(whole);
    end(&bench);
}

static void many_readers_convert_once(void)
{
    struct asked asked[64];
    struct bench bench;

    begin(&bench, 0);
    gate(true);
    for (int i = 0; i < 64; i++)
        ask(&bench, &asked[i], chunk_place(0, 3) + 1000 * (uint64_t)i, 100);
    wait_for_conversions(1);
    CHECK(!is_answered(&asked[0]));
    gate(false);
    for (int i = 0; i < 64; i++)
        CHECK(wait_answer(&asked[i]) == 0);
    CHECK(conversions() == 1);
    end(&bench);
}

static void a_converted_chunk_stays_at_hand(void)
{
    struct bench bench;

    begin(&bench, 0);
    for (uint64_t offset = chunk_place(0, 5); offset < chunk_place(0, 7); offset += 4096)
        CHECK(read_now(&bench, offset, 4096) == 0);
    CHECK(conversions() == 2);
    end(&bench);
}

static void what_is_at_hand_is_bounded(void)
{
    struct bench bench;
    struct engine_stats stats;

    begin(&bench, 1); /* the least that an engine keeps */
    for (unsigned tensor = 0; tensor < 2; tensor++)
        for (unsigned i = 0; i < CHUNKS; i++)
            CHECK(read_now(&bench, chunk_place(tensor, i), 10) == 0);
    engine_stats(bench.engine, &stats);
    CHECK(stats.at_hand <= engine_least_memory(CORES) - (10u << 20));
    CHECK(stats.at_hand >= 4u << 20);
    CHECK(stats.conversions == 2 * CHUNKS);
    CHECK(read_now(&bench, chunk_place(1, CHUNKS - 1), 10) == 0);
    CHECK(conversions() == 2 * CHUNKS);
    CHECK(read_now(&bench, chunk_place(0, 0), 10) == 0);
    CHECK(conversions() == 2 * CHUNKS + 1);
    end(&bench);
}

static void read_sequentially(struct bench *bench, uint64_t stream, uint32_t from, uint32_t to)
{
    for (uint64_t offset = chunk_place(0, from); offset < chunk_place(0, to); offset += CHUNK / 2) {
        engine_readahead(bench->engine, stream, &view, &source, offset, CHUNK / 2);
        CHECK(read_now(bench, offset, CHUNK / 2) == 0);
    }
}

static void wait_for_stats(struct bench *bench, uint64_t total)
{
    struct engine_stats stats;

    do {
        usleep(1000);
        engine_stats(bench->engine, &stats);
    } while (stats.conversions < total || stats.converting > 0);
    CHECK(stats.conversions == total);
}

static void reading_in_order_converts_ahead(void)
{
    struct bench bench;
    struct engine_stats stats;

    begin(&bench, 0);
    engine_readahead(bench.engine, 7, &view, &source, chunk_place(0, 0), 4096);
    CHECK(read_now(&bench, chunk_place(0, 0), 4096) == 0);
    wait_for_stats(&bench, 1);
    /* The second in order: the rest of this chunk, and 2 x cores pieces in all. */
    engine_readahead(bench.engine, 7, &view, &source, chunk_place(0, 0) + 4096, 4096);
    wait_for_stats(&bench, 2 * CORES);
    engine_stats(bench.engine, &stats);
    CHECK(stats.conversions_ahead == 2 * CORES - 1);
    read_sequentially(&bench, 8, 0, CHUNKS);
    CHECK(atomic_load(&source.converted[0][CHUNKS - 1]) == 1);
    for (unsigned i = 0; i < CHUNKS; i++)
        CHECK(atomic_load(&source.converted[0][i]) == 1);
    end(&bench);
}

static void a_closed_stream_converts_no_more(void)
{
    struct bench bench;
    struct engine_stats stats;

    begin(&bench, 0);
    gate(true);
    engine_readahead(bench.engine, 7, &view, &source, chunk_place(0, 0), 4096);
    engine_readahead(bench.engine, 7, &view, &source, chunk_place(0, 0) + 4096, 4096);
    wait_for_conversions(CORES);
    engine_stream_close(bench.engine, 7);
    engine_stats(bench.engine, &stats);
    CHECK(stats.dropped_ahead == CORES);
    gate(false);
    wait_for_stats(&bench, CORES);
    end(&bench);
}

static void a_seek_drops_what_was_ahead(void)
{
    struct bench bench;
    struct engine_stats stats;

    begin(&bench, 0);
    gate(true);
    engine_readahead(bench.engine, 7, &view, &source, chunk_place(0, 0), 4096);
    engine_readahead(bench.engine, 7, &view, &source, chunk_place(0, 0) + 4096, 4096);
    wait_for_conversions(CORES);
    engine_readahead(bench.engine, 7, &view, &source, chunk_place(1, 5), 4096);
    engine_stats(bench.engine, &stats);
    CHECK(stats.dropped_ahead == CORES);
    gate(false);
    end(&bench);
}

/* With all cores busy the demanded chunk runs next, though read-ahead was queued before it. */
static void demand_comes_before_read_ahead(void)
{
    struct bench bench;
    struct asked asked, second;

    begin(&bench, 0);
    gate(true);
    engine_readahead(bench.engine, 7, &view, &source, chunk_place(0, 0), 4096);
    engine_readahead(bench.engine, 7, &view, &source, chunk_place(0, 0) + 4096, 4096);
    wait_for_conversions(CORES);
    ask(&bench, &asked, chunk_place(1, 9), 10);
    ask(&bench, &second, chunk_place(0, CORES + 1),
        10); /* the last that is queued ahead: demanded now */
    CHECK(conversions() == CORES);
    gate(false);
    CHECK(wait_answer(&asked) == 0);
    CHECK(wait_answer(&second) == 0);
    CHECK(atomic_load(&source.converted[0][CORES + 1]) == 1);
    end(&bench);
}

/* Workers that read are not those that convert. */
static void copies_do_not_wait_for_conversions(void)
{
    struct bench bench;
    struct asked asked[20];

    begin(&bench, 0);
    gate(true);
    for (unsigned i = 0; i < 20; i++)
        ask(&bench, &asked[i], chunk_place(0, i), 10);
    wait_for_conversions(CORES);
    CHECK(read_now(&bench, COPY + 100, 5000) == 0);
    CHECK(read_now(&bench, 10, 500) == 0);
    gate(false);
    for (unsigned i = 0; i < 20; i++)
        CHECK(wait_answer(&asked[i]) == 0);
    end(&bench);
}

static void a_failure_is_told_to_all_once(void)
{
    struct bench bench;
    struct asked asked[5];
    int before;

    begin(&bench, 0);
    atomic_store(&source.failing, 4);
    gate(true);
    for (int i = 0; i < 4; i++)
        ask(&bench, &asked[i], chunk_place(0, 4) + (uint64_t)i, 10);
    ask(&bench, &asked[4], chunk_place(0, 3), 2 * CHUNK); /* gathered: part of it fails */
    wait_for_conversions(2);
    gate(false);
    for (int i = 0; i < 5; i++)
        CHECK(wait_answer(&asked[i]) == -EIO);
    CHECK(atomic_load(&source.failures) == 1);
    CHECK(strcmp(source.defect.text, "row 7") == 0);
    CHECK(read_now(&bench, chunk_place(0, 3), 10) == 0);
    /* Said of the weights once: nothing is converted or complained about again. */
    before = conversions();
    CHECK(read_now(&bench, chunk_place(0, 4), 10) == -EIO);
    CHECK(read_now(&bench, chunk_place(0, 3), 2 * CHUNK) == -EIO);
    CHECK(conversions() == before);
    CHECK(atomic_load(&source.failures) == 1);
    end(&bench);
}

static void a_changed_source_is_stale(void)
{
    struct bench bench;

    begin(&bench, 0);
    CHECK(read_now(&bench, chunk_place(0, 1), 10) == 0);
    atomic_store(&source.unchanged, -ESTALE);
    CHECK(read_now(&bench, chunk_place(0, 1), 10) == -ESTALE); /* at hand */
    CHECK(read_now(&bench, chunk_place(0, 2), 10) == -ESTALE); /* converted */
    CHECK(read_now(&bench, COPY, 10) == -ESTALE);
    CHECK(read_now(&bench, 0, 10) == -ESTALE);
    CHECK(atomic_load(&source.failures) == 4);
    end(&bench);
}

static void *end_engine(void *engine)
{
    engine_free(engine);
    return NULL;
}

static void the_end_answers_everybody(void)
{
    struct bench bench;
    struct asked asked[30];
    pthread_t thread;
    int answers[2] = {0};

    begin(&bench, 0);
    gate(true);
    for (unsigned i = 0; i < 29; i++)
        ask(&bench, &asked[i], chunk_place(0, i), i % 2 ? 10 : CHUNK + 10);
    wait_for_conversions(CORES);
    CHECK(pthread_create(&thread, NULL, end_engine, bench.engine) == 0);
    /* Those that wait in a queue are told at once, those whose conversion runs when it ends. */
    while (!is_answered(&asked[28]))
        usleep(1000);
    gate(false);
    CHECK(pthread_join(thread, NULL) == 0);
    for (unsigned i = 0; i < 29; i++) {
        int r = wait_answer(&asked[i]);

        CHECK(r == 0 || r == -ENODEV);
        answers[r == 0]++;
    }
    CHECK(answers[0] >= 25);
    pool_free(bench.pool);
    CHECK(atomic_load(&source.held) == 0);
}

/* A reader that has stopped does not keep the read-ahead of others. */
static void paused_streams_leave_room(void)
{
    struct bench bench;
    struct engine_stats before, after;

    begin(&bench, 1);
    for (unsigned i = 0; i < 20; i++) {
        engine_readahead(bench.engine, 100 + i, &view, &source, chunk_place(1, 3 * i), 4096);
        engine_readahead(bench.engine, 100 + i, &view, &source, chunk_place(1, 3 * i) + 4096, 4096);
    }
    do {
        usleep(1000);
        engine_stats(bench.engine, &before);
    } while (before.conversions < 60 || before.converting > 0);
    read_sequentially(&bench, 7, 0, 20);
    engine_stats(bench.engine, &after);
    CHECK(after.conversions_ahead - before.conversions_ahead >= 10);
    end(&bench);
}

/* What was made from bytes that may have changed unseen is made again when that is over. */
static void what_was_made_young_is_not_found_later(void)
{
    struct bench bench;

    begin(&bench, 0);
    atomic_store(&source.young, true);
    CHECK(read_now(&bench, chunk_place(0, 1), 10) == 0);
    CHECK(read_now(&bench, chunk_place(0, 1), 10) == 0);
    CHECK(conversions() == 1);
    atomic_store(&source.young, false);
    CHECK(read_now(&bench, chunk_place(0, 1), 10) == 0);
    CHECK(conversions() == 2);
    end(&bench);
}

/* A range that lacks nothing is not kept waiting by those that wait for conversions. */
static void what_is_at_hand_does_not_queue(void)
{
    struct bench bench;
    struct asked asked[60];

    begin(&bench, 1);
    CHECK(read_now(&bench, COPY - 100, 200) == 0); /* the last chunk, and what is copied */
    gate(true);
    for (unsigned i = 0; i < 60; i++)
        ask(&bench, &asked[i], chunk_place(1, i) + 10, 2 * CHUNK);
    wait_for_conversions(CORES);
    CHECK(read_now(&bench, COPY - 100, 200) == 0);
    CHECK(!is_answered(&asked[59]));
    gate(false);
    for (unsigned i = 0; i < 60; i++)
        CHECK(wait_answer(&asked[i]) == 0);
    end(&bench);
}

static void a_mirrored_file_ends_where_it_ends(void)
{
    struct bench bench;
    struct asked asked = {.size = 100};
    FILE *file = tmpfile();
    int fd = fileno(file);

    for (unsigned i = 0; i < 150; i++)
        CHECK(putc(byte_at(i), file) != EOF);
    CHECK(fflush(file) == 0);
    begin(&bench, 0);
    pthread_mutex_init(&asked.lock, NULL);
    pthread_cond_init(&asked.cond, NULL);
    engine_submit_file(bench.engine, fd, 0, 100, answered, &asked);
    CHECK(wait_answer(&asked) == 0);
    asked = (struct asked){.offset = 140, .size = 10};
    pthread_mutex_init(&asked.lock, NULL);
    pthread_cond_init(&asked.cond, NULL);
    engine_submit_file(bench.engine, fd, 140, 100, answered, &asked);
    CHECK(wait_answer(&asked) == 0);
    end(&bench);
    fclose(file);
}

static void *random_reader(void *argument)
{
    struct bench *bench = ((void **)argument)[0];
    unsigned seed = (unsigned)(uintptr_t)((void **)argument)[1];
    uint64_t stream = seed;

    for (int i = 0; i < 120; i++) {
        uint64_t offset = (unsigned)rand_r(&seed) % VIEW_SIZE;
        size_t size = 1 + (unsigned)rand_r(&seed) % (i % 4 ? 4096 : 200000);

        for (int step = 0; step < (i % 5 ? 1 : 6); step++, offset += size) {
            engine_readahead(bench->engine, stream, &view, &source, offset, size);
            CHECK(read_now(bench, offset, size) == 0);
        }
        if (i % 11 == 0)
            engine_stream_close(bench->engine, stream);
    }
    return NULL;
}

static void many_threads_with_little_memory(void)
{
    struct bench bench;
    pthread_t threads[12];
    void *arguments[12][2];

    begin(&bench, 1);
    for (unsigned i = 0; i < 12; i++) {
        arguments[i][0] = &bench;
        arguments[i][1] = (void *)(uintptr_t)(i + 1);
        CHECK(pthread_create(&threads[i], NULL, random_reader, arguments[i]) == 0);
    }
    for (unsigned i = 0; i < 12; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    end(&bench);
}

/* --- with a cache --------------------------------------------------------------------------------
 */

static char directory[] = "/var/tmp/quantfs-engine.XXXXXX";

static void open_cache(void)
{
    const struct cache_config config = {.path = directory, .min_free = {.given = true, .bytes = 0}};
    char reason[CACHE_REASON_SIZE] = "";
    int r = cache_new(&config, &source.cache, reason);

    if (r < 0)
        fprintf(stderr, "%s\n", reason);
    CHECK(r == 0);
}

static void close_cache(void)
{
    cache_free(source.cache);
    source.cache = NULL;
}

static void read_all_of_it(struct bench *bench)
{
    for (uint64_t offset = 0; offset < VIEW_SIZE; offset += 100000)
        CHECK(read_now(bench, offset, 100000) == 0);
}

static void wait_for_puts(uint64_t puts)
{
    struct cache_stats stats;

    do {
        usleep(1000);
        cache_stats(source.cache, &stats);
    } while (stats.puts + stats.dropped < puts);
    CHECK(stats.dropped == 0);
}

static void every_chunk_in_small_steps(struct bench *bench)
{
    for (uint64_t offset = 0; offset < VIEW_SIZE; offset += 4096)
        CHECK(read_now(bench, offset, 4096) == 0);
}

static void what_was_converted_is_not_converted_again(void)
{
    struct bench bench;
    struct engine_stats stats;

    open_cache();
    begin(&bench, 0);
    read_all_of_it(&bench);
    CHECK(conversions() == 2 * CHUNKS);
    wait_for_puts(2 * CHUNKS);
    end(&bench);
    close_cache();

    /* The next process: found by what is known of the source, not a byte of which is read. */
    open_cache();
    begin(&bench, 0);
    read_all_of_it(&bench);
    every_chunk_in_small_steps(&bench);
    CHECK(conversions() == 0);
    CHECK(atomic_load(&source.loads) == 0);
    engine_stats(bench.engine, &stats);
    CHECK(stats.recalled == 2 * CHUNKS && stats.conversions == 0);
    end(&bench);

    /* The same bytes under another version: they are read, and found by what they are. */
    source.version.mtime.tv_sec++;
    begin(&bench, 0);
    read_all_of_it(&bench);
    CHECK(conversions() == 0);
    CHECK(atomic_load(&source.loads) == 2 * CHUNKS);
    end(&bench);
    begin(&bench, 0);
    read_all_of_it(&bench);
    CHECK(conversions() == 0 && atomic_load(&source.loads) == 0);
    end(&bench);

    /* A type whose objects are not worth their room is neither looked for nor put. */
    source.version.mtime.tv_sec++;
    extents[0].type = TYPE_BF16;
    begin(&bench, 0);
    read_all_of_it(&bench);
    CHECK(conversions() == CHUNKS);
    end(&bench);
    begin(&bench, 0);
    read_all_of_it(&bench);
    CHECK(conversions() == CHUNKS);
    end(&bench);
    extents[0].type = TYPE_Q4_0;

    /* Other bytes under another version. */
    source.version.mtime.tv_sec++;
    source.content = 7;
    begin(&bench, 0);
    read_all_of_it(&bench);
    CHECK(conversions() == 2 * CHUNKS);
    wait_for_puts(2 * CHUNKS);
    end(&bench);
    close_cache();
}

static void a_young_version_is_not_noted(void)
{
    struct bench bench;

    open_cache();
    source.version.inode = YOUNG;
    source.content = 9;
    begin(&bench, 0);
    read_all_of_it(&bench);
    CHECK(conversions() == 2 * CHUNKS);
    wait_for_puts(2 * CHUNKS);
    end(&bench);
    begin(&bench, 0);
    read_all_of_it(&bench);
    CHECK(conversions() == 0 && atomic_load(&source.loads) == 2 * CHUNKS);
    end(&bench);
    source.version.inode = OLD;
    close_cache();
}

static void run_in_cache(const char *command)
{
    char line[512];

    snprintf(line, sizeof(line), "cd %s && %s", directory, command);
    CHECK(system(line) == 0);
}

/* Every answer is right whatever becomes of the cache's files, also of those that are open. */
static void a_cache_that_goes_harms_nobody(void)
{
    struct bench bench;

    open_cache();
    begin(&bench, 1);
    read_all_of_it(&bench);
    run_in_cache("find . -path './[0-9a-f]/*' -type f -exec truncate -s 5000 {} +");
    read_all_of_it(&bench);
    wait_for_conversions(0);
    run_in_cache("find . -path './[0-9a-f]/*' -type f -exec truncate -s 70000 {} +");
    read_all_of_it(&bench);
    run_in_cache("until rm -rf ? 2>/dev/null; do :; done");
    read_all_of_it(&bench);
    end(&bench);
    close_cache();
}

static void a_stream_is_read_ahead_from_the_cache(void)
{
    struct bench bench;
    struct engine_stats stats;

    open_cache();
    begin(&bench, 0);
    read_all_of_it(&bench);
    end(&bench);
    begin(&bench, 0);
    engine_readahead(bench.engine, 7, &view, &source, chunk_place(0, 0), 4096);
    engine_readahead(bench.engine, 7, &view, &source, chunk_place(0, 0) + 4096, 4096);
    do {
        usleep(1000);
        engine_stats(bench.engine, &stats);
    } while (stats.recalled < 2 * CORES);
    CHECK(stats.conversions == 0);
    end(&bench);
    close_cache();
}

/* Objects that are wholly in the page cache; `drop`: asks the kernel to forget them first. */
static unsigned objects_in_memory(bool drop)
{
    char pattern[64];
    unsigned count = 0;
    glob_t found;

    snprintf(pattern, sizeof(pattern), "%s/[0-9a-f]/*", directory);
    CHECK(glob(pattern, 0, NULL, &found) == 0);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        int fd = open(found.gl_pathv[i], O_RDONLY | O_CLOEXEC);
        unsigned char pages[CHUNK / 4096 + 2] = {0};
        struct stat st;
        void *at;

        CHECK(fd >= 0 && fstat(fd, &st) == 0);
        /* A manifest, or a chunk of half the size, is none of those that are looked for. */
        if (st.st_size == CHUNK + 4096) {
            CHECK(!drop || (fsync(fd) == 0 && posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) == 0));
            at = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
            CHECK(at != MAP_FAILED && mincore(at, (size_t)st.st_size, pages) == 0);
            CHECK(munmap(at, (size_t)st.st_size) == 0);
            count += memchr(pages, 0, CHUNK / 4096 + 1) == NULL;
        }
        close(fd);
    }
    globfree(&found);
    return count;
}

/* Objects stay open for longer than the kernel keeps their bytes. */
static void open_objects_are_read_ahead(void)
{
    struct bench bench;

    open_cache();
    begin(&bench, 0);
    read_all_of_it(&bench);
    CHECK(objects_in_memory(false) > 2 * CORES);
    if (objects_in_memory(true) > 0) {
        fprintf(stderr, "the filesystem of %s keeps all in memory\n", directory);
    } else {
        engine_readahead(bench.engine, 8, &view, &source, chunk_place(0, 3), 4096);
        engine_readahead(bench.engine, 8, &view, &source, chunk_place(0, 3) + 4096, 4096);
        for (int i = 0; objects_in_memory(false) < 2 * CORES; i++) {
            CHECK(i < 10000);
            usleep(1000);
        }
        CHECK(objects_in_memory(false) == 2 * CORES);
    }
    end(&bench);
    close_cache();
}

/* These hold without a cache, and with one that knows nothing. */
static void (*const tests[])(void) = {
    every_range_has_its_bytes,       many_readers_convert_once,
    a_converted_chunk_stays_at_hand, copies_do_not_wait_for_conversions,
    a_failure_is_told_to_all_once,   a_changed_source_is_stale,
    the_end_answers_everybody,       a_mirrored_file_ends_where_it_ends,
    many_threads_with_little_memory,
};

int main(void)
{
    source.version.inode = OLD;
    source.content = 1;
    pthread_mutex_init(&source.lock, NULL);
    pthread_cond_init(&source.cond, NULL);
    for (unsigned i = 0; i < HEADER; i++)
        header[i] = byte_at(i);
    for (int i = 0; i < 2; i++) {
        tensors[i] = (struct source_tensor){
            .name = "t", .type = TYPE_F16, .offset = (uint64_t)i * CHUNKS * CHUNK};
        extents[i] =
            (struct extent){.tensor = &tensors[i], .type = TYPE_Q4_0, .chunk_count = CHUNKS};
    }
    view = (struct view){
        .source = &source,
        .size = VIEW_SIZE,
        .header_size = FIRST,
        .extent_count = 2,
        .extents = extents,
    };
    for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
        tests[i]();
    what_is_at_hand_is_bounded();
    reading_in_order_converts_ahead();
    a_closed_stream_converts_no_more();
    a_seek_drops_what_was_ahead();
    demand_comes_before_read_ahead();
    paused_streams_leave_room();
    what_was_made_young_is_not_found_later();
    what_is_at_hand_does_not_queue();

    CHECK(mkdtemp(directory) && chmod(directory, 0700) == 0);
    source.fd = open(directory, O_RDONLY | O_CLOEXEC);
    CHECK(source.fd >= 0);
    what_was_converted_is_not_converted_again();
    a_young_version_is_not_noted();
    a_stream_is_read_ahead_from_the_cache();
    open_objects_are_read_ahead();
    a_cache_that_goes_harms_nobody();
    for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
        open_cache();
        /* A source that the cache has never seen. */
        source.version.mtime.tv_sec++;
        source.content = (uint8_t)(100 + i);
        tests[i]();
        close_cache();
    }
    run_in_cache("rm -rf ./* ./.[!.]*");
    close(source.fd);
    CHECK(rmdir(directory) == 0);
    return 0;
}
