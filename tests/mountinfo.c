/* If this failed, a mount of somebody else could be taken for ours and be detached. */
#include "fs/mountinfo.h"

#include <errno.h>
#include <stdio.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "tests/check.h"

static char table[] = "/tmp/quantfs-test-mountinfo.XXXXXX";

static void write_table(const char *text)
{
    FILE *file = fopen(table, "w");

    CHECK(file);
    CHECK(fputs(text, file) >= 0);
    CHECK_EQ(fclose(file), 0);
}

static void test_one(void)
{
    struct mountinfo mount;

    write_table("22 1 8:1 / / rw,relatime shared:1 master:2 - ext4 /dev/sda1 rw\n"
                "42 22 0:39 / /mnt ro,nosuid - fuse.quantfs /models ro,user_id=1000,group_id=7\n"
                "43 22 0:300 /sub /mnt/s\\040p\\134\\012x rw shared:3 - fuse.sshfs h:/a\\040b "
                "rw,user_id=0,x=1\n"
                "44 22 0:41 / /mnt2 rw - tmpfs  rw,size=1k\n");
    CHECK_EQ(mountinfo_find(table, "/mnt", &mount), 1);
    CHECK(mountinfo_is_ours(&mount));
    CHECK_EQ(mount.id, 42);
    CHECK_EQ(mount.device, makedev(0, 39));
    CHECK_EQ(mount.user, 1000);
    CHECK_STR(mount.path, "/mnt");
    CHECK_STR(mount.source, "/models");
    mountinfo_clear(&mount);
    CHECK(!mountinfo_is_ours(&mount));

    CHECK_EQ(mountinfo_find(table, "/mnt/s p\\\nx", &mount), 1);
    CHECK(!mountinfo_is_ours(&mount));
    CHECK_STR(mount.type, "fuse.sshfs");
    CHECK_STR(mount.source, "h:/a b");
    CHECK_EQ(mount.device, makedev(0, 300));
    CHECK_EQ(mount.user, 0);
    mountinfo_clear(&mount);

    CHECK_EQ(mountinfo_find(table, "/", &mount), 1);
    CHECK_STR(mount.type, "ext4");
    CHECK_EQ(mount.user, -1);
    mountinfo_clear(&mount);

    CHECK_EQ(mountinfo_find(table, "/mnt2", &mount), 1);
    CHECK_STR(mount.type, "tmpfs");
    CHECK_STR(mount.source, "");
    mountinfo_clear(&mount);

    CHECK_EQ(mountinfo_find_id(table, 43, &mount), 1);
    CHECK_STR(mount.path, "/mnt/s p\\\nx");
    mountinfo_clear(&mount);
    CHECK_EQ(mountinfo_find_id(table, 45, &mount), 0);
    CHECK(!mount.path);

    CHECK_EQ(mountinfo_find(table, "/mn", &mount), 0);
    CHECK_EQ(mountinfo_find(table, "/mnt/", &mount), 0);
    CHECK_EQ(mountinfo_find(table, "/mnt/s", &mount), 0);
    mountinfo_clear(&mount);
}

/* Of several mounts at one path the one on top counts, in whatever order they are listed. */
static void test_stacked(void)
{
    struct mountinfo mount;

    write_table("42 22 0:39 / /mnt ro - fuse.quantfs /models ro\n"
                "50 42 0:40 / /mnt ro - fuse.other /x ro\n");
    CHECK_EQ(mountinfo_find(table, "/mnt", &mount), 1);
    CHECK_EQ(mount.id, 50);
    mountinfo_clear(&mount);
    write_table("50 42 0:40 / /mnt ro - fuse.other /x ro\n"
                "42 22 0:39 / /mnt ro - fuse.quantfs /models ro\n");
    CHECK_EQ(mountinfo_find(table, "/mnt", &mount), 1);
    CHECK_EQ(mount.id, 50);
    mountinfo_clear(&mount);
}

/* Lines that are none are passed over, and only the exact type is ours. */
static void test_odd(void)
{
    struct mountinfo mount;

    write_table("\n-\n42\n42 22 0:39 / /mnt\n42 22 x:y / /mnt ro - fuse.quantfs /models ro\n"
                "42 22 0:39 / /mnt ro shared:1 fuse.quantfs /models ro\n"
                "42 22 0:39 / /mnt ro -\n");
    CHECK_EQ(mountinfo_find(table, "/mnt", &mount), 0);
    mountinfo_clear(&mount);
    write_table("42 22 0:39 / /mnt ro - fuse.quantfsx /models ro\n"
                "43 22 0:40 / /mnt2 ro - fuse /models ro\n");
    CHECK_EQ(mountinfo_find(table, "/mnt", &mount), 1);
    CHECK(!mountinfo_is_ours(&mount));
    mountinfo_clear(&mount);
    CHECK_EQ(mountinfo_find(table, "/mnt2", &mount), 1);
    CHECK(!mountinfo_is_ours(&mount));
    mountinfo_clear(&mount);
    CHECK_EQ(mountinfo_find("/nonexistent/table", "/mnt", &mount), -ENOENT);
    mountinfo_clear(&mount);
}

/* The real table has the root. */
static void test_real(void)
{
    struct mountinfo mount;

    CHECK_EQ(mountinfo_find(MOUNTINFO_TABLE, "/", &mount), 1);
    CHECK(!mountinfo_is_ours(&mount));
    mountinfo_clear(&mount);
}

int main(void)
{
    int fd = mkstemp(table);

    CHECK(fd >= 0);
    (void)close(fd);
    test_one();
    test_stacked();
    test_odd();
    test_real();
    (void)unlink(table);
    return 0;
}
