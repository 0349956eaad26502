# Shared by the tests beside it, each of which is one behaviour of a mount. Sourced, not run.
#
# On top of tests/quantize/lib.bash (which see): models/ is mounted on mnt/ by `start`, in the foreground, with its log in log;
# models/a.gguf is a small model. `stop` unmounts and wants a clean end of the program; a test that ends without it is
# checked all the same, so a leak or a report of a sanitizer fails every test.
. "$(dirname "${BASH_SOURCE[0]}")/../quantize/lib.bash"

reader=$tests/mount/reader
daemon=
also=()    # PID:POINT of more mounts
readers=() # PID:ROUNDS

need_fuse() {
    [ -r /dev/fuse ] && [ -w /dev/fuse ] || skip "no usable /dev/fuse"
    command -v fusermount3 >/dev/null || skip "no fusermount3"
}
need_root() { [ "$(id -u)" -eq 0 ] || skip "needs root"; }

# until_true SECONDS COMMAND...: waits for a condition; false when the time is over
until_true() {
    local limit=$((${EPOCHREALTIME/./} + $1 * 1000000))
    shift
    until "$@"; do
        # It may have become true between the look at it and this one at the time.
        [ "${EPOCHREALTIME/./}" -lt "$limit" ] || { "$@" && return; return 1; }
        sleep 0.02
    done
}
# Whether something is mounted on DIR, without asking it. mountinfo writes blanks as \040; our paths have none.
mounted() { awk -v point="$(realpath -sm "$1")" '$5 == point { found = 1 } END { exit !found }' /proc/self/mountinfo; }
not_mounted() { ! mounted "$1"; }
kind_of_mount() { awk -v point="$(realpath -sm "$1")" '$5 == point { for (i = 7; $i != "-"; i++); print $(i + 1) }' /proc/self/mountinfo | tail -n 1; }
alive() { kill -0 "$1" 2>/dev/null; }
ended() { ! alive "$1" || [ "$(ps -o stat= -p "$1" 2>/dev/null | cut -c1)" = Z ]; }

# start [OPTION...]: mounts models on mnt and waits until it answers. Sets daemon to the process. Without -o cache=DIR there is
# no cache, so that what one start has found out is new to the next.
start() {
    not_mounted mnt || fail "already mounted"
    "$QUANTFS" models mnt -f -o nocache,log="$work/log" "$@" >daemon.out 2>daemon.err &
    daemon=$!
    until_true 20 started || fail "no mount within 20 s"
    if ended "$daemon"; then fail "the mount ended at once: $(cat daemon.err)"; fi
    mounted mnt || fail "not mounted"
}
started() { { mounted mnt && stat mnt >/dev/null 2>&1; } || ended "$daemon"; }

# Waits for the end of the daemon: status 0 is wanted, and no report of a sanitizer.
reap() {
    local status=0
    [ -n "$daemon" ] || return 0
    until_true 20 ended "$daemon" || fail "the daemon has not ended within 20 s"
    wait "$daemon" || status=$?
    daemon=
    equal "exit status of the mount ($(tail -n 5 daemon.err))" "$status" "${1:-0}"
    ! reported || fail "a report of a sanitizer"
}
# Whether a sanitizer or an assertion has spoken.
reported() {
    grep -hE -m 3 'Sanitizer|runtime error:|ssertion.*failed' "$work/daemon.err" "$work/log" 2>/dev/null >&2
}
stop() {
    fusermount3 -u mnt || fail "cannot unmount"
    reap
    not_mounted mnt || fail "still mounted"
}

# A second mount beside it, in DIR with the log DIR.log: start_also DIR [OPTION...]
start_also() {
    local point=$1
    shift
    mkdir -p "$point"
    "$QUANTFS" models "$point" -f -o nocache,log="$work/$point.log" "$@" >"$point.out" 2>"$point.err" &
    also+=("$!:$point")
}
# Waits until all of start_also answer.
wait_also() {
    local one
    for one in "${also[@]}"; do until_true 20 mounted "${one#*:}" || fail "no mount on ${one#*:}: $(cat "${one#*:}.err")"; done
}
stop_also() {
    local one status
    for one in "${also[@]}"; do
        fusermount3 -u "${one#*:}" || fail "cannot unmount ${one#*:}"
        until_true 20 ended "${one%%:*}" || fail "the mount on ${one#*:} has not ended within 20 s"
        status=0
        wait "${one%%:*}" || status=$?
        equal "exit status of the mount on ${one#*:} ($(tail -n 5 "${one#*:}.err"))" "$status" 0
        ! grep -hE -m 3 'Sanitizer|runtime error:|ssertion.*failed' "${one#*:}.err" "${one#*:}.log" >&2 || fail "a report of a sanitizer"
    done
    also=()
}

# keep_reading VIEW EXPECTED: a reader in the background (see `reader keep`), until readers_end.
keep_reading() {
    local rounds=$work/rounds.${#readers[@]}
    echo 0 >"$rounds"
    [ -p hold ] || { mkfifo hold && exec 7<>hold; }
    "$reader" keep "$1" "$2" "$rounds" <hold 2>"$rounds.err" 7<&- &
    readers+=("$!:$rounds")
}
rounds_beyond() { [ "$(cat "$1")" -ge "$2" ] || ended "$3"; }
# Each reader has read everything once more, both ways, and has begun after this was called.
read_on() { # WHAT
    local one goals=()
    for one in "${readers[@]}"; do goals+=($(($(cat "${one#*:}") + 3))); done
    for one in "${!readers[@]}"; do
        until_true 60 rounds_beyond "${readers[one]#*:}" "${goals[one]}" "${readers[one]%%:*}" || fail "a reader hangs: $1"
        ! ended "${readers[one]%%:*}" || fail "a reader failed: $1: $(cat "${readers[one]#*:}.err")"
    done
    alive "$daemon" || fail "the daemon has ended: $1"
}
readers_end() {
    local one
    echo >&7
    for one in "${readers[@]}"; do
        wait "${one%%:*}" || fail "a reader failed: $(cat "${one#*:}.err")"
    done
    exec 7<&-
    rm hold
    readers=()
}
# How many descriptors the daemon has open.
descriptors() { ls -U "/proc/$daemon/fd" | wc -l; }
# A daemon that had IDLE open before it was asked for anything, and may have LIMIT, has no more than it may keep: a quarter for
# objects at hand, and a few that come and go while read-ahead still runs.
few_descriptors() { [ "$(descriptors)" -le $(($1 + $2 / 4 + 8)) ]; } # IDLE LIMIT
no_leak() { until_true 30 few_descriptors "$1" "$2" || fail "descriptors: $1 at first, $(descriptors) afterwards"; }

at_exit() {
    local status=$? end=0 one
    trap - EXIT
    set +e
    for one in "${readers[@]}"; do kill "${one%%:*}"; wait "${one%%:*}"; done 2>/dev/null
    exec 5<&- 6<&- 7<&- # what the test holds open
    for one in "${also[@]}"; do
        { fusermount3 -uz "${one#*:}" || umount -l "${one#*:}"; } 2>/dev/null
        until_true 15 ended "${one%%:*}" || kill -KILL "${one%%:*}"
    done
    if [ -n "$daemon" ]; then
        { mounted mnt && fusermount3 -uz mnt; } 2>/dev/null
        until_true 15 ended "$daemon" || kill -KILL "$daemon"
        wait "$daemon" || end=$?
        if [ "$status" -eq 0 ] && [ "$end" -ne 0 ]; then
            echo "the mount ended with status $end" >&2
            status=1
        fi
    fi
    if [ "$status" -eq 0 ] && reported; then status=1; fi
    if [ "$status" -ne 0 ] && [ "$status" -ne 77 ]; then
        [ ! -s log ] || { echo "--- log of the mount:" && tail -n 20 log; } >&2
        [ ! -s daemon.err ] || { echo "--- standard error of the mount:" && tail -n 40 daemon.err; } >&2
        for one in "${also[@]}"; do { echo "--- of the mount on ${one#*:}:" && tail -n 20 "${one#*:}.log" "${one#*:}.err"; } >&2; done
    fi
    cd /
    while mounted "$work/mnt"; do fusermount3 -uz "$work/mnt" 2>/dev/null || umount -l "$work/mnt" 2>/dev/null || break; done
    rm -rf --one-file-system "$work"
    exit "$status"
}
trap at_exit EXIT

# stats NAME: a counter of the running daemon. Asks for the line and waits for it.
stats() {
    local before
    before=$(grep -c 'stats: ' log || true)
    kill -USR1 "$daemon"
    until_true 10 eval "[ \$(grep -c 'stats: ' log) -gt $before ]" || fail "no stats line"
    grep 'stats: ' log | tail -n 1 | grep -o "\b$1=[0-9]*" | cut -d= -f2
}

# kept KIND...: how many files of these kinds (1 chunks, 2 manifests, 3 records of sources) are in the cache that $cache names
kept() {
    python3 - "$cache" "$@" <<'PYTHON'
import os, struct, sys
found = 0
for folder, _, names in os.walk(sys.argv[1]):
    for name in names:
        if len(name) == 64 and len(os.path.basename(folder)) == 1:
            with open(os.path.join(folder, name), "rb") as file:
                found += str(struct.unpack("<12xI", file.read(16))[0]) in sys.argv[2:]
print(found)
PYTHON
}

inode() { stat -c %i "$1"; }
size() { stat -c %s "$1"; }
# expected SOURCE TYPE [OPTION...]: the bytes that a variant must have, as the file expected
expected() {
    local source=$1 type=$2
    shift 2
    rm -f expected
    "$QUANTFS" quantize "$@" "$source" expected "$type" >/dev/null 2>quantize.err || fail "quantize $*: $(cat quantize.err)"
}
# A file that was changed less than 2 s ago is young: the mount tells the kernel to keep nothing of it.
is_old() { [ "$(date +%s%N)" -gt $(($(date -d "$(stat -Lc %z "$1")" +%s%N) + 2100000000)) ]; }
wait_old() { local file; for file; do until_true 5 is_old "$file" || fail "$file stays young"; done; }
absent() { [ ! -e "$1" ]; }
present() { [ -e "$1" ]; }
# lines PATTERN...: how many lines of the log have all of these words
lines() {
    local text word
    text=$(cat log 2>/dev/null || true)
    for word; do text=$(grep -F -- "$word" <<<"$text" || true); done
    [ -n "$text" ] && wc -l <<<"$text" || echo 0
}
variants() { (cd "$1" && shopt -s nullglob && echo *@*.gguf); }

need_fuse
mkdir models mnt
cp source.gguf models/a.gguf
# What a read from an open descriptor gives, at its start and far behind: the bytes in hex, or the error's name.
# The end of a view is beyond what the kernel reads ahead of its start, so it is asked of the daemon.
head_of() { "$reader" at "$1" 0 16; }
tail_of() { "$reader" at "$1" $(($2 - 16)) 16; }
bytes_of_tail() { tail -c 16 "$1" | od -An -v -tx1 | tr -d ' \n'; }
