#include "quant/format/hf/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PART_SIZE ((size_t)64 * 1024)

struct hf_arena_part {
    struct hf_arena_part *next;
    size_t used;
    char bytes[];
};

char *hf_arena_take(struct hf_arena *arena, size_t size)
{
    struct hf_arena_part *part = arena->parts;
    char *text;

    if (size >= arena->left) {
        size_t room = size < PART_SIZE ? PART_SIZE : size + 1;

        part = malloc(sizeof(*part) + room);
        if (!part)
            return NULL;
        part->next = arena->parts;
        part->used = 0;
        arena->parts = part;
        arena->left = room;
    }
    text = part->bytes + part->used;
    text[size] = 0;
    part->used += size + 1;
    arena->left -= size + 1;
    return text;
}

char *hf_arena_copy(struct hf_arena *arena, const char *text, size_t size)
{
    char *copy = hf_arena_take(arena, size);

    if (copy && size > 0)
        memcpy(copy, text, size);
    return copy;
}

char *hf_arena_print(struct hf_arena *arena, size_t *size, const char *format, ...)
{
    va_list args, again;
    char *text = NULL;
    int n;

    va_start(args, format);
    va_copy(again, args);
    n = vsnprintf(NULL, 0, format, args);
    if (n >= 0)
        text = hf_arena_take(arena, (size_t)n);
    if (text) {
        (void)vsnprintf(text, (size_t)n + 1, format, again);
        *size = (size_t)n;
    }
    va_end(again);
    va_end(args);
    return text;
}

void hf_arena_free(struct hf_arena *arena)
{
    struct hf_arena_part *part;

    while ((part = arena->parts)) {
        arena->parts = part->next;
        free(part);
    }
    arena->left = 0;
}
