#!/bin/bash
# If this failed, a model could be destroyed by naming it as its own output.
. "$(dirname "$0")/lib.bash"

mkdir dir
ln source.gguf dir/hard.gguf
ln -s ../source.gguf dir/soft.gguf
ln -s source.gguf back.gguf
sum=$(sha256sum <source.gguf)

for out in source.gguf ./source.gguf dir/hard.gguf dir/soft.gguf; do
    refuses "$QUANTFS" quantize source.gguf "$out" Q8_0
    equal "words for $out" "$(tail -n 1 err)" "llama_quantize: error: input and output files are the same: 'source.gguf'"
    equal "the model after $out" "$(sha256sum <source.gguf)" "$sum"
done
refuses "$QUANTFS" quantize back.gguf dir/hard.gguf Q8_0
equal "the model behind a symlink" "$(sha256sum <source.gguf)" "$sum"
# The name that is used without OUT counts too.
mv source.gguf ggml-model-Q8_0.gguf
refuses "$QUANTFS" quantize ggml-model-Q8_0.gguf Q8_0
equal "the model under the default name" "$(sha256sum <ggml-model-Q8_0.gguf)" "$sum"
# A dry run writes nothing, so there it is no mistake.
"$QUANTFS" quantize --dry-run ggml-model-Q8_0.gguf ggml-model-Q8_0.gguf Q8_0 >/dev/null 2>&1 || fail "a dry run was refused"
