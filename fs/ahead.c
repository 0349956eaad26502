#include "fs/ahead.h"

#include "fs/warm.h"

#define PIECES_MAX 32

/* Queues the next chunks from `offset` on. */
static void convert_ahead(struct ahead *ahead, uint64_t id, const struct view *view, void *owner,
                          uint64_t offset)
{
    unsigned left = 2 * ahead->cores;
    struct piece pieces[PIECES_MAX];

    while (left > 0 && offset < view->size) {
        size_t size = view->size - offset < SIZE_MAX ? (size_t)(view->size - offset) : SIZE_MAX;
        size_t count = view_map(view, offset, size, pieces, PIECES_MAX);

        if (count == 0)
            return;
        for (size_t i = 0; i < count && left > 0; i++) {
            const struct piece *piece = &pieces[i];

            offset += piece->size;
            if (piece->kind != PIECE_CHUNK)
                continue;
            if (!flights_ahead(ahead->flights, view, owner, piece->chunk.tensor, piece->chunk.index,
                               id))
                return;
            /* One that the request ends in is read already. */
            left -= piece->chunk.skip == 0;
        }
    }
}

void ahead_note(struct ahead *ahead, uint64_t stream, const struct view *view, void *owner,
                uint64_t offset, size_t size)
{
    uint64_t dropped;
    unsigned sequential;

    if (offset < view->header_size || offset >= view->size || size > view->size - offset)
        return;
    sequential = streams_note(ahead->streams, stream, offset, size, &dropped);
    if (dropped)
        flights_drop(ahead->flights, dropped);
    if (sequential >= 2)
        convert_ahead(ahead, stream, view, owner, offset + size);
}

void ahead_close(struct ahead *ahead, uint64_t stream)
{
    streams_forget(ahead->streams, stream);
    flights_drop(ahead->flights, stream);
}

void ahead_fetch(void *context, const struct view *view, uint64_t stream, uint64_t end)
{
    struct ahead *ahead = context;
    uint64_t from, to;

    if (!streams_fetch(ahead->streams, stream, end, &from, &to))
        return;
    if (to > view->size)
        to = view->size;
    if (from < to)
        (void)warm_source(view, from, (size_t)(to - from));
}
