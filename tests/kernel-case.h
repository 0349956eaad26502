#ifndef TESTS_KERNEL_CASE_H
#define TESTS_KERNEL_CASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "quant/type.h"

/*
 * The inputs with which kernels are compared with one another and with the reference library. They
 * are made with integers and exact float operations, so that a seed means the same everywhere.
 */

enum {
    CASE_SEED = 1, /* of the golden hashes */
    CASE_TYPES = 27,
    CASE_KINDS = 29,       /* kinds of weights */
    CASE_FINITE = 27,      /* those before this one hold finite weights only */
    CASE_IMPORTANCES = 10, /* kinds of importance; 0 is none */
    CASE_SHAPES = 3,       /* rows and row lengths */
    CASE_WEIGHTS = 2048,   /* a case has at most as many */
};

/* One call of a kernel. */
struct kernel_case {
    enum type type;
    unsigned kind;
    unsigned importance;
    size_t rows;
    size_t row_len;
    size_t size; /* bytes of the result */
};

enum type case_type(unsigned index);
const char *case_kind_name(unsigned kind);
const char *case_importance_name(unsigned importance);

/* False where there is nothing to compare: a type that knows no importance, weights that the type
 * is not defined for. */
bool case_make(unsigned type_index, unsigned kind, unsigned importance, unsigned shape,
               struct kernel_case *c);

/* A type of which the library makes nothing without importance. */
bool case_needs_importance(unsigned type_index);

/* `count` weights of a kind; importance for them. */
void case_weights(unsigned kind, uint64_t seed, float *x, size_t count);
void case_importance(unsigned importance, uint64_t seed, float *w, size_t count);

/* A block with a scale that is not finite: whoever asked for it gets an error, and its other bytes
 * mean nothing (the sign of a NaN depends on the compiler). */
bool case_refused(const struct kernel_case *c, const uint8_t *block);

/* Adds what is not refused to a hash, 0 at first. */
uint64_t case_hash(uint64_t hash, const struct kernel_case *c, const uint8_t *result);

#endif
