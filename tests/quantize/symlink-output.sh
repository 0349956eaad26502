#!/bin/bash
# If this failed, a symlink called OUT would be replaced instead of followed.
. "$(dirname "$0")/lib.bash"

"$QUANTFS" quantize source.gguf expected.gguf Q8_0 >/dev/null 2>&1
mkdir -p store/deep links
echo old >store/old.gguf
inode=$(stat -c %i store/old.gguf)
ln -s ../store/old.gguf links/old.gguf
ln -s ../store/deep/hop.gguf links/new.gguf
ln -s new.gguf store/deep/hop.gguf
ln -s loop.gguf links/loop.gguf

"$QUANTFS" quantize source.gguf links/old.gguf Q8_0 >/dev/null 2>&1
[ -L links/old.gguf ] || fail "the symlink is gone"
equal "inode behind the symlink" "$(stat -c %i store/old.gguf)" "$inode"
same store/old.gguf expected.gguf
"$QUANTFS" quantize source.gguf links/new.gguf Q8_0 >/dev/null 2>&1
[ -L links/new.gguf ] && [ -L store/deep/hop.gguf ] || fail "a dangling symlink is gone"
same store/deep/new.gguf expected.gguf
refuses "$QUANTFS" quantize source.gguf links/loop.gguf Q8_0
grep -q 'symbolic links' err || fail "no reason for a loop: $(cat err)"
