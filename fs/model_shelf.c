#include "fs/model_shelf.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "fs/hash.h"

#define RECORDS_MAX 16384
/* Idle things beyond these are freed. */
#define VIEW_MEMORY_MAX ((size_t)2 << 20)
#define MODEL_MEMORY_MAX ((size_t)4 << 20)
#define FILES_MAX 256u
/* And those that nobody has used for so long. */
#define IDLE_SECONDS 10

static void list_init(struct model_shelf_link *list)
{
    list->prev = list->next = list;
}

void model_shelf_append(struct model_shelf_link *list, struct model_shelf_link *link)
{
    link->prev = list->prev;
    link->next = list;
    list->prev->next = link;
    list->prev = link;
}

void model_shelf_remove(struct model_shelf_link *link)
{
    link->prev->next = link->next;
    link->next->prev = link->prev;
    link->prev = link->next = NULL;
}

static void *list_first(struct model_shelf_link *list)
{
    return list->next == list ? NULL : list->next;
}

void model_shelf_trash_init(struct model_shelf_trash *trash)
{
    list_init(&trash->models);
    list_init(&trash->views);
}

/* Closes descriptors. Called without the lock. */
void model_shelf_trash_empty(struct model_shelf_trash *trash)
{
    struct model_view *view;
    struct model *model;

    while ((view = list_first(&trash->views)) != NULL) {
        model_shelf_remove(&view->idle);
        view_free(view->view);
        free(view);
    }
    while ((model = list_first(&trash->models)) != NULL) {
        model_shelf_remove(&model->idle);
        source_close(model->source);
        mix_free(model->mix);
        free(model);
    }
}

static time_t seconds_now(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec;
}

/* ---- called with the lock ---- */

struct model_shelf_entry **model_shelf_bucket(struct model_shelf *shelf, const char *path)
{
    uint64_t hash = hash_text(HASH_START, path);

    return &shelf->buckets[(hash ^ (hash >> 32)) % MODEL_SHELF_BUCKETS];
}

struct model_shelf_entry *model_shelf_find(struct model_shelf *shelf, const char *path,
                                           const char *form)
{
    struct model_shelf_entry *entry = *model_shelf_bucket(shelf, path);

    while (entry &&
           (strcmp(entry->record.form, form) != 0 || strcmp(entry->record.path, path) != 0))
        entry = entry->next;
    return entry;
}

/* A model without users that nobody can find any more. */
static void discard_model(struct model_shelf *shelf, struct model *model,
                          struct model_shelf_trash *trash)
{
    if (model->idle.next) {
        model_shelf_remove(&model->idle);
        shelf->model_memory -= model->memory;
    }
    if (model->entry)
        model->entry->model = NULL;
    shelf->files -= model->files;
    model_shelf_append(&trash->models, &model->idle);
}

/* To be called before something becomes idle. While something is, it waits for a time. */
static void wake_closer(struct model_shelf *shelf)
{
    if (!list_first(&shelf->idle_models) && !list_first(&shelf->idle_views))
        pthread_cond_signal(&shelf->wake);
}

void model_shelf_unuse_model(struct model_shelf *shelf, struct model *model,
                             struct model_shelf_trash *trash)
{
    assert(model->users > 0);
    if (--model->users > 0)
        return;
    if (!model->entry) {
        discard_model(shelf, model, trash);
        return;
    }
    model->idle_since = seconds_now();
    wake_closer(shelf);
    model_shelf_append(&shelf->idle_models, &model->idle);
    shelf->model_memory += model->memory;
}

void model_shelf_use_model(struct model_shelf *shelf, struct model *model)
{
    if (model->users++ == 0) {
        model_shelf_remove(&model->idle);
        shelf->model_memory -= model->memory;
    }
}

/* An idle view. */
static void discard_view(struct model_shelf *shelf, struct model_view *view,
                         struct model_shelf_trash *trash)
{
    struct model_view **link = &view->model->views;

    while (*link != view)
        link = &(*link)->next;
    *link = view->next;
    model_shelf_remove(&view->idle);
    shelf->view_memory -= view->view->memory;
    model_shelf_append(&trash->views, &view->idle);
    model_shelf_unuse_model(shelf, view->model, trash);
}

void model_shelf_unuse_view(struct model_shelf *shelf, struct model_view *view,
                            struct model_shelf_trash *trash)
{
    assert(view->users > 0);
    if (--view->users > 0)
        return;
    view->idle_since = seconds_now();
    wake_closer(shelf);
    model_shelf_append(&shelf->idle_views, &view->idle);
    shelf->view_memory += view->view->memory;
    if (!view->model->entry)
        discard_view(shelf, view, trash);
}

void model_shelf_use_view(struct model_shelf *shelf, struct model_view *view)
{
    if (view->users++ == 0) {
        model_shelf_remove(&view->idle);
        shelf->view_memory -= view->view->memory;
    }
}

/* Frees idle things until they fit. An idle view keeps its model from being idle. */
static void trim(struct model_shelf *shelf, size_t view_memory, size_t model_memory, unsigned files,
                 struct model_shelf_trash *trash)
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

void model_shelf_trim(struct model_shelf *shelf, struct model_shelf_trash *trash)
{
    trim(shelf, VIEW_MEMORY_MAX, MODEL_MEMORY_MAX, shelf->files_max, trash);
}

/* Its idle views go with it: nobody will ask for that version again. */
void model_shelf_detach(struct model_shelf *shelf, struct model_shelf_entry *entry,
                        struct model_shelf_trash *trash)
{
    struct model *model = entry->model;
    struct model_view *view, *next;

    if (!model)
        return;
    model_shelf_use_model(shelf, model);
    for (view = model->views; view; view = next) {
        next = view->next;
        if (view->users == 0)
            discard_view(shelf, view, trash);
    }
    model->entry = NULL;
    entry->model = NULL;
    model_shelf_unuse_model(shelf, model, trash);
}

void model_shelf_free_entry(struct model_shelf_entry *entry)
{
    probe_files_free(&entry->record.files);
    model_results_free(entry->record.results, entry->record.result_count);
    free(entry->record.reason);
    free(entry);
}

/* Nobody will find it any more; the last user frees it. */
void model_shelf_drop(struct model_shelf *shelf, struct model_shelf_entry *entry,
                      struct model_shelf_trash *trash)
{
    struct model_shelf_entry **link = model_shelf_bucket(shelf, entry->record.path);

    while (*link != entry)
        link = &(*link)->next;
    *link = entry->next;
    model_shelf_remove(&entry->age);
    shelf->record_count--;
    model_shelf_detach(shelf, entry, trash);
    entry->dropped = true;
    if (entry->users == 0)
        model_shelf_free_entry(entry);
}

/* The oldest record that nobody uses goes; those with a model in use are passed over. */
void model_shelf_trim_records(struct model_shelf *shelf, struct model_shelf_trash *trash)
{
    for (unsigned i = 0; i < 16 && shelf->record_count > RECORDS_MAX; i++) {
        struct model_shelf_entry *entry = list_first(&shelf->records);

        if (entry->users == 0 && (!entry->model || entry->model->users == 0)) {
            model_shelf_drop(shelf, entry, trash);
        } else {
            model_shelf_remove(&entry->age);
            model_shelf_append(&shelf->records, &entry->age);
        }
    }
}

/* ---- */

/* Called with the lock. Discards what has been idle since before `then`; returns when the next may
 * be, or 0 if nothing is idle. */
static time_t discard_old(struct model_shelf *shelf, time_t then, struct model_shelf_trash *trash)
{
    struct model_view *view;
    struct model *model;
    time_t next = 0;

    while ((view = list_first(&shelf->idle_views)) != NULL && view->idle_since <= then) {
        model = view->model;
        discard_view(shelf, view, trash);
        /* Nobody has used the model either since then. */
        if (model->users == 0 && model->entry) {
            model_shelf_remove(&model->idle);
            model_shelf_append(shelf->idle_models.next, &model->idle);
            model->idle_since = then;
        }
    }
    while ((model = list_first(&shelf->idle_models)) != NULL && model->idle_since <= then)
        discard_model(shelf, model, trash);
    if (view)
        next = view->idle_since;
    if (model && (!next || model->idle_since < next))
        next = model->idle_since;
    return next;
}

/* The thread that closes what nobody has used for long. */
static void *closer(void *context)
{
    struct model_shelf *shelf = context;
    struct timespec until = {0};
    struct model_shelf_trash trash;

    model_shelf_trash_init(&trash);
    pthread_mutex_lock(&shelf->lock);
    while (!shelf->stop) {
        time_t next = discard_old(shelf, seconds_now() - IDLE_SECONDS, &trash);

        if (list_first(&trash.views) || list_first(&trash.models)) {
            pthread_mutex_unlock(&shelf->lock);
            model_shelf_trash_empty(&trash);
            pthread_mutex_lock(&shelf->lock);
        } else if (next) {
            until.tv_sec = next + IDLE_SECONDS + 1;
            (void)pthread_cond_timedwait(&shelf->wake, &shelf->lock, &until);
        } else {
            pthread_cond_wait(&shelf->wake, &shelf->lock);
        }
    }
    pthread_mutex_unlock(&shelf->lock);
    return NULL;
}

static int start_closer(struct model_shelf *shelf)
{
    pthread_condattr_t attributes;
    sigset_t all, before;
    int r;

    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&shelf->wake, &attributes);
    pthread_condattr_destroy(&attributes);
    /* Signals are for the thread that waits for them. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    r = -pthread_create(&shelf->closer, NULL, closer, shelf);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return r;
}

int model_shelf_new(struct model_shelf **out)
{
    struct model_shelf *shelf = calloc(1, sizeof(*shelf));
    struct rlimit limit;
    int r;

    if (!shelf)
        return -ENOMEM;
    pthread_mutex_init(&shelf->lock, NULL);
    list_init(&shelf->records);
    list_init(&shelf->idle_models);
    list_init(&shelf->idle_views);
    shelf->files_max = FILES_MAX;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur / 4 < FILES_MAX)
        shelf->files_max = (unsigned)(limit.rlim_cur / 4);
    r = start_closer(shelf);
    if (r < 0) {
        pthread_cond_destroy(&shelf->wake);
        pthread_mutex_destroy(&shelf->lock);
        free(shelf);
        return r;
    }
    *out = shelf;
    return 0;
}

void model_shelf_free(struct model_shelf *shelf)
{
    struct model_shelf_trash trash;
    struct model_shelf_entry *entry;

    if (!shelf)
        return;
    pthread_mutex_lock(&shelf->lock);
    shelf->stop = true;
    pthread_cond_signal(&shelf->wake);
    pthread_mutex_unlock(&shelf->lock);
    pthread_join(shelf->closer, NULL);
    model_shelf_trash_init(&trash);
    while ((entry = list_first(&shelf->records)) != NULL)
        model_shelf_drop(shelf, entry, &trash);
    model_shelf_trash_empty(&trash);
    assert(shelf->files == 0);
    pthread_cond_destroy(&shelf->wake);
    pthread_mutex_destroy(&shelf->lock);
    free(shelf);
}

void model_shelf_clear(struct model_shelf *shelf)
{
    struct model_shelf_trash trash;

    model_shelf_trash_init(&trash);
    pthread_mutex_lock(&shelf->lock);
    trim(shelf, 0, 0, 0, &trash);
    pthread_mutex_unlock(&shelf->lock);
    model_shelf_trash_empty(&trash);
}
