#include "fs/models_variant.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs/folder.h"
#include "fs/record.h"
#include "quant/recipe.h"

/* The reason is that of the first variant refused. */
static void log_no_variant(const struct models_variants *variants, struct model_record *record)
{
    const struct model_reason *reason = record->reason;
    char line[2 * PATH_MAX];

    if (record->told_variant || !reason || !reason->variant)
        return;
    record->told_variant = true;
    models_log_path(variants->models, record->path, line, sizeof(line));
    log_line(variants->log, LOG_LEVEL_INFO, "%s: no variant %s: %s", line, reason->variant,
             reason->text);
}

void models_keep_reason(struct model_record *record, const struct variant *variant, int r,
                        const struct defect *defect)
{
    struct defect shown = *defect;
    char text[VARIANT_TEXT_MAX];

    if (shown.text[0] == '\0')
        (void)snprintf(shown.text, sizeof(shown.text), "%s", strerror(-r));
    if (variant)
        variant_format(variant, text, sizeof(text));
    free(record->reason);
    record->reason = model_reason_new(variant ? text : NULL, &shown);
}

static uint64_t data_of(const struct view *view)
{
    uint64_t data = 0;

    for (size_t i = 0; i < view->extent_count; i++)
        data += view->extents[i].size;
    return data;
}

/* A variant that needs an importance matrix is another variant: the one that has it. */
static void advise(const struct variant *variant, struct defect *defect)
{
    struct variant with = *variant;
    char text[VARIANT_TEXT_MAX];
    size_t length = strlen(defect->text);

    if (variant->imatrix || variant->mix[0] || strcmp(defect->text, RECIPE_NEEDS_IMATRIX) != 0)
        return;
    with.imatrix = true;
    variant_format(&with, text, sizeof(text));
    (void)snprintf(defect->text + length, sizeof(defect->text) - length, " Ask for %s", text);
}

/* The log is told of the first variant that a model has not, and of each that lacks something. */
static void tell_no_variant(const struct models_variants *variants, struct model_record *record,
                            const struct variant *variant, const struct defect *defect)
{
    char text[VARIANT_TEXT_MAX];

    variant_format(variant, text, sizeof(text));
    if (record->reason && record->reason->variant && strcmp(record->reason->variant, text) == 0)
        log_no_variant(variants, record);
    else if (strstr(defect->text, " Ask for "))
        models_log_once(variants->models, LOG_LEVEL_INFO, record->path, "no variant %s: %s", text,
                        defect->text);
}

/* What is to be made where that is asked for. */
static struct variant resolve(const struct models_variants *variants, const struct model *model,
                              const struct variant *asked)
{
    const struct mix *mix = model_mix(model);
    struct variant variant = mix ? mix->variant : *asked;

    variant.requantize = variants->requantize;
    return variant;
}

static int make_view(const struct models_variants *variants, struct model_record *record,
                     struct model *model, const struct variant *variant, struct model_view **out)
{
    const struct facet whole = {.kind = FACET_WHOLE};
    struct defect defect = {.offset = DEFECT_NOWHERE};
    const struct variant permitted = resolve(variants, model, variant);
    struct recipe *recipe = NULL;
    struct view *view = NULL;
    int r;

    *out = model_view_find(variants->shelf, model, variant, whole);
    if (*out)
        return 0;
    if (source_is_directory(model_source(model)) &&
        (permitted.projector || variant_is_plain(&permitted)) &&
        !view_is_verbatim(model_source(model), &permitted))
        return -ENOENT; /* another form than this one has it */
    if (view_is_verbatim(model_source(model), &permitted)) {
        r = view_make_verbatim(model_source(model), &view);
    } else {
        r = recipe_make(model_source(model), model_facts(model), &permitted, &recipe, &defect);
        if (r == 0)
            r = view_make(model_source(model), recipe, &view, &defect);
        recipe_free(recipe);
    }
    if (r == -EINVAL || r == -ENOTSUP) {
        advise(variant, &defect);
        if (!record->reason)
            models_keep_reason(record, variant, r, &defect);
        tell_no_variant(variants, record, variant, &defect);
        return -ENOENT;
    }
    return r < 0 ? r : model_view_new(variants->shelf, model, variant, whole, view, out);
}

/* The size of one variant; its view too, unless `view` is NULL. */
static int find_out(const struct models_variants *variants, struct model_record *record,
                    struct model *model, const struct variant *variant, uint64_t *size,
                    struct model_view **view)
{
    const struct model_result *known = model_record_find(record, variant);
    struct model_view *made = NULL;
    uint64_t data = 0;
    int r;

    if (known && (known->r < 0 || !view)) {
        if (known->r < 0)
            log_no_variant(variants, record);
        *size = known->size;
        return known->r;
    }
    *size = 0;
    r = make_view(variants, record, model, variant, &made);
    if (r == 0) {
        *size = model_view_get(made)->size;
        data = data_of(model_view_get(made));
    }
    if (r == 0 || r == -ENOENT)
        model_record_keep(record, variant, r, *size, data);
    if (view)
        *view = made;
    else
        model_view_unref(made);
    return r;
}

/* Of a variant whose whole view is there. -ENOENT: there is no such facet. */
static int make_facet(const struct models_variants *variants, struct model *model,
                      const struct variant *variant, const struct model_view *whole,
                      struct facet facet, struct model_view **out)
{
    const struct variant permitted = resolve(variants, model, variant);
    struct view *view = NULL;
    int r;

    *out = model_view_find(variants->shelf, model, variant, facet);
    if (*out)
        return 0;
    r = folder_view(model_source(model), model_facts(model), &permitted, model_view_get(whole),
                    facet, &view);
    return r < 0 ? r : model_view_new(variants->shelf, model, variant, facet, view, out);
}

/* As find_out(), for a facet of the variant. */
static int find_out_facet(const struct models_variants *variants, struct model_record *record,
                          struct model *model, const struct models_question *question,
                          uint64_t *size, struct model_view **view)
{
    struct model_view *whole = NULL, *made = NULL;
    int r = find_out(variants, record, model, &question->variants[0], size, &whole);

    if (r == 0)
        r = make_facet(variants, model, &question->variants[0], whole, question->facet, &made);
    if (r == 0)
        *size = model_view_get(made)->size;
    model_view_unref(whole);
    if (question->want_view)
        *view = made;
    else
        model_view_unref(made);
    return r;
}

bool models_is_known(const struct model_record *record, const struct models_question *question)
{
    const struct model_result *result;

    if (question->facet.kind != FACET_WHOLE)
        return false;
    for (size_t i = 0; i < question->variant_count; i++) {
        result = model_record_find(record, &question->variants[i]);
        if (!result || (question->want_view && i == 0 && result->r == 0))
            return false;
    }
    return true;
}

void models_fill_names(const struct model_record *record, struct models_question *question)
{
    question->view = NULL;
    question->version_count = record->files.count;
    question->versions = record->files.versions;
    question->young = probe_files_young(&record->files);
    question->sized = false;
    for (size_t i = 0; i < question->variant_count; i++) {
        question->results[i] = question->natives && variant_is_plain(&question->variants[i]) &&
                                       question->variants[i].ftype->number != record->ftype
                                   ? -ENOENT
                                   : 0;
        question->attrs[i] = probe_attr(&record->files, &question->variants[i], 0);
    }
}

/* Which of three types a directory becomes is asked with each listing of it, but not by who looks
 * at one variant. Here it costs next to nothing; later the model would be opened for it alone. */
static void note_natives(const struct models_variants *variants, struct model_record *record,
                         struct model *model)
{
    static const char *const names[] = {"f16", "bf16", "f32"};
    uint64_t size;

    if (!source_is_directory(model_source(model)) || model_mix(model))
        return;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const struct variant native = {.ftype = ftype_find(names[i], strlen(names[i])),
                                       .output_type = TYPE_NONE,
                                       .token_embd_type = TYPE_NONE};

        /* What failed is found out when it is asked for. */
        (void)find_out(variants, record, model, &native, &size, NULL);
    }
}

void models_fill_answer(const struct models_variants *variants, struct model_record *record,
                        struct model *model, struct models_question *question)
{
    const struct variant *asked = question->variants;
    uint64_t size;

    question->view = NULL;
    question->version_count = record->files.count;
    question->versions = record->files.versions;
    question->young = probe_files_young(&record->files);
    question->sized = true;
    for (size_t i = 0; i < question->variant_count && question->facet.kind == FACET_WHOLE; i++) {
        question->results[i] = find_out(variants, record, model, &asked[i], &size,
                                        question->want_view && i == 0 ? &question->view : NULL);
        question->attrs[i] = probe_attr(&record->files, &asked[i], size);
    }
    if (question->facet.kind != FACET_WHOLE) {
        question->results[0] =
            find_out_facet(variants, record, model, question, &size, &question->view);
        question->attrs[0] = probe_attr(&record->files, &asked[0], size);
        folder_attr(&question->attrs[0], question->facet);
    }
    if (model)
        note_natives(variants, record, model);
}
