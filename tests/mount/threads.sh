#!/bin/bash
# If this failed, many threads that fault one cold mapping at once would hang or see wrong bytes.
. "$(dirname "$0")/lib.bash"
"$tests/make-big-model" --width 512 --ff 1024 --heads 8 --kv 4 --layers 3 models/big.gguf
expected models/big.gguf Q4_K_M
start
"$reader" threads mnt/big@q4_k_m.gguf expected 64
stop
