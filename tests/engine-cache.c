/* If this failed, what was converted would be converted again, or come from the cache for what it
 * is not. */
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "quant/kernel/kernel.h"
#include "tests/engine-case.h"

/* Puts wait here while it is locked. */
static pthread_mutex_t disk = PTHREAD_MUTEX_INITIALIZER;
static unsigned cold_puts; /* of them; under the lock */

int __real_cache_put(struct cache *cache, const struct name *name, const struct cache_bytes *bytes);
int __wrap_cache_put(struct cache *cache, const struct name *name, const struct cache_bytes *bytes);

int __wrap_cache_put(struct cache *cache, const struct name *name, const struct cache_bytes *bytes)
{
    pthread_mutex_lock(&disk);
    cold_puts += bytes->cold;
    pthread_mutex_unlock(&disk);
    return __real_cache_put(cache, name, bytes);
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

static void add_numbers(struct digest *digest, const uint64_t *numbers, size_t count)
{
    for (size_t i = 0; i < count; i++)
        name_add_number(digest, numbers[i]);
}

/* Kernel version, types and transform of both tensors, and no importance matrix. */
static void add_conversion(struct digest *digest)
{
    const uint64_t numbers[] = {KERNEL_VERSION, TYPE_Q4_0, TYPE_F16};

    add_numbers(digest, numbers, 3);
    name_add(digest, NULL, 0);
}

static bool is_there(struct digest *digest)
{
    char text[NAME_TEXT_SIZE], path[256];
    struct name name;

    CHECK(name_end(digest, &name) == 0);
    name_format(&name, text);
    snprintf(path, sizeof(path), "%s/%c/%s", directory, text[0], text);
    return access(path, F_OK) == 0;
}

/* Made here without the store's code, so that nothing that decides the bytes of a chunk is lost
 * from its name, and caches that share a secret agree. */
static void names_have_all_that_decides(void)
{
    const struct version *version = &source.version;
    const struct chunk chunk = view_chunk(&view, 0, 3);
    uint8_t *weights = malloc(chunk.source_size);
    struct fingerprint fingerprint;
    struct digest digest;
    struct bench bench;

    open_cache();
    source.version.device = 77; /* is in no name: its number changes at reboot */
    source.version.size = 123;
    source.version.mtime = (struct timespec){1000, 5};
    source.version.ctime = (struct timespec){2000, 6};
    source.content = 11;
    begin(&bench, 0);
    read_all_of_it(&bench);
    end(&bench);

    CHECK(weights);
    memset(weights, 3, chunk.source_size);
    weights[0] = source.content;
    CHECK(fingerprint_make(cache_key(source.cache), weights, chunk.source_size, &fingerprint) == 0);
    name_begin(&digest, cache_key(source.cache), "object");
    add_conversion(&digest);
    name_add(&digest, NULL, 0);
    name_add_number(&digest, chunk.columns);
    name_add_number(&digest, chunk.source_size);
    name_add(&digest, fingerprint.bytes, sizeof(fingerprint.bytes));
    CHECK(is_there(&digest));

    for (uint64_t i = 0; i < 2; i++) {
        const struct source_tensor *tensor = extents[i].tensor;
        const uint64_t numbers[] = {version->inode, version->size,
                                    1000,           5,
                                    2000,           6,
                                    tensor->offset, tensor->size,
                                    tensor->ne[0],  tensor->ne[1],
                                    tensor->ne[2],  tensor->ne[3]};

        name_begin(&digest, cache_key(source.cache), "manifest");
        add_numbers(&digest, numbers, sizeof(numbers) / sizeof(numbers[0]));
        add_conversion(&digest);
        name_add(&digest, NULL, 0);
        CHECK(is_there(&digest));
    }
    free(weights);
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

/* A disk that is too slow makes no reader wait, and takes no more memory than it may. */
static void what_cannot_be_written_is_dropped(void)
{
    struct cache_stats stats;
    struct bench bench;

    open_cache();
    source.version.mtime.tv_sec++;
    source.content = 13;
    begin(&bench, 1); /* the least memory: 8 MiB of chunks at hand, of which a half may wait */
    pthread_mutex_lock(&disk);
    read_all_of_it(&bench);
    pthread_mutex_unlock(&disk);
    end(&bench);
    cache_stats(source.cache, &stats);
    CHECK(stats.puts > 10 && stats.puts * CHUNK < (uint64_t)5 << 20);
    CHECK(stats.puts + stats.dropped == 2 * CHUNKS);

    /* What was dropped is made again. */
    begin(&bench, 0);
    read_all_of_it(&bench);
    CHECK((uint64_t)conversions() == stats.dropped);
    end(&bench);
    close_cache();
}

/* What comes of a big source shall not stay in memory; all else may. */
static void what_comes_of_a_big_source_is_cold(void)
{
    struct bench bench;

    open_cache();
    CHECK(cold_puts == 0);
    source.version.size = UINT64_MAX;
    source.content = 15;
    begin(&bench, 0);
    read_all_of_it(&bench);
    wait_for_puts(2 * CHUNKS);
    end(&bench);
    CHECK(cold_puts == 2 * CHUNKS);
    source.version.size = 1;
    close_cache();
}

/* Cleared by another process, the cache gets all of it again: the lists, too, by which the next
 * process finds it without a byte of the source. */
static void what_was_cleared_is_written_again(void)
{
    struct rlimit limit, few;
    struct bench bench;

    /* Not many objects stay open, from which chunks could be had in spite of it. */
    CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    few = (struct rlimit){64, limit.rlim_max};
    CHECK(setrlimit(RLIMIT_NOFILE, &few) == 0);
    open_cache();
    source.content = 17;
    for (int round = 0; round < 2; round++) {
        begin(&bench, 0);
        read_all_of_it(&bench);
        end(&bench);
        run_in_cache(round == 0 ? "find . -path './[0-9a-f]/*' -type f -delete" : "true");
    }
    close_cache();
    CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    open_cache();
    begin(&bench, 0);
    read_all_of_it(&bench);
    /* But for the few that were open. */
    CHECK(atomic_load(&source.loads) <= 64 / 4);
    end(&bench);
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
    names_have_all_that_decides();
    a_young_version_is_not_noted();
    what_cannot_be_written_is_dropped();
    what_comes_of_a_big_source_is_cold();
    what_was_cleared_is_written_again();
    a_cache_that_goes_harms_nobody();
    remove_directory();
    return 0;
}
