#ifndef FS_SURVEY_H
#define FS_SURVEY_H

#include <dirent.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include "fs/bare.h"
#include "fs/layout.h"
#include "fs/models.h"
#include "fs/root.h"

/* The files and directories of a directory, or of the whole tree, that may be models, by names
 * alone: a GGUF file's own, and that of the config.json in a directory. Reads directories: for
 * workers. */

struct survey_model {
    char *path;       /* of its first file, or of the directory, from the root */
    const char *name; /* the last part of it */
    const char *stem; /* in the name */
    size_t stem_length;
    unsigned shards; /* files of its set; 0: no set */
    bool directory;  /* it has a config.json */
    bool self;       /* it is the root; its stem is no part of its name */
    char *place;     /* in the mount: layout_place(), or of survey_shown(); NULL: where it is */
};

/* Sorted: by place, then by stem, single files before sets before directories, then by
 * layout_compare(). To begin with all is 0.
 */
struct survey {
    size_t count, capacity;
    struct survey_model *models;
    /* private, of one of the tree */
    atomic_uint users;
    struct timespec begun; /* CLOCK_MONOTONIC */
};

/* Of two sets of one stem in one directory the one with fewer files is taken; the log is told of
 * the other. */
struct survey_config {
    const struct root *root;
    struct models *models;   /* for the log */
    enum layout layout;      /* of the mount, where the tree is surveyed */
    const atomic_bool *stop; /* the same ends early: -EINTR */
    struct bare *bare;       /* where nothing is to be looked for; NULL: that is not known */
};

/* One directory; `entry` is told of each of its entries, and may be NULL. In every case
 * survey_free() is due. */
MUST_USE int survey_directory(const struct survey_config *config, const char *directory,
                              int (*entry)(void *context, const struct dirent *entry),
                              void *context, struct survey *survey);
void survey_free(struct survey *survey);

/*
 * Adds what a mount that is not arranged shows in `directory` though it lies elsewhere: of
 * repositories models--ORG--NAME that stand in it, beside it or beside the one it is in, the newest
 * revision. Where the directory ORG of the mount is (in the one that has the repository) it is the
 * place of NAME, and ORG/NAME that of GGUF files in it, whether such directories are real or not.
 * In the root directory "" that is also the root, if it is a model itself; its path is ".". Of
 * repositories that stand in the directory those of `org` only, unless that is NULL. What cannot
 * be read is left out. -ENOMEM. In every case survey_free() is due.
 */
MUST_USE int survey_shown(const struct survey_config *config, const char *directory,
                          const char *org, struct survey *survey);

/* Can it be told at once that survey_shown() tells of nothing in `directory` that is not its own
 * model's? `bare` is needed. */
bool survey_shows_nothing(const struct survey_config *config, const char *directory);

/* The whole tree: all directories but those behind symlinks and those whose names begin with a dot;
 * of a repository's revisions the newest. What cannot be read is left out. In every case
 * survey_free() is due. */
MUST_USE int survey_tree(const struct survey_config *config, struct survey *survey);

/* Surveys of the whole tree. The last one is kept, so that who walks through all directories of an
 * arranged mount does not have the tree surveyed for each. */
struct surveys;

/* *config is copied, what it points to outlives the surveys. */
MUST_USE int surveys_new(const struct survey_config *config, struct surveys **surveys);
void surveys_free(struct surveys *surveys);
/* One that was begun less than `max_age` seconds ago, or now: a reference. *fresh: it was now. */
MUST_USE int surveys_get(struct surveys *surveys, double max_age, struct survey **survey,
                         bool *fresh);
void surveys_put(struct survey *survey);

/* The first file of the split set STEM in a directory. -ENOENT: there is none; others: the
 * directory cannot be read. */
MUST_USE int survey_find_set(const struct root *root, const char *directory, const char *stem,
                             size_t stem_length, char name[NAME_MAX + 1]);

#endif
