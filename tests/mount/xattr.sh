#!/bin/bash
# If this failed, nobody could ask a variant what it is, or a model why it has none; or a listing would ask for it all the time.
. "$(dirname "$0")/lib.bash"
command -v getfattr >/dev/null || skip "no getfattr"
value() { getfattr --absolute-names --only-values -n "user.quantfs.$2" "$1" 2>/dev/null; }
absent_value() { ! getfattr --absolute-names -n "user.quantfs.$2" "$1" >out 2>err && grep -q "No such attribute" err; }
names() { getfattr --absolute-names "$1" 2>/dev/null | sed -n 's/^user\.quantfs\.//p' | paste -sd' '; }

# Without the option there is nothing, and the kernel need not ask again.
start
! getfattr --absolute-names -n user.quantfs.type mnt/a@q8_0.gguf 2>err || fail "attributes without -o xattr"
grep -qi "not supported" err || fail "another error than 'not supported': $(cat err)"
stop

mkdir models/sub models/directory.gguf
"$QUANTFS" quantize source.gguf models/done.gguf Q8_0 >/dev/null 2>&1
cp source.gguf models/sub/b.gguf
"$tests/make-big-model" --width 256 --ff 512 --heads 4 --kv 2 --layers 2 --vocab 300 --split 2 models/set.gguf
cp source.gguf models/bad.gguf
patch models/bad.gguf "$("$reader" info source.gguf blk.0.attn_k.weight)" 09000000
echo text >models/notes.txt
printf 'no model' >models/text.gguf
cp source.gguf models/part-00001-of-00002.gguf
start -o xattr
view=mnt/sub/b@q4_k_m.gguf
equal "names of a view's" "$(names $view)" "bpw source type variant"
absent_value $view cached || fail "something cached without a cache"
equal "source of a view" "$(value $view source)" sub/b.gguf
equal "variant of a view" "$(value $view variant)" q4_k_m
equal "type of a view" "$(value $view type)" Q4_K_M
equal "variant, however it is spelt" "$(value mnt/a@Q4_K+OUTPUT=q8_0.gguf variant)" q4_k_m+output=q8_0
# Bits per weight, as the sums of the recipe have it.
"$QUANTFS" recipe source.gguf q4_k_m | tail -n +2 >recipe
wanted=$(awk -F'\t' '{ split($2, ne, ","); n = 1; for (i in ne) n *= ne[i]; weights += n; bytes += $6 } END { printf "%.2f", bytes * 8 / weights }' recipe)
equal "bits per weight" "$(value $view bpw)" "$wanted"
equal "bits per weight of F32" "$(value mnt/a@f32.gguf bpw)" 32.00
absent_value $view reason || fail "a reason of a view"
set=$(echo mnt/set@q8_0.gguf)
present "$set" || fail "no split model: $(ls mnt)"
equal "source of a split model" "$(value "$set" source)" set-00001-of-00002.gguf

# Models.
equal "names of a model's" "$(names mnt/a.gguf)" "bpw source type"
equal "source of a model" "$(value mnt/a.gguf source)" a.gguf
equal "type of a model" "$(value mnt/a.gguf type)" F16
equal "source of a shard" "$(value mnt/set-00002-of-00002.gguf source)" set-00001-of-00002.gguf
absent_value mnt/a.gguf reason || fail "a reason of a good model"
equal "names of a damaged model's" "$(names mnt/bad.gguf)" reason
value mnt/bad.gguf reason | grep -qE '^byte [0-9]+: .*9 > 4' || fail "the reason of a damaged model: $(value mnt/bad.gguf reason)"
value mnt/part-00001-of-00002.gguf reason | grep -q 'missing' || fail "the reason of a part: $(value mnt/part-00001-of-00002.gguf reason)"
equal "names of one that is no model" "$(names mnt/text.gguf)" reason
absent_value mnt/done.gguf reason || fail "a reason of a model that a listing shows one variant of"
stop
start -o xattr -o variants=q4_k_m:q6_k
value mnt/done.gguf reason | grep -q 'requantizing from type q8_0' || fail "the reason of a quantized model: $(value mnt/done.gguf reason)"
# What is no model has none.
for file in mnt mnt/sub mnt/notes.txt mnt/directory.gguf; do
    equal "names of ${file}'s" "$(names $file)" ""
    absent_value $file source || fail "a source of $file"
done
! setfattr -n user.quantfs.type -v x mnt/a.gguf 2>/dev/null || fail "an attribute was set"
ls -l mnt >/dev/null
cp -a mnt/a@q8_0.gguf copy || fail "cp -a"
# A changed source is another view.
cp source.gguf models/new.gguf && mv models/new.gguf models/a.gguf
equal "type after a change" "$(value mnt/a@q8_0.gguf type)" Q8_0
stop
# From records, without a parse.
wait_old models/*.gguf models/sub/*.gguf
for round in 1 2; do
    start -o xattr -o cache=cache
    equal "bits per weight ($round)" "$(value mnt/a@q4_k_m.gguf bpw)" "$wanted"
    equal "type of a model ($round)" "$(value mnt/a.gguf type)" F16
    value mnt/bad.gguf reason | grep -qE '^byte [0-9]+: .*9 > 4' || fail "the reason of a damaged model ($round)"
    [ "$round" -eq 1 ] || equal "parses" "$(stats parses)" 0
    stop
done

# How much of a view the cache knows: of the parts that are converted, by their manifests.
case $(stat -f -c %t "$work") in 65735546 | 1021997 | 6969) exit 0 ;; esac # the times of files here are not believed
rm -rf cache
big=models/big.gguf
"$tests/make-big-model" --width 512 --ff 1536 --heads 8 --kv 8 --layers 4 --vocab 4096 $big
wait_old models/*.gguf
start -o xattr -o cache=cache
view=mnt/big@q4_k_m.gguf
equal "names of a view's with a cache" "$(names $view)" "bpw cached source type variant"
equal "cached before a read" "$(value $view cached)" 0
dd if=$view of=/dev/null bs=64k skip=$(($(size $view) / 2 / 65536)) count=1 status=none
between() { local now; now=$(value $view cached) && [ "$now" -gt 0 ] && [ "$now" -lt 100 ]; }
until_true 10 between || fail "cached after the read of a part: $(value $view cached)"
cat $view >/dev/null
whole() { [ "$(value $view cached)" -eq 100 ]; }
until_true 10 whole || fail "cached after a whole read: $(value $view cached)"
equal "cached of a variant that shares nothing" "$(value mnt/big@q4_0+pure.gguf cached)" 0
view=mnt/big@q6_k.gguf
between || fail "cached of a variant that shares some types: $(value $view cached)"
view=mnt/big@q4_k_m.gguf
equal "cached of what needs no conversion" "$(value mnt/big@f16.gguf cached)" 100
absent_value mnt/big.gguf cached || fail "cached of a model"
stop
# From what is on disk, and of what is read now.
start -o xattr -o cache=cache
equal "cached after a remount" "$(value $view cached)" 100
touch -d '1 hour ago' $big
wait_old $big
equal "cached of another version" "$(value $view cached)" 0
cat $view >/dev/null
until_true 10 whole || fail "cached after a read of known bytes: $(value $view cached)"
equal "conversions" "$(stats conversions)" 0
stop
