#!/bin/bash
# If this failed, a variant in the mount would not have the bytes that llama-quantize wrote for the models of the parity table.
. "$(dirname "$0")/lib.bash"
[ -e "$tests/parity/expected.tsv" ] || skip "no table of expected hashes"
[ -d "${QUANTFS_SOURCES:-}" ] || skip "no generated models"
rmdir models/* 2>/dev/null || rm models/*
cp -r "$QUANTFS_SOURCES"/. models
start
start_also requantized -o allow_requantize
wait_also
python3 -B - "$tests/parity" <<'PYTHON'
import hashlib, os, sys
sys.path.insert(0, sys.argv[1])
os.environ["HERE"] = sys.argv[1]
import views
from names import name_of
expected = {}
for row in views.rows_of("expected.tsv"):
    expected.setdefault(row[0], []).append(row + [""] * (7 - len(row)))
# On purpose: projectors are mirrored in silence, and a view does not scan what it only copies.
DIFFERENT = {"clip-q4_k_m", "clip-mxfp4_moe", "nan-norm-q4_k_m", "nan16-f16", "inf16-f16", "infb16-bf16"}
compared = refused = 0
wrong = []
for case in views.rows_of("cases.tsv"):
    case += [""] * (5 - len(case))
    row, name = expected[case[0]][0], name_of(case)
    if not name or case[0] in DIFFERENT or len(expected[case[0]]) != 1 or row[3] == "DRY" or case[1] in views.ALIGNED or views.supported(case, row):
        continue
    try:
        with open(("requantized/" if "--allow-requantize" in case[2] else "mnt/") + name, "rb") as file:
            size, data = os.fstat(file.fileno()).st_size, file.read()
    except OSError as error:
        if row[3] == "ERROR":
            # There is no such variant, or its weights cannot be converted.
            refused += 1
        else:
            wrong.append("%s: %s" % (case[0], error))
        continue
    compared += 1
    if row[3] == "ERROR":
        if not row[6].startswith("ABORT"):
            wrong.append("%s: %s can be read, expected: %s" % (case[0], name, row[6]))
    elif size != int(row[2]):
        wrong.append("%s: size %d, expected %s" % (case[0], size, row[2]))
    elif hashlib.sha256(data).hexdigest() != row[3]:
        wrong.append("%s: the bytes differ" % case[0])
print("\n".join(wrong))
print("%d compared, %d refused" % (compared, refused))
sys.exit(1 if wrong or compared < 100 else 0)
PYTHON
stop_also
stop
