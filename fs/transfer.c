#include "fs/transfer.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fs/engine.h"
#include "fs/pool.h"
#include "fs/warm.h"

/* Bytes of one request: a chunk, or several small ones. */
#define REQUEST_SIZE ((uint64_t)1 << 20)
#define REQUEST_CHUNKS 32            /* chunks of one request */
#define PADDING_SMALL 4096           /* bytes of padding that come with the data before them */
#define WRITE_SIZE ((size_t)1 << 20) /* at least so many bytes in one write, if they are there */
#define WRITE_REQUESTS 8             /* of one write at most; it waits for half as many */
#define SLOTS_MAX 512
#define DEFECTS_MAX 64
#define PARTS_MAX 64 /* of an answer that is written where it lies; others are copied first */
#define WARM_SIZE ((uint64_t)64 << 20) /* bytes of the source that are fetched ahead */
#define REPORT_MS 10                   /* at most so long is told late what is in the file */

/* One request under way. It never crosses from one tensor into the next. */
struct slot {
    struct transfer *transfer;
    uint8_t *data; /* where the answer cannot be written from where it lies */
    size_t capacity;
    uint64_t offset; /* in the view */
    size_t size;
    uint64_t warmed;  /* bytes of the source that were fetched for it */
    size_t tensor;    /* extent_count: the header */
    bool first, last; /* of the tensor's requests */
    bool padding;     /* zeros behind a tensor, and nothing else */
    bool done;        /* under mutex */
    /* of whom the request is: its thread's, and the writer's once it is done */
    int r;
    bool writing;          /* what failed */
    struct defect *defect; /* that was found here; owned */
};

struct transfer {
    const struct view *view;
    const struct kernel_set *kernels;
    struct output *output;
    size_t file;   /* of the output */
    bool anywhere; /* workers write what they have made; else it is written in order by one */
    const struct transfer_progress *progress;
    struct transfer_failure *failure;
    struct engine *engine;

    /* the next request: the header, then tensor by tensor */
    bool in_header;
    size_t tensor;
    uint64_t offset;
    uint32_t chunk;

    struct slot *slots; /* a ring */
    size_t slot_count;
    size_t head;   /* the oldest request that is not written yet */
    size_t active; /* requests from head on */
    bool warm;     /* the source is fetched ahead: no cache may spare it */
    size_t warmed; /* of those requests the first ones, for which that was done */
    uint64_t warmed_size;

    /* protects done of slots under way, and what follows */
    pthread_mutex_t mutex;
    pthread_cond_t cond;
    const struct slot *awaited; /* the one that the writer waits for; NULL: none */
    struct defect defects[DEFECTS_MAX];
    size_t defect_count;
};

static uint64_t extent_end(const struct view *view, size_t tensor)
{
    return tensor + 1 < view->extent_count ? view->extents[tensor + 1].offset : view->size;
}

/* Whole chunks, so that no chunk has two requests. */
static uint64_t end_of_chunks(struct transfer *transfer)
{
    const struct view *view = transfer->view;
    const struct extent *extent = &view->extents[transfer->tensor];
    uint32_t first = transfer->chunk, chunk = first;
    uint64_t stop = transfer->offset;

    while (chunk < extent->chunk_count && chunk - first < REQUEST_CHUNKS) {
        uint64_t next = chunk + 1 < extent->chunk_count
                            ? view_chunk_offset(view, (uint32_t)transfer->tensor, chunk + 1)
                            : extent->offset + extent->size;

        if (chunk > first && next - transfer->offset > REQUEST_SIZE)
            break;
        stop = next;
        chunk++;
    }
    transfer->chunk = chunk;
    return stop;
}

/* Whole blocks, as convert_check() wants them. */
static uint64_t end_of_blocks(const struct transfer *transfer)
{
    const struct extent *extent = &transfer->view->extents[transfer->tensor];
    uint64_t block = type_info(extent->type)->block_size, end = extent->offset + extent->size;
    uint64_t stop = transfer->offset + REQUEST_SIZE / block * block;

    return stop < end ? stop : end;
}

/* Where a request ends that asks for bytes before `end`, and for no others: header or padding. */
static uint64_t end_of_bytes(const struct transfer *transfer, uint64_t end)
{
    return end - transfer->offset > REQUEST_SIZE ? transfer->offset + REQUEST_SIZE : end;
}

/* Padding is as long as the file's alignment says: only a little of it comes with the data. */
static uint64_t end_in_tensor(struct transfer *transfer, bool padding, uint64_t end)
{
    const struct extent *extent = &transfer->view->extents[transfer->tensor];
    uint64_t data_end = extent->offset + extent->size, stop;

    if (padding)
        return end_of_bytes(transfer, end);
    stop = extent->chunk_count > 0 ? end_of_chunks(transfer) : end_of_blocks(transfer);
    return stop == data_end && end - stop <= PADDING_SMALL ? end : stop;
}

/* Fills the numbers of the next request; false: there is none. */
static bool next_request(struct transfer *transfer, struct slot *slot)
{
    const struct view *view = transfer->view;
    const struct extent *extent;
    uint64_t end, stop;

    if (!transfer->in_header && transfer->tensor == view->extent_count)
        return false;
    *slot = (struct slot){.transfer = transfer,
                          .data = slot->data,
                          .capacity = slot->capacity,
                          .defect = slot->defect,
                          .offset = transfer->offset};
    if (transfer->in_header) {
        end = view->header_size;
        stop = end_of_bytes(transfer, end);
        slot->tensor = view->extent_count;
    } else {
        extent = &view->extents[transfer->tensor];
        end = extent_end(view, transfer->tensor);
        slot->tensor = transfer->tensor;
        slot->first = slot->offset == extent->offset;
        slot->padding = !slot->first && slot->offset >= extent->offset + extent->size;
        stop = end_in_tensor(transfer, slot->padding, end);
        slot->last = stop == end;
    }
    slot->size = (size_t)(stop - slot->offset);
    slot->done = slot->size == 0;
    transfer->offset = stop;
    if (stop == end) {
        transfer->tensor += transfer->in_header ? 0 : 1;
        transfer->in_header = false;
        transfer->chunk = 0;
    }
    return true;
}

/* Is it to be checked, as the reference tool does with what it only copies? */
static bool is_checked(const struct slot *slot)
{
    const struct view *view = slot->transfer->view;

    return slot->tensor < view->extent_count && !slot->padding && !view->verbatim &&
           view->extents[slot->tensor].chunk_count == 0;
}

static int check_copied(struct slot *slot, const void *data)
{
    const struct extent *extent = &slot->transfer->view->extents[slot->tensor];
    uint64_t at = slot->offset - extent->offset;
    struct defect defect = {.offset = DEFECT_NOWHERE};
    size_t size = slot->size;
    int r;

    if (at + size > extent->size)
        size = (size_t)(extent->size - at);
    r = convert_check(slot->transfer->kernels, extent->tensor,
                      at / type_info(extent->type)->block_size, data, size, &defect);
    if (r < 0 && !slot->defect)
        slot->defect = malloc(sizeof(*slot->defect));
    if (r < 0 && slot->defect)
        *slot->defect = defect;
    return r;
}

/* Room for the whole answer. */
static int slot_room(struct slot *slot)
{
    size_t capacity = slot->size < REQUEST_SIZE ? REQUEST_SIZE : slot->size;

    if (slot->capacity >= slot->size)
        return 0;
    free(slot->data);
    slot->data = malloc(capacity);
    slot->capacity = slot->data ? capacity : 0;
    return slot->data ? 0 : -ENOMEM;
}

/* At its place in the file, while it is still in this core's cache. */
static int write_answer(struct slot *slot, const struct part *parts, int count)
{
    struct transfer *transfer = slot->transfer;
    struct iovec iov[PARTS_MAX];
    int r;

    for (int i = 0; i < count; i++)
        iov[i] =
            (struct iovec){.iov_base = (void *)(uintptr_t)parts[i].data, .iov_len = parts[i].size};
    r = output_write_at(transfer->output, transfer->file, slot->offset, iov, count);
    slot->writing = r < 0;
    return r;
}

/* The answer has come: checks it, and writes it or keeps a copy. */
static int take_answer(struct slot *slot, const struct part *parts, int count)
{
    struct transfer *transfer = slot->transfer;
    bool copied = !transfer->anywhere || count > PARTS_MAX || (is_checked(slot) && count > 1);
    struct part whole;
    int r;

    if (copied) {
        r = slot_room(slot);
        if (r == 0)
            r = parts_copy(parts, count, slot->data, slot->size);
        if (r < 0)
            return r;
        whole = (struct part){.data = slot->data, .size = slot->size};
        parts = &whole;
        count = 1;
    }
    r = is_checked(slot) ? check_copied(slot, parts[0].data) : 0;
    return r == 0 && transfer->anywhere ? write_answer(slot, parts, count) : r;
}

/* The slot is this thread's alone until it is marked done. */
static void request_done(void *context, int r, const struct part *parts, int count)
{
    struct slot *slot = context;
    struct transfer *transfer = slot->transfer;

    slot->r = r == 0 ? take_answer(slot, parts, count) : r;
    pthread_mutex_lock(&transfer->mutex);
    slot->done = true;
    /* Not for those behind it: with many cores there would be a call of the kernel for each. */
    if (transfer->awaited == slot)
        pthread_cond_signal(&transfer->cond);
    pthread_mutex_unlock(&transfer->mutex);
}

static void flight_failed(void *context, void *owner, int r, const struct defect *defect)
{
    struct transfer *transfer = context;

    (void)owner;
    (void)r;
    if (!defect)
        return;
    pthread_mutex_lock(&transfer->mutex);
    if (transfer->defect_count < DEFECTS_MAX)
        transfer->defects[transfer->defect_count++] = *defect;
    pthread_mutex_unlock(&transfer->mutex);
}

static void nothing(void *owner)
{
    (void)owner;
}

static struct slot *slot_at(struct transfer *transfer, size_t behind_head)
{
    return &transfer->slots[(transfer->head + behind_head) % transfer->slot_count];
}

/* Keeps the window full. */
static int submit_more(struct transfer *transfer)
{
    while (transfer->active < transfer->slot_count) {
        struct slot *slot = slot_at(transfer, transfer->active);

        if (!next_request(transfer, slot))
            return 0;
        transfer->active++;
        if (slot->size > 0)
            engine_submit(transfer->engine, transfer->view, transfer, slot->offset, slot->size,
                          request_done, slot);
    }
    return 0;
}

/* A worker that waits for the disk converts nothing meanwhile; and several that read one file look
 * to the kernel like no sequential reader, for which it would fetch ahead. */
static void warm_more(struct transfer *transfer)
{
    while (transfer->warm && transfer->warmed < transfer->active &&
           transfer->warmed_size < WARM_SIZE) {
        struct slot *slot = slot_at(transfer, transfer->warmed++);

        slot->warmed = warm_source(transfer->view, slot->offset, slot->size);
        transfer->warmed_size += slot->warmed;
    }
}

/* CLOCK_MONOTONIC. */
static struct timespec in_ms(long ms)
{
    struct timespec at;

    (void)clock_gettime(CLOCK_MONOTONIC, &at);
    at.tv_nsec += ms * 1000000;
    at.tv_sec += at.tv_nsec / 1000000000;
    at.tv_nsec %= 1000000000;
    return at;
}

static bool slot_done(struct transfer *transfer, const struct slot *slot)
{
    bool done;

    pthread_mutex_lock(&transfer->mutex);
    done = slot->done;
    pthread_mutex_unlock(&transfer->mutex);
    return done;
}

/* Until the slot is done; `limit`: not for longer, if it is not NULL. */
static void slot_wait(struct transfer *transfer, const struct slot *slot,
                      const struct timespec *limit)
{
    int r = 0;

    pthread_mutex_lock(&transfer->mutex);
    transfer->awaited = slot;
    while (!slot->done && r == 0)
        r = limit ? pthread_cond_timedwait(&transfer->cond, &transfer->mutex, limit)
                  : pthread_cond_wait(&transfer->cond, &transfer->mutex);
    transfer->awaited = NULL;
    pthread_mutex_unlock(&transfer->mutex);
}

static bool names(const struct defect *defect, const char *tensor)
{
    size_t length = strlen(tensor);
    const char *at = length > 0 ? defect->text : "";

    while (*at && (at = strstr(at, tensor))) {
        if (at > defect->text && at[-1] == '\'' && at[length] == '\'')
            return true;
        at++;
    }
    return false;
}

/* Several flights may have failed by now: the one of this tensor is what the user is told. */
static void find_defect(struct transfer *transfer, const struct slot *slot)
{
    const struct view *view = transfer->view;
    const char *tensor =
        slot->tensor < view->extent_count ? view->extents[slot->tensor].tensor->name : "";
    size_t found = 0;

    pthread_mutex_lock(&transfer->mutex);
    for (size_t i = transfer->defect_count; i-- > 0;)
        if (names(&transfer->defects[i], tensor))
            found = i;
    if (transfer->defect_count > 0)
        transfer->failure->defect = transfer->defects[found];
    pthread_mutex_unlock(&transfer->mutex);
}

/* A request is done: reports it. */
static int take(struct transfer *transfer, const struct slot *slot)
{
    struct transfer_failure *failure = transfer->failure;

    if (slot->first) {
        failure->in_tensor = true;
        failure->tensor = slot->tensor;
        transfer->progress->begin(transfer->progress->context, slot->tensor);
    }
    failure->writing = slot->writing;
    if (slot->r < 0 && slot->defect)
        failure->defect = *slot->defect;
    else if (slot->r < 0)
        find_defect(transfer, slot);
    if (slot->r < 0)
        return slot->r;
    if (slot->last) {
        failure->in_tensor = false;
        transfer->progress->end(transfer->progress->context, slot->tensor);
    }
    return 0;
}

/* So many requests at the head of the window are in the file. */
static void written(struct transfer *transfer, size_t count)
{
    const struct slot *last = slot_at(transfer, count - 1);

    transfer->progress->written(transfer->progress->context, last->offset + last->size);
    for (size_t i = 0; i < count; i++)
        transfer->warmed_size -= slot_at(transfer, i)->warmed;
    transfer->warmed -= count < transfer->warmed ? count : transfer->warmed;
    transfer->head = (transfer->head + count) % transfer->slot_count;
    transfer->active -= count;
}

/* Writes the requests at the head of the window: at least the first, more while they are ready and
 * the write is small. */
static int write_some(struct transfer *transfer)
{
    struct iovec iov[WRITE_REQUESTS];
    size_t size = 0, count = 0;
    int r;

    while (count < transfer->active && count < WRITE_REQUESTS && size < WRITE_SIZE) {
        struct slot *slot = slot_at(transfer, count);

        if (count < WRITE_REQUESTS / 2)
            slot_wait(transfer, slot, NULL);
        else if (!slot_done(transfer, slot))
            break;
        r = take(transfer, slot);
        if (r < 0)
            return r;
        iov[count++] = (struct iovec){.iov_base = slot->data, .iov_len = slot->size};
        size += slot->size;
    }
    r = output_write(transfer->output, transfer->file, iov, (int)count);
    if (r < 0) {
        transfer->failure->writing = true;
        return r;
    }
    written(transfer, count);
    return 0;
}

/* Reports what workers have written: when half of the window is done, or after a while. */
static int report_some(struct transfer *transfer)
{
    const struct timespec limit = in_ms(REPORT_MS);
    size_t half = transfer->active / 2, count = 0;
    int r;

    slot_wait(transfer, slot_at(transfer, half), &limit);
    slot_wait(transfer, slot_at(transfer, 0), NULL);
    while (count < transfer->active && slot_done(transfer, slot_at(transfer, count))) {
        r = take(transfer, slot_at(transfer, count));
        if (r < 0)
            return r;
        count++;
    }
    written(transfer, count);
    return 0;
}

static int run(struct transfer *transfer)
{
    int r;

    for (;;) {
        r = submit_more(transfer);
        if (r < 0 || transfer->active == 0)
            return r;
        warm_more(transfer);
        r = transfer->anywhere ? report_some(transfer) : write_some(transfer);
        if (r < 0)
            return r;
    }
}

static int slots_new(struct transfer *transfer, unsigned cores)
{
    /* Enough for the workers of few cores while the writer waits for a core itself; where workers
     * write, a request that waits is some words of memory. */
    transfer->slot_count = transfer->anywhere ? 32 * (size_t)cores + 32 : 4 * (size_t)cores + 16;
    if (transfer->slot_count > SLOTS_MAX)
        transfer->slot_count = SLOTS_MAX;
    transfer->slots = calloc(transfer->slot_count, sizeof(*transfer->slots));
    if (!transfer->slots)
        return -ENOMEM;
    for (size_t i = 0; i < transfer->slot_count; i++)
        transfer->slots[i].transfer = transfer;
    return 0;
}

/* Of the clock that nobody sets. */
static void cond_init(pthread_cond_t *cond)
{
    pthread_condattr_t attributes;

    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_cond_init(cond, &attributes);
    (void)pthread_condattr_destroy(&attributes);
}

int transfer_run(const struct view *view, const struct kernel_set *kernels, unsigned cores,
                 struct cache *cache, struct output *output, size_t file,
                 const struct transfer_progress *progress, struct transfer_failure *failure)
{
    struct transfer transfer = {
        .view = view,
        .kernels = kernels,
        .output = output,
        .file = file,
        .anywhere = output_anywhere(output, file),
        .warm = cache == NULL,
        .progress = progress,
        .failure = failure,
        .in_header = true,
    };
    struct engine_config config = {
        .cores = cores,
        .once = true,
        .kernels = *kernels,
        .cache = cache,
        .waiting = 1,
        .context = &transfer,
        .hold = nothing,
        .release = nothing,
        .failed = flight_failed,
    };
    int r;

    *failure = (struct transfer_failure){.defect = {.offset = DEFECT_NOWHERE}};
    (void)pthread_mutex_init(&transfer.mutex, NULL);
    cond_init(&transfer.cond);
    r = slots_new(&transfer, cores);
    if (r == 0)
        r = pool_new(cores, &config.pool);
    if (r == 0)
        r = engine_new(&config, &transfer.engine);
    if (r == 0)
        r = run(&transfer);
    /* What is still under way is finished before its slots go. */
    if (transfer.engine)
        engine_free(transfer.engine);
    if (config.pool)
        pool_free(config.pool);
    for (size_t i = 0; transfer.slots && i < transfer.slot_count; i++) {
        free(transfer.slots[i].data);
        free(transfer.slots[i].defect);
    }
    free(transfer.slots);
    (void)pthread_cond_destroy(&transfer.cond);
    (void)pthread_mutex_destroy(&transfer.mutex);
    return r;
}
