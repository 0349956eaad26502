#include "quant/source.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include "quant/source_state.h"

/* Bytes that the kernel is asked to fetch at a time. */
#define FETCH_MAX ((uint64_t)128 << 10)
/* Bytes of a folio of the page cache, at most. */
#define FOLIO_MAX ((uint64_t)2 << 20)
#define FOLIOS_BEHIND 8

int source_unchanged(const struct source *source, unsigned shard)
{
    if (source->directory)
        return source_directory_unchanged(source->directory);
    return input_unchanged(source->shards[shard].input);
}

int source_imatrix_unchanged(const struct source *source)
{
    return source->watched ? input_unchanged(source->imatrix_file) : 0;
}

int source_mix_unchanged(const struct source *source)
{
    return source->mix_file ? input_unchanged(source->mix_file) : 0;
}

/* --- reading -----------------------------------------------------------------------------------
 */

int source_read(const struct source *source, unsigned shard, uint64_t offset, void *data,
                size_t size)
{
    if (source->directory)
        return source_directory_read(source->directory, offset, data, size);
    return input_read(source->shards[shard].input, offset, data, size);
}

/*
 * The kernel keeps pages in folios, which it drops whole or not at all; read-ahead makes them as
 * large as a huge page. So the range begins where the largest folio would that has the first byte
 * in it, and some before that: what is there has been read, by threads that may have been slower.
 * The one with the last byte goes with the next range.
 */
void source_forget_range(int fd, uint64_t offset, uint64_t size)
{
    uint64_t folio = offset / FOLIO_MAX;
    uint64_t begin = folio > FOLIOS_BEHIND ? (folio - FOLIOS_BEHIND) * FOLIO_MAX : 0;

    (void)posix_fadvise(fd, (off_t)begin, (off_t)(offset + size - begin), POSIX_FADV_DONTNEED);
}

void source_forget(const struct source *source, unsigned shard, uint64_t offset, uint64_t size)
{
    if (source->directory)
        source_directory_forget(source->directory, offset, size);
    else
        source_forget_range(input_descriptor(source->shards[shard].input), offset, size);
}

/*
 * Looks at the last byte, since the pages behind what was read before may be there already. Of one
 * range the kernel fetches no more than the disk takes at once, or its own read-ahead if that is
 * more: a disk's usual 128 KiB at least.
 */
void source_will_need_range(int fd, uint64_t offset, uint64_t size)
{
    uint8_t byte;
    const struct iovec last = {.iov_base = &byte, .iov_len = 1};
    uint64_t piece;

    if (size > 0 && preadv2(fd, &last, 1, (off_t)(offset + size - 1), RWF_NOWAIT) == 1)
        return;
    for (; size > 0; offset += piece, size -= piece) {
        piece = size < FETCH_MAX ? size : FETCH_MAX;
        (void)posix_fadvise(fd, (off_t)offset, (off_t)piece, POSIX_FADV_WILLNEED);
    }
}

void source_will_need(const struct source *source, unsigned shard, uint64_t offset, uint64_t size)
{
    if (source->directory)
        source_directory_will_need(source->directory, offset, size);
    else
        source_will_need_range(input_descriptor(source->shards[shard].input), offset, size);
}

/* A number of `size` bytes; arrays of one are taken where the tool takes them. */
static int read_number(const struct source *source, unsigned shard, const struct gguf_key *key,
                       size_t size, uint32_t *value)
{
    uint8_t bytes[4];
    int r = source_read(source, shard, key->value, bytes, size);

    *value = 0;
    for (size_t i = size; i-- > 0 && r == 0;)
        *value = *value << 8 | bytes[i];
    return r;
}

int source_key_u32(const struct source *source, const char *key, uint32_t *value)
{
    const struct gguf_key *found = gguf_find(&source->shards[0].gguf, key);

    if (!found)
        return -ENOENT;
    if (found->type != GGUF_U32)
        return -EINVAL;
    return read_number(source, 0, found, 4, value);
}

int source_key_string(const struct source *source, const char *key, char *value, size_t size)
{
    const struct gguf_key *found = gguf_find(&source->shards[0].gguf, key);
    size_t n;
    int r;

    if (!found)
        return -ENOENT;
    if (found->type != GGUF_STRING)
        return -EINVAL;
    n = found->count < size ? (size_t)found->count : size;
    r = source_read(source, 0, found->value + 8, value, n);
    if (r < 0)
        return r;
    if (n < size)
        value[n] = '\0';
    else if (!memchr(value, 0, n))
        return -E2BIG;
    return 0;
}

/* --- opening -----------------------------------------------------------------------------------
 */

/* An open() under way. */
struct opening {
    source_open_fn open;
    void *context;
    struct source_split split;
    struct source *source;
    struct defect *defect;
};

/* The defect is one of this shard. */
static int blame(struct opening *o, unsigned shard, int r)
{
    if (r < 0 && o->defect)
        o->defect->shard = shard;
    return r;
}

static int shard_parse(struct opening *o, struct source_shard *shard)
{
    uint64_t size = input_version(shard->input)->size;
    int r = gguf_parse(input_descriptor(shard->input), size, &shard->gguf, o->defect);
    int settled = input_settled(shard->input);

    if (settled == -EAGAIN)
        return defect_set(o->defect, EAGAIN, DEFECT_NOWHERE, "it changed while it was read");
    if (settled < 0)
        return defect_set(o->defect, -settled, DEFECT_NOWHERE, "%s", strerror(-settled));
    return r;
}

int source_add_shard(struct source *source, char *name)
{
    /* Grows with the files that are there, not by what the first one claims. */
    struct source_shard *shards =
        reallocarray(source->shards, source->shard_count + 1, sizeof(struct source_shard));

    if (shards)
        source->shards = shards;
    if (!shards || !name) {
        free(name);
        return -ENOMEM;
    }
    shards[source->shard_count++] = (struct source_shard){.name = name};
    return 0;
}

/* Opens the last shard. */
static int shard_open(struct opening *o)
{
    unsigned number = o->source->shard_count - 1;
    struct source_shard *shard = &o->source->shards[number];
    int r = o->open(o->context, shard->name);

    if (r >= 0)
        r = input_new(r, &shard->input);
    if (r < 0)
        r = defect_set(o->defect, -r, DEFECT_NOWHERE, "%s",
                       r == -EISDIR ? "no regular file" : strerror(-r));
    else
        r = shard_parse(o, shard);
    return blame(o, number, r);
}

static int wrong_type(struct opening *o, const struct gguf_key *key, enum gguf_type expected)
{
    return defect_set(o->defect, EINVAL, key->offset,
                      "key %s has wrong type %s but expected type %s", key->name,
                      gguf_type_name(key->type), gguf_type_name(expected));
}

/* A key about splitting in the first shard, unless it is taken for another. */
static int read_split_key(struct opening *o, const char *name, enum gguf_type type,
                          struct source_split_key taken, uint32_t *value)
{
    const struct source_shard *first = &o->source->shards[0];
    const struct gguf_key *key = gguf_find(&first->gguf, name);

    if (taken.set) {
        *value = taken.value;
        return 0;
    }
    if (!key)
        return defect_set(o->defect, EINVAL, DEFECT_NOWHERE, "key not found in model: %s", name);
    if (key->type != type)
        return wrong_type(o, key, type);
    return read_number(o->source, 0, key, gguf_type_size(type), value);
}

/* The number of a shard behind the first, as the tool looks at it. */
static int check_split_number(struct opening *o, unsigned number)
{
    const struct source_shard *shard = &o->source->shards[number];
    const struct gguf_key *key = gguf_find(&shard->gguf, "split.no");
    uint32_t value;
    int r;

    if (!key)
        return defect_set(o->defect, EINVAL, DEFECT_NOWHERE,
                          "missing key split.no in GGUF split %s", shard->name);
    if (key->subtype != GGUF_U16 || key->count != 1) /* an array of one is fine */
        return wrong_type(o, key, GGUF_U16);
    r = read_number(o->source, number, key, 2, &value);
    if (r == 0 && value != number)
        r = defect_set(o->defect, EINVAL, key->value,
                       "invalid split file idx: %" PRIu32 " (file: %s), expected %u", value,
                       shard->name, number);
    return r;
}

/* What the tool says of a shard that its reader refused, before the reason. */
static int split_unread(struct opening *o, const char *name, int r)
{
    struct defect why;

    if (r == -ENOEXEC) /* alone it would be no model; here it is a broken one */
        r = -EINVAL;
    if (o->defect && !strstr(o->defect->text, "data is not within the file bounds")) {
        why = *o->defect;
        (void)defect_set(o->defect, -r, why.offset,
                         "llama_model_loader: failed to load GGUF split from %.128s: %.300s", name,
                         why.text);
        o->defect->shard = why.shard;
    }
    return r;
}

/* Opens the shard `number` of `count`; its name is the first one's but for the number. */
static int open_neighbour(struct opening *o, unsigned number, size_t stem, uint32_t count)
{
    struct source *source = o->source;
    size_t size = strlen(source->shards[0].name) + 1;
    char *name = strdup(source->shards[0].name);
    int r;

    if (name)
        (void)snprintf(name + stem, size - stem, "-%05u-of-%05" PRIu32 ".gguf", number + 1, count);
    r = source_add_shard(source, name);
    if (r < 0)
        return r;
    r = shard_open(o);
    if (r < 0)
        return split_unread(o, source->shards[number].name, r);
    return blame(o, number, check_split_number(o, number));
}

/* The other shards, if the first one says that there are any. */
static int open_neighbours(struct opening *o, uint32_t *count)
{
    const struct source_shard *first = &o->source->shards[0];
    char ending[32];
    size_t length = strlen(first->name), ending_length;
    uint32_t number;
    int r;

    *count = 1;
    if (!o->split.count.set && !gguf_find(&first->gguf, "split.count"))
        return 0;
    r = read_split_key(o, "split.count", GGUF_U16, o->split.count, count);
    if (r < 0 || *count <= 1)
        return r;
    r = read_split_key(o, "split.no", GGUF_U16, o->split.number, &number);
    if (r < 0)
        return r;
    if (number != 0)
        return defect_set(o->defect, EINVAL,
                          o->split.number.set ? DEFECT_NOWHERE
                                              : gguf_find(&first->gguf, "split.no")->value,
                          "illegal split file idx: %" PRIu32
                          " (file: %s), model must be loaded with the first split",
                          number, first->name);
    (void)snprintf(ending, sizeof(ending), "-00001-of-%05" PRIu32 ".gguf", *count);
    ending_length = strlen(ending);
    if (length <= ending_length || strcmp(first->name + length - ending_length, ending) != 0)
        return defect_set(o->defect, EINVAL, DEFECT_NOWHERE, "invalid split file name: %s",
                          first->name);
    for (unsigned i = 1; i < *count && r == 0; i++)
        r = open_neighbour(o, i, length - ending_length, *count);
    return r;
}

/* --- tensors -----------------------------------------------------------------------------------
 */

/* A tensor and what the order of the output goes by. */
struct place {
    const struct gguf_tensor *tensor;
    unsigned shard;
    int layer;
};

/* The reference tool's own test, with all that sscanf lets pass (recipe.md §2.1). */
static int layer_of(const char *name)
{
    int layer;

    return sscanf(name, "blk.%d.", &layer) == 1 ? layer : -1;
}

static int compare_places(const void *a, const void *b)
{
    const struct place *x = a, *y = b;

    if (x->layer != y->layer)
        return x->layer < y->layer ? -1 : 1;
    return strcmp(x->tensor->name, y->tensor->name);
}

static struct source_tensor tensor_at(const struct place *place)
{
    const struct gguf_tensor *from = place->tensor;
    struct source_tensor tensor = {
        .name = from->name,
        .n_dims = 1,
        .type = (enum type)from->type,
        .shard = place->shard,
        .offset = from->offset,
        .size = from->size,
    };

    for (unsigned i = 0; i < 4; i++) {
        tensor.ne[i] = from->ne[i];
        if (from->ne[i] > 1)
            tensor.n_dims = i + 1;
    }
    return tensor;
}

int source_sort_tensors(struct source *source, struct defect *defect)
{
    struct place *places;
    const struct gguf *gguf;
    size_t count = 0, n = 0;
    int r = 0;

    for (unsigned i = 0; i < source->shard_count; i++)
        count += source->shards[i].gguf.tensor_count;
    places = reallocarray(NULL, count + 1, sizeof(*places));
    source->tensors = reallocarray(NULL, count + 1, sizeof(*source->tensors));
    if (!places || !source->tensors) {
        free(places);
        return -ENOMEM;
    }
    for (unsigned i = 0; i < source->shard_count; i++) {
        gguf = &source->shards[i].gguf;
        for (size_t j = 0; j < gguf->tensor_count; j++)
            places[n++] = (struct place){&gguf->tensors[j], i, layer_of(gguf->tensors[j].name)};
    }
    qsort(places, count, sizeof(*places), compare_places);
    for (size_t i = 0; i < count; i++) {
        source->tensors[i] = tensor_at(&places[i]);
        if (r == 0 && i > 0 && compare_places(&places[i - 1], &places[i]) == 0) {
            r = defect_set(defect, EINVAL, DEFECT_NOWHERE,
                           "invalid model: tensor '%s' is duplicated", places[i].tensor->name);
            if (defect)
                defect->shard = places[i].shard;
        }
    }
    source->tensor_count = count;
    free(places);
    return r;
}

static int check_tensor_count(struct opening *o)
{
    uint32_t expected;
    int r = read_split_key(o, "split.tensors.count", GGUF_I32, o->split.tensors, &expected);

    if (r == 0 && expected != o->source->tensor_count)
        r = defect_set(o->defect, EINVAL, DEFECT_NOWHERE,
                       "corrupted model: %" PRId32 " tensors expected but %zu found",
                       (int32_t)expected, o->source->tensor_count);
    return r;
}

static int open_all(struct opening *o, const char *name)
{
    uint32_t count;
    int r = source_add_shard(o->source, strdup(name));

    if (r == 0)
        r = shard_open(o);
    if (r == 0)
        r = open_neighbours(o, &count);
    if (r == 0)
        r = source_sort_tensors(o->source, o->defect);
    if (r == 0 && count > 1)
        r = check_tensor_count(o);
    return r;
}

int source_open(source_open_fn open, void *context, const char *name, struct source **source,
                struct defect *defect)
{
    const struct source_split as_it_is = {{0}, {0}, {0}};

    return source_open_split(open, context, name, &as_it_is, source, defect);
}

int source_open_split(source_open_fn open, void *context, const char *name,
                      const struct source_split *split, struct source **source,
                      struct defect *defect)
{
    struct opening o = {.open = open, .context = context, .split = *split, .defect = defect};
    int r;

    *source = NULL;
    if (defect)
        *defect = (struct defect){.offset = DEFECT_NOWHERE};
    o.source = calloc(1, sizeof(*o.source));
    r = o.source ? open_all(&o, name) : -ENOMEM;
    if (r < 0 && defect && defect->text[0] == '\0')
        r = defect_set(defect, -r, DEFECT_NOWHERE, "%s", strerror(-r));
    if (r < 0)
        source_close(o.source);
    else
        *source = o.source;
    return r;
}

static void shard_close(struct source_shard *shard)
{
    gguf_free(&shard->gguf);
    input_free(shard->input);
    free(shard->name);
}

void source_close(struct source *source)
{
    if (!source)
        return;
    for (unsigned i = 0; i < source->shard_count; i++)
        shard_close(&source->shards[i]);
    source_directory_free(source->directory);
    input_free(source->imatrix_file);
    input_free(source->mix_file);
    imatrix_free(source->imatrix);
    free(source->shards);
    free(source->tensors);
    free(source);
}

/* --- the importance matrix ---------------------------------------------------------------------
 */

int source_set_imatrix(struct source *source, struct imatrix *imatrix,
                       const struct version *version, int fd, bool watch)
{
    int r;

    source->imatrix = imatrix;
    r = input_new(fd, &source->imatrix_file);
    if (r == 0 && !version_equal(input_version(source->imatrix_file), version))
        r = -EAGAIN;
    source->watched = r == 0 && watch;
    return r;
}

int source_set_mix(struct source *source, const struct version *version, int fd)
{
    int r = input_new(fd, &source->mix_file);

    return r == 0 && !version_equal(input_version(source->mix_file), version) ? -EAGAIN : r;
}

const struct imatrix *source_imatrix(const struct source *source)
{
    return source->imatrix;
}

const struct version *source_imatrix_version(const struct source *source)
{
    return input_version(source->imatrix_file);
}

int source_imatrix_descriptor(const struct source *source)
{
    return input_descriptor(source->imatrix_file);
}

/* --- what was opened ---------------------------------------------------------------------------
 */

const struct source_tensor *source_tensors(const struct source *source, size_t *count)
{
    *count = source->tensor_count;
    return source->tensors;
}

const struct gguf *source_gguf(const struct source *source)
{
    return &source->shards[0].gguf;
}

unsigned source_shard_count(const struct source *source)
{
    return source->shard_count;
}

const char *source_shard_name(const struct source *source, unsigned shard)
{
    return source->shards[shard].name;
}

const struct version *source_version(const struct source *source, unsigned shard)
{
    return source->directory ? &source->directory->version
                             : input_version(source->shards[shard].input);
}

bool source_is_directory(const struct source *source)
{
    return source->directory != NULL;
}

enum type source_directory_type(const struct source *source)
{
    return source->directory ? hf_import_type(source->directory->import) : TYPE_NONE;
}

bool source_is_projector(const struct source *source)
{
    return source->directory && source->directory->projector;
}

uint64_t source_shard_size(const struct source *source, unsigned shard)
{
    return source_version(source, shard)->size;
}

size_t source_header_memory(const struct source *source)
{
    return source->directory ? source->directory->header_size : 0;
}

static const struct input *input_of(const struct source *source, unsigned file)
{
    return source->directory ? source->directory->inputs[file] : source->shards[file].input;
}

unsigned source_file_count(const struct source *source)
{
    return source->directory ? (unsigned)source->directory->count : source->shard_count;
}

const struct version *source_file_version(const struct source *source, unsigned file)
{
    return input_version(input_of(source, file));
}

int source_file_descriptor(const struct source *source, unsigned file)
{
    return input_descriptor(input_of(source, file));
}
