#ifndef QUANT_FORMAT_GGUF_H
#define QUANT_FORMAT_GGUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "quant/defect.h"

/* Value types of GGUF metadata (GGUF specification, versions 2 and 3). */
enum gguf_type {
    GGUF_U8 = 0,
    GGUF_I8 = 1,
    GGUF_U16 = 2,
    GGUF_I16 = 3,
    GGUF_U32 = 4,
    GGUF_I32 = 5,
    GGUF_F32 = 6,
    GGUF_BOOL = 7,
    GGUF_STRING = 8,
    GGUF_ARRAY = 9,
    GGUF_U64 = 10,
    GGUF_I64 = 11,
    GGUF_F64 = 12,
    GGUF_TYPE_COUNT,
};

/*
 * One key and where its value lies. Values stay in the file: arrays of a vocabulary are megabytes.
 * A record is what the file holds for the key: name length, name, type, value.
 */
struct gguf_key {
    const char *name; /* cut at its first zero byte, as the reference tool takes it */
    uint64_t offset;  /* of the record, bytes from the start of the file */
    uint64_t end;     /* first byte behind the record */
    uint64_t value;   /* offset of the value: a scalar's bytes; a string's length field; an
                         array's first element (behind subtype and count) */
    uint64_t count;   /* elements of an array, bytes of a string, else 1 */
    enum gguf_type type;
    enum gguf_type subtype; /* of an array's elements; otherwise = type */
    bool verbatim; /* false: not byte for byte what the tool writes (a BOOL other than 0 and 1,
                      a zero byte in a string or in the name) */
};

struct gguf_tensor {
    const char *name; /* as for keys */
    uint32_t n_dims;  /* as stored: at most 4 */
    uint64_t ne[4];   /* dimensions, 1 where there is none; ne[0] is the row length */
    uint32_t type;    /* a number that type_info() knows */
    uint64_t offset;  /* bytes from the start of the file */
    uint64_t size;    /* bytes, without padding */
};

/* The metadata of one GGUF file. Built once by gguf_parse(), const afterwards. */
struct gguf {
    uint32_t version;
    uint64_t alignment;
    uint64_t data_offset;
    struct gguf_key *keys; /* in file order, names distinct */
    size_t key_count;
    struct gguf_tensor *tensors; /* in file order, names distinct */
    size_t tensor_count;
    /* private to gguf.c and gguf_*.c: names, index */
    void *arena;
    uint32_t *key_index;
    size_t key_index_size;
};

/*
 * Reads and checks all metadata of a GGUF file of `size` bytes with pread(2); nothing of fd's own
 * position is used. Accepts what the reference tool's reader accepts (recipe.md §6.4, malformed.md
 * §2). Errors: -EINVAL not a usable GGUF; -ENODATA the file is cut (a download under way): *defect
 * says where and why. -ENOEXEC no GGUF at all (another magic; *defect is filled, but this is not
 * worth a log line). -EIO, -ENOMEM. On error *gguf is empty. Memory and time are bounded by a small
 * multiple of the header's size.
 */
MUST_USE int gguf_parse(int fd, uint64_t size, struct gguf *gguf, struct defect *defect);
/* The same of a file of `size` bytes whose first `header_size` bytes, up to where the data begins,
 * lie in memory. */
MUST_USE int gguf_parse_memory(const uint8_t *header, size_t header_size, uint64_t size,
                               struct gguf *gguf, struct defect *defect);
void gguf_free(struct gguf *gguf);

/* The key of that name, or NULL. */
const struct gguf_key *gguf_find(const struct gguf *gguf, const char *name);

/* "u32", "arr", ...: the reference tool's words for value types. */
const char *gguf_type_name(enum gguf_type type);

/* Bytes of one element of a fixed-size value type, 0 for strings and arrays. */
size_t gguf_type_size(enum gguf_type type);

#endif
