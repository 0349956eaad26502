#!/bin/bash
# If this failed, whoever waits at a terminal would not see how long it takes, or a log would be full of that.
. "$(dirname "$0")/lib.bash"
mkfifo out
# Whoever reads the output takes so little at a time that there is always something to tell, until it was told.
cat >watch.py <<'PYTHON'
import os, pty, re, select, subprocess, sys, time

def run(stderr_is_terminal):
    ours, theirs = pty.openpty() if stderr_is_terminal else os.pipe()
    child = subprocess.Popen([sys.argv[1], "quantize", "source.gguf", "out", "F32"], stdout=subprocess.DEVNULL, stderr=theirs)
    os.close(theirs)
    said, begin = b"", time.monotonic()
    with open("out", "rb", buffering=0) as out:
        while True:
            while select.select([ours], [], [], 0)[0]:
                try:
                    part = os.read(ours, 65536)
                except OSError: # a terminal that nobody has open
                    part = b""
                said += part
                if not part:
                    break
            waiting = time.monotonic() - begin < (3 if not stderr_is_terminal else 40) and b" left" not in said
            if not out.read(16384 if waiting else 1 << 20):
                break
            if waiting:
                time.sleep(0.02)
    assert child.wait(30) == 0
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:
            part = b""
        if not part:
            return said
        said += part

said = run(True)
assert re.search(rb"\r *\d+ %, \d+ MiB/s, \d+:\d\d left\x1b\[K", said), said
# What is drawn is taken away before the next line, and the lines are whole.
shown = re.sub(rb"[^\n]*\r\x1b\[K", b"", said).replace(b"\r\n", b"\n")
plain = run(False)
assert b" left" not in plain and b"\x1b" not in plain, plain
assert shown == plain, (shown, plain)
PYTHON
python3 watch.py "$QUANTFS" || fail "at a terminal"
