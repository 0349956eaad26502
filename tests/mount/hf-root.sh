#!/bin/bash
# If this failed, a mount of a model's own directory would show no variants of it, or name them after something else.
. "$(dirname "$0")/lib.bash"
"$tests/hf/gen.py" made llama32
N=Llama-3.2-1B-Instruct
sum() { awk -F '\t' -v type="$1" '$1 == "llama32" && $2 == type { print $4 }' "$tests/hf/expected.tsv"; }
sum_of() { sha256sum <"$1" | cut -d ' ' -f 1; }
listed() { ls mnt | LC_ALL=C sort | paste -sd' '; }
rm -r models
# mount_at DIRECTORY OPTION...
mount_at() {
    rm -rf models
    ln -s "$1" models
    shift
    start "$@"
}
mkdir elsewhere
mv made/llama32/$N elsewhere/
files=$(ls elsewhere/$N | paste -sd' ')
variants="$N@bf16.gguf $N@q4_k_m.gguf $N@q4_k_s.gguf $N@q8_0.gguf"
sorted() { tr ' ' '\n' <<<"$1" | LC_ALL=C sort | paste -sd' '; }
mount_at elsewhere/$N
equal "listing" "$(listed)" "$(sorted "$files $variants")"
equal "f16" "$(sum_of mnt/$N@f16.gguf)" "$(sum f16)"
expected mnt/$N@bf16.gguf q4_k_m
cp expected q4_k_m
same mnt/$N@Q4_K_M.gguf q4_k_m
same mnt/$N@q4_k_m/model.gguf q4_k_m
same mnt/$N@q4_k_m/recipe.tsv <("$QUANTFS" recipe elsewhere/$N q4_k_m)
same mnt/config.json elsewhere/$N/config.json
for name in .@q8_0.gguf ..@q8_0.gguf models@q8_0.gguf $N; do absent "mnt/$name" || fail "there is $name"; done
equal "number in a listing" "$(ls -i mnt | awk -v name="$N@q8_0.gguf" '$2 == name { print $1 }')" "$(inode mnt/$N@q8_0.gguf)"
# Its importance matrix and its mixes are in it; a model of that name in it goes first.
"$tests/make-imatrix" "$QUANTFS" elsewhere/$N elsewhere/$N/$N.imatrix.gguf 1
(cd elsewhere/$N && "$QUANTFS" quantize --imatrix $N.imatrix.gguf . "$work/expected" iq2_xs >/dev/null 2>&1) || fail "quantize --imatrix"
until_true 5 present "mnt/$N@iq2_xs+imatrix.gguf" || fail "the importance matrix is not found: $(cat log)"
same "mnt/$N@iq2_xs+imatrix.gguf" expected
echo 'base q4_k_m' >elsewhere/$N/mine.mix
until_true 5 cmp -s mnt/$N@mine.gguf q4_k_m || fail "no mix"
ls mnt | grep -qxF "$N@mine.gguf" || fail "the mix is not listed: $(listed)"
cp source.gguf elsewhere/$N/$N.gguf
expected source.gguf q4_k_m
until_true 5 cmp -s mnt/$N@q4_k_m.gguf expected || fail "the GGUF file in it does not go first"
rm elsewhere/$N/$N.gguf elsewhere/$N/$N.imatrix.gguf elsewhere/$N/mine.mix
mkdir elsewhere/$N/$N
find elsewhere/$N -maxdepth 1 -type f -exec cp {} elsewhere/$N/$N/ \;
until_true 5 eval '[ -d mnt/$N ]' || fail "the directory in it is not shown"
ls -l mnt >/dev/null
until_true 5 eval 'ls -l mnt >/dev/null; [ "$(lines "models: $N goes first where both have a variant")" = 1 ]' || fail "not told: $(cat log)"
rm -r elsewhere/$N/$N
# A download that is not whole.
mv elsewhere/$N/model.safetensors away
until_true 5 absent mnt/$N@q4_k_m.gguf || fail "a variant without weights"
mv away elsewhere/$N/model.safetensors
until_true 5 cmp -s mnt/$N@q4_k_m.gguf q4_k_m || fail "no variant any more"
stop
mount_at elsewhere/$N -o layout=flat
equal "flat" "$(listed)" "$variants"
same mnt/$N@q4_k_m.gguf q4_k_m
stop
mount_at elsewhere/$N -o layout=lmstudio
equal "lmstudio" "$(cd mnt && find . -name '*q8_0*')" "./local/$N/$N@q8_0.gguf"
same mnt/local/$N/$N@q4_k_m.gguf q4_k_m
stop
# What is kept of a directory is kept under its name.
mkdir cache
mount_at elsewhere/$N -o cache="$work/cache"
same mnt/$N@q4_k_m.gguf q4_k_m
stop
mv elsewhere/$N elsewhere/Other-7B
mount_at elsewhere/Other-7B -o cache="$work/cache"
"$QUANTFS" quantize elsewhere/Other-7B other.gguf q4_k_m >/dev/null 2>&1
cmp -s other.gguf q4_k_m && fail "the name decides nothing"
same mnt/Other-7B@q4_k_m.gguf other.gguf
stop
mv elsewhere/Other-7B elsewhere/$N
# A repository in a cache of huggingface_hub, and one revision of it.
repo=elsewhere/models--meta-llama--$N
mkdir -p $repo/snapshots
mv elsewhere/$N $repo/snapshots/0123
for root in $repo $repo/snapshots/0123; do
    mount_at $root
    [[ " $(listed) " == *" $N@q8_0.gguf "* ]] || fail "$root lists $(listed)"
    equal "f16 of $root" "$(sum_of mnt/$N@f16.gguf)" "$(sum f16)"
    same mnt/$N@q4_k_m.gguf q4_k_m
    absent mnt/0123@q4_k_m.gguf || fail "there is 0123"
    stop
done
