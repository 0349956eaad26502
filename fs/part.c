#include "fs/part.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static int read_all(int fd, uint64_t offset, uint8_t *data, size_t size)
{
    while (size > 0) {
        ssize_t n = pread(fd, data, size, (off_t)offset);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return -EIO;
        data += n;
        offset += (uint64_t)n;
        size -= (size_t)n;
    }
    return 0;
}

int parts_copy(const struct part *parts, int count, void *data, size_t size)
{
    uint8_t *to = data;

    for (int i = 0; i < count; i++) {
        const struct part *part = &parts[i];

        if (part->size > size)
            return -EIO;
        if (part->data)
            memcpy(to, part->data, part->size);
        else if (read_all(part->fd, part->offset, to, part->size) < 0)
            return -EIO;
        to += part->size;
        size -= part->size;
    }
    return size == 0 ? 0 : -EIO;
}
