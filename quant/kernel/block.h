#ifndef QUANT_KERNEL_BLOCK_H
#define QUANT_KERNEL_BLOCK_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

/*
 * How the blocks of each type lie on disk (ggml 0.27). All fields are bytes, so that a block may
 * start anywhere; d, m and dmin are half floats, little endian.
 *
 *   Q4_0, Q5_0   weight = d * (level - 8), d * (level - 16)
 *   Q4_1, Q5_1   weight = d * level + m
 *   Q8_0         weight = d * level, the level signed
 *     levels: the low four bits of weight i in qs[i % 16], the half chosen by i / 16; the fifth bit
 *     is bit i of qh
 *   Q2_K         weight = d * scale * level - dmin * minimum, for 16 sub-blocks of 16
 *     scales: of each sub-block the scale in the low, the minimum in the high four bits of a byte
 *     levels: of each 128 weights, in rows of 32: row r in bits 2 r of qs
 *   Q3_K         weight = d * (scale - 32) * (level - 4), for 16 sub-blocks of 16
 *     scale of sub-block j: the low four bits in scales[j % 8], the half chosen by j / 8, the upper
 *     two in bits 2 (j / 4) of scales[8 + j % 4]
 *     levels: the low two bits as those of Q2_K; the third of weight i is bit i / 32 of
 *     hmask[i % 32]
 *   Q4_K, Q5_K   weight = d * scale * level - dmin * minimum, for 8 sub-blocks of 32
 *     scale and minimum of sub-block j, six bits each: j < 4: low bits of scales[j], scales[j + 4];
 *     else scales[j + 4] holds their low halves, the top bits of scales[j - 4], scales[j] the rest
 *     levels: qs holds sub-blocks 2 j and 2 j + 1 in the halves of 32 bytes; the fifth bit of
 *     weight i of sub-block j is bit j of qh[i]
 *   Q6_K         weight = d * scale * (level - 32), for 16 sub-blocks of 16
 *     levels: of each 128 weights, in rows of 32: rows 0 and 2 in the halves of ql[0..31], 1 and 3
 *     in those of ql[32..63], the upper two bits of row r in bits 2 r of qh
 *   IQ4_NL       weight = d * value[level], of 16 values (values.h)
 *     levels: as those of Q4_0
 *   IQ4_XS       weight = d * (scale - 32) * value[level], for 8 sub-blocks of 32
 *     scale of sub-block j: the low four bits in scales_l[j / 2], the half chosen by j % 2, the
 *     upper two in bits 2 (j % 4) of scales_h[j / 4]
 *     levels: of each sub-block in 16 bytes, as those of IQ4_NL
 *   IQ2_XXS      weight = d * (2 scale + 1) * (2 level + 1), for 8 sub-blocks of 32; levels 1 and 2
 *     are worth 3.125 and 5.375 when they are read, also below
 *     levels: of each eight weights a point of the code book (grid.h). Of sub-block j, from qs[8 j]
 *     on: the points in one byte each, then a 32-bit word: seven bits for the signs of each eight
 *     weights, set where one is negative (the eighth makes their number even), the scale in the
 *     highest four
 *   IQ2_XS       weight = d * (2 scale + 1) * (2 level + 1), for 16 sub-blocks of 16
 *     levels and signs: of each eight weights a 16-bit word of qs: the point in the low nine bits,
 *     then seven bits for signs as above
 *     scale of sub-block j: four bits of scales[j / 2], the half chosen by j % 2
 *   IQ2_S        weight and scales as those of IQ2_XS
 *     levels: of eight weights i a point, of which qs[i] holds the low eight bits, bits 2 (i % 4)
 *     of qh[i / 4] the others; all eight signs in signs[i]
 *   IQ3_XXS      weight = d * (2 scale + 1) * (2 level + 1), for 8 sub-blocks of 32; level 7 is
 *     worth 15.5 when it is read
 *     levels: of each four weights a point of the code book (grid.h) in a byte of qs
 *     of sub-block j in the 32-bit word scales_signs[j]: seven bits for the signs of each eight
 *     weights, the scale in the highest four, as those of IQ2_XXS
 *   IQ3_S        weight = d * (2 scale + 1) * (2 level + 1), for 8 sub-blocks of 32
 *     levels: of each four weights a point, of whose number qs has the low eight bits; the ninth is
 *     bit k of qh[j] for four k of sub-block j
 *     signs: one bit for each weight; scale of sub-block j: four bits of scales[j / 2], the half
 *     chosen by j % 2
 *   IQ1_S        weight = d * (2 scale + 1) * (level - 1 + shift), for 8 sub-blocks of 32
 *     levels: of eight weights i a point, of which qs[i] holds the low eight bits
 *     of sub-block j a 16-bit word of qh: the upper three bits of four points, three bits of scale,
 *     and whether the shift is 1/8 or, where it is set, -1/8
 *   IQ1_M        weight = d * (2 scale + 1) * (level - 1 + shift), for 16 sub-blocks of 16
 *     levels: of eight weights i a point, of which qs[i] holds the low eight bits, half i % 2 of
 *     qh[i / 2] the upper three, and the shift as above
 *     scales: four 16-bit words, each with the scales of four sub-blocks, three bits each, and in
 *     its highest four bits a quarter of d
 *   TQ1_0        weight = d * (level - 1)
 *     levels: five are the digits of a number to base 3, of which number / 243 of 256 is stored,
 *     rounded up: weights 32 apart of the first 160, 16 apart of the next 80 in qs; 4 apart of the
 *     last 16, and a zero, in qh
 *   TQ2_0        weight = d * (level - 1), levels as the low bits of Q2_K
 *   MXFP4        weight = 2^(e - 128) * (0, 1, 2, 3, 4, 6, 8 or 12), negative where bit 3 is set
 *     levels: as those of Q4_0
 *   NVFP4        weight = d / 2 * value[level], of the same values, for 4 sub-blocks of 16
 *     d: of each sub-block a float of four bits of exponent and three of mantissa (fp4.h)
 *     levels: of each sub-block in 8 bytes, the half chosen by i / 8
 *   Q1_0         weight = d, or -d where bit i % 8 of qs[i / 8] is not set
 *   Q2_0         weight = d * (level - 1), level i in bits 2 (i % 4) of qs[i / 4]
 */
enum {
    BLOCK_SMALL = 32, /* weights of a Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, IQ4_NL, MXFP4 */
    BLOCK_Q2_0 = 64,
    BLOCK_NVFP4 = 64,
    BLOCK_NVFP4_SUB = 16,
    BLOCK_Q1_0 = 128,
    BLOCK_SUPER = 256, /* weights of the others */
};

struct block_q4_0 {
    uint8_t d[2];
    uint8_t qs[16];
};

struct block_q4_1 {
    uint8_t d[2];
    uint8_t m[2];
    uint8_t qs[16];
};

struct block_q5_0 {
    uint8_t d[2];
    uint8_t qh[4];
    uint8_t qs[16];
};

struct block_q5_1 {
    uint8_t d[2];
    uint8_t m[2];
    uint8_t qh[4];
    uint8_t qs[16];
};

struct block_q8_0 {
    uint8_t d[2];
    uint8_t qs[32];
};

struct block_q2_k {
    uint8_t scales[16];
    uint8_t qs[64];
    uint8_t d[2];
    uint8_t dmin[2];
};

struct block_q3_k {
    uint8_t hmask[32];
    uint8_t qs[64];
    uint8_t scales[12];
    uint8_t d[2];
};

/* What Q4_K and Q5_K begin with. */
struct block_k_head {
    uint8_t d[2];
    uint8_t dmin[2];
    uint8_t scales[12];
};

struct block_q4_k {
    struct block_k_head head;
    uint8_t qs[128];
};

struct block_q5_k {
    struct block_k_head head;
    uint8_t qh[32];
    uint8_t qs[128];
};

struct block_q6_k {
    uint8_t ql[128];
    uint8_t qh[64];
    uint8_t scales[16];
    uint8_t d[2];
};

struct block_iq4_nl {
    uint8_t d[2];
    uint8_t qs[16];
};

struct block_iq4_xs {
    uint8_t d[2];
    uint8_t scales_h[2];
    uint8_t scales_l[4];
    uint8_t qs[128];
};

struct block_iq2_xxs {
    uint8_t d[2];
    uint8_t qs[64];
};

struct block_iq2_xs {
    uint8_t d[2];
    uint8_t qs[64];
    uint8_t scales[8];
};

struct block_iq2_s {
    uint8_t d[2];
    uint8_t qs[32];
    uint8_t signs[32];
    uint8_t qh[8];
    uint8_t scales[8];
};

struct block_iq3_xxs {
    uint8_t d[2];
    uint8_t qs[64];
    uint8_t scales_signs[32];
};

struct block_iq3_s {
    uint8_t d[2];
    uint8_t qs[64];
    uint8_t qh[8];
    uint8_t signs[32];
    uint8_t scales[4];
};

struct block_iq1_s {
    uint8_t d[2];
    uint8_t qs[32];
    uint8_t qh[16];
};

struct block_iq1_m {
    uint8_t qs[32];
    uint8_t qh[16];
    uint8_t scales[8];
};

struct block_tq1_0 {
    uint8_t qs[48];
    uint8_t qh[4];
    uint8_t d[2];
};

struct block_tq2_0 {
    uint8_t qs[64];
    uint8_t d[2];
};

struct block_mxfp4 {
    uint8_t e;
    uint8_t qs[16];
};

struct block_nvfp4 {
    uint8_t d[4];
    uint8_t qs[32];
};

struct block_q1_0 {
    uint8_t d[2];
    uint8_t qs[16];
};

struct block_q2_0 {
    uint8_t d[2];
    uint8_t qs[16];
};

_Static_assert(sizeof(struct block_q4_0) == 18 && offsetof(struct block_q4_0, qs) == 2, "Q4_0");
_Static_assert(sizeof(struct block_q4_1) == 20 && offsetof(struct block_q4_1, m) == 2 &&
                   offsetof(struct block_q4_1, qs) == 4,
               "Q4_1");
_Static_assert(sizeof(struct block_q5_0) == 22 && offsetof(struct block_q5_0, qh) == 2 &&
                   offsetof(struct block_q5_0, qs) == 6,
               "Q5_0");
_Static_assert(sizeof(struct block_q5_1) == 24 && offsetof(struct block_q5_1, m) == 2 &&
                   offsetof(struct block_q5_1, qh) == 4 && offsetof(struct block_q5_1, qs) == 8,
               "Q5_1");
_Static_assert(sizeof(struct block_q8_0) == 34 && offsetof(struct block_q8_0, qs) == 2, "Q8_0");
_Static_assert(sizeof(struct block_q2_k) == 84 && offsetof(struct block_q2_k, qs) == 16 &&
                   offsetof(struct block_q2_k, d) == 80 && offsetof(struct block_q2_k, dmin) == 82,
               "Q2_K");
_Static_assert(sizeof(struct block_q3_k) == 110 && offsetof(struct block_q3_k, qs) == 32 &&
                   offsetof(struct block_q3_k, scales) == 96 &&
                   offsetof(struct block_q3_k, d) == 108,
               "Q3_K");
_Static_assert(sizeof(struct block_k_head) == 16 && offsetof(struct block_k_head, dmin) == 2 &&
                   offsetof(struct block_k_head, scales) == 4,
               "head of Q4_K and Q5_K");
_Static_assert(sizeof(struct block_q4_k) == 144 && offsetof(struct block_q4_k, qs) == 16, "Q4_K");
_Static_assert(sizeof(struct block_q5_k) == 176 && offsetof(struct block_q5_k, qh) == 16 &&
                   offsetof(struct block_q5_k, qs) == 48,
               "Q5_K");
_Static_assert(sizeof(struct block_q6_k) == 210 && offsetof(struct block_q6_k, qh) == 128 &&
                   offsetof(struct block_q6_k, scales) == 192 &&
                   offsetof(struct block_q6_k, d) == 208,
               "Q6_K");
_Static_assert(sizeof(struct block_iq4_nl) == 18 && offsetof(struct block_iq4_nl, qs) == 2,
               "IQ4_NL");
_Static_assert(sizeof(struct block_iq4_xs) == 136 && offsetof(struct block_iq4_xs, scales_h) == 2 &&
                   offsetof(struct block_iq4_xs, scales_l) == 4 &&
                   offsetof(struct block_iq4_xs, qs) == 8,
               "IQ4_XS");
_Static_assert(sizeof(struct block_iq2_xxs) == 66 && offsetof(struct block_iq2_xxs, qs) == 2,
               "IQ2_XXS");
_Static_assert(sizeof(struct block_iq2_xs) == 74 && offsetof(struct block_iq2_xs, qs) == 2 &&
                   offsetof(struct block_iq2_xs, scales) == 66,
               "IQ2_XS");
_Static_assert(sizeof(struct block_iq2_s) == 82 && offsetof(struct block_iq2_s, qs) == 2 &&
                   offsetof(struct block_iq2_s, signs) == 34 &&
                   offsetof(struct block_iq2_s, qh) == 66 &&
                   offsetof(struct block_iq2_s, scales) == 74,
               "IQ2_S");
_Static_assert(sizeof(struct block_iq3_xxs) == 98 && offsetof(struct block_iq3_xxs, qs) == 2 &&
                   offsetof(struct block_iq3_xxs, scales_signs) == 66,
               "IQ3_XXS");
_Static_assert(sizeof(struct block_iq3_s) == 110 && offsetof(struct block_iq3_s, qs) == 2 &&
                   offsetof(struct block_iq3_s, qh) == 66 &&
                   offsetof(struct block_iq3_s, signs) == 74 &&
                   offsetof(struct block_iq3_s, scales) == 106,
               "IQ3_S");
_Static_assert(sizeof(struct block_iq1_s) == 50 && offsetof(struct block_iq1_s, qs) == 2 &&
                   offsetof(struct block_iq1_s, qh) == 34,
               "IQ1_S");
_Static_assert(sizeof(struct block_iq1_m) == 56 && offsetof(struct block_iq1_m, qh) == 32 &&
                   offsetof(struct block_iq1_m, scales) == 48,
               "IQ1_M");
_Static_assert(sizeof(struct block_tq1_0) == 54 && offsetof(struct block_tq1_0, qh) == 48 &&
                   offsetof(struct block_tq1_0, d) == 52,
               "TQ1_0");
_Static_assert(sizeof(struct block_tq2_0) == 66 && offsetof(struct block_tq2_0, d) == 64, "TQ2_0");
_Static_assert(sizeof(struct block_mxfp4) == 17 && offsetof(struct block_mxfp4, qs) == 1, "MXFP4");
_Static_assert(sizeof(struct block_nvfp4) == 36 && offsetof(struct block_nvfp4, qs) == 4, "NVFP4");
_Static_assert(sizeof(struct block_q1_0) == 18 && offsetof(struct block_q1_0, qs) == 2, "Q1_0");
_Static_assert(sizeof(struct block_q2_0) == 18 && offsetof(struct block_q2_0, qs) == 2, "Q2_0");

#endif
