#!/bin/bash
# If this failed, some architecture's directory would give other bytes through a mount, or through quantize, than through the import alone.
. "$(dirname "$0")/lib.bash"
write=$(dirname "$QUANTFS")/../tests/hf/hf-write
[ -x "$write" ] || skip "no hf-write beside quantfs"
# QUANTFS_HF_MODELS: where they have been made already.
if [ -d "${QUANTFS_HF_MODELS:-}" ]; then cp -r "$QUANTFS_HF_MODELS"/. models/; else "$tests/hf/gen.py" models; fi || fail "no models"
start
count=0
for directory in models/*/*/; do
    directory=${directory%/} refused=0
    view=mnt/${directory#models/}
    for type in f16 bf16 f32; do
        rm -f expected out.gguf
        if ! "$write" "$directory" $type >expected 2>/dev/null; then
            absent "$view@$type.gguf" || fail "$view@$type.gguf is there"
            ! "$QUANTFS" quantize "$directory" out.gguf $type >/dev/null 2>&1 || fail "$directory is quantized"
            absent out.gguf || fail "a refused $directory leaves a file"
            refused=$((refused + 1))
            continue
        fi
        same "$view@$type.gguf" expected
        "$reader" random "$view@$type.gguf" expected 20 >/dev/null || fail "other bytes at some offset of $view@$type.gguf"
        "$QUANTFS" quantize "$directory" out.gguf $type >/dev/null 2>quantize.err || fail "quantize $directory: $(tail -n 1 quantize.err)"
        same out.gguf expected
        count=$((count + 1))
    done
    [ $refused -eq 0 ] || [ $refused -eq 3 ] || fail "$directory is refused as some types"
    [ $refused -eq 0 ] || continue
    cp "$view@f16.gguf" made.gguf
    if "$QUANTFS" quantize made.gguf expected q8_0 >/dev/null 2>&1; then
        same "$view@q8_0+from=f16.gguf" expected
    else # weights that F16 cannot hold are found when they are read
        ! cat "$view@q8_0+from=f16.gguf" >/dev/null 2>&1 || fail "$directory has a variant that its file has not"
    fi
done
[ $count -gt 200 ] || fail "only $count files were compared"
stop
