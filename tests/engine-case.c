#include "tests/engine-case.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct source source;
struct extent extents[2];
struct view view;
static struct source_tensor tensors[2];
static uint8_t header[HEADER_SIZE];

/* As little compressible as weights are: objects of the cache are files, not memory. */
uint8_t byte_at(uint64_t n)
{
    if (n >= HEADER_SIZE && n < FIRST)
        return 0;
    n = n * 0x9e3779b97f4a7c15u;
    n = (n ^ n >> 32) * 0xd6e8feb86659fd93u;
    return (uint8_t)(n >> 56);
}

const struct version *source_version(const struct source *s, unsigned shard)
{
    (void)shard;
    return &s->version;
}

unsigned source_file_count(const struct source *s)
{
    (void)s;
    return 1;
}

const struct version *source_file_version(const struct source *s, unsigned file)
{
    return source_version(s, file);
}

int source_file_descriptor(const struct source *s, unsigned file)
{
    (void)s;
    (void)file;
    return source.fd;
}

bool source_is_directory(const struct source *s)
{
    (void)s;
    return false;
}

enum type source_directory_type(const struct source *s)
{
    (void)s;
    return TYPE_NONE;
}

bool source_is_projector(const struct source *s)
{
    (void)s;
    return false;
}

void source_forget(const struct source *s, unsigned shard, uint64_t offset, uint64_t size)
{
    (void)s;
    (void)shard;
    (void)posix_fadvise(source.fd, (off_t)offset, (off_t)size, POSIX_FADV_DONTNEED);
}

void source_will_need(const struct source *s, unsigned shard, uint64_t offset, uint64_t size)
{
    (void)s;
    (void)shard;
    (void)offset;
    atomic_fetch_add(&source.fetched, (int)size);
}

bool version_young(const struct version *version, struct timespec now)
{
    (void)now;
    return version->inode == YOUNG || atomic_load(&source.young);
}

bool version_equal(const struct version *a, const struct version *b)
{
    return a->inode == b->inode;
}

/* No view of it has an importance matrix. */
const struct version *source_imatrix_version(const struct source *s)
{
    return source_version(s, 0);
}

int source_imatrix_descriptor(const struct source *s)
{
    return source_file_descriptor(s, 0);
}

int source_mix_unchanged(const struct source *s)
{
    (void)s;
    return 0;
}

int source_imatrix_unchanged(const struct source *s)
{
    (void)s;
    return -ESTALE;
}

int source_unchanged(const struct source *s, unsigned shard)
{
    (void)shard;
    return atomic_load(&((struct source *)(uintptr_t)s)->unchanged);
}

int source_read(const struct source *s, unsigned shard, uint64_t offset, void *data, size_t size)
{
    (void)s;
    (void)shard;
    for (size_t i = 0; i < size; i++)
        ((uint8_t *)data)[i] = byte_at(offset + i);
    return 0;
}

struct chunk view_chunk(const struct view *v, uint32_t tensor, uint32_t index)
{
    struct chunk chunk = {.size = CHUNK, .source_size = (size_t)2 * CHUNK, .columns = 32};

    (void)v;
    if (tensor == 1 && index == CHUNKS - 1)
        chunk.size = CHUNK / 2;
    chunk.source_offset = (tensor * CHUNKS + index) * (uint64_t)CHUNK;
    return chunk;
}

uint64_t chunk_place(uint32_t tensor, uint32_t index)
{
    return (tensor ? SECOND : FIRST) + (uint64_t)index * CHUNK;
}

uint64_t view_chunk_offset(const struct view *v, uint32_t tensor, uint32_t index)
{
    (void)v;
    return chunk_place(tensor, index);
}

size_t view_map(const struct view *v, uint64_t offset, size_t size, struct piece *pieces,
                size_t max)
{
    static const uint64_t ends[] = {HEADER_SIZE, FIRST, COPY, SECOND, VIEW_SIZE};
    size_t count = 0;

    (void)v;
    while (count < max && size > 0 && offset < VIEW_SIZE) {
        struct piece *piece = &pieces[count++];
        int part = 0;
        uint64_t end;

        while (offset >= ends[part])
            part++;
        end = ends[part];
        *piece = (struct piece){.kind = PIECE_CHUNK};
        if (part == 0) {
            piece->kind = PIECE_PATCH;
            piece->patch = header + offset;
        } else if (part == 1) {
            piece->kind = PIECE_ZERO;
        } else if (part == 3) {
            piece->kind = PIECE_COPY;
            piece->copy.offset = offset;
        } else {
            uint64_t from = part == 2 ? FIRST : SECOND;

            piece->chunk.tensor = part == 4;
            piece->chunk.index = (uint32_t)((offset - from) / CHUNK);
            piece->chunk.skip = (offset - from) % CHUNK;
            if (end > offset - piece->chunk.skip + CHUNK)
                end = offset - piece->chunk.skip + CHUNK;
        }
        piece->size = end - offset < size ? (size_t)(end - offset) : size;
        offset += piece->size;
        size -= piece->size;
    }
    return count;
}

int convert_load(const struct view *v, uint32_t tensor, const struct chunk *chunk, void *data)
{
    (void)v;
    (void)tensor;
    memset(data, (int)(chunk->source_offset / CHUNK), chunk->source_size);
    ((uint8_t *)data)[0] = source.content;
    atomic_fetch_add(&source.loads, 1);
    return 0;
}

static void pass_gate(void)
{
    pthread_mutex_lock(&source.lock);
    source.waiting++;
    pthread_cond_broadcast(&source.cond);
    while (source.closed)
        pthread_cond_wait(&source.cond, &source.lock);
    source.waiting--;
    pthread_mutex_unlock(&source.lock);
}

int convert_run(const struct kernel_set *kernels, const struct view *v, uint32_t tensor,
                const struct chunk *chunk, const void *data, void *result, struct defect *defect)
{
    uint32_t index = (uint32_t)(chunk->source_offset / CHUNK) - tensor * CHUNKS;
    uint64_t place = chunk_place(tensor, index);

    (void)kernels;
    (void)v;
    CHECK(((const uint8_t *)data)[chunk->source_size - 1] == chunk->source_offset / CHUNK);
    atomic_fetch_add(&source.converted[tensor][index], 1);
    pass_gate();
    for (size_t i = 0; i < chunk->size; i++)
        ((uint8_t *)result)[i] = byte_at(place + i);
    if (tensor == 0 && (int)index == atomic_load(&source.failing))
        return defect_set(defect, EIO, DEFECT_NOWHERE, "row 7");
    return 0;
}

/* --- what the tests say --------------------------------------------------------------------------
 */

void gate(bool closed)
{
    pthread_mutex_lock(&source.lock);
    source.closed = closed;
    pthread_cond_broadcast(&source.cond);
    pthread_mutex_unlock(&source.lock);
}

void wait_for_conversions(int count)
{
    pthread_mutex_lock(&source.lock);
    while (source.waiting < count)
        pthread_cond_wait(&source.cond, &source.lock);
    pthread_mutex_unlock(&source.lock);
}

int conversions(void)
{
    int sum = 0;

    for (unsigned tensor = 0; tensor < 2; tensor++)
        for (unsigned i = 0; i < CHUNKS; i++)
            sum += atomic_load(&source.converted[tensor][i]);
    return sum;
}

static void hold(void *owner)
{
    CHECK(owner == &source);
    atomic_fetch_add(&source.held, 1);
}

static void release(void *owner)
{
    CHECK(owner == &source);
    atomic_fetch_sub(&source.held, 1);
}

static void failed(void *context, void *owner, int r, const struct defect *defect)
{
    CHECK(context == &view && owner == &source && r < 0);
    if (defect)
        source.defect = *defect;
    atomic_fetch_add(&source.failures, 1);
}

void begin(struct bench *bench, uint64_t memory)
{
    struct engine_config config = {
        .cores = CORES,
        .memory = memory,
        .once = source.once,
        .cache = source.cache,
        .waiting = 1,
        .context = &view,
        .hold = hold,
        .release = release,
        .failed = failed,
    };

    memset(&source.converted, 0, sizeof(source.converted));
    atomic_store(&source.unchanged, 0);
    atomic_store(&source.failing, -1);
    atomic_store(&source.failures, 0);
    atomic_store(&source.loads, 0);
    CHECK(pool_new(CORES, &bench->pool) == 0);
    config.pool = bench->pool;
    CHECK(engine_new(&config, &bench->engine) == 0);
}

void end(struct bench *bench)
{
    engine_free(bench->engine);
    pool_free(bench->pool);
    CHECK(atomic_load(&source.held) == 0);
}

void answered(void *context, int r, const struct part *parts, int count)
{
    struct asked *asked = context;
    uint64_t at = asked->offset;
    size_t have = 0;

    for (int i = 0; i < count; i++) {
        uint8_t *bytes = malloc(parts[i].size);

        CHECK(parts_copy(&parts[i], 1, bytes, parts[i].size) == 0);
        for (size_t j = 0; j < parts[i].size; j++, at++)
            CHECK(bytes[j] == byte_at(at));
        free(bytes);
        have += parts[i].size;
    }
    CHECK(r < 0 ? count == 0 : have == asked->size);
    pthread_mutex_lock(&asked->lock);
    CHECK(!asked->done);
    asked->r = r;
    asked->done = true;
    pthread_cond_signal(&asked->cond);
    pthread_mutex_unlock(&asked->lock);
}

void ask(struct bench *bench, struct asked *asked, uint64_t offset, size_t size)
{
    *asked = (struct asked){.offset = offset, .size = size};
    pthread_mutex_init(&asked->lock, NULL);
    pthread_cond_init(&asked->cond, NULL);
    if (offset >= VIEW_SIZE)
        asked->size = 0;
    else if (size > VIEW_SIZE - offset)
        asked->size = (size_t)(VIEW_SIZE - offset);
    engine_submit(bench->engine, &view, &source, offset, size, answered, asked);
}

bool is_answered(struct asked *asked)
{
    bool done;

    pthread_mutex_lock(&asked->lock);
    done = asked->done;
    pthread_mutex_unlock(&asked->lock);
    return done;
}

int wait_answer(struct asked *asked)
{
    pthread_mutex_lock(&asked->lock);
    while (!asked->done)
        pthread_cond_wait(&asked->cond, &asked->lock);
    pthread_mutex_unlock(&asked->lock);
    pthread_cond_destroy(&asked->cond);
    pthread_mutex_destroy(&asked->lock);
    return asked->r;
}

int read_now(struct bench *bench, uint64_t offset, size_t size)
{
    struct asked asked;

    ask(bench, &asked, offset, size);
    return wait_answer(&asked);
}

void read_all_of_it(struct bench *bench)
{
    for (uint64_t offset = 0; offset < VIEW_SIZE; offset += 100000)
        CHECK(read_now(bench, offset, 100000) == 0);
}

void case_begin(void)
{
    source.version.inode = OLD;
    source.content = 1;
    pthread_mutex_init(&source.lock, NULL);
    pthread_cond_init(&source.cond, NULL);
    for (unsigned i = 0; i < HEADER_SIZE; i++)
        header[i] = byte_at(i);
    for (int i = 0; i < 2; i++) {
        tensors[i] = (struct source_tensor){
            .name = "t", .type = TYPE_F16, .offset = (uint64_t)i * CHUNKS * CHUNK};
        extents[i] =
            (struct extent){.tensor = &tensors[i], .type = TYPE_Q4_0, .chunk_count = CHUNKS};
    }
    view = (struct view){
        .source = &source,
        .size = VIEW_SIZE,
        .header_size = FIRST,
        .extent_count = 2,
        .extents = extents,
    };
}

/* --- with a cache --------------------------------------------------------------------------------
 */

char directory[] = "/var/tmp/quantfs-engine.XXXXXX";

void make_directory(void)
{
    CHECK(mkdtemp(directory) && chmod(directory, 0700) == 0);
    source.fd = open(directory, O_RDONLY | O_CLOEXEC);
    CHECK(source.fd >= 0);
}

void remove_directory(void)
{
    run_in_cache("rm -rf ./* ./.[!.]*");
    close(source.fd);
    CHECK(rmdir(directory) == 0);
}

void open_cache(void)
{
    const struct cache_config config = {.path = directory, .min_free = {.given = true, .bytes = 0}};
    char reason[CACHE_REASON_SIZE] = "";
    int r = cache_new(&config, &source.cache, reason);

    if (r < 0)
        fprintf(stderr, "%s\n", reason);
    CHECK(r == 0);
}

void close_cache(void)
{
    cache_free(source.cache);
    source.cache = NULL;
}

void run_in_cache(const char *command)
{
    char line[512];

    snprintf(line, sizeof(line), "cd %s && %s", directory, command);
    CHECK(system(line) == 0);
}
