#!/bin/bash
# If this failed, whoever wonders why a mount does not end would not learn which file keeps it.
. "$(dirname "$0")/lib.bash"
mkdir models/sub
cp source.gguf models/sub/b.gguf
echo text >models/notes.txt
start
exec 5<mnt/sub/b@q4_k_m.gguf 6<mnt/notes.txt
exec 7<mnt/sub/b@q4_k_m.gguf # twice is one line
head_of 5 >/dev/null
kill -TERM "$daemon"
until_true 5 not_mounted mnt || fail "not detached"
until_true 5 eval '[ "$(lines "still open")" -ge 2 ]' || fail "nothing is said at the first signal: $(cat log)"
equal "lines about the view" "$(lines "$work/mnt/sub/b@q4_k_m.gguf: still open: it is served until it is closed")" 1
equal "lines about the mirrored file" "$(lines "$work/mnt/notes.txt: still open: it is served until it is closed")" 1
equal "lines at the first signal" "$(lines "still open")" 2
exec 6<&-
began=$EPOCHSECONDS
until_true 16 ended "$daemon" || fail "still there 16 s after SIGTERM"
[ $((EPOCHSECONDS - began)) -ge 7 ] || fail "it has not waited"
equal "lines about the view after 10 s" "$(lines "$work/mnt/sub/b@q4_k_m.gguf: still open: it is cut off")" 1
equal "lines after 10 s" "$(lines "it is cut off")" 1
exec 5<&- 7<&-
wait "$daemon" || true
daemon=
# Nothing is said where nothing is open.
rm -f log
start
ls mnt >/dev/null
kill -TERM "$daemon"
reap
equal "lines of an idle mount" "$(lines "still open")" 0
# A second signal says whom it cuts off.
rm -f log
start
exec 5<mnt/a@q8_0.gguf
head_of 5 >/dev/null
kill -TERM "$daemon"
until_true 5 not_mounted mnt || fail "not detached"
kill -TERM "$daemon"
until_true 5 ended "$daemon" || fail "a second SIGTERM does not end it"
equal "lines at the second signal" "$(lines "$work/mnt/a@q8_0.gguf: still open: it is cut off")" 1
exec 5<&-
wait "$daemon" || true
daemon=
