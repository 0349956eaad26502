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

files = {"mnt/a@q4_k_m.gguf": "expected", "mnt/sub/deep/b@q4_k_m.gguf": "expected", "mnt/sub/notes.txt": "models/sub/notes.txt"}
if sys.argv[1] == "write":
    handles = {path: handle_of(path) for path in files}
    with open("kept", "wb") as kept:
        for handle in handles.values():
            kept.write(bytes(handle))
    directory = handle_of("mnt/sub/deep")
    for turn in range(2):
        for path, handle in handles.items():
            fd = opened(handle)
            assert isinstance(fd, int), "%s, turn %d: %s" % (path, turn, fd)
            assert os.pread(fd, 1 << 24, 0) == open(files[path], "rb").read(), path
            os.close(fd)
        fd = opened(directory)
        assert isinstance(fd, int), "directory, turn %d: %s" % (turn, fd)
        assert "b@q4_k_m.gguf" in os.listdir(fd)
        os.close(fd)
        try:
            with open("/proc/sys/vm/drop_caches", "w") as drop:
                drop.write("2")
        except OSError:
            sys.exit(77)
else:
    with open("kept", "rb") as kept:
        for path in files:
            fd = opened(Handle.from_buffer_copy(kept.read(ctypes.sizeof(Handle))))
            assert fd == "ESTALE", "%s of another mount: %s" % (path, fd)
PYTHON
ask() {
    local status=0
    python3 handles.py "$1" || status=$?
    [ $status -ne 77 ] || skip "no file handles here, or no way to have the kernel forget"
    equal "handles, $1" $status 0
}
start
ask write
stop
# The numbers begin anew: none of them is to be mistaken.
start
stat mnt/* mnt/sub/* mnt/sub/deep/* >/dev/null
ask read
stop
