#ifndef QUANT_VIEW_H
#define QUANT_VIEW_H

#include <stddef.h>
#include <stdint.h>

#include "quant/recipe.h"
#include "quant/source.h"
#include "quant/variant.h"

/* Where a run of bytes of a view comes from. */
enum piece_kind {
    PIECE_ZERO,  /* padding */
    PIECE_PATCH, /* bytes that the view owns */
    PIECE_COPY,  /* bytes of a shard: header or a tensor that is only copied */
    PIECE_CHUNK, /* bytes of a converted chunk */
};

/* A part of one read that comes from one place. A plain value; pointers live as long as the view.
 */
struct piece {
    enum piece_kind kind;
    size_t size; /* bytes */
    union {
        const uint8_t *patch;
        struct {
            unsigned shard;
            uint64_t offset; /* bytes from the start of the shard */
        } copy;
        struct {
            uint32_t tensor; /* index into view->extents */
            uint32_t index;  /* of the chunk in its tensor, from 0 */
            size_t skip;     /* bytes of the converted chunk before the first one wanted */
        } chunk;
    };
};

/* A tensor's place in a view. */
struct extent {
    const struct source_tensor *tensor;
    enum type type;
    const float *importance; /* as in struct recipe_entry */
    uint64_t offset;         /* bytes from the start of the view */
    uint64_t size;           /* bytes without padding */
    uint64_t chunk_rows;     /* whole rows per chunk; 0: a row is cut into several chunks */
    uint32_t row_chunks;     /* chunks per row where a row is cut, else 0 */
    uint32_t matrix_chunks;  /* chunks per matrix (a matrix: ne[0] x ne[1]; experts are matrices of
                                their own) */
    uint32_t chunk_count;    /* of the whole tensor; 0: copied */
};

/* One chunk in numbers: rows [row, row + rows) of the tensor's matrices laid end to end, columns
 * [column, column + columns). */
struct chunk {
    uint64_t row; /* 0 .. ne[1] * ne[2] * ne[3] - 1 */
    uint32_t rows;
    uint64_t column;
    uint64_t columns;       /* the row length, or a part where a row is cut (then rows is 1) */
    uint64_t source_offset; /* of the first weight, bytes from the start of the shard */
    size_t source_size;     /* bytes to read: contiguous */
    size_t size;            /* bytes of the result: contiguous in the view */
};

/* The virtual file of a variant: header pieces and extents. Const once made; any thread may map it.
 */
struct view {
    const struct source *source; /* not owned; must outlive the view */
    bool imatrix;                /* it depends on the source's importance matrix */
    bool verbatim;               /* it is the source itself */
    uint64_t size;               /* bytes, exact */
    uint64_t header_size;        /* bytes, padding included */
    size_t extent_count;
    struct extent *extents; /* in file order: offsets rise */
    size_t header_count;    /* private: pieces of the header in order */
    struct view_header_piece *header;
    uint8_t *patches;
    struct source_tensor *renamed; /* private: tensors that the source calls otherwise */
    size_t renamed_count;
    char *names;   /* private: theirs */
    size_t memory; /* bytes this struct owns */
};

/* Makes the view of a recipe: header bytes as the reference tool writes them (recipe.md §6), layout
 * and size. Reads of the source's header only what has to be patched. -ENOMEM, -EIO, -EINVAL with
 * *defect. */
MUST_USE int view_make(const struct source *source, const struct recipe *recipe, struct view **view,
                       struct defect *defect);
/* One file of several: `shard` below recipe->shard_count. Only the first one has the source's keys
 * (recipe.md §5.6). */
MUST_USE int view_make_shard(const struct source *source, const struct recipe *recipe,
                             unsigned shard, struct view **view, struct defect *defect);
/* Is that variant the source itself? So it is of a directory that became that type. */
bool view_is_verbatim(const struct source *source, const struct variant *variant);
/* The source itself, byte for byte, of one shard. -ENOMEM. */
MUST_USE int view_make_verbatim(const struct source *source, struct view **view);
/* A file of bytes that the view owns: takes `bytes` over, of malloc(), also on -ENOMEM. They belong
 * to the version of the first shard. */
MUST_USE int view_make_bytes(const struct source *source, uint8_t *bytes, size_t size,
                             struct view **view);
/* The bytes of one extent of a view and nothing else, which need not outlive it. -ENOMEM. */
MUST_USE int view_make_extent(const struct view *whole, size_t index, struct view **view);
void view_free(struct view *view);

/*
 * The pieces of [offset, offset + size), cut at the end of the view: fills at most max and returns
 * how many. A prefix: if the sizes do not add up to what was asked, call again behind them. Pure;
 * neighbours are merged.
 */
size_t view_map(const struct view *view, uint64_t offset, size_t size, struct piece *pieces,
                size_t max);

/* The numbers of a chunk. `tensor` and `index` as in struct piece. */
struct chunk view_chunk(const struct view *view, uint32_t tensor, uint32_t index);
/* Offset of the chunk's first byte in the view. */
uint64_t view_chunk_offset(const struct view *view, uint32_t tensor, uint32_t index);

#endif
