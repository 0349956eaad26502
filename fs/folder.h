#ifndef FS_FOLDER_H
#define FS_FOLDER_H

#include <limits.h>
#include <stddef.h>

#include "fs/facet.h"
#include "fs/tree.h"
#include "quant/arch.h"
#include "quant/view.h"

/*
 * What is in the folder STEM@VARIANT/ of a variant, for those who look inside:
 *
 *     model.gguf            the view itself
 *     recipe.tsv            what `quantfs recipe` prints
 *     Modelfile             for `ollama create`
 *     tensors/NAME.TYPE     the data of each tensor, without padding
 *     shards/               of a split source: what --keep-split gives, model-00001-of-0000N.gguf
 *
 * In NAME blanks, '/', '%', a dot at the beginning and all but printable ASCII are written %2F and
 * so on. In the folder STEM@VARIANT.gguf/ of LAYOUT_DIRS there is the view of that name alone.
 */

#define FOLDER_MODEL "model.gguf"

/* An entry of a folder. */
struct folder_item {
    struct facet facet;
    bool sized; /* size is known; that of a folder is 0 */
    uint64_t size;
    char name[NAME_MAX + 1];
};

/* The entry number `index` of a folder of the variant whose whole view is *view. False: it has not
 * so many. */
bool folder_item(const struct tree_node *folder, const struct view *view, size_t index,
                 struct folder_item *item);
/* The same by name. */
bool folder_find(const struct tree_node *folder, const struct view *view, const char *name,
                 struct folder_item *item);
/* Could there be such a name? Without a view. */
bool folder_may_have(const struct tree_node *folder, const char *name);

/* What stat shows of a facet, from what it shows of the whole view; but for the size of what is no
 * folder. */
void folder_attr(struct tree_attr *attr, struct facet facet);

/* The bytes of a facet that is neither a folder nor the whole. -ENOENT: the variant has it not.
 * -ENOMEM, -EIO. */
MUST_USE int folder_view(const struct source *source, const struct arch_facts *facts,
                         const struct variant *variant, const struct view *whole,
                         struct facet facet, struct view **view);

#endif
