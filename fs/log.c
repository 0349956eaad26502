#include "fs/log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#define TEXT_MAX 8192 /* bytes of a line before it is escaped: two paths and some words */
#define LINE_MAX_ESCAPED (2 * TEXT_MAX)

enum log_kind {
    LOG_TO_STDERR,
    LOG_TO_FILE,
    LOG_TO_SYSLOG,
};

/* Nothing changes after log_open(), so there is no lock: a line is one write. */
struct log {
    enum log_kind kind;
    int fd; /* LOG_TO_FILE, else -1 */
    bool verbose;
};

int log_open(const struct log_options *options, struct log **out)
{
    struct log *log = calloc(1, sizeof(*log));
    int r;

    *out = NULL;
    if (!log)
        return -ENOMEM;
    log->fd = -1;
    log->verbose = options->verbose;
    if (options->path) {
        log->kind = LOG_TO_FILE;
        log->fd = open(options->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0644);
        if (log->fd < 0) {
            r = -errno;
            free(log);
            return r;
        }
    } else if (options->foreground) {
        log->kind = LOG_TO_STDERR;
    } else {
        log->kind = LOG_TO_SYSLOG;
        openlog("quantfs", LOG_PID, LOG_DAEMON);
    }
    *out = log;
    return 0;
}

void log_close(struct log *log)
{
    if (!log)
        return;
    if (log->kind == LOG_TO_SYSLOG)
        closelog();
    if (log->fd >= 0)
        (void)close(log->fd);
    free(log);
}

/* ---- escaping ---- */

/* Bytes of the UTF-8 character at `text`, and its code point; 0: it is none. */
static size_t decode(const uint8_t *text, uint32_t *point)
{
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t length;

    if (text[0] < 0x80) {
        *point = text[0];
        return 1;
    }
    if (text[0] >= 0xC2 && text[0] < 0xE0)
        length = 2;
    else if (text[0] >= 0xE0 && text[0] < 0xF0)
        length = 3;
    else if (text[0] >= 0xF0 && text[0] < 0xF5)
        length = 4;
    else
        return 0;
    *point = text[0] & (0x7FU >> length);
    for (size_t i = 1; i < length; i++) { /* stops at the end of the text, which is no 10xxxxxx */
        if ((text[i] & 0xC0) != 0x80)
            return 0;
        *point = *point << 6 | (text[i] & 0x3FU);
    }
    if (*point < smallest[length] || *point > 0x10FFFF || (*point >= 0xD800 && *point < 0xE000))
        return 0;
    return length;
}

/* Not isprint(), which knows ASCII only in the C locale. What turns the direction of a terminal's
 * text, or ends a line in some viewers, is not printable. */
static bool printable(uint32_t point)
{
    if (point < 0x20 || (point >= 0x7F && point < 0xA0))
        return false;
    if (point == 0x061C || point == 0x200E || point == 0x200F || point == 0xFEFF)
        return false;
    if ((point >= 0x2028 && point <= 0x202E) || (point >= 0x2066 && point <= 0x2069))
        return false;
    return (point & 0xFFFE) != 0xFFFE;
}

void log_escape(const char *text, char *out, size_t size)
{
    static const char digits[] = "0123456789abcdef";
    const uint8_t *at = (const uint8_t *)text;
    size_t used = 0;

    if (size == 0)
        return;
    while (*at) {
        uint32_t point;
        size_t length = decode(at, &point);

        if (length > 0 && printable(point)) {
            if (length >= size - used)
                break;
            memcpy(out + used, at, length);
            used += length;
            at += length;
            continue;
        }
        if (length == 0)
            length = 1;
        for (; length > 0 && size - used > 4; length--, at++) {
            out[used++] = '\\';
            out[used++] = 'x';
            out[used++] = digits[*at >> 4];
            out[used++] = digits[*at & 15];
        }
        if (length > 0)
            break;
    }
    out[used] = '\0';
}

/* ---- lines ---- */

static void write_line(int fd, const char *line, size_t size)
{
    while (size > 0) {
        ssize_t n = write(fd, line, size);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return; /* nobody is left to tell */
        line += n;
        size -= (size_t)n;
    }
}

static void print_stamp(char *out, size_t size)
{
    struct timespec now;
    struct tm local;
    char date[32], zone[16];

    (void)clock_gettime(CLOCK_REALTIME, &now);
    (void)localtime_r(&now.tv_sec, &local);
    (void)strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &local);
    (void)strftime(zone, sizeof(zone), "%z", &local);
    (void)snprintf(out, size, "%s.%03ld%s quantfs[%ld]: ", date, now.tv_nsec / 1000000, zone,
                   (long)getpid());
}

static int syslog_priority(enum log_level level)
{
    switch (level) {
    case LOG_LEVEL_DEBUG:
        return LOG_DEBUG;
    case LOG_LEVEL_INFO:
        return LOG_INFO;
    case LOG_LEVEL_ERROR:
        break;
    }
    return LOG_ERR;
}

void log_line(struct log *log, enum log_level level, const char *format, ...)
{
    char text[TEXT_MAX], line[96 + LINE_MAX_ESCAPED + 1] = "quantfs: ";
    size_t used;
    va_list args;

    if (level == LOG_LEVEL_DEBUG && !log->verbose)
        return;
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (log->kind == LOG_TO_SYSLOG) {
        log_escape(text, line, LINE_MAX_ESCAPED);
        syslog(syslog_priority(level), "%s", line);
        return;
    }
    if (log->kind == LOG_TO_FILE)
        print_stamp(line, 96);
    used = strlen(line);
    log_escape(text, line + used, LINE_MAX_ESCAPED);
    used += strlen(line + used);
    line[used++] = '\n';
    write_line(log->kind == LOG_TO_FILE ? log->fd : STDERR_FILENO, line, used);
}

void log_defect(struct log *log, enum log_level level, const char *path,
                const struct defect *defect)
{
    if (defect->offset == DEFECT_NOWHERE)
        log_line(log, level, "%s: %s", path, defect->text);
    else
        log_line(log, level, "%s: byte %" PRIu64 ": %s", path, defect->offset, defect->text);
}
