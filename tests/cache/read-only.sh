#!/bin/bash
# If this failed, a verb that could not do its work would say that it had.
apart=$(dirname "$0")/../apart
if [ -z "${CACHE_TEST_INSIDE:-}" ]; then
    if [ "$(id -u)" -ne 0 ] || ! "$apart" true 2>/dev/null; then
        echo "skipped: no mount namespace"
        exit 77
    fi
    CACHE_TEST_INSIDE=yes exec "$apart" bash "$0"
fi
. "$(dirname "$0")/lib.bash"
mount --make-rprivate /

"$CACHE_FILL" dir 5
mapfile -t files < <(objects dir)
printf x | dd of="${files[0]}" bs=1 seek=30 conv=notrunc status=none
mount --bind dir dir && mount -o remount,bind,ro dir
before=$(ls -lR dir)
for verb in verify "trim 0" clear; do
    # shellcheck disable=SC2086
    refuses "$QUANTFS" cache $verb dir
    grep -q "^quantfs cache: .*dir: " err || fail "$verb: no reason in: $(cat err)"
done
equal "objects" "$(field objects dir)" 5
equal "what is there" "$(ls -lR dir)" "$before"
umount dir
equal "verify, once it can be written" "$("$QUANTFS" cache verify dir)" "4 good, 1 removed"
