#ifndef FS_PART_H
#define FS_PART_H

#include <stddef.h>

#include "config.h"

/* A part of an answer. */
struct part {
    const void *data;
    size_t size;
};

/* Copies parts of `size` bytes in all to memory. -EIO: they have another size. */
MUST_USE int parts_copy(const struct part *parts, int count, void *data, size_t size);

#endif
