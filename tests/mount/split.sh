#!/bin/bash
# If this failed, a split model would not appear as one whole variant, or an incomplete one would appear.
. "$(dirname "$0")/lib.bash"
"$tests/make-big-model" --width 256 --ff 512 --heads 4 --kv 2 --layers 2 --vocab 300 --split 3 models/set.gguf
expected models/set-00001-of-00003.gguf Q4_K_M
start
equal "variants listed" "$(variants mnt)" "a@q4_k_m.gguf a@q4_k_s.gguf a@q8_0.gguf set@q4_k_m.gguf set@q4_k_s.gguf set@q8_0.gguf"
same mnt/set@q4_k_m.gguf expected
same mnt/set-00002-of-00003.gguf models/set-00002-of-00003.gguf
mv models/set-00002-of-00003.gguf aside
until_true 5 absent mnt/set@q4_k_m.gguf || fail "a variant of an incomplete set"
equal "variants listed without a shard" "$(variants mnt)" "a@q4_k_m.gguf a@q4_k_s.gguf a@q8_0.gguf"
same mnt/set-00003-of-00003.gguf models/set-00003-of-00003.gguf
equal "errors in the log about an incomplete set" "$(lines set- error)" 0
mv aside models/set-00002-of-00003.gguf
until_true 5 present mnt/set@q4_k_m.gguf || fail "the completed set has no variant"
wait_old models/set-0000*
# A change of any shard is another version.
before=$(inode mnt/set@q4_k_m.gguf)
exec 5<mnt/set@q4_k_m.gguf
whole=$(size expected)
equal "the start" "$(head_of 5 | cut -c1-8)" 47475546
touch models/set-00003-of-00003.gguf
equal "the end after the last shard changed" "$(tail_of 5 "$whole")" ESTALE
exec 5<&-
until_true 5 eval '[ "$(stat -c %i mnt/set@q4_k_m.gguf)" != '"$before"' ]' || fail "the inode number stays"
equal "mtime" "$(stat -c %y mnt/set@q4_k_m.gguf)" "$(stat -c %y models/set-00003-of-00003.gguf)"
# A mix cannot say that it is another set.
printf 'base q8_0\noverride split.count=int:1\n' >models/alone.mix
printf 'base q8_0\noverride split.count=str:1\n' >models/same.mix
until_true 5 present mnt/set@same.gguf || fail "no mix of a set: $(cat log)"
present mnt/a@alone.gguf || fail "no mix of a file"
absent mnt/set@alone.gguf || fail "a mix of another set"
[ "$(lines 'overrides of split.count and the like are for quantfs quantize')" = 1 ] || fail "not told: $(cat log)"
stop
