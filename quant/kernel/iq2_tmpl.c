/* IQ2_XXS, IQ2_XS and IQ2_S with candidates for a scale in the lanes; built once for each
 * instruction set. */
#include "quant/kernel/iq2.h"

#include "quant/kernel/lanes_batch.h"
#include "quant/kernel/lanes_grid.h"
#include "quant/kernel/lanes_positive.h"
#include "quant/kernel/scalar.h"
#include "quant/kernel/set.h"

enum {
    BITS = 2, /* of a level in a code */
    TERMS = IQ2_OCTET * IQ2_LEVELS,
    SUBS_MAX = BLOCK_SUPER / 16, /* sub-blocks of a block */
};

/* What a type asks for. Constants, so that loops are unrolled. */
struct shape {
    const struct grid *grid;
    int sub; /* weights of a sub-block */
    int steps;
    bool even;     /* the number of negative weights of each eight */
    bool positive; /* the scale to start with is that of fit_positive(); the refit is for all */
    bool needless; /* lists have such points */
    float epsilon; /* a sub-block of smaller magnitudes counts as zeros */
    float mean;    /* of squares: this many times */
    size_t size;   /* bytes of a block */
    bool (*put)(const struct iq2_found *found, void *block);
    kernel_fn scalar;
};

/* LANES sub-blocks, each with its weights one after the other. */
struct group {
    float x[LANES * IQ2_SUB_MAX]; /* magnitudes; one that must keep its sign is negative */
    float weight[LANES * IQ2_SUB_MAX];
    float root[LANES * IQ2_SUB_MAX];   /* of the weight */
    float largest[LANES], most[LANES]; /* magnitude; that must not keep its sign */
    float scale[LANES];
    int32_t code[IQ2_OCTETS_MAX][LANES]; /* points, as grid.h has them */
    int32_t moved[LANES];                /* a bit for each eight whose levels are no point */
    bool zeros[LANES];
    bool failed[LANES]; /* the reference library stops, or what is proven does not suffice */
    uint32_t negative[LANES];
};

/* A number of each sub-block in each lane. */
struct columns {
    _Alignas(64) float x[IQ2_SUB_MAX][LANES];
    float weight[IQ2_SUB_MAX][LANES];
};

INLINE int octets_of(const struct shape *shape)
{
    return shape->sub / IQ2_OCTET;
}

/* --- the search for a scale --------------------------------------------------------------------
 */

struct search {
    float spread[GRID_ROW]; /* a candidate's factor is this by `most` */
    _Alignas(64) float factor[GRID_ROW];
    float value[IQ2_LEVELS][GRID_ROW]; /* what a level is worth */
    float term[TERMS][GRID_ROW];
    int32_t key[GRID_ROW];
    int32_t code[IQ2_OCTETS_MAX][GRID_ROW];
    uint32_t points[IQ2_OCTETS_MAX]; /* a bit for each candidate: the levels are a point */
    float vx[GRID_ROW], v2[GRID_ROW];
    struct positive_state positive;
};

/* By level; codes are looked up with three bits, of which the third is the next level's. */
static const float values[8] = {1, 3, 5, 0, 1, 3, 5, 0};

INLINE int vectors_of(const struct shape *shape)
{
    return (2 * shape->steps + LANES) / LANES;
}

/* Behind the last candidate it is repeated. */
INLINE void search_init(const struct shape *shape, struct search *s)
{
    int last = 2 * shape->steps;

    for (int t = 0; t < GRID_ROW; t++)
        s->spread[t] = IQ2_TOP + (float)((t < last ? t : last) - shape->steps) * IQ2_STEP;
}

INLINE void make_factors(const struct shape *shape, float most, struct search *s)
{
    vf factor, scale;

    for (int v = 0; v < vectors_of(shape); v++) {
        factor = vf_load(s->spread + LANES * v) / vf_all(most);
        scale = vf_all(1) / factor;
        vf_store(s->factor + LANES * v, factor);
        for (int l = 0; l < IQ2_LEVELS; l++)
            vf_store(s->value[l] + LANES * v, scale * vf_all((float)(2 * l + 1)));
    }
}

/* The levels of eight weights, each as the candidates have them. GRID_ZERO is in the sum (3^8 - 1)
 * / 2 times. */
INLINE void make_keys(const struct shape *shape, const float *x, float most, struct search *s)
{
    const int32_t zeros = (int32_t)(3280 * (uint32_t)GRID_ZERO);
    vf factor, all, *far = shape->needless ? &all : NULL;
    vi key;

    for (int v = 0; v < vectors_of(shape); v++) {
        factor = vf_load(s->factor + LANES * v);
        all = vf_all(0);
        key = grid_level(factor, vf_all(x[IQ2_OCTET - 1]), IQ2_LEVELS - 1, far);
        UNROLL
        for (int i = IQ2_OCTET - 2; i >= 0; i--)
            key = vi_add(vi_add(key, vi_shift_left(key, 1)),
                         grid_level(factor, vf_all(x[i]), IQ2_LEVELS - 1, far));
        key = vi_add(key, vi_all((int32_t) - (uint32_t)zeros));
        if (shape->needless)
            key = grid_key(key, all, grid_near(most), GRID_KEYS_3);
        vi_store(s->key + LANES * v, key);
    }
}

INLINE void make_terms(const struct shape *shape, const float *x, const float *root,
                       struct search *s)
{
    vf difference;

    for (int i = 0; i < IQ2_OCTET; i++)
        for (int l = 0; l < IQ2_LEVELS; l++) {
            UNROLL
            for (int v = 0; v < vectors_of(shape); v++) {
                difference = vf_load(s->value[l] + LANES * v) - vf_all(x[i]);
                vf_store(s->term[IQ2_LEVELS * i + l] + LANES * v,
                         vf_all(root[i]) * difference * difference);
            }
        }
}

/* weight * x * value and weight * value^2 */
INLINE void sum_up(const struct shape *shape, const float *x, const float *weight, struct search *s)
{
    vf vx[GRID_ROW / LANES], v2[GRID_ROW / LANES], value;
    const struct eight eight = eight_load(values);

    UNROLL
    for (int v = 0; v < vectors_of(shape); v++)
        vx[v] = v2[v] = vf_all(0);
    for (int k = 0; k < octets_of(shape); k++) {
        UNROLL
        for (int i = 0; i < IQ2_OCTET; i++) {
            float w = weight[IQ2_OCTET * k + i], product = w * x[IQ2_OCTET * k + i];

            UNROLL
            for (int v = 0; v < vectors_of(shape); v++) {
                value = eight_pick(
                    &eight, vi_shift_right(vi_load(s->code[k] + LANES * v), BITS * (unsigned)i));
                vx[v] = vx[v] + vf_all(product) * value;
                v2[v] = v2[v] + vf_all(w) * value * value;
            }
        }
    }
    UNROLL
    for (int v = 0; v < vectors_of(shape); v++) {
        vf_store(s->vx + LANES * v, vx[v]);
        vf_store(s->v2 + LANES * v, v2[v]);
    }
}

/* Does a candidate lack a point? */
INLINE bool any_lost(const struct shape *shape, const struct search *s)
{
    vi all = vi_all(0);

    for (int k = 0; k < octets_of(shape); k++)
        for (int v = 0; v < vectors_of(shape); v++)
            all = vi_or(all, vi_load(s->code[k] + LANES * v));
    return vm_any(vi_less(all, vi_all(0)));
}

/* The best candidate of sub-block j, if any makes the error smaller than the scale 0. */
INLINE void search_sub(const struct shape *shape, struct group *group, int j, struct search *s)
{
    const float *x = group->x + shape->sub * j, *root = group->root + shape->sub * j;
    int winner;

    make_factors(shape, group->most[j], s);
    for (int k = 0; k < octets_of(shape); k++) {
        make_keys(shape, x + IQ2_OCTET * k, group->most[j], s);
        make_terms(shape, x + IQ2_OCTET * k, root + IQ2_OCTET * k, s);
        s->points[k] = grid_settle(shape->grid, s->key, GRID_KEYS_3, IQ2_OCTET, s->term[0],
                                   vectors_of(shape), s->code[k]);
    }
    group->failed[j] = any_lost(shape, s);
    if (group->failed[j])
        return;
    sum_up(shape, x, group->weight + shape->sub * j, s);
    winner = grid_choose(s->vx, s->v2, 2 * shape->steps + 1, vectors_of(shape), &group->scale[j]);
    for (int k = 0; k < octets_of(shape) && winner >= 0; k++) {
        group->code[k][j] = s->code[k][winner];
        group->moved[j] |= (int32_t)(~s->points[k] >> winner & 1) << k;
    }
}

/* --- the refit ---------------------------------------------------------------------------------
 */

/* Points of octet k for the scales that were found, in some lanes. */
INLINE vi refit_octet(const struct shape *shape, const struct group *group, const struct columns *c,
                      int k, vf scale, vm moves, vi old)
{
    const struct eight eight = eight_load(values);
    vf inverse = vf_all(1) / scale, half, far = vf_all(0);
    int32_t keys[LANES], codes[LANES];
    vi key = vi_all(0), place, code;
    vm none;

    for (int i = IQ2_OCTET - 1; i >= 0; i--) {
        half = vf_all(0.5f) * (inverse * vf_load(c->x[IQ2_OCTET * k + i]) - vf_all(1));
        far = vf_max(grid_far_each(half), far);
        key = vi_add(vi_add(key, vi_shift_left(key, 1)),
                     vi_clamp(vi_nearest(half), 0, IQ2_LEVELS - 1));
    }
    place = vi_gather(shape->grid->place, key);
    none = vi_less(place, vi_all(0));
    code = vi_gather(shape->grid->code, vi_select(none, vi_all(0), place));
    vi_store(codes, vi_select(moves, code, old));
    vi_store(keys, grid_key(key, far, grid_near_each(scale), GRID_KEYS_3));
    for (uint32_t lanes = vm_bits(vm_and(moves, none)); lanes; lanes &= lanes - 1) {
        int j = __builtin_ctz(lanes), at = shape->sub * j + IQ2_OCTET * k;

        codes[j] =
            grid_nearest_one(shape->grid, shape->grid->near + shape->grid->list[keys[j]], IQ2_OCTET,
                             BITS, &eight, group->x + at, group->root + at, group->scale[j]);
    }
    return vi_load(codes);
}

/* Where a point was no string of levels, or everywhere: those points anew, and the scale. */
INLINE void refit(const struct shape *shape, const struct columns *c, struct group *group)
{
    vf scale = vf_load(group->scale), vx = vf_all(0), v2 = vf_all(0), value, weight;
    const vi moved = vi_load(group->moved), none = vi_all(0);
    const struct eight eight = eight_load(values);
    vm live = vf_less(vf_all(0), scale), moves;
    vi code, lost = none;

    if (!shape->positive)
        live = vm_not_and(vi_equal(moved, none), live);
    if (!vm_any(live))
        return;
    for (int k = 0; k < octets_of(shape); k++) {
        moves = live;
        if (!shape->positive)
            moves = vm_not_and(vi_equal(vi_and(moved, vi_all(1 << k)), none), live);
        code = refit_octet(shape, group, c, k, scale, moves, vi_load(group->code[k]));
        vi_store(group->code[k], code);
        lost = vi_or(lost, code);
        UNROLL
        for (int i = 0; i < IQ2_OCTET; i++) {
            value = eight_pick(&eight, vi_shift_right(code, BITS * (unsigned)i));
            weight = vf_load(c->weight[IQ2_OCTET * k + i]);
            vx = vx + weight * vf_load(c->x[IQ2_OCTET * k + i]) * value;
            v2 = v2 + weight * value * value;
        }
    }
    vf_store(group->scale, vf_select(vm_and(live, vf_less(vf_all(0), v2)), vx / v2, scale));
    for (uint32_t bits = vm_bits(vi_less(lost, none)); bits; bits &= bits - 1)
        group->failed[__builtin_ctz(bits)] = true;
}

/* --- blocks ------------------------------------------------------------------------------------
 */

INLINE float highest_of(const struct shape *shape, const float *x)
{
    vf most = vf_load(x);

    for (int i = LANES; i < shape->sub; i += LANES)
        most = vf_max(vf_load(x + i), most);
    return vf_largest(most);
}

/* Magnitudes, weights and signs of sub-block j. */
INLINE void start_sub(const struct shape *shape, const float *x, const float *importance,
                      float mean, struct group *group, int j)
{
    const int at = shape->sub * j;
    uint32_t negative = 0;
    vf value, weight;

    for (int i = 0; i < shape->sub; i += LANES) {
        value = vf_load(x + i);
        if (importance)
            weight = vf_load(importance + i) * vf_sqrt(vf_all(mean) + value * value);
        else
            weight = vf_all(0.25f) * vf_all(mean) + value * value;
        negative |= vm_bits(vf_less(value, vf_all(0))) << i;
        vf_store(group->x + at + i, vf_abs(value));
        vf_store(group->weight + at + i, weight);
        vf_store(group->root + at + i, vf_sqrt(weight));
    }
    group->largest[j] = highest_of(shape, group->x + at);
    if (shape->even)
        negative = iq_even_signs((unsigned)shape->sub, group->x + at, group->weight + at, negative);
    group->most[j] = highest_of(shape, group->x + at);
    group->negative[j] = negative;
    group->zeros[j] = group->most[j] < shape->epsilon;
    group->moved[j] = 0;
    for (int k = 0; k < octets_of(shape); k++)
        group->code[k][j] = shape->grid->code[0];
}

/* LANES sub-blocks of a batch from `first` on. */
INLINE void fit_group(const struct shape *shape, const struct batch *batch, const float *means,
                      int first, struct group *group, struct search *s)
{
    const float *importance = batch->importance;
    struct columns c;

    for (int j = 0; j < LANES; j++) {
        int at = shape->sub * (first + j);

        start_sub(shape, batch->x + at, importance ? importance + at : NULL,
                  means[at / BLOCK_SUPER], group, j);
    }
    lanes_transpose(group->x, (size_t)shape->sub, shape->sub, c.x[0], LANES);
    lanes_transpose(group->weight, (size_t)shape->sub, shape->sub, c.weight[0], LANES);
    if (shape->positive) /* with four levels above 0 */
        vf_store(group->scale,
                 positive_scale(c.x[0], c.weight[0], shape->sub, IQ2_LEVELS + 1, &s->positive));
    for (int j = 0; j < LANES; j++) {
        if (shape->positive) {
            group->most[j] = group->scale[j] * IQ2_LEVELS;
            group->zeros[j] = group->zeros[j] || group->most[j] <= 0;
        } else {
            group->scale[j] = group->most[j] / IQ2_TOP;
        }
        group->failed[j] = !group->zeros[j] && !(group->largest[j] <= group->most[j] * GRID_NEAR);
        if (group->zeros[j] || group->failed[j])
            group->scale[j] = 0;
        else
            search_sub(shape, group, j, s);
    }
    refit(shape, &c, group);
}

struct found {
    struct iq2_found sub[BATCH_BLOCKS * SUBS_MAX + LANES];
    bool failed[BATCH_BLOCKS + 1];
};

INLINE void fit_batch(const struct shape *shape, const struct batch *batch, struct search *s,
                      struct found *found)
{
    const int subs = BLOCK_SUPER / shape->sub;
    float means[BATCH_BLOCKS + 1] = {0};
    struct iq2_found *sub;
    struct group group;

    batch_means(batch, shape->mean, means);
    memset(found->failed, 0, sizeof(found->failed));
    for (int first = 0; first < (int)batch->count * subs; first += LANES) {
        fit_group(shape, batch, means, first, &group, s);
        for (int j = 0; j < LANES; j++) {
            sub = &found->sub[first + j];
            *sub = (struct iq2_found){group.zeros[j], group.scale[j], group.negative[j], {0}};
            for (int k = 0; k < octets_of(shape); k++)
                sub->index[k] = (uint16_t)(group.code[k][j] >> 16);
            if (group.failed[j])
                found->failed[(first + j) / subs] = true;
        }
    }
}

/* Blocks that were not made, or may not be, are left to the scalar kernel. */
INLINE void quantize(const struct shape *shape, uint8_t *block, const float *src, size_t blocks,
                     size_t row_len, const float *importance)
{
    const int subs = BLOCK_SUPER / shape->sub;
    struct search search;
    struct batch batch;
    struct found found;
    size_t count;

    search_init(shape, &search);
    for (size_t first = 0; first < blocks; first += count) {
        count = batch_start(&batch, src, first, blocks, row_len, importance);
        fit_batch(shape, &batch, &search, &found);
        for (size_t i = 0; i < count; i++, block += shape->size)
            if (found.failed[i] || !shape->put(found.sub + subs * i, block))
                shape->scalar(block, batch.x + BLOCK_SUPER * i, 1, BLOCK_SUPER,
                              importance ? batch.importance + BLOCK_SUPER * i : NULL);
    }
}

void SET(iq2_xxs)(void *restrict dst, const float *restrict src, size_t rows, size_t row_len,
                  const float *restrict importance)
{
    static const struct shape shape = {.grid = &grid_iq2_xxs,
                                       .sub = IQ2_XXS_SUB,
                                       .steps = IQ2_XXS_STEPS,
                                       .even = true,
                                       .positive = true,
                                       .needless = true,
                                       .epsilon = FIT_EPSILON,
                                       .mean = 1,
                                       .size = sizeof(struct block_iq2_xxs),
                                       .put = iq2_xxs_put,
                                       .scalar = scalar_iq2_xxs};

    if (importance)
        quantize(&shape, dst, src, rows * row_len / BLOCK_SUPER, row_len, importance);
    else
        scalar_iq2_xxs(dst, src, rows, row_len, NULL);
}

void SET(iq2_xs)(void *restrict dst, const float *restrict src, size_t rows, size_t row_len,
                 const float *restrict importance)
{
    static const struct shape shape = {.grid = &grid_iq2_xs,
                                       .sub = IQ2_XS_SUB,
                                       .steps = IQ2_XS_STEPS,
                                       .even = true,
                                       .needless = true,
                                       .epsilon = FIT_EPSILON,
                                       .mean = 1,
                                       .size = sizeof(struct block_iq2_xs),
                                       .put = iq2_xs_put,
                                       .scalar = scalar_iq2_xs};

    if (importance)
        quantize(&shape, dst, src, rows * row_len / BLOCK_SUPER, row_len, importance);
    else
        scalar_iq2_xs(dst, src, rows, row_len, NULL);
}

void SET(iq2_s)(void *restrict dst, const float *restrict src, size_t rows, size_t row_len,
                const float *restrict importance)
{
    static const struct shape shape = {.grid = &grid_iq2_s,
                                       .sub = IQ2_XS_SUB,
                                       .steps = IQ2_XS_STEPS,
                                       .epsilon = IQ2_S_EPSILON,
                                       .mean = 2,
                                       .size = sizeof(struct block_iq2_s),
                                       .put = iq2_s_put,
                                       .scalar = scalar_iq2_s};

    quantize(&shape, dst, src, rows * row_len / BLOCK_SUPER, row_len, importance);
}
