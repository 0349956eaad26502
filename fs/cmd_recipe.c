#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fs/cmd.h"
#include "fs/cmd_source.h"
#include "fs/importance.h"
#include "fs/log.h"
#include "fs/mixes.h"
#include "fs/recipe_text.h"
#include "quant/view.h"

static int print_recipe(const struct view *view)
{
    char *text = NULL;
    size_t size;
    int r = recipe_text(view, &text, &size);

    if (r == 0 && (fwrite(text, 1, size, stdout) != size || fflush(stdout) != 0))
        r = -errno;
    free(text);
    return r;
}

/* The mix of that name in `directory`. -ENOENT: there is none; else the user has been told. */
static int read_mix(int directory, const char *name, struct mix **mix)
{
    struct defect defect = {.offset = DEFECT_NOWHERE};
    struct root root = {.fd = directory};
    char file[NAME_MAX + 1], line[2048], text[4096];
    struct version version;
    struct stat st;
    int fd, r = mixes_find(&root, "", name, file);

    if (r < 0)
        return r == -ENOMEM ? r : -ENOENT;
    fd = r = root_open(&root, file, true, &st);
    if (fd >= 0) {
        r = mixes_read(fd, mix, &version, &defect);
        (void)close(fd);
    }
    if (r == 0)
        return 0;
    (void)snprintf(line, sizeof(line), "%s: %s", file, defect.text[0] ? defect.text : strerror(-r));
    log_escape(line, text, sizeof(text));
    (void)fprintf(stderr, "%s\n", text);
    return -EINVAL;
}

/* A mix beside `source`. -ENOENT; else the user has been told. */
static int find_mix(const char *source, const char *text, struct variant *variant, struct mix **mix)
{
    const char *slash = strrchr(source, '/');
    char *directory = slash ? strndup(source, (size_t)(slash + 1 - source)) : strdup(".");
    int fd = directory ? open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1, r = -ENOENT;

    free(directory);
    if (fd < 0)
        return -ENOENT;
    if (variant_parse_mix(text, strlen(text), variant))
        r = read_mix(fd, variant->mix, mix);
    (void)close(fd);
    if (r == 0)
        *variant = (*mix)->variant;
    return r;
}

/* *mix is the mix that the variant is one of, or NULL. */
static int parse_variant(const char *source, const char *text, struct variant *variant,
                         struct mix **mix)
{
    int r;
    size_t length = strcspn(text, "+");
    const struct ftype *ftype = ftype_find(text, length);
    struct defect defect;
    char shown[1024];

    if (variant_parse_why(text, strlen(text), variant, &defect) == 0)
        return 0;
    r = find_mix(source, text, variant, mix);
    if (r != -ENOENT)
        return r;
    log_escape(text, shown, sizeof(shown));
    if (!ftype)
        (void)fprintf(stderr, "quantfs recipe: no file type in '%s'\n", shown);
    else
        (void)fprintf(stderr, "quantfs recipe: no such variant: '%s'%s%s\n", shown,
                      defect.text[0] ? ": " : "", defect.text);
    return -ENOENT;
}

static void print_help(const char *program)
{
    (void)printf(
        "usage: %s [--allow-requantize] SOURCE VARIANT\n\n"
        "Prints what the view SOURCE@VARIANT will be, from metadata alone: tensor by\n"
        "tensor in file order its name, shape, source type, type, offset and size.\n"
        "SOURCE: a GGUF file, the first file of a split set, or a Hugging Face directory.\n"
        "VARIANT: as in the mount, for example q4_k_m, q4_k_m+pure or mmproj-f16, or the\n"
        "NAME of a file NAME.mix beside SOURCE. With +imatrix the importance matrix\n"
        "beside SOURCE counts; where one is missing, that is only a warning here.\n\n"
        "  --allow-requantize  as with -o allow_requantize: from quantized types, too\n",
        program);
}

/* The importance matrix beside the model becomes the source's; *found is false if there is none.
 * -errno with the user told. */
static int find_imatrix(const struct cmd_source *model, const struct mix *mix, bool *found)
{
    struct defect defect = {.offset = DEFECT_NOWHERE};
    struct imatrix *imatrix = NULL;
    char name[NAME_MAX + 1], line[2048], text[4096];
    struct version version;
    bool named = mix && mix->imatrix[0];
    int beside = model->beside >= 0 ? model->beside : model->directory;
    int fd = -1, r;

    if (named)
        (void)snprintf(name, sizeof(name), "%s", mix->imatrix);
    for (unsigned i = 0; i < (named ? 1 : IMPORTANCE_PLACES_BESIDE) && fd < 0; i++)
        if (named || importance_name(model->name, i, name))
            fd = openat(beside, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    *found = fd >= 0;
    if (fd < 0) {
        (void)fprintf(stderr, "quantfs recipe: warning: there is no importance matrix\n");
        return 0;
    }
    r = importance_read(fd, name, &imatrix, &version, &defect);
    if (r == 0)
        r = imatrix_check(imatrix, &defect);
    if (r == 0)
        return source_set_imatrix(model->source, imatrix, &version, fd, false);
    imatrix_free(imatrix);
    (void)close(fd);
    (void)snprintf(line, sizeof(line), "%s: %s", name, defect.text);
    log_escape(line, text, sizeof(text));
    (void)fprintf(stderr, "%s\n", text);
    return r;
}

static void warn(const struct recipe *recipe, struct variant variant)
{
    char name[512], text[VARIANT_TEXT_MAX];

    log_escape(recipe->lacking, name, sizeof(name));
    (void)fprintf(stderr,
                  "quantfs recipe: warning: tensor %s cannot do without an importance matrix\n",
                  name);
    if (variant.imatrix || variant.rules)
        return;
    variant.imatrix = true;
    variant_format(&variant, text, sizeof(text));
    (void)fprintf(stderr, "quantfs recipe: the variant with one is %s\n", text);
}

/* *recipe stays NULL where the view is the source itself. */
static int make_view(const struct cmd_source *model, const struct variant *variant,
                     struct recipe **recipe, struct view **view, struct defect *defect)
{
    int r;

    if (view_is_verbatim(model->source, variant))
        return view_make_verbatim(model->source, view);
    r = recipe_make(model->source, &model->facts, variant, recipe, defect);
    return r < 0 ? r : view_make(model->source, *recipe, view, defect);
}

int cmd_recipe(const char *program, int argc, char **argv)
{
    struct cmd_source model = {.directory = -1, .beside = -1};
    struct defect defect = {.offset = DEFECT_NOWHERE};
    struct recipe *recipe = NULL;
    struct view *view = NULL;
    struct variant variant;
    struct mix *mix = NULL;
    bool requantize = false, found = false;
    char text[8192], *path;
    int r;

    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        print_help(program);
        return 0;
    }
    if (argc == 4 && strcmp(argv[1], "--allow-requantize") == 0) {
        requantize = true;
        argv++;
        argc--;
    }
    if (argc != 3) {
        (void)fprintf(stderr, "usage: %s [--allow-requantize] SOURCE VARIANT\n", program);
        return 1;
    }
    path = cmd_source_find(argv[1]);
    if (!path || parse_variant(path, argv[2], &variant, &mix) < 0) {
        free(path);
        return 1;
    }
    variant.requantize = requantize;
    r = cmd_source_open_as(path, cmd_source_become(&variant), variant.rules, &model, &defect);
    if (r == 0 && variant.imatrix && find_imatrix(&model, mix, &found) < 0) {
        r = -EINVAL;
        goto out;
    }
    variant.dry_run = !found;
    if (r == 0)
        r = make_view(&model, &variant, &recipe, &view, &defect);
    if (r < 0) {
        if (defect.text[0] == '\0')
            (void)snprintf(defect.text, sizeof(defect.text), "%s", strerror(-r));
        cmd_source_describe(path, &model, &defect, text, sizeof(text));
        (void)fprintf(stderr, "%s\n", text);
        goto out;
    }
    if (recipe && recipe->lacking)
        warn(recipe, variant);
    r = print_recipe(view);
    if (r < 0)
        (void)fprintf(stderr, "quantfs recipe: standard output: %s\n", strerror(-r));
out:
    view_free(view);
    recipe_free(recipe);
    cmd_source_close(&model);
    mix_free(mix);
    free(path);
    return r < 0 ? 1 : 0;
}
