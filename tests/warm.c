/*
 * If this failed, `quantize` would wait for a disk while it could convert, or fetch what it does
 * not need. The view and the source are made up.
 */
#include "fs/warm.h"

#include "check.h"

/* 10 bytes each: a patch, a copy, a chunk with twice as many source bytes, zeros; again and again.
 */
#define SIZE ((uint64_t)400)

static struct source_tensor tensor = {.shard = 3};
static struct extent extents[] = {{.tensor = &tensor}, {.tensor = &tensor}};
static const struct view view = {.size = SIZE, .extent_count = 2, .extents = extents};
static uint64_t copied, converted; /* bytes of the source that were asked for */

size_t view_map(const struct view *v, uint64_t offset, size_t size, struct piece *pieces,
                size_t max)
{
    size_t count = 0;

    CHECK(v == &view && size <= SIZE - offset);
    while (size > 0 && count < max) {
        struct piece *piece = &pieces[count++];
        size_t left = 10 - offset % 10;

        *piece = (struct piece){.size = size < left ? size : left};
        switch (offset / 10 % 4) {
        case 0:
            piece->kind = PIECE_PATCH;
            break;
        case 1:
            piece->kind = PIECE_COPY;
            piece->copy.shard = 2;
            piece->copy.offset = 1000 + offset;
            break;
        case 2:
            piece->kind = PIECE_CHUNK;
            piece->chunk.tensor = 1;
            piece->chunk.index = (uint32_t)(offset / 10);
            break;
        default:
            piece->kind = PIECE_ZERO;
        }
        offset += piece->size;
        size -= piece->size;
    }
    return count;
}

struct chunk view_chunk(const struct view *v, uint32_t index_of_tensor, uint32_t index)
{
    CHECK(v == &view);
    CHECK_EQ(index_of_tensor, 1);
    return (struct chunk){.source_offset = 5000 + 20 * (uint64_t)index, .source_size = 20};
}

void source_will_need(const struct source *source, unsigned shard, uint64_t offset, uint64_t size)
{
    CHECK(source == view.source);
    if (shard == 2) {
        CHECK_EQ((offset - 1000) / 10 % 4, 1);
        copied += size;
    } else {
        CHECK_EQ(shard, 3);
        CHECK(offset >= 5000 && (offset - 5000) / 20 % 4 == 2);
        CHECK_EQ(size, 20);
        converted += size;
    }
}

int main(void)
{
    CHECK_EQ(warm_source(&view, 0, 0), 0);
    CHECK_EQ(warm_source(&view, 0, 10), 0);
    CHECK_EQ(copied + converted, 0);
    /* More pieces than are mapped at once. */
    CHECK_EQ(warm_source(&view, 0, SIZE), 100 + 200);
    CHECK_EQ(copied, 100);
    CHECK_EQ(converted, 200);
    /* Of what is copied so many bytes, of a chunk all. */
    CHECK_EQ(warm_source(&view, 15, 8), 5 + 20);
    return 0;
}
