#include "quant/format/hf/kv.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "quant/format/gguf.h"
#include "quant/format/hf/index.h"

/* One key with its value as it stands in the file, behind the type. */
struct entry {
    enum gguf_type type;
    uint8_t *value;
    uint64_t size; /* of the value */
};

struct hf_kv {
    struct entry *entries;
    struct hf_text *names; /* of the entries, ended by a zero */
    struct hf_index index; /* of the names: a model card may list many things */
    size_t count, room;
    int error;
};

int hf_kv_new(struct hf_kv **kv)
{
    *kv = calloc(1, sizeof(**kv));
    return *kv ? 0 : -ENOMEM;
}

void hf_kv_free(struct hf_kv *kv)
{
    if (!kv)
        return;
    for (size_t i = 0; i < kv->count; i++) {
        free((char *)(uintptr_t)kv->names[i].text);
        free(kv->entries[i].value);
    }
    hf_index_free(&kv->index);
    free(kv->names);
    free(kv->entries);
    free(kv);
}

int hf_kv_error(const struct hf_kv *kv)
{
    return kv->error;
}

/* --- entries ------------------------------------------------------------------------------------
 */

static struct entry *find(const struct hf_kv *kv, const char *key)
{
    uint32_t place;

    return hf_index_find(&kv->index, kv->names, key, strlen(key), &place) ? &kv->entries[place]
                                                                          : NULL;
}

static bool make_room(struct hf_kv *kv)
{
    size_t room = kv->room ? 2 * kv->room : 64;
    struct entry *entries;
    struct hf_text *names;

    if (kv->count < kv->room)
        return true;
    entries = reallocarray(kv->entries, room, sizeof(*entries));
    if (entries)
        kv->entries = entries;
    names = entries ? reallocarray(kv->names, room, sizeof(*names)) : NULL;
    if (!names)
        return false;
    kv->names = names;
    kv->room = room;
    return true;
}

/* The key's entry, new and last where there is none. */
static struct entry *take(struct hf_kv *kv, const char *key)
{
    struct entry *entry = find(kv, key);
    uint32_t place = (uint32_t)kv->count;
    char *name;

    if (entry || !make_room(kv))
        return entry;
    name = strdup(key);
    if (!name)
        return NULL;
    kv->entries[place] = (struct entry){0};
    kv->names[place] = (struct hf_text){name, strlen(name)};
    if (hf_index_add(&kv->index, kv->names, &place) < 0) {
        free(name);
        return NULL;
    }
    kv->count++;
    return &kv->entries[place];
}

/* Makes room for a value of `size` bytes under the key; NULL: an error, which stays. */
static uint8_t *set(struct hf_kv *kv, const char *key, enum gguf_type type, size_t size)
{
    uint8_t *value = kv->error ? NULL : malloc(size ? size : 1);
    struct entry *entry = value ? take(kv, key) : NULL;

    if (!entry) {
        free(value);
        if (!kv->error)
            kv->error = -ENOMEM;
        return NULL;
    }
    free(entry->value);
    entry->type = type;
    entry->value = value;
    entry->size = size;
    return value;
}

static uint8_t *put_u32(uint8_t *out, uint32_t value)
{
    value = htole32(value);
    memcpy(out, &value, sizeof(value));
    return out + sizeof(value);
}

static uint8_t *put_u64(uint8_t *out, uint64_t value)
{
    value = htole64(value);
    memcpy(out, &value, sizeof(value));
    return out + sizeof(value);
}

static uint8_t *put_text(uint8_t *out, const char *text, size_t size)
{
    out = put_u64(out, size);
    if (size > 0)
        memcpy(out, text, size);
    return out + size;
}

static int set_word(struct hf_kv *kv, const char *key, enum gguf_type type, uint32_t bits)
{
    uint8_t *value = set(kv, key, type, sizeof(bits));

    if (value)
        (void)put_u32(value, bits);
    return kv->error;
}

/* An array's value: element type, count, and room for the elements. NULL: nothing to write. */
static uint8_t *set_array(struct hf_kv *kv, const char *key, enum gguf_type type, size_t count,
                          size_t bytes)
{
    uint8_t *value = count > 0 ? set(kv, key, GGUF_ARRAY, 12 + bytes) : NULL;

    return value ? put_u64(put_u32(value, type), count) : NULL;
}

/* Elements of four bytes; a float's are its bits. */
static int set_words(struct hf_kv *kv, const char *key, enum gguf_type type, const void *values,
                     size_t count)
{
    uint8_t *out = set_array(kv, key, type, count, count * sizeof(uint32_t));
    uint32_t word;

    for (size_t i = 0; out && i < count; i++) {
        memcpy(&word, (const uint8_t *)values + i * sizeof(word), sizeof(word));
        out = put_u32(out, word);
    }
    return kv->error;
}

/* --- values -------------------------------------------------------------------------------------
 */

int hf_kv_u32(struct hf_kv *kv, const char *key, uint32_t value)
{
    return set_word(kv, key, GGUF_U32, value);
}

int hf_kv_i32(struct hf_kv *kv, const char *key, int32_t value)
{
    return set_word(kv, key, GGUF_I32, (uint32_t)value);
}

int hf_kv_u64(struct hf_kv *kv, const char *key, uint64_t value)
{
    uint8_t *out = set(kv, key, GGUF_U64, sizeof(value));

    if (out)
        (void)put_u64(out, value);
    return kv->error;
}

int hf_kv_f32(struct hf_kv *kv, const char *key, float value)
{
    uint32_t bits;

    memcpy(&bits, &value, sizeof(bits));
    return set_word(kv, key, GGUF_F32, bits);
}

int hf_kv_bool(struct hf_kv *kv, const char *key, bool value)
{
    uint8_t *out = set(kv, key, GGUF_BOOL, 1);

    if (out)
        *out = value;
    return kv->error;
}

int hf_kv_string(struct hf_kv *kv, const char *key, const char *text, size_t size)
{
    uint8_t *out = size > 0 ? set(kv, key, GGUF_STRING, 8 + size) : NULL;

    if (out)
        (void)put_text(out, text, size);
    return kv->error;
}

int hf_kv_strings(struct hf_kv *kv, const char *key, const struct hf_text *values, size_t count)
{
    size_t bytes = 0;
    uint8_t *out;

    for (size_t i = 0; i < count; i++)
        bytes += 8 + values[i].size; /* the texts are in memory: no overflow */
    out = set_array(kv, key, GGUF_STRING, count, bytes);
    for (size_t i = 0; out && i < count; i++)
        out = put_text(out, values[i].text, values[i].size);
    return kv->error;
}

int hf_kv_u32s(struct hf_kv *kv, const char *key, const uint32_t *values, size_t count)
{
    return set_words(kv, key, GGUF_U32, values, count);
}

int hf_kv_i32s(struct hf_kv *kv, const char *key, const int32_t *values, size_t count)
{
    return set_words(kv, key, GGUF_I32, values, count);
}

int hf_kv_f32s(struct hf_kv *kv, const char *key, const float *values, size_t count)
{
    return set_words(kv, key, GGUF_F32, values, count);
}

int hf_kv_bools(struct hf_kv *kv, const char *key, const bool *values, size_t count)
{
    uint8_t *out = set_array(kv, key, GGUF_BOOL, count, count);

    for (size_t i = 0; out && i < count; i++)
        *out++ = values[i];
    return kv->error;
}

int hf_kv_u8s(struct hf_kv *kv, const char *key, const uint8_t *values, size_t count)
{
    uint8_t *out = set_array(kv, key, GGUF_U8, count, count);

    if (out)
        memcpy(out, values, count);
    return kv->error;
}

/* --- the whole ----------------------------------------------------------------------------------
 */

bool hf_kv_has(const struct hf_kv *kv, const char *key)
{
    return find(kv, key) != NULL;
}

bool hf_kv_get_string(const struct hf_kv *kv, const char *key, struct hf_text *value)
{
    const struct entry *entry = find(kv, key);

    if (!entry || entry->type != GGUF_STRING)
        return false;
    *value = (struct hf_text){(const char *)entry->value + 8, (size_t)entry->size - 8};
    return true;
}

size_t hf_kv_count(const struct hf_kv *kv)
{
    return kv->count;
}

uint64_t hf_kv_size(const struct hf_kv *kv)
{
    uint64_t size = 0;

    for (size_t i = 0; i < kv->count; i++)
        size += 8 + kv->names[i].size + 4 + kv->entries[i].size;
    return size;
}

void hf_kv_write(const struct hf_kv *kv, uint8_t *out)
{
    const struct entry *entry;

    for (size_t i = 0; i < kv->count; i++) {
        entry = &kv->entries[i];
        out = put_text(out, kv->names[i].text, kv->names[i].size);
        out = put_u32(out, entry->type);
        memcpy(out, entry->value, (size_t)entry->size);
        out += entry->size;
    }
}
