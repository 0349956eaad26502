/* If this failed, the cache would believe a filesystem that changes a file without telling, or
 * would be of no use on a common one. */
#include "fs/ctime.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "tests/check.h"

static void test_kinds(void)
{
    static const uint32_t believed[] = {EXT4_SUPER_MAGIC, XFS_SUPER_MAGIC,       BTRFS_SUPER_MAGIC,
                                        TMPFS_MAGIC,      OVERLAYFS_SUPER_MAGIC, F2FS_SUPER_MAGIC,
                                        0x2fc12fc1 /* zfs */};
    static const uint32_t never[] = {MSDOS_SUPER_MAGIC, EXFAT_SUPER_MAGIC, FUSE_SUPER_MAGIC,
                                     0x5346544e /* ntfs */, 0x7366746e /* ntfs3 */};
    static const uint32_t network[] = {NFS_SUPER_MAGIC, CIFS_SUPER_MAGIC, SMB2_SUPER_MAGIC,
                                       SMB_SUPER_MAGIC, V9FS_MAGIC,       CEPH_SUPER_MAGIC,
                                       AFS_SUPER_MAGIC, AFS_FS_MAGIC,     CODA_SUPER_MAGIC,
                                       0x0bd00bd0 /* lustre */};

    for (size_t i = 0; i < sizeof(believed) / sizeof(believed[0]); i++)
        CHECK(ctime_is_true_on(believed[i], false) && ctime_is_true_on(believed[i], true));
    for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++)
        CHECK(!ctime_is_true_on(never[i], false) && !ctime_is_true_on(never[i], true));
    for (size_t i = 0; i < sizeof(network) / sizeof(network[0]); i++)
        CHECK(!ctime_is_true_on(network[i], false) && ctime_is_true_on(network[i], true));
}

static void test_descriptors(void)
{
    int plain = open("/dev/shm", O_RDONLY | O_CLOEXEC), path = open("/dev/shm", O_PATH | O_CLOEXEC);
    struct statfs st;

    CHECK(!ctime_is_true(-1, true));
    if (plain < 0 || fstatfs(plain, &st) != 0 || st.f_type != TMPFS_MAGIC)
        return;
    CHECK(ctime_is_true(plain, false) && ctime_is_true(path, false));
    (void)close(plain);
    (void)close(path);
}

int main(void)
{
    test_kinds();
    test_descriptors();
    return 0;
}
