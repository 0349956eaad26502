#!/bin/bash
# If this failed, a damaged model would disappear, be offered, break its neighbours, or nobody would learn what is wrong with it.
. "$(dirname "$0")/lib.bash"
at=$("$reader" info source.gguf blk.0.attn_k.weight)
cp source.gguf models/dims.gguf
patch models/dims.gguf "$at" 09000000
cp source.gguf models/version.gguf
patch models/version.gguf 4 4d000000
cp source.gguf models/count.gguf
patch models/count.gguf 8 ffffffffffffff7f
cp source.gguf models/offset.gguf
patch models/offset.gguf $((at + 4 + 16 + 4)) 2100000000000000
cp source.gguf $'models/line\nfeed.gguf'
patch $'models/line\nfeed.gguf' "$at" 09000000
mkdir models/directory.gguf
mkfifo models/fifo.gguf
printf 'no model at all' >models/text.gguf
: >models/empty.gguf
start
for round in 1 2 3; do
    ls -l mnt >/dev/null
    equal "variants ($round)" "$(variants mnt)" "a@q4_k_m.gguf a@q4_k_s.gguf a@q8_0.gguf"
    for name in dims version count offset directory fifo text empty $'line\nfeed'; do
        absent "mnt/$name@q4_k_m.gguf" || fail "a variant of $name"
    done
done
for name in dims version count offset; do
    same mnt/$name.gguf models/$name.gguf
    equal "log lines about $name.gguf" "$(lines "$name.gguf")" 1
    grep -F "$name.gguf" log | grep -qE 'byte [0-9]+' || fail "no offset: $(grep -F "$name.gguf" log)"
    # The verb says the same.
    status=0
    "$QUANTFS" recipe models/$name.gguf q4_k_m >out 2>err || status=$?
    equal "exit status of recipe for $name" "$status" 1
    reason=$(grep -oE 'byte [0-9]+: .*' err | head -n 1)
    [ -n "$reason" ] && grep -F "$name.gguf" log | grep -qF "$reason" || fail "recipe says '$(cat err)', the log '$(grep -F "$name.gguf" log)'"
done
# At the info of the tensor, not anywhere.
grep -F dims.gguf log | grep -oE 'byte [0-9]+' | awk -v at="$at" '{ exit !($2 >= at - 40 && $2 <= at + 40) }' || fail "another place than $at: $(grep -F dims.gguf log)"
equal "log lines with the name that has a line feed" "$(grep -c 'feed.gguf' log)" 1
grep -q 'line\\x0[aA]feed.gguf\|line\\nfeed.gguf' log || fail "a line feed is not escaped: $(grep feed log)"
for name in directory fifo text empty; do equal "log lines about $name" "$(lines "$name.gguf")" 0; done
[ -p mnt/fifo.gguf ] && [ -d mnt/directory.gguf ] || fail "the kinds of special files"
expected source.gguf Q4_K_M
same mnt/a@q4_k_m.gguf expected
stop
