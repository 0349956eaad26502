/*
 * If this fails, the search tables of the IQ types are not those of the reference library, and
 * blocks of these types hold other points.
 */
#include "quant/kernel/grid.h"

#include <stdbool.h>

#include "check.h"

/* What there is to know of a book from outside. The sums are those of the tables that libggml makes
 * when it starts. */
static const struct expected {
    const char *name;
    const struct grid *grid;
    unsigned count;
    unsigned digits;
    unsigned base;
    unsigned rings; /* distances of a list */
    unsigned total; /* indices in all lists */
    uint64_t hash;  /* of the points */
} books[] = {
    {"iq1", &grid_iq1, 2048, 8, 3, 3, 327721, 0xec28b6368f0c62e0},
    {"iq2_xxs", &grid_iq2_xxs, 256, 8, 3, 2, 113157, 0xab05d880babe6823},
    {"iq2_xs", &grid_iq2_xs, 512, 8, 3, 2, 181721, 0x6853eeeddb7ea013},
    {"iq2_s", &grid_iq2_s, 1024, 8, 3, 1, 44716, 0x2c1955b62f3d75bd},
    {"iq3_xxs", &grid_iq3_xxs, 256, 4, 8, 2, 18985, 0xe94d0633d4024cd5},
    {"iq3_s", &grid_iq3_s, 512, 4, 8, 3, 24733, 0x5d10ecbdf51ec43b},
};

static uint32_t key_of(const struct grid *grid, const uint8_t *digit)
{
    return grid->digits == 8 ? grid_key_3(digit) : grid_key_8(digit);
}

static unsigned distance(const struct grid *grid, const uint8_t *digit, unsigned point)
{
    const uint8_t *other = grid->point + grid->digits * point;
    unsigned sum = 0;

    for (unsigned i = 0; i < grid->digits; i++)
        sum += (unsigned)((digit[i] - other[i]) * (digit[i] - other[i]));
    return sum;
}

/* What a point is for those who compare several at once. */
static void test_code(const struct grid *grid, unsigned point)
{
    const uint8_t *digit = grid->point + grid->digits * point;
    unsigned bits = grid->base == 3 ? 2 : 3;
    uint32_t code = point << 16;

    for (unsigned i = 0; i < grid->digits; i++) {
        code |= (uint32_t)digit[i] << bits * i;
        CHECK_EQ(grid->term[grid->digits * point + i], GRID_ROW * (grid->base * i + digit[i]));
    }
    CHECK_EQ(grid->code[point], code);
}

/* FNV-1a. Each point is also found by its key. */
static void test_points(const struct expected *book)
{
    const struct grid *grid = book->grid;
    const uint8_t *digit = grid->point;
    uint64_t hash = 0xcbf29ce484222325;

    CHECK_EQ(grid->count, book->count);
    CHECK_EQ(grid->digits, book->digits);
    CHECK_EQ(grid->base, book->base);
    for (unsigned point = 0; point < grid->count; point++, digit += grid->digits) {
        for (unsigned i = 0; i < grid->digits; i++) {
            CHECK(digit[i] < grid->base);
            hash = (hash ^ digit[i]) * 0x100000001b3;
        }
        CHECK_EQ(grid->place[key_of(grid, digit)], point);
        test_code(grid, point);
    }
    if (hash != book->hash)
        fprintf(stderr, "%s: hash 0x%016llx\n", book->name, (unsigned long long)hash);
    CHECK(hash == book->hash);
}

/* A list is in order, has as many distances as it should, and none who is as near is missing. */
static unsigned test_list(const struct expected *book, const uint8_t *digit, const uint16_t *list)
{
    unsigned count = list[0], rings = 0, as_near = 0, last = 0, now;

    CHECK(count > 0 && count <= book->count);
    for (unsigned i = 1; i <= count; i++) {
        CHECK(list[i] < book->count);
        now = distance(book->grid, digit, list[i]);
        CHECK(now > last || (i > 1 && now == last && list[i] > list[i - 1]));
        rings += now > last;
        last = now;
    }
    CHECK_EQ(rings, book->rings);
    for (unsigned point = 0; point < book->count; point++)
        as_near += distance(book->grid, digit, point) <= last;
    CHECK_EQ(as_near, count);
    return count;
}

/* Does a point have, of each digit, one from the string's to the other's? */
static bool stands_for(const struct grid *grid, const uint8_t *digit, unsigned point,
                       unsigned other)
{
    const uint8_t *p = grid->point + grid->digits * point;
    const uint8_t *o = grid->point + grid->digits * other;

    for (unsigned i = 0; i < grid->digits; i++)
        if (!(digit[i] <= p[i] && p[i] <= o[i]) && !(o[i] <= p[i] && p[i] <= digit[i]))
            return false;
    return point != other;
}

/* Needless points, and only those, are left out. */
static void test_needless(const struct grid *grid, const uint8_t *digit, const uint16_t *whole,
                          const uint16_t *list)
{
    unsigned left = 0;
    bool needless;

    for (unsigned i = 1; i <= whole[0]; i++) {
        needless = false;
        for (unsigned j = 1; j <= whole[0] && !needless; j++)
            needless = stands_for(grid, digit, whole[j], whole[i]);
        if (!needless)
            CHECK_EQ(list[++left], whole[i]);
    }
    CHECK_EQ(list[0], left);
}

static void test_terms(const struct grid *grid, unsigned at)
{
    const uint16_t *list = grid->near + grid->list[at];
    uint32_t terms = 0;

    for (unsigned i = 1; i <= list[0]; i++)
        for (unsigned j = 0; j < grid->digits; j++)
            terms |= UINT32_C(1) << grid->term[grid->digits * list[i] + j] / GRID_ROW;
    CHECK_EQ(grid->terms[at], terms);
}

/* The lists of any key: a point's has that point alone. And the terms of its points. */
static void test_any(const struct grid *grid, unsigned key, unsigned keys, const uint8_t *digit)
{
    const uint16_t *whole = grid->near + grid->list[keys + key];

    if (grid->place[key] < 0) {
        CHECK_EQ(grid->list[keys + key], ~grid->place[key]);
        CHECK(grid->digits == 8 || whole[0] <= GRID_LONGEST);
    } else {
        CHECK(whole[0] == 1 && whole[1] == grid->place[key]);
    }
    if (grid == &grid_iq1)
        CHECK_EQ(grid->list[key], grid->list[keys + key]);
    else
        test_needless(grid, digit, whole, grid->near + grid->list[key]);
    test_terms(grid, key);
    test_terms(grid, keys + key);
}

/* Every string is a point or has its list; lists lie one behind the other. */
static void test_lists(const struct expected *book)
{
    unsigned keys = 1, points = 0, begin = 0;
    uint8_t digit[8];

    for (unsigned i = 0; i < book->digits; i++)
        keys *= book->base;
    for (unsigned key = 0, rest = 0; key < keys; key++, rest = key) {
        for (unsigned i = 0; i < book->digits; i++, rest /= book->base)
            digit[i] = (uint8_t)(rest % book->base);
        CHECK_EQ(key_of(book->grid, digit), key);
        test_any(book->grid, key, keys, digit);
        if (book->grid->place[key] >= 0) {
            points++;
            continue;
        }
        CHECK_EQ(~book->grid->place[key], begin);
        begin += test_list(book, digit, book->grid->near + begin) + 1;
    }
    CHECK_EQ(points, book->count);
    CHECK_EQ(begin - (keys - points), book->total);
}

int main(void)
{
    for (unsigned i = 0; i < sizeof(books) / sizeof(*books); i++) {
        test_points(&books[i]);
        test_lists(&books[i]);
    }
    return 0;
}
