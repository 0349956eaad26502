#!/bin/bash
# If this failed, what was made with one importance matrix would be found for another, or a model would be known to have none when it has.
. "$(dirname "$0")/lib.bash"
make_imatrix() { "$tests/make-imatrix" "$QUANTFS" source.gguf "$@"; } # OUT SEED
cache=$work/cache
view=mnt/a@q4_k_m+imatrix.gguf
make_imatrix one 1
make_imatrix two 2
touch -d '2024-01-01' models/a.gguf one two

as_tool() { # the matrix beside models/a.gguf, in another directory, so that the cache of the mount is not asked
    rm -rf expected elsewhere
    mkdir elsewhere
    cp models/a.gguf models/a.imatrix elsewhere
    (cd elsewhere && "$QUANTFS" quantize --imatrix a.imatrix a.gguf ../expected Q4_K_M) >/dev/null 2>quantize.err || fail "quantize: $(tail -n 1 quantize.err)"
}
# again: a new process, which knows what the cache knows
again() {
    ! mounted mnt || stop
    start -o "cache=$cache,variants=q4_k_m+imatrix:q8_0"
}
reads() { # WHAT: the view's bytes are right
    as_tool
    until_true 5 present "$view" || fail "$1: no variant"
    same "$view" expected
}
wait_old models/a.gguf one

again
equal "listed without a matrix" "$(variants mnt)" "a@q8_0.gguf"
again
equal "listed without a matrix, as known" "$(variants mnt)" "a@q8_0.gguf"
equal "models parsed" "$(stats parses)" 0

# It appears while its model is known to have none.
cp -p one models/a.imatrix
wait_old models/a.imatrix
again
equal "listed with the first matrix" "$(variants mnt)" "a@q4_k_m+imatrix.gguf a@q8_0.gguf"
reads "the first matrix"
first=$(stats conversions)
[ "$first" -gt 0 ] || fail "nothing was converted"

# Unchanged it is known, and all its chunks: also by the names that belong to versions.
again
equal "size" "$(size "$view")" "$(size expected)"
equal "models parsed for the size" "$(stats parses)" 0
reads "again"
equal "conversions of what is known" "$(stats conversions)" 0
mv models/a.imatrix models/a.imatrix.old
cp -p models/a.imatrix.old models/a.imatrix # another file with the same values
wait_old models/a.imatrix
again
reads "copied"
equal "conversions after the matrix was copied" "$(stats conversions)" 0
rm models/a.imatrix.old

# Changed it is not.
cp -p models/a.imatrix before
cp two models/a.imatrix
wait_old models/a.imatrix
again
reads "the second matrix"
second=$(stats conversions)
[ "$second" -gt 0 ] || fail "chunks of the first matrix were taken for those of the second"
# And the first one again, in the place of the second.
cp before models/a.imatrix
wait_old models/a.imatrix
again
reads "the first matrix again"
equal "conversions of the first matrix again" "$(stats conversions)" 0

# Young, it is believed as little as a young model is: what is found is not written down.
touch -d 'now + 1 hour' models/a.imatrix
! mounted mnt || stop
known=$(kept 2 3)
for round in 1 2; do
    again
    reads "a young matrix ($round)"
    equal "conversions of a young matrix ($round)" "$(stats conversions)" 0
done
stop
equal "manifests and records of a young matrix" "$(kept 2 3)" "$known"
cp before models/a.imatrix
wait_old models/a.imatrix

# It goes.
rm models/a.imatrix
until_true 5 absent "$view" || fail "the variant of a matrix that has gone"
again
equal "listed without the matrix" "$(variants mnt)" "a@q8_0.gguf"
[ ! -e "$view" ] || fail "the variant of a matrix that has gone, after a remount"
equal "lines about it" "$([ "$(lines "no variant q4_k_m+imatrix: no importance matrix")" -gt 0 ] && echo some)" some
stop
