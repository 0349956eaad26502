/* If this failed, the cache would hand out bytes that nobody put there under that name, or what was
 * put could not be found again by another build. */
#include "cache/object.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "tests/check.h"

#define PAGE 4096

static char work[128];
static int directory;
static uint64_t seed;

static uint64_t next_random(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

static void fill(uint8_t *data, size_t size)
{
    for (size_t i = 0; i < size; i++)
        data[i] = (uint8_t)(next_random() >> 32);
}

static struct key *make_key(uint8_t byte)
{
    uint8_t secret[SECRET_SIZE] = {byte};
    struct key *key;

    CHECK_EQ(key_new(secret, &key), 0);
    return key;
}

static struct name make_name(uint8_t byte)
{
    struct name name = {.bytes = {byte, 1, 2}};

    return name;
}

/* Of a file on a filesystem that is memory: its pages always are. */
static bool is_memory(int fd)
{
    struct statfs st;

    return fstatfs(fd, &st) == 0 && st.f_type == TMPFS_MAGIC;
}

static void check_no_temporaries(void)
{
    CHECK(unlinkat(directory, "tmp", AT_REMOVEDIR) == 0);
    CHECK(mkdirat(directory, "tmp", 0700) == 0);
}

/* The whole file; free it. */
static uint8_t *slurp(const char *path, size_t *size)
{
    int fd = openat(directory, path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    uint8_t *data;

    CHECK(fd >= 0 && fstat(fd, &st) == 0);
    *size = (size_t)st.st_size;
    data = malloc(*size + 1);
    CHECK(data && pread(fd, data, *size, 0) == (ssize_t)*size);
    (void)close(fd);
    return data;
}

static void spill(const char *path, const void *data, size_t size)
{
    int fd;

    /* A new file each time: some filesystems write one that was cut to the disk at once. */
    (void)unlinkat(directory, path, 0);
    fd = openat(directory, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    CHECK(fd >= 0 && write(fd, data, size) == (ssize_t)size);
    (void)close(fd);
}

static void write_object_at(struct key *key, const char *path, const struct name *name,
                            const void *data, size_t size, uint64_t position)
{
    const struct object_payload payload = {.data = data, .size = size, .position = position};
    uint64_t on_disk;
    struct stat st;

    CHECK_EQ(object_write(key, directory, path, OBJECT_CHUNK, name, &payload, &on_disk), 0);
    CHECK(fstatat(directory, path, &st, 0) == 0);
    CHECK_EQ(st.st_size, on_disk);
    CHECK_EQ(st.st_mode & 07777, 0600);
}

static void write_object(struct key *key, const char *path, const struct name *name,
                         const void *data, size_t size)
{
    write_object_at(key, path, name, data, size, next_random());
}

static int try_open(struct key *key, const char *path, const struct name *name)
{
    struct object *object;
    int r = object_open(key, directory, path, OBJECT_CHUNK, name, &object);
    int verified = object_verify(key, directory, path, name);

    CHECK_EQ(r, verified);
    if (r == 0)
        object_close(object);
    return r;
}

/* What goes in comes out, whole and in parts, from either codec. */
static void test_round_trip(struct key *key)
{
    static const size_t sizes[] = {0,    1,    71,    72,    73,    4023,  4024,  4025,   4095,
                                   4096, 4097, 65535, 65536, 65537, 69632, 70000, 589824, 1 << 20};
    struct name name = make_name(1);
    uint8_t *data = malloc(1 << 20), *back = malloc(1 << 20);

    CHECK(data && back);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
        for (int kind = 0; kind < 3; kind++) {
            size_t size = sizes[i];
            struct object *object;

            fill(data, size);
            if (kind == 1)
                memset(data, 0, size);
            if (kind == 2)
                memset(data, 7, size / 2);
            write_object(key, "round", &name, data, size);
            CHECK_EQ(object_open(key, directory, "round", OBJECT_CHUNK, &name, &object), 0);
            CHECK_EQ(object->size, size);
            CHECK((object->fd >= 0) != (object->data != NULL));
            /* Compressed wherever that saves more than a page, never where nothing is to be saved.
             */
            CHECK((object->data != NULL) == (kind > 0 && size > 4024));
            memset(back, 0x55, size);
            CHECK_EQ(object_read(object, 0, back, size), 0);
            CHECK(memcmp(data, back, size) == 0);
            for (int part = 0; part < 20; part++) {
                size_t from = next_random() % (size + 1),
                       length = next_random() % (size + 1 - from);

                CHECK_EQ(object_read(object, from, back, length), 0);
                CHECK(memcmp(data + from, back, length) == 0);
            }
            CHECK(object_whole(key, object));
            object_close(object);
        }
    check_no_temporaries();
    free(data);
    free(back);
}

static uint64_t number(const uint8_t *at, int size)
{
    uint64_t value = 0;

    for (int i = size - 1; i >= 0; i--)
        value = value << 8 | at[i];
    return value;
}

/* The table of object.c, read without its code. */
static void test_format(struct key *key)
{
    static const uint64_t positions[] = {0, 1, 71, 72, 73, 4095, 4096, 4096 * 7 + 71, UINT64_MAX};
    struct name name = make_name(2);
    struct fingerprint fingerprint;
    uint8_t data[10000], *file;
    struct seal seal;
    size_t size;

    fill(data, sizeof(data));
    for (int i = 0; i < 10; i++) {
        uint64_t position = positions[i % 9], offset, stored;
        bool compressed = i == 9;

        if (compressed)
            memset(data, 1, 9000);
        write_object_at(key, "format", &name, data, sizeof(data), position);
        file = slurp("format", &size);
        CHECK(memcmp(file, "qfscache", 8) == 0);
        CHECK_EQ(number(file + 8, 4), 3);
        CHECK_EQ(number(file + 12, 4), OBJECT_CHUNK);
        CHECK_EQ(number(file + 16, 4), compressed);
        offset = number(file + 20, 4);
        if (compressed)
            CHECK_EQ(offset, 72);
        else
            CHECK(offset >= 72 && offset < 72 + PAGE && offset % PAGE == position % PAGE);
        CHECK_EQ(number(file + 24, 8), sizeof(data));
        stored = number(file + 32, 8);
        CHECK_EQ(offset + stored, size);
        if (!compressed) {
            CHECK(size % PAGE == 0 && stored - sizeof(data) < PAGE);
            CHECK(memcmp(file + offset, data, sizeof(data)) == 0);
            for (uint64_t at = offset + sizeof(data); at < size; at++)
                CHECK_EQ(file[at], 0);
        }
        CHECK_EQ(fingerprint_make(key, file + offset, stored, &fingerprint), 0);
        CHECK_EQ(seal_make(key, &name, file, 40, &fingerprint, &seal), 0);
        CHECK(memcmp(file + 40, seal.bytes, 32) == 0);
        free(file);
    }
}

/* With room around it a payload is written as it lies: the same file, and where the filesystem can,
 * no page of it is in memory. */
static void test_past_the_page_cache(struct key *key)
{
    static const uint64_t positions[] = {0, 32, 71, 72, 4095, 4096 * 7 + 64};
    static const size_t sizes[] = {4095, 4096, 4097, 70000, 589824};
    struct name name = make_name(11);
    uint8_t *room = aligned_alloc(PAGE, 1 << 20), *file, *same, byte;
    int fd, can;

    CHECK(room);
    for (size_t i = 0; i < 6 * 5; i++) {
        uint64_t position = positions[i % 6], on_disk;
        uint8_t *data = room + PAGE + position % PAGE;
        const struct object_payload payload = {
            .data = data, .size = sizes[i / 6], .position = position, .room = room};
        struct iovec iov = {&byte, 1};
        size_t size, same_size;

        memset(room, 0x55, 1 << 20);
        fill(data, payload.size);
        CHECK_EQ(object_write(key, directory, "direct", OBJECT_CHUNK, &name, &payload, &on_disk),
                 0);
        write_object_at(key, "buffered", &name, data, payload.size, position);
        fd = openat(directory, "direct", O_RDONLY | O_CLOEXEC);
        CHECK(fd >= 0);
        can = fcntl(fd, F_SETFL, O_DIRECT);
        CHECK(fcntl(fd, F_SETFL, 0) == 0);
        if (can == 0 && payload.size >= PAGE && preadv2(fd, &iov, 1, 0, RWF_NOWAIT) != -1)
            CHECK(is_memory(fd));
        (void)close(fd);
        CHECK_EQ(try_open(key, "direct", &name), 0);
        file = slurp("direct", &size);
        same = slurp("buffered", &same_size);
        CHECK(size == on_disk && size == same_size && memcmp(file, same, size) == 0);
        free(file);
        free(same);
    }
    check_no_temporaries();
    free(room);
}

/* What a filesystem says that writes no file past the page cache: at once, or after a page. */
static enum { CAN, REFUSES, STOPS } past_cache;

ssize_t __real_writev(int fd, const struct iovec *iov, int count);
ssize_t __wrap_writev(int fd, const struct iovec *iov, int count);

ssize_t __wrap_writev(int fd, const struct iovec *iov, int count)
{
    const struct iovec page = {iov->iov_base, PAGE};

    if (past_cache == CAN || (fcntl(fd, F_GETFL) & O_DIRECT) == 0)
        return __real_writev(fd, iov, count);
    if (past_cache == STOPS && lseek(fd, 0, SEEK_CUR) == 0)
        return __real_writev(fd, &page, 1);
    errno = EINVAL;
    return -1;
}

static void test_through_the_page_cache(struct key *key)
{
    struct name name = make_name(12);
    uint8_t *room = aligned_alloc(PAGE, 1 << 20);
    const struct object_payload payload = {.data = room + PAGE, .size = 70000, .room = room};
    uint64_t on_disk;

    CHECK(room);
    fill(room + PAGE, payload.size);
    for (past_cache = REFUSES; past_cache <= STOPS; past_cache++) {
        uint8_t *file, *same;
        size_t size, same_size;

        CHECK_EQ(object_write(key, directory, "refused", OBJECT_CHUNK, &name, &payload, &on_disk),
                 0);
        write_object_at(key, "buffered", &name, room + PAGE, payload.size, 0);
        file = slurp("refused", &size);
        same = slurp("buffered", &same_size);
        CHECK(size == on_disk && size == same_size && memcmp(file, same, size) == 0);
        CHECK_EQ(try_open(key, "refused", &name), 0);
        free(file);
        free(same);
    }
    past_cache = CAN;
    check_no_temporaries();
    free(room);
}

/* No bit of a file can change unnoticed. */
static void test_bits(struct key *key, bool compressed)
{
    struct name name = make_name(3);
    uint8_t data[9000], *file;
    size_t size;

    fill(data, sizeof(data));
    if (compressed)
        memset(data, 1, 6000);
    write_object(key, "bits", &name, data, sizeof(data));
    CHECK_EQ(try_open(key, "bits", &name), 0);
    file = slurp("bits", &size);
    for (size_t i = 0; i < 72 * 8 + 1000; i++) {
        size_t bit = i < 72 * 8 ? i : next_random() % (8 * size);

        file[bit / 8] ^= (uint8_t)(1 << bit % 8);
        spill("bits", file, size);
        if (try_open(key, "bits", &name) != -EBADMSG) {
            fprintf(stderr, "bit %zu of %zu bytes\n", bit, size);
            CHECK(false);
        }
        file[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    spill("bits", file, size);
    CHECK_EQ(try_open(key, "bits", &name), 0);
    free(file);
}

static void test_lengths(struct key *key, size_t payload)
{
    struct name name = make_name(4);
    uint8_t *data = malloc(payload + 1), *file;
    size_t size;

    CHECK(data);
    fill(data, payload);
    write_object(key, "length", &name, data, payload);
    file = slurp("length", &size);
    file[size] = 0;
    for (size_t cut = 0; cut < size; cut += cut < 100 || cut + 100 > size ? 1 : 97) {
        spill("length", file, cut);
        CHECK_EQ(try_open(key, "length", &name), -EBADMSG);
    }
    spill("length", file, size + 1);
    CHECK_EQ(try_open(key, "length", &name), -EBADMSG);
    spill("length", file, size);
    CHECK_EQ(try_open(key, "length", &name), 0);
    /* A hollow file, as a power cut leaves it, and huge ones of nothing. */
    memset(file, 0, size);
    spill("length", file, size);
    CHECK_EQ(try_open(key, "length", &name), -EBADMSG);
    for (off_t huge = (off_t)1 << 28; huge > 0 && huge < (off_t)1 << 42; huge *= 32) {
        int fd = openat(directory, "length", O_WRONLY | O_CLOEXEC);

        CHECK(fd >= 0);
        if (ftruncate(fd, huge) == 0)
            CHECK_EQ(try_open(key, "length", &name), -EBADMSG);
        (void)close(fd);
    }
    free(file);
    free(data);
}

static uint32_t little(uint32_t value)
{
    return htole32(value);
}

/* Sizes that promise more than is there, with a seal that holds: nothing is allocated from them,
 * nothing is read beyond. */
static void test_lies(struct key *key)
{
    struct name name = make_name(5);
    struct fingerprint fingerprint;
    uint8_t data[9000], *file;
    struct seal seal;
    size_t size;

    memset(data, 1, sizeof(data));
    write_object(key, "lies", &name, data, sizeof(data));
    file = slurp("lies", &size);
    for (int lie = 0; lie < 10; lie++) {
        uint8_t *copy = malloc(size);
        uint32_t field;
        uint64_t wide;

        CHECK(copy);
        memcpy(copy, file, size);
        wide = htole64(lie == 0   ? UINT64_MAX
                       : lie == 1 ? (uint64_t)1 << 28
                       : lie == 2 ? 9001
                       : lie == 3 ? 8999
                                  : 9000);
        memcpy(copy + 24, &wide, 8);
        field = little(lie == 4 ? 2 : 1); /* a codec */
        memcpy(copy + 16, &field, 4);
        field = little(CACHE_FORMAT + (lie == 5)); /* a version to come */
        memcpy(copy + 8, &field, 4);
        field = little(lie == 6 ? 9 : 1); /* a kind */
        memcpy(copy + 12, &field, 4);
        field = little(lie == 8 ? 71 : lie == 9 ? 73 : 72); /* where the payload begins */
        memcpy(copy + 20, &field, 4);
        CHECK_EQ(fingerprint_make(key, copy + 72, size - 72, &fingerprint), 0);
        CHECK_EQ(seal_make(key, &name, copy, 40, &fingerprint, &seal), 0);
        memcpy(copy + 40, seal.bytes, 32);
        spill("lies", copy, size);
        /* lie 7 is none: what made the others fail was not the making of the seal. */
        if (lie == 7)
            CHECK_EQ(try_open(key, "lies", &name), 0);
        else {
            struct object *object;

            CHECK_EQ(object_open(key, directory, "lies", OBJECT_CHUNK, &name, &object), -EBADMSG);
        }
        free(copy);
    }
    free(file);
}

static void test_foreign(struct key *key)
{
    struct name name = make_name(6), other_name = make_name(7);
    struct key *other_key = make_key(99);
    struct object *object;
    uint8_t data[5000];

    fill(data, sizeof(data));
    write_object(key, "mine", &name, data, sizeof(data));
    write_object(other_key, "theirs", &name, data, sizeof(data));
    CHECK_EQ(try_open(key, "mine", &name), 0);
    CHECK_EQ(try_open(key, "mine", &other_name), -EBADMSG); /* renamed to another's name */
    CHECK_EQ(try_open(key, "theirs", &name), -EBADMSG);     /* of another cache */
    CHECK_EQ(try_open(other_key, "mine", &name), -EBADMSG);
    CHECK_EQ(object_open(key, directory, "mine", OBJECT_MANIFEST, &name, &object), -EBADMSG);
    CHECK_EQ(object_open(key, directory, "mine", 0, &name, &object), 0);
    CHECK_EQ(object->kind, OBJECT_CHUNK);
    object_close(object);
    CHECK_EQ(try_open(key, "none", &name), -ENOENT);
    CHECK(mkdirat(directory, "folder", 0700) == 0 && mkfifoat(directory, "fifo", 0600) == 0);
    CHECK(symlinkat("mine", directory, "link") == 0);
    CHECK_EQ(try_open(key, "folder", &name), -EBADMSG);
    CHECK_EQ(try_open(key, "fifo", &name), -EBADMSG);
    CHECK_EQ(try_open(key, "link", &name), -EBADMSG);
    key_free(other_key);
}

/* An open object stays what it was, whatever happens to its name; a cut is noticed. */
static void test_open_stays(struct key *key)
{
    struct name name = make_name(8);
    uint8_t data[9000], other[9000], back[9000];
    struct object *object, *second;
    int fd;

    fill(data, sizeof(data));
    fill(other, sizeof(other));
    write_object(key, "stays", &name, data, sizeof(data));
    CHECK_EQ(object_open(key, directory, "stays", OBJECT_CHUNK, &name, &object), 0);
    write_object(key, "stays", &name, other, sizeof(other));
    CHECK_EQ(object_open(key, directory, "stays", OBJECT_CHUNK, &name, &second), 0);
    CHECK(unlinkat(directory, "stays", 0) == 0);
    CHECK_EQ(object_read(object, 0, back, sizeof(back)), 0);
    CHECK(memcmp(data, back, sizeof(back)) == 0);
    CHECK_EQ(object_read(second, 0, back, sizeof(back)), 0);
    CHECK(memcmp(other, back, sizeof(back)) == 0);
    object_close(object);
    object_close(second);

    write_object(key, "stays", &name, data, sizeof(data));
    CHECK_EQ(object_open(key, directory, "stays", OBJECT_CHUNK, &name, &object), 0);
    fd = openat(directory, "stays", O_WRONLY | O_CLOEXEC);
    CHECK(fd >= 0 && ftruncate(fd, (off_t)object->offset + 8999) == 0 && close(fd) == 0);
    CHECK(!object_whole(key, object));
    CHECK_EQ(object_read(object, 0, back, 8999), 0);
    CHECK_EQ(object_read(object, 0, back, 9000), -EBADMSG);
    CHECK_EQ(object_read_now(object, 0, back, 8999), -EAGAIN);
    object_close(object);
}

/* Whoever writes to an open object is seen; whoever touches it does no harm. */
static void test_written(struct key *key)
{
    static const struct timespec old[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
    struct name name = make_name(10);
    uint8_t data[9000], back[5000], byte = 0;
    struct object *object;
    int fd, now;

    fill(data, sizeof(data));
    write_object(key, "written", &name, data, sizeof(data));
    CHECK_EQ(object_open(key, directory, "written", OBJECT_CHUNK, &name, &object), 0);
    CHECK(object->fd >= 0 && object_whole(key, object));
    /* From memory alone only what needs no second look; not every filesystem can tell. */
    now = object_read_now(object, 100, back, 5000);
    CHECK(now == 0 ? memcmp(back, data + 100, 5000) == 0 : now == -EAGAIN);
    CHECK(utimensat(directory, "written", old, 0) == 0);
    CHECK_EQ(object_read_now(object, 100, back, 5000), -EAGAIN);
    CHECK(object_whole(key, object));
    CHECK_EQ(object_read_now(object, 100, back, 5000), now);
    fd = openat(directory, "written", O_WRONLY | O_CLOEXEC);
    byte = (uint8_t)(data[5000] ^ 1);
    CHECK(fd >= 0 && pwrite(fd, &byte, 1, (off_t)object->offset + 5000) == 1);
    CHECK_EQ(object_read_now(object, 0, back, 10), -EAGAIN);
    CHECK(!object_whole(key, object));
    CHECK(!object_whole(key, object));
    CHECK_EQ(object_read_now(object, 0, back, 10), -EAGAIN);
    CHECK(pwrite(fd, &data[5000], 1, (off_t)object->offset + 5000) == 1);
    CHECK(object_whole(key, object));
    CHECK(close(fd) == 0);
    object_close(object);
    CHECK(unlinkat(directory, "written", 0) == 0);
}

static int64_t age(const char *path)
{
    struct stat st;

    CHECK(fstatat(directory, path, &st, 0) == 0);
    return st.st_mtim.tv_sec;
}

static void test_age(struct key *key)
{
    static const struct timespec old[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
    struct name name = make_name(9);
    struct object *object;

    write_object(key, "age", &name, "abc", 3);
    CHECK(utimensat(directory, "age", old, 0) == 0);
    CHECK_EQ(object_verify(key, directory, "age", &name), 0);
    CHECK_EQ(age("age"), 1000);
    CHECK_EQ(object_open(key, directory, "age", OBJECT_CHUNK, &name, &object), 0);
    CHECK(age("age") > 1000000);
    object_close(object);
}

/* A write that fails leaves nothing, and does not touch what is there. */
static void test_failed_writes(struct key *key)
{
    struct name name = make_name(10);
    uint8_t *data = calloc(1, 1 << 20);
    struct rlimit limit, small;
    struct object_payload payload = {.data = data, .size = 1 << 20};
    uint64_t on_disk;

    CHECK(data);
    fill(data, 1 << 20);
    write_object(key, "kept", &name, "abc", 3);
    CHECK(signal(SIGXFSZ, SIG_IGN) != SIG_ERR && getrlimit(RLIMIT_FSIZE, &limit) == 0);
    small = (struct rlimit){100000, limit.rlim_max};
    CHECK(setrlimit(RLIMIT_FSIZE, &small) == 0);
    CHECK_EQ(object_write(key, directory, "kept", OBJECT_CHUNK, &name, &payload, &on_disk), -EFBIG);
    CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
    check_no_temporaries();
    payload.size = 10;
    CHECK_EQ(object_write(key, directory, "folder", OBJECT_CHUNK, &name, &payload, &on_disk),
             -EISDIR);
    CHECK_EQ(object_write(key, directory, "absent/x", OBJECT_CHUNK, &name, &payload, &on_disk),
             -ENOENT);
    check_no_temporaries();
    CHECK_EQ(try_open(key, "kept", &name), 0);
    payload.size = OBJECT_SIZE_MAX + 1;
    CHECK_EQ(object_write(key, directory, "kept", OBJECT_CHUNK, &name, &payload, &on_disk), -EFBIG);
    CHECK(unlinkat(directory, "tmp", AT_REMOVEDIR) == 0);
    payload.size = 10;
    CHECK_EQ(object_write(key, directory, "kept", OBJECT_CHUNK, &name, &payload, &on_disk),
             -ENOENT);
    free(data);
}

int main(int argc, char **argv)
{
    struct key *key = make_key(1);
    const char *base = getenv("TMPDIR");
    char command[256];

    seed = argc > 1 ? strtoull(argv[1], NULL, 0) : 0x9e3779b97f4a7c15;
    printf("seed %#llx\n", (unsigned long long)seed);
    (void)snprintf(work, sizeof(work), "%s/quantfs-object.XXXXXX", base ? base : "/tmp");
    CHECK(mkdtemp(work));
    directory = open(work, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CHECK(directory >= 0 && mkdirat(directory, "tmp", 0700) == 0);
    test_round_trip(key);
    test_format(key);
    test_past_the_page_cache(key);
    test_through_the_page_cache(key);
    test_bits(key, false);
    test_bits(key, true);
    test_lengths(key, 300);
    test_lengths(key, 9000);
    test_lies(key);
    test_foreign(key);
    test_open_stays(key);
    test_written(key);
    test_age(key);
    test_failed_writes(key);
    key_free(key);
    (void)close(directory);
    (void)snprintf(command, sizeof(command), "rm -rf '%s'", work);
    CHECK(system(command) == 0);
    return 0;
}
