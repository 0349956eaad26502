#!/bin/bash
# If this failed, llama.cpp would not run a variant from the mount, or would say something else than with llama-quantize's file.
. "$(dirname "$0")/../mount/lib.bash"
need_reference
start
# On a busy machine the tool may end before its writing thread has written the last words: whole is what ends with an empty line.
speak() { # OUT MODEL OPTION...
    local out=$1 model=$2
    shift 2
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        reference llama-completion -m "$model" -p "the" -n 32 --temp 0 --seed 1 -t 2 -no-cnv --no-warmup "$@" >"$out" 2>err || fail "llama-completion $*: $(tail -n 5 err)"
        [ "$(tail -c 2 "$out" | od -An -v -tx1)" != " 0a 0a" ] || return 0
    done
    fail "the tool never said all: $(cat "$out")"
}
for type in q4_k_m q8_0; do
    reference llama-quantize source.gguf tool.gguf $type 2 >/dev/null 2>err || fail "llama-quantize: $(tail -n 3 err)"
    speak from-file tool.gguf
    [ "$(wc -c <from-file)" -gt 20 ] || fail "it says nothing: $(cat from-file)"
    speak from-view mnt/a@$type.gguf
    diff from-file from-view || fail "other words from the view of $type"
done
# Each way that it has of loading a model, of a view that nobody has read before.
for way in "--load-mode none" "--load-mode mmap" "--load-mode dio" "--load-mode mlock" "--load-mode mmap+mlock" "--numa distribute"; do
    stop
    start
    speak from-view mnt/a@q8_0.gguf $way
    diff from-file from-view || fail "other words from the view with $way"
done
stop
