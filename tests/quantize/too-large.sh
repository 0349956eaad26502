#!/bin/bash
# If this failed, weights that are near no point of a code book would end the program, as they end the reference tool, or come out as numbers.
. "$(dirname "$0")/lib.bash"
"$QUANTFS" quantize source.gguf large.gguf F32 >out 2>&1
read -r at size < <("$tests/mount/reader" tensor large.gguf blk.1.ffn_down.weight)
# A block in row 3 of 512 weights: 10^18.
patch large.gguf $((at + 3 * 512 * 4)) "$(printf '6b0b5e5d%.0s' {1..256})"
refuses "$QUANTFS" quantize large.gguf out.gguf IQ3_S
grep -qF "large.gguf: quantized data validation failed (row 3 of tensor 'blk.1.ffn_down.weight')" err || fail "no reason: $(cat err)"
[ ! -e out.gguf ] || fail "something is left"
