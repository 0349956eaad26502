#ifndef FS_MEMORY_H
#define FS_MEMORY_H

#include <stdint.h>

/* Bytes of memory that this process may fill: the machine's, or its control group's if that has
 * less. */
uint64_t memory_size(void);

#endif
