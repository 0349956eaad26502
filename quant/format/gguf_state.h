#ifndef QUANT_FORMAT_GGUF_STATE_H
#define QUANT_FORMAT_GGUF_STATE_H

#include "quant/format/cursor.h"
#include "quant/format/gguf.h"

/* Private to gguf.c and gguf_*.c: one file being parsed. */
struct gguf_parser {
    struct cursor cursor;
    struct gguf *gguf;
    struct defect *defect;
    const char *part; /* what fails if something fails now, in the words of the reference tool */
    uint64_t key_count, tensor_count; /* as the file claims */
    uint64_t infos;                   /* offset of the first tensor info */
    uint64_t data_size;               /* of the tensors so far, with padding */
};

/* Longer names are cut in messages, so that the reason behind them is seen. */
#define GGUF_NAME "%.128s"

#define GGUF_BAD(p, at, ...) defect_set((p)->defect, EINVAL, at, __VA_ARGS__)

/* The error that the cursor carries. */
MUST_USE int gguf_unread(const struct gguf_parser *p);

/* The length of a string, which is not more than what is left of the file. */
MUST_USE int gguf_read_length(struct gguf_parser *p, uint64_t *length);

/* A name of a key or tensor; *whole is false if a zero byte ends it early. What stands behind that
 * is neither read nor given room. */
MUST_USE int gguf_read_name(struct gguf_parser *p, uint64_t length, const char **name, bool *whole);
void gguf_free_names(struct gguf *gguf);

/* Passes over `size` bytes; *verbatim becomes false if one of them is not as the tool writes it: a
 * zero in a string, more than 1 in a BOOL. */
MUST_USE int gguf_scan(struct gguf_parser *p, uint64_t size, bool string, bool *verbatim);

/* Room for one more record: grows with what was read, never to more than the file claims. */
MUST_USE void *gguf_grow(void *list, size_t count, uint64_t claimed, size_t size);

/* Equal names in the order of the file: the second of a pair is the duplicate. */
MUST_USE int gguf_compare(const char *name_a, const char *name_b, uint32_t a, uint32_t b);

/* The indices of a list in an order that qsort_r(3) takes; NULL: no memory. The caller frees. */
MUST_USE uint32_t *gguf_sorted(void *list, size_t count,
                               int (*order)(const void *, const void *, void *));

/* Adds what padding to the alignment takes; false: that is no number. */
static inline bool gguf_pad(uint64_t *size, uint64_t alignment)
{
    return !__builtin_add_overflow(*size, -*size & (alignment - 1), size);
}

/* The records of all keys; their order by name, and no name twice. */
MUST_USE int gguf_read_keys(struct gguf_parser *p);
MUST_USE int gguf_index_keys(struct gguf_parser *p);

/* The infos of all tensors, no name twice. The alignment is known by then. */
MUST_USE int gguf_read_tensors(struct gguf_parser *p);

#endif
