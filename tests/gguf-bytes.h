#ifndef TESTS_GGUF_BYTES_H
#define TESTS_GGUF_BYTES_H

#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "check.h"
#include "quant/format/gguf.h"

/* The bytes of a GGUF file, written field by field, so that any field can be wrong. */
struct bytes {
    uint8_t data[1 << 16];
    size_t size;
};

static inline void put(struct bytes *b, const void *data, size_t size)
{
    CHECK(size <= sizeof(b->data) - b->size);
    if (size > 0)
        memcpy(b->data + b->size, data, size);
    b->size += size;
}

static inline void put_number(struct bytes *b, uint64_t value, size_t size)
{
    for (size_t i = 0; i < size; i++, value >>= 8)
        put(b, &(uint8_t){(uint8_t)value}, 1);
}

static inline void put_u32(struct bytes *b, uint32_t value)
{
    put_number(b, value, 4);
}

static inline void put_u64(struct bytes *b, uint64_t value)
{
    put_number(b, value, 8);
}

/* A string of so many bytes; zeros may be among them. */
static inline void put_run(struct bytes *b, const char *text, size_t size)
{
    put_u64(b, size);
    put(b, text, size);
}

static inline void put_string(struct bytes *b, const char *text)
{
    put_run(b, text, strlen(text));
}

static inline void put_start(struct bytes *b, uint32_t version, uint64_t tensors, uint64_t keys)
{
    b->size = 0;
    put(b, "GGUF", 4);
    put_u32(b, version);
    put_u64(b, tensors);
    put_u64(b, keys);
}

/* The value follows. */
static inline void put_key(struct bytes *b, const char *name, uint32_t type)
{
    put_string(b, name);
    put_u32(b, type);
}

/* `size` bytes per element, all of them `value`. */
static inline void put_array(struct bytes *b, const char *name, uint32_t type, uint64_t count,
                             size_t size, uint64_t value)
{
    put_key(b, name, GGUF_ARRAY);
    put_u32(b, type);
    put_u64(b, count);
    for (uint64_t i = 0; i < count; i++)
        put_number(b, value, size);
}

static inline void put_key_string(struct bytes *b, const char *name, const char *value)
{
    put_key(b, name, GGUF_STRING);
    put_string(b, value);
}

static inline void put_key_u32(struct bytes *b, const char *name, uint32_t value)
{
    put_key(b, name, GGUF_U32);
    put_u32(b, value);
}

static inline void put_key_u16(struct bytes *b, const char *name, uint16_t value)
{
    put_key(b, name, GGUF_U16);
    put_number(b, value, 2);
}

static inline void put_dimensions(struct bytes *b, uint32_t n_dims, const uint64_t *ne)
{
    put_u32(b, n_dims);
    for (uint32_t i = 0; i < n_dims; i++)
        put_u64(b, ne[i]);
}

/* A tensor info of one dimension. */
static inline void put_tensor(struct bytes *b, const char *name, uint64_t length, uint32_t type,
                              uint64_t offset)
{
    put_string(b, name);
    put_dimensions(b, 1, &length);
    put_u32(b, type);
    put_u64(b, offset);
}

static inline void put_padding(struct bytes *b, size_t alignment)
{
    while (b->size % alignment != 0)
        put_number(b, 0, 1);
}

static inline void put_zeros(struct bytes *b, size_t count)
{
    CHECK(count <= sizeof(b->data) - b->size);
    memset(b->data + b->size, 0, count);
    b->size += count;
}

/* A file in memory of the first `size` bytes; to be closed. */
static inline int file_of(const void *data, size_t size)
{
    int fd = memfd_create("gguf", MFD_CLOEXEC);

    CHECK(fd >= 0);
    CHECK(pwrite(fd, data, size, 0) == (ssize_t)size);
    return fd;
}

#endif
