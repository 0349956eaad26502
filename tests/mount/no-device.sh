#!/bin/bash
# If this failed, a machine or container without /dev/fuse would give no clear message.
. "$(dirname "$0")/lib.bash"
need_root
mkdir dev
cat >inside <<'INSIDE'
mount --make-rprivate / || exit 77
mount --bind /dev/null /dev/fuse || exit 77
status=0
timeout 20 "$1" models mnt >out 2>err </dev/null || status=$?
[ "$status" -ne 0 ] || exit 90
exit $((status == 1 ? 0 : 91))
INSIDE
status=0
"$tests/apart" bash inside "$QUANTFS" || status=$?
[ "$status" -ne 77 ] || skip "no mount namespace"
equal "outcome ($(cat err))" "$status" 0
grep -qF /dev/fuse err || fail "no word of /dev/fuse: $(cat err)"
not_mounted mnt || fail "a half mount"
