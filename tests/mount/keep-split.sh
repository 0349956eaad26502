#!/bin/bash
# If this failed, shards/ in the folder of a split model's variant would hold other files than --keep-split writes.
. "$(dirname "$0")/lib.bash"

shape=(--width 256 --ff 512 --heads 4 --kv 2 --layers 2 --vocab 300)
"$tests/make-big-model" "${shape[@]}" --split 3 models/set.gguf
"$tests/make-big-model" "${shape[@]}" --split 0,21 models/first.gguf
"$tests/make-big-model" "${shape[@]}" --split 10,11,0 models/last.gguf
"$tests/make-big-model" "${shape[@]}" --split 10,0,11 models/middle.gguf

same_shards() { # STEM-00001-of-0000N TYPE [VARIANT [OPTION...]]
    local stem=${1%-00001-of-*} type=$2 file folder
    folder=mnt/$stem@${3:-$type}/shards
    rm -rf "$stem" && mkdir "$stem"
    (cd models && "$QUANTFS" quantize --keep-split "${@:4}" "$1.gguf" "$work/$stem/model.gguf" "$type") >/dev/null 2>quantize.err || fail "$(cat quantize.err)"
    equal "files of $stem" "$(ls "$folder")" "$(ls "$stem")"
    for file in "$stem"/*; do
        equal "size of $file" "$(size "$folder/${file##*/}")" "$(size "$file")"
        same "$folder/${file##*/}" "$file"
    done
    diff -r "$stem" "$folder"
}

start
same_shards first-00001-of-00002 q5_k_s
same_shards last-00001-of-00003 q3_k_l
"$tests/make-imatrix" "$QUANTFS" models/set-00001-of-00003.gguf models/set.imatrix.gguf 1
same_shards set-00001-of-00003 iq2_xs iq2_xs+imatrix --imatrix set.imatrix.gguf
equal "tensors with an importance matrix" "$(cat mnt/set@iq2_xs+imatrix/tensors/* | wc -c)" \
    "$(awk -F'\t' 'NR > 1 { sum += $6 } END { print sum }' mnt/set@iq2_xs+imatrix/recipe.tsv)"
same_shards set-00001-of-00003 q4_k_m
for name in a@q8_0/shards middle@q4_k_m/shards set@q4_k_m/shards/model-00004-of-00003.gguf set@q4_k_m/shards/model-00001-of-00002.gguf set@q4_k_m/shards/x; do
    [ ! -e "mnt/$name" ] || fail "there is $name"
done
[ -f mnt/middle@q4_k_m/model.gguf ] || fail "no variant of a set with an empty shard"
# They are a model, too.
"$QUANTFS" recipe mnt/set@q4_k_m/shards/model-00001-of-00003.gguf copy | cut -f1,4 | diff - <("$QUANTFS" recipe set/model-00001-of-00003.gguf copy | cut -f1,4)
# A change of any file of the set is another version of all of them.
wait_old models/set-*
before=$(inode mnt/set@q4_k_s/shards/model-00001-of-00003.gguf)
exec 5<mnt/set@q4_k_s/shards/model-00003-of-00003.gguf
whole=$(size mnt/set@q4_k_s/shards/model-00003-of-00003.gguf)
touch models/set-00003-of-00003.gguf
equal "the end after its shard changed" "$(tail_of 5 "$whole")" ESTALE
exec 5<&-
until_true 5 eval '[ "$(stat -c %i mnt/set@q4_k_s/shards/model-00001-of-00003.gguf)" != '"$before"' ]' || fail "the inode number stays"
mv models/set-00002-of-00003.gguf aside
until_true 5 absent mnt/set@q4_k_m/shards || fail "shards of an incomplete set"
mv aside models/set-00002-of-00003.gguf
until_true 5 present mnt/set@q4_k_m/shards/model-00002-of-00003.gguf || fail "the completed set has no shards"
stop
