/*
 * A GGUF file, version 2 or 3, all numbers little-endian:
 *
 *   magic "GGUF", version U32, number of tensors U64, number of keys U64
 *   keys           name STRING, type U32, value; an array's value: element type U32, count U64,
 *                  elements. STRING: length U64, bytes without an end
 *   tensor infos   name STRING, number of dimensions U32, dimensions U64 each, type U32,
 *                  offset U64 from the start of the data
 *   padding to the alignment (general.alignment, else 32), where there are tensors
 *   data           each tensor padded to the alignment, in the order of the infos, without gaps
 *
 * What holds: nothing is allocated for a record before the whole record before it was read, so
 * memory follows the bytes that are there and not the counts that the file claims; every name is
 * compared by a sort, so that no choice of names makes this slow.
 */
#include "quant/format/gguf.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "quant/format/gguf_state.h"

/* Limits of the reference tool's reader (ggml 0.27). */
#define KEYS_MAX (UINT64_MAX / 88)
#define TENSORS_MAX (UINT64_MAX / 344)

/* The smallest records: a key of one byte and a byte's value; a tensor without name and dimensions.
 */
#define KEY_SIZE_MIN 14
#define TENSOR_SIZE_MIN 24

static int read_magic(struct gguf_parser *p)
{
    static const char magic[4] = "GGUF";
    char found[4] = "", shown[5] = "????";
    size_t size = p->cursor.size < 4 ? (size_t)p->cursor.size : 4;

    p->part = "failed to read magic";
    cursor_take(&p->cursor, found, size);
    if (p->cursor.error)
        return gguf_unread(p);
    if (memcmp(found, magic, size) == 0) {
        if (size == 4)
            return 0;
        cursor_fail(&p->cursor, -ENODATA);
        return gguf_unread(p);
    }
    for (int i = 0; i < 4; i++)
        if (found[i] >= ' ' && found[i] <= '~')
            shown[i] = found[i];
    return defect_set(p->defect, ENOEXEC, 0, "invalid magic characters: '%s', expected 'GGUF'",
                      shown);
}

static int check_version(struct gguf_parser *p)
{
    uint32_t version = p->gguf->version;

    if (version == 0)
        return GGUF_BAD(p, 4, "%s: bad GGUF version: 0", p->part);
    if ((version & 0xffff) == 0)
        return GGUF_BAD(p, 4,
                        "%s: this GGUF file version %" PRIu32
                        " is extremely large, is there a mismatch "
                        "between the host and model endianness?",
                        p->part, version);
    if (version == 1)
        return GGUF_BAD(p, 4,
                        "%s: GGUFv1 is no longer supported, please use a more up-to-date version",
                        p->part);
    if (version > 3)
        return GGUF_BAD(p, 4,
                        "%s: this GGUF file is version %" PRIu32
                        " but this software only supports up to version 3",
                        p->part, version);
    return 0;
}

/* A count at offset `at` of records of at least `least` bytes. */
static int check_count(struct gguf_parser *p, uint64_t at, const char *what, uint64_t count,
                       uint64_t max, uint64_t least)
{
    if (count > max)
        return GGUF_BAD(p, at, "%s: number of %s is %" PRId64 " but must be in [0, %" PRIu64 "]",
                        p->part, what, (int64_t)count, max);
    if (count >= UINT32_MAX)
        return GGUF_BAD(p, at, "%s: number of %s is %" PRIu64 ", more than can be counted", p->part,
                        what, count);
    if (count > cursor_left(&p->cursor) / least)
        return defect_set(p->defect, ENODATA, p->cursor.size,
                          "%s: number of %s is %" PRIu64 ", but %" PRIu64 " bytes follow", p->part,
                          what, count, cursor_left(&p->cursor));
    return 0;
}

static int read_header(struct gguf_parser *p)
{
    int r;

    p->part = "failed to read header";
    p->gguf->version = cursor_u32(&p->cursor);
    if (p->cursor.error)
        return gguf_unread(p);
    r = check_version(p);
    if (r < 0)
        return r;
    p->tensor_count = cursor_u64(&p->cursor);
    p->key_count = cursor_u64(&p->cursor);
    if (p->cursor.error)
        return gguf_unread(p);
    r = check_count(p, 8, "tensors", p->tensor_count, TENSORS_MAX, TENSOR_SIZE_MIN);
    if (r == 0)
        r = check_count(p, 16, "key value pairs", p->key_count, KEYS_MAX, KEY_SIZE_MIN);
    return r;
}

/* The cursor has passed this value; it is read again. */
static int read_alignment(struct gguf_parser *p)
{
    const struct gguf_key *key = gguf_find(p->gguf, "general.alignment");
    uint64_t behind = p->cursor.offset;

    p->gguf->alignment = 32;
    if (!key)
        return 0;
    if (key->type != GGUF_U32)
        return GGUF_BAD(p, key->offset, "%s: key '%s' must be of type u32 but is %s", p->part,
                        key->name, gguf_type_name(key->type));
    p->cursor.offset = key->value;
    p->gguf->alignment = cursor_u32(&p->cursor);
    if (p->cursor.error)
        return gguf_unread(p);
    p->cursor.offset = behind;
    if (p->gguf->alignment == 0 || (p->gguf->alignment & (p->gguf->alignment - 1)) != 0)
        return GGUF_BAD(p, key->value, "%s: alignment %" PRIu64 " is not a power of 2", p->part,
                        p->gguf->alignment);
    return 0;
}

/* Where the data lies, and that all of it is there. */
static int place_data(struct gguf_parser *p)
{
    struct gguf *gguf = p->gguf;
    struct gguf_tensor *tensor;
    uint64_t size = p->cursor.size, end;

    gguf->data_offset = p->cursor.offset;
    if (gguf->tensor_count > 0 &&
        (!gguf_pad(&gguf->data_offset, gguf->alignment) || gguf->data_offset > size))
        return defect_set(p->defect, ENODATA, size,
                          "failed to seek to beginning of data section: the file ends here");
    for (size_t i = 0; i < gguf->tensor_count; i++) {
        tensor = &gguf->tensors[i];
        if (__builtin_add_overflow(tensor->offset, gguf->data_offset, &tensor->offset) ||
            __builtin_add_overflow(tensor->offset, tensor->size, &end) || end > size)
            return defect_set(p->defect, ENODATA, size,
                              "tensor '%s' data is not within the file bounds, model is corrupted "
                              "or incomplete",
                              tensor->name);
    }
    return 0;
}

/* The cursor stands at the start of the file, and is closed. */
static int parse(struct gguf_parser *p)
{
    static int (*const steps[])(struct gguf_parser *) = {
        read_magic,     read_header,       gguf_read_keys, gguf_index_keys,
        read_alignment, gguf_read_tensors, place_data,
    };
    int r = 0;

    for (size_t i = 0; r == 0 && i < sizeof(steps) / sizeof(steps[0]); i++)
        r = steps[i](p);
    if (r == -ENOMEM)
        r = defect_set(p->defect, ENOMEM, DEFECT_NOWHERE, "%s", strerror(ENOMEM));
    if (r < 0)
        gguf_free(p->gguf);
    cursor_close(&p->cursor);
    return r;
}

int gguf_parse(int fd, uint64_t size, struct gguf *gguf, struct defect *defect)
{
    struct gguf_parser p = {.gguf = gguf, .defect = defect};

    *gguf = (struct gguf){0};
    if (cursor_open(&p.cursor, fd, size) < 0)
        return defect_set(defect, ENOMEM, DEFECT_NOWHERE, "%s", strerror(ENOMEM));
    return parse(&p);
}

int gguf_parse_memory(const uint8_t *header, size_t header_size, uint64_t size, struct gguf *gguf,
                      struct defect *defect)
{
    struct gguf_parser p = {.gguf = gguf, .defect = defect};

    *gguf = (struct gguf){0};
    cursor_open_memory(&p.cursor, header, header_size, size);
    return parse(&p);
}

void gguf_free(struct gguf *gguf)
{
    gguf_free_names(gguf);
    free(gguf->keys);
    free(gguf->tensors);
    free(gguf->key_index);
    *gguf = (struct gguf){0};
}
