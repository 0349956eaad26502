#!/bin/bash
# If this failed, variants that give a tensor the same type, and models that share a tensor, would not share what was converted.
. "$(dirname "$0")/lib.bash"
cache=$work/cache
"$tests/make-big-model" --width 512 --ff 1024 --heads 8 --kv 4 --layers 3 --vocab 1500 models/a.gguf

# types SOURCE TYPE: one line for each tensor that is converted: its name and its new type. Each of these is one chunk.
types() { "$QUANTFS" recipe "$1" "$2" 2>/dev/null | awk -F'\t' 'NR > 1 && $3 != $4 { print $1, $4 }' | sort; }
# view WHAT NAME SOURCE TYPE CONVERSIONS: a fresh mount converts so many chunks of it, and no more.
view() {
    expected "$3" "$4"
    wait_old "$3" # a chunk that was made from young bytes is made again later
    start -o "cache=$cache"
    same "mnt/$2@$4.gguf" expected
    equal "conversions: $1" "$(stats conversions)" "$5"
    equal "dropped: $1" "$(stats dropped)" 0
    stop
}

all=$(types models/a.gguf q4_k_m | wc -l)
[ "$all" -gt 20 ] || fail "only $all tensors are converted"
view "the first variant" a models/a.gguf q4_k_m "$all"
types models/a.gguf q4_k_m >known
for type in q4_k_s q5_k_m q6_k; do
    types models/a.gguf "$type" >wanted
    view "$type" a models/a.gguf "$type" "$(comm -13 known wanted | wc -l)"
    sort -u known wanted >both
    mv both known
done
# Some of all these types were known, and some were not, or nothing was seen here.
types models/a.gguf q4_k_s >wanted
types models/a.gguf q4_k_m >known
[ "$(comm -12 known wanted | wc -l)" -gt 5 ] || fail "the variants share nothing"
[ "$(comm -13 known wanted | wc -l)" -gt 0 ] || fail "the variants share everything"

# A fine-tune: other metadata, and two tensors that were trained on.
python3 - models/a.gguf models/tuned.gguf <<'PYTHON'
import struct, sys
data = open(sys.argv[1], "rb").read()
tensors, keys = struct.unpack_from("<QQ", data, 8)
name = b"general.description"
value = b"tuned " * 100
extra = struct.pack("<Q", len(name)) + name + struct.pack("<IQ", 8, len(value)) + value
extra += struct.pack("<Q", 14) + b"general.filler" + struct.pack("<IQ", 8, 0)
pad = -len(extra) % 32  # what lies behind stays aligned
extra = extra[:-8] + struct.pack("<Q", pad) + b"x" * pad
open(sys.argv[2], "wb").write(data[:16] + struct.pack("<Q", keys + 2) + extra + data[24:])
PYTHON
for tensor in blk.0.ffn_up.weight blk.2.attn_q.weight; do
    read -r at _ < <("$reader" tensor models/tuned.gguf "$tensor")
    patch models/tuned.gguf "$at" 00300031
done
view "a fine-tune" tuned models/tuned.gguf q4_k_m 2
# The same bytes, which are other numbers: F16 that is called BF16.
cp models/a.gguf models/other.gguf
patch models/other.gguf $(($("$reader" info models/other.gguf blk.1.ffn_up.weight) + 4 + 2 * 8)) 1e000000
[ "$("$QUANTFS" recipe models/other.gguf q4_k_m 2>/dev/null | awk -F'\t' '$1 == "blk.1.ffn_up.weight" { print $3 }')" = BF16 ] || fail "not BF16"
view "the same bytes of another type" other models/other.gguf q4_k_m 1
# And one whose tensors are in another file type: the same numbers, but other bytes.
"$tests/make-big-model" --width 512 --ff 1024 --heads 8 --kv 4 --layers 3 --vocab 1500 --type f32 models/wide.gguf
view "another source type" wide models/wide.gguf q4_k_m "$(types models/wide.gguf q4_k_m | wc -l)"
