#ifndef QUANT_FORMAT_HF_NAMES_H
#define QUANT_FORMAT_HF_NAMES_H

#include <stdint.h>

#include "quant/format/hf/arena.h"
#include "quant/format/hf/kv.h"

/*
 * What names of models say, by the reference converter's heuristics (import.md 4.1). Texts that are
 * made live in the arena.
 */

/* The parts of a name; text NULL: there is none. */
struct hf_name {
    struct hf_text name, organization;
    struct hf_text basename, finetune, version, size_label;
};

/* Parts of "organization/name-of-many-parts"; `total`: weights of the model, or 0. -ENOMEM. */
MUST_USE int hf_name_read(struct hf_arena *arena, const struct hf_text *id, uint64_t total,
                          struct hf_name *name);

/* Words of a name as a title: split at blanks and '-', lower case ones capitalized unless they are
 * versions or begin with a digit. -ENOMEM. */
MUST_USE int hf_name_title(struct hf_arena *arena, const struct hf_text *name,
                           struct hf_text *title);

/* How many weights there are, of the tensors of a file. Begins as {0}. */
struct hf_parameters {
    uint64_t total, shared;
    uint64_t expert;                     /* of one expert in all tensors */
    uint64_t expert_sum, expert_tensors; /* experts of all tensors that have them, and how many */
};

/* Adds a tensor of that name and shape, ne[0] of a row. Sums that overflow stay at the largest. */
void hf_parameters_add(struct hf_parameters *parameters, const char *name, unsigned n_dims,
                       const uint64_t *ne);

/* "7.2B", "8x7.2B"; one with total 0 has none. */
struct hf_size_label {
    char text[64];
};
struct hf_size_label hf_size_label(const struct hf_parameters *parameters);

#endif
