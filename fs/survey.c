#include "fs/survey.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fs/ctime.h"
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
    const char *only;  /* of the ways; or NULL */
    bool gguf_only;
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

/* "snapshots/REV" of a repository in a cache of huggingface_hub. */
static int find_revision(const struct root *root, const char *path, enum directory_content content,
                         char revision[NAME_MAX + 16])
{
    int fd = root_open_directory(root, path, O_RDONLY), r;

    if (fd < 0)
        return fd;
    r = directory_revision(fd, content, revision);
    (void)close(fd);
    return r;
}

static bool has_revision(const struct root *root, const char *path)
{
    char revision[NAME_MAX + 16];

    return find_revision(root, path, DIRECTORY_MODEL, revision) == 0;
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
static bool is_snapshots(enum layout layout, const char *directory)
{
    const char *slash = strrchr(directory, '/');

    return layout_is_arranged(layout) && slash && strcmp(slash, "/snapshots") == 0;
}

/* Is shown as ORG/NAME, by survey_shown()? */
static bool is_shown_elsewhere(enum layout layout, const char *name)
{
    struct directory_repository repository;

    return !layout_is_arranged(layout) && directory_is_repository(name, strlen(name), &repository);
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
        name[0] == '.' || g->gguf_only || is_snapshots(g->config->layout, g->directory) ||
        is_shown_elsewhere(g->config->layout, name) ||
        root_join(g->directory, name, path, sizeof(path)) < 0 ||
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
        (g->only && strcmp(entry->d_name, g->only) != 0) ||
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
    int order = strcmp(x->place ? x->place : "", y->place ? y->place : "");

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

/* ---- what is shown elsewhere ---- */

/* The root, if it is a model; it is called as its directory is. */
static int add_root(const struct survey_config *config, struct survey *survey)
{
    const struct root *root = config->root;
    const char *stem = directory_own_name(root->name);
    struct survey_model *model;
    int r;

    if (root->name[0] == '\0' || !directory_is_model(root->name) ||
        !(directory_is_cached(root->name) ? has_revision(root, "") : has_config(root, "")))
        return 0;
    r = make_room(&survey->models, survey->count, &survey->capacity, sizeof(*survey->models));
    if (r < 0)
        return r;
    model = &survey->models[survey->count];
    *model = (struct survey_model){
        .stem = stem, .stem_length = strlen(stem), .directory = true, .self = true};
    model->path = strdup(".");
    model->name = model->path;
    return model->path ? (survey->count++, 0) : -ENOMEM;
}

/* Gives models from `first` on that place. */
static int place_at(struct survey *survey, size_t first, const char *place)
{
    for (size_t i = first; i < survey->count; i++) {
        survey->models[i].place = strdup(place);
        if (!survey->models[i].place)
            return -ENOMEM;
    }
    return 0;
}

/* GGUF files of a revision, and of folders in it. */
static int add_files(const struct survey_config *config, const char *directory,
                     struct survey *survey)
{
    struct ways ways = {0};
    struct gathering g = {
        .config = config,
        .directory = directory,
        .survey = survey,
        .ways = &ways,
        .gguf_only = true,
    };
    int r = gather(&g);

    g.ways = NULL;
    for (size_t i = 0; i < ways.count; i++) {
        g.directory = ways.paths[i];
        if (r != -ENOMEM)
            r = gather(&g);
        free(ways.paths[i]);
    }
    free(ways.paths);
    return r == -ENOMEM ? r : 0;
}

/* A repository in `directory`: its model is shown in ORG, its files in ORG/NAME. */
static int add_repository(const struct survey_config *config, const char *directory,
                          const char *entry, const struct directory_repository *repository,
                          struct survey *survey)
{
    const struct survey_model model = {.stem_length = repository->name_length, .directory = true};
    char path[PATH_MAX], org[NAME_MAX + 1], name[NAME_MAX + 1], revision[NAME_MAX + 16];
    char place[PATH_MAX], beneath[PATH_MAX], files[PATH_MAX];
    size_t first = survey->count;
    int r = 0;

    (void)snprintf(org, sizeof(org), "%.*s", (int)repository->org_length, repository->org);
    (void)snprintf(name, sizeof(name), "%.*s", (int)repository->name_length, repository->name);
    if (root_join(directory, entry, path, sizeof(path)) < 0 ||
        root_join(directory, org, place, sizeof(place)) < 0 ||
        root_join(place, name, beneath, sizeof(beneath)) < 0)
        return 0;
    if (has_revision(config->root, path))
        r = append(survey, path, strlen(entry), (size_t)(repository->name - entry), &model);
    if (r == 0)
        r = place_at(survey, first, place);
    first = survey->count;
    if (r < 0 || find_revision(config->root, path, DIRECTORY_GGUF, revision) < 0 ||
        root_join(path, revision, files, sizeof(files)) < 0)
        return r;
    r = add_files(config, files, survey);
    return r < 0 ? r : place_at(survey, first, beneath);
}

/* Is it known that the directory has no repository? If not, *version is what it is to be known by;
 * zeros where times do not tell every change. */
static bool is_bare(const struct survey_config *config, int fd, struct version *version)
{
    struct stat st;

    if (!config->bare || fstat(fd, &st) < 0)
        return false;
    *version = version_of(&st);
    if (bare_is_known(config->bare, version))
        return true;
    if (!ctime_is_true(fd, false))
        *version = (struct version){0};
    return false;
}

/* Those repositories in `directory`; NULL: of all. */
static int add_repositories(const struct survey_config *config, const char *directory,
                            const char *org, struct survey *survey)
{
    struct directory_repository found;
    const struct dirent *entry;
    struct version version = {0};
    bool bare = true;
    DIR *stream;
    int r = 0;

    if (open_stream(config->root, directory, &stream) < 0)
        return 0;
    if (is_bare(config, dirfd(stream), &version)) {
        (void)closedir(stream);
        return 0;
    }
    while (r == 0 && (errno = 0, entry = readdir(stream)) != NULL) {
        if (!directory_is_repository(entry->d_name, strlen(entry->d_name), &found))
            continue;
        bare = false;
        if (!org ||
            (found.org_length == strlen(org) && memcmp(found.org, org, found.org_length) == 0))
            r = add_repository(config, directory, entry->d_name, &found, survey);
    }
    if (bare && errno == 0 && version.inode != 0)
        bare_note(config->bare, &version);
    (void)closedir(stream);
    return r;
}

/* The one of that name. */
static int add_one_repository(const struct survey_config *config, const char *directory,
                              const char *org, const char *name, struct survey *survey)
{
    struct directory_repository found;
    char entry[NAME_MAX + 1], path[PATH_MAX];
    struct stat st;

    if (snprintf(entry, sizeof(entry), "models--%s--%s", org, name) > NAME_MAX ||
        !directory_is_repository(entry, strlen(entry), &found) ||
        root_join(directory, entry, path, sizeof(path)) < 0 ||
        root_stat(config->root, path, &st) < 0)
        return 0;
    return add_repository(config, directory, entry, &found, survey);
}

/* The last part of `path`, cut off. NULL: it has none. */
static const char *cut(char *path, char name[NAME_MAX + 1])
{
    char *slash = strrchr(path, '/'), *last = slash ? slash + 1 : path;

    if (*path == '\0' || strlen(last) > NAME_MAX)
        return NULL;
    memcpy(name, last, strlen(last) + 1);
    *(slash ? slash : path) = '\0';
    return name;
}

int survey_shown(const struct survey_config *config, const char *directory, const char *org,
                 struct survey *survey)
{
    char above[PATH_MAX], last[NAME_MAX + 1], before[NAME_MAX + 1];
    int r = add_repositories(config, directory, org, survey);

    if (r == 0 && *directory == '\0') {
        size_t first = survey->count;

        r = add_root(config, survey);
        if (r == 0)
            r = place_at(survey, first, "");
    }
    (void)snprintf(above, sizeof(above), "%s", directory);
    if (r == 0 && cut(above, last))
        r = add_repositories(config, above, last, survey);
    if (r == 0 && *above != '\0' && cut(above, before))
        r = add_one_repository(config, above, before, last, survey);
    sort(survey, 0);
    return r;
}

static bool is_known_bare(const struct survey_config *config, const char *directory)
{
    struct version version;
    struct stat st;

    if (root_stat(config->root, directory, &st) < 0)
        return false;
    version = version_of(&st);
    return bare_is_known(config->bare, &version);
}

bool survey_shows_nothing(const struct survey_config *config, const char *directory)
{
    char above[PATH_MAX], last[NAME_MAX + 1], before[NAME_MAX + 1];

    if (!is_known_bare(config, directory))
        return false;
    (void)snprintf(above, sizeof(above), "%s", directory);
    if (!cut(above, last))
        return true;
    if (!is_known_bare(config, above))
        return false;
    return *above == '\0' || !cut(above, before) || is_known_bare(config, above);
}

/* ---- the tree ---- */

/* The one to look into; of what is no repository NULL: all. */
static const char *newest_of_snapshots(const struct root *root, const char *directory,
                                       char revision[NAME_MAX + 16])
{
    char path[PATH_MAX], name[NAME_MAX + 1];

    (void)snprintf(path, sizeof(path), "%s", directory);
    (void)cut(path, name);
    if (!directory_is_cached(strrchr(path, '/') ? strrchr(path, '/') + 1 : path))
        return NULL;
    /* None is as good as a name that there is not. */
    if (find_revision(root, path, DIRECTORY_GGUF, revision) < 0)
        return "";
    return strchr(revision, '/') + 1;
}

/* Models from `first` on are of that directory; one whose place is too long has none. */
static int give_places(enum layout layout, const char *directory, struct survey *survey,
                       size_t first)
{
    char place[PATH_MAX];
    size_t kept = first;
    int r = 0;

    for (size_t i = first; i < survey->count; i++) {
        struct survey_model *model = &survey->models[i];

        const char *at = model->directory && !model->self ? model->path : directory;

        if (r == 0 && layout_place(layout, at, model->stem, model->stem_length, place)) {
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
    char *directory = ways->paths[--ways->count], newest[NAME_MAX + 16];
    struct gathering g = {
        .config = config,
        .directory = directory,
        .survey = survey,
        .ways = ways,
    };
    int r, placed;
    bool is_root = *directory == '\0';

    if (is_snapshots(config->layout, directory))
        g.only = newest_of_snapshots(config->root, directory, newest);
    r = is_root ? add_root(config, survey) : 0;
    if (r == 0)
        r = gather(&g);
    placed = give_places(config->layout, directory, survey, first);
    free(directory);
    if (r == -ENOMEM || is_root)
        return r < 0 ? r : placed;
    return placed;
}

int survey_tree(const struct survey_config *config, struct survey *survey)
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
