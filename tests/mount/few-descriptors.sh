#!/bin/bash
# If this failed, a process that may have few files open would give errors to readers, or keep descriptors for nothing.
. "$(dirname "$0")/lib.bash"
limit=64
for seed in 1 2 3 4 5 6; do
    "$tests/make-big-model" --seed $seed --width 256 --ff 512 --heads 4 --kv 4 --layers 2 --vocab 256 "source.$seed"
    expected "source.$seed" q4_k_m
    mv expected "expected.$seed"
done
for number in $(seq 96); do cp "source.$((number % 6 + 1))" "models/m$number.gguf"; done
wait_old models/*.gguf
printf '#!/bin/sh\nulimit -n %d\nexec "%s" "$@"\n' $limit "$QUANTFS" >few
chmod +x few
QUANTFS=$work/few
# Twice: converted, and from the cache. A third of the descriptors is held by readers.
for round in 1 2; do
    start -o "cache=$work/cache"
    python3 - <<'PYTHON' || fail "round $round"
import os, threading
good = {n: open("expected.%d" % n, "rb").read() for n in range(1, 7)}
def check(number, fd):
    size = len(good[number % 6 + 1])
    data = b"".join(os.pread(fd, 1 << 20, at) for at in range(0, size, 1 << 20))
    assert data == good[number % 6 + 1], "model %d" % number
held = {number: os.open("mnt/m%d@q4_k_m.gguf" % number, os.O_RDONLY) for number in range(1, 23)}
errors = []
def rest(first):
    try:
        for number in range(23 + first, 97, 4):
            fd = os.open("mnt/m%d@q4_k_m.gguf" % number, os.O_RDONLY)
            check(number, fd)
            os.close(fd)
            with open("mnt/m%d.gguf" % number, "rb") as file:
                assert file.read(4) == b"GGUF"
    except BaseException as error:
        errors.append(repr(error))
threads = [threading.Thread(target=rest, args=(first,)) for first in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
for number, fd in held.items():
    check(number, fd)
assert not errors, errors
# All that there are: whoever comes too late is told so, the others go on.
more = []
try:
    for number in range(23, 97):
        more.append((number, os.open("mnt/m%d@q4_k_m.gguf" % number, os.O_RDONLY)))
except OSError as error:
    assert error.errno in (23, 24), error
else:
    raise AssertionError("all could be opened")
for number, fd in [*held.items(), *more]:
    check(number, fd)
for number, fd in [*held.items(), *more]:
    os.close(fd)
fd = os.open("mnt/m96@q4_k_m.gguf", os.O_RDONLY)
check(96, fd)
PYTHON
    [ "$round" -eq 1 ] || equal "damaged" "$(stats damaged)" 0
    equal "other lines in the log" "$(grep -vcE 'mounted|stats:|Too many open files' log)" 0
    # What is kept for the next reader is a part of them.
    [ "$(descriptors)" -le $((limit * 7 / 8)) ] || fail "$(descriptors) descriptors are open"
    stop
done
