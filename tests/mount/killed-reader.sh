#!/bin/bash
# If this failed, the machine would go on converting for a reader that is gone.
. "$(dirname "$0")/lib.bash"
"$tests/make-big-model" --layers 3 models/big.gguf
wait_old models/big.gguf # what was made from young bytes is made again later, which would count
start
chunk=557056 # of Q8_0; every matrix of this model is a number of whole chunks
whole=$(size mnt/big@q8_0.gguf)
cp mnt/big@q8_0.gguf copy &
copy=$!
five_percent() { [ "$(stat -c %s copy 2>/dev/null || echo 0)" -gt $((whole / 20)) ]; }
until_true 30 five_percent || fail "cp does not get on"
kill -KILL "$copy"
killed=${EPOCHREALTIME/./}
wait "$copy" 2>/dev/null || true
[ "$(size copy)" -lt $((whole / 2)) ] || fail "cp was too fast to be caught: $(size copy) of $whole bytes"
# What the kernel had queued for it is answered first: for a moment nothing may be under way. `quiet`: since when nothing is.
idle() {
    local now
    now=$(stats conversions)
    quiet=${EPOCHREALTIME/./}
    [ "$(stats converting)" -eq 0 ] && sleep 0.2 && [ "$(stats conversions)" = "$now" ]
}
until_true 5 idle || fail "conversions go on"
[ $((quiet - killed)) -lt 2000000 ] || fail "conversions went on for more than 2 s"
converted=$(stats conversions)
sent=$(($(stats bytes) / chunk + 1))
# What was begun ahead, and the chunk that the last reply was cut from.
allowed=$((2 * $(nproc) + 1))
echo "$converted chunks converted, $sent sent, $allowed more allowed"
[ "$converted" -gt 0 ] || fail "nothing was counted"
[ "$converted" -le $((sent + allowed)) ] || fail "converted $converted chunks, sent $sent"
ahead=$(stats conversions_ahead)
[ "$ahead" -gt 0 ] || fail "nothing was converted ahead"
# Nothing comes after.
sleep_until_quiet() { local now; now=$(stats conversions); [ "$now" = "$converted" ]; }
sleep_until_quiet || fail "one more conversion after the end"
stop
