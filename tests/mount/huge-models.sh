#!/bin/bash
# If this failed, models of hundreds of billions of weights would cost memory or reading before their sizes are known, or be
# given other sizes than their tensors have.
. "$(dirname "$0")/lib.bash"
rm models/a.gguf

# The shapes of the largest models there are: a dense one of 406 billion weights, and one of 700 with experts; no weights.
make() { "$tests/make-big-model" --sparse --type bf16 --heads 128 "$@" 2>/dev/null || skip "no room for the shape of a large file"; }
make --layers 126 --width 16384 --ff 53248 --kv 8 --vocab 128256 models/dense.gguf
make --layers 61 --width 7168 --ff 2048 --kv 128 --experts 256 --vocab 129280 models/experts.gguf
make --layers 126 --width 16384 --ff 53248 --kv 8 --vocab 128256 --split 191 models/split.gguf

# All types of each within 4 MiB of private memory, the program's own included; so nothing of the weights is looked at, and
# nothing is kept from type to type.
limit=4096
case ${QUANTFS_TREE:-plain} in asan | tsan) limit=unlimited ;; esac
for name in dense experts split-00001-of-00191; do
    (ulimit -d $limit && exec "$QUANTFS" types --json "models/$name.gguf") >"$name.json" || fail "types of $name"
    (ulimit -d $limit && exec "$QUANTFS" recipe "models/$name.gguf" q4_k_m) >"$name.tsv" || fail "recipe of $name"
done

# Sizes, by the shapes and a type for all matrices, to the byte but for the header; and that no type is missing without reason.
python3 - <<'PYTHON'
import json
def pad(n):
    return n + -n % 32
def size(name, bits):
    total = 0
    for line in open(name + ".tsv").read().split("\n")[1:-1]:
        shape = [int(n) for n in line.split("\t")[1].split(",")]
        weights = 1
        for n in shape:
            weights *= n
        kept = len(shape) == 1 or "ffn_gate_inp" in line
        total += pad(weights * 4 if len(shape) == 1 else weights * 2 if kept else weights * bits // 8)
    return total
for name in "dense", "experts", "split-00001-of-00191":
    rows = {row["name"]: row for row in json.load(open(name + ".json"))}
    sized = [row for row in rows.values() if row["size"]]
    assert len(sized) >= 25 and all(row["reason"] for row in rows.values() if not row["size"]), rows
    for kind, bits in ("Q8_0", 8.5), ("Q4_0", 4.5), ("BF16", 16):
        expected, found = size(name, int(bits * 8) / 8), rows[kind]["size"]
        if kind == "Q4_0":  # but for output.weight, which is Q6_K
            rows_, width = (128256, 16384) if name != "experts" else (129280, 7168)
            expected += int(rows_ * width * (6.5625 - 4.5)) // 8
        assert 0 < found - expected < 8 << 20, (name, kind, expected, found)
    assert abs(rows["Q4_K_M"]["bits"] - 4.8) < 0.1, rows["Q4_K_M"]
PYTHON

# The mount says the same, and parses nothing again for what it has said.
wait_old models/*.gguf
start
look() {
    python3 - <<'PYTHON'
import json, os
for file, stem in ("dense", "dense"), ("experts", "experts"), ("split-00001-of-00191", "split"):
    for row in [row for row in json.load(open(file + ".json")) if row["size"] and row["imatrix"] != "needed"][:20]:
        found = os.stat("mnt/%s@%s.gguf" % (stem, row["name"].lower())).st_size
        assert found == row["size"], (stem, row, found)
PYTHON
}
look
parses=$(stats parses)
[ "$parses" -ge 3 ] || fail "only $parses models parsed"
look
equal "models parsed" "$(stats parses)" "$parses"
equal "conversions" "$(stats conversions)" 0
stop
