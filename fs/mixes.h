#ifndef FS_MIXES_H
#define FS_MIXES_H

#include <limits.h>

#include "fs/root.h"
#include "quant/mix.h"
#include "quant/version.h"

/* Files NAME.mix of a directory. Reads directories and files: for workers. */

/* The length of NAME, if it is a file of that kind; else 0. */
size_t mixes_name(const char *file);

/* The file of the mix of that name, which is in lower case; of several the first in the order of
 * bytes. -ENOENT: there is none. */
MUST_USE int mixes_find(const struct root *root, const char *directory, const char *name,
                        char file[NAME_MAX + 1]);

/* The mix in the file open as `fd`, which stays the caller's; *version is the file's before and
 * after. -EAGAIN: it changed meanwhile. Others as of mix_parse() and read(). */
MUST_USE int mixes_read(int fd, struct mix **mix, struct version *version, struct defect *defect);

#endif
