#!/bin/bash
# If this failed, a cache of huggingface_hub would have no variants under readable names, or those of an old revision.
. "$(dirname "$0")/lib.bash"
"$tests/hf/gen.py" made llama32
sum() { awk -F '\t' -v type="$1" '$1 == "llama32" && $2 == type { print $4 }' "$tests/hf/expected.tsv"; }
repo=models/models--meta-llama--Llama-3.2-1B-Instruct
# put REVISION: all files are symlinks into blobs/
put() {
    local file name
    mkdir -p "$repo/blobs" "$repo/refs" "$repo/snapshots/$1"
    for file in made/llama32/Llama-3.2-1B-Instruct/*; do
        name=$(sha256sum <"$file" | cut -d ' ' -f 1)
        [ -e "$repo/blobs/$name" ] || cp "$file" "$repo/blobs/$name"
        ln -s "../../blobs/$name" "$repo/snapshots/$1/$(basename "$file")"
    done
}
put aaaa
printf aaaa >$repo/refs/main
V=mnt/meta-llama--Llama-3.2-1B-Instruct
start
ls mnt | grep -qxF meta-llama--Llama-3.2-1B-Instruct@bf16.gguf || fail "not listed: $(ls mnt)"
# The model is called as the repository is, as if it had been downloaded into a directory of that name.
equal "the newest revision" "$(sha256sum <$V@f16.gguf | cut -d ' ' -f 1)" "$(sum f16)"
expected $V@bf16.gguf q4_k_m
same $V@q4_k_m.gguf expected
"$QUANTFS" quantize $repo out.gguf f32 2>/dev/null >&2 || fail "quantize"
equal "quantize" "$(sha256sum <out.gguf | cut -d ' ' -f 1)" "$(sum f32)"
# A revision more: the newest one is what refs/main says, and all of them are there.
sed -i 's/"temperature": [0-9.]*/"temperature": 0.25/' made/llama32/*/generation_config.json
put bbbb
cmp -s $repo/snapshots/aaaa/generation_config.json $repo/snapshots/bbbb/generation_config.json && fail "the revisions are alike"
old=$(sum f16)
equal "before refs/main tells" "$(sha256sum <$V@f16.gguf | cut -d ' ' -f 1)" "$old"
printf 'bbbb\n' >$repo/refs/main
until_true 5 eval '[ "$(sha256sum <$V@f16.gguf | cut -d " " -f 1)" != '"$old"' ]' || fail "an old revision"
for revision in aaaa bbbb; do
    present "mnt/$(basename $repo)/snapshots/$revision@q8_0.gguf" || fail "revision $revision is not there"
    ls "mnt/$(basename $repo)/snapshots" | grep -qxF "$revision@q8_0.gguf" || fail "revision $revision is not listed"
done
# Without refs/main it is the one that was made last.
rm $repo/refs/main
touch -d '1 hour ago' $repo/snapshots/bbbb
until_true 5 eval '[ "$(sha256sum <$V@f16.gguf | cut -d " " -f 1)" = '"$old"' ]' || fail "not the last revision"
# A blob that is not there yet.
blob=$(readlink -f $repo/snapshots/aaaa/model.safetensors)
mv "$blob" "$blob.incomplete"
until_true 5 absent $V@f16.gguf || fail "a variant without weights"
mv "$blob.incomplete" "$blob"
until_true 5 present $V@f16.gguf || fail "no variant any more"
stop
start -o layout=lmstudio
present mnt/meta-llama/Llama-3.2-1B-Instruct/Llama-3.2-1B-Instruct@q8_0.gguf || fail "lmstudio: $(find mnt)"
ls mnt/meta-llama/Llama-3.2-1B-Instruct | grep -qxF Llama-3.2-1B-Instruct@bf16.gguf || fail "lmstudio lists $(find mnt)"
stop
start -o layout=flat
ls mnt | grep -qxF meta-llama--Llama-3.2-1B-Instruct@q8_0.gguf || fail "flat lists $(ls mnt)"
! ls mnt | grep -qE '^(aaaa|bbbb)@' || fail "flat lists $(ls mnt)"
stop
