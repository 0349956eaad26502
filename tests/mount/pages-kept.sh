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
stop
