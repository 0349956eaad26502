#!/bin/bash
# If this failed, a model that cannot be quantized would be refused in other words than llama-quantize's, or leave a file.
. "$(dirname "$0")/lib.bash"
need_reference

size=$(stat -c %s source.gguf)
message() { grep -o 'llama_model_quantize: failed to quantize: .*' "$1"; tail -n 1 "$1"; }

compare() { # SOURCE TYPE
    local status=0
    reference llama-quantize "$1" tool.gguf "$2" >/dev/null 2>tool.err || status=$?
    equal "the tool's exit status for $1" "$status" 1
    refuses "$QUANTFS" quantize "$1" out.gguf "$2"
    diff <(message tool.err) <(message err) || fail "other words for $1 as $2"
    equal "standard output" "$(cat out)" ""
    [ ! -e out.gguf ] || fail "$1 left a file"
    equal "what is left" "$(find . -name '.quantfs*')" ""
}

changed() { cp source.gguf "$1"; patch "$1" "$2" "$3"; }
changed nan.gguf -2 007e                        # the last weight of blk.1.ffn_up.weight
changed inf.gguf -2 007c
changed nan-norm.gguf -786436 0000c07f          # the last of blk.1.ffn_norm.weight, which is only copied
changed arch.gguf "$(($(grep -abo llama source.gguf | head -n 1 | cut -d: -f1)))" 6c616d6d61
changed key.gguf "$(($(grep -abo block_count source.gguf | head -n 1 | cut -d: -f1)))" 58
after() { echo $(($(grep -abo "$1" source.gguf | head -n 1 | cut -d: -f1) + ${#1})); } # the offset behind a key's name
changed rope.gguf $(($(after llama.rope.dimension_count) + 4)) 1f000000
changed magic.gguf 0 58
changed version.gguf 4 01000000
changed bigendian.gguf 4 00000003
head -c $((size - 1)) source.gguf >cut.gguf
head -c 100 source.gguf >header.gguf
: >empty.gguf

for source in nan inf nan-norm; do compare "$source.gguf" Q4_K_M; done
compare nan-norm.gguf COPY
compare nan.gguf COPY
for source in arch key rope magic version bigendian cut header empty missing; do compare "$source.gguf" Q8_0; done
"$QUANTFS" quantize source.gguf q8.gguf Q8_0 >/dev/null 2>&1
compare q8.gguf Q4_K_M
