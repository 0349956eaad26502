#include "fs/listing_make.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fs/folder.h"
#include "fs/probe.h"
#include "fs/survey.h"

/* Questions of one listing under way: a few, so that those of others get their turn. */
#define QUESTIONS_MAX 4
/* Types that a directory can become. */
#define NATIVES 3

struct making;

/* The mixes of a directory. */
struct mixes {
    size_t count;
    struct variant *variants;
};

struct slot {
    struct models_question question; /* must be first */
    struct making *making;
    const struct survey_model *model;
    size_t asked; /* of the variants, then of the mixes that are listed as they are there */
    struct variant *variants; /* room for what is asked about a directory */
    bool natives_asked, projector_asked;
    struct mixes own; /* of `directory`, if the model is shown elsewhere */
    bool own_known;
    int *results;
    struct tree_attr *attrs;
    char directory[PATH_MAX]; /* of the model, on disk */
};

struct making {
    struct listing_config config;
    struct listing *listing;
    struct survey own;           /* of the directory */
    struct survey *shared;       /* of the tree: a reference */
    const struct survey *survey; /* one of them */
    size_t no_source;            /* number of the source of groups */
    struct mixes mixes;          /* of the directory, unless the mount is arranged */
    pthread_mutex_t lock;
    /* protected by lock, as is the listing while slots are at work */
    size_t next; /* model */
    unsigned at_work;
    int r;
    struct slot slots[QUESTIONS_MAX];
};

/* ---- entries ---- */

static bool is_asked_for(const struct making *making, const struct variant *mix)
{
    for (size_t i = 0; i < making->config.variant_count; i++)
        if (strcmp(making->config.variants[i].mix, mix->mix) == 0)
            return true;
    return false;
}

/* An entry of a directory on disk: a mix that is listed, though nobody asks for it? */
static int add_mix(struct making *making, const char *directory, const char *file,
                   struct mixes *mixes)
{
    size_t length = mixes_name(file);
    struct variant *variants, variant;
    char path[PATH_MAX];

    if (length == 0)
        return 0;
    if (!variant_parse_mix(file, length, &variant)) {
        if (root_join(directory, file, path, sizeof(path)) == 0)
            models_log_once(making->config.models, LOG_LEVEL_INFO, path,
                            "a mix cannot be called so%s: it is not used",
                            ftype_find(file, length) ? ", as a file type is" : "");
        return 0;
    }
    for (size_t i = 0; i < mixes->count; i++)
        if (strcmp(mixes->variants[i].mix, variant.mix) == 0)
            return 0;
    if (is_asked_for(making, &variant))
        return 0;
    variants = realloc(mixes->variants, (mixes->count + 1) * sizeof(*variants));
    if (!variants)
        return -ENOMEM;
    mixes->variants = variants;
    variants[mixes->count++] = variant;
    return 0;
}

static int read_mixes(struct making *making, const char *directory, struct mixes *mixes)
{
    const struct dirent *entry;
    int r = 0, fd = root_open_directory(making->config.root, directory, O_RDONLY);
    DIR *stream = fd < 0 ? NULL : fdopendir(fd);

    mixes->count = 0;
    if (!stream && fd >= 0)
        (void)close(fd);
    while (stream && r == 0 && (entry = readdir(stream)) != NULL)
        r = add_mix(making, directory, entry->d_name, mixes);
    if (stream)
        (void)closedir(stream);
    return r;
}

/* An entry of the directory on disk. */
static int add_real(void *context, const struct dirent *entry)
{
    const struct listing_entry shown = {
        .name = entry->d_name, .inode = entry->d_ino, .type = entry->d_type};
    struct making *making = context;
    struct listing *listing = making->listing;
    int r;

    r = add_mix(making, making->config.directory, entry->d_name, &making->mixes);
    if (r < 0)
        return r;
    if (strcmp(entry->d_name, ".") == 0)
        listing_set_inodes(listing, entry->d_ino, listing_parent_inode(listing));
    else if (strcmp(entry->d_name, "..") == 0)
        listing_set_inodes(listing, listing_inode(listing), entry->d_ino);
    else
        return listing_add(listing, &shown, LISTING_REAL, 0);
    return 0;
}

/* Is the model shown here though it lies elsewhere? */
static bool is_shown(const struct making *making, const struct survey_model *model)
{
    return model->place && !layout_is_arranged(making->config.layout);
}

static enum listing_claim claim_of(const struct making *making, const struct survey_model *model)
{
    if (is_shown(making, model))
        return model->directory ? LISTING_SHOWN_DIRECTORY
               : model->shards  ? LISTING_SHOWN_SET
                                : LISTING_SHOWN_FILE;
    return model->directory ? LISTING_DIRECTORY : model->shards ? LISTING_SET : LISTING_FILE;
}

/* A facet of a variant, whose name and attributes are those of the whole view. */
static int add_facet(struct making *making, const struct survey_model *model,
                     const struct listing_entry *view, enum facet_kind kind, size_t source)
{
    struct listing_entry entry = *view;

    entry.facet.kind = kind;
    entry.type = facet_is_folder(entry.facet) ? DT_DIR : DT_REG;
    folder_attr(&entry.attr, entry.facet);
    entry.inode = entry.attr.inode;
    return listing_add(making->listing, &entry, claim_of(making, model), source);
}

/* Called with the lock. A view and, if that is asked for, its folder; in its name the variant is
 * spelled as `shown`. */
static int add_view(struct making *making, const struct survey_model *model,
                    const struct tree_attr *attr, bool sized, const char *variant,
                    const char *shown, size_t source)
{
    enum facet_kind kind = making->config.layout == LAYOUT_DIRS ? FACET_WRAP : FACET_WHOLE;
    char name[NAME_MAX + 1];
    struct listing_entry view = {.name = name, .variant = variant, .sized = sized, .attr = *attr};
    int r, length = snprintf(name, sizeof(name), "%.*s@%s.gguf", (int)model->stem_length,
                             model->stem, shown);

    if (length > NAME_MAX)
        return 0;
    r = add_facet(making, model, &view, kind, source);
    name[length - 5] = '\0';
    return r < 0 || !making->config.browse ? r
                                           : add_facet(making, model, &view, FACET_FOLDER, source);
}

/* Called with the lock. The way to a place beneath the directory. */
static int add_group(struct making *making, const char *part, size_t length)
{
    char name[NAME_MAX + 1];
    struct listing_entry group = {.name = name,
                                  .type = DT_DIR,
                                  .facet.kind = FACET_GROUP,
                                  .sized = true,
                                  .attr = making->config.group_attr};

    if (snprintf(name, sizeof(name), "%.*s", (int)length, part) > NAME_MAX)
        return 0;
    group.inode = group.attr.inode = layout_inode(making->config.directory, name);
    return listing_add(making->listing, &group, LISTING_GROUP, making->no_source);
}

/* Called with the lock. What there is of one model. */
static int add_model(struct making *making, const struct slot *slot)
{
    const struct models_question *question = &slot->question;
    const struct probe_mix *mix = question->record->files.mix;
    char text[VARIANT_TEXT_MAX], shown[VARIANT_TEXT_MAX];
    const char *part = "";
    bool have_source = false;
    size_t source = 0, length = 0;
    int r = 0;

    if (slot->model->place)
        (void)layout_next(slot->model->place, making->config.directory, &part, &length);
    for (size_t i = 0; i < question->variant_count && r == 0; i++) {
        if (slot->results[i] < 0)
            continue;
        if (length > 0)
            return add_group(making, part, length);
        if (!have_source)
            r = listing_add_source(making->listing, slot->model->path, question->version_count,
                                   question->versions, &source);
        have_source = true;
        variant_format(&question->variants[i], text, sizeof(text));
        (void)snprintf(shown, sizeof(shown), "%.*s",
                       mix ? (int)mixes_name(mix->file) : (int)sizeof(shown) - 1,
                       mix ? mix->file : text);
        if (r == 0)
            r = add_view(making, slot->model, &slot->attrs[i], question->sized, text, shown,
                         source);
    }
    return r;
}

/* ---- asking ---- */

static void finish(struct making *making);

/* Called with the lock. The next model that is to be seen here, or NULL. */
static const struct survey_model *next_model(struct making *making)
{
    const struct survey_model *model;
    const char *part;
    size_t length;

    while (making->next < making->survey->count) {
        model = &making->survey->models[making->next++];
        if (!model->place || layout_next(model->place, making->config.directory, &part, &length))
            return model;
    }
    return NULL;
}

/* Those beside the slot's model, which may be in another directory. */
static const struct mixes *mixes_of(const struct slot *slot)
{
    return slot->model->place ? &slot->own : &slot->making->mixes;
}

/* Has every model that variant? Those that need nothing but weights that are floats. */
static bool is_certain(const struct variant *variant)
{
    char text[VARIANT_TEXT_MAX];

    variant_format(variant, text, sizeof(text));
    if (variant->mix[0] || variant->projector || strchr(text, '+'))
        return false;
    switch (variant->ftype->type) {
    case TYPE_F32:
    case TYPE_F16:
    case TYPE_BF16:
    case TYPE_Q4_0:
    case TYPE_Q5_0:
    case TYPE_Q8_0:
    case TYPE_Q3_K:
    case TYPE_Q4_K:
    case TYPE_Q5_K:
    case TYPE_Q6_K:
        return true;
    default:
        return false;
    }
}

/* A vocabulary is long: names alone are listed before it was read, and a directory is not read for
 * them. Who asks for a size has it read. */
static void ask(struct slot *slot)
{
    struct models_question *question = &slot->question;

    question->names_only = slot->model->directory;
    for (size_t i = 0; i < question->variant_count; i++)
        question->names_only = question->names_only && is_certain(&question->variants[i]);
    models_ask(slot->making->config.models, question);
}

/* Does the mount list that variant of every model, or of every projector? */
static bool is_listed(const struct listing_config *config, const struct ftype *ftype,
                      bool projector)
{
    for (size_t i = 0; i < config->variant_count; i++)
        if ((projector ? config->variants[i].projector : variant_is_plain(&config->variants[i])) &&
            config->variants[i].ftype == ftype)
            return true;
    return false;
}

/* Adds the three types to the question, of the model or of its projector. */
static void add_types(struct slot *slot, bool projector)
{
    static const char *const names[NATIVES] = {"f16", "bf16", "f32"};
    struct models_question *question = &slot->question;

    question->natives = true;
    question->variants = slot->variants;
    for (size_t i = 0; i < NATIVES; i++) {
        const struct ftype *ftype = ftype_find(names[i], strlen(names[i]));

        if (!is_listed(&slot->making->config, ftype, projector))
            slot->variants[question->variant_count++] =
                (struct variant){.ftype = ftype,
                                 .projector = projector,
                                 .output_type = TYPE_NONE,
                                 .token_embd_type = TYPE_NONE};
    }
}

/* With what is asked about a directory's own files goes which of three types it becomes and loses
 * nothing: it has that one alone. */
static void add_natives(struct slot *slot)
{
    struct models_question *question = &slot->question;

    if (!slot->model->directory || slot->natives_asked ||
        (question->variant_count > 0 && *model_form(question->name, question->variants) != '\0'))
        return;
    slot->natives_asked = true;
    if (question->variant_count > 0)
        memcpy(slot->variants, question->variants,
               question->variant_count * sizeof(*slot->variants));
    add_types(slot, false);
}

/* The same alone, if nothing else was asked about its own files. */
static bool ask_natives(struct slot *slot)
{
    slot->question.variant_count = 0;
    add_natives(slot);
    if (slot->question.variant_count == 0)
        return false;
    ask(slot);
    return true;
}

/* Asks about the projector, last: a directory may have one though its model is refused. Not where
 * a program takes each file for a model, unless -o variants= names it. */
static bool ask_projector(struct slot *slot)
{
    if (!slot->model->directory || slot->projector_asked ||
        slot->making->config.layout == LAYOUT_FLAT)
        return false;
    slot->projector_asked = true;
    slot->question.variant_count = 0;
    add_types(slot, true);
    if (slot->question.variant_count == 0)
        return false;
    ask(slot);
    return true;
}

/* Asks about the variants that are next: those of one form, as others are those of another version
 * of a model's files. False: there are none left. */
static bool ask_variants(struct slot *slot)
{
    const struct listing_config *config = &slot->making->config;
    const struct mixes *mixes = mixes_of(slot);
    struct models_question *question = &slot->question;
    size_t first = slot->asked, last = first + 1;

    if (first >= config->variant_count + mixes->count)
        return ask_natives(slot) || ask_projector(slot);
    question->variants = first < config->variant_count
                             ? &config->variants[first]
                             : &mixes->variants[first - config->variant_count];
    while (last < config->variant_count &&
           strcmp(model_form(question->name, &config->variants[last]),
                  model_form(question->name, question->variants)) == 0)
        last++;
    question->variant_count = last - first;
    question->natives = false;
    slot->asked = last;
    add_natives(slot);
    ask(slot);
    return true;
}

/* The slot's next model, whose name it has. */
static void set_model(struct slot *slot, const struct survey_model *model)
{
    struct making *making = slot->making;
    char directory[PATH_MAX];

    (void)snprintf(directory, sizeof(directory), "%.*s",
                   (int)(model->name > model->path ? model->name - model->path - 1 : 0),
                   model->path);
    slot->model = model;
    slot->asked = 0;
    slot->natives_asked = slot->projector_asked = false;
    slot->question.name = model->name;
    slot->own_known = slot->own_known && strcmp(directory, slot->directory) == 0;
    memcpy(slot->directory, directory, strlen(directory) + 1);
    if (!model->place || slot->own_known)
        return;
    slot->own_known = true;
    if (read_mixes(making, directory, &slot->own) < 0)
        slot->own.count = 0;
}

/* Asks about the next model, or ends the slot's work, and with the last one's all. */
static void ask_next(struct slot *slot)
{
    struct making *making = slot->making;
    const struct survey_model *model;
    bool last;

    pthread_mutex_lock(&making->lock);
    model = making->r == 0 && !atomic_load(making->config.stop) ? next_model(making) : NULL;
    if (!model)
        making->at_work--;
    last = making->at_work == 0;
    pthread_mutex_unlock(&making->lock);
    if (model) {
        set_model(slot, model);
        (void)ask_variants(slot); /* there is one */
    } else if (last) {
        finish(making);
    }
}

static void answered(struct models_question *question, int r)
{
    struct slot *slot = (struct slot *)question;
    struct making *making = slot->making;
    /* Of what is no model nothing else is asked; a mix or matrix may be to blame alone. */
    bool is_model = r == 0 || *model_form(question->name, question->variants) != '\0';

    if (r == 0) {
        pthread_mutex_lock(&making->lock);
        r = add_model(making, slot);
        if (r < 0)
            making->r = r;
        pthread_mutex_unlock(&making->lock);
    }
    if (!(is_model ? ask_variants(slot) : ask_projector(slot)))
        ask_next(slot);
}

/* ---- the outcome ---- */

/* Of a source's path what tells it from another: in one directory the name. */
static const char *told(const struct making *making, const struct listing_source *source)
{
    const char *slash = strrchr(source->path, '/');

    return slash && !layout_is_arranged(making->config.layout) ? slash + 1 : source->path;
}

/* A variant that the winner hides. */
static void log_hidden(void *context, const struct listing_entry *loser,
                       const struct listing_entry *winner)
{
    const struct making *making = context;
    char path[PATH_MAX];

    if (loser->facet.kind == FACET_GROUP && !winner->source && winner->type != DT_DIR &&
        root_join(making->config.directory, winner->name, path, sizeof(path)) == 0)
        models_log_once(making->config.models, LOG_LEVEL_INFO, path,
                        "no directory, so repositories models--%s--NAME are found as %s--NAME@...",
                        winner->name, winner->name);
    /* An entry that was seen twice, as the directory changed; or what goes with a view. */
    if (!loser->source || (loser->facet.kind != FACET_WHOLE && loser->facet.kind != FACET_WRAP))
        return;
    if (winner->source)
        models_log_once(making->config.models, LOG_LEVEL_INFO, loser->source->path,
                        "%s goes first where both have a variant", told(making, winner->source));
    else if (root_join(making->config.directory, winner->name, path, sizeof(path)) == 0)
        models_log_once(making->config.models, LOG_LEVEL_INFO, path,
                        "a file, so it is no variant of %s", told(making, loser->source));
}

static void free_making(struct making *making)
{
    for (size_t i = 0; i < QUESTIONS_MAX; i++) {
        free(making->slots[i].results);
        free(making->slots[i].attrs);
        free(making->slots[i].variants);
        free(making->slots[i].own.variants);
    }
    survey_free(&making->own);
    surveys_put(making->shared);
    free(making->mixes.variants);
    listing_unref(making->listing);
    pthread_mutex_destroy(&making->lock);
    free(making);
}

static void finish(struct making *making)
{
    struct listing_config config = making->config;
    struct listing *listing = NULL;
    int r = making->r;

    if (r == 0)
        r = listing_settle(making->listing, log_hidden, making);
    if (r == 0)
        listing = listing_ref(making->listing);
    free_making(making);
    config.done(config.context, r, listing);
}

static int prepare(struct making *making)
{
    size_t count = making->config.variant_count;

    if (listing_new(&making->listing) < 0)
        return -ENOMEM;
    for (size_t i = 0; i < QUESTIONS_MAX; i++) {
        struct slot *slot = &making->slots[i];

        slot->making = making;
        slot->results = calloc(count + NATIVES, sizeof(*slot->results));
        slot->attrs = calloc(count + NATIVES, sizeof(*slot->attrs));
        slot->variants = calloc(count + NATIVES, sizeof(*slot->variants));
        if (!slot->results || !slot->attrs || !slot->variants)
            return -ENOMEM;
        slot->question = (struct models_question){
            .directory = slot->directory,
            .answer = answered,
            .results = slot->results,
            .attrs = slot->attrs,
        };
    }
    return 0;
}

static int read_names(struct making *making)
{
    const struct survey_config config = {
        .root = making->config.root,
        .models = making->config.models,
        .layout = making->config.layout,
        .stop = making->config.stop,
        .bare = making->config.bare,
    };
    bool fresh;
    int r = listing_add_source(making->listing, "", 0, NULL, &making->no_source);

    if (r < 0)
        return r;
    if (making->config.grouped || layout_is_arranged(making->config.layout))
        listing_set_inodes(making->listing, making->config.inode, making->config.parent_inode);
    if (!layout_is_arranged(making->config.layout)) {
        if (!making->config.grouped)
            r = survey_directory(&config, making->config.directory, add_real, making, &making->own);
        return r < 0 ? r : survey_shown(&config, making->config.directory, NULL, &making->own);
    }
    r = surveys_get(making->config.surveys, making->config.max_age, &making->shared, &fresh);
    if (r == 0)
        making->survey = making->shared;
    return r;
}

void listing_make(const struct listing_config *config)
{
    struct making *making = calloc(1, sizeof(*making));
    int r;

    if (!making) {
        config->done(config->context, -ENOMEM, NULL);
        return;
    }
    making->config = *config;
    making->survey = &making->own;
    pthread_mutex_init(&making->lock, NULL);
    r = prepare(making);
    if (r == 0)
        r = read_names(making);
    making->r = r;
    if (r < 0 || making->survey->count == 0 || config->variant_count == 0) {
        finish(making);
        return;
    }
    /* Until the last slot has asked, none of them is the last at work. */
    making->at_work = QUESTIONS_MAX;
    for (size_t i = 0; i < QUESTIONS_MAX; i++)
        ask_next(&making->slots[i]);
}
