#!/bin/bash
# If this failed, many threads that fault one cold mapping at once would hang or see wrong bytes.
. "$(dirname "$0")/lib.bash"
"$tests/make-big-model" --width 512 --ff 1024 --heads 8 --kv 4 --layers 3 models/big.gguf
expected models/big.gguf Q4_K_M
start
# Those that convert let whoever is interactive go first; those that answer the kernel do not wait.
workers=$(ps -L -o cls= -p "$daemon" | grep -c B || true)
[ "$workers" -ge $(($(nproc) + 8)) ] || fail "$workers threads of SCHED_BATCH"
[ "$(ps -L -o cls= -p "$daemon" | grep -c TS)" -ge 2 ] || fail "who answers the kernel: $(ps -L -o cls= -p "$daemon")"
"$reader" threads mnt/big@q4_k_m.gguf expected 64
stop
