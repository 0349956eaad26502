#include <fcntl.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "quant/format/hf/saved.h"
#include "quant/source_state.h"

/* ---- its version ---- */

/* Of each file; the device stays, as who knows a version by it keeps it in memory. */
#define FIELDS 7

static void add_version(uint64_t fields[FIELDS], const struct version *version)
{
    fields[0] = version->device;
    fields[1] = version->inode;
    fields[2] = version->size;
    fields[3] = (uint64_t)version->mtime.tv_sec;
    fields[4] = (uint64_t)version->mtime.tv_nsec;
    fields[5] = (uint64_t)version->ctime.tv_sec;
    fields[6] = (uint64_t)version->ctime.tv_nsec;
}

/* One version for all files, and for what is made of them. Its device and inode number are a hash
 * that nobody can make two directories meet in by choosing files. */
static int combine(const struct source_directory *d, enum type type, struct version *combined)
{
    uint64_t *fields = calloc(2 + d->count * FIELDS, sizeof(*fields));
    unsigned char hash[EVP_MAX_MD_SIZE];
    int r = fields ? 0 : -ENOMEM;

    *combined = (struct version){.size = d->size};
    for (size_t i = 0; i < d->count && r == 0; i++) {
        const struct version *version = input_version(d->inputs[i]);

        add_version(&fields[2 + i * FIELDS], version);
        if (i == 0 || time_is_later(version->mtime, combined->mtime))
            combined->mtime = version->mtime;
        if (i == 0 || time_is_later(version->ctime, combined->ctime))
            combined->ctime = version->ctime;
    }
    if (r == 0) {
        fields[0] = (uint64_t)type;
        fields[1] = d->projector;
        if (EVP_Digest(fields, (2 + d->count * FIELDS) * sizeof(*fields), hash, NULL, EVP_sha256(),
                       NULL) != 1)
            r = -ENOMEM;
    }
    if (r == 0) {
        memcpy(&combined->device, hash, sizeof(combined->device));
        memcpy(&combined->inode, hash + sizeof(combined->device), sizeof(combined->inode));
    }
    free(fields);
    return r;
}

/* ---- opening ---- */

static int open_files(struct source_directory *d, source_open_fn open, void *context,
                      const char *const *names, size_t count, struct defect *defect)
{
    int r = 0;

    d->inputs = calloc(count + 1, sizeof(*d->inputs));
    d->files = calloc(count + 1, sizeof(*d->files));
    d->names = calloc(count + 1, sizeof(*d->names));
    if (!d->inputs || !d->files || !d->names)
        return -ENOMEM;
    for (size_t i = 0; i < count && r >= 0; i++) {
        r = open(context, names[i]);
        if (r >= 0)
            r = input_new(r, &d->inputs[i]);
        if (r < 0)
            return defect_set(defect, -r, DEFECT_NOWHERE, "%.200s: %s", names[i],
                              r == -EISDIR ? "no regular file" : strerror(-r));
        d->count++;
        d->names[i] = strdup(names[i]);
        if (!d->names[i])
            return -ENOMEM;
        d->files[i] = (struct hf_file){.name = d->names[i],
                                       .fd = input_descriptor(d->inputs[i]),
                                       .size = input_version(d->inputs[i])->size};
    }
    return r;
}

static int check_settled(const struct source_directory *d, struct defect *defect)
{
    int r = 0;

    for (size_t i = 0; i < d->count && r == 0; i++) {
        r = input_settled(d->inputs[i]);
        if (r < 0)
            r = defect_set(defect, -r, DEFECT_NOWHERE, "%.200s: %s", d->names[i],
                           r == -EAGAIN ? "it changed while it was read" : strerror(-r));
    }
    return r;
}

static int load(struct source_directory *d, struct source_saved *saved)
{
    int r = hf_import_load(&d->directory, saved->data, saved->size, &d->import);

    saved->data = NULL;
    saved->used = r == 0;
    return r;
}

static int open_import(struct source_directory *d, enum type type, struct defect *defect)
{
    int r;

    if (!d->projector)
        return hf_import_open(&d->directory, type, &d->import, defect);
    r = hf_import_open_projector(&d->directory, type, &d->import, defect);
    return r == -ENOENT ? -ENOEXEC : r;
}

static int import(struct source *source, const char *name, struct source_become become,
                  struct source_saved *saved, struct defect *defect)
{
    struct source_directory *d = source->directory;
    int r, settled;

    d->directory = (struct hf_directory){name, d->files, d->count};
    d->projector = become.projector;
    r = saved && saved->data ? load(d, saved) : -EBADMSG;
    if (r == -EBADMSG)
        r = open_import(d, become.type, defect);
    settled = check_settled(d, defect);
    if (settled < 0)
        return settled;
    if (r < 0)
        return r;
    d->header = hf_import_header(d->import, &d->header_size);
    if (__builtin_add_overflow(hf_plan_size(hf_import_plan(d->import)), d->header_size, &d->size) ||
        d->size > INT64_MAX)
        return defect_set(defect, EINVAL, DEFECT_NOWHERE, "the tensors are too large together");
    r = combine(d, hf_import_type(d->import), &d->version);
    if (r < 0)
        return r;
    return gguf_parse_memory(d->header, d->header_size, d->size, &source->shards[0].gguf, defect);
}

static int open_all(struct source *source, source_open_fn open, void *context, const char *name,
                    const char *const *names, size_t count, struct source_become become,
                    struct source_saved *saved, struct defect *defect)
{
    int r;

    source->directory = calloc(1, sizeof(*source->directory));
    if (!source->directory)
        return -ENOMEM;
    r = source_add_shard(source, strdup(name));
    if (r == 0)
        r = open_files(source->directory, open, context, names, count, defect);
    if (r == 0)
        r = import(source, source->shards[0].name, become, saved, defect);
    return r < 0 ? r : source_sort_tensors(source, defect);
}

/* The text names the file, and says the place in it, too: for others the directory is the file. */
static void place_in_text(struct defect *defect)
{
    char text[sizeof(defect->text)];
    const char *behind = strstr(defect->text, ": ");

    if (defect->offset != DEFECT_NOWHERE && behind) {
        memcpy(text, defect->text, sizeof(text));
        (void)snprintf(defect->text, sizeof(defect->text), "%.*s: byte %llu: %s",
                       (int)(behind - defect->text), text, (unsigned long long)defect->offset,
                       text + (behind + 2 - defect->text));
    }
    defect->offset = DEFECT_NOWHERE;
    defect->shard = 0;
}

int source_open_directory(source_open_fn open, void *context, const char *name,
                          const char *const *names, size_t count, struct source_become become,
                          struct source_saved *saved, struct source **out, struct defect *defect)
{
    struct source *source = calloc(1, sizeof(*source));
    struct defect why = {.offset = DEFECT_NOWHERE};
    int r =
        source ? open_all(source, open, context, name, names, count, become, saved, &why) : -ENOMEM;

    *out = NULL;
    if (saved) {
        free(saved->data);
        saved->data = NULL;
    }
    if (r < 0 && why.text[0] == '\0')
        (void)defect_set(&why, -r, DEFECT_NOWHERE, "%s", strerror(-r));
    place_in_text(&why);
    if (defect)
        *defect = why;
    if (r < 0)
        source_close(source);
    else
        *out = source;
    return r;
}

int source_peek_directory(source_open_fn open, void *context, const char *name,
                          const char *const *names, size_t count, enum type *type,
                          struct defect *defect)
{
    struct source_directory *d = calloc(1, sizeof(*d));
    int r = d ? open_files(d, open, context, names, count, defect) : -ENOMEM;

    if (r == 0) {
        d->directory = (struct hf_directory){name, d->files, d->count};
        r = hf_import_peek(&d->directory, type, defect);
    }
    source_directory_free(d);
    return r;
}

int source_save(const struct source *source, void **data, size_t *size)
{
    uint8_t *bytes = NULL;
    int r = hf_import_save(source->directory->import, &bytes, size);

    *data = bytes;
    return r;
}

uint64_t source_save_version(void)
{
    return hf_import_save_version();
}

void source_directory_free(struct source_directory *d)
{
    if (!d)
        return;
    hf_import_free(d->import);
    for (size_t i = 0; i < d->count; i++) {
        input_free(d->inputs[i]);
        free(d->names[i]);
    }
    free(d->inputs);
    free(d->files);
    free(d->names);
    free(d);
}

/* ---- reading ---- */

int source_directory_read(const struct source_directory *d, uint64_t offset, void *data,
                          size_t size)
{
    const struct hf_plan *plan = hf_import_plan(d->import);
    size_t n = 0;

    if (offset < d->header_size) {
        n = d->header_size - (size_t)offset < size ? d->header_size - (size_t)offset : size;
        memcpy(data, d->header + offset, n);
    }
    if (n == size)
        return 0;
    return hf_plan_read_data(plan, offset + n - d->header_size, (uint8_t *)data + n, size - n);
}

int source_directory_unchanged(const struct source_directory *d)
{
    int r = 0;

    for (size_t i = 0; i < d->count && r == 0; i++)
        r = input_unchanged(d->inputs[i]);
    return r;
}

static void forget(void *context, unsigned file, uint64_t offset, uint64_t size)
{
    const struct source_directory *d = context;

    source_forget_range(d->files[file].fd, offset, size);
}

static void will_need(void *context, unsigned file, uint64_t offset, uint64_t size)
{
    const struct source_directory *d = context;

    source_will_need_range(d->files[file].fd, offset, size);
}

/* Where the bytes of a range lie; the header is in memory. */
static void tell_spans(const struct source_directory *d, uint64_t offset, uint64_t size,
                       void (*span)(void *context, unsigned file, uint64_t offset, uint64_t size))
{
    if (offset >= d->header_size)
        hf_plan_spans(hf_import_plan(d->import), offset - d->header_size, size, span,
                      (struct source_directory *)(uintptr_t)d);
}

void source_directory_forget(const struct source_directory *d, uint64_t offset, uint64_t size)
{
    tell_spans(d, offset, size, forget);
}

void source_directory_will_need(const struct source_directory *d, uint64_t offset, uint64_t size)
{
    tell_spans(d, offset, size, will_need);
}
