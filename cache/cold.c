#include "cache/cold.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

struct cold {
    const struct place *place;
    pthread_mutex_t lock;
    /* under lock: */
    struct name names[COLD_COUNT]; /* zeros: none */
    unsigned next;
};

int cold_new(const struct place *place, struct cold **out)
{
    struct cold *cold = calloc(1, sizeof(*cold));

    if (!cold)
        return -ENOMEM;
    cold->place = place;
    (void)pthread_mutex_init(&cold->lock, NULL);
    *out = cold;
    return 0;
}

void cold_free(struct cold *cold)
{
    if (cold)
        (void)pthread_mutex_destroy(&cold->lock);
    free(cold);
}

/* Puts a name, or zeros, in the place of the oldest. */
static struct name exchange(struct cold *cold, const struct name *name)
{
    struct name oldest;

    (void)pthread_mutex_lock(&cold->lock);
    oldest = cold->names[cold->next];
    cold->names[cold->next] = *name;
    cold->next = (cold->next + 1) % COLD_COUNT;
    (void)pthread_mutex_unlock(&cold->lock);
    return oldest;
}

static void drop_pages(struct cold *cold, const struct name *name)
{
    char path[PLACE_PATH_SIZE];
    int fd;

    if (name_is_zero(name))
        return;
    place_file(name, path);
    fd = openat(cold->place->fd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return;
    (void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    (void)close(fd);
}

void cold_add(struct cold *cold, const struct name *name)
{
    struct name oldest = exchange(cold, name);

    drop_pages(cold, &oldest);
}

void cold_flush(struct cold *cold)
{
    static const struct name none;

    for (int i = 0; i < COLD_COUNT; i++)
        cold_add(cold, &none);
}
