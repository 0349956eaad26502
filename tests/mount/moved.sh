#!/bin/bash
# If this failed, a mount whose directory was renamed would stay behind dead when its process is told to end.
. "$(dirname "$0")/lib.bash"
mkdir -p here/mnt
for way in rename move; do
    [ $way = rename ] || [ "$(id -u)" -eq 0 ] || continue
    "$QUANTFS" models here/mnt -f -o nocache,log="$work/log" >daemon.out 2>daemon.err &
    daemon=$!
    until_true 20 mounted here/mnt || fail "no mount: $(cat daemon.err)"
    if [ $way = rename ]; then
        mv here there
        now=there/mnt
    else
        # A shared mount cannot be moved; a test's own directory may lie in one.
        mount --move here/mnt mnt 2>/dev/null || { kill -TERM "$daemon" && reap && break; }
        now=mnt
    fi
    mounted $now || fail "not there after a $way"
    [ -f $now/a@q8_0.gguf ] || fail "no variant after a $way"
    kill -TERM "$daemon"
    reap
    not_mounted $now || fail "still mounted after a $way"
    stat -f $now >/dev/null || fail "dead after a $way"
    [ $way = move ] || mv there here
done
