#include "cache/opened.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include "cache/lru.h"

struct cache_object {
    struct lru_entry entry; /* first */
    struct object *object;
    /* under opened->lock: */
    unsigned references;
    bool listed; /* in the LRU, which holds no reference */
    struct cache_object *next_victim;
};

struct opened {
    struct key *key;
    const struct place *place;
    size_t descriptors_max, memory_max;
    pthread_mutex_t lock;
    /* under lock, which is held across no system call: */
    struct lru lru;
    size_t descriptors, memory; /* of what is listed */
};

int opened_new(struct key *key, const struct place *place, size_t descriptors, size_t memory,
               struct opened **out)
{
    struct opened *opened = calloc(1, sizeof(*opened));
    int r;

    if (!opened)
        return -ENOMEM;
    *opened = (struct opened){
        .key = key, .place = place, .descriptors_max = descriptors, .memory_max = memory};
    r = lru_init(&opened->lru, 2 * descriptors);
    if (r < 0) {
        free(opened);
        return r;
    }
    (void)pthread_mutex_init(&opened->lock, NULL);
    *out = opened;
    return 0;
}

/* Takes an object out of the list. Under lock. */
static void unlist(struct opened *opened, struct cache_object *object)
{
    lru_remove(&opened->lru, &object->entry);
    object->listed = false;
    if (object->object->fd >= 0)
        opened->descriptors--;
    else
        opened->memory -= object->object->size;
}

/* The oldest beyond the budgets, out of the list: to be closed without the lock. Under lock. */
static struct cache_object *take_victims(struct opened *opened, size_t descriptors_max,
                                         size_t memory_max)
{
    struct lru_entry *entry = opened->lru.oldest;
    struct cache_object *victims = NULL;

    while (entry && (opened->descriptors > descriptors_max || opened->memory > memory_max)) {
        struct cache_object *object = (struct cache_object *)entry;
        bool raw = object->object->fd >= 0;

        entry = entry->newer;
        if (object->references > 0 ||
            (raw ? opened->descriptors <= descriptors_max : opened->memory <= memory_max))
            continue;
        unlist(opened, object);
        object->next_victim = victims;
        victims = object;
    }
    return victims;
}

static void close_all(struct cache_object *victims)
{
    while (victims) {
        struct cache_object *victim = victims;

        victims = victim->next_victim;
        object_close(victim->object);
        free(victim);
    }
}

void opened_clear(struct opened *opened)
{
    struct cache_object *victims;

    (void)pthread_mutex_lock(&opened->lock);
    victims = take_victims(opened, 0, 0);
    (void)pthread_mutex_unlock(&opened->lock);
    close_all(victims);
}

void opened_free(struct opened *opened)
{
    if (!opened)
        return;
    opened_clear(opened);
    assert(opened->lru.count == 0);
    lru_release(&opened->lru);
    (void)pthread_mutex_destroy(&opened->lock);
    free(opened);
}

static struct cache_object *find(struct opened *opened, const struct name *name)
{
    struct cache_object *object = (struct cache_object *)lru_find(&opened->lru, name);

    if (object)
        object->references++;
    return object;
}

int opened_get(struct opened *opened, const struct name *name, struct cache_object **out)
{
    struct cache_object *object, *victims;
    char path[PLACE_PATH_SIZE];
    int r;

    (void)pthread_mutex_lock(&opened->lock);
    *out = find(opened, name);
    (void)pthread_mutex_unlock(&opened->lock);
    if (*out)
        return 0;

    object = calloc(1, sizeof(*object));
    if (!object)
        return -ENOMEM;
    place_file(name, path);
    r = object_open(opened->key, opened->place->fd, path, OBJECT_CHUNK, name, &object->object);
    if (r < 0) {
        free(object);
        return r;
    }
    object->entry.name = *name;

    (void)pthread_mutex_lock(&opened->lock);
    *out = find(opened, name); /* another thread may have been faster */
    if (*out) {
        victims = object;
    } else {
        object->references = 1;
        object->listed = true;
        lru_insert(&opened->lru, &object->entry);
        if (object->object->fd >= 0)
            opened->descriptors++;
        else
            opened->memory += object->object->size;
        *out = object;
        victims = take_victims(opened, opened->descriptors_max, opened->memory_max);
    }
    (void)pthread_mutex_unlock(&opened->lock);
    close_all(victims);
    return 0;
}

void opened_release(struct opened *opened, struct cache_object *object)
{
    struct cache_object *victims = NULL;

    if (!object)
        return;
    (void)pthread_mutex_lock(&opened->lock);
    assert(object->references > 0);
    object->references--;
    if (object->listed)
        victims = take_victims(opened, opened->descriptors_max, opened->memory_max);
    else if (object->references == 0)
        victims = object; /* next_victim is NULL: it was never one */
    (void)pthread_mutex_unlock(&opened->lock);
    close_all(victims);
}

void opened_forget(struct opened *opened, struct cache_object *object)
{
    (void)pthread_mutex_lock(&opened->lock);
    if (object->listed)
        unlist(opened, object);
    (void)pthread_mutex_unlock(&opened->lock);
}

const struct object *opened_object(const struct cache_object *object)
{
    return object->object;
}

bool opened_whole(struct opened *opened, struct cache_object *object)
{
    return object_whole(opened->key, object->object);
}
