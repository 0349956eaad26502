#!/bin/bash
# If this failed, what was converted once would be converted again: by another mount, or for another name of the same bytes.
. "$(dirname "$0")/lib.bash"
case $(stat -f -c %t "$work") in 65735546 | 1021997 | 6969) skip "the times of files here are not believed" ;; esac
cache=$work/cache
"$tests/make-big-model" --width 512 --ff 1024 --heads 8 --kv 4 --layers 2 --vocab 2000 models/a.gguf
expected models/a.gguf q4_k_m
source_size=$(size models/a.gguf)
reads() { awk '$1 == "rchar:" { print $2 }' "/proc/$daemon/io"; }

# finds WHAT NAME: a fresh mount gives the view's bytes and converts nothing. Sets read to the bytes the daemon has read.
finds() {
    local before
    start -o "cache=$cache"
    stat "mnt/$2" >/dev/null
    before=$(reads)
    cmp "mnt/$2" expected || fail "$1"
    read=$(($(reads) - before))
    equal "conversions: $1" "$(stats conversions)" 0
    stop
}
by_version() { finds "$@"; [ "$read" -lt "$source_size" ] || fail "$1: the source was read ($read bytes)"; }
by_bytes() { finds "$@"; [ "$read" -ge "$source_size" ] || fail "$1: only $read bytes were read"; }

wait_old models/a.gguf
start -o "cache=$cache"
same mnt/a@q4_k_m.gguf expected
[ "$(stats conversions)" -gt 10 ] || fail "nothing was converted the first time"
equal "puts that were dropped" "$(stats dropped)" 0
stop
# Nothing has happened: known by its version, no source is read.
by_version "another mount" a@q4_k_m.gguf
by_version "and another" a@q4_k_m.gguf
# The type by another spelling is the same view.
by_version "another spelling" a@Q4_K_M.gguf

# Each of these is a new version: known by its bytes once, and by its version from then on (where it is not young).
ln models/a.gguf models/link.gguf
wait_old models/a.gguf
by_bytes "a hard link" link@q4_k_m.gguf
by_version "the other name of it" a@q4_k_m.gguf
rm models/link.gguf
mv models/a.gguf models/b.gguf
wait_old models/b.gguf
by_bytes "renamed" b@q4_k_m.gguf
by_version "renamed, again" b@q4_k_m.gguf
mkdir models/sub
mv models/b.gguf models/sub/b.gguf
finds "in another directory" sub/b@q4_k_m.gguf
touch models/sub/b.gguf
by_bytes "touched" sub/b@q4_k_m.gguf
chmod 600 models/sub/b.gguf
by_bytes "another mode" sub/b@q4_k_m.gguf
cp models/sub/b.gguf models/copy.gguf
wait_old models/copy.gguf
by_bytes "a copy" copy@q4_k_m.gguf
by_version "a copy, again" copy@q4_k_m.gguf
# A symbolic link is no other version.
ln -s copy.gguf models/symlink.gguf
by_version "a symbolic link" symlink@q4_k_m.gguf
# Another directory of models, elsewhere.
mkdir elsewhere
cp models/copy.gguf elsewhere/other.gguf
mv models models.old
mv elsewhere models
wait_old models/other.gguf
by_bytes "a copy in another mount" other@q4_k_m.gguf
# In a cache that was taken somewhere else.
cp -a "$cache" moved
rm -rf "$cache"
cache=$work/moved
by_version "a copy of the cache" other@q4_k_m.gguf
# The verb finds what a mount has put there.
counted() { "$QUANTFS" cache stats --json "$cache" | python3 -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]])' "$1"; }
objects=$(counted objects) misses=$(counted misses)
"$QUANTFS" quantize --cache="$cache" models/other.gguf out.gguf q4_k_m >/dev/null 2>&1
same out.gguf expected
equal "objects after the verb" "$(counted objects)" "$objects"
equal "misses after the verb" "$(counted misses)" "$misses"

# Two bytes changed are one other chunk.
read -r at _ < <("$reader" tensor models/other.gguf blk.0.attn_q.weight)
patch models/other.gguf "$at" 0030
expected models/other.gguf q4_k_m
start -o "cache=$cache"
same mnt/other@q4_k_m.gguf expected
equal "conversions for two bytes" "$(stats conversions)" 1
stop
