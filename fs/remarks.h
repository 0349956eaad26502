#ifndef FS_REMARKS_H
#define FS_REMARKS_H

#include "fs/plan.h"

/*
 * What the reference tool says on standard error of a recipe, before it converts anything: which
 * layers go, and which types were chosen by a pattern. What it says of rows that are no multiple of
 * a block is left out.
 */
void remarks_print(const struct plan *plan, const struct source *source,
                   const struct variant *variant);

/* And where there is no importance matrix at all, and one is needed (RECIPE_NEEDS_IMATRIX): for
 * which tensor. */
void remarks_print_lacking(const struct source *source, const struct arch_facts *facts,
                           const struct variant *variant);

#endif
