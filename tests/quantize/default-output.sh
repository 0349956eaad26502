#!/bin/bash
# If this failed, a run without OUT would write somewhere else than llama-quantize does.
. "$(dirname "$0")/lib.bash"

mkdir dir
mv source.gguf dir/model.gguf
names() { (cd dir && echo ggml-model-*); }

check() { # TYPE NAME
    "$QUANTFS" quantize dir/model.gguf "$1" >/dev/null 2>&1
    equal "name for $1" "$(names)" "ggml-model-$2.gguf"
    rm "dir/ggml-model-$2.gguf"
}

check q4_k Q4_K
check 15 Q4_K
check Q4_k_m Q4_K_M
check 17 Q5_K
check 7 Q8_0
check q8_0 Q8_0
check copy COPY
cd dir
"$QUANTFS" quantize model.gguf q8_0 2 >/dev/null 2>&1
[ -e ggml-model-Q8_0.gguf ] || fail "not beside a source without a directory in its name"
