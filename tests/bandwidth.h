#ifndef TESTS_BANDWIDTH_H
#define TESTS_BANDWIDTH_H

#include <stddef.h>

/*
 * Bytes a second that `threads` threads together read and write, as kernels use memory: each goes
 * once through numbers of its own in order and writes half as many bytes, with the stores of any
 * program, so that a line comes from memory before it is written; only what is read and written is
 * counted. `size` is what each reads, far more than the caches hold. By the CPU time of each
 * thread, as kernels are measured, and the best of some rounds, since others use the machine, too.
 * 0: there is not so much memory.
 */
double bandwidth_measure(unsigned threads, size_t size);

#endif
