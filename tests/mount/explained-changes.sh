#!/bin/bash
# If this failed, chmod, ln, mv or rm of a model under a running server would break the server.
. "$(dirname "$0")/lib.bash"
"$tests/make-big-model" --width 512 --ff 1024 --heads 8 --kv 8 --layers 3 --vocab 1024 big.gguf
expected big.gguf Q4_K_M
whole=$(size expected)
goes_on() { # NAME COMMAND...: the change is explained, so an open view reads on
    local name=$1
    shift
    rm -rf models/x.gguf models/y.gguf models/sub
    cp big.gguf models/x.gguf
    wait_old models/x.gguf
    until_true 5 present mnt/x@q4_k_m.gguf || fail "$name: no variant"
    exec 5<mnt/x@q4_k_m.gguf
    equal "$name: the start before" "$(head_of 5 | cut -c1-8)" 47475546
    "$@" || fail "$name: the change itself failed"
    equal "$name: the end afterwards" "$(tail_of 5 "$whole")" "$(bytes_of_tail expected)"
    cmp - expected <&5 || fail "$name: the whole view afterwards"
    exec 5<&-
}
start
goes_on chmod chmod 600 models/x.gguf
[ "$(id -u)" -ne 0 ] || goes_on chown chown 1234:2345 models/x.gguf
goes_on ln ln models/x.gguf models/y.gguf
goes_on mv mv models/x.gguf models/y.gguf
goes_on "mv into a directory" eval 'mkdir models/sub && mv models/x.gguf models/sub'
goes_on rm rm models/x.gguf
until_true 5 absent mnt/x@q4_k_m.gguf || fail "the variant of a removed model is still there"
stop
