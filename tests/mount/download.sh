#!/bin/bash
# If this failed, a model that is being downloaded would show variants of half a file, errors, or none when it is whole.
. "$(dirname "$0")/lib.bash"
start
cut=0
for part in 3 4 20 100 5000 20000 100000 1000000 2000000; do
    head -c $part source.gguf | tail -c +$((cut + 1)) >>models/new.gguf
    cut=$part
    grown() { [ "$(size mnt/new.gguf)" -eq "$part" ]; }
    until_true 5 grown || fail "the mirrored file has $(size mnt/new.gguf) bytes, not $part"
    equal "variants at $part bytes" "$(variants mnt)" "a@q4_k_m.gguf a@q4_k_s.gguf a@q8_0.gguf"
    absent mnt/new@q4_k_m.gguf || fail "a variant at $part bytes"
done
equal "log lines about the growing file" "$(lines new.gguf)" 0
tail -c +$((cut + 1)) source.gguf >>models/new.gguf
present mnt/new@q4_k_m.gguf || fail "no variant of the whole file"
expected source.gguf Q4_K_M
same mnt/new@q4_k_m.gguf expected
# Some downloaders make the file as long as it will be, and fill it.
truncate -s "$(size source.gguf)" models/sparse.gguf
absent mnt/sparse@q4_k_m.gguf || fail "a variant of an empty file"
dd if=source.gguf of=models/sparse.gguf conv=notrunc status=none
present mnt/sparse@q4_k_m.gguf || fail "no variant of the filled file"
same mnt/sparse@q4_k_m.gguf expected
# ls all the while.
(while [ ! -e finished ]; do ls -l mnt >/dev/null 2>>ls.err; done) &
for round in 1 2 3; do
    rm -f models/live.gguf
    for block in $(seq 0 40); do dd if=source.gguf of=models/live.gguf bs=65536 skip="$block" seek="$block" count=1 conv=notrunc status=none; done
    until_true 5 cmp -s mnt/live@q4_k_m.gguf expected || fail "round $round: not whole in the end"
done
touch finished
wait %?finished 2>/dev/null || true
! grep -v 'No such file' ls.err || fail "ls said that"
stop
