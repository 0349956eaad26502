#ifndef QUANT_ARCH_H
#define QUANT_ARCH_H

#include <stdint.h>

#include "quant/rules.h"
#include "quant/source.h"

/* What the rules of a recipe ask of a model's metadata (recipe.md §3.1). */
struct arch_facts {
    char name[64];        /* general.architecture */
    uint32_t block_count; /* n_layer */
    uint32_t expert_count;
    uint32_t head_count; /* of layer 0 */
    uint32_t head_count_kv;
    bool known_heads; /* false: `clip`, which needs no key; a file type that looks at n_gqa is
                         refused then */
    /* What the tool would say against the file that a directory becomes, or "": it can be had, but
     * nothing can be made of it. See arch_judge(). */
    char refused[256];
};

/*
 * Checks that the reference tool would load this model: a known architecture and every key it
 * needs, of the right type, array length and range (arch-keys.tsv, recipe.md §6.4). Fills *facts.
 * -EINVAL with the tool's message in *defect ("key not found in model: llama.block_count").
 */
MUST_USE int arch_check(const struct source *source, struct arch_facts *facts,
                        struct defect *defect);
/* The same with overrides, which the tool's loader takes for what the keys say; `rules` may be
 * NULL. */
MUST_USE int arch_check_as(const struct source *source, const struct rules *rules,
                           struct arch_facts *facts, struct defect *defect);

/* What overrides say of the keys about splitting, for source_open_split(); `rules` may be NULL. */
struct source_split arch_split(const struct rules *rules);

/* As arch_check_as(), but of a directory whose file the tool would not load -EINVAL is no error:
 * the converter writes it all the same, so facts->refused says it. */
MUST_USE int arch_judge(const struct source *source, const struct rules *rules,
                        struct arch_facts *facts, struct defect *defect);

#endif
