/*
 * If this fails, a file that must be refused is read, or its owner is told another reason or place.
 *
 *     must-fail FORMAT TABLE DIRECTORY
 *
 * FORMAT: gguf, imatrix or safetensors. TABLE: a line a file of DIRECTORY: name, error, offset,
 * message; tabs between them.
 */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../check.h"
#include "quant/format/gguf.h"
#include "quant/format/imatrix.h"
#include "quant/format/safetensors.h"

typedef int read_fn(int fd, uint64_t size, struct defect *defect);

static int error_of(const char *name)
{
    static const struct {
        const char *name;
        int error;
    } errors[] = {
        {"EINVAL", EINVAL}, {"ENODATA", ENODATA}, {"ENOEXEC", ENOEXEC}, {"ENOKEY", ENOKEY}};

    for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
        if (strcmp(errors[i].name, name) == 0)
            return errors[i].error;
    fprintf(stderr, "no error is called %s\n", name);
    exit(1);
}

static int read_gguf(int fd, uint64_t size, struct defect *defect)
{
    struct gguf gguf;

    return gguf_parse(fd, size, &gguf, defect);
}

static int read_imatrix(int fd, uint64_t size, struct defect *defect)
{
    struct imatrix *imatrix = NULL;
    int r = imatrix_read(fd, size, &imatrix, defect);

    if (r == 0)
        r = imatrix_check(imatrix, defect);
    imatrix_free(imatrix);
    return r;
}

static int read_safetensors(int fd, uint64_t size, struct defect *defect)
{
    struct safetensors all;

    return safetensors_parse(fd, size, &all, defect);
}

static read_fn *reader_of(const char *format)
{
    static const struct {
        const char *format;
        read_fn *read;
    } readers[] = {
        {"gguf", read_gguf}, {"imatrix", read_imatrix}, {"safetensors", read_safetensors}};

    for (size_t i = 0; i < sizeof(readers) / sizeof(readers[0]); i++)
        if (strcmp(readers[i].format, format) == 0)
            return readers[i].read;
    fprintf(stderr, "no format is called %s\n", format);
    exit(1);
}

static void check_file(read_fn *read_file, int directory, char *line)
{
    char *fields[4], *at = line;
    struct defect defect = {0};
    struct stat st;
    int fd, r;

    for (int i = 0; i < 4; i++) {
        fields[i] = strsep(&at, i < 3 ? "\t" : "\n");
        CHECK(fields[i]);
    }
    fd = openat(directory, fields[0], O_RDONLY | O_CLOEXEC);
    CHECK(fd >= 0 && fstat(fd, &st) == 0);
    r = read_file(fd, (uint64_t)st.st_size, &defect);
    if (r == 0 || strcmp(defect.text, fields[3]) != 0)
        fprintf(stderr, "%s\n", fields[0]);
    CHECK_EQ(r, -error_of(fields[1]));
    CHECK_STR(defect.text, fields[3]);
    CHECK_EQ(defect.offset, strtoull(fields[2], NULL, 10));
    (void)close(fd);
}

int main(int argc, char **argv)
{
    FILE *table = argc == 4 ? fopen(argv[2], "r") : NULL;
    int directory = argc == 4 ? open(argv[3], O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    char line[1024];
    unsigned count = 0;

    CHECK(table && directory >= 0);
    for (; fgets(line, sizeof(line), table); count++)
        check_file(reader_of(argv[1]), directory, line);
    CHECK(count >= 12);
    (void)fclose(table);
    (void)close(directory);
    return 0;
}
