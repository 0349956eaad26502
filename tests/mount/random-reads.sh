#!/bin/bash
# If this failed, a read at some offset and of some length would give other bytes than the whole file has there.
. "$(dirname "$0")/lib.bash"
start
for type in q4_k_m q8_0 f32; do
    expected source.gguf "$type"
    "$reader" random "mnt/a@$type.gguf" expected 400
done
"$reader" random mnt/a.gguf source.gguf 200
stop
