#!/bin/bash
# If this failed, a client that reads with O_DIRECT (llama.cpp --load-mode dio) would get wrong or short data.
. "$(dirname "$0")/lib.bash"
start
expected source.gguf Q4_K_M
"$reader" direct mnt/a@q4_k_m.gguf expected
"$reader" direct mnt/a.gguf source.gguf
stop
