/* What an instruction set has kernels for; built once for each. */
#include "quant/kernel/set.h"

const struct kernel_set SET(kernels) = {
    .quantize =
        {
            [TYPE_F16] = SET(f16),         [TYPE_BF16] = SET(bf16),
            [TYPE_Q4_0] = SET(q4_0),       [TYPE_Q4_1] = SET(q4_1),
            [TYPE_Q5_0] = SET(q5_0),       [TYPE_Q5_1] = SET(q5_1),
            [TYPE_Q8_0] = SET(q8_0),       [TYPE_Q2_K] = SET(q2_k),
            [TYPE_Q3_K] = SET(q3_k),       [TYPE_Q4_K] = SET(q4_k),
            [TYPE_Q5_K] = SET(q5_k),       [TYPE_Q6_K] = SET(q6_k),
            [TYPE_IQ4_NL] = SET(iq4_nl),   [TYPE_IQ4_XS] = SET(iq4_xs),
            [TYPE_TQ1_0] = SET(tq1_0),     [TYPE_TQ2_0] = SET(tq2_0),
            [TYPE_MXFP4] = SET(mxfp4),     [TYPE_NVFP4] = SET(nvfp4),
            [TYPE_Q1_0] = SET(q1_0),       [TYPE_Q2_0] = SET(q2_0),
            [TYPE_IQ3_XXS] = SET(iq3_xxs), [TYPE_IQ3_S] = SET(iq3_s),
            [TYPE_IQ1_S] = SET(iq1_s),     [TYPE_IQ1_M] = SET(iq1_m),
            [TYPE_IQ2_XXS] = SET(iq2_xxs), [TYPE_IQ2_XS] = SET(iq2_xs),
            [TYPE_IQ2_S] = SET(iq2_s),
        },
    .widen =
        {
            [TYPE_F16] = SET(widen_f16),
            [TYPE_BF16] = SET(widen_bf16),
        },
    .finite =
        {
            [TYPE_F32] = SET(finite_f32),
            [TYPE_F16] = SET(finite_f16),
            [TYPE_BF16] = SET(finite_bf16),
        },
};
