#ifndef QUANT_RECIPE_H
#define QUANT_RECIPE_H

#include <stddef.h>

#include "quant/arch.h"
#include "quant/source.h"
#include "quant/variant.h"

/* One line of a recipe: a tensor of the source and the type it gets. */
struct recipe_entry {
    const struct source_tensor *tensor; /* the source's, which must outlive the recipe; under
                                           another name, the recipe's */
    enum type type;                     /* the tensor's own: copied byte for byte */
    enum type chosen;                   /* by a pattern, whatever came of it; TYPE_NONE: by none */
    /* of its columns, matrix after matrix: the source's. NULL: without, or it changes nothing */
    const float *importance;
    const struct source_tensor *origin; /* the source's */
};

/* The outcome of a variant for one source, in the order of the output file. Const once made. */
struct recipe {
    uint32_t ftype_number;     /* general.file_type to write (COPY guesses: recipe.md §6.3) */
    unsigned shard_count;      /* files of the output: 1, or with keep_split those of the source but
                                  for empty ones at its end. Then entries stand by shard and offset */
    uint32_t alignment;        /* of the output; 0: the source's */
    bool pruned;               /* layers were left out: ARCH.block_count is written anew */
    uint32_t block_count;      /* then */
    char block_count_key[128]; /* then */
    const struct rules *rules; /* whose overrides the header gets: the variant's, or NULL */
    const struct imatrix *imatrix; /* whose keys the header gets; NULL: none */
    const char *lacking; /* with dry_run: a tensor that needs importances and has none, or NULL */
    /* private: tensors with other names, by their number in the source */
    struct source_tensor *renamed;
    char **renamed_names;
    size_t renamed_count;
    size_t count;
    struct recipe_entry entries[];
};

/*
 * Which type each tensor gets, from metadata alone, by the rules of the reference tool (recipe.md
 * §2-§5; with keep_split §5.6). -EINVAL with the tool's message in *defect where the tool stops or
 * aborts: a type that does not fit its row, a 4-D tensor to convert, no fallback, an importance
 * matrix that is missing or does not fit. -ENOTSUP where a tensor would have to be converted from a
 * type that cannot be (from a quantized one without the permission to: the text says what to do
 * instead), or to one that is not available yet, and where patterns are not supported. The
 * importance matrix is the source's, if the variant asks for it; one without entries is none. Facts
 * are those with the overrides of the variant's rules.
 */
MUST_USE int recipe_make(const struct source *source, const struct arch_facts *facts,
                         const struct variant *variant, struct recipe **recipe,
                         struct defect *defect);
void recipe_free(struct recipe *recipe);

/* What recipe_make() says where there is no importance matrix at all, and one is needed: the tool's
 * words. */
#define RECIPE_NEEDS_IMATRIX "this quantization requires an imatrix!"

/* How much of a text that recipe_make() made is the tool's own message. */
size_t recipe_message_length(const char *text);

#endif
