#include "fs/mixes.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

size_t mixes_name(const char *file)
{
    size_t length = strlen(file);

    return length > 4 && strcmp(file + length - 4, ".mix") == 0 ? length - 4 : 0;
}

static bool is_mix(const char *file, const char *name)
{
    size_t length = mixes_name(file);
    struct variant variant;

    return length == strlen(name) && variant_parse_mix(file, length, &variant) &&
           strcmp(variant.mix, name) == 0;
}

int mixes_find(const struct root *root, const char *directory, const char *name,
               char file[NAME_MAX + 1])
{
    int r = -ENOENT, fd = root_open_directory(root, directory, O_RDONLY);
    const struct dirent *entry;
    DIR *stream;

    if (fd < 0)
        return fd;
    stream = fdopendir(fd);
    if (!stream) {
        r = -errno;
        (void)close(fd);
        return r;
    }
    while ((errno = 0, entry = readdir(stream)) != NULL) {
        if (is_mix(entry->d_name, name) && (r < 0 || strcmp(entry->d_name, file) < 0)) {
            memcpy(file, entry->d_name, strlen(entry->d_name) + 1);
            r = 0;
        }
    }
    if (errno != 0)
        r = -errno;
    (void)closedir(stream);
    return r;
}

/* All of it; what grows meanwhile is another version. */
static int read_all(int fd, char *text, size_t size, struct defect *defect)
{
    size_t done = 0;
    ssize_t n;

    while (done < size) {
        n = pread(fd, text + done, size - done, (off_t)done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return defect_set(defect, errno, DEFECT_NOWHERE, "%s", strerror(errno));
        if (n == 0)
            return defect_set(defect, EAGAIN, DEFECT_NOWHERE, "it is being written");
        done += (size_t)n;
    }
    return 0;
}

int mixes_read(int fd, struct mix **mix, struct version *version, struct defect *defect)
{
    struct version after;
    struct stat st;
    char *text;
    int r;

    if (fstat(fd, &st) < 0)
        return defect_set(defect, errno, DEFECT_NOWHERE, "%s", strerror(errno));
    *version = version_of(&st);
    if ((uint64_t)st.st_size > MIX_SIZE_MAX)
        return defect_set(defect, EINVAL, DEFECT_NOWHERE, "a mix of more than %zu bytes",
                          MIX_SIZE_MAX);
    text = malloc((size_t)st.st_size + 1);
    if (!text)
        return -ENOMEM;
    r = read_all(fd, text, (size_t)st.st_size, defect);
    if (r == 0 && fstat(fd, &st) < 0)
        r = defect_set(defect, errno, DEFECT_NOWHERE, "%s", strerror(errno));
    after = version_of(&st);
    if (r == 0 && !version_equal(&after, version))
        r = defect_set(defect, EAGAIN, DEFECT_NOWHERE, "it is being written");
    if (r == 0)
        r = mix_parse(text, version->size, mix, defect);
    free(text);
    return r;
}
