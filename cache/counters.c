#include "cache/counters.h"

#include <dirent.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "cache/object.h"

/* From so many files on a write takes them in. */
#define MERGE_COUNT 16

/* The payload: the numbers in the order of enum counter, little-endian. */
_Static_assert(sizeof(struct counters) == 64, "on disk");

typedef void (*visit_function)(void *context, const char *path, const struct name *name);

static void counters_path(const struct name *name, char path[9 + NAME_TEXT_SIZE])
{
    memcpy(path, "counters/", 9);
    name_format(name, path + 9);
}

/* Calls visit() for each file. Returns their count. */
static int visit_files(const struct place *place, visit_function visit, void *context)
{
    char path[9 + NAME_TEXT_SIZE];
    struct dirent *entry;
    struct name name;
    DIR *stream;
    int fd, count = 0;

    fd = openat(place->fd, "counters", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return -errno;
    stream = fdopendir(fd);
    if (!stream) {
        (void)close(fd);
        return -ENOMEM;
    }
    while ((entry = readdir(stream))) {
        if (name_parse(entry->d_name, &name) < 0)
            continue;
        counters_path(&name, path);
        count++;
        if (visit)
            visit(context, path, &name);
    }
    (void)closedir(stream);
    return count;
}

struct reading {
    struct key *key;
    const struct place *place;
    struct counters *sum;
};

void counters_add(struct counters *sum, const struct counters *other)
{
    for (int i = 0; i < COUNTERS; i++)
        sum->values[i] += other->values[i];
}

static int read_file(const struct reading *reading, const char *path, const struct name *name,
                     struct counters *counters)
{
    struct object *object;
    int r = object_open(reading->key, reading->place->fd, path, OBJECT_COUNTERS, name, &object);

    if (r < 0)
        return r;
    if (object->size != sizeof(*counters))
        r = -EBADMSG;
    else
        r = object_read(object, 0, counters, sizeof(*counters));
    object_close(object);
    for (int i = 0; r == 0 && i < COUNTERS; i++)
        counters->values[i] = le64toh(counters->values[i]);
    return r;
}

static void add_file(void *context, const char *path, const struct name *name)
{
    struct reading *reading = context;
    struct counters counters;

    if (read_file(reading, path, name, &counters) == 0)
        counters_add(reading->sum, &counters);
}

/* A damaged file is taken too: it would stay forever. */
static void take_file(void *context, const char *path, const struct name *name)
{
    struct reading *reading = context;
    struct counters counters;
    int r = read_file(reading, path, name, &counters);

    if (r < 0 && r != -EBADMSG)
        return;
    if (unlinkat(reading->place->fd, path, 0) == 0 && r == 0)
        counters_add(reading->sum, &counters);
}

int counters_write(struct key *key, const struct place *place, struct counters *counters)
{
    struct reading reading = {key, place, counters};
    char path[9 + NAME_TEXT_SIZE];
    struct counters stored;
    struct name name;
    const struct object_payload payload = {.data = &stored, .size = sizeof(stored)};
    uint64_t on_disk;
    int count;

    count = visit_files(place, NULL, NULL);
    if (count < 0)
        return count;
    if (count >= MERGE_COUNT)
        (void)visit_files(place, take_file, &reading);
    for (int i = 0; i < COUNTERS; i++)
        stored.values[i] = htole64(counters->values[i]);
    if (getrandom(name.bytes, sizeof(name.bytes), 0) != sizeof(name.bytes))
        return -EIO;
    counters_path(&name, path);
    return object_write(key, place->fd, path, OBJECT_COUNTERS, &name, &payload, &on_disk);
}

int counters_read(struct key *key, const struct place *place, struct counters *sum)
{
    struct reading reading = {key, place, sum};
    int count = visit_files(place, add_file, &reading);

    return count < 0 ? count : 0;
}

static void remove_file(void *context, const char *path, const struct name *name)
{
    const struct place *place = context;

    (void)name;
    (void)unlinkat(place->fd, path, 0);
}

void counters_clear(const struct place *place)
{
    struct place copy = *place;

    (void)visit_files(place, remove_file, &copy);
}
