#!/bin/bash
# If this failed, an option or type that is unknown or not there yet would be taken in silence, or OUT would be touched.
. "$(dirname "$0")/lib.bash"
echo untouched >out.gguf

refused() { # WORDS ARGUMENTS...
    local words=$1
    shift
    refuses "$QUANTFS" quantize "$@"
    grep -qF -- "$words" err || fail "$*: no '$words' in: $(cat err)"
    equal "OUT after $*" "$(cat out.gguf)" untouched
}

refused "failed to quantize: '(a)\\1': a back reference in a pattern: not supported" --tensor-type '(a)\1=q8_0' source.gguf out.gguf Q4_K_M
refused "failed to quantize: the patterns leave too many ways open: not supported" --tensor-type '(.|.)*(.|.)*(.|.)*[xyz]{9}=q8_0' source.gguf out.gguf Q4_K_M
refused "failed to quantize: key general.alignment must be an integer that is a power of two" --override-kv general.alignment=str:x source.gguf out.gguf Q4_K_M
for list in 1x ' 1' +1 1.5 0x1 1-3; do
    refuses "$QUANTFS" quantize --prune-layers "$list" source.gguf out.gguf Q4_K_M
    grep -qxF "parse_layer_prune: invalid layer id '$list'" out || fail "--prune-layers '$list': $(head -n 3 out)"
done
refused "unknown option '--nonsense'" --nonsense source.gguf out.gguf Q4_K_M
grep -q ^usage: out || fail "no usage for an unknown option"
refused "invalid ftype 'nonsense'" source.gguf out.gguf nonsense
for type in 15abc 0x2 ' 15' 015 +15 -1 ''; do refused "invalid ftype '$type'" source.gguf out.gguf "$type"; done
refused "invalid nthread '2x'" source.gguf out.gguf Q4_K_M 2x
refused "a directory" . out.gguf Q4_K_M
for type in IQ1_S IQ1_M IQ2_XXS IQ2_XS IQ2_S IQ2_M IQ3_XXS IQ3_XS Q2_K_S; do
    refused "this quantization requires an imatrix!" source.gguf out.gguf "$type" # the tool's words
done
refuses "$QUANTFS" quantize source.gguf missing/out.gguf Q8_0
grep -q "cannot open 'missing/out.gguf': No such file or directory" err || fail "no reason: $(cat err)"
refuses "$QUANTFS" quantize source.gguf . Q8_0
grep -q "cannot open '.': Is a directory" err || fail "no reason: $(cat err)"
