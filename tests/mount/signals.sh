#!/bin/bash
# If this failed, SIGTERM, SIGINT or Ctrl-C would cut off a reader, leave the mount behind, or never end.
. "$(dirname "$0")/lib.bash"
expected source.gguf Q4_K_M
whole=$(size expected)
for signal in TERM INT; do
    # Idle: gone at once.
    start
    ls mnt >/dev/null
    kill -$signal "$daemon"
    reap
    not_mounted mnt || fail "still mounted after SIG$signal"
    # With a file open: detached at once, served until it is closed.
    start
    exec 5<mnt/a@q4_k_m.gguf
    equal "the start" "$(head_of 5 | cut -c1-8)" 47475546
    kill -$signal "$daemon"
    until_true 5 not_mounted mnt || fail "not detached by SIG$signal"
    equal "the end after SIG$signal" "$(tail_of 5 "$whole")" "$(bytes_of_tail expected)"
    alive "$daemon" || fail "ended under an open file"
    exec 5<&-
    reap
    # A second one ends at once.
    start
    exec 5<mnt/a@q4_k_m.gguf
    equal "the start" "$(head_of 5 | cut -c1-8)" 47475546
    kill -$signal "$daemon"
    until_true 5 not_mounted mnt || fail "not detached by SIG$signal"
    began=${EPOCHREALTIME/./}
    kill -$signal "$daemon"
    until_true 5 ended "$daemon" || fail "a second SIG$signal does not end it"
    [ $((${EPOCHREALTIME/./} - began)) -lt 3000000 ] || fail "a second SIG$signal took too long"
    exec 5<&-
    wait "$daemon" || true
    daemon=
done
# A working directory in it holds nothing up.
start
(cd mnt && exec sleep 30) &
sleeper=$!
inside() { [ "$(readlink "/proc/$sleeper/cwd")" = "$work/mnt" ]; }
until_true 5 inside || fail "nobody is in the mount"
kill -TERM "$daemon"
until_true 5 ended "$daemon" || fail "a working directory holds it up"
kill "$sleeper"
wait "$sleeper" || true
reap
# Nobody closes: after 10 s it ends all the same.
start
exec 5<mnt/a@q4_k_m.gguf
equal "the start" "$(head_of 5 | cut -c1-8)" 47475546
began=${EPOCHREALTIME/./}
kill -TERM "$daemon"
until_true 16 ended "$daemon" || fail "still there 16 s after SIGTERM"
took=$(((${EPOCHREALTIME/./} - began) / 1000000))
[ "$took" -ge 8 ] || fail "the open file was served for $took s only"
case $(tail_of 5 "$whole") in ENOTCONN | ECONNABORTED | EIO) ;; *) fail "a reader after the end" ;; esac
exec 5<&-
wait "$daemon" || true
daemon=
# SIGHUP of a closed terminal ends it as well, without a half mount.
start
kill -HUP "$daemon"
until_true 12 ended "$daemon" || fail "SIGHUP does not end it"
wait "$daemon" || true
daemon=
not_mounted mnt || fail "still mounted after SIGHUP"
# Unless that is ignored for it, as by nohup, in the foreground; whoever ends it still can.
(trap '' HUP && exec "$QUANTFS" models mnt -f -o nocache,log="$work/log" >daemon.out 2>daemon.err) &
daemon=$!
until_true 20 started || fail "no mount within 20 s"
kill -HUP "$daemon"
equal "conversions after SIGHUP under nohup" "$(stats conversions)" 0
same mnt/a@q4_k_m.gguf expected
kill -TERM "$daemon"
reap
not_mounted mnt || fail "still mounted after SIGTERM under nohup"
