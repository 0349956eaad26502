#include "fs/model.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define BUCKETS 4096
#define RECORDS_MAX 16384
/* Idle things beyond these are freed. */
#define VIEW_MEMORY_MAX ((size_t)2 << 20)
#define MODEL_MEMORY_MAX ((size_t)4 << 20)
#define FILES_MAX 256u

/* A place in a list; in none if next is NULL. */
struct link {
    struct link *prev, *next;
};

struct entry {
    struct link age; /* must be first */
    struct entry *next;
    unsigned users;
    bool dropped; /* in no bucket any more */
    struct model *model;
    struct model_record record; /* its path stands behind the entry */
};

struct model {
    struct link idle;    /* must be first */
    struct entry *entry; /* NULL: its record lets it go */
    unsigned users;
    unsigned files;
    size_t memory;
    struct model_view *views;
    /* constant */
    bool young; /* when it was judged */
    struct source *source;
    struct arch_facts facts;
    char directory[]; /* of its files, "" or with a slash at its end */
};

struct model_view {
    struct link idle; /* must be first */
    unsigned users;
    struct model_view *next; /* of the same model */
    /* constant */
    struct model_shelf *shelf;
    struct model *model;
    struct variant variant;
    struct view *view;
};

struct model_shelf {
    pthread_mutex_t lock;
    unsigned files_max; /* constant */
    /* protected by lock, as are all fields above that are not constant */
    struct entry *buckets[BUCKETS];
    struct link records, idle_models, idle_views; /* oldest first */
    size_t record_count;
    size_t model_memory, view_memory; /* of idle ones */
    unsigned files;                   /* descriptors of all models */
};

/* What nobody can reach any more: gathered under the lock, freed without it. */
struct trash {
    struct link models, views;
};

static void list_init(struct link *list)
{
    list->prev = list->next = list;
}

static void list_append(struct link *list, struct link *link)
{
    link->prev = list->prev;
    link->next = list;
    list->prev->next = link;
    list->prev = link;
}

static void list_remove(struct link *link)
{
    link->prev->next = link->next;
    link->next->prev = link->prev;
    link->prev = link->next = NULL;
}

static void *list_first(struct link *list)
{
    return list->next == list ? NULL : list->next;
}

static void trash_init(struct trash *trash)
{
    list_init(&trash->models);
    list_init(&trash->views);
}

/* Closes descriptors. Called without the lock. */
static void trash_empty(struct trash *trash)
{
    struct model_view *view;
    struct model *model;

    while ((view = list_first(&trash->views)) != NULL) {
        list_remove(&view->idle);
        view_free(view->view);
        free(view);
    }
    while ((model = list_first(&trash->models)) != NULL) {
        list_remove(&model->idle);
        source_close(model->source);
        free(model);
    }
}

/* ---- called with the lock ---- */

static struct entry **bucket_of(struct model_shelf *shelf, const char *path)
{
    uint64_t hash = 0xcbf29ce484222325u;

    for (; *path; path++)
        hash = (hash ^ (unsigned char)*path) * 0x100000001b3u;
    return &shelf->buckets[(hash ^ (hash >> 32)) % BUCKETS];
}

static struct entry *find_entry(struct model_shelf *shelf, const char *path)
{
    struct entry *entry = *bucket_of(shelf, path);

    while (entry && strcmp(entry->record.path, path) != 0)
        entry = entry->next;
    return entry;
}

static struct entry *entry_of(struct model_record *record)
{
    return (struct entry *)((char *)record - offsetof(struct entry, record));
}

static bool versions_equal(const struct probe_files *files, unsigned count,
                           const struct version *versions)
{
    if (files->count != count)
        return false;
    for (unsigned i = 0; i < count; i++)
        if (!version_equal(&files->versions[i], &versions[i]))
            return false;
    return true;
}

/* A model without users that nobody can find any more. */
static void discard_model(struct model_shelf *shelf, struct model *model, struct trash *trash)
{
    if (model->idle.next) {
        list_remove(&model->idle);
        shelf->model_memory -= model->memory;
    }
    if (model->entry)
        model->entry->model = NULL;
    shelf->files -= model->files;
    list_append(&trash->models, &model->idle);
}

static void unuse_model(struct model_shelf *shelf, struct model *model, struct trash *trash)
{
    assert(model->users > 0);
    if (--model->users > 0)
        return;
    if (!model->entry) {
        discard_model(shelf, model, trash);
        return;
    }
    list_append(&shelf->idle_models, &model->idle);
    shelf->model_memory += model->memory;
}

static void use_model(struct model_shelf *shelf, struct model *model)
{
    if (model->users++ == 0) {
        list_remove(&model->idle);
        shelf->model_memory -= model->memory;
    }
}

/* An idle view. */
static void discard_view(struct model_shelf *shelf, struct model_view *view, struct trash *trash)
{
    struct model_view **link = &view->model->views;

    while (*link != view)
        link = &(*link)->next;
    *link = view->next;
    list_remove(&view->idle);
    shelf->view_memory -= view->view->memory;
    list_append(&trash->views, &view->idle);
    unuse_model(shelf, view->model, trash);
}

static void unuse_view(struct model_shelf *shelf, struct model_view *view, struct trash *trash)
{
    assert(view->users > 0);
    if (--view->users > 0)
        return;
    list_append(&shelf->idle_views, &view->idle);
    shelf->view_memory += view->view->memory;
    if (!view->model->entry)
        discard_view(shelf, view, trash);
}

static void use_view(struct model_shelf *shelf, struct model_view *view)
{
    if (view->users++ == 0) {
        list_remove(&view->idle);
        shelf->view_memory -= view->view->memory;
    }
}

/* Frees idle things until they fit. An idle view keeps its model from being idle. */
static void trim(struct model_shelf *shelf, size_t view_memory, size_t model_memory, unsigned files,
                 struct trash *trash)
{
    struct model_view *view;
    struct model *model;

    while (shelf->view_memory > view_memory && (view = list_first(&shelf->idle_views)) != NULL)
        discard_view(shelf, view, trash);
    while (shelf->model_memory > model_memory || shelf->files > files) {
        if ((model = list_first(&shelf->idle_models)) != NULL)
            discard_model(shelf, model, trash);
        else if ((view = list_first(&shelf->idle_views)) != NULL)
            discard_view(shelf, view, trash);
        else
            break;
    }
}

static void trim_usual(struct model_shelf *shelf, struct trash *trash)
{
    trim(shelf, VIEW_MEMORY_MAX, MODEL_MEMORY_MAX, shelf->files_max, trash);
}

/* Its idle views go with it: nobody will ask for that version again. */
static void detach_model(struct model_shelf *shelf, struct entry *entry, struct trash *trash)
{
    struct model *model = entry->model;
    struct model_view *view, *next;

    if (!model)
        return;
    use_model(shelf, model);
    for (view = model->views; view; view = next) {
        next = view->next;
        if (view->users == 0)
            discard_view(shelf, view, trash);
    }
    model->entry = NULL;
    entry->model = NULL;
    unuse_model(shelf, model, trash);
}

static void free_entry(struct entry *entry)
{
    probe_files_free(&entry->record.files);
    free(entry->record.results);
    free(entry);
}

/* Nobody will find it any more; the last user frees it. */
static void drop_entry(struct model_shelf *shelf, struct entry *entry, struct trash *trash)
{
    struct entry **link = bucket_of(shelf, entry->record.path);

    while (*link != entry)
        link = &(*link)->next;
    *link = entry->next;
    list_remove(&entry->age);
    shelf->record_count--;
    detach_model(shelf, entry, trash);
    entry->dropped = true;
    if (entry->users == 0)
        free_entry(entry);
}

/* The oldest record that nobody uses goes; those with a model in use are passed over. */
static void trim_records(struct model_shelf *shelf, struct trash *trash)
{
    for (unsigned i = 0; i < 16 && shelf->record_count > RECORDS_MAX; i++) {
        struct entry *entry = list_first(&shelf->records);

        if (entry->users == 0 && (!entry->model || entry->model->users == 0)) {
            drop_entry(shelf, entry, trash);
        } else {
            list_remove(&entry->age);
            list_append(&shelf->records, &entry->age);
        }
    }
}

/* ---- */

int model_shelf_new(struct model_shelf **out)
{
    struct model_shelf *shelf = calloc(1, sizeof(*shelf));
    struct rlimit limit;

    if (!shelf)
        return -ENOMEM;
    pthread_mutex_init(&shelf->lock, NULL);
    list_init(&shelf->records);
    list_init(&shelf->idle_models);
    list_init(&shelf->idle_views);
    shelf->files_max = FILES_MAX;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur / 4 < FILES_MAX)
        shelf->files_max = (unsigned)(limit.rlim_cur / 4);
    *out = shelf;
    return 0;
}

void model_shelf_free(struct model_shelf *shelf)
{
    struct trash trash;
    struct entry *entry;

    if (!shelf)
        return;
    trash_init(&trash);
    while ((entry = list_first(&shelf->records)) != NULL)
        drop_entry(shelf, entry, &trash);
    trash_empty(&trash);
    assert(shelf->files == 0);
    pthread_mutex_destroy(&shelf->lock);
    free(shelf);
}

void model_shelf_clear(struct model_shelf *shelf)
{
    struct trash trash;

    trash_init(&trash);
    pthread_mutex_lock(&shelf->lock);
    trim(shelf, 0, 0, 0, &trash);
    pthread_mutex_unlock(&shelf->lock);
    trash_empty(&trash);
}

static struct entry *new_entry(const char *path, struct probe_files *files)
{
    size_t length = strlen(path);
    struct entry *entry = malloc(sizeof(*entry) + length + 1);
    char *copy;

    if (!entry) {
        probe_files_free(files);
        return NULL;
    }
    *entry = (struct entry){.record = {.files = *files}};
    copy = (char *)(entry + 1);
    memcpy(copy, path, length + 1);
    entry->record.path = copy;
    *files = (struct probe_files){0};
    return entry;
}

int model_record_get(struct model_shelf *shelf, const char *path, struct probe_files *files,
                     struct model_record **record)
{
    struct trash trash;
    struct entry *entry, *made = NULL;

    trash_init(&trash);
    pthread_mutex_lock(&shelf->lock);
    entry = find_entry(shelf, path);
    if (entry && !versions_equal(&entry->record.files, files->count, files->versions)) {
        drop_entry(shelf, entry, &trash);
        entry = NULL;
    }
    if (!entry && (made = new_entry(path, files)) != NULL) {
        struct entry **bucket = bucket_of(shelf, path);

        entry = made;
        entry->next = *bucket;
        *bucket = entry;
        shelf->record_count++;
    } else if (entry) {
        list_remove(&entry->age);
    }
    if (entry) {
        list_append(&shelf->records, &entry->age);
        entry->users++;
        trim_records(shelf, &trash);
        *record = &entry->record;
    }
    pthread_mutex_unlock(&shelf->lock);
    probe_files_free(files);
    trash_empty(&trash);
    return entry ? 0 : -ENOMEM;
}

void model_record_put(struct model_shelf *shelf, struct model_record *record)
{
    struct entry *entry = entry_of(record);

    pthread_mutex_lock(&shelf->lock);
    entry->users--;
    if (entry->dropped && entry->users == 0)
        free_entry(entry);
    pthread_mutex_unlock(&shelf->lock);
}

void model_record_drop(struct model_shelf *shelf, const char *path)
{
    struct trash trash;
    struct entry *entry;

    trash_init(&trash);
    pthread_mutex_lock(&shelf->lock);
    entry = find_entry(shelf, path);
    if (entry)
        drop_entry(shelf, entry, &trash);
    pthread_mutex_unlock(&shelf->lock);
    trash_empty(&trash);
}

struct model *model_get(struct model_shelf *shelf, struct model_record *record)
{
    struct model *model;

    pthread_mutex_lock(&shelf->lock);
    model = entry_of(record)->model;
    if (model)
        use_model(shelf, model);
    pthread_mutex_unlock(&shelf->lock);
    return model;
}

void model_put(struct model_shelf *shelf, struct model *model)
{
    struct trash trash;

    trash_init(&trash);
    pthread_mutex_lock(&shelf->lock);
    unuse_model(shelf, model, &trash);
    trim_usual(shelf, &trash);
    pthread_mutex_unlock(&shelf->lock);
    trash_empty(&trash);
}

/* What a parsed source takes, about: names and numbers of its tensors and keys. */
static size_t source_memory(const struct source *source)
{
    size_t count;

    (void)source_tensors(source, &count);
    return 4096 + count * 320 + source_gguf(source)->key_count * 128;
}

int model_set(struct model_shelf *shelf, struct model_record *record, struct source *source,
              const struct arch_facts *facts, struct model **out)
{
    struct entry *entry = entry_of(record);
    const char *slash = strrchr(record->path, '/');
    size_t length = slash ? (size_t)(slash + 1 - record->path) : 0;
    struct model *model = malloc(sizeof(*model) + length + 1);
    struct trash trash;

    if (!model) {
        source_close(source);
        return -ENOMEM;
    }
    *model = (struct model){
        .users = 1,
        .files = source_shard_count(source),
        .memory = source_memory(source),
        .young = record->young,
        .source = source,
        .facts = *facts,
    };
    memcpy(model->directory, record->path, length);
    model->directory[length] = '\0';
    trash_init(&trash);
    pthread_mutex_lock(&shelf->lock);
    detach_model(shelf, entry, &trash);
    if (!entry->dropped) {
        model->entry = entry;
        entry->model = model;
    }
    shelf->files += model->files;
    trim_usual(shelf, &trash);
    pthread_mutex_unlock(&shelf->lock);
    trash_empty(&trash);
    *out = model;
    return 0;
}

void model_unset(struct model_shelf *shelf, struct model_record *record)
{
    struct trash trash;

    trash_init(&trash);
    pthread_mutex_lock(&shelf->lock);
    detach_model(shelf, entry_of(record), &trash);
    pthread_mutex_unlock(&shelf->lock);
    trash_empty(&trash);
}

const struct source *model_source(const struct model *model)
{
    return model->source;
}

const struct arch_facts *model_facts(const struct model *model)
{
    return &model->facts;
}

bool model_variants_equal(const struct variant *a, const struct variant *b)
{
    return a->ftype == b->ftype && a->pure == b->pure && a->leave_output == b->leave_output &&
           a->output_type == b->output_type && a->token_embd_type == b->token_embd_type;
}

/* Called with the lock. */
static struct model_view *find_view(struct model_shelf *shelf, struct model *model,
                                    const struct variant *variant)
{
    struct model_view *view = model->views;

    while (view && !model_variants_equal(&view->variant, variant))
        view = view->next;
    if (view)
        use_view(shelf, view);
    return view;
}

struct model_view *model_view_find(struct model_shelf *shelf, struct model *model,
                                   const struct variant *variant)
{
    struct model_view *view;

    pthread_mutex_lock(&shelf->lock);
    view = find_view(shelf, model, variant);
    pthread_mutex_unlock(&shelf->lock);
    return view;
}

struct model_view *model_view_find_at(struct model_shelf *shelf, const char *path,
                                      unsigned version_count, const struct version *versions,
                                      const struct variant *variant)
{
    struct model_view *view = NULL;
    struct entry *entry;

    pthread_mutex_lock(&shelf->lock);
    entry = find_entry(shelf, path);
    if (entry && entry->model && versions_equal(&entry->record.files, version_count, versions) &&
        (!entry->model->young || probe_files_young(&entry->record.files)))
        view = find_view(shelf, entry->model, variant);
    pthread_mutex_unlock(&shelf->lock);
    return view;
}

int model_view_new(struct model_shelf *shelf, struct model *model, const struct variant *variant,
                   struct view *view, struct model_view **out)
{
    struct model_view *model_view = malloc(sizeof(*model_view));

    if (!model_view) {
        view_free(view);
        return -ENOMEM;
    }
    *model_view = (struct model_view){
        .users = 1, .shelf = shelf, .model = model, .variant = *variant, .view = view};
    pthread_mutex_lock(&shelf->lock);
    model_view->next = model->views;
    model->views = model_view;
    use_model(shelf, model);
    pthread_mutex_unlock(&shelf->lock);
    *out = model_view;
    return 0;
}

struct model_view *model_view_ref(struct model_view *view)
{
    pthread_mutex_lock(&view->shelf->lock);
    use_view(view->shelf, view);
    pthread_mutex_unlock(&view->shelf->lock);
    return view;
}

void model_view_unref(struct model_view *view)
{
    struct model_shelf *shelf;
    struct trash trash;

    if (!view)
        return;
    shelf = view->shelf;
    trash_init(&trash);
    pthread_mutex_lock(&shelf->lock);
    unuse_view(shelf, view, &trash);
    trim_usual(shelf, &trash);
    pthread_mutex_unlock(&shelf->lock);
    trash_empty(&trash);
}

const struct view *model_view_get(const struct model_view *view)
{
    return view->view;
}

void model_view_path(const struct model_view *view, unsigned shard, char *path, size_t size)
{
    const struct source *source = view->model->source;

    (void)snprintf(path, size, "%s%s", view->model->directory,
                   shard < source_shard_count(source) ? source_shard_name(source, shard) : "");
}
