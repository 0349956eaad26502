#ifndef QUANT_RECIPE_PRUNE_H
#define QUANT_RECIPE_PRUNE_H

#include "quant/recipe.h"

/* Private to recipe.c: layers that are left out. */

/* Does the variant leave layers out, if only some that are not there? */
bool recipe_prunes(const struct variant *variant);

/*
 * Takes the tensors of pruned layers out of the entries of *recipe, which stand in the order of the
 * source, and gives those of other layers the names of their new numbers (recipe.md §5.5).
 * recipe->block_count becomes the number of the layer that would come next. -ENOMEM; -EINVAL with
 * the tool's word in *defect.
 */
MUST_USE int recipe_prune(const struct variant *variant, struct recipe *recipe,
                          struct defect *defect);

#endif
