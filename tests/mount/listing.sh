#!/bin/bash
# If this failed, ls would show other names than those that exist, or names that cannot be opened.
. "$(dirname "$0")/lib.bash"
mkdir models/sub models/empty
cp source.gguf models/sub/b.gguf
echo text >models/readme.txt
printf 'GGUF' >models/cut.gguf
ln -s a.gguf models/link.gguf
start
equal "listing" "$(ls mnt | paste -sd' ')" "a.gguf a@q4_k_m.gguf a@q4_k_s.gguf a@q8_0.gguf cut.gguf empty link.gguf link@q4_k_m.gguf link@q4_k_s.gguf link@q8_0.gguf readme.txt sub"
equal "listing below" "$(ls mnt/sub | paste -sd' ')" "b.gguf b@q4_k_m.gguf b@q4_k_s.gguf b@q8_0.gguf"
equal "empty directory" "$(ls -A mnt/empty)" ""
equal "dots" "$(ls -a mnt/empty | paste -sd' ')" ". .."
# Types without a stat, and every listed name opens.
python3 - <<'PYTHON'
import os
kinds = {e.name: "d" if e.is_dir(follow_symlinks=False) else "l" if e.is_symlink() else "f" for e in os.scandir("mnt")}
assert kinds["sub"] == "d" and kinds["a@q8_0.gguf"] == "f" and kinds["link.gguf"] == "l" and kinds["readme.txt"] == "f", kinds
for e in os.scandir("mnt"):
    assert e.inode() == os.lstat(e.path).st_ino, e.name
    if e.is_file():
        open(e.path, "rb").read(4)
PYTHON
stop
start -o variants=q6_k:Q8_0:q4_k+pure
equal "chosen variants" "$(variants mnt/sub)" "b@q4_k_m+pure.gguf b@q6_k.gguf b@q8_0.gguf"
[ -f mnt/a@q4_0.gguf ] || fail "a variant that is not listed is not there"
stop
# Many entries: more than one buffer of a listing.
mkdir models/many
seq -f 'models/many/file-with-a-rather-long-name-%04g.txt' 3000 | xargs touch
start
equal "entries of a large directory" "$(ls -U mnt/many | sort -u | wc -l)" 3000
equal "entries seen twice" "$(ls -U mnt/many | sort | uniq -d | wc -l)" 0
stop
