#!/bin/bash
# If this failed, the number of threads would change the bytes.
. "$(dirname "$0")/lib.bash"

"$QUANTFS" quantize source.gguf expected.gguf Q4_K_M 1 >/dev/null 2>&1
for threads in 2 3 7 0 -5; do
    "$QUANTFS" quantize source.gguf out.gguf Q4_K_M "$threads" >/dev/null 2>&1
    same out.gguf expected.gguf
done
"$QUANTFS" quantize --sync source.gguf synced.gguf Q4_K_M >/dev/null 2>&1
same synced.gguf expected.gguf
