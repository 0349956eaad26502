#!/bin/bash
# If this failed, gguf-py (a mapping of the whole file) would not read a variant.
. "$(dirname "$0")/../mount/lib.bash"
need_reference
package=$reference_root/usr/lib/python3/dist-packages
mkdir path
ln -s "$package/gguf" path/gguf
/usr/bin/python3 -c 'import numpy' 2>/dev/null || skip "no numpy for /usr/bin/python3"
dump() { PYTHONPATH=$work/path /usr/bin/python3 -c 'import sys
from gguf import GGUFReader
reader = GGUFReader(sys.argv[1])
for field in reader.fields.values(): print(field.name, [t.name for t in field.types], field.data and field.contents())
for tensor in reader.tensors: print(tensor.name, tensor.shape.tolist(), tensor.tensor_type.name, tensor.data_offset, int(tensor.data.view("uint8").astype("uint64").sum()))' "$1"; }
start
expected source.gguf Q4_K_M
dump expected >from-file || skip "gguf-py does not run here"
grep -q 'blk.1.ffn_down.weight.*Q6_K' from-file || fail "not what was expected: $(tail -n 3 from-file)"
dump mnt/a@q4_k_m.gguf >from-view || fail "gguf-py refuses the view"
diff from-file from-view || fail "it reads other values from the view"
tool=$(find "$reference_root/usr/bin" -name 'gguf-dump*' | head -n 1)
[ -n "$tool" ] || skip "no gguf-dump in the reference root"
PYTHONPATH=$work/path /usr/bin/python3 "$tool" mnt/a@q4_k_m.gguf >dump 2>err || fail "gguf-dump: $(tail -n 3 err)"
grep -q 'blk.1.ffn_down.weight' dump && grep -q Q6_K dump || fail "gguf-dump: $(head -n 5 dump)"
stop
