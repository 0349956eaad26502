#ifndef TESTS_CACHE_CASE_H
#define TESTS_CACHE_CASE_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cache/cache.h"
#include "tests/check.h"

/* What the tests of the cache share: a directory of their own, and objects whose bytes follow from
 * their number, so that whatever is found under a name can be checked. */

#define CHUNK 20000 /* bytes of a raw test object; five pages and the header's on disk */
#define CHUNK_ON_DISK 24576

struct case_state {
    char work[128];
    uint64_t ms; /* the time of fake_clock(), for tests that have one thread */
};

static struct case_state state;

static inline uint64_t fake_clock(void)
{
    return state.ms;
}

__attribute__((format(printf, 1, 2))) static inline void shell(const char *format, ...)
{
    char command[1024];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(command, sizeof(command), format, args);
    va_end(args);
    if (system(command) != 0) {
        fprintf(stderr, "failed: %s\n", command);
        exit(1);
    }
}

static inline const char *in_work(const char *name)
{
    static char paths[64][512];
    static unsigned next;
    char *path = paths[next++ % 64];

    (void)snprintf(path, sizeof(paths[0]), "%s/%s", state.work, name);
    return path;
}

static inline int open_config(const struct cache_config *config, struct cache **cache)
{
    char reason[CACHE_REASON_SIZE];
    int r = cache_new(config, cache, reason);

    CHECK((r < 0) == (reason[0] != '\0'));
    if (r < 0)
        printf("  refused: %s\n", reason);
    return r;
}

static inline struct cache *open_cache(const char *name)
{
    struct cache_config config = {.path = in_work(name), .min_free = {.given = true}};
    struct cache *cache;

    CHECK_EQ(open_config(&config, &cache), 0);
    return cache;
}

static inline struct name make_name(struct cache *cache, const char *kind, uint64_t number)
{
    struct digest digest;
    struct name name;

    name_begin(&digest, cache_key(cache), kind);
    name_add_number(&digest, number);
    CHECK_EQ(name_end(&digest, &name), 0);
    return name;
}

/* What belongs under object `number`; every eleventh can be compressed. */
static inline void make_data(uint64_t number, uint8_t data[CHUNK])
{
    uint64_t random = number * 0x9e3779b97f4a7c15 + 1;

    for (size_t i = 0; i < CHUNK; i++) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        data[i] = number % 11 == 10 ? (uint8_t)number : (uint8_t)(random >> 56);
    }
}

static inline int put(struct cache *cache, uint64_t number)
{
    struct name name = make_name(cache, "object", number);
    uint8_t data[CHUNK];

    make_data(number, data);
    return cache_put(cache, &name, &(struct cache_bytes){.data = data, .size = CHUNK});
}

static inline void check_bytes(struct cache *cache, struct cache_object *object, uint64_t number)
{
    uint8_t expected[CHUNK], found[CHUNK];

    make_data(number, expected);
    CHECK_EQ(cache_object_size(object), CHUNK);
    CHECK_EQ(cache_read(cache, object, 0, found, CHUNK), 0);
    CHECK(memcmp(expected, found, CHUNK) == 0);
    memset(found, 0, CHUNK);
    if (cache_object_data(object))
        CHECK(memcmp(cache_object_data(object), expected, CHUNK) == 0);
    if (cache_read_now(object, 0, found, CHUNK) == 0)
        CHECK(memcmp(expected, found, CHUNK) == 0);
}

/* Whether it is found; if so its bytes are right. */
static inline bool found(struct cache *cache, uint64_t number)
{
    struct name name = make_name(cache, "object", number);
    struct cache_object *object;
    int r = cache_open(cache, &name, &object);

    if (r < 0) {
        CHECK_EQ(r, -ENOENT);
        return false;
    }
    check_bytes(cache, object, number);
    cache_close(cache, object);
    return true;
}

static inline const char *file_of(struct cache *cache, const char *directory, const char *kind,
                                  uint64_t number)
{
    struct name name = make_name(cache, kind, number);
    char text[NAME_TEXT_SIZE], path[256];

    name_format(&name, text);
    (void)snprintf(path, sizeof(path), "%s/%c/%s", directory, text[0], text);
    return in_work(path);
}

static inline struct cache_stats stats_of(const struct cache *cache)
{
    struct cache_stats stats;

    cache_stats(cache, &stats);
    return stats;
}

static inline unsigned count_entries(const char *path)
{
    DIR *stream = opendir(path);
    unsigned count = 0;

    CHECK(stream);
    while (readdir(stream))
        count++;
    (void)closedir(stream);
    return count - 2;
}

static inline void damage(const char *path, off_t offset)
{
    int fd = open(path, O_RDWR | O_CLOEXEC);
    uint8_t byte;

    CHECK(fd >= 0 && pread(fd, &byte, 1, offset) == 1);
    byte ^= 16;
    CHECK(pwrite(fd, &byte, 1, offset) == 1 && close(fd) == 0);
}

static inline bool recalls(struct cache *cache, uint64_t manifest, uint32_t index, uint64_t object)
{
    struct name manifest_name = make_name(cache, "manifest", manifest), name;
    struct name expected = make_name(cache, "object", object);
    int r = cache_recall(cache, &manifest_name, index, &name);

    if (r < 0) {
        CHECK_EQ(r, -ENOENT);
        return false;
    }
    CHECK(name_equal(&name, &expected));
    return true;
}

static inline void note(struct cache *cache, uint64_t manifest, uint32_t count, uint32_t index,
                        uint64_t object)
{
    struct name manifest_name = make_name(cache, "manifest", manifest);
    struct name name = make_name(cache, "object", object);

    cache_note(cache, &manifest_name, count, index, &name);
}

static inline void set_age(const char *path, time_t seconds)
{
    struct timespec times[2] = {{.tv_sec = seconds}, {.tv_sec = seconds}};

    CHECK(utimensat(AT_FDCWD, path, times, 0) == 0);
}

static inline void trim(struct cache *cache)
{
    for (int i = 0; i < 16 && cache_wants_trim(cache); i++)
        cache_trim_step(cache);
    CHECK(!cache_wants_trim(cache));
    cache_trim_step(cache); /* nothing to do */
}

/* As large as its filesystem. */
static inline struct cache *open_clocked(const char *directory, size_t memory)
{
    struct cache_config config = {.path = in_work(directory),
                                  .size = {true, 100, 0},
                                  .clock = fake_clock,
                                  .memory = memory,
                                  .min_free = {.given = true}};
    struct cache *cache;

    CHECK_EQ(open_config(&config, &cache), 0);
    return cache;
}

static inline void begin(const char *test)
{
    const char *base = getenv("TMPDIR");

    (void)snprintf(state.work, sizeof(state.work), "%s/quantfs-%s.XXXXXX", base ? base : "/tmp",
                   test);
    CHECK(mkdtemp(state.work));
}

static inline void end(void)
{
    shell("rm -rf '%s'", state.work);
}

#endif
