#ifndef FS_IMPORTANCE_H
#define FS_IMPORTANCE_H

#include "quant/source.h"

/*
 * Reads the importance matrix in the file open as `fd`, which stays the caller's. `name` is what a
 * header calls it. *version is the file's before and after; -EAGAIN: it changed meanwhile. -EISDIR,
 * -ENXIO: no regular file. Others as of imatrix_read(). *defect is filled in every case.
 */
MUST_USE int importance_read(int fd, const char *name, struct imatrix **imatrix,
                             struct version *version, struct defect *defect);

#endif
