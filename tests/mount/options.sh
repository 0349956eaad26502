#!/bin/bash
# If this failed, an option would be taken and do nothing, or a mount would be less locked than it always is.
. "$(dirname "$0")/lib.bash"
entry() { awk -v point="$work/mnt" '$5 == point' /proc/self/mountinfo; }
flags() { entry | cut -d' ' -f6; }

# Whatever fstab says: read-only, nosuid, nodev, noatime; noexec is the user's. The source is named by its absolute path.
start -o rw,suid,dev,exec,atime,fsname=other,subtype=other
equal "flags" "$(flags)" ro,nosuid,nodev,noatime
equal "kind" "$(kind_of_mount mnt)" fuse.quantfs
equal "source" "$(entry | sed 's/.* - [^ ]* \([^ ]*\) .*/\1/')" "$(realpath models)"
stop
start -o noexec -o default_permissions
equal "flags" "$(flags)" ro,nosuid,nodev,noexec,noatime
entry | grep -q default_permissions || fail "no default_permissions: $(entry)"
entry | grep -q allow_other && fail "allow_other unasked"
stop

# The listing shows what was asked for, by its canonical names, and each once; the others are there all the same.
start -o variants=Q6_K:q4_k+pure:q6_k
equal "variants" "$(variants mnt)" "a@q4_k_m+pure.gguf a@q6_k.gguf"
[ -f mnt/a@q8_0.gguf ] || fail "a variant that is not listed is not there"
stop
start -o variants=
equal "no variants" "$(variants mnt)" ""
[ -f mnt/a@q8_0.gguf ] || fail "a variant that is not listed is not there"
stop

# A log goes on at its end; a comma in its name is escaped; -v says more than without.
rm -f log
start
stop
quiet=$(wc -l <log)
[ "$quiet" -ge 2 ] || fail "no lines of mount and unmount: $(cat log)"
start -v -o log="$work/two\\,words"
stop
equal "the first log" "$(wc -l <log)" "$quiet"
grep -q "$work/mnt" two,words || fail "no line in the second log"
start
stop
equal "a log that goes on" "$(wc -l <log)" $((2 * quiet))

# -d is libfuse's trace on standard error, in the foreground; words may stand in any order.
"$QUANTFS" -d -o log="$work/log" models mnt >daemon.out 2>daemon.err &
daemon=$!
until_true 20 started || fail "no mount with -d"
ls mnt >/dev/null
stop
grep -q LOOKUP daemon.err || grep -q GETATTR daemon.err || fail "no trace with -d"

# A directory called as a verb.
mv models quantize
"$QUANTFS" ./quantize mnt -f -o log="$work/log" >daemon.out 2>daemon.err &
daemon=$!
until_true 20 started || fail "no mount of ./quantize"
[ -f mnt/a@q8_0.gguf ] || fail "no variant in ./quantize"
stop
