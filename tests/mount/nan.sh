#!/bin/bash
# If this failed, a weight that cannot be quantized would crash the mount, give garbage, or spoil the readable rest.
. "$(dirname "$0")/lib.bash"
read -r at size < <("$reader" tensor source.gguf blk.1.ffn_down.weight)
cp source.gguf models/nan.gguf
# Row 3 of 512 weights.
patch models/nan.gguf $((at + 3 * 512 * 2 + 20)) 007e
cp source.gguf models/inf.gguf
patch models/inf.gguf $((at + 5 * 512 * 2 + 20)) 007c
start
for name in nan inf; do
    view=mnt/$name@q4_k_m.gguf
    expected source.gguf Q4_K_M
    equal "size" "$(size "$view")" "$(size expected)"
    offset=$("$QUANTFS" recipe models/$name.gguf q4_k_m | awk -F'\t' '$1 == "blk.1.ffn_down.weight" { print $5 }')
    exec 5<"$view"
    equal "a read of the tensor in $name" "$("$reader" at 5 "$offset" 16)" EIO
    equal "a second read" "$("$reader" at 5 "$offset" 16)" EIO
    equal "the header" "$("$reader" at 5 0 4)" 47475546
    exec 5<&-
    # Everything before it reads on.
    exec 6< <(head -c $((offset - 300000)) "$view" 2>/dev/null)
    cmp -n $((offset - 300000)) expected /dev/fd/6 || fail "the tensors before it"
    exec 6<&-
    [ "$(lines $name.gguf blk.1.ffn_down.weight)" -ge 1 ] || fail "the log does not name the tensor: $(cat log)"
    row=$([ $name = nan ] && echo 3 || echo 5)
    grep -F blk.1.ffn_down.weight log | grep -F $name.gguf | grep -qw "row $row" || fail "the log does not name the row $row: $(grep blk.1.ffn_down log)"
done
# Tensors that are only copied are not scanned.
equal "f16 of the one" "$(cat mnt/nan@f16.gguf | wc -c)" "$(size mnt/nan@f16.gguf)"
same mnt/a@q4_k_m.gguf expected
stop
