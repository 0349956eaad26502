#!/bin/bash
# If this failed, a large collection would exhaust the mount's descriptors or memory, or be listed in part.
. "$(dirname "$0")/lib.bash"
"$tests/make-big-model" --width 32 --ff 32 --heads 1 --kv 1 --layers 1 --vocab 32 tiny.gguf
for number in $(seq 700); do cp tiny.gguf "models/m$number.gguf"; done
expected tiny.gguf Q8_0
soft=$(ulimit -S -n)
ulimit -S -n 64
start
ulimit -S -n "$soft" 2>/dev/null || true
for round in 1 2; do
    equal "listed variants" "$(ls -l mnt | grep -c '@q8_0.gguf$')" 701
    equal "their sizes" "$(ls -l mnt | awk '/m[0-9]*@q8_0.gguf$/ { print $5 }' | sort -u)" "$(size expected)"
done
[ "$(ulimit -H -n)" = unlimited ] || [ "$(ulimit -H -n)" -ge 2000 ] || skip "too few descriptors for the rest"
python3 - <<'PYTHON'
import os, resource
resource.setrlimit(resource.RLIMIT_NOFILE, (1500, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
good = open("expected", "rb").read()
fds = [os.open("mnt/m%d@q8_0.gguf" % number, os.O_RDONLY) for number in range(1, 701)]
for number in range(1, 701):
    os.unlink("models/m%d.gguf" % number)
for fd in fds:
    assert os.read(fd, len(good) + 1) == good
PYTHON
equal "lines in the log above debug" "$(grep -vcE 'is mounted|stats:' log)" 0
stop
