#ifndef QUANT_FORMAT_CURSOR_H
#define QUANT_FORMAT_CURSOR_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config.h"

#define CURSOR_WINDOW_MAX ((size_t)256 * 1024)
#define CURSOR_WINDOW_MIN ((size_t)16 * 1024)

/*
 * Little-endian numbers and runs of bytes, read in order from a file that nobody vouches for. After
 * an error every read gives zeros and leaves the error in place, so that a parser may read a group
 * of fields and ask once. Nothing is ever read or skipped beyond `size`.
 */
struct cursor {
    int fd;
    uint64_t size;   /* of the file, in bytes */
    uint64_t offset; /* of the next byte */
    int error;       /* 0, -ENODATA beyond the end (also of a file that has shrunk), -EIO */
    int io_errno;    /* what pread() said, if error is -EIO */
    uint8_t *window; /* bytes [start, start + filled) of the file */
    uint64_t start;
    size_t filled;
    bool memory; /* the window is all that there is to read, and somebody else's; no fd */
    size_t step; /* bytes of the next fill: small headers cost small reads, long ones few */
};

/* -ENOMEM. What was made is freed by cursor_close(). */
MUST_USE static inline int cursor_open(struct cursor *cursor, int fd, uint64_t size)
{
    *cursor = (struct cursor){.fd = fd, .size = size, .step = CURSOR_WINDOW_MIN};
    cursor->window = malloc(CURSOR_WINDOW_MAX);
    return cursor->window ? 0 : -ENOMEM;
}

/* The first `filled` bytes of a file of `size` bytes lie in memory, which outlives the cursor. */
static inline void cursor_open_memory(struct cursor *cursor, const uint8_t *data, size_t filled,
                                      uint64_t size)
{
    *cursor = (struct cursor){.fd = -1, .size = size, .filled = filled, .memory = true};
    cursor->window = (uint8_t *)(uintptr_t)data; /* it is only read */
}

static inline void cursor_close(struct cursor *cursor)
{
    if (!cursor->memory)
        free(cursor->window);
    cursor->window = NULL;
}

/* Bytes between the next one and the end of the file. */
static inline uint64_t cursor_left(const struct cursor *cursor)
{
    return cursor->size - cursor->offset;
}

static inline void cursor_fail(struct cursor *cursor, int error)
{
    if (cursor->error == 0)
        cursor->error = error;
}

/* Moves the window so that it begins at the next byte. */
static inline void cursor_fill(struct cursor *cursor)
{
    uint64_t left = cursor_left(cursor);
    size_t want = left < cursor->step ? (size_t)left : cursor->step;
    ssize_t n = 0;

    if (cursor->memory) {
        cursor_fail(cursor, -ENODATA);
        return;
    }
    cursor->start = cursor->offset;
    cursor->filled = 0;
    while (cursor->filled < want) {
        n = pread(cursor->fd, cursor->window + cursor->filled, want - cursor->filled,
                  (off_t)(cursor->start + cursor->filled));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        cursor->filled += (size_t)n;
    }
    if (n < 0) {
        cursor->io_errno = errno;
        cursor_fail(cursor, -EIO);
    } else if (cursor->filled == 0) {
        cursor_fail(cursor, -ENODATA);
    }
    if (cursor->step < CURSOR_WINDOW_MAX)
        cursor->step *= 2;
}

/*
 * The bytes at hand from the next one on: at least one unless there is an error, at most *size.
 * Stays where it is; follow with cursor_skip().
 */
static inline const uint8_t *cursor_peek(struct cursor *cursor, uint64_t *size)
{
    uint64_t ahead = cursor->offset - cursor->start; /* wraps before the window: large */

    if (cursor->error == 0 && ahead >= cursor->filled) {
        cursor_fill(cursor);
        ahead = 0;
    }
    if (cursor->error) {
        *size = 0;
        return cursor->window;
    }
    if (*size > cursor->filled - ahead)
        *size = cursor->filled - ahead;
    return cursor->window + ahead;
}

static inline void cursor_skip(struct cursor *cursor, uint64_t size)
{
    if (size > cursor_left(cursor))
        cursor_fail(cursor, -ENODATA);
    else if (cursor->error == 0)
        cursor->offset += size;
}

static inline void cursor_take(struct cursor *cursor, void *data, size_t size)
{
    uint8_t *out = data;
    const uint8_t *in;
    uint64_t n;

    if (size > cursor_left(cursor))
        cursor_fail(cursor, -ENODATA);
    while (size > 0 && cursor->error == 0) {
        n = size;
        in = cursor_peek(cursor, &n);
        memcpy(out, in, (size_t)n);
        cursor->offset += n;
        out += n;
        size -= (size_t)n;
    }
    memset(out, 0, size);
}

static inline uint64_t cursor_number(struct cursor *cursor, size_t size)
{
    uint64_t ahead = cursor->offset - cursor->start, value = 0;
    uint8_t bytes[8];

    if (cursor->error == 0 && ahead < cursor->filled && cursor->filled - ahead >= size) {
        memcpy(bytes, cursor->window + ahead, size); /* a vocabulary has a million lengths */
        cursor->offset += size;
    } else {
        cursor_take(cursor, bytes, size);
    }
    for (size_t i = size; i-- > 0;)
        value = value << 8 | bytes[i];
    return value;
}

static inline uint32_t cursor_u32(struct cursor *cursor)
{
    return (uint32_t)cursor_number(cursor, 4);
}

static inline uint64_t cursor_u64(struct cursor *cursor)
{
    return cursor_number(cursor, 8);
}

#endif
