#ifndef QUANT_FORMAT_HF_PIECES_H
#define QUANT_FORMAT_HF_PIECES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "quant/format/hf/files.h"
#include "quant/format/hf/kv.h"

enum hf_piece_type {
    HF_PIECE_NORMAL = 1,
    HF_PIECE_UNKNOWN = 2,
    HF_PIECE_CONTROL = 3,
    HF_PIECE_USER_DEFINED = 4,
    HF_PIECE_UNUSED = 5,
    HF_PIECE_BYTE = 6,
};

struct hf_piece {
    struct hf_text text; /* UTF-8, not empty */
    float score;
    enum hf_piece_type type;
};

enum hf_pieces_model {
    HF_PIECES_UNIGRAM = 1,
    HF_PIECES_BPE = 2,
};

/* A SentencePiece model, as far as a header needs it: texts live in the file's bytes. */
struct hf_pieces {
    char *file;
    struct hf_piece *pieces;
    size_t count;
    uint64_t model; /* of the trainer: enum hf_pieces_model, or another */
    bool add_dummy_prefix, remove_extra_whitespaces;
    struct hf_text charsmap; /* precompiled */
};

/*
 * Reads one. The file is protobuf (sentencepiece_model.proto): of its three dozen fields six are
 * needed, of two wire types; so it is read here and not by a library. Nothing is entered but
 * messages that are wanted, so depth is bounded. -ENOENT: not there. -EINVAL, -EFBIG, ...: *defect
 * names the file; -ENOMEM.
 */
MUST_USE int hf_pieces_read(const struct hf_directory *directory, const char *name,
                            struct hf_pieces *pieces, struct defect *defect);
void hf_pieces_free(struct hf_pieces *pieces);

#endif
