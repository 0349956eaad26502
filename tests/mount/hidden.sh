#!/bin/bash
# If this failed, a model would be missing from the mount because another has its name, and nobody would be told; or at every look.
. "$(dirname "$0")/lib.bash"
split() { "$tests/make-big-model" --width 256 --ff 512 --heads 4 --kv 2 --layers 2 --vocab 300 --split "$1" "models/$2"; }
mkdir models/sub
split 3 a.gguf
split 2 sub/set.gguf
split 3 sub/set.gguf
echo text >models/a@q8_0.gguf
echo text >models/sub/set@q8_0.gguf
ln -s "$work/mnt/a.gguf" models/inside.gguf
expected source.gguf Q4_K_M
start -v
same mnt/a@q4_k_m.gguf expected
same mnt/a@q8_0.gguf models/a@q8_0.gguf
equal "lines about a file in a variant's place, looked up" "$(lines "models/a@q8_0.gguf: " "no variant of a.gguf")" 1
# By all of the names, and again and again.
for _ in 1 2 3; do
    equal "names" "$(variants mnt)" "a@q4_k_m.gguf a@q4_k_s.gguf a@q8_0.gguf"
    equal "names below" "$(variants mnt/sub)" "set@q4_k_m.gguf set@q4_k_s.gguf set@q8_0.gguf"
    cat mnt/a@q8_0.gguf mnt/sub/set@q8_0.gguf >/dev/null
    absent mnt/inside@q8_0.gguf || fail "a variant of what is in the mount"
done
once() { # LINE of which there is one, at info level
    equal "lines \"$1\"" "$(grep -cF -- ": $1" log)" 1
}
once "models/a@q8_0.gguf: a file, so it is no variant of a.gguf"
once "models/sub/set@q8_0.gguf: a file, so it is no variant of set-00001-of-00002.gguf"
once "models/a-00001-of-00003.gguf: a.gguf goes first where both have a variant"
once "models/sub/set-00001-of-00003.gguf: set-00001-of-00002.gguf, a set of fewer files, goes first"
equal "lines about a link into the mount" "$(lines "models/inside.gguf: Too many levels")" 1
stop
rm log
start
equal "names" "$(variants mnt)" "a@q4_k_m.gguf a@q4_k_s.gguf a@q8_0.gguf"
once "models/a@q8_0.gguf: a file, so it is no variant of a.gguf"
once "models/a-00001-of-00003.gguf: a.gguf goes first where both have a variant"
stop
