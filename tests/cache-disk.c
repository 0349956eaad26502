/* If this failed, a full disk or one that has become read-only would be an error to a reader, or
 * would leave half of something in the cache. */
#include <sched.h>
#include <sys/mount.h>

#include "tests/cache-case.h"

static void write_text(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);

    CHECK(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    (void)close(fd);
}

/* A filesystem of a mebibyte, which nobody else sees and which ends with the process. */
static bool mount_disk(void)
{
    char map[64];
    uid_t user = geteuid();
    gid_t group = getegid();

    if (unshare(user == 0 ? CLONE_NEWNS : CLONE_NEWUSER | CLONE_NEWNS) < 0)
        return false;
    if (user != 0) {
        write_text("/proc/self/setgroups", "deny");
        (void)snprintf(map, sizeof(map), "0 %u 1", (unsigned)user);
        write_text("/proc/self/uid_map", map);
        (void)snprintf(map, sizeof(map), "0 %u 1", (unsigned)group);
        write_text("/proc/self/gid_map", map);
    }
    CHECK(mkdir(in_work("disk"), 0700) == 0);
    return mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
           mount("quantfs-test", in_work("disk"), "tmpfs", 0, "size=1m,mode=0700") == 0;
}

static void test_full(void)
{
    struct cache *cache = open_clocked("disk/cache", 0);
    struct name record = make_name(cache, "source", 1);
    struct cache_stats stats;
    uint64_t count = 0;
    size_t size;
    void *data;

    while (put(cache, count) == 0)
        CHECK(++count < 100);
    CHECK(count > 20);
    CHECK_EQ(put(cache, count), -ENOSPC);
    CHECK_EQ(count_entries(in_work("disk/cache/tmp")), 0);
    CHECK(stats_of(cache).puts == count && stats_of(cache).dropped == 2);
    /* Fill the last page too: now nothing can be written at all. */
    shell("dd if=/dev/zero of='%s' bs=4096 2>/dev/null; true", in_work("disk/filler"));
    CHECK(cache_put_record(cache, &record, "abc", 3) < 0);
    CHECK_EQ(cache_get_record(cache, &record, &data, &size), -ENOENT);
    note(cache, 1, 10, 1, 1);
    cache_flush(cache);
    CHECK(recalls(cache, 1, 1, 1)); /* from memory */
    for (uint64_t i = 0; i < count; i++)
        CHECK(found(cache, i));
    CHECK_EQ(stats_of(cache).damaged, 0);

    /* Trimming, which it asks for, makes room; what could not be written then is written now. */
    CHECK(cache_wants_trim(cache));
    while (cache_wants_trim(cache))
        cache_trim_step(cache);
    CHECK(stats_of(cache).evicted > 0);
    CHECK_EQ(put(cache, 100), 0);
    cache_free(cache);
    cache = open_clocked("disk/cache", 0);
    CHECK_EQ(cache_stats_all(cache, &stats), 0);
    CHECK(stats.puts == count + 1 && stats.hits == count);
    cache_free(cache);
    shell("rm -r '%s'", in_work("disk/cache"));
}

static void test_full_when_made(void)
{
    struct cache_config config = {.path = in_work("disk/new"), .size = {true, 100, 0}};
    struct cache *cache;

    shell("dd if=/dev/zero of='%s' bs=4096 2>/dev/null; true", in_work("disk/filler"));
    CHECK_EQ(open_config(&config, &cache), -ENOSPC);
    CHECK(access(in_work("disk/new/secret"), F_OK) < 0);
    shell("rm '%s'", in_work("disk/filler"));
    config.min_free.given = true;
    CHECK_EQ(open_config(&config, &cache), 0);
    CHECK(put(cache, 1) == 0 && found(cache, 1));
    cache_free(cache);
    shell("rm -r '%s'", in_work("disk/new"));
}

/* Low space is what the filesystem says, and eviction goes on until it is no more. */
static void test_min_free(void)
{
    struct cache_config config = {
        .path = in_work("disk/cache"), .min_free = {true, 50, 0}, .size = {true, 100, 0}};
    uint64_t objects, bytes;
    struct cache *cache;

    config.clock = fake_clock;
    CHECK_EQ(open_config(&config, &cache), 0);
    for (uint64_t i = 0; i < 60; i++) {
        (void)put(cache, i);
        while (cache_wants_trim(cache))
            cache_trim_step(cache);
        state.ms += 60000;
    }
    CHECK(cache_usage(cache, &objects, &bytes) == 0 && bytes <= 600 << 10);
    CHECK(stats_of(cache).evicted > 0 && stats_of(cache).puts > 30);
    cache_free(cache);
    shell("rm -r '%s'", in_work("disk/cache"));
}

static int remount(bool read_only)
{
    return mount("none", in_work("disk"), NULL, MS_REMOUNT | (read_only ? MS_RDONLY : 0),
                 "size=1m");
}

static void test_read_only(void)
{
    struct cache *cache = open_clocked("disk/cache", 0), *other;
    struct name name = make_name(cache, "object", 1);
    struct cache_object *object;
    uint64_t good, removed;

    CHECK(put(cache, 1) == 0 && put(cache, 2) == 0);
    note(cache, 1, 10, 1, 1);
    cache_flush(cache);
    CHECK_EQ(cache_open(cache, &name, &object), 0);
    CHECK_EQ(remount(true), 0);
    check_bytes(cache, object, 1);
    cache_close(cache, object);
    CHECK(found(cache, 2) && !found(cache, 3));
    CHECK_EQ(put(cache, 3), -EROFS);
    note(cache, 1, 10, 2, 2);
    cache_flush(cache);
    CHECK_EQ(stats_of(cache).damaged, 0);
    CHECK(cache_trim_to(cache, 0, &removed) < 0 && removed == 0);
    other = open_clocked("disk/cache", 0);
    CHECK(found(other, 2) && recalls(other, 1, 1, 1) && put(other, 3) == -EROFS);
    CHECK(cache_verify(other, NULL, NULL, &good, &removed) == 0 && good >= 3 && removed == 0);
    cache_free(other);
    CHECK_EQ(remount(false), 0);
    CHECK(put(cache, 3) == 0 && found(cache, 3));
    cache_free(cache);
}

static void fill(const char *path, off_t size)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    CHECK(fd >= 0 && posix_fallocate(fd, 0, size) == 0 && close(fd) == 0);
}

/* Nothing said: a tenth of the filesystem, at most 64 GiB, and a twentieth of it is left to others.
 */
static void test_defaults(void)
{
    struct cache_config config = {.path = in_work("other/cache")};
    struct cache *cache;

    CHECK(mkdir(in_work("other"), 0700) == 0);
    CHECK_EQ(mount("quantfs-test", in_work("other"), "tmpfs", 0, "size=2048g,mode=0700"), 0);
    CHECK_EQ(open_config(&config, &cache), 0);
    CHECK_EQ(cache_size_bytes(cache), (uint64_t)64 << 30);
    cache_free(cache);
    CHECK(umount(in_work("other")) == 0);

    CHECK_EQ(mount("quantfs-test", in_work("other"), "tmpfs", 0, "size=20m,mode=0700"), 0);
    CHECK_EQ(open_config(&config, &cache), 0);
    CHECK_EQ(cache_size_bytes(cache), (uint64_t)20 * 1048576 / 100 * 10);
    fill(in_work("other/filler"), 19 * 1048576 - 200000);
    CHECK_EQ(put(cache, 1), 0);
    fill(in_work("other/filler"), 19 * 1048576 + 4096);
    CHECK_EQ(put(cache, 2), -ENOSPC);
    CHECK(found(cache, 1) && cache_wants_trim(cache));
    cache_free(cache);
    CHECK(umount(in_work("other")) == 0);
}

int main(void)
{
    begin("cache-disk");
    if (!mount_disk()) {
        printf("skipped: this user may mount nothing\n");
        return 77;
    }
    test_full();
    test_full_when_made();
    test_min_free();
    test_read_only();
    test_defaults();
    CHECK(umount(in_work("disk")) == 0);
    end();
    return 0;
}
