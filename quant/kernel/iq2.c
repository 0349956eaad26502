/* The types of two bits whose levels come from a code book, eight at a time: IQ2_XXS, IQ2_XS,
 * IQ2_S. */
#include "quant/kernel/iq2.h"

#include <float.h>

#include "quant/kernel/grid.h"
#include "quant/kernel/scalar.h"

enum {
    TRIES_MAX = 20, /* candidates for a scale */
};

/* What a search looks at: each number in all lanes, or what it amounts to at each level. */
struct sub {
    float x[IQ2_SUB_MAX];       /* magnitudes; one that must keep its sign is negative */
    float weight[IQ2_SUB_MAX];  /* of the error of each */
    four all_x[IQ2_SUB_MAX];    /* x */
    four all_root[IQ2_SUB_MAX]; /* root of the weight: the weight where points are compared */
    four vx[IQ2_SUB_MAX];       /* weight * x * value */
    four v2[IQ2_SUB_MAX];       /* weight * value^2 */
};

/* Points of the code book for a sub-block. */
struct points {
    uint16_t index[IQ2_OCTETS_MAX];
    unsigned moved; /* one bit for each octet whose levels are no point */
};

/* Up to so many times `most` numbers are compared: products are below 6 * 2^18 then. */
#define NEAR 0x1p18f

/* By level; the last lane is idle. */
static const four values = {1, 3, 5, 0};

/* --- points ------------------------------------------------------------------------------------
 */

/*
 * The keys of eight numbers, each lane with its own factor: levels are 0.5 * (factor * x - 1)
 * rounded to 0 to 2, ties to even. `near`: that is less than 2^22, so that it can be compared;
 * beyond, the reference's rounding makes something else of it.
 */
INLINE four_bits nearest_key(four factor, const four *x, bool near)
{
    four_bits key = {0};
    four number, level;

    for (int i = IQ2_OCTET - 1; i >= 0; i--) {
        number = 0.5f * (factor * x[i] - 1);
        key += key + key;
        if (near) {
            key -= (number > 0.5f) + (number >= 1.5f);
            continue;
        }
        level = four_clamp(four_nearest(number), 0, IQ2_LEVELS - 1);
        key += __builtin_convertvector(level, four_bits);
    }
    return key;
}

/*
 * For each scale the neighbour with the smallest weighted square error, of several the first. False
 * if none is below FLT_MAX: the reference library stops there.
 */
static bool nearest_points(const struct grid *grid, const uint16_t *near, const four *x,
                           const four *root, four scale, four_bits *result)
{
    four error[IQ2_OCTET][IQ2_LEVELS], difference, sum, best = four_all(FLT_MAX);
    four_bits index = {-1, -1, -1, -1}, better;
    const uint8_t *level;

    for (int i = 0; i < IQ2_OCTET; i++)
        for (int l = 0; l < IQ2_LEVELS; l++) {
            difference = scale * (float)(2 * l + 1) - x[i];
            error[i][l] = root[i] * difference * difference;
        }
    for (unsigned left = *near++; left > 0; left--, near++) {
        level = grid->point + IQ2_OCTET * *near;
        sum = error[0][level[0]];
        for (int i = 1; i < IQ2_OCTET; i++)
            sum += error[i][level[i]];
        better = sum < best;
        best = four_select(better, sum, best);
        index = (better & *near) | (~better & index);
    }
    *result = index;
    return (index[0] | index[1] | index[2] | index[3]) >= 0;
}

/* The points for the levels of a key, a lane for each scale: they themselves if the code book has
 * them. */
INLINE bool settle(const struct grid *grid, const struct sub *sub, unsigned octet, int32_t key,
                   four scale, four_bits *index, bool *moved)
{
    int32_t place = grid->place[key];

    *moved = place < 0;
    *index = (four_bits){place, place, place, place};
    return place >= 0 || nearest_points(grid, grid->near + ~place, sub->all_x + IQ2_OCTET * octet,
                                        sub->all_root + IQ2_OCTET * octet, scale, index);
}

/* --- the search for a scale --------------------------------------------------------------------
 */

/* What a type asks for. Constants, so that loops are unrolled. */
struct shape {
    unsigned octets; /* of a sub-block */
    int steps;       /* candidates on each side of the middle one */
    bool anew;       /* in the end points that were levels are sought again too */
};

static const struct shape shape_xxs = {4, IQ2_XXS_STEPS, true}, shape_xs = {2, IQ2_XS_STEPS, false};

INLINE void sum_up(const struct grid *grid, const struct sub *sub, unsigned octets,
                   const struct points *points, float *sum_vx, float *sum_v2)
{
    const uint8_t *level;
    float vx = 0, v2 = 0;

    for (unsigned k = 0; k < octets; k++) {
        level = grid->point + IQ2_OCTET * points->index[k];
        for (unsigned i = 0; i < IQ2_OCTET; i++) {
            vx += sub->vx[IQ2_OCTET * k + i][level[i]];
            v2 += sub->v2[IQ2_OCTET * k + i][level[i]];
        }
    }
    *sum_vx = vx;
    *sum_v2 = v2;
}

/* All candidates: factors x to value, and from value to x. What follows them is not used. */
struct tries {
    four factor[TRIES_MAX / FOUR];
    float scale[TRIES_MAX];
    struct points points[TRIES_MAX];
};

INLINE void make_tries(const struct shape *shape, float most, struct tries *tries)
{
    four scale;

    *tries = (struct tries){0};
    for (int t = 0; t < TRIES_MAX; t++)
        tries->factor[t / FOUR][t % FOUR] = (IQ2_TOP + (float)(t - shape->steps) * IQ2_STEP) / most;
    for (int t = 0; t < TRIES_MAX; t += FOUR) {
        scale = 1 / tries->factor[t / FOUR];
        memcpy(tries->scale + t, &scale, sizeof(scale));
    }
}

/*
 * Points for one octet. Factors differ so little that several in a row have the same levels, and so
 * the same neighbours: up to four of those are looked at together.
 */
INLINE bool try_octet(const struct grid *grid, const struct sub *sub, unsigned octet, int count,
                      bool near, struct tries *tries)
{
    int32_t key[TRIES_MAX];
    four_bits keys, index;
    four scale = {0};
    bool moved;
    int lanes;

    for (int t = 0; t < count; t += FOUR) {
        keys = nearest_key(tries->factor[t / FOUR], sub->all_x + IQ2_OCTET * octet, near);
        memcpy(key + t, &keys, sizeof(keys));
    }
    for (int t = 0; t < count; t += lanes) {
        lanes = 1;
        while (lanes < FOUR && t + lanes < count && key[t + lanes] == key[t])
            lanes++;
        for (int lane = 0; lane < FOUR; lane++)
            scale[lane] = tries->scale[t + (lane < lanes ? lane : 0)];
        if (!settle(grid, sub, octet, key[t], scale, &index, &moved))
            return false;
        for (int lane = 0; lane < lanes; lane++) {
            tries->points[t + lane].index[octet] = (uint16_t)index[lane];
            tries->points[t + lane].moved |= (unsigned)moved << octet;
        }
    }
    return true;
}

/* The best of the candidates, if any makes the error smaller than scale 0; else nothing changes. */
INLINE bool try_all(const struct grid *grid, const struct sub *sub, const struct shape *shape,
                    float most, bool near, struct points *points, float *scale)
{
    int count = 2 * shape->steps + 1;
    float best = 0, vx, v2;
    struct tries tries;

    make_tries(shape, most, &tries);
    for (unsigned k = 0; k < shape->octets; k++)
        if (!try_octet(grid, sub, k, count, near, &tries))
            return false;
    for (int t = 0; t < count; t++) {
        /* The same again changes nothing. */
        if (t > 0 && memcmp(&tries.points[t], &tries.points[t - 1], sizeof(struct points)) == 0)
            continue;
        sum_up(grid, sub, shape->octets, &tries.points[t], &vx, &v2);
        if (v2 > 0 && vx * vx > best * v2) {
            *scale = vx / v2;
            best = *scale * vx;
            *points = tries.points[t];
        }
    }
    return true;
}

/* Points anew for the scale that was found, and the scale for them. */
INLINE bool refit(const struct grid *grid, const struct sub *sub, const struct shape *shape,
                  struct points *points, float *scale)
{
    four_bits key, index;
    float vx, v2;
    bool moved;

    for (unsigned k = 0; k < shape->octets; k++) {
        if (!shape->anew && !(points->moved >> k & 1))
            continue;
        key = nearest_key(four_all(1 / *scale), sub->all_x + IQ2_OCTET * k, false);
        if (!settle(grid, sub, k, key[0], four_all(*scale), &index, &moved))
            return false;
        points->index[k] = (uint16_t)index[0];
    }
    sum_up(grid, sub, shape->octets, points, &vx, &v2);
    if (v2 > 0)
        *scale = vx / v2;
    return true;
}

/*
 * x = scale * value. `most`: the highest candidates are around IQ2_TOP / most. False where the
 * reference library stops.
 */
INLINE bool fit_points(const struct grid *grid, struct sub *sub, const struct shape *shape,
                       float most, struct iq2_found *found)
{
    struct points points = {0};
    float largest = 0;
    bool near;

    for (unsigned i = 0; i < IQ2_OCTET * shape->octets; i++) {
        largest = largest > fabsf(sub->x[i]) ? largest : fabsf(sub->x[i]);
        sub->all_x[i] = four_all(sub->x[i]);
        sub->all_root[i] = four_all(sqrtf(sub->weight[i]));
        sub->vx[i] = sub->weight[i] * sub->x[i] * values;
        sub->v2[i] = sub->weight[i] * values * values;
    }
    near = largest <= most * NEAR;
    if (!(near ? try_all(grid, sub, shape, most, true, &points, &found->scale)
               : try_all(grid, sub, shape, most, false, &points, &found->scale)))
        return false;
    if ((shape->anew || points.moved) && found->scale > 0 &&
        !refit(grid, sub, shape, &points, &found->scale))
        return false;
    memcpy(found->index, points.index, sizeof(found->index));
    return true;
}

/* --- what the types share ----------------------------------------------------------------------
 */

/* Magnitudes, their weights for a mean square, and one bit for each that was negative. */
INLINE uint32_t start_sub(const float *x, const float *importance, float mean_square,
                          unsigned count, struct sub *sub)
{
    uint32_t negative = 0;

    for (unsigned i = 0; i < count; i++) {
        sub->x[i] = fabsf(x[i]);
        sub->weight[i] = importance ? importance[i] * sqrtf(mean_square + x[i] * x[i])
                                    : 0.25f * mean_square + x[i] * x[i];
        negative |= (uint32_t)(x[i] < 0) << i;
    }
    return negative;
}

/* --- IQ2_XXS -----------------------------------------------------------------------------------
 */

static bool quantize_iq2_xxs(const float *x, const float *importance, struct block_iq2_xxs *block)
{
    float mean_square = iq_sum_squares(x) / BLOCK_SUPER;
    struct iq2_found found[IQ2_XXS_SUBS] = {0};
    uint8_t unused[IQ2_XXS_SUB];
    uint32_t negative;
    struct sub sub;

    for (int j = 0; j < IQ2_XXS_SUBS; j++, x += IQ2_XXS_SUB, importance += IQ2_XXS_SUB) {
        negative = start_sub(x, importance, mean_square, IQ2_XXS_SUB, &sub);
        found[j].negative = iq_even_signs(IQ2_XXS_SUB, sub.x, sub.weight, negative);
        found[j].zeros = iq_highest(IQ2_XXS_SUB, sub.x) < FIT_EPSILON;
        if (found[j].zeros)
            continue;
        /* The first guess is made with four levels above 0. */
        found[j].scale = fit_positive(IQ2_XXS_SUB, sub.x, sub.weight, IQ2_LEVELS + 1, unused);
        found[j].zeros = found[j].scale * IQ2_LEVELS <= 0;
        if (!found[j].zeros &&
            !fit_points(&grid_iq2_xxs, &sub, &shape_xxs, found[j].scale * IQ2_LEVELS, &found[j]))
            return false;
    }
    return iq2_xxs_put(found, block);
}

void scalar_iq2_xxs(void *restrict dst, const float *restrict src, size_t rows, size_t row_len,
                    const float *restrict importance)
{
    struct block_iq2_xxs *block = dst;

    for (size_t row = 0; row < rows; row++)
        for (size_t i = 0; i < row_len; i += BLOCK_SUPER, src += BLOCK_SUPER, block++)
            if (!importance || !quantize_iq2_xxs(src, importance + i, block))
                iq_refuse(block, sizeof(*block), block->d);
}

/* --- IQ2_XS and IQ2_S --------------------------------------------------------------------------
 */

/* A sub-block; `even`: its signs are kept as IQ2_XS does. */
static bool fit_xs(const struct grid *grid, const float *x, const float *importance,
                   float mean_square, bool even, float epsilon, struct iq2_found *found)
{
    struct sub sub;
    float most;

    found->negative = start_sub(x, importance, mean_square, IQ2_XS_SUB, &sub);
    if (even)
        found->negative = iq_even_signs(IQ2_XS_SUB, sub.x, sub.weight, found->negative);
    most = iq_highest(IQ2_XS_SUB, sub.x);
    found->zeros = most < epsilon;
    found->scale = most / IQ2_TOP;
    return found->zeros || fit_points(grid, &sub, &shape_xs, most, found);
}

static bool quantize_iq2_xs(const float *x, const float *importance, struct block_iq2_xs *block)
{
    float mean_square = iq_sum_squares(x) / BLOCK_SUPER;
    struct iq2_found found[IQ2_XS_SUBS] = {0};

    for (int j = 0; j < IQ2_XS_SUBS; j++)
        if (!fit_xs(&grid_iq2_xs, x + IQ2_XS_SUB * j, importance + IQ2_XS_SUB * j, mean_square,
                    true, FIT_EPSILON, &found[j]))
            return false;
    return iq2_xs_put(found, block);
}

void scalar_iq2_xs(void *restrict dst, const float *restrict src, size_t rows, size_t row_len,
                   const float *restrict importance)
{
    struct block_iq2_xs *block = dst;

    for (size_t row = 0; row < rows; row++)
        for (size_t i = 0; i < row_len; i += BLOCK_SUPER, src += BLOCK_SUPER, block++)
            if (!importance || !quantize_iq2_xs(src, importance + i, block))
                iq_refuse(block, sizeof(*block), block->d);
}

static bool quantize_iq2_s(const float *x, const float *importance, struct block_iq2_s *block)
{
    float mean_square = 2 * iq_sum_squares(x) / BLOCK_SUPER;
    struct iq2_found found[IQ2_XS_SUBS] = {0};

    for (int j = 0; j < IQ2_XS_SUBS; j++)
        if (!fit_xs(&grid_iq2_s, x + IQ2_XS_SUB * j,
                    importance ? importance + IQ2_XS_SUB * j : NULL, mean_square, false,
                    IQ2_S_EPSILON, &found[j]))
            return false;
    return iq2_s_put(found, block);
}

void scalar_iq2_s(void *restrict dst, const float *restrict src, size_t rows, size_t row_len,
                  const float *restrict importance)
{
    struct block_iq2_s *block = dst;

    for (size_t row = 0; row < rows; row++)
        for (size_t i = 0; i < row_len; i += BLOCK_SUPER, src += BLOCK_SUPER, block++)
            if (!quantize_iq2_s(src, importance ? importance + i : NULL, block))
                iq_refuse(block, sizeof(*block), block->d);
}
