#!/bin/bash
# If this failed, a mount would take more memory than it was given, though many variants are open at once.
. "$(dirname "$0")/lib.bash"
[ "${QUANTFS_TREE:-plain}" = plain ] || skip "a sanitizer takes memory of its own"
cache=$work/cache
types=(q4_0 q8_0 q4_k_m q5_k_s q6_k)
for seed in 1 2 3 4 5 6 7 8 9 10; do
    "$tests/make-big-model" --width 1024 --ff 2048 --heads 8 --kv 4 --layers 1 --vocab 3000 --seed "$seed" "models/m$seed.gguf"
done
wait_old models/*.gguf

# read_all: 50 variants are open at the same time, and are read in turns of some pages, so that none is done before all are begun.
read_all() {
    python3 - mnt "${types[@]}" <<'PYTHON'
import os, sys, threading
names = ["%s/m%d@%s.gguf" % (sys.argv[1], seed, kind) for seed in range(1, 11) for kind in sys.argv[2:]]
files = [os.open(name, os.O_RDONLY) for name in names]
wrong = []
gate = threading.Barrier(len(files))
def read(fd, name):
    try:
        gate.wait()
        size, at = os.fstat(fd).st_size, 0
        while at < size:
            at += len(os.pread(fd, 1 << 18, at))
    except Exception as error:
        wrong.append("%s: %s" % (name, error))
threads = [threading.Thread(target=read, args=pair) for pair in zip(files, names)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(len(files))
sys.exit("\n".join(wrong))
PYTHON
}
peak() { awk '$1 == "VmHWM:" { print $2 * 1024 }' "/proc/$daemon/status"; }
# within MIB OPTIONS...: cold with that cache, then warm, then without one
within() {
    local bound=$((($1 + 24) << 20)) memory=$1 when
    shift
    rm -rf "$cache"
    for when in cold warm none; do
        if [ $when = none ]; then start "$@"; else start "$@" -o "cache=$cache"; fi
        equal "views" "$(read_all)" 50
        echo "$memory MiB, $when: $(($(peak) >> 10)) KiB"
        [ "$(peak)" -le "$bound" ] || fail "$when: $(($(peak) >> 20)) MiB, where $memory and 24 are wanted"
        stop
    done
}
within $((64 + 4 * $(nproc)))
within 32 -o memory=32M
