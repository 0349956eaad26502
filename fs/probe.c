#include "fs/probe.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fs/ctime.h"
#include "fs/shard.h"

#define INODE_TOP ((uint64_t)1 << 63)

static uint64_t mix(uint64_t x)
{
    x ^= x >> 33;
    x *= 0xff51afd7ed558ccdu;
    x ^= x >> 33;
    x *= 0xc4ceb9fe1a85ec53u;
    x ^= x >> 33;
    return x;
}

/* The same on every machine: inode numbers are stable across mounts. */
static uint64_t digest_add(uint64_t digest, uint64_t value)
{
    return mix(digest ^ mix(value + 0x9e3779b97f4a7c15u));
}

static bool later(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec > b->tv_sec || (a->tv_sec == b->tv_sec && a->tv_nsec > b->tv_nsec);
}

/* `way`: what the directories on the way to it permit. */
static void add_file(struct probe_files *files, unsigned index, const struct stat *st, mode_t way)
{
    files->versions[index] = version_of(st);
    files->digest = digest_add(files->digest, st->st_ino);
    files->digest = digest_add(files->digest, (uint64_t)st->st_size);
    files->digest = digest_add(files->digest, (uint64_t)st->st_mtim.tv_sec);
    files->digest = digest_add(files->digest, (uint64_t)st->st_mtim.tv_nsec);
    files->mode &= st->st_mode & way;
    if (index == 0 || later(&st->st_mtim, &files->mtime))
        files->mtime = st->st_mtim;
    if (index == 0 || later(&st->st_ctim, &files->ctime))
        files->ctime = st->st_ctim;
    if (index == 0) {
        files->uid = st->st_uid;
        files->gid = st->st_gid;
    }
}

/* Room for one file more: a set's name may announce 99,999, so only those that are there count. */
static int make_room(struct probe_files *files)
{
    struct version *versions;

    if (files->count & (files->count - 1))
        return 0;
    versions = realloc(files->versions, (files->count ? 2 * files->count : 1) * sizeof(*versions));
    if (!versions)
        return -ENOMEM;
    files->versions = versions;
    return 0;
}

int probe_files(const struct root *root, const char *directory, const char *name, bool trust_stat,
                struct probe_files *files, struct defect *defect)
{
    char file[SHARD_NAME_MAX], path[PATH_MAX];
    unsigned count = shard_count(name);
    struct stat st;
    mode_t way = 0;
    int fd, r = 0;

    *files = (struct probe_files){.mode = 0444, .true_ctime = true};
    for (unsigned i = 0; i < count && r == 0; i++) {
        shard_name(name, i, file);
        r = root_join(directory, file, path, sizeof(path));
        fd = r < 0 ? r : root_follow(root, path, &st);
        if (fd >= 0) {
            files->true_ctime = files->true_ctime && ctime_is_true(fd, trust_stat);
            (void)close(fd);
        }
        r = fd < 0 ? fd : 0;
        if (r == -ENOENT && i > 0)
            r = -ENODATA;
        if (r == 0 && !S_ISREG(st.st_mode))
            r = S_ISDIR(st.st_mode) ? -EISDIR : -ENXIO;
        if (r == 0)
            r = root_way(root, path, &st, &way);
        if (r == 0)
            r = make_room(files);
        if (r == 0) {
            add_file(files, i, &st, way);
            files->count++;
        } else {
            (void)defect_set(defect, -r, DEFECT_NOWHERE, "%s",
                             r == -ENODATA ? "missing, as yet" : strerror(-r));
            defect->shard = i;
        }
    }
    if (r < 0)
        probe_files_free(files);
    return r;
}

void probe_files_free(struct probe_files *files)
{
    free(files->versions);
    *files = (struct probe_files){0};
}

bool probe_files_young(const struct probe_files *files)
{
    return versions_young(files->versions, files->count);
}

struct place {
    const struct root *root;
    const char *directory;
};

static int open_neighbour(void *context, const char *name)
{
    const struct place *place = context;
    char path[PATH_MAX];
    struct stat st;
    int r = root_join(place->directory, name, path, sizeof(path));

    return r < 0 ? r : root_open(place->root, path, true, &st);
}

/* Does the file say itself that it is something else than a model? */
static bool is_model(const struct source *source)
{
    char text[64];
    int r = source_key_string(source, "general.type", text, sizeof(text));

    if (r == -E2BIG || (r == 0 && strcmp(text, "model") != 0))
        return false;
    /* A projector, also of the time before general.type. */
    r = source_key_string(source, "general.architecture", text, sizeof(text));
    return r < 0 || strcmp(text, "clip") != 0;
}

static bool versions_agree(const struct source *source, const struct probe_files *files)
{
    for (unsigned i = 0; i < source_shard_count(source); i++)
        if (i >= files->count || !version_equal(source_version(source, i), &files->versions[i]))
            return false;
    return true;
}

int probe_source(const struct root *root, const char *directory, const char *name,
                 const struct probe_files *files, struct source **out, struct arch_facts *facts,
                 struct defect *defect)
{
    struct place place = {.root = root, .directory = directory};
    struct source *source = NULL;
    int r;

    *defect = (struct defect){.offset = DEFECT_NOWHERE};
    r = source_open(open_neighbour, &place, name, &source, defect);
    if (r == 0 && !versions_agree(source, files))
        r = defect_set(defect, EAGAIN, DEFECT_NOWHERE, "it is being written");
    if (r == 0 && !is_model(source))
        r = defect_set(defect, ENOEXEC, DEFECT_NOWHERE, "no model");
    if (r == 0)
        r = arch_check(source, facts, defect);
    if (r < 0) {
        source_close(source);
        return r;
    }
    *out = source;
    return 0;
}

struct tree_attr probe_attr(const struct probe_files *files, const struct variant *variant,
                            uint64_t size)
{
    char text[VARIANT_TEXT_MAX];
    uint64_t digest = files->digest;

    variant_format(variant, text, sizeof(text));
    for (const char *c = text; *c; c++)
        digest = digest_add(digest, (unsigned char)*c);
    return (struct tree_attr){
        .inode = digest | INODE_TOP,
        .size = size,
        .mtime = files->mtime,
        .ctime = files->ctime,
        .mode = files->mode,
        .uid = files->uid,
        .gid = files->gid,
    };
}
