#!/bin/bash
# If this failed, a variant with an importance matrix would be made with another one than it says, with an old one, or not at all.
. "$(dirname "$0")/lib.bash"
make_imatrix() { "$tests/make-imatrix" "$QUANTFS" source.gguf "$@"; } # OUT SEED [gguf|dat] [WITHOUT]
rm -r models && mkdir models
cp source.gguf models/x.gguf
for seed in 1 2 3 4 5 6; do make_imatrix "matrix.$seed" "$seed"; done
make_imatrix dat.4 4 dat

# as_tool NAME TYPE [DIRECTORY]: the bytes that the tool gives in the model's directory, or in the matrix's
as_tool() {
    rm -f expected
    (cd "${3:-models}" && "$QUANTFS" quantize --imatrix "$1" "$work/models/x.gguf" "$work/expected" "$2") >/dev/null 2>quantize.err ||
        fail "quantize: $(tail -n 1 quantize.err)"
}
view=mnt/x@q4_k_m+imatrix.gguf
shows() { # WHAT NAME-OF-MATRIX [DIRECTORY]
    as_tool "$2" Q4_K_M "${3:-models}"
    until_true 5 present "$view" || fail "$1: no variant"
    until_true 5 cmp -s "$view" expected || fail "$1: not the bytes that the tool makes with $2"
}

# --- none, and who is told
mkdir matrices
start -o "imatrix_dir=$work/matrices" -v
[ ! -e "$view" ] || fail "a variant with an importance matrix, and there is none"
equal "lines that say so" "$(lines "models/x.gguf: no variant q4_k_m+imatrix: no importance matrix: no x.imatrix.gguf, x.imatrix, imatrix.gguf or imatrix.dat beside it, nor")" 1
[ ! -e mnt/x@iq2_xs.gguf ] || fail "iq2_xs without an importance matrix"
equal "lines that say what to do" "$(lines "no variant iq2_xs: this quantization requires an imatrix! Ask for iq2_xs+imatrix")" 1
[ ! -e mnt/x@Q2_K_S.gguf ] || fail "q2_k_s without an importance matrix"
equal "lines that say what to do, again" "$(lines "no variant q2_k_s:" "Ask for q2_k_s+imatrix")" 1
plain=$(inode mnt/x@q4_k_m.gguf)
expected source.gguf Q4_K_M
same mnt/x@q4_k_m.gguf expected

# --- each place, the last one first, so that each goes before those that are there
cp matrix.6 matrices/x.imatrix
shows "imatrix_dir, the second name" x.imatrix matrices
cp matrix.5 matrices/x.imatrix.gguf
shows "imatrix_dir" x.imatrix.gguf matrices
cp matrix.5 matrices/imatrix.gguf # whose would it be?
cp dat.4 models/imatrix.dat
shows "imatrix.dat" imatrix.dat
cp matrix.3 models/imatrix.gguf
shows "imatrix.gguf" imatrix.gguf
cp matrix.2 models/x.imatrix
shows "x.imatrix" x.imatrix
cp matrix.1 models/x.imatrix.gguf
shows "x.imatrix.gguf" x.imatrix.gguf
cmp -s "$view" mnt/x@q4_k_m.gguf && fail "the importance matrix changes nothing"
equal "inode of the variant without" "$(inode mnt/x@q4_k_m.gguf)" "$plain"
[ "$(inode "$view")" != "$plain" ] || fail "one inode number for two variants"
for type in q4_0 q5_1 q2_k_s iq2_xs iq3_xxs iq4_nl; do
    as_tool x.imatrix.gguf "$type"
    same "mnt/x@$type+imatrix.gguf" expected
done
# Spelled otherwise it is the same node; the matrix itself is mirrored.
equal "inode by another spelling" "$(inode 'mnt/x@Q4_K+IMATRIX.gguf')" "$(inode "$view")"
as_tool x.imatrix.gguf Q4_K_M
same mnt/x.imatrix.gguf models/x.imatrix.gguf
[ ! -e mnt/x.imatrix@q4_k_m.gguf ] || fail "the matrix is taken for a model"

# --- the mode and time of a view are those of all its files
chmod 640 models/x.gguf
chmod 604 models/x.imatrix.gguf
touch -d '2030-01-01' models/x.imatrix.gguf
until_true 5 eval '[ "$(stat -c %a "$view")" = 400 ]' || fail "mode $(stat -c %a "$view")"
equal "time" "$(stat -c %Y "$view")" "$(date -d '2030-01-01' +%s)"
equal "mode of the variant without" "$(stat -c %a mnt/x@q4_k_m.gguf)" 440
chmod 644 models/x.gguf models/x.imatrix.gguf
touch -d '2024-01-01' models/x.imatrix.gguf

# --- changed, or gone, under a reader
wait_old models/x.imatrix.gguf models/x.gguf
until_true 5 cmp -s "$view" expected || fail "no view of the old matrix"
whole=$(size "$view")
exec 5<"$view" 6<mnt/x@q4_k_m.gguf
head_of 5 >/dev/null
head_of 6 >/dev/null
cat matrix.2 >models/x.imatrix.gguf # in place
"$reader" drop 5
equal "a read of the old version" "$(tail_of 5 "$whole")" ESTALE
equal "lines about it" "$(lines "models/x.gguf: its importance matrix changed while a variant of it was open")" 1
"$reader" drop 6
equal "a read of the variant without" "$(tail_of 6 "$(size mnt/x@q4_k_m.gguf)")" "$(bytes_of_tail mnt/x@q4_k_m.gguf)"
exec 5<&- 6<&-
shows "changed in place" x.imatrix.gguf
wait_old models/x.imatrix.gguf
exec 5<"$view"
head_of 5 >/dev/null
rm models/x.imatrix.gguf
"$reader" drop 5
equal "a read when the matrix has been removed" "$(tail_of 5 "$whole")" "$(bytes_of_tail expected)"
exec 5<&-
shows "removed: the next place" x.imatrix
# A symlink to the one that is used gives the header another name, and nothing else changes.
ln -s x.imatrix models/x.imatrix.gguf
shows "a symlink" x.imatrix.gguf
rm models/x.imatrix.gguf
shows "the symlink has gone" x.imatrix

# --- what does not fit
rm models/x.imatrix models/imatrix.* matrices/*
misfit() { # WHAT LINE
    until_true 5 absent "$view" || fail "$1: a variant"
    until_true 5 eval "[ \"\$(lines '$2')\" -gt 0 ]" || fail "$1: no line '$2'"
}
head -c 500 matrix.1 >models/x.imatrix.gguf
misfit "cut" "models/x.imatrix.gguf: byte 500: "
python3 - <<'PYTHON'
import struct
data = open('matrix.1', 'rb').read()
open('models/x.imatrix.gguf', 'wb').write(data[:-64] + struct.pack('<f', float('nan')) * 8 + data[-32:])
PYTHON
misfit "not a number" "models/x.imatrix.gguf: imatrix contains non-finite value nan"
truncate -s 1T models/x.imatrix.gguf
misfit "larger than the memory" "models/x.imatrix.gguf: an importance matrix of 1099511627776 bytes: more than a quarter of the memory"
cp source.gguf models/x.imatrix.gguf
misfit "a model" "models/x.imatrix.gguf: missing imatrix metadata"
make_imatrix matrix.part 7 gguf blk.0.attn_q
cp matrix.part models/x.imatrix.gguf
as_tool x.imatrix.gguf Q4_K_M
until_true 5 cmp -s "$view" expected || fail "an entry is missing: not what the tool makes"
[ ! -e mnt/x@iq2_xs+imatrix.gguf ] || fail "iq2_xs without an entry"
equal "lines about it" "$(lines "no variant iq2_xs+imatrix: Missing importance matrix for tensor blk.0.attn_q.weight in a very low-bit quantization")" 1
python3 - <<'PYTHON'
import struct
name = b'blk.0.attn_q.weight'
open('models/x.imatrix.gguf', 'wb').write(struct.pack('<ii', 1, len(name)) + name + struct.pack('<ii', 1, 3) + struct.pack('<3f', 1, 2, 3))
PYTHON
misfit "another length" "no variant q4_k_m+imatrix: imatrix size 3 is different from tensor size 256 for blk.0.attn_q.weight"
rm models/x.imatrix.gguf
stop

# --- listed where one is found
cp source.gguf models/y.gguf
cp matrix.1 models/y.imatrix.gguf
rm log
start -o variants=iq2_xs+imatrix:q4_k_m+imatrix:q8_0:iq2_xs
equal "what is listed" "$(variants mnt)" "x@q8_0.gguf y@iq2_xs+imatrix.gguf y@q4_k_m+imatrix.gguf y@q8_0.gguf"
equal "lines about who has none" "$(lines "no importance matrix")" 0
mv models/y.imatrix.gguf models/x.imatrix
until_true 5 eval '[ "$(variants mnt)" = "x@iq2_xs+imatrix.gguf x@q4_k_m+imatrix.gguf x@q8_0.gguf y@q8_0.gguf" ]' || fail "listed: $(variants mnt)"
stop

# --- the directory
refuses "$QUANTFS" models mnt -o nocache,imatrix_dir=missing
grep -q "imatrix_dir=.*missing: No such file or directory" err || fail "no reason: $(cat err)"
refuses "$QUANTFS" models mnt -o nocache,imatrix_dir=mnt
grep -q "imatrix_dir '.*mnt' is inside MOUNTPOINT" err || fail "no reason: $(cat err)"
refuses "$QUANTFS" models mnt -o nocache,imatrix_dir=.
grep -q "MOUNTPOINT is inside imatrix_dir" err || fail "no reason: $(cat err)"
refuses "$QUANTFS" models mnt -o nocache,imatrix_dir=
