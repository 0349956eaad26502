#ifndef QUANT_FORMAT_HF_GATHER_H
#define QUANT_FORMAT_HF_GATHER_H

#include "quant/format/hf/plan.h"

/* Elements of a file in a strided order. */
struct hf_walk {
    int fd;
    uint64_t offset; /* of element 0, bytes from the start of the file */
    size_t size;     /* bytes of an element: 1, 2, 4, 8 or 16 */
    uint64_t start;  /* the first element of the walk */
    unsigned dim_count;
    struct hf_dim dims[HF_DIMS_MAX]; /* outermost first */
};

/*
 * Elements [first, first + count) of the walk, in its order, to `out`. What lies near each other in
 * the file is read at once, whatever the order. -EIO: also when the file ends; -ENOMEM.
 */
MUST_USE int hf_gather(const struct hf_walk *walk, uint64_t first, uint64_t count, uint8_t *out);

#endif
