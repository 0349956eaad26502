#include "fs/models.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs/directory.h"
#include "fs/hash.h"
#include "fs/models_variant.h"
#include "fs/probe.h"
#include "fs/record.h"
#include "fs/saved.h"
#include "fs/shard.h"

/* Fewer than the pool runs jobs that do not convert. */
#define FLIGHTS_MAX 4
/* So often files may change under a flight before it gives up. */
#define TRIES_MAX 4
/* Lines that are logged but once are remembered. A line of the same place makes one forgotten. */
#define TOLD_MAX 4096

/*
 * A flight is waiting, then running, then gone:
 *   find_flight() makes it, waiting; start_flights() hands it to the pool; take_questions() takes
 *   what has been asked so far, again and again, and frees it when there is nothing left. So every
 *   question is answered by a look at the disk that began after it was asked.
 */
struct flight {
    struct pool_job job; /* must be first */
    struct models *models;
    struct flight *prev, *next; /* in models->flights; waiting ones in the order they will run */
    bool running;
    bool urgent;
    const char *form; /* of model_form(): part of the key */
    struct models_question *first, *last;
    const char *directory, *name; /* behind the flight, as are form and path */
    char path[];                  /* of the first file, from the root: the flight's key */
};

/* Lock order: models, then the pool's. The shelf's is taken alone. None is held across a look at
 * the disk, a parse, the making of a recipe, or an answer. */
struct models {
    struct models_config config;
    struct model_shelf *shelf;
    pthread_mutex_t lock;
    pthread_cond_t idle;
    /* protected by lock */
    struct flight *first, *last;
    unsigned running;
    uint64_t parses;
    uint64_t told[TOLD_MAX]; /* hashes of lines, each in its own place; 0: none */
};

int models_new(const struct models_config *config, struct models **out)
{
    struct models *models = calloc(1, sizeof(*models));
    int r;

    if (!models)
        return -ENOMEM;
    r = model_shelf_new(&models->shelf);
    if (r < 0) {
        free(models);
        return r;
    }
    pthread_mutex_init(&models->lock, NULL);
    pthread_cond_init(&models->idle, NULL);
    models->config = *config;
    *out = models;
    return 0;
}

void models_free(struct models *models)
{
    if (!models)
        return;
    /* All questions are answered, but their flights may still put back what they used. */
    pthread_mutex_lock(&models->lock);
    while (models->first)
        pthread_cond_wait(&models->idle, &models->lock);
    pthread_mutex_unlock(&models->lock);
    model_shelf_free(models->shelf);
    pthread_cond_destroy(&models->idle);
    pthread_mutex_destroy(&models->lock);
    free(models);
}

static void log_path(const char *root, const char *path, char *out, size_t size)
{
    const char *last = strrchr(root, '/');

    if (strcmp(path, ".") == 0)
        (void)snprintf(out, size, "%s", root);
    else
        (void)snprintf(out, size, "%s%s%s", root, last && !last[1] ? "" : "/", path);
}

void models_log_path(const struct models *models, const char *path, char *out, size_t size)
{
    log_path(models->config.root_path, path, out, size);
}

/* ---- the log ---- */

/* True the first time. */
static bool tell(struct models *models, const char *path, const char *text)
{
    uint64_t hash = hash_text(hash_text(hash_text(HASH_START, path), ": "), text) | 1;
    uint64_t *place = &models->told[(hash >> 32) % TOLD_MAX];
    bool first;

    pthread_mutex_lock(&models->lock);
    first = *place != hash;
    *place = hash;
    pthread_mutex_unlock(&models->lock);
    return first;
}

void models_log_once(struct models *models, enum log_level level, const char *path,
                     const char *format, ...)
{
    char text[2 * NAME_MAX], line[3 * PATH_MAX];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    if (!tell(models, path, text))
        return;
    models_log_path(models, path, line, sizeof(line));
    log_line(models->config.log, level, "%s: %s", line, text);
}

/* Incomplete files are looked at again later. */
static enum log_level level_of(int r)
{
    return r == -ENODATA || r == -EAGAIN || r == -ENOENT ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO;
}

static struct probe probe_of(const struct models *models, const struct flight *flight)
{
    return (struct probe){
        .root = models->config.root,
        .imatrix_root = models->config.imatrix_root,
        .mix_root = models->config.mix_root,
        .directory = flight->directory,
        .name = flight->name,
        .trust_stat = models->config.trust_stat,
        .imatrix = strncmp(flight->form, "+imatrix", 8) == 0,
        .from = model_form_from(flight->form),
        .projector = model_form_is_projector(flight->form),
        .mix = *flight->form && *flight->form != '+' ? flight->form : NULL,
    };
}

/* What a defect calls file `number`; `files` as of probe_file_path(). */
static int name_file(const struct models *models, const struct flight *flight, unsigned number,
                     const struct probe_files *files, const char **root_path, char *path,
                     size_t size)
{
    const struct probe probe = probe_of(models, flight);
    const struct root *root;
    int r = probe_file_path(&probe, files, number, &root, path, size);

    if (r == 0 && root != models->config.root)
        *root_path =
            root == models->config.mix_root ? models->config.mix_path : models->config.imatrix_path;
    return r;
}

static void log_refused(struct models *models, const struct flight *flight, int r,
                        enum log_level level, const struct defect *defect,
                        const struct probe_files *files)
{
    char path[PATH_MAX + SHARD_NAME_MAX], line[3 * PATH_MAX];
    struct defect shown = *defect;
    const char *root = models->config.root_path;
    bool of_mix = files && files->mix && shown.shard == files->own;

    if (shown.text[0] == '\0')
        (void)snprintf(shown.text, sizeof(shown.text), "%s", strerror(-r));
    if (name_file(models, flight, shown.shard, files, &root, path, sizeof(path)) < 0)
        return;
    /* Of such a place there is no record; a mix is that of many models, and a directory has a
     * record for each type that it becomes. */
    if ((r == -ELOOP || of_mix || directory_is_model(flight->name)) &&
        !tell(models, path, shown.text))
        return;
    log_path(root, path, line, sizeof(line));
    log_defect(models->config.log, level, line, &shown);
}

/* ---- one question ---- */

/* Errors that say something about the files in this version, so that they stay true. */
static bool is_verdict(int r)
{
    return r == 0 || r == -ENOEXEC || r == -ENOKEY || r == -EINVAL || r == -ENOTSUP ||
           r == -ENODATA || r == -EACCES || r == -EPERM;
}

static void forget_reason(struct model_record *record)
{
    free(record->reason);
    record->reason = NULL;
}

/* Files that are no models are nobody's mistake; that there is no importance matrix matters to who
 * asks for one (tell_no_imatrix()). */
static void log_verdict(struct models *models, const struct flight *flight,
                        struct model_record *record, const struct defect *defect)
{
    int r = record->verdict;

    if (!record->told && r < 0 && r != -ENOEXEC && r != -ENOKEY)
        log_refused(models, flight, r, level_of(r), defect, &record->files);
    record->told = record->judged;
}

static void note_facts(struct model_record *record, const struct source *source)
{
    size_t count;
    const struct source_tensor *tensors = source_tensors(source, &count);

    record->weights = record->data = 0;
    for (size_t i = 0; i < count; i++) {
        const uint64_t *ne = tensors[i].ne;

        record->weights += ne[0] * ne[1] * ne[2] * ne[3]; /* far less than 2^64: they are there */
        record->data += tensors[i].size;
    }
    if (source_key_u32(source, "general.file_type", &record->ftype) < 0)
        record->ftype = UINT32_MAX;
}

/* Can what is found out about the record's versions be believed later? */
static bool is_lasting(const struct models *models, const struct model_record *record)
{
    return models->config.cache && record->files.true_ctime && !probe_files_young(&record->files);
}

/* The model's files are read, or of a directory what is kept of it. */
static int open_model(struct models *models, const struct flight *flight,
                      const struct model_record *record, struct source **source, struct mix **mix,
                      struct arch_facts *facts, struct defect *defect)
{
    const struct probe probe = probe_of(models, flight);
    bool keeps = directory_is_model(flight->name) && is_lasting(models, record);
    struct source_saved saved = {0};
    int r;

    if (keeps)
        saved_recall(models->config.cache, &probe, &record->files,
                     record->peeked ? ftype_by_number(record->ftype) : NULL, &saved);
    r = probe_source(&probe, &record->files, &saved, source, mix, facts, defect);
    if (r == -EMFILE || r == -ENFILE) {
        model_shelf_clear(models->shelf);
        r = probe_source(&probe, &record->files, &saved, source, mix, facts, defect);
    }
    /* That there is no projector stands in config.json. */
    if (saved.used || (probe.projector && r == -ENOEXEC))
        return r;
    pthread_mutex_lock(&models->lock);
    models->parses++;
    pthread_mutex_unlock(&models->lock);
    if (r == 0 && keeps)
        saved_keep(models->config.cache, &probe, &record->files, *source);
    return r;
}

static int parse(struct models *models, const struct flight *flight, struct model_record *record,
                 struct model **model)
{
    struct source *source = NULL;
    struct mix *mix = NULL;
    struct arch_facts facts;
    struct defect defect;
    int r;

    record->young = probe_files_young(&record->files);
    r = open_model(models, flight, record, &source, &mix, &facts, &defect);
    record->changed = record->changed || !record->judged || record->verdict != r;
    record->judged = is_verdict(r);
    record->verdict = r;
    if (r < 0) {
        models_keep_reason(record, NULL, r, &defect);
        log_verdict(models, flight, record, &defect);
        return r;
    }
    if (record->reason && !record->reason->variant)
        forget_reason(record);
    note_facts(record, source);
    return model_set(models->shelf, record, source, mix, &facts, model);
}

/* What was found out while the files were young may have been about other bytes. */
static void doubt_young(struct models *models, struct model_record *record)
{
    if (!record->judged || !record->young || probe_files_young(&record->files))
        return;
    record->judged = false;
    model_results_free(record->results, record->result_count);
    record->results = NULL;
    record->result_count = 0;
    forget_reason(record);
    model_unset(models->shelf, record);
}

/* ---- what is on disk ---- */

/* What was found out before, by whomever. */
static void recall(struct models *models, const struct flight *flight, struct model_record *record)
{
    const struct probe probe = probe_of(models, flight);
    struct defect defect = {.offset = DEFECT_NOWHERE};

    if (record->judged || record->recalled || !is_lasting(models, record))
        return;
    record->recalled = true;
    record->requantize = models->config.requantize;
    if (record_load(models->config.cache, probe_name(&probe), record) < 0)
        return;
    record->judged = true;
    record->young = false;
    if (record->verdict < 0 && record->reason) {
        defect.offset = record->reason->offset;
        defect.shard = record->reason->shard;
        (void)snprintf(defect.text, sizeof(defect.text), "%s", record->reason->text);
    }
    log_verdict(models, flight, record, &defect);
}

static void remember(struct models *models, const struct flight *flight,
                     struct model_record *record)
{
    const struct probe probe = probe_of(models, flight);

    if (!record->changed || !record->judged || record->young || !is_lasting(models, record))
        return;
    record->changed = false;
    record->requantize = models->config.requantize;
    record_save(models->config.cache, probe_name(&probe), record);
}

/* A listing only looks whether there is one. */
static void tell_no_imatrix(struct models *models, const struct model_record *record,
                            const struct models_question *question)
{
    char text[VARIANT_TEXT_MAX];

    if (!question->urgent || !record->reason)
        return;
    variant_format(&question->variants[0], text, sizeof(text));
    models_log_once(models, LOG_LEVEL_INFO, record->path, "no variant %s: %s", text,
                    record->reason->text);
}

/* Is it plain at first sight that the directory is a model? */
static bool is_plain(const struct models *models, const struct flight *flight,
                     struct model_record *record)
{
    const struct probe probe = probe_of(models, flight);
    const struct ftype *native;

    if (!record->peeked && probe_peek(&probe, &record->files, &native) == 0) {
        record->peeked = true;
        record->ftype = native->number;
    }
    return record->peeked;
}

/* -EAGAIN: not answered, the files have changed since they were looked at. */
static int answer(struct models *models, const struct flight *flight, struct model_record *record,
                  struct models_question *question, bool last)
{
    const struct models_variants variants = {
        .models = models,
        .log = models->config.log,
        .shelf = models->shelf,
        .requantize = models->config.requantize,
    };
    struct model *model = NULL;
    int r = 0;

    doubt_young(models, record);
    recall(models, flight, record);
    question->record = record;
    if (!record->judged && question->names_only && is_plain(models, flight, record)) {
        models_fill_names(record, question);
        question->answer(question, 0);
        return 0;
    }
    if (record->judged && record->verdict < 0) {
        r = record->verdict;
    } else if (!record->judged || !models_is_known(record, question)) {
        model = model_get(models->shelf, record);
        if (!model)
            r = parse(models, flight, record, &model);
    }
    if (r == -EAGAIN && !last)
        return r;
    if (r == -ENOKEY)
        tell_no_imatrix(models, record, question);
    if (r == 0)
        models_fill_answer(&variants, record, model, question);
    question->answer(question, r);
    if (model)
        model_put(models->shelf, model);
    return 0;
}

/* ---- flights ---- */

/* Answers questions from one look at the files; returns those that need another. */
static struct models_question *answer_some(struct models *models, const struct flight *flight,
                                           struct models_question *questions, bool last)
{
    const struct probe probe = probe_of(models, flight);
    struct model_record *record = NULL;
    struct probe_files files;
    struct defect defect;
    int r = probe_files(&probe, &files, &defect);

    if (r < 0)
        model_record_drop(models->shelf, flight->path, flight->form);
    if (r < 0 && r != -ENOENT)
        log_refused(models, flight, r, LOG_LEVEL_DEBUG, &defect, NULL);
    if (r == 0)
        r = model_record_get(models->shelf, flight->path, flight->form, &files, &record);
    while (questions) {
        /* The struct is its owner's again once it is answered. */
        struct models_question *next = questions->next;

        questions->record = NULL;
        if (r < 0)
            questions->answer(questions, r);
        else if (answer(models, flight, record, questions, last) == -EAGAIN)
            break;
        questions = next;
    }
    if (record) {
        remember(models, flight, record);
        model_record_put(models->shelf, record);
    }
    return questions;
}

static void start_flights(struct models *models);

static struct models_question *take_questions(struct flight *flight)
{
    struct models *models = flight->models;
    struct models_question *questions;

    pthread_mutex_lock(&models->lock);
    questions = flight->first;
    flight->first = flight->last = NULL;
    if (!questions) {
        *(flight->prev ? &flight->prev->next : &models->first) = flight->next;
        *(flight->next ? &flight->next->prev : &models->last) = flight->prev;
        models->running--;
        start_flights(models);
        if (!models->first)
            pthread_cond_broadcast(&models->idle);
    }
    pthread_mutex_unlock(&models->lock);
    return questions;
}

static void flight_run(struct pool_job *job)
{
    struct flight *flight = (struct flight *)job;
    struct models_question *questions;

    while ((questions = take_questions(flight)) != NULL)
        for (unsigned tries = 1; questions; tries++)
            questions = answer_some(flight->models, flight, questions, tries >= TRIES_MAX);
    free(flight);
}

/* Called with the lock. Those that somebody waits for come first. */
static void start_flights(struct models *models)
{
    while (models->running < FLIGHTS_MAX) {
        struct flight *next = NULL;

        for (struct flight *flight = models->first; flight; flight = flight->next)
            if (!flight->running && (!next || (flight->urgent && !next->urgent)))
                next = flight;
        if (!next)
            return;
        next->running = true;
        models->running++;
        pool_add(models->config.pool, &next->job, POOL_READY);
    }
}

static struct flight *new_flight(struct models *models, const char *directory, const char *name,
                                 const char *form)
{
    size_t directory_size = strlen(directory) + 1, name_size = strlen(name) + 1;
    size_t form_size = strlen(form) + 1;
    struct flight *flight = malloc(sizeof(*flight) + 2 * (directory_size + name_size) + form_size);
    char *tail;
    int r;

    if (!flight)
        return NULL;
    *flight = (struct flight){.job.run = flight_run, .models = models};
    r = root_join(directory, name, flight->path, directory_size + name_size);
    assert(r == 0);
    (void)r;
    tail = flight->path + directory_size + name_size;
    memcpy(tail, directory, directory_size);
    flight->directory = tail;
    memcpy(tail + directory_size, name, name_size);
    flight->name = tail + directory_size;
    flight->form = memcpy(tail + directory_size + name_size, form, form_size);
    return flight;
}

/* Called with the lock. The flight of that place, made if there is none; NULL without memory. */
static struct flight *find_flight(struct models *models, const char *directory, const char *name,
                                  const char *form)
{
    struct flight *flight = models->first;

    while (flight && (strcmp(flight->form, form) != 0 ||
                      strcmp(flight->directory, directory) != 0 || strcmp(flight->name, name) != 0))
        flight = flight->next;
    if (flight)
        return flight;
    flight = new_flight(models, directory, name, form);
    if (!flight)
        return NULL;
    flight->prev = models->last;
    *(models->last ? &models->last->next : &models->first) = flight;
    models->last = flight;
    return flight;
}

static const char *form_of(const struct models_question *question)
{
    if (question->variant_count == 0)
        return "";
    if (!question->natives)
        return model_form(question->name, &question->variants[0]);
    return question->variants[0].projector ? MODEL_FORM_PROJECTOR : "";
}

void models_ask(struct models *models, struct models_question *question)
{
    const char *form = form_of(question);
    struct flight *flight;

    for (size_t i = 1; i < question->variant_count; i++)
        assert((question->natives &&
                (question->variants[i].projector || variant_is_plain(&question->variants[i]))) ||
               strcmp(model_form(question->name, &question->variants[i]), form) == 0);
    question->next = NULL;
    pthread_mutex_lock(&models->lock);
    flight = find_flight(models, question->directory, question->name, form);
    if (flight) {
        *(flight->last ? &flight->last->next : &flight->first) = question;
        flight->last = question;
        flight->urgent |= question->urgent;
        start_flights(models);
    }
    pthread_mutex_unlock(&models->lock);
    if (!flight) {
        question->record = NULL;
        question->answer(question, -ENOMEM);
    }
}

struct model_view *models_find_view(struct models *models, const char *directory, const char *name,
                                    unsigned version_count, const struct version *versions,
                                    const struct variant *variant, struct facet facet)
{
    char path[PATH_MAX];

    if (root_join(directory, name, path, sizeof(path)) < 0)
        return NULL;
    return model_view_find_at(models->shelf, path, version_count, versions, variant, facet);
}

uint64_t models_parse_count(struct models *models)
{
    uint64_t parses;

    pthread_mutex_lock(&models->lock);
    parses = models->parses;
    pthread_mutex_unlock(&models->lock);
    return parses;
}
