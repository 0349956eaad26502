#ifndef QUANT_FORMAT_IMATRIX_STATE_H
#define QUANT_FORMAT_IMATRIX_STATE_H

#include "quant/format/imatrix.h"

/* Private to imatrix.c and imatrix_*.c. */

/* Room for one more entry, which is empty and counts already; NULL: no memory. */
MUST_USE struct imatrix_entry *imatrix_add(struct imatrix *imatrix);

/* Room for the values of an entry, all zero. `count` is not more than the file has bytes. */
MUST_USE int imatrix_take_values(struct imatrix *imatrix, struct imatrix_entry *entry,
                                 uint64_t count);

/* -errno of pread() as -EIO with *defect; -ENODATA: the file has become shorter. */
MUST_USE int imatrix_load(int fd, uint64_t offset, void *data, size_t size, struct defect *defect);

/* The two formats. -ENOEXEC of the first: another magic, so try the second. Entries in any order.
 */
MUST_USE int imatrix_read_gguf(int fd, uint64_t size, struct imatrix *imatrix,
                               struct defect *defect);
MUST_USE int imatrix_read_legacy(int fd, uint64_t size, struct imatrix *imatrix,
                                 struct defect *defect);

#endif
