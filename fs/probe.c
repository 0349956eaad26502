#include "fs/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fs/ctime.h"
#include "fs/importance.h"
#include "fs/mixes.h"
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

const char *probe_name(const struct probe *probe)
{
    return strcmp(probe->name, ".") == 0 ? probe->root->name : probe->name;
}

const struct ftype *probe_from(const struct probe *probe, const struct probe_files *files)
{
    return files->mix ? files->mix->from : probe->from;
}

/* One file, through symlinks. */
static int look_at(const struct root *root, const char *path, bool trust_stat,
                   struct probe_files *files, struct stat *st, mode_t *way)
{
    int fd = root_follow(root, path, st);

    if (fd < 0)
        return fd;
    files->true_ctime = files->true_ctime && ctime_is_true(fd, trust_stat);
    (void)close(fd);
    if (!S_ISREG(st->st_mode))
        return S_ISDIR(st->st_mode) ? -EISDIR : -ENXIO;
    return root_way(root, path, st, way);
}

static int add_shard(const struct probe *probe, unsigned number, struct probe_files *files)
{
    char file[SHARD_NAME_MAX], path[PATH_MAX];
    struct stat st;
    mode_t way = 0;
    int r;

    shard_name(probe->name, number, file);
    r = root_join(probe->directory, file, path, sizeof(path));
    if (r == 0)
        r = look_at(probe->root, path, probe->trust_stat, files, &st, &way);
    if (r == -ENOENT && number > 0)
        r = -ENODATA;
    if (r == 0)
        r = make_room(files);
    if (r == 0)
        add_file(files, files->count++, &st, way);
    return r;
}

/* A directory whose files are looked at. */
struct members {
    const struct root *root;
    int fd;
    dev_t device; /* the directory's */
    char directory[PATH_MAX];
};

/* A file that is one itself is looked at in its directory: there may be many. A symlink is followed
 * by its path, and so is all where others may look: it matters how one comes there. */
static int look_at_member(const struct probe *probe, const struct members *members,
                          const char *name, struct probe_files *files, struct stat *st, mode_t *way)
{
    char path[PATH_MAX];
    int r;

    if (!members->root->beneath && fstatat(members->fd, name, st, AT_SYMLINK_NOFOLLOW) == 0 &&
        S_ISREG(st->st_mode) && st->st_dev == members->device) {
        *way = S_IRUSR | S_IRGRP | S_IROTH;
        return 0;
    }
    r = root_join(members->directory, name, path, sizeof(path));
    return r < 0 ? r : look_at(probe->root, path, probe->trust_stat, files, st, way);
}

/* One file of a directory. */
static int add_member(const struct probe *probe, const struct members *members, const char *name,
                      struct probe_files *files)
{
    struct stat st;
    mode_t way = 0;
    int r = look_at_member(probe, members, name, files, &st, &way);

    if (r == -ENOENT) /* a symlink to what is not there yet */
        r = -ENODATA;
    if (r == 0)
        r = make_room(files);
    if (r == 0)
        add_file(files, files->count++, &st, way);
    return r;
}

/* A directory, also behind a symlink. */
static int open_directory(const struct root *root, const char *path)
{
    char proc[32];
    struct stat st;
    int fd = root_follow(root, path, &st), r;

    if (fd < 0)
        return fd;
    if (!S_ISDIR(st.st_mode)) {
        (void)close(fd);
        return -ENOENT;
    }
    (void)snprintf(proc, sizeof(proc), "/proc/self/fd/%d", fd);
    r = open(proc, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (r < 0)
        r = -errno;
    (void)close(fd);
    return r;
}

/* Of a repository in a cache: which of its revisions is the model. */
static int find_revision(const struct probe *probe, struct probe_files *files)
{
    char path[PATH_MAX];
    int fd, r = root_join(probe->directory, probe->name, path, sizeof(path));

    if (!directory_is_cached(probe_name(probe)) || r < 0)
        return r;
    fd = open_directory(probe->root, path);
    if (fd < 0)
        return fd;
    r = directory_revision(fd, DIRECTORY_MODEL, files->revision);
    (void)close(fd);
    return r == -ENOTDIR ? -ENOENT : r;
}

int probe_members_path(const struct probe *probe, const struct probe_files *files,
                       char path[PATH_MAX])
{
    char own[PATH_MAX];
    int r = root_join(probe->directory, probe->name, own, sizeof(own));

    if (r == 0 && files->revision[0])
        return root_join(own, files->revision, path, PATH_MAX);
    memcpy(path, own, sizeof(own));
    return r;
}

static int add_members(const struct probe *probe, struct probe_files *files)
{
    struct members members = {.root = probe->root};
    struct stat st;
    int r = find_revision(probe, files);

    if (r == 0)
        r = probe_members_path(probe, files, members.directory);
    if (r == 0)
        r = members.fd = open_directory(probe->root, members.directory);
    if (r < 0)
        return r;
    r = fstat(members.fd, &st) < 0 ? -errno : directory_names_read(members.fd, &files->names);
    members.device = st.st_dev;
    files->true_ctime = files->true_ctime && ctime_is_true(members.fd, probe->trust_stat);
    for (size_t i = 0; i < files->names.count && r == 0; i++)
        r = add_member(probe, &members, files->names.names[i], files);
    (void)close(members.fd);
    return r;
}

/* The model's own files. */
static int add_own(const struct probe *probe, struct probe_files *files)
{
    unsigned count = shard_count(probe->name);
    int r = 0;

    if (directory_is_model(probe->name))
        r = add_members(probe, files);
    else if (probe->from || probe->projector)
        r = -ENOENT;
    else
        for (unsigned i = 0; i < count && r == 0; i++)
            r = add_shard(probe, i, files);
    files->own = files->count;
    return r;
}

int probe_imatrix_path(const struct probe *probe, unsigned place, const struct root **root,
                       char *path, size_t size)
{
    bool beside = place < IMPORTANCE_PLACES_BESIDE;
    char name[NAME_MAX + 1];

    *root = beside ? probe->root : probe->imatrix_root;
    if (!*root || !importance_name(probe_name(probe), place, name))
        return -ENOENT;
    return root_join(beside ? probe->directory : "", name, path, size);
}

struct version probe_place_version(unsigned place)
{
    return (struct version){.inode = place + 1};
}

/* A file beside the mix. */
static int path_at_mix(const struct probe *probe, const struct probe_mix *mix, const char *file,
                       const struct root **root, char *path, size_t size)
{
    *root = mix->beside ? probe->root : probe->mix_root;
    return *root ? root_join(mix->beside ? probe->directory : "", file, path, size) : -ENOENT;
}

static int imatrix_path(const struct probe *probe, const struct probe_files *files, unsigned place,
                        const struct root **root, char *path, size_t size)
{
    if (place == PROBE_PLACE_OF_MIX)
        return path_at_mix(probe, files->mix, files->mix->imatrix, root, path, size);
    return probe_imatrix_path(probe, place, root, path, size);
}

int probe_file_path(const struct probe *probe, const struct probe_files *files, unsigned number,
                    const struct root **root, char *path, size_t size)
{
    char file[SHARD_NAME_MAX];

    if (files && files->mix && number == files->own)
        return path_at_mix(probe, files->mix, files->mix->file, root, path, size);
    if (files && files->imatrix_place >= 0 && number >= files->own)
        return imatrix_path(probe, files, (unsigned)files->imatrix_place, root, path, size);
    *root = probe->root;
    if (directory_is_model(probe->name))
        return root_join(probe->directory, probe->name, path, size);
    shard_name(probe->name, number, file);
    return root_join(probe->directory, file, path, size);
}

/* What the mix says of other files. One that cannot be used says nothing: that is found out by
 * probe_source(). */
static int ask_mix(const struct root *root, const char *path, struct probe_mix *found,
                   bool *imatrix)
{
    struct defect defect;
    struct version version;
    struct mix *mix = NULL;
    struct stat st;
    int r, fd = root_open(root, path, true, &st);

    if (fd < 0)
        return fd == -ENOMEM || fd == -EMFILE || fd == -ENFILE ? fd : 0;
    r = mixes_read(fd, &mix, &version, &defect);
    (void)close(fd);
    if (r < 0)
        return r == -ENOMEM ? r : 0;
    found->ftype = mix->variant.ftype;
    found->from = mix->variant.from;
    *imatrix = mix->variant.imatrix;
    (void)snprintf(found->imatrix, sizeof(found->imatrix), "%s", mix->imatrix);
    mix_free(mix);
    return 0;
}

/* The mix in one of the two directories. */
static int add_mix_at(const struct probe *probe, struct probe_files *files, bool *imatrix)
{
    const struct probe_mix *mix = files->mix;
    const struct root *root;
    char path[PATH_MAX];
    struct stat st;
    mode_t way = 0;
    int r;

    r = path_at_mix(probe, mix, "", &root, path, sizeof(path));
    if (r == 0)
        r = mixes_find(root, mix->beside ? probe->directory : "", probe->mix, files->mix->file);
    if (r == 0)
        r = path_at_mix(probe, mix, mix->file, &root, path, sizeof(path));
    if (r == 0)
        r = look_at(root, path, probe->trust_stat, files, &st, &way);
    if (r == 0)
        r = make_room(files);
    if (r < 0)
        return r;
    add_file(files, files->count++, &st, way);
    return ask_mix(root, path, files->mix, imatrix);
}

/* That beside the model goes first. */
static int add_mix(const struct probe *probe, struct probe_files *files, bool *imatrix)
{
    int r;

    files->mix = calloc(1, sizeof(*files->mix));
    if (!files->mix)
        return -ENOMEM;
    files->mix->beside = true;
    r = add_mix_at(probe, files, imatrix);
    if (r == -ENOENT || r == -EISDIR || r == -ENXIO) {
        files->mix->beside = false;
        r = add_mix_at(probe, files, imatrix);
    }
    return r == -EISDIR || r == -ENXIO ? -ENOENT : r;
}

/* The first that is there; none is no error. What is no regular file is none. */
static int add_imatrix(const struct probe *probe, struct probe_files *files)
{
    const struct root *root;
    char path[PATH_MAX];
    bool named = files->mix && files->mix->imatrix[0] != '\0';
    struct stat st;
    mode_t way = 0;
    int r;

    for (unsigned place = named ? PROBE_PLACE_OF_MIX : 0;
         place < IMPORTANCE_PLACES + (unsigned)named; place++) {
        r = imatrix_path(probe, files, place, &root, path, sizeof(path));
        if (r == 0)
            r = look_at(root, path, probe->trust_stat, files, &st, &way);
        if (r == -ENOENT || r == -EISDIR || r == -ENXIO)
            continue;
        if (r == 0)
            r = make_room(files);
        if (r < 0)
            return r;
        add_file(files, files->count++, &st, way);
        r = make_room(files);
        if (r < 0)
            return r;
        files->versions[files->count++] = probe_place_version(place);
        files->imatrix_place = (int)place;
        return 0;
    }
    return 0;
}

int probe_files(const struct probe *probe, struct probe_files *files, struct defect *defect)
{
    bool imatrix = probe->imatrix;
    int r;

    *files = (struct probe_files){.mode = 0444, .true_ctime = true, .imatrix_place = -1};
    r = add_own(probe, files);
    if (r == 0 && probe->mix)
        r = add_mix(probe, files, &imatrix);
    if (r == 0 && imatrix)
        r = add_imatrix(probe, files);
    if (r < 0) {
        const char *what =
            files->count < files->names.count ? files->names.names[files->count] : "";

        (void)defect_set(defect, -r, DEFECT_NOWHERE, "%.200s%s%s", what, *what ? ": " : "",
                         r == -ENODATA ? "missing, as yet" : strerror(-r));
        defect->shard = files->count;
        probe_files_free(files);
    }
    return r;
}

void probe_files_free(struct probe_files *files)
{
    directory_names_free(&files->names);
    free(files->versions);
    free(files->mix);
    *files = (struct probe_files){0};
}

bool probe_files_young(const struct probe_files *files)
{
    return versions_young(files->versions, files->count);
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
