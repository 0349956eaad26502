#ifndef QUANT_FORMAT_HF_PLAN_STATE_H
#define QUANT_FORMAT_HF_PLAN_STATE_H

#include "quant/format/hf/gather.h"
#include "quant/format/hf/plan.h"

/* Private to plan.c and plan_read.c. */

#define HF_PLAN_ALIGNMENT 32u

/* The type that slices of an output have their units of. Those of Q8_0 are floats: a block may have
 * weights of several slices. */
enum type hf_plan_unit_type(enum type type);

/* Units are blocks of hf_plan_unit_type(): weights, or 32 of them in MXFP4. */
struct hf_plan_slice {
    struct hf_slice slice; /* HF_BYTES: start is the place in plan->bytes */
    uint64_t first;        /* unit of the output */
    uint64_t count;
};

struct hf_plan {
    const struct hf_directory *directory;
    const struct hf_weights *weights;
    struct hf_output *outputs;
    size_t output_count, output_capacity;
    struct hf_plan_slice *slices;
    size_t slice_count, slice_capacity;
    uint8_t *bytes; /* of all HF_BYTES */
    size_t byte_count;
    uint64_t units, filled; /* of the last output */
    uint64_t size;
};

/* Can the slice be read: is it within what it is of, and of a kind that the output's type can have?
 * For one that comes from somewhere else than hf_plan_slice(). */
bool hf_plan_slice_fits(const struct hf_plan *plan, const struct hf_plan_slice *slice,
                        enum type type);

#endif
