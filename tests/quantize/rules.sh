#!/bin/bash
# If this failed, an override, a pruned layer or a pattern would do something else than in llama-quantize: to the bytes, or to what is said.
. "$(dirname "$0")/lib.bash"
need_reference

said() { grep -a 'failed to quantize: ' "$1" | tail -n 1; }
# Both with the same arguments; where the tool crashes we refuse.
compare() {
    local theirs=0 ours=0
    rm -f tool.gguf out.gguf
    reference llama-quantize "$@" source.gguf tool.gguf "$type" 1 >/dev/null 2>tool.err || theirs=$?
    "$QUANTFS" quantize "$@" source.gguf out.gguf "$type" 1 >/dev/null 2>err || ours=$?
    if [ "$theirs" -eq 0 ]; then
        equal "exit status of $*: $(said err)" "$ours" 0
        same out.gguf tool.gguf
        return
    fi
    equal "exit status of $*" "$ours" 1
    [ ! -e out.gguf ] || fail "a file is left by $*"
    [ "$theirs" -ne 1 ] || equal "what is said of $*" "$(said err)" "$(said tool.err)"
}

type=Q4_K_M
for override in general.architecture=str:nonsense llama.block_count=int:0 llama.block_count=int:2 llama.block_count=str:x llama.expert_count=int:2000 \
    llama.embedding_length=str:x llama.embedding_length=int:64 general.name=int:5 general.alignment=int:48 =int:1 llama.rope.scaling.type=str:foo \
    llama.rope.scaling.type=str:yarn llama.attention.layer_norm_rms_epsilon=float:0.5 llama.attention.head_count=int:3 llama.attention.head_count=int:0 \
    llama.nextn_predict_layers=int:40 general.file_type=str:x general.quantization_version=int:9 llama.rope.dimension_count=int:7 x=bool:true x=str:; do
    compare --override-kv "$override"
done
compare --override-kv x=int:1 --override-kv =int:1 --override-kv y=int:1
compare --override-kv llama.block_count=str:x --override-kv llama.block_count=int:1
compare --prune-layers 1 --override-kv llama.block_count=int:1
compare --prune-layers 0 --tensor-type 'blk\.0\.attn=q8_0' --override-kv x=float:1e30
for pattern in '(a' 'a)' '*a' 'a{' 'a{2' 'a{2,1}' '[a' '[z-a]' '[[:x:]]' '\' '\1' '(?<a)' 'a{99999999999}'; do
    compare --tensor-type "$pattern=q8_0"
done
# Words of a file: whatever is white space stands between them, and a zero byte ends what is seen of one.
printf 'attn_v=q8_0\0rubbish ffn_up=q5_0\r\n\0hidden=\tffn_gate=q6_K\vattn_k=q4_1\f\n\nattn_q=f16' >words.txt
compare --tensor-type-file words.txt
printf 'attn_v=q8_0\0 ffn_up=q5_0\r\nffn_gate=q6_K\vattn_k=q4_1\f\n\nattn_q=f16' >words.txt
compare --tensor-type-file words.txt
for type in F16 COPY; do
    compare --tensor-type '(a=q8_0'
    compare --tensor-type attn=q8_0
    compare --prune-layers 0
done
# What a set is, is an override's to say, too: of split.count, split.no and split.tensors.count.
type=Q8_0
"$tests/make-big-model" --width 256 --ff 512 --heads 4 --kv 2 --layers 1 --vocab 300 --seed 8 --split 3 set.gguf
"$tests/make-big-model" --width 256 --ff 512 --heads 4 --kv 2 --layers 1 --vocab 300 --seed 8 one.gguf
for model in set-00001-of-00003 one; do
    for override in split.count=int:{0,1,2,3,4,-3,65539,65537} split.count=str:x split.count=bool:true split.no=int:{0,1} split.no=str:x split.tensors.count=int:{5,12}; do
        for keep in "" --keep-split; do
            mkdir tool out
            theirs=0 ours=0
            reference llama-quantize $keep --override-kv "$override" $model.gguf tool/x "$type" 1 >/dev/null 2>tool.err || theirs=$?
            "$QUANTFS" quantize $keep --override-kv "$override" $model.gguf out/x "$type" 1 >/dev/null 2>err || ours=$?
            equal "exit status of $keep $override with $model: $(said err)" "$ours" "$theirs"
            [ "$theirs" -eq 0 ] || equal "what is said of $keep $override with $model" "$(said err)" "$(said tool.err)"
            [ "$theirs" -ne 0 ] || diff -r tool out || fail "$keep $override with $model: other files"
            rm -r tool out
        done
    done
done
