#!/bin/bash
# If this failed, a mount in the background would return before it answers, lose its errors, or keep the terminal.
. "$(dirname "$0")/lib.bash"
# Returns when it answers, and holds none of the caller's descriptors: the pipe ends.
exec 9>lock
flock 9
"$QUANTFS" models mnt -o log="$work/log" 2>err | cat >out
exec 9>&-
flock -n lock true || fail "it keeps a lock of its caller's"
equal "standard output" "$(cat out)" ""
equal "standard error" "$(cat err)" ""
mounted mnt || fail "not mounted when the command returns"
expected source.gguf Q4_K_M
same mnt/a@q4_k_m.gguf expected
pid=$(pgrep -f "^$QUANTFS models mnt -o log=$work/log" | head -n 1)
[ -n "$pid" ] || fail "no daemon"
equal "its directory" "$(readlink "/proc/$pid/cwd")" /
equal "its streams" "$(for fd in 0 1 2; do readlink "/proc/$pid/fd/$fd"; done | sort -u)" /dev/null
equal "its session" "$(ps -o sid= -p "$pid" | tr -d ' ')" "$pid"
# Mounted a second time: refused, and the first goes on.
refuses timeout 20 "$QUANTFS" models mnt
same mnt/a@q4_k_m.gguf expected
kill -USR1 "$pid"
until_true 5 grep -q 'stats: ' log || fail "no stats line"
fusermount3 -u mnt
until_true 10 eval "! kill -0 $pid 2>/dev/null" || fail "the daemon stays after the unmount"
# The models of a relative path, seen from another directory.
(cd models && "$QUANTFS" . ../mnt)
same mnt/a@q4_k_m.gguf expected
fusermount3 -u mnt
# The exit status is that of the mount, not of the first process.
refuses timeout 20 "$QUANTFS" none mnt
grep -q none err || fail "no message: $(cat err)"
# So it is where the second process finds that it cannot be.
refuses timeout 20 "$QUANTFS" models mnt -o log="$work/log",context=nonsense
grep -q 'cannot mount on' err || fail "no message: $(cat err)"
not_mounted mnt || fail "mounted all the same"
# Without any stream it does not take a file of its own for one.
"$QUANTFS" models mnt -o log="$work/log" <&- >&- 2>&-
same mnt/a@q4_k_m.gguf expected
fusermount3 -u mnt
