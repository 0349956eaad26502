/*
 * If this fails, some file, cut, shrunk or hostile, makes the GGUF reader crash, or say things of a
 * file that are not so. What it accepts is held against the bytes, what it refuses has a reason.
 */
#include "quant/format/gguf.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"
#include "quant/source.h"
#include "quant/type.h"

/* Unlike assert() this stays in release builds. */
#define HOLDS(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition);         \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

static int file_of(const uint8_t *data, size_t size)
{
    int fd = memfd_create("fuzz", MFD_CLOEXEC);

    HOLDS(fd >= 0 && pwrite(fd, data, size, 0) == (ssize_t)size);
    return fd;
}

static uint64_t number(const uint8_t *data, size_t size)
{
    uint64_t value = 0;

    while (size-- > 0)
        value = value << 8 | data[size];
    return value;
}

static void hold_keys(const struct gguf *gguf, const uint8_t *data)
{
    uint64_t at = 24;
    const struct gguf_key *key;

    for (size_t i = 0; i < gguf->key_count; i++) {
        key = &gguf->keys[i];
        HOLDS(key->offset == at && key->value > at && key->end >= key->value);
        HOLDS(key->end <= gguf->data_offset);
        HOLDS(gguf_find(gguf, key->name) == key && key->name[0]);
        HOLDS(memcmp(data + key->offset + 8, key->name, strlen(key->name)) == 0);
        HOLDS(key->type < GGUF_TYPE_COUNT && key->subtype < GGUF_TYPE_COUNT);
        HOLDS((key->type == key->subtype) == (key->type != GGUF_ARRAY));
        if (key->type == GGUF_STRING)
            HOLDS(key->end == key->value + 8 + key->count &&
                  number(data + key->value, 8) == key->count);
        else if (key->subtype != GGUF_STRING)
            HOLDS(key->end - key->value == key->count * gguf_type_size(key->subtype));
        at = key->end;
    }
}

static void hold_tensors(const struct gguf *gguf, uint64_t size)
{
    const struct gguf_tensor *tensor;
    uint64_t end = gguf->data_offset, row, bytes;

    HOLDS(gguf->data_offset <= size);
    for (size_t i = 0; i < gguf->tensor_count; i++) {
        tensor = &gguf->tensors[i];
        HOLDS(tensor->n_dims <= 4 && strlen(tensor->name) < 64);
        HOLDS(tensor->offset >= end && tensor->offset - end < gguf->alignment);
        HOLDS(tensor->offset <= size && tensor->size <= size - tensor->offset);
        HOLDS((tensor->offset - gguf->data_offset) % gguf->alignment == 0);
        HOLDS(type_info(tensor->type));
        if (tensor->size > 0) {
            row = tensor->ne[1] * tensor->ne[2] * tensor->ne[3];
            HOLDS(type_size((enum type)tensor->type, tensor->ne[0], &bytes));
            HOLDS(bytes * row == tensor->size);
        }
        end = tensor->offset + tensor->size;
    }
}

static void hold_refusal(int r, const struct gguf *gguf, const struct defect *defect, uint64_t size)
{
    HOLDS(r == -EINVAL || r == -ENODATA || r == -ENOEXEC);
    HOLDS(defect->text[0] && strlen(defect->text) < sizeof(defect->text));
    HOLDS(defect->offset <= size);
    HOLDS(!gguf->keys && !gguf->tensors && !gguf->arena && !gguf->key_index);
}

static int open_copy(void *context, const char *name)
{
    int fd = dup(*(int *)context);

    (void)name;
    return fd < 0 ? -errno : fd;
}

/* The same file as a model, and as all shards of one. */
static void open_source(int fd, const struct gguf *gguf)
{
    struct source *source;
    const struct source_tensor *tensors;
    struct defect defect;
    size_t count;
    char text[16];
    uint32_t value;
    int r = source_open(open_copy, &fd, "f-00001-of-00002.gguf", &source, &defect);

    HOLDS((r == 0) == (source != NULL) && (r == 0 || defect.text[0]));
    if (r < 0)
        return;
    tensors = source_tensors(source, &count);
    HOLDS(count == gguf->tensor_count);
    for (size_t i = 0; i < count; i++)
        HOLDS(tensors[i].n_dims >= 1 && tensors[i].n_dims <= 4);
    for (size_t i = 0; i < gguf->key_count; i++) {
        r = source_key_string(source, gguf->keys[i].name, text, sizeof(text));
        HOLDS((r == 0 || r == -E2BIG) == (gguf->keys[i].type == GGUF_STRING));
        r = source_key_u32(source, gguf->keys[i].name, &value);
        HOLDS((r == 0) == (gguf->keys[i].type == GGUF_U32));
    }
    HOLDS(source_unchanged(source, 0) == 0);
    source_close(source);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct gguf gguf;
    struct defect defect;
    int fd = file_of(data, size), r;

    r = gguf_parse(fd, size, &gguf, &defect);
    if (r == 0) {
        hold_keys(&gguf, data);
        hold_tensors(&gguf, size);
        open_source(fd, &gguf);
    } else {
        hold_refusal(r, &gguf, &defect, size);
    }
    gguf_free(&gguf);

    /* The file becomes shorter than it was when it was measured. */
    HOLDS(ftruncate(fd, (off_t)(size / 2)) == 0);
    r = gguf_parse(fd, size, &gguf, &defect);
    if (r < 0)
        hold_refusal(r, &gguf, &defect, size);
    gguf_free(&gguf);
    (void)close(fd);
    return 0;
}
