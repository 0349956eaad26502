#!/bin/bash
# If this failed, a reader at work while the model is rewritten would get a file that is neither the old version nor an error.
. "$(dirname "$0")/lib.bash"
shape=(--width 512 --ff 1024 --heads 8 --kv 8 --layers 2 --vocab 1024)
for seed in 1 2; do
    "$tests/make-big-model" "${shape[@]}" --seed $seed $seed.gguf
    expected $seed.gguf Q8_0
    mv expected $seed.expected
done
cp 2.gguf models/x.gguf
start
refused=0 whole=0 old=2 new=1
for round in $(seq 12); do
    # Opened before the writing begins, so it is the old version or none.
    exec 5<mnt/x@q8_0.gguf
    cat <&5 >got 2>err &
    reading=$!
    dd if=$new.gguf of=models/x.gguf conv=notrunc bs=256K status=none
    if wait "$reading"; then
        cmp got $old.expected || fail "round $round: not the version that was opened"
        whole=$((whole + 1))
    else
        grep -q 'Stale file handle' err || fail "round $round: $(cat err)"
        refused=$((refused + 1))
    fi
    exec 5<&-
    until_true 5 cmp -s mnt/x@q8_0.gguf $new.expected || fail "round $round: not the new version afterwards"
    old=$new new=$((3 - new))
done
echo "$whole whole, $refused refused"
stop
