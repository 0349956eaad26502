#!/bin/bash
# If this failed, a reader whose conversion is under way would hang for ever when the mount ends.
. "$(dirname "$0")/lib.bash"
"$tests/make-big-model" --layers 3 models/big.gguf
start
for i in 1 2 3 4 5 6; do
    "$reader" at 5 $((i * 10000000)) 16 5<mnt/big@q6_k.gguf >answer.$i &
done
cp mnt/big@q4_k_m.gguf copy 2>/dev/null &
busy() { [ "$(stats converting)" -gt 0 ]; }
until_true 10 busy || fail "no conversion runs"
kill -TERM "$daemon"
until_true 5 not_mounted mnt || fail "not detached"
kill -TERM "$daemon"
until_true 10 ended "$daemon" || fail "the daemon does not end"
gone() { [ -z "$(jobs -r | grep -v quantfs || true)" ]; }
until_true 10 gone || fail "a reader hangs: $(jobs -r)"
for i in 1 2 3 4 5 6; do
    grep -qE '^([0-9a-f]{32}|[A-Z]+)$' answer.$i || fail "reader $i: $(cat answer.$i)"
done
wait "$daemon" || true
daemon=
