#!/bin/bash
# If this failed, a model rewritten under an open variant would give bytes of two versions.
. "$(dirname "$0")/lib.bash"
wait_old models/a.gguf
start
view=mnt/a@q4_k_m.gguf
before=$(inode "$view")
whole=$(size "$view")
exec 5<"$view"
equal "the start before" "$(head_of 5)" "$(expected source.gguf q4_k_m; head -c 16 expected | od -An -v -tx1 | tr -d ' \n')"
# Same size, same inode: only what the times say tells it.
read -r at length < <("$reader" tensor models/a.gguf blk.1.ffn_down.weight)
patch models/a.gguf "$((at + 64))" 00000000
equal "a read of the old version" "$(tail_of 5 "$whole")" ESTALE
equal "a second read" "$(tail_of 5 "$whole")" ESTALE
equal "lines that say why" "$(lines "models/a.gguf: changed while a variant of it was open")" 1
# Opened again by name it is the new version, at once.
cp models/a.gguf now.gguf
expected now.gguf Q4_K_M
! cmp -s expected <("$QUANTFS" quantize source.gguf /dev/stdout Q4_K_M 2>/dev/null) || fail "the change is not seen in the bytes"
same "$view" expected
[ "$(inode "$view")" != "$before" ] || fail "the new version has the old inode number"
equal "the descriptor from before" "$(tail_of 5 "$whole")" ESTALE
exec 5<&-
stop
