#!/bin/bash
# If this failed, several readers of one cold chunk would each convert it.
. "$(dirname "$0")/lib.bash"
# One chunk of Q8_0 is 512 Ki weights: 1024 rows of 512. O_DIRECT, so that the page cache does not join the readers.
"$tests/make-big-model" --width 512 --ff 1024 --heads 8 --kv 8 --layers 2 --vocab 1024 models/big.gguf
"$QUANTFS" recipe models/big.gguf q8_0 >recipe
at=$(awk -F'\t' '$1 == "blk.1.ffn_up.weight" { print int($5 / 4096 + 2) * 4096 }' recipe)
expected models/big.gguf Q8_0
dd if=expected bs=4096 skip=$((at / 4096)) count=1 status=none >piece
wait_old models/big.gguf # what was made from young bytes is made again later, which would count
start
equal "conversions before" "$(stats conversions)" 0
exec 5<mnt/big@q8_0.gguf
python3 - "$at" <<'PYTHON'
import mmap, os, sys, threading
at, count = int(sys.argv[1]), 64
good = open("piece", "rb").read()
gate, wrong = threading.Barrier(count), []
def run():
    fd = os.open("mnt/big@q8_0.gguf", os.O_RDONLY | os.O_DIRECT)
    buffer = mmap.mmap(-1, 4096)
    gate.wait()
    os.preadv(fd, [buffer], at)
    if buffer[:] != good:
        wrong.append(1)
threads = [threading.Thread(target=run) for _ in range(count)]
for thread in threads: thread.start()
for thread in threads: thread.join()
sys.exit(len(wrong) > 0)
PYTHON
equal "conversions after 64 readers of one chunk" "$(stats conversions)" 1
# Its neighbours are at hand: reading on in the same chunk converts nothing more.
python3 -c 'import mmap, os, sys
fd = os.open("mnt/big@q8_0.gguf", os.O_RDONLY | os.O_DIRECT)
for i in (5, 40, 20): os.preadv(fd, [mmap.mmap(-1, 4096)], int(sys.argv[1]) + i * 4096)' "$at"
equal "conversions after reading beside it" "$(stats conversions)" 1
exec 5<&-
stop
