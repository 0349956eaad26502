/* IQ3_XXS and IQ3_S with candidates for a scale in the lanes; built once for each instruction set.
 */
#include "quant/kernel/iq3.h"

#include "quant/kernel/lanes_batch.h"
#include "quant/kernel/lanes_grid.h"
#include "quant/kernel/scalar.h"
#include "quant/kernel/set.h"

/* What a type asks for. Constants, so that loops are unrolled. */
struct shape {
    const struct grid *grid;
    int steps;
    bool even;   /* the number of negative weights of each eight */
    size_t size; /* bytes of a block */
    bool (*put)(const struct iq3_found *found, void *block);
    kernel_fn scalar;
};

/* Sub-blocks that are refitted at once, one a lane. */
struct group {
    float x[LANES][IQ3_SUB]; /* magnitudes; one that must keep its sign is negative */
    float weight[LANES][IQ3_SUB];
    float root[LANES][IQ3_SUB]; /* of the weight */
    float scale[LANES];
    int32_t code[IQ3_QUADS][LANES]; /* points, as grid.h has them */
    int32_t on_grid[LANES];         /* a bit for each four whose levels are a point */
    bool zeros[LANES];
    bool failed[LANES]; /* the reference library stops, or what is proven does not suffice */
    uint32_t negative[LANES];
};

/* --- the search for a scale --------------------------------------------------------------------
 */

struct search {
    float spread[GRID_ROW]; /* a candidate's factor is this by the largest number */
    _Alignas(64) float factor[GRID_ROW];
    float value[IQ3_LEVELS][GRID_ROW]; /* what a level is worth */
    _Alignas(64) float term[IQ3_QUAD * IQ3_LEVELS][GRID_ROW];
    int32_t key[IQ3_QUADS][GRID_ROW];
    struct grid_stream stream;
    int32_t code[IQ3_QUADS][GRID_ROW];
    float vx[GRID_ROW], v2[GRID_ROW];
};

INLINE int vectors_of(const struct shape *shape)
{
    return (2 * shape->steps + LANES) / LANES;
}

/* Behind the last candidate it is repeated. */
INLINE void search_init(const struct shape *shape, struct search *s)
{
    for (int t = 0; t < GRID_ROW; t++)
        s->spread[t] =
            IQ3_TOP +
            (float)((t < 2 * shape->steps ? t : 2 * shape->steps) - shape->steps) * IQ3_STEP;
}

INLINE void make_factors(const struct shape *shape, float most, struct search *s)
{
    vf factor, scale;

    for (int v = 0; v < vectors_of(shape); v++) {
        factor = vf_load(s->spread + LANES * v) / vf_all(most);
        scale = vf_all(1) / factor;
        vf_store(s->factor + LANES * v, factor);
        for (int l = 0; l < IQ3_LEVELS; l++)
            vf_store(s->value[l] + LANES * v, scale * vf_all((float)(2 * l + 1)));
    }
}

static const float values[IQ3_LEVELS] = {1, 3, 5, 7, 9, 11, 13, 15};

/* The levels of four weights, each as the candidates have them. What grid_level() adds is
 * shifted beyond what is kept. */
INLINE void make_keys(const struct shape *shape, const float *x, float most, struct search *s,
                      int k)
{
    vf factor, far;
    vi key;

    for (int v = 0; v < vectors_of(shape); v++) {
        factor = vf_load(s->factor + LANES * v);
        far = vf_all(0);
        key = grid_level(factor, vf_all(x[IQ3_QUAD - 1]), IQ3_LEVELS - 1, &far);
        UNROLL
        for (int i = IQ3_QUAD - 2; i >= 0; i--)
            key = vi_or(vi_shift_left(key, IQ3_BITS),
                        grid_level(factor, vf_all(x[i]), IQ3_LEVELS - 1, &far));
        key = vi_and(key, vi_all(GRID_KEYS_8 - 1));
        vi_store(s->key[k] + LANES * v, grid_key(key, far, grid_near(most), GRID_KEYS_8));
    }
}

INLINE void make_terms(const struct shape *shape, const float *x, const float *root,
                       uint32_t needed, struct search *s)
{
    vf difference;

    for (; needed; needed &= needed - 1) {
        size_t n = (size_t)__builtin_ctz(needed);
        const float *value = s->value[n % IQ3_LEVELS];
        const vf number = vf_all(x[n / IQ3_LEVELS]), weight = vf_all(root[n / IQ3_LEVELS]);

        UNROLL
        for (int v = 0; v < vectors_of(shape); v++) {
            difference = vf_load(value + LANES * v) - number;
            vf_store(s->term[n] + LANES * v, weight * difference * difference);
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
    for (int k = 0; k < IQ3_QUADS; k++) {
        UNROLL
        for (int i = 0; i < IQ3_QUAD; i++) {
            float w = weight[IQ3_QUAD * k + i], product = w * x[IQ3_QUAD * k + i];

            UNROLL
            for (int v = 0; v < vectors_of(shape); v++) {
                value = eight_pick(&eight, vi_shift_right(vi_load(s->code[k] + LANES * v),
                                                          IQ3_BITS * (unsigned)i));
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

/* The best candidate of sub-block j, if any makes the error smaller than the scale 0. */
INLINE void choose(const struct shape *shape, const struct search *s, struct group *group, int j)
{
    const int tries = 2 * shape->steps + 1;
    int winner = grid_choose(s->vx, s->v2, tries, vectors_of(shape), &group->scale[j]);

    if (winner < 0)
        return;
    group->on_grid[j] = 0;
    for (int k = 0; k < IQ3_QUADS; k++) {
        group->code[k][j] = s->code[k][winner];
        group->on_grid[j] |=
            ((s->key[k][winner] & (GRID_KEYS_8 - 1)) == (s->code[k][winner] & (GRID_KEYS_8 - 1)))
            << k;
    }
}

/* What is left if no candidate is better: level 0, which is a point. */
INLINE void start_points(const struct shape *shape, struct group *group, int j)
{
    for (int k = 0; k < IQ3_QUADS; k++)
        group->code[k][j] = shape->grid->code[shape->grid->place[0]];
    group->on_grid[j] = shape->even ? (1 << IQ3_QUADS) - 1 : 0;
}

/* Points of all candidates for quad k. */
INLINE void settle(const struct shape *shape, const float *x, const float *root, float most,
                   struct search *s, int k)
{
    uint32_t needed;

    make_keys(shape, x, most, s, k);
    needed = grid_stream(shape->grid, s->key[k], vectors_of(shape), &s->stream);
    make_terms(shape, x, root, needed, s);
    grid_compare(shape->grid, &s->stream, IQ3_QUAD, s->term[0], vectors_of(shape), s->code[k]);
}

INLINE void search_sub(const struct shape *shape, float most, struct group *group, int j,
                       struct search *s)
{
    const float *x = group->x[j];

    make_factors(shape, most, s);
    for (int k = 0; k < IQ3_QUADS; k++)
        settle(shape, x + IQ3_QUAD * k, group->root[j] + IQ3_QUAD * k, most, s, k);
    sum_up(shape, x, group->weight[j], s);
    choose(shape, s, group, j);
}

/* --- the refit ---------------------------------------------------------------------------------
 */

/* A number of each sub-block in each lane. */
struct columns {
    _Alignas(64) float x[IQ3_SUB][LANES];
    float weight[IQ3_SUB][LANES];
    float root[IQ3_SUB][LANES];
};

INLINE void make_columns(const struct group *group, struct columns *c)
{
    lanes_transpose(group->x[0], IQ3_SUB, IQ3_SUB, c->x[0], LANES);
    lanes_transpose(group->weight[0], IQ3_SUB, IQ3_SUB, c->weight[0], LANES);
    lanes_transpose(group->root[0], IQ3_SUB, IQ3_SUB, c->root[0], LANES);
}

/* Points for the scales that were found, but for those that are kept: a code for each lane. */
INLINE vi refit_quad(const struct grid *grid, const struct columns *c, int k, vf scale, vm moves,
                     vi old)
{
    vf x[IQ3_QUAD], root[IQ3_QUAD], inverse = vf_all(1) / scale, half, far = vf_all(0);
    const struct eight eight = eight_load(values);
    vi key = vi_all(0), place, list;
    vm none;

    for (int i = IQ3_QUAD - 1; i >= 0; i--) {
        x[i] = vf_load(c->x[IQ3_QUAD * k + i]);
        root[i] = vf_load(c->root[IQ3_QUAD * k + i]);
        half = vf_all(0.5f) * (inverse * x[i] - vf_all(1));
        far = vf_max(grid_far_each(half), far);
        key = vi_or(vi_shift_left(key, IQ3_BITS), vi_clamp(vi_nearest(half), 0, IQ3_LEVELS - 1));
    }
    place = vi_gather(grid->place, key);
    none = vi_less(place, vi_all(0));
    old = vi_select(vm_not_and(none, moves), vi_or(key, vi_shift_left(place, 16)), old);
    moves = vm_and(moves, none);
    if (!vm_any(moves))
        return old;
    list = vi_gather((const int32_t *)grid->list,
                     grid_key(key, far, grid_near_each(scale), GRID_KEYS_8));
    return vi_select(
        moves, grid_nearest_each(grid, list, moves, IQ3_QUAD, IQ3_BITS, &eight, x, root, scale),
        old);
}

/* Where a point was no string of levels: all or those points anew, and the scale for them. */
INLINE void refit(const struct shape *shape, struct group *group)
{
    const vi on_grid = vi_load(group->on_grid), all = vi_all((1 << IQ3_QUADS) - 1);
    vf scale = vf_load(group->scale), vx = vf_all(0), v2 = vf_all(0);
    const struct eight eight = eight_load(values);
    vm live = vm_not_and(vi_equal(on_grid, all), vf_less(vf_all(0), scale)), moves;
    vi code, lost = vi_all(0), bit;
    struct columns c;
    vf value, weight;

    if (!vm_any(live))
        return;
    make_columns(group, &c);
    for (int k = 0; k < IQ3_QUADS; k++) {
        bit = vi_all(1 << k);
        moves = shape->even ? vm_not_and(vi_equal(vi_and(on_grid, bit), bit), live) : live;
        code = refit_quad(shape->grid, &c, k, scale, moves, vi_load(group->code[k]));
        vi_store(group->code[k], code);
        lost = vi_or(lost, code);
        UNROLL
        for (int i = 0; i < IQ3_QUAD; i++) {
            value = eight_pick(&eight, vi_shift_right(code, IQ3_BITS * (unsigned)i));
            weight = vf_load(c.weight[IQ3_QUAD * k + i]);
            vx = vx + weight * vf_load(c.x[IQ3_QUAD * k + i]) * value;
            v2 = v2 + weight * value * value;
        }
    }
    vf_store(group->scale, vf_select(vm_and(live, vf_less(vf_all(0), v2)), vx / v2, scale));
    for (uint32_t bits = vm_bits(vi_less(lost, vi_all(0))); bits; bits &= bits - 1)
        group->failed[__builtin_ctz(bits)] = true;
}

/* --- blocks ------------------------------------------------------------------------------------
 */

/*
 * A value is at most 1.25 times the largest number (15 by a factor of 12 at least), so a distance
 * is at most 4 * (2.25 * largest)^2 * root: below FLT_MAX. Roots of negative weights are NaN.
 * (test_overflow in tests/kernels-grid.c)
 */
INLINE bool distances_fit(const float *root, float largest)
{
    vf heaviest = vf_all(0), value;
    vm proper = vf_equal(heaviest, heaviest);

    for (int i = 0; i < IQ3_SUB; i += LANES) {
        value = vf_load(root + i);
        proper = vm_and(proper, vf_at_most(vf_all(0), value));
        heaviest = vf_max(value, heaviest);
    }
    return !vm_any(vm_not(proper)) && vf_largest(heaviest) * largest * largest < 1e37f;
}

INLINE float largest_of(const float *x)
{
    vf most = vf_load(x);

    for (int i = LANES; i < IQ3_SUB; i += LANES)
        most = vf_max(vf_load(x + i), most);
    return vf_largest(most);
}

/* Magnitudes, weights and signs of sub-block j. Returns the largest that must not keep its sign. */
INLINE float start_sub(const struct shape *shape, const float *x, const float *importance,
                       float mean, struct group *group, int j)
{
    uint32_t negative = 0;
    float largest, most;
    vf value, weight;

    for (int i = 0; i < IQ3_SUB; i += LANES) {
        value = vf_load(x + i);
        weight = value * value;
        if (importance)
            weight = vf_load(importance + i) * vf_sqrt(vf_all(mean) + weight);
        negative |= vm_bits(vf_less(value, vf_all(0))) << i;
        vf_store(group->x[j] + i, vf_abs(value));
        vf_store(group->weight[j] + i, weight);
        vf_store(group->root[j] + i, vf_sqrt(weight + vf_all(0))); /* none is -0 */
    }
    largest = most = largest_of(group->x[j]);
    if (shape->even) {
        negative = iq_even_signs(IQ3_SUB, group->x[j], group->weight[j], negative);
        most = largest_of(group->x[j]);
    }
    group->negative[j] = negative;
    group->scale[j] = 0;
    group->zeros[j] = shape->even ? most < IQ3_XXS_EPSILON : most == 0;
    group->failed[j] = !group->zeros[j] &&
                       !(largest <= most * GRID_NEAR && distances_fit(group->root[j], largest));
    return most;
}

/* LANES sub-blocks of a batch from `first` on. */
INLINE void fit_group(const struct shape *shape, const struct batch *batch, const float *means,
                      int first, struct group *group, struct search *s)
{
    const float *importance = batch->importance;
    float most;

    for (int j = 0; j < LANES; j++) {
        int at = IQ3_SUB * (first + j);

        start_points(shape, group, j);
        most = start_sub(shape, batch->x + at, importance ? importance + at : NULL,
                         importance ? means[(first + j) / IQ3_SUBS] : 0, group, j);
        if (group->zeros[j] || group->failed[j])
            continue;
        group->scale[j] = most / IQ3_TOP;
        search_sub(shape, most, group, j, s);
    }
    refit(shape, group);
}

struct found {
    struct iq3_found sub[BATCH_BLOCKS * IQ3_SUBS + LANES];
    bool failed[BATCH_BLOCKS + LANES / IQ3_SUBS];
};

INLINE void fit_batch(const struct shape *shape, const struct batch *batch, struct search *s,
                      struct found *found)
{
    float means[BATCH_BLOCKS];
    struct iq3_found *sub;
    struct group group;

    if (batch->importance)
        batch_means(batch, 2, means);
    memset(found->failed, 0, sizeof(found->failed));
    for (int first = 0; first < (int)batch->count * IQ3_SUBS; first += LANES) {
        fit_group(shape, batch, means, first, &group, s);
        for (int j = 0; j < LANES; j++) {
            sub = &found->sub[first + j];
            *sub = (struct iq3_found){group.zeros[j], group.scale[j], group.negative[j], {0}};
            for (int k = 0; k < IQ3_QUADS; k++)
                sub->index[k] = (uint16_t)(group.code[k][j] >> 16);
            if (group.failed[j])
                found->failed[(first + j) / IQ3_SUBS] = true;
        }
    }
}

/* Blocks that were not made, or may not be, are left to the scalar kernel. */
INLINE void quantize(const struct shape *shape, uint8_t *block, const float *src, size_t blocks,
                     size_t row_len, const float *importance)
{
    struct batch batch;
    struct search search;
    struct found found;
    size_t count;

    search_init(shape, &search);
    for (size_t first = 0; first < blocks; first += count) {
        count = batch_start(&batch, src, first, blocks, row_len, importance);
        fit_batch(shape, &batch, &search, &found);
        for (size_t i = 0; i < count; i++, block += shape->size)
            if (found.failed[i] || !shape->put(found.sub + IQ3_SUBS * i, block))
                shape->scalar(block, batch.x + BLOCK_SUPER * i, 1, BLOCK_SUPER,
                              importance ? batch.importance + BLOCK_SUPER * i : NULL);
    }
}

void SET(iq3_s)(void *restrict dst, const float *restrict src, size_t rows, size_t row_len,
                const float *restrict importance)
{
    static const struct shape shape = {.grid = &grid_iq3_s,
                                       .steps = IQ3_S_STEPS,
                                       .size = sizeof(struct block_iq3_s),
                                       .put = iq3_s_put,
                                       .scalar = scalar_iq3_s};

    quantize(&shape, dst, src, rows * row_len / BLOCK_SUPER, row_len, importance);
}

void SET(iq3_xxs)(void *restrict dst, const float *restrict src, size_t rows, size_t row_len,
                  const float *restrict importance)
{
    static const struct shape shape = {.grid = &grid_iq3_xxs,
                                       .steps = IQ3_XXS_STEPS,
                                       .even = true,
                                       .size = sizeof(struct block_iq3_xxs),
                                       .put = iq3_xxs_put,
                                       .scalar = scalar_iq3_xxs};

    quantize(&shape, dst, src, rows * row_len / BLOCK_SUPER, row_len, importance);
}
