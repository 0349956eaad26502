#ifndef FS_MODELS_H
#define FS_MODELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fs/log.h"
#include "fs/model.h"
#include "fs/pool.h"
#include "fs/root.h"
#include "fs/tree.h"
#include "quant/variant.h"

/*
 * Finds out about the models of the tree. Finding out is a flight: one at a time for each place, on
 * a worker, with the questions that wait for it; few run at once, so that a long listing leaves
 * room for reads. What was found out is kept on a shelf (model.h), and in the cache (record.h).
 * Safe from any thread.
 */
struct models;

/* Everything is the caller's and outlives the models. */
struct models_config {
    const struct root *root;
    const char *root_path; /* as the user wrote it, for the log */
    /* where importance matrices are looked for, besides beside the models; NULL: nowhere else */
    const struct root *imatrix_root;
    const char *imatrix_path;
    const struct root *mix_root; /* the same for mixes */
    const char *mix_path;
    struct pool *pool;
    struct log *log;
    struct cache *cache; /* keeps what was found out; NULL: none */
    bool trust_stat;     /* as for ctime_is_true() */
    bool requantize;     /* variants of quantized sources, too */
};

MUST_USE int models_new(const struct models_config *config, struct models **models);
/* No question may be under way, no view in use. */
void models_free(struct models *models);

/*
 * What is asked about a model. `name` is that of its file, or of the first file of its set; with
 * `directory` (a path from the root) it is the model's place. The struct and all it points to are
 * the caller's until answer() is called: once, from a worker, with no lock held.
 */
struct models_question {
    const char *directory;
    const char *name;
    const struct variant *variants; /* all of one model_form() */
    size_t variant_count;
    /* Of a directory: F16, BF16 and F32 are among the variants though their form is another one.
     * It has the one that it becomes and loses nothing. */
    bool natives;
    bool want_view; /* the view of variants[0] itself */
    /* What of the one variant is asked about; attrs[0] and the view are that facet's. No folder. */
    struct facet facet;
    bool urgent; /* somebody waits for this one alone */
    /* Of a directory nothing but the names is wanted, which any model has: it need not be parsed.
     */
    bool names_only;
    /*
     * r is 0 if the model can be used, else -errno: -ENOENT no such file, -ENOEXEC no model, -ELOOP
     * it leads into the mount, ... What is wrong with it has been logged.
     */
    void (*answer)(struct models_question *question, int r);

    /* For answer() with 0. The state of the model's files, seen after the question was asked: valid
     * until answer() returns. */
    unsigned version_count;
    const struct version *versions;
    bool young;
    /* The caller's arrays, one for each variant: 0, or -ENOENT if the model has it not, or another
     * error; what stat shows. */
    int *results;
    struct tree_attr *attrs;
    bool sized;              /* the sizes are known: always, unless names_only */
    struct model_view *view; /* a reference; NULL unless results[0] is 0 */
    /* For answer() with any r: what is known of the model, or NULL; valid until it returns. */
    const struct model_record *record;

    struct models_question *next; /* private to models.c */
};

void models_ask(struct models *models, struct models_question *question);

/* The view, if it is at hand: a reference. NULL: ask. */
struct model_view *models_find_view(struct models *models, const char *directory, const char *name,
                                    unsigned version_count, const struct version *versions,
                                    const struct variant *variant, struct facet facet);

/* Logs "ROOT/PATH: ...", unless that very line was logged before: for what is found at every look.
 * Only some thousand lines are remembered. */
void models_log_once(struct models *models, enum log_level level, const char *path,
                     const char *format, ...) __attribute__((format(printf, 4, 5)));

/* "ROOT/PATH" as the user wrote the root, for the log. */
void models_log_path(const struct models *models, const char *path, char *out, size_t size);

/* Models parsed since models_new(). */
uint64_t models_parse_count(struct models *models);

#endif
