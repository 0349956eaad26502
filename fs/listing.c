#include "fs/listing.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fs/hash.h"
#include "fs/layout.h"
#include "fs/room.h"

struct item {
    struct listing_entry entry; /* its strings are its own until it is settled */
    uint64_t hash;
    enum listing_claim claim;
    size_t source; /* number + 1; sources move while they become more */
};

struct listing {
    atomic_uint users;
    struct timespec begun; /* CLOCK_MONOTONIC */
    uint64_t inode, parent_inode;
    size_t source_count, source_capacity;
    struct listing_source *sources;
    /* until it is settled */
    size_t item_count, item_capacity;
    struct item *items;
    /* then */
    size_t count;
    struct listing_entry *entries;
};

/* The same for ever and everywhere: a position outlives the process. */
static uint64_t hash_name(const char *name)
{
    uint64_t hash = hash_text(HASH_START, name);

    hash ^= hash >> 32;
    hash *= 0xd6e8feb86659fd93u;
    hash ^= hash >> 32;
    /* Far from both ends, so that moving up meets neither. */
    return (hash >> 2) + LISTING_FIRST;
}

int listing_new(struct listing **out)
{
    struct listing *listing = calloc(1, sizeof(*listing));

    if (!listing)
        return -ENOMEM;
    atomic_init(&listing->users, 1);
    (void)clock_gettime(CLOCK_MONOTONIC, &listing->begun);
    *out = listing;
    return 0;
}

void listing_set_inodes(struct listing *listing, uint64_t inode, uint64_t parent_inode)
{
    listing->inode = inode;
    listing->parent_inode = parent_inode;
}

int listing_add_source(struct listing *listing, const char *path, unsigned version_count,
                       const struct version *versions, size_t *number)
{
    size_t size = version_count * sizeof(*versions);
    struct listing_source source = {.version_count = version_count};
    int r = make_room(&listing->sources, listing->source_count, &listing->source_capacity,
                      sizeof(*listing->sources));

    if (r < 0)
        return r;
    source.path = strdup(path);
    source.versions = malloc(size + 1);
    if (!source.path || !source.versions) {
        free(source.path);
        free(source.versions);
        return -ENOMEM;
    }
    if (size > 0)
        memcpy(source.versions, versions, size);
    *number = listing->source_count;
    listing->sources[listing->source_count++] = source;
    return 0;
}

int listing_add(struct listing *listing, const struct listing_entry *entry,
                enum listing_claim claim, size_t source)
{
    size_t name_size = strlen(entry->name) + 1;
    const char *variant = entry->variant ? entry->variant : "";
    struct item *item;
    char *text;
    int r = make_room(&listing->items, listing->item_count, &listing->item_capacity,
                      sizeof(*listing->items));

    if (r < 0)
        return r;
    text = malloc(name_size + strlen(variant) + 1); /* both in one block */
    if (!text)
        return -ENOMEM;
    memcpy(text, entry->name, name_size);
    memcpy(text + name_size, variant, strlen(variant) + 1);
    item = &listing->items[listing->item_count++];
    *item = (struct item){.entry = *entry,
                          .hash = hash_name(entry->name),
                          .claim = claim,
                          .source = claim == LISTING_REAL ? 0 : source + 1};
    item->entry.name = text;
    item->entry.variant = text + name_size;
    return 0;
}

static const char *path_of(const struct item *item)
{
    return item->entry.source ? item->entry.source->path : "";
}

static int compare_items(const void *a, const void *b)
{
    const struct item *x = a, *y = b;
    int order;

    if (x->hash != y->hash)
        return x->hash < y->hash ? -1 : 1;
    order = strcmp(x->entry.name, y->entry.name);
    if (order == 0)
        order = (x->claim > y->claim) - (x->claim < y->claim);
    return order != 0 ? order : layout_compare(path_of(x), path_of(y));
}

static void free_items(struct listing *listing)
{
    for (size_t i = 0; i < listing->item_count; i++)
        free((char *)(uintptr_t)listing->items[i].entry.name);
    free(listing->items);
    listing->items = NULL;
    listing->item_count = listing->item_capacity = 0;
}

int listing_settle(struct listing *listing,
                   void (*hidden)(void *context, const struct listing_entry *loser,
                                  const struct listing_entry *winner),
                   void *context)
{
    uint64_t position = LISTING_FIRST - 1;

    listing->entries = malloc((listing->item_count + 1) * sizeof(*listing->entries));
    if (!listing->entries)
        return -ENOMEM;
    for (size_t i = 0; i < listing->item_count; i++)
        if (listing->items[i].source > 0)
            listing->items[i].entry.source = &listing->sources[listing->items[i].source - 1];
    if (listing->item_count > 0)
        qsort(listing->items, listing->item_count, sizeof(*listing->items), compare_items);
    for (size_t i = 0; i < listing->item_count; i++) {
        struct item *item = &listing->items[i];
        struct listing_entry *entry = &listing->entries[listing->count];

        if (listing->count > 0 && strcmp(item->entry.name, entry[-1].name) == 0) {
            if (hidden)
                hidden(context, &item->entry, entry - 1);
            continue;
        }
        position = item->hash > position ? item->hash : position + 1;
        *entry = item->entry;
        entry->position = position;
        item->entry.name = NULL;
        listing->count++;
    }
    free_items(listing);
    return 0;
}

struct listing *listing_ref(struct listing *listing)
{
    atomic_fetch_add(&listing->users, 1);
    return listing;
}

void listing_unref(struct listing *listing)
{
    if (!listing || atomic_fetch_sub(&listing->users, 1) > 1)
        return;
    free_items(listing);
    for (size_t i = 0; i < listing->count; i++)
        free((char *)(uintptr_t)listing->entries[i].name);
    for (size_t i = 0; i < listing->source_count; i++) {
        free(listing->sources[i].path);
        free(listing->sources[i].versions);
    }
    free(listing->entries);
    free(listing->sources);
    free(listing);
}

double listing_age(const struct listing *listing)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - listing->begun.tv_sec) +
           (double)(now.tv_nsec - listing->begun.tv_nsec) / 1e9;
}

const struct listing_entry *listing_after(const struct listing *listing, uint64_t position,
                                          size_t *count)
{
    size_t low = 0, high = listing->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (listing->entries[middle].position > position)
            high = middle;
        else
            low = middle + 1;
    }
    *count = listing->count - low;
    return listing->entries + low;
}

uint64_t listing_inode(const struct listing *listing)
{
    return listing->inode;
}

uint64_t listing_parent_inode(const struct listing *listing)
{
    return listing->parent_inode;
}
