#!/bin/bash
# If this failed, an NFS server that exports a mount, which knows files by their handles alone, would lose them when the kernel
# forgets their names, or give another file after a new mount.
. "$(dirname "$0")/lib.bash"
need_root
mkdir -p models/sub/deep
cp source.gguf models/sub/deep/b.gguf
echo notes >models/sub/notes.txt
expected source.gguf Q4_K_M
cat >handles.py <<'PYTHON'
import ctypes, errno, os, sys

libc = ctypes.CDLL(None, use_errno=True)

class Handle(ctypes.Structure):
    _fields_ = [("size", ctypes.c_uint), ("kind", ctypes.c_int), ("bytes", ctypes.c_ubyte * 128)]

def handle_of(path):
    handle, mount = Handle(size=128), ctypes.c_int()
    if libc.name_to_handle_at(-100, path.encode(), ctypes.byref(handle), ctypes.byref(mount), 0) != 0:
        if ctypes.get_errno() in (errno.EPERM, errno.ENOSYS, errno.EOPNOTSUPP):
            sys.exit(77)
        raise OSError(ctypes.get_errno(), path)
    return handle

def opened(handle):
    root = os.open("mnt", os.O_RDONLY | os.O_DIRECTORY)
    fd = libc.open_by_handle_at(root, ctypes.byref(handle), os.O_RDONLY)
    error = ctypes.get_errno()
    os.close(root)
    if fd < 0 and error == errno.EPERM:
        sys.exit(77)
    return fd if fd >= 0 else errno.errorcode[error]

files = {"mnt/a@q4_k_m.gguf": "expected", "mnt/sub/deep/b@q4_k_m.gguf": "expected", "mnt/sub/notes.txt": "models/sub/notes.txt",
         "mnt/sub/deep": None}
if sys.argv[1] == "keep":
    with open("kept", "wb") as kept:
        for path in files:
            kept.write(bytes(handle_of(path)))
    sys.exit(0)
with open("kept", "rb") as kept:
    for path, content in files.items():
        fd = opened(Handle.from_buffer_copy(kept.read(ctypes.sizeof(Handle))))
        if sys.argv[1] == "stale":
            assert fd == "ESTALE", "%s of another mount: %s" % (path, fd)
            continue
        assert isinstance(fd, int), "%s: %s" % (path, fd)
        if content:
            assert os.pread(fd, 1 << 24, 0) == open(content, "rb").read(), path
        else:
            assert "b@q4_k_m.gguf" in os.listdir(fd), path
        os.close(fd)
PYTHON
ask() {
    local status=0
    python3 handles.py "$1" || status=$?
    [ $status -ne 77 ] || skip "no file handles here, or no way to have the kernel forget"
    equal "handles, $1" $status 0
}
forgotten() { # the kernel lets go of all that nobody has open
    echo 2 2>/dev/null >/proc/sys/vm/drop_caches || skip "no way to have the kernel forget"
    [ "$(stats nodes)" -eq 1 ]
}
start
ask keep
ask open
for _ in 1 2; do
    until_true 10 forgotten || fail "the kernel knows $(stats nodes) nodes"
    ask open
done
stop
# The numbers begin anew: none of them is to be mistaken.
start
stat mnt/* mnt/sub/* mnt/sub/deep/* >/dev/null
ask stale
stop
