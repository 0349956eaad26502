#!/bin/bash
# If this failed, a full disk would leave a part of a model behind, or no word of why.
. "$(dirname "$0")/lib.bash"

mkdir small
cat >inside.sh <<'INSIDE'
set -e
mount -t tmpfs -o size=1m tmpfs small
status=0
"$1" quantize source.gguf small/new.gguf COPY >out 2>err || status=$?
[ "$status" -eq 1 ] || { echo "exit status $status" >&2; exit 1; }
[ -z "$(ls -A small)" ] || { echo "left behind: $(ls -A small)" >&2; exit 1; }
echo old >small/old.gguf
status=0
"$1" quantize source.gguf small/old.gguf COPY >>out 2>>err || status=$?
[ "$status" -eq 1 ] && [ "$(stat -c %s small/old.gguf)" -eq 0 ] || { echo "an existing file is not empty" >&2; exit 1; }
INSIDE
"$tests/apart" mount -t tmpfs tmpfs small 2>/dev/null || skip "no mount namespace here"
"$tests/apart" bash inside.sh "$QUANTFS" || fail "in the small filesystem"
equal "standard output" "$(cat out)" ""
grep -q "cannot write 'small/new.gguf': No space left on device" err || fail "no reason: $(cat err)"
equal "last line" "$(tail -n 1 err)" "llama_quantize: failed to quantize model from 'source.gguf'"

refuses "$QUANTFS" quantize source.gguf /dev/full Q8_0
grep -q "cannot write '/dev/full': No space left on device" err || fail "no reason: $(cat err)"
