#include <errno.h>

#include "fs/flight_state.h"

/* A chunk lies in its buffer as it does in the view's pages: a reply then takes one page for each,
 * and an object can be written as struct cache_bytes says. */
#define ROOM ((size_t)3 * CACHE_PAGE)

struct store_chunk flight_store_chunk(const struct flight *flight)
{
    return (struct store_chunk){
        .view = flight->view,
        .tensor = flight->tensor,
        .index = flight->index,
        .numbers = &flight->chunk,
    };
}

static void tell_reading(const struct flight *flight)
{
    const struct flights *flights = flight->flights;
    uint64_t begin = view_chunk_offset(flight->view, flight->tensor, flight->index);

    if (flight->stream != 0)
        flights->reading(flights->context, flight->view, flight->stream,
                         begin + flight->chunk.size);
}

/* The chunk's source bytes. -ESTALE: they may be those of another version. */
static int load(const struct flight *flight, uint8_t *weights)
{
    const struct view *view = flight->view;
    int r = convert_load(view, flight->tensor, &flight->chunk, weights);

    /* A source that was cut cannot be read, but the reason is that it has changed. */
    if ((r == 0 || r == -EIO) &&
        source_unchanged(view->source, view->extents[flight->tensor].tensor->shard) < 0)
        r = -ESTALE;
    return r;
}

static void count_conversion(struct flights *flights, const struct flight *flight)
{
    pthread_mutex_lock(&flights->lock);
    flights->conversions++;
    flights->conversions_ahead += flight->ahead;
    pthread_mutex_unlock(&flights->lock);
}

static int convert(struct flight *flight, const uint8_t *weights, struct defect *defect)
{
    struct flights *flights = flight->flights;
    uint64_t position = view_chunk_offset(flight->view, flight->tensor, flight->index);
    int r = buffer_get(flights->buffers, flight->chunk.size + ROOM, &flight->result);

    if (r < 0)
        return r;
    flight->bytes = flight->result.data + CACHE_PAGE + position % CACHE_PAGE;
    count_conversion(flights, flight);
    r = convert_run(&flights->engine->kernels, flight->view, flight->tensor, &flight->chunk,
                    weights, flight->bytes, defect);
    flight->charge = flight->result.capacity;
    if (r < 0)
        buffer_put(flights->buffers, &flight->result);
    return r;
}

static bool is_big(const struct flight *flight)
{
    const struct source *source = flight->view->source;
    uint64_t size = 0;

    for (unsigned i = 0; i < source_file_count(source); i++)
        size += source_file_version(source, i)->size;
    return size > flight->flights->big;
}

/* Rows that were read for a conversion leave the page cache to others. */
static void forget_rows(const struct flight *flight)
{
    const struct view *view = flight->view;

    source_forget(view->source, view->extents[flight->tensor].tensor->shard,
                  flight->chunk.source_offset, flight->chunk.source_size);
}

/* Finds the chunk by its source's bytes, or converts it. *put: it is new to the cache. */
int flight_make(struct flight *flight, bool *put, struct defect *defect)
{
    struct flights *flights = flight->flights;
    const struct store_chunk chunk = flight_store_chunk(flight);
    struct buffer weights = {0};
    bool keep = flights->store && store_keeps(flight->key.to), may_note;
    int r;

    *put = false;
    r = buffer_get(flights->buffers, flight->chunk.source_size, &weights);
    may_note = keep && store_may_note(flights->store, &chunk);
    if (r == 0) {
        tell_reading(flight);
        r = load(flight, weights.data);
    }
    if (r < 0)
        goto out;
    r = keep ? store_find(flights->store, &chunk, weights.data, may_note, &flight->put,
                          &flight->object)
             : -ENOENT;
    if (r < 0) {
        *put = keep && r == -ENOENT;
        r = convert(flight, weights.data, defect);
    }
    flight->put.cold = is_big(flight);
    if (flight->put.cold)
        forget_rows(flight);
out:
    buffer_put(flights->buffers, &weights);
    return r;
}
