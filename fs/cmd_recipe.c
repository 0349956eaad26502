#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs/cmd.h"
#include "fs/cmd_source.h"
#include "fs/log.h"
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

static int parse_variant(const char *text, struct variant *variant)
{
    size_t length = strcspn(text, "+");
    const struct ftype *ftype = ftype_find(text, length);
    char shown[256];

    if (variant_parse(text, strlen(text), variant) == 0)
        return 0;
    log_escape(text, shown, sizeof(shown));
    if (!ftype)
        (void)fprintf(stderr, "quantfs recipe: no file type in '%s'\n", shown);
    else
        (void)fprintf(stderr, "quantfs recipe: no such variant: '%s'\n", shown);
    return -ENOENT;
}

static void print_help(const char *program)
{
    (void)printf("usage: %s [--allow-requantize] SOURCE VARIANT\n\n"
                 "Prints what the view SOURCE@VARIANT will be, from metadata alone: tensor by\n"
                 "tensor in file order its name, shape, source type, type, offset and size.\n"
                 "SOURCE: a GGUF file, or the first file of a split set. VARIANT: as in the\n"
                 "mount, for example q4_k_m or q4_k_m+pure.\n\n"
                 "  --allow-requantize  as with -o allow_requantize: from quantized types, too\n",
                 program);
}

int cmd_recipe(const char *program, int argc, char **argv)
{
    struct cmd_source model = {.directory = -1};
    struct defect defect = {.offset = DEFECT_NOWHERE};
    struct recipe *recipe = NULL;
    struct view *view = NULL;
    struct variant variant;
    bool requantize = false;
    char text[8192];
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
    if (parse_variant(argv[2], &variant) < 0)
        return 1;
    variant.requantize = requantize;
    r = cmd_source_open(argv[1], &model, &defect);
    if (r == 0)
        r = recipe_make(model.source, &model.facts, &variant, &recipe, &defect);
    if (r == 0)
        r = view_make(model.source, recipe, &view, &defect);
    if (r < 0) {
        if (defect.text[0] == '\0')
            (void)snprintf(defect.text, sizeof(defect.text), "%s", strerror(-r));
        cmd_source_describe(argv[1], &model, &defect, text, sizeof(text));
        (void)fprintf(stderr, "%s\n", text);
        goto out;
    }
    r = print_recipe(view);
    if (r < 0)
        (void)fprintf(stderr, "quantfs recipe: standard output: %s\n", strerror(-r));
out:
    view_free(view);
    recipe_free(recipe);
    cmd_source_close(&model);
    return r < 0 ? 1 : 0;
}
