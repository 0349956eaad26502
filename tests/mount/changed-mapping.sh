#!/bin/bash
# If this failed, a mapping of a variant whose model was rewritten would give bytes of two versions instead of SIGBUS.
. "$(dirname "$0")/lib.bash"
"$tests/make-big-model" --width 512 --ff 1024 --heads 8 --kv 8 --layers 2 --vocab 1024 models/big.gguf
wait_old models/big.gguf
start
view=mnt/big@q4_k_m.gguf
whole=$(size "$view")
mkfifo ask
"$reader" touch "$view" <ask >answers 2>touch.err &
pid=$!
exec 6>ask
answered() { [ "$(wc -l <answers)" -ge "$1" ]; }
until_true 10 answered 1 || fail "no answer: $(cat touch.err)"
equal "the first byte through the mapping" "$(head -n 1 answers)" 71
read -r at _ < <("$reader" tensor models/big.gguf blk.1.ffn_down.weight)
patch models/big.gguf "$at" 00000000
echo $((whole - 1)) >&6
exec 6>&-
status=0
wait "$pid" || status=$?
equal "end of the process that touched a page of the old version (128 + SIGBUS)" "$status" 135
equal "answers" "$(wc -l <answers)" 1
stop
