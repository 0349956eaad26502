#!/bin/bash
# If this failed, a Hugging Face directory would have no variants beside it, or others than the converter and llama-quantize make of it.
. "$(dirname "$0")/lib.bash"
"$tests/hf/gen.py" made llama32 gemma2_f16 gptoss qwen3moe gpt2
mv made/*/* models/
L=Llama-3.2-1B-Instruct G=gemma-2-9b O=gpt-oss-20b Q=Qwen3-30B-A3B
# sum CASE OUTTYPE: of the converter's file
sum() { awk -F '\t' -v name="$1" -v type="$2" '$1 == name && $2 == type { print $4 }' "$tests/hf/expected.tsv"; }
is_converted() { equal "$1" "$(sha256sum <"$1" | cut -d ' ' -f 1)" "$(sum "$2" "$3")"; }
start
# The type that loses nothing, and the variants that the mount lists.
for name in "$L@bf16" "$G@f16" "$L@q4_k_m" "$L@q4_k_s" "$L@q8_0" "$G@q8_0"; do
    ls mnt | grep -qxF "$name.gguf" || fail "$name.gguf is not listed: $(ls mnt)"
done
for name in "$L@f16" "$L@f32" "$G@bf16" "$G@f32" "$L@q4_k_m+from=f32"; do
    ! ls mnt | grep -qxF "$name.gguf" || fail "$name.gguf is listed"
done
for type in f16 bf16 f32; do
    is_converted "mnt/$L@$type.gguf" llama32 "$type"
    is_converted "mnt/$G@$type.gguf" gemma2_f16 "$type"
    is_converted "mnt/$O@$type.gguf" gptoss "$type"
    is_converted "mnt/$Q@$type.gguf" qwen3moe "$type"
    is_converted "mnt/gpt2@$type.gguf" gpt2 "$type"
done
# What is made of them is what is made of the converter's files.
for from in f16 bf16 f32; do
    for type in q4_k_m q8_0 f16; do
        expected "mnt/$L@$from.gguf" "$type"
        same "mnt/$L@$type+from=$from.gguf" expected
    done
done
for name in $L@bf16 $G@f16 $Q@bf16 gpt2@f32; do
    for type in q4_k_m q6_k q8_0; do
        expected "mnt/$name.gguf" "$type"
        same "mnt/${name%@*}@$type.gguf" expected
    done
done
expected "mnt/$L@bf16.gguf" q8_0 --pure
same "mnt/$L@q8_0+pure.gguf" expected
cat "mnt/$Q@f16.gguf" >expected
"$reader" random "mnt/$Q@f16.gguf" expected 300
cat "mnt/gpt2@q8_0.gguf" >expected
"$reader" random "mnt/gpt2@q8_0.gguf" expected 100
# So may a mix say.
printf 'base q4_k_m\nfrom f16\n' >models/half.mix
expected "mnt/$L@f16.gguf" q4_k_m
same "mnt/$L@half.gguf" expected
same "mnt/$L@half/recipe.tsv" <("$QUANTFS" recipe "models/$L" half)
absent mnt/a@half.gguf || fail "a GGUF file has a variant of a mix with from"
[ "$(lines "'from' in a mix is for directories: a GGUF file is what it is")" = 1 ] || fail "not told: $(cat log)"
rm models/half.mix
# Its importance matrix stands beside it.
"$tests/make-imatrix" "$QUANTFS" "models/$L" "models/$L.imatrix.gguf" 1
(cd models && "$QUANTFS" quantize --imatrix "$L.imatrix.gguf" "$L" ../expected iq2_xs >/dev/null 2>&1) || fail "quantize --imatrix"
same "mnt/$L@iq2_xs+imatrix.gguf" expected
"$QUANTFS" recipe "models/$L" iq2_xs+imatrix >recipe 2>err || fail "recipe: $(cat err)"
[ ! -s err ] || fail "recipe does not find the importance matrix: $(cat err)"
# A GGUF file becomes nothing else first; and its directory is mirrored.
absent mnt/a@q4_k_m+from=f16.gguf || fail "a GGUF file has a variant from=f16"
absent "mnt/$L@q4_k_m+from=q8_0.gguf" || fail "a variant from=q8_0"
same "mnt/$L/config.json" "models/$L/config.json"
same "mnt/$L@bf16/recipe.tsv" <("$QUANTFS" recipe "models/$L" bf16)
same "mnt/$L@q4_k_m/recipe.tsv" <("$QUANTFS" recipe "models/$L" q4_k_m)
# What another claims: a GGUF file goes before a directory.
cp source.gguf "models/$L.gguf"
expected source.gguf q4_k_m
until_true 5 cmp -s "mnt/$L@q4_k_m.gguf" expected || fail "the GGUF file does not go first"
rm "models/$L.gguf"
expected "mnt/$L@bf16.gguf" q4_k_m
until_true 5 cmp -s "mnt/$L@q4_k_m.gguf" expected || fail "the directory has no variants any more"
equal "errors in the log" "$(lines error)" 0
stop
