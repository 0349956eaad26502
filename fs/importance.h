#ifndef FS_IMPORTANCE_H
#define FS_IMPORTANCE_H

#include <limits.h>

#include "quant/source.h"

/* Where an importance matrix is looked for, in this order: first beside the model, then in the
 * directory that the mount was told of. */
#define IMPORTANCE_PLACES_BESIDE 4
#define IMPORTANCE_PLACES 6

/* The name of the file at a place; `model` is the name of the model's first file. False: it would
 * be too long for any file. */
bool importance_name(const char *model, unsigned place, char name[NAME_MAX + 1]);

/*
 * Reads the importance matrix in the file open as `fd`, which stays the caller's. `name` is what a
 * header calls it. *version is the file's before and after; -EAGAIN: it changed meanwhile. -EISDIR,
 * -ENXIO: no regular file. Others as of imatrix_read(). *defect is filled in every case.
 */
MUST_USE int importance_read(int fd, const char *name, struct imatrix **imatrix,
                             struct version *version, struct defect *defect);

#endif
