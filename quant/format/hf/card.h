#ifndef QUANT_FORMAT_HF_CARD_H
#define QUANT_FORMAT_HF_CARD_H

#include <stdbool.h>
#include <stddef.h>

#include "quant/format/hf/files.h"
#include "quant/format/hf/kv.h"

/*
 * The model card: the YAML at the head of a README.md (import.md 4.1), read by libyaml. Values are
 * known by numbers; 0 is none.
 */
struct hf_card;

enum hf_card_kind {
    HF_CARD_NONE,
    HF_CARD_NULL,
    HF_CARD_TEXT,
    HF_CARD_FALSE, /* a scalar that is no string, and false to Python: false, no, 0, 0.0 */
    HF_CARD_OTHER, /* any other scalar that is no string: true, 1.0, 2024-01-01 */
    HF_CARD_LIST,
    HF_CARD_MAP,
};

/*
 * Reads it. A card that is none, or that cannot be read (where the reference converter stops), is
 * an empty one: it only describes the model. -EIO, -ENOMEM: *defect.
 */
MUST_USE int hf_card_read(const struct hf_directory *directory, struct hf_card **card,
                          struct defect *defect);
void hf_card_free(struct hf_card *card);

/* Does README.md, all of it, have a text in it, whatever the case of its letters? False also where
 * there is none, or one that is too large. -EIO, -ENOMEM: *defect. */
MUST_USE int hf_card_mentions(const struct hf_directory *directory, const char *text, bool *found,
                              struct defect *defect);

/* The whole: a map; 0 if the card is empty. */
int hf_card_root(const struct hf_card *card);
enum hf_card_kind hf_card_kind(const struct hf_card *card, int value);
/* The member of a map, the last one of that name; 0: none. */
int hf_card_member(const struct hf_card *card, int map, const char *name);
/* Elements of a list. */
size_t hf_card_count(const struct hf_card *card, int list);
int hf_card_element(const struct hf_card *card, int list, size_t i);
/* The text of any scalar, as it is written; else an empty one. */
struct hf_text hf_card_text(const struct hf_card *card, int value);

#endif
