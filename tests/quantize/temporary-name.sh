#!/bin/bash
# If this failed, a filesystem that has no unnamed files would be left with half a model, or with a file of a strange name.
. "$(dirname "$0")/lib.bash"
cp source.gguf nan.gguf
patch nan.gguf -2 007e
"$QUANTFS" quantize source.gguf expected.gguf Q8_0 >/dev/null 2>&1
mkdir there
# Without /proc an unnamed file could never get a name, so it begins with one here, too.
cat >inside.sh <<'INSIDE'
mount --make-rprivate / && mount -t tmpfs tmpfs /proc || exit 77
status=0
"$1" quantize source.gguf there/new.gguf Q8_0 >/dev/null 2>err || exit 78
cmp there/new.gguf expected.gguf || exit 79
[ "$(ls -A there)" = new.gguf ] || exit 80
rm there/new.gguf
"$1" quantize nan.gguf there/new.gguf Q8_0 >/dev/null 2>err && exit 81
[ -z "$(ls -A there)" ] || exit 82
(ulimit -f 300 && exec "$1" quantize source.gguf there/new.gguf Q8_0) >/dev/null 2>err && exit 83
[ -z "$(ls -A there)" ] || exit 84
python3 interrupt.py "$1" || exit 85
[ -z "$(ls -A there)" ] || exit 86
INSIDE
# Ctrl-C, while it waits for a pipe that nobody reads.
cat >interrupt.py <<'PYTHON'
import fcntl, os, re, signal, subprocess, sys, time

reader, writer = os.pipe()
os.write(writer, b"x" * (fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096) - 12 * len("[   1/  20]\n")))
child = subprocess.Popen([sys.argv[1], "quantize", "source.gguf", "there/new.gguf", "Q8_0"], stdout=writer, stderr=subprocess.DEVNULL,
                         preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
limit = time.monotonic() + 30
while not os.listdir("there"):
    assert child.poll() is None and time.monotonic() < limit, "no file"
    time.sleep(0.01)
assert re.fullmatch(r"\.quantfs-[0-9a-f]{16}\.tmp", os.listdir("there")[0]), os.listdir("there")
child.send_signal(signal.SIGINT)
assert child.wait(30) == -signal.SIGINT
PYTHON
status=0
"$tests/apart" bash inside.sh "$QUANTFS" || status=$?
[ "$status" -ne 77 ] || skip "no mount namespace here"
equal "outcome ($(cat err); $(ls -A there))" "$status" 0
