#ifndef QUANT_RECIPE_RULES_H
#define QUANT_RECIPE_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "quant/arch.h"
#include "quant/variant.h"

/* Private to recipe.c: the tables that it decides by, and what looks at them alone. */

/* Categories of tensors (recipe.md §3.1). Bits, so that a rule can name several. */
enum category {
    OUT = 1 << 0,
    EMB = 1 << 1,
    V = 1 << 2, /* the letters of attention: value, key, query, output */
    K = 1 << 3,
    Q = 1 << 4,
    O = 1 << 5,
    UP = 1 << 6,
    GATE = 1 << 7,
    DOWN = 1 << 8,
    OTHER = 1 << 9,
    EVERY = (1 << 10) - 1,
};

/* What a rule needs; all bits must hold. */
enum need {
    ALWAYS = 0,
    /* of the model */
    FALCON = 1 << 0,
    NOT_FALCON = 1 << 1,
    GLM5_NEXT = 1 << 2,
    NOT_BAILINGMOE3 = 1 << 3,
    BIG = 1 << 4,       /* the models that the tool calls 70B */
    GQA_4 = 1 << 5,     /* 4 or more heads share a key and a value */
    EXPERTS_4 = 1 << 6, /* 4 or more */
    EXPERTS_8 = 1 << 7, /* exactly */
    IMATRIX = 1 << 8,
    NO_IMATRIX = 1 << 9,
    /* of the tensor */
    HEAD = 1 << 10,    /* the output, or the embeddings that stand in for it */
    UNEVEN = 1 << 11,  /* rows are no multiple of a block of the default type */
    STACKED = 1 << 12, /* several matrices: experts */
    EH_PROJ = 1 << 13, /* names that glm5-next treats apart */
    /* of its place among its kind: layer i of n */
    LAYER_UNDER_2 = 1 << 14,
    LAYER_UNDER_4 = 1 << 15,
    FIRST_16TH = 1 << 16,
    FIRST_8TH = 1 << 17,
    MIDDLE = 1 << 18, /* neither the first eighth nor the last */
    MORE = 1 << 19,   /* the first eighth, the last, and every third between */
};

/* One row of the mix (§3.4, §3.5); the first that fits decides. */
struct rule {
    uint64_t ftypes; /* recipe_ftype_bit() of each that it is for */
    unsigned categories;
    unsigned needs;
    enum type type; /* TYPE_NONE: the default of the file type */
};

/* What is decided without regard to the layer; nothing is counted then. Both lists end with a row
 * without file types. */
const struct rule *recipe_model_rules(void);
/* The rest; the last one fits all. */
const struct rule *recipe_layer_rules(void);
uint64_t recipe_ftype_bit(const struct ftype *ftype);

enum category recipe_category(const char *name);

/* Tensors of this name keep their type in every file type (§2.3). */
bool recipe_keeps(const char *arch, const char *name);

/* The tool takes the model for one of 70B. */
bool recipe_is_big(const struct arch_facts *facts);

/* File types that count the layers of a feed-forward tensor, also where there are experts. */
bool recipe_counts_layers(const struct ftype *ftype);

/* A conversion that cannot do without an importance matrix (§3.6). */
bool recipe_needs_imatrix(const struct ftype *ftype, enum type type);

/* Types that no tensor is converted to without importance, not even one that recipe_needs_imatrix()
 * is not asked for (ggml_quantize_requires_imatrix(), 0.27): the tool would crash. */
bool recipe_cannot_guess(enum type type);

/* general.file_type of a source whose commonest type is `type` (§6.3). */
uint32_t recipe_guess_ftype(enum type type);

#endif
