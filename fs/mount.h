#ifndef FS_MOUNT_H
#define FS_MOUNT_H

/*
 * quantfs MODELS MOUNTPOINT [-o options] [-f] [-v] [-d], also as mount(8) calls it. Returns the
 * exit code of the process: 0 mounted (with -f: and unmounted again), 1 anything else. Without -f
 * the caller's process waits until the mount answers, and errors reach its standard error.
 */
int cmd_mount(int argc, char **argv);

#endif
