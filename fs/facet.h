#ifndef FS_FACET_H
#define FS_FACET_H

#include <stdbool.h>
#include <stdint.h>

/* What of a variant a node shows. */
enum facet_kind {
    FACET_WHOLE,     /* the view itself: STEM@VARIANT.gguf, and model.gguf in its folder */
    FACET_RECIPE,    /* recipe.tsv */
    FACET_MODELFILE, /* Modelfile */
    FACET_TENSOR,    /* tensors/NAME.TYPE */
    FACET_SHARD,     /* one file of what --keep-split gives */
    /* folders */
    FACET_GROUP,   /* of no variant: a directory of an arranged mount (layout.h) */
    FACET_WRAP,    /* STEM@VARIANT.gguf/ of LAYOUT_DIRS, with the view in it */
    FACET_FOLDER,  /* STEM@VARIANT/ */
    FACET_TENSORS, /* tensors/ in it */
    FACET_SHARDS,  /* shards/ in it */
};

/* A plain value. */
struct facet {
    enum facet_kind kind;
    uint32_t index; /* of a tensor in the view's order, of a shard from 0; else 0 */
};

static inline bool facet_is_folder(struct facet facet)
{
    return facet.kind >= FACET_GROUP;
}

static inline bool facets_equal(struct facet a, struct facet b)
{
    return a.kind == b.kind && a.index == b.index;
}

#endif
