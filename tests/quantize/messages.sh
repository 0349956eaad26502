#!/bin/bash
# If this failed, a wrong command line would be told something else than llama-quantize tells, or touch OUT.
. "$(dirname "$0")/lib.bash"
need_reference
echo untouched >out.gguf

compare() {
    local status=0
    reference llama-quantize "$@" >tool.out 2>tool.err || status=$?
    equal "the tool's exit status of $*" "$status" 1
    refuses "$QUANTFS" quantize "$@"
    # What it tells its log there does not always come to be written.
    sed -i /string_parse_kv_override/d tool.err err
    diff tool.err err || fail "standard error differs: $*"
    # The usage texts differ; whether there is one, and what stands before it, must not.
    diff <(sed -e '/^usage:/,$d' tool.out) <(sed -e '/^usage:/,$d' out | sed 's/^quantfs quantize/llama-quantize/') || fail "standard output differs: $*"
    equal "usage of $*" "$(grep -c ^usage: out)" "$(grep -c ^usage: tool.out)"
    equal "OUT after $*" "$(cat out.gguf)" untouched
}

compare
compare --help
compare --pure
compare --pure source.gguf
compare source.gguf
compare source.gguf out.gguf
compare source.gguf out.gguf nonsense
compare source.gguf out.gguf 99
compare source.gguf out.gguf 4
compare source.gguf out.gguf Q8_0 many
compare source.gguf Q8_0 Q8_0
compare --output-tensor-type
compare --output-tensor-type nonsense source.gguf out.gguf Q8_0
compare --token-embedding-type q4_k_m source.gguf out.gguf Q8_0
compare --max-buffer-size 0 source.gguf out.gguf Q8_0
compare --max-buffer-size much source.gguf out.gguf Q8_0
compare source.gguf source.gguf Q8_0
compare --tensor-type
compare --tensor-type attn_v source.gguf out.gguf Q8_0
compare --tensor-type =q8_0 source.gguf out.gguf Q8_0
compare --tensor-type attn_v= source.gguf out.gguf Q8_0
compare --tensor-type attn_v=zz source.gguf out.gguf Q8_0
compare --tensor-type attn_v=q8_0=q4_0 source.gguf out.gguf Q8_0
compare --tensor-type-file
compare --tensor-type-file missing.txt source.gguf out.gguf Q8_0
printf 'attn_v=q8_0\n\tffn=q4_0 nonsense attn=zz' >types.txt
compare --tensor-type-file types.txt source.gguf out.gguf Q8_0
compare --tensor-type attn_v=zz --tensor-type attn_v source.gguf out.gguf Q8_0
compare --prune-layers
compare --prune-layers '' source.gguf out.gguf Q8_0
compare --prune-layers 1,x source.gguf out.gguf Q8_0
compare --prune-layers 1,,2 source.gguf out.gguf Q8_0
compare --prune-layers 1, source.gguf out.gguf Q8_0
compare --prune-layers -1 source.gguf out.gguf Q8_0
compare --prune-layers 99999999999 source.gguf out.gguf Q8_0
compare --override-kv
compare --override-kv x source.gguf out.gguf Q8_0
compare --override-kv x=zz:1 source.gguf out.gguf Q8_0
compare --override-kv x=bool:maybe source.gguf out.gguf Q8_0
compare --override-kv "x=str:$(printf 'a%.0s' {1..128})" source.gguf out.gguf Q8_0
compare --override-kv "$(printf 'k%.0s' {1..128})=int:1" source.gguf out.gguf Q8_0
refuses "$QUANTFS" quantize --override-kv x=zz:1 source.gguf out.gguf Q8_0
equal "what is said of an override" "$(cat err)" "string_parse_kv_override: invalid type for KV override 'x=zz:1'"
