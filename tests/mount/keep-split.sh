#!/bin/bash
# If this failed, shards/ in the folder of a split model's variant would hold other files than --keep-split writes.
. "$(dirname "$0")/lib.bash"

shape=(--width 256 --ff 512 --heads 4 --kv 2 --layers 2 --vocab 300)
"$tests/make-big-model" "${shape[@]}" --split 3 models/set.gguf
"$tests/make-big-model" "${shape[@]}" --split 0,21 models/first.gguf
"$tests/make-big-model" "${shape[@]}" --split 10,11,0 models/last.gguf
"$tests/make-big-model" "${shape[@]}" --split 10,0,11 models/middle.gguf

same_shards() { # STEM-00001-of-0000N TYPE
    local stem=${1%-00001-of-*} file
    mkdir "$stem"
    "$QUANTFS" quantize --keep-split "models/$1.gguf" "$stem/model.gguf" "$2" >/dev/null 2>quantize.err || fail "$(cat quantize.err)"
    equal "files of $stem" "$(ls "mnt/$stem@$2/shards")" "$(ls "$stem")"
    for file in "$stem"/*; do
        equal "size of $file" "$(size "mnt/$stem@$2/shards/${file##*/}")" "$(size "$file")"
        same "mnt/$stem@$2/shards/${file##*/}" "$file"
    done
    diff -r "$stem" "mnt/$stem@$2/shards"
}

start
same_shards set-00001-of-00003 q4_k_m
same_shards first-00001-of-00002 q5_k_s
same_shards last-00001-of-00003 q3_k_l
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
