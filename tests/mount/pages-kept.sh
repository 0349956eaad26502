#!/bin/bash
# If this failed, the second reader of a variant would cost a second conversion, or requests, though the kernel has the pages.
. "$(dirname "$0")/lib.bash"
wait_old models/a.gguf
start
# The first open may still be of a young version; only old ones may stay.
cat mnt/a@q4_k_m.gguf >first
conversions=$(stats conversions)
bytes=$(stats bytes)
[ "$conversions" -gt 0 ] && [ "$bytes" -ge "$(size first)" ] || fail "nothing is counted"
cat mnt/a@q4_k_m.gguf >second
same first second
equal "conversions of the second reading" "$(stats conversions)" "$conversions"
equal "bytes sent at the second reading" "$(stats bytes)" "$bytes"
# Of a young version nothing is kept, variant or mirrored: it may be written to without a trace in its times.
touch -d 'now + 1 hour' models/a.gguf
for name in a@q4_k_m.gguf a.gguf; do
    cat mnt/$name >/dev/null
    sent=$(stats bytes)
    cat mnt/$name >young
    [ "$(stats bytes)" -ge $((sent + $(size young))) ] || fail "$name: pages of a young version are kept"
done
stop
