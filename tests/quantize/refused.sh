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

for option in --tensor-type --tensor-type-file --prune-layers --override-kv; do
    refused "$option is not supported yet by this version" "$option" value source.gguf out.gguf Q4_K_M
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
