#!/bin/bash
# If this failed, an archive or a copy of a variant would have holes, be cut, or be made anew each time.
. "$(dirname "$0")/../mount/lib.bash"
missing=
start
expected source.gguf Q4_K_M
mv expected a@q4_k_m.gguf
sum=$(sha256sum <a@q4_k_m.gguf)
equal "sha256sum" "$(sha256sum <mnt/a@q4_k_m.gguf)" "$sum"
copied() { # WHAT FILE
    cmp "$2" a@q4_k_m.gguf || fail "$1: another file"
    rm -rf "$(dirname "$2")"
}
new() { rm -rf got && mkdir got; }
for how in --sparse=always --sparse=never --reflink=auto -a; do
    new
    cp $how mnt/a@q4_k_m.gguf got
    copied "cp $how" got/a@q4_k_m.gguf
done
new
dd if=mnt/a@q4_k_m.gguf of=got/a@q4_k_m.gguf bs=1000003 status=none
copied dd got/a@q4_k_m.gguf
new
cat mnt/a@q4_k_m.gguf | cat >got/a@q4_k_m.gguf
copied cat got/a@q4_k_m.gguf
for how in "" -S "-S --hole-detection=raw" "-S --hole-detection=seek"; do
    new
    tar -C mnt $how -cf - a@q4_k_m.gguf | tar -C got -xf -
    copied "tar $how" got/a@q4_k_m.gguf
done
if command -v bsdtar >/dev/null; then
    new
    bsdtar -C mnt -cf - a@q4_k_m.gguf | bsdtar -C got -xf -
    copied bsdtar got/a@q4_k_m.gguf
else missing+=" bsdtar"; fi
if command -v rsync >/dev/null; then
    for how in -a -aS -aW; do
        new
        rsync $how mnt/a@q4_k_m.gguf got/
        equal "what rsync $how would copy again" "$(rsync $how -i mnt/a@q4_k_m.gguf got/)" ""
        copied "rsync $how" got/a@q4_k_m.gguf
    done
else missing+=" rsync"; fi
python3 - <<'PYTHON'
import os
good = open("a@q4_k_m.gguf", "rb").read()
source = os.open("mnt/a@q4_k_m.gguf", os.O_RDONLY)
# sendfile, holes
got = os.open("got.sendfile", os.O_RDWR | os.O_CREAT)
sent = 0
while sent < len(good):
    n = os.sendfile(got, source, sent, len(good))
    assert n > 0, "sendfile ends at %d" % sent
    sent += n
assert os.pread(got, len(good) + 1, 0) == good, "sendfile"
# splice, where this Python has it
if hasattr(os, "splice"):
    end, begin = os.pipe()
    spliced = bytearray()
    while len(spliced) < len(good):
        n = os.splice(source, begin, 65536, offset_src=len(spliced))
        assert n > 0, "splice ends at %d" % len(spliced)
        while n > 0:
            part = os.read(end, n)
            spliced += part
            n -= len(part)
    assert spliced == good, "splice"
assert os.lseek(source, 0, os.SEEK_DATA) == 0 and os.lseek(source, 0, os.SEEK_HOLE) == len(good), "holes"
PYTHON
stop
[ -z "$missing" ] || skip "all but$missing"
