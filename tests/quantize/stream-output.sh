#!/bin/bash
# If this failed, OUT could not be a pipe, or something else than the model would be in it.
. "$(dirname "$0")/lib.bash"

"$QUANTFS" quantize source.gguf expected.gguf Q4_K_M >/dev/null 2>&1
mkfifo pipe
cat pipe >through.gguf &
"$QUANTFS" quantize source.gguf pipe Q4_K_M >out 2>err
wait $!
same through.gguf expected.gguf
[ -p pipe ] || fail "the FIFO is gone"
grep -q 'total time' out || fail "no times on standard output"

"$QUANTFS" quantize source.gguf /dev/stdout Q4_K_M 2>err | cat >stdout.gguf
same stdout.gguf expected.gguf
"$QUANTFS" quantize source.gguf /dev/stdout Q4_K_M 2>err >file.gguf
same file.gguf expected.gguf
"$QUANTFS" quantize source.gguf /dev/null Q4_K_M >out 2>err
[ -c /dev/null ] || fail "/dev/null is gone"

# A reader that leaves early is an error, no silent death.
head -c 1000 pipe >/dev/null &
refuses "$QUANTFS" quantize source.gguf pipe Q4_K_M
wait $!
grep -q "cannot write 'pipe': Broken pipe" err || fail "no reason: $(cat err)"
equal "last line" "$(tail -n 1 err)" "llama_quantize: failed to quantize model from 'source.gguf'"
