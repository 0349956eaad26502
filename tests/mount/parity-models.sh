#!/bin/bash
# If this failed, a variant in the mount would not have the bytes that llama-quantize wrote for the models of the parity table.
. "$(dirname "$0")/lib.bash"
[ -e "$tests/parity/expected.tsv" ] || skip "no table of expected hashes"
[ -d "${QUANTFS_SOURCES:-}" ] || skip "no generated models"
rmdir models/* 2>/dev/null || rm models/*
cp -r "$QUANTFS_SOURCES"/. models
start
python3 - "$tests/parity" <<'PYTHON'
import hashlib, os, shlex, sys
sys.path.insert(0, sys.argv[1])
os.environ["HERE"] = sys.argv[1]
import views
FLAGS = {"--pure": "pure", "--leave-output-tensor": "leave-output"}
OPTIONS = {"--output-tensor-type": "output", "--token-embedding-type": "token-embd"}
expected = {}
for row in views.rows_of("expected.tsv"):
    expected.setdefault(row[0], []).append(row + [""] * (7 - len(row)))
compared = refused = 0
wrong = []
for case in views.rows_of("cases.tsv"):
    case += [""] * (5 - len(case))
    row = expected[case[0]][0]
    if len(expected[case[0]]) != 1 or row[3] == "DRY" or case[1] in views.ALIGNED or views.supported(case, row) or case[3].isdigit():
        continue
    words, name = shlex.split(case[2]), case[3].lower()
    if "--allow-requantize" in words:
        continue
    while words:
        word = words.pop(0)
        name += "+" + FLAGS[word] if word in FLAGS else "+%s=%s" % (OPTIONS[word], words.pop(0).lower())
    stem = case[1][:-5] if case[1].endswith(".gguf") else case[1]
    if "-00001-of-" in stem:
        stem = stem[:stem.index("-00001-of-")]
    path = "mnt/%s@%s.gguf" % (stem, name)
    if row[3] == "ERROR":
        # There is no such variant, or its weights cannot be converted.
        try:
            with open(path, "rb") as file:
                file.read()
            if not row[6].startswith("ABORT"):
                wrong.append("%s: %s can be read, expected: %s" % (case[0], path, row[6]))
        except OSError:
            refused += 1
        continue
    try:
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            data = file.read()
    except OSError as error:
        wrong.append("%s: %s" % (case[0], error))
        continue
    if size != int(row[2]):
        wrong.append("%s: size %d, expected %s" % (case[0], size, row[2]))
    elif hashlib.sha256(data).hexdigest() != row[3]:
        wrong.append("%s: the bytes differ" % case[0])
    compared += 1
print("\n".join(wrong))
print("%d compared, %d refused" % (compared, refused))
sys.exit(1 if wrong or compared < 100 else 0)
PYTHON
stop
