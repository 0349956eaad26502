#ifndef FS_MODEL_SHELF_H
#define FS_MODEL_SHELF_H

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <time.h>

#include "fs/model.h"

/*
 * Inside of the shelf: for model.c, which has the functions that others call. Unless something else
 * is said, all below is called with the shelf's lock, and all fields that are not constant are
 * protected by it.
 */

#define MODEL_SHELF_BUCKETS 4096

/* A place in a list; in none if next is NULL. */
struct model_shelf_link {
    struct model_shelf_link *prev, *next;
};

struct model_shelf_entry {
    struct model_shelf_link age; /* must be first */
    struct model_shelf_entry *next;
    unsigned users;
    bool dropped; /* in no bucket any more */
    struct model *model;
    struct model_record record; /* its path and form stand behind the entry */
};

struct model {
    struct model_shelf_link idle; /* must be first */
    time_t idle_since;
    struct model_shelf_entry *entry; /* NULL: its record lets it go */
    unsigned users;
    unsigned files;
    size_t memory;
    struct model_view *views;
    /* constant */
    bool young; /* when it was judged */
    struct source *source;
    struct mix *mix; /* or NULL */
    struct arch_facts facts;
    char directory[]; /* of its files, "" or with a slash at its end */
};

struct model_view {
    struct model_shelf_link idle; /* must be first */
    time_t idle_since;
    unsigned users;
    struct model_view *next; /* of the same model */
    atomic_flag told;
    /* constant */
    struct model_shelf *shelf;
    struct model *model;
    struct facet facet;
    struct view *view;
    char variant[]; /* canonical text */
};

struct model_shelf {
    pthread_mutex_t lock;
    pthread_cond_t wake; /* the thread that closes what is idle for long */
    pthread_t closer;    /* constant, as is files_max */
    unsigned files_max;
    /* protected by lock, as are all fields above that are not constant */
    struct model_shelf_entry *buckets[MODEL_SHELF_BUCKETS];
    struct model_shelf_link records, idle_models, idle_views; /* oldest first */
    size_t record_count;
    size_t model_memory, view_memory; /* of idle ones */
    unsigned files;                   /* descriptors of all models */
    bool stop;
};

/* What nobody can reach any more: gathered under the lock, freed without it. */
struct model_shelf_trash {
    struct model_shelf_link models, views;
};

/* Without the lock. */
void model_shelf_trash_init(struct model_shelf_trash *trash);
/* Without the lock: closes descriptors. */
void model_shelf_trash_empty(struct model_shelf_trash *trash);

void model_shelf_append(struct model_shelf_link *list, struct model_shelf_link *link);
void model_shelf_remove(struct model_shelf_link *link);

struct model_shelf_entry **model_shelf_bucket(struct model_shelf *shelf, const char *path);
struct model_shelf_entry *model_shelf_find(struct model_shelf *shelf, const char *path,
                                           const char *form);

/* What loses its last user becomes idle, or trash if nobody can find it any more. */
void model_shelf_use_model(struct model_shelf *shelf, struct model *model);
void model_shelf_unuse_model(struct model_shelf *shelf, struct model *model,
                             struct model_shelf_trash *trash);
void model_shelf_use_view(struct model_shelf *shelf, struct model_view *view);
void model_shelf_unuse_view(struct model_shelf *shelf, struct model_view *view,
                            struct model_shelf_trash *trash);

/* The record lets go of its model; the model's idle views go with it. */
void model_shelf_detach(struct model_shelf *shelf, struct model_shelf_entry *entry,
                        struct model_shelf_trash *trash);
/* Nobody will find the record any more; its last user frees it. */
void model_shelf_drop(struct model_shelf *shelf, struct model_shelf_entry *entry,
                      struct model_shelf_trash *trash);
void model_shelf_free_entry(struct model_shelf_entry *entry);

/* Frees idle things until they fit. */
void model_shelf_trim(struct model_shelf *shelf, struct model_shelf_trash *trash);
void model_shelf_trim_records(struct model_shelf *shelf, struct model_shelf_trash *trash);

#endif
