#include "fs/part.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

int parts_copy(const struct part *parts, int count, void *data, size_t size)
{
    uint8_t *to = data;

    for (int i = 0; i < count; i++) {
        const struct part *part = &parts[i];

        if (part->size > size)
            return -EIO;
        memcpy(to, part->data, part->size);
        to += part->size;
        size -= part->size;
    }
    return size == 0 ? 0 : -EIO;
}
