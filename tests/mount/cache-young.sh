#!/bin/bash
# If this failed, a version that may still change unseen would be believed, or what was converted from it would be lost.
. "$(dirname "$0")/lib.bash"
case $(stat -f -c %t "$work") in 65735546 | 1021997 | 6969) skip "the times of files here are not believed" ;; esac
cache=$work/cache
"$tests/make-big-model" --width 512 --ff 1024 --heads 8 --kv 4 --layers 2 --vocab 2000 models/a.gguf
expected models/a.gguf q4_k_m
source_size=$(size models/a.gguf)
reads() { awk '$1 == "rchar:" { print $2 }' "/proc/$daemon/io"; }
go() { # WHAT CONVERSIONS
    local before
    start -o "cache=$cache"
    stat mnt/a@q4_k_m.gguf >/dev/null
    before=$(reads)
    cmp mnt/a@q4_k_m.gguf expected || fail "$1"
    read=$(($(reads) - before))
    converted=$(stats conversions)
    stop
}
touch -d 'now + 1 hour' models/a.gguf # from the future: young as long as that
go "young"
[ "$converted" -gt 10 ] || fail "nothing was converted"
[ "$(kept 1)" -gt 10 ] || fail "only $(kept 1) objects of a young version"
equal "manifests and records of a young version" "$(kept 2 3)" 0
for round in 1 2; do
    go "young, round $round"
    equal "conversions of a young version, round $round" "$converted" 0
    [ "$read" -ge "$source_size" ] || fail "a young version was known without reading it ($read bytes)"
done
equal "manifests and records of a young version, at the end" "$(kept 2 3)" 0

# A rewrite that neither size nor time tell of gives the new bytes all the same.
at=$("$reader" tensor models/a.gguf blk.1.ffn_up.weight | cut -d' ' -f1)
stamp=$(stat -c %y models/a.gguf)
patch models/a.gguf "$at" 00300031
touch -d "$stamp" models/a.gguf
expected models/a.gguf q4_k_m
go "rewritten while young"
equal "conversions after a rewrite" "$converted" 1

# Old: noted, and known from then on.
touch models/a.gguf
wait_old models/a.gguf
go "old"
equal "conversions of an old version" "$converted" 0
[ "$(kept 2 3)" -gt 2 ] || fail "an old version got no manifest"
go "old, again"
[ "$read" -lt "$source_size" ] || fail "an old version was read again ($read bytes)"
