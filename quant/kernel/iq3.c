/* The types of three bits whose levels come from a code book, four at a time: IQ3_XXS, IQ3_S. */
#include "quant/kernel/iq3.h"

#include <float.h>

#include "quant/kernel/grid.h"
#include "quant/kernel/scalar.h"

/* What a search looks at. */
struct sub {
    float x[IQ3_SUB];      /* magnitudes; one that must keep its sign is negative */
    float weight[IQ3_SUB]; /* of the error of each */
    float
        root[IQ3_SUB]; /* their square roots: weights where points of the code book are compared */
};

/* Points of the code book for 32 weights. */
struct levels {
    unsigned key[IQ3_QUADS]; /* levels of four */
    unsigned on_grid;        /* one bit for each four whose levels had not to be replaced */
};

/* --- points ------------------------------------------------------------------------------------
 */

/* The level that is nearest to factor * x, four of them; 0 to 7. */
INLINE four_bits nearest_levels(four factor, four x)
{
    four level = four_clamp(four_nearest(0.5f * (factor * x - 1)), 0, IQ3_LEVELS - 1);

    return __builtin_convertvector(level, four_bits);
}

/* Weighted square errors of four weights, each at all levels. */
static void make_errors(const float *x, const float *root, float scale,
                        float error[IQ3_QUAD][IQ3_LEVELS])
{
    const four low = {1, 3, 5, 7}, high = {9, 11, 13, 15};
    four difference, term;

    for (int i = 0; i < IQ3_QUAD; i++) {
        difference = scale * low - x[i];
        term = root[i] * difference * difference;
        memcpy(error[i], &term, sizeof(term));
        difference = scale * high - x[i];
        term = root[i] * difference * difference;
        memcpy(error[i] + FOUR, &term, sizeof(term));
    }
}

/*
 * The neighbour of a key with the smallest error, of several the first. Errors are not negative, so
 * their bits are ordered as they are, and NaN comes last. False if none is below FLT_MAX: the
 * reference library stops there.
 */
static bool nearest_neighbour(const struct grid *grid, unsigned *key, const float *x,
                              const float *root, float scale)
{
    const uint16_t *near = grid->near + ~grid->place[*key];
    uint64_t none = (uint64_t)float_bits(FLT_MAX) << 32, best = none, candidate;
    float error[IQ3_QUAD][IQ3_LEVELS], sum;
    const uint8_t *point;

    make_errors(x, root, scale, error);
    for (unsigned i = 1; i <= near[0]; i++) {
        point = grid->point + IQ3_QUAD * near[i];
        sum = error[0][point[0]] + error[1][point[1]] + error[2][point[2]] + error[3][point[3]];
        candidate = (uint64_t)float_bits(sum) << 32 | i;
        best = candidate < best ? candidate : best;
    }
    if (best == none)
        return false;
    *key = grid_key_8(grid->point + IQ3_QUAD * near[(uint32_t)best]);
    return true;
}

/* The point for the levels of a four: they themselves if the code book has them. */
static bool settle(const struct grid *grid, const struct sub *sub, int quad, float scale,
                   struct levels *levels)
{
    if (grid->place[levels->key[quad]] >= 0) {
        levels->on_grid |= 1u << quad;
        return true;
    }
    return nearest_neighbour(grid, &levels->key[quad], sub->x + IQ3_QUAD * quad,
                             sub->root + IQ3_QUAD * quad, scale);
}

/* --- the search for a scale --------------------------------------------------------------------
 */

/* weight * x * value and weight * value^2, four candidates at once: keys in the lanes. */
static void sum_up(const struct sub *sub, const four_bits *key, four *sum_vx, four *sum_v2)
{
    four value, vx = {0}, v2 = {0};

    for (int i = 0; i < IQ3_SUB; i++) {
        value = __builtin_convertvector(
            2 * (key[i / IQ3_QUAD] >> IQ3_BITS * (i % IQ3_QUAD) & 7) + 1, four);
        vx += sub->weight[i] * sub->x[i] * value;
        v2 += sub->weight[i] * value * value;
    }
    *sum_vx = vx;
    *sum_v2 = v2;
}

/* Four candidates, of which `count` matter: points for a factor x to value. */
static bool try_four(const struct grid *grid, const struct sub *sub, four factor, int count,
                     struct levels tried[FOUR], four *sum_vx, four *sum_v2)
{
    four scale = 1 / factor;
    four_bits key[IQ3_QUADS];

    for (int k = 0; k < IQ3_QUADS; k++) {
        key[k] = (four_bits){0};
        for (int i = 0; i < IQ3_QUAD; i++)
            key[k] |= nearest_levels(factor, four_all(sub->x[IQ3_QUAD * k + i])) << IQ3_BITS * i;
    }
    for (int t = 0; t < count; t++) {
        tried[t].on_grid = 0;
        for (int k = 0; k < IQ3_QUADS; k++) {
            tried[t].key[k] = (unsigned)key[k][t];
            if (!settle(grid, sub, k, scale[t], &tried[t]))
                return false;
            key[k][t] = (int32_t)tried[t].key[k];
        }
    }
    sum_up(sub, key, sum_vx, sum_v2);
    return true;
}

/* The best of 2 * steps + 1 candidates, if any makes the error smaller; else nothing changes. */
static bool try_all(const struct grid *grid, const struct sub *sub, float most, int steps,
                    struct levels *levels, float *scale)
{
    int tries = 2 * steps + 1, count;
    struct levels tried[FOUR];
    four factor = {0}, vx, v2;
    float best = 0;

    for (int first = 0; first < tries; first += FOUR) {
        count = tries - first < FOUR ? tries - first : FOUR;
        for (int t = 0; t < FOUR; t++)
            factor[t] = (IQ3_TOP + (float)(first + t - steps) * IQ3_STEP) / most;
        if (!try_four(grid, sub, factor, count, tried, &vx, &v2))
            return false;
        for (int t = 0; t < count; t++)
            if (v2[t] > 0 && vx[t] * vx[t] > best * v2[t]) {
                *scale = vx[t] / v2[t];
                best = *scale * vx[t];
                *levels = tried[t];
            }
    }
    return true;
}

/* Points anew for the scale that was found, but for those of `kept`, and the scale for them. */
static bool refit(const struct grid *grid, const struct sub *sub, unsigned kept,
                  struct levels *levels, float *scale)
{
    four_bits key[IQ3_QUADS], level;
    four vx, v2;

    for (int k = 0; k < IQ3_QUADS; k++) {
        if (!(kept >> k & 1)) {
            level = nearest_levels(four_all(1 / *scale), four_load(sub->x + IQ3_QUAD * k));
            levels->key[k] = (unsigned)(level[0] | level[1] << 3 | level[2] << 6 | level[3] << 9);
            if (!settle(grid, sub, k, *scale, levels))
                return false;
        }
        key[k] = (four_bits){(int32_t)levels->key[k]};
    }
    sum_up(sub, key, &vx, &v2);
    if (v2[0] > 0)
        *scale = vx[0] / v2[0];
    return true;
}

/* Magnitudes, and one bit for each that was negative. Returns the largest. */
static float start_sub(const float *x, const float *weight, struct sub *sub, uint32_t *negative)
{
    float most = 0;

    *negative = 0;
    for (int i = 0; i < IQ3_SUB; i++) {
        sub->x[i] = fabsf(x[i]);
        sub->weight[i] = weight[i];
        sub->root[i] = sqrtf(weight[i] + 0.0f); /* none is -0: of that errors would be negative */
        *negative |= (uint32_t)(x[i] < 0) << i;
        most = sub->x[i] > most ? sub->x[i] : most;
    }
    return most;
}

/* --- IQ3_S -------------------------------------------------------------------------------------
 */

/* Points and the scale of 32 weights that are not all zero. */
static bool fit_s(const struct grid *grid, const struct sub *sub, float most, struct levels *levels,
                  float *scale)
{
    *levels = (struct levels){0};
    *scale = most / IQ3_TOP;
    if (!try_all(grid, sub, most, IQ3_S_STEPS, levels, scale))
        return false;
    if (levels->on_grid != (1u << IQ3_QUADS) - 1 && *scale > 0 &&
        !refit(grid, sub, 0, levels, scale))
        return false;
    return true;
}

static void put_points(const struct grid *grid, const struct levels *levels,
                       struct iq3_found *found)
{
    for (int k = 0; k < IQ3_QUADS; k++)
        found->index[k] = (uint16_t)grid->place[levels->key[k]];
}

static bool quantize_iq3_s(const struct grid *grid, const float *x, const float *importance,
                           struct block_iq3_s *block)
{
    struct iq3_found found[IQ3_SUBS] = {0};
    float weight[BLOCK_SUPER], most;
    struct levels levels;
    struct sub sub;

    iq_weights(x, importance, weight);
    for (int j = 0; j < IQ3_SUBS; j++) {
        most = start_sub(x + IQ3_SUB * j, weight + IQ3_SUB * j, &sub, &found[j].negative);
        found[j].zeros = most == 0;
        if (found[j].zeros)
            continue;
        if (!fit_s(grid, &sub, most, &levels, &found[j].scale))
            return false;
        put_points(grid, &levels, &found[j]);
    }
    return iq3_s_put(found, block);
}

void scalar_iq3_s(void *restrict dst, const float *restrict src, size_t rows, size_t row_len,
                  const float *restrict importance)
{
    struct block_iq3_s *block = dst;

    for (size_t row = 0; row < rows; row++)
        for (size_t i = 0; i < row_len; i += BLOCK_SUPER, src += BLOCK_SUPER, block++)
            if (!quantize_iq3_s(&grid_iq3_s, src, importance ? importance + i : NULL, block))
                iq_refuse(block, sizeof(*block), block->d);
}

/* --- IQ3_XXS -----------------------------------------------------------------------------------
 */

/* Points and the scale of 32 weights. */
static bool fit_xxs(const struct grid *grid, const struct sub *sub, float most,
                    struct levels *levels, float *scale)
{
    const unsigned all = (1u << IQ3_QUADS) - 1;

    *levels = (struct levels){.on_grid = all};
    *scale = most / IQ3_TOP;
    if (!try_all(grid, sub, most, IQ3_XXS_STEPS, levels, scale))
        return false;
    return levels->on_grid == all || !(*scale > 0) ||
           refit(grid, sub, levels->on_grid, levels, scale);
}

static bool quantize_iq3_xxs(const struct grid *grid, const float *x, const float *importance,
                             struct block_iq3_xxs *block)
{
    struct iq3_found found[IQ3_SUBS] = {0};
    float weight[BLOCK_SUPER], most;
    struct levels levels;
    uint32_t negative;
    struct sub sub;

    iq_weights(x, importance, weight);
    for (int j = 0; j < IQ3_SUBS; j++) {
        (void)start_sub(x + IQ3_SUB * j, weight + IQ3_SUB * j, &sub, &negative);
        found[j].negative = iq_even_signs(IQ3_SUB, sub.x, sub.weight, negative);
        most = iq_highest(IQ3_SUB, sub.x);
        found[j].zeros = most < IQ3_XXS_EPSILON;
        if (found[j].zeros)
            continue;
        if (!fit_xxs(grid, &sub, most, &levels, &found[j].scale))
            return false;
        put_points(grid, &levels, &found[j]);
    }
    return iq3_xxs_put(found, block);
}

void scalar_iq3_xxs(void *restrict dst, const float *restrict src, size_t rows, size_t row_len,
                    const float *restrict importance)
{
    struct block_iq3_xxs *block = dst;

    for (size_t row = 0; row < rows; row++)
        for (size_t i = 0; i < row_len; i += BLOCK_SUPER, src += BLOCK_SUPER, block++)
            if (!quantize_iq3_xxs(&grid_iq3_xxs, src, importance ? importance + i : NULL, block))
                iq_refuse(block, sizeof(*block), block->d);
}
