#ifndef TESTS_HF_CASE_H
#define TESTS_HF_CASE_H

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "check.h"
#include "quant/format/hf/files.h"

/* A file in memory. */
static inline int memory_file(const void *data, size_t size)
{
    int fd = memfd_create("hf", MFD_CLOEXEC);

    CHECK(fd >= 0 && write(fd, data, size) == (ssize_t)size);
    return fd;
}

/* The bytes of a safetensors file with that header. */
static inline uint8_t *shard_bytes(const char *json, const void *data, size_t data_size,
                                   size_t *size)
{
    size_t length = strlen(json);
    uint8_t *bytes = malloc(8 + length + data_size);

    CHECK(bytes);
    for (int i = 0; i < 8; i++)
        bytes[i] = (uint8_t)((uint64_t)length >> 8 * i);
    memcpy(bytes + 8, json, length);
    if (data_size > 0)
        memcpy(bytes + 8 + length, data, data_size);
    *size = 8 + length + data_size;
    return bytes;
}

static inline struct hf_file shard_file(const char *name, const char *json, const void *data,
                                        size_t data_size)
{
    struct hf_file file = {.name = name};
    size_t size;
    uint8_t *bytes = shard_bytes(json, data, data_size, &size);

    file.fd = memory_file(bytes, size);
    file.size = size;
    free(bytes);
    return file;
}

static inline struct hf_file text_file(const char *name, const char *text)
{
    return (struct hf_file){name, memory_file(text, strlen(text)), strlen(text)};
}

static inline void close_files(const struct hf_file *files, size_t count)
{
    for (size_t i = 0; i < count; i++)
        (void)close(files[i].fd);
}

#endif
