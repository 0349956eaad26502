#ifndef QUANT_KERNEL_SET_H
#define QUANT_KERNEL_SET_H

#include "quant/kernel/kernel.h"

/*
 * The sets of kernels beyond scalar ones. meson.build compiles each *_tmpl.c once per set, with its
 * instructions and with the set's name as SET_PREFIX; SET(q4_k) is then avx2_q4_k.
 */
extern const struct kernel_set avx2_kernels;
extern const struct kernel_set avx512_kernels;
extern const struct kernel_set neon_kernels;

#ifdef SET_PREFIX

#define SET_JOIN_NOW(prefix, name) prefix##_##name
#define SET_JOIN(prefix, name) SET_JOIN_NOW(prefix, name)
#define SET(name) SET_JOIN(SET_PREFIX, name)

#define SET_KERNEL(name)                                                                           \
    void SET(name)(void *restrict dst, const float *restrict src, size_t rows, size_t row_len,     \
                   const float *restrict importance)

/* fp4_tmpl.c */
SET_KERNEL(mxfp4);
SET_KERNEL(nvfp4);

/* half_tmpl.c */
SET_KERNEL(f16);
SET_KERNEL(bf16);
void SET(widen_f16)(float *restrict dst, const void *restrict src, size_t count);
void SET(widen_bf16)(float *restrict dst, const void *restrict src, size_t count);

/* finite_tmpl.c */
bool SET(finite_f32)(const void *src, size_t count);
bool SET(finite_f16)(const void *src, size_t count);
bool SET(finite_bf16)(const void *src, size_t count);

/* iq1_tmpl.c */
SET_KERNEL(iq1_s);
SET_KERNEL(iq1_m);

/* iq2_tmpl.c */
SET_KERNEL(iq2_xxs);
SET_KERNEL(iq2_xs);
SET_KERNEL(iq2_s);

/* iq3_tmpl.c */
SET_KERNEL(iq3_xxs);
SET_KERNEL(iq3_s);

/* iq4_tmpl.c */
SET_KERNEL(iq4_nl);
SET_KERNEL(iq4_xs);

/* q0_tmpl.c */
SET_KERNEL(q4_0);
SET_KERNEL(q4_1);
SET_KERNEL(q5_0);
SET_KERNEL(q5_1);
SET_KERNEL(q8_0);

/* qk_low_tmpl.c */
SET_KERNEL(q2_k);
SET_KERNEL(q3_k);

/* qk_tmpl.c */
SET_KERNEL(q4_k);
SET_KERNEL(q5_k);
SET_KERNEL(q6_k);

/* tq_tmpl.c */
SET_KERNEL(tq1_0);
SET_KERNEL(tq2_0);
SET_KERNEL(q1_0);
SET_KERNEL(q2_0);

#endif

#endif
