#!/bin/bash
# If this failed, something could be written under the source tree, or a write would give a confusing error.
. "$(dirname "$0")/lib.bash"
mkdir models/sub
echo text >models/readme.txt
find models -printf '%p %s %T@ %i\n' | sort >before
start
python3 - <<'PYTHON'
import errno, os
def refused(what, call, *args, **kw):
    try:
        call(*args, **kw)
    except OSError as error:
        assert error.errno == errno.EROFS, "%s: %s" % (what, error)
    else:
        raise SystemExit("%s: done" % what)
for name in ("mnt/a.gguf", "mnt/a@q4_k_m.gguf", "mnt/readme.txt"):
    refused("open for writing " + name, os.open, name, os.O_RDWR)
    refused("append " + name, os.open, name, os.O_WRONLY | os.O_APPEND)
    refused("open with O_TRUNC " + name, os.open, name, os.O_RDONLY | os.O_TRUNC)
    refused("truncate " + name, os.truncate, name, 0)
    refused("chmod " + name, os.chmod, name, 0o600)
    refused("chown " + name, os.chown, name, 1, 1)
    refused("utime " + name, os.utime, name)
    refused("unlink " + name, os.unlink, name)
    refused("rename " + name, os.rename, name, "mnt/other")
    refused("link " + name, os.link, name, "mnt/other")
    refused("setxattr " + name, os.setxattr, name, "user.test", b"1")
refused("create", os.open, "mnt/new", os.O_CREAT | os.O_WRONLY)
refused("create the name of a variant", os.open, "mnt/none@q4_k_m.gguf", os.O_CREAT | os.O_WRONLY)
refused("mkdir", os.mkdir, "mnt/dir")
refused("rmdir", os.rmdir, "mnt/sub")
refused("symlink", os.symlink, "x", "mnt/link")
refused("mknod", os.mkfifo, "mnt/fifo")
refused("rename a directory", os.rename, "mnt/sub", "mnt/bus")
assert not os.access("mnt/a.gguf", os.W_OK)
# Locks of readers are no writes; that there are no attributes is said once for all.
import fcntl
with open("mnt/a@q4_k_m.gguf", "rb") as file:
    fcntl.flock(file, fcntl.LOCK_SH)
    fcntl.lockf(file, fcntl.LOCK_SH)
    fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_UNLCK)
for name in ("user.quantfs.type", "security.selinux", "system.posix_acl_access"):
    try:
        os.getxattr("mnt/a@q4_k_m.gguf", name)
    except OSError as error:
        assert error.errno in (errno.ENOTSUP, errno.ENODATA), "getxattr %s: %s" % (name, error)
    else:
        raise SystemExit("there is an attribute " + name)
PYTHON
stop
find models -printf '%p %s %T@ %i\n' | sort >after
diff before after || fail "the source tree has changed"
# As the kernel was told.
start
grep -q " $work/mnt ro" /proc/self/mountinfo || fail "not mounted read-only: $(grep "$work/mnt" /proc/self/mountinfo)"
stop
