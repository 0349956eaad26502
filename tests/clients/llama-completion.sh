#!/bin/bash
# If this failed, llama.cpp would not run a variant from the mount, or would say something else than with llama-quantize's file.
. "$(dirname "$0")/../mount/lib.bash"
need_reference
start
speak() { # MODEL OPTION...
    local model=$1
    shift
    reference llama-completion -m "$model" -p "the" -n 32 --temp 0 --seed 1 -t 2 -no-cnv --no-warmup "$@" 2>err || fail "llama-completion $*: $(tail -n 5 err)"
}
for type in q4_k_m q8_0; do
    reference llama-quantize source.gguf tool.gguf $type 2 >/dev/null 2>err || fail "llama-quantize: $(tail -n 3 err)"
    speak tool.gguf >from-file
    [ "$(wc -c <from-file)" -gt 20 ] || fail "it says nothing: $(cat from-file)"
    speak mnt/a@$type.gguf >from-view
    diff from-file from-view || fail "other words from the view of $type"
    speak mnt/a@$type.gguf --load-mode none >from-view
    diff from-file from-view || fail "other words from the view of $type without mmap"
done
stop
