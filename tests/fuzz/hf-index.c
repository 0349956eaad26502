/*
 * If this fails, some model.safetensors.index.json, cut or hostile, makes its reader crash or leads
 * to a file that it must not name.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"
#include "quant/format/hf/weights.h"

/* Unlike assert() this stays in release builds. */
#define HOLDS(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition);         \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

static struct hf_file file_of(const char *name, const void *data, size_t size)
{
    struct hf_file file = {name, memfd_create("fuzz", MFD_CLOEXEC), size};

    HOLDS(file.fd >= 0 && pwrite(file.fd, data, size, 0) == (ssize_t)size);
    return file;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char shard[] = "D\0\0\0\0\0\0\0"
                                "{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]}}"
                                "                  "
                                "12";
    const struct hf_file files[] = {
        file_of("model.safetensors.index.json", data, size),
        file_of("one.safetensors", shard, sizeof(shard) - 1),
    };
    const struct hf_directory directory = {"Model", files, 2};
    struct hf_weights weights;
    struct defect defect = {0};
    int r = hf_weights_read(&directory, &weights, &defect);

    HOLDS(r == 0 || ((r == -EINVAL || r == -ENODATA) && defect.text[0] && !weights.tensors));
    HOLDS(r < 0 || weights.count <= 1);
    for (size_t i = 0; i < weights.count; i++)
        HOLDS(weights.tensors[i].file == 1 && strcmp(weights.tensors[i].name, "a") == 0);
    hf_weights_free(&weights);
    for (int i = 0; i < 2; i++)
        (void)close(files[i].fd);
    return 0;
}
