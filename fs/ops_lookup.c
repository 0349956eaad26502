#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs/directory.h"
#include "fs/ops_state.h"
#include "fs/probe.h"

/* A virtual name: what it asks for. */
struct virtual
{
    struct variant variant;
    struct facet facet; /* the view or its folder */
    size_t stem_length; /* of the name */
    char text[VARIANT_TEXT_MAX];
    char name[NAME_MAX + 1]; /* canonical; of a mix as yet what was asked for */
};

/*
 * A lookup that a worker looks at. It asks about the file STEM.gguf, and if that has no such
 * variant, about the split set of that stem, then about the directory STEM, then about
 * models--STEM, a repository in a cache, then about
 * what survey_shown() tells. Where the mount is arranged it asks about one after the other of all
 * models of that stem whose place the directory is.
 */
struct lookup {
    struct ops_held held;
    struct models_question question;
    struct virtual virtual;
    uint64_t parent;
    /* what is asked about; or, if there is a survey, its models */
    enum { STAGE_FILE, STAGE_SET, STAGE_DIRECTORY, STAGE_CACHED } stage;
    int error;
    int result;
    struct tree_attr attr;
    struct pool_job job;
    bool is_variant;           /* the name is one that a variant could have */
    struct survey *survey;     /* a reference, or NULL */
    bool fresh;                /* it was begun after the lookup */
    size_t next;               /* of the survey's models */
    char place[PATH_MAX];      /* the directory in the mount */
    char typed[NAME_MAX + 1];  /* the name */
    char directory[PATH_MAX];  /* of the model, on disk */
    char source[NAME_MAX + 1]; /* name of the first file */
};

static void reply_mirrored(struct ops *ops, fuse_req_t req, uint64_t parent, const char *name,
                           const struct stat *st)
{
    struct version identity;
    struct tree_node node;

    ops_describe_mirrored(parent, name, st, &identity, &node);
    ops_reply_entry(ops, req, &node, st);
}

/* The name of the view or folder whose stem `name` begins with. */
static bool set_name(struct virtual *virtual, const char *name, const char *shown)
{
    char view[NAME_MAX + 6];
    int length =
        snprintf(view, sizeof(view), "%.*s@%s.gguf", (int)virtual->stem_length, name, shown);

    if (length > NAME_MAX)
        return false;
    if (virtual->facet.kind == FACET_FOLDER)
        view[length - 5] = '\0';
    memcpy(virtual->name, view, strlen(view) + 1);
    return true;
}

/* False: no such name can exist. A folder's name is that of its view, without the ending. */
static bool parse_virtual(const struct ops *ops, const char *name, struct virtual *virtual)
{
    char view[NAME_MAX + 6], shown[NAME_MAX + 1];
    size_t length;
    const char *text;

    virtual->facet = (struct facet){ops->config.layout == LAYOUT_DIRS ? FACET_WRAP : FACET_WHOLE,
                                    0};
    if (!variant_split_name(name, &virtual->stem_length, &text, &length)) {
        (void)snprintf(view, sizeof(view), "%s.gguf", name);
        if (!variant_split_name(view, &virtual->stem_length, &text, &length))
            return false;
        virtual->facet.kind = FACET_FOLDER;
    }
    if (variant_parse_any(text, length, &virtual->variant) < 0)
        return false;
    variant_format(&virtual->variant, virtual->text, sizeof(virtual->text));
    if (virtual->variant.mix[0])
        (void)snprintf(shown, sizeof(shown), "%.*s", (int)length, text);
    return set_name(virtual, name, virtual->variant.mix[0] ? shown : virtual->text);
}

/* What is there goes before a variant of that name; the log is told once. */
static void reply_real(struct ops *ops, fuse_req_t req, uint64_t parent, const char *directory,
                       const char *name, const struct stat *st)
{
    char source[NAME_MAX + 1], path[PATH_MAX];
    struct virtual virtual;
    struct stat model;

    if (parse_virtual(ops, name, &virtual) && !virtual.variant.mix[0] &&
        virtual.facet.kind != FACET_FOLDER && strcmp(name, virtual.name) == 0) {
        (void)snprintf(source, sizeof(source), "%.*s.gguf", (int)virtual.stem_length, name);
        if (root_join(directory, source, path, sizeof(path)) == 0 &&
            root_stat(&ops->root, path, &model) == 0 &&
            root_join(directory, name, path, sizeof(path)) == 0)
            models_log_once(ops->models, LOG_LEVEL_INFO, path, "a file, so it is no variant of %s",
                            source);
    }
    reply_mirrored(ops, req, parent, name, st);
}

/* ---- late ---- */

/* `st` as of ops_reply_entry(). */
static void end_lookup(struct lookup *lookup, int r, const struct tree_node *node,
                       const struct stat *st)
{
    struct ops *ops = lookup->held.ops;
    fuse_req_t req = ops_take(&lookup->held);

    if (req && r < 0)
        (void)fuse_reply_err(req, -r);
    else if (req)
        ops_reply_entry(ops, req, node, st);
    ops_let_go(&lookup->held);
    surveys_put(lookup->survey);
    free(lookup);
}

/* The first error that says more than that there is no such name. */
static void note_error(struct lookup *lookup, int r)
{
    if (lookup->error == -ENOENT)
        lookup->error = ops_lookup_error(r);
}

static bool is_candidate(const struct lookup *lookup, const struct survey_model *model)
{
    return model->place && strcmp(model->place, lookup->place) == 0 &&
           model->stem_length == lookup->virtual.stem_length &&
           memcmp(model->stem, lookup->virtual.name, model->stem_length) == 0;
}

/* The survey is in the order in which they claim the name. */
static bool ask_candidate(struct lookup *lookup)
{
    while (lookup->is_variant && lookup->next < lookup->survey->count) {
        const struct survey_model *model = &lookup->survey->models[lookup->next++];
        size_t length = (size_t)(model->name - model->path);

        if (!is_candidate(lookup, model))
            continue;
        (void)snprintf(lookup->directory, sizeof(lookup->directory), "%.*s",
                       (int)(length > 0 ? length - 1 : 0), model->path);
        (void)snprintf(lookup->source, sizeof(lookup->source), "%s", model->name);
        models_ask(lookup->held.ops->models, &lookup->question);
        return true;
    }
    return false;
}

/* That there is no such name is not said by what was true a moment ago. */
static bool look_again(struct lookup *lookup)
{
    struct ops *ops = lookup->held.ops;
    int r;

    if (lookup->fresh)
        return false;
    surveys_put(lookup->survey);
    lookup->survey = NULL;
    lookup->next = 0;
    r = surveys_get(ops->surveys, 0, &lookup->survey, &lookup->fresh);
    if (r < 0)
        note_error(lookup, r);
    return r == 0;
}

static struct survey_config survey_config_of(struct ops *ops)
{
    return (struct survey_config){
        .root = &ops->root,
        .models = ops->models,
        .layout = ops->config.layout,
        .stop = &ops->stop,
        .bare = ops->bare,
    };
}

/* What is shown in the directory though it lies elsewhere. */
static bool look_elsewhere(struct lookup *lookup)
{
    struct ops *ops = lookup->held.ops;
    const struct survey_config config = survey_config_of(ops);
    int r;

    lookup->survey = calloc(1, sizeof(*lookup->survey));
    if (!lookup->survey) {
        note_error(lookup, -ENOMEM);
        return false;
    }
    atomic_init(&lookup->survey->users, 1);
    lookup->fresh = true;
    r = survey_shown(&config, lookup->place, lookup->typed, lookup->survey);
    if (r < 0)
        note_error(lookup, r);
    return r == 0;
}

/* The model of the stage after this one. False: it cannot be. */
static bool ask_directory(struct lookup *lookup)
{
    lookup->stage++;
    if (snprintf(lookup->source, sizeof(lookup->source), "%s%.*s",
                 lookup->stage == STAGE_CACHED ? "models--" : "", (int)lookup->virtual.stem_length,
                 lookup->virtual.name) > NAME_MAX)
        return false;
    if (!directory_is_model(lookup->source) || strcmp(lookup->source, ".") == 0 ||
        strcmp(lookup->source, "..") == 0)
        return false;
    models_ask(lookup->held.ops->models, &lookup->question);
    return true;
}

/* The next place where the name may come from; false: there is none. */
static bool ask_next(struct lookup *lookup)
{
    struct ops *ops = lookup->held.ops;
    int r;

    if (lookup->survey)
        return ask_candidate(lookup) || (look_again(lookup) && ask_candidate(lookup));
    if (lookup->stage == STAGE_FILE) {
        lookup->stage = STAGE_SET;
        r = survey_find_set(&ops->root, lookup->directory, lookup->virtual.name,
                            lookup->virtual.stem_length, lookup->source);
        if (r < 0)
            note_error(lookup, r);
        else
            models_ask(ops->models, &lookup->question);
        if (r == 0)
            return true;
    }
    while (lookup->stage != STAGE_CACHED)
        if (ask_directory(lookup))
            return true;
    return look_elsewhere(lookup) && ask_candidate(lookup);
}

/* A mix is shown as its file is called. A file of that name goes first, as before any variant:
 * -EEXIST with its state. */
static int name_mix(struct lookup *lookup, struct stat *st)
{
    const struct probe_mix *mix = lookup->question.record->files.mix;
    char typed[NAME_MAX + 1], path[PATH_MAX], shown[NAME_MAX + 1];
    struct ops *ops = lookup->held.ops;
    int r;

    if (!mix)
        return 0;
    (void)snprintf(typed, sizeof(typed), "%s", lookup->virtual.name);
    (void)snprintf(shown, sizeof(shown), "%.*s", (int)mixes_name(mix->file), mix->file);
    if (!set_name(&lookup->virtual, typed, shown))
        return -ENOENT;
    if (layout_is_arranged(ops->config.layout) || strcmp(typed, lookup->virtual.name) == 0)
        return 0;
    r = root_join(lookup->place, lookup->virtual.name, path, sizeof(path));
    if (r == 0)
        r = root_stat(&ops->root, path, st);
    return r == 0 ? -EEXIST : r == -ENOENT ? 0 : r;
}

static void end_with_file(struct lookup *lookup, const struct stat *st)
{
    struct version identity;
    struct tree_node node;

    ops_describe_mirrored(lookup->parent, lookup->virtual.name, st, &identity, &node);
    end_lookup(lookup, 0, &node, st);
}

/* The directory of that name on the way to the places of models. */
static bool is_group(const struct lookup *lookup)
{
    size_t length, typed = strlen(lookup->typed);
    const char *part;

    for (size_t i = 0; i < lookup->survey->count; i++)
        if (lookup->survey->models[i].place &&
            layout_next(lookup->survey->models[i].place, lookup->place, &part, &length) &&
            length == typed && memcmp(part, lookup->typed, typed) == 0)
            return true;
    return false;
}

static void reply_group(struct lookup *lookup)
{
    struct tree_node node = {
        .parent = lookup->parent,
        .kind = TREE_FOLDER,
        .name = lookup->typed,
        .source = "",
        .variant = "",
        .facet.kind = FACET_GROUP,
    };

    ops_group_attr(lookup->held.ops, &node.attr);
    node.attr.inode = layout_inode(lookup->place, lookup->typed);
    end_lookup(lookup, 0, &node, NULL);
}

/* No model has the name. */
static void end_without(struct lookup *lookup)
{
    if (lookup->survey && lookup->error == -ENOENT && is_group(lookup))
        reply_group(lookup);
    else
        end_lookup(lookup, lookup->error, NULL, NULL);
}

static void answered(struct models_question *question, int r)
{
    struct lookup *lookup = OPS_OUTER(question, struct lookup, question);
    char path[PATH_MAX];
    struct stat st;

    if (r == 0)
        r = lookup->result;
    if (r == 0)
        r = name_mix(lookup, &st);
    if (r == -EEXIST) {
        end_with_file(lookup, &st);
        return;
    }
    if (r == 0)
        r = root_join(lookup->directory, lookup->source, path, sizeof(path));
    if (r == 0) {
        const struct facet facet = lookup->virtual.facet;
        struct tree_node node = {
            .parent = lookup->parent,
            .kind = facet_is_folder(facet) ? TREE_FOLDER : TREE_VIEW,
            .attr = lookup->attr,
            .name = lookup->virtual.name,
            .source = path,
            .variant = lookup->virtual.text,
            .facet = facet,
            .version_count = question->version_count,
            .versions = question->versions,
        };

        folder_attr(&node.attr, facet);
        end_lookup(lookup, 0, &node, NULL);
        return;
    }
    note_error(lookup, r);
    if (!ask_next(lookup))
        end_without(lookup);
}

static void fill_question(struct lookup *lookup)
{
    lookup->question = (struct models_question){
        .directory = lookup->directory,
        .name = lookup->source,
        .variants = &lookup->virtual.variant,
        .variant_count = 1,
        .urgent = true,
        .answer = answered,
        .results = &lookup->result,
        .attrs = &lookup->attr,
    };
}

/* `virtual` is NULL if no variant has such a name; `place` is the directory. */
static struct lookup *new_lookup(struct ops *ops, fuse_req_t req, uint64_t parent,
                                 const char *place, const char *name, const struct virtual *virtual)
{
    struct lookup *lookup = calloc(1, sizeof(*lookup));
    int r = lookup ? ops_hold(ops, &lookup->held, req) : -ENOMEM;

    if (r < 0) {
        free(lookup);
        (void)fuse_reply_err(req, -r);
        return NULL;
    }
    lookup->parent = parent;
    lookup->error = -ENOENT;
    lookup->is_variant = virtual != NULL;
    if (virtual)
        lookup->virtual = *virtual;
    (void)snprintf(lookup->typed, sizeof(lookup->typed), "%s", name);
    (void)snprintf(lookup->place, sizeof(lookup->place), "%s", place);
    fill_question(lookup);
    return lookup;
}

/* A variant of a model that may be in the directory. */
static void look_up_late(struct ops *ops, fuse_req_t req, uint64_t parent, const char *directory,
                         const char *name, const struct virtual *virtual)
{
    struct lookup *lookup = new_lookup(ops, req, parent, directory, name, virtual);

    if (!lookup)
        return;
    (void)snprintf(lookup->directory, sizeof(lookup->directory), "%s", directory);
    /* It fits: the canonical name is longer. */
    (void)snprintf(lookup->source, sizeof(lookup->source), "%.*s.gguf", (int)virtual->stem_length,
                   virtual->name);
    models_ask(ops->models, &lookup->question);
}

static void look_only_elsewhere(struct pool_job *job)
{
    struct lookup *lookup = OPS_OUTER(job, struct lookup, job);

    if (!look_elsewhere(lookup) || !ask_candidate(lookup))
        end_without(lookup);
}

/* What can be in the directory only if survey_shown() tells of it. */
static void look_up_elsewhere(struct ops *ops, fuse_req_t req, uint64_t parent,
                              const char *directory, const char *name,
                              const struct virtual *virtual)
{
    struct lookup *lookup = new_lookup(ops, req, parent, directory, name, virtual);

    if (!lookup)
        return;
    lookup->job.run = look_only_elsewhere;
    pool_add(ops->config.pool, &lookup->job, POOL_READY);
}

/* ---- where the mount is arranged ---- */

static void look_around(struct pool_job *job)
{
    struct lookup *lookup = OPS_OUTER(job, struct lookup, job);
    struct ops *ops = lookup->held.ops;
    int r = surveys_get(ops->surveys, ops->config.ttl, &lookup->survey, &lookup->fresh);

    if (r < 0)
        end_lookup(lookup, ops_lookup_error(r), NULL, NULL);
    else if (is_group(lookup))
        reply_group(lookup);
    else if (ask_candidate(lookup))
        return;
    else if (!look_again(lookup))
        end_lookup(lookup, lookup->error, NULL, NULL);
    else if (is_group(lookup))
        reply_group(lookup);
    else if (!ask_candidate(lookup))
        end_lookup(lookup, -ENOENT, NULL, NULL);
}

static void look_up_arranged(struct ops *ops, fuse_req_t req, uint64_t parent, const char *name)
{
    struct lookup *lookup;
    struct virtual virtual;
    bool is_variant = parse_virtual(ops, name, &virtual);
    enum tree_kind kind = is_variant && facet_is_folder(virtual.facet) ? TREE_FOLDER : TREE_VIEW;
    char place[PATH_MAX];
    int r = tree_path(ops->tree, parent, place, sizeof(place));

    /* What file managers look for in every directory is worth no survey. */
    if (r == 0 && !is_variant && !layout_has_groups(ops->config.layout, place))
        r = -ENOENT;
    if (r < 0) {
        (void)fuse_reply_err(req, -r);
        return;
    }
    if (is_variant && ops_reply_known(ops, req, parent, virtual.name, kind, NULL))
        return;
    lookup = new_lookup(ops, req, parent, place, name, is_variant ? &virtual : NULL);
    if (!lookup)
        return;
    lookup->job.run = look_around;
    pool_add(ops->config.pool, &lookup->job, POOL_READY);
}

/* ---- */

/* Of such a name nothing is there. */
static void look_up_virtual(struct ops *ops, fuse_req_t req, uint64_t parent, const char *directory,
                            const char *name)
{
    const struct survey_config config = survey_config_of(ops);
    struct virtual virtual;
    char path[PATH_MAX];
    struct stat st;
    int r;

    if (!parse_virtual(ops, name, &virtual)) {
        /* What many programs look for in every directory is no publisher. */
        if (name[0] == '.' || survey_shows_nothing(&config, directory))
            (void)fuse_reply_err(req, ENOENT);
        else
            look_up_elsewhere(ops, req, parent, directory, name, NULL);
        return;
    }
    r = strcmp(name, virtual.name) != 0 ? root_join(directory, virtual.name, path, sizeof(path))
                                        : -ENOENT;
    if (r == 0)
        r = root_stat(&ops->root, path, &st);
    if (r == 0)
        reply_real(ops, req, parent, directory, virtual.name, &st);
    else if (r != -ENOENT)
        (void)fuse_reply_err(req, -r);
    else if (!ops_reply_known(ops, req, parent, virtual.name,
                              facet_is_folder(virtual.facet) ? TREE_FOLDER : TREE_VIEW, directory))
        look_up_late(ops, req, parent, directory, name, &virtual);
}

/* In a directory that is not on disk. */
static void look_up_grouped(struct ops *ops, fuse_req_t req, uint64_t parent, const char *name)
{
    struct virtual virtual;
    char place[PATH_MAX];
    bool is_variant = parse_virtual(ops, name, &virtual);
    int r = tree_path(ops->tree, parent, place, sizeof(place));

    if (r < 0)
        (void)fuse_reply_err(req, -r);
    else
        look_up_elsewhere(ops, req, parent, place, name, is_variant ? &virtual : NULL);
}

void ops_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
    struct ops *ops = fuse_req_userdata(req);
    char directory[PATH_MAX], path[PATH_MAX];
    struct tree_node *folder;
    struct stat st;
    bool arranged;
    int r = strlen(name) > NAME_MAX ? -ENAMETOOLONG : 0;

    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
        ops_look_up_dots(ops, req, parent, name[1] == '.');
        return;
    }
    folder = r == 0 ? tree_copy_folder(ops->tree, parent) : NULL;
    arranged = r == 0 && layout_is_arranged(ops->config.layout) &&
               (folder ? folder->facet.kind == FACET_GROUP : parent == TREE_ROOT);
    if (arranged) {
        free(folder);
        look_up_arranged(ops, req, parent, name);
        return;
    }
    if (folder && folder->facet.kind == FACET_GROUP) {
        free(folder);
        look_up_grouped(ops, req, parent, name);
        return;
    }
    if (folder) {
        ops_folder_lookup(ops, req, folder, name);
        return;
    }
    if (r == 0)
        r = tree_path(ops->tree, parent, directory, sizeof(directory));
    if (r == 0)
        r = root_join(directory, name, path, sizeof(path));
    if (r == 0)
        r = root_stat(&ops->root, path, &st);
    if (r == 0)
        reply_real(ops, req, parent, directory, name, &st);
    else if (r == -ENOENT)
        look_up_virtual(ops, req, parent, directory, name);
    else
        (void)fuse_reply_err(req, -r);
}
