#include "fs/stream.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#define SETS 256
#define WAYS 4
/* Requests of one reader overtake each other in the kernel's own read-ahead by no more than so many
 * of their size, and than so many bytes. Small requests near each other are no stream: a reader of
 * single pages would else have whole chunks read ahead time and again. */
#define SLACK_REQUESTS 8
#define SLACK_MAX ((uint64_t)1024 * 1024)
/* So far ahead of its conversions a stream's source is fetched, in steps: some 60 MiB of F16 for a
 * view of four bits a weight. */
#define FETCH_DISTANCE ((uint64_t)16 * 1024 * 1024)
#define FETCH_STEP ((uint64_t)4 * 1024 * 1024)

struct stream {
    uint64_t id;
    uint64_t next;       /* offset that a sequential request has */
    uint64_t largest;    /* bytes of a request of them */
    uint64_t fetched;    /* offset up to which its source was asked for; 0: not yet */
    uint64_t used;       /* streams->clock */
    unsigned sequential; /* requests in order; 0: the entry is free */
};

struct streams {
    pthread_mutex_t lock;
    /* protected by lock */
    uint64_t clock;
    struct stream table[SETS][WAYS];
};

int streams_new(struct streams **out)
{
    struct streams *streams = calloc(1, sizeof(*streams));

    if (!streams)
        return -ENOMEM;
    pthread_mutex_init(&streams->lock, NULL);
    *out = streams;
    return 0;
}

void streams_free(struct streams *streams)
{
    if (!streams)
        return;
    pthread_mutex_destroy(&streams->lock);
    free(streams);
}

/* The stream's entry, or NULL. Called with the lock. */
static struct stream *known_stream(struct streams *streams, uint64_t id)
{
    struct stream *set = streams->table[id % SETS];

    for (unsigned i = 0; i < WAYS; i++)
        if (set[i].sequential > 0 && set[i].id == id)
            return &set[i];
    return NULL;
}

/* The same, or the one it takes over; *forgotten is the stream that loses it, or 0. */
static struct stream *find_stream(struct streams *streams, uint64_t id, uint64_t *forgotten)
{
    struct stream *set = streams->table[id % SETS];
    struct stream *oldest = &set[0], *known = known_stream(streams, id);

    *forgotten = 0;
    if (known)
        return known;
    for (unsigned i = 1; i < WAYS; i++)
        if (set[i].used < oldest->used)
            oldest = &set[i];
    if (oldest->sequential > 0)
        *forgotten = oldest->id;
    *oldest = (struct stream){.id = id};
    return oldest;
}

static bool in_order(const struct stream *stream, uint64_t offset, uint64_t size)
{
    uint64_t slack = SLACK_REQUESTS * (size > stream->largest ? size : stream->largest);

    if (slack > SLACK_MAX)
        slack = SLACK_MAX;
    return stream->sequential > 0 && offset <= stream->next + slack &&
           offset + slack >= stream->next;
}

unsigned streams_note(struct streams *streams, uint64_t id, uint64_t offset, size_t size,
                      uint64_t *dropped)
{
    struct stream *stream;
    unsigned sequential;
    uint64_t end = offset + size;

    pthread_mutex_lock(&streams->lock);
    stream = find_stream(streams, id, dropped);
    if (in_order(stream, offset, size)) {
        stream->sequential++;
        if (end < stream->next)
            end = stream->next;
    } else {
        if (stream->sequential > 1)
            *dropped = id;
        stream->sequential = 1;
        stream->largest = 0;
        stream->fetched = 0;
    }
    if (size > stream->largest)
        stream->largest = size;
    stream->next = end;
    stream->used = ++streams->clock;
    sequential = stream->sequential;
    pthread_mutex_unlock(&streams->lock);
    return sequential;
}

void streams_forget(struct streams *streams, uint64_t id)
{
    struct stream *set = streams->table[id % SETS];

    pthread_mutex_lock(&streams->lock);
    for (unsigned i = 0; i < WAYS; i++) {
        if (set[i].id == id)
            set[i] = (struct stream){0};
    }
    pthread_mutex_unlock(&streams->lock);
}

bool streams_fetch(struct streams *streams, uint64_t id, uint64_t offset, uint64_t *from,
                   uint64_t *to)
{
    struct stream *stream;
    bool due;

    *to = offset + FETCH_DISTANCE;
    pthread_mutex_lock(&streams->lock);
    stream = known_stream(streams, id);
    due = stream && stream->fetched + FETCH_STEP <= *to;
    if (due) {
        *from = stream->fetched > offset ? stream->fetched : offset;
        stream->fetched = *to;
    }
    pthread_mutex_unlock(&streams->lock);
    return due;
}
