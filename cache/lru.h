#ifndef CACHE_LRU_H
#define CACHE_LRU_H

#include <stddef.h>

#include "cache/key.h"

/*
 * Things by their name, in the order of their last use. An entry is part of its owner's struct. No
 * lock: the owner has one. Names are uniform, so their own bits choose the bucket.
 */
struct lru_entry {
    struct name name;
    struct lru_entry *chain, *older, *newer; /* private to lru.c */
};

struct lru {
    struct lru_entry **buckets;
    size_t bucket_count; /* a power of two */
    size_t count;
    struct lru_entry *oldest, *newest;
};

/* `expected`: how many entries there will be at most; more are slower, no error. */
MUST_USE int lru_init(struct lru *lru, size_t expected);
/* The entries are the owner's. */
void lru_release(struct lru *lru);

/* NULL: not there. What is found becomes the newest. */
struct lru_entry *lru_find(struct lru *lru, const struct name *name);
/* entry->name is set and not there yet. It becomes the newest. */
void lru_insert(struct lru *lru, struct lru_entry *entry);
void lru_remove(struct lru *lru, struct lru_entry *entry);

#endif
