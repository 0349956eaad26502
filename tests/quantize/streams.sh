#!/bin/bash
# If this failed, a script that reads what llama-quantize prints would read something else from quantfs.
. "$(dirname "$0")/lib.bash"
need_reference

# Times differ; loader chatter, versions and the warnings about fallbacks are not ours.
times() { sed -E 's/= +[0-9.]+ ms/= T ms/'; }
ours() { grep -v -e '^llama_model_loader' -e '^version:' -e '^built with' -e '^common_imatrix_load' -e '^gguf_init' "$1" || true; }

compare() { # the arguments of one run, with OUT for the output
    reference llama-quantize "${@/OUT/out.gguf}" >tool.out 2>tool.err
    [ ! -e out.gguf ] || mv out.gguf tool.gguf
    "$QUANTFS" quantize "${@/OUT/out.gguf}" >our.out 2>our.err
    diff <(grep -v -e '^load_imatrix: ' -e '^prepare_imatrix: ' tool.out | times) <(times <our.out) || fail "standard output differs: $*"
    diff <(ours tool.err) our.err || fail "standard error differs: $*"
    [ ! -e out.gguf ] || { same tool.gguf out.gguf && rm out.gguf tool.gguf; }
}

compare source.gguf OUT Q4_K_M
compare source.gguf OUT q8_0 2
compare --pure source.gguf OUT 15 -1
compare --output-tensor-type Q8_0 --token-embedding-type f16 source.gguf OUT Q6_K
compare --leave-output-tensor source.gguf OUT copy
compare --max-buffer-size 100 --dry-run source.gguf OUT Q4_K_S 3
compare --dry-run source.gguf Q5_K

# What is said of patterns, of an importance matrix that lacks a tensor, and of one of other embeddings.
compare --tensor-type attn_v=q8_0 --tensor-type ffn_down=Q4_K --tensor-type output=f16 source.gguf OUT Q4_K_M
compare --dry-run --pure --tensor-type 'blk\.1=q6_K' source.gguf OUT Q8_0
"$tests/make-imatrix" "$QUANTFS" source.gguf a.imatrix 1
compare --imatrix a.imatrix --exclude-weights attn_k --tensor-type attn_k=q8_0 source.gguf OUT Q4_K_S
compare --imatrix a.imatrix --exclude-weights token source.gguf OUT F16
compare --dry-run --imatrix a.imatrix --exclude-weights attn_v source.gguf OUT Q4_K_S
python3 - <<'PYTHON'
import struct
name = b"token_embd.weight"
open("embd.dat", "wb").write(struct.pack("<ii", 1, len(name)) + name + struct.pack("<ii", 1, 3) + struct.pack("<3f", 1, 2, 3))
PYTHON
compare --imatrix embd.dat --include-weights token source.gguf OUT Q4_0
# And of layers that go. Lines of progress count, here, what is left.
said() { grep -e 'pruning tensor' -e 'remapped to' -e 'did not find' -e 'manual override' "$1" || fail "nothing is said: $(cat "$1")"; }
"$tests/make-big-model" --width 256 --ff 512 --heads 4 --kv 2 --layers 4 --vocab 300 --split 3 set.gguf
for keep in "" --keep-split; do
    words=($keep --prune-layers 2 --imatrix a.imatrix --tensor-type 'blk\.1\.attn_v=q8_0' --exclude-weights ffn set-00001-of-00003.gguf out.gguf Q4_K_M)
    reference llama-quantize "${words[@]}" >tool.out 2>tool.err
    "$QUANTFS" quantize "${words[@]}" >our.out 2>our.err
    diff <(said tool.err) <(said our.err) || fail "other words: ${words[*]}"
done

# What lacks an importance matrix, in the tool's words, which name the tensor.
for words in 'source.gguf IQ2_XS' '--tensor-type ffn_up=iq1_s source.gguf Q4_K_M' '--prune-layers 0 --tensor-type ffn_up=iq2_s source.gguf Q4_K_M'; do
    # shellcheck disable=SC2086
    ! reference llama-quantize $words >/dev/null 2>tool.err || fail "the tool needs none: $words"
    # shellcheck disable=SC2086
    refuses "$QUANTFS" quantize $words
    diff <(ours tool.err | grep -v -e 'manual override' -e 'pruning' -e 'remapped') err || fail "other words: $words"
done

# The tool knows no progress on standard output; Ollama reads it there.
"$QUANTFS" quantize source.gguf out.gguf q8_0 2>/dev/null | cat >pipe.out
equal "first line to a pipe" "$(head -n 1 pipe.out)" "[   1/  21]"
equal "lines to a pipe" "$(wc -l <pipe.out)" 24
"$QUANTFS" quantize source.gguf out.gguf q8_0 2>&1 | cat >pipe.out
grep -qx '\[ *[0-9]*/ *[0-9]*\]' pipe.out && fail "the bare form in a pipe that standard error has too"
exit 0
