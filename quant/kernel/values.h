#ifndef QUANT_KERNEL_VALUES_H
#define QUANT_KERNEL_VALUES_H

#include <stdint.h>

/* What the sixteen levels of a type mean where they are not evenly spaced (ggml 0.27). */

/* IQ4_NL, IQ4_XS */
static const int8_t values_iq4[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                      1,    13,   25,  38,  53,  69,  89,  113};

/* MXFP4, NVFP4: floats of a sign, two bits of exponent and one of mantissa, doubled. */
static const int8_t values_fp4[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};

#endif
