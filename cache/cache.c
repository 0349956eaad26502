#include "cache/cache.h"

#include <ctype.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "cache/cold.h"
#include "cache/counters.h"
#include "cache/notes.h"
#include "cache/object.h"
#include "cache/opened.h"
#include "cache/place.h"
#include "cache/trim.h"

#define DEFAULT_PERCENT 10
#define DEFAULT_SIZE_MAX ((uint64_t)64 << 30)
#define DEFAULT_MIN_FREE_PERCENT 5
#define DEFAULT_DESCRIPTORS 256
#define DEFAULT_MEMORY ((size_t)8 << 20)

/* A directory is listed once a process has put this part of its share into it. */
#define LOOK_PART 16
/* Trimming goes below the share by a tenth, so that it is not due again at once. */
#define TRIM_PART 10
/* A vanished directory is made again, and a full filesystem is trimmed for, at most so often. */
#define REPAIR_MS 5000
#define LOW_SPACE_MS 60000

struct cache {
    struct place place;
    struct key *key;
    struct opened *opened;
    struct notes *notes;
    struct cold *cold;
    uint64_t (*clock)(void);
    uint64_t size, share; /* bytes; share: of each of the sixteen directories */
    uint64_t min_free;    /* bytes */

    _Atomic uint64_t put_bytes[TRIM_DIRECTORIES]; /* since it was last listed */
    _Atomic uint32_t wanted;                      /* a bit for each directory to be listed */
    _Atomic uint32_t low;                         /* of them: since there is no space left */
    _Atomic uint64_t repaired, low_space;         /* ms + 1 when last; 0: never */
    _Atomic uint64_t counted[COUNTERS];           /* since cache_new() */
    _Atomic uint64_t pending[COUNTERS];           /* of them: not in a file yet */
};

/* ---- sizes ---- */

int cache_size_parse(const char *text, struct cache_size *size)
{
    static const char units[] = "KMGT";
    uint64_t value = 0;
    const char *unit;

    if (!isdigit((unsigned char)*text))
        return -EINVAL;
    for (; isdigit((unsigned char)*text); text++)
        if (__builtin_mul_overflow(value, (uint64_t)10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(*text - '0'), &value))
            return -EINVAL;
    if (strcmp(text, "%") == 0) {
        if (value < 1 || value > 100)
            return -EINVAL;
        *size = (struct cache_size){.given = true, .percent = (unsigned)value};
        return 0;
    }
    if (*text) {
        unit = strchr(units, toupper((unsigned char)*text));
        if (!unit || text[1] != '\0')
            return -EINVAL;
        for (; unit >= units; unit--)
            if (__builtin_mul_overflow(value, (uint64_t)1024, &value))
                return -EINVAL;
    }
    *size = (struct cache_size){.given = true, .bytes = value};
    return 0;
}

static uint64_t resolve(const struct cache_size *size, unsigned percent, uint64_t total)
{
    if (size->given && size->percent == 0)
        return size->bytes;
    return total / 100 * (size->given ? size->percent : percent);
}

static int set_limits(struct cache *cache, const struct cache_config *config)
{
    uint64_t total, available;
    int r = place_space(&cache->place, &total, &available);

    if (r < 0)
        return r;
    cache->size = resolve(&config->size, DEFAULT_PERCENT, total);
    if (!config->size.given && cache->size > DEFAULT_SIZE_MAX)
        cache->size = DEFAULT_SIZE_MAX;
    cache->share = cache->size / TRIM_DIRECTORIES;
    cache->min_free = resolve(&config->min_free, DEFAULT_MIN_FREE_PERCENT, total);
    /* Processes that end before a directory is due would never look at any: so each starts
     * somewhere on the way, and looks as often for the bytes it puts as one that lives long. */
    for (int i = 0; i < TRIM_DIRECTORIES && cache->share >= LOOK_PART; i++) {
        uint64_t number = 0;

        if (getrandom(&number, sizeof(number), 0) == sizeof(number))
            cache->put_bytes[i] = number % (cache->share / LOOK_PART);
    }
    return 0;
}

/* ---- counting ---- */

static void count(struct cache *cache, enum counter counter, uint64_t by)
{
    atomic_fetch_add_explicit(&cache->counted[counter], by, memory_order_relaxed);
    atomic_fetch_add_explicit(&cache->pending[counter], by, memory_order_relaxed);
}

static void fill_stats(const struct counters *counters, struct cache_stats *stats)
{
    *stats = (struct cache_stats){.hits = counters->values[COUNTER_HITS],
                                  .misses = counters->values[COUNTER_MISSES],
                                  .damaged = counters->values[COUNTER_DAMAGED],
                                  .puts = counters->values[COUNTER_PUTS],
                                  .dropped = counters->values[COUNTER_DROPPED],
                                  .evicted = counters->values[COUNTER_EVICTED],
                                  .record_hits = counters->values[COUNTER_RECORD_HITS],
                                  .record_misses = counters->values[COUNTER_RECORD_MISSES]};
}

void cache_stats(const struct cache *cache, struct cache_stats *stats)
{
    struct counters counters;

    for (int i = 0; i < COUNTERS; i++)
        counters.values[i] = atomic_load_explicit(&cache->counted[i], memory_order_relaxed);
    fill_stats(&counters, stats);
}

int cache_stats_all(struct cache *cache, struct cache_stats *stats)
{
    struct counters sum = {0};
    int r = counters_read(cache->key, &cache->place, &sum);

    for (int i = 0; i < COUNTERS; i++)
        sum.values[i] += cache->pending[i];
    fill_stats(&sum, stats);
    return r;
}

static void flush_counters(struct cache *cache)
{
    struct counters counters;
    bool any = false;

    for (int i = 0; i < COUNTERS; i++) {
        counters.values[i] = atomic_exchange(&cache->pending[i], 0);
        any |= counters.values[i] > 0;
    }
    if (!any || counters_write(cache->key, &cache->place, &counters) == 0)
        return;
    for (int i = 0; i < COUNTERS; i++)
        atomic_fetch_add(&cache->pending[i], counters.values[i]);
}

/* What a failed open means for the counters: the file was there and is no good. */
static bool is_damage(int r)
{
    return r != -ENOENT && r != -ENOMEM && r != -EMFILE && r != -ENFILE;
}

/* ---- writing ---- */

/* True at most once in `interval` ms. */
static bool due(struct cache *cache, _Atomic uint64_t *last, uint64_t interval)
{
    uint64_t now = cache->clock() + 1, before = atomic_load(last);

    return (before == 0 || now - before >= interval) &&
           atomic_compare_exchange_strong(last, &before, now);
}

static void note_low_space(struct cache *cache)
{
    const uint32_t all = ((uint32_t)1 << TRIM_DIRECTORIES) - 1;

    if (!due(cache, &cache->low_space, LOW_SPACE_MS))
        return;
    atomic_store(&cache->low, all);
    atomic_store(&cache->wanted, all);
}

static void note_put(struct cache *cache, const struct name *name, uint64_t size)
{
    unsigned directory = name->bytes[0] >> 4;
    uint64_t bytes = atomic_fetch_add(&cache->put_bytes[directory], size) + size;

    if (bytes > cache->share / LOOK_PART)
        atomic_fetch_or(&cache->wanted, (uint32_t)1 << directory);
}

/* Every file but the counters is written here. */
static int put_file(struct cache *cache, enum object_kind kind, const struct name *name,
                    const struct object_payload *payload)
{
    uint64_t total, available, on_disk = 0;
    char path[PLACE_PATH_SIZE];
    int r;

    if (payload->size > cache->share)
        return -EFBIG; /* it would be the first to go */
    r = place_space(&cache->place, &total, &available);
    if (r < 0)
        return r;
    if (available < cache->min_free) {
        note_low_space(cache);
        return -ENOSPC;
    }
    place_file(name, path);
    r = object_write(cache->key, cache->place.fd, path, kind, name, payload, &on_disk);
    if (r == -ENOENT && due(cache, &cache->repaired, REPAIR_MS) &&
        place_repair(&cache->place, cache->key) == 0)
        r = object_write(cache->key, cache->place.fd, path, kind, name, payload, &on_disk);
    if (r == -ENOSPC || r == -EDQUOT)
        note_low_space(cache);
    if (r == 0)
        note_put(cache, name, trim_file_size(on_disk));
    return r;
}

int cache_put(struct cache *cache, const struct name *name, const struct cache_bytes *bytes)
{
    const struct object_payload payload = {
        .data = bytes->data,
        .size = bytes->size,
        .position = bytes->position,
        .room = bytes->room,
        .writeback = bytes->cold,
    };
    int r = put_file(cache, OBJECT_CHUNK, name, &payload);

    if (r == 0 && bytes->cold)
        cold_add(cache->cold, name);
    count(cache, r == 0 ? COUNTER_PUTS : COUNTER_DROPPED, 1);
    return r;
}

void cache_count_dropped(struct cache *cache)
{
    count(cache, COUNTER_DROPPED, 1);
}

int cache_put_record(struct cache *cache, const struct name *name, const void *data, size_t size)
{
    const struct object_payload payload = {.data = data, .size = size};
    int r = put_file(cache, OBJECT_SOURCE, name, &payload);

    if (r < 0)
        count(cache, COUNTER_DROPPED, 1);
    return r;
}

static void write_manifest(void *context, const struct name *name, const void *data, size_t size)
{
    const struct object_payload payload = {.data = data, .size = size};
    struct cache *cache = context;

    if (put_file(cache, OBJECT_MANIFEST, name, &payload) < 0)
        count(cache, COUNTER_DROPPED, 1);
}

/* ---- opening ---- */

static uint64_t monotonic_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

int cache_default_path(char **path)
{
    return place_default(path);
}

static int open_place(struct cache *cache, const struct cache_config *config, char *reason)
{
    char why[PLACE_REASON_SIZE];
    char *chosen = NULL;
    const char *path = config->path;
    int r;

    if (!path) {
        r = place_default(&chosen);
        if (r < 0) {
            (void)snprintf(reason, CACHE_REASON_SIZE, "neither XDG_CACHE_HOME nor HOME is set");
            return r;
        }
        path = chosen;
    }
    r = place_open(path, !config->existing, !config->path, &cache->place, why);
    if (r < 0)
        (void)snprintf(reason, CACHE_REASON_SIZE, "%.350s: %s", path, why);
    free(chosen);
    return r;
}

static int open_key(struct cache *cache, const struct cache_config *config, char *reason)
{
    int r = config->existing ? key_open_existing(cache->place.fd, &cache->key)
                             : key_open(cache->place.fd, &cache->key);
    char buffer[64];
    const char *why = strerror_r(-r, buffer, sizeof(buffer));

    if (r == -EBADMSG)
        why = "is damaged: delete the cache";
    else if (r == -EPERM)
        why = "is not the user's own, or others may read it";
    if (r < 0)
        (void)snprintf(reason, CACHE_REASON_SIZE, "%.350s/secret: %s", cache->place.path, why);
    return r;
}

/* What the process may have open is for others, too. */
static size_t default_descriptors(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur / 8 < DEFAULT_DESCRIPTORS)
        return limit.rlim_cur < 8 ? 1 : (size_t)(limit.rlim_cur / 8);
    return DEFAULT_DESCRIPTORS;
}

int cache_new(const struct cache_config *config, struct cache **out, char reason[CACHE_REASON_SIZE])
{
    size_t memory = config->memory ? config->memory : DEFAULT_MEMORY;
    struct cache *cache = calloc(1, sizeof(*cache));
    int r;

    (void)snprintf(reason, CACHE_REASON_SIZE, "out of memory");
    if (!cache)
        return -ENOMEM;
    cache->place.fd = -1;
    cache->clock = config->clock ? config->clock : monotonic_ms;
    r = open_place(cache, config, reason);
    if (r == 0)
        r = open_key(cache, config, reason);
    if (r < 0)
        goto out;
    r = set_limits(cache, config);
    if (r == 0)
        r = opened_new(cache->key, &cache->place,
                       config->descriptors ? config->descriptors : default_descriptors(),
                       memory - memory / 4, &cache->opened);
    if (r == 0)
        r = notes_new(cache->key, &cache->place, memory / 4, write_manifest, cache, &cache->notes);
    if (r == 0)
        r = cold_new(&cache->place, &cache->cold);
    if (r < 0 && r != -ENOMEM)
        (void)snprintf(reason, CACHE_REASON_SIZE, "%.350s: its filesystem does not tell its size",
                       cache->place.path);
out:
    if (r < 0) {
        cache_free(cache);
        return r;
    }
    reason[0] = '\0';
    *out = cache;
    return 0;
}

void cache_free(struct cache *cache)
{
    if (!cache)
        return;
    if (cache->cold) /* the last that is made */
        cache_flush(cache);
    cold_free(cache->cold);
    notes_free(cache->notes);
    opened_free(cache->opened);
    key_free(cache->key);
    place_close(&cache->place);
    free(cache);
}

struct key *cache_key(struct cache *cache)
{
    return cache->key;
}

const char *cache_path(const struct cache *cache)
{
    return cache->place.path;
}

uint64_t cache_size_bytes(const struct cache *cache)
{
    return cache->size;
}

/* ---- objects ---- */

int cache_open(struct cache *cache, const struct name *name, struct cache_object **object)
{
    int r = opened_get(cache->opened, name, object);

    if (r == 0) {
        count(cache, COUNTER_HITS, 1);
        return 0;
    }
    count(cache, COUNTER_MISSES, 1);
    if (is_damage(r))
        count(cache, COUNTER_DAMAGED, 1);
    return -ENOENT;
}

void cache_close(struct cache *cache, struct cache_object *object)
{
    opened_release(cache->opened, object);
}

uint64_t cache_object_size(const struct cache_object *object)
{
    return opened_object(object)->size;
}

const void *cache_object_data(const struct cache_object *object)
{
    return opened_object(object)->data;
}

/* Cut, changed or unreadable after it was verified: nobody shall get it again. */
static int lose(struct cache *cache, struct cache_object *object)
{
    opened_forget(cache->opened, object);
    count(cache, COUNTER_DAMAGED, 1);
    return -ENOENT;
}

int cache_read(struct cache *cache, struct cache_object *object, uint64_t offset, void *data,
               size_t size)
{
    /* Asked behind the read: what is handed out is what was verified. */
    return object_read(opened_object(object), offset, data, size) < 0 ||
                   !opened_whole(cache->opened, object)
               ? lose(cache, object)
               : 0;
}

int cache_read_now(const struct cache_object *object, uint64_t offset, void *data, size_t size)
{
    return object_read_now(opened_object(object), offset, data, size);
}

void cache_will_need(const struct cache_object *object)
{
    object_will_need(opened_object(object));
}

/* ---- manifests and records ---- */

int cache_recall(struct cache *cache, const struct name *manifest, uint32_t index,
                 struct name *name)
{
    int r = notes_recall(cache->notes, manifest, index, name);

    if (r < 0 && is_damage(r))
        count(cache, COUNTER_DAMAGED, 1);
    return r < 0 ? -ENOENT : 0;
}

uint32_t cache_known(struct cache *cache, const struct name *manifest)
{
    uint32_t known = 0;
    int r = notes_known(cache->notes, manifest, &known);

    if (r < 0 && is_damage(r))
        count(cache, COUNTER_DAMAGED, 1);
    return r == 0 ? known : 0;
}

void cache_note(struct cache *cache, const struct name *manifest, uint32_t slots, uint32_t index,
                const struct name *name)
{
    notes_add(cache->notes, manifest, slots, index, name, cache->clock());
}

void cache_forget(struct cache *cache, const struct name *manifest, uint32_t index,
                  const struct name *name)
{
    notes_forget(cache->notes, manifest, index, name);
}

int cache_get_record(struct cache *cache, const struct name *name, void **data, size_t *size)
{
    char path[PLACE_PATH_SIZE];
    struct object *object = NULL;
    char *bytes = NULL;
    int r;

    place_file(name, path);
    r = object_open(cache->key, cache->place.fd, path, OBJECT_SOURCE, name, &object);
    if (r == 0) {
        bytes = malloc(object->size + 1);
        r = bytes ? object_read(object, 0, bytes, object->size) : -ENOMEM;
    }
    if (r == 0) {
        bytes[object->size] = '\0';
        *data = bytes;
        *size = object->size;
    } else {
        free(bytes);
    }
    object_close(object);
    count(cache, r == 0 ? COUNTER_RECORD_HITS : COUNTER_RECORD_MISSES, 1);
    if (r < 0 && is_damage(r))
        count(cache, COUNTER_DAMAGED, 1);
    return r == 0 || r == -ENOMEM ? r : -ENOENT;
}

void cache_flush(struct cache *cache)
{
    notes_flush(cache->notes);
    flush_counters(cache);
    cold_flush(cache->cold);
}

/* ---- size ---- */

bool cache_wants_trim(const struct cache *cache)
{
    return atomic_load_explicit(&cache->wanted, memory_order_relaxed) != 0;
}

/* Takes one directory off the list of those that are due; -1: none. */
static int take_wanted(struct cache *cache)
{
    uint32_t wanted = atomic_load(&cache->wanted);

    while (wanted != 0)
        if (atomic_compare_exchange_weak(&cache->wanted, &wanted, wanted & (wanted - 1)))
            return __builtin_ctz(wanted);
    return -1;
}

/* Down to what a directory may take now: its share; where space is low, its part of what lacks and
 * a little more. */
static uint64_t bound(struct cache *cache, int directory, uint64_t used)
{
    uint32_t bit = (uint32_t)1 << directory;
    uint64_t result = used, total, available, cut;

    if (used > cache->share)
        result = cache->share - cache->share / TRIM_PART;
    if ((atomic_fetch_and(&cache->low, ~bit) & bit) == 0 ||
        place_space(&cache->place, &total, &available) < 0)
        return result;
    opened_clear(cache->opened); /* what is unlinked takes space while it is open */
    cut = used / TRIM_PART;
    if (available < cache->min_free)
        cut += (cache->min_free - available) / TRIM_DIRECTORIES;
    used = used > cut ? used - cut : 0;
    return used < result ? used : result;
}

void cache_trim_step(struct cache *cache)
{
    struct trim_list list = {0};
    int directory = take_wanted(cache);

    if (directory < 0)
        return;
    atomic_store(&cache->put_bytes[directory], 0);
    if (trim_list_add(&cache->place, (unsigned)directory, &list) == 0)
        count(cache, COUNTER_EVICTED,
              trim_oldest(&cache->place, &list, bound(cache, directory, list.size)));
    trim_list_release(&list);
    trim_temporaries(&cache->place);
}

/* ---- upkeep ---- */

static int list_all(struct cache *cache, struct trim_list *list)
{
    int r = 0;

    for (unsigned i = 0; r == 0 && i < TRIM_DIRECTORIES; i++)
        r = trim_list_add(&cache->place, i, list);
    return r;
}

int cache_usage(struct cache *cache, uint64_t *objects, uint64_t *bytes)
{
    struct trim_list list = {0};
    int r = list_all(cache, &list);

    *objects = list.count;
    *bytes = list.size;
    trim_list_release(&list);
    return r;
}

int cache_trim_to(struct cache *cache, uint64_t size, uint64_t *removed)
{
    struct trim_list list = {0};
    int r = list_all(cache, &list);

    *removed = r == 0 ? trim_oldest(&cache->place, &list, size) : 0;
    count(cache, COUNTER_EVICTED, *removed);
    if (r == 0 && list.size > size)
        r = -EACCES; /* some would not go */
    trim_list_release(&list);
    trim_temporaries(&cache->place);
    return r;
}

int cache_clear(struct cache *cache, uint64_t *removed)
{
    int r;

    notes_clear(cache->notes);
    opened_clear(cache->opened);
    r = cache_trim_to(cache, 0, removed);
    counters_clear(&cache->place);
    for (int i = 0; i < COUNTERS; i++)
        atomic_store(&cache->pending[i], 0);
    return r;
}

/* Errors that say something about the machine and nothing about the file. */
static bool is_passing(int r)
{
    return r == -ENOMEM || r == -EMFILE || r == -ENFILE || r == -EINTR;
}

int cache_verify(struct cache *cache, cache_progress progress, void *context, uint64_t *good,
                 uint64_t *removed)
{
    struct trim_list list = {0};
    char path[PLACE_PATH_SIZE];
    int r = list_all(cache, &list);

    *good = *removed = 0;
    for (size_t i = 0; r == 0 && i < list.count; i++) {
        int verified;

        place_file(&list.files[i].name, path);
        verified = object_verify(cache->key, cache->place.fd, path, &list.files[i].name);
        if (verified == 0)
            (*good)++;
        else if (is_passing(verified))
            r = verified;
        else if (unlinkat(cache->place.fd, path, 0) == 0)
            (*removed)++;
        else if (errno != ENOENT) /* it was evicted meanwhile */
            r = -errno;
        if (progress)
            progress(context, i + 1, list.count);
    }
    count(cache, COUNTER_DAMAGED, *removed);
    trim_list_release(&list);
    return r;
}
