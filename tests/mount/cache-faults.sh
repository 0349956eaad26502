#!/bin/bash
# If this failed, a call of the system that fails while the cache is at work would reach a reader: as an error, or as a wrong byte.
. "$(dirname "$0")/lib.bash"
[ "${QUANTFS_TREE:-plain}" = plain ] || skip "a sanitizer wants to be loaded first"
command -v gcc >/dev/null || skip "no gcc"
gcc -shared -fPIC -O1 -o faults.so "$tests/mount/faults.c" || fail "no library"
cache=$work/cache
types=(q4_k_m q5_k_m q6_k)
"$tests/make-big-model" --width 256 --ff 512 --heads 4 --kv 4 --layers 8 --vocab 1000 models/a.gguf
for type in "${types[@]}"; do
    expected models/a.gguf "$type"
    mv expected "expected.$type"
done
wait_old models/a.gguf
# Few files and few bytes are kept, so that the readers go to the cache again and again.
whole=$QUANTFS seed=$RANDOM
cat >faulty <<FAULTY
#!/bin/sh
ulimit -n 128
export FAULT_DIR=$cache FAULT_ON=$work/on FAULT_ONE_IN=8 FAULT_COUNT=$work/faults FAULT_SEED=\${FAULT_SEED:-$seed} LD_PRELOAD=$work/faults.so
exec "$whole" "\$@"
FAULTY
chmod +x faulty
for life in 1 2 3; do
    QUANTFS=$work/faulty
    start -o "cache=$cache,cache_size=24M,memory=1M"
    QUANTFS=$whole
    touch on
    for type in "${types[@]}"; do
        "$reader" direct "mnt/a@$type.gguf" "expected.$type" >out || fail "life $life, $type (seed $seed): $(cat out)"
        for round in 1 2; do
            echo 1 2>/dev/null >/proc/sys/vm/drop_caches || true
            cmp "mnt/a@$type.gguf" "expected.$type" || fail "life $life, $type, in order (seed $seed)"
        done
    done
    rm on
    stop
done
[ "$(awk '{ n += $1 } END { print n }' faults)" -gt 100 ] || fail "nothing failed: $(cat faults)"
# Nothing wrong has been left behind, and all is known in the end.
"$whole" cache verify "$cache" >verified || fail "verify: $(cat verified)"
grep -qE '^[1-9][0-9]* good, 0 removed$' verified || fail "verify: $(cat verified)"
start -o "cache=$cache"
for type in "${types[@]}"; do same "mnt/a@$type.gguf" "expected.$type"; done
stop
