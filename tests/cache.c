/* If this failed, a cache would give out what was not put into it, lose what it should know, or be
 * made where others could write to it. */
#include "tests/cache-case.h"

static void test_sizes(void)
{
    static const struct {
        const char *text;
        unsigned percent;
        uint64_t bytes;
    } good[] = {{"0", 0, 0},     {"1000", 0, 1000},  {"20G", 0, (uint64_t)20 << 30},
                {"1k", 0, 1024}, {"3m", 0, 3 << 20}, {"2T", 0, (uint64_t)2 << 40},
                {"1%", 1, 0},    {"100%", 100, 0}};
    static const char *const bad[] = {
        "",    "G",    "-1", "+1",   " 1",  "1 ", "1.5G",      "0x10",
        "1GB", "101%", "0%", "10%%", "1%G", "1E", "20000000T", "18446744073709551616"};
    struct cache_size size;

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        CHECK_EQ(cache_size_parse(good[i].text, &size), 0);
        CHECK(size.given && size.percent == good[i].percent && size.bytes == good[i].bytes);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CHECK_EQ(cache_size_parse(bad[i], &size), -EINVAL);
}

static void test_new_directory(void)
{
    struct cache *cache = open_cache("new");
    struct stat st;

    CHECK(stat(in_work("new"), &st) == 0);
    CHECK_EQ(st.st_mode & 07777, 0700);
    shell("cd '%s' && test \"$(ls | tr '\\n' ' ')\" = "
          "'0 1 2 3 4 5 6 7 8 9 CACHEDIR.TAG a b c counters d e f secret tmp '",
          in_work("new"));
    shell("test -z \"$(find '%s' -type d ! -perm 700 -o -type f ! -perm 600)\"", in_work("new"));
    shell("head -n 1 '%s/CACHEDIR.TAG' | grep -qx 'Signature: 8a477f597d28d172789f06886806bc55'",
          in_work("new"));
    CHECK_EQ(put(cache, 1), 0);
    CHECK(found(cache, 1));
    CHECK(access(file_of(cache, "new", "object", 1), F_OK) == 0);
    CHECK_EQ(count_entries(in_work("new/tmp")), 0);
    cache_free(cache);
    cache = open_cache("new");
    CHECK(found(cache, 1) && !found(cache, 2));
    CHECK(stats_of(cache).hits == 1 && stats_of(cache).misses == 1);
    CHECK(stats_of(cache).damaged == 0);
    cache_free(cache);
}

static void test_default_place(void)
{
    struct cache_config config = {0};
    char *home = getenv("HOME") ? strdup(getenv("HOME")) : NULL;
    struct cache *cache;

    CHECK(setenv("HOME", in_work("home"), 1) == 0 && unsetenv("XDG_CACHE_HOME") == 0);
    CHECK_EQ(open_config(&config, &cache), 0);
    CHECK_STR(cache_path(cache), in_work("home/.cache/quantfs"));
    cache_free(cache);
    CHECK(setenv("XDG_CACHE_HOME", in_work("xdg/a"), 1) == 0);
    CHECK_EQ(open_config(&config, &cache), 0);
    CHECK_STR(cache_path(cache), in_work("xdg/a/quantfs"));
    /* A tenth of the filesystem, and not more than 64 GiB. */
    CHECK(cache_size_bytes(cache) > 0 && cache_size_bytes(cache) <= (uint64_t)64 << 30);
    cache_free(cache);
    CHECK(setenv("XDG_CACHE_HOME", "relative", 1) == 0);
    CHECK_EQ(open_config(&config, &cache), 0);
    CHECK_STR(cache_path(cache), in_work("home/.cache/quantfs"));
    cache_free(cache);
    CHECK(unsetenv("XDG_CACHE_HOME") == 0 && unsetenv("HOME") == 0);
    CHECK_EQ(open_config(&config, &cache), -ENOENT);
    if (home)
        CHECK(setenv("HOME", home, 1) == 0);
    free(home);
}

/* Each of these is a directory that others could write to, or one that is not ours to fill. */
static void test_refused(void)
{
    struct cache_config config = {.path = in_work("refused")};
    struct cache *cache;
    static const struct {
        const char *command;
        int error;
    } cases[] = {
        {"chmod 0720", EPERM},
        {"chmod 0702", EPERM},
        {"chmod 01777", EPERM},
        {"chmod 0770 $1/a; true", EPERM},
        {"chmod 0777 $1/tmp; true", EPERM},
        {"rmdir $1/a; ln -s /tmp $1/a; true", ENOTDIR},
        {"rmdir $1/a; touch $1/a; true", ENOTDIR},
        {"echo x > $1/secret; true", EBADMSG},
        {"truncate -s 31 $1/secret; true", EBADMSG},
        {"truncate -s 33 $1/secret; true", EBADMSG},
        {"chmod 0640 $1/secret; true", EPERM},
        {"echo 'Signature: 8a477f597d28d172789f06886806bc55' >$1/CACHEDIR.TAG; touch $1/x; true",
         ENOTEMPTY},
        {"echo '# of another program' >>$1/CACHEDIR.TAG; true", ENOTEMPTY},
        {"rm -r $1; mkdir -m 700 $1; touch $1/thesis.tex; true", ENOTEMPTY},
        {"rm -r $1; touch", ENOTDIR},
        {"rm -r $1; mkdir -p $1/x; chmod 700", ENOTEMPTY},
    };

    cache_free(open_cache("good"));
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        shell("cp -r '%s' '%s'", in_work("good"), config.path);
        CHECK_EQ(open_config(&config, &cache), 0);
        cache_free(cache);
        shell("set -- '%s'; %s $1", config.path, cases[i].command);
        CHECK_EQ(open_config(&config, &cache), -cases[i].error);
        shell("rm -rf '%s'", config.path);
    }
    if (geteuid() == 0) {
        shell("mkdir -m 700 '%s' && chown 12345 '%s'", config.path, config.path);
        CHECK_EQ(open_config(&config, &cache), -EPERM);
        shell("rm -rf '%s'", config.path);
    }
    config.path = in_work("no/such/parents");
    CHECK_EQ(open_config(&config, &cache), -ENOENT);
    /* A verb does not make a cache out of an empty directory. */
    shell("mkdir -m 700 '%s'", in_work("empty"));
    config = (struct cache_config){.path = in_work("empty"), .existing = true};
    CHECK_EQ(open_config(&config, &cache), -ENOENT);
    CHECK_EQ(count_entries(in_work("empty")), 0);
    config.existing = false;
    CHECK_EQ(open_config(&config, &cache), 0);
    cache_free(cache);
    config.existing = true;
    CHECK_EQ(open_config(&config, &cache), 0);
    cache_free(cache);
}

static void check_miss_and_replace(uint64_t damaged)
{
    struct cache *cache = open_cache("damage");

    CHECK(!found(cache, 1));
    CHECK_EQ(stats_of(cache).damaged, damaged);
    CHECK_EQ(put(cache, 1), 0);
    CHECK(found(cache, 1));
    cache_free(cache);
}

static void test_damage(void)
{
    struct cache *cache = open_cache("damage"), *other = open_cache("damage2");
    char *path = strdup(file_of(cache, "damage", "object", 1)); /* the test's buffers go around */

    CHECK(path && put(cache, 1) == 0 && put(cache, 2) == 0 && put(other, 1) == 0);
    CHECK(found(cache, 1));
    damage(path, CHUNK_ON_DISK - 5000);
    CHECK(found(cache, 2));
    check_miss_and_replace(1);
    damage(path, 30);
    check_miss_and_replace(1);
    shell("truncate -s 0 '%s'", path);
    check_miss_and_replace(1);
    shell("truncate -s -1 '%s'", path);
    check_miss_and_replace(1);
    shell("rm '%s'", path);
    check_miss_and_replace(0);
    /* Another's name: a good file, sealed for this cache, in the wrong place. */
    shell("cp '%s' '%s'", file_of(cache, "damage", "object", 2), path);
    check_miss_and_replace(1);
    /* Of another cache, under our name. */
    shell("cp '%s' '%s'", file_of(other, "damage2", "object", 1), path);
    check_miss_and_replace(1);
    shell("rm '%s' && ln -s '%s' '%s'", path, file_of(cache, "damage", "object", 2), path);
    check_miss_and_replace(1);
    shell("rm '%s' && mkfifo '%s'", path, path);
    check_miss_and_replace(1);
    free(path);
    cache_free(cache);
    cache_free(other);
}

/* A cut of a file that is open and verified is a miss as soon as it is read. */
static void test_cut_while_open(void)
{
    struct cache *cache = open_cache("cut");
    struct name name = make_name(cache, "object", 1);
    struct cache_object *object, *again;
    uint8_t data[CHUNK];

    CHECK_EQ(put(cache, 1), 0);
    CHECK_EQ(cache_open(cache, &name, &object), 0);
    CHECK_EQ(cache_open(cache, &name, &again), 0);
    CHECK(object == again); /* it stays open */
    shell("truncate -s -1 '%s'", file_of(cache, "cut", "object", 1));
    CHECK_EQ(cache_read_now(object, 0, data, CHUNK), -EAGAIN);
    CHECK_EQ(cache_read(cache, again, 0, data, CHUNK), -ENOENT);
    CHECK(!found(cache, 1));
    CHECK_EQ(put(cache, 1), 0);
    CHECK(found(cache, 1));
    cache_close(cache, object);
    cache_close(cache, again);
    cache_close(cache, NULL);
    cache_free(cache);
}

static unsigned open_descriptors(void)
{
    return count_entries("/proc/self/fd");
}

static void test_budget(void)
{
    struct cache_config config = {.path = in_work("budget"),
                                  .descriptors = 4,
                                  .memory = 3 * CHUNK,
                                  .min_free = {.given = true}};
    struct cache_object *objects[30];
    unsigned before = open_descriptors();
    struct cache *cache;
    struct name name;

    CHECK_EQ(open_config(&config, &cache), 0);
    CHECK_EQ(open_descriptors(), before + 1);
    for (uint64_t i = 0; i < 60; i++)
        CHECK_EQ(put(cache, i), 0);
    for (uint64_t i = 0; i < 60; i++)
        CHECK(found(cache, i));
    CHECK_EQ(open_descriptors(), before + 1 + 4);
    /* Those in use stay; afterwards the budget holds again. */
    for (uint64_t i = 0; i < 30; i++) {
        name = make_name(cache, "object", i);
        CHECK_EQ(cache_open(cache, &name, &objects[i]), 0);
    }
    for (uint64_t i = 0; i < 30; i++)
        check_bytes(cache, objects[i], i);
    CHECK(open_descriptors() >= before + 1 + 27);
    for (uint64_t i = 0; i < 30; i++)
        cache_close(cache, objects[i]);
    CHECK_EQ(open_descriptors(), before + 1 + 4);
    cache_free(cache);
    CHECK_EQ(open_descriptors(), before);
}

static void test_records(void)
{
    struct cache *cache = open_cache("records");
    struct name name = make_name(cache, "source", 1), object_name = make_name(cache, "object", 5);
    struct cache_object *object;
    char big[10000] = "text";
    size_t size;
    void *data;

    CHECK_EQ(cache_get_record(cache, &name, &data, &size), -ENOENT);
    CHECK_EQ(cache_put_record(cache, &name, "", 0), 0);
    CHECK_EQ(cache_get_record(cache, &name, &data, &size), 0);
    CHECK(size == 0 && *(char *)data == '\0');
    free(data);
    CHECK_EQ(cache_put_record(cache, &name, big, sizeof(big)), 0);
    CHECK_EQ(cache_get_record(cache, &name, &data, &size), 0);
    CHECK(size == sizeof(big) && memcmp(data, big, size) == 0);
    free(data);
    /* Kinds are kept apart even under one name. */
    CHECK_EQ(cache_open(cache, &name, &object), -ENOENT);
    CHECK_EQ(put(cache, 5), 0);
    CHECK_EQ(cache_get_record(cache, &object_name, &data, &size), -ENOENT);
    damage(file_of(cache, "records", "source", 1), 100);
    CHECK_EQ(cache_get_record(cache, &name, &data, &size), -ENOENT);
    CHECK(stats_of(cache).record_hits == 2 && stats_of(cache).record_misses == 3);
    CHECK_EQ(stats_of(cache).damaged, 3);
    CHECK(cache_known(cache, &object_name) == 0 && cache_recall(cache, &object_name, 0, &name) < 0);
    cache_free(cache);
}

static uint32_t known(struct cache *cache, uint64_t manifest)
{
    struct name name = make_name(cache, "manifest", manifest);

    return cache_known(cache, &name);
}

static void test_manifest_writes(void)
{
    struct cache *cache = open_clocked("manifest", 0), *other;

    CHECK(!recalls(cache, 1, 0, 0));
    for (uint32_t i = 0; i < 63; i++)
        note(cache, 1, 200, i, i);
    note(cache, 1, 200, 62, 62); /* no news */
    CHECK(recalls(cache, 1, 62, 62) && !recalls(cache, 1, 63, 63) && !recalls(cache, 1, 1000, 0));
    CHECK(access(file_of(cache, "manifest", "manifest", 1), F_OK) < 0);
    note(cache, 1, 200, 63, 63);
    CHECK(access(file_of(cache, "manifest", "manifest", 1), F_OK) == 0);
    other = open_clocked("manifest", 0);
    CHECK(known(cache, 1) == 64 && known(other, 1) == 64 && known(other, 2) == 0);
    for (uint32_t i = 0; i < 64; i++)
        CHECK(recalls(other, 1, i, i));
    CHECK(!recalls(other, 1, 64, 64));

    /* 5 s after the first of some news, with the next; and at a flush. */
    note(cache, 2, 10, 0, 0);
    state.ms += 4999;
    note(cache, 2, 10, 1, 1);
    CHECK(access(file_of(cache, "manifest", "manifest", 2), F_OK) < 0);
    state.ms += 1;
    note(cache, 2, 10, 2, 2);
    CHECK(recalls(other, 2, 0, 0) && recalls(other, 2, 1, 1) && recalls(other, 2, 2, 2));
    note(cache, 3, 10, 9, 9);
    cache_flush(cache);
    CHECK(recalls(other, 3, 9, 9));

    /* Two processes that know different chunks: what is on disk knows both. */
    note(other, 3, 10, 1, 1);
    note(cache, 3, 10, 2, 2);
    cache_flush(other);
    cache_flush(cache);
    CHECK(recalls(cache, 3, 1, 1)); /* learnt while writing */
    cache_free(other);
    other = open_clocked("manifest", 0);
    CHECK(recalls(other, 3, 1, 1) && recalls(other, 3, 2, 2) && recalls(other, 3, 9, 9));
    cache_free(other);
    cache_free(cache);
}

/* What has gone is news when it comes again: else a cache that was cleared under a process would
 * get no manifest from it any more. */
static void test_manifest_forgets(void)
{
    struct cache *cache = open_clocked("forgets", 0), *other;
    struct name manifest = make_name(cache, "manifest", 1), name = make_name(cache, "object", 3);
    struct name another = make_name(cache, "object", 4);

    note(cache, 1, 10, 3, 3);
    note(cache, 1, 10, 4, 4);
    cache_flush(cache);
    shell("rm '%s'", file_of(cache, "forgets", "manifest", 1));
    note(cache, 1, 10, 3, 3); /* nobody has missed it */
    cache_flush(cache);
    CHECK(access(file_of(cache, "forgets", "manifest", 1), F_OK) < 0);
    cache_forget(cache, &manifest, 3, &another);
    CHECK(recalls(cache, 1, 3, 3));
    cache_forget(cache, &manifest, 3, &name);
    cache_forget(cache, &manifest, 99, &name);
    cache_forget(cache, &name, 3, &name);
    CHECK(!recalls(cache, 1, 3, 3) && recalls(cache, 1, 4, 4));
    note(cache, 1, 10, 3, 3);
    cache_flush(cache);
    other = open_clocked("forgets", 0);
    CHECK(recalls(other, 1, 3, 3) && recalls(other, 1, 4, 4));
    cache_free(other);
    cache_free(cache);
}

static void test_manifest_trouble(void)
{
    struct cache *cache = open_clocked("trouble", 0);

    note(cache, 1, 300, 7, 7);
    note(cache, 2, 300, 7, 7);
    cache_flush(cache);
    cache_free(cache);
    cache = open_clocked("trouble", 0);
    damage(file_of(cache, "trouble", "manifest", 1), 80);
    CHECK(!recalls(cache, 1, 7, 7));
    CHECK_EQ(stats_of(cache).damaged, 1);
    note(cache, 1, 300, 8, 8);
    cache_flush(cache);
    /* Another shape than on disk or in memory, or an index beyond: nothing wrong comes of it. */
    note(cache, 2, 20, 3, 3);
    CHECK(recalls(cache, 2, 3, 3) && !recalls(cache, 2, 7, 7));
    note(cache, 2, 40, 5, 5);
    CHECK(recalls(cache, 2, 5, 5) && !recalls(cache, 2, 3, 3));
    note(cache, 2, 40, 40, 1);
    note(cache, 9, 0, 0, 1);
    CHECK(!recalls(cache, 2, 40, 1));
    cache_free(cache);
    cache = open_clocked("trouble", 0);
    CHECK(recalls(cache, 1, 8, 8) && !recalls(cache, 1, 7, 7) && recalls(cache, 2, 5, 5));
    cache_free(cache);
    /* No memory for more than one: what leaves it is written first. */
    cache = open_clocked("trouble", 4);
    for (uint64_t i = 100; i < 140; i++)
        note(cache, i, 50, 1, i);
    for (uint64_t i = 100; i < 140; i++)
        CHECK(recalls(cache, i, 1, i));
    cache_free(cache);
}

int main(void)
{
    begin("cache");
    test_sizes();
    test_new_directory();
    test_default_place();
    test_refused();
    test_damage();
    test_cut_while_open();
    test_budget();
    test_records();
    test_manifest_writes();
    test_manifest_forgets();
    test_manifest_trouble();
    end();
    return 0;
}
