#ifndef FS_MEMORY_H
#define FS_MEMORY_H

#include <stdint.h>

/* Bytes of memory that this process may fill: the machine's, or its control group's if that has
 * less. */
uint64_t memory_size(void);

/* The limit of the control group, of version 1 or 2, and of those above it; UINT64_MAX: none. The
 * files are /proc/self/cgroup and /proc/self/mountinfo but in tests. */
uint64_t memory_limit(const char *groups, const char *mounts);

#endif
