#ifndef QUANT_FORMAT_SAFETENSORS_H
#define QUANT_FORMAT_SAFETENSORS_H

#include <stddef.h>
#include <stdint.h>

#include "config.h"
#include "quant/defect.h"

/* Element types of the format. */
enum safetensors_dtype {
    SAFETENSORS_BOOL,
    SAFETENSORS_U8,
    SAFETENSORS_I8,
    SAFETENSORS_F8_E4M3,
    SAFETENSORS_F8_E5M2,
    SAFETENSORS_F8_E8M0,
    SAFETENSORS_F8_E4M3FNUZ,
    SAFETENSORS_F8_E5M2FNUZ,
    SAFETENSORS_F16,
    SAFETENSORS_BF16,
    SAFETENSORS_I16,
    SAFETENSORS_U16,
    SAFETENSORS_F32,
    SAFETENSORS_I32,
    SAFETENSORS_U32,
    SAFETENSORS_F64,
    SAFETENSORS_I64,
    SAFETENSORS_U64,
    SAFETENSORS_C64,
    SAFETENSORS_F4,
    SAFETENSORS_F6_E2M3,
    SAFETENSORS_F6_E3M2,
    SAFETENSORS_DTYPE_COUNT,
};

#define SAFETENSORS_DIMS_MAX 8

struct safetensors_tensor {
    const char *name;
    enum safetensors_dtype dtype;
    unsigned n_dims;
    uint64_t shape[SAFETENSORS_DIMS_MAX]; /* 1 where there is no dimension */
    uint64_t offset;                      /* bytes from the start of the file */
    uint64_t size;                        /* bytes */
};

struct safetensors {
    struct safetensors_tensor *tensors; /* by name, in the order of bytes (and code points) */
    size_t count;
    char *names; /* private */
};

/* The format's word: "BF16". And bits of an element: 4 to 64. */
const char *safetensors_dtype_name(enum safetensors_dtype dtype);
unsigned safetensors_dtype_bits(enum safetensors_dtype dtype);

/*
 * Reads and checks the header of a safetensors file of `size` bytes, as strictly as the format's
 * own library (import.md 1), and more so: no name twice, none with a zero byte, at most 8
 * dimensions. -EINVAL: *defect says where and why; -ENODATA: the file is cut, a download under way;
 * -EIO, -ENOMEM. On error *safetensors is empty. Memory and time are bounded by a small multiple of
 * the header's size.
 */
MUST_USE int safetensors_parse(int fd, uint64_t size, struct safetensors *safetensors,
                               struct defect *defect);
void safetensors_free(struct safetensors *safetensors);

#endif
