#include "fs/survey.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fs/directory.h"
#include "fs/room.h"
#include "fs/shard.h"

/* Directories that are still to be read. */
struct ways {
    size_t count, capacity;
    char **paths;
};

/* What is gathered from one directory. */
struct gathering {
    const struct survey_config *config;
    const char *directory;
    struct survey *survey;
    struct ways *ways; /* NULL: this directory alone */
    int (*entry)(void *context, const struct dirent *entry);
    void *context;
};

/* ---- one directory ---- */

/* The stem begins at `stem` of the name. */
static int append(struct survey *survey, const char *path, size_t name_length, size_t stem,
                  const struct survey_model *model)
{
    struct survey_model *added;
    int r = make_room(&survey->models, survey->count, &survey->capacity, sizeof(*survey->models));

    if (r < 0)
        return r;
    added = &survey->models[survey->count];
    *added = *model;
    added->path = strdup(path);
    if (!added->path)
        return -ENOMEM;
    added->name = added->path + strlen(path) - name_length;
    added->stem = added->name + stem;
    survey->count++;
    return 0;
}

/* Is a repository in a cache of huggingface_hub, and has it a revision? */
static bool has_revision(const struct root *root, const char *path)
{
    char revision[NAME_MAX + 16];
    int fd = root_open_directory(root, path, O_RDONLY), r;

    if (fd < 0)
        return false;
    r = directory_revision(fd, revision);
    (void)close(fd);
    return r == 0;
}

static bool has_config(const struct root *root, const char *path)
{
    char config[PATH_MAX];
    struct stat st;
    int fd = root_join(path, "config.json", config, sizeof(config));

    if (fd == 0)
        fd = root_follow(root, config, &st);
    if (fd < 0)
        return false;
    (void)close(fd);
    return S_ISREG(st.st_mode);
}

/* Revisions are for who looks into the cache; elsewhere the newest one stands for them. */
static bool is_snapshot(const struct gathering *g)
{
    const char *slash = strrchr(g->directory, '/');

    return layout_is_arranged(g->config->layout) && slash && strcmp(slash, "/snapshots") == 0;
}

/* A directory that has a config.json; whether it has more is for others to see. */
static int add_directory(const struct gathering *g, const struct dirent *entry)
{
    const struct root *root = g->config->root;
    const char *name = entry->d_name;
    const char *stem =
        g->config->layout == LAYOUT_LMSTUDIO ? directory_own_name(name) : directory_stem(name);
    const struct survey_model model = {.stem_length = strlen(stem), .directory = true};
    char path[PATH_MAX];

    if ((entry->d_type != DT_DIR && entry->d_type != DT_LNK && entry->d_type != DT_UNKNOWN) ||
        name[0] == '.' || is_snapshot(g) || root_join(g->directory, name, path, sizeof(path)) < 0 ||
        !(directory_is_cached(name) ? has_revision(root, path) : has_config(root, path)))
        return 0;
    return append(g->survey, path, strlen(name), (size_t)(stem - name), &model);
}

static int add_model(const struct gathering *g, const struct dirent *entry)
{
    size_t length = strlen(entry->d_name);
    struct survey_model model = {.stem_length = length - 5};
    unsigned number = 1, count = 0;
    char path[PATH_MAX];

    if (directory_is_model(entry->d_name))
        return add_directory(g, entry);
    if (entry->d_type != DT_REG && entry->d_type != DT_LNK && entry->d_type != DT_UNKNOWN)
        return 0;
    if (length < 6)
        return 0;
    if (shard_parse(entry->d_name, &model.stem_length, &number, &count))
        model.shards = count;
    if (number != 1 || root_join(g->directory, entry->d_name, path, sizeof(path)) < 0)
        return 0;
    return append(g->survey, path, length, 0, &model);
}

static int add_way(const struct gathering *g, int directory, const struct dirent *entry)
{
    unsigned char type = entry->d_type;
    char path[PATH_MAX];
    struct stat st;
    int r;

    if (type == DT_UNKNOWN && fstatat(directory, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0)
        type = S_ISDIR(st.st_mode) ? DT_DIR : DT_REG;
    if (type != DT_DIR || entry->d_name[0] == '.' ||
        root_join(g->directory, entry->d_name, path, sizeof(path)) < 0)
        return 0;
    r = make_room(&g->ways->paths, g->ways->count, &g->ways->capacity, sizeof(*g->ways->paths));
    if (r < 0)
        return r;
    g->ways->paths[g->ways->count] = strdup(path);
    return g->ways->paths[g->ways->count] ? (g->ways->count++, 0) : -ENOMEM;
}

static int open_stream(const struct root *root, const char *directory, DIR **stream)
{
    int fd = root_open_directory(root, directory, O_RDONLY), r;

    if (fd < 0)
        return fd;
    *stream = fdopendir(fd);
    if (*stream)
        return 0;
    r = -errno;
    (void)close(fd);
    return r;
}

static int compare_stems(const struct survey_model *x, const struct survey_model *y)
{
    size_t length = x->stem_length < y->stem_length ? x->stem_length : y->stem_length;
    int order = memcmp(x->stem, y->stem, length);

    return order != 0 ? order
                      : (x->stem_length > y->stem_length) - (x->stem_length < y->stem_length);
}

static int compare_models(const void *a, const void *b)
{
    const struct survey_model *x = a, *y = b;
    int order = x->place && y->place ? strcmp(x->place, y->place) : 0;

    if (order == 0)
        order = compare_stems(x, y);
    if (order == 0)
        order = x->directory - y->directory;
    if (order == 0)
        order = (x->shards > 0) - (y->shards > 0);
    if (order == 0 && !x->place)
        order = (x->shards > y->shards) - (x->shards < y->shards);
    return order != 0 ? order : layout_compare(x->path, y->path);
}

static void sort(struct survey *survey, size_t first)
{
    if (survey->count > first)
        qsort(survey->models + first, survey->count - first, sizeof(*survey->models),
              compare_models);
}

/* Of the models from `first` on, which are of one directory. As in survey_find_set(). */
static void drop_double_sets(const struct survey_config *config, struct survey *survey,
                             size_t first)
{
    size_t kept = first;

    sort(survey, first);
    for (size_t i = first; i < survey->count; i++) {
        struct survey_model *this = &survey->models[i];
        const struct survey_model *last = kept > first ? &survey->models[kept - 1] : NULL;

        if (last && last->shards > 0 && this->shards > 0 && compare_stems(last, this) == 0) {
            models_log_once(config->models, LOG_LEVEL_INFO, this->path,
                            "%s, a set of fewer files, goes first", last->name);
            free(this->path);
        } else {
            survey->models[kept++] = *this;
        }
    }
    survey->count = kept;
}

static int gather(const struct gathering *g)
{
    size_t first = g->survey->count;
    const struct dirent *entry;
    DIR *stream;
    int r = open_stream(g->config->root, g->directory, &stream);

    if (r < 0)
        return r;
    do {
        errno = 0;
        entry = readdir(stream);
        r = entry ? 0 : -errno;
        if (entry && g->entry)
            r = g->entry(g->context, entry);
        if (entry && r == 0)
            r = add_model(g, entry);
        if (entry && r == 0 && g->ways)
            r = add_way(g, dirfd(stream), entry);
    } while (entry && r == 0);
    (void)closedir(stream);
    drop_double_sets(g->config, g->survey, first);
    return r;
}

int survey_directory(const struct survey_config *config, const char *directory,
                     int (*entry)(void *context, const struct dirent *entry), void *context,
                     struct survey *survey)
{
    const struct gathering g = {
        .config = config,
        .directory = directory,
        .survey = survey,
        .entry = entry,
        .context = context,
    };

    return gather(&g);
}

/* ---- the tree ---- */

/* Models from `first` on are of that directory; one whose place is too long has none. */
static int give_places(enum layout layout, const char *directory, struct survey *survey,
                       size_t first)
{
    char place[PATH_MAX];
    size_t kept = first;
    int r = 0;

    for (size_t i = first; i < survey->count; i++) {
        struct survey_model *model = &survey->models[i];

        if (r == 0 && layout_place(layout, model->directory ? model->path : directory, model->stem,
                                   model->stem_length, place)) {
            model->place = strdup(place);
            r = model->place ? 0 : -ENOMEM;
        }
        if (model->place)
            survey->models[kept++] = *model;
        else
            free(model->path);
    }
    survey->count = kept;
    return r;
}

static int gather_next(const struct survey_config *config, struct ways *ways, struct survey *survey)
{
    size_t first = survey->count;
    char *directory = ways->paths[--ways->count];
    const struct gathering g = {
        .config = config,
        .directory = directory,
        .survey = survey,
        .ways = ways,
    };
    int r = gather(&g), placed = give_places(config->layout, directory, survey, first);
    bool is_root = *directory == '\0';

    free(directory);
    if (r == -ENOMEM || is_root)
        return r < 0 ? r : placed;
    return placed;
}

static int survey_tree(const struct survey_config *config, struct survey *survey)
{
    struct ways ways = {0};
    int r = make_room(&ways.paths, 0, &ways.capacity, sizeof(*ways.paths));

    if (r == 0)
        ways.paths[0] = strdup("");
    if (r == 0 && ways.paths[0])
        ways.count = 1;
    else
        r = -ENOMEM;
    while (r == 0 && ways.count > 0)
        r = atomic_load(config->stop) ? -EINTR : gather_next(config, &ways, survey);
    while (ways.count > 0)
        free(ways.paths[--ways.count]);
    free(ways.paths);
    sort(survey, 0);
    return r;
}

void survey_free(struct survey *survey)
{
    for (size_t i = 0; i < survey->count; i++) {
        free(survey->models[i].path);
        free(survey->models[i].place);
    }
    free(survey->models);
    survey->models = NULL;
    survey->count = survey->capacity = 0;
}

/* ---- the last one ---- */

struct surveys {
    struct survey_config config;
    pthread_mutex_t lock;
    struct survey *last; /* protected by lock: a reference, or NULL */
};

int surveys_new(const struct survey_config *config, struct surveys **out)
{
    struct surveys *surveys = calloc(1, sizeof(*surveys));

    if (!surveys)
        return -ENOMEM;
    surveys->config = *config;
    pthread_mutex_init(&surveys->lock, NULL);
    *out = surveys;
    return 0;
}

void surveys_free(struct surveys *surveys)
{
    if (!surveys)
        return;
    surveys_put(surveys->last);
    pthread_mutex_destroy(&surveys->lock);
    free(surveys);
}

void surveys_put(struct survey *survey)
{
    if (!survey || atomic_fetch_sub(&survey->users, 1) > 1)
        return;
    survey_free(survey);
    free(survey);
}

static double age_of(const struct survey *survey)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - survey->begun.tv_sec) +
           (double)(now.tv_nsec - survey->begun.tv_nsec) / 1e9;
}

static struct survey *get_last(struct surveys *surveys, double max_age)
{
    struct survey *survey;

    pthread_mutex_lock(&surveys->lock);
    survey = surveys->last && age_of(surveys->last) < max_age ? surveys->last : NULL;
    if (survey)
        atomic_fetch_add(&survey->users, 1);
    pthread_mutex_unlock(&surveys->lock);
    return survey;
}

/* Unless another one that was begun later is there already. */
static void set_last(struct surveys *surveys, struct survey *survey)
{
    struct survey *old = NULL;

    pthread_mutex_lock(&surveys->lock);
    if (!surveys->last || age_of(surveys->last) > age_of(survey)) {
        old = surveys->last;
        surveys->last = survey;
        atomic_fetch_add(&survey->users, 1);
    }
    pthread_mutex_unlock(&surveys->lock);
    surveys_put(old);
}

int surveys_get(struct surveys *surveys, double max_age, struct survey **out, bool *fresh)
{
    struct survey *survey = get_last(surveys, max_age);
    int r;

    *fresh = !survey;
    *out = survey;
    if (survey)
        return 0;
    survey = calloc(1, sizeof(*survey));
    if (!survey)
        return -ENOMEM;
    atomic_init(&survey->users, 1);
    (void)clock_gettime(CLOCK_MONOTONIC, &survey->begun);
    r = survey_tree(&surveys->config, survey);
    if (r < 0) {
        surveys_put(survey);
        return r;
    }
    set_last(surveys, survey);
    *out = survey;
    return 0;
}

/* ---- */

int survey_find_set(const struct root *root, const char *directory, const char *stem,
                    size_t stem_length, char name[NAME_MAX + 1])
{
    const struct dirent *entry;
    unsigned number, count, least = 0;
    size_t length;
    DIR *stream;
    int r = open_stream(root, directory, &stream);

    if (r < 0)
        return r;
    while ((errno = 0, entry = readdir(stream)) != NULL) {
        if (!shard_parse(entry->d_name, &length, &number, &count) || number != 1 ||
            length != stem_length || memcmp(entry->d_name, stem, length) != 0)
            continue;
        if (least == 0 || count < least) {
            least = count;
            (void)snprintf(name, NAME_MAX + 1, "%s", entry->d_name);
        }
    }
    r = errno ? -errno : least > 0 ? 0 : -ENOENT;
    (void)closedir(stream);
    return r;
}
