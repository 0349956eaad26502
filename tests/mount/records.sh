#!/bin/bash
# If this failed, a listing of known models would parse them again, or show what is no longer true, or not say why one has no variants.
. "$(dirname "$0")/lib.bash"
# The kinds that are not believed: see fs/ctime.c.
case $(stat -f -c %t "$work") in 65735546 | 1021997 | 6969) skip "the times of files here are not believed" ;; esac
cache=$work/cache
records() { find "$cache"/[0-9a-f] -type f 2>/dev/null | wc -l; }
go() { start -o "cache=$cache" "$@"; }
# Everything that `ls -l` shows of the variants, and of one that no listing shows.
look() { (cd "$1" && stat -c '%n %i %s %y %A' *@*.gguf a@q6_k.gguf sub/*@*.gguf); }

mkdir models/sub
"$tests/make-big-model" --width 256 --ff 512 --heads 4 --kv 2 --layers 1 --vocab 300 models/sub/b.gguf
"$QUANTFS" quantize source.gguf models/done.gguf Q8_0 >/dev/null 2>&1
cp source.gguf models/bad.gguf
patch models/bad.gguf "$("$reader" info source.gguf blk.0.attn_k.weight)" 09000000
printf 'GGUF\3\0\0\0' >models/cut.gguf
printf 'no model' >models/text.gguf
long=$(printf 'a-model-with-a-long-name-%.0s' 1 2 3 4 5)
cp source.gguf "models/$long.gguf"
ln -s a.gguf models/link.gguf
wait_old models/*.gguf models/sub/b.gguf

go
ls -lR mnt >/dev/null
look mnt >first
parses=$(stats parses)
[ "$parses" -ge 7 ] || fail "only $parses parses the first time"
equal "found" "$(stats record_hits)" 0
grep -vE 'stats:|mounted' log | sed 's/^[^/]*//' | sort >why.first
grep -q 'bad.gguf: byte [0-9]*' why.first || fail "the log does not say why: $(cat why.first)"
grep -q 'done.gguf: no variant q4_k_m: ' why.first || fail "the log does not say why: $(cat why.first)"
stop
[ "$(records)" -ge 8 ] || fail "only $(records) records"

# A remount parses nothing, shows the same, and says why again: once.
again() { # WHAT
    rm -f log
    go
    ls -lR mnt >/dev/null
    ls -lR mnt >/dev/null
    look mnt >again
    same first again
    equal "parses: $1" "$(stats parses)" 0
    grep -vE 'stats:|mounted' log | sed 's/^[^/]*//' | sort >why.again
    same why.first why.again
    stop
}
again "a remount"
# The cache may be taken somewhere else.
cp -a "$cache" elsewhere
rm -rf "$cache"
cache=$work/elsewhere
again "a copy of the cache"

# What is read is right, though nothing has been parsed before.
go
expected source.gguf q4_k_m
ls -l mnt >/dev/null
same "mnt/$long@q4_k_m.gguf" expected
same mnt/a@q4_k_m.gguf expected
[ "$(stats parses)" -ge 1 ] || fail "a view without a parse"
# A variant not known yet is one parse, and then known.
size mnt/a@q5_k_s.gguf >/dev/null
stop
go
size mnt/a@q5_k_s.gguf >/dev/null
size mnt/a@q6_k.gguf >/dev/null
equal "parses for a variant that was added" "$(stats parses)" 0
stop

# A changed file is another version; the others are known.
"$tests/make-big-model" --width 256 --ff 512 --heads 4 --kv 2 --layers 2 --vocab 300 models/a.gguf
wait_old models/a.gguf
go
expected models/a.gguf q8_0
ls -l mnt >/dev/null
equal "size after a change" "$(size mnt/a@q8_0.gguf)" "$(size expected)"
# a.gguf, and the link to it
equal "parses after a change" "$(stats parses)" 2
stop

# A young version is not written down.
go
before=$(records)
cp source.gguf models/young.gguf
touch -d 'now + 1 hour' models/young.gguf
ls -l mnt >/dev/null
present mnt/young@q8_0.gguf || fail "no variant of a young model"
parses=$(stats parses)
[ "$parses" -ge 1 ] || fail "no parse of a young model"
stop
equal "records after a young model" "$(records)" "$before"
rm models/young.gguf

# Damaged records are misses, and are replaced.
while read -r file; do
    truncate -s 100 "$file"
done < <(find "$cache"/[0-9a-f] -type f)
go
expected models/sub/b.gguf q8_0
ls -lR mnt >/dev/null
equal "size with damaged records" "$(size mnt/sub/b@q8_0.gguf)" "$(size expected)"
[ "$(stats parses)" -ge 7 ] || fail "a damaged record was believed"
stop
go
ls -lR mnt >/dev/null
equal "parses after the repair" "$(stats parses)" 0
stop
