#ifndef QUANT_KERNEL_GRID_H
#define QUANT_KERNEL_GRID_H

#include <stdint.h>

/*
 * The code books of the IQ1, IQ2 and IQ3 types. A block holds no levels but indices of points:
 * strings of digits, of which only those in the book can be stored. For all others the points
 * nearby are known beforehand, so that a search has a few to compare.
 *
 * The distance of two strings is the sum of the squares of their digits' differences. The nearby
 * points of a string are those of the few smallest distances that occur: two for IQ2_XXS, IQ2_XS
 * and IQ3_XXS, one for IQ2_S, three for IQ1 and IQ3_S; ordered by distance, then by index (as
 * ggml 0.27 has them: the first of those equally good is taken).
 *
 * Constants, made at build time by make-grids.c of grid_books.h.
 */
enum {
    GRID_ROW = 32, /* floats; see `term` */
    GRID_SHORT = 16,
    GRID_LONGEST = 40,  /* no list of IQ3 has more points */
    GRID_KEYS_3 = 6561, /* strings: 3^8, 8^4 */
    GRID_KEYS_8 = 4096,
};

struct grid {
    uint32_t digits; /* of a string: 8, or 4 for IQ3 */
    uint32_t base;   /* digits are below it: 3, or 8 for IQ3 */
    uint32_t count;  /* points */

    const uint8_t *point; /* [count][digits], by index */

    /* [count]: the digits of a point, the first in the lowest two or, for IQ3, three bits; its
     * index in the upper half. Never negative. */
    const int32_t *code;

    /* [count][digits]: where a term of a distance stands in a table with GRID_ROW floats for each
     * value of each digit: (base * i + digit) * GRID_ROW for digit i. */
    const uint16_t *term;

    /* [base^digits], by key: the index of the point, or, where there is none, ~(where in `near` its
     * list begins). The key of a string is the sum of digit[i] * base^i. */
    const int32_t *place;

    /* One list after the other: how many points, never 0, then their indices. Behind those of
     * strings that are no points each point has one of itself, behind those what is left of the
     * first ones without needless points; then follow GRID_SHORT zeros. */
    const uint16_t *near;

    /* [2 * base^digits], by key: where in `near` the list of any string begins, without needless
     * points; by base^digits + key: the whole list. A point is needless if another of the list has
     * each of its digits, or one between that and the string's, which may be the string's own.
     * Of IQ1 both are whole. */
    const uint32_t *list;

    /* The same: which terms the points of its list have: bit base * i + digit for digit i. */
    const uint32_t *terms;
};

extern const struct grid grid_iq1; /* IQ1_S and IQ1_M */
extern const struct grid grid_iq2_xxs;
extern const struct grid grid_iq2_xs;
extern const struct grid grid_iq2_s;
extern const struct grid grid_iq3_xxs;
extern const struct grid grid_iq3_s;

/* The key of eight digits below 3. */
static inline uint32_t grid_key_3(const uint8_t *digit)
{
    uint32_t key = 0;

    for (int i = 7; i >= 0; i--)
        key = 3 * key + digit[i];
    return key;
}

/* The key of four digits below 8. */
static inline uint32_t grid_key_8(const uint8_t *digit)
{
    return digit[0] | (uint32_t)digit[1] << 3 | (uint32_t)digit[2] << 6 | (uint32_t)digit[3] << 9;
}

#endif
