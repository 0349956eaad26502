#include "fs/quick.h"

static const uint8_t zeros[4096];

bool quick_map(struct quick *quick, const struct view *view, uint64_t offset, size_t size)
{
    quick->buffer = (struct buffer){0};
    quick->count = view_map(view, offset, size, quick->pieces, QUICK_PIECES);
    for (size_t i = 0; i < quick->count; i++) {
        const struct piece *piece = &quick->pieces[i];

        if (piece->kind == PIECE_COPY || (piece->kind == PIECE_ZERO && piece->size > sizeof(zeros)))
            return false;
        size -= piece->size;
    }
    return size == 0;
}

void quick_find(struct quick *quick, struct quicks *quicks, const struct view *view)
{
    quick->missing = quick->others = 0;
    for (size_t i = 0; i < quick->count; i++) {
        const struct piece *piece = &quick->pieces[i];

        quick->flights[i] = NULL;
        if (piece->kind != PIECE_CHUNK)
            continue;
        quick->flights[i] =
            flights_find(quicks->flights, view, piece->chunk.tensor, piece->chunk.index);
        if (quick->flights[i])
            quick->others++;
        else
            quick->missing++;
    }
}

void quick_put(struct quick *quick, struct quicks *quicks)
{
    for (size_t i = 0; i < quick->count; i++) {
        if (quick->flights[i])
            flight_put(quicks->flights, quick->flights[i]);
        quick->flights[i] = NULL;
    }
    buffer_put(quicks->buffers, &quick->buffer);
}

bool quick_read(struct quick *quick, struct quicks *quicks)
{
    size_t size = 0, done = 0;
    bool may_wait, whole = true;

    for (size_t i = 0; i < quick->count; i++)
        if (quick->flights[i] && !flight_data(quick->flights[i], 0))
            size += quick->pieces[i].size;
    if (size == 0)
        return true;
    if (buffer_get(quicks->buffers, size, &quick->buffer) < 0)
        return false;
    may_wait = atomic_fetch_add(&quicks->callers, 1) < quicks->waiting_max;
    for (size_t i = 0; i < quick->count && whole; i++) {
        struct flight *flight = quick->flights[i];
        const struct piece *piece = &quick->pieces[i];
        uint8_t *data = quick->buffer.data + done;

        if (!flight || flight_data(flight, 0))
            continue;
        whole = may_wait ? flight_copy(flight, piece->chunk.skip, piece->size, data)
                         : flight_copy_now(flight, piece->chunk.skip, piece->size, data);
        done += piece->size;
    }
    atomic_fetch_sub(&quicks->callers, 1);
    return whole;
}

void quick_parts(const struct quick *quick, struct part parts[QUICK_PIECES])
{
    size_t done = 0;

    for (size_t i = 0; i < quick->count; i++) {
        const struct piece *piece = &quick->pieces[i];

        parts[i] = (struct part){.data = zeros, .size = piece->size};
        if (piece->kind == PIECE_PATCH)
            parts[i].data = piece->patch;
        if (piece->kind != PIECE_CHUNK)
            continue;
        parts[i].data = flight_data(quick->flights[i], piece->chunk.skip);
        if (!parts[i].data) {
            parts[i].data = quick->buffer.data + done;
            done += piece->size;
        }
    }
}
