#ifndef QUANT_FORMAT_HF_IMPORT_H
#define QUANT_FORMAT_HF_IMPORT_H

#include "quant/format/hf/files.h"
#include "quant/format/hf/plan.h"

/*
 * A Hugging Face directory as the GGUF file that the reference converter would write of it: its
 * header, and a plan of how the tensors' bytes come from those of the directory.
 */
struct hf_import;

/*
 * Reads all but the weights. `type`: F32, F16, BF16 or Q8_0, the converter's --outtype; or
 * TYPE_NONE: the one that loses nothing, BF16 or F16 where all matrices are stored so, else F32.
 * `directory` and its files are the caller's and outlive the import.
 *
 * -ENOTSUP: a model, but of an architecture or with a tokenizer that is not supported; -EINVAL: the
 * directory is not usable; -ENODATA: a file is missing or cut, a download under way; -EIO, -ENOMEM.
 * *defect says what and why.
 */
MUST_USE int hf_import_open(const struct hf_directory *directory, enum type type,
                            struct hf_import **import, struct defect *defect);
/*
 * The same of the file that goes with it for llama.cpp's --mmproj: the vision part of a model that
 * sees (import-2.md 4). -ENOENT: the model does not see. -ENOTSUP: none of that kind, an audio
 * encoder, or tensors without the names that the converter looks for.
 */
MUST_USE int hf_import_open_projector(const struct hf_directory *directory, enum type type,
                                      struct hf_import **import, struct defect *defect);
/*
 * What can be told at once, without the tokenizer: that the architecture is supported and all
 * shards are there, and the type that hf_import_open() would find to lose nothing. Opening may
 * still fail. -EAGAIN: it cannot be told so; others as of hf_import_open().
 */
MUST_USE int hf_import_peek(const struct hf_directory *directory, enum type *type,
                            struct defect *defect);
void hf_import_free(struct hf_import *import);

/* The header, up to where the data begins: bytes 0 to *size of the file. */
const uint8_t *hf_import_header(const struct hf_import *import, size_t *size);
/* Its tensors; hf_plan_size() bytes of data follow the header. */
const struct hf_plan *hf_import_plan(const struct hf_import *import);

/* The outtype. */
enum type hf_import_type(const struct hf_import *import);

#endif
