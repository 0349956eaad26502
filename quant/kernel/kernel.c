#include "quant/kernel/kernel.h"

#include "quant/kernel/cpu.h"
#include "quant/kernel/scalar.h"
#include "quant/kernel/set.h"

static const struct kernel_set scalar = {
    .quantize =
        {
            [TYPE_F16] = scalar_f16,         [TYPE_BF16] = scalar_bf16,
            [TYPE_Q4_0] = scalar_q4_0,       [TYPE_Q4_1] = scalar_q4_1,
            [TYPE_Q5_0] = scalar_q5_0,       [TYPE_Q5_1] = scalar_q5_1,
            [TYPE_Q8_0] = scalar_q8_0,       [TYPE_Q2_K] = scalar_q2_k,
            [TYPE_Q3_K] = scalar_q3_k,       [TYPE_Q4_K] = scalar_q4_k,
            [TYPE_Q5_K] = scalar_q5_k,       [TYPE_Q6_K] = scalar_q6_k,
            [TYPE_IQ4_NL] = scalar_iq4_nl,   [TYPE_IQ4_XS] = scalar_iq4_xs,
            [TYPE_IQ1_S] = scalar_iq1_s,     [TYPE_IQ1_M] = scalar_iq1_m,
            [TYPE_IQ2_XXS] = scalar_iq2_xxs, [TYPE_IQ2_XS] = scalar_iq2_xs,
            [TYPE_IQ2_S] = scalar_iq2_s,     [TYPE_IQ3_XXS] = scalar_iq3_xxs,
            [TYPE_IQ3_S] = scalar_iq3_s,     [TYPE_TQ1_0] = scalar_tq1_0,
            [TYPE_TQ2_0] = scalar_tq2_0,     [TYPE_MXFP4] = scalar_mxfp4,
            [TYPE_NVFP4] = scalar_nvfp4,     [TYPE_Q1_0] = scalar_q1_0,
            [TYPE_Q2_0] = scalar_q2_0,
        },
    .widen =
        {
            [TYPE_F16] = scalar_widen_f16,         [TYPE_BF16] = scalar_widen_bf16,
            [TYPE_Q4_0] = scalar_widen_q4_0,       [TYPE_Q4_1] = scalar_widen_q4_1,
            [TYPE_Q5_0] = scalar_widen_q5_0,       [TYPE_Q5_1] = scalar_widen_q5_1,
            [TYPE_Q8_0] = scalar_widen_q8_0,       [TYPE_Q2_K] = scalar_widen_q2_k,
            [TYPE_Q3_K] = scalar_widen_q3_k,       [TYPE_Q4_K] = scalar_widen_q4_k,
            [TYPE_Q5_K] = scalar_widen_q5_k,       [TYPE_Q6_K] = scalar_widen_q6_k,
            [TYPE_IQ4_NL] = scalar_widen_iq4_nl,   [TYPE_IQ4_XS] = scalar_widen_iq4_xs,
            [TYPE_TQ1_0] = scalar_widen_tq1_0,     [TYPE_TQ2_0] = scalar_widen_tq2_0,
            [TYPE_MXFP4] = scalar_widen_mxfp4,     [TYPE_NVFP4] = scalar_widen_nvfp4,
            [TYPE_Q1_0] = scalar_widen_q1_0,       [TYPE_Q2_0] = scalar_widen_q2_0,
            [TYPE_IQ1_S] = scalar_widen_iq1_s,     [TYPE_IQ1_M] = scalar_widen_iq1_m,
            [TYPE_IQ2_XXS] = scalar_widen_iq2_xxs, [TYPE_IQ2_XS] = scalar_widen_iq2_xs,
            [TYPE_IQ2_S] = scalar_widen_iq2_s,     [TYPE_IQ3_XXS] = scalar_widen_iq3_xxs,
            [TYPE_IQ3_S] = scalar_widen_iq3_s,
        },
    .finite =
        {
            [TYPE_F32] = scalar_finite_f32,
            [TYPE_F16] = scalar_finite_f16,
            [TYPE_BF16] = scalar_finite_bf16,
        },
};

/* By enum cpu_set. */
static const struct kernel_set *const sets[CPU_SET_COUNT] = {
    [CPU_SCALAR] = &scalar,
#ifdef HAVE_X86_SETS
    [CPU_AVX2] = &avx2_kernels,
    [CPU_AVX512] = &avx512_kernels,
#elif defined(HAVE_NEON_SET)
    [CPU_NEON] = &neon_kernels,
#endif
};

static void add(struct kernel_set *all, const struct kernel_set *more)
{
    for (int i = 0; i < TYPE_COUNT; i++) {
        if (more->quantize[i])
            all->quantize[i] = more->quantize[i];
        if (more->widen[i])
            all->widen[i] = more->widen[i];
        if (more->finite[i])
            all->finite[i] = more->finite[i];
    }
}

int kernel_select(const char *wish, struct kernel_set *set)
{
    enum cpu_set widest;
    int r = cpu_select(wish, &widest);

    if (r < 0)
        return r;
    *set = (struct kernel_set){.name = cpu_set_name(widest)};
    for (int i = 0; i <= (int)widest; i++)
        add(set, sets[i]);
    return 0;
}
