/*
 * If this fails, some safetensors file, cut or hostile, makes its reader crash, take more memory
 * than the file is worth, or find tensors where there are none.
 */
#include "quant/format/safetensors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"

/* Unlike assert() this stays in release builds. */
#define HOLDS(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition);         \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

static void hold_tensors(const struct safetensors *all, size_t size)
{
    uint64_t sum = 0, bits;

    for (size_t i = 0; i < all->count; i++) {
        const struct safetensors_tensor *tensor = &all->tensors[i];

        HOLDS(i == 0 || strcmp(all->tensors[i - 1].name, tensor->name) < 0);
        HOLDS(tensor->n_dims <= SAFETENSORS_DIMS_MAX);
        HOLDS(tensor->offset <= size && tensor->size <= size - tensor->offset);
        bits = safetensors_dtype_bits(tensor->dtype);
        for (unsigned k = 0; k < SAFETENSORS_DIMS_MAX; k++)
            bits *= tensor->shape[k];
        HOLDS(bits == 8 * tensor->size);
        sum += tensor->size;
    }
    HOLDS(sum <= size && all->count <= size / 40);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct safetensors all;
    struct defect defect = {0};
    int fd = memfd_create("fuzz", MFD_CLOEXEC), r;

    HOLDS(fd >= 0 && pwrite(fd, data, size, 0) == (ssize_t)size);
    r = safetensors_parse(fd, size, &all, &defect);
    HOLDS(r == 0 || ((r == -EINVAL || r == -ENODATA) && defect.text[0] && !all.tensors));
    if (r == 0)
        hold_tensors(&all, size);
    safetensors_free(&all);
    (void)close(fd);
    return 0;
}
