#!/bin/bash
# If this failed, a mount in the background would have nothing in the system's log: not why a model has no variants.
. "$(dirname "$0")/lib.bash"
need_root
# A /dev of the test's own, with a socket where syslog listens.
cat >inside.sh <<'INSIDE'
mount --make-rprivate / || exit 77
mkdir dev && mount -t tmpfs tmpfs dev || exit 77
for node in null zero urandom fuse; do touch dev/$node && mount --bind /dev/$node dev/$node || exit 77; done
ln -s /proc/self/fd dev/fd
mount --move dev /dev || exit 77
exec python3 listen.py "$1"
INSIDE
cat >listen.py <<'PYTHON'
import re, socket, subprocess, sys

log = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
log.bind("/dev/log")
log.settimeout(20)

def heard(words, priority):
    """Waits for a line with these words."""
    while True:
        line = log.recv(65536).decode()
        if words in line:
            break
    found = re.fullmatch(r"<(\d+)>.{15} quantfs\[\d+\]: (.*)", line)
    assert found, line
    assert int(found[1]) & 7 == priority, line
    return found[2]

subprocess.run([sys.argv[1], "models", "mnt", "-o", "nocache"], check=True)
heard("models is mounted on ", 6)
subprocess.run(["ls", "mnt"], check=True, stdout=subprocess.DEVNULL)
assert heard("bad.gguf", 6).startswith("models/bad.gguf: byte 4: "), "another line"
subprocess.run(["fusermount3", "-u", "mnt"], check=True)
heard("mnt is unmounted", 6)
# With a file it is there alone.
subprocess.run([sys.argv[1], "models", "mnt", "-o", "nocache,log=file.log"], check=True)
subprocess.run(["fusermount3", "-u", "mnt"], check=True)
log.settimeout(0.1)
try:
    raise AssertionError(log.recv(65536))
except TimeoutError:
    pass
assert "is mounted on" in open("file.log").read()
PYTHON
printf 'GGUF\143\0\0\0 and more of that' >models/bad.gguf
status=0
"$tests/apart" bash inside.sh "$QUANTFS" || status=$?
[ "$status" -ne 77 ] || skip "no /dev of the test's own"
equal outcome "$status" 0
