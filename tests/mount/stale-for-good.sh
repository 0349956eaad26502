#!/bin/bash
# If this failed, a later chmod, or the rename of a directory further up, would excuse a rewrite of an open model.
. "$(dirname "$0")/lib.bash"
rewrite() { # the content changes, size and mtime are those of before
    local read_at
    read -r read_at _ < <("$reader" tensor "$1" output.weight)
    patch "$1" "$read_at" 3c3c
    touch -d '2024-01-01' "$1"
}
mkdir models/d
cp source.gguf models/x.gguf
cp source.gguf models/d/y.gguf
touch -d '2024-01-01' models/x.gguf models/d/y.gguf
wait_old models/x.gguf models/d/y.gguf
start
whole=$(size mnt/x@q4_k_m.gguf)
exec 5<mnt/x@q4_k_m.gguf 6<mnt/d/y@q4_k_m.gguf
equal "the start before" "$(head_of 5 | cut -c1-8)$(head_of 6 | cut -c1-8)" 4747554647475546

rewrite models/x.gguf
equal "after the rewrite" "$(tail_of 5 "$whole")" ESTALE
chmod 600 models/x.gguf
equal "after a chmod" "$(tail_of 5 "$whole")" ESTALE

mv models/d models/e
equal "after the rename of its directory" "$(head_of 6 | cut -c1-8)" 47475546
rewrite models/e/y.gguf
equal "after a rewrite in it" "$(tail_of 6 "$whole")" ESTALE
exec 5<&- 6<&-
stop
