#include "quant/source.h"

#include <inttypes.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What may change with the ctime and explains that it did. */
struct state {
    struct timespec ctime;
    mode_t mode;
    uid_t uid;
    gid_t gid;
    nlink_t links;
    uint64_t place;    /* a hash of name and directory; 0: the system does not tell */
    uint64_t revision; /* how often this was replaced */
};

struct shard {
    char *name;
    int fd;
    struct stat stat;
    struct version version;
    struct gguf gguf;
    atomic_bool gone;      /* another version now: said once, it stays */
    pthread_mutex_t mutex; /* protects seen */
    struct state seen;     /* the last state that was explained */
};

struct source {
    struct shard **shards; /* each stays where it is: a mutex must not move */
    unsigned shard_count;
    struct source_tensor *tensors;
    size_t tensor_count;
    struct imatrix *imatrix;
    struct shard *imatrix_file;
    bool watched; /* the file of the importance matrix */
};

/* --- versions ----------------------------------------------------------------------------------
 */

struct version version_of(const struct stat *st)
{
    return (struct version){
        .device = (uint64_t)st->st_dev,
        .inode = (uint64_t)st->st_ino,
        .size = (uint64_t)st->st_size,
        .mtime = st->st_mtim,
        .ctime = st->st_ctim,
    };
}

static bool same_time(struct timespec a, struct timespec b)
{
    return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

bool version_equal(const struct version *a, const struct version *b)
{
    return a->device == b->device && a->inode == b->inode && a->size == b->size &&
           same_time(a->mtime, b->mtime) && same_time(a->ctime, b->ctime);
}

bool versions_equal(const struct version *a, unsigned a_count, const struct version *b,
                    unsigned b_count)
{
    if (a_count != b_count)
        return false;
    for (unsigned i = 0; i < a_count; i++)
        if (!version_equal(&a[i], &b[i]))
            return false;
    return true;
}

static bool time_young(struct timespec time, struct timespec now)
{
    const time_t limit = 2; /* seconds */
    time_t second;

    /* Compared without a difference, which might overflow: times come from a file system. */
    if (__builtin_add_overflow(time.tv_sec, limit, &second))
        return true;
    return second > now.tv_sec || (second == now.tv_sec && time.tv_nsec > now.tv_nsec);
}

bool version_young(const struct version *version, struct timespec now)
{
    return time_young(version->mtime, now) || time_young(version->ctime, now);
}

bool versions_young(const struct version *versions, unsigned count)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_REALTIME, &now);
    for (unsigned i = 0; i < count; i++)
        if (version_young(&versions[i], now))
            return true;
    return false;
}

/*
 * What a rename of the file itself changes: its name and its directory. Not the path, which also
 * changes with a directory further up, without a trace in the file's ctime. FNV-1a: a collision
 * would make a renamed file stale, nothing worse.
 */
static uint64_t place_of(int fd)
{
    char link[32], path[PATH_MAX];
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    struct stat directory;
    char *name;
    ssize_t n;

    (void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    n = readlink(link, path, sizeof(path) - 1);
    if (n <= 0)
        return 0;
    path[n] = '\0';
    name = strrchr(path, '/');
    if (!name)
        return 0;
    for (const char *at = name; *at; at++)
        hash = (hash ^ (uint8_t)*at) * UINT64_C(0x100000001b3);
    *(name == path ? name + 1 : name) = '\0';
    if (stat(path, &directory) < 0)
        return 0;
    hash = (hash ^ (uint64_t)directory.st_ino) * UINT64_C(0x100000001b3);
    return (hash ^ (uint64_t)directory.st_dev) * UINT64_C(0x100000001b3) | 1;
}

static struct state state_of(const struct stat *st, uint64_t place)
{
    return (struct state){
        .ctime = st->st_ctim,
        .mode = st->st_mode,
        .uid = st->st_uid,
        .gid = st->st_gid,
        .links = st->st_nlink,
        .place = place,
    };
}

/* Does what else differs between two states account for the ctime? */
static bool explains(const struct state *a, const struct state *b)
{
    return a->mode != b->mode || a->uid != b->uid || a->gid != b->gid || a->links != b->links ||
           (a->place != b->place && a->place != 0 && b->place != 0);
}

static struct state shard_seen(struct shard *shard)
{
    struct state seen;

    pthread_mutex_lock(&shard->mutex);
    seen = shard->seen;
    pthread_mutex_unlock(&shard->mutex);
    return seen;
}

/* Replaces the state `seen` by `now`, its successor, unless another thread has put one there. */
static bool shard_see(struct shard *shard, const struct state *seen, const struct state *now)
{
    bool mine;

    pthread_mutex_lock(&shard->mutex);
    mine = shard->seen.revision == seen->revision;
    if (mine)
        shard->seen = *now;
    pthread_mutex_unlock(&shard->mutex);
    return mine;
}

static int look_unchanged(struct shard *s)
{
    struct state seen, now;
    struct stat st, after;
    uint64_t place;
    bool stable;

    /* Each turn but the last means that somebody changed the file's name or mode just then. */
    for (int turns = 0, waits = 0; turns < 1000; turns++) {
        seen = shard_seen(s);
        if (fstat(s->fd, &st) < 0 || (uint64_t)st.st_size != s->version.size ||
            !same_time(st.st_mtim, s->version.mtime))
            return -ESTALE;
        if (same_time(st.st_ctim, seen.ctime))
            return 0;
        place = place_of(s->fd);
        stable = fstat(s->fd, &after) == 0 && same_time(st.st_ctim, after.st_ctim);
        now = state_of(&st, stable ? place : seen.place); /* else it may be newer than the rest */
        now.revision = seen.revision + 1;
        if (explains(&seen, &now)) {
            if (shard_see(s, &seen, &now))
                return 0;
        } else if (stable && shard_seen(s).revision == seen.revision) {
            /* A rename sets the ctime before the path that we are told. */
            if (waits++ == 20)
                return -ESTALE;
            (void)nanosleep(&(struct timespec){.tv_nsec = 250000}, NULL);
        }
    }
    return -ESTALE;
}

static int shard_unchanged(struct shard *s)
{
    int r;

    /* For good: what a later change would explain cannot undo the one that was not. */
    if (atomic_load(&s->gone))
        return -ESTALE;
    r = look_unchanged(s);
    if (r < 0)
        atomic_store(&s->gone, true);
    return r;
}

int source_unchanged(const struct source *source, unsigned shard)
{
    return shard_unchanged(source->shards[shard]);
}

int source_imatrix_unchanged(const struct source *source)
{
    return source->watched ? shard_unchanged(source->imatrix_file) : 0;
}

/* --- reading -----------------------------------------------------------------------------------
 */

static int read_all(int fd, uint64_t offset, void *data, size_t size)
{
    uint8_t *out = data;
    uint64_t end;
    ssize_t n;

    if (__builtin_add_overflow(offset, size, &end) || end > INT64_MAX)
        return -EIO;
    while (size > 0) {
        n = pread(fd, out, size, (off_t)offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return -EIO;
        out += n;
        offset += (uint64_t)n;
        size -= (size_t)n;
    }
    return 0;
}

int source_read(const struct source *source, unsigned shard, uint64_t offset, void *data,
                size_t size)
{
    return read_all(source->shards[shard]->fd, offset, data, size);
}

/* A number of `size` bytes; arrays of one are taken where the tool takes them. */
static int read_number(const struct shard *shard, const struct gguf_key *key, size_t size,
                       uint32_t *value)
{
    uint8_t bytes[4];
    int r = read_all(shard->fd, key->value, bytes, size);

    *value = 0;
    for (size_t i = size; i-- > 0 && r == 0;)
        *value = *value << 8 | bytes[i];
    return r;
}

int source_key_u32(const struct source *source, const char *key, uint32_t *value)
{
    const struct gguf_key *found = gguf_find(&source->shards[0]->gguf, key);

    if (!found)
        return -ENOENT;
    if (found->type != GGUF_U32)
        return -EINVAL;
    return read_number(source->shards[0], found, 4, value);
}

int source_key_string(const struct source *source, const char *key, char *value, size_t size)
{
    const struct gguf_key *found = gguf_find(&source->shards[0]->gguf, key);
    size_t n;
    int r;

    if (!found)
        return -ENOENT;
    if (found->type != GGUF_STRING)
        return -EINVAL;
    n = found->count < size ? (size_t)found->count : size;
    r = read_all(source->shards[0]->fd, found->value + 8, value, n);
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

static int shard_parse(struct opening *o, struct shard *shard)
{
    struct stat after;
    struct version version;
    int r;

    if (fstat(shard->fd, &shard->stat) < 0)
        return defect_set(o->defect, errno, DEFECT_NOWHERE, "%s", strerror(errno));
    if (!S_ISREG(shard->stat.st_mode))
        return defect_set(o->defect, EISDIR, DEFECT_NOWHERE, "no regular file");
    shard->version = version_of(&shard->stat);
    shard->seen = state_of(&shard->stat, place_of(shard->fd));
    r = gguf_parse(shard->fd, shard->version.size, &shard->gguf, o->defect);
    if (fstat(shard->fd, &after) < 0)
        return defect_set(o->defect, errno, DEFECT_NOWHERE, "%s", strerror(errno));
    version = version_of(&after);
    if (!version_equal(&version, &shard->version))
        return defect_set(o->defect, EAGAIN, DEFECT_NOWHERE, "it changed while it was read");
    return r;
}

/* Adds an empty shard; takes the name, also if it fails. */
static int add_shard(struct source *source, char *name)
{
    struct shard **shards, *shard = calloc(1, sizeof(*shard));
    int r = -ENOMEM;

    /* Grows with the files that are there, not by what the first one claims. */
    shards = reallocarray(source->shards, source->shard_count + 1, sizeof(struct shard *));
    if (shards)
        source->shards = shards;
    if (name && shard && shards)
        r = -pthread_mutex_init(&shard->mutex, NULL);
    if (r < 0) {
        free(shard);
        free(name);
        return r;
    }
    shard->name = name;
    shard->fd = -1;
    source->shards[source->shard_count++] = shard;
    return 0;
}

/* Opens the last shard. */
static int shard_open(struct opening *o)
{
    unsigned number = o->source->shard_count - 1;
    struct shard *shard = o->source->shards[number];
    int r;

    shard->fd = o->open(o->context, shard->name);
    if (shard->fd < 0)
        r = defect_set(o->defect, -shard->fd, DEFECT_NOWHERE, "%s", strerror(-shard->fd));
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

/* A key about splitting in the first shard. */
static int read_split_key(struct opening *o, const char *name, enum gguf_type type, uint32_t *value)
{
    const struct shard *first = o->source->shards[0];
    const struct gguf_key *key = gguf_find(&first->gguf, name);

    if (!key)
        return defect_set(o->defect, EINVAL, DEFECT_NOWHERE, "key not found in model: %s", name);
    if (key->type != type)
        return wrong_type(o, key, type);
    return read_number(first, key, gguf_type_size(type), value);
}

/* The number of a shard behind the first, as the tool looks at it. */
static int check_split_number(struct opening *o, unsigned number)
{
    const struct shard *shard = o->source->shards[number];
    const struct gguf_key *key = gguf_find(&shard->gguf, "split.no");
    uint32_t value;
    int r;

    if (!key)
        return defect_set(o->defect, EINVAL, DEFECT_NOWHERE,
                          "missing key split.no in GGUF split %s", shard->name);
    if (key->subtype != GGUF_U16 || key->count != 1) /* an array of one is fine */
        return wrong_type(o, key, GGUF_U16);
    r = read_number(shard, key, 2, &value);
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
    size_t size = strlen(source->shards[0]->name) + 1;
    char *name = strdup(source->shards[0]->name);
    int r;

    if (name)
        (void)snprintf(name + stem, size - stem, "-%05u-of-%05" PRIu32 ".gguf", number + 1, count);
    r = add_shard(source, name);
    if (r < 0)
        return r;
    r = shard_open(o);
    if (r < 0)
        return split_unread(o, source->shards[number]->name, r);
    return blame(o, number, check_split_number(o, number));
}

/* The other shards, if the first one says that there are any. */
static int open_neighbours(struct opening *o, uint32_t *count)
{
    const struct shard *first = o->source->shards[0];
    char ending[32];
    size_t length = strlen(first->name), ending_length;
    uint32_t number;
    int r;

    *count = 1;
    if (!gguf_find(&first->gguf, "split.count"))
        return 0;
    r = read_split_key(o, "split.count", GGUF_U16, count);
    if (r < 0 || *count <= 1)
        return r;
    r = read_split_key(o, "split.no", GGUF_U16, &number);
    if (r < 0)
        return r;
    if (number != 0)
        return defect_set(o->defect, EINVAL, gguf_find(&first->gguf, "split.no")->value,
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

/* All tensors into their order; no name twice. */
static int sort_tensors(struct opening *o)
{
    struct source *source = o->source;
    struct place *places;
    const struct gguf *gguf;
    size_t count = 0, n = 0;
    int r = 0;

    for (unsigned i = 0; i < source->shard_count; i++)
        count += source->shards[i]->gguf.tensor_count;
    places = reallocarray(NULL, count + 1, sizeof(*places));
    source->tensors = reallocarray(NULL, count + 1, sizeof(*source->tensors));
    if (!places || !source->tensors) {
        free(places);
        return -ENOMEM;
    }
    for (unsigned i = 0; i < source->shard_count; i++) {
        gguf = &source->shards[i]->gguf;
        for (size_t j = 0; j < gguf->tensor_count; j++)
            places[n++] = (struct place){&gguf->tensors[j], i, layer_of(gguf->tensors[j].name)};
    }
    qsort(places, count, sizeof(*places), compare_places);
    for (size_t i = 0; i < count; i++) {
        source->tensors[i] = tensor_at(&places[i]);
        if (r == 0 && i > 0 && compare_places(&places[i - 1], &places[i]) == 0)
            r = blame(o, places[i].shard,
                      defect_set(o->defect, EINVAL, DEFECT_NOWHERE,
                                 "invalid model: tensor '%s' is duplicated",
                                 places[i].tensor->name));
    }
    source->tensor_count = count;
    free(places);
    return r;
}

static int check_tensor_count(struct opening *o)
{
    uint32_t expected;
    int r = read_split_key(o, "split.tensors.count", GGUF_I32, &expected);

    if (r == 0 && expected != o->source->tensor_count)
        r = defect_set(o->defect, EINVAL, DEFECT_NOWHERE,
                       "corrupted model: %" PRId32 " tensors expected but %zu found",
                       (int32_t)expected, o->source->tensor_count);
    return r;
}

static int open_all(struct opening *o, const char *name)
{
    uint32_t count;
    int r = add_shard(o->source, strdup(name));

    if (r == 0)
        r = shard_open(o);
    if (r == 0)
        r = open_neighbours(o, &count);
    if (r == 0)
        r = sort_tensors(o);
    if (r == 0 && count > 1)
        r = check_tensor_count(o);
    return r;
}

int source_open(source_open_fn open, void *context, const char *name, struct source **source,
                struct defect *defect)
{
    struct opening o = {.open = open, .context = context, .defect = defect};
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

static void shard_close(struct shard *shard)
{
    if (!shard)
        return;
    gguf_free(&shard->gguf);
    if (shard->fd >= 0)
        (void)close(shard->fd);
    (void)pthread_mutex_destroy(&shard->mutex);
    free(shard->name);
    free(shard);
}

void source_close(struct source *source)
{
    if (!source)
        return;
    for (unsigned i = 0; i < source->shard_count; i++)
        shard_close(source->shards[i]);
    shard_close(source->imatrix_file);
    imatrix_free(source->imatrix);
    free(source->shards);
    free(source->tensors);
    free(source);
}

/* --- the importance matrix ---------------------------------------------------------------------
 */

static int keep_file(int fd, const struct version *version, struct shard **out)
{
    struct shard *shard = calloc(1, sizeof(*shard));
    int r = shard ? -pthread_mutex_init(&shard->mutex, NULL) : -ENOMEM;

    if (r < 0) {
        free(shard);
        (void)close(fd);
        return r;
    }
    shard->fd = fd;
    if (fstat(fd, &shard->stat) < 0)
        r = -errno;
    shard->version = version_of(&shard->stat);
    shard->seen = state_of(&shard->stat, place_of(fd));
    if (r == 0 && !version_equal(&shard->version, version))
        r = -EAGAIN;
    if (r < 0)
        shard_close(shard);
    else
        *out = shard;
    return r;
}

int source_set_imatrix(struct source *source, struct imatrix *imatrix,
                       const struct version *version, int fd, bool watch)
{
    int r;

    source->imatrix = imatrix;
    r = keep_file(fd, version, &source->imatrix_file);
    source->watched = r == 0 && watch;
    return r;
}

const struct imatrix *source_imatrix(const struct source *source)
{
    return source->imatrix;
}

const struct version *source_imatrix_version(const struct source *source)
{
    return &source->imatrix_file->version;
}

int source_imatrix_descriptor(const struct source *source)
{
    return source->imatrix_file->fd;
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
    return &source->shards[0]->gguf;
}

unsigned source_shard_count(const struct source *source)
{
    return source->shard_count;
}

const char *source_shard_name(const struct source *source, unsigned shard)
{
    return source->shards[shard]->name;
}

const struct version *source_version(const struct source *source, unsigned shard)
{
    return &source->shards[shard]->version;
}

int source_descriptor(const struct source *source, unsigned shard)
{
    return source->shards[shard]->fd;
}
