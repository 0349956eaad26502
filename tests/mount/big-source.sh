#!/bin/bash
# If this failed, one pass over a big model would push everything else out of the page cache.
. "$(dirname "$0")/lib.bash"
[ "${QUANTFS_TREE:-plain}" = plain ] || skip "a sanitizer takes memory of its own"
need_root
command -v fincore >/dev/null || skip "no fincore"
# What is big is a quarter of the memory that the process may fill.
group=/sys/fs/cgroup/memory/quantfs-test.$$ file=memory.limit_in_bytes
[ ! -e /sys/fs/cgroup/cgroup.controllers ] || group=/sys/fs/cgroup/quantfs-test.$$ file=memory.max
mkdir "$group" 2>/dev/null || skip "no control group"
remove_group() { rmdir "$group"; }
leave() {
    local status=$?
    set +e
    (exit "$status")
    (at_exit)
    status=$?
    wait # an ended process that nobody has asked is still in the group
    until_true 20 remove_group 2>/dev/null
    exit "$status"
}
trap leave EXIT
{ echo $((400 << 20)) >"$group/$file"; } 2>/dev/null || skip "no limit of memory in a control group"
"$tests/make-big-model" --width 2048 --ff 5632 --heads 32 --kv 4 --layers 1 --vocab 16000 models/big.gguf
source_size=$(size models/big.gguf)
[ "$source_size" -gt $((110 << 20)) ] || fail "a model of $source_size bytes"
wait_old models/big.gguf
expected models/big.gguf q8_0
resident() { fincore --bytes --noheadings --output RES models/big.gguf; }
forget() { sync models/big.gguf && dd if=models/big.gguf iflag=nocache count=0 status=none && [ "$(resident)" -eq 0 ]; }
until_true 10 forget || skip "the filesystem keeps files in memory"
printf '#!/bin/sh\necho $$ >%s/cgroup.procs\nexec "%s" "$@"\n' "$group" "$QUANTFS" >inside
chmod +x inside
QUANTFS=$work/inside
start
same mnt/big@q8_0.gguf expected
# What was read ahead of the last chunk stays.
[ "$(resident)" -lt $((source_size / 4)) ] || fail "$(resident) of $source_size bytes are in the page cache"
stop
