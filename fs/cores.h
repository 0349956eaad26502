#ifndef FS_CORES_H
#define FS_CORES_H

/* How many threads convert: `wanted`, or, if that is not positive, as many as this process may run
 * at once (which may be fewer than the machine could). At least 1; there is an upper limit. */
unsigned cores_count(int wanted);

#endif
