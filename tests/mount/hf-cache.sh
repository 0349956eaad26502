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
V=mnt/meta-llama/Llama-3.2-1B-Instruct
list_is() { equal "listing of $1" "$(ls -1 "$1" | LC_ALL=C sort | paste -sd" ")" "$(tr " " "\n" <<<"$2" | LC_ALL=C sort | paste -sd" ")"; }
N=Llama-3.2-1B-Instruct
variants="$N@bf16.gguf $N@q4_k_m.gguf $N@q4_k_s.gguf $N@q8_0.gguf"
start
list_is mnt "a.gguf a@q4_k_m.gguf a@q4_k_s.gguf a@q8_0.gguf meta-llama models--meta-llama--$N"
list_is mnt/meta-llama "$variants"
# The model is called as the repository is, as if it had been downloaded into a directory of that name.
equal "the newest revision" "$(sha256sum <$V@f16.gguf | cut -d ' ' -f 1)" "$(sum f16)"
expected $V@bf16.gguf q4_k_m
same $V@q4_k_m.gguf expected
"$QUANTFS" quantize $repo out.gguf f32 2>/dev/null >&2 || fail "quantize"
equal "quantize" "$(sha256sum <out.gguf | cut -d ' ' -f 1)" "$(sum f32)"
same "mnt/meta-llama--$N@q4_k_m.gguf" expected # the other spelling
same mnt/meta-llama/$N@q4_k_m/model.gguf expected
absent mnt/$N@q4_k_m.gguf || fail "it is found without its publisher"
for name in mnt/meta-llama/x mnt/meta-llama/$N mnt/meta-llam mnt/meta-llama/meta-llama--$N@q8_0.gguf mnt/a.gguf/x; do absent "$name" || fail "there is $name"; done
equal "number in a listing" "$(ls -i mnt | awk '$2 == "meta-llama" { print $1 }')" "$(inode mnt/meta-llama)"
equal "number of .." "$(ls -ai mnt/meta-llama | awk '$2 == ".." { print $1 }')" "$(inode mnt)"
mkdir mnt/meta-llama/new 2>err && fail "a directory was made"
grep -q 'Read-only' err || fail "mkdir: $(cat err)"
# The verbs take the name, too; and what is left without OUT stands where the repository does.
"$QUANTFS" quantize models/meta-llama/$N/ q4_k_m 2>/dev/null >&2 || fail "quantize ORG/NAME"
cmp -s models/ggml-model-Q4_K_M.gguf expected || fail "quantize ORG/NAME is something else"
rm models/ggml-model-Q4_K_M.gguf
(cd models/$(basename $repo)/.. && "$QUANTFS" recipe meta-llama/$N q4_k_m >../recipe && "$QUANTFS" types meta-llama/$N >../types) || fail "recipe or types"
same mnt/meta-llama/$N@q4_k_m/recipe.tsv recipe
grep -q Q4_K_M types || fail "types: $(cat types)"
"$QUANTFS" recipe models/meta-llama/nothing q4_k_m 2>err && fail "a recipe of nothing"
grep -q 'models/meta-llama/nothing: No such file' err || fail "$(cat err)"
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
# A real directory of that name shows both, and what is really there goes first; so does one that has GGUF files in ORG/NAME.
mkdir -p models/meta-llama/$N.d
echo text >models/meta-llama/readme.txt
until_true 5 eval '[ -e mnt/meta-llama/readme.txt ]' || fail "the real directory is not shown: $(ls mnt/meta-llama)"
list_is mnt/meta-llama "$variants $N.d readme.txt"
expected $V@bf16.gguf q4_k_m
same $V@q4_k_m.gguf expected
cp source.gguf models/meta-llama/$N.gguf
expected source.gguf q4_k_m
until_true 5 cmp -s $V@q4_k_m.gguf expected || fail "the GGUF file does not go first"
list_is mnt/meta-llama "$variants $N.d $N.gguf readme.txt"
ls -l mnt/meta-llama >/dev/null
until_true 5 eval 'ls -l mnt/meta-llama >/dev/null; [ "$(lines "models--meta-llama--$N: $N.gguf goes first where both have a variant")" = 1 ]' || fail "not told that two have one name: $(cat log)"
rm -r models/meta-llama
expected "mnt/meta-llama--$N@bf16.gguf" q4_k_m
until_true 5 cmp -s $V@q4_k_m.gguf expected || fail "no variant in ORG any more"
# What is no directory goes first, and the other spelling is left.
echo text >models/meta-llama
until_true 5 eval '[ -f mnt/meta-llama ]' || fail "the file is not shown"
list_is mnt "a.gguf a@q4_k_m.gguf a@q4_k_s.gguf a@q8_0.gguf meta-llama models--meta-llama--$N"
same "mnt/meta-llama--$N@q4_k_m.gguf" expected
[ "$(lines 'meta-llama: no directory, so repositories')" = 1 ] || fail "not told: $(cat log)"
rm models/meta-llama
# A repository of GGUF files: the newest revision of it, also what is in a folder there.
gguf=models/models--gg--Some.Model_1-GGUF
put_file() {
    mkdir -p "$gguf/blobs" "$gguf/snapshots/$1/$(dirname "$2")"
    cp "$3" "$gguf/blobs/$1-$(basename "$2")"
    ln -rs "$gguf/blobs/$1-$(basename "$2")" "$gguf/snapshots/$1/$2"
}
"$tests/make-big-model" --width 256 --ff 512 --heads 4 --kv 2 --layers 1 --vocab 300 --seed 8 other.gguf
put_file 1111 Some-F16.gguf source.gguf
mkdir $gguf/refs
printf 1111 >$gguf/refs/main
until_true 5 eval 'present mnt/gg/Some.Model_1-GGUF/Some-F16@q8_0.gguf' || fail "GGUF files are not found"
list_is mnt/gg Some.Model_1-GGUF
list_is mnt/gg/Some.Model_1-GGUF "Some-F16@q4_k_m.gguf Some-F16@q4_k_s.gguf Some-F16@q8_0.gguf"
expected source.gguf q8_0
same mnt/gg/Some.Model_1-GGUF/Some-F16@q8_0.gguf expected
same mnt/gg/Some.Model_1-GGUF/Some-F16@Q8_0/model.gguf expected
put_file 2222 Some-F16.gguf other.gguf
put_file 2222 F16/Deep.gguf source.gguf
printf 2222 >$gguf/refs/main
cp expected first
expected other.gguf q8_0
until_true 5 cmp -s mnt/gg/Some.Model_1-GGUF/Some-F16@q8_0.gguf expected || fail "the newest GGUF file is not found"
same mnt/gg/Some.Model_1-GGUF/Deep@q8_0.gguf first
list_is mnt/gg/Some.Model_1-GGUF "Deep@q4_k_m.gguf Deep@q4_k_s.gguf Deep@q8_0.gguf Some-F16@q4_k_m.gguf Some-F16@q4_k_s.gguf Some-F16@q8_0.gguf"
same mnt/models--gg--Some.Model_1-GGUF/snapshots/1111/Some-F16@q8_0.gguf first
same mnt/models--gg--Some.Model_1-GGUF/snapshots/2222/Some-F16@q8_0.gguf expected
# Also where ORG/NAME is a real directory.
mkdir -p models/gg/Some.Model_1-GGUF
until_true 5 eval '[ "$(inode mnt/gg/Some.Model_1-GGUF)" = "$(inode models/gg/Some.Model_1-GGUF)" ]' || fail "the real directory is not shown"
same mnt/gg/Some.Model_1-GGUF/Some-F16@q8_0.gguf expected
put_file 3333 Some-F16.gguf source.gguf
printf 3333 >$gguf/refs/main
until_true 5 cmp -s mnt/gg/Some.Model_1-GGUF/Some-F16@q8_0.gguf first || fail "an old revision in a real directory"
rm -r models/gg
# Names that are no publisher's, and one that looks like a variant's.
mkdir -p models/models--..--x/snapshots/1 models/models----y/snapshots/1 models/models--z/snapshots/1 models/models--n@q8_0--m/snapshots
for name in ..--x --y z; do cp source.gguf models/models--$name/snapshots/1/m.gguf; done
cp -rL $repo/snapshots/aaaa models/models--n@q8_0--m/snapshots/1
until_true 5 present mnt/n@q8_0/m@bf16.gguf || fail "a publisher n@q8_0"
list_is mnt/n@q8_0 "m@bf16.gguf m@q4_k_m.gguf m@q4_k_s.gguf m@q8_0.gguf"
list_is mnt "a.gguf a@q4_k_m.gguf a@q4_k_s.gguf a@q8_0.gguf gg meta-llama models--..--x models----y models--gg--Some.Model_1-GGUF models--meta-llama--$N models--n@q8_0--m models--z n@q8_0"
# One that comes to where there was none, as a lookup and a listing have found.
mkdir -p models/late/org
wait_old models/late models/late/org
absent mnt/late/org/m@q8_0.gguf || fail "it is there before it comes"
list_is mnt/late org
list_is mnt/late/org ""
cp -rL models/models--n@q8_0--m models/late/models--org--m
until_true 5 present mnt/late/org/m@q8_0.gguf || fail "a repository that comes late"
list_is mnt/late/org "m@bf16.gguf m@q4_k_m.gguf m@q4_k_s.gguf m@q8_0.gguf"
rm -r models/late
# "." and ".." are no models' names.
for name in "mnt/models--n@q8_0--m/snapshots/1/.@q8_0.gguf" "mnt/models--n@q8_0--m/snapshots/1/refs/..@q8_0.gguf" "mnt/models--n@q8_0--m/snapshots/..@q8_0.gguf"; do absent "$name" || fail "there is $name"; done
stop
rm -r models/models--..--x models/models----y models/models--z models/models--n@q8_0--m
start -o layout=dirs
list_is mnt/meta-llama/$N@q8_0.gguf $N@q8_0.gguf
expected "mnt/meta-llama/$N@bf16.gguf/$N@bf16.gguf" q8_0
same "mnt/meta-llama/$N@q8_0.gguf/$N@q8_0.gguf" expected
stop
start -o layout=lmstudio
present mnt/meta-llama/Llama-3.2-1B-Instruct/Llama-3.2-1B-Instruct@q8_0.gguf || fail "lmstudio: $(find mnt)"
ls mnt/meta-llama/Llama-3.2-1B-Instruct | grep -qxF Llama-3.2-1B-Instruct@bf16.gguf || fail "lmstudio lists $(find mnt)"
stop
start -o layout=flat
ls mnt | grep -qxF meta-llama--Llama-3.2-1B-Instruct@q8_0.gguf || fail "flat lists $(ls mnt)"
! ls mnt | grep -qE '^(aaaa|bbbb)@' || fail "flat lists $(ls mnt)"
same mnt/Some-F16@q8_0.gguf first # of the newest revision, not of the first in order
stop
