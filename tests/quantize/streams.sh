#!/bin/bash
# If this failed, a script that reads what llama-quantize prints would read something else from quantfs.
. "$(dirname "$0")/lib.bash"
need_reference

# Times differ; loader chatter, versions and the warnings about fallbacks are not ours.
times() { sed -E 's/= +[0-9.]+ ms/= T ms/'; }
ours() { grep -v -e '^llama_model_loader' -e '^version:' -e '^built with' "$1" || true; }

compare() { # the arguments of one run, with OUT for the output
    reference llama-quantize "${@/OUT/out.gguf}" >tool.out 2>tool.err
    [ ! -e out.gguf ] || mv out.gguf tool.gguf
    "$QUANTFS" quantize "${@/OUT/out.gguf}" >our.out 2>our.err
    diff <(times <tool.out) <(times <our.out) || fail "standard output differs: $*"
    diff <(ours tool.err) our.err || fail "standard error differs: $*"
    [ ! -e out.gguf ] || { same tool.gguf out.gguf && rm out.gguf tool.gguf; }
}

compare source.gguf OUT Q4_K_M
compare source.gguf OUT q8_0 2
compare --pure source.gguf OUT 15 -1
compare --output-tensor-type Q8_0 --token-embedding-type f16 source.gguf OUT Q6_K
compare --leave-output-tensor source.gguf OUT copy
compare --max-buffer-size 100 --dry-run source.gguf OUT Q4_K_S 3
compare --dry-run source.gguf Q5_K

# The tool knows no progress on standard output; Ollama reads it there.
"$QUANTFS" quantize source.gguf out.gguf q8_0 2>/dev/null | cat >pipe.out
equal "first line to a pipe" "$(head -n 1 pipe.out)" "[   1/  21]"
equal "lines to a pipe" "$(wc -l <pipe.out)" 24
"$QUANTFS" quantize source.gguf out.gguf q8_0 2>&1 | cat >pipe.out
grep -qx '\[ *[0-9]*/ *[0-9]*\]' pipe.out && fail "the bare form in a pipe that standard error has too"
exit 0
