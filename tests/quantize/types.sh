#!/bin/bash
# If this failed, "quantfs types" would leave out a file type, or promise another size than the file gets.
. "$(dirname "$0")/lib.bash"

"$QUANTFS" types >plain
"$QUANTFS" types --json >plain.json
"$QUANTFS" types source.gguf >table
"$QUANTFS" types --json source.gguf >table.json
"$tests/make-imatrix" "$QUANTFS" source.gguf im.gguf 1
"$QUANTFS" types --imatrix im.gguf source.gguf >given
"$QUANTFS" types --imatrix im.gguf --json source.gguf >given.json

# Every file type of the usage text of quantize, in both forms; sizes are those of the files.
python3 - <<'PYTHON'
import json, os, re, subprocess
usage = subprocess.run([os.environ["QUANTFS"], "quantize"], capture_output=True, text=True).stdout
names = {word.split("=")[0] for line in usage.split("TYPE, a name or its number:")[1].split("\n") for word in re.findall(r"[A-Z][A-Z0-9_=]+", line)}
assert len(names) >= 36, names
for path in "plain", "table", "given":
    rows, lines = json.load(open(path + ".json")), open(path).read().rstrip("\n").split("\n")
    assert {row["name"] for row in rows} == names, (names, rows)
    assert len(lines) == len(rows) + 1
    starts = [m.start() for m in re.finditer(r"(?<!\S)(TYPE|ALIAS|IMATRIX|ADVICE)", lines[0])]
    for line, row in zip(lines[1:], rows):
        assert line.startswith(row["name"] + " "), line
        for at in starts:  # the columns begin where their titles do
            assert line[at] != " " and (at == 0 or line[at - 1] == " "), (line, at)
        assert row["advice"] and (row["reason"] or line.endswith(row["advice"]))
        assert row["imatrix"] in ("needed", "helps", "unused"), row
        assert row["size"] is None or (" " if row["exact"] else "~") + "%d " % row["size"] in line, line
        assert row["bits"] is None or ("%.2f" % row["bits"]) in line, line
by_name = {row["name"]: row for row in json.load(open("plain.json"))}
assert by_name["Q4_K_M"]["bits"] == 4.89 and by_name["IQ1_S"]["bits"] == 2.00 and by_name["COPY"]["bits"] is None, by_name
assert by_name["Q4_K_M"]["alias"] == "Q4_K" and by_name["Q8_0"]["alias"] is None
needed = {row["name"] for row in by_name.values() if row["imatrix"] == "needed"}
assert needed == {"IQ2_XXS", "IQ2_XS", "IQ2_S", "IQ2_M", "IQ1_S", "IQ1_M", "Q2_K_S", "IQ3_XXS", "IQ3_XS"}, needed
def make(row, *options):
    done = subprocess.run([os.environ["QUANTFS"], "quantize", *options, "source.gguf", "out.gguf", row["name"]], capture_output=True)
    assert done.returncode == 0, (row, done)
    return os.path.getsize("out.gguf")
# What needs an importance matrix is sized as with one, but for some keys in the header.
exact = about = 0
given = {row["name"]: row for row in json.load(open("given.json"))}
for row in json.load(open("table.json")):
    if row["size"] is None:
        assert row["reason"] and row["name"] in needed and given[row["name"]]["size"] is None, row
        continue
    assert row["exact"] == (row["name"] not in needed), row
    assert row["bits"] == given[row["name"]]["bits"] or row["imatrix"] == "helps", row
    assert given[row["name"]]["exact"] and make(row, "--imatrix", "im.gguf") == given[row["name"]]["size"], given[row["name"]]
    if row["exact"]:
        assert make(row) == row["size"], row
        exact += 1
    else:
        assert 0 < given[row["name"]]["size"] - row["size"] < 500, (row, given[row["name"]])
        about += 1
assert exact >= 27 and about >= 7, (exact, about)
PYTHON

# Without a model the bits are those of Llama 3 8B, to a hundredth.
"$tests/make-big-model" --sparse --type bf16 --layers 32 --width 4096 --ff 14336 --heads 32 --kv 8 --vocab 128256 llama.gguf 2>/dev/null ||
    skip "no room for the shape of a large file"
"$QUANTFS" types --json llama.gguf >llama.json
python3 - <<'PYTHON'
import json
bits = {row["name"]: row["bits"] for row in json.load(open("llama.json"))}
for row in json.load(open("plain.json")):
    assert row["name"] == "COPY" or abs(row["bits"] - bits[row["name"]]) <= 0.00501, (row, bits[row["name"]])
PYTHON
rm llama.gguf

# Of a quantized model most are missing, and it is said why, unless they may be made.
"$QUANTFS" quantize source.gguf small.gguf Q8_0 >/dev/null 2>&1
"$QUANTFS" types small.gguf >table
grep -qE '^Q4_K_M .* -  +requantizing from type q8_0 is disabled' table || fail "no reason: $(grep Q4_K_M table)"
grep -qE "^Q8_0 .* $(stat -c %s small.gguf) " table || fail "the size of what is only copied: $(grep ^Q8_0 table)"
"$QUANTFS" types --allow-requantize small.gguf >table
"$QUANTFS" quantize --allow-requantize small.gguf out.gguf Q4_K_M >/dev/null 2>&1
grep -qE "^Q4_K_M .* $(stat -c %s out.gguf) " table || fail "another size: $(grep Q4_K_M table)"

refuses "$QUANTFS" types missing.gguf
grep -q 'missing.gguf: No such file' err || fail "the message: $(cat err)"
refuses "$QUANTFS" types --nonsense
refuses "$QUANTFS" types source.gguf small.gguf
refuses "$QUANTFS" types --imatrix im.gguf # of which model?
[ "$("$QUANTFS" types --help | head -c 6)" = "usage:" ] || fail "no help"
status=0
"$QUANTFS" types >/dev/full 2>err || status=$?
equal "exit status where the table cannot be written" "$status" 1
