/*
 * Writes the constants of grid.h as a C file: make-grids FILE. Run at build time, on the machine
 * that builds.
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "quant/kernel/grid.h"
#include "quant/kernel/grid_books.h"

enum {
    POINTS_MAX = 2048,
    HALVES_MAX = 81, /* strings of half the length: 3^4, 8^2 */
    KEYS_MAX = HALVES_MAX * HALVES_MAX,
    DISTANCE_MAX = 4 * 7 * 7,
};

struct book {
    const char *name;
    const uint16_t *code;
    unsigned count;
    unsigned digits;
    unsigned base;
    unsigned bits;  /* of a digit in a code */
    unsigned rings; /* how many of the smallest distances are near */
    bool whole;     /* nobody asks for its lists without needless points */
};

static const struct book books[] = {
    {"iq1", book_iq1, 2048, 8, 3, 2, 3, true},
    {"iq2_xxs", book_iq2_xxs, 256, 8, 3, 2, 2, false},
    {"iq2_xs", book_iq2_xs, 512, 8, 3, 2, 2, false},
    {"iq2_s", book_iq2_s, 1024, 8, 3, 2, 1, false},
    {"iq3_xxs", book_iq3_xxs, 256, 4, 8, 3, 2, false},
    {"iq3_s", book_iq3_s, 512, 4, 8, 3, 3, false},
};

/* A book by keys. To measure distances fast, strings are cut in halves. */
struct work {
    const struct book *book;
    unsigned halves;                        /* strings of half the length */
    unsigned apart[HALVES_MAX][HALVES_MAX]; /* distance of two of them */
    unsigned low[POINTS_MAX],
        high[POINTS_MAX]; /* halves of each point: key = low + halves * high */
    int place[KEYS_MAX];
    unsigned keys;
    unsigned list[2 * KEYS_MAX];
    unsigned terms[2 * KEYS_MAX];
    uint16_t near[POINTS_MAX]; /* the list at hand */
    unsigned near_count;
};

static unsigned digit_of(const struct book *book, unsigned point, unsigned i)
{
    return book->code[point] >> book->bits * i & ((1u << book->bits) - 1);
}

/* The term that digit i of a point has. */
static unsigned term_of(const struct book *book, unsigned point, unsigned i)
{
    return book->base * i + digit_of(book, point, i);
}

static unsigned terms_of(const struct book *book, unsigned point)
{
    unsigned terms = 0;

    for (unsigned i = 0; i < book->digits; i++)
        terms |= 1u << term_of(book, point, i);
    return terms;
}

static unsigned half_apart(const struct book *book, unsigned a, unsigned b)
{
    unsigned sum = 0;

    for (unsigned i = 0; i < book->digits / 2; i++, a /= book->base, b /= book->base)
        sum += (a % book->base - b % book->base) * (a % book->base - b % book->base);
    return sum;
}

/* False: the book is not one. */
static bool work_start(const struct book *book, struct work *work)
{
    unsigned half = book->digits / 2;

    *work = (struct work){.book = book, .halves = 1};
    for (unsigned i = 0; i < half; i++)
        work->halves *= book->base;
    work->keys = work->halves * work->halves;
    for (unsigned a = 0; a < work->halves; a++)
        for (unsigned b = 0; b < work->halves; b++)
            work->apart[a][b] = half_apart(book, a, b);
    memset(work->place, -1, sizeof(work->place));
    for (unsigned point = 0; point < book->count; point++) {
        for (unsigned i = half; i-- > 0;) {
            work->low[point] = work->low[point] * book->base + digit_of(book, point, i);
            work->high[point] = work->high[point] * book->base + digit_of(book, point, i + half);
            if (digit_of(book, point, i) >= book->base ||
                digit_of(book, point, i + half) >= book->base)
                return false;
        }
        work->place[work->low[point] + work->halves * work->high[point]] = (int)point;
    }
    return true;
}

/* Numbers, some in a line. */
static void write_number(FILE *file, unsigned index, int number)
{
    fprintf(file, index % 32 == 31 ? "%d,\n" : "%d,", number);
}

/* Finds the points near a string, in order. */
static void find_near(struct work *work, unsigned key)
{
    const unsigned *low = work->apart[key % work->halves], *high = work->apart[key / work->halves];
    unsigned at_distance[DISTANCE_MAX + 1] = {0}, rings = 0, last = 0;
    static uint16_t distance[POINTS_MAX];

    for (unsigned point = 0; point < work->book->count; point++) {
        distance[point] = (uint16_t)(low[work->low[point]] + high[work->high[point]]);
        at_distance[distance[point]]++;
    }
    for (unsigned d = 0; d <= DISTANCE_MAX && rings < work->book->rings; d++) {
        rings += at_distance[d] > 0;
        last = d;
    }
    work->near_count = 0;
    for (unsigned d = 0; d <= last; d++)
        for (unsigned point = 0; point < work->book->count && at_distance[d] > 0; point++)
            if (distance[point] == d) {
                work->near[work->near_count++] = (uint16_t)point;
                at_distance[d]--;
            }
}

/* Does a point make another needless (grid.h)? */
static bool stands_for(const struct book *book, unsigned key, unsigned point, unsigned other)
{
    int digit, near, far;

    for (unsigned i = 0; i < book->digits; i++, key /= book->base) {
        digit = (int)(key % book->base);
        near = (int)digit_of(book, point, i) - digit;
        far = (int)digit_of(book, other, i) - digit;
        if (near * far < 0 || near * near > far * far)
            return false;
    }
    return true;
}

/* Takes needless points out of the list at hand. Returns whether there were any. */
static bool drop_needless(struct work *work, unsigned key)
{
    unsigned before = work->near_count, count = 0, j;

    /* What makes one needless is nearer, so before it, and needless itself only for another. */
    for (unsigned i = 0; i < work->near_count; i++) {
        for (j = 0; j < count; j++)
            if (stands_for(work->book, key, work->near[j], work->near[i]))
                break;
        if (j == count)
            work->near[count++] = work->near[i];
    }
    work->near_count = count;
    return count < before;
}

/* The list at hand; `slot`: for which key. Returns what is behind. */
static unsigned write_list(FILE *file, struct work *work, unsigned slot, unsigned at)
{
    work->list[slot] = at;
    work->terms[slot] = 0;
    write_number(file, at++, (int)work->near_count);
    for (unsigned i = 0; i < work->near_count; i++) {
        write_number(file, at++, work->near[i]);
        work->terms[slot] |= terms_of(work->book, work->near[i]);
    }
    return at;
}

/* Those of all strings that are no points, those of points, those without needless points. */
static void write_lists(FILE *file, struct work *work)
{
    const unsigned keys = work->keys;
    unsigned at = 0;

    fprintf(file, "\nstatic const uint16_t near_%s[] = {\n", work->book->name);
    for (unsigned key = 0; key < keys; key++)
        if (work->place[key] < 0) {
            work->place[key] = ~(int)at;
            find_near(work, key);
            at = write_list(file, work, keys + key, at);
        }
    for (unsigned key = 0; key < keys; key++)
        if (work->place[key] >= 0) {
            work->near[0] = (uint16_t)work->place[key];
            work->near_count = 1;
            at = write_list(file, work, keys + key, at);
        }
    for (unsigned key = 0; key < keys; key++) {
        work->list[key] = work->list[keys + key];
        work->terms[key] = work->terms[keys + key];
        if (work->place[key] >= 0 || work->book->whole)
            continue;
        find_near(work, key);
        if (drop_needless(work, key))
            at = write_list(file, work, key, at);
    }
    for (unsigned i = 0; i < GRID_SHORT; i++)
        write_number(file, at++, 0);
    fprintf(file, "};\n");
}

static void write_keys(FILE *file, const struct work *work)
{
    const unsigned keys = work->keys;

    fprintf(file, "static const int32_t place_%s[] = {\n", work->book->name);
    for (unsigned key = 0; key < keys; key++)
        write_number(file, key, work->place[key]);
    fprintf(file, "};\nstatic const uint32_t list_%s[] = {\n", work->book->name);
    for (unsigned key = 0; key < 2 * keys; key++)
        write_number(file, key, (int)work->list[key]);
    fprintf(file, "};\nstatic const uint32_t terms_%s[] = {\n", work->book->name);
    for (unsigned key = 0; key < 2 * keys; key++)
        fprintf(file, "%uu,%s", work->terms[key], key % 16 == 15 ? "\n" : "");
    fprintf(file, "};\n");
}

static void write_points(FILE *file, const struct book *book)
{
    fprintf(file, "static const _Alignas(8) uint8_t point_%s[] = {\n", book->name);
    for (unsigned i = 0; i < book->count * book->digits; i++)
        write_number(file, i, (int)digit_of(book, i / book->digits, i % book->digits));
    fprintf(file, "};\nstatic const int32_t code_%s[] = {\n", book->name);
    for (unsigned i = 0; i < book->count; i++)
        write_number(file, i, (int)(book->code[i] | i << 16));
    fprintf(file, "};\nstatic const uint16_t term_%s[] = {\n", book->name);
    for (unsigned i = 0; i < book->count * book->digits; i++)
        write_number(file, i, (int)(GRID_ROW * term_of(book, i / book->digits, i % book->digits)));
    fprintf(file, "};\n");
}

static void write_grid(FILE *file, struct work *work)
{
    static const char *const parts[] = {"point", "code", "term", "place", "near", "list", "terms"};
    const struct book *book = work->book;

    write_lists(file, work);
    write_keys(file, work);
    write_points(file, book);
    fprintf(file, "const struct grid grid_%s = {%u, %u, %u", book->name, book->digits, book->base,
            book->count);
    for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++)
        fprintf(file, ", %s_%s", parts[i], book->name);
    fprintf(file, "};\n");
}

int main(int argc, char **argv)
{
    static struct work work;
    FILE *file = argc == 2 ? fopen(argv[1], "w") : NULL;
    bool failed = false;

    if (!file)
        return 2;
    fprintf(file, "#include \"quant/kernel/grid.h\"\n");
    for (unsigned i = 0; i < sizeof(books) / sizeof(*books) && !failed; i++) {
        failed = !work_start(&books[i], &work);
        if (!failed)
            write_grid(file, &work);
    }
    failed = ferror(file) || failed;
    return fclose(file) != 0 || failed;
}
