#include "fs/gather.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define PIECES_MAX 32

/* A piece that waits for a chunk. */
struct gap {
    struct flight_waiter waiter;
    struct gather *gather;
    uint8_t *data;
    struct piece piece;
};

struct gathers {
    struct pool *pool;
    struct buffers *buffers;
    struct flights *flights;
    size_t budget;
    pthread_mutex_t lock;
    /* protected by lock */
    bool stop;
    size_t used; /* bytes of those admitted */
    struct gather *first, **end;
};

/* One always may. Called with the lock. */
static bool has_room(const struct gathers *gathers, const struct gather *gather)
{
    return gathers->used == 0 || gathers->used + gather->size <= gathers->budget;
}

/* Lets those that wait begin while there is room. Called with the lock. */
static void admit(struct gathers *gathers)
{
    while (gathers->first && has_room(gathers, gathers->first)) {
        struct gather *gather = gathers->first;

        gathers->first = gather->next;
        if (!gathers->first)
            gathers->end = &gathers->first;
        gathers->used += gather->size;
        pool_add(gathers->pool, &gather->job, POOL_READY);
    }
}

/* One piece less to wait for. */
static void count_down(struct gather *gather)
{
    if (atomic_fetch_sub(&gather->outstanding, 1) == 1)
        gather->done(gather, atomic_load(&gather->r));
}

static void note(struct gather *gather, int r)
{
    int expected = 0;

    if (r < 0)
        (void)atomic_compare_exchange_strong(&gather->r, &expected, r);
}

/* False: the chunk has been lost. */
static bool gap_fill(struct gap *gap, struct flight *flight)
{
    const struct piece *piece = &gap->piece;
    bool filled = flight_copy(flight, piece->chunk.skip, piece->size, gap->data);

    flight_put(gap->gather->gathers->flights, flight);
    return filled;
}

/* 1: it is filled. 0: it waits. -errno. */
static int gap_ask(struct gap *gap)
{
    const struct gather *gather = gap->gather;
    struct flight *flight;
    int r;

    do {
        r = flights_join(gather->gathers->flights, gather->view, gather->owner,
                         gap->piece.chunk.tensor, gap->piece.chunk.index, &gap->waiter, &flight);
    } while (r > 0 && !gap_fill(gap, flight));
    return r;
}

static void gap_landed(struct flight_waiter *waiter, int r, struct flight *flight)
{
    struct gap *gap = (struct gap *)((char *)waiter - offsetof(struct gap, waiter));
    struct gather *gather = gap->gather;

    if (r == 0 && !gap_fill(gap, flight)) {
        r = gap_ask(gap);
        if (r == 0)
            return;
    }
    free(gap);
    note(gather, r);
    count_down(gather);
}

static int ask_chunk(struct gather *gather, const struct piece *piece, uint8_t *data)
{
    struct gap *gap = malloc(sizeof(*gap));
    int r;

    if (!gap)
        return -ENOMEM;
    *gap = (struct gap){
        .waiter = {.landed = gap_landed}, .gather = gather, .data = data, .piece = *piece};
    atomic_fetch_add(&gather->outstanding, 1);
    r = gap_ask(gap);
    if (r == 0)
        return 0;
    free(gap);
    atomic_fetch_sub(&gather->outstanding, 1); /* not the last: the worker's own is left */
    return r < 0 ? r : 0;
}

/* A source that was cut cannot be read, but the reason is that it has changed. */
static int copy_piece(const struct view *view, const struct piece *piece, uint8_t *data)
{
    int r = source_read(view->source, piece->copy.shard, piece->copy.offset, data, piece->size);

    return r == -EIO && source_unchanged(view->source, piece->copy.shard) < 0 ? -ESTALE : r;
}

static int gather_piece(struct gather *gather, const struct piece *piece, uint8_t *data)
{
    switch (piece->kind) {
    case PIECE_ZERO:
        memset(data, 0, piece->size);
        return 0;
    case PIECE_PATCH:
        memcpy(data, piece->patch, piece->size);
        return 0;
    case PIECE_COPY:
        return copy_piece(gather->view, piece, data);
    case PIECE_CHUNK:
        return ask_chunk(gather, piece, data);
    }
    return -EIO;
}

static int gather_pieces(struct gather *gather)
{
    struct piece pieces[PIECES_MAX];
    size_t have = 0;
    int r = buffer_get(gather->gathers->buffers, gather->size, &gather->buffer);

    while (r == 0 && have < gather->size) {
        size_t count =
            view_map(gather->view, gather->offset + have, gather->size - have, pieces, PIECES_MAX);

        if (count == 0)
            r = -EIO;
        for (size_t i = 0; i < count && r == 0; i++) {
            r = gather_piece(gather, &pieces[i], gather->buffer.data + have);
            have += pieces[i].size;
        }
    }
    return r;
}

static bool stopping(struct gathers *gathers)
{
    bool stop;

    pthread_mutex_lock(&gathers->lock);
    stop = gathers->stop;
    pthread_mutex_unlock(&gathers->lock);
    return stop;
}

static void gather_run(struct pool_job *job)
{
    struct gather *gather = (struct gather *)((char *)job - offsetof(struct gather, job));

    note(gather, stopping(gather->gathers) ? -ENODEV : gather_pieces(gather));
    count_down(gather);
}

/* What a range has to wait for, as far as can be told now. */
struct wants {
    bool chunk; /* a conversion */
    bool file;  /* a read */
};

static void add_wants(const struct gathers *gathers, const struct gather *gather,
                      const struct piece *piece, struct wants *wants)
{
    struct flight *flight;

    if (piece->kind == PIECE_COPY)
        wants->file = true;
    if (piece->kind != PIECE_CHUNK)
        return;
    flight = flights_find(gathers->flights, gather->view, piece->chunk.tensor, piece->chunk.index);
    if (!flight) {
        wants->chunk = true;
        return;
    }
    if (!flight_data(flight, 0))
        wants->file = true;
    flight_put(gathers->flights, flight);
}

static struct wants find_wants(const struct gathers *gathers, const struct gather *gather)
{
    struct piece pieces[PIECES_MAX];
    struct wants wants = {0};
    uint64_t offset = gather->offset;
    size_t size = gather->size, count = 1;

    while (size > 0 && count > 0) {
        count = view_map(gather->view, offset, size, pieces, PIECES_MAX);
        for (size_t i = 0; i < count; i++) {
            offset += pieces[i].size;
            size -= pieces[i].size;
            add_wants(gathers, gather, &pieces[i], &wants);
        }
    }
    return wants;
}

/* True: it may begin, else it does when there is room. */
static bool enter(struct gathers *gathers, struct gather *gather)
{
    bool room;

    pthread_mutex_lock(&gathers->lock);
    room = !gathers->first && has_room(gathers, gather);
    if (room) {
        gathers->used += gather->size;
    } else {
        *gathers->end = gather;
        gathers->end = &gather->next;
    }
    pthread_mutex_unlock(&gathers->lock);
    return room;
}

void gather_begin(struct gathers *gathers, struct gather *gather)
{
    struct wants wants;

    gather->gathers = gathers;
    gather->job.run = gather_run;
    gather->next = NULL;
    gather->buffer = (struct buffer){0};
    atomic_init(&gather->outstanding, 1);
    atomic_init(&gather->r, 0);
    wants = find_wants(gathers, gather);
    /* What waits for nothing but reads does not stand behind what does. */
    gather->admitted = wants.chunk;
    if (gather->admitted && !enter(gathers, gather))
        return;
    /* What is in memory is copied here, which takes less than to wake a worker. A chunk that has
     * become a file since we looked has just been read. */
    if (wants.file)
        pool_add(gathers->pool, &gather->job, POOL_READY);
    else
        gather_run(&gather->job);
}

void gather_end(struct gather *gather)
{
    struct gathers *gathers = gather->gathers;

    buffer_put(gathers->buffers, &gather->buffer);
    if (!gather->admitted)
        return;
    pthread_mutex_lock(&gathers->lock);
    gathers->used -= gather->size;
    admit(gathers);
    pthread_mutex_unlock(&gathers->lock);
}

int gathers_new(struct pool *pool, struct buffers *buffers, struct flights *flights, size_t budget,
                struct gathers **out)
{
    struct gathers *gathers = calloc(1, sizeof(*gathers));

    if (!gathers)
        return -ENOMEM;
    *gathers =
        (struct gathers){.pool = pool, .buffers = buffers, .flights = flights, .budget = budget};
    gathers->end = &gathers->first;
    pthread_mutex_init(&gathers->lock, NULL);
    *out = gathers;
    return 0;
}

void gathers_stop(struct gathers *gathers)
{
    pthread_mutex_lock(&gathers->lock);
    gathers->stop = true;
    pthread_mutex_unlock(&gathers->lock);
}

void gathers_free(struct gathers *gathers)
{
    if (!gathers)
        return;
    pthread_mutex_destroy(&gathers->lock);
    free(gathers);
}
