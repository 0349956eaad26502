#include "fs/cmd_line.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "fs/cmd_rules.h"
#include "fs/cmd_source.h"
#include "fs/importance.h"
#include "fs/log.h"

static void print_ftypes(void)
{
    char name[32];
    int column = 0;

    for (const struct ftype *ftype = ftype_table(); ftype->name; ftype++, column++) {
        (void)printf("%s   ", column % 4 == 0 ? "\n" : "");
        if (ftype->type == TYPE_NONE) {
            (void)printf("   %s", ftype->name);
            continue; /* the last one */
        }
        (void)snprintf(name, sizeof(name), "%s%s%s", ftype->name, ftype->alias ? "=" : "",
                       ftype->alias ? ftype->alias : "");
        (void)printf("%2" PRIu32 " %-*s", ftype->number, column % 4 == 3 ? 0 : 11, name);
    }
    (void)puts("");
}

int cmd_line_usage(const char *program)
{
    (void)printf("usage: %s [options] SOURCE [OUT.gguf] TYPE [NTHREADS]\n\n"
                 "Writes a quantized model, byte for byte as llama-quantize %s does. SOURCE: a\n"
                 "GGUF file, the first file of a split set, or a Hugging Face directory, of which\n"
                 "f16, bf16 and f32 are what convert_hf_to_gguf.py writes, and mmproj-f16,\n"
                 "mmproj-bf16, mmproj-f32 and mmproj-q8_0 its projector.\n"
                 "Without OUT: ggml-model-TYPE.gguf beside SOURCE.\n\n"
                 "  --allow-requantize         convert tensors that are quantized already, too\n"
                 "  --leave-output-tensor      leave output.weight as it is\n"
                 "  --pure                     one type for all tensors, no mixture\n"
                 "  --output-tensor-type T     type of output.weight (q8_0, f16, ...)\n"
                 "  --token-embedding-type T   type of the token embeddings\n"
                 "  --imatrix FILE             importance matrix: which columns matter most\n"
                 "  --include-weights PART     of it only entries with one of these in the name\n"
                 "  --exclude-weights PART     or no entries with one of these in the name\n"
                 "  --tensor-type NAME=T       type of all tensors in whose name the expression\n"
                 "                             NAME is found; the first that is found counts\n"
                 "  --tensor-type-file FILE    the same, from words of a file\n"
                 "  --prune-layers N,N...      leave these layers out\n"
                 "  --override-kv KEY=T:VALUE  metadata of the output; T: int, float, bool, str\n"
                 "  --keep-split               as many files as SOURCE: OUT-00001-of-0000N.gguf\n"
                 "  --from T                   of a directory: make it of its f16, bf16 or f32\n"
                 "  --dry-run                  say what would be done and how big it would be\n"
                 "  --max-buffer-size MIB      taken; memory is bounded anyway\n"
                 "  --sync                     return when the file is on the disk\n"
                 "  --cache[=DIR]              keep converted chunks in a cache, and use it\n"
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
static const struct ftype *parse_wanted(struct cmd_line *line, const char *text)
{
    struct variant variant;

    if (variant_parse(text, strlen(text), &variant) < 0 || !variant.projector)
        return parse_ftype(text, &line->ftype_shown);
    line->variant.projector = true;
    line->ftype_shown = text;
    return variant.ftype;
}

/* One more part of a name. There are not more of them than words, so a list never grows. */
static enum cmd_line_parsed add_part(const char ***list, size_t *count, int argc, const char *part)
{
    if (!*list)
        *list = calloc((size_t)argc, sizeof(**list));
    if (!*list) {
        (void)fprintf(stderr, "llama_quantize: %s\n", strerror(ENOMEM));
        return CMD_LINE_ERROR;
    }
    (*list)[(*count)++] = part;
    return CMD_LINE_GOOD;
}

/* An option with a value, argv[*at + 1]. */
static enum cmd_line_parsed parse_valued(struct cmd_line *line, int argc, char **argv, int *at)
{
    const char *option = argv[*at];
    int number, r;

    if (*at + 1 >= argc)
        return CMD_LINE_USAGE;
    (*at)++;
    if (strcmp(option, "--output-tensor-type") == 0)
        return parse_type(argv[*at], &line->variant.output_type) ? CMD_LINE_GOOD : CMD_LINE_USAGE;
    if (strcmp(option, "--token-embedding-type") == 0)
        return parse_type(argv[*at], &line->variant.token_embd_type) ? CMD_LINE_GOOD
                                                                     : CMD_LINE_USAGE;
    if (strcmp(option, "--include-weights") == 0)
        return add_part(&line->include, &line->include_count, argc, argv[*at]);
    if (strcmp(option, "--exclude-weights") == 0)
        return add_part(&line->exclude, &line->exclude_count, argc, argv[*at]);
    if (strcmp(option, "--imatrix") == 0) {
        /* a script's empty variable: none */
        line->imatrix_path = argv[*at][0] != '\0' ? argv[*at] : NULL;
        return CMD_LINE_GOOD;
    }
    if (strcmp(option, "--from") == 0)
        return parse_from(argv[*at], &line->variant) ? CMD_LINE_GOOD : CMD_LINE_ERROR;
    if (cmd_rules_is_option(option)) {
        r = cmd_rules_parse(&line->rules, option, argv[*at]);
        if (r == -ENOMEM)
            (void)fprintf(stderr, "llama_quantize: %s\n", strerror(ENOMEM));
        return r == 0 ? CMD_LINE_GOOD : r == -ENOMEM ? CMD_LINE_ERROR : CMD_LINE_USAGE;
    }
    if (parse_number(argv[*at], &number) && number > 0)
        return CMD_LINE_GOOD;
    (void)fprintf(stderr, "llama_quantize: invalid --max-buffer-size '%s'\n", argv[*at]);
    return CMD_LINE_ERROR;
}

static enum cmd_line_parsed parse_option(struct cmd_line *line, int argc, char **argv, int *at)
{
    const char *option = argv[*at];

    if (strcmp(option, "--allow-requantize") == 0)
        line->variant.requantize = true;
    else if (strcmp(option, "--leave-output-tensor") == 0)
        line->variant.leave_output = true;
    else if (strcmp(option, "--pure") == 0)
        line->variant.pure = true;
    else if (strcmp(option, "--keep-split") == 0)
        line->variant.keep_split = true;
    else if (strcmp(option, "--dry-run") == 0)
        /* The tool asks for the permission when it comes to convert. */
        line->dry_run = line->variant.dry_run = line->variant.requantize = true;
    else if (strcmp(option, "--sync") == 0)
        line->sync = true;
    else if (strcmp(option, "--cache") == 0)
        line->cached = true;
    else if (strncmp(option, "--cache=", 8) == 0 && option[8] != '\0') {
        line->cached = true;
        line->cache_path = option + 8;
    } else if (strcmp(option, "--output-tensor-type") == 0 ||
               strcmp(option, "--token-embedding-type") == 0 ||
               strcmp(option, "--max-buffer-size") == 0 || strcmp(option, "--imatrix") == 0 ||
               strcmp(option, "--from") == 0 || strcmp(option, "--include-weights") == 0 ||
               strcmp(option, "--exclude-weights") == 0 || cmd_rules_is_option(option))
        return parse_valued(line, argc, argv, at);
    else {
        char shown[256];

        log_escape(option, shown, sizeof(shown));
        if (strcmp(option, "--help") != 0)
            (void)fprintf(stderr, "llama_quantize: unknown option '%s'\n", shown);
        return CMD_LINE_USAGE;
    }
    return CMD_LINE_GOOD;
}

/* ggml-model-NAME.gguf beside the source. */
static char *default_output(const struct cmd_line *line)
{
    const char *input = line->input, *slash;
    size_t end = strlen(input);
    char *path;
    int length;

    while (end > 1 && input[end - 1] == '/') /* a directory's own name stands before them */
        end--;
    slash = memrchr(input, '/', end);
    length = slash ? (int)(slash - input) + 1 : 0;
    return asprintf(&path, "%.*sggml-model-%s%s", length, input, line->ftype_shown,
                    line->variant.keep_split ? "" : ".gguf") < 0
               ? NULL
               : path;
}

/* The tool takes an ending off that may be another one (recipe.md §5.6). */
static char *given_output(const struct cmd_line *line, const char *text)
{
    bool cut = line->variant.keep_split && strstr(text, ".gguf");

    return strndup(text, strlen(text) - (cut ? 5 : 0));
}

static enum cmd_line_parsed parse_arguments(struct cmd_line *line, int argc, char **argv, int at)
{
    const struct ftype *ftype;
    char shown[256];

    line->input = cmd_source_find(argv[at++]);
    if (!line->input) {
        (void)fprintf(stderr, "llama_quantize: %s\n", strerror(ENOMEM));
        return CMD_LINE_ERROR;
    }
    ftype = parse_wanted(line, argv[at]);
    if (ftype) {
        line->output = default_output(line);
    } else {
        line->output = given_output(line, argv[at++]);
        if (at >= argc) {
            (void)fprintf(stderr, "llama_quantize: missing ftype\n");
            return CMD_LINE_ERROR;
        }
        ftype = parse_wanted(line, argv[at]);
        if (!ftype) {
            log_escape(argv[at], shown, sizeof(shown));
            (void)fprintf(stderr, "llama_quantize: invalid ftype '%s'\n", shown);
            return CMD_LINE_ERROR;
        }
    }
    if (!line->output) {
        (void)fprintf(stderr, "llama_quantize: %s\n", strerror(ENOMEM));
        return CMD_LINE_ERROR;
    }
    line->variant.ftype = ftype;
    if (++at < argc && !parse_number(argv[at], &line->threads)) {
        log_escape(argv[at], shown, sizeof(shown));
        (void)fprintf(stderr, "llama_quantize: invalid nthread '%s' (stoi)\n", shown);
        return CMD_LINE_ERROR;
    }
    return CMD_LINE_GOOD; /* what stands behind is not looked at, as in the tool */
}

/* The tool reads it before it looks at what else is wanted. */
static enum cmd_line_parsed load_imatrix(struct cmd_line *line)
{
    const char *path = line->imatrix_path;
    struct defect defect = {.offset = DEFECT_NOWHERE};
    char shown[8192], reason[8192], at[40] = "";
    int r, fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

    line->imatrix_file = fd;
    r = fd < 0 ? defect_set(&defect, errno, DEFECT_NOWHERE, "%s", strerror(errno))
               : importance_read(fd, path, &line->imatrix, &line->imatrix_version, &defect);
    if (r == 0) {
        imatrix_select(line->imatrix, line->include, line->include_count, line->exclude,
                       line->exclude_count);
        line->variant.imatrix = true;
        return CMD_LINE_GOOD;
    }
    log_escape(path, shown, sizeof(shown));
    if (r == -ENOKEY) {
        (void)fprintf(stderr, "load_imatrix: missing imatrix metadata in file %s\n", shown);
        return CMD_LINE_ERROR;
    }
    if (defect.offset != DEFECT_NOWHERE)
        (void)snprintf(at, sizeof(at), "byte %llu: ", (unsigned long long)defect.offset);
    log_escape(defect.text, reason, sizeof(reason));
    (void)fprintf(stderr, "%s: %s%s\nload_imatrix: failed to load imatrix from '%s'\n", shown, at,
                  reason, shown);
    return CMD_LINE_ERROR;
}

enum cmd_line_parsed cmd_line_parse(struct cmd_line *line, const char *program, int argc,
                                    char **argv)
{
    int at = 1;

    *line = (struct cmd_line){
        .variant = {.output_type = TYPE_NONE, .token_embd_type = TYPE_NONE},
        .imatrix_file = -1,
    };
    line->variant.rules = &line->rules;
    if (argc < 3)
        return CMD_LINE_USAGE;
    for (; at < argc && strncmp(argv[at], "--", 2) == 0; at++) {
        enum cmd_line_parsed parsed = parse_option(line, argc, argv, &at);

        if (parsed != CMD_LINE_GOOD)
            return parsed;
    }
    if (argc - at < 2) {
        (void)printf("%s: bad arguments\n", program);
        return CMD_LINE_USAGE;
    }
    if (line->include_count > 0 && line->exclude_count > 0)
        return CMD_LINE_USAGE;
    if (line->imatrix_path && load_imatrix(line) != CMD_LINE_GOOD)
        return CMD_LINE_ERROR;
    return parse_arguments(line, argc, argv, at);
}

void cmd_line_free(struct cmd_line *line)
{
    imatrix_free(line->imatrix);
    if (line->imatrix_file >= 0)
        (void)close(line->imatrix_file);
    free(line->include);
    free(line->exclude);
    free(line->input);
    free(line->output);
    rules_free(&line->rules);
}
