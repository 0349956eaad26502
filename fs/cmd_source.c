#include "fs/cmd_source.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

static int open_beside(void *context, const char *name)
{
    const struct cmd_source *model = context;
    int fd = openat(model->directory, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

    return fd < 0 ? -errno : fd;
}

int cmd_source_open(const char *path, struct cmd_source *model, struct defect *defect)
{
    return cmd_source_open_as(path, NULL, model, defect);
}

int cmd_source_open_as(const char *path, const struct rules *rules, struct cmd_source *model,
                       struct defect *defect)
{
    struct stat st;
    int r = 0;

    *model = (struct cmd_source){.directory = -1};
    *defect = (struct defect){.offset = DEFECT_NOWHERE};
    if (stat(path, &st) < 0)
        return defect_set(defect, errno, DEFECT_NOWHERE, "%s", strerror(errno));
    if (S_ISDIR(st.st_mode))
        return defect_set(defect, EISDIR, DEFECT_NOWHERE,
                          "a directory; this version reads GGUF files only");
    model->directory = open_directory(path);
    if (model->directory < 0)
        return defect_set(defect, -model->directory, DEFECT_NOWHERE, "%s",
                          strerror(-model->directory));
    r = source_open(open_beside, model, name_of(path), &model->source, defect);
    if (r == 0)
        r = arch_check_as(model->source, rules, &model->facts, defect);
    if (r < 0 && defect->text[0] == '\0')
        (void)snprintf(defect->text, sizeof(defect->text), "%s", strerror(-r));
    return r;
}

void cmd_source_close(struct cmd_source *model)
{
    source_close(model->source);
    if (model->directory >= 0)
        (void)close(model->directory);
    *model = (struct cmd_source){.directory = -1};
}

void cmd_source_describe(const char *path, const struct cmd_source *model,
                         const struct defect *defect, char *text, size_t size)
{
    char line[8192], at[40] = "";
    const char *name = name_of(path);

    if (model->source && defect->shard < source_shard_count(model->source))
        name = source_shard_name(model->source, defect->shard);
    if (defect->offset != DEFECT_NOWHERE)
        (void)snprintf(at, sizeof(at), "byte %llu: ", (unsigned long long)defect->offset);
    (void)snprintf(line, sizeof(line), "%.*s%s: %s%s", (int)(name_of(path) - path), path, name, at,
                   defect->text);
    log_escape(line, text, size);
}
