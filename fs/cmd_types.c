#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fs/cmd.h"
#include "fs/cmd_source.h"
#include "fs/importance.h"
#include "fs/log.h"
#include "quant/view.h"

/* What an importance matrix is to a file type (recipe.md §3.6). */
enum need { UNUSED, HELPS, NEEDED };

static const char *const needs[] = {[UNUSED] = "unused", [HELPS] = "helps", [NEEDED] = "needed"};

/* clang-format off */
static const struct advice {
    const char *name;
    enum need imatrix;
    double bits; /* a weight of Llama 3 8B, the model of the tool's own usage; below 0: it depends */
    const char *text;
} advices[] = {
    {"Q1_0",      UNUSED,  1.48, "for models trained with one bit a weight; others become useless"},
    {"Q2_0",      UNUSED,  2.68, "for models trained with three or four values a weight; others become useless"},
    {"Q4_0",      HELPS,   4.64, "simple and fast; Q4_K_S is better and hardly larger"},
    {"Q4_1",      HELPS,   5.10, "simple; Q4_K_M is better and no larger"},
    {"MXFP4_MOE", UNUSED,  8.50, "experts in 4-bit floats, the rest Q8_0: for models trained so, such as gpt-oss"},
    {"Q5_0",      HELPS,   5.57, "simple; Q5_K_S is better and no larger"},
    {"Q5_1",      HELPS,   6.04, "simple; Q5_K_M is better and no larger"},
    {"IQ2_XXS",   NEEDED,  2.38, "for large models that fit no other way; much is lost"},
    {"IQ2_XS",    NEEDED,  2.59, "as IQ2_XXS, a little larger and better"},
    {"IQ2_S",     NEEDED,  2.74, "better than IQ2_XS; slow on CPUs"},
    {"IQ2_M",     NEEDED,  2.93, "the best below 3 bits; better than Q2_K_S"},
    {"IQ1_S",     NEEDED,  2.00, "the smallest of all: for the largest models, when nothing else fits"},
    {"IQ1_M",     NEEDED,  2.15, "as IQ1_S, a little larger and better"},
    {"TQ1_0",     UNUSED,  2.19, "for models trained with ternary weights, such as BitNet; others become useless"},
    {"TQ2_0",     UNUSED,  2.52, "as TQ1_0, larger and faster"},
    {"Q2_K",      HELPS,   3.16, "the smallest that does without an importance matrix; much is lost"},
    {"Q2_K_S",    NEEDED,  2.97, "a little smaller than Q2_K; IQ2_M is better"},
    {"IQ3_XXS",   NEEDED,  3.25, "good for its size; slow on CPUs"},
    {"IQ3_S",     HELPS,   3.66, "better than Q3_K_S at its size; slow on CPUs"},
    {"IQ3_M",     HELPS,   3.76, "better than Q3_K_M and smaller; slow on CPUs"},
    {"IQ3_XS",    NEEDED,  3.50, "between IQ3_XXS and IQ3_S"},
    {"Q3_K_S",    HELPS,   3.64, "when memory is short; IQ3_S is better"},
    {"Q3_K_M",    HELPS,   4.00, "when memory is short; a visible loss"},
    {"Q3_K_L",    HELPS,   4.30, "between Q3_K_M and Q4_K_S; IQ4_XS is better at about its size"},
    {"IQ4_NL",    HELPS,   4.68, "as IQ4_XS where rows are no multiple of 256; else take IQ4_XS"},
    {"IQ4_XS",    HELPS,   4.46, "smaller than Q4_K_S and about as good; slower on CPUs"},
    {"Q4_K_S",    HELPS,   4.67, "a little smaller than Q4_K_M, a little worse"},
    {"Q4_K_M",    HELPS,   4.89, "the usual choice: a small loss at less than a third of F16"},
    {"Q5_K_S",    HELPS,   5.57, "a little smaller than Q5_K_M, hardly worse"},
    {"Q5_K_M",    HELPS,   5.70, "very little is lost; where Q4_K_M is not good enough"},
    {"Q6_K",      HELPS,   6.56, "next to nothing is lost; when there is memory for it"},
    {"Q8_0",      UNUSED,  8.50, "no loss that can be noticed, at half of F16"},
    {"F16",       UNUSED, 16.00, "half floats: exact for models made in F16, nearly so for others"},
    {"BF16",      UNUSED, 16.00, "exact for models trained in BF16, which most are"},
    {"F32",       UNUSED, 32.00, "exact for all models; for tools that read nothing else"},
    {"COPY",      UNUSED,    -1, "all tensors as they are, in a file written anew"},
};

/* What a directory with a vision part has besides. */
static const struct advice projectors[] = {
    {"mmproj-f16",  UNUSED, -1, "its projector, for llama-server --mmproj: the usual choice"},
    {"mmproj-bf16", UNUSED, -1, "the same, exact for vision parts trained in BF16, which most are"},
    {"mmproj-f32",  UNUSED, -1, "the same, exact for all vision parts"},
    {"mmproj-q8_0", UNUSED, -1, "the same, smaller, with no loss that can be noticed"},
};
/* clang-format on */
#define PROJECTORS (sizeof(projectors) / sizeof(projectors[0]))

/* What can be said of a file type, or of a projector, without a model or for one. */
struct row {
    const char *name, *alias; /* alias: or NULL */
    const struct ftype *ftype;
    const struct advice *advice;
    double bpw;    /* bits per weight; below 0: depends on the model, or there is no such file */
    bool sized;    /* there is such a variant of the model */
    bool about;    /* without what its importance matrix adds to the header */
    uint64_t size; /* of its file, bytes */
    char reason[sizeof(((struct defect *)NULL)->text)]; /* why there is none; empty: not asked */
};

static const struct advice *advice_of(const struct ftype *ftype)
{
    for (size_t i = 0; i < sizeof(advices) / sizeof(advices[0]); i++)
        if (strcmp(advices[i].name, ftype->name) == 0)
            return &advices[i];
    return NULL;
}

static void measure(const struct view *view, struct row *row)
{
    uint64_t weights = 0, data = 0;

    for (size_t i = 0; i < view->extent_count; i++) {
        const uint64_t *ne = view->extents[i].tensor->ne;

        weights += ne[0] * ne[1] * ne[2] * ne[3];
        data += view->extents[i].size;
    }
    row->sized = true;
    row->size = view->size;
    row->bpw = weights > 0 ? 8.0 * (double)data / (double)weights : -1;
}

/* Of a directory the file that the converter writes of that type, which may be another one than the
 * model was opened as. -ENOEXEC: it has no projector. */
static int size_up_plain(const struct cmd_source *model, bool projector, struct row *row)
{
    const struct source_become become = {row->ftype->type, projector};
    struct defect defect = {.offset = DEFECT_NOWHERE};
    struct cmd_source other;
    struct view *view = NULL;
    int r = cmd_source_open_as(model->path, become, NULL, &other, &defect);

    if (r == 0)
        r = view_make_verbatim(other.source, &view);
    if (r == 0)
        measure(view, row);
    else
        log_escape(defect.text[0] ? defect.text : strerror(-r), row->reason, sizeof(row->reason));
    view_free(view);
    cmd_source_close(&other);
    return r == -ENOEXEC ? r : 0;
}

/* Sizes a variant from metadata. Without an importance matrix those that need one are sized as if
 * there were one. Only what says nothing about the model is an error. */
static int size_up(const struct cmd_source *model, bool requantize, struct row *row)
{
    bool given = source_imatrix(model->source), assumed = !given && row->advice->imatrix == NEEDED;
    struct variant variant = {.ftype = row->ftype,
                              .requantize = requantize,
                              .imatrix = given,
                              .dry_run = assumed,
                              .as_with_imatrix = assumed,
                              .output_type = TYPE_NONE,
                              .token_embd_type = TYPE_NONE};
    struct defect defect = {.offset = DEFECT_NOWHERE};
    struct recipe *recipe = NULL;
    struct view *view = NULL;
    int r;

    if (source_is_directory(model->source) && variant_is_plain(&variant))
        return size_up_plain(model, false, row);
    r = recipe_make(model->source, &model->facts, &variant, &recipe, &defect);
    if (r == 0)
        r = view_make(model->source, recipe, &view, &defect);
    row->about = assumed;
    if (r == 0)
        measure(view, row);
    else
        log_escape(defect.text[0] ? defect.text : strerror(-r), row->reason, sizeof(row->reason));
    view_free(view);
    recipe_free(recipe);
    return r == -EINVAL || r == -ENOTSUP ? 0 : r;
}

static int fill(const struct cmd_source *model, bool requantize, struct row *row)
{
    row->bpw = model ? -1 : row->advice->bits;
    return model ? size_up(model, requantize, row) : 0;
}

/* --- output ------------------------------------------------------------------------------------
 */

static void print_size(const struct row *row)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    double value = (double)row->size;
    unsigned unit = 0;
    char bytes[24];

    if (!row->sized) {
        (void)printf("%16s %12s  ", "-", "");
        return;
    }
    while (value >= 1024 && unit < 4) {
        value /= 1024;
        unit++;
    }
    (void)snprintf(bytes, sizeof(bytes), "%s%" PRIu64, row->about ? "~" : "", row->size);
    (void)printf("%16s %8.*f %-3s  ", bytes, unit > 0 ? 2 : 0, value, units[unit]);
}

static void print_table(const struct row *rows, size_t count, bool sizes)
{
    char bits[16];

    (void)printf("%-11s  %-5s  %6s  %-7s  ", "TYPE", "ALIAS", "BITS", "IMATRIX");
    if (sizes)
        (void)printf("%16s %12s  ", "BYTES", "SIZE");
    (void)puts("ADVICE");
    for (const struct row *row = rows; row < rows + count; row++) {
        (void)snprintf(bits, sizeof(bits), row->bpw < 0 ? "-" : "%.2f", row->bpw);
        (void)printf("%-11s  %-5s  %6s  %-7s  ", row->name, row->alias ? row->alias : "-", bits,
                     needs[row->advice->imatrix]);
        if (sizes)
            print_size(row);
        (void)puts(row->reason[0] ? row->reason : row->advice->text);
    }
}

/* Reasons hold no control characters any more; quotes and backslashes may be a tensor's. */
static void print_quoted(const char *text)
{
    (void)putchar('"');
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            (void)putchar('\\');
        (void)putchar(*text);
    }
    (void)putchar('"');
}

static void print_json(const struct row *rows, size_t count)
{
    for (const struct row *row = rows; row < rows + count; row++) {
        (void)printf("%s{\"name\": \"%s\", \"alias\": ", row == rows ? "[" : ",\n ", row->name);
        if (row->alias)
            print_quoted(row->alias);
        else
            (void)printf("null");
        if (row->bpw < 0)
            (void)printf(", \"bits\": null");
        else
            (void)printf(", \"bits\": %.4f", row->bpw);
        (void)printf(", \"imatrix\": \"%s\", \"size\": ", needs[row->advice->imatrix]);
        if (row->sized)
            (void)printf("%" PRIu64, row->size);
        else
            (void)printf("null");
        (void)printf(", \"exact\": %s, \"reason\": ", row->sized && !row->about ? "true" : "false");
        if (row->reason[0])
            print_quoted(row->reason);
        else
            (void)printf("null");
        (void)printf(", \"advice\": ");
        print_quoted(row->advice->text);
        (void)putchar('}');
    }
    (void)puts("]");
}

/* --- the verb ----------------------------------------------------------------------------------
 */

struct request {
    bool help;
    bool json;
    bool requantize;
    const char *imatrix; /* NULL: none */
    const char *path;    /* NULL: no model */
};

static bool parse(int argc, char **argv, struct request *request)
{
    int at = 1;

    *request = (struct request){0};
    for (; at < argc && strncmp(argv[at], "--", 2) == 0; at++) {
        if (strcmp(argv[at], "--json") == 0)
            request->json = true;
        else if (strcmp(argv[at], "--allow-requantize") == 0)
            request->requantize = true;
        else if (strcmp(argv[at], "--imatrix") == 0 && at + 1 < argc)
            request->imatrix = argv[++at];
        else if (strcmp(argv[at], "--help") == 0)
            request->help = true;
        else
            return false;
    }
    if (at < argc)
        request->path = argv[at++];
    return at == argc && (request->path || !request->imatrix || request->help);
}

static void print_usage(FILE *stream, const char *program)
{
    (void)fprintf(stream, "usage: %s [--json] [--allow-requantize] [--imatrix FILE] [MODEL]\n",
                  program);
}

static void print_help(const char *program)
{
    print_usage(stdout, program);
    (void)puts("\n"
               "Prints all file types: name and alias, bits per weight (of Llama 3 8B), whether\n"
               "an importance matrix is needed, and when to take them. With MODEL (a GGUF file,\n"
               "the first of a split set, or a Hugging Face directory) also what the file of\n"
               "each will be, from metadata alone: bits per weight of the whole mix, bytes; or -\n"
               "and why there is none. Bytes with ~ are without what the importance matrix adds\n"
               "to the header: what is not known without one. A directory with a vision part has\n"
               "rows for its projector, too: mmproj-f16 and so on.\n\n"
               "  --json              the same as an array of objects\n"
               "  --allow-requantize  as with -o allow_requantize: from quantized types, too\n"
               "  --imatrix FILE      what quantize --imatrix FILE would write");
}

/* Reads the importance matrix that was asked for; it becomes the source's. */
static int give_imatrix(const char *path, struct cmd_source *model, struct defect *defect)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY), r;
    struct imatrix *imatrix = NULL;
    struct version version;

    if (fd < 0)
        return defect_set(defect, errno, DEFECT_NOWHERE, "%s", strerror(errno));
    r = importance_read(fd, path, &imatrix, &version, defect);
    if (r == 0)
        r = imatrix_check(imatrix, defect);
    if (r < 0) {
        imatrix_free(imatrix);
        (void)close(fd);
        return r;
    }
    return source_set_imatrix(model->source, imatrix, &version, fd, false);
}

/* Behind the file types, unless the directory has none. */
static int add_projectors(const struct cmd_source *model, struct row *rows, size_t *count)
{
    int r = 0;

    for (size_t i = 0; i < PROJECTORS && r == 0; i++) {
        struct row *row = &rows[*count];
        struct variant variant;

        r = variant_parse(projectors[i].name, strlen(projectors[i].name), &variant);
        assert(r == 0);
        *row = (struct row){.name = projectors[i].name,
                            .ftype = variant.ftype,
                            .advice = &projectors[i],
                            .bpw = -1};
        r = size_up_plain(model, true, row);
        *count += r == 0;
    }
    return r == -ENOEXEC ? 0 : r;
}

static int print_types(const struct cmd_source *model, const struct request *request)
{
    const struct ftype *ftypes = ftype_table();
    struct row *rows;
    size_t count = 0;
    int r = 0;

    while (ftypes[count].name)
        count++;
    rows = calloc(count + PROJECTORS, sizeof(*rows));
    if (!rows)
        return -ENOMEM;
    for (size_t i = 0; i < count && r == 0; i++) {
        rows[i].name = ftypes[i].name;
        rows[i].alias = ftypes[i].alias;
        rows[i].ftype = &ftypes[i];
        rows[i].advice = advice_of(&ftypes[i]);
        r = rows[i].advice ? fill(model, request->requantize, &rows[i]) : -EINVAL;
    }
    if (r == 0 && model && source_is_directory(model->source))
        r = add_projectors(model, rows, &count);
    if (r == 0 && request->json)
        print_json(rows, count);
    else if (r == 0)
        print_table(rows, count, model != NULL);
    free(rows);
    return r;
}

/* What went wrong with a file; cmd_source_describe() knows the shards of a model. */
static void print_failure(const char *path, const struct cmd_source *model, struct defect *defect,
                          int r)
{
    char text[8192];

    if (defect->text[0] == '\0')
        (void)snprintf(defect->text, sizeof(defect->text), "%s", strerror(-r));
    cmd_source_describe(path, model, defect, text, sizeof(text));
    (void)fprintf(stderr, "%s\n", text);
}

int cmd_types(const char *program, int argc, char **argv)
{
    struct cmd_source model = {.directory = -1, .beside = -1};
    struct defect defect = {.offset = DEFECT_NOWHERE};
    const struct cmd_source none = {.directory = -1, .beside = -1};
    struct request request;
    char *path = NULL;
    int r = 0;

    if (!parse(argc, argv, &request)) {
        print_usage(stderr, program);
        return 1;
    }
    if (request.help) {
        print_help(program);
        return fflush(stdout) == 0 ? 0 : 1;
    }
    if (request.path && !(path = cmd_source_find(request.path)))
        r = -ENOMEM;
    if (r < 0)
        print_failure(program, &none, &defect, r);
    if (r == 0 && path && (r = cmd_source_open(path, &model, &defect)) < 0)
        print_failure(path, &model, &defect, r);
    if (r == 0 && request.imatrix && path &&
        (r = give_imatrix(request.imatrix, &model, &defect)) < 0)
        print_failure(request.imatrix, &none, &defect, r);
    if (r == 0 && (r = print_types(path ? &model : NULL, &request)) < 0)
        print_failure(path ? path : program, &none, &defect, r);
    if (r == 0 && (fflush(stdout) != 0 || ferror(stdout))) {
        (void)fprintf(stderr, "%s: standard output: %s\n", program, strerror(errno));
        r = -EIO;
    }
    cmd_source_close(&model);
    free(path);
    return r < 0 ? 1 : 0;
}
