#!/bin/bash
# If this failed, a mount that was taken away would take with it, when its process ends, a new one that has its numbers now.
. "$(dirname "$0")/lib.bash"
mkdir other
# numbers POINT: of the mount there and of its device, as the kernel gives them, the lowest that are free
numbers() { awk -v point="$(realpath -sm "$1")" '$5 == point { print $1, $3 }' /proc/self/mountinfo; }
# Other tests mount, too, and may get the numbers first.
for point in other mnt; do
    again=false
    for _ in {1..20}; do
        start
        first=$daemon
        before=$(numbers mnt)
        kill -STOP "$first"
        fusermount3 -u mnt || fail "not unmounted"
        "$QUANTFS" models $point -f -o nocache,log="$work/log.new" >new.out 2>new.err &
        new=$!
        until_true 20 mounted $point || fail "no second mount: $(cat new.err)"
        [ "$(numbers $point)" != "$before" ] || again=true
        kill -CONT "$first"
        reap
        mounted $point || fail "the new mount on $point is gone"
        [ -f $point/a@q8_0.gguf ] || fail "the new mount on $point does not answer"
        fusermount3 -u $point || fail "the new mount on $point cannot be unmounted"
        until_true 20 ended $new || fail "the new mount has not ended"
        wait $new || fail "the new mount ended with $?"
        ! $again || break
    done
    $again || skip "the numbers of a mount were never given again"
done
