#!/bin/bash
# If this failed, a limit on the size of files (ulimit -f) would kill the program and leave a part of a model behind.
. "$(dirname "$0")/lib.bash"

limited() { # OUT: writes with a limit of 300 KiB
    local status=0
    (ulimit -f 300 && exec "$QUANTFS" quantize source.gguf "$1" COPY) >out 2>err || status=$?
    equal "exit status" "$status" 1
    grep -q "cannot write '$1': File too large" err || fail "no reason: $(cat err)"
}
[ "$(stat -c %s source.gguf)" -gt $((300 * 1024)) ] || fail "the model is too small for this test"
echo old >old.gguf
inode=$(stat -c %i old.gguf)
limited old.gguf
equal "inode and size of a file that existed" "$(stat -c '%i %s' old.gguf)" "$inode 0"
limited new.gguf
[ ! -e new.gguf ] || fail "left behind: new.gguf"
equal "all that is left" "$(ls -A)" $'err\nold.gguf\nout\nsource.gguf'
