#include "cache/object.h"

#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <lz4.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

/*
 * The format of a file, version 3. All numbers are little-endian.
 *
 *   OFFSET  SIZE  DESCRIPTION
 *        0     8  magic: "qfscache"
 *        8     4  version of the format: CACHE_FORMAT
 *       12     4  kind: enum object_kind
 *       16     4  codec: 0 raw, 1 LZ4 (one block)
 *       20     4  P: where the payload begins, from 72 to 4096 + 71
 *       24     8  size of the payload
 *       32     8  S: size of the payload as stored; if raw, with the zeros behind it, up to 4095
 *       40    32  seal over the file's own name, the 40 bytes above, and the fingerprint of the
 *                 payload as stored (key.h)
 *       72  P-72  zeros
 *        P     S  the payload as stored; the file ends with it
 *
 * A raw payload of a page or more has its pages where the view that it was made for has them: who
 * reads a page of that view reads one page of the file. Zeros fill its last page, so that the file
 * can be written past the page cache. Of any other payload P is 72, and no zeros follow.
 */
struct header {
    char magic[8];
    uint32_t format;
    uint32_t kind;
    uint32_t codec;
    uint32_t offset;
    uint64_t size;
    uint64_t stored;
    uint8_t seal[32];
};

_Static_assert(sizeof(struct header) == 72, "on disk");
_Static_assert(offsetof(struct header, magic) == 0, "on disk");
_Static_assert(offsetof(struct header, format) == 8, "on disk");
_Static_assert(offsetof(struct header, kind) == 12, "on disk");
_Static_assert(offsetof(struct header, codec) == 16, "on disk");
_Static_assert(offsetof(struct header, offset) == 20, "on disk");
_Static_assert(offsetof(struct header, size) == 24, "on disk");
_Static_assert(offsetof(struct header, stored) == 32, "on disk");
_Static_assert(offsetof(struct header, seal) == 40, "on disk");
_Static_assert(CACHE_PAGE == 4096, "on disk");

enum { CODEC_RAW = 0, CODEC_LZ4 = 1 };

#define HEADER_SEALED offsetof(struct header, seal)
#define PAGE ((size_t)CACHE_PAGE)
#define HEADER_MAX (PAGE + sizeof(struct header) - 1) /* P is at most that */
#define READ_SIZE ((size_t)64 << 10)
/* Compressed if that saves an eighth: what saves less costs its reader more than the disk gains. */
#define SAVING 8
/* A large payload is tried by so many parts of it. */
#define SAMPLES ((size_t)8)
#define SAMPLE_SIZE ((size_t)4 << 10)

static const char magic[8] = {'q', 'f', 's', 'c', 'a', 'c', 'h', 'e'};

/* ---- writing ---- */

/* Whether parts of the payload, spread over it, shrink enough: nearly all chunks are dense weights,
 * which do not shrink at all, and are not to be compressed whole for finding that out. */
static bool promises_saving(const char *data, size_t size)
{
    char out[SAMPLE_SIZE];
    size_t stored = 0;

    for (size_t i = 0; i < SAMPLES; i++) {
        const char *at = data + (size - SAMPLE_SIZE) / (SAMPLES - 1) * i;
        int count = LZ4_compress_default(at, out, SAMPLE_SIZE, SAMPLE_SIZE - 1);

        stored += count > 0 ? (size_t)count : SAMPLE_SIZE;
    }
    return stored <= SAMPLES * SAMPLE_SIZE - SAMPLES * SAMPLE_SIZE / SAVING;
}

/* The payload as LZ4 if that pays, else NULL. Ends early where it does not pay. */
static char *compress_payload(const void *data, size_t size, size_t *stored)
{
    size_t limit = size - size / SAVING;
    char *out;
    int count;

    /* Within one page of the file there is nothing to save. */
    if (size <= PAGE - sizeof(struct header))
        return NULL;
    if (size > 2 * SAMPLES * SAMPLE_SIZE && !promises_saving(data, size))
        return NULL;
    out = malloc(limit);
    if (!out)
        return NULL;
    count = LZ4_compress_default(data, out, (int)size, (int)limit);
    if (count <= 0) {
        free(out);
        return NULL;
    }
    *stored = (size_t)count;
    return out;
}

static int write_whole(int fd, struct iovec *iov, int count)
{
    while (count > 0) {
        ssize_t written = writev(fd, iov, count);

        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return written < 0 ? -errno : -EIO;
        for (; count > 0 && (size_t)written >= iov->iov_len; iov++, count--)
            written -= (ssize_t)iov->iov_len;
        if (count > 0) {
            iov->iov_base = (char *)iov->iov_base + written;
            iov->iov_len -= (size_t)written;
        }
    }
    return 0;
}

/* All bytes of a file. */
struct image {
    struct iovec parts[3];
    int count;
    uint8_t *whole; /* NULL, or the same in one piece, from page to page */
    uint64_t size;
};

static int write_past_cache(int fd, const struct image *image)
{
    struct iovec whole = {.iov_base = image->whole, .iov_len = image->size};
    int flags = fcntl(fd, F_GETFL), r;

    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_DIRECT) < 0)
        return -errno;
    r = write_whole(fd, &whole, 1);
    return fcntl(fd, F_SETFL, flags) < 0 && r == 0 ? -errno : r;
}

static int write_through_cache(int fd, const struct image *image, bool writeback)
{
    struct iovec parts[3];
    int r;

    memcpy(parts, image->parts, sizeof(parts));
    r = lseek(fd, 0, SEEK_SET) < 0 ? -errno : write_whole(fd, parts, image->count);
    if (r == 0 && writeback)
        (void)sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE);
    return r;
}

static int write_temporary(int directory, char *temporary, size_t size, const struct image *image,
                           bool writeback)
{
    uint64_t number;
    int fd, r = -EINVAL;

    if (getrandom(&number, sizeof(number), 0) != sizeof(number))
        return -EIO;
    (void)snprintf(temporary, size, "tmp/%016llx", (unsigned long long)number);
    fd = openat(directory, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return -errno;
    if (image->whole)
        r = write_past_cache(fd, image);
    if (r == -EINVAL) /* not every filesystem can */
        r = write_through_cache(fd, image, writeback);
    /* A network filesystem tells of a full disk here. */
    if (close(fd) < 0 && r == 0)
        r = -errno;
    if (r < 0)
        (void)unlinkat(directory, temporary, 0);
    return r;
}

static int seal_parts(struct key *key, const struct name *name, const struct image *image,
                      struct header *header)
{
    struct fingerprint fingerprint;
    struct digest digest;
    struct seal seal;
    int r;

    fingerprint_begin(&digest, key);
    for (int i = 1; i < image->count; i++)
        fingerprint_add(&digest, image->parts[i].iov_base, image->parts[i].iov_len);
    r = fingerprint_end(&digest, &fingerprint);
    if (r == 0)
        r = seal_make(key, name, header, HEADER_SEALED, &fingerprint, &seal);
    if (r == 0)
        memcpy(header->seal, seal.bytes, sizeof(header->seal));
    return r;
}

/* The first place behind the header that is as far behind a border of pages as `position`. */
static uint32_t payload_offset(uint64_t position)
{
    uint32_t phase = (uint32_t)(position % PAGE);

    return phase < sizeof(struct header) ? PAGE + phase : phase;
}

/* What a file has around its payload. */
struct frame {
    struct header header;
    uint8_t zeros[HEADER_MAX - sizeof(struct header)];
    uint8_t behind[PAGE];
};

/* Lays the file out; `compressed` is the payload as LZ4, or NULL. */
static void lay_out(const struct object_payload *payload, void *compressed, size_t stored,
                    struct frame *frame, struct image *image)
{
    bool paged = !compressed && payload->size >= PAGE;
    uint32_t offset = paged ? payload_offset(payload->position) : sizeof(struct header);
    size_t fill = paged ? (PAGE - (offset + stored) % PAGE) % PAGE : 0;

    image->parts[0] = (struct iovec){frame, offset};
    image->parts[1] = (struct iovec){compressed, stored};
    if (!compressed) /* iovecs know no const */
        memcpy(&image->parts[1].iov_base, &payload->data, sizeof(payload->data));
    image->parts[2] = (struct iovec){frame->behind, fill};
    image->count = fill > 0 ? 3 : 2;
    image->size = offset + stored + fill;
    if (paged && payload->room)
        image->whole = payload->room + PAGE + payload->position % PAGE - offset;
    memcpy(frame->header.magic, magic, sizeof(magic));
    frame->header.format = htole32(CACHE_FORMAT);
    frame->header.codec = htole32(compressed ? CODEC_LZ4 : CODEC_RAW);
    frame->header.offset = htole32(offset);
    frame->header.size = htole64(payload->size);
    frame->header.stored = htole64(stored + fill);
}

/* The frame goes to the room around the payload. */
static void fill_room(const struct image *image)
{
    size_t before = image->parts[0].iov_len, stored = image->parts[1].iov_len;

    memcpy(image->whole, image->parts[0].iov_base, before);
    memset(image->whole + before + stored, 0, image->size - before - stored);
}

int object_write(struct key *key, int directory, const char *path, enum object_kind kind,
                 const struct name *name, const struct object_payload *payload, uint64_t *on_disk)
{
    struct frame frame = {0};
    struct image image = {0};
    char temporary[32];
    size_t stored = payload->size;
    char *compressed;
    int r;

    assert(kind >= OBJECT_CHUNK && kind <= OBJECT_COUNTERS);
    if (payload->size > OBJECT_SIZE_MAX)
        return -EFBIG;
    compressed = compress_payload(payload->data, payload->size, &stored);
    lay_out(payload, compressed, stored, &frame, &image);
    frame.header.kind = htole32((uint32_t)kind);
    r = seal_parts(key, name, &image, &frame.header);
    if (r < 0)
        goto out;
    if (image.whole)
        fill_room(&image);
    *on_disk = image.size;
    r = write_temporary(directory, temporary, sizeof(temporary), &image, payload->writeback);
    if (r < 0)
        goto out;
    if (renameat(directory, temporary, directory, path) < 0) {
        r = -errno;
        (void)unlinkat(directory, temporary, 0);
    }
out:
    free(compressed);
    return r;
}

/* ---- reading ---- */

/* What lies before the payload, as it lies there and in numbers, checked against the file's size.
 */
static int read_header(int fd, uint64_t file_size, enum object_kind kind, struct header *raw,
                       struct header *header)
{
    union {
        struct header header;
        uint8_t bytes[HEADER_MAX];
    } head;
    ssize_t count = pread(fd, &head, sizeof(head), 0);

    if (count < 0)
        return -errno;
    if ((size_t)count < sizeof(head.header))
        return -EBADMSG;
    *raw = *header = head.header;
    header->format = le32toh(header->format);
    header->kind = le32toh(header->kind);
    header->codec = le32toh(header->codec);
    header->offset = le32toh(header->offset);
    header->size = le64toh(header->size);
    header->stored = le64toh(header->stored);
    if (memcmp(header->magic, magic, sizeof(magic)) != 0 || header->format != CACHE_FORMAT ||
        header->kind < OBJECT_CHUNK || header->kind > OBJECT_COUNTERS ||
        (kind != 0 && header->kind != (uint32_t)kind) || header->codec > CODEC_LZ4 ||
        header->size > OBJECT_SIZE_MAX || header->stored > OBJECT_SIZE_MAX)
        return -EBADMSG;
    if (header->offset < sizeof(*header) || header->offset > (size_t)count ||
        header->offset + header->stored != file_size ||
        (header->codec == CODEC_RAW &&
         (header->stored < header->size || header->stored - header->size >= PAGE)))
        return -EBADMSG;
    for (size_t i = sizeof(*header); i < header->offset; i++)
        if (head.bytes[i] != 0)
            return -EBADMSG;
    return 0;
}

static int read_whole(int fd, uint64_t offset, void *data, size_t size)
{
    for (size_t done = 0; done < size;) {
        ssize_t count = pread(fd, (char *)data + done, size - done, (off_t)(offset + done));

        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            return count < 0 ? -errno : -EBADMSG;
        done += (size_t)count;
    }
    return 0;
}

/* The fingerprint of what is stored; the bytes are left in `keep` unless that is NULL. */
static int read_stored(struct key *key, int fd, const struct header *header, uint8_t *keep,
                       struct fingerprint *fingerprint)
{
    uint8_t *buffer = keep ? keep : malloc(READ_SIZE);
    struct digest digest;
    int r = 0, ended;

    if (!buffer)
        return -ENOMEM;
    fingerprint_begin(&digest, key);
    for (uint64_t done = 0; r == 0 && done < header->stored;) {
        size_t size = header->stored - done < READ_SIZE ? header->stored - done : READ_SIZE;
        uint8_t *at = keep ? keep + done : buffer;

        r = read_whole(fd, header->offset + done, at, size);
        if (r == 0)
            fingerprint_add(&digest, at, size);
        done += size;
    }
    ended = fingerprint_end(&digest, fingerprint);
    if (!keep)
        free(buffer);
    return r < 0 ? r : ended;
}

static int check_seal(struct key *key, const struct name *name, const struct header *raw,
                      const struct fingerprint *fingerprint)
{
    struct seal expected, found;
    int r = seal_make(key, name, raw, HEADER_SEALED, fingerprint, &expected);

    memcpy(found.bytes, raw->seal, sizeof(found.bytes));
    return r == 0 && !seal_equal(&expected, &found) ? -EBADMSG : r;
}

static int decompress(const struct header *header, const uint8_t *stored, void **out)
{
    /* LZ4 makes at most 255 bytes of one. */
    if (header->size == 0 || header->size / 255 > header->stored)
        return -EBADMSG;
    *out = malloc(header->size);
    if (!*out)
        return -ENOMEM;
    if (LZ4_decompress_safe((const char *)stored, *out, (int)header->stored, (int)header->size) ==
        (int)header->size)
        return 0;
    free(*out);
    *out = NULL;
    return -EBADMSG;
}

/* Verifies the file; `data` (unless NULL) gets the payload of a compressed one. */
static int verify(struct key *key, int fd, enum object_kind kind, const struct name *name,
                  struct header *header, void **data)
{
    struct fingerprint fingerprint;
    uint8_t *stored = NULL;
    struct header raw;
    struct stat st;
    int r;

    if (fstat(fd, &st) < 0)
        return -errno;
    if (!S_ISREG(st.st_mode))
        return -EBADMSG;
    r = read_header(fd, (uint64_t)st.st_size, kind, &raw, header);
    if (r < 0)
        return r;
    if (header->stored > READ_SIZE)
        (void)posix_fadvise(fd, 0, 0, POSIX_FADV_WILLNEED);
    if (data && header->codec == CODEC_LZ4) {
        stored = malloc(header->stored + 1);
        if (!stored)
            return -ENOMEM;
    }
    r = read_stored(key, fd, header, stored, &fingerprint);
    if (r == 0)
        r = check_seal(key, name, &raw, &fingerprint);
    if (r == 0 && stored)
        r = decompress(header, stored, data);
    free(stored);
    return r;
}

static int open_file(int directory, const char *path)
{
    int fd = openat(directory, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);

    if (fd < 0)
        return errno == ELOOP || errno == ENXIO ? -EBADMSG : -errno;
    return fd;
}

static int64_t modified(const struct stat *st)
{
    return (int64_t)((uint64_t)st->st_mtim.tv_sec * 1000000000 + (uint64_t)st->st_mtim.tv_nsec);
}

/*
 * The age starts again. The exact time, which no later write can have: the kernel's own is that of
 * its last tick. What is modified from here on is seen to be, so this comes before the seal.
 */
static int64_t start_age(int fd)
{
    struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}};
    struct stat st;

    (void)clock_gettime(CLOCK_REALTIME, &times[1]);
    (void)futimens(fd, times);
    return fstat(fd, &st) == 0 ? modified(&st) : 0;
}

int object_open(struct key *key, int directory, const char *path, enum object_kind kind,
                const struct name *name, struct object **out)
{
    struct object *object = NULL;
    struct header header;
    void *data = NULL;
    int64_t since;
    int fd, r;

    fd = open_file(directory, path);
    if (fd < 0)
        return fd;
    since = start_age(fd);
    r = verify(key, fd, kind, name, &header, &data);
    if (r < 0)
        goto out;
    object = malloc(sizeof(*object));
    if (!object) {
        r = -ENOMEM;
        goto out;
    }
    *object = (struct object){.name = *name,
                              .kind = (enum object_kind)header.kind,
                              .size = header.size,
                              .stored = header.stored,
                              .fd = data ? -1 : fd,
                              .offset = header.offset,
                              .data = data,
                              .modified = since};
    if (!data)
        fd = -1;
    data = NULL;
    *out = object;
out:
    free(data);
    if (fd >= 0)
        (void)close(fd);
    return r;
}

int object_verify(struct key *key, int directory, const char *path, const struct name *name)
{
    struct header header;
    int r, fd = open_file(directory, path);

    if (fd < 0)
        return fd;
    r = verify(key, fd, 0, name, &header, NULL);
    (void)close(fd);
    return r;
}

void object_close(struct object *object)
{
    if (!object)
        return;
    if (object->fd >= 0)
        (void)close(object->fd);
    free(object->data);
    free(object);
}

int object_read(const struct object *object, uint64_t offset, void *data, size_t size)
{
    assert(offset <= object->size && size <= object->size - offset);
    if (object->fd >= 0)
        return read_whole(object->fd, object->offset + offset, data, size);
    memcpy(data, (const char *)object->data + offset, size);
    return 0;
}

void object_will_need(const struct object *object)
{
    if (object->fd >= 0)
        (void)posix_fadvise(object->fd, 0, 0, POSIX_FADV_WILLNEED);
}

static bool has_size(const struct object *object, struct stat *st)
{
    return fstat(object->fd, st) == 0 && (uint64_t)st->st_size == object->offset + object->stored;
}

int object_read_now(const struct object *object, uint64_t offset, void *data, size_t size)
{
    struct iovec iov = {.iov_base = data, .iov_len = size};
    struct stat st;

    if (object->fd < 0)
        return object_read(object, offset, data, size);
    assert(offset <= object->size && size <= object->size - offset);
    if (preadv2(object->fd, &iov, 1, (off_t)(object->offset + offset), RWF_NOWAIT) != (ssize_t)size)
        return -EAGAIN;
    return has_size(object, &st) && modified(&st) == atomic_load(&object->modified) ? 0 : -EAGAIN;
}

bool object_whole(struct key *key, struct object *object)
{
    struct header header;
    struct stat st;

    if (object->fd < 0)
        return true;
    if (!has_size(object, &st))
        return false;
    if (modified(&st) == atomic_load(&object->modified))
        return true;
    if (verify(key, object->fd, object->kind, &object->name, &header, NULL) < 0 ||
        header.offset != object->offset || header.size != object->size ||
        header.stored != object->stored)
        return false;
    atomic_store(&object->modified, modified(&st));
    return true;
}
