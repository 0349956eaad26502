/* If this failed, a cache that is deleted, replaced, or used by many at once would give a reader a
 * wrong byte or an error. */
#include <pthread.h>
#include <sys/wait.h>

#include "tests/cache-case.h"

static void test_deleted(void)
{
    struct cache *cache = open_clocked("deleted", 0), *other;
    struct name name = make_name(cache, "object", 1);
    struct cache_object *object;

    CHECK(put(cache, 1) == 0 && put(cache, 2) == 0);
    CHECK_EQ(cache_open(cache, &name, &object), 0);
    note(cache, 1, 10, 1, 1);
    shell("rm -r '%s'", in_work("deleted"));
    check_bytes(cache, object, 1);
    CHECK(found(cache, 1) && !found(cache, 2)); /* the one that is open */
    CHECK_EQ(stats_of(cache).damaged, 0);
    cache_close(cache, object);
    /* It is made again, with the same secret, so that other processes agree. */
    CHECK_EQ(put(cache, 3), 0);
    CHECK(found(cache, 3));
    other = open_clocked("deleted", 0);
    CHECK(found(other, 3) && !found(other, 2));
    cache_flush(cache);
    CHECK(recalls(other, 1, 1, 1));
    /* Parts of it. */
    state.ms += 5000;
    shell("rm -r '%s'/*", in_work("deleted"));
    CHECK(!found(cache, 2) && put(cache, 2) == 0 && found(cache, 2));
    CHECK(found(other, 2));
    state.ms += 5000;
    shell("rm -r '%s'/[0-9a-f]", in_work("deleted"));
    CHECK_EQ(put(other, 4), 0);
    CHECK(found(cache, 4));
    /* Not more often than each 5 s: a put is dropped meanwhile. */
    shell("rm -r '%s'", in_work("deleted"));
    CHECK_EQ(put(other, 5), -ENOENT);
    CHECK_EQ(stats_of(other).dropped, 1);
    state.ms += 5000;
    CHECK_EQ(put(other, 5), 0);
    cache_free(other);
    cache_free(cache);
}

static void test_replaced(void)
{
    struct cache *cache = open_clocked("replaced", 0), *other;

    CHECK_EQ(put(cache, 1), 0);
    /* Moved away: it is used where it is. */
    shell("mv '%s' '%s'", in_work("replaced"), in_work("moved"));
    CHECK(put(cache, 2) == 0 && found(cache, 2));
    CHECK(access(file_of(cache, "moved", "object", 2), F_OK) == 0);
    other = open_clocked("replaced", 0);
    CHECK(!found(other, 1) && put(other, 1) == 0);
    /* Deleted, with a cache of another secret at its place: that one is left alone. */
    state.ms += 5000;
    shell("rm -r '%s'", in_work("moved"));
    CHECK_EQ(put(cache, 3), -ENOENT);
    CHECK(!found(cache, 3) && found(other, 1));
    /* Something else at its place. */
    state.ms += 5000;
    shell("rm -r '%s' && touch '%s'", in_work("replaced"), in_work("replaced"));
    CHECK(put(cache, 3) == -ENOENT && put(other, 3) == -ENOENT);
    cache_free(other);
    cache_free(cache);
}

/* The same secret on another path: everything is found. */
static void test_copied(void)
{
    struct cache *cache = open_cache("copied");

    CHECK_EQ(put(cache, 1), 0);
    note(cache, 1, 10, 1, 1);
    cache_free(cache);
    shell("cp -r '%s' '%s'", in_work("copied"), in_work("copied2"));
    cache = open_cache("copied2");
    CHECK(found(cache, 1) && recalls(cache, 1, 1, 1));
    CHECK_EQ(stats_of(cache).damaged, 0);
    cache_free(cache);
}

struct user {
    pthread_t thread;
    struct cache *cache;
    unsigned number;
    bool trims;
};

static void *use_cache(void *context)
{
    struct user *user = context;
    unsigned random = user->number;

    for (int i = 0; i < 400; i++) {
        uint64_t number = (random = random * 1103515245 + 12345) >> 16 & 31;

        if (!found(user->cache, number))
            (void)put(user->cache, number);
        (void)recalls(user->cache, number / 8, number % 8, number);
        note(user->cache, number / 8, 8, number % 8, number);
        if (i % 16 == 0)
            cache_flush(user->cache);
        if (user->trims)
            cache_trim_step(user->cache);
        if (user->number == 1 && i % 50 == 0) {
            uint64_t removed;

            CHECK_EQ(cache_trim_to(user->cache, 10 * CHUNK_ON_DISK, &removed), 0);
        }
    }
    return NULL;
}

static void run_users(const char *directory, unsigned first, struct cache_stats *stats)
{
    struct cache_config config = {.path = in_work(directory),
                                  .size = {true, 0, (uint64_t)16 * 3 * CHUNK_ON_DISK},
                                  .min_free = {.given = true},
                                  .descriptors = 3,
                                  .memory = CHUNK};
    struct user users[4];
    struct cache *cache;

    CHECK_EQ(open_config(&config, &cache), 0);
    for (unsigned i = 0; i < 4; i++) {
        users[i] = (struct user){.cache = cache, .number = first + i, .trims = i == 2};
        CHECK(pthread_create(&users[i].thread, NULL, use_cache, &users[i]) == 0);
    }
    for (unsigned i = 0; i < 4; i++)
        CHECK(pthread_join(users[i].thread, NULL) == 0);
    CHECK_EQ(stats_of(cache).damaged, 0);
    *stats = stats_of(cache);
    cache_free(cache);
}

static void test_threads(void)
{
    struct cache_stats stats;

    run_users("threads", 1, &stats);
    CHECK(stats.hits > 0 && stats.evicted > 0);
}

/* Processes that start on an empty directory at once, and use it while one deletes it all. */
static void test_processes(void)
{
    pid_t children[4];
    int status;

    for (unsigned i = 0; i < 4; i++) {
        children[i] = fork();
        CHECK(children[i] >= 0);
        if (children[i] == 0) {
            if (i == 3) {
                struct cache *cache = open_cache("processes");

                for (int turn = 0; turn < 30; turn++) {
                    uint64_t removed;

                    CHECK_EQ(cache_clear(cache, &removed), 0);
                }
                cache_free(cache);
            } else {
                /* what one hits and evicts is up to the others: nothing to check */
                struct cache_stats stats;

                run_users("processes", 10 * i + 1, &stats);
            }
            _exit(0);
        }
    }
    for (unsigned i = 0; i < 4; i++)
        CHECK(waitpid(children[i], &status, 0) > 0 && status == 0);
    CHECK_EQ(count_entries(in_work("processes/tmp")), 0);
}

int main(void)
{
    begin("cache-shared");
    test_deleted();
    test_replaced();
    test_copied();
    test_threads();
    test_processes();
    end();
    return 0;
}
