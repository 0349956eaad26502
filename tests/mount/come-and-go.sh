#!/bin/bash
# If this failed, a new model would not appear in a mount, or a removed one would stay, without a remount.
. "$(dirname "$0")/lib.bash"
start
absent mnt/new@q4_k_m.gguf || fail "there already"
cp source.gguf models/new.gguf
# No negative answer is kept: it is there as soon as the file is.
present mnt/new@q4_k_m.gguf || fail "a new model has no variant at once"
[[ $(variants mnt) == *new@q4_k_m.gguf* ]] || fail "a new model is not listed"
expected source.gguf Q4_K_M
same mnt/new@q4_k_m.gguf expected
rm models/new.gguf
until_true 5 absent mnt/new@q4_k_m.gguf || fail "the variant of a removed model stays"
until_true 5 absent mnt/new.gguf || fail "a removed model stays"
[[ $(variants mnt) != *new@* ]] || fail "a removed model is listed"
mkdir models/sub
cp source.gguf models/sub/deep.gguf
present mnt/sub/deep@q8_0.gguf || fail "a model in a new directory has no variant"
rm -r models/sub
until_true 5 absent mnt/sub || fail "a removed directory stays"
mv models/a.gguf models/renamed.gguf
present mnt/renamed@q4_k_m.gguf || fail "a renamed model has no variant under its new name"
until_true 5 absent mnt/a@q4_k_m.gguf || fail "the old name stays"
stop
