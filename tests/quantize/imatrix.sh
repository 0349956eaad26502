#!/bin/bash
# If this failed, an importance matrix would be taken otherwise than llama-quantize takes it, or chunks made with one matrix
# would be found in the cache for another.
. "$(dirname "$0")/lib.bash"

make_imatrix() { "$tests/make-imatrix" "$QUANTFS" source.gguf "$@"; } # OUT SEED [gguf|dat]
make_imatrix a.gguf 1
make_imatrix b.gguf 2
make_imatrix a.dat 1 dat
quantize() { "$QUANTFS" quantize "$@" >out 2>err || fail "quantize $*: $(tail -n 2 err)"; }

# --- what is said of wrong use, and that nothing is touched then
echo untouched >out.gguf
said() { # LAST-LINE ARGUMENTS...
    local last=$1
    shift
    refuses "$QUANTFS" quantize "$@"
    equal "last line of $*" "$(tail -n 1 err)" "$last"
    equal "OUT after $*" "$(cat out.gguf)" untouched
}
said "load_imatrix: failed to load imatrix from 'missing'" --imatrix missing source.gguf out.gguf Q4_K_M
grep -q "^missing: No such file or directory$" err || fail "no reason: $(cat err)"
said "load_imatrix: failed to load imatrix from '.'" --imatrix . source.gguf out.gguf nonsense # it is read before the type is looked at
said "load_imatrix: missing imatrix metadata in file source.gguf" --imatrix source.gguf source.gguf out.gguf Q4_K_M
head -c 3000 a.dat >cut.dat
said "load_imatrix: failed to load imatrix from 'cut.dat'" --imatrix cut.dat source.gguf out.gguf Q4_K_M
grep -qE '^cut.dat: byte [0-9]+: failed reading data for entry [0-9]+$' err || fail "no place: $(cat err)"
for words in --imatrix --include-weights '--include-weights a --exclude-weights b source.gguf out.gguf Q8_0'; do
    # shellcheck disable=SC2086
    refuses "$QUANTFS" quantize $words
    grep -q '^usage:' out || fail "no usage for $words"
done
said "llama_quantize: failed to quantize model from 'source.gguf'" source.gguf out.gguf Q2_K_S
grep -q "failed to quantize: this quantization requires an imatrix!$" err || fail "no reason: $(cat err)"
said "llama_quantize: failed to quantize model from 'source.gguf'" --imatrix a.gguf --exclude-weights blk.0.attn_q source.gguf out.gguf Q2_K_S
grep -q "Missing importance matrix for tensor blk.0.attn_q.weight in a very low-bit quantization$" err || fail "no reason: $(cat err)"
rm out.gguf

# --- a dry run only warns
quantize --dry-run source.gguf Q2_K_S
grep -q "actually completing this quantization will require an imatrix!$" err || fail "no warning: $(cat err)"
quantize --dry-run --imatrix a.gguf --exclude-weights attn_q source.gguf Q2_K_S
grep -q "WARNING: the imatrix has nothing for tensor blk.0.attn_q.weight" err || fail "no warning: $(cat err)"
quantize --dry-run --imatrix a.gguf source.gguf Q2_K_S
! grep -q WARNING err || fail "a warning: $(cat err)"

# --- the cache: objects belong to the values, not to the file
count() { "$QUANTFS" cache stats --json c | python3 -c 'import json,sys; print(json.load(sys.stdin)["puts"])'; }
quantize source.gguf plain.gguf Q4_K_M
quantize --imatrix a.gguf source.gguf wanted.gguf Q4_K_M
quantize --imatrix b.gguf source.gguf other.gguf Q4_K_M
! cmp -s plain.gguf wanted.gguf || fail "the importance matrix changes nothing"
quantize --cache=c source.gguf got.gguf Q4_K_M
same got.gguf plain.gguf
plain=$(count)
quantize --cache=c --imatrix a.gguf source.gguf got.gguf Q4_K_M
same got.gguf wanted.gguf
first=$(count)
[ "$first" -gt "$plain" ] || fail "no object of its own: $plain, then $first"
cp a.gguf copy.gguf
quantize --cache=c --imatrix copy.gguf source.gguf got.gguf Q4_K_M
equal "chunks converted after a copied matrix" "$(count)" "$first"
quantize --cache=c --imatrix b.gguf source.gguf got.gguf Q4_K_M
same got.gguf other.gguf
[ "$(count)" -gt "$first" ] || fail "another matrix found the first one's objects"
second=$(count)
cp b.gguf a.gguf # changed in place: another version
quantize --cache=c --imatrix a.gguf source.gguf got.gguf Q4_K_M
equal "chunks converted after the matrix was changed to the second one" "$(count)" "$second"
cmp -s got.gguf wanted.gguf && fail "the old matrix's chunks"
make_imatrix a.gguf 1

# --- the real tool
need_reference
compare() {
    local type
    for type in Q4_0 Q5_1 Q2_K_S Q4_K_M IQ4_XS; do
        quantize "$@" source.gguf ours.gguf "$type"
        reference llama-quantize "$@" source.gguf theirs.gguf "$type" >reference.out 2>&1 || fail "the tool, $*: $(tail -n 2 reference.out)"
        same ours.gguf theirs.gguf
    done
}
compare --imatrix a.gguf
compare --imatrix a.dat
for words in '--include-weights ffn --include-weights attn_k' '--exclude-weights blk.1'; do
    # shellcheck disable=SC2086
    quantize --imatrix a.gguf $words source.gguf ours.gguf Q4_K_S
    # shellcheck disable=SC2086
    reference llama-quantize --imatrix a.gguf $words source.gguf theirs.gguf Q4_K_S >reference.out 2>&1 || fail "the tool: $(tail -n 2 reference.out)"
    same ours.gguf theirs.gguf
done
# Of two the last one counts.
quantize --imatrix missing --imatrix a.dat source.gguf ours.gguf Q4_K_S
reference llama-quantize --imatrix missing --imatrix a.dat source.gguf theirs.gguf Q4_K_S >reference.out 2>&1
same ours.gguf theirs.gguf
# An empty name, as of a script's variable that is not set, is none.
for words in '' '--imatrix a.gguf'; do
    # shellcheck disable=SC2086
    quantize $words --imatrix '' source.gguf ours.gguf Q4_K_S
    # shellcheck disable=SC2086
    reference llama-quantize $words --imatrix '' source.gguf theirs.gguf Q4_K_S >reference.out 2>&1 || fail "the tool: $(tail -n 2 reference.out)"
    same ours.gguf theirs.gguf
done
