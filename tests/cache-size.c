/* If this failed, a cache would grow beyond its size, lose what is young instead of what is old, or
 * its verbs would tell something else than what is there. */
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/vfs.h>
#include <sys/wait.h>

#include "tests/cache-case.h"

static void test_eviction(void)
{
    enum { SHARE_FILES = 20 };
    struct cache_config config = {.path = in_work("evict"),
                                  .size = {true, 0, (uint64_t)16 * SHARE_FILES * CHUNK_ON_DISK},
                                  .min_free = {.given = true}};
    uint64_t objects, bytes, kept = 0, hot = 5;
    struct cache_object *open;
    struct cache *cache;
    struct name name;

    CHECK_EQ(open_config(&config, &cache), 0);
    CHECK_EQ(cache_size_bytes(cache), config.size.bytes);
    for (uint64_t i = 0; i < 1000; i++) {
        if (i % 11 == 10)
            continue;
        CHECK_EQ(put(cache, i), 0);
        set_age(file_of(cache, "evict", "object", i), (time_t)(1000 + i));
    }
    CHECK(cache_wants_trim(cache));
    name = make_name(cache, "object", 4);
    CHECK_EQ(cache_open(cache, &name, &open), 0);
    set_age(file_of(cache, "evict", "object", 4), 1);
    CHECK(found(cache, hot)); /* young again */
    shell("touch -d '2 hours ago' '%s' && touch '%s'", in_work("evict/tmp/0000000000000001"),
          in_work("evict/tmp/0000000000000002"));
    shell("touch '%s' && mkdir '%s'", in_work("evict/0/mine"), in_work("evict/0/too"));
    trim(cache);
    CHECK_EQ(cache_usage(cache, &objects, &bytes), 0);
    /* Each directory has gone down to nine tenths of its share. */
    CHECK(bytes <= config.size.bytes * 9 / 10 && bytes >= config.size.bytes * 8 / 10);
    CHECK_EQ(bytes, objects * CHUNK_ON_DISK);
    CHECK_EQ(stats_of(cache).evicted, 1000 - 90 - objects);
    /* The oldest have gone: in each directory, all that is left is younger than what is not. */
    for (unsigned digit = 0; digit < 16; digit++) {
        bool seen = false;

        for (uint64_t i = 0; i < 1000; i++) {
            name = make_name(cache, "object", i);
            if (i % 11 == 10 || name.bytes[0] >> 4 != digit || i == hot)
                continue;
            if (access(file_of(cache, "evict", "object", i), F_OK) == 0) {
                seen = true;
                kept++;
            } else {
                CHECK(!seen);
            }
        }
    }
    CHECK_EQ(kept + 1, objects);
    CHECK(found(cache, hot));
    CHECK(access(file_of(cache, "evict", "object", 4), F_OK) < 0);
    check_bytes(cache, open, 4); /* evicted while open: who reads it goes on */
    cache_close(cache, open);
    CHECK(access(in_work("evict/tmp/0000000000000001"), F_OK) < 0);
    CHECK(access(in_work("evict/tmp/0000000000000002"), F_OK) == 0);
    CHECK(access(in_work("evict/0/mine"), F_OK) == 0 && access(in_work("evict/0/too"), F_OK) == 0);
    cache_free(cache);
}

/* Whoever puts little and ends, again and again, must not make a cache grow for ever. */
static void test_short_lives(void)
{
    struct cache_config config = {.path = in_work("short"),
                                  .size = {true, 0, (uint64_t)16 * 40 * CHUNK_ON_DISK},
                                  .min_free = {.given = true}};
    uint64_t objects, bytes;
    struct cache *cache;

    for (uint64_t life = 0; life < 150; life++) {
        CHECK_EQ(open_config(&config, &cache), 0);
        for (uint64_t i = 0; i < 8; i++)
            CHECK_EQ(put(cache, life * 8 + i), 0);
        while (cache_wants_trim(cache))
            cache_trim_step(cache);
        CHECK_EQ(cache_usage(cache, &objects, &bytes), 0);
        cache_free(cache);
    }
    CHECK(bytes > config.size.bytes / 2 && bytes < config.size.bytes * 5 / 4);
}

/* A size of nothing is a cache of nothing. */
static void test_no_size(void)
{
    struct cache_config config = {
        .path = in_work("none"), .size = {.given = true}, .min_free = {.given = true}};
    struct cache *cache;

    CHECK_EQ(open_config(&config, &cache), 0);
    CHECK_EQ(put(cache, 1), -EFBIG);
    CHECK(!found(cache, 1) && stats_of(cache).dropped == 1);
    cache_free(cache);
}

static void test_low_space(void)
{
    /* So large that no directory of it is due to be listed, wherever the cache starts counting. */
    struct cache_config config = {.path = in_work("low"),
                                  .clock = fake_clock,
                                  .size = {true, 0, UINT64_MAX},
                                  .min_free = {.given = true}};
    struct cache *cache, *greedy;
    uint64_t objects, bytes;

    CHECK_EQ(open_config(&config, &cache), 0);
    for (uint64_t i = 0; i < 50; i++)
        CHECK_EQ(put(cache, i), 0);
    CHECK(!cache_wants_trim(cache));
    config.min_free.percent = 100;
    CHECK_EQ(open_config(&config, &greedy), 0);
    CHECK_EQ(put(greedy, 60), -ENOSPC);
    CHECK(cache_wants_trim(greedy));
    CHECK_EQ(stats_of(greedy).dropped, 1);
    trim(greedy);
    CHECK_EQ(cache_usage(greedy, &objects, &bytes), 0);
    CHECK_EQ(objects, 0);
    /* Who else fills the disk does not make us list directories all the time. */
    CHECK_EQ(put(greedy, 61), -ENOSPC);
    CHECK(!cache_wants_trim(greedy));
    state.ms += 60000;
    CHECK_EQ(put(greedy, 61), -ENOSPC);
    CHECK(cache_wants_trim(greedy));
    cache_free(greedy);
    cache_free(cache);
}

/* -1: this filesystem keeps its files in memory. */
static int resident_pages(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC), count = 0;
    unsigned char pages[CHUNK_ON_DISK / 4096];
    struct statfs filesystem;
    void *map;

    CHECK(fd >= 0 && fstatfs(fd, &filesystem) == 0);
    map = mmap(NULL, CHUNK_ON_DISK, PROT_READ, MAP_SHARED, fd, 0);
    CHECK(map != MAP_FAILED && mincore(map, CHUNK_ON_DISK, pages) == 0);
    for (size_t i = 0; i < sizeof(pages); i++)
        count += pages[i] & 1;
    CHECK(munmap(map, CHUNK_ON_DISK) == 0 && close(fd) == 0);
    return filesystem.f_type == TMPFS_MAGIC ? -1 : count;
}

/* The first eight of them are cold. */
static void put_ten(struct cache *cache)
{
    uint8_t data[CHUNK];

    for (uint64_t i = 0; i < 10; i++) {
        struct name name = make_name(cache, "object", i);
        const struct cache_bytes bytes = {.data = data, .size = CHUNK, .cold = i < 8};

        make_data(i, data);
        CHECK_EQ(cache_put(cache, &name, &bytes), 0);
    }
    shell("sync -f '%s'", in_work("cold"));
}

static bool ten_are_resident(struct cache *cache)
{
    for (uint64_t i = 0; i < 10; i++)
        if (resident_pages(file_of(cache, "cold", "object", i)) == 0)
            return false;
    return true;
}

/* What was written cold is in memory no more once it is on the disk; all else is. */
static void test_cold(void)
{
    struct cache *cache = open_cache("cold");
    int tries = 0;

    /* Where memory is short the kernel may take pages before we do. */
    do {
        CHECK(tries++ < 10);
        put_ten(cache);
    } while (!ten_are_resident(cache));
    cache_flush(cache);
    for (uint64_t i = 0; i < 10; i++) {
        int pages = resident_pages(file_of(cache, "cold", "object", i));

        CHECK(pages < 0 || (pages > 0) == (i >= 8));
        CHECK(found(cache, i));
    }
    cache_free(cache);
}

static void count_progress(void *context, uint64_t done, uint64_t total)
{
    uint64_t *last = context;

    CHECK(done == *last + 1 && done <= total);
    *last = done;
}

static void test_upkeep(void)
{
    struct cache *cache = open_cache("upkeep"), *verb = open_cache("upkeep");
    uint64_t good, removed, objects, bytes, progress = 0;
    struct name record = make_name(cache, "source", 1);

    for (uint64_t i = 0; i < 20; i++) {
        CHECK_EQ(put(cache, i), 0);
        set_age(file_of(cache, "upkeep", "object", i), (time_t)(1000 + i));
    }
    CHECK_EQ(cache_put_record(cache, &record, "abc", 3), 0);
    note(cache, 1, 10, 1, 1);
    cache_flush(cache);
    CHECK(cache_usage(verb, &objects, &bytes) == 0 && objects == 22);
    damage(file_of(cache, "upkeep", "object", 3), 9999);
    shell("truncate -s 100 '%s'", file_of(cache, "upkeep", "object", 10));
    shell("echo > '%s'", in_work("upkeep/b/README"));
    CHECK_EQ(cache_verify(verb, count_progress, &progress, &good, &removed), 0);
    CHECK(good == 20 && removed == 2 && progress == 22);
    CHECK(access(file_of(cache, "upkeep", "object", 3), F_OK) < 0);
    CHECK(access(in_work("upkeep/b/README"), F_OK) == 0);
    CHECK(cache_verify(verb, NULL, NULL, &good, &removed) == 0 && good == 20 && removed == 0);

    CHECK_EQ(cache_trim_to(verb, 10 * CHUNK_ON_DISK, &removed), 0);
    CHECK(cache_usage(verb, &objects, &bytes) == 0 && bytes <= 10 * CHUNK_ON_DISK);
    CHECK(bytes > 8 * CHUNK_ON_DISK && objects == 20 - removed);
    CHECK(!found(verb, 0) && found(verb, 19)); /* verifying has made nothing young */
    CHECK(cache_trim_to(verb, UINT64_MAX, &removed) == 0 && removed == 0);

    CHECK_EQ(cache_clear(verb, &removed), 0);
    CHECK(removed == objects && cache_usage(verb, &objects, &bytes) == 0 && objects == 0);
    CHECK(put(cache, 2) == 0 && found(verb, 2)); /* one secret still */
    cache_free(verb);
    cache_free(cache);
}

static void test_counters(void)
{
    struct cache *cache = open_cache("counters");
    struct cache_stats stats;

    CHECK_EQ(put(cache, 1), 0);
    cache_free(cache);
    for (int round = 0; round < 10; round++) {
        pid_t children[6];
        int status;

        for (int i = 0; i < 6; i++) {
            children[i] = fork();
            CHECK(children[i] >= 0);
            if (children[i] == 0) {
                cache = open_cache("counters");
                CHECK(found(cache, 1) && !found(cache, 2));
                cache_flush(cache);
                cache_flush(cache); /* counts nothing twice */
                CHECK(found(cache, 1));
                cache_count_dropped(cache);
                cache_free(cache);
                _exit(0);
            }
        }
        for (int i = 0; i < 6; i++)
            CHECK(waitpid(children[i], &status, 0) > 0 && status == 0);
    }
    cache = open_cache("counters");
    CHECK_EQ(cache_stats_all(cache, &stats), 0);
    CHECK_EQ(stats.hits, 120);
    CHECK_EQ(stats.misses, 60);
    CHECK_EQ(stats.dropped, 60);
    CHECK_EQ(stats.puts, 1);
    CHECK_EQ(stats.damaged, 0);
    CHECK(count_entries(in_work("counters/counters")) <= 16 + 6);
    CHECK(found(cache, 1));
    CHECK_EQ(cache_stats_all(cache, &stats), 0);
    CHECK_EQ(stats.hits, 121); /* what it has not written yet, too */
    cache_free(cache);
    shell("for f in '%s'/*; do echo x >>$f; done", in_work("counters/counters"));
    cache = open_cache("counters");
    CHECK_EQ(cache_stats_all(cache, &stats), 0);
    CHECK_EQ(stats.hits, 0);
    cache_free(cache);
}

int main(void)
{
    begin("cache-size");
    test_eviction();
    test_short_lives();
    test_no_size();
    test_low_space();
    test_cold();
    test_upkeep();
    test_counters();
    end();
    return 0;
}
