#!/bin/bash
# If this failed, cmp would find a difference between a variant and the file that quantize writes.
. "$(dirname "$0")/lib.bash"
start
for type in q8_0 q4_0 q4_k_s q4_k_m q5_k_s q5_k_m q6_k f16 bf16 f32 copy; do
    expected source.gguf "$type"
    same "mnt/a@$type.gguf" expected
done
variant() { # NAME TYPE OPTION...
    local name=$1
    shift
    expected source.gguf "$@"
    same "mnt/a@$name.gguf" expected
}
variant q4_k_m+pure Q4_K_M --pure
variant q4_k_m+leave-output Q4_K_M --leave-output-tensor
variant q4_0+output=q8_0 Q4_0 --output-tensor-type q8_0
variant q5_k_s+token-embd=f16+output=q6_k Q5_K_S --token-embedding-type f16 --output-tensor-type q6_k
same mnt/a.gguf source.gguf
stop
