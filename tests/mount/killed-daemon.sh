#!/bin/bash
# If this failed, a user whose mount has died could not simply mount again.
. "$(dirname "$0")/lib.bash"
start
kill -KILL "$daemon"
wait "$daemon" 2>/dev/null || true
daemon=
# The kernel may still know the attributes that it has just asked for; it never keeps what -f asks for.
stat -f mnt 2>err && fail "a dead mount answers"
grep -q 'Transport endpoint is not connected' err || fail "not dead: $(cat err)"
equal "its kind" "$(kind_of_mount mnt)" fuse.quantfs
"$QUANTFS" models mnt -f -o log="$work/log" >daemon.out 2>daemon.err &
daemon=$!
answers() { stat mnt/a@q4_k_m.gguf >/dev/null 2>&1; }
until_true 10 answers || fail "no mount: $(cat daemon.err)"
equal "mounts on it" "$(awk -v point="$work/mnt" '$5 == point' /proc/self/mountinfo | wc -l)" 1
equal "lines that say so" "$(cat daemon.err log | grep -ciE 'dead|not connected|detach')" 1
expected source.gguf Q4_K_M
same mnt/a@q4_k_m.gguf expected
stop
