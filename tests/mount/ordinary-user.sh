#!/bin/bash
# If this failed, a user without root rights could not mount the own models, or would keep too few rights or too many.
. "$(dirname "$0")/lib.bash"
need_root
command -v setpriv >/dev/null && [ -u "$(command -v fusermount3)" ] || skip "no setpriv, or fusermount3 is not set-uid"
cp "$QUANTFS" program
cp source.gguf expected.source
chown -R 65534:65534 models mnt
touch log out.log
chown 65534 . log out.log
chmod 711 "$work"
[ -z "${TMPDIR:-}" ] || chmod 711 "$TMPDIR"
chmod 755 program
cp source.gguf models/secret.gguf
chmod 600 models/secret.gguf # root's
expected source.gguf Q4_K_M
chmod 644 expected
# /dev/fuse may be root's alone here: in a namespace of the test's own it is everybody's.
cat >inside <<'INSIDE'
mount --make-rprivate / && mkdir dev && mount -t tmpfs tmpfs dev && mknod -m 666 dev/fuse c 10 229 && mount --bind dev/fuse /dev/fuse || exit 77
exec setpriv --reuid=65534 --regid=65534 --clear-groups bash user
INSIDE
cat >user <<'USER'
exec 2>user.err
set -e
trap 'fusermount3 -uz mnt 2>/dev/null || true' EXIT
./program models mnt -o log=out.log
cmp mnt/a@q4_k_m.gguf expected
[ "$(stat -c %u mnt/a@q4_k_m.gguf)" = 65534 ]
if cat mnt/secret.gguf >/dev/null 2>&1; then echo "reads what it may not read" >&2; exit 1; fi
if cat mnt/secret@q4_k_m.gguf >/dev/null 2>&1; then echo "reads a variant of what it may not read" >&2; exit 1; fi
fusermount3 -u mnt
# The same in the foreground, ended by a signal.
./program models mnt -f -o log=out.log & pid=$!
for i in $(seq 200); do [ -e mnt/a@q4_k_m.gguf ] && break; sleep 0.05; done
cmp mnt/a@q4_k_m.gguf expected
kill -INT $pid
wait $pid
if ./program models mnt -o allow_other 2>allow.err; then
    grep -q '^user_allow_other' /etc/fuse.conf || { echo "allow_other without user_allow_other" >&2; exit 1; }
else
    grep -q user_allow_other allow.err || { echo "no word of user_allow_other: $(cat allow.err)" >&2; exit 1; }
fi
USER
: >user.err
chown 65534 user.err
status=0
"$tests/apart" bash inside || status=$?
[ "$status" -ne 77 ] || skip "no namespace with a /dev/fuse for everybody"
equal "outcome ($(cat user.err))" "$status" 0
