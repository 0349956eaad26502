/* If this failed, a reader in order would wait for each chunk, or read-ahead would keep others
 * waiting. */
#include <fcntl.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/engine-case.h"

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
    /* The second in order: 2 x cores chunks beyond the one that it lies in. */
    engine_readahead(bench.engine, 7, &view, &source, chunk_place(0, 0) + 4096, 4096);
    wait_for_stats(&bench, 2 * CORES + 1);
    engine_stats(bench.engine, &stats);
    CHECK(stats.conversions_ahead == 2 * CORES);
    read_sequentially(&bench, 8, 0, CHUNKS);
    CHECK(atomic_load(&source.converted[0][CHUNKS - 1]) == 1);
    for (unsigned i = 0; i < CHUNKS; i++)
        CHECK(atomic_load(&source.converted[0][i]) == 1);
    end(&bench);
}

/* Else whoever reads single pages here and there would have whole chunks read for nothing. */
static void pages_here_and_there_are_no_stream(void)
{
    struct bench bench;
    struct engine_stats stats;

    begin(&bench, 0);
    for (uint32_t i = 1; i <= 12; i++) {
        uint64_t offset = chunk_place(0, 0) + (uint64_t)(i % 2 ? i : 24 - i) * 48 * 1024;

        engine_readahead(bench.engine, 7, &view, &source, offset, 4096);
        CHECK(read_now(&bench, offset, 4096) == 0);
    }
    engine_stats(bench.engine, &stats);
    CHECK(stats.conversions_ahead == 0);
    end(&bench);
}

/* The kernel's own read-ahead sends several at once. A small last one is of the stream, too. */
static void requests_that_overtake_each_other_are_a_stream(void)
{
    static const struct {
        uint32_t offset, size;
    } requests[] = {{0, 128}, {384, 128}, {128, 128}, {512, 4}, {256, 128}};
    struct bench bench;
    struct engine_stats stats;

    begin(&bench, 0);
    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++)
        engine_readahead(bench.engine, 7, &view, &source,
                         chunk_place(0, 0) + (uint64_t)requests[i].offset * 1024,
                         (size_t)requests[i].size * 1024);
    /* Eight behind those of 128 KiB, and one more behind the chunk that the small one lies in. */
    wait_for_stats(&bench, 4 * CORES + 1);
    engine_stats(bench.engine, &stats);
    CHECK(stats.dropped_ahead == 0);
    end(&bench);
}

/* Else a reader would wait for the disk, and the disk for conversions. */
static void the_source_of_a_stream_is_fetched_ahead(void)
{
    struct bench bench;
    int fetched;

    begin(&bench, 0);
    atomic_store(&source.fetched, 0);
    CHECK(read_now(&bench, chunk_place(0, 20), 10) == 0); /* no stream */
    CHECK(atomic_load(&source.fetched) == 0);
    engine_readahead(bench.engine, 7, &view, &source, chunk_place(0, 0), 4096);
    engine_readahead(bench.engine, 7, &view, &source, chunk_place(0, 0) + 4096, 4096);
    wait_for_stats(&bench, 2 * CORES + 2);
    /* All of this little view behind the first chunk, or one of the next. */
    fetched = atomic_load(&source.fetched);
    CHECK(fetched >= (int)((2 * CHUNKS - 2 * CORES - 2) * 2 * CHUNK + COPIED));
    CHECK(fetched <= (int)((2 * CHUNKS - 1) * 2 * CHUNK + COPIED));
    /* Once. */
    read_sequentially(&bench, 7, 1, CHUNKS);
    CHECK(atomic_load(&source.fetched) == fetched);
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
    CHECK(stats.dropped_ahead == CORES + 1);
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
    CHECK(stats.dropped_ahead == CORES + 1);
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
    ask(&bench, &second, chunk_place(0, 2 * CORES),
        10); /* the last that is queued ahead: demanded now */
    CHECK(conversions() == CORES);
    gate(false);
    CHECK(wait_answer(&asked) == 0);
    CHECK(wait_answer(&second) == 0);
    CHECK(atomic_load(&source.converted[0][2 * CORES]) == 1);
    end(&bench);
}

/* A reader that has stopped does not keep the read-ahead of others. */
static void paused_streams_leave_room(void)
{
    struct bench bench;
    struct engine_stats before;

    begin(&bench, 1);
    for (unsigned i = 0; i < 20; i++) {
        engine_readahead(bench.engine, 100 + i, &view, &source, chunk_place(1, 3 * i), 4096);
        engine_readahead(bench.engine, 100 + i, &view, &source, chunk_place(1, 3 * i) + 4096, 4096);
    }
    do {
        usleep(1000);
        engine_stats(bench.engine, &before);
    } while (before.conversions < 60 || before.converting > 0);
    for (uint32_t i = 0; i < 20; i++) {
        engine_readahead(bench.engine, 7, &view, &source, chunk_place(0, i), CHUNK);
        for (int tries = 0; i > 0 && atomic_load(&source.converted[0][i + 2 * CORES]) == 0;
             tries++) {
            CHECK(tries < 10000);
            usleep(1000);
        }
    }
    end(&bench);
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
    atomic_store(&source.fetched, 0);
    engine_readahead(bench.engine, 7, &view, &source, chunk_place(0, 0), 4096);
    engine_readahead(bench.engine, 7, &view, &source, chunk_place(0, 0) + 4096, 4096);
    do {
        usleep(1000);
        engine_stats(bench.engine, &stats);
    } while (stats.recalled < 2 * CORES);
    CHECK(stats.conversions == 0);
    CHECK(atomic_load(&source.fetched) == 0);
    end(&bench);
    close_cache();
}

enum look { LOOK, LOAD, DROP };

static void load_file(int fd)
{
    char bytes[4096];

    for (off_t at = 0; pread(fd, bytes, sizeof(bytes), at) > 0;)
        at += sizeof(bytes);
}

/* Objects that are wholly in the page cache, after they were read or the kernel was asked to forget
 * them. */
static unsigned objects_in_memory(enum look look)
{
    char pattern[64];
    unsigned count = 0;
    glob_t found;

    snprintf(pattern, sizeof(pattern), "%s/[0-9a-f]/*", directory);
    CHECK(glob(pattern, 0, NULL, &found) == 0);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        int fd = open(found.gl_pathv[i], O_RDONLY | O_CLOEXEC);
        unsigned char pages[CHUNK / 4096 + 3] = {0};
        struct stat st;
        void *at;

        CHECK(fd >= 0 && fstat(fd, &st) == 0);
        /* A manifest, or a chunk of half the size, is none of those that are looked for. */
        if (st.st_size > CHUNK && st.st_size <= CHUNK + 2 * 4096) {
            if (look == LOAD)
                load_file(fd);
            if (look == DROP)
                CHECK(fsync(fd) == 0 && posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) == 0);
            at = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
            CHECK(at != MAP_FAILED && mincore(at, (size_t)st.st_size, pages) == 0);
            CHECK(munmap(at, (size_t)st.st_size) == 0);
            count += memchr(pages, 0, ((size_t)st.st_size + 4095) / 4096) == NULL;
        }
        close(fd);
    }
    globfree(&found);
    return count;
}

/* What is converted is in the view's pages already: an object takes no memory from others. */
static void new_objects_take_no_page_cache(void)
{
    struct bench bench;

    open_cache();
    begin(&bench, 0);
    CHECK(read_now(&bench, chunk_place(0, 3), CHUNK) == 0);
    end(&bench);
    if (objects_in_memory(LOOK) > 0)
        CHECK(objects_in_memory(DROP) > 0); /* the filesystem keeps all in memory */
    CHECK(objects_in_memory(LOAD) == 1);
    close_cache();
}

/* Objects stay open for longer than the kernel keeps their bytes. */
static void open_objects_are_read_ahead(void)
{
    struct bench bench;

    open_cache();
    begin(&bench, 0);
    read_all_of_it(&bench);
    CHECK(objects_in_memory(LOAD) > 2 * CORES);
    if (objects_in_memory(DROP) > 0) {
        fprintf(stderr, "the filesystem of %s keeps all in memory\n", directory);
    } else {
        engine_readahead(bench.engine, 8, &view, &source, chunk_place(0, 3), 4096);
        engine_readahead(bench.engine, 8, &view, &source, chunk_place(0, 3) + 4096, 4096);
        /* That which is being read, and those ahead. */
        for (int i = 0; objects_in_memory(LOOK) < 2 * CORES + 1; i++) {
            CHECK(i < 10000);
            usleep(1000);
        }
        CHECK(objects_in_memory(LOOK) == 2 * CORES + 1);
    }
    end(&bench);
    close_cache();
}

int main(void)
{
    case_begin();
    reading_in_order_converts_ahead();
    pages_here_and_there_are_no_stream();
    requests_that_overtake_each_other_are_a_stream();
    the_source_of_a_stream_is_fetched_ahead();
    a_closed_stream_converts_no_more();
    a_seek_drops_what_was_ahead();
    demand_comes_before_read_ahead();
    paused_streams_leave_room();

    make_directory();
    new_objects_take_no_page_cache();
    a_stream_is_read_ahead_from_the_cache();
    open_objects_are_read_ahead();
    remove_directory();
    return 0;
}
