#include "fs/warm.h"

#define PIECES_MAX 32

/* The source bytes of one piece. */
static uint64_t warm_piece(const struct view *view, const struct piece *piece)
{
    struct chunk chunk;

    switch (piece->kind) {
    case PIECE_COPY:
        source_will_need(view->source, piece->copy.shard, piece->copy.offset, piece->size);
        return piece->size;
    case PIECE_CHUNK:
        chunk = view_chunk(view, piece->chunk.tensor, piece->chunk.index);
        source_will_need(view->source, view->extents[piece->chunk.tensor].tensor->shard,
                         chunk.source_offset, chunk.source_size);
        return chunk.source_size;
    case PIECE_ZERO:
    case PIECE_PATCH:
        break;
    }
    return 0;
}

uint64_t warm_source(const struct view *view, uint64_t offset, size_t size)
{
    struct piece pieces[PIECES_MAX];
    uint64_t bytes = 0;
    size_t count;

    while (size > 0 && (count = view_map(view, offset, size, pieces, PIECES_MAX)) > 0) {
        for (size_t i = 0; i < count; i++) {
            bytes += warm_piece(view, &pieces[i]);
            offset += pieces[i].size;
            size -= pieces[i].size;
        }
    }
    return bytes;
}
