#ifndef FS_BUFFER_H
#define FS_BUFFER_H

#include <stddef.h>
#include <stdint.h>

#include "config.h"

/*
 * Memory for chunks, source rows and replies. Big buffers come and go thousands of times a second:
 * a few are kept for the next user, so that their pages are not faulted in again each time.
 */
struct buffers;

struct buffer {
    uint8_t *data;
    size_t capacity; /* bytes, at least what was asked for */
};

/* `keep`: bytes of unused buffers that may be kept. */
MUST_USE int buffers_new(size_t keep, struct buffers **buffers);
/* All buffers must have been put back. */
void buffers_free(struct buffers *buffers);

/* -ENOMEM leaves *buffer empty. The bytes are undefined. `size` is not 0. */
MUST_USE int buffer_get(struct buffers *buffers, size_t size, struct buffer *buffer);
/* Takes the buffer back and empties *buffer; an empty one is fine. */
void buffer_put(struct buffers *buffers, struct buffer *buffer);

#endif
