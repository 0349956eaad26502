/*
 * If this failed, a daemon that has taken over from another would answer a reader with the bytes of
 * another file, or not at all: the handles that the kernel still has are not its own.
 *
 * Against a libfuse that is made up, since a kernel gives back the handles that it was given. The
 * one argument is a model.
 */
#include "fs/ops.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "fs/engine.h"
#include "fs/root.h"
#include "quant/kernel/kernel.h"
#include "tests/check.h"

#define DATA_MAX 8192
#define READ_SIZE 4096

/* ---- libfuse ---- */

struct fuse_req {
    struct ops *ops;
    pthread_mutex_t lock;
    pthread_cond_t answered;
    bool done;
    int r;
    struct fuse_entry_param entry;
    struct fuse_file_info fi;
    uint8_t data[DATA_MAX];
    size_t size;
};

static void answer(fuse_req_t req, int r, const void *data, size_t size)
{
    pthread_mutex_lock(&req->lock);
    CHECK(!req->done && size <= DATA_MAX);
    if (size > 0)
        memcpy(req->data, data, size);
    req->size = size;
    req->r = r;
    req->done = true;
    pthread_cond_broadcast(&req->answered);
    pthread_mutex_unlock(&req->lock);
}

void *fuse_req_userdata(fuse_req_t req)
{
    return req->ops;
}

int fuse_reply_err(fuse_req_t req, int error)
{
    answer(req, -error, NULL, 0);
    return 0;
}

void fuse_reply_none(fuse_req_t req)
{
    answer(req, 0, NULL, 0);
}

int fuse_reply_entry(fuse_req_t req, const struct fuse_entry_param *entry)
{
    req->entry = *entry;
    answer(req, 0, NULL, 0);
    return 0;
}

int fuse_reply_attr(fuse_req_t req, const struct stat *attr, double timeout)
{
    (void)timeout;
    req->entry.attr = *attr;
    answer(req, 0, NULL, 0);
    return 0;
}

int fuse_reply_readlink(fuse_req_t req, const char *target)
{
    answer(req, 0, target, strlen(target));
    return 0;
}

int fuse_reply_open(fuse_req_t req, const struct fuse_file_info *fi)
{
    req->fi = *fi;
    answer(req, 0, NULL, 0);
    return 0;
}

int fuse_reply_iov(fuse_req_t req, const struct iovec *iov, int count)
{
    uint8_t data[DATA_MAX];
    size_t size = 0;

    for (int i = 0; i < count; i++) {
        CHECK(iov[i].iov_len <= sizeof(data) - size);
        memcpy(data + size, iov[i].iov_base, iov[i].iov_len);
        size += iov[i].iov_len;
    }
    answer(req, 0, data, size);
    return 0;
}

/* Only files of a cache are answered so, and there is none. */
int fuse_reply_data(fuse_req_t req, struct fuse_bufvec *parts, enum fuse_buf_copy_flags flags)
{
    (void)parts, (void)flags;
    answer(req, -ENOSYS, NULL, 0);
    return 0;
}

int fuse_reply_buf(fuse_req_t req, const char *data, size_t size)
{
    answer(req, 0, data, size);
    return 0;
}

int fuse_reply_statfs(fuse_req_t req, const struct statvfs *st)
{
    (void)st;
    answer(req, 0, NULL, 0);
    return 0;
}

int fuse_reply_xattr(fuse_req_t req, size_t size)
{
    (void)size;
    answer(req, 0, NULL, 0);
    return 0;
}

/* An entry is its name and a line feed. */
size_t fuse_add_direntry(fuse_req_t req, char *data, size_t room, const char *name,
                         const struct stat *st, off_t position)
{
    size_t size = strlen(name) + 1;

    (void)req, (void)st, (void)position;
    if (data && size <= room) {
        memcpy(data, name, size - 1);
        data[size - 1] = '\n';
    }
    return size;
}

/* What the last page said of a variant; negative: nothing. */
static _Atomic double listed_ttl;

size_t fuse_add_direntry_plus(fuse_req_t req, char *data, size_t room, const char *name,
                              const struct fuse_entry_param *entry, off_t position)
{
    if (entry && strcmp(name, "a@q8_0.gguf") == 0)
        listed_ttl = entry->entry_timeout + entry->attr_timeout;
    return fuse_add_direntry(req, data, room, name, entry ? &entry->attr : NULL, position);
}

/* ---- what may be slow or fail, put before the real thing by the linker ---- */

/* The names are the linker's: --wrap. */
void __real_engine_free(struct engine *engine);
void __wrap_engine_free(struct engine *engine);
void __real_engine_stream_close(struct engine *engine, uint64_t handle);
void __wrap_engine_stream_close(struct engine *engine, uint64_t handle);
int __real_root_open(const struct root *root, const char *path, bool follow, struct stat *st);
int __wrap_root_open(const struct root *root, const char *path, bool follow, struct stat *st);
DIR *__real_fdopendir(int fd);
DIR *__wrap_fdopendir(int fd);
struct dirent *__real_readdir64(DIR *stream);
struct dirent *__wrap_readdir64(DIR *stream);

void *__real_realloc(void *old, size_t size);
void *__wrap_realloc(void *old, size_t size);

/* Errors that the next calls end with; 0: none. */
static atomic_int fdopendir_error, readdir_error;
/* The size for which there is no memory. */
static atomic_size_t realloc_failing;

void *__wrap_realloc(void *old, size_t size)
{
    return size > 0 && size == realloc_failing ? NULL : __real_realloc(old, size);
}

DIR *__wrap_fdopendir(int fd)
{
    errno = fdopendir_error;
    return errno ? NULL : __real_fdopendir(fd);
}

struct dirent *__wrap_readdir64(DIR *stream)
{
    if (readdir_error == 0)
        return __real_readdir64(stream);
    errno = readdir_error;
    return NULL;
}

/* A disk that answers the next open only when the engine is gone. */
static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool slow, entered, gone;
} disk = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static void set_and_tell(bool *what, bool value)
{
    pthread_mutex_lock(&disk.lock);
    *what = value;
    pthread_cond_broadcast(&disk.changed);
    pthread_mutex_unlock(&disk.lock);
}

static void wait_until(const bool *what)
{
    pthread_mutex_lock(&disk.lock);
    while (!*what)
        pthread_cond_wait(&disk.changed, &disk.lock);
    pthread_mutex_unlock(&disk.lock);
}

void __wrap_engine_free(struct engine *engine)
{
    __real_engine_free(engine);
    set_and_tell(&disk.gone, true);
}

void __wrap_engine_stream_close(struct engine *engine, uint64_t handle)
{
    bool gone;

    pthread_mutex_lock(&disk.lock);
    gone = disk.gone;
    pthread_mutex_unlock(&disk.lock);
    CHECK(!gone);
    __real_engine_stream_close(engine, handle);
}

int __wrap_root_open(const struct root *root, const char *path, bool follow, struct stat *st)
{
    bool slow;

    pthread_mutex_lock(&disk.lock);
    slow = disk.slow;
    pthread_mutex_unlock(&disk.lock);
    if (slow) {
        set_and_tell(&disk.entered, true);
        wait_until(&disk.gone);
    }
    return __real_root_open(root, path, follow, st);
}

/* ---- a mount without a kernel ---- */

struct bench {
    char path[64];
    int root;
    struct log *log;
    struct pool *pool;
    struct ops *ops;
    struct fuse_lowlevel_ops table;
    struct variant variant;
};

static void begin(const struct bench *bench, struct fuse_req *req)
{
    *req = (struct fuse_req){.ops = bench->ops};
    pthread_mutex_init(&req->lock, NULL);
    pthread_cond_init(&req->answered, NULL);
}

/* The answer: 0 or -errno. */
static int wait_for(struct fuse_req *req)
{
    pthread_mutex_lock(&req->lock);
    while (!req->done)
        pthread_cond_wait(&req->answered, &req->lock);
    pthread_mutex_unlock(&req->lock);
    return req->r;
}

static int try_look_up_in(const struct bench *bench, fuse_ino_t parent, const char *name,
                          fuse_ino_t *ino)
{
    struct fuse_req req;
    int r;

    begin(bench, &req);
    bench->table.lookup(&req, parent, name);
    r = wait_for(&req);
    *ino = req.entry.ino;
    return r;
}

static int try_look_up(const struct bench *bench, const char *name, fuse_ino_t *ino)
{
    return try_look_up_in(bench, FUSE_ROOT_ID, name, ino);
}

static fuse_ino_t look_up(const struct bench *bench, const char *name)
{
    fuse_ino_t ino;

    CHECK_EQ(try_look_up(bench, name, &ino), 0);
    return ino;
}

static uint64_t open_node(const struct bench *bench, fuse_ino_t ino)
{
    struct fuse_file_info fi = {.flags = O_RDONLY};
    struct fuse_req req;

    begin(bench, &req);
    bench->table.open(&req, ino, &fi);
    CHECK_EQ(wait_for(&req), 0);
    return req.fi.fh;
}

static int read_node(const struct bench *bench, struct fuse_req *req, fuse_ino_t ino,
                     uint64_t handle)
{
    struct fuse_file_info fi = {.fh = handle};

    begin(bench, req);
    bench->table.read(req, ino, READ_SIZE, 100, &fi);
    return wait_for(req);
}

static void release(const struct bench *bench, fuse_ino_t ino, uint64_t handle)
{
    struct fuse_file_info fi = {.fh = handle};
    struct fuse_req req;

    begin(bench, &req);
    bench->table.release(&req, ino, &fi);
    CHECK_EQ(wait_for(&req), 0);
}

static void write_file(const struct bench *bench, const char *name, const void *data, size_t size)
{
    char path[128];
    FILE *file;

    (void)snprintf(path, sizeof(path), "%s/%s", bench->path, name);
    file = fopen(path, "wb");
    CHECK(file && fwrite(data, 1, size, file) == size && fclose(file) == 0);
}

static void move(const struct bench *bench, const char *from, const char *to)
{
    char path[128], other[128];

    (void)snprintf(path, sizeof(path), "%s/%s", bench->path, from);
    (void)snprintf(other, sizeof(other), "%s/%s", bench->path, to);
    CHECK_EQ(rename(path, other), 0);
}

static void copy_model(const struct bench *bench, const char *model, const char *name)
{
    FILE *file = fopen(model, "rb");
    uint8_t *data;
    long size;

    CHECK(file && fseek(file, 0, SEEK_END) == 0);
    size = ftell(file);
    rewind(file);
    data = malloc((size_t)size);
    CHECK(data && fread(data, 1, (size_t)size, file) == (size_t)size);
    write_file(bench, name, data, (size_t)size);
    free(data);
    (void)fclose(file);
}

static void set_up(struct bench *bench, const char *model)
{
    const struct log_options log = {.path = "/dev/null"};
    struct ops_config config = {
        .root_path = bench->path, .imatrix_dir = -1, .mix_dir = -1, .cores = 2, .ttl = 1};
    uint8_t text[READ_SIZE];

    *bench = (struct bench){.path = "/tmp/quantfs-test-ops.XXXXXX"};
    CHECK(mkdtemp(bench->path));
    copy_model(bench, model, "a.gguf");
    memset(text, 'n', sizeof(text));
    write_file(bench, "notes.txt", text, sizeof(text));
    memset(text, 'o', sizeof(text));
    write_file(bench, "other.txt", text, sizeof(text));
    bench->root = open(bench->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    CHECK(bench->root >= 0);
    CHECK_EQ(log_open(&log, &bench->log), 0);
    CHECK_EQ(pool_new(2, &bench->pool), 0);
    CHECK_EQ(variant_parse("q8_0", 4, &bench->variant), 0);
    config.root = bench->root;
    config.pool = bench->pool;
    config.log = bench->log;
    config.variants = &bench->variant;
    config.variant_count = 1;
    CHECK_EQ(kernel_select(NULL, &config.kernels), 0);
    CHECK_EQ(ops_new(&config, &bench->ops), 0);
    bench->table = ops_table(false);
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

static void tear_down(struct bench *bench)
{
    ops_finish(bench->ops);
    ops_free(bench->ops);
    pool_free(bench->pool);
    log_close(bench->log);
    (void)close(bench->root);
    CHECK_EQ(nftw(bench->path, remove_entry, 8, FTW_DEPTH | FTW_PHYS), 0);
}

/* ---- */

static void check_same(const struct bench *bench, fuse_ino_t ino, uint64_t handle,
                       const struct fuse_req *right)
{
    struct fuse_req req;

    CHECK_EQ(read_node(bench, &req, ino, handle), 0);
    CHECK_EQ(req.size, right->size);
    CHECK(memcmp(req.data, right->data, right->size) == 0);
}

static void test_handles(const struct bench *bench)
{
    fuse_ino_t view = look_up(bench, "a@q4_k_m.gguf"), notes = look_up(bench, "notes.txt");
    uint64_t view_handle = open_node(bench, view), notes_handle = open_node(bench, notes);
    struct fuse_req view_bytes, notes_bytes, req;

    CHECK_EQ(read_node(bench, &view_bytes, view, view_handle), 0);
    CHECK_EQ(view_bytes.size, READ_SIZE);
    CHECK_EQ(read_node(bench, &notes_bytes, notes, notes_handle), 0);
    CHECK_EQ(notes_bytes.size, READ_SIZE - 100);
    CHECK_EQ(notes_bytes.data[0], 'n');
    /* A handle that nobody has. */
    check_same(bench, view, 12345, &view_bytes);
    check_same(bench, notes, 12345, &notes_bytes);
    /* One that is another file's. */
    check_same(bench, view, notes_handle, &view_bytes);
    check_same(bench, notes, view_handle, &notes_bytes);
    /* Which another file cannot close. */
    release(bench, notes, view_handle);
    release(bench, view, notes_handle);
    check_same(bench, view, view_handle, &view_bytes);
    check_same(bench, notes, notes_handle, &notes_bytes);
    /* One that was closed. */
    release(bench, view, view_handle);
    release(bench, notes, notes_handle);
    check_same(bench, view, view_handle, &view_bytes);
    check_same(bench, notes, notes_handle, &notes_bytes);
    /* What cannot be read, or is not there. */
    CHECK_EQ(read_node(bench, &req, FUSE_ROOT_ID, 12345), -EINVAL);
    CHECK_EQ(read_node(bench, &req, 999999, 12345), -ESTALE);
    CHECK(ops_wait_idle(bench->ops, 5));
}

/* What is in a variant's folder: its nodes alone say what they are, to a process that has given out
 * none of the handles. */
static void test_folder(const struct bench *bench)
{
    fuse_ino_t view = look_up(bench, "a@q4_k_m.gguf"), folder = look_up(bench, "a@Q4_K");
    fuse_ino_t tensors, model, recipe, tensor, none;
    struct fuse_req bytes, req;
    uint64_t handle;

    CHECK_EQ(try_look_up_in(bench, folder, "tensors", &tensors), 0);
    CHECK_EQ(try_look_up_in(bench, folder, "model.gguf", &model), 0);
    CHECK_EQ(try_look_up_in(bench, folder, "recipe.tsv", &recipe), 0);
    CHECK_EQ(try_look_up_in(bench, tensors, "output_norm.weight.f32", &tensor), 0);
    CHECK_EQ(model, view); /* pages are kept once */
    CHECK(recipe != tensor && tensors != folder && folder != view);
    CHECK_EQ(try_look_up_in(bench, folder, "shards", &none), -ENOENT);
    CHECK_EQ(try_look_up_in(bench, folder, "a.gguf", &none), -ENOENT);
    CHECK_EQ(try_look_up_in(bench, tensors, "output_norm.weight.q4_k", &none), -ENOENT);
    /* A node that is no directory. */
    CHECK_EQ(try_look_up_in(bench, recipe, "x", &none), -ENOENT);
    handle = open_node(bench, tensor);
    CHECK_EQ(read_node(bench, &bytes, tensor, handle), 0);
    CHECK(bytes.size > 0);
    release(bench, tensor, handle);
    check_same(bench, tensor, 12345, &bytes);
    CHECK_EQ(read_node(bench, &bytes, recipe, 12345), 0);
    CHECK(memchr(bytes.data, '\t', bytes.size));
    CHECK_EQ(read_node(bench, &req, folder, 12345), -EINVAL);
    CHECK(ops_wait_idle(bench->ops, 5));
}

/* The node stands for what was there. */
static void test_replaced(const struct bench *bench, const char *model)
{
    fuse_ino_t view = look_up(bench, "a@q4_k_m.gguf"), notes = look_up(bench, "notes.txt");
    struct fuse_req req;

    CHECK_EQ(read_node(bench, &req, notes, 12345), 0);
    move(bench, "other.txt", "notes.txt");
    CHECK_EQ(read_node(bench, &req, notes, 12345), -ESTALE);
    CHECK_EQ(read_node(bench, &req, look_up(bench, "notes.txt"), 12345), 0);
    CHECK_EQ(req.data[0], 'o');
    copy_model(bench, model, "new");
    move(bench, "new", "a.gguf");
    CHECK_EQ(read_node(bench, &req, view, 12345), -ESTALE);
    CHECK_EQ(read_node(bench, &req, look_up(bench, "a@q4_k_m.gguf"), 12345), 0);
    move(bench, "a.gguf", "b.gguf");
    CHECK_EQ(read_node(bench, &req, view, 12345), -ESTALE);
    move(bench, "b.gguf", "a.gguf");
}

static bool lists(const struct fuse_req *req, const char *name)
{
    char text[DATA_MAX + 1], line[64];

    memcpy(text, req->data, req->size);
    text[req->size] = '\0';
    (void)snprintf(line, sizeof(line), "%s\n", name);
    return strstr(text, line) != NULL;
}

static void test_directories(const struct bench *bench)
{
    fuse_ino_t notes = look_up(bench, "notes.txt");
    const uint64_t handles[] = {12345, open_node(bench, notes)};

    for (unsigned i = 0; i < 2; i++) {
        for (off_t position = 0; position < 2; position++) {
            struct fuse_file_info fi = {.fh = handles[i]};
            struct fuse_req req;

            begin(bench, &req);
            bench->table.readdir(&req, FUSE_ROOT_ID, DATA_MAX, position, &fi);
            CHECK_EQ(wait_for(&req), 0);
            CHECK(lists(&req, "a@q8_0.gguf") && lists(&req, "notes.txt"));
        }
    }
    release(bench, notes, handles[1]);
}

static int list_plus(const struct bench *bench, struct fuse_req *req, uint64_t handle,
                     off_t position)
{
    struct fuse_file_info fi = {.fh = handle};

    begin(bench, req);
    bench->table.readdirplus(req, FUSE_ROOT_ID, DATA_MAX, position, &fi);
    return wait_for(req);
}

/* Without memory for its attributes an entry is listed all the same. */
static void test_list_without_memory(const struct bench *bench)
{
    struct fuse_req req;

    realloc_failing = 32 * sizeof(fuse_ino_t); /* what is told to the kernel, of one page */
    CHECK_EQ(list_plus(bench, &req, 12345, 0), 0);
    realloc_failing = 0;
    CHECK(lists(&req, "a.gguf") && lists(&req, "a@q8_0.gguf") && lists(&req, "notes.txt"));
}

/* Ends the test when the time is over; else lets a little of it pass. */
static void check_before(time_t limit, const char *what)
{
    const struct timespec little = {.tv_nsec = 20000000};
    struct timespec now;

    (void)nanosleep(&little, NULL);
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    if (now.tv_sec >= limit) {
        (void)fprintf(stderr, "in vain: %s\n", what);
        exit(1);
    }
}

static time_t seconds_from_now(time_t seconds)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec + seconds;
}

/* What a reader of a directory is told late is not kept by the kernel: it may be old. */
static void test_old_listing(const struct bench *bench)
{
    time_t limit = seconds_from_now(20);
    struct fuse_file_info fi = {0};
    struct fuse_req req;

    begin(bench, &req);
    bench->table.opendir(&req, FUSE_ROOT_ID, &fi);
    CHECK_EQ(wait_for(&req), 0);
    fi.fh = req.fi.fh;
    /* Of a young model nothing is kept anyway. */
    do {
        check_before(limit, "a listing whose variants are kept");
        listed_ttl = -1;
        CHECK_EQ(list_plus(bench, &req, fi.fh, 0), 0);
        CHECK(listed_ttl >= 0);
    } while (listed_ttl == 0);
    do {
        check_before(limit, "an old listing whose variants are not kept");
        listed_ttl = -1;
        CHECK_EQ(list_plus(bench, &req, fi.fh, 2), 0);
        CHECK(listed_ttl >= 0);
    } while (listed_ttl > 0);
    begin(bench, &req);
    bench->table.releasedir(&req, FUSE_ROOT_ID, &fi);
    CHECK_EQ(wait_for(&req), 0);
}

/* A directory that cannot be read is not one without the name. */
static void test_lookup_errors(const struct bench *bench)
{
    static const struct {
        atomic_int *error;
        int value;
    } faults[] = {
        {&readdir_error, EIO},
        {&fdopendir_error, EMFILE},
        {&fdopendir_error, ENOMEM},
    };
    fuse_ino_t ino;

    CHECK_EQ(try_look_up(bench, "missing@q4_k_m.gguf", &ino), -ENOENT);
    for (size_t i = 0; i < sizeof(faults) / sizeof(*faults); i++) {
        *faults[i].error = faults[i].value;
        CHECK_EQ(try_look_up(bench, "missing@q4_k_m.gguf", &ino), -faults[i].value);
        *faults[i].error = 0;
    }
    CHECK_EQ(try_look_up(bench, "missing@q4_k_m.gguf", &ino), -ENOENT);
}

/* What is agreed upon with the kernel at the beginning. */
static void test_init(const struct bench *bench)
{
    struct fuse_conn_info conn = {.capable = UINT_MAX, .want = FUSE_CAP_SPLICE_READ};

    bench->table.init(bench->ops, &conn);
    /* Many slow readers at a time, and no other waits for them. */
    CHECK_EQ(conn.max_background, 1024);
    CHECK(conn.want & FUSE_CAP_ASYNC_READ);
    CHECK(conn.want & FUSE_CAP_ASYNC_DIO);
    CHECK(conn.want & FUSE_CAP_PARALLEL_DIROPS);
    CHECK(conn.want & FUSE_CAP_READDIRPLUS);
    CHECK(conn.want & FUSE_CAP_EXPORT_SUPPORT);
    /* A source may shrink while it is spliced. */
    CHECK(!(conn.want & (FUSE_CAP_SPLICE_READ | FUSE_CAP_SPLICE_WRITE | FUSE_CAP_SPLICE_MOVE)));
    /* What the kernel has not is not asked for. */
    conn = (struct fuse_conn_info){.capable = FUSE_CAP_ASYNC_READ};
    bench->table.init(bench->ops, &conn);
    CHECK_EQ(conn.want, FUSE_CAP_ASYNC_READ);
}

static void forget(const struct bench *bench, fuse_ino_t ino, uint64_t count)
{
    struct fuse_req req;

    begin(bench, &req);
    bench->table.forget(&req, ino, count);
    CHECK_EQ(wait_for(&req), 0);
}

/* A file handle outlives what the kernel knows of a node: it asks by the number. */
static void test_file_handles(const struct bench *bench)
{
    fuse_ino_t view = look_up(bench, "a@q5_0.gguf"), notes = look_up(bench, "notes.txt"), ino;
    const uint64_t many = UINT32_MAX;
    struct fuse_req req;
    uint64_t generation;

    begin(bench, &req);
    bench->table.lookup(&req, view, ".");
    CHECK_EQ(wait_for(&req), 0);
    CHECK_EQ(req.entry.ino, view);
    CHECK(S_ISREG(req.entry.attr.st_mode) && req.entry.attr.st_size > 0);
    generation = req.entry.generation;
    forget(bench, view, 2);
    CHECK_EQ(try_look_up_in(bench, view, ".", &ino), 0);
    CHECK_EQ(ino, view);
    begin(bench, &req);
    bench->table.lookup(&req, notes, ".");
    CHECK_EQ(wait_for(&req), 0);
    CHECK_EQ(req.entry.ino, notes);
    CHECK_EQ(req.entry.generation, generation);
    /* Upwards; the root's generation is none of ours. */
    begin(bench, &req);
    bench->table.lookup(&req, view, "..");
    CHECK_EQ(wait_for(&req), 0);
    CHECK_EQ(req.entry.ino, FUSE_ROOT_ID);
    CHECK_EQ(req.entry.generation, 0);
    CHECK(S_ISDIR(req.entry.attr.st_mode));
    CHECK_EQ(try_look_up_in(bench, FUSE_ROOT_ID, "..", &ino), 0);
    CHECK_EQ(ino, FUSE_ROOT_ID);
    CHECK_EQ(try_look_up_in(bench, many, ".", &ino), -ESTALE);
    CHECK_EQ(try_look_up_in(bench, many, "..", &ino), -ESTALE);
}

/* Whatever is under way at the end is answered, and nothing is used after it is gone. */
static void test_end(struct bench *bench)
{
    enum { COUNT = 64 };
    fuse_ino_t view = look_up(bench, "a@q6_k.gguf"), notes = look_up(bench, "notes.txt");
    struct fuse_req *reqs = calloc(COUNT, sizeof(*reqs));

    CHECK(reqs);
    for (unsigned i = 0; i < COUNT; i++) {
        struct fuse_file_info fi = {.fh = 12345};

        begin(bench, &reqs[i]);
        bench->table.read(&reqs[i], i % 2 ? view : notes, READ_SIZE, i * READ_SIZE, &fi);
    }
    tear_down(bench);
    for (unsigned i = 0; i < COUNT; i++) {
        int r = wait_for(&reqs[i]);

        CHECK(r == 0 || r == -ENODEV);
    }
    free(reqs);
}

/* A worker that opens a file on a slow disk while the mount ends is answered for, and closes what
 * it has opened though the engine is gone. */
static void test_late_open(const char *model)
{
    struct fuse_file_info fi = {.flags = O_RDONLY};
    struct fuse_req req;
    struct bench bench;
    fuse_ino_t notes;

    set_up(&bench, model);
    notes = look_up(&bench, "notes.txt");
    set_and_tell(&disk.gone, false);
    set_and_tell(&disk.slow, true);
    begin(&bench, &req);
    bench.table.open(&req, notes, &fi);
    wait_until(&disk.entered);
    tear_down(&bench);
    CHECK_EQ(wait_for(&req), -ENODEV);
    set_and_tell(&disk.slow, false);
}

int main(int argc, char **argv)
{
    struct bench bench;

    CHECK_EQ(argc, 2);
    set_up(&bench, argv[1]);
    test_handles(&bench);
    test_folder(&bench);
    test_directories(&bench);
    test_replaced(&bench, argv[1]);
    test_list_without_memory(&bench);
    test_old_listing(&bench);
    test_lookup_errors(&bench);
    test_init(&bench);
    test_file_handles(&bench);
    test_end(&bench);
    test_late_open(argv[1]);
    return 0;
}
