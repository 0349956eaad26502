#include "fs/directory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "quant/format/hf/files.h"
#include "quant/version.h"

static bool ends(const char *text, const char *end)
{
    size_t length = strlen(text), end_length = strlen(end);

    return length >= end_length && strcmp(text + length - end_length, end) == 0;
}

bool directory_is_model(const char *name)
{
    return !ends(name, ".gguf");
}

/* ---- a cache of huggingface_hub ---- */

static const char cached[] = "models--";

bool directory_is_cached(const char *name)
{
    return strncmp(name, cached, sizeof(cached) - 1) == 0 && name[sizeof(cached) - 1] != '\0';
}

const char *directory_stem(const char *name)
{
    return directory_is_cached(name) ? name + sizeof(cached) - 1 : name;
}

const char *directory_own_name(const char *name)
{
    const char *stem = directory_stem(name), *end = stem == name ? NULL : strstr(stem, "--");

    return end && end[2] ? end + 2 : stem;
}

static bool is_shown(const char *part, size_t length)
{
    return length > 0 && part[0] != '.';
}

bool directory_is_repository(const char *name, size_t length,
                             struct directory_repository *repository)
{
    const size_t skip = sizeof(cached) - 1;
    const char *org = name + skip, *end;

    if (length <= skip || strncmp(name, cached, skip) != 0)
        return false;
    length -= skip;
    end = memmem(org, length, "--", 2);
    if (!end)
        return false;
    *repository = (struct directory_repository){
        .org = org,
        .org_length = (size_t)(end - org),
        .name = end + 2,
        .name_length = length - (size_t)(end - org) - 2,
    };
    return is_shown(org, repository->org_length) &&
           is_shown(repository->name, repository->name_length);
}

/* Of .../models--ORG--NAME/snapshots/REV, where `end` is that of REV's directory. */
static void name_revision(const char *path, const char *end, char name[NAME_MAX + 1])
{
    const char *part = end;

    while (part > path && part[-1] != '/')
        part--;
    if (end - part > NAME_MAX || !directory_is_cached(part))
        return;
    (void)snprintf(name, NAME_MAX + 1, "%.*s", (int)(end - part), part);
    part = directory_own_name(name);
    memmove(name, part, strlen(part) + 1);
}

void directory_root_name(int fd, char name[NAME_MAX + 1])
{
    char proc[32], path[PATH_MAX];
    const char *slash;
    ssize_t length;

    (void)snprintf(proc, sizeof(proc), "/proc/self/fd/%d", fd);
    length = readlink(proc, path, sizeof(path) - 1);
    path[length > 0 ? length : 0] = '\0';
    slash = strrchr(path, '/');
    (void)snprintf(name, NAME_MAX + 1, "%s", slash ? slash + 1 : "");
    if (slash && slash - path > 10 && strncmp(slash - 10, "/snapshots", 10) == 0)
        name_revision(path, slash - 10, name);
}

/* Has the directory a GGUF file, or a folder in it? */
static bool has_files(int fd, const char *directory, unsigned depth)
{
    int inside = openat(fd, directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    DIR *stream = inside < 0 ? NULL : fdopendir(inside);
    const struct dirent *entry;
    bool found = false;

    if (!stream && inside >= 0)
        (void)close(inside);
    while (stream && !found && (entry = readdir(stream)) != NULL) {
        if (entry->d_name[0] == '.')
            continue;
        found = !directory_is_model(entry->d_name) ||
                (depth > 0 && (entry->d_type == DT_DIR || entry->d_type == DT_UNKNOWN) &&
                 has_files(dirfd(stream), entry->d_name, depth - 1));
    }
    if (stream)
        (void)closedir(stream);
    return found;
}

/* Has the revision what is asked for? When it was made. */
static bool look_at_revision(int fd, const char *name, enum directory_content content,
                             char revision[NAME_MAX + 16], struct timespec *made)
{
    char config[NAME_MAX + 32];
    struct stat st;

    (void)snprintf(revision, NAME_MAX + 16, "snapshots/%.255s", name);
    (void)snprintf(config, sizeof(config), "%s/config.json", revision);
    if (content == DIRECTORY_MODEL &&
        (fstatat(fd, config, &st, AT_SYMLINK_NOFOLLOW) < 0 || S_ISDIR(st.st_mode)))
        return false;
    if (fstatat(fd, revision, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISDIR(st.st_mode))
        return false;
    *made = st.st_mtim;
    return content == DIRECTORY_MODEL || has_files(fd, revision, 1);
}

/* What refs/main says: the name of a directory, and nothing else. */
static bool read_main(int fd, char name[NAME_MAX + 1])
{
    int file = openat(fd, "refs/main", O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    struct stat st;
    ssize_t n = -1;

    if (file < 0)
        return false;
    if (fstat(file, &st) == 0 && S_ISREG(st.st_mode))
        n = read(file, name, NAME_MAX);
    (void)close(file);
    name[n > 0 ? n : 0] = '\0';
    name[strcspn(name, "\r\n")] = '\0';
    return name[0] != '\0' && name[0] != '.' && !strchr(name, '/');
}

static int find_last(int fd, enum directory_content content, char revision[NAME_MAX + 16])
{
    int snapshots = openat(fd, "snapshots", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    DIR *stream = snapshots < 0 ? NULL : fdopendir(snapshots);
    char found[NAME_MAX + 16];
    struct timespec made, last = {0};
    const struct dirent *entry;
    int r = -ENOENT;

    if (!stream) {
        r = -errno;
        if (snapshots >= 0)
            (void)close(snapshots);
        return r;
    }
    while (errno = 0, (entry = readdir(stream)) != NULL) {
        if (entry->d_name[0] == '.' ||
            !look_at_revision(fd, entry->d_name, content, found, &made) ||
            (r == 0 && !time_is_later(made, last)))
            continue;
        last = made;
        memcpy(revision, found, sizeof(found));
        r = 0;
    }
    if (errno != 0)
        r = -errno;
    (void)closedir(stream);
    return r;
}

int directory_revision(int fd, enum directory_content content, char revision[NAME_MAX + 16])
{
    char name[NAME_MAX + 1];
    struct timespec made;

    if (read_main(fd, name) && look_at_revision(fd, name, content, revision, &made))
        return 0;
    return find_last(fd, content, revision);
}

/* ---- files ---- */

static int add(struct directory_names *names, const char *folder, const char *name)
{
    size_t count = names->count;
    char **more = names->names;

    if ((count & (count - 1)) == 0) {
        more = reallocarray(more, count ? 2 * count : 1, sizeof(*more));
        if (!more)
            return -ENOMEM;
        names->names = more;
    }
    if (asprintf(&more[count], "%s%s%s", folder, *folder ? "/" : "", name) < 0)
        return -ENOMEM;
    names->count++;
    return 0;
}

/* Regular file or symlink; where that leads is seen when it is opened. */
static bool is_file(int fd, const struct dirent *entry)
{
    struct stat st;

    if (entry->d_type != DT_UNKNOWN)
        return entry->d_type == DT_REG || entry->d_type == DT_LNK;
    return fstatat(fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
           (S_ISREG(st.st_mode) || S_ISLNK(st.st_mode));
}

/* A folder of the directory: the files in it that count. What cannot be read is an error: without
 * them it would be another model. */
static int add_folder(struct directory_names *names, int fd, const char *folder)
{
    int inside = openat(fd, folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *stream = inside < 0 ? NULL : fdopendir(inside);
    const struct dirent *entry;
    char path[2 * NAME_MAX + 2];
    int r = 0;

    if (!stream) {
        r = -errno;
        if (inside >= 0)
            (void)close(inside);
        return r == -ENOENT || r == -ENOTDIR || r == -ELOOP ? 0 : r;
    }
    while (r == 0 && (errno = 0, entry = readdir(stream))) {
        (void)snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        if (hf_is_input(path) && is_file(dirfd(stream), entry))
            r = add(names, folder, entry->d_name);
    }
    if (r == 0 && !entry)
        r = -errno;
    (void)closedir(stream);
    return r;
}

static int add_entry(struct directory_names *names, int fd, const struct dirent *entry)
{
    unsigned char type = entry->d_type;
    struct stat st;

    if (type == DT_UNKNOWN && fstatat(fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0)
        type = S_ISDIR(st.st_mode) ? DT_DIR : S_ISLNK(st.st_mode) ? DT_LNK : DT_REG;
    if (type == DT_DIR)
        return hf_has_inputs(entry->d_name) ? add_folder(names, fd, entry->d_name) : 0;
    if ((type != DT_REG && type != DT_LNK) || !hf_is_input(entry->d_name))
        return 0;
    return add(names, "", entry->d_name);
}

static int compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* What makes a directory a model. */
static bool is_whole(const struct directory_names *names)
{
    bool config = false, weights = false;

    for (size_t i = 0; i < names->count; i++) {
        config = config || strcmp(names->names[i], "config.json") == 0;
        weights = weights || ends(names->names[i], ".safetensors");
    }
    return config && weights;
}

int directory_names_read(int fd, struct directory_names *names)
{
    int own = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r;
    DIR *stream = own < 0 ? NULL : fdopendir(own);
    const struct dirent *entry;

    *names = (struct directory_names){0};
    if (!stream) {
        r = -errno;
        if (own >= 0)
            (void)close(own);
        return r;
    }
    do {
        errno = 0;
        entry = readdir(stream);
        r = entry ? add_entry(names, dirfd(stream), entry) : -errno;
    } while (entry && r == 0);
    (void)closedir(stream);
    if (r < 0)
        return r;
    if (names->count > 0)
        qsort(names->names, names->count, sizeof(*names->names), compare);
    return is_whole(names) ? 0 : -ENOENT;
}

void directory_names_free(struct directory_names *names)
{
    for (size_t i = 0; i < names->count; i++)
        free(names->names[i]);
    free(names->names);
    *names = (struct directory_names){0};
}
