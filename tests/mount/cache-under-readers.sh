#!/bin/bash
# If this failed, what happens to a cache while variants are read from it would reach a reader: an error, a wrong byte, or a leak.
# In a mount namespace of its own, where there can be one: what is mounted there goes with it.
if [ "$(id -u)" -eq 0 ] && [ -z "${QUANTFS_TEST_NAMESPACE:-}" ] && "$(dirname "$0")/../apart" true 2>/dev/null; then
    QUANTFS_TEST_NAMESPACE=1 exec "$(dirname "$0")/../apart" bash "$0"
fi
. "$(dirname "$0")/lib.bash"
mkdir place other
cache=$work/place/cache
"$tests/make-big-model" --width 256 --ff 512 --heads 4 --kv 4 --layers 10 --vocab 1000 models/a.gguf
for type in q4_k_m q5_k_m q6_k; do
    expected models/a.gguf "$type"
    mv expected "expected.$type"
done
wait_old models/a.gguf

# Few files and few bytes are kept, so that the readers go back to the cache again and again.
printf '#!/bin/sh\nulimit -n 128\nexec "%s" "$@"\n' "$QUANTFS" >few
chmod +x few
fill() { "$QUANTFS" quantize --cache="$cache" models/a.gguf out.gguf "$1" >quantize.out 2>&1 || fail "quantize: $(tail -n 3 quantize.out)"; rm out.gguf; }
objects() { find "$cache"/[0-9a-f] -type f -size +4k 2>/dev/null || true; }
# change WHAT COMMAND...: the readers read on, and all that was misplaced is repaired
change() {
    local what=$1
    shift
    "$@" || fail "$what: the change itself failed"
    read_on "$what"
}
# damage HOW: every object, in its place. The readers wait meanwhile: what is answered at that instant may be the file's own pages.
damage() {
    local one
    for one in "${readers[@]}"; do kill -STOP "${one%%:*}"; done
    sleep 0.2
    damage_objects "$1"
    for one in "${readers[@]}"; do kill -CONT "${one%%:*}"; done
}
damage_objects() {
    objects | python3 -c '
import os, random, struct, sys
how, seed = sys.argv[1], random.SystemRandom().randrange(1 << 32)
draw = random.Random(seed)
print("seed %d" % seed)
names = sys.stdin.read().split()
for name in names:
    with open(name, "r+b") as file:
        size = os.fstat(file.fileno()).st_size
        if how == "cut": file.truncate(draw.randrange(size))
        elif how == "emptied": file.truncate(0)
        elif how == "version": file.seek(8); file.write(struct.pack("<I", 99))
        elif how == "longer": file.seek(size); file.write(b"more")
        else:
            at = draw.randrange(72 if how == "header" else size)
            file.seek(at)
            byte = file.read(1)[0]
            file.seek(at)
            file.write(bytes([byte ^ 1 << draw.randrange(8)]))
' "$1" >seed
}
exchange() { # each object gets the name of the next one
    local first='' name
    for name in $(objects); do
        if [ -n "$first" ]; then mv "$name" "$last"; else first=$name && cp "$name" spare; fi
        last=$name
    done
    mv spare "$last"
}
swap_two_caches() { # the same names where the secret is the same, so an object of another cache is under a name that it has not
    local mine theirs
    mapfile -t mine < <(objects)
    mapfile -t theirs < <(find other/cache/[0-9a-f] -type f -size +4k)
    for i in "${!mine[@]}"; do
        [ "$i" -lt ${#theirs[@]} ] || break
        mv "${mine[i]}" spare && mv "${theirs[i]}" "${mine[i]}" && mv spare "${theirs[i]}"
    done
}
delete() { until_true 10 rm -rf "$cache" 2>/dev/null; } # puts may come between
put_there() { delete && mv -T "$1" "$cache" 2>/dev/null; }
read_only() { until_true 30 mount -o remount,bind,ro place 2>/dev/null; } # a put may be under way
tidy() { chmod -R u+rwX,go-rwx "$cache"; chown -R "$(id -u):$(id -g)" "$cache"; }

mkdir other/cache && chmod 700 other/cache
cache=$work/other/cache fill q4_k_m
fill q4_k_m
fill q5_k_m
whole=$QUANTFS
QUANTFS=$work/few
start -o "cache=$cache,memory=1M"
idle=$(descriptors)
QUANTFS=$whole
keep_reading mnt/a@q4_k_m.gguf expected.q4_k_m
keep_reading mnt/a@q5_k_m.gguf expected.q5_k_m
read_on "a warm cache"
hits=$(stats hits)
read_on "a warm cache, again"
[ "$(stats hits)" -gt $((hits + 20)) ] || fail "the readers do not go to the cache"

for how in cut emptied header body version longer; do
    damaged=$(stats damaged)
    change "$how" damage "$how"
    [ "$(stats damaged)" -gt "$damaged" ] || fail "no damage was seen: $how"
done
change "another's name" exchange
change "objects of another cache" swap_two_caches
change "trimmed" "$whole" cache trim 1M "$cache" >/dev/null
change "cleared" "$whole" cache clear "$cache" >/dev/null
change "all but the directories deleted" find "$cache" -type f -delete
change "deleted" delete
change "an empty directory in its place" eval 'delete && mkdir -m 700 "$cache" 2>/dev/null || [ -d "$cache" ]'
change "replaced by another cache" eval 'cp -a other/cache other/new && until_true 10 put_there other/new'
change "the first one moved away" mv "$cache" other/moved
change "and back" until_true 10 put_there other/moved
change "a secret cut short" truncate -s 31 "$cache/secret"
change "no secret" rm -f "$cache/secret"
change "writable by everybody" chmod -R a+rwX "$cache"
change "no rights" chmod -R a-rwx "$cache"
tidy
if [ "$(id -u)" -eq 0 ]; then
    change "of another owner" chown -R 12345:12345 "$cache"
    tidy
fi

readers_end
for type in q4_k_m q5_k_m; do same "mnt/a@$type.gguf" "expected.$type"; done
no_leak "$idle" 128
equal "errors in the log" "$(grep -vcE 'stats:|is mounted|is unmounted' log || true)" 0
stop
[ -n "${QUANTFS_TEST_NAMESPACE:-}" ] || exit 0

# A filesystem of its own: full, then read-only, then pulled away.
rm -rf "$cache"
mount -t tmpfs -o size=24m,mode=700 tmpfs place || exit 0
fill q4_k_m
QUANTFS=$work/few
start -o "cache=$cache,memory=1M,cache_min_free=0"
idle=$(descriptors)
QUANTFS=$whole
keep_reading mnt/a@q4_k_m.gguf expected.q4_k_m
keep_reading mnt/a@q5_k_m.gguf expected.q5_k_m
read_on "a small disk"
dropped=$(stats dropped)
change "a full disk" eval 'dd if=/dev/zero of=place/rest bs=64k 2>/dev/null; rm -f "$cache"/[0-9a-f]/*; dd if=/dev/zero of=place/more bs=64k 2>/dev/null; true'
[ "$(stats dropped)" -gt "$dropped" ] || fail "the full disk was not seen"
change "room again" rm -f place/rest place/more
change "a read-only disk" read_only
dropped=$(stats dropped)
same mnt/a@q6_k.gguf expected.q6_k
[ "$(stats dropped)" -gt "$dropped" ] || fail "the read-only disk was written to"
change "a writable disk" mount -o remount,bind,rw place
change "a disk that is gone" umount -l place
readers_end
for type in q4_k_m q5_k_m; do same "mnt/a@$type.gguf" "expected.$type"; done
no_leak "$idle" 128
stop
