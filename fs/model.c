#include "fs/model.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs/directory.h"
#include "fs/model_shelf.h"

static struct model_shelf_entry *entry_of(struct model_record *record)
{
    return (struct model_shelf_entry *)((char *)record -
                                        offsetof(struct model_shelf_entry, record));
}

static bool has_versions(const struct model_shelf_entry *entry, unsigned count,
                         const struct version *versions)
{
    const struct probe_files *files = &entry->record.files;

    return versions_equal(files->versions, files->count, versions, count);
}

static const char *projector_form(enum type type)
{
    return type == TYPE_F16    ? MODEL_FORM_PROJECTOR "=f16"
           : type == TYPE_BF16 ? MODEL_FORM_PROJECTOR "=bf16"
           : type == TYPE_Q8_0 ? MODEL_FORM_PROJECTOR "=q8_0"
                               : MODEL_FORM_PROJECTOR "=f32";
}

const char *model_form(const char *path, const struct variant *variant)
{
    static const struct {
        enum type type;
        const char *plain, *imatrix;
    } forms[] = {
        {TYPE_NONE, "", "+imatrix"},
        {TYPE_F16, "+from=f16", "+imatrix+from=f16"},
        {TYPE_BF16, "+from=bf16", "+imatrix+from=bf16"},
        {TYPE_F32, "+from=f32", "+imatrix+from=f32"},
    };
    const struct ftype *from = variant->from;
    size_t i = sizeof(forms) / sizeof(forms[0]) - 1;

    if (variant->mix[0])
        return variant->mix;
    if (variant->projector)
        return projector_form(variant->ftype->type);
    if (directory_is_model(path) && variant_is_plain(variant))
        from = variant->ftype;
    while (i > 0 && !(from && from->type == forms[i].type))
        i--;
    return variant->imatrix ? forms[i].imatrix : forms[i].plain;
}

const struct ftype *model_form_from(const char *form)
{
    const char *from = model_form_is_projector(form) ? form : strstr(form, "+from=");
    const char *equals = from && *form == '+' ? strchr(from, '=') : NULL;

    return equals ? ftype_find(equals + 1, strlen(equals + 1)) : NULL;
}

bool model_form_is_projector(const char *form)
{
    return strncmp(form, MODEL_FORM_PROJECTOR, strlen(MODEL_FORM_PROJECTOR)) == 0;
}

static struct model_shelf_entry *new_entry(const char *path, const char *form,
                                           struct probe_files *files)
{
    size_t length = strlen(path), form_length = strlen(form);
    struct model_shelf_entry *entry = malloc(sizeof(*entry) + length + form_length + 2);
    char *copy;

    if (!entry) {
        probe_files_free(files);
        return NULL;
    }
    *entry = (struct model_shelf_entry){.record = {.files = *files}};
    copy = (char *)(entry + 1);
    memcpy(copy, path, length + 1);
    entry->record.path = copy;
    entry->record.form = memcpy(copy + length + 1, form, form_length + 1);
    *files = (struct probe_files){0};
    return entry;
}

int model_record_get(struct model_shelf *shelf, const char *path, const char *form,
                     struct probe_files *files, struct model_record **record)
{
    struct model_shelf_trash trash;
    struct model_shelf_entry *entry, *made = NULL;

    model_shelf_trash_init(&trash);
    pthread_mutex_lock(&shelf->lock);
    entry = model_shelf_find(shelf, path, form);
    if (entry && !has_versions(entry, files->count, files->versions)) {
        model_shelf_drop(shelf, entry, &trash);
        entry = NULL;
    }
    if (!entry && (made = new_entry(path, form, files)) != NULL) {
        struct model_shelf_entry **bucket = model_shelf_bucket(shelf, path);

        entry = made;
        entry->next = *bucket;
        *bucket = entry;
        shelf->record_count++;
    } else if (entry) {
        model_shelf_remove(&entry->age);
    }
    if (entry) {
        model_shelf_append(&shelf->records, &entry->age);
        entry->users++;
        if (!made)
            entry->record.files.mode = files->mode;
        model_shelf_trim_records(shelf, &trash);
        *record = &entry->record;
    }
    pthread_mutex_unlock(&shelf->lock);
    probe_files_free(files);
    model_shelf_trash_empty(&trash);
    return entry ? 0 : -ENOMEM;
}

void model_record_put(struct model_shelf *shelf, struct model_record *record)
{
    struct model_shelf_entry *entry = entry_of(record);

    pthread_mutex_lock(&shelf->lock);
    entry->users--;
    if (entry->dropped && entry->users == 0)
        model_shelf_free_entry(entry);
    pthread_mutex_unlock(&shelf->lock);
}

void model_record_drop(struct model_shelf *shelf, const char *path, const char *form)
{
    struct model_shelf_trash trash;
    struct model_shelf_entry *entry;

    model_shelf_trash_init(&trash);
    pthread_mutex_lock(&shelf->lock);
    entry = model_shelf_find(shelf, path, form);
    if (entry)
        model_shelf_drop(shelf, entry, &trash);
    pthread_mutex_unlock(&shelf->lock);
    model_shelf_trash_empty(&trash);
}

struct model *model_get(struct model_shelf *shelf, struct model_record *record)
{
    struct model *model;

    pthread_mutex_lock(&shelf->lock);
    model = entry_of(record)->model;
    if (model)
        model_shelf_use_model(shelf, model);
    pthread_mutex_unlock(&shelf->lock);
    return model;
}

void model_put(struct model_shelf *shelf, struct model *model)
{
    struct model_shelf_trash trash;

    model_shelf_trash_init(&trash);
    pthread_mutex_lock(&shelf->lock);
    model_shelf_unuse_model(shelf, model, &trash);
    model_shelf_trim(shelf, &trash);
    pthread_mutex_unlock(&shelf->lock);
    model_shelf_trash_empty(&trash);
}

/* What a parsed source takes, about: names and numbers of its tensors and keys. */
static size_t source_memory(const struct source *source)
{
    const struct imatrix *imatrix = source_imatrix(source);
    size_t count;

    (void)source_tensors(source, &count);
    return 4096 + count * 320 + source_gguf(source)->key_count * 128 +
           source_header_memory(source) + (imatrix ? imatrix->memory : 0);
}

int model_set(struct model_shelf *shelf, struct model_record *record, struct source *source,
              struct mix *mix, const struct arch_facts *facts, struct model **out)
{
    struct model_shelf_entry *entry = entry_of(record);
    const char *slash = strrchr(record->path, '/');
    size_t length = slash ? (size_t)(slash + 1 - record->path) : 0;
    struct model *model = malloc(sizeof(*model) + length + 1);
    struct model_shelf_trash trash;

    if (!model) {
        source_close(source);
        mix_free(mix);
        return -ENOMEM;
    }
    *model = (struct model){
        .users = 1,
        .files = source_file_count(source) + (source_imatrix(source) != NULL) + (mix != NULL),
        .memory = source_memory(source) + (mix ? mix->memory : 0),
        .young = record->young,
        .source = source,
        .mix = mix,
        .facts = *facts,
    };
    memcpy(model->directory, record->path, length);
    model->directory[length] = '\0';
    model_shelf_trash_init(&trash);
    pthread_mutex_lock(&shelf->lock);
    model_shelf_detach(shelf, entry, &trash);
    if (!entry->dropped) {
        model->entry = entry;
        entry->model = model;
    }
    shelf->files += model->files;
    model_shelf_trim(shelf, &trash);
    pthread_mutex_unlock(&shelf->lock);
    model_shelf_trash_empty(&trash);
    *out = model;
    return 0;
}

void model_unset(struct model_shelf *shelf, struct model_record *record)
{
    struct model_shelf_trash trash;

    model_shelf_trash_init(&trash);
    pthread_mutex_lock(&shelf->lock);
    model_shelf_detach(shelf, entry_of(record), &trash);
    pthread_mutex_unlock(&shelf->lock);
    model_shelf_trash_empty(&trash);
}

const struct source *model_source(const struct model *model)
{
    return model->source;
}

const struct arch_facts *model_facts(const struct model *model)
{
    return &model->facts;
}

const struct mix *model_mix(const struct model *model)
{
    return model->mix;
}

struct model_reason *model_reason_new(const char *variant, const struct defect *defect)
{
    size_t size = strlen(defect->text) + 1, variant_size = variant ? strlen(variant) + 1 : 0;
    struct model_reason *reason = malloc(sizeof(*reason) + size + variant_size);

    if (!reason)
        return NULL;
    *reason = (struct model_reason){.offset = defect->offset, .shard = defect->shard};
    memcpy(reason->text, defect->text, size);
    if (variant)
        reason->variant = memcpy(reason->text + size, variant, variant_size);
    return reason;
}

static struct model_result *find_result(const struct model_record *record, const char *variant)
{
    for (size_t i = 0; i < record->result_count; i++)
        if (strcmp(record->results[i].variant, variant) == 0)
            return &record->results[i];
    return NULL;
}

const struct model_result *model_record_find(const struct model_record *record,
                                             const struct variant *variant)
{
    char text[VARIANT_TEXT_MAX];

    variant_format(variant, text, sizeof(text));
    return find_result(record, text);
}

static struct model_result *add_result(struct model_record *record, const char *variant)
{
    struct model_result *results;
    char *copy = strdup(variant);

    if (record->result_count == MODEL_RESULTS_MAX) {
        model_results_free(record->results, record->result_count);
        record->results = NULL;
        record->result_count = 0;
    }
    results = realloc(record->results, (record->result_count + 1) * sizeof(*results));
    if (results)
        record->results = results;
    if (!results || !copy) {
        free(copy);
        return NULL;
    }
    record->changed = true;
    results += record->result_count++;
    *results = (struct model_result){.variant = copy};
    return results;
}

void model_record_keep(struct model_record *record, const struct variant *variant, int r,
                       uint64_t size, uint64_t data)
{
    struct model_result *result;
    char text[VARIANT_TEXT_MAX];

    variant_format(variant, text, sizeof(text));
    result = find_result(record, text);
    if (!result)
        result = add_result(record, text);
    if (!result)
        return;
    record->changed =
        record->changed || result->size != size || result->data != data || result->r != r;
    *result = (struct model_result){.variant = result->variant, .r = r, .size = size, .data = data};
}

void model_results_free(struct model_result *results, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(results[i].variant);
    free(results);
}

/* Called with the lock. */
static struct model_view *find_view(struct model_shelf *shelf, struct model *model,
                                    const char *variant, struct facet facet)
{
    struct model_view *view = model->views;

    while (view && !(facets_equal(view->facet, facet) && strcmp(view->variant, variant) == 0))
        view = view->next;
    if (view)
        model_shelf_use_view(shelf, view);
    return view;
}

struct model_view *model_view_find(struct model_shelf *shelf, struct model *model,
                                   const struct variant *variant, struct facet facet)
{
    char text[VARIANT_TEXT_MAX];
    struct model_view *view;

    variant_format(variant, text, sizeof(text));
    pthread_mutex_lock(&shelf->lock);
    view = find_view(shelf, model, text, facet);
    pthread_mutex_unlock(&shelf->lock);
    return view;
}

struct model_view *model_view_find_at(struct model_shelf *shelf, const char *path,
                                      unsigned version_count, const struct version *versions,
                                      const struct variant *variant, struct facet facet)
{
    char text[VARIANT_TEXT_MAX];
    struct model_view *view = NULL;
    struct model_shelf_entry *entry;

    variant_format(variant, text, sizeof(text));
    pthread_mutex_lock(&shelf->lock);
    entry = model_shelf_find(shelf, path, model_form(path, variant));
    if (entry && entry->model && has_versions(entry, version_count, versions) &&
        (!entry->model->young || probe_files_young(&entry->record.files)))
        view = find_view(shelf, entry->model, text, facet);
    pthread_mutex_unlock(&shelf->lock);
    return view;
}

int model_view_new(struct model_shelf *shelf, struct model *model, const struct variant *variant,
                   struct facet facet, struct view *view, struct model_view **out)
{
    char text[VARIANT_TEXT_MAX];
    struct model_view *model_view;

    variant_format(variant, text, sizeof(text));
    model_view = malloc(sizeof(*model_view) + strlen(text) + 1);
    if (!model_view) {
        view_free(view);
        return -ENOMEM;
    }
    *model_view = (struct model_view){
        .users = 1, .shelf = shelf, .model = model, .facet = facet, .view = view};
    memcpy(model_view->variant, text, strlen(text) + 1);
    atomic_flag_clear(&model_view->told);
    pthread_mutex_lock(&shelf->lock);
    model_view->next = model->views;
    model->views = model_view;
    model_shelf_use_model(shelf, model);
    pthread_mutex_unlock(&shelf->lock);
    *out = model_view;
    return 0;
}

struct model_view *model_view_ref(struct model_view *view)
{
    pthread_mutex_lock(&view->shelf->lock);
    model_shelf_use_view(view->shelf, view);
    pthread_mutex_unlock(&view->shelf->lock);
    return view;
}

void model_view_unref(struct model_view *view)
{
    struct model_shelf *shelf;
    struct model_shelf_trash trash;

    if (!view)
        return;
    shelf = view->shelf;
    model_shelf_trash_init(&trash);
    pthread_mutex_lock(&shelf->lock);
    model_shelf_unuse_view(shelf, view, &trash);
    model_shelf_trim(shelf, &trash);
    pthread_mutex_unlock(&shelf->lock);
    model_shelf_trash_empty(&trash);
}

const struct view *model_view_get(const struct model_view *view)
{
    return view->view;
}

bool model_view_tell(struct model_view *view)
{
    return !atomic_flag_test_and_set(&view->told);
}

void model_view_path(const struct model_view *view, unsigned shard, char *path, size_t size)
{
    const struct source *source = view->model->source;

    (void)snprintf(path, size, "%s%s", view->model->directory,
                   shard < source_shard_count(source) ? source_shard_name(source, shard) : "");
}
