#ifndef QUANT_VIEW_HEADER_H
#define QUANT_VIEW_HEADER_H

#include "quant/view.h"

/* A run of the header. It ends where the next one begins, the last one at header_size. */
struct view_header_piece {
    uint64_t offset; /* bytes from the start of the view */
    uint64_t from;   /* COPY: bytes from the start of the first shard; PATCH: index into patches */
    enum piece_kind kind;
};

/* The header of a view: runs of the source's own header, and what is new. Plain data; the lists are
 * malloc'ed and the owner's to free(). */
struct view_header {
    struct view_header_piece *pieces; /* in order */
    size_t count;
    uint8_t *patches;
    uint64_t size; /* bytes, padding included */
    size_t memory; /* bytes of both lists */
};

/*
 * The header of one file of the recipe, as the reference tool writes it (recipe.md §6). `extents`
 * are that file's, their offsets counting from the start of the data. On error *header stays as it
 * was. -ENOMEM, -EIO, -EINVAL with *defect.
 */
MUST_USE int view_header_make(const struct source *source, const struct recipe *recipe,
                              unsigned shard, const struct extent *extents, size_t extent_count,
                              struct view_header *header, struct defect *defect);

/* What the file's tensors, and its header, are padded to. Those without the source's keys have no
 * alignment of their own. */
uint64_t view_header_alignment(const struct source *source, const struct recipe *recipe,
                               unsigned shard);

/* Rounds up to the alignment; false on overflow. A reader may take any power of two. */
bool view_header_pad(uint64_t *offset, uint64_t alignment);

#endif
