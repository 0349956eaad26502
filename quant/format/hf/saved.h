#ifndef QUANT_FORMAT_HF_SAVED_H
#define QUANT_FORMAT_HF_SAVED_H

#include "quant/format/hf/import.h"

/*
 * An import as bytes, so that the next one of the same files reads none of them: a vocabulary takes
 * a tenth of a second. Who keeps them knows the files by their versions, and vouches for the bytes;
 * they are checked all the same, so that no wrong ones reach beyond a file.
 */

/* A number of the sources of all that is in quant/format: bytes that were saved by others may stand
 * for another file than these would make. */
uint32_t hf_import_save_version(void);

/* *data is malloc'ed. -ENOMEM. */
MUST_USE int hf_import_save(const struct hf_import *import, uint8_t **data, size_t *size);
/* As hf_import_open(). `data` is malloc'ed and taken over, also after an error. -EBADMSG: it is no
 * import of this directory; -ENOMEM. */
MUST_USE int hf_import_load(const struct hf_directory *directory, uint8_t *data, size_t size,
                            struct hf_import **import);

#endif
