#include "fs/listing_make.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "fs/folder.h"
#include "fs/shard.h"

/* Questions of one listing under way: a few, so that those of others get their turn. */
#define QUESTIONS_MAX 4

/* A model that may be asked about. */
struct candidate {
    char *name;
    size_t stem_length;
    unsigned shards; /* 0: no shard */
};

struct making;

struct slot {
    struct models_question question; /* must be first */
    struct making *making;
    size_t candidate;
    int *results;
    struct tree_attr *attrs;
};

struct making {
    struct listing_config config;
    char (*texts)[VARIANT_TEXT_MAX];
    struct listing *listing;
    size_t candidate_count, candidate_capacity;
    struct candidate *candidates;
    pthread_mutex_t lock;
    /* protected by lock, as is the listing while slots are at work */
    size_t next; /* candidate */
    unsigned at_work;
    int r;
    struct slot slots[QUESTIONS_MAX];
};

/* Room for one element more in an array. */
static int make_room(void *array, size_t count, size_t *capacity, size_t size)
{
    size_t more = *capacity ? 2 * *capacity : 16;
    void *larger, *old;

    if (count < *capacity)
        return 0;
    memcpy(&old, array, sizeof(old));
    larger = realloc(old, more * size);
    if (!larger)
        return -ENOMEM;
    memcpy(array, &larger, sizeof(larger));
    *capacity = more;
    return 0;
}

/* `name` is an entry of the directory that stands behind another. */
static void log_second(const struct making *making, const char *name, const char *format,
                       const char *other)
{
    char path[PATH_MAX];

    if (root_join(making->config.directory, name, path, sizeof(path)) == 0)
        models_log_once(making->config.models, LOG_LEVEL_INFO, path, format, other);
}

/* ---- reading the directory ---- */

static int add_candidate(struct making *making, const struct dirent *entry)
{
    size_t length = strlen(entry->d_name);
    struct candidate candidate = {.stem_length = length - 5};
    unsigned number = 1, count = 0;
    int r;

    if (entry->d_type != DT_REG && entry->d_type != DT_LNK && entry->d_type != DT_UNKNOWN)
        return 0;
    if (length < 6 || strcmp(entry->d_name + length - 5, ".gguf") != 0)
        return 0;
    if (shard_parse(entry->d_name, &candidate.stem_length, &number, &count))
        candidate.shards = count;
    if (number != 1)
        return 0;
    r = make_room(&making->candidates, making->candidate_count, &making->candidate_capacity,
                  sizeof(*making->candidates));
    if (r < 0)
        return r;
    candidate.name = strdup(entry->d_name);
    if (!candidate.name)
        return -ENOMEM;
    making->candidates[making->candidate_count++] = candidate;
    return 0;
}

static int add_dirent(struct making *making, const struct dirent *entry)
{
    struct listing_entry shown = {
        .name = entry->d_name, .inode = entry->d_ino, .type = entry->d_type};
    struct listing *listing = making->listing;
    int r;

    if (strcmp(entry->d_name, ".") == 0) {
        listing_set_inodes(listing, entry->d_ino, listing_parent_inode(listing));
        return 0;
    }
    if (strcmp(entry->d_name, "..") == 0) {
        listing_set_inodes(listing, listing_inode(listing), entry->d_ino);
        return 0;
    }
    r = listing_add(listing, &shown, LISTING_REAL, 0);
    return r < 0 ? r : add_candidate(making, entry);
}

static int open_stream(const struct root *root, const char *directory, DIR **stream)
{
    int fd = root_open_directory(root, directory, O_RDONLY), r;

    if (fd < 0)
        return fd;
    *stream = fdopendir(fd);
    if (*stream)
        return 0;
    r = -errno;
    (void)close(fd);
    return r;
}

static int read_directory(struct making *making)
{
    const struct dirent *entry;
    DIR *stream;
    int r = open_stream(making->config.root, making->config.directory, &stream);

    if (r < 0)
        return r;
    do {
        errno = 0;
        entry = readdir(stream);
        r = entry ? add_dirent(making, entry) : -errno;
    } while (entry && r == 0);
    (void)closedir(stream);
    return r;
}

int listing_find_set(const struct root *root, const char *directory, const char *stem,
                     size_t stem_length, char name[NAME_MAX + 1])
{
    const struct dirent *entry;
    unsigned number, count, least = 0;
    size_t length;
    DIR *stream;
    int r = open_stream(root, directory, &stream);

    if (r < 0)
        return r;
    while ((errno = 0, entry = readdir(stream)) != NULL) {
        if (!shard_parse(entry->d_name, &length, &number, &count) || number != 1 ||
            length != stem_length || memcmp(entry->d_name, stem, length) != 0)
            continue;
        if (least == 0 || count < least) {
            least = count;
            (void)snprintf(name, NAME_MAX + 1, "%s", entry->d_name);
        }
    }
    r = errno ? -errno : least > 0 ? 0 : -ENOENT;
    (void)closedir(stream);
    return r;
}

static int compare_candidates(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;
    size_t length = x->stem_length < y->stem_length ? x->stem_length : y->stem_length;
    int order = memcmp(x->name, y->name, length);

    if (order == 0 && x->stem_length != y->stem_length)
        order = x->stem_length < y->stem_length ? -1 : 1;
    return order != 0 ? order : (x->shards > y->shards) - (x->shards < y->shards);
}

/* Of two sets of one stem the one with fewer files is taken, as in listing_find_set(). */
static void drop_double_sets(struct making *making)
{
    size_t kept = 0;

    if (making->candidate_count > 0)
        qsort(making->candidates, making->candidate_count, sizeof(*making->candidates),
              compare_candidates);
    for (size_t i = 0; i < making->candidate_count; i++) {
        struct candidate *this = &making->candidates[i];
        const struct candidate *last = kept > 0 ? &making->candidates[kept - 1] : NULL;

        if (last && last->shards > 0 && this->shards > 0 &&
            last->stem_length == this->stem_length &&
            memcmp(last->name, this->name, this->stem_length) == 0) {
            log_second(making, this->name, "%s, a set of fewer files, goes first", last->name);
            free(this->name);
        } else {
            making->candidates[kept++] = *this;
        }
    }
    making->candidate_count = kept;
}

/* ---- asking ---- */

/* Called with the lock. A view and, if that is asked for, its folder. */
static int add_view(struct making *making, const struct candidate *candidate,
                    const struct tree_attr *attr, const char *variant, size_t source)
{
    enum listing_claim claim = candidate->shards ? LISTING_SET : LISTING_FILE;
    struct listing_entry view = {.type = DT_REG, .variant = variant, .sized = true, .attr = *attr};
    struct listing_entry folder = view;
    char name[NAME_MAX + 1];
    int r, length = snprintf(name, sizeof(name), "%.*s@%s.gguf", (int)candidate->stem_length,
                             candidate->name, variant);

    if (length > NAME_MAX)
        return 0;
    view.name = folder.name = name;
    view.inode = attr->inode;
    r = listing_add(making->listing, &view, claim, source);
    if (r < 0 || !making->config.browse)
        return r;
    name[length - 5] = '\0';
    folder.type = DT_DIR;
    folder.facet.kind = FACET_FOLDER;
    folder_attr(&folder.attr, folder.facet);
    folder.inode = folder.attr.inode;
    return listing_add(making->listing, &folder, claim, source);
}

/* Called with the lock. The views of one model. */
static int add_views(struct making *making, const struct slot *slot)
{
    const struct candidate *candidate = &making->candidates[slot->candidate];
    const struct models_question *question = &slot->question;
    bool have_source = false;
    char path[PATH_MAX];
    size_t source = 0;
    int r = root_join(making->config.directory, candidate->name, path, sizeof(path));

    for (size_t i = 0; i < making->config.variant_count && r == 0; i++) {
        if (slot->results[i] < 0)
            continue;
        if (!have_source)
            r = listing_add_source(making->listing, path, question->version_count,
                                   question->versions, &source);
        have_source = true;
        if (r == 0)
            r = add_view(making, candidate, &slot->attrs[i], making->texts[i], source);
    }
    return r;
}

static void finish(struct making *making);

/* Asks about the next candidate, or ends the slot's work, and with the last one's all. */
static void ask_next(struct slot *slot)
{
    struct making *making = slot->making;
    bool ask, last;

    pthread_mutex_lock(&making->lock);
    ask = making->next < making->candidate_count && making->r == 0 &&
          !atomic_load(making->config.stop);
    if (ask)
        slot->candidate = making->next++;
    else
        making->at_work--;
    last = making->at_work == 0;
    pthread_mutex_unlock(&making->lock);
    if (ask) {
        slot->question.name = making->candidates[slot->candidate].name;
        models_ask(making->config.models, &slot->question);
    } else if (last) {
        finish(making);
    }
}

static void answered(struct models_question *question, int r)
{
    struct slot *slot = (struct slot *)question;
    struct making *making = slot->making;

    if (r == 0) {
        pthread_mutex_lock(&making->lock);
        r = add_views(making, slot);
        if (r < 0)
            making->r = r;
        pthread_mutex_unlock(&making->lock);
    }
    ask_next(slot);
}

/* ---- the outcome ---- */

static const char *name_of(const struct listing_source *source)
{
    const char *slash = strrchr(source->path, '/');

    return slash ? slash + 1 : source->path;
}

/* A variant that the winner hides. */
static void log_hidden(void *context, const struct listing_entry *loser,
                       const struct listing_entry *winner)
{
    const struct making *making = context;

    /* An entry that was seen twice, as the directory changed; or what goes with a view. */
    if (!loser->source || loser->facet.kind != FACET_WHOLE)
        return;
    if (winner->source)
        log_second(making, name_of(loser->source), "%s goes first where both have a variant",
                   name_of(winner->source));
    else
        log_second(making, winner->name, "a file, so it is no variant of %s",
                   name_of(loser->source));
}

static void free_making(struct making *making)
{
    for (size_t i = 0; i < making->candidate_count; i++)
        free(making->candidates[i].name);
    for (size_t i = 0; i < QUESTIONS_MAX; i++) {
        free(making->slots[i].results);
        free(making->slots[i].attrs);
    }
    free(making->candidates);
    free(making->texts);
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

    making->texts = calloc(count + 1, sizeof(*making->texts));
    if (!making->texts || listing_new(&making->listing) < 0)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++)
        variant_format(&making->config.variants[i], making->texts[i], sizeof(making->texts[i]));
    for (size_t i = 0; i < QUESTIONS_MAX; i++) {
        struct slot *slot = &making->slots[i];

        slot->making = making;
        slot->results = calloc(count + 1, sizeof(*slot->results));
        slot->attrs = calloc(count + 1, sizeof(*slot->attrs));
        if (!slot->results || !slot->attrs)
            return -ENOMEM;
        slot->question = (struct models_question){
            .directory = making->config.directory,
            .variants = making->config.variants,
            .variant_count = count,
            .answer = answered,
            .results = slot->results,
            .attrs = slot->attrs,
        };
    }
    return 0;
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
    pthread_mutex_init(&making->lock, NULL);
    r = prepare(making);
    if (r == 0)
        r = read_directory(making);
    drop_double_sets(making);
    making->r = r;
    if (r < 0 || making->candidate_count == 0 || config->variant_count == 0) {
        finish(making);
        return;
    }
    /* Until the last slot has asked, none of them is the last at work. */
    making->at_work = QUESTIONS_MAX;
    for (size_t i = 0; i < QUESTIONS_MAX; i++)
        ask_next(&making->slots[i]);
}
