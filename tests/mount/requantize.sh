#!/bin/bash
# If this failed, who has nothing but a quantized model could not have another variant of it, or would get other bytes than
# llama-quantize --allow-requantize writes.
. "$(dirname "$0")/lib.bash"
"$QUANTFS" quantize source.gguf models/small.gguf Q8_0 >/dev/null 2>&1
wait_old models/small.gguf
mkdir cache
chmod 700 cache
remount() { start -o "cache=$work/cache" "$@"; }

# Without the option: refused, and the log says which option there is.
remount
absent mnt/small@q4_k_m.gguf || fail "a variant of a quantized model without the option"
[ "$(lines small 'requantizing from type q8_0 is disabled' allow_requantize)" -ge 1 ] || fail "the log: $(cat log)"
stop

# With it, and with what the other mount has kept about the model.
remount -o allow_requantize
equal "variants" "$(variants mnt | tr ' ' '\n' | grep small | paste -sd' ')" "small@q4_k_m.gguf small@q4_k_s.gguf small@q8_0.gguf"
for type in q4_k_m q5_0 iq4_xs tq2_0 f16; do
    expected models/small.gguf "$type" --allow-requantize
    same "mnt/small@$type.gguf" expected
    equal "size of $type" "$(size "mnt/small@$type.gguf")" "$(size expected)"
done
same mnt/small@q8_0.gguf models/small.gguf
# What was converted is found again.
stop
remount -o allow_requantize
expected models/small.gguf q4_k_m --allow-requantize
same mnt/small@q4_k_m.gguf expected
equal "conversions of what is known" "$(stats conversions)" 0
# From the same weights as floats come other bytes.
"$QUANTFS" quantize source.gguf floats Q4_K_M >/dev/null 2>&1
! cmp -s mnt/small@q4_k_m.gguf floats || fail "the source was not the quantized one"
stop

# A scale that is not finite in the source: the bytes cannot be had, and nobody is told others.
python3 - <<'PYTHON'
import struct
data = bytearray(open("models/small.gguf", "rb").read())
name = b"blk.0.ffn_up.weight"
at = data.rindex(struct.pack("<Q", len(name)) + name) + 8 + len(name)
dims, = struct.unpack_from("<I", data, at)
offset, = struct.unpack_from("<Q", data, at + 4 + 8 * dims + 4)
first = min(int(line.split("\t")[4]) for line in __import__("subprocess").run(
    [__import__("os").environ["QUANTFS"], "recipe", "models/small.gguf", "copy"], capture_output=True, text=True).stdout.split("\n")[1:-1])
struct.pack_into("<H", data, first + offset + 34 * 3, 0x7c00)
open("models/broken.gguf", "wb").write(data)
PYTHON
remount -o allow_requantize
! cat mnt/broken@q4_0.gguf >read 2>read.err || fail "a broken model was read"
[ "$(lines broken "tensor 'blk.0.ffn_up.weight' has invalid data")" -ge 1 ] || fail "the log does not say what is broken: $(cat log)"
stop

# When the option is gone, so are the variants.
remount
absent mnt/small@q4_k_m.gguf || fail "the variant is still there"
"$QUANTFS" recipe --allow-requantize models/small.gguf q4_k_m >recipe.tsv
grep -q "Q8_0	Q4_K	" recipe.tsv || fail "recipe: $(cat recipe.tsv)"
refuses "$QUANTFS" recipe models/small.gguf q4_k_m
grep -q allow_requantize err || fail "recipe does not name the option: $(cat err)"
stop
