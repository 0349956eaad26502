#!/bin/bash
# If this failed, a mount that has been used would leave memory behind at unmount (the tree with AddressSanitizer sees it), or end badly.
. "$(dirname "$0")/lib.bash"
cp source.gguf models/b.gguf
printf 'GGUF\115\0\0\0 and more of that' >models/bad.gguf
start
for round in 1 2 3; do
    ls -lR mnt >/dev/null
    cat mnt/*.gguf >/dev/null
    "$reader" at 5 0 10 5<mnt/a@q6_k.gguf >/dev/null
    touch models/b.gguf
    stat mnt/none mnt/a@none.gguf 2>/dev/null || true
done
stop
