/*
 * If this fails, a file that must be refused is read, or its owner is told another reason or place.
 *
 *     must-fail TABLE DIRECTORY
 *
 * TABLE: a line a file of DIRECTORY: name, error, offset, message; tabs between them.
 */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../check.h"
#include "quant/format/gguf.h"

static int error_of(const char *name)
{
    CHECK(strcmp(name, "EINVAL") == 0 || strcmp(name, "ENODATA") == 0 ||
          strcmp(name, "ENOEXEC") == 0);
    return name[1] == 'I' ? EINVAL : name[3] == 'D' ? ENODATA : ENOEXEC;
}

static void check_file(int directory, char *line)
{
    char *fields[4], *at = line;
    struct gguf gguf;
    struct defect defect;
    struct stat st;
    int fd, r;

    for (int i = 0; i < 4; i++) {
        fields[i] = strsep(&at, i < 3 ? "\t" : "\n");
        CHECK(fields[i]);
    }
    fd = openat(directory, fields[0], O_RDONLY | O_CLOEXEC);
    CHECK(fd >= 0 && fstat(fd, &st) == 0);
    r = gguf_parse(fd, (uint64_t)st.st_size, &gguf, &defect);
    if (r == 0 || strcmp(defect.text, fields[3]) != 0)
        fprintf(stderr, "%s\n", fields[0]);
    CHECK_EQ(r, -error_of(fields[1]));
    CHECK_STR(defect.text, fields[3]);
    CHECK_EQ(defect.offset, strtoull(fields[2], NULL, 10));
    (void)close(fd);
}

int main(int argc, char **argv)
{
    FILE *table = argc == 3 ? fopen(argv[1], "r") : NULL;
    int directory = argc == 3 ? open(argv[2], O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    char line[1024];
    unsigned count = 0;

    CHECK(table && directory >= 0);
    for (; fgets(line, sizeof(line), table); count++)
        check_file(directory, line);
    CHECK(count >= 20);
    (void)fclose(table);
    (void)close(directory);
    return 0;
}
