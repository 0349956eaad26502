#include "fs/buffer.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>

/* Capacities are multiples of this, so that chunks of nearly one size can follow each other in a
 * buffer. */
#define GRAIN ((size_t)16 * 1024)
/* Buffers that are kept: so many, and one for each piece of this size that may be. */
#define KEPT_MIN ((size_t)32)
#define KEPT_SIZE ((size_t)2 << 20)

struct buffers {
    pthread_mutex_t lock;
    /* constant */
    size_t keep;
    size_t kept_max; /* buffers */
    /* protected by lock */
    size_t kept_bytes;
    size_t kept_count;
    struct buffer kept[]; /* oldest first */
};

int buffers_new(size_t keep, struct buffers **out)
{
    /* Many cores have many at a time. */
    size_t kept_max = KEPT_MIN + keep / KEPT_SIZE;
    struct buffers *buffers = calloc(1, sizeof(*buffers) + kept_max * sizeof(buffers->kept[0]));

    if (!buffers)
        return -ENOMEM;
    pthread_mutex_init(&buffers->lock, NULL);
    buffers->keep = keep;
    buffers->kept_max = kept_max;
    *out = buffers;
    return 0;
}

static void unmap(struct buffer *buffer)
{
    if (buffer->data)
        (void)munmap(buffer->data, buffer->capacity);
    *buffer = (struct buffer){0};
}

void buffers_free(struct buffers *buffers)
{
    if (!buffers)
        return;
    for (size_t i = 0; i < buffers->kept_count; i++)
        unmap(&buffers->kept[i]);
    pthread_mutex_destroy(&buffers->lock);
    free(buffers);
}

static struct buffer take_kept(struct buffers *buffers, size_t i)
{
    struct buffer buffer = buffers->kept[i];

    buffers->kept_bytes -= buffer.capacity;
    buffers->kept_count--;
    for (; i < buffers->kept_count; i++)
        buffers->kept[i] = buffers->kept[i + 1];
    return buffer;
}

int buffer_get(struct buffers *buffers, size_t size, struct buffer *buffer)
{
    size_t capacity;
    void *data;

    *buffer = (struct buffer){0};
    if (size > SIZE_MAX - GRAIN)
        return -ENOMEM;
    capacity = (size + GRAIN - 1) / GRAIN * GRAIN;
    pthread_mutex_lock(&buffers->lock);
    for (size_t i = buffers->kept_count; i-- > 0 && !buffer->data;) {
        if (buffers->kept[i].capacity >= size && buffers->kept[i].capacity <= 2 * capacity)
            *buffer = take_kept(buffers, i);
    }
    pthread_mutex_unlock(&buffers->lock);
    if (buffer->data)
        return 0;
    /* Not malloc: what is given back leaves the process, so the daemon's size is what it uses. */
    data = mmap(NULL, capacity, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (data == MAP_FAILED)
        return -ENOMEM;
    *buffer = (struct buffer){.data = data, .capacity = capacity};
    return 0;
}

void buffer_put(struct buffers *buffers, struct buffer *buffer)
{
    struct buffer old = {0};
    struct buffer mine = *buffer;

    *buffer = (struct buffer){0};
    if (!mine.data)
        return;
    if (mine.capacity > buffers->keep) {
        unmap(&mine);
        return;
    }
    pthread_mutex_lock(&buffers->lock);
    while (buffers->kept_count == buffers->kept_max ||
           buffers->kept_bytes + mine.capacity > buffers->keep) {
        old = take_kept(buffers, 0);
        /* munmap of a megabyte takes its time: not under the lock. */
        pthread_mutex_unlock(&buffers->lock);
        unmap(&old);
        pthread_mutex_lock(&buffers->lock);
    }
    buffers->kept[buffers->kept_count++] = mine;
    buffers->kept_bytes += mine.capacity;
    pthread_mutex_unlock(&buffers->lock);
}
