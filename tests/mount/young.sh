#!/bin/bash
# If this failed, the kernel would keep names, sizes or pages of a model that is still being written.
. "$(dirname "$0")/lib.bash"
# With a long time to live, what is seen at once was not kept because the version is young.
start -o ttl=1000
until_true 5 present mnt/a@q4_k_m.gguf || fail "no variant"
cat mnt/a@q4_k_m.gguf >/dev/null
"$tests/make-big-model" --width 256 --ff 512 --heads 4 --kv 2 --layers 1 --vocab 300 models/.new
for round in 1 2 3; do
    touch models/.new
    cp models/.new models/a.gguf # in place: same inode, another size
    expected models/a.gguf Q4_K_M
    equal "size right after a change ($round)" "$(size mnt/a@q4_k_m.gguf)" "$(size expected)"
    same mnt/a@q4_k_m.gguf expected
    cp source.gguf models/a.gguf
    expected models/a.gguf Q4_K_M
    same mnt/a@q4_k_m.gguf expected
done
# A time in the future is young, too.
touch -d 'now + 1 hour' models/a.gguf
stat mnt/a@q4_k_m.gguf >/dev/null
touch models/a.gguf
equal "mtime after one in the future" "$(stat -c %y mnt/a@q4_k_m.gguf)" "$(stat -c %y models/a.gguf)"
stop
