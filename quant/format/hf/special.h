#ifndef QUANT_FORMAT_HF_SPECIAL_H
#define QUANT_FORMAT_HF_SPECIAL_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "quant/format/hf/files.h"
#include "quant/format/hf/kv.h"

/* What a token of a special number is for. The first seven are looked for in this order. */
enum hf_special_kind {
    HF_BOS,
    HF_EOS,
    HF_UNK,
    HF_SEP,
    HF_PAD,
    HF_CLS,
    HF_MASK,
    HF_EOT,
    HF_EOM,
    HF_SPECIAL_COUNT,
};

/* No limit to the number of a special token. */
#define HF_NO_LIMIT UINT64_MAX

/*
 * Special numbers, add_* flags, chat template and normalizer flags of a tokenizer (import.md 6.4,
 * import-2 3.7), from tokenizer.json, tokenizer_config.json and config.json.
 */
struct hf_special {
    enum hf_special_kind kinds[HF_SPECIAL_COUNT]; /* those that are looked for */
    unsigned kind_count;

    bool has_id[HF_SPECIAL_COUNT];
    uint32_t ids[HF_SPECIAL_COUNT];
    enum hf_special_kind found[HF_SPECIAL_COUNT]; /* in the order in which numbers were found */
    unsigned found_count;

    bool has_flag[HF_SPECIAL_COUNT], flags[HF_SPECIAL_COUNT];
    enum hf_special_kind flagged[HF_SPECIAL_COUNT]; /* in the order in which flags were first set */
    unsigned flagged_count;

    json_t *chat_template;             /* a string or an array; or NULL */
    int nfc, lowercase, strip_accents; /* 0, 1; -1: not set */
    uint64_t limit;                    /* numbers are below it */
};

/* What they are found in. */
struct hf_special_files {
    const struct hf_directory *directory;
    const json_t *tokenizer; /* tokenizer.json; NULL: there is none. Large members may be missing */
    const json_t *tokenizer_config; /* NULL: there is none */
    const json_t *config;           /* config.json as it is */
};

/*
 * Finds them; `limit`: numbers are below it. A negative number counts as none. Frees nothing of
 * `files`. -ENOMEM; -EINVAL and the like of a chat template's file: *defect.
 */
MUST_USE int hf_special_find(const struct hf_special_files *files, uint64_t limit,
                             struct hf_special *special, struct defect *defect);

/* The second pass over CodeLlama and Gemma: of the kinds that it looks for only eot has a key. */
MUST_USE int hf_special_find_eot(const struct hf_special_files *files, struct hf_special *special,
                                 struct defect *defect);

/* Sets a number unless the kind has one or the limit forbids it. */
void hf_special_set(struct hf_special *special, enum hf_special_kind kind, uint32_t id);

/* Writes the keys. -ENOMEM. */
MUST_USE int hf_special_write(const struct hf_special *special, struct hf_kv *kv);
void hf_special_free(struct hf_special *special);

#endif
