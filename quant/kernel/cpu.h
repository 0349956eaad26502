#ifndef QUANT_KERNEL_CPU_H
#define QUANT_KERNEL_CPU_H

#include "config.h"

/* The instruction sets of this architecture for which there are kernels; each holds what the one
 * before it has. */
enum cpu_set {
    CPU_SCALAR, /* plain C */
#ifdef HAVE_X86_SETS
    CPU_AVX2,   /* x86-64-v3: with the half floats and bit operations of the same processors */
    CPU_AVX512, /* x86-64-v4: F, BW, CD, DQ, VL */
#elif defined(HAVE_NEON_SET)
    CPU_NEON, /* what every AArch64 machine has */
#endif
    CPU_SET_COUNT,
};

/* The name in QUANTFS_CPU. */
const char *cpu_set_name(enum cpu_set set);

/*
 * The widest set that this machine runs and `wish` allows: a name, or NULL for no bound. -EINVAL:
 * there is no such set, or not on this machine.
 */
MUST_USE int cpu_select(const char *wish, enum cpu_set *set);

#endif
