#include "fs/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "fs/log.h"
#include "quant/format/imatrix.h"

#define MIB 1048576.0
#define QUIET_MS 1000 /* a status line is worth its flicker after this */
#define DRAW_MS 200   /* and is drawn so often */

static uint64_t now_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void progress_init(struct progress *progress, const struct plan *plan, bool bare)
{
    *progress = (struct progress){
        .plan = plan,
        .started = now_ms(),
        .bare = bare,
        .terminal = isatty(STDERR_FILENO),
    };
}

void progress_next_file(struct progress *progress)
{
    progress->before += progress->plan->views[progress->file]->size;
    progress->first += progress->plan->views[progress->file]->extent_count;
    progress->file++;
}

/* The tool breaks the line of a tensor for it. */
static void print_missing(const struct plan *plan, size_t number, const char *name)
{
    static const char by[] = "\n====== llama_model_quantize_impl: ";
    const struct recipe_entry *entry = plan->recipe ? &plan->recipe->entries[number] : NULL;
    const struct imatrix_entry *found;
    uint64_t wanted;

    if (!entry || !plan->recipe->imatrix)
        return;
    found = imatrix_find(plan->recipe->imatrix, entry->origin->name);
    wanted = entry->tensor->ne[0] * entry->tensor->ne[2];
    if (!found)
        (void)fprintf(stderr, "%sdid not find weights for %s\n", by, name);
    else if (found->count != wanted) /* one of the embeddings, as it has passed */
        (void)fprintf(stderr, "%simatrix size %d is different from tensor size %d for %s\n", by,
                      (int)found->count, (int)wanted, name);
}

void progress_print(const struct plan *plan, size_t file, size_t index, enum progress_state state)
{
    const struct extent *extent = &plan->views[file]->extents[index];
    const struct source_tensor *tensor = extent->tensor;
    char name[512], from[TYPE_SPELT_SIZE], to[TYPE_SPELT_SIZE];

    log_escape(tensor->name, name, sizeof(name));
    type_spell(tensor->type, from);
    type_spell(extent->type, to);
    (void)fprintf(stderr,
                  "[%4zu/%4zu] %-36s - [%6" PRIu64 ", %6" PRIu64 ", %6" PRIu64 ", %6" PRIu64
                  "], type = %6s, ",
                  plan_first_tensor(plan, file) + index + 1, plan->tensor_count, name,
                  tensor->ne[0], tensor->ne[1], tensor->ne[2], tensor->ne[3], from);
    if (tensor->type == extent->type) {
        (void)fprintf(stderr, "size = %8.3f MiB\n", (double)extent->size / MIB);
        return;
    }
    if (state != PROGRESS_PLANNED) {
        print_missing(plan, plan_first_tensor(plan, file) + index, name);
        (void)fprintf(stderr, "converting to %s .. ", to);
    }
    if (state != PROGRESS_STOPPED)
        (void)fprintf(stderr, "size = %8.2f MiB -> %8.2f MiB", (double)tensor->size / MIB,
                      (double)extent->size / MIB);
    if (state == PROGRESS_PLANNED)
        (void)fprintf(stderr, " (%s)", to);
    (void)fputc('\n', stderr);
}

void progress_print_sizes(const struct plan *plan)
{
    double before = 0, after = 0, weights = 0;

    for (size_t file = 0; file < plan->count; file++) {
        for (size_t i = 0; i < plan->views[file]->extent_count; i++) {
            const struct extent *extent = &plan->views[file]->extents[i];
            const uint64_t *ne = extent->tensor->ne;

            before += (double)extent->tensor->size;
            after += (double)extent->size;
            weights += (double)ne[0] * (double)ne[1] * (double)ne[2] * (double)ne[3];
        }
    }
    (void)fprintf(stderr, "llama_model_quantize_impl: model size  = %8.2f MiB (%.2f BPW)\n",
                  before / MIB, before * 8 / weights);
    (void)fprintf(stderr, "llama_model_quantize_impl: quant size  = %8.2f MiB (%.2f BPW)\n",
                  after / MIB, after * 8 / weights);
}

void progress_clear(struct progress *progress)
{
    if (progress->drawn != 0)
        (void)fputs("\r\033[K", stderr);
    progress->drawn = 0;
}

static void begin(void *context, size_t tensor)
{
    const struct progress *progress = context;

    if (progress->bare) {
        (void)printf("[%4zu/%4zu]\n", progress->first + tensor + 1, progress->plan->tensor_count);
        (void)fflush(stdout);
    }
}

static void end(void *context, size_t tensor)
{
    struct progress *progress = context;

    progress_clear(progress);
    progress_print(progress->plan, progress->file, tensor, PROGRESS_DONE);
}

static void written(void *context, uint64_t offset)
{
    struct progress *progress = context;
    uint64_t now = now_ms(), ms = now - progress->started, left;
    double rate;

    offset += progress->before;
    if (!progress->terminal || ms < QUIET_MS || now - progress->drawn < DRAW_MS)
        return;
    rate = (double)(offset > 0 ? offset : 1) / (double)ms;
    left = (uint64_t)((double)(progress->plan->size - offset) / rate) / 1000;
    (void)fprintf(stderr, "\r%3.0f %%, %.0f MiB/s, %" PRIu64 ":%02" PRIu64 " left\033[K",
                  100.0 * (double)offset / (double)progress->plan->size, rate * 1000 / MIB,
                  left / 60, left % 60);
    progress->drawn = now;
}

struct transfer_progress progress_hooks(struct progress *progress)
{
    return (struct transfer_progress){progress, begin, end, written};
}
