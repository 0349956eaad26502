#!/bin/bash
# If this failed, the model that quickstart makes would not run in llama.cpp, at full precision or quantized.
. "$(dirname "$0")/lib.bash"
need_reference

python3 "$tests/../fs/make-model" again.gguf
same source.gguf again.gguf
speak() { reference llama-completion -m "$1" -no-cnv --temp 0 --seed 1 -n 24 -p "the cat" 2>err; }

for type in F16 Q4_K_M; do
    "$QUANTFS" quantize source.gguf "$type.gguf" "$type" >/dev/null 2>&1
    said=$(speak "$type.gguf") || fail "$type: $(tail -n 3 err)"
    case $said in
    *"the cat"?*) echo "$type: $said" ;;
    *) fail "$type said nothing: '$said'" ;;
    esac
done
