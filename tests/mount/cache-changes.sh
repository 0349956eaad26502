#!/bin/bash
# If this failed, a cache that knows a model would hide that the model has changed, or a mere new name would break its readers.
. "$(dirname "$0")/lib.bash"
cache=$work/cache
view=mnt/x@q4_k_m.gguf
"$tests/make-big-model" --width 512 --ff 1024 --heads 8 --kv 8 --layers 3 --vocab 1024 big.gguf
expected big.gguf Q4_K_M
whole=$(size expected)
start -o "cache=$cache"

# begins: x.gguf is new, known to the cache and mapped, with its first page read.
begins() { # NAME
    rm -rf models/x.gguf models/y.gguf models/sub
    cp big.gguf models/x.gguf
    touch -d '2024-01-01' models/x.gguf
    wait_old models/x.gguf
    until_true 5 present "$view" || fail "$1: no variant"
    same "$view" expected
    echo 1 2>/dev/null >/proc/sys/vm/drop_caches || true
    exec 5<"$view"
    # Only what is asked of the daemon says something: the kernel keeps no page of it.
    "$reader" drop 5
    mkfifo to from
    "$reader" touch "$view" <to >from 2>touch.err &
    mapper=$!
    exec 6>to 7<from
    read -r -u 7 byte
    equal "$1: the first byte" "$byte" 71
}
ends() {
    exec 5<&- 6>&- 7<&-
    rm to from
    wait "$mapper" || status=$?
}
goes_on() { # NAME COMMAND...
    local name=$1 byte status=0 at
    shift
    begins "$name"
    "$@" || fail "$name: the change itself failed"
    for at in $((whole - 1)) $((whole / 2)) $((whole / 3)); do
        echo "$at" >&6
        read -r -u 7 byte || fail "$name: the mapping broke"
        equal "$name: byte $at" "$byte" "$(od -An -tu1 -j "$at" -N 1 expected | tr -d ' ')"
    done
    cmp - expected <&5 || fail "$name: the whole view afterwards"
    ends
    equal "$name: the reader with the mapping" "$status" 0
}
breaks() { # NAME COMMAND...
    local name=$1 byte status=0
    shift
    begins "$name"
    "$@" || fail "$name: the change itself failed"
    echo $((whole - 1)) >&6
    ! read -r -u 7 byte || fail "$name: the mapping gave $byte"
    equal "$name: a read of the old version" "$(tail_of 5 "$whole")" ESTALE
    ends
    equal "$name: the reader with the mapping (SIGBUS)" "$status" 135
}
goes_on "nothing at all" true
goes_on chmod chmod 600 models/x.gguf
goes_on ln ln models/x.gguf models/y.gguf
goes_on mv mv models/x.gguf models/y.gguf
goes_on "mv into a directory" eval 'mkdir models/sub && mv models/x.gguf models/sub'
goes_on rm rm models/x.gguf
goes_on "mv of another over it" eval 'cp source.gguf new.gguf && mv new.gguf models/x.gguf'

mtime_put_back() {
    local read_at
    read -r read_at _ < <("$reader" tensor models/x.gguf output.weight)
    patch models/x.gguf "$read_at" 3c3c
    touch -d '2024-01-01' models/x.gguf
}
breaks "a rewrite with the mtime put back" mtime_put_back
"$QUANTFS" quantize models/x.gguf changed Q4_K_M >/dev/null 2>&1
! cmp -s changed expected || fail "the rewrite changed nothing"
until_true 5 cmp -s "$view" changed || fail "the name does not give the new version"
breaks touch touch models/x.gguf
until_true 5 cmp -s "$view" expected || fail "the name does not give the touched version"
if setfattr -n user.test -v 1 source.gguf 2>/dev/null; then
    breaks setfattr setfattr -n user.test -v 2 models/x.gguf
    until_true 5 cmp -s "$view" expected || fail "the name does not give the version with an attribute"
fi
# All that came and went was the same bytes twice: converted twice.
converted=$(stats conversions)
chunks=$("$QUANTFS" recipe big.gguf q4_k_m 2>/dev/null | awk -F'\t' 'NR > 1 && $3 != $4' | wc -l)
equal "conversions" "$converted" $((chunks + 1))
stop
