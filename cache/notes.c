#include "cache/notes.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "cache/lru.h"

#define WRITE_COUNT 64
#define WRITE_MS 5000

struct note {
    struct lru_entry entry; /* first */
    struct manifest *manifest;
    unsigned news;  /* slots filled since it was last written */
    uint64_t since; /* ms: the first of them */
    bool writing;   /* a thread writes it: an older state must not be the last on disk */
    struct note *next_victim;
};

struct notes {
    struct key *key;
    const struct place *place;
    size_t memory_max;
    notes_write write;
    void *context;
    pthread_mutex_t lock;
    /* under lock, with all that is in the notes; held across no system call: */
    struct lru lru;
    size_t memory;
};

int notes_new(struct key *key, const struct place *place, size_t memory, notes_write write,
              void *context, struct notes **out)
{
    struct notes *notes = calloc(1, sizeof(*notes));
    int r;

    if (!notes)
        return -ENOMEM;
    *notes = (struct notes){
        .key = key, .place = place, .memory_max = memory, .write = write, .context = context};
    r = lru_init(&notes->lru, memory / 1024);
    if (r < 0) {
        free(notes);
        return r;
    }
    (void)pthread_mutex_init(&notes->lock, NULL);
    *out = notes;
    return 0;
}

static size_t note_size(const struct note *note)
{
    size_t size;

    (void)manifest_payload(note->manifest, &size);
    return size + sizeof(*note);
}

static void note_free(struct note *note)
{
    if (note)
        manifest_free(note->manifest);
    free(note);
}

/* Under lock. */
static void unlist(struct notes *notes, struct note *note)
{
    lru_remove(&notes->lru, &note->entry);
    notes->memory -= note_size(note);
}

void notes_clear(struct notes *notes)
{
    (void)pthread_mutex_lock(&notes->lock);
    while (notes->lru.oldest) {
        struct note *note = (struct note *)notes->lru.oldest;

        unlist(notes, note);
        note_free(note);
    }
    (void)pthread_mutex_unlock(&notes->lock);
}

void notes_free(struct notes *notes)
{
    if (!notes)
        return;
    notes_clear(notes);
    lru_release(&notes->lru);
    (void)pthread_mutex_destroy(&notes->lock);
    free(notes);
}

/* ---- on disk ---- */

static int load(struct notes *notes, const struct name *name, struct manifest **manifest)
{
    char path[PLACE_PATH_SIZE];
    struct object *object;
    void *payload;
    int r;

    place_file(name, path);
    r = object_open(notes->key, notes->place->fd, path, OBJECT_MANIFEST, name, &object);
    if (r < 0)
        return r;
    payload = malloc(object->size + 1);
    if (!payload)
        r = -ENOMEM;
    else
        r = object_read(object, 0, payload, object->size);
    if (r == 0)
        r = manifest_parse(payload, object->size, manifest);
    free(payload);
    object_close(object);
    return r;
}

/* `manifest` becomes what is on disk and itself, and is written. With no lock held. */
static void merge_and_write(struct notes *notes, const struct name *name, struct manifest *manifest)
{
    struct manifest *other;
    const void *payload;
    size_t size;

    if (load(notes, name, &other) == 0) {
        manifest_merge(manifest, other);
        manifest_free(other);
    }
    payload = manifest_payload(manifest, &size);
    notes->write(notes->context, name, payload, size);
}

/* ---- in memory ---- */

/* The oldest beyond the budget, out of the list: to be written and freed by drop(). Under lock. */
static struct note *take_victims(struct notes *notes)
{
    struct lru_entry *entry = notes->lru.oldest;
    struct note *victims = NULL;

    /* The newest stays: it is the one in use. */
    while (entry && entry != notes->lru.newest && notes->memory > notes->memory_max) {
        struct note *note = (struct note *)entry;

        entry = entry->newer;
        if (note->writing)
            continue;
        unlist(notes, note);
        note->next_victim = victims;
        victims = note;
    }
    return victims;
}

static void drop(struct notes *notes, struct note *victims)
{
    while (victims) {
        struct note *victim = victims;

        victims = victim->next_victim;
        if (victim->news > 0)
            merge_and_write(notes, &victim->entry.name, victim->manifest);
        note_free(victim);
    }
}

/* Puts a manifest into the list, or what it knows into the one that is there. Takes it. Under
 * lock. NULL: no memory. */
static struct note *insert(struct notes *notes, const struct name *name, struct manifest *manifest)
{
    struct note *note = (struct note *)lru_find(&notes->lru, name);

    if (note) {
        manifest_merge(note->manifest, manifest);
        manifest_free(manifest);
        return note;
    }
    note = calloc(1, sizeof(*note));
    if (!note) {
        manifest_free(manifest);
        return NULL;
    }
    note->entry.name = *name;
    note->manifest = manifest;
    lru_insert(&notes->lru, &note->entry);
    notes->memory += note_size(note);
    return note;
}

int notes_recall(struct notes *notes, const struct name *manifest_name, uint32_t index,
                 struct name *name)
{
    struct manifest *manifest;
    struct note *note, *victims;
    bool known = false;
    int r;

    (void)pthread_mutex_lock(&notes->lock);
    note = (struct note *)lru_find(&notes->lru, manifest_name);
    known = note && manifest_get(note->manifest, index, name);
    (void)pthread_mutex_unlock(&notes->lock);
    if (note)
        return known ? 0 : -ENOENT;
    r = load(notes, manifest_name, &manifest);
    if (r < 0)
        return r;
    (void)pthread_mutex_lock(&notes->lock);
    note = insert(notes, manifest_name, manifest);
    known = note && manifest_get(note->manifest, index, name);
    victims = take_victims(notes);
    (void)pthread_mutex_unlock(&notes->lock);
    drop(notes, victims);
    return known ? 0 : -ENOENT;
}

int notes_known(struct notes *notes, const struct name *manifest_name, uint32_t *known)
{
    struct manifest *manifest;
    struct note *note;
    int r;

    (void)pthread_mutex_lock(&notes->lock);
    note = (struct note *)lru_find(&notes->lru, manifest_name);
    if (note)
        *known = manifest_known(note->manifest);
    (void)pthread_mutex_unlock(&notes->lock);
    if (note)
        return 0;
    /* A question is no use: it does not push out those in use. */
    r = load(notes, manifest_name, &manifest);
    if (r < 0)
        return r;
    *known = manifest_known(manifest);
    manifest_free(manifest);
    return 0;
}

/* Copies a manifest to be written. Under lock. */
static struct manifest *begin_write(struct note *note)
{
    struct manifest *copy;

    if (note->writing || manifest_copy(note->manifest, &copy) < 0)
        return NULL;
    note->writing = true;
    note->news = 0;
    return copy;
}

/* Writes the copy; what the disk knew besides goes into memory. With no lock held. */
static void finish_write(struct notes *notes, const struct name *name, struct manifest *copy)
{
    struct note *note;

    merge_and_write(notes, name, copy);
    (void)pthread_mutex_lock(&notes->lock);
    note = (struct note *)lru_find(&notes->lru, name);
    if (note) {
        manifest_merge(note->manifest, copy);
        note->writing = false;
    }
    (void)pthread_mutex_unlock(&notes->lock);
    manifest_free(copy);
}

/* The note of a manifest with `count` slots, made if need be. Under lock. NULL: no memory. */
static struct note *get_note(struct notes *notes, const struct name *name, uint32_t count)
{
    struct note *note = (struct note *)lru_find(&notes->lru, name);
    struct manifest *manifest;

    if (note && manifest_count(note->manifest) == count)
        return note;
    if (manifest_new(count, &manifest) < 0)
        return NULL;
    if (!note)
        return insert(notes, name, manifest);
    /* What was there has our name and another shape: it is worth nothing. */
    notes->memory -= note_size(note);
    manifest_free(note->manifest);
    note->manifest = manifest;
    notes->memory += note_size(note);
    return note;
}

void notes_add(struct notes *notes, const struct name *manifest_name, uint32_t count,
               uint32_t index, const struct name *name, uint64_t now)
{
    struct manifest *copy = NULL;
    struct note *note, *victims;

    if (index >= count)
        return;
    (void)pthread_mutex_lock(&notes->lock);
    note = get_note(notes, manifest_name, count);
    if (note && manifest_set(note->manifest, index, name) && note->news++ == 0)
        note->since = now;
    if (note && (note->news >= WRITE_COUNT || (note->news > 0 && now - note->since >= WRITE_MS)))
        copy = begin_write(note);
    victims = take_victims(notes);
    (void)pthread_mutex_unlock(&notes->lock);
    if (copy)
        finish_write(notes, manifest_name, copy);
    drop(notes, victims);
}

void notes_forget(struct notes *notes, const struct name *manifest_name, uint32_t index,
                  const struct name *name)
{
    static const struct name none;
    struct name known;
    struct note *note;

    (void)pthread_mutex_lock(&notes->lock);
    note = (struct note *)lru_find(&notes->lru, manifest_name);
    if (note && manifest_get(note->manifest, index, &known) && name_equal(&known, name))
        (void)manifest_set(note->manifest, index, &none);
    (void)pthread_mutex_unlock(&notes->lock);
}

void notes_flush(struct notes *notes)
{
    struct manifest *copy;
    struct name name;
    size_t turns = 0;

    do {
        copy = NULL;
        (void)pthread_mutex_lock(&notes->lock);
        if (turns == 0)
            turns = notes->lru.count + 1; /* others may add meanwhile: not for ever */
        for (struct lru_entry *entry = notes->lru.oldest; entry && !copy; entry = entry->newer) {
            struct note *note = (struct note *)entry;

            if (note->news > 0)
                copy = begin_write(note);
            name = entry->name;
        }
        (void)pthread_mutex_unlock(&notes->lock);
        if (copy)
            finish_write(notes, &name, copy);
    } while (copy && --turns > 0);
}
