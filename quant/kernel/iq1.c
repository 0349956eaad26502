/* The types of three levels whose points come from a code book, eight at a time: IQ1_S, IQ1_M. */
#include "quant/kernel/iq1.h"

#include <float.h>

#include "quant/kernel/scalar.h"

/* --- points ------------------------------------------------------------------------------------
 */

/*
 * The point for the levels of eight weights: they themselves if the code book has them, else the
 * neighbour with the smallest weighted square error, of several the first. -1 if none is below
 * FLT_MAX: the reference library then reads beyond the weights, or stops.
 */
static int find_point(const struct grid *grid, const uint8_t *level, const float *x,
                      const float *weight, float scale, const float value[IQ1_LEVELS])
{
    int place = grid->place[grid_key_3(level)], index = -1;
    float error[IQ1_POINT][IQ1_LEVELS], difference, sum, best = FLT_MAX;
    const uint16_t *near;
    const uint8_t *point;

    if (place >= 0)
        return place;
    for (int i = 0; i < IQ1_POINT; i++)
        for (int l = 0; l < IQ1_LEVELS; l++) {
            difference = scale * value[l] - x[i];
            error[i][l] = weight[i] * difference * difference;
        }
    near = grid->near + ~place;
    for (unsigned n = 1; n <= near[0]; n++) {
        point = grid->point + IQ1_POINT * near[n];
        sum = error[0][point[0]];
        for (int i = 1; i < IQ1_POINT; i++)
            sum += error[i][point[i]];
        if (sum < best) {
            best = sum;
            index = near[n];
        }
    }
    return index;
}

/* --- splits ------------------------------------------------------------------------------------
 */

/*
 * With three levels the weights need only be split at two places of their order: what is below the
 * first gets level 0, what is from the second on level 2. All splits are tried.
 */
struct split {
    int first, second; /* first < 0: no split makes the error smaller */
    int shift;
    float scale;
    float best; /* how much smaller it makes the error */
};

static const struct split no_split = {.first = -1, .best = -FLT_MAX};

/* Is a split better, with sums of weight * x * value and weight * value^2? */
static void try_split(struct split *split, int first, int second, int shift, float vx, float v2)
{
    if (!(v2 > 0 && vx * vx > split->best * v2))
        return;
    split->scale = vx / v2;
    split->best = split->scale * vx;
    split->first = first;
    split->second = second;
    split->shift = shift;
}

/* Is one of four better? If not, trying them one by one changes nothing. */
INLINE bool any_better(float best, four vx, four v2)
{
    four_bits better = (v2 > 0) & (vx * vx > best * v2);
    uint64_t halves[2];

    memcpy(halves, &better, sizeof(halves));
    return (halves[0] | halves[1]) != 0;
}

/*
 * Numbers of `count` weights in ascending order, equal ones in theirs; 0 and -0 are equal. Integers
 * that are ordered as the floats are: NaN has a place among them too, so that there is always one
 * weight to each place.
 */
static void sort(const float *x, int count, uint8_t *order)
{
    int32_t key[IQ1_S_SUB], bits;
    int place;

    for (int i = 0; i < count; i++) {
        bits = (int32_t)float_bits(x[i] + 0.0f);
        key[i] = bits ^ (bits >> 31 & INT32_MAX);
    }
    for (int i = 0; i < count; i++) {
        place = 0;
        for (int j = 0; j < i; j++)
            place += key[j] <= key[i];
        for (int j = i + 1; j < count; j++)
            place += key[j] < key[i];
        order[place] = (uint8_t)i;
    }
}

/* Levels of a split. A negative scale turns them around, and the shifts, of which the last is the
 * opposite of the first. */
static void split_levels(struct split *split, const uint8_t *order, int count, int last_shift,
                         uint8_t *level)
{
    for (int j = 0; j < count; j++)
        level[order[j]] = (uint8_t)((j >= split->first) + (j >= split->second));
    if (!(split->scale < 0))
        return;
    for (int i = 0; i < count; i++)
        level[i] = (uint8_t)(2 - level[i]);
    split->scale = -split->scale;
    split->shift = last_shift - split->shift;
}

/* --- what both types begin with ----------------------------------------------------------------
 */

static float largest(const float *x, int count)
{
    float most = 0;

    for (int i = 0; i < count; i++)
        most = fabsf(x[i]) > most ? fabsf(x[i]) : most;
    return most;
}

/* Sums of weight * x * value and weight * value^2 over the eight weights of a point. */
static void add_point(const struct grid *grid, int point, const float *x, const float *weight,
                      const float value[IQ1_LEVELS], float factor, float *vx, float *v2)
{
    float v;

    for (int i = 0; i < IQ1_POINT; i++) {
        v = value[grid->point[IQ1_POINT * point + i]] * factor;
        *vx += weight[i] * v * x[i];
        *v2 += weight[i] * v * v;
    }
}

/* `count` points for a split, each with its iq1_values; the scale anew if one has other levels. */
static bool find_points(const struct grid *grid, int count, const uint8_t *level, const float *x,
                        const float *weight, const float *const *value, struct split *split,
                        int *point)
{
    float vx = 0, v2 = 0;
    bool moved = false;

    for (int k = 0; k < count; k++) {
        point[k] = find_point(grid, level + IQ1_POINT * k, x + IQ1_POINT * k,
                              weight + IQ1_POINT * k, split->scale, value[k]);
        if (point[k] < 0)
            return false;
        moved = moved || grid->place[grid_key_3(level + IQ1_POINT * k)] < 0;
    }
    for (int k = 0; k < count && moved; k++)
        add_point(grid, point[k], x + IQ1_POINT * k, weight + IQ1_POINT * k, value[k], 1, &vx, &v2);
    if (vx > 0 && v2 > 0)
        split->scale = vx / v2;
    return split->scale >= 0;
}

/* --- IQ1_S -------------------------------------------------------------------------------------
 */

enum {
    S_PADDED = IQ1_S_SUB + FOUR, /* places to split at, in fours */
};

/* Sums up to each place of the order, and what is above it at its level. */
struct sums {
    float x[S_PADDED]; /* of weight * x */
    float w[S_PADDED]; /* of weight */
    float above_vx[IQ1_SHIFTS][S_PADDED];
    float above_v2[IQ1_SHIFTS][S_PADDED];
};

static void make_sums(const float *x, const float *weight, const uint8_t *order, struct sums *sums)
{
    memset(sums, 0, sizeof(*sums));
    for (int j = 0; j < IQ1_S_SUB; j++) {
        sums->x[j + 1] = sums->x[j] + weight[order[j]] * x[order[j]];
        sums->w[j + 1] = sums->w[j] + weight[order[j]];
    }
    for (int shift = 0; shift < IQ1_SHIFTS; shift++)
        for (int j = 0; j <= IQ1_S_SUB; j++) {
            sums->above_vx[shift][j] = (sums->x[IQ1_S_SUB] - sums->x[j]) * iq1_values[shift][2];
            sums->above_v2[shift][j] =
                (sums->w[IQ1_S_SUB] - sums->w[j]) * iq1_values[shift][2] * iq1_values[shift][2];
        }
}

/* Both sums of four splits: after place `first`, and four from place `second` on. */
INLINE void split_sums(const struct sums *sums, int first, int second, enum iq1_shift shift,
                       four *vx, four *v2)
{
    const float *value = iq1_values[shift];
    float below_vx = sums->x[first] * value[0], below_v2 = sums->w[first] * value[0] * value[0];

    *vx = below_vx + (four_load(sums->x + second) - sums->x[first]) * value[1] +
          four_load(sums->above_vx[shift] + second);
    *v2 = below_v2 + (four_load(sums->w + second) - sums->w[first]) * value[1] * value[1] +
          four_load(sums->above_v2[shift] + second);
}

static struct split search_s(const struct sums *sums)
{
    struct split split = no_split;
    four up_vx, up_v2, down_vx, down_v2;

    for (int first = 0; first <= IQ1_S_SUB; first++)
        for (int second = first; second <= IQ1_S_SUB; second += FOUR) {
            split_sums(sums, first, second, IQ1_UP, &up_vx, &up_v2);
            split_sums(sums, first, second, IQ1_DOWN, &down_vx, &down_v2);
            if (!any_better(split.best, up_vx, up_v2) && !any_better(split.best, down_vx, down_v2))
                continue;
            for (int t = 0; t < FOUR && second + t <= IQ1_S_SUB; t++) {
                try_split(&split, first, second + t, IQ1_UP, up_vx[t], up_v2[t]);
                try_split(&split, first, second + t, IQ1_DOWN, down_vx[t], down_v2[t]);
            }
        }
    return split;
}

bool iq1_s_find(const float *x, const float *weight, struct iq1_part *part)
{
    uint8_t order[IQ1_S_SUB], level[IQ1_S_SUB];
    const float *value[IQ1_S_POINTS];
    struct split split;
    struct sums sums;

    if (largest(x, IQ1_S_SUB) < IQ1_S_EPSILON)
        return true;
    sort(x, IQ1_S_SUB, order);
    make_sums(x, weight, order, &sums);
    split = search_s(&sums);
    if (split.first < 0)
        return true;
    split_levels(&split, order, IQ1_S_SUB, IQ1_DOWN, level);
    for (int k = 0; k < IQ1_S_POINTS; k++)
        value[k] = iq1_values[split.shift];
    if (!find_points(&grid_iq1, IQ1_S_POINTS, level, x, weight, value, &split, part->point))
        return false;
    part->scale = split.scale;
    part->shift = split.shift;
    return true;
}

void iq1_s_put(const struct iq1_part part[IQ1_S_SUBS], struct block_iq1_s *block)
{
    uint16_t qh[IQ1_S_SUBS];
    float most = 0;

    for (int j = 0; j < IQ1_S_SUBS; j++)
        most = part[j].scale > most ? part[j].scale : most;
    half_put(block->d, most / IQ1_SCALE_TOP * 1.125f);
    for (int j = 0; j < IQ1_S_SUBS; j++) {
        qh[j] = 0;
        for (int k = 0; k < IQ1_S_POINTS; k++) {
            block->qs[IQ1_S_POINTS * j + k] = (uint8_t)part[j].point[k];
            qh[j] = (uint16_t)(qh[j] | part[j].point[k] >> 8 << 3 * k);
        }
        if (most != 0)
            qh[j] =
                (uint16_t)(qh[j] | iq_scale_level(part[j].scale, most / IQ1_SCALE_TOP, 7) << 12 |
                           (part[j].shift == IQ1_DOWN) << 15);
    }
    memcpy(block->qh, qh, sizeof(qh));
}

void iq1_s_refuse(struct block_iq1_s *block)
{
    iq_refuse(block, sizeof(*block), block->d);
}

static bool quantize_iq1_s(const float *x, const float *importance, struct block_iq1_s *block)
{
    struct iq1_part part[IQ1_S_SUBS] = {{0}};
    float weight[BLOCK_SUPER];

    iq_weights(x, importance, weight);
    for (int j = 0; j < IQ1_S_SUBS; j++)
        if (!iq1_s_find(x + IQ1_S_SUB * j, weight + IQ1_S_SUB * j, &part[j]))
            return false;
    iq1_s_put(part, block);
    return true;
}

void scalar_iq1_s(void *restrict dst, const float *restrict src, size_t rows, size_t row_len,
                  const float *restrict importance)
{
    struct block_iq1_s *block = dst;

    for (size_t row = 0; row < rows; row++)
        for (size_t i = 0; i < row_len; i += BLOCK_SUPER, src += BLOCK_SUPER, block++)
            if (!importance || !quantize_iq1_s(src, importance + i, block))
                iq1_s_refuse(block);
}

/* --- IQ1_M -------------------------------------------------------------------------------------
 */

enum {
    M_PADDED = IQ1_M_SUB + FOUR, /* places to split at, in fours */
};

/* Sums up to each place of the order, of the weights of either half. */
struct half_sums {
    float x[IQ1_M_POINTS][M_PADDED]; /* of weight * x */
    float w[IQ1_M_POINTS][M_PADDED]; /* of weight */
};

static void make_half_sums(const float *x, const float *weight, const uint8_t *order,
                           struct half_sums *sums)
{
    memset(sums, 0, sizeof(*sums));
    for (int j = 0; j < IQ1_M_SUB; j++)
        for (int half = 0; half < IQ1_M_POINTS; half++) {
            sums->x[half][j + 1] = sums->x[half][j];
            sums->w[half][j + 1] = sums->w[half][j];
            if (order[j] / IQ1_POINT == half) {
                sums->x[half][j + 1] += weight[order[j]] * x[order[j]];
                sums->w[half][j + 1] += weight[order[j]];
            }
        }
}

/*
 * Both sums of one half for four splits: as if all weights had level 2, less what those below the
 * second place lose, and those below the first once more. (ggml 0.27; 0.21 added up weight by
 * weight, which rounds differently.)
 */
INLINE void half_split(const struct half_sums *sums, int half, int first, int second,
                       enum iq1_shift shift, four *vx, four *v2)
{
    const float *x = sums->x[half], *w = sums->w[half], *value = iq1_values[shift];
    float low = value[0] * value[0], middle = value[1] * value[1], high = value[2] * value[2];

    *vx = x[IQ1_M_SUB] * value[2] - (four_load(x + second) + x[first]);
    *v2 = four_load(w + second) * (middle - high) +
          (w[first] * (low - middle) + w[IQ1_M_SUB] * value[2] * value[2]);
}

static struct split search_m(const struct half_sums *sums)
{
    four half_vx[IQ1_M_POINTS][IQ1_SHIFTS], half_v2[IQ1_M_POINTS][IQ1_SHIFTS], vx[IQ1_M_SHIFTS],
        v2[IQ1_M_SHIFTS];
    struct split split = no_split;
    bool better;

    for (int first = 0; first <= IQ1_M_SUB; first++)
        for (int second = first; second <= IQ1_M_SUB; second += FOUR) {
            for (int half = 0; half < IQ1_M_POINTS; half++) {
                half_split(sums, half, first, second, IQ1_UP, &half_vx[half][IQ1_UP],
                           &half_v2[half][IQ1_UP]);
                half_split(sums, half, first, second, IQ1_DOWN, &half_vx[half][IQ1_DOWN],
                           &half_v2[half][IQ1_DOWN]);
            }
            better = false;
            for (int s = 0; s < IQ1_M_SHIFTS; s++) {
                vx[s] = half_vx[0][iq1_half_shift(s, 0)] + half_vx[1][iq1_half_shift(s, 1)];
                v2[s] = half_v2[0][iq1_half_shift(s, 0)] + half_v2[1][iq1_half_shift(s, 1)];
                better |= any_better(split.best, vx[s], v2[s]);
            }
            for (int t = 0; t < FOUR && second + t <= IQ1_M_SUB && better; t++)
                for (int s = 0; s < IQ1_M_SHIFTS; s++)
                    try_split(&split, first, second + t, s, vx[s][t], v2[s][t]);
        }
    return split;
}

/* The block's scale lies in the highest bits of its four words of scales, three bits of each
 * sub-block's scale below. */
static void put_scales(uint8_t field[8], uint16_t half, const int *level)
{
    uint16_t word[4];

    for (int i = 0; i < 4; i++) {
        word[i] = (uint16_t)((half >> 4 * i & 15) << 12);
        for (int j = 0; j < 4; j++)
            word[i] = (uint16_t)(word[i] | level[4 * i + j] << 3 * j);
    }
    memcpy(field, word, sizeof(word));
}

bool iq1_m_find(const float *x, const float *weight, struct iq1_part *part)
{
    uint8_t order[IQ1_M_SUB], level[IQ1_M_SUB];
    const float *value[IQ1_M_POINTS];
    struct half_sums sums;
    struct split split;

    if (largest(x, IQ1_M_SUB) < IQ1_M_EPSILON)
        return true;
    sort(x, IQ1_M_SUB, order);
    make_half_sums(x, weight, order, &sums);
    split = search_m(&sums);
    if (split.first < 0)
        return true;
    split_levels(&split, order, IQ1_M_SUB, IQ1_M_SHIFTS - 1, level);
    for (int k = 0; k < IQ1_M_POINTS; k++)
        value[k] = iq1_values[iq1_half_shift(split.shift, k)];
    if (!find_points(&grid_iq1, IQ1_M_POINTS, level, x, weight, value, &split, part->point))
        return false;
    part->scale = split.scale;
    part->shift = split.shift;
    return true;
}

/* Levels of the scales, of which `most` is the largest. Returns the scale of the block that fits
 * best to them. */
static float fit_scales(const struct iq1_part *part, float most, const float *x,
                        const float *weight, int level[IQ1_M_SUBS])
{
    float d = most / IQ1_SCALE_TOP, vx = 0, v2 = 0;

    for (int j = 0; j < IQ1_M_SUBS; j++) {
        level[j] = iq_scale_level(part[j].scale, d, 7);
        for (int k = 0; k < IQ1_M_POINTS; k++, x += IQ1_POINT, weight += IQ1_POINT)
            add_point(&grid_iq1, part[j].point[k], x, weight,
                      iq1_values[iq1_half_shift(part[j].shift, k)], (float)(2 * level[j] + 1), &vx,
                      &v2);
    }
    return v2 > 0 ? vx / v2 : d;
}

void iq1_m_put(const struct iq1_part part[IQ1_M_SUBS], const float *x, const float *weight,
               struct block_iq1_m *block)
{
    int level[IQ1_M_SUBS] = {0}, point, shift;
    float most = 0, d = 0;

    memset(block, 0, sizeof(*block));
    for (int j = 0; j < IQ1_M_SUBS; j++)
        most = part[j].scale > most ? part[j].scale : most;
    if (most != 0)
        d = fit_scales(part, most, x, weight, level);
    put_scales(block->scales, half_from_float(d * 1.1125f), level);
    for (int j = 0; j < IQ1_M_SUBS; j++)
        for (int k = 0; k < IQ1_M_POINTS; k++) {
            point = part[j].point[k];
            shift = most != 0 && iq1_half_shift(part[j].shift, k) == IQ1_DOWN;
            block->qs[IQ1_M_POINTS * j + k] = (uint8_t)point;
            block->qh[j] = (uint8_t)(block->qh[j] | (point >> 8 | shift << 3) << 4 * k);
        }
}

void iq1_m_refuse(struct block_iq1_m *block)
{
    static const int no_levels[IQ1_M_SUBS] = {0};

    memset(block, 0, sizeof(*block));
    put_scales(block->scales, half_from_float(NAN), no_levels);
}

static bool quantize_iq1_m(const float *x, const float *importance, struct block_iq1_m *block)
{
    struct iq1_part part[IQ1_M_SUBS] = {{0}};
    float weight[BLOCK_SUPER];

    iq_weights(x, importance, weight);
    for (int j = 0; j < IQ1_M_SUBS; j++)
        if (!iq1_m_find(x + IQ1_M_SUB * j, weight + IQ1_M_SUB * j, &part[j]))
            return false;
    iq1_m_put(part, x, weight, block);
    return true;
}

void scalar_iq1_m(void *restrict dst, const float *restrict src, size_t rows, size_t row_len,
                  const float *restrict importance)
{
    struct block_iq1_m *block = dst;

    for (size_t row = 0; row < rows; row++)
        for (size_t i = 0; i < row_len; i += BLOCK_SUPER, src += BLOCK_SUPER, block++)
            if (!quantize_iq1_m(src, importance ? importance + i : NULL, block))
                iq1_m_refuse(block);
}
