#ifndef QUANT_MIX_H
#define QUANT_MIX_H

#include <stddef.h>

#include "quant/defect.h"
#include "quant/rules.h"
#include "quant/variant.h"

/* No mix is longer, in bytes. */
#define MIX_SIZE_MAX ((size_t)1 << 20)

/* The recipe that the text of a file NAME.mix tells. */
struct mix {
    struct variant variant; /* its rules are those below */
    struct rules rules;
    char imatrix[256]; /* name of an importance matrix beside the mix; "": the model's own */
    size_t memory;     /* that it takes, about */
};

/*
 * Reads lines: a word that says what the line is, and what belongs to it. A line of words with '='
 * is one of the reference tool's --tensor-type-file. -EINVAL with line and reason in *defect;
 * -ENOMEM. *mix is for mix_free().
 */
MUST_USE int mix_parse(const char *text, size_t size, struct mix **mix, struct defect *defect);
void mix_free(struct mix *mix); /* NULL is fine */

#endif
