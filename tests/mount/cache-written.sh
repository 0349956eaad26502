#!/bin/bash
# If this failed, what a mount has found out and counted would be on disk only when it ends: lost if it is killed, unknown to others.
. "$(dirname "$0")/lib.bash"
case $(stat -f -c %t "$work") in 65735546 | 1021997 | 6969) skip "the times of files here are not believed" ;; esac
cache=$work/cache
view=mnt/a@q4_k_m.gguf
"$tests/make-big-model" --width 512 --ff 1024 --heads 8 --kv 4 --layers 2 --vocab 2000 models/a.gguf
expected models/a.gguf q4_k_m
counted() { "$QUANTFS" cache stats --json "$cache" | python3 -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]])' "$1"; }
counts() { [ "$(counted "$1")" -ge "$2" ]; }
has_manifests() { [ "$(kept 2)" -ge "$1" ]; }
wait_old models/a.gguf

# While it runs, as soon as it is idle: what was put, of an old version and of a young one.
start -o "cache=$cache"
same $view expected
until_true 20 eval '[ "$(counted puts)" -gt 10 ]' || fail "nothing is counted while the mount runs"
puts=$(counted puts) known=$(kept 2)
[ "$known" -gt 10 ] || fail "only $known manifests are written"
touch -d 'now + 1 hour' models/a.gguf
until_true 5 cmp -s $view expected || fail "no view of the young version"
until_true 20 counts hits "$puts" || fail "what was found for a young version is not counted"
equal "manifests after a young version" "$(kept 2)" "$known"
stop

# What was found by its bytes is known by its version from then on, also if the mount is killed.
touch models/a.gguf
wait_old models/a.gguf
start -o "cache=$cache"
same $view expected
equal "conversions" "$(stats conversions)" 0
until_true 20 has_manifests $((2 * known)) || fail "$(kept 2) manifests where $((2 * known)) are known"
kill -KILL "$daemon"
wait "$daemon" || true
daemon=
fusermount3 -uz mnt || umount -l mnt
start -o "cache=$cache"
before=$(counted misses) hits=$(counted hits)
same $view expected
until_true 20 counts hits $((hits + puts)) || fail "what was found is not counted while the mount runs"
equal "what was not found" "$(counted misses)" "$before"
equal "conversions after the mount was killed" "$(stats conversions)" 0
stop
