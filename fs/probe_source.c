/* Opening what probe.c has seen. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "fs/importance.h"
#include "fs/memory.h"
#include "fs/mixes.h"
#include "fs/probe.h"

/* An importance matrix is kept in memory: one may take so much of it. */
#define MEMORY_SHARE 4

/* A directory whose files are opened. */
struct members {
    const struct root *root;
    char directory[PATH_MAX];
};

static int open_neighbour(void *context, const char *name)
{
    const struct probe *probe = context;
    char path[PATH_MAX];
    struct stat st;
    int r = root_join(probe->directory, name, path, sizeof(path));

    return r < 0 ? r : root_open(probe->root, path, true, &st);
}

static int open_member(void *context, const char *name)
{
    const struct members *members = context;
    char path[PATH_MAX];
    struct stat st;
    int r = root_join(members->directory, name, path, sizeof(path));

    return r < 0 ? r : root_open(members->root, path, true, &st);
}

static int open_directory_source(const struct probe *probe, const struct probe_files *files,
                                 struct source_saved *saved, struct source **source,
                                 struct defect *defect)
{
    const struct ftype *from = probe_from(probe, files);
    const struct source_become become = {from ? from->type : TYPE_NONE, probe->projector};
    struct members members = {.root = probe->root};
    int r = probe_members_path(probe, files, members.directory);

    return r < 0
               ? r
               : source_open_directory(open_member, &members, directory_own_name(probe_name(probe)),
                                       (const char *const *)files->names.names, files->names.count,
                                       become, saved, source, defect);
}

int probe_peek(const struct probe *probe, const struct probe_files *files,
               const struct ftype **native)
{
    struct members members = {.root = probe->root};
    struct defect defect;
    enum type type;
    int r = probe_members_path(probe, files, members.directory);

    if (r == 0)
        r = source_peek_directory(open_member, &members, directory_own_name(probe_name(probe)),
                                  (const char *const *)files->names.names, files->names.count,
                                  &type, &defect);
    if (r == 0)
        *native = type == TYPE_F16   ? ftype_find("f16", 3)
                  : type == TYPE_F32 ? ftype_find("f32", 3)
                                     : ftype_find("bf16", 4);
    return r;
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
    unsigned count = source_file_count(source);

    if (count > files->own)
        return false;
    for (unsigned i = 0; i < count; i++)
        if (!version_equal(source_file_version(source, i), &files->versions[i]))
            return false;
    return true;
}

/* None is there: where it was looked for. */
static int no_imatrix(const struct probe *probe, const struct probe_files *files,
                      struct defect *defect)
{
    char names[IMPORTANCE_PLACES_BESIDE][NAME_MAX + 1];

    if (files->mix && files->mix->imatrix[0] != '\0')
        return defect_set(defect, ENOKEY, DEFECT_NOWHERE, "no importance matrix: no %s beside %s",
                          files->mix->imatrix, files->mix->file);
    for (unsigned i = 0; i < IMPORTANCE_PLACES_BESIDE; i++)
        if (!importance_name(probe_name(probe), i, names[i]))
            names[i][0] = '\0';
    return defect_set(defect, ENOKEY, DEFECT_NOWHERE,
                      "no importance matrix: no %.100s, %.100s, %s or %s beside it%s", names[0],
                      names[1], names[2], names[3],
                      probe->imatrix_root ? ", nor one of the first two in imatrix_dir" : "");
}

static int read_imatrix(const struct probe *probe, const struct probe_files *files, int fd,
                        struct imatrix **imatrix, struct defect *defect)
{
    const struct version *seen = &files->versions[files->count - 2];
    char name[NAME_MAX + 1];
    struct version version;
    int r;

    if (files->imatrix_place == PROBE_PLACE_OF_MIX)
        (void)snprintf(name, sizeof(name), "%s", files->mix->imatrix);
    else
        (void)importance_name(probe_name(probe), (unsigned)files->imatrix_place, name);
    r = importance_read(fd, name, imatrix, &version, defect);
    if (r == 0)
        r = imatrix_check(*imatrix, defect);
    if (r == 0 && !version_equal(&version, seen))
        r = defect_set(defect, EAGAIN, DEFECT_NOWHERE, "it is being written");
    return r == -ENOKEY ? -EINVAL : r;
}

/* The source gets the importance matrix that was seen. */
static int give_imatrix(const struct probe *probe, const struct probe_files *files,
                        struct source *source, struct defect *defect)
{
    struct imatrix *imatrix = NULL;
    const struct root *root;
    char path[PATH_MAX];
    struct stat st;
    int fd = -1, r;

    if (files->imatrix_place < 0)
        return no_imatrix(probe, files, defect);
    r = probe_file_path(probe, files, files->count - 2, &root, path, sizeof(path));
    if (r == 0)
        fd = r = root_open(root, path, true, &st);
    if (r < 0)
        (void)defect_set(defect, -r, DEFECT_NOWHERE, "%s", strerror(-r));
    else if ((uint64_t)st.st_size > memory_size() / MEMORY_SHARE)
        r = defect_set(defect, EINVAL, DEFECT_NOWHERE,
                       "an importance matrix of %llu bytes: more than a quarter of the memory",
                       (unsigned long long)st.st_size);
    else
        r = read_imatrix(probe, files, fd, &imatrix, defect);
    defect->shard = files->count - 2;
    if (r == 0)
        return source_set_imatrix(source, imatrix, &files->versions[files->count - 2], fd, true);
    imatrix_free(imatrix);
    if (fd >= 0)
        (void)close(fd);
    return r == -ENOENT ? -EAGAIN : r;
}

/* The source gets the mix that was seen. */
static int give_mix(const struct probe *probe, const struct probe_files *files,
                    struct source *source, struct mix **mix, struct defect *defect)
{
    unsigned number = files->own;
    struct version version = {0};
    const struct root *root;
    char path[PATH_MAX];
    struct stat st;
    int fd = -1, r;

    r = probe_file_path(probe, files, number, &root, path, sizeof(path));
    if (r == 0)
        fd = r = root_open(root, path, true, &st);
    if (r < 0)
        (void)defect_set(defect, -r, DEFECT_NOWHERE, "%s", strerror(-r));
    else
        r = mixes_read(fd, mix, &version, defect);
    if (r == 0 && !version_equal(&version, &files->versions[number]))
        r = defect_set(defect, EAGAIN, DEFECT_NOWHERE, "it is being written");
    if (r < 0)
        defect->shard = number;
    if (r == 0)
        return source_set_mix(source, &version, fd);
    if (fd >= 0)
        (void)close(fd);
    return r == -ENOENT ? -EAGAIN : r;
}

/* The model is open when the mix is read: one that says that it is another one is refused. */
static int check_mix(const struct mix *mix, const struct source *source, struct defect *defect)
{
    const struct source_split split = arch_split(&mix->rules);
    bool is_set = source_shard_count(source) > 1;

    if (mix->variant.from && !source_is_directory(source))
        return defect_set(defect, EINVAL, DEFECT_NOWHERE,
                          "'from' in a mix is for directories: a GGUF file is what it is");
    if ((!is_set || (!split.count.set && !split.number.set && !split.tensors.set)) &&
        (!split.count.set || split.count.value <= 1))
        return 0;
    return defect_set(defect, EINVAL, DEFECT_NOWHERE,
                      "overrides of split.count and the like are for quantfs quantize");
}

int probe_source(const struct probe *probe, const struct probe_files *files,
                 struct source_saved *saved, struct source **out, struct mix **out_mix,
                 struct arch_facts *facts, struct defect *defect)
{
    struct probe place = *probe;
    struct source *source = NULL;
    struct mix *mix = NULL;
    int r;

    *defect = (struct defect){.offset = DEFECT_NOWHERE};
    if (directory_is_model(probe->name))
        r = open_directory_source(probe, files, saved, &source, defect);
    else
        r = source_open(open_neighbour, &place, probe->name, &source, defect);
    if (r == 0 && !versions_agree(source, files))
        r = defect_set(defect, EAGAIN, DEFECT_NOWHERE, "it is being written");
    if (r == 0 && !probe->projector && !is_model(source))
        r = defect_set(defect, ENOEXEC, DEFECT_NOWHERE, "no model");
    if (r == 0 && probe->mix)
        r = give_mix(probe, files, source, &mix, defect);
    if (r == 0 && mix)
        r = check_mix(mix, source, defect);
    if (r == 0)
        r = arch_judge(source, mix ? &mix->rules : NULL, facts, defect);
    if (r == 0 && (mix ? mix->variant.imatrix : probe->imatrix))
        r = give_imatrix(probe, files, source, defect);
    if (r < 0) {
        mix_free(mix);
        source_close(source);
        return r;
    }
    *out = source;
    *out_mix = mix;
    return 0;
}
