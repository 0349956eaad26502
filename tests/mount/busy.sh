#!/bin/bash
# If this failed, a look at the mount would wait for the conversions of others.
. "$(dirname "$0")/lib.bash"
"$tests/make-big-model" --layers 4 models/big.gguf
start -o ttl=0
whole=$(size mnt/big@q6_k.gguf)
python3 - "$whole" <<'PYTHON' &
import mmap, os, sys, threading
whole = int(sys.argv[1])
def run(number):
    fd = os.open("mnt/big@q6_k.gguf", os.O_RDONLY | os.O_DIRECT)
    buffer = mmap.mmap(-1, 4096)
    for at in range(number * 860160, whole - 4096, 64 * 860160):
        try:
            os.preadv(fd, [buffer], at // 4096 * 4096)
        except OSError:
            return
threads = [threading.Thread(target=run, args=(number,)) for number in range(64)]
for thread in threads: thread.start()
for thread in threads: thread.join()
PYTHON
readers=$!
busy() { [ "$(stats converting)" -gt 0 ]; }
until_true 20 busy || fail "no conversion runs"
before=$(stats conversions)
python3 - <<'PYTHON'
import os, time
worst = 0
for number in range(300):
    begin = time.monotonic()
    os.stat("mnt/a@q8_0.gguf")
    if number % 30 == 0:
        os.listdir("mnt")
    worst = max(worst, time.monotonic() - begin)
# A conversion takes tens of milliseconds, 64 in a queue seconds.
print("the slowest of 300 looks took %.1f ms" % (worst * 1000))
assert worst < 1, "a look took %.1f s" % worst
PYTHON
# They were at work all the while, or nothing was shown.
alive "$readers" || fail "the readers were through before the looking was: no load"
more() { [ "$(stats conversions)" -gt "$before" ]; }
until_true 10 more || fail "nothing was converted meanwhile"
kill "$readers"
wait "$readers" 2>/dev/null || true
stop
