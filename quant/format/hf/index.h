#ifndef QUANT_FORMAT_HF_INDEX_H
#define QUANT_FORMAT_HF_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "quant/format/hf/kv.h"

/*
 * Finds texts of an array that somebody else has: text to place in it. Keyed with random bytes, so
 * that no file can be made of texts that collide. Begins as {0}.
 */
struct hf_index {
    uint64_t *slots; /* high half: of the hash; low half: place + 1, or 0 */
    size_t mask, count;
    uint64_t key[2];
};

/* Makes room for so many. -ENOMEM. */
MUST_USE int hf_index_reserve(struct hf_index *index, const struct hf_text *texts, size_t count);
/*
 * Adds texts[place]. If the same text is there already, *place becomes its place and nothing is
 * added: -EEXIST. -ENOMEM.
 */
MUST_USE int hf_index_add(struct hf_index *index, const struct hf_text *texts, uint32_t *place);
/* Puts `place` in the place of one that has the same text, or adds it. -ENOMEM. */
MUST_USE int hf_index_replace(struct hf_index *index, const struct hf_text *texts, uint32_t place);
bool hf_index_find(const struct hf_index *index, const struct hf_text *texts, const char *text,
                   size_t size, uint32_t *place);
void hf_index_free(struct hf_index *index);

#endif
