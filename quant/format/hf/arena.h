#ifndef QUANT_FORMAT_HF_ARENA_H
#define QUANT_FORMAT_HF_ARENA_H

#include <stddef.h>

#include "config.h"

/* Many small texts that go together. Begins as {0}. */
struct hf_arena {
    struct hf_arena_part *parts;
    size_t left; /* bytes of the newest part */
};

/* `size` bytes (and a zero behind them) of no alignment; NULL: no memory. */
MUST_USE char *hf_arena_take(struct hf_arena *arena, size_t size);
/* A copy with a zero behind it; NULL: no memory. */
MUST_USE char *hf_arena_copy(struct hf_arena *arena, const char *text, size_t size);
/* As printf(3); NULL: no memory. */
__attribute__((format(printf, 3, 4))) MUST_USE char *
hf_arena_print(struct hf_arena *arena, size_t *size, const char *format, ...);

void hf_arena_free(struct hf_arena *arena);

#endif
