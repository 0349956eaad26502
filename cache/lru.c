#include "cache/lru.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

int lru_init(struct lru *lru, size_t expected)
{
    size_t count = 16;

    while (count < expected && count < (size_t)1 << 20)
        count *= 2;
    *lru = (struct lru){.bucket_count = count};
    lru->buckets = calloc(count, sizeof(struct lru_entry *));
    return lru->buckets ? 0 : -ENOMEM;
}

void lru_release(struct lru *lru)
{
    free(lru->buckets);
    *lru = (struct lru){0};
}

static struct lru_entry **bucket(struct lru *lru, const struct name *name)
{
    uint64_t bits;

    memcpy(&bits, name->bytes, sizeof(bits));
    return &lru->buckets[bits & (lru->bucket_count - 1)];
}

static void unlink_age(struct lru *lru, struct lru_entry *entry)
{
    if (entry->older)
        entry->older->newer = entry->newer;
    else
        lru->oldest = entry->newer;
    if (entry->newer)
        entry->newer->older = entry->older;
    else
        lru->newest = entry->older;
}

static void link_newest(struct lru *lru, struct lru_entry *entry)
{
    entry->newer = NULL;
    entry->older = lru->newest;
    if (lru->newest)
        lru->newest->newer = entry;
    else
        lru->oldest = entry;
    lru->newest = entry;
}

struct lru_entry *lru_find(struct lru *lru, const struct name *name)
{
    struct lru_entry *entry = *bucket(lru, name);

    while (entry && !name_equal(&entry->name, name))
        entry = entry->chain;
    if (entry && entry != lru->newest) {
        unlink_age(lru, entry);
        link_newest(lru, entry);
    }
    return entry;
}

void lru_insert(struct lru *lru, struct lru_entry *entry)
{
    struct lru_entry **head = bucket(lru, &entry->name);

    entry->chain = *head;
    *head = entry;
    link_newest(lru, entry);
    lru->count++;
}

void lru_remove(struct lru *lru, struct lru_entry *entry)
{
    struct lru_entry **at = bucket(lru, &entry->name);

    while (*at != entry) {
        assert(*at);
        at = &(*at)->chain;
    }
    *at = entry->chain;
    unlink_age(lru, entry);
    lru->count--;
}
