#!/bin/bash
# If this failed, whatever happens to a cache's directory under a running mount would make a reader see an error or a wrong byte.
# In a mount namespace of its own, where there can be one: what is mounted there goes with it.
if [ "$(id -u)" -eq 0 ] && [ -z "${QUANTFS_TEST_NAMESPACE:-}" ] && "$(dirname "$0")/../apart" true 2>/dev/null; then
    QUANTFS_TEST_NAMESPACE=1 exec "$(dirname "$0")/../apart" bash "$0"
fi
. "$(dirname "$0")/lib.bash"
cache=$work/place/cache
mkdir place other
types=(q4_k_m q5_k_m q6_k)
"$tests/make-big-model" --width 512 --ff 1024 --heads 8 --kv 4 --layers 3 --vocab 2000 models/a.gguf
for type in "${types[@]}"; do
    expected models/a.gguf "$type"
    mv expected "expected.$type"
done
wait_old models/a.gguf
files() { find "$cache"/[0-9a-f] -type f 2>/dev/null; }

# go: mounts with the cache. read_all WHAT: all views, from the daemon and not from the kernel's pages.
go() { start -o "cache=$cache" "$@"; }
read_all() {
    local type
    echo 1 >/proc/sys/vm/drop_caches 2>/dev/null || true
    for type in "${types[@]}"; do
        cmp "mnt/a@$type.gguf" "expected.$type" || fail "$type: $1"
    done
    alive "$daemon" || fail "the daemon has ended: $1"
}
# Fills the cache anew.
fill() {
    rm -rf "$cache"
    go
    read_all "a new cache"
    stop
    [ "$(files | wc -l)" -gt 5 ] || fail "nothing is in the cache: $(tail -n 3 log)"
}

# Whole and warm: nothing is converted again, which is what all below is held against.
fill
go
read_all "a warm cache"
equal "conversions with a warm cache" "$(stats conversions)" 0
# Deleted; a part of it; then there again.
rm -rf "$cache"
read_all "deleted"
mkdir -m 700 "$cache"
read_all "an empty directory in its place"
rm -rf "$cache"
echo text >"$cache"
read_all "a file in its place"
rm "$cache"
stop

fill
go
read_all "warm"
rm -rf "$cache"/tmp "$cache"/[0-7]
read_all "tmp and half of the directories deleted"
rm -f "$cache"/[0-9a-f]/*
read_all "all objects deleted"
stop

# Another cache in its place, with another secret: found in neither, wrong in neither.
fill
mv "$cache" other/mine
fill
go
read_all "warm"
mv "$cache" other/second
mv other/mine "$cache"
read_all "replaced by another cache"
cp "$cache/secret" other/secret.first
cp other/second/secret "$cache/secret"
read_all "the secret replaced"
stop
go
read_all "objects of another secret"
[ "$(stats damaged)" -gt 0 ] || [ "$(stats misses)" -gt 0 ] || fail "objects of another secret were believed"
stop
truncate -s 31 "$cache/secret"
go
read_all "a cut secret"
equal "lines about it" "$(lines 'no cache:' secret)" 1
stop

# What a program of somebody else's would do to the files.
fill
python3 - "$cache" >damaged.seed <<'PYTHON'
import os, random, sys
seed = random.randrange(1 << 32)
print(seed)
random.seed(seed)
names = sorted(os.path.join(folder, name) for folder, _, files in os.walk(sys.argv[1]) for name in files if len(name) == 64)
for i, name in enumerate(names):
    data = bytearray(open(name, "rb").read())
    kind = i % 6
    if kind == 0:
        data[random.randrange(len(data))] ^= 1 << random.randrange(8)
    elif kind == 1:
        data[random.randrange(72)] ^= 1 << random.randrange(8)
    elif kind == 2:
        del data[random.randrange(len(data)):]
    elif kind == 3:
        data = bytearray()
    elif kind == 4:
        data = bytearray(open(random.choice(names), "rb").read())  # another's name
    else:
        data += b"more"
    with open(name, "wb") as file:
        file.write(data)
PYTHON
go
read_all "damaged files (seed $(cat damaged.seed))"
[ "$(stats damaged)" -gt 0 ] || fail "no damage was counted (seed $(cat damaged.seed))"
stop
go
read_all "after the repair"
equal "conversions after the repair" "$(stats conversions)" 0
# Cut while they are open and verified.
while read -r file; do truncate -s 50 "$file"; done < <(files)
read_all "cut while they are in use"
stop

# Modes and owners that a start refuses do no harm to a mount that runs.
fill
go
read_all "warm"
chmod 777 "$cache" "$cache"/*
chmod 666 "$cache/secret"
read_all "writable by everybody"
stop
go
read_all "started with such a mode"
equal "lines about the mode" "$(lines 'no cache:' 'others may')" 1
stop
chmod 700 "$cache" "$cache"/[0-9a-f] "$cache/tmp" "$cache/counters"
chmod 600 "$cache/secret" "$cache/CACHEDIR.TAG"
go
chmod -R a-rwx "$cache" # to root that is nothing
read_all "without any rights"
chmod -R u+rwX "$cache"
stop
if [ "$(id -u)" -eq 0 ]; then
    go
    chown -R 12345:12345 "$cache"
    read_all "of another owner"
    stop
    go
    read_all "started with another owner"
    equal "lines about the owner" "$(lines 'no cache:' 'belongs to another user')" 1
    stop
fi
[ -n "${QUANTFS_TEST_NAMESPACE:-}" ] || exit 0

# A filesystem of its own: full, then read-only, then pulled away.
rm -rf "$cache"
mount -t tmpfs -o size=4m,mode=700 tmpfs place || exit 0
mkdir -m 700 "$cache"
go -o cache_min_free=0
read_all "a small disk"
read_all "a small disk, again"
dd if=/dev/zero of=place/rest bs=64k 2>/dev/null || true
rm -f "$cache"/[0-9a-f]/*
read_all "a full disk"
rm -f place/rest
read_all "room again"
mount -o remount,ro place
read_all "a read-only disk"
umount -l place
read_all "a disk that is gone"
stop
