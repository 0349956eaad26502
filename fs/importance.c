#include "fs/importance.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "fs/directory.h"
#include "fs/shard.h"

/* A split set's stem ends where the numbers begin. */
static size_t stem_of(const char *model)
{
    size_t length = strlen(model), stem;
    unsigned number, count;

    if (shard_parse(model, &stem, &number, &count))
        return stem;
    return length > 5 && strcmp(model + length - 5, ".gguf") == 0 ? length - 5 : length;
}

bool importance_name(const char *model, unsigned place, char name[NAME_MAX + 1])
{
    /* A matrix without a model's name belongs to what it stands beside. */
    static const char *const names[IMPORTANCE_PLACES] = {
        ".imatrix.gguf", ".imatrix", "imatrix.gguf", "imatrix.dat", ".imatrix.gguf", ".imatrix"};
    bool stem = names[place][0] == '.';

    if (directory_is_model(model))
        model = directory_stem(model);
    return snprintf(name, NAME_MAX + 1, "%.*s%s", stem ? (int)stem_of(model) : 0, model,
                    names[place]) <= NAME_MAX;
}

/* The state of a regular file. */
static int look(int fd, struct version *version, struct defect *defect)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return defect_set(defect, errno, DEFECT_NOWHERE, "%s", strerror(errno));
    if (!S_ISREG(st.st_mode))
        return defect_set(defect, S_ISDIR(st.st_mode) ? EISDIR : ENXIO, DEFECT_NOWHERE,
                          "no regular file");
    *version = version_of(&st);
    return 0;
}

int importance_read(int fd, const char *name, struct imatrix **out, struct version *version,
                    struct defect *defect)
{
    struct imatrix *imatrix = NULL;
    struct version after;
    int r = look(fd, version, defect);

    if (r == 0)
        r = imatrix_read(fd, version->size, &imatrix, defect);
    if (r == 0)
        r = look(fd, &after, defect);
    if (r == 0 && !version_equal(version, &after))
        r = defect_set(defect, EAGAIN, DEFECT_NOWHERE, "it changed while it was read");
    if (r < 0) {
        imatrix_free(imatrix);
        return r;
    }
    (void)snprintf(imatrix->file, sizeof(imatrix->file), "%s", name);
    *out = imatrix;
    return 0;
}
