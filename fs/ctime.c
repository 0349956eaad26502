#include "fs/ctime.h"

#include <stddef.h>
#include <sys/vfs.h>

/* The numbers stand here, since few of them are in the system's headers everywhere. */

/* No ctime on disk, or one that is the mtime or the time of birth. */
static const uint32_t untrue[] = {
    0x4d44,     /* vfat, msdos */
    0x2011bab0, /* exfat */
    0x5346544e, /* ntfs */
    0x7366746e, /* ntfs3 */
    0x65735546, /* fuse, fuseblk, virtiofs */
    0x4244,     /* hfs */
    0xf995e849, /* hpfs */
    0xadf5,     /* adfs */
    0xadff,     /* affs */
    0x137f,     /* minix and its other forms */
    0x138f,     0x2468, 0x2478, 0x4d5a,
};

/* On another machine, which may change a file unseen for some time. */
static const uint32_t network[] = {
    0x6969,     /* nfs */
    0xff534d42, /* cifs */
    0xfe534d42, /* smb2, smb3 */
    0x517b,     /* smb */
    0x01021997, /* 9p */
    0x00c36400, /* ceph */
    0x5346414f, /* afs (OpenAFS) */
    0x6b414653, /* afs */
    0x73757245, /* coda */
    0x564c,     /* ncp */
    0x0bd00bd0, /* lustre */
    0x47504653, /* gpfs */
    0xaad7aaea, /* panfs */
    0x19830326, /* beegfs */
    0x20030528, /* orangefs */
    0x786f4256, /* vboxsf */
    0xbacbacbc, /* vmhgfs */
    0x7c7c6673, /* prl_fs */
};

static bool has(const uint32_t *kinds, size_t count, uint32_t kind)
{
    for (size_t i = 0; i < count; i++)
        if (kinds[i] == kind)
            return true;
    return false;
}

bool ctime_is_true_on(uint32_t kind, bool trust_stat)
{
    if (has(untrue, sizeof(untrue) / sizeof(untrue[0]), kind))
        return false;
    return trust_stat || !has(network, sizeof(network) / sizeof(network[0]), kind);
}

bool ctime_is_true(int fd, bool trust_stat)
{
    struct statfs st;

    /* Negative where f_type is 32 bits wide. */
    return fstatfs(fd, &st) == 0 && ctime_is_true_on((uint32_t)st.f_type, trust_stat);
}
