#ifndef QUANT_FORMAT_HF_WEIGHTS_H
#define QUANT_FORMAT_HF_WEIGHTS_H

#include "quant/format/hf/files.h"
#include "quant/format/safetensors.h"

/* A tensor of a directory, as its safetensors file has it. */
struct hf_tensor {
    const char *name; /* as stored */
    enum safetensors_dtype dtype;
    unsigned n_dims;
    uint64_t shape[SAFETENSORS_DIMS_MAX]; /* 1 where there is no dimension */
    unsigned file;                        /* of the directory's files */
    uint64_t offset, size;                /* bytes, from the start of that file */
};

/*
 * All tensors of a directory in the order in which the reference converter comes by them: shard by
 * shard, in each by name (import.md 2). A name that two shards have keeps the first place and takes
 * the last data.
 */
struct hf_weights {
    struct hf_tensor *tensors;
    size_t count;
    uint32_t *by_name;               /* private */
    struct safetensors *safetensors; /* private: has the names */
    size_t shard_count;              /* private */
};

/*
 * Finds the shards (those of model.safetensors.index.json if there is one, else all files named
 * model*.safetensors) and parses their headers. -ENODATA: a shard is missing or cut, a download
 * under way; -EINVAL; -EIO, -ENOMEM. *defect says which file and why. On error *weights is empty.
 */
MUST_USE int hf_weights_read(const struct hf_directory *directory, struct hf_weights *weights,
                             struct defect *defect);
void hf_weights_free(struct hf_weights *weights);

/* The tensor of that stored name, or NULL. Its number is its place in weights->tensors. */
const struct hf_tensor *hf_weights_find(const struct hf_weights *weights, const char *name);

/* Elements of the tensor: the size fits, so does their number. */
uint64_t hf_tensor_elements(const struct hf_tensor *tensor);

#endif
