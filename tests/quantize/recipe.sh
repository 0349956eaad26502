#!/bin/bash
# If this failed, "quantfs recipe" would tell another file than the one that quantize writes.
. "$(dirname "$0")/lib.bash"

check() { # VARIANT OPTIONS OF QUANTIZE...
    local variant=$1
    shift
    "$QUANTFS" recipe source.gguf "$variant" >recipe.tsv
    "$QUANTFS" quantize "$@" >/dev/null 2>&1
    python3 - <<'PYTHON'
import struct

lines = [line.rstrip("\n").split("\t") for line in open("recipe.tsv")]
assert lines[0] == ["name", "shape", "source_type", "type", "offset", "size"], lines[0]
data = open("out.gguf", "rb").read()
numbers = {"F32": 0, "F16": 1, "Q4_0": 2, "Q5_0": 6, "Q5_1": 7, "Q8_0": 8, "Q4_K": 12, "Q5_K": 13, "Q6_K": 14, "BF16": 30}
count, keys = struct.unpack_from("<QQ", data, 8)
assert count == len(lines) - 1, count
# The tensor infos stand where the first name does for the last time before the data.
at = data.rindex(struct.pack("<Q", len(lines[1][0])) + lines[1][0].encode(), 0, int(lines[1][4]))
infos = []
for _ in range(count):
    length, = struct.unpack_from("<Q", data, at)
    name = data[at + 8:at + 8 + length].decode()
    at += 8 + length
    dims, = struct.unpack_from("<I", data, at)
    shape = struct.unpack_from("<%dQ" % dims, data, at + 4)
    at += 4 + 8 * dims
    kind, offset = struct.unpack_from("<IQ", data, at)
    at += 12
    infos.append((name, ",".join(map(str, shape)), kind, offset))
start = (at + 31) // 32 * 32
for line, info in zip(lines[1:], infos):
    assert (line[0], line[1], numbers[line[3]], int(line[4])) == (info[0], info[1], info[2], start + info[3]), (line, info)
end = int(lines[-1][4]) + int(lines[-1][5])
assert end <= len(data) < end + 32, (end, len(data))
PYTHON
}

check q4_k_m source.gguf out.gguf Q4_K_M
check Q4_K+PURE --pure source.gguf out.gguf Q4_K_M
check q6_k+token-embd=f16+output=q8_0 --output-tensor-type q8_0 --token-embedding-type f16 source.gguf out.gguf Q6_K
check f32 source.gguf out.gguf F32
check 'q4_k_m+prune=1+blk\.0\.=q8_0' --prune-layers 1 --tensor-type 'blk\.0\.=q8_0' source.gguf out.gguf Q4_K_M

refused() { # WORDS ARGUMENTS...
    local words=$1
    shift
    refuses "$QUANTFS" recipe "$@"
    equal "lines for $*" "$(wc -l <err)" 1
    equal "standard output for $*" "$(cat out)" ""
    grep -qF -- "$words" err || fail "$*: no '$words' in: $(cat err)"
}
head -c 100 source.gguf >cut.gguf
printf 'GGUF\1\0\0\0' >old.gguf
refused "cut.gguf: byte " cut.gguf q4_k_m
refused "old.gguf: byte " old.gguf q4_k_m
refused "missing.gguf: No such file or directory" missing.gguf q4_k_m
refused "no file type in 'nonsense+pure'" source.gguf nonsense+pure
refused "no such variant: 'q4_k_m+nonsense'" source.gguf q4_k_m+nonsense
refused "no such variant: 'q4_k_m+attn_(=f16': Mismatched '(' and ')' in regular expression" source.gguf 'q4_k_m+attn_(=f16'
refused "no such variant: 'q4_k_m+pure+(a)\\1=f16': a back reference in a pattern: not supported" source.gguf 'q4_k_m+pure+(a)\1=f16'
refused "the patterns leave too many ways open: not supported" source.gguf 'q4_k_m+(.|.)*(.|.)*(.|.)*[xyz]{9}=q8_0'
refused "usage:" source.gguf

# An importance matrix beside the model counts; where there is none, it is only a warning.
said() { grep -qF -- "$1" err || fail "no '$1' in: $(cat err)"; }
"$QUANTFS" recipe source.gguf iq2_xs >plain.tsv 2>err || fail "iq2_xs: $(cat err)"
said "warning: tensor blk.0.attn_k.weight cannot do without an importance matrix"
said "the variant with one is iq2_xs+imatrix"
"$QUANTFS" recipe source.gguf q4_0+imatrix >without.tsv 2>err || fail "q4_0+imatrix: $(cat err)"
said "warning: there is no importance matrix"
"$QUANTFS" recipe source.gguf q4_0 >plain.tsv 2>err || fail "q4_0: $(cat err)"
[ ! -s err ] || fail "a warning about nothing: $(cat err)"
same without.tsv plain.tsv
"$tests/make-imatrix" "$QUANTFS" source.gguf source.imatrix 1
"$QUANTFS" recipe source.gguf iq2_xs+imatrix >with.tsv 2>err || fail "iq2_xs+imatrix: $(cat err)"
[ ! -s err ] || fail "a warning about nothing: $(cat err)"
"$QUANTFS" quantize --imatrix source.imatrix source.gguf whole.gguf IQ2_XS >out 2>&1 || fail "quantize: $(tail -n 1 out)"
last=$(tail -n 1 with.tsv | cut -f5,6)
size=$(stat -c %s whole.gguf)
[ $((${last%	*} + ${last#*	} + 31)) -ge "$size" ] || fail "the recipe ends at $last, the file at $size"
echo nothing >source.imatrix
refuses "$QUANTFS" recipe source.gguf q4_0+imatrix
said "source.imatrix: failed reading name for entry"
