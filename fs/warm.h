#ifndef FS_WARM_H
#define FS_WARM_H

#include <stddef.h>
#include <stdint.h>

#include "quant/view.h"

/*
 * A range of a view will be asked for soon: the kernel is asked to have the source bytes that it is
 * made of in the page cache by then. Returns how many they are. Not for threads that must not wait:
 * the disk's queue may be full.
 */
uint64_t warm_source(const struct view *view, uint64_t offset, size_t size);

#endif
