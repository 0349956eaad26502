#ifndef FS_PART_H
#define FS_PART_H

#include <stddef.h>
#include <stdint.h>

#include "config.h"

/* A part of an answer: bytes in memory, or in a file of the cache that is whole and verified. */
struct part {
    const void *data; /* NULL: in fd */
    int fd;
    uint64_t offset; /* in fd */
    size_t size;
};

/* Copies parts of `size` bytes in all to memory. -EIO: they have another size, or a file was cut.
 */
MUST_USE int parts_copy(const struct part *parts, int count, void *data, size_t size);

#endif
