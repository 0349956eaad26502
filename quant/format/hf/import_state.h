#ifndef QUANT_FORMAT_HF_IMPORT_STATE_H
#define QUANT_FORMAT_HF_IMPORT_STATE_H

#include "quant/format/hf/import.h"

/* Private to import.c and saved.c. */
struct hf_import {
    struct hf_weights weights;
    struct hf_plan *plan;
    uint8_t *header;
    size_t header_size;
    enum type type;
};

#endif
