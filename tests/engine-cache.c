/* If this failed, what was converted would be converted again, or come from the cache for what it
 * is not. */
#include <stdlib.h>
#include <unistd.h>

#include "tests/engine-case.h"

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

int main(void)
{
    case_begin();
    make_directory();
    what_was_converted_is_not_converted_again();
    a_young_version_is_not_noted();
    a_cache_that_goes_harms_nobody();
    remove_directory();
    return 0;
}
