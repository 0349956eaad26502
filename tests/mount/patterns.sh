#!/bin/bash
# If this failed, a name with patterns, pruned layers or +ollama would be another file than quantize writes, one view would have
# two names, or a hostile name would keep the mount busy.
. "$(dirname "$0")/lib.bash"
need_fuse
start

# same_as NAME ARGUMENTS...: the view has the bytes that quantize writes, and the reference tool if it is here
same_as() {
    local name=$1
    shift
    "$QUANTFS" quantize "$@" models/a.gguf expected.gguf "$type" >/dev/null 2>err || fail "quantize $*: $(cat err)"
    same "mnt/$name" expected.gguf
    [ -n "${reference_root:-}" ] || return 0
    reference llama-quantize "$@" models/a.gguf tool.gguf "$type" >/dev/null 2>err || fail "llama-quantize $*: $(cat err)"
    same "mnt/$name" tool.gguf
}
if [ "$QUANTFS_TREE" = plain ]; then reference_root=$(find_reference 2>/dev/null) || reference_root=; fi

type=Q4_K_M
same_as a@q4_k_m+attn_v=q8_0.gguf --tensor-type attn_v=q8_0
same_as 'a@q4_k_m+blk\.(0|1)\.ffn_.*=q5_k+ffn=f16+pure.gguf' --pure --tensor-type 'blk\.(0|1)\.ffn_.*=q5_k' --tensor-type ffn=f16
same_as 'a@q4_k_m+ffn=f16+blk\.(0|1)\.ffn_.*=q5_k.gguf' --tensor-type ffn=f16 --tensor-type 'blk\.(0|1)\.ffn_.*=q5_k'
same_as 'a@q4_k_m+^blk\.[0-9]%2Battn_q\.=q6_k+BLK\.\D=f16.gguf' --tensor-type '^blk\.[0-9]+attn_q\.=q6_k' --tensor-type 'BLK\.\D=f16'
same_as 'a@q4_k_m+prune=1+blk\.0\.=q8_0.gguf' --prune-layers 1 --tensor-type 'blk\.0\.=q8_0'
same_as a@q4_k_m+prune=0,1,5-7.gguf --prune-layers 0,1,5,6,7
same_as a@q4_k_m+ollama.gguf # nothing for this architecture

# The folder of a variant has the new names, and each tensor its bytes.
folder='mnt/a@q4_k_m+prune=0+attn_q=q8_0'
same "$folder/model.gguf" "$folder.gguf"
grep -q "^blk.0.attn_q.weight	.*	Q8_0	" "$folder/recipe.tsv" || fail "recipe.tsv: $(cat "$folder/recipe.tsv")"
! grep -q '^blk.1' "$folder/recipe.tsv" || fail "a pruned layer is in recipe.tsv"
read -r offset size < <(awk -F'\t' '$1 == "blk.0.attn_q.weight" { print $5, $6 }' "$folder/recipe.tsv")
head -c $((offset + size)) "$folder.gguf" | tail -c "$size" >tensor
same "$folder/tensors/blk.0.attn_q.weight.q8_0" tensor

one_inode() {
    local first=$1 other
    [ -f "mnt/$first" ] || fail "not there: $first"
    for other; do equal "inode of $other" "$(inode "mnt/$other" 2>&1)" "$(inode "mnt/$first")"; done
}
one_inode a@q4_k_m+pure+ffn=q5_k.gguf a@Q4_K+FFN=Q5_K+PURE.gguf a@q4_k+%66fn=q5_k+pure.gguf a@q4_k_m+pure+%46FN=q5%5fk.gguf
one_inode a@q8_0+prune=0,1,5-7.gguf a@q8_0+prune=7,6,5,1,0.gguf a@q8_0+prune=0-1,5-7.gguf
one_inode 'a@q8_0+(?%3Dattn)=f16+a%2bb%25c%40d%2fe=f16.gguf' 'a@q8_0+(?%3dATTN)=f16+a%2Bb%25c%40d%2Fe=F16.gguf'
[ "$(inode mnt/a@q8_0+ffn=f16+attn=f32.gguf)" != "$(inode mnt/a@q8_0+attn=f32+ffn=f16.gguf)" ] || fail "the order of patterns makes no difference"

absent() {
    local status=0
    stat "mnt/$1" >/dev/null 2>err || status=$?
    [ "$status" -ne 0 ] || fail "there is a $1"
    grep -q 'No such file' err || fail "$1: $(cat err)"
}
repeat() { printf "$1%.0s" $(seq "$2"); }
absent 'a@q8_0+attn_(=f16.gguf'
absent 'a@q8_0+(a)\1=f16.gguf'
absent 'a@q8_0+attn_v=q9.gguf'
absent 'a@q8_0+attn_v.gguf'
absent 'a@q8_0+prune=512.gguf'
absent "a@q8_0+$(repeat '(' 115)$(repeat ')' 115)=f16.gguf"
absent "a@q8_0+$(repeat '(?:' 50)a$(repeat '{99})' 15)=f16.gguf"
absent "a@q8_0+$(repeat '(a{9}' 26)$(repeat '){9}' 26)=f16.gguf"
! grep -q 'no variant' log || fail "the log speaks of what is no name: $(cat log)"
# What passes and goes on without end stops at its bound of steps, and the log says so, once for a model.
absent 'a@q8_0+(.|.)*(.|.)*(.|.)*[x-z]{9}=f16.gguf'
until_true 5 grep -qF 'a.gguf: no variant q8_0+(.|.)*(.|.)*(.|.)*[x-z]{9}=f16: the patterns leave too many ways open: not supported' log ||
    fail "the log does not say what was wrong: $(cat log)"
absent "a@q8_0+$(repeat '(.*)*' 40)[x-z]{9}=f16.gguf"
[ -f mnt/a@q8_0+ffn=f16.gguf ] || fail "the mount is lost"
# The longest name that there can be.
long=$(repeat x 239)
[ -f "mnt/a@q8_0+$long=f16.gguf" ] || fail "a name of 255 bytes is not there"
stop
