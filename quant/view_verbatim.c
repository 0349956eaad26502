#include <stdlib.h>

#include "quant/view.h"
#include "quant/view_header.h"

bool view_is_verbatim(const struct source *source, const struct variant *variant)
{
    bool whole =
        source_is_projector(source) ? variant_is_projector(variant) : variant_is_plain(variant);

    return whole && source_directory_type(source) == variant->ftype->type;
}

static int compare_extents(const void *a, const void *b)
{
    const struct extent *x = a, *y = b;

    if (x->offset != y->offset)
        return x->offset < y->offset ? -1 : 1;
    return (x->size > y->size) - (x->size < y->size);
}

int view_make_verbatim(const struct source *source, struct view **result)
{
    const struct gguf *gguf = source_gguf(source);
    size_t count;
    const struct source_tensor *tensors = source_tensors(source, &count);
    struct extent *extents = calloc(count + 1, sizeof(*extents));
    struct view_header_piece *header = malloc(sizeof(*header));
    struct view *view = calloc(1, sizeof(*view));

    *result = NULL;
    if (!view || !header || !extents) {
        free(view);
        free(header);
        free(extents);
        return -ENOMEM;
    }
    for (size_t i = 0; i < count; i++)
        extents[i] = (struct extent){.tensor = &tensors[i],
                                     .type = tensors[i].type,
                                     .offset = tensors[i].offset,
                                     .size = tensors[i].size};
    if (count > 0)
        qsort(extents, count, sizeof(*extents), compare_extents);
    *header = (struct view_header_piece){.kind = PIECE_COPY};
    *view = (struct view){
        .source = source,
        .verbatim = true,
        .size = source_shard_size(source, 0),
        .header_size = gguf->data_offset,
        .extent_count = count,
        .extents = extents,
        .header_count = 1,
        .header = header,
        .memory = sizeof(*view) + count * sizeof(*extents) + sizeof(*header),
    };
    *result = view;
    return 0;
}
