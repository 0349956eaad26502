#ifndef QUANT_TYPE_H
#define QUANT_TYPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config.h"

/* Tensor types by their number in a GGUF file (ggml's enum; the gaps are types it has removed). */
enum type {
    TYPE_F32 = 0,
    TYPE_F16 = 1,
    TYPE_Q4_0 = 2,
    TYPE_Q4_1 = 3,
    TYPE_Q5_0 = 6,
    TYPE_Q5_1 = 7,
    TYPE_Q8_0 = 8,
    TYPE_Q8_1 = 9,
    TYPE_Q2_K = 10,
    TYPE_Q3_K = 11,
    TYPE_Q4_K = 12,
    TYPE_Q5_K = 13,
    TYPE_Q6_K = 14,
    TYPE_Q8_K = 15,
    TYPE_IQ2_XXS = 16,
    TYPE_IQ2_XS = 17,
    TYPE_IQ3_XXS = 18,
    TYPE_IQ1_S = 19,
    TYPE_IQ4_NL = 20,
    TYPE_IQ3_S = 21,
    TYPE_IQ2_S = 22,
    TYPE_IQ4_XS = 23,
    TYPE_I8 = 24,
    TYPE_I16 = 25,
    TYPE_I32 = 26,
    TYPE_I64 = 27,
    TYPE_F64 = 28,
    TYPE_IQ1_M = 29,
    TYPE_BF16 = 30,
    TYPE_TQ1_0 = 34,
    TYPE_TQ2_0 = 35,
    TYPE_MXFP4 = 39,
    TYPE_NVFP4 = 40,
    TYPE_Q1_0 = 41,
    TYPE_Q2_0 = 42,
    TYPE_COUNT,
    TYPE_NONE = -1,
};

/* How the weights of one type lie on disk. Constant rows of one table; never freed. */
struct type_info {
    const char *name;       /* ggml's spelling, lower case: "q4_k" */
    uint32_t block_weights; /* weights per block */
    uint32_t block_size;    /* bytes per block */
    uint32_t chunk_weights; /* unit of conversion, part of the cache's format; 0: never a target */
    bool kept;              /* converted chunks are worth an object of the cache */
    enum type fallback;     /* for rows that are no multiple of block_weights (recipe.md §4);
                               the type itself: stays as it is; TYPE_NONE: an error */
    bool quantized;         /* blocks, not plain numbers */
    bool source;            /* weights of this type can be converted from */
    uint8_t scale_count;    /* half floats in each block that must be finite after conversion */
    uint16_t scale_offset[2]; /* bytes from the start of the block */
};

/* The row of a type number read from anywhere; NULL if there is no such type. */
const struct type_info *type_info(uint32_t number);

/* A ggml type name, any case; TYPE_NONE if unknown. */
enum type type_find(const char *name, size_t length);

/* The name of a type as the reference tool spells it in what it says: ours, but for the K. */
#define TYPE_SPELT_SIZE 16
void type_spell(enum type type, char text[TYPE_SPELT_SIZE]);

/* Does the importance of columns change how weights become that type? */
bool type_heeds_importance(enum type type);
/* And if so, does a block depend on the whole row it stands in? */
bool type_spans_row(enum type type);

/* Bytes of `weights` weights, a multiple of block_weights; false on overflow or a broken block. */
bool type_size(enum type type, uint64_t weights, uint64_t *size);

#endif
