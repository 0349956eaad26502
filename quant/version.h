#ifndef QUANT_VERSION_H
#define QUANT_VERSION_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <time.h>

/* What tells one state of an input file from another (design.md, "version"). */
struct version {
    uint64_t device;
    uint64_t inode;
    uint64_t size;
    struct timespec mtime;
    struct timespec ctime;
};

bool times_equal(struct timespec a, struct timespec b);
bool time_is_later(struct timespec a, struct timespec b); /* a than b */

struct version version_of(const struct stat *st);
bool version_equal(const struct version *a, const struct version *b);
/* The same number of them, each equal to its like. */
bool versions_equal(const struct version *a, unsigned a_count, const struct version *b,
                    unsigned b_count);

/*
 * Younger than 2 s at `now`, or from the future: such a version cannot be trusted to tell two
 * states apart (design.md, "Young"). `now` is CLOCK_REALTIME.
 */
bool version_young(const struct version *version, struct timespec now);
/* Is any of them young now? */
bool versions_young(const struct version *versions, unsigned count);

#endif
