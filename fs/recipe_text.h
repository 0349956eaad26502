#ifndef FS_RECIPE_TEXT_H
#define FS_RECIPE_TEXT_H

#include <stddef.h>

#include "quant/view.h"

/*
 * What `quantfs recipe` prints and recipe.tsv in a variant's folder holds: a line of names, then
 * for each tensor in file order, separated by tabs: name (escaped as in the log), shape, source
 * type, type, offset from the start of the view, size in bytes. *text is for free(). -ENOMEM.
 */
MUST_USE int recipe_text(const struct view *view, char **text, size_t *size);

#endif
