#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "fs/cmd.h"
#include "fs/cmd_line.h"
#include "fs/cmd_source.h"
#include "fs/cores.h"
#include "fs/log.h"
#include "fs/output.h"
#include "fs/plan.h"
#include "fs/progress.h"
#include "fs/remarks.h"
#include "fs/transfer.h"
#include "quant/convert.h"

static uint64_t now_us(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* ---- what went wrong ---- */

/* The reference tool has two kinds of messages about a file: what its GGUF reader found is
 * printed before and then called "failed to load model"; the others are said as they are: those
 * about the architecture, and those about a split set. */
static bool said_as_it_is(const struct cmd_source *model, const char *text)
{
    static const char *const beginnings[] = {
        "illegal split file", "invalid split file",  "corrupted model", "invalid model", "key ",
        "missing key ",       "llama_model_loader:",
    };

    if (model->source || strstr(text, "data is not within the file bounds"))
        return true;
    for (size_t i = 0; i < sizeof(beginnings) / sizeof(beginnings[0]); i++)
        if (strncmp(text, beginnings[i], strlen(beginnings[i])) == 0)
            return true;
    return false;
}

/* The tool's last two lines. */
static int failed(const struct cmd_line *line, const char *message)
{
    char text[8192];

    log_escape(message, text, sizeof(text));
    (void)fprintf(stderr, "llama_model_quantize: failed to quantize: %s\n", text);
    log_escape(line->input, text, sizeof(text));
    (void)fprintf(stderr, "llama_quantize: failed to quantize model from '%s'\n", text);
    return 1;
}

static int failed_open(const struct cmd_line *line, const struct cmd_source *model,
                       const struct defect *defect)
{
    char text[8192], message[8192];

    cmd_source_describe(line->input, model, defect, text, sizeof(text));
    (void)fprintf(stderr, "%s\n", text);
    if (said_as_it_is(model, defect->text))
        return failed(line, defect->text);
    (void)snprintf(message, sizeof(message), "llama_model_loader: failed to load model from %s",
                   line->input);
    return failed(line, message);
}

static int failed_data(const struct cmd_line *line, const struct cmd_source *model,
                       const struct defect *defect, int r)
{
    char text[8192], message[sizeof(defect->text)];

    if (defect->text[0] == '\0')
        return failed(line, r == -ESTALE ? "the source has changed" : strerror(-r));
    cmd_source_describe(line->input, model, defect, text, sizeof(text));
    (void)fprintf(stderr, "%s\n", text);
    (void)snprintf(message, sizeof(message), "%.*s", (int)convert_message_length(defect->text),
                   defect->text);
    return failed(line, message);
}

/* No such variant: what else there is to say stands before the tool's words. */
static int failed_recipe(const struct cmd_line *line, const struct cmd_source *model,
                         const struct defect *defect, int r)
{
    char text[8192], message[sizeof(defect->text)];
    size_t length = recipe_message_length(defect->text);

    if (length == 0)
        return failed(line, strerror(-r));
    if (strcmp(defect->text, RECIPE_NEEDS_IMATRIX) == 0)
        remarks_print_lacking(model->source, &model->facts, &line->variant);
    if (defect->text[length] != '\0') {
        cmd_source_describe(line->input, model, defect, text, sizeof(text));
        (void)fprintf(stderr, "%s\n", text);
    }
    (void)snprintf(message, sizeof(message), "%.*s", (int)length, defect->text);
    return failed(line, message);
}

static int same_file(const struct cmd_line *line)
{
    char text[8192];

    log_escape(line->input, text, sizeof(text));
    (void)fprintf(stderr, "llama_quantize: error: input and output files are the same: '%s'\n",
                  text);
    return 1;
}

static int failed_output(const struct cmd_line *line, const char *path, const char *verb, int r)
{
    char message[8192];

    if (r == -ETXTBSY)
        return same_file(line);
    (void)snprintf(message, sizeof(message), "cannot %s '%s': %s", verb, path, strerror(-r));
    return failed(line, message);
}

/* ---- the work ---- */

static bool is_stdout(const struct output *output, size_t count)
{
    const struct stat *out;
    struct stat st;

    if (fstat(STDOUT_FILENO, &st) < 0 || S_ISCHR(st.st_mode))
        return false;
    for (size_t i = 0; i < count; i++) {
        out = output_stat(output, i);
        if (st.st_dev == out->st_dev && st.st_ino == out->st_ino)
            return true;
    }
    return false;
}

/* Standard output is a pipe that standard error does not go to as well. */
static bool wants_bare_progress(void)
{
    struct stat out, err;

    if (fstat(STDOUT_FILENO, &out) < 0 || !S_ISFIFO(out.st_mode))
        return false;
    return fstat(STDERR_FILENO, &err) < 0 || out.st_dev != err.st_dev || out.st_ino != err.st_ino;
}

static void print_times(uint64_t started)
{
    double ms = (double)(now_us() - started) / 1000.0;

    (void)printf("\nllama_quantize: quantize time = %8.2f ms\n", ms);
    (void)printf("llama_quantize:    total time = %8.2f ms\n", ms);
    (void)fflush(stdout);
}

/* NULL: none is asked for, or it cannot be had, which is no reason to fail. */
static struct cache *open_cache(const struct cmd_line *line)
{
    const struct cache_config config = {.path = line->cache_path};
    struct cache *cache = NULL;
    char reason[CACHE_REASON_SIZE], text[8192];

    if (line->cached && cache_new(&config, &cache, reason) < 0) {
        log_escape(reason, text, sizeof(text));
        (void)fprintf(stderr, "llama_quantize: no cache: %s\n", text);
        return NULL;
    }
    return cache;
}

/* One file of the plan. 0, or the exit status, with the user told. */
static int write_file(const struct cmd_line *line, const struct cmd_source *model,
                      const struct kernel_set *kernels, struct cache *cache, struct output *output,
                      struct progress *progress)
{
    const struct transfer_progress hooks = progress_hooks(progress);
    const struct plan *plan = progress->plan;
    struct transfer_failure failure;
    size_t file = progress->file;
    int r = transfer_run(plan->views[file], kernels, cores_count(line->threads), cache, output,
                         file, &hooks, &failure);

    progress_clear(progress);
    if (r == 0)
        return 0;
    if (failure.in_tensor)
        progress_print(plan, file, failure.tensor, PROGRESS_STOPPED);
    return failure.writing ? failed_output(line, plan->paths[file], "write", r)
                           : failed_data(line, model, &failure.defect, r);
}

static int write_plan(const struct cmd_line *line, const struct cmd_source *model,
                      const struct plan *plan, const struct kernel_set *kernels)
{
    struct progress progress;
    struct output *output = NULL;
    struct cache *cache;
    uint64_t started = now_us();
    size_t failed;
    bool quiet;
    int r;

    /* A reader who leaves is EPIPE, a file beyond the limit EFBIG: they are cleaned up after.
     */
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGXFSZ, SIG_IGN);
    r = output_open((const char *const *)plan->paths, plan->count, model->source, &output, &failed);
    if (r < 0)
        return failed_output(line, plan->paths[failed], "open", r);
    quiet = is_stdout(output, plan->count);
    progress_init(&progress, plan, !quiet && wants_bare_progress());
    cache = open_cache(line);
    for (size_t i = 0; i < plan->count && r == 0; i++) {
        r = write_file(line, model, kernels, cache, output, &progress);
        progress_next_file(&progress);
    }
    cache_free(cache);
    if (r == 0) {
        r = output_finish(output, line->sync);
        if (r < 0)
            r = failed_output(line, line->output, "finish", r);
    }
    output_free(output);
    if (r == 0) {
        progress_print_sizes(plan);
        if (!quiet)
            print_times(started);
    }
    return r;
}

static void dry_run(const struct cmd_line *line, const struct plan *plan)
{
    uint64_t started = now_us();
    const char *lacking = plan_lacking(plan);
    char name[512];

    for (size_t file = 0; file < plan->count; file++)
        for (size_t i = 0; i < plan->views[file]->extent_count; i++)
            progress_print(plan, file, i, PROGRESS_PLANNED);
    progress_print_sizes(plan);
    log_escape(lacking ? lacking : "", name, sizeof(name));
    if (lacking && !line->imatrix_path)
        (void)fprintf(stderr,
                      "llama_model_quantize_impl: WARNING: dry run completed successfully, "
                      "but actually completing this quantization will require an imatrix!\n");
    else if (lacking)
        (void)fprintf(stderr,
                      "llama_model_quantize_impl: WARNING: the imatrix has nothing for "
                      "tensor %s, which cannot do without\n",
                      name);
    print_times(started);
}

static bool is_same_file(const struct cmd_line *line)
{
    struct stat in, out;

    return !line->dry_run && stat(line->input, &in) == 0 && stat(line->output, &out) == 0 &&
           in.st_dev == out.st_dev && in.st_ino == out.st_ino;
}

static void print_start(const struct cmd_line *line)
{
    char input[4200], output[4200];

    log_escape(line->input, input, sizeof(input));
    log_escape(line->output, output, sizeof(output));
    if (line->dry_run)
        (void)fprintf(stderr, "llama_quantize: calculating quantization size for '%s' as %s", input,
                      line->ftype_shown);
    else
        (void)fprintf(stderr, "llama_quantize: quantizing '%s' to '%s' as %s", input, output,
                      line->ftype_shown);
    if (line->threads > 0)
        (void)fprintf(stderr, " using %d threads", line->threads);
    (void)fputc('\n', stderr);
}

/* The importance matrix becomes the source's. */
static int give_imatrix(struct cmd_line *line, const struct cmd_source *model)
{
    struct defect defect = {.offset = DEFECT_NOWHERE};
    int r;

    if (!line->imatrix)
        return 0;
    /* It has been read; what becomes of the file is of no account. */
    r = source_set_imatrix(model->source, line->imatrix, &line->imatrix_version, line->imatrix_file,
                           false);
    line->imatrix = NULL;
    line->imatrix_file = -1;
    if (r == 0)
        r = imatrix_check(source_imatrix(model->source), &defect);
    if (r == 0)
        return 0;
    return failed(line, r == -EINVAL ? defect.text : strerror(-r));
}

static int run(struct cmd_line *line)
{
    struct cmd_source model = {.directory = -1, .beside = -1};
    struct defect defect = {.offset = DEFECT_NOWHERE};
    struct kernel_set kernels;
    struct plan plan = {0};
    int r;

    if (kernel_select(getenv("QUANTFS_CPU"), &kernels) < 0) {
        (void)fprintf(stderr, "llama_quantize: QUANTFS_CPU=%s: no such kernels here\n",
                      getenv("QUANTFS_CPU"));
        return 1;
    }
    if (is_same_file(line))
        return same_file(line);
    print_start(line);
    if (rules_empty(&line->rules))
        line->variant.rules = NULL;
    r = cmd_source_open_as(line->input, cmd_source_become(&line->variant), &line->rules, &model,
                           &defect);
    if (r < 0) {
        r = failed_open(line, &model, &defect);
        goto out;
    }
    r = give_imatrix(line, &model);
    if (r != 0)
        goto out;
    r = plan_make(model.source, &model.facts, &line->variant, line->output, &plan, &defect);
    if (r < 0) {
        r = failed_recipe(line, &model, &defect, r);
        goto out;
    }
    remarks_print(&plan, model.source, &line->variant);
    if (line->dry_run)
        dry_run(line, &plan);
    else
        r = write_plan(line, &model, &plan, &kernels);
out:
    plan_free(&plan);
    cmd_source_close(&model);
    return r;
}

int cmd_quantize(const char *program, int argc, char **argv)
{
    struct cmd_line line;
    int r = 1;

    switch (cmd_line_parse(&line, program, argc, argv)) {
    case CMD_LINE_GOOD:
        r = run(&line);
        break;
    case CMD_LINE_USAGE:
        r = cmd_line_usage(program);
        break;
    case CMD_LINE_ERROR:
        break;
    }
    cmd_line_free(&line);
    return r;
}
