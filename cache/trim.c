#include "cache/trim.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096
#define TEMPORARY_SECONDS 3600

uint64_t trim_file_size(uint64_t size)
{
    return (size + PAGE - 1) / PAGE * PAGE;
}

static DIR *open_directory(const struct place *place, const char *path)
{
    int fd = openat(place->fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    DIR *stream = fd < 0 ? NULL : fdopendir(fd);

    if (fd >= 0 && !stream)
        (void)close(fd);
    return stream;
}

static int append(struct trim_list *list, const struct trim_file *file)
{
    if (list->count == list->capacity) {
        size_t capacity = list->capacity ? 2 * list->capacity : 256;
        struct trim_file *files = reallocarray(list->files, capacity, sizeof(*files));

        if (!files)
            return -ENOMEM;
        list->files = files;
        list->capacity = capacity;
    }
    list->files[list->count++] = *file;
    list->size += file->size;
    return 0;
}

int trim_list_add(const struct place *place, unsigned directory, struct trim_list *list)
{
    const char path[2] = {"0123456789abcdef"[directory], '\0'};
    struct trim_file file;
    struct dirent *entry;
    struct stat st;
    DIR *stream;
    int r = 0;

    stream = open_directory(place, path);
    if (!stream)
        return -errno;
    while (r == 0 && (entry = readdir(stream))) {
        if (name_parse(entry->d_name, &file.name) < 0 || entry->d_name[0] != path[0] ||
            fstatat(dirfd(stream), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
            S_ISDIR(st.st_mode))
            continue;
        file.age = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
        file.size = trim_file_size((uint64_t)st.st_size);
        r = append(list, &file);
    }
    (void)closedir(stream);
    return r;
}

void trim_list_release(struct trim_list *list)
{
    free(list->files);
    *list = (struct trim_list){0};
}

static int compare_age(const void *a, const void *b)
{
    const struct trim_file *first = a, *second = b;

    return (first->age > second->age) - (first->age < second->age);
}

size_t trim_oldest(const struct place *place, struct trim_list *list, uint64_t size)
{
    char path[PLACE_PATH_SIZE];
    size_t removed = 0;

    if (list->size <= size)
        return 0;
    qsort(list->files, list->count, sizeof(*list->files), compare_age);
    for (size_t i = 0; i < list->count && list->size > size; i++) {
        place_file(&list->files[i].name, path);
        /* Where another process was first, the space is won all the same. */
        if (unlinkat(place->fd, path, 0) == 0)
            removed++;
        else if (errno != ENOENT)
            continue;
        list->size -= list->files[i].size;
    }
    return removed;
}

void trim_temporaries(const struct place *place)
{
    DIR *stream = open_directory(place, "tmp");
    struct dirent *entry;
    struct timespec now;
    struct stat st;

    if (!stream)
        return;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    while ((entry = readdir(stream)))
        if (fstatat(dirfd(stream), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
            S_ISREG(st.st_mode) && st.st_mtim.tv_sec < now.tv_sec - TEMPORARY_SECONDS)
            (void)unlinkat(dirfd(stream), entry->d_name, 0);
    (void)closedir(stream);
}
