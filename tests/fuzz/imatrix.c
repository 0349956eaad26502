/*
 * If this fails, some importance matrix, cut or hostile, makes its reader crash, or take more than
 * the file holds.
 */
#include "quant/format/imatrix.h"

#include <stdlib.h>
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

static void hold_entries(const struct imatrix *imatrix, size_t size)
{
    const struct imatrix_entry *entry;
    uint64_t values = 0;
    float sum = 0;

    for (size_t i = 0; i < imatrix->count; i++) {
        entry = &imatrix->entries[i];
        HOLDS(i == 0 || strcmp(imatrix->entries[i - 1].name, entry->name) < 0);
        HOLDS(imatrix_find(imatrix, entry->name) == entry);
        values += entry->count;
        for (uint64_t j = 0; j < entry->count; j++)
            sum += entry->values[j]; /* all of them are there */
    }
    HOLDS(sum >= 0 || sum <= 0 || sum != sum);
    HOLDS(values <= size / 4 && imatrix->count <= size / 4);
    HOLDS(memchr(imatrix->dataset, 0, sizeof(imatrix->dataset)));
    HOLDS(imatrix->memory <= 4096 + 16 * size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const some[] = {".", "b"};
    struct imatrix *imatrix = NULL;
    struct defect defect = {0};
    int fd = memfd_create("fuzz", MFD_CLOEXEC), r;

    HOLDS(fd >= 0 && pwrite(fd, data, size, 0) == (ssize_t)size);
    r = imatrix_read(fd, size, &imatrix, &defect);
    HOLDS((r == 0) == (imatrix != NULL));
    HOLDS(r == 0 || ((r == -EINVAL || r == -ENODATA || r == -ENOKEY) && defect.text[0]));
    if (r == 0) {
        hold_entries(imatrix, size);
        r = imatrix_check(imatrix, &defect);
        HOLDS(r == 0 || (r == -EINVAL && defect.text[0]));
        imatrix_select(imatrix, some, 1, some + 1, 1);
        hold_entries(imatrix, size);
    }
    imatrix_free(imatrix);
    (void)close(fd);
    return 0;
}
