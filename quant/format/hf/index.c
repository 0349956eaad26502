#include "quant/format/hf/index.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SLOTS_MIN ((size_t)64)

static uint64_t turn(uint64_t value, unsigned bits)
{
    return value << bits | value >> (64 - bits);
}

static void mix(uint64_t v[4])
{
    v[0] += v[1];
    v[2] += v[3];
    v[1] = turn(v[1], 13) ^ v[0];
    v[3] = turn(v[3], 16) ^ v[2];
    v[0] = turn(v[0], 32);
    v[2] += v[1];
    v[0] += v[3];
    v[1] = turn(v[1], 17) ^ v[2];
    v[3] = turn(v[3], 21) ^ v[0];
    v[2] = turn(v[2], 32);
}

/* SipHash-1-3 (Aumasson and Bernstein), whose collisions nobody finds without the key. */
static uint64_t hash_of(const struct hf_index *index, const char *text, size_t size)
{
    uint64_t v[4] = {
        index->key[0] ^ UINT64_C(0x736f6d6570736575), index->key[1] ^ UINT64_C(0x646f72616e646f6d),
        index->key[0] ^ UINT64_C(0x6c7967656e657261), index->key[1] ^ UINT64_C(0x7465646279746573)};
    uint64_t word, last = (uint64_t)size << 56;
    size_t at = 0;

    for (; size - at >= 8; at += 8) {
        memcpy(&word, text + at, 8);
        word = le64toh(word);
        v[3] ^= word;
        mix(v);
        v[0] ^= word;
    }
    for (size_t i = 0; at + i < size; i++)
        last |= (uint64_t)(unsigned char)text[at + i] << 8 * i;
    v[3] ^= last;
    mix(v);
    v[0] ^= last;
    v[2] ^= 0xff;
    for (int i = 0; i < 3; i++)
        mix(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

/* The slot of the text, or the free one where it would be. */
static uint64_t *slot_of(const struct hf_index *index, const struct hf_text *texts,
                         const char *text, size_t size, uint64_t hash)
{
    size_t at = hash & index->mask;
    const struct hf_text *other;

    for (;; at = (at + 1) & index->mask) {
        if (index->slots[at] == 0)
            return &index->slots[at];
        if (index->slots[at] >> 32 != hash >> 32)
            continue;
        other = &texts[(uint32_t)index->slots[at] - 1];
        if (other->size == size && memcmp(other->text, text, size) == 0)
            return &index->slots[at];
    }
}

/* So that at least half of the slots stay free. */
int hf_index_reserve(struct hf_index *index, const struct hf_text *texts, size_t count)
{
    struct hf_index wider = *index;
    size_t slots = index->slots ? index->mask + 1 : SLOTS_MIN;
    const struct hf_text *text;
    uint64_t hash;

    while (slots < 2 * count)
        slots *= 2;
    if (index->slots && slots == index->mask + 1)
        return 0;
    if (!index->slots && getentropy(wider.key, sizeof(wider.key)) < 0)
        return -errno;
    wider.slots = calloc(slots, sizeof(*wider.slots));
    if (!wider.slots)
        return -ENOMEM;
    wider.mask = slots - 1;
    for (size_t i = 0; index->slots && i <= index->mask; i++) {
        if (index->slots[i] == 0)
            continue;
        text = &texts[(uint32_t)index->slots[i] - 1];
        hash = hash_of(&wider, text->text, text->size);
        *slot_of(&wider, texts, text->text, text->size, hash) = index->slots[i];
    }
    free(index->slots);
    *index = wider;
    return 0;
}

static int put(struct hf_index *index, const struct hf_text *texts, uint32_t *place, bool replace)
{
    const struct hf_text *text = &texts[*place];
    uint64_t hash, *slot;
    int r = hf_index_reserve(index, texts, index->count + 1);

    if (r < 0)
        return r;
    hash = hash_of(index, text->text, text->size);
    slot = slot_of(index, texts, text->text, text->size, hash);
    if (*slot && !replace) {
        *place = (uint32_t)*slot - 1;
        return -EEXIST;
    }
    index->count += *slot == 0;
    *slot = hash >> 32 << 32 | (*place + 1);
    return 0;
}

int hf_index_add(struct hf_index *index, const struct hf_text *texts, uint32_t *place)
{
    return put(index, texts, place, false);
}

int hf_index_replace(struct hf_index *index, const struct hf_text *texts, uint32_t place)
{
    return put(index, texts, &place, true);
}

bool hf_index_find(const struct hf_index *index, const struct hf_text *texts, const char *text,
                   size_t size, uint32_t *place)
{
    uint64_t *slot;

    if (!index->slots)
        return false;
    slot = slot_of(index, texts, text, size, hash_of(index, text, size));
    if (*slot == 0)
        return false;
    *place = (uint32_t)*slot - 1;
    return true;
}

void hf_index_free(struct hf_index *index)
{
    free(index->slots);
    *index = (struct hf_index){0};
}
