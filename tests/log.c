/* If this failed, a log would hold torn or missing lines, or a file's name could write to a
 * terminal. */
#include "fs/log.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <unistd.h>

#include "tests/check.h"

#define THREADS 8
#define LINES 500

static char path[] = "/tmp/quantfs-test-log.XXXXXX";

static struct log *open_log(bool verbose)
{
    const struct log_options options = {.path = path, .foreground = true, .verbose = verbose};
    struct log *log;

    CHECK_EQ(truncate(path, 0), 0);
    CHECK_EQ(log_open(&options, &log), 0);
    return log;
}

/* The next line of the log without its time, which must look like one. */
static char *next_line(FILE *file, char *line, size_t size)
{
    char *text;

    CHECK(fgets(line, (int)size, file));
    CHECK(strlen(line) > 30 && line[strlen(line) - 1] == '\n');
    CHECK(line[4] == '-' && line[7] == '-' && line[10] == 'T' && line[13] == ':');
    line[strlen(line) - 1] = '\0';
    text = strstr(line, "]: ");
    CHECK(text && strstr(line, " quantfs["));
    return text + 3;
}

static void check_escape(const char *text, const char *expected)
{
    char out[256];

    memset(out, '!', sizeof(out));
    log_escape(text, out, sizeof(out));
    CHECK_STR(out, expected);
}

static void test_escape(void)
{
    check_escape("", "");
    check_escape("plain name.gguf", "plain name.gguf");
    check_escape("a\nb\tc\033[2J\177", "a\\x0ab\\x09c\\x1b[2J\\x7f");
    check_escape("Modèle-模型-🦙", "Modèle-模型-🦙");
    /* stray and missing continuation bytes, overlong, surrogate, beyond the last code point */
    check_escape("\x80x", "\\x80x");
    check_escape("\xC3", "\\xc3");
    check_escape("\xE6\xA8", "\\xe6\\xa8");
    check_escape("\xC0\xAF", "\\xc0\\xaf");
    check_escape("\xE0\x80\xAF", "\\xe0\\x80\\xaf");
    check_escape("\xED\xA0\x80", "\\xed\\xa0\\x80");
    check_escape("\xF4\x90\x80\x80", "\\xf4\\x90\\x80\\x80");
    check_escape("\xFF", "\\xff");
    /* C1 controls, a line separator, a change of direction */
    check_escape("\xC2\x9B"
                 "2J",
                 "\\xc2\\x9b2J");
    check_escape("\xE2\x80\xA8", "\\xe2\\x80\\xa8");
    check_escape("\xE2\x80\xAE"
                 "fugg",
                 "\\xe2\\x80\\xaefugg");
}

/* Whatever the size, the end is in the buffer, and no character or escape is cut in two. */
static void test_escape_cut(void)
{
    static const char text[] = "é\n模🦙\xFFz";
    char whole[64], out[64];

    log_escape(text, whole, sizeof(whole));
    CHECK_STR(whole, "é\\x0a模🦙\\xffz");
    for (size_t size = 0; size < sizeof(out); size++) {
        size_t length;

        memset(out, '!', sizeof(out));
        log_escape(text, out, size);
        if (size == 0) {
            CHECK_EQ(out[0], '!');
            continue;
        }
        length = strnlen(out, size);
        CHECK(length < size);
        CHECK_EQ(out[size], '!');
        CHECK(memcmp(out, whole, length) == 0);
        CHECK(strchr("\\\xE6\xF0z", whole[length]) || length == 0 || whole[length] == '\0');
        if (size > strlen(whole))
            CHECK_STR(out, whole);
    }
}

static void test_lines(void)
{
    const struct defect nowhere = {.offset = DEFECT_NOWHERE, .text = "no weights"};
    const struct defect somewhere = {.offset = 24, .text = "bad \n key"};
    struct log *log = open_log(false);
    char line[1024];
    FILE *file;

    log_line(log, LOG_LEVEL_DEBUG, "not shown");
    log_line(log, LOG_LEVEL_INFO, "%s is %d", "a\nb", 7);
    log_defect(log, LOG_LEVEL_ERROR, "m.gguf", &nowhere);
    log_defect(log, LOG_LEVEL_ERROR, "m.gguf", &somewhere);
    log_defect(log, LOG_LEVEL_DEBUG, "m.gguf", &somewhere);
    log_close(log);
    file = fopen(path, "r");
    CHECK(file);
    CHECK_STR(next_line(file, line, sizeof(line)), "a\\x0ab is 7");
    CHECK_STR(next_line(file, line, sizeof(line)), "m.gguf: no weights");
    CHECK_STR(next_line(file, line, sizeof(line)), "m.gguf: byte 24: bad \\x0a key");
    CHECK(!fgets(line, sizeof(line), file));
    (void)fclose(file);

    log = open_log(true);
    log_line(log, LOG_LEVEL_DEBUG, "shown");
    log_close(log);
    file = fopen(path, "r");
    CHECK(file);
    CHECK_STR(next_line(file, line, sizeof(line)), "shown");
    (void)fclose(file);
}

/* An opened log goes on at the end of what is there. */
static void test_append(void)
{
    const struct log_options options = {.path = path};
    struct log *log = open_log(false);
    char line[1024];
    FILE *file;

    log_line(log, LOG_LEVEL_INFO, "first");
    log_close(log);
    CHECK_EQ(log_open(&options, &log), 0);
    log_line(log, LOG_LEVEL_INFO, "second");
    log_close(log);
    file = fopen(path, "r");
    CHECK(file);
    CHECK_STR(next_line(file, line, sizeof(line)), "first");
    CHECK_STR(next_line(file, line, sizeof(line)), "second");
    (void)fclose(file);
}

static void test_long_line(void)
{
    struct log *log = open_log(false);
    size_t size = 200000, length;
    char *text = malloc(size), *line = malloc(size);
    FILE *file;

    CHECK(text && line);
    memset(text, '\n', size - 1);
    text[size - 1] = '\0';
    log_line(log, LOG_LEVEL_INFO, "%s", text);
    log_line(log, LOG_LEVEL_INFO, "next");
    log_close(log);
    file = fopen(path, "r");
    CHECK(file);
    length = strlen(next_line(file, line, size));
    CHECK(length > 8000 && length % 4 == 0);
    CHECK_STR(next_line(file, line, size), "next");
    (void)fclose(file);
    free(text);
    free(line);
}

static void test_no_file(void)
{
    const struct log_options options = {.path = "/nonexistent/log"};
    struct log *log = (struct log *)1;

    CHECK_EQ(log_open(&options, &log), -ENOENT);
    CHECK(!log);
    log_close(NULL);
}

struct writer {
    struct log *log;
    int number;
    pthread_t thread;
};

static void *write_lines(void *context)
{
    const struct writer *writer = context;

    for (int i = 0; i < LINES; i++)
        log_line(writer->log, LOG_LEVEL_INFO, "writer %d line %d %0200d.", writer->number, i, 0);
    return NULL;
}

/* Every line of every thread is there, whole, and in that thread's order. */
static void test_threads(void)
{
    struct log *log = open_log(false);
    struct writer writers[THREADS];
    int next[THREADS] = {0}, number, at;
    char line[1024];
    FILE *file;

    for (int i = 0; i < THREADS; i++) {
        writers[i] = (struct writer){.log = log, .number = i};
        CHECK_EQ(pthread_create(&writers[i].thread, NULL, write_lines, &writers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++)
        CHECK_EQ(pthread_join(writers[i].thread, NULL), 0);
    log_close(log);
    file = fopen(path, "r");
    CHECK(file);
    for (int i = 0; i < THREADS * LINES; i++) {
        const char *text = next_line(file, line, sizeof(line));

        CHECK_EQ(sscanf(text, "writer %d line %d ", &number, &at), 2);
        CHECK(number >= 0 && number < THREADS);
        CHECK_EQ(at, next[number]++);
        CHECK(text[strlen(text) - 1] == '.' && strlen(text) > 200);
    }
    CHECK(!fgets(line, sizeof(line), file));
    (void)fclose(file);
}

int main(void)
{
    int fd = mkstemp(path);

    CHECK(fd >= 0);
    (void)close(fd);
    test_escape();
    test_escape_cut();
    test_lines();
    test_append();
    test_long_line();
    test_no_file();
    test_threads();
    (void)unlink(path);
    return 0;
}
