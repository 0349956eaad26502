/* What an instruction set has kernels for; built once for each. */
#include "quant/kernel/set.h"

const struct kernel_set SET(kernels) = {
    .quantize =
        {
            [TYPE_Q4_K] = SET(q4_k),
            [TYPE_Q5_K] = SET(q5_k),
            [TYPE_Q6_K] = SET(q6_k),
        },
};
