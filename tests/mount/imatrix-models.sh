#!/bin/bash
# If this failed, a mount would make other bytes with an importance matrix than `quantize` does, which tests/parity/live holds against the
# real tool: of experts, rows that fit no block, tied embeddings, split sets.
. "$(dirname "$0")/lib.bash"
[ -d "${QUANTFS_SOURCES:-}" ] || skip "no generated models"
sources=$QUANTFS_SOURCES
rm models/a.gguf
stems=(moe8 cols288 tied falcon)
for stem in "${stems[@]}"; do
    cp "$sources/$stem.gguf" models
    cp "$sources/im-$stem.gguf" "models/$stem.imatrix.gguf"
done
cp "$sources"/split3-0000?-of-00003.gguf models
"$tests/make-imatrix" "$QUANTFS" "$sources/split3-00001-of-00003.gguf" models/split3.imatrix 1 dat
start
types=$("$QUANTFS" types | awk 'NR > 1 { print $1 }')
compared=0
for stem in "${stems[@]}" split3; do
    model=$stem.gguf matrix=$stem.imatrix.gguf
    [ "$stem" != split3 ] || model=split3-00001-of-00003.gguf matrix=split3.imatrix
    for type in $types; do
        view="mnt/$stem@${type,,}+imatrix.gguf"
        rm -f expected
        if (cd models && "$QUANTFS" quantize --imatrix "$matrix" "$model" ../expected "$type") >/dev/null 2>&1; then
            same "$view" expected
            compared=$((compared + 1))
        else
            [ ! -e "$view" ] || fail "$view, which quantize refuses"
        fi
    done
done
[ "$compared" -gt 120 ] || fail "only $compared variants"
# In the folder of a variant of a split set: what --keep-split writes.
(cd models && "$QUANTFS" quantize --keep-split --imatrix split3.imatrix split3-00001-of-00003.gguf ../kept.gguf Q4_K_M) >out 2>&1 ||
    fail "quantize --keep-split: $(tail -n 1 out)"
for file in kept-*.gguf; do same "mnt/split3@q4_k_m+imatrix/shards/model-${file#kept-}" "$file"; done
stop
