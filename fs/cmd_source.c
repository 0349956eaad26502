#include "fs/cmd_source.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fs/directory.h"
#include "fs/log.h"

static const char *name_of(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

static int open_directory(const char *path)
{
    size_t length = (size_t)(name_of(path) - path);
    char *directory = length > 0 ? strndup(path, length) : strdup(".");
    int fd;

    if (!directory)
        return -ENOMEM;
    fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        fd = -errno;
    free(directory);
    return fd;
}

/* The part that ends before `end`; false: there is none. */
static bool take_part(const char *path, size_t *end, size_t *start)
{
    while (*end > 0 && path[*end - 1] == '/')
        (*end)--;
    for (*start = *end; *start > 0 && path[*start - 1] != '/';)
        (*start)--;
    return *start < *end;
}

char *cmd_source_find(const char *path)
{
    size_t end = strlen(path), name, org_end, org;
    struct directory_repository repository;
    const char *entry;
    char *found;
    struct stat st;

    if (stat(path, &st) == 0 || (errno != ENOENT && errno != ENOTDIR) ||
        !take_part(path, &end, &name))
        return strdup(path);
    org_end = name;
    if (!take_part(path, &org_end, &org))
        return strdup(path);
    if (asprintf(&found, "%.*smodels--%.*s--%.*s", (int)org, path, (int)(org_end - org), path + org,
                 (int)(end - name), path + name) < 0)
        return NULL;
    entry = found + org;
    if (directory_is_repository(entry, strlen(entry), &repository) && stat(found, &st) == 0)
        return found;
    free(found);
    return strdup(path);
}

static int open_beside(void *context, const char *name)
{
    const struct cmd_source *model = context;
    int fd = openat(model->directory, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

    return fd < 0 ? -errno : fd;
}

/* The directory's own name, which decides bytes, and the one that it stands in: "." and such say
 * neither. */
static int find_name(const char *path, struct cmd_source *model)
{
    char *real = realpath(path, NULL);
    int r = real ? 0 : -errno;

    if (real)
        (void)snprintf(model->name, sizeof(model->name), "%s", name_of(real));
    if (real)
        model->beside = r = open_directory(real);
    free(real);
    return r < 0 ? r : 0;
}

/* The directory that has the files: of a repository in a cache that of its newest revision. */
static int open_revision(const char *path, const char *name)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), found, r;
    char revision[NAME_MAX + 16];

    if (fd < 0)
        return -errno;
    if (!directory_is_cached(name))
        return fd;
    r = directory_revision(fd, DIRECTORY_MODEL, revision);
    found = r < 0 ? r : openat(fd, revision, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (r == 0 && found < 0)
        found = -errno;
    (void)close(fd);
    return found;
}

static int open_model_directory(const char *path, struct cmd_source *model, struct defect *defect)
{
    struct directory_names names = {0};
    const char *name = model->name;
    int r = find_name(path, model);

    if (r == 0)
        model->directory = r = open_revision(path, name);
    if (r >= 0)
        r = directory_names_read(model->directory, &names);
    if (r == -ENOENT)
        r = defect_set(defect, ENOENT, DEFECT_NOWHERE,
                       "a directory without config.json or *.safetensors: no model");
    else if (r < 0)
        r = defect_set(defect, -r, DEFECT_NOWHERE, "%s", strerror(-r));
    if (r == 0)
        r = source_open_directory(open_beside, model, directory_own_name(name),
                                  (const char *const *)names.names, names.count, model->become,
                                  NULL, &model->source, defect);
    directory_names_free(&names);
    return r;
}

int cmd_source_open(const char *path, struct cmd_source *model, struct defect *defect)
{
    return cmd_source_open_as(path, (struct source_become){.type = TYPE_NONE}, NULL, model, defect);
}

static int open_file(const char *path, const struct rules *rules, struct cmd_source *model,
                     struct defect *defect)
{
    const struct source_split split = arch_split(rules);

    (void)snprintf(model->name, sizeof(model->name), "%s", name_of(path));
    model->directory = open_directory(path);
    if (model->directory < 0)
        return defect_set(defect, -model->directory, DEFECT_NOWHERE, "%s",
                          strerror(-model->directory));
    return source_open_split(open_beside, model, name_of(path), &split, &model->source, defect);
}

int cmd_source_open_as(const char *path, struct source_become become, const struct rules *rules,
                       struct cmd_source *model, struct defect *defect)
{
    struct stat st;
    int r = 0;

    *model = (struct cmd_source){.path = path, .directory = -1, .beside = -1, .become = become};
    *defect = (struct defect){.offset = DEFECT_NOWHERE};
    if (stat(path, &st) < 0)
        return defect_set(defect, errno, DEFECT_NOWHERE, "%s", strerror(errno));
    r = S_ISDIR(st.st_mode) ? open_model_directory(path, model, defect)
                            : open_file(path, rules, model, defect);
    if (r == 0)
        r = arch_judge(model->source, rules, &model->facts, defect);
    if (r < 0 && defect->text[0] == '\0')
        (void)snprintf(defect->text, sizeof(defect->text), "%s", strerror(-r));
    return r;
}

struct source_become cmd_source_become(const struct variant *variant)
{
    struct source_become become = {TYPE_NONE, variant->projector};

    if (variant->projector || variant_is_plain(variant))
        become.type = variant->ftype->type;
    else if (variant->from)
        become.type = variant->from->type;
    return become;
}

void cmd_source_close(struct cmd_source *model)
{
    source_close(model->source);
    if (model->directory >= 0)
        (void)close(model->directory);
    if (model->beside >= 0)
        (void)close(model->beside);
    *model = (struct cmd_source){.directory = -1, .beside = -1};
}

void cmd_source_describe(const char *path, const struct cmd_source *model,
                         const struct defect *defect, char *text, size_t size)
{
    char line[8192], at[40] = "";
    const char *name = name_of(path);

    if (model->source && !source_is_directory(model->source) &&
        defect->shard < source_shard_count(model->source))
        name = source_shard_name(model->source, defect->shard);
    if (defect->offset != DEFECT_NOWHERE)
        (void)snprintf(at, sizeof(at), "byte %llu: ", (unsigned long long)defect->offset);
    (void)snprintf(line, sizeof(line), "%.*s%s: %s%s", (int)(name_of(path) - path), path, name, at,
                   defect->text);
    log_escape(line, text, size);
}
