#include <assert.h>
#include <stdlib.h>
#include <time.h>

#include "fs/flight_state.h"

/* --- keys ---------------------------------------------------------------------------------------
 */

struct key hand_key(const struct view *view, uint32_t tensor, const struct chunk *chunk)
{
    const struct extent *extent = &view->extents[tensor];
    const struct version *version = source_version(view->source, extent->tensor->shard);
    struct version none = {0};
    const struct version *imatrix =
        extent->importance ? source_imatrix_version(view->source) : &none;
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (struct key){
        .version = *version,
        .imatrix = *imatrix,
        .young = version_young(version, now) || (extent->importance && version_young(imatrix, now)),
        .offset = chunk->source_offset,
        .size = chunk->source_size,
        .columns = chunk->columns,
        .from = extent->tensor->type,
        .to = extent->type,
    };
}

static bool key_equal(const struct key *a, const struct key *b)
{
    return a->offset == b->offset && a->size == b->size && a->columns == b->columns &&
           a->from == b->from && a->to == b->to && a->young == b->young &&
           version_equal(&a->version, &b->version) && version_equal(&a->imatrix, &b->imatrix);
}

static struct flight **bucket_of(struct flights *flights, const struct key *key)
{
    uint64_t hash = key->version.inode * 0x9e3779b97f4a7c15u ^ key->offset;

    hash = (hash ^ hash >> 29 ^ (uint64_t)key->to << 7) * 0xbf58476d1ce4e5b9u;
    return &flights->buckets[(hash >> 32) % BUCKETS];
}

struct flight *hand_find(struct flights *flights, const struct key *key)
{
    struct flight *flight = *bucket_of(flights, key);

    while (flight && !key_equal(&flight->key, key))
        flight = flight->hash_next;
    return flight;
}

void hand_unhash(struct flights *flights, struct flight *flight)
{
    struct flight **at = bucket_of(flights, &flight->key);

    while (*at != flight)
        at = &(*at)->hash_next;
    *at = flight->hash_next;
    flight->found = false;
}

void hand_hash(struct flights *flights, struct flight *flight)
{
    struct flight **bucket = bucket_of(flights, &flight->key);

    flight->hash_next = *bucket;
    *bucket = flight;
    flight->found = true;
}

/* --- chunks at hand ------------------------------------------------------------------------------
 */

/* Somebody asks for it: no longer read-ahead. */
void hand_take_from_ahead(struct flights *flights, struct flight *flight)
{
    if (!flight->ahead)
        return;
    flight->ahead = false;
    flights->ahead -= flight->chunk.size;
}

/* Its place among the chunks at hand. */
struct link *hand_home(struct flights *flights, const struct flight *flight)
{
    if (flight->charge == 0)
        return &flights->objects;
    return flight->ahead ? &flights->unread : &flights->read;
}

/* A chunk at hand is read: the last to be evicted. Takes a reference. */
void hand_touch(struct flights *flights, struct flight *flight)
{
    assert(flight->state == STATE_READY);
    hand_take_from_ahead(flights, flight);
    link_remove(&flight->order);
    link_append(hand_home(flights, flight), &flight->order);
    flight->references++;
}

/* Makes room for read-ahead: what was read ahead longest ago and is still unread, by a reader that
 * pauses, is as good as any other chunk. */
void hand_forgo(struct flights *flights, size_t size)
{
    while (flights->ahead + size > flights->at_hand_max / 2 &&
           flights->unread.next != &flights->unread) {
        struct flight *flight = link_flight(flights->unread.next);

        hand_take_from_ahead(flights, flight);
        link_remove(&flight->order);
        link_append(&flights->read, &flight->order);
    }
}

static struct flight *first_unused(struct link *list)
{
    for (struct link *link = list->next; link != list; link = link->next) {
        if (link_flight(link)->references == 0)
            return link_flight(link);
    }
    return NULL;
}

/* Takes a chunk at hand out of the table and its list. */
void hand_take_out(struct flights *flights, struct flight *flight)
{
    hand_take_from_ahead(flights, flight);
    hand_unhash(flights, flight);
    link_remove(&flight->order);
    flights->at_hand -= flight->charge;
    flights->object_count -= flight->charge == 0;
}

/* What goes first where there is too much; NULL: nothing has to go, or nothing can. */
static struct flight *victim(struct flights *flights, size_t at_hand_max, size_t objects_max)
{
    struct flight *flight = NULL;

    if (flights->at_hand > at_hand_max) {
        flight = first_unused(&flights->read);
        if (!flight)
            flight = first_unused(&flights->unread);
    }
    if (!flight && flights->object_count > objects_max)
        flight = first_unused(&flights->objects);
    return flight;
}

/* Takes out what does not fit the budgets; the caller frees the returned chain outside of the lock.
 */
struct flight *hand_evict(struct flights *flights, size_t at_hand_max, size_t objects_max)
{
    struct flight *evicted = NULL, *flight;

    while ((flight = victim(flights, at_hand_max, objects_max))) {
        hand_take_out(flights, flight);
        flight->hash_next = evicted;
        evicted = flight;
    }
    return evicted;
}

struct flight *hand_evict_surplus(struct flights *flights)
{
    return hand_evict(flights, flights->at_hand_max, flights->objects_max);
}

void hand_free(struct flights *flights, struct flight *flight)
{
    if (flight->object)
        cache_close(flights->engine->cache, flight->object);
    buffer_put(flights->buffers, &flight->result);
    free(flight);
}

void hand_free_chain(struct flights *flights, struct flight *flight)
{
    while (flight) {
        struct flight *next = flight->hash_next;

        hand_free(flights, flight);
        flight = next;
    }
}
