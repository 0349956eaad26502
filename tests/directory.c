/*
 * If this failed, a repository in a cache of huggingface_hub would be shown under another name, or
 * an old revision of it, also where the newest one cannot be told.
 */
#include "fs/directory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/check.h"

struct dirent *__real_readdir64(DIR *stream);
struct dirent *__wrap_readdir64(DIR *stream);

/* The entries that a directory gives before it fails; less than 0: it does not. */
static int entries_left = -1;

struct dirent *__wrap_readdir64(DIR *stream)
{
    if (entries_left == 0) {
        errno = EIO;
        return NULL;
    }
    if (entries_left > 0)
        entries_left--;
    return __real_readdir64(stream);
}

static char top[] = "/tmp/quantfs-test-directory-XXXXXX";

static void make_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

    CHECK(fd >= 0);
    CHECK_EQ(write(fd, text, strlen(text)), (long long)strlen(text));
    CHECK_EQ(close(fd), 0);
}

/* `seconds` is when it was made. */
static void make_revision(const char *name, const char *file, long seconds)
{
    const struct timespec times[2] = {{.tv_sec = seconds}, {.tv_sec = seconds}};
    char path[256];

    (void)snprintf(path, sizeof(path), "snapshots/%s", name);
    CHECK_EQ(mkdir(path, 0755), 0);
    (void)snprintf(path, sizeof(path), "snapshots/%s/%s", name, file);
    make_file(path, "{}");
    (void)snprintf(path, sizeof(path), "snapshots/%s", name);
    CHECK_EQ(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void check_revision(int fd, enum directory_content content, const char *expected)
{
    char revision[NAME_MAX + 16];

    CHECK_EQ(directory_revision(fd, content, revision), 0);
    CHECK_STR(revision, expected);
}

static void test_repositories(void)
{
    static const struct {
        const char *entry, *org, *name;
    } cases[] = {
        {"models--Qwen--Qwen3-4B", "Qwen", "Qwen3-4B"},
        {"models--a--b--c", "a", "b--c"},
        {"models--a-b--c@d.e_f", "a-b", "c@d.e_f"},
        /* no repository that has both, or none that can be shown */
        {"models--gpt2", NULL, NULL},
        {"models--", NULL, NULL},
        {"models----b", NULL, NULL},
        {"models--a--", NULL, NULL},
        {"models--..--b", NULL, NULL},
        {"models--a--..", NULL, NULL},
        {"models--.a--b", NULL, NULL},
        {"datasets--a--b", NULL, NULL},
        {"Models--a--b", NULL, NULL},
        {"", NULL, NULL},
    };
    struct directory_repository found;
    char text[64];

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        bool is = directory_is_repository(cases[i].entry, strlen(cases[i].entry), &found);

        CHECK_EQ(is, cases[i].org != NULL);
        if (!is)
            continue;
        (void)snprintf(text, sizeof(text), "%.*s", (int)found.org_length, found.org);
        CHECK_STR(text, cases[i].org);
        (void)snprintf(text, sizeof(text), "%.*s", (int)found.name_length, found.name);
        CHECK_STR(text, cases[i].name);
    }
    /* A part of a path. */
    CHECK(directory_is_repository("models--a--b/snapshots", 12, &found));
    CHECK_EQ(found.name_length, 1);
    CHECK(!directory_is_repository("models--a/x--b", 9, &found));
}

static void test_revisions(int fd)
{
    char revision[NAME_MAX + 16];

    CHECK_EQ(directory_revision(fd, DIRECTORY_MODEL, revision), -ENOENT);
    CHECK_EQ(mkdir("snapshots", 0755), 0);
    CHECK_EQ(directory_revision(fd, DIRECTORY_MODEL, revision), -ENOENT);
    make_revision("old", "config.json", 1000);
    make_revision("new", "config.json", 3000);
    make_revision("gguf", "x.gguf", 2000);
    make_revision("none", "README.md", 4000);
    check_revision(fd, DIRECTORY_MODEL, "snapshots/new");
    check_revision(fd, DIRECTORY_GGUF, "snapshots/gguf");
    /* In a folder. */
    CHECK_EQ(mkdir("snapshots/none/F16", 0755), 0);
    make_file("snapshots/none/F16/x.gguf", "");
    check_revision(fd, DIRECTORY_GGUF, "snapshots/none");
    /* refs/main goes first, if it names one of these and has what is asked for. */
    CHECK_EQ(mkdir("refs", 0755), 0);
    make_file("refs/main", "old\n");
    check_revision(fd, DIRECTORY_MODEL, "snapshots/old");
    check_revision(fd, DIRECTORY_GGUF, "snapshots/none");
    make_file("refs/main", "../../elsewhere");
    check_revision(fd, DIRECTORY_MODEL, "snapshots/new");
    make_file("refs/main", "");
    check_revision(fd, DIRECTORY_MODEL, "snapshots/new");
}

/* Where revisions cannot be listed to the end, none of those seen so far stands for the newest. */
static void test_unreadable(int fd)
{
    char revision[NAME_MAX + 16];
    int seen = 0;

    for (int entries = 0; entries < 5; entries++) {
        revision[0] = 0;
        entries_left = entries;
        CHECK_EQ(directory_revision(fd, DIRECTORY_MODEL, revision), -EIO);
        seen += revision[0] != '\0';
    }
    entries_left = -1;
    CHECK(seen > 0);
    check_revision(fd, DIRECTORY_MODEL, "snapshots/new");
    /* But what refs/main names is known without. */
    make_file("refs/main", "old");
    entries_left = 0;
    check_revision(fd, DIRECTORY_MODEL, "snapshots/old");
    entries_left = -1;
    make_file("refs/main", "");
    /* Nobody's own. */
    CHECK_EQ(chmod("snapshots", 0311), 0);
    if (geteuid() == 0)
        CHECK_EQ(seteuid(65534), 0);
    CHECK_EQ(directory_revision(fd, DIRECTORY_MODEL, revision), -EACCES);
    if (getuid() == 0)
        CHECK_EQ(seteuid(0), 0);
    CHECK_EQ(chmod("snapshots", 0755), 0);
    CHECK_EQ(rename("snapshots", "away"), 0);
    make_file("snapshots", "");
    CHECK_EQ(directory_revision(fd, DIRECTORY_MODEL, revision), -ENOTDIR);
}

static void check_root_name(const char *path, const char *expected)
{
    char name[NAME_MAX + 1];
    int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

    CHECK(fd >= 0);
    directory_root_name(fd, name);
    CHECK_STR(name, expected);
    CHECK_EQ(close(fd), 0);
}

static void test_root_names(void)
{
    static const char *const paths[] = {
        "models--a--b", "models--a--b/snapshots", "models--a--b/snapshots/0123",
        "other",        "other/snapshots",        "other/snapshots/0123"};

    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
        CHECK_EQ(mkdir(paths[i], 0755), 0);
    check_root_name("/", "");
    check_root_name("models--a--b", "models--a--b");
    check_root_name("models--a--b/snapshots", "snapshots");
    check_root_name("models--a--b/snapshots/0123", "b");
    check_root_name("other/snapshots/0123", "0123");
    CHECK_EQ(symlink("models--a--b/snapshots/0123", "link"), 0);
    check_root_name("link", "b");
}

int main(void)
{
    char command[128];
    int fd;

    CHECK(mkdtemp(top));
    CHECK_EQ(chmod(top, 0755), 0);
    CHECK_EQ(chdir(top), 0);
    fd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CHECK(fd >= 0);
    test_repositories();
    test_revisions(fd);
    test_unreadable(fd);
    test_root_names();
    CHECK_EQ(close(fd), 0);
    CHECK_EQ(chdir("/"), 0);
    (void)snprintf(command, sizeof(command), "rm -rf %s", top);
    CHECK_EQ(system(command), 0);
    return 0;
}
