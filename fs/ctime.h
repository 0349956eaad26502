#ifndef FS_CTIME_H
#define FS_CTIME_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Does a filesystem change a file's ctime with every change of its bytes, so that what is written
 * down about one version of the file may be believed later (design.md, "The cache")? FAT, NTFS and
 * their like know no ctime, behind FUSE anything may stand; network filesystems tell late, and are
 * believed only if the user says so.
 */

/* The filesystem of `fd`, which may be one of O_PATH. False also if it cannot be told. */
bool ctime_is_true(int fd, bool trust_stat);

/* The same by the number that statfs(2) gives a kind of filesystem. */
bool ctime_is_true_on(uint32_t kind, bool trust_stat);

#endif
