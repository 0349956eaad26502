/* If this failed, a big model that is read in a container would push everything else out of its
 * memory, or be read as if there were little. */
#include "fs/memory.h"

#include <stdarg.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/check.h"

#define G ((uint64_t)1 << 30)

static char directory[] = "/tmp/quantfs-test-memory.XXXXXX";

static void make(const char *path, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A file below the directory, with the directories above it. In `format` @ is the directory. */
static void make(const char *path, const char *format, ...)
{
    char name[512], text[2048];
    va_list arguments;
    FILE *file;

    snprintf(name, sizeof(name), "%s/%s", directory, path);
    for (char *at = strchr(name + 1, '/'); at; at = strchr(at + 1, '/')) {
        *at = '\0';
        (void)mkdir(name, 0700);
        *at = '/';
    }
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    file = fopen(name, "w");
    CHECK(file);
    for (const char *at = text; *at; at++)
        CHECK(*at == '@' ? fputs(directory, file) >= 0 : fputc(*at, file) != EOF);
    CHECK_EQ(fclose(file), 0);
}

static uint64_t found(void)
{
    char groups[512], mounts[512];

    snprintf(groups, sizeof(groups), "%s/cgroup", directory);
    snprintf(mounts, sizeof(mounts), "%s/mountinfo", directory);
    return memory_limit(groups, mounts);
}

static void test_version_2(void)
{
    make("mountinfo", "22 1 8:1 / / rw shared:1 - ext4 /dev/sda1 rw\n"
                      "30 22 0:26 / @/two rw,nosuid shared:4 - cgroup2 cgroup2 rw\n");
    make("cgroup", "0::/user/session\n");
    CHECK(found() == UINT64_MAX); /* no such file */
    make("two/user/session/memory.max", "max\n");
    CHECK(found() == UINT64_MAX);
    make("two/user/session/memory.max", "%llu\n", (unsigned long long)(4 * G));
    CHECK(found() == 4 * G);
    make("two/user/memory.max", "%llu\n", (unsigned long long)(2 * G));
    CHECK(found() == 2 * G);
    make("two/user/memory.max", "%llu\n", (unsigned long long)(8 * G));
    CHECK(found() == 4 * G);
    /* The group of the whole tree, and that of a namespace. */
    make("cgroup", "0::/\n");
    CHECK(found() == UINT64_MAX);
    make("two/memory.max", "%llu\n", (unsigned long long)G);
    CHECK(found() == G);
    make("cgroup", "0::/../../elsewhere\n");
    CHECK(found() == G);
}

static void test_version_1(void)
{
    make("mountinfo", "31 22 0:30 / @/cpu rw - cgroup cgroup rw,cpu,memory_pressure\n"
                      "32 22 0:32 / @/one rw - cgroup cgroup rw,memory\n"
                      "33 22 0:38 / @/unified rw - cgroup2 cgroup2 rw\n");
    make("cgroup", "9:name=systemd:/\n4:cpu,memory:/a/b\n3:cpuset:/c\n0::/\n");
    make("cpu/a/b/memory.limit_in_bytes", "1\n");
    make("one/c/memory.limit_in_bytes", "1\n");
    /* What it says where there is none. */
    make("one/a/b/memory.limit_in_bytes", "9223372036854771712\n");
    CHECK(found() == 9223372036854771712u);
    make("one/a/memory.limit_in_bytes", "%llu\n", (unsigned long long)(3 * G));
    CHECK(found() == 3 * G);
    make("one/a/b/memory.limit_in_bytes", "%llu\n", (unsigned long long)(2 * G));
    CHECK(found() == 2 * G);
    /* Both versions: the lesser. */
    make("unified/memory.max", "%llu\n", (unsigned long long)G);
    CHECK(found() == G);
}

/* In a container the group's own part of the tree is what is mounted. */
static void test_part(void)
{
    make("mountinfo", "32 22 0:32 /docker/0a1b @/part ro - cgroup cgroup rw,memory\n");
    make("cgroup", "4:memory:/docker/0a1b\n");
    make("part/memory.limit_in_bytes", "%llu\n", (unsigned long long)(5 * G));
    CHECK(found() == 5 * G);
    make("part/inner/memory.limit_in_bytes", "%llu\n", (unsigned long long)(4 * G));
    make("cgroup", "4:memory:/docker/0a1b/inner\n");
    CHECK(found() == 4 * G);
    make("cgroup", "4:memory:/docker/0a1bc/inner\n");
    CHECK(found() == 5 * G);
}

static void test_rubbish(void)
{
    make("cgroup", "\n:\nx\n4:memory\n4:memory:\n");
    make("mountinfo", "\n32 22\n32 22 0:32 / @/one rw - cgroup\n- - - - - - -\n");
    CHECK(found() == UINT64_MAX);
    make("mountinfo", "32 22 0:32 / @/rubbish rw - cgroup cgroup rw,memory\n");
    make("rubbish/memory.limit_in_bytes", "lots\n");
    CHECK(found() == UINT64_MAX);
    CHECK(memory_limit("/nonexistent", "/nonexistent") == UINT64_MAX);
}

int main(void)
{
    char command[512];

    CHECK(mkdtemp(directory));
    test_version_2();
    test_version_1();
    test_part();
    test_rubbish();
    CHECK(memory_size() > 0 && memory_size() < UINT64_MAX);
    snprintf(command, sizeof(command), "rm -r '%s'", directory);
    CHECK_EQ(system(command), 0);
    return 0;
}
