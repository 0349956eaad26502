/* Writes the GGUF file that a Hugging Face directory becomes: hf-write DIRECTORY
 * [mmproj-]f32|f16|bf16|q8_0|own. Started by tests/hf/cases. */
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "quant/format/hf/import.h"
#include "tests/check.h"

#define FILES_MAX 256

static struct hf_file files[FILES_MAX];
static size_t file_count;

/* Opens what the directory has, and what its folders have, as somebody who asks for an import
 * would. */
static void collect(const char *directory, const char *prefix)
{
    char path[4096], name[512];
    struct dirent *entry;
    struct stat status;
    DIR *dir;

    (void)snprintf(path, sizeof(path), "%s/%s", directory, prefix);
    dir = opendir(path);
    CHECK(dir);
    while ((entry = readdir(dir)) != NULL) {
        if (entry->d_name[0] == '.')
            continue;
        (void)snprintf(name, sizeof(name), "%s%s", prefix, entry->d_name);
        (void)snprintf(path, sizeof(path), "%s/%s", directory, name);
        CHECK_EQ(stat(path, &status), 0);
        if (S_ISDIR(status.st_mode)) {
            (void)strcat(name, "/");
            collect(directory, name);
            continue;
        }
        CHECK(file_count < FILES_MAX);
        files[file_count] = (struct hf_file){strdup(name), open(path, O_RDONLY | O_CLOEXEC),
                                             (uint64_t)status.st_size};
        CHECK(files[file_count].fd >= 0 && files[file_count].name);
        file_count++;
    }
    closedir(dir);
}

int main(int argc, char **argv)
{
    struct hf_directory directory = {.files = files};
    struct hf_import *import = NULL;
    struct defect defect = {0};
    const uint8_t *header;
    size_t size;
    static uint8_t data[1 << 16];
    uint64_t left, at = 0;
    const char *name;
    enum type type;
    bool projector;
    int r;

    CHECK_EQ(argc, 3);
    collect(argv[1], "");
    directory.count = file_count;
    directory.name = strrchr(argv[1], '/') ? strrchr(argv[1], '/') + 1 : argv[1];
    projector = strncmp(argv[2], "mmproj-", 7) == 0;
    name = argv[2] + (projector ? 7 : 0);
    type = strcmp(name, "own") == 0 ? TYPE_NONE : type_find(name, strlen(name));
    r = projector ? hf_import_open_projector(&directory, type, &import, &defect)
                  : hf_import_open(&directory, type, &import, &defect);
    if (r < 0) {
        fprintf(stderr, "%s: %s\n", strerror(-r), defect.text);
        return 1;
    }
    header = hf_import_header(import, &size);
    CHECK_EQ(fwrite(header, 1, size, stdout), size);
    for (left = hf_plan_size(hf_import_plan(import)); left > 0; left -= size, at += size) {
        size = left < sizeof(data) ? (size_t)left : sizeof(data);
        CHECK_EQ(hf_plan_read_data(hf_import_plan(import), at, data, size), 0);
        CHECK_EQ(fwrite(data, 1, size, stdout), size);
    }
    hf_import_free(import);
    for (size_t i = 0; i < file_count; i++) {
        close(files[i].fd);
        free((char *)(uintptr_t)files[i].name);
    }
    return fflush(stdout) == 0 ? 0 : 1;
}
