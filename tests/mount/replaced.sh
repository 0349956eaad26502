#!/bin/bash
# If this failed, a model replaced by rename (what downloads and editors do) would be shown with old bytes, size or inode number.
. "$(dirname "$0")/lib.bash"
"$tests/make-big-model" --width 512 --ff 1024 --heads 8 --kv 8 --layers 1 --vocab 512 other.gguf
"$tests/make-big-model" --width 512 --ff 1024 --heads 8 --kv 8 --layers 1 --vocab 512 --seed 2 third.gguf
cp other.gguf models/x.gguf
wait_old models/x.gguf
start
view=mnt/x@q4_k_m.gguf
expected other.gguf Q4_K_M
cp expected expected.old
same "$view" expected
before=$(inode "$view")
whole=$(size "$view")
exec 5<"$view"
# The same size, so nothing but the version tells them apart.
cp third.gguf models/.new
mv models/.new models/x.gguf
expected third.gguf Q4_K_M
equal "sizes" "$(size expected)" "$whole"
until_true 5 cmp -s "$view" expected || fail "the new version does not appear"
[ "$(inode "$view")" != "$before" ] || fail "the inode number stays"
# The old file lives on behind the open descriptor.
cmp - expected.old <&5 || fail "the open view is no longer the old version"
exec 5<&-
# Another size.
cp source.gguf models/.new
mv models/.new models/x.gguf
expected source.gguf Q4_K_M
until_true 5 eval '[ "$(stat -c %s mnt/x@q4_k_m.gguf)" = "$(stat -c %s expected)" ]' || fail "the size stays"
same "$view" expected
stop
