#!/bin/bash
# If this failed, -o allow_other would let others read what the files' modes forbid, or follow links out of the tree.
. "$(dirname "$0")/lib.bash"
need_root
command -v setpriv >/dev/null || skip "no setpriv"
chmod 755 "$work"
as_nobody() { setpriv --reuid=65534 --regid=65534 --clear-groups "$@"; }
cp source.gguf models/private.gguf
chmod 600 models/private.gguf
mkdir outside models/sub
cp source.gguf outside/out.gguf
ln -s "$work/outside/out.gguf" models/away.gguf
ln -s ../a.gguf models/sub/near.gguf
expected source.gguf Q4_K_M
chmod 644 expected models/a.gguf
start
as_nobody cat mnt/a.gguf >/dev/null 2>&1 && fail "another user is let in without allow_other"
stop
start -o allow_other
as_nobody cmp mnt/a@q4_k_m.gguf expected || fail "another user cannot read"
as_nobody cat mnt/private.gguf >/dev/null 2>err && fail "another user reads a private file"
as_nobody cat mnt/private@q4_k_m.gguf >/dev/null 2>err && fail "another user reads the variant of a private file"
grep -q 'Permission denied' err || fail "private: $(cat err)"
same mnt/private@q4_k_m.gguf expected
absent mnt/away@q4_k_m.gguf || fail "a link out of the tree is followed for others"
same mnt/sub/near@q4_k_m.gguf expected
stop
