#!/bin/bash
# If this failed, -o allow_other would let others read what the files' modes forbid, or follow links out of the tree.
. "$(dirname "$0")/lib.bash"
need_root
command -v setpriv >/dev/null || skip "no setpriv"
chmod 755 "$work"
for_nobody() { as_nobody head -c 1 "$1" >/dev/null 2>&1; }
not_for_nobody() { ! for_nobody "$1"; }
as_nobody() { setpriv --reuid=65534 --regid=65534 --clear-groups "$@"; }
cp source.gguf models/private.gguf
chmod 600 models/private.gguf
mkdir outside models/sub
cp source.gguf outside/out.gguf
ln -s "$work/outside/out.gguf" models/away.gguf
ln -s ../a.gguf models/sub/near.gguf
# A link passes directories that the kernel does not see on the way to a variant.
mkdir -m 755 models/alice
mkdir -m 700 models/bob
mkdir -m 755 models/bob/inner models/open
for file in models/bob/secret.gguf models/bob/inner/deep.gguf models/open/free.gguf; do
    cp source.gguf "$file"
    chmod 644 "$file"
done
ln -s ../bob/secret.gguf models/alice/x.gguf
ln -s ../bob/inner/deep.gguf models/alice/y.gguf
ln -s y.gguf models/alice/z.gguf
ln -s ../bob/../open/free.gguf models/alice/through.gguf
ln -s ../open/free.gguf models/alice/free.gguf
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
for name in x y z through; do
    as_nobody cat "mnt/alice/$name.gguf" >/dev/null 2>err && fail "another user passes a closed directory: $name"
    as_nobody cat "mnt/alice/$name@q4_k_m.gguf" >/dev/null 2>err && fail "a variant passes a closed directory: $name"
    grep -q 'Permission denied' err || fail "$name: $(cat err)"
    equal "mode of a variant of $name" "$(stat -c %a "mnt/alice/$name@q4_k_m.gguf")" 400
    same "mnt/alice/$name@q4_k_m.gguf" expected
done
as_nobody cmp mnt/alice/free@q4_k_m.gguf expected || fail "a link through open directories is not followed for others"
equal "mode behind open directories" "$(stat -c %a mnt/alice/free@q4_k_m.gguf)" 444
# A directory is closed and opened while the files stay as they are.
wait_old models/open/free.gguf
chmod 700 models/open
until_true 5 not_for_nobody mnt/alice/free@q4_k_m.gguf || fail "a directory was closed, and its variant can still be read"
chmod 755 models/open models/bob
until_true 5 for_nobody mnt/alice/free@q4_k_m.gguf || fail "a directory was opened, and its variant cannot be read"
until_true 5 for_nobody mnt/alice/x@q4_k_m.gguf || fail "a directory was opened, and its variant cannot be read: x"
# Those of the group may pass where the directory is of the file's group.
chmod 750 models/bob
until_true 5 eval '[ "$(stat -c %a mnt/alice/x@q4_k_m.gguf)" = 440 ]' || fail "mode: $(stat -c %a mnt/alice/x@q4_k_m.gguf)"
chgrp 65534 models/bob
until_true 5 eval '[ "$(stat -c %a mnt/alice/x@q4_k_m.gguf)" = 400 ]' || fail "mode: $(stat -c %a mnt/alice/x@q4_k_m.gguf)"
stop
