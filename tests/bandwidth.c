#include "bandwidth.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ROUNDS = 7 };

struct stream {
    pthread_t thread;
    pthread_barrier_t *barrier;
    uint64_t *from, *to;
    size_t count; /* of `to` */
    double seconds[ROUNDS];
};

static double now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static void *run(void *argument)
{
    struct stream *s = argument;
    double start;

    for (int round = 0; round < ROUNDS; round++) {
        pthread_barrier_wait(s->barrier);
        start = now();
        for (size_t i = 0; i < s->count; i++)
            s->to[i] = s->from[2 * i] ^ s->from[2 * i + 1];
        s->seconds[round] = now() - start;
    }
    return NULL;
}

/* Bytes a second, of all streams. */
static double best_round(const struct stream *streams, unsigned count)
{
    double best = 0, all;

    for (int round = 0; round < ROUNDS; round++) {
        all = 0;
        for (unsigned i = 0; i < count; i++)
            all += (double)streams[i].count * 24 / streams[i].seconds[round];
        best = all > best ? all : best;
    }
    return best;
}

static bool streams_new(struct stream *streams, unsigned count, size_t size)
{
    for (unsigned i = 0; i < count; i++) {
        streams[i].count = size / 16;
        streams[i].from = malloc(size);
        streams[i].to = malloc(size / 2);
        if (!streams[i].from || !streams[i].to)
            return false;
        /* Not zeros: all of those would be one page. */
        memset(streams[i].from, 0x5a, size);
        memset(streams[i].to, 0x5a, size / 2);
    }
    return true;
}

double bandwidth_measure(unsigned threads, size_t size)
{
    struct stream *streams = calloc(threads, sizeof(*streams));
    bool made = streams && streams_new(streams, threads, size);
    pthread_barrier_t barrier;
    double best = 0;

    pthread_barrier_init(&barrier, NULL, threads);
    for (unsigned i = 0; i < threads && made; i++) {
        streams[i].barrier = &barrier;
        if (pthread_create(&streams[i].thread, NULL, run, &streams[i]) != 0)
            exit(2); /* those that are there wait for ever */
    }
    for (unsigned i = 0; i < threads && made; i++)
        pthread_join(streams[i].thread, NULL);
    if (made)
        best = best_round(streams, threads);
    for (unsigned i = 0; streams && i < threads; i++) {
        free(streams[i].from);
        free(streams[i].to);
    }
    free(streams);
    pthread_barrier_destroy(&barrier);
    return best;
}
