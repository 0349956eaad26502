#!/bin/bash
# If this failed, quantize of a Hugging Face directory would write other bytes than the converter and llama-quantize in turn.
. "$(dirname "$0")/lib.bash"
"$tests/hf/gen.py" made llama32 gemma2_f16
mkdir models
mv made/*/* models/
L=models/Llama-3.2-1B-Instruct G=models/gemma-2-9b
sum() { awk -F '\t' -v name="$1" -v type="$2" '$1 == name && $2 == type { print $4 }' "$tests/hf/expected.tsv"; }
make() { "$QUANTFS" quantize "$@" >out 2>err || fail "quantize $*: $(cat err)"; }
is_converted() { equal "$1" "$(sha256sum <"$1" | cut -d ' ' -f 1)" "$(sum "$2" "$3")"; }
for type in f16 bf16 f32; do
    make $L $type.gguf $type
    is_converted $type.gguf llama32 $type
    make $G/ g-$type.gguf $type # the name is the directory's, whatever stands behind it
    is_converted g-$type.gguf gemma2_f16 $type
done
(cd $L && make . "$work/here.gguf" F16)
is_converted here.gguf llama32 f16
# Beside the directory, under the name that the tool gives.
make $L/ bf16
is_converted models/ggml-model-BF16.gguf llama32 bf16
# All else is made of the file of the type that loses nothing, or of another.
make $L of-directory.gguf Q4_K_M
make bf16.gguf of-file.gguf Q4_K_M
same of-directory.gguf of-file.gguf
make --from f32 --pure $L of-directory.gguf Q5_1
make --pure f32.gguf of-file.gguf Q5_1
same of-directory.gguf of-file.gguf
make --from f16 $L of-directory.gguf F16 # what the tool makes of the file
make f16.gguf of-file.gguf F16
same of-directory.gguf of-file.gguf
make --tensor-type attn_v=q6_k $G of-directory.gguf Q8_0
make --tensor-type attn_v=q6_k g-f16.gguf of-file.gguf Q8_0
same of-directory.gguf of-file.gguf
refuses "$QUANTFS" quantize --from q8_0 $L out.gguf Q8_0
refuses "$QUANTFS" quantize --from f16 bf16.gguf out.gguf Q8_0
refuses "$QUANTFS" quantize models out.gguf Q8_0
grep -q 'models: a directory without config.json or \*.safetensors: no model' err || fail "no model: $(cat err)"
refuses "$QUANTFS" quantize $L $L/config.json Q8_0
[ ! -e out.gguf ] || fail "something is left"
cmp -s $L/config.json <("$tests/hf/gen.py" again llama32; cat again/llama32/*/config.json) || fail "an input was written to"
# The sizes that types tells are those of the files.
for type in F16 BF16 F32 Q8_0; do
    make $L of-directory.gguf $type
    "$QUANTFS" types --json $L | grep -F "\"name\": \"$type\"," | grep -qF "\"size\": $(stat -c %s of-directory.gguf)," || fail "types: another size of $type"
done
# A folder that cannot be read is an error: without its files it would be another model. Root reads all.
as_nobody=()
[ "$(id -u)" -ne 0 ] || as_nobody=(setpriv --reuid=65534 --regid=65534 --clear-groups)
chmod 755 . # it is of mktemp
cp "$QUANTFS" program
if "${as_nobody[@]}" test -r "$work/$L/config.json" -a -x "$work/program"; then
    mkdir -m 0 $L/additional_chat_templates
    refuses "${as_nobody[@]}" ./program recipe $L q8_0
    grep -q 'Permission denied' err || fail "the reason is missing: $(cat err)"
    rmdir $L/additional_chat_templates
fi
