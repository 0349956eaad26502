#ifndef QUANT_DEFECT_H
#define QUANT_DEFECT_H

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "config.h"

/* The defect has no place in a file (a rule of the recipe, a missing key). */
#define DEFECT_NOWHERE UINT64_MAX

/*
 * What is wrong with an input, and where. quant/ fills it, fs/ adds the path and shows it.
 *
 * The text is the reference tool's own message where the tool has one, so that `quantize` can print
 * it as the tool does. Bytes of names in it are escaped by whoever shows it.
 */
struct defect {
    uint64_t offset; /* bytes from the start of the file, or DEFECT_NOWHERE */
    unsigned shard;  /* which file of a split source, from 0 */
    char text[512];  /* one line without its end */
};

/* Fills *defect (unless NULL) and returns -error: `return defect_set(d, EINVAL, at, "...")`. */
__attribute__((format(printf, 4, 5))) static inline int
defect_set(struct defect *defect, int error, uint64_t offset, const char *format, ...)
{
    va_list args;

    if (defect) {
        memset(defect, 0, sizeof(*defect));
        defect->offset = offset;
        va_start(args, format);
        (void)vsnprintf(defect->text, sizeof(defect->text), format, args);
        va_end(args);
    }
    return -error;
}

#endif
