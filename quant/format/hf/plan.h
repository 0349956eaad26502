#ifndef QUANT_FORMAT_HF_PLAN_H
#define QUANT_FORMAT_HF_PLAN_H

#include "quant/format/hf/weights.h"
#include "quant/type.h"

/*
 * How the tensors of a GGUF file come from those of a directory. An output tensor is slices end to
 * end. A slice is a strided walk through one stored tensor: permuting, transposing, splitting,
 * stacking, picking every other row, reordering and cutting are nothing else, so that any range of
 * bytes can be made from the elements it needs.
 */
struct hf_plan;

#define HF_DIMS_MAX 6
#define HF_STEPS_MAX 2
#define HF_NO_TENSOR UINT32_MAX

struct hf_dim {
    uint64_t count;
    uint64_t stride; /* elements of the stored tensor */
};

/* Arithmetic on each weight in the working type: F16 for stored F16, else F32 (import.md 2.1). */
enum hf_math {
    HF_AS_IS,
    HF_ADD_ONE, /* x + 1, one rounding */
    HF_NEG_EXP, /* -exp(x) */
    HF_SCALE,   /* x * factor, one rounding */
};

struct hf_step {
    enum hf_math math;
    float factor;
};

enum hf_kind {
    HF_WEIGHTS, /* elements of `tensor` */
    HF_ZEROS,   /* dims give the number of elements; no tensor */
    HF_MXFP4,   /* elements are groups of 16 bytes of `tensor` (U8, its last dimension 16) with the
                   byte of `scale` in the same place: blocks of the type MXFP4 (import.md 2.2) */
    HF_NIBBLES, /* elements are words of `tensor` (I32, with a scale): eight weights each, from the
                   lowest bits on, of 4 bits and 8 too large (import-2.md 2.6) */
    HF_BYTES,   /* private: see hf_plan_bytes() */
};

/*
 * Element (i0, i1, ...) of a slice is element start + sum(i_k * dims[k].stride) of the stored
 * tensor, counted as it lies in the file. dims: outermost first; none: one element.
 */
struct hf_slice {
    enum hf_kind kind;
    uint32_t tensor; /* of the weights */
    uint64_t start;
    unsigned dim_count;
    struct hf_dim dims[HF_DIMS_MAX];
    struct hf_step steps[HF_STEPS_MAX]; /* in this order */
    /*
     * HF_NO_TENSOR, or the tensor whose elements are factors of blocks, in F32, before any step:
     * element e of `tensor` is at row e / columns, column e % columns of a matrix, and its factor
     * is the one at (row / block_rows, column / block_columns) of a matrix that has as many columns
     * as it takes.
     */
    uint32_t scale;
    uint64_t columns, block_rows, block_columns;
};

/* A tensor of the file. Its data: `size` bytes at `offset` of the data section, then zeros up to
 * the next multiple of 32. */
struct hf_output {
    const char *name;
    unsigned n_dims;
    uint64_t ne[4]; /* GGUF's order: ne[0] is the row length; 1 where there is no dimension */
    enum type type; /* F32, F16, BF16, Q8_0 or MXFP4 */
    uint64_t offset, size;
    size_t first_slice, slice_count; /* private */
};

/* `directory` and `weights` are the caller's and outlive the plan. -ENOMEM. */
MUST_USE int hf_plan_new(const struct hf_directory *directory, const struct hf_weights *weights,
                         struct hf_plan **plan);
void hf_plan_free(struct hf_plan *plan);

/*
 * Begins the next tensor of the file, up to four dimensions; slices follow until they have all its
 * elements. `name` is copied. -EINVAL: the tensor before is not whole, or not a type or size that
 * can be; -ENOMEM.
 */
MUST_USE int hf_plan_add(struct hf_plan *plan, const char *name, enum type type, unsigned n_dims,
                         const uint64_t *ne);
/* Adds a slice to it. -EINVAL: it leaves the stored tensor, or is more than the output has room
 * for, or the dtype cannot be read: shapes come from files, so this is checked here and not
 * asserted; *defect says so with the tensors' names. -ENOMEM. */
MUST_USE int hf_plan_slice(struct hf_plan *plan, const struct hf_slice *slice,
                           struct defect *defect);
/* Adds `size` bytes as they are in the output's type (floats, if that is Q8_0); copied. -EINVAL as
 * above; -ENOMEM. */
MUST_USE int hf_plan_bytes(struct hf_plan *plan, const void *data, size_t size);
/* No more tensors. -EINVAL: the last one is not whole. */
MUST_USE int hf_plan_end(struct hf_plan *plan);

/* In file order. Valid until the next call of hf_plan_add(). */
const struct hf_output *hf_plan_outputs(const struct hf_plan *plan, size_t *count);
/* Bytes of the data section, padding behind the last tensor included. */
uint64_t hf_plan_size(const struct hf_plan *plan);

/*
 * Makes any range of bytes of one output, or of the data section with its padding. Safe from any
 * thread. -EIO: a file cannot be read or has become shorter; -ENOMEM.
 */
MUST_USE int hf_plan_read(const struct hf_plan *plan, size_t output, uint64_t offset, void *data,
                          size_t size);
MUST_USE int hf_plan_read_data(const struct hf_plan *plan, uint64_t offset, void *data,
                               size_t size);

/* Runs of the directory's files, each by its place among them, that have been read for a range of
 * the data section, and that reading what lies next in it does not need again. */
void hf_plan_spans(const struct hf_plan *plan, uint64_t offset, uint64_t size,
                   void (*span)(void *context, unsigned file, uint64_t offset, uint64_t size),
                   void *context);

/* ---- slices of the moves that architectures need (moves.c) ---- */

/* The tensor as it lies there. */
struct hf_slice hf_whole(const struct hf_weights *weights, uint32_t tensor);
/* Rows [first, first + count) of the first axis. */
struct hf_slice hf_rows(const struct hf_weights *weights, uint32_t tensor, uint64_t first,
                        uint64_t count);
/* Rows first, first + step, ... of the first axis, as many as there are: even and odd rows. */
struct hf_slice hf_every(const struct hf_weights *weights, uint32_t tensor, uint64_t first,
                         uint64_t step);
/* One (i) of the parts along the first axis: the tensor without that axis. */
struct hf_slice hf_part(const struct hf_weights *weights, uint32_t tensor, uint64_t i);
/* The last two axes exchanged; those before stay. */
struct hf_slice hf_transpose(const struct hf_weights *weights, uint32_t tensor);
/*
 * Rows of each of `heads` heads: half and half become turn by turn, as the reference converter
 * wants rotated rows (import.md 2.2). False: the rows do not divide so.
 */
bool hf_permute(const struct hf_weights *weights, uint32_t tensor, uint64_t heads,
                struct hf_slice *slice);
/* Makes two dimensions of dimension `dim`: of `inner` elements each the inner one. False: it does
 * not divide so, or there are no more dimensions to have. */
MUST_USE bool hf_split(struct hf_slice *slice, unsigned dim, uint64_t inner);
/* Exchanges two dimensions. */
void hf_swap(struct hf_slice *slice, unsigned a, unsigned b);
/* Narrows dimension `dim` of a slice to [first, first + count), every step-th. */
void hf_narrow(struct hf_slice *slice, unsigned dim, uint64_t first, uint64_t count, uint64_t step);

#endif
