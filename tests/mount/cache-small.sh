#!/bin/bash
# If this failed, a cache much smaller than what is read would grow beyond its size, or take an object from under a reader.
. "$(dirname "$0")/lib.bash"
cache=$work/cache
"$tests/make-big-model" --width 256 --ff 512 --heads 4 --kv 4 --layers 12 --vocab 1000 models/a.gguf
for type in q4_k_m q5_k_m; do
    expected models/a.gguf "$type"
    mv expected "expected.$type"
done
wait_old models/a.gguf
# Two mounts, with room for a third of what is read from them: each evicts what the other is reading. Few bytes and few files
# are kept, so the readers need the cache.
printf '#!/bin/sh\nulimit -n 128\nexec "%s" "$@"\n' "$QUANTFS" >few
chmod +x few
QUANTFS=$work/few
start -o "cache=$cache,cache_size=4M,memory=1M"
idle=$(descriptors)
start_also two -o "cache=$cache,cache_size=4M,memory=1M"
wait_also
keep_reading mnt/a@q4_k_m.gguf expected.q4_k_m
keep_reading mnt/a@q5_k_m.gguf expected.q5_k_m
keep_reading two/a@q5_k_m.gguf expected.q5_k_m
read_on "the first time"
for round in 1 2 3; do
    read_on "round $round"
    # A sixteenth is exceeded by one sixteenth of it, and by what is being written, before it is looked at.
    bytes=$({ find "$cache"/[0-9a-f] -type f -printf '%b\n' 2>/dev/null || true; } | awk '{ n += $1 * 512 } END { print n + 0 }')
    [ "$bytes" -le $((6 << 20)) ] || fail "the cache has grown to $bytes bytes"
done
[ "$(stats evicted)" -gt 50 ] || fail "only $(stats evicted) files were evicted"
[ "$(stats hits)" -gt 50 ] || fail "only $(stats hits) objects were found"
equal "damaged" "$(stats damaged)" 0
readers_end
no_leak "$idle" 128
same mnt/a@q4_k_m.gguf expected.q4_k_m
same two/a@q5_k_m.gguf expected.q5_k_m
stop_also
stop
# A byte is room enough to read.
QUANTFS=$work/few
start -o "cache=$cache,cache_size=1,memory=1M"
same mnt/a@q4_k_m.gguf expected.q4_k_m
same mnt/a@q5_k_m.gguf expected.q5_k_m
stop
