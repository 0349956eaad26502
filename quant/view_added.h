#ifndef QUANT_VIEW_ADDED_H
#define QUANT_VIEW_ADDED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "quant/format/gguf.h"
#include "quant/recipe.h"

/* Private to view_header.c: the keys of a header that are not the source's. */

/* A key and its value: a string, or the bits of a number. */
struct view_added_key {
    const char *name;
    enum gguf_type type; /* BOOL, U16, U32, I32, F32 or STRING */
    uint32_t bits;
    const char *text;
};

/* In their order. Strings are the recipe's and its rules'. */
struct view_added {
    size_t count;
    struct view_added_key *keys;
};

/* What file `shard` of the recipe gets (recipe.md §6.2, §5.6). A key that is set again goes to the
 * end. -ENOMEM. */
MUST_USE int view_added_make(const struct recipe *recipe, unsigned shard, struct view_added *added);
void view_added_free(struct view_added *added);

/* A key of that name in the source is left out: it is added, or of a set. */
bool view_added_replaces(const struct view_added *added, const char *name);

#endif
