#include "quant/view_added.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "quant/rules.h"

/* Those that are not overrides: at most so many. */
#define ADDED_MAX 16

static void set_key(struct view_added *added, const struct view_added_key *key)
{
    for (size_t i = 0; i < added->count; i++)
        if (strcmp(added->keys[i].name, key->name) == 0) {
            memmove(&added->keys[i], &added->keys[i + 1],
                    (added->count - i - 1) * sizeof(*added->keys));
            added->count--;
        }
    added->keys[added->count++] = *key;
}

static void set_number(struct view_added *added, const char *name, enum gguf_type type,
                       uint32_t bits)
{
    set_key(added, &(struct view_added_key){.name = name, .type = type, .bits = bits});
}

static void set_string(struct view_added *added, const char *name, const char *text)
{
    set_key(added, &(struct view_added_key){.name = name, .type = GGUF_STRING, .text = text});
}

static void set_imatrix_keys(struct view_added *added, const struct imatrix *imatrix)
{
    set_string(added, "quantize.imatrix.file", imatrix->file);
    if (imatrix->has_dataset)
        set_string(added, "quantize.imatrix.dataset", imatrix->dataset);
    set_number(added, "quantize.imatrix.entries_count", GGUF_U32, (uint32_t)imatrix->count);
    if (imatrix->chunk_count > 0)
        set_number(added, "quantize.imatrix.chunks_count", GGUF_U32,
                   (uint32_t)imatrix->chunk_count);
}

static void set_override(struct view_added *added, const struct rules_override *override)
{
    struct view_added_key key = {.name = override->key, .text = override->text};
    float real = (float) override->real;

    switch (override->kind) {
    case RULES_INT:
        key.type = GGUF_U32;
        key.bits = rules_number(override);
        break;
    case RULES_FLOAT:
        key.type = GGUF_F32;
        memcpy(&key.bits, &real, sizeof(key.bits));
        break;
    case RULES_BOOL:
        key.type = GGUF_BOOL;
        key.bits = (uint32_t) override->number;
        break;
    case RULES_STRING:
        key.type = GGUF_STRING;
        break;
    }
    set_key(added, &key);
}

/* Of the file that has the source's keys. */
static void set_model_keys(struct view_added *added, const struct recipe *recipe)
{
    const struct rules *rules = recipe->rules;

    set_number(added, "general.quantization_version", GGUF_U32, 2);
    set_number(added, "general.file_type", GGUF_U32, recipe->ftype_number);
    for (size_t i = 0; rules && i < rules->override_count; i++)
        set_override(added, &rules->overrides[i]);
    if (recipe->imatrix)
        set_imatrix_keys(added, recipe->imatrix);
    if (recipe->pruned)
        set_number(added, recipe->block_count_key, GGUF_U32, recipe->block_count);
}

int view_added_make(const struct recipe *recipe, unsigned shard, struct view_added *added)
{
    size_t overrides = recipe->rules ? recipe->rules->override_count : 0;

    added->count = 0;
    added->keys = calloc(ADDED_MAX + overrides, sizeof(*added->keys));
    if (!added->keys)
        return -ENOMEM;
    if (shard == 0)
        set_model_keys(added, recipe);
    if (recipe->shard_count > 1) {
        set_number(added, "split.no", GGUF_U16, shard);
        set_number(added, "split.count", GGUF_U16, recipe->shard_count);
        set_number(added, "split.tensors.count", GGUF_I32, (uint32_t)recipe->count);
    }
    return 0;
}

void view_added_free(struct view_added *added)
{
    free(added->keys);
    *added = (struct view_added){0};
}

bool view_added_replaces(const struct view_added *added, const char *name)
{
    static const char *const of_set[] = {"split.no", "split.count", "split.tensors.count"};

    for (size_t i = 0; i < sizeof(of_set) / sizeof(of_set[0]); i++)
        if (strcmp(of_set[i], name) == 0)
            return true;
    for (size_t i = 0; i < added->count; i++)
        if (strcmp(added->keys[i].name, name) == 0)
            return true;
    return false;
}
