#!/bin/bash
# If this failed, several that use one cache at once would give a wrong byte, fail, or not find each other's chunks.
. "$(dirname "$0")/lib.bash"
cache=$work/cache
"$tests/make-big-model" --width 512 --ff 1024 --heads 8 --kv 4 --layers 3 --vocab 2000 models/a.gguf
expected models/a.gguf q4_k_m
wait_old models/a.gguf

# Two start on a directory that is empty, or not there, at once; it becomes one cache, with one secret, for both.
for round in 1 2 3 4 5 6; do
    rm -rf "$cache"
    [ $((round % 2)) -eq 0 ] || mkdir -m 700 "$cache"
    start_also one -o "cache=$cache"
    start_also two -o "cache=$cache"
    wait_also
    same one/a@q4_k_m.gguf expected
    same two/a@q4_k_m.gguf expected
    equal "what complains" "$(cat one.log two.log | grep -c 'no cache' || true)" 0
    stop_also
    equal "secrets" "$(find "$cache" -name '*secret*' | wc -l)" 1
    equal "size of the secret" "$(size "$cache/secret")" 32
    equal "temporaries" "$(find "$cache/tmp" -type f | wc -l)" 0
    # Whichever made the secret, all is known.
    start -o "cache=$cache"
    same mnt/a@q4_k_m.gguf expected
    equal "conversions in round $round" "$(stats conversions)" 0
    equal "damaged in round $round" "$(stats damaged)" 0
    stop
done

# Two mounts and the verb convert one view at once.
for round in 1 2 3; do
    rm -rf "$cache" out.gguf
    start -o "cache=$cache"
    start_also two -o "cache=$cache"
    wait_also
    ls mnt two >/dev/null
    cmp mnt/a@q4_k_m.gguf expected &
    first=$!
    cmp two/a@q4_k_m.gguf expected &
    second=$!
    "$QUANTFS" quantize --cache="$cache" models/a.gguf out.gguf q4_k_m >/dev/null 2>&1 || fail "quantize beside mounts"
    wait "$first" || fail "the first mount"
    wait "$second" || fail "the second mount"
    same out.gguf expected
    equal "damaged" "$(stats damaged)" 0
    stop_also
    # What one of them has put while both run, the other finds.
    start_also two -o "cache=$cache"
    wait_also
    "$QUANTFS" quantize --cache="$cache" models/a.gguf out.gguf q6_k >/dev/null 2>&1
    before=$(stats conversions)
    same mnt/a@q6_k.gguf out.gguf
    equal "conversions after the verb's" "$(stats conversions)" "$before"
    rm -f out.gguf
    stop_also
    stop
done
"$QUANTFS" cache verify "$cache" >verified
grep -qE '^[1-9][0-9]* good, 0 removed$' verified || fail "verify: $(cat verified)"
