#!/bin/bash
# If this failed, a program that keeps OUT open would read another file than the one that was written.
. "$(dirname "$0")/lib.bash"

"$QUANTFS" quantize source.gguf expected.gguf Q8_0 >/dev/null 2>&1
head -c 10000000 /dev/zero >out.gguf
chmod 640 out.gguf
before=$(stat -c '%i %a' out.gguf)
exec 3<out.gguf
"$QUANTFS" quantize source.gguf out.gguf Q8_0 >/dev/null 2>&1
equal "inode and mode" "$(stat -c '%i %a' out.gguf)" "$before"
same out.gguf expected.gguf
cmp expected.gguf - <&3 || fail "the descriptor that was kept reads something else"

# After an error it is there still, and empty.
cp source.gguf nan.gguf
patch nan.gguf -2 007e
refuses "$QUANTFS" quantize nan.gguf out.gguf Q8_0
equal "inode and size after an error" "$(stat -c '%i %s' out.gguf)" "${before% *} 0"

# A new one has the mode that the umask leaves.
(umask 027 && "$QUANTFS" quantize source.gguf new.gguf Q8_0 >/dev/null 2>&1)
equal "mode of a new file" "$(stat -c %a new.gguf)" 640
same new.gguf expected.gguf
