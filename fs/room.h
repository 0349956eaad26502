#ifndef FS_ROOM_H
#define FS_ROOM_H

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"

/* Room for one element more in an array: `array` points to the pointer to it, which realloc() may
 * change; elements have `size` bytes. -ENOMEM: all is as it was. */
MUST_USE static inline int make_room(void *array, size_t count, size_t *capacity, size_t size)
{
    size_t more = *capacity ? 2 * *capacity : 16;
    void *larger, *old;

    if (count < *capacity)
        return 0;
    memcpy(&old, array, sizeof(old));
    larger = realloc(old, more * size);
    if (!larger)
        return -ENOMEM;
    memcpy(array, &larger, sizeof(larger));
    *capacity = more;
    return 0;
}

#endif
