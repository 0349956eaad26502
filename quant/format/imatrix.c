#include "quant/format/imatrix.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "quant/format/imatrix_state.h"

struct imatrix_entry *imatrix_add(struct imatrix *imatrix)
{
    size_t count = imatrix->count;
    struct imatrix_entry *entries = imatrix->entries;

    if ((count & (count - 1)) == 0) { /* grown at 0 and at powers of two */
        entries = reallocarray(entries, count ? 2 * count : 1, sizeof(*entries));
        if (!entries)
            return NULL;
        imatrix->entries = entries;
    }
    entries[count] = (struct imatrix_entry){0};
    imatrix->count++;
    return &entries[count];
}

int imatrix_take_values(struct imatrix *imatrix, struct imatrix_entry *entry, uint64_t count)
{
    entry->values = calloc(count ? (size_t)count : 1, sizeof(*entry->values));
    if (!entry->values)
        return -ENOMEM;
    entry->count = count;
    imatrix->memory += (size_t)count * sizeof(*entry->values);
    return 0;
}

int imatrix_load(int fd, uint64_t offset, void *data, size_t size, struct defect *defect)
{
    uint8_t *out = data;
    ssize_t n;

    while (size > 0) {
        n = pread(fd, out, size, (off_t)offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return defect_set(defect, EIO, offset, "%s", strerror(errno));
        if (n == 0)
            return defect_set(defect, ENODATA, offset, "the file ends here");
        out += n;
        offset += (uint64_t)n;
        size -= (size_t)n;
    }
    return 0;
}

/* --- entries ------------------------------------------------------------------------------------
 */

static void free_entry(struct imatrix_entry *entry)
{
    free(entry->name);
    free(entry->values);
}

/* The first of equal names comes first: it is the one that was read last. */
static int compare_entries(const void *a, const void *b, void *list)
{
    const struct imatrix_entry *entries = list;
    size_t i = *(const size_t *)a, j = *(const size_t *)b;
    int order = strcmp(entries[i].name, entries[j].name);

    return order ? order : (i < j) - (i > j);
}

/* By name; of those of one name the last one stays. */
static int sort_entries(struct imatrix *imatrix)
{
    size_t *order = reallocarray(NULL, imatrix->count + 1, sizeof(*order));
    struct imatrix_entry *sorted = reallocarray(NULL, imatrix->count + 1, sizeof(*sorted));
    size_t count = 0;

    if (!order || !sorted) {
        free(order);
        free(sorted);
        return -ENOMEM;
    }
    for (size_t i = 0; i < imatrix->count; i++)
        order[i] = i;
    qsort_r(order, imatrix->count, sizeof(*order), compare_entries, imatrix->entries);
    for (size_t i = 0; i < imatrix->count; i++) {
        struct imatrix_entry *entry = &imatrix->entries[order[i]];

        if (count > 0 && strcmp(sorted[count - 1].name, entry->name) == 0)
            free_entry(entry);
        else
            sorted[count++] = *entry;
    }
    free(order);
    free(imatrix->entries);
    imatrix->entries = sorted;
    imatrix->count = count;
    imatrix->memory += count * (sizeof(*sorted) + 64); /* 64: a name */
    return 0;
}

const struct imatrix_entry *imatrix_find(const struct imatrix *imatrix, const char *name)
{
    size_t low = 0, high = imatrix->count, middle;
    int order;

    while (low < high) {
        middle = low + (high - low) / 2;
        order = strcmp(name, imatrix->entries[middle].name);
        if (order == 0)
            return &imatrix->entries[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

static bool contains_one(const char *name, const char *const *parts, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strstr(name, parts[i]))
            return true;
    return false;
}

void imatrix_select(struct imatrix *imatrix, const char *const *include, size_t include_count,
                    const char *const *exclude, size_t exclude_count)
{
    struct imatrix_entry *entry;
    size_t kept = 0;

    for (size_t i = 0; i < imatrix->count; i++) {
        entry = &imatrix->entries[i];
        if (contains_one(entry->name, exclude, exclude_count) ||
            (include_count > 0 && !contains_one(entry->name, include, include_count)))
            free_entry(entry);
        else
            imatrix->entries[kept++] = *entry;
    }
    imatrix->count = kept;
}

int imatrix_check(const struct imatrix *imatrix, struct defect *defect)
{
    for (size_t i = 0; i < imatrix->count; i++)
        for (uint64_t j = 0; j < imatrix->entries[i].count; j++)
            if (!isfinite(imatrix->entries[i].values[j]))
                return defect_set(defect, EINVAL, DEFECT_NOWHERE,
                                  "imatrix contains non-finite value %f",
                                  (double)imatrix->entries[i].values[j]);
    return 0;
}

/* --- reading ------------------------------------------------------------------------------------
 */

int imatrix_read(int fd, uint64_t size, struct imatrix **result, struct defect *defect)
{
    struct imatrix *imatrix = calloc(1, sizeof(*imatrix));
    int r = -ENOMEM;

    if (imatrix) {
        imatrix->memory = sizeof(*imatrix);
        r = imatrix_read_gguf(fd, size, imatrix, defect);
        if (r == -ENOEXEC)
            r = imatrix_read_legacy(fd, size, imatrix, defect);
    }
    if (r == 0)
        r = sort_entries(imatrix);
    if (r == -ENOMEM)
        r = defect_set(defect, ENOMEM, DEFECT_NOWHERE, "%s", strerror(ENOMEM));
    if (r == 0) {
        *result = imatrix;
        return 0;
    }
    imatrix_free(imatrix);
    return r;
}

void imatrix_free(struct imatrix *imatrix)
{
    if (!imatrix)
        return;
    for (size_t i = 0; i < imatrix->count; i++)
        free_entry(&imatrix->entries[i]);
    free(imatrix->entries);
    free(imatrix);
}
