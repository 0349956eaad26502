#include "fs/saved.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

/* `type`: TYPE_NONE names the record that holds the number of the type that loses nothing. */
static int make_name(struct cache *cache, const struct probe *probe,
                     const struct probe_files *files, enum type type, struct name *name)
{
    const char *own = directory_own_name(probe_name(probe));
    struct digest digest;

    name_begin(&digest, cache_key(cache), "import");
    name_add_number(&digest, source_save_version());
    name_add_number(&digest, (uint64_t)(int64_t)type);
    name_add_number(&digest, probe->projector);
    name_add(&digest, own, strlen(own));
    for (unsigned i = 0; i < files->own; i++) {
        const struct version *version = &files->versions[i];

        name_add(&digest, files->names.names[i], strlen(files->names.names[i]));
        name_add_number(&digest, version->inode);
        name_add_number(&digest, version->size);
        name_add_number(&digest, (uint64_t)version->mtime.tv_sec);
        name_add_number(&digest, (uint64_t)version->mtime.tv_nsec);
        name_add_number(&digest, (uint64_t)version->ctime.tv_sec);
        name_add_number(&digest, (uint64_t)version->ctime.tv_nsec);
    }
    return name_end(&digest, name);
}

static int get(struct cache *cache, const struct probe *probe, const struct probe_files *files,
               enum type type, void **data, size_t *size)
{
    struct name name;
    int r = make_name(cache, probe, files, type, &name);

    return r < 0 ? r : cache_get_record(cache, &name, data, size);
}

static void put(struct cache *cache, const struct probe *probe, const struct probe_files *files,
                enum type type, const void *data, size_t size)
{
    struct name name;

    if (make_name(cache, probe, files, type, &name) == 0)
        (void)cache_put_record(cache, &name, data, size);
}

/* The type that loses nothing; TYPE_NONE: not known. */
static enum type recall_type(struct cache *cache, const struct probe *probe,
                             const struct probe_files *files)
{
    void *data = NULL;
    uint32_t number = 0;
    size_t size = 0;

    if (get(cache, probe, files, TYPE_NONE, &data, &size) == 0 && size == sizeof(number))
        memcpy(&number, data, sizeof(number));
    else
        size = 0;
    free(data);
    number = le32toh(number);
    return size && (number == TYPE_F32 || number == TYPE_F16 || number == TYPE_BF16)
               ? (enum type)number
               : TYPE_NONE;
}

/* Which type loses nothing. */
static void put_type(struct cache *cache, const struct probe *probe,
                     const struct probe_files *files, enum type type)
{
    uint32_t number = htole32((uint32_t)type);

    put(cache, probe, files, TYPE_NONE, &number, sizeof(number));
}

void saved_recall(struct cache *cache, const struct probe *probe, const struct probe_files *files,
                  const struct ftype *native, struct source_saved *saved)
{
    const struct ftype *from = probe_from(probe, files);
    enum type type = from ? from->type : recall_type(cache, probe, files);
    bool known = type != TYPE_NONE;

    *saved = (struct source_saved){0};
    if (!known && native)
        type = native->type;
    if (type == TYPE_NONE || get(cache, probe, files, type, &saved->data, &saved->size) < 0)
        saved->data = NULL;
    else if (!known)
        put_type(cache, probe, files, type);
}

void saved_keep(struct cache *cache, const struct probe *probe, const struct probe_files *files,
                const struct source *source)
{
    enum type type = source_directory_type(source);
    void *data;
    size_t size;

    if (source_save(source, &data, &size) < 0)
        return;
    put(cache, probe, files, type, data, size);
    if (!probe_from(probe, files))
        put_type(cache, probe, files, type);
    free(data);
}
