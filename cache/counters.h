#ifndef CACHE_COUNTERS_H
#define CACHE_COUNTERS_H

#include <stdint.h>

#include "cache/key.h"
#include "cache/place.h"

/*
 * What processes count, kept in the directory for `quantfs cache stats`: files in counters/, each
 * an object of kind "counters" whose payload is COUNTERS numbers, and whose sum is the state.
 *
 * A file is never changed. Each write is a new file with what was counted since the last one; it
 * takes in what others have left where they are many. To take a file is to unlink it: only one
 * process can. So nothing is locked and nothing counted twice; a process killed between the two
 * loses a little.
 */
enum counter {
    COUNTER_HITS,
    COUNTER_MISSES,
    COUNTER_DAMAGED,
    COUNTER_PUTS,
    COUNTER_DROPPED,
    COUNTER_EVICTED,
    COUNTER_RECORD_HITS,
    COUNTER_RECORD_MISSES,
    COUNTERS,
};

struct counters {
    uint64_t values[COUNTERS];
};

void counters_add(struct counters *sum, const struct counters *other);

/* After an error nothing is on disk, and *counters holds what is to be written another time. */
MUST_USE int counters_write(struct key *key, const struct place *place, struct counters *counters);
/* Adds what all files say. Damaged ones say nothing. */
MUST_USE int counters_read(struct key *key, const struct place *place, struct counters *sum);
/* Removes all files. */
void counters_clear(const struct place *place);

#endif
