#include "fs/recipe_text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "fs/log.h"

static void put_upper(const char *text, FILE *file)
{
    for (; *text; text++)
        (void)putc(*text >= 'a' && *text <= 'z' ? *text - 'a' + 'A' : *text, file);
}

static void put_line(const struct extent *extent, FILE *file)
{
    const struct source_tensor *tensor = extent->tensor;
    char name[512];

    log_escape(tensor->name, name, sizeof(name));
    (void)fprintf(file, "%s\t%llu", name, (unsigned long long)tensor->ne[0]);
    for (unsigned d = 1; d < tensor->n_dims; d++)
        (void)fprintf(file, ",%llu", (unsigned long long)tensor->ne[d]);
    (void)putc('\t', file);
    put_upper(type_info(tensor->type)->name, file);
    (void)putc('\t', file);
    put_upper(type_info(extent->type)->name, file);
    (void)fprintf(file, "\t%llu\t%llu\n", (unsigned long long)extent->offset,
                  (unsigned long long)extent->size);
}

int recipe_text(const struct view *view, char **text, size_t *size)
{
    FILE *file = open_memstream(text, size);
    bool whole;

    if (!file)
        return -ENOMEM;
    (void)fputs("name\tshape\tsource_type\ttype\toffset\tsize\n", file);
    for (size_t i = 0; i < view->extent_count; i++)
        put_line(&view->extents[i], file);
    whole = !ferror(file);
    if (fclose(file) != 0 || !whole) {
        free(*text);
        *text = NULL;
        return -ENOMEM;
    }
    return 0;
}
