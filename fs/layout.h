#ifndef FS_LAYOUT_H
#define FS_LAYOUT_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How a mount arranges what it shows (-o layout=). */
enum layout {
    LAYOUT_TREE,     /* as the tree on disk, variants beside their models */
    LAYOUT_DIRS,     /* the same, each variant in a directory of its own: STEM@VARIANT.gguf/ */
    LAYOUT_FLAT,     /* all variants in the root, and nothing else */
    LAYOUT_LMSTUDIO, /* PUBLISHER/MODEL/STEM@VARIANT.gguf, and nothing else */
};

/* False: there is no such layout, nothing is changed. */
bool layout_parse(const char *text, enum layout *layout);

/* Is a variant shown elsewhere than beside its model, and nothing mirrored? */
static inline bool layout_is_arranged(enum layout layout)
{
    return layout >= LAYOUT_FLAT;
}

/*
 * The directory of an arranged mount that shows the variants of a model, by the path of the model's
 * directory and its stem. For LM Studio: of "models--ORG--NAME" (a cache of huggingface_hub) on the
 * way it is ORG/NAME; else A/B of "A/B", A/B-C of "A/B/C", local/A of "A", local/STEM of "". False:
 * it is too long.
 */
bool layout_place(enum layout layout, const char *directory, const char *stem, size_t stem_length,
                  char place[PATH_MAX]);

/*
 * Is `place` the directory, or beneath it? Then *name and *length are the part of it that follows;
 * of the same directory that is nothing.
 */
bool layout_next(const char *place, const char *directory, const char **name, size_t *length);

/* Can a directory of an arranged mount have others in it, that lead to the places of models? */
bool layout_has_groups(enum layout layout, const char *directory);

/* Which of two models comes first where both claim a name: the one with fewer directories on its
 * way, then the one whose path is less. As strcmp(). */
int layout_compare(const char *path, const char *other);

/* The inode number of the directory NAME in the arranged directory `directory`, the same at every
 * mount. */
uint64_t layout_inode(const char *directory, const char *name);

#endif
