#!/bin/bash
# If this failed, a model that is quantized already would be offered again, worse, and nobody would learn why not.
. "$(dirname "$0")/lib.bash"
"$QUANTFS" quantize source.gguf models/small.gguf Q8_0 >/dev/null 2>&1
start
equal "variants" "$(variants mnt)" "a@q4_k_m.gguf a@q4_k_s.gguf a@q8_0.gguf small@q8_0.gguf"
absent mnt/small@q4_k_m.gguf || fail "a variant that converts from a quantized type"
# The type that it has: every tensor is copied.
expected models/small.gguf Q8_0
same mnt/small@q8_0.gguf expected
same mnt/small@copy.gguf models/small.gguf
equal "conversions" "$(stats conversions)" 0
[ "$(lines small q4_k_m)" -ge 1 ] || [ "$(lines small requantize)" -ge 1 ] || fail "the log does not say why: $(cat log)"
refuses "$QUANTFS" recipe models/small.gguf q4_k_m
[ -s err ] || fail "recipe does not say why"
stop
