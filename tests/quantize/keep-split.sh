#!/bin/bash
# If this failed, --keep-split would write other files than the source has, or leave some of them behind after an error.
. "$(dirname "$0")/lib.bash"

shape=(--width 256 --ff 512 --heads 4 --kv 2 --layers 2 --vocab 300)
set_of() { "$tests/make-big-model" "${shape[@]}" --split "$2" "$1.gguf"; } # STEM COUNTS
keep() { "$QUANTFS" quantize --keep-split "$@" >stdout 2>stderr; }
files() { (shopt -s nullglob && echo "$1"-0*); }
set_of set 3

# Names, as many as there were; the pieces are what the whole set's variant is made of, but for their order.
keep set-00001-of-00003.gguf out.gguf Q8_0 2 || fail "$(cat stderr)"
equal "files" "$(files out)" "out-00001-of-00003.gguf out-00002-of-00003.gguf out-00003-of-00003.gguf"
equal "lines" "$(grep -c '^\[ *[0-9]*/  21\] ' stderr)" 21
python3 - <<'PYTHON'
import struct, subprocess
def parts(path):
    """Keys' names in order, tensors' names in order, size of the data."""
    data = open(path, "rb").read()
    at, sizes = 24, {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
    tensors, keys = struct.unpack_from("<QQ", data, 8)
    def text():
        nonlocal at
        length, = struct.unpack_from("<Q", data, at)
        at += 8 + length
        return data[at - length:at].decode()
    def skip(kind):
        nonlocal at
        if kind == 8:
            text()
        elif kind == 9:
            kind, count = struct.unpack_from("<IQ", data, at)
            at += 12
            for _ in range(count):
                skip(kind)
        else:
            at += sizes[kind]
    found, names = {}, []
    for _ in range(keys):
        name = text()
        kind, = struct.unpack_from("<I", data, at)
        at += 4
        found[name] = (kind, data[at:at + 4])
        skip(kind)
    for _ in range(tensors):
        names.append(text())
        count, = struct.unpack_from("<I", data, at)
        at += 4 + 8 * count + 4 + 8
    return found, names
whole = []
for i in 1, 2, 3:
    keys, names = parts("out-0000%d-of-00003.gguf" % i)
    source = parts("set-0000%d-of-00003.gguf" % i)
    assert names == source[1], "other tensors in file %d" % i
    last = list(keys)[-3:]
    assert last == ["split.no", "split.count", "split.tensors.count"], last
    assert keys["split.no"][1][:2] == struct.pack("<H", i - 1) and keys["split.no"][0] == 2, keys["split.no"]
    assert keys["split.tensors.count"] == (5, struct.pack("<i", 21)), keys
    assert i == 1 or len(keys) == 3, "keys of file %d: %s" % (i, list(keys))
PYTHON
# The set that came out is a source again, of the same types.
"$QUANTFS" recipe set-00001-of-00003.gguf q8_0 | cut -f1,4 >types
"$QUANTFS" recipe out-00001-of-00003.gguf copy | cut -f1,4 | diff - types || fail "other types"

# What OUT is called: an ending goes, and without OUT it is beside the source.
keep set-00001-of-00003.gguf plain Q8_0 && keep set-00001-of-00003.gguf Q8_0 || fail "$(cat stderr)"
for i in 1 2 3; do
    same "plain-0000$i-of-00003.gguf" "out-0000$i-of-00003.gguf"
    same "ggml-model-Q8_0-0000$i-of-00003.gguf" "out-0000$i-of-00003.gguf"
done
grep -q "to 'out' as" <(keep set-00001-of-00003.gguf out.gguf Q8_0; cat stderr) || fail "says: $(cat stderr)"

# A single file gives one of the same form, in the order of its tensors.
keep source.gguf one.gguf Q8_0 || fail "$(cat stderr)"
equal "files of a single file" "$(files one)" one-00001-of-00001.gguf

# An empty first shard is kept, one at the end is not; over one in the middle the tool crashes.
set_of first 0,21
keep first-00001-of-00002.gguf e Q8_0 || fail "$(cat stderr)"
equal "files with an empty first one" "$(files e)" "e-00001-of-00002.gguf e-00002-of-00002.gguf"
set_of last 10,11,0
keep last-00001-of-00003.gguf l Q8_0 || fail "$(cat stderr)"
equal "files with an empty last one" "$(files l)" "l-00001-of-00002.gguf l-00002-of-00002.gguf"
set_of middle 10,0,11
refuses "$QUANTFS" quantize --keep-split middle-00001-of-00003.gguf m.gguf Q8_0
grep -q 'failed to quantize: shard 2 has no tensors' err || fail "says: $(cat err)"
equal "files with an empty one in the middle" "$(files m)" ""

# A dry run writes nothing.
"$QUANTFS" quantize --keep-split --dry-run set-00001-of-00003.gguf dry.gguf Q8_0 >/dev/null 2>&1 || fail "dry run"
equal "files of a dry run" "$(files dry)" ""

# After an error nothing is left of any file, and those that were there are empty and the same.
cp set-00003-of-00003.gguf nan-00003-of-00003.gguf
cp set-00002-of-00003.gguf nan-00002-of-00003.gguf
cp set-00001-of-00003.gguf nan-00001-of-00003.gguf
patch nan-00003-of-00003.gguf -2 007e
refuses "$QUANTFS" quantize --keep-split nan-00001-of-00003.gguf bad.gguf Q8_0
equal "left after an error" "$(ls -A | grep -e ^bad -e quantfs- || true)" ""
head -c 1000000 /dev/zero >bad-00002-of-00003.gguf
before=$(stat -c %i bad-00002-of-00003.gguf)
refuses "$QUANTFS" quantize --keep-split nan-00001-of-00003.gguf bad.gguf Q8_0
equal "files after an error" "$(files bad)" bad-00002-of-00003.gguf
equal "inode and size of one that was there" "$(stat -c '%i %s' bad-00002-of-00003.gguf)" "$before 0"
keep set-00001-of-00003.gguf bad.gguf Q8_0 || fail "$(cat stderr)"
equal "inode of one that was there" "$(stat -c %i bad-00002-of-00003.gguf)" "$before"
same bad-00002-of-00003.gguf out-00002-of-00003.gguf

# One that cannot be opened: the others are not touched.
mkdir dir-00003-of-00003.gguf
echo kept >dir-00001-of-00003.gguf
refuses "$QUANTFS" quantize --keep-split set-00001-of-00003.gguf dir.gguf Q8_0
grep -q "dir-00003-of-00003.gguf': Is a directory" err || fail "says: $(cat err)"
equal "files" "$(files dir)" "dir-00001-of-00003.gguf dir-00003-of-00003.gguf"
equal "one that was there" "$(cat dir-00001-of-00003.gguf)" kept

# The source's own files.
sha256sum set-0* >sums
refuses "$QUANTFS" quantize --keep-split set-00001-of-00003.gguf set.gguf Q8_0
grep -q 'input and output files are the same' err || fail "says: $(cat err)"
sha256sum -c --quiet sums || fail "the source was written to"
