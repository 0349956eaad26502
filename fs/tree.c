#include "fs/tree.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "fs/hash.h"

/* A power of two; doubled when there are as many nodes. */
#define BUCKETS_MIN 256
/* Bytes of forgotten nodes: some 4,000 of them, which is what a client of NFS has at hand. */
#define FORGOTTEN_MAX ((size_t)2 << 20)

struct entry {
    struct entry *next_id, *next_name; /* in their buckets; the newest first */
    uint64_t lookups;                  /* by the kernel */
    uint64_t children;
    struct entry *older, *newer; /* of the forgotten */
    bool forgotten;              /* among them; known by its number alone */
    struct tree_node node;       /* its strings and versions stand behind it, in the same block */
};

struct tree {
    pthread_mutex_t lock;
    /* protected by lock; no system call is made under it */
    uint64_t last_id;
    size_t count;
    size_t bucket_count;
    struct entry **by_id;          /* the forgotten, too */
    struct entry **by_name;        /* hashed by parent and name alone, so that all versions meet */
    struct entry *oldest, *newest; /* of the forgotten */
    size_t forgotten_size;         /* bytes of those */
};

static uint64_t mix(uint64_t x)
{
    x ^= x >> 33;
    x *= 0xff51afd7ed558ccdu;
    x ^= x >> 33;
    return x;
}

static uint64_t hash_name(uint64_t parent, const char *name)
{
    return mix(hash_text(HASH_START ^ mix(parent), name));
}

static struct entry **id_bucket(const struct tree *tree, uint64_t id)
{
    return &tree->by_id[mix(id) & (tree->bucket_count - 1)];
}

static struct entry **name_bucket(const struct tree *tree, uint64_t parent, const char *name)
{
    return &tree->by_name[hash_name(parent, name) & (tree->bucket_count - 1)];
}

static struct entry *find_any(const struct tree *tree, uint64_t id)
{
    struct entry *entry = *id_bucket(tree, id);

    while (entry && entry->node.id != id)
        entry = entry->next_id;
    return entry;
}

/* One that lives. */
static struct entry *find_id(const struct tree *tree, uint64_t id)
{
    struct entry *entry = find_any(tree, id);

    return entry && !entry->forgotten ? entry : NULL;
}

static bool nodes_alike(const struct tree_node *a, const struct tree_node *b)
{
    return a->parent == b->parent && a->kind == b->kind && a->attr.size == b->attr.size &&
           a->attr.mode == b->attr.mode && facets_equal(a->facet, b->facet) &&
           strcmp(a->name, b->name) == 0 && strcmp(a->source, b->source) == 0 &&
           strcmp(a->variant, b->variant) == 0 &&
           versions_equal(a->versions, a->version_count, b->versions, b->version_count);
}

static struct entry *find_like(const struct tree *tree, const struct tree_node *node)
{
    struct entry *entry = *name_bucket(tree, node->parent, node->name);

    while (entry && !nodes_alike(&entry->node, node))
        entry = entry->next_name;
    return entry;
}

/* Bytes behind a node for what it points to. */
static size_t tail_size(const struct tree_node *node)
{
    return node->version_count * sizeof(struct version) + strlen(node->name) + 1 +
           strlen(node->source) + 1 + strlen(node->variant) + 1;
}

/* Copies a node to `to`, and what it points to behind that, at `tail`. */
static void copy_node(struct tree_node *to, char *tail, const struct tree_node *from)
{
    size_t versions_size = from->version_count * sizeof(struct version);
    size_t name_size = strlen(from->name) + 1, source_size = strlen(from->source) + 1;

    *to = *from;
    if (versions_size > 0)
        memcpy(tail, from->versions, versions_size);
    memcpy(tail + versions_size, from->name, name_size);
    memcpy(tail + versions_size + name_size, from->source, source_size);
    memcpy(tail + versions_size + name_size + source_size, from->variant,
           strlen(from->variant) + 1);
    to->versions = (const void *)tail;
    to->name = tail + versions_size;
    to->source = to->name + name_size;
    to->variant = to->source + source_size;
}

_Static_assert(sizeof(struct tree_node) % _Alignof(struct version) == 0, "versions stand behind");
_Static_assert(sizeof(struct entry) % _Alignof(struct version) == 0, "versions stand behind");

static struct entry *new_entry(const struct tree_node *node)
{
    struct entry *entry = malloc(sizeof(*entry) + tail_size(node));

    if (!entry)
        return NULL;
    *entry = (struct entry){0};
    copy_node(&entry->node, (char *)(entry + 1), node);
    entry->node.opened = (struct version){0};
    return entry;
}

static void insert_name(struct tree *tree, struct entry *entry)
{
    struct entry **bucket = name_bucket(tree, entry->node.parent, entry->node.name);

    entry->next_name = *bucket;
    *bucket = entry;
}

static void insert(struct tree *tree, struct entry *entry)
{
    struct entry **bucket = id_bucket(tree, entry->node.id);

    entry->next_id = *bucket;
    *bucket = entry;
    if (!entry->forgotten)
        insert_name(tree, entry);
}

/* More buckets; without memory for them the old ones go on, only slower. */
static void grow(struct tree *tree)
{
    size_t count = 2 * tree->bucket_count;
    struct entry **by_id = calloc(count, sizeof(struct entry *));
    struct entry **by_name = calloc(count, sizeof(struct entry *));
    struct tree old = {.bucket_count = tree->bucket_count, .by_id = tree->by_id};
    struct entry *sorted = NULL, *entry;

    if (!by_id || !by_name) {
        free(by_id);
        free(by_name);
        return;
    }
    free(tree->by_name);
    tree->by_id = by_id;
    tree->by_name = by_name;
    tree->bucket_count = count;
    for (size_t i = 0; i < old.bucket_count; i++) {
        while ((entry = old.by_id[i]) != NULL) {
            old.by_id[i] = entry->next_id;
            entry->next_id = sorted;
            sorted = entry;
        }
    }
    free(old.by_id);
    while ((entry = sorted) != NULL) {
        sorted = entry->next_id;
        insert(tree, entry);
    }
}

int tree_new(struct tree **out)
{
    const struct tree_node root = {
        .id = TREE_ROOT, .kind = TREE_DIRECTORY, .name = "", .source = "", .variant = ""};
    struct tree *tree = calloc(1, sizeof(*tree));
    struct entry *entry = new_entry(&root);

    if (tree) {
        pthread_mutex_init(&tree->lock, NULL);
        tree->bucket_count = BUCKETS_MIN;
        tree->by_id = calloc(BUCKETS_MIN, sizeof(struct entry *));
        tree->by_name = calloc(BUCKETS_MIN, sizeof(struct entry *));
    }
    if (!tree || !entry || !tree->by_id || !tree->by_name) {
        free(entry);
        tree_free(tree);
        return -ENOMEM;
    }
    entry->lookups = 1; /* the kernel never forgets it */
    tree->last_id = TREE_ROOT;
    tree->count = 1;
    insert(tree, entry);
    *out = tree;
    return 0;
}

void tree_free(struct tree *tree)
{
    struct entry *entry;

    if (!tree)
        return;
    for (size_t i = 0; tree->by_id && i < tree->bucket_count; i++) {
        while ((entry = tree->by_id[i]) != NULL) {
            tree->by_id[i] = entry->next_id;
            free(entry);
        }
    }
    free(tree->by_id);
    free(tree->by_name);
    pthread_mutex_destroy(&tree->lock);
    free(tree);
}

/* Called with the lock. */
static int look_up(struct tree *tree, const struct tree_node *node, uint64_t *id)
{
    struct entry *parent = find_id(tree, node->parent);
    struct entry *entry;

    if (!parent)
        return -ESTALE;
    entry = find_like(tree, node);
    if (!entry) {
        entry = new_entry(node);
        if (!entry)
            return -ENOMEM;
        entry->node.id = ++tree->last_id;
        parent->children++;
        if (++tree->count > tree->bucket_count)
            grow(tree);
        insert(tree, entry);
    }
    entry->lookups++;
    *id = entry->node.id;
    return 0;
}

int tree_look_up(struct tree *tree, const struct tree_node *node, uint64_t *id)
{
    int r;

    pthread_mutex_lock(&tree->lock);
    r = look_up(tree, node, id);
    pthread_mutex_unlock(&tree->lock);
    return r;
}

/* ---- the forgotten ---- */

static void leave_forgotten(struct tree *tree, struct entry *entry)
{
    if (entry->older)
        entry->older->newer = entry->newer;
    else
        tree->oldest = entry->newer;
    if (entry->newer)
        entry->newer->older = entry->older;
    else
        tree->newest = entry->older;
    entry->older = entry->newer = NULL;
    entry->forgotten = false;
    tree->forgotten_size -= sizeof(*entry) + tail_size(&entry->node);
}

static void free_oldest(struct tree *tree)
{
    struct entry *entry = tree->oldest, **link = id_bucket(tree, entry->node.id);

    leave_forgotten(tree, entry);
    while (*link != entry)
        link = &(*link)->next_id;
    *link = entry->next_id;
    free(entry);
}

/* The kernel has none of its pages any more. */
static void set_aside(struct tree *tree, struct entry *entry)
{
    struct entry **link = name_bucket(tree, entry->node.parent, entry->node.name);

    while (*link != entry)
        link = &(*link)->next_name;
    *link = entry->next_name;
    tree->count--;
    entry->node.opened = (struct version){0};
    entry->forgotten = true;
    entry->older = tree->newest;
    if (tree->newest)
        tree->newest->newer = entry;
    else
        tree->oldest = entry;
    tree->newest = entry;
    tree->forgotten_size += sizeof(*entry) + tail_size(&entry->node);
    while (tree->forgotten_size > FORGOTTEN_MAX)
        free_oldest(tree);
}

/* A node and those above it live again. False: one of them is gone. */
static bool revive(struct tree *tree, struct entry *entry)
{
    const struct entry *above = entry;

    while (above && above->forgotten)
        above = find_any(tree, above->node.parent);
    if (!above)
        return false;
    while (entry->forgotten) {
        struct entry *parent = find_any(tree, entry->node.parent);

        leave_forgotten(tree, entry);
        insert_name(tree, entry);
        tree->count++;
        parent->children++;
        entry = parent;
    }
    return true;
}

/* Called with the lock. What nobody needs any more is set aside; the last child takes its parents
 * along. */
static void let_go(struct tree *tree, struct entry *entry)
{
    while (entry && entry->lookups == 0 && entry->children == 0) {
        struct entry *parent = find_id(tree, entry->node.parent);

        set_aside(tree, entry);
        if (parent)
            parent->children--;
        entry = parent;
    }
}

int tree_look_up_id(struct tree *tree, uint64_t id)
{
    struct entry *entry;
    int r = -ESTALE;

    pthread_mutex_lock(&tree->lock);
    entry = find_any(tree, id);
    if (entry && revive(tree, entry)) {
        if (id != TREE_ROOT)
            entry->lookups++;
        r = 0;
    }
    pthread_mutex_unlock(&tree->lock);
    return r;
}

void tree_forget(struct tree *tree, uint64_t id, uint64_t count)
{
    struct entry *entry;

    if (id == TREE_ROOT)
        return;
    pthread_mutex_lock(&tree->lock);
    entry = find_id(tree, id);
    assert(!entry || entry->lookups >= count);
    if (entry)
        entry->lookups -= count < entry->lookups ? count : entry->lookups;
    let_go(tree, entry);
    pthread_mutex_unlock(&tree->lock);
}

/* Called with the lock. */
static struct tree_node *copy_of(const struct entry *entry)
{
    struct tree_node *copy = malloc(sizeof(*copy) + tail_size(&entry->node));

    if (copy)
        copy_node(copy, (char *)(copy + 1), &entry->node);
    return copy;
}

struct tree_node *tree_copy(struct tree *tree, uint64_t id)
{
    struct tree_node *copy = NULL;
    struct entry *entry;

    pthread_mutex_lock(&tree->lock);
    entry = find_id(tree, id);
    if (entry)
        copy = copy_of(entry);
    pthread_mutex_unlock(&tree->lock);
    return copy;
}

struct tree_node *tree_copy_folder(struct tree *tree, uint64_t id)
{
    struct tree_node *copy = NULL;
    struct entry *entry;

    pthread_mutex_lock(&tree->lock);
    entry = find_id(tree, id);
    if (entry && entry->node.kind == TREE_FOLDER)
        copy = copy_of(entry);
    pthread_mutex_unlock(&tree->lock);
    return copy;
}

struct tree_node *tree_copy_virtual(struct tree *tree, uint64_t parent, const char *name,
                                    enum tree_kind kind)
{
    struct tree_node *copy = NULL;
    struct entry *entry, *newest = NULL;

    pthread_mutex_lock(&tree->lock);
    for (entry = *name_bucket(tree, parent, name); entry; entry = entry->next_name)
        if (entry->node.parent == parent && entry->node.kind == kind &&
            strcmp(entry->node.name, name) == 0 && (!newest || entry->node.id > newest->node.id))
            newest = entry;
    if (newest)
        copy = copy_of(newest);
    pthread_mutex_unlock(&tree->lock);
    return copy;
}

/* Called with the lock. Writes the path from its end. */
static int write_path(const struct tree *tree, uint64_t id, char *path, size_t size)
{
    size_t at = size - 1;

    path[at] = '\0';
    while (id != TREE_ROOT) {
        const struct entry *entry = find_id(tree, id);
        size_t length;

        if (!entry)
            return -ESTALE;
        length = strlen(entry->node.name);
        if (length + 1 > at)
            return -ENAMETOOLONG;
        if (path[at] != '\0')
            path[--at] = '/';
        at -= length;
        memcpy(path + at, entry->node.name, length);
        id = entry->node.parent;
    }
    memmove(path, path + at, size - at);
    return 0;
}

int tree_path(struct tree *tree, uint64_t id, char *path, size_t size)
{
    int r;

    pthread_mutex_lock(&tree->lock);
    r = write_path(tree, id, path, size);
    pthread_mutex_unlock(&tree->lock);
    return r;
}

bool tree_opened(struct tree *tree, uint64_t id, const struct version *state, bool young)
{
    bool keep = false;
    struct entry *entry;

    pthread_mutex_lock(&tree->lock);
    entry = find_id(tree, id);
    if (entry) {
        keep = !young && version_equal(&entry->node.opened, state);
        entry->node.opened = young ? (struct version){0} : *state;
    }
    pthread_mutex_unlock(&tree->lock);
    return keep;
}

size_t tree_count(struct tree *tree)
{
    size_t count;

    pthread_mutex_lock(&tree->lock);
    count = tree->count;
    pthread_mutex_unlock(&tree->lock);
    return count;
}
