#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "fs/cmd.h"
#include "fs/cmd_rules.h"
#include "fs/cmd_source.h"
#include "fs/cores.h"
#include "fs/importance.h"
#include "fs/log.h"
#include "fs/output.h"
#include "fs/plan.h"
#include "fs/progress.h"
#include "fs/transfer.h"
#include "quant/convert.h"

/* What the command line asks for. */
struct quantize {
    char *input;             /* owned */
    char *output;            /* owned; with keep_split what the files' names begin with */
    const char *ftype_shown; /* as the reference tool calls it in its messages */
    struct variant variant;
    struct rules rules; /* the variant's */
    bool dry_run;
    bool sync;
    bool cached;
    const char *cache_path; /* NULL: the default place */
    const char *imatrix_path;
    const char **include, **exclude; /* parts of names of its entries; the lists are owned */
    size_t include_count, exclude_count;
    struct imatrix *imatrix; /* owned, as is the file it was read from, until the source has it */
    struct version imatrix_version;
    int imatrix_file;
    int threads; /* 0 or less: as many as there are cores */
};

static uint64_t now_us(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* ---- the command line ---- */

static void print_ftypes(void)
{
    char text[64];
    int column = 0;

    for (const struct ftype *ftype = ftype_table(); ftype->name; ftype++) {
        if (ftype->type == TYPE_NONE)
            (void)snprintf(text, sizeof(text), "%s", ftype->name);
        else if (ftype->alias)
            (void)snprintf(text, sizeof(text), "%" PRIu32 " %s=%s", ftype->number, ftype->name,
                           ftype->alias);
        else
            (void)snprintf(text, sizeof(text), "%" PRIu32 " %s", ftype->number, ftype->name);
        (void)printf("%s%-16s", column % 4 == 0 ? "\n   " : " ", text);
        column++;
    }
    (void)puts("");
}

static int usage(const char *program)
{
    (void)printf(
        "usage: %s [options] SOURCE [OUT.gguf] TYPE [NTHREADS]\n\n"
        "Writes a quantized model, byte for byte as llama-quantize %s does. SOURCE: a GGUF file, "
        "the\n"
        "first file of a split set, or a Hugging Face directory, of which f16, bf16 and f32 are\n"
        "what convert_hf_to_gguf.py writes, and mmproj-f16, mmproj-bf16, mmproj-f32 and "
        "mmproj-q8_0\n"
        "its projector.\n"
        "Without OUT: ggml-model-TYPE.gguf beside SOURCE.\n\n"
        "  --allow-requantize         convert tensors that are quantized already, too\n"
        "  --leave-output-tensor      leave output.weight as it is\n"
        "  --pure                     one type for all tensors, no mixture\n"
        "  --output-tensor-type T     type of output.weight (q8_0, f16, ...)\n"
        "  --token-embedding-type T   type of the token embeddings\n"
        "  --imatrix FILE             importance matrix: which columns matter most\n"
        "  --include-weights PART     of it only entries whose name contains one of these parts\n"
        "  --exclude-weights PART     or no entries whose name contains one of these\n"
        "  --tensor-type NAME=T       type of all tensors in whose name the expression NAME is\n"
        "                             found; the first that is found counts\n"
        "  --tensor-type-file FILE    the same, from words of a file\n"
        "  --prune-layers N,N...      leave these layers out\n"
        "  --override-kv KEY=T:VALUE  metadata of the output: T is int, float, bool or str\n"
        "  --keep-split               as many files as SOURCE has: OUT-00001-of-0000N.gguf\n"
        "  --from T                   make it of the directory's file of type f16, bf16 or f32\n"
        "  --dry-run                  say what would be done and how big it would be\n"
        "  --max-buffer-size MIB      taken; memory is bounded anyway\n"
        "  --sync                     return when the file is on the disk\n"
        "  --cache[=DIR]              keep converted chunks, and take those that are there\n"
        "  --help                     this text\n\n"
        "TYPE, a name or its number:",
        program, REFERENCE_VERSION);
    print_ftypes();
    return 1;
}

/* Only plain decimal numbers (design.md, difference 3). */
static bool parse_number(const char *text, int *number)
{
    char *end, again[16];
    long value;

    errno = 0;
    value = strtol(text, &end, 10);
    if (errno != 0 || *end != '\0' || value < INT_MIN || value > INT_MAX)
        return false;
    *number = (int)value;
    (void)snprintf(again, sizeof(again), "%d", *number);
    return strcmp(again, text) == 0;
}

/* A file type by name, alias or number; `shown` is the name that the reference tool's table has. */
static const struct ftype *parse_ftype(const char *text, const char **shown)
{
    const struct ftype *ftype = ftype_find(text, strlen(text));
    int number;

    if (ftype) {
        bool alias = ftype->alias && strcasecmp(text, ftype->alias) == 0;

        *shown = alias ? ftype->alias : ftype->name;
        return ftype;
    }
    if (!parse_number(text, &number) || number < 0)
        return NULL;
    ftype = ftype_by_number((uint32_t)number);
    if (!ftype || ftype->type == TYPE_NONE)
        return NULL;
    *shown = ftype->alias ? ftype->alias : ftype->name; /* an alias stands before its name there */
    return ftype;
}

/* Reads the type behind an option. */
static bool parse_type(const char *text, enum type *type)
{
    char shown[256];

    *type = type_find(text, strlen(text));
    if (*type != TYPE_NONE)
        return true;
    log_escape(text, shown, sizeof(shown));
    (void)fprintf(stderr, "\nparse_ggml_type: invalid ggml_type '%s'\n\n", shown);
    return false;
}

/* What a directory becomes before it is quantized. */
static bool parse_from(const char *text, struct variant *variant)
{
    char shown[256], name[32];
    struct variant from;

    if (snprintf(name, sizeof(name), "copy+from=%s", text) < (int)sizeof(name) &&
        variant_parse(name, strlen(name), &from) == 0) {
        variant->from = from.from;
        return true;
    }
    log_escape(text, shown, sizeof(shown));
    (void)fprintf(stderr, "llama_quantize: invalid --from '%s'\n", shown);
    return false;
}

/* The same, or what mmproj-TYPE says. */
static const struct ftype *parse_wanted(struct quantize *quantize, const char *text)
{
    struct variant variant;

    if (variant_parse(text, strlen(text), &variant) < 0 || !variant.projector)
        return parse_ftype(text, &quantize->ftype_shown);
    quantize->variant.projector = true;
    quantize->ftype_shown = text;
    return variant.ftype;
}

enum parsed { PARSED, PARSED_USAGE, PARSED_ERROR };

/* One more part of a name. There are not more of them than words, so a list never grows. */
static enum parsed add_part(const char ***list, size_t *count, int argc, const char *part)
{
    if (!*list)
        *list = calloc((size_t)argc, sizeof(**list));
    if (!*list) {
        (void)fprintf(stderr, "llama_quantize: %s\n", strerror(ENOMEM));
        return PARSED_ERROR;
    }
    (*list)[(*count)++] = part;
    return PARSED;
}

/* An option with a value, argv[*at + 1]. */
static enum parsed parse_valued(struct quantize *quantize, int argc, char **argv, int *at)
{
    const char *option = argv[*at];
    int number, r;

    if (*at + 1 >= argc)
        return PARSED_USAGE;
    (*at)++;
    if (strcmp(option, "--output-tensor-type") == 0)
        return parse_type(argv[*at], &quantize->variant.output_type) ? PARSED : PARSED_USAGE;
    if (strcmp(option, "--token-embedding-type") == 0)
        return parse_type(argv[*at], &quantize->variant.token_embd_type) ? PARSED : PARSED_USAGE;
    if (strcmp(option, "--include-weights") == 0)
        return add_part(&quantize->include, &quantize->include_count, argc, argv[*at]);
    if (strcmp(option, "--exclude-weights") == 0)
        return add_part(&quantize->exclude, &quantize->exclude_count, argc, argv[*at]);
    if (strcmp(option, "--imatrix") == 0) {
        quantize->imatrix_path = argv[*at];
        return PARSED;
    }
    if (strcmp(option, "--from") == 0)
        return parse_from(argv[*at], &quantize->variant) ? PARSED : PARSED_ERROR;
    if (cmd_rules_is_option(option)) {
        r = cmd_rules_parse(&quantize->rules, option, argv[*at]);
        if (r == -ENOMEM)
            (void)fprintf(stderr, "llama_quantize: %s\n", strerror(ENOMEM));
        return r == 0 ? PARSED : r == -ENOMEM ? PARSED_ERROR : PARSED_USAGE;
    }
    if (parse_number(argv[*at], &number) && number > 0)
        return PARSED;
    (void)fprintf(stderr, "llama_quantize: invalid --max-buffer-size '%s'\n", argv[*at]);
    return PARSED_ERROR;
}

static enum parsed parse_option(struct quantize *quantize, int argc, char **argv, int *at)
{
    const char *option = argv[*at];

    if (strcmp(option, "--allow-requantize") == 0)
        quantize->variant.requantize = true;
    else if (strcmp(option, "--leave-output-tensor") == 0)
        quantize->variant.leave_output = true;
    else if (strcmp(option, "--pure") == 0)
        quantize->variant.pure = true;
    else if (strcmp(option, "--keep-split") == 0)
        quantize->variant.keep_split = true;
    else if (strcmp(option, "--dry-run") == 0)
        /* The tool asks for the permission when it comes to convert. */
        quantize->dry_run = quantize->variant.dry_run = quantize->variant.requantize = true;
    else if (strcmp(option, "--sync") == 0)
        quantize->sync = true;
    else if (strcmp(option, "--cache") == 0)
        quantize->cached = true;
    else if (strncmp(option, "--cache=", 8) == 0 && option[8] != '\0') {
        quantize->cached = true;
        quantize->cache_path = option + 8;
    } else if (strcmp(option, "--output-tensor-type") == 0 ||
               strcmp(option, "--token-embedding-type") == 0 ||
               strcmp(option, "--max-buffer-size") == 0 || strcmp(option, "--imatrix") == 0 ||
               strcmp(option, "--from") == 0 || strcmp(option, "--include-weights") == 0 ||
               strcmp(option, "--exclude-weights") == 0 || cmd_rules_is_option(option))
        return parse_valued(quantize, argc, argv, at);
    else {
        char shown[256];

        log_escape(option, shown, sizeof(shown));
        if (strcmp(option, "--help") != 0)
            (void)fprintf(stderr, "llama_quantize: unknown option '%s'\n", shown);
        return PARSED_USAGE;
    }
    return PARSED;
}

/* ggml-model-NAME.gguf beside the source. */
static char *default_output(const struct quantize *quantize)
{
    const char *input = quantize->input, *slash;
    size_t end = strlen(input);
    char *path;
    int length;

    while (end > 1 && input[end - 1] == '/') /* a directory's own name stands before them */
        end--;
    slash = memrchr(input, '/', end);
    length = slash ? (int)(slash - input) + 1 : 0;
    return asprintf(&path, "%.*sggml-model-%s%s", length, input, quantize->ftype_shown,
                    quantize->variant.keep_split ? "" : ".gguf") < 0
               ? NULL
               : path;
}

/* The tool takes an ending off that may be another one (recipe.md §5.6). */
static char *given_output(const struct quantize *quantize, const char *text)
{
    bool cut = quantize->variant.keep_split && strstr(text, ".gguf");

    return strndup(text, strlen(text) - (cut ? 5 : 0));
}

static enum parsed parse_arguments(struct quantize *quantize, int argc, char **argv, int at)
{
    const struct ftype *ftype;
    char shown[256];

    quantize->input = cmd_source_find(argv[at++]);
    if (!quantize->input) {
        (void)fprintf(stderr, "llama_quantize: %s\n", strerror(ENOMEM));
        return PARSED_ERROR;
    }
    ftype = parse_wanted(quantize, argv[at]);
    if (ftype) {
        quantize->output = default_output(quantize);
    } else {
        quantize->output = given_output(quantize, argv[at++]);
        if (at >= argc) {
            (void)fprintf(stderr, "llama_quantize: missing ftype\n");
            return PARSED_ERROR;
        }
        ftype = parse_wanted(quantize, argv[at]);
        if (!ftype) {
            log_escape(argv[at], shown, sizeof(shown));
            (void)fprintf(stderr, "llama_quantize: invalid ftype '%s'\n", shown);
            return PARSED_ERROR;
        }
    }
    if (!quantize->output) {
        (void)fprintf(stderr, "llama_quantize: %s\n", strerror(ENOMEM));
        return PARSED_ERROR;
    }
    quantize->variant.ftype = ftype;
    if (++at < argc && !parse_number(argv[at], &quantize->threads)) {
        log_escape(argv[at], shown, sizeof(shown));
        (void)fprintf(stderr, "llama_quantize: invalid nthread '%s' (stoi)\n", shown);
        return PARSED_ERROR;
    }
    return PARSED; /* what stands behind is not looked at, as in the tool */
}

/* The tool reads it before it looks at what else is wanted. */
static enum parsed load_imatrix(struct quantize *quantize)
{
    const char *path = quantize->imatrix_path;
    struct defect defect = {.offset = DEFECT_NOWHERE};
    char shown[8192], reason[8192], at[40] = "";
    int r, fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

    quantize->imatrix_file = fd;
    r = fd < 0 ? defect_set(&defect, errno, DEFECT_NOWHERE, "%s", strerror(errno))
               : importance_read(fd, path, &quantize->imatrix, &quantize->imatrix_version, &defect);
    if (r == 0) {
        imatrix_select(quantize->imatrix, quantize->include, quantize->include_count,
                       quantize->exclude, quantize->exclude_count);
        quantize->variant.imatrix = true;
        return PARSED;
    }
    log_escape(path, shown, sizeof(shown));
    if (r == -ENOKEY) {
        (void)fprintf(stderr, "load_imatrix: missing imatrix metadata in file %s\n", shown);
        return PARSED_ERROR;
    }
    if (defect.offset != DEFECT_NOWHERE)
        (void)snprintf(at, sizeof(at), "byte %llu: ", (unsigned long long)defect.offset);
    log_escape(defect.text, reason, sizeof(reason));
    (void)fprintf(stderr, "%s: %s%s\nload_imatrix: failed to load imatrix from '%s'\n", shown, at,
                  reason, shown);
    return PARSED_ERROR;
}

static enum parsed parse(struct quantize *quantize, const char *program, int argc, char **argv)
{
    int at = 1;

    if (argc < 3)
        return PARSED_USAGE;
    for (; at < argc && strncmp(argv[at], "--", 2) == 0; at++) {
        enum parsed parsed = parse_option(quantize, argc, argv, &at);

        if (parsed != PARSED)
            return parsed;
    }
    if (argc - at < 2) {
        (void)printf("%s: bad arguments\n", program);
        return PARSED_USAGE;
    }
    if (quantize->include_count > 0 && quantize->exclude_count > 0)
        return PARSED_USAGE;
    if (quantize->imatrix_path && load_imatrix(quantize) != PARSED)
        return PARSED_ERROR;
    return parse_arguments(quantize, argc, argv, at);
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
static int failed(const struct quantize *quantize, const char *message)
{
    char text[8192];

    log_escape(message, text, sizeof(text));
    (void)fprintf(stderr, "llama_model_quantize: failed to quantize: %s\n", text);
    log_escape(quantize->input, text, sizeof(text));
    (void)fprintf(stderr, "llama_quantize: failed to quantize model from '%s'\n", text);
    return 1;
}

static int failed_open(const struct quantize *quantize, const struct cmd_source *model,
                       const struct defect *defect)
{
    char text[8192], message[8192];

    cmd_source_describe(quantize->input, model, defect, text, sizeof(text));
    (void)fprintf(stderr, "%s\n", text);
    if (said_as_it_is(model, defect->text))
        return failed(quantize, defect->text);
    (void)snprintf(message, sizeof(message), "llama_model_loader: failed to load model from %s",
                   quantize->input);
    return failed(quantize, message);
}

static int failed_data(const struct quantize *quantize, const struct cmd_source *model,
                       const struct defect *defect, int r)
{
    char text[8192], message[sizeof(defect->text)];

    if (defect->text[0] == '\0')
        return failed(quantize, r == -ESTALE ? "the source has changed" : strerror(-r));
    cmd_source_describe(quantize->input, model, defect, text, sizeof(text));
    (void)fprintf(stderr, "%s\n", text);
    (void)snprintf(message, sizeof(message), "%.*s", (int)convert_message_length(defect->text),
                   defect->text);
    return failed(quantize, message);
}

/* No such variant: what else there is to say stands before the tool's words. */
static int failed_recipe(const struct quantize *quantize, const struct cmd_source *model,
                         const struct defect *defect, int r)
{
    char text[8192], message[sizeof(defect->text)];
    size_t length = recipe_message_length(defect->text);

    if (length == 0)
        return failed(quantize, strerror(-r));
    if (defect->text[length] != '\0') {
        cmd_source_describe(quantize->input, model, defect, text, sizeof(text));
        (void)fprintf(stderr, "%s\n", text);
    }
    (void)snprintf(message, sizeof(message), "%.*s", (int)length, defect->text);
    return failed(quantize, message);
}

static int same_file(const struct quantize *quantize)
{
    char text[8192];

    log_escape(quantize->input, text, sizeof(text));
    (void)fprintf(stderr, "llama_quantize: error: input and output files are the same: '%s'\n",
                  text);
    return 1;
}

static int failed_output(const struct quantize *quantize, const char *path, const char *verb, int r)
{
    char message[8192];

    if (r == -ETXTBSY)
        return same_file(quantize);
    (void)snprintf(message, sizeof(message), "cannot %s '%s': %s", verb, path, strerror(-r));
    return failed(quantize, message);
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
static struct cache *open_cache(const struct quantize *quantize)
{
    const struct cache_config config = {.path = quantize->cache_path};
    struct cache *cache = NULL;
    char reason[CACHE_REASON_SIZE], text[8192];

    if (quantize->cached && cache_new(&config, &cache, reason) < 0) {
        log_escape(reason, text, sizeof(text));
        (void)fprintf(stderr, "llama_quantize: no cache: %s\n", text);
        return NULL;
    }
    return cache;
}

/* One file of the plan. 0, or the exit status, with the user told. */
static int write_file(const struct quantize *quantize, const struct cmd_source *model,
                      const struct kernel_set *kernels, struct cache *cache, struct output *output,
                      struct progress *progress)
{
    const struct transfer_progress hooks = progress_hooks(progress);
    const struct plan *plan = progress->plan;
    struct transfer_failure failure;
    size_t file = progress->file;
    int r = transfer_run(plan->views[file], kernels, cores_count(quantize->threads), cache, output,
                         file, &hooks, &failure);

    progress_clear(progress);
    if (r == 0)
        return 0;
    if (failure.in_tensor)
        progress_print(plan, file, failure.tensor, PROGRESS_STOPPED);
    return failure.writing ? failed_output(quantize, plan->paths[file], "write", r)
                           : failed_data(quantize, model, &failure.defect, r);
}

static int write_plan(const struct quantize *quantize, const struct cmd_source *model,
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
        return failed_output(quantize, plan->paths[failed], "open", r);
    quiet = is_stdout(output, plan->count);
    progress_init(&progress, plan, !quiet && wants_bare_progress());
    cache = open_cache(quantize);
    for (size_t i = 0; i < plan->count && r == 0; i++) {
        r = write_file(quantize, model, kernels, cache, output, &progress);
        progress_next_file(&progress);
    }
    cache_free(cache);
    if (r == 0) {
        r = output_finish(output, quantize->sync);
        if (r < 0)
            r = failed_output(quantize, quantize->output, "finish", r);
    }
    output_free(output);
    if (r == 0) {
        progress_print_sizes(plan);
        if (!quiet)
            print_times(started);
    }
    return r;
}

static void dry_run(const struct quantize *quantize, const struct plan *plan)
{
    uint64_t started = now_us();
    char name[512];

    for (size_t file = 0; file < plan->count; file++)
        for (size_t i = 0; i < plan->views[file]->extent_count; i++)
            progress_print(plan, file, i, PROGRESS_PLANNED);
    progress_print_sizes(plan);
    log_escape(plan->lacking ? plan->lacking : "", name, sizeof(name));
    if (plan->lacking && !quantize->imatrix_path)
        (void)fprintf(stderr,
                      "llama_model_quantize_impl: WARNING: dry run completed successfully, "
                      "but actually completing this quantization will require an imatrix!\n");
    else if (plan->lacking)
        (void)fprintf(stderr,
                      "llama_model_quantize_impl: WARNING: the imatrix has nothing for "
                      "tensor %s, which cannot do without\n",
                      name);
    print_times(started);
}

static bool is_same_file(const struct quantize *quantize)
{
    struct stat in, out;

    return !quantize->dry_run && stat(quantize->input, &in) == 0 &&
           stat(quantize->output, &out) == 0 && in.st_dev == out.st_dev && in.st_ino == out.st_ino;
}

static void print_start(const struct quantize *quantize)
{
    char input[4200], output[4200];

    log_escape(quantize->input, input, sizeof(input));
    log_escape(quantize->output, output, sizeof(output));
    if (quantize->dry_run)
        (void)fprintf(stderr, "llama_quantize: calculating quantization size for '%s' as %s", input,
                      quantize->ftype_shown);
    else
        (void)fprintf(stderr, "llama_quantize: quantizing '%s' to '%s' as %s", input, output,
                      quantize->ftype_shown);
    if (quantize->threads > 0)
        (void)fprintf(stderr, " using %d threads", quantize->threads);
    (void)fputc('\n', stderr);
}

/* The importance matrix becomes the source's. */
static int give_imatrix(struct quantize *quantize, const struct cmd_source *model)
{
    struct defect defect = {.offset = DEFECT_NOWHERE};
    int r;

    if (!quantize->imatrix)
        return 0;
    /* It has been read; what becomes of the file is of no account. */
    r = source_set_imatrix(model->source, quantize->imatrix, &quantize->imatrix_version,
                           quantize->imatrix_file, false);
    quantize->imatrix = NULL;
    quantize->imatrix_file = -1;
    if (r == 0)
        r = imatrix_check(source_imatrix(model->source), &defect);
    if (r == 0)
        return 0;
    return failed(quantize, r == -EINVAL ? defect.text : strerror(-r));
}

static int run(struct quantize *quantize)
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
    if (is_same_file(quantize))
        return same_file(quantize);
    print_start(quantize);
    if (rules_empty(&quantize->rules))
        quantize->variant.rules = NULL;
    r = cmd_source_open_as(quantize->input, cmd_source_become(&quantize->variant), &quantize->rules,
                           &model, &defect);
    if (r < 0) {
        r = failed_open(quantize, &model, &defect);
        goto out;
    }
    r = give_imatrix(quantize, &model);
    if (r != 0)
        goto out;
    r = plan_make(model.source, &model.facts, &quantize->variant, quantize->output, &plan, &defect);
    if (r < 0) {
        r = failed_recipe(quantize, &model, &defect, r);
        goto out;
    }
    if (quantize->dry_run)
        dry_run(quantize, &plan);
    else
        r = write_plan(quantize, &model, &plan, &kernels);
out:
    plan_free(&plan);
    cmd_source_close(&model);
    return r;
}

int cmd_quantize(const char *program, int argc, char **argv)
{
    struct quantize quantize = {
        .variant = {.output_type = TYPE_NONE, .token_embd_type = TYPE_NONE},
        .imatrix_file = -1,
    };
    int r = 1;

    quantize.variant.rules = &quantize.rules;
    switch (parse(&quantize, program, argc, argv)) {
    case PARSED:
        r = run(&quantize);
        break;
    case PARSED_USAGE:
        r = usage(program);
        break;
    case PARSED_ERROR:
        break;
    }
    imatrix_free(quantize.imatrix);
    if (quantize.imatrix_file >= 0)
        (void)close(quantize.imatrix_file);
    free(quantize.include);
    free(quantize.exclude);
    free(quantize.input);
    free(quantize.output);
    rules_free(&quantize.rules);
    return r;
}
