#!/bin/bash
# If this failed, llama.cpp would not run what the mount makes of a Hugging Face directory, for some architecture, or llama-quantize would
# make something else of it.
. "$(dirname "$0")/../mount/lib.bash"
need_reference
# Not among them: what the reference converter's own file is no model for this program of: encoders, and
# cases that are smaller than it expects.
cases=(apertus cohere deepseek3_fp8 embgemma exaone4 falcon falconh1 gemma gemma2 gemma3_mm gemma3_text gemma4_e2b gemma4_moe glm4
    glm47flash glm4moe glm4v gpt2 gptoss gptoss_bf16 granite granite4_dense hunyuan internlm2 laguna lfm2 lfm2moe llama32 llama4
    minimaxm2 mixtral olmo olmo2 phi2 phi3 phi4 qwen2 qwen2moe qwen3 qwen35 qwen3moe smollm3 starcoder2 t5)
# QUANTFS_HF_MODELS: where they have been made already.
if [ -d "${QUANTFS_HF_MODELS:-}" ]; then
    (cd "$QUANTFS_HF_MODELS" && cp -r "${cases[@]}" "$work/models/")
else
    "$tests/hf/gen.py" models "${cases[@]}"
fi || fail "no models"
start
made=0
for case in "${cases[@]}"; do
    name=$(basename models/"$case"/*)
    reference llama-completion -m "mnt/$case/$name@f16.gguf" -p the -n 1 --temp 0 --seed 1 -t 2 -c 64 -no-cnv --no-warmup >words 2>err ||
        fail "$case: $(grep ' E ' err | head -n 2)"
    if reference llama-quantize "mnt/$case/$name@f16.gguf" tool.gguf q8_0 1 >/dev/null 2>err; then
        same "mnt/$case/$name@q8_0+from=f16.gguf" tool.gguf
        made=$((made + 1))
    else
        absent "mnt/$case/$name@q8_0+from=f16.gguf" || fail "$case has a variant that the tool refuses: $(tail -n 3 err)"
    fi
done
[ "$made" -ge 40 ] || fail "only $made were quantized"
stop
