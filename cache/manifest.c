#include "cache/manifest.h"

#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/*
 * The payload, version 1:
 *
 *   OFFSET  SIZE  DESCRIPTION
 *        0     4  n: count of slots, little-endian
 *        4     4  zero
 *        8  32*n  slots: the name of a chunk's object, or zeros: not known
 */
struct payload {
    uint32_t count;
    uint32_t zero;
    struct name slots[];
};

_Static_assert(sizeof(struct payload) == 8, "on disk");
_Static_assert(offsetof(struct payload, count) == 0, "on disk");
_Static_assert(offsetof(struct payload, zero) == 4, "on disk");
_Static_assert(offsetof(struct payload, slots) == 8, "on disk");
_Static_assert(sizeof(struct name) == 32, "on disk");

struct manifest {
    uint32_t count;
    size_t size; /* of the payload */
    struct payload *payload;
};

int manifest_new(uint32_t count, struct manifest **out)
{
    size_t slots = (size_t)count * sizeof(struct name);
    struct manifest *manifest;

    if (count == 0 || count > MANIFEST_SLOTS_MAX)
        return -EINVAL;
    manifest = calloc(1, sizeof(*manifest));
    if (!manifest)
        return -ENOMEM;
    manifest->count = count;
    manifest->size = sizeof(struct payload) + slots;
    manifest->payload = calloc(1, manifest->size);
    if (!manifest->payload) {
        free(manifest);
        return -ENOMEM;
    }
    manifest->payload->count = htole32(count);
    *out = manifest;
    return 0;
}

void manifest_free(struct manifest *manifest)
{
    if (manifest)
        free(manifest->payload);
    free(manifest);
}

int manifest_copy(const struct manifest *manifest, struct manifest **copy)
{
    int r = manifest_new(manifest->count, copy);

    if (r == 0)
        manifest_merge(*copy, manifest);
    return r;
}

uint32_t manifest_count(const struct manifest *manifest)
{
    return manifest->count;
}

uint32_t manifest_known(const struct manifest *manifest)
{
    uint32_t known = 0;

    for (uint32_t i = 0; i < manifest->count; i++)
        known += !name_is_zero(&manifest->payload->slots[i]);
    return known;
}

bool manifest_get(const struct manifest *manifest, uint32_t index, struct name *name)
{
    if (index >= manifest->count || name_is_zero(&manifest->payload->slots[index]))
        return false;
    *name = manifest->payload->slots[index];
    return true;
}

bool manifest_set(struct manifest *manifest, uint32_t index, const struct name *name)
{
    assert(index < manifest->count);
    if (name_equal(&manifest->payload->slots[index], name))
        return false;
    manifest->payload->slots[index] = *name;
    return true;
}

void manifest_merge(struct manifest *manifest, const struct manifest *other)
{
    if (manifest->count != other->count)
        return;
    for (uint32_t i = 0; i < manifest->count; i++)
        if (name_is_zero(&manifest->payload->slots[i]))
            manifest->payload->slots[i] = other->payload->slots[i];
}

const void *manifest_payload(const struct manifest *manifest, size_t *size)
{
    *size = manifest->size;
    return manifest->payload;
}

int manifest_parse(const void *payload, size_t size, struct manifest **out)
{
    struct payload head;
    uint32_t count;
    int r;

    if (size < sizeof(head))
        return -EBADMSG;
    memcpy(&head, payload, sizeof(head));
    count = le32toh(head.count);
    if (head.zero != 0 || count == 0 || count > MANIFEST_SLOTS_MAX ||
        (size - sizeof(head)) % sizeof(struct name) != 0 ||
        (size - sizeof(head)) / sizeof(struct name) != count)
        return -EBADMSG;
    r = manifest_new(count, out);
    if (r == 0)
        memcpy((*out)->payload->slots, (const char *)payload + sizeof(head), size - sizeof(head));
    return r;
}
