/* If this failed, reads of a view could be wrong, late, converted twice, or never answered. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/engine-case.h"

static void every_range_has_its_bytes(void)
{
    struct bench bench;
    unsigned seed = 1;
    uint8_t *whole = malloc(VIEW_SIZE);

    begin(&bench, 0);
    CHECK(read_now(&bench, 0, HEADER_SIZE + PADDING) == 0);
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

static uint64_t at_hand(struct bench *bench)
{
    struct engine_stats stats;

    engine_stats(bench->engine, &stats);
    return stats.at_hand;
}

/* Memory that is used again at once is still in the processor's cache. */
static void what_is_asked_for_once_is_not_kept(void)
{
    struct bench bench;
    int left;

    source.once = true;
    begin(&bench, 0);
    CHECK(read_now(&bench, chunk_place(0, 3), 2 * CHUNK) == 0);
    CHECK(read_now(&bench, chunk_place(0, 5), CHUNK) == 0);
    /* It goes after the answer. */
    for (left = 30000; left > 0 && at_hand(&bench) > 0; left--)
        (void)usleep(1000);
    CHECK(at_hand(&bench) == 0);
    CHECK(read_now(&bench, chunk_place(0, 5), CHUNK) == 0);
    CHECK(conversions() == 4);
    end(&bench);
    source.once = false;
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
    CHECK(conversions() == 1); /* what was read of a changed source is made into nothing */
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

struct slow_read {
    struct pool_job job;
    atomic_bool *end;
    atomic_int *running;
};

static void run_slow_read(struct pool_job *job)
{
    struct slow_read *read = (struct slow_read *)((char *)job - offsetof(struct slow_read, job));

    atomic_fetch_add(read->running, 1);
    while (!atomic_load(read->end))
        (void)usleep(1000);
    atomic_fetch_sub(read->running, 1);
}

/* Nor does one that waits for conversions alone stand behind reads of a slow disk. */
static void what_needs_no_file_does_not_wait_for_one(void)
{
    enum { MANY = 20 };
    struct slow_read reads[MANY];
    atomic_bool over = false;
    atomic_int running = 0;
    struct asked asked;
    struct bench bench;

    begin(&bench, 0);
    for (int i = 0; i < MANY; i++) {
        reads[i] =
            (struct slow_read){.job = {.run = run_slow_read}, .end = &over, .running = &running};
        pool_add(bench.pool, &reads[i].job, POOL_READY);
    }
    ask(&bench, &asked, chunk_place(0, 3) + 10, 2 * CHUNK);
    CHECK(wait_answer(&asked) == 0);
    ask(&bench, &asked, chunk_place(0, 4) + 10, 2 * CHUNK); /* two at hand, one not */
    CHECK(wait_answer(&asked) == 0);
    CHECK(conversions() == 4 && atomic_load(&running) > 0);
    atomic_store(&over, true);
    do {
        (void)usleep(1000);
    } while (atomic_load(&running) > 0);
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
    case_begin();
    for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
        tests[i]();
    what_is_at_hand_is_bounded();
    what_is_asked_for_once_is_not_kept();
    what_was_made_young_is_not_found_later();
    what_is_at_hand_does_not_queue();
    what_needs_no_file_does_not_wait_for_one();

    make_directory();
    for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
        open_cache();
        /* A source that the cache has never seen. */
        source.version.mtime.tv_sec++;
        source.content = (uint8_t)(100 + i);
        tests[i]();
        close_cache();
    }
    remove_directory();
    return 0;
}
