#ifndef QUANT_RECIPE_PATTERNS_H
#define QUANT_RECIPE_PATTERNS_H

#include <stddef.h>

#include "quant/defect.h"
#include "quant/variant.h"

/* Private to recipe.c: the types that a variant gives by pattern. */

struct recipe_patterns {
    size_t count;
    struct recipe_pattern *patterns;
    uint64_t steps; /* what is left for all searches */
};

/*
 * Compiles the patterns of a variant for a model of that architecture with that many tensors: those
 * of its rules, those of its text, those of Ollama. {0} is none. Errors as of pattern_compile().
 * recipe_patterns_free() is due in any case.
 */
MUST_USE int recipe_patterns_make(const struct variant *variant, const char *arch, size_t tensors,
                                  struct recipe_patterns *patterns, struct defect *defect);
void recipe_patterns_free(struct recipe_patterns *patterns);

/* The type of the first pattern that is found in the name, or TYPE_NONE. -ENOTSUP with *defect:
 * this variant's patterns take too long. -ENOMEM. */
MUST_USE int recipe_patterns_find(struct recipe_patterns *patterns, const char *name,
                                  enum type *type, struct defect *defect);

#endif
