#!/bin/bash
# If this failed, mounting would remove another filesystem's dead mount, which is not ours to touch.
. "$(dirname "$0")/lib.bash"
need_root
# A connection that nobody serves: the descriptor is closed at the end of the program.
python3 - <<'PYTHON' || skip "cannot mount here"
import ctypes, os, sys
fd = os.open("/dev/fuse", os.O_RDWR)
libc = ctypes.CDLL(None, use_errno=True)
options = "fd=%d,rootmode=40000,user_id=0,group_id=0" % fd
if libc.mount(b"other", b"mnt", b"fuse.other", 0, options.encode()) != 0:
    sys.exit(os.strerror(ctypes.get_errno()))
PYTHON
stat mnt 2>err && fail "a dead mount answers"
grep -q 'Transport endpoint is not connected' err || fail "not dead: $(cat err)"
refuses timeout 20 "$QUANTFS" models mnt -f
equal "what is mounted" "$(kind_of_mount mnt)" fuse.other
grep -q mnt err || fail "the message does not name it: $(cat err)"
[ "$(wc -l <err)" -le 3 ] || fail "a long message: $(cat err)"
umount -l mnt
