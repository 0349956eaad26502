#ifndef FS_LOG_H
#define FS_LOG_H

#include <stdbool.h>
#include <stddef.h>

#include "quant/defect.h"

/* One line per event, to standard error, a file or syslog. Safe from any thread. */
struct log;

enum log_level {
    LOG_LEVEL_DEBUG, /* shown with -v */
    LOG_LEVEL_INFO,
    LOG_LEVEL_ERROR,
};

struct log_options {
    const char *path; /* -o log=FILE, or NULL */
    bool foreground;  /* to standard error if there is no path; else to syslog as "quantfs" */
    bool verbose;
};

MUST_USE int log_open(const struct log_options *options, struct log **log);
void log_close(struct log *log);

/* One line; bytes that are no printable UTF-8 (names of files may hold any) are escaped as \xHH. */
void log_line(struct log *log, enum log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* "PATH: byte OFFSET: TEXT", without the offset where it is nowhere. */
void log_defect(struct log *log, enum log_level level, const char *path,
                const struct defect *defect);

/* Writes `text` with unprintable bytes escaped; always ends it, cuts it to fit. For other faces
 * than the log. */
void log_escape(const char *text, char *out, size_t size);

#endif
