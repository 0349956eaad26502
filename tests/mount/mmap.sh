#!/bin/bash
# If this failed, a client that maps a variant (llama.cpp, gguf-py, candle) would see wrong bytes or die.
. "$(dirname "$0")/lib.bash"
start
for type in q4_k_m q6_k; do
    expected source.gguf "$type"
    "$reader" mmap "mnt/a@$type.gguf" expected
done
"$reader" mmap mnt/a.gguf source.gguf
stop
