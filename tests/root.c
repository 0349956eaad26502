/*
 * If this failed, the mount could read what lies outside its tree though it must not, open a device
 * or a pipe, or wait for itself through a symlink.
 */
#include "fs/root.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/check.h"

static char top[] = "/tmp/quantfs-test-root-XXXXXX";

static void make_file(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0644);

    CHECK(fd >= 0);
    CHECK_EQ(write(fd, "abc", 3), 3);
    CHECK_EQ(close(fd), 0);
}

/* tree/ is the root, beside/ lies outside of it. */
static void make_tree(void)
{
    char target[256];

    CHECK(mkdtemp(top));
    CHECK_EQ(chdir(top), 0);
    CHECK_EQ(mkdir("tree", 0755), 0);
    CHECK_EQ(mkdir("tree/sub", 0755), 0);
    CHECK_EQ(mkdir("beside", 0755), 0);
    make_file("tree/sub/file");
    make_file("beside/file");
    CHECK_EQ(symlink("sub/file", "tree/near"), 0);
    CHECK_EQ(symlink("../near", "tree/sub/up"), 0);
    CHECK_EQ(symlink("../beside/file", "tree/out"), 0);
    (void)snprintf(target, sizeof(target), "%s/tree/.././beside//file", top);
    CHECK_EQ(symlink(target, "tree/absolute"), 0);
    CHECK_EQ(symlink("out", "tree/twice"), 0);
    CHECK_EQ(symlink("loop", "tree/loop"), 0);
    CHECK_EQ(symlink("../tree/far", "tree/far"), 0);
    CHECK_EQ(symlink("nothing", "tree/dangling"), 0);
    CHECK_EQ(symlink("sub", "tree/link"), 0);
    CHECK_EQ(mkfifo("tree/fifo", 0644), 0);
}

static void remove_tree(void)
{
    char command[128];

    CHECK_EQ(chdir("/"), 0);
    (void)snprintf(command, sizeof(command), "rm -rf %s", top);
    CHECK_EQ(system(command), 0);
}

static void check_follow(const struct root *root, const char *path, const char *same)
{
    struct stat st, other;
    int fd;

    fd = root_follow(root, path, &st);
    CHECK(fd >= 0);
    CHECK_EQ(close(fd), 0);
    CHECK_EQ(stat(same, &other), 0);
    CHECK(st.st_ino == other.st_ino && st.st_dev == other.st_dev);
    fd = root_open(root, path, true, &st);
    CHECK(fd >= 0);
    CHECK(st.st_ino == other.st_ino);
    CHECK_EQ(close(fd), 0);
}

static void test_join(void)
{
    char path[8];

    CHECK_EQ(root_join("", "abcdefg", path, sizeof(path)), 0);
    CHECK(strcmp(path, "abcdefg") == 0);
    CHECK_EQ(root_join("ab/c", "de", path, sizeof(path)), 0);
    CHECK(strcmp(path, "ab/c/de") == 0);
    CHECK_EQ(root_join("ab/c", "def", path, sizeof(path)), -ENAMETOOLONG);
}

static void test_entries(const struct root *root)
{
    struct stat st;
    char target[16];
    int fd;

    CHECK_EQ(root_stat(root, "", &st), 0);
    CHECK(S_ISDIR(st.st_mode));
    CHECK_EQ(root_stat(root, "sub/file", &st), 0);
    CHECK(S_ISREG(st.st_mode) && st.st_size == 3);
    CHECK_EQ(root_stat(root, "near", &st), 0);
    CHECK(S_ISLNK(st.st_mode));
    CHECK_EQ(root_stat(root, "dangling", &st), 0);
    CHECK_EQ(root_stat(root, "missing", &st), -ENOENT);
    /* A directory that has become something else is not entered. */
    CHECK_EQ(root_stat(root, "link/file", &st), -ESTALE);
    CHECK_EQ(root_open_directory(root, "link", O_PATH), -ESTALE);
    CHECK_EQ(root_stat(root, "sub/file/x", &st), -ESTALE);
    CHECK_EQ(root_open_directory(root, "sub/file", O_RDONLY), -ESTALE);
    CHECK_EQ(root_read_link(root, "near", target, sizeof(target)), 8);
    CHECK_STR(target, "sub/file");
    CHECK(root_read_link(root, "sub/file", target, sizeof(target)) < 0);
    fd = root_open_directory(root, "sub", O_RDONLY);
    CHECK(fd >= 0);
    CHECK_EQ(close(fd), 0);
}

static void test_opening(const struct root *root)
{
    struct stat st;

    CHECK_EQ(root_open(root, "sub", true, &st), -EISDIR);
    CHECK_EQ(root_open(root, "fifo", true, &st), -ENXIO);
    CHECK_EQ(root_open(root, "near", false, &st), -ELOOP);
    CHECK_EQ(root_open(root, "missing", true, &st), -ENOENT);
}

static void test_following(struct root *root)
{
    struct stat st;

    check_follow(root, "near", "tree/sub/file");
    check_follow(root, "sub/up", "tree/sub/file");
    CHECK_EQ(root_follow(root, "loop", &st), -ELOOP);
    CHECK_EQ(root_follow(root, "dangling", &st), -ENOENT);
    root->beneath = true;
    CHECK_EQ(root_follow(root, "out", &st), -EXDEV);
    CHECK_EQ(root_follow(root, "absolute", &st), -EXDEV);
    CHECK_EQ(root_open(root, "twice", true, &st), -EXDEV);
    root->beneath = false;
    check_follow(root, "out", "beside/file");
    check_follow(root, "absolute", "beside/file");
    check_follow(root, "twice", "beside/file");
    CHECK_EQ(root_follow(root, "far", &st), -ELOOP);
}

/* The mount is where a device number says so; the tree's own stands for it here. */
static void test_mount(struct root *root)
{
    struct stat st;

    CHECK_EQ(stat("tree", &st), 0);
    atomic_store(&root->device, st.st_dev);
    CHECK_EQ(root_stat(root, "sub", &st), -ELOOP);
    CHECK_EQ(root_follow(root, "near", &st), -ELOOP);
    CHECK_EQ(root_follow(root, "out", &st), -ELOOP);
    CHECK_EQ(root_open(root, "sub/file", true, &st), -ELOOP);
    atomic_store(&root->device, 0);
    CHECK_EQ(root_stat(root, "sub", &st), 0);
}

int main(void)
{
    struct root root = {0};

    test_join();
    make_tree();
    root.fd = open("tree", O_PATH | O_DIRECTORY);
    CHECK(root.fd >= 0);
    test_entries(&root);
    test_opening(&root);
    test_following(&root);
    test_mount(&root);
    CHECK_EQ(close(root.fd), 0);
    remove_tree();
    return 0;
}
