/*
 * If this fails, bytes of two states of a model can meet in one view, or a split model is read from
 * the wrong files or in the wrong order.
 */
#include "quant/source.h"

#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "check.h"
#include "gguf-bytes.h"

/* --- a directory of models ---------------------------------------------------------------------
 */

static int directory = -1;

/* What happens to a file while it is parsed: pread() below does it once. */
static const char *change_while_parsing;

ssize_t pread(int fd, void *data, size_t size, off_t offset)
{
    const char *name = change_while_parsing;
    int other;

    if (name) {
        change_while_parsing = NULL;
        other = openat(directory, name, O_WRONLY | O_APPEND);
        CHECK(other >= 0);
        CHECK_EQ(write(other, "x", 1), 1);
        (void)close(other);
    }
    return syscall(SYS_pread64, fd, data, size, offset);
}

/* Is the byte that is asked for in the page cache? And what the kernel was told to fetch. */
static bool resident;
static off_t asked;
static struct {
    off_t begin, end;
    int count;
} fetched;

ssize_t preadv2(int fd, const struct iovec *iov, int count, off_t offset, int flags)
{
    CHECK(fd >= 0 && count == 1 && iov->iov_len == 1);
    CHECK_EQ(flags, RWF_NOWAIT); /* it never waits for the disk */
    asked = offset;
    errno = EAGAIN;
    return resident ? 1 : -1;
}

int posix_fadvise(int fd, off_t offset, off_t size, int advice)
{
    CHECK(fd >= 0);
    CHECK_EQ(advice, POSIX_FADV_WILLNEED);
    CHECK(size > 0 && size <= 128 * 1024); /* of more the kernel may fetch only a part */
    CHECK(fetched.count == 0 || offset == fetched.end);
    fetched.begin = fetched.count++ ? fetched.begin : offset;
    fetched.end = offset + size;
    return 0;
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

static int open_beside(void *context, const char *name)
{
    int fd = openat(directory, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    CHECK(context == &directory);
    return fd < 0 ? -errno : fd;
}

static void save(const char *name, const struct bytes *b)
{
    int fd = openat(directory, name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    CHECK(fd >= 0);
    CHECK(write(fd, b->data, b->size) == (ssize_t)b->size);
    (void)close(fd);
}

static struct source *opened(const char *name)
{
    struct source *source;
    struct defect defect;
    int r = source_open(open_beside, &directory, name, &source, &defect);

    if (r < 0)
        fprintf(stderr, "%s\n", defect.text);
    CHECK_EQ(r, 0);
    return source;
}

/* The message contains `text`. */
static void refused(const char *name, int error, unsigned shard, const char *text)
{
    struct source *source;
    struct defect defect;
    int r = source_open(open_beside, &directory, name, &source, &defect);

    if (!strstr(defect.text, text))
        fprintf(stderr, "found: %s\nexpected: %s\n", defect.text, text);
    CHECK(strstr(defect.text, text));
    CHECK_EQ(r, -error);
    CHECK_EQ(defect.shard, shard);
    CHECK(!source);
    CHECK_EQ(source_open(open_beside, &directory, name, &source, NULL), -error);
}

/* --- one file ----------------------------------------------------------------------------------
 */

static void put_model(struct bytes *b)
{
    put_start(b, 3, 2, 5);
    put_key_string(b, "general.architecture", "llama");
    put_key_u32(b, "llama.block_count", 7);
    put_key(b, "cut", GGUF_STRING), put_run(b, "abc\0def", 7);
    put_key_string(b, "empty", "");
    put_array(b, "numbers", GGUF_U32, 1, 4, 7);
    put_tensor(b, "output.weight", 8, TYPE_F32, 0);
    put_tensor(b, "blk.0.x", 8, TYPE_F32, 32);
    put_padding(b, 32);
    for (uint32_t i = 0; i < 16; i++)
        put_u32(b, i);
}

static void test_one_file(void)
{
    struct bytes b;
    struct source *source;
    const struct source_tensor *tensors;
    uint32_t numbers[8];
    size_t count;
    struct stat st;
    struct version version;

    put_model(&b);
    save("one.gguf", &b);
    source = opened("one.gguf");
    CHECK_EQ(source_shard_count(source), 1);
    CHECK_STR(source_shard_name(source, 0), "one.gguf");
    CHECK_EQ(source_gguf(source)->key_count, 5);
    CHECK_EQ(fstatat(directory, "one.gguf", &st, 0), 0);
    version = version_of(&st);
    CHECK(version_equal(&version, source_version(source, 0)));
    tensors = source_tensors(source, &count);
    CHECK_EQ(count, 2);
    CHECK_STR(tensors[1].name, "blk.0.x");
    CHECK_EQ(tensors[1].size, 32);
    CHECK_EQ(source_read(source, 0, tensors[1].offset, numbers, 32), 0);
    CHECK(numbers[0] == 8 && numbers[7] == 15);
    CHECK_EQ(source_read(source, 0, tensors[1].offset + 1, numbers, 32), -EIO);
    CHECK_EQ(source_read(source, 0, b.size, numbers, 0), 0);
    CHECK_EQ(source_read(source, 0, UINT64_MAX, numbers, 1), -EIO);
    CHECK_EQ(source_read(source, 0, INT64_MAX, numbers, 32), -EIO);
    source_close(source);
    source_close(NULL);
}

static void test_will_need(void)
{
    struct bytes b;
    struct source *source;

    put_model(&b);
    save("one.gguf", &b);
    source = opened("one.gguf");
    resident = true;
    source_will_need(source, 0, 100, 50);
    CHECK_EQ(asked, 149);
    CHECK_EQ(fetched.count, 0);
    resident = false;
    source_will_need(source, 0, 100, 0);
    CHECK_EQ(fetched.count, 0);
    source_will_need(source, 0, 100, 50);
    CHECK_EQ(fetched.count, 1);
    CHECK(fetched.begin == 100 && fetched.end == 150);
    source_will_need(source, 0, 150, 1000000);
    CHECK(fetched.begin == 100 && fetched.end == 1000150);
    source_close(source);
}

static void test_keys(void)
{
    struct source *source = opened("one.gguf");
    uint32_t value = 0;
    char text[6];

    CHECK_EQ(source_key_u32(source, "llama.block_count", &value), 0);
    CHECK_EQ(value, 7);
    CHECK_EQ(source_key_u32(source, "general.architecture", &value), -EINVAL);
    CHECK_EQ(source_key_u32(source, "numbers", &value), -EINVAL);
    CHECK_EQ(source_key_u32(source, "llama.block", &value), -ENOENT);
    CHECK_EQ(source_key_string(source, "general.architecture", text, 6), 0);
    CHECK_STR(text, "llama");
    CHECK_EQ(source_key_string(source, "general.architecture", text, 5), -E2BIG);
    CHECK_EQ(source_key_string(source, "cut", text, 4), 0);
    CHECK_STR(text, "abc");
    CHECK_EQ(source_key_string(source, "cut", text, 3), -E2BIG);
    CHECK_EQ(source_key_string(source, "empty", text, 1), 0);
    CHECK_STR(text, "");
    CHECK_EQ(source_key_string(source, "empty", text, 0), -E2BIG);
    CHECK_EQ(source_key_string(source, "numbers", text, 6), -EINVAL);
    CHECK_EQ(source_key_string(source, "none", text, 6), -ENOENT);
    source_close(source);
}

/* Nothing but a regular file is read, and nothing hangs. */
static void test_no_file(void)
{
    struct bytes b;

    CHECK_EQ(mkfifoat(directory, "fifo.gguf", 0600), 0);
    CHECK_EQ(mkdirat(directory, "directory.gguf", 0700), 0);
    refused("fifo.gguf", EISDIR, 0, "no regular file");
    refused("directory.gguf", EISDIR, 0, "no regular file");
    refused("none.gguf", ENOENT, 0, "No such file");
    put_model(&b);
    b.size--;
    save("cut.gguf", &b);
    refused("cut.gguf", ENODATA, 0, "tensor 'blk.0.x' data is not within the file bounds");
    memcpy(b.data, "PK\3\4", 4);
    save("zip.gguf", &b);
    refused("zip.gguf", ENOEXEC, 0, "invalid magic characters");
}

/* --- split sets --------------------------------------------------------------------------------
 */

/* The names of the tensors end with NULL. */
static void put_shard(struct bytes *b, uint16_t number, uint16_t count, uint32_t total,
                      const char *const *names)
{
    uint64_t offset = 0, tensors = 0;

    while (names[tensors])
        tensors++;
    put_start(b, 3, tensors, 3);
    put_key_u16(b, "split.no", number);
    put_key_u16(b, "split.count", count);
    put_key(b, "split.tensors.count", GGUF_I32), put_u32(b, total);
    for (size_t i = 0; names[i]; i++, offset += 32)
        put_tensor(b, names[i], 8, TYPE_F32, offset);
    put_padding(b, 32);
    for (uint64_t i = 0; i < 8 * tensors; i++)
        put_u32(b, number);
}

static const char *const first_names[] = {"blk.10.a", "blk.2.b", "token_embd.weight", NULL};
static const char *const second_names[] = {"blk.2.a",     "output.weight", " blk.7.x", "blk.3attn",
                                           "enc.blk.0.a", "blk.-2.x",      "blk.x",    NULL};
static const char *const no_names[] = {NULL};

static void save_shard(const char *name, uint16_t number, uint16_t count, uint32_t total,
                       const char *const *names)
{
    struct bytes b;

    put_shard(&b, number, count, total, names);
    save(name, &b);
}

static void test_split(void)
{
    /* As sscanf("blk.%d.") sees it: layers -2, -1, 2, 3, 7, 10. The blank before blk.7 is one of
     * the name, and the format begins with none: layer -1. */
    static const struct {
        const char *name;
        unsigned shard;
    } expected[] = {
        {"blk.-2.x", 2},      {" blk.7.x", 2},          {"blk.x", 2},   {"enc.blk.0.a", 2},
        {"output.weight", 2}, {"token_embd.weight", 0}, {"blk.2.a", 2}, {"blk.2.b", 0},
        {"blk.3attn", 2},     {"blk.10.a", 0},
    };
    const struct source_tensor *tensors;
    struct source *source;
    uint32_t number;
    size_t count;

    save_shard("s-00001-of-00003.gguf", 0, 3, 10, first_names);
    save_shard("s-00002-of-00003.gguf", 1, 3, 0, no_names);
    save_shard("s-00003-of-00003.gguf", 2, 3, 0, second_names);
    source = opened("s-00001-of-00003.gguf");
    CHECK_EQ(source_shard_count(source), 3);
    CHECK_STR(source_shard_name(source, 2), "s-00003-of-00003.gguf");
    tensors = source_tensors(source, &count);
    CHECK_EQ(count, 10);
    for (size_t i = 0; i < count; i++) {
        CHECK_STR(tensors[i].name, expected[i].name);
        CHECK_EQ(tensors[i].shard, expected[i].shard);
        CHECK_EQ(source_read(source, tensors[i].shard, tensors[i].offset, &number, 4), 0);
        CHECK_EQ(number, tensors[i].shard);
    }
    for (unsigned i = 0; i < 3; i++)
        CHECK_EQ(source_unchanged(source, i), 0);
    source_close(source);
    refused("s-00003-of-00003.gguf", EINVAL, 0,
            "illegal split file idx: 2 (file: s-00003-of-00003.gguf), model must be loaded with "
            "the first split");
}

static void test_split_first(void)
{
    struct bytes b;
    struct source *source;

    put_start(&b, 3, 0, 1);
    put_key_u32(&b, "split.count", 2);
    save("a.gguf", &b);
    refused("a.gguf", EINVAL, 0, "key split.count has wrong type u32 but expected type u16");
    put_start(&b, 3, 0, 1);
    put_key_u16(&b, "split.count", 2);
    save("a.gguf", &b);
    refused("a.gguf", EINVAL, 0, "key not found in model: split.no");
    save_shard("a.gguf", 0, 2, 0, no_names);
    refused("a.gguf", EINVAL, 0, "invalid split file name: a.gguf");
    save_shard("-00001-of-00002.gguf", 0, 2, 0, no_names);
    refused("-00001-of-00002.gguf", EINVAL, 0, "invalid split file name");
    save_shard("s-00001-of-00004.gguf", 0, 3, 0, no_names);
    refused("s-00001-of-00004.gguf", EINVAL, 0, "invalid split file name");
    for (uint16_t count = 0; count < 2; count++) { /* no set, whatever the other keys say */
        save_shard("a.gguf", 9, count, 99, no_names);
        source = opened("a.gguf");
        CHECK_EQ(source_shard_count(source), 1);
        source_close(source);
    }
    /* 65535 files are claimed; the second is not there. */
    save_shard("big-00001-of-65535.gguf", 0, 65535, 0, no_names);
    refused("big-00001-of-65535.gguf", ENOENT, 1,
            "llama_model_loader: failed to load GGUF split from big-00002-of-65535.gguf: No such");
}

static void test_split_rest(void)
{
    const char *const first = "t-00001-of-00002.gguf", *const second = "t-00002-of-00002.gguf";
    struct bytes b;

    save_shard(first, 0, 2, 10, first_names);
    save_shard(second, 2, 2, 0, second_names);
    refused(first, EINVAL, 1,
            "invalid split file idx: 2 (file: t-00002-of-00002.gguf), expected 1");
    put_start(&b, 3, 0, 0);
    save(second, &b);
    refused(first, EINVAL, 1, "missing key split.no in GGUF split t-00002-of-00002.gguf");
    put_start(&b, 3, 0, 1);
    put_key_u32(&b, "split.no", 1);
    save(second, &b);
    refused(first, EINVAL, 1, "key split.no has wrong type u32");
    save_shard(second, 1, 2, 0, first_names);
    refused(first, EINVAL, 1, "invalid model: tensor 'token_embd.weight' is duplicated");
    save_shard(second, 1, 2, 0, no_names);
    refused(first, EINVAL, 0, "corrupted model: 10 tensors expected but 3 found");
    put_shard(&b, 1, 2, 0, second_names);
    b.size--;
    save(second, &b);
    refused(first, ENODATA, 1, "tensor 'blk.x' data is not within the file bounds");
    b.size = 30;
    save(second, &b);
    refused(first, ENODATA, 1,
            "failed to load GGUF split from t-00002-of-00002.gguf: failed to read header");
    memcpy(b.data, "????", 4);
    save(second, &b);
    refused(first, EINVAL, 1, "t-00002-of-00002.gguf: invalid magic characters");
    CHECK_EQ(unlinkat(directory, second, 0), 0);
    CHECK_EQ(mkfifoat(directory, second, 0600), 0);
    refused(first, EISDIR, 1, "t-00002-of-00002.gguf: no regular file");
    CHECK_EQ(unlinkat(directory, second, 0), 0);
    CHECK_EQ(symlinkat(second, directory, second), 0);
    refused(first, ELOOP, 1, "failed to load GGUF split");
}

/* --- changes -----------------------------------------------------------------------------------
 */

static void test_changed_while_parsing(void)
{
    struct bytes b;
    struct source *source;

    put_model(&b);
    save("busy.gguf", &b);
    change_while_parsing = "busy.gguf";
    CHECK_EQ(source_open(open_beside, &directory, "busy.gguf", &source, NULL), -EAGAIN);
    CHECK(!change_while_parsing && !source);
    source_close(opened("busy.gguf"));
}

static struct stat stat_of(const char *name)
{
    struct stat st;

    CHECK_EQ(fstatat(directory, name, &st, 0), 0);
    return st;
}

static bool same_ctime(const struct stat *a, const struct stat *b)
{
    return a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

/* Until the ctime has moved on: the clock that it comes from may be coarse. */
static void change_mode(const char *name, mode_t mode)
{
    const struct stat before = stat_of(name);
    struct stat st;

    do {
        CHECK_EQ(fchmodat(directory, name, mode, 0), 0);
        st = stat_of(name);
    } while (same_ctime(&st, &before));
}

/* What a rewrite with the mtime put back leaves. */
static void touch_ctime(const char *name)
{
    struct stat before = stat_of(name), st;
    const struct timespec times[2] = {before.st_atim, before.st_mtim};

    do {
        CHECK_EQ(utimensat(directory, name, times, 0), 0);
        st = stat_of(name);
    } while (same_ctime(&st, &before));
}

/* Changes whose traces are mode, owner, links or name: one after the other, and none is taken for a
 * rewrite. The opposite comes last: one that has left nothing but a new ctime. */
static void test_explained(void)
{
    struct bytes b;
    struct source *source;

    put_model(&b);
    save("open.gguf", &b);
    source = opened("open.gguf");
    change_mode("open.gguf", 0400);
    CHECK_EQ(source_unchanged(source, 0), 0);
    CHECK_EQ(source_unchanged(source, 0), 0);
    CHECK_EQ(fchmodat(directory, "open.gguf", 0600, 0), 0);
    CHECK_EQ(source_unchanged(source, 0), 0);
    CHECK_EQ(renameat(directory, "open.gguf", directory, "moved.gguf"), 0);
    CHECK_EQ(source_unchanged(source, 0), 0);
    CHECK_EQ(linkat(directory, "moved.gguf", directory, "link.gguf", 0), 0);
    CHECK_EQ(source_unchanged(source, 0), 0);
    CHECK_EQ(unlinkat(directory, "moved.gguf", 0), 0);
    CHECK_EQ(source_unchanged(source, 0), 0);
    change_mode("link.gguf", 0640);
    CHECK_EQ(source_unchanged(source, 0), 0);

    touch_ctime("link.gguf");
    CHECK_EQ(source_unchanged(source, 0), -ESTALE);
    /* What comes later explains itself alone. */
    change_mode("link.gguf", 0600);
    CHECK_EQ(source_unchanged(source, 0), -ESTALE);
    source_close(source);

    /* A directory further up has another name: the file has not, so that explains nothing. */
    CHECK_EQ(mkdirat(directory, "above", 0700), 0);
    CHECK_EQ(renameat(directory, "link.gguf", directory, "above/link.gguf"), 0);
    source = opened("above/link.gguf");
    CHECK_EQ(renameat(directory, "above", directory, "aside"), 0);
    CHECK_EQ(source_unchanged(source, 0), 0);
    touch_ctime("aside/link.gguf");
    CHECK_EQ(source_unchanged(source, 0), -ESTALE);
    source_close(source);
    CHECK_EQ(renameat(directory, "aside/link.gguf", directory, "link.gguf"), 0);
    CHECK_EQ(unlinkat(directory, "aside", AT_REMOVEDIR), 0);

    source = opened("link.gguf");
    CHECK_EQ(unlinkat(directory, "link.gguf", 0), 0);
    CHECK_EQ(source_unchanged(source, 0), 0);
    source_close(source);
}

/* Size and mtime are never explained, not even by a chmod at the same time. */
static void test_rewritten(void)
{
    struct bytes b;
    struct source *source;
    struct stat st;
    struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = 1}};
    char byte;
    int fd;

    put_model(&b);
    save("w.gguf", &b);
    source = opened("w.gguf");
    fd = openat(directory, "w.gguf", O_WRONLY | O_APPEND);
    st = stat_of("w.gguf");
    times[1] = st.st_mtim;
    CHECK_EQ(write(fd, "x", 1), 1);
    CHECK_EQ(futimens(fd, times), 0);
    CHECK_EQ(fchmod(fd, 0640), 0);
    CHECK_EQ(source_unchanged(source, 0), -ESTALE);
    /* Put back as it was: what has been another version once stays one. */
    CHECK_EQ(ftruncate(fd, (off_t)b.size), 0);
    CHECK_EQ(futimens(fd, times), 0);
    CHECK_EQ(source_unchanged(source, 0), -ESTALE);
    source_close(source);
    source = opened("w.gguf");
    times[1].tv_nsec ^= 1;
    CHECK_EQ(futimens(fd, times), 0);
    CHECK_EQ(source_unchanged(source, 0), -ESTALE);
    CHECK_EQ(ftruncate(fd, 10), 0);
    CHECK_EQ(source_read(source, 0, 10, &byte, 1), -EIO);
    CHECK_EQ(source_read(source, 0, 9, &byte, 1), 0);
    CHECK_EQ(source_unchanged(source, 0), -ESTALE);
    (void)close(fd);
    source_close(source);
}

struct watch {
    const struct source *source;
    int stop;
    unsigned bad;
};

static void *watch_run(void *context)
{
    struct watch *watch = context;

    while (!__atomic_load_n(&watch->stop, __ATOMIC_ACQUIRE))
        watch->bad += source_unchanged(watch->source, 0) != 0;
    return NULL;
}

/* Many threads look while the file gets one mode after the other and moves: nobody is told that it
 * is stale. */
static void test_many_look(void)
{
    struct bytes b;
    struct watch watches[4];
    pthread_t threads[4];
    struct source *source;
    char name[2][16] = {"m.gguf", ""};

    put_model(&b);
    save(name[0], &b);
    source = opened(name[0]);
    for (int i = 0; i < 4; i++) {
        watches[i] = (struct watch){.source = source};
        CHECK_EQ(pthread_create(&threads[i], NULL, watch_run, &watches[i]), 0);
    }
    for (unsigned i = 1; i < 0400; i++) {
        snprintf(name[i % 2], sizeof(name[0]), "m%u.gguf", i);
        CHECK_EQ(fchmodat(directory, name[1 - i % 2], 0400 + i, 0), 0);
        CHECK_EQ(renameat(directory, name[1 - i % 2], directory, name[i % 2]), 0);
    }
    for (int i = 0; i < 4; i++) {
        __atomic_store_n(&watches[i].stop, 1, __ATOMIC_RELEASE);
        CHECK_EQ(pthread_join(threads[i], NULL), 0);
        CHECK_EQ(watches[i].bad, 0);
    }
    CHECK_EQ(source_unchanged(source, 0), 0);
    source_close(source);
}

static void test_young(void)
{
    const struct timespec now = {.tv_sec = 100, .tv_nsec = 500};
    struct version v = {.mtime = {.tv_sec = 50}, .ctime = {.tv_sec = 98, .tv_nsec = 500}};
    struct version many[3] = {v, v, v};

    CHECK(!version_young(&v, now));
    v.ctime.tv_nsec = 501;
    CHECK(version_young(&v, now));
    v.ctime.tv_sec = 97;
    CHECK(!version_young(&v, now));
    v.mtime.tv_sec = 101;
    CHECK(version_young(&v, now));
    v.mtime.tv_sec = INT64_MAX;
    CHECK(version_young(&v, now));
    v.mtime.tv_sec = INT64_MIN;
    CHECK(!version_young(&v, now));
    /* Of several, one is enough. */
    many[2].ctime.tv_sec = INT64_MAX;
    CHECK(versions_young(many, 3));
    CHECK(!versions_young(many, 2));
    CHECK(!versions_young(NULL, 0));
}

static void test_version(void)
{
    const struct version v = {1, 2, 3, {4, 5}, {6, 7}};
    struct version w[7] = {v, v, v, v, v, v, v};

    w[0].device++, w[1].inode++, w[2].size++, w[3].mtime.tv_sec++;
    w[4].mtime.tv_nsec++, w[5].ctime.tv_sec++, w[6].ctime.tv_nsec++;
    CHECK(version_equal(&v, &v));
    for (int i = 0; i < 7; i++)
        CHECK(!version_equal(&v, &w[i]));
    CHECK(versions_equal(w, 7, w, 7));
    CHECK(versions_equal(w, 0, NULL, 0));
    CHECK(!versions_equal(w, 6, w, 7));
    CHECK(!versions_equal(w, 2, (const struct version[]){w[0], v}, 2));
}

int main(void)
{
    const char *base = getenv("TMPDIR");
    char path[4096];

    snprintf(path, sizeof(path), "%s/quantfs-source-XXXXXX", base ? base : "/tmp");
    CHECK(mkdtemp(path));
    directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CHECK(directory >= 0);
    test_one_file();
    test_will_need();
    test_keys();
    test_no_file();
    test_split();
    test_split_first();
    test_split_rest();
    test_changed_while_parsing();
    test_explained();
    test_rewritten();
    test_many_look();
    test_young();
    test_version();
    CHECK_EQ(nftw(path, remove_entry, 8, FTW_DEPTH | FTW_PHYS), 0);
    return 0;
}
