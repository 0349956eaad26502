#ifndef QUANT_KERNEL_SCALAR_H
#define QUANT_KERNEL_SCALAR_H

#include "quant/kernel/kernel.h"

/*
 * The kernels in plain C: what the others are compared with. Each does the float operations of
 * ggml 0.27 as it is built for x86-64, in its order (multiplications and additions are never
 * fused); only what cannot change a result is arranged anew. The weights must be finite:
 * convert_run() has seen to it. The conversions of half.c take any.
 */

/* half.c */
void scalar_f16(void *restrict dst, const float *restrict src, size_t rows, size_t row_len,
                const float *restrict importance);
void scalar_bf16(void *restrict dst, const float *restrict src, size_t rows, size_t row_len,
                 const float *restrict importance);
void scalar_widen_f16(float *restrict dst, const void *restrict src, size_t count);
void scalar_widen_bf16(float *restrict dst, const void *restrict src, size_t count);

/* finite.c */
bool scalar_finite_f32(const void *src, size_t count);
bool scalar_finite_f16(const void *src, size_t count);
bool scalar_finite_bf16(const void *src, size_t count);

/* q0.c. With importance a tile must be whole rows, but for Q8_0, which ignores it. */
void scalar_q4_0(void *restrict dst, const float *restrict src, size_t rows, size_t row_len,
                 const float *restrict importance);
void scalar_q4_1(void *restrict dst, const float *restrict src, size_t rows, size_t row_len,
                 const float *restrict importance);
void scalar_q5_0(void *restrict dst, const float *restrict src, size_t rows, size_t row_len,
                 const float *restrict importance);
void scalar_q5_1(void *restrict dst, const float *restrict src, size_t rows, size_t row_len,
                 const float *restrict importance);
void scalar_q8_0(void *restrict dst, const float *restrict src, size_t rows, size_t row_len,
                 const float *restrict importance);

/* qk_low.c */
void scalar_q2_k(void *restrict dst, const float *restrict src, size_t rows, size_t row_len,
                 const float *restrict importance);
void scalar_q3_k(void *restrict dst, const float *restrict src, size_t rows, size_t row_len,
                 const float *restrict importance);

/* qk.c */
void scalar_q4_k(void *restrict dst, const float *restrict src, size_t rows, size_t row_len,
                 const float *restrict importance);
void scalar_q5_k(void *restrict dst, const float *restrict src, size_t rows, size_t row_len,
                 const float *restrict importance);
void scalar_q6_k(void *restrict dst, const float *restrict src, size_t rows, size_t row_len,
                 const float *restrict importance);

/* iq2.c. Where the reference library stops the program, a block's scale is NaN: IQ2_XXS and IQ2_XS
 * without importance, and numbers too large for the search. */
void scalar_iq2_xxs(void *restrict dst, const float *restrict src, size_t rows, size_t row_len,
                    const float *restrict importance);
void scalar_iq2_xs(void *restrict dst, const float *restrict src, size_t rows, size_t row_len,
                   const float *restrict importance);
void scalar_iq2_s(void *restrict dst, const float *restrict src, size_t rows, size_t row_len,
                  const float *restrict importance);

/* iq4.c */
void scalar_iq4_nl(void *restrict dst, const float *restrict src, size_t rows, size_t row_len,
                   const float *restrict importance);
void scalar_iq4_xs(void *restrict dst, const float *restrict src, size_t rows, size_t row_len,
                   const float *restrict importance);

/* iq1.c. Where the reference library stops the program, the scale of a block is NaN: IQ1_S without
 * importance, and weights that are too large for the search. */
void scalar_iq1_s(void *restrict dst, const float *restrict src, size_t rows, size_t row_len,
                  const float *restrict importance);
void scalar_iq1_m(void *restrict dst, const float *restrict src, size_t rows, size_t row_len,
                  const float *restrict importance);

/*
 * iq3.c. Where the reference library stops, because no point of the code book has an error that is
 * a number (weights of some 10^12 and more), the scale of the block is NaN.
 */
void scalar_iq3_xxs(void *restrict dst, const float *restrict src, size_t rows, size_t row_len,
                    const float *restrict importance);
void scalar_iq3_s(void *restrict dst, const float *restrict src, size_t rows, size_t row_len,
                  const float *restrict importance);

/* tq.c. They ignore importance. */
void scalar_tq1_0(void *restrict dst, const float *restrict src, size_t rows, size_t row_len,
                  const float *restrict importance);
void scalar_tq2_0(void *restrict dst, const float *restrict src, size_t rows, size_t row_len,
                  const float *restrict importance);
void scalar_q1_0(void *restrict dst, const float *restrict src, size_t rows, size_t row_len,
                 const float *restrict importance);
void scalar_q2_0(void *restrict dst, const float *restrict src, size_t rows, size_t row_len,
                 const float *restrict importance);

/* fp4.c. They ignore importance. */
void scalar_mxfp4(void *restrict dst, const float *restrict src, size_t rows, size_t row_len,
                  const float *restrict importance);
void scalar_nvfp4(void *restrict dst, const float *restrict src, size_t rows, size_t row_len,
                  const float *restrict importance);

/* widen_q0.c. These and the following take blocks with any bits. */
void scalar_widen_q4_0(float *restrict dst, const void *restrict src, size_t count);
void scalar_widen_q4_1(float *restrict dst, const void *restrict src, size_t count);
void scalar_widen_q5_0(float *restrict dst, const void *restrict src, size_t count);
void scalar_widen_q5_1(float *restrict dst, const void *restrict src, size_t count);
void scalar_widen_q8_0(float *restrict dst, const void *restrict src, size_t count);

/* widen_qk.c */
void scalar_widen_q2_k(float *restrict dst, const void *restrict src, size_t count);
void scalar_widen_q3_k(float *restrict dst, const void *restrict src, size_t count);
void scalar_widen_q4_k(float *restrict dst, const void *restrict src, size_t count);
void scalar_widen_q5_k(float *restrict dst, const void *restrict src, size_t count);
void scalar_widen_q6_k(float *restrict dst, const void *restrict src, size_t count);

/* widen_tq.c */
void scalar_widen_tq1_0(float *restrict dst, const void *restrict src, size_t count);
void scalar_widen_tq2_0(float *restrict dst, const void *restrict src, size_t count);
void scalar_widen_q1_0(float *restrict dst, const void *restrict src, size_t count);
void scalar_widen_q2_0(float *restrict dst, const void *restrict src, size_t count);

/* widen_four.c */
void scalar_widen_iq4_nl(float *restrict dst, const void *restrict src, size_t count);
void scalar_widen_iq4_xs(float *restrict dst, const void *restrict src, size_t count);
void scalar_widen_mxfp4(float *restrict dst, const void *restrict src, size_t count);
void scalar_widen_nvfp4(float *restrict dst, const void *restrict src, size_t count);

/* widen_iq.c */
void scalar_widen_iq1_s(float *restrict dst, const void *restrict src, size_t count);
void scalar_widen_iq1_m(float *restrict dst, const void *restrict src, size_t count);
void scalar_widen_iq2_xxs(float *restrict dst, const void *restrict src, size_t count);
void scalar_widen_iq2_xs(float *restrict dst, const void *restrict src, size_t count);
void scalar_widen_iq2_s(float *restrict dst, const void *restrict src, size_t count);
void scalar_widen_iq3_xxs(float *restrict dst, const void *restrict src, size_t count);
void scalar_widen_iq3_s(float *restrict dst, const void *restrict src, size_t count);

#endif
