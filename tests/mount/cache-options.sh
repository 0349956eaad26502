#!/bin/bash
# If this failed, a mount would put its cache where it must not be, or would fail instead of going on without one.
. "$(dirname "$0")/lib.bash"
home=$work/home
mkdir "$home"

mounts() { start -o "$1"; ls mnt >/dev/null; }
made() { [ -f "$1/secret" ] && [ -d "$1/tmp" ] && [ "$(stat -c %a "$1")" = 700 ]; }

# Where it is by default, and where it is said to be; a relative path is one from where the program was called.
unset XDG_CACHE_HOME
export HOME=$home
start
ls mnt >/dev/null
absent "$home/.cache" || fail "a cache in spite of nocache"
stop
"$QUANTFS" models mnt -f -o log="$work/log" >daemon.out 2>daemon.err &
daemon=$!
until_true 20 started || fail "no mount"
made "$home/.cache/quantfs" || fail "no cache in ~/.cache/quantfs"
stop
mounts cache=here
made here || fail "no cache in a relative path"
stop
mkdir away
(cd away && exec "$QUANTFS" ../models ../mnt -o "cache=there,log=$work/log") || fail "no mount in the background"
until_true 10 made away/there || fail "no cache in a relative path of a mount in the background"
fusermount3 -u mnt || fail "cannot unmount"
until_true 10 not_mounted mnt || fail "still mounted"
equal "what complains" "$(lines 'no cache')" 0

# A place that cannot be is refused, and nothing is made there.
mkdir mnt/below # under the mount to be
for place in mnt mnt/new "$work/mnt/below/new" models models/new models/../mnt/x; do
    refuses "$QUANTFS" models mnt -f -o "cache=$place"
    grep -qE "the cache '.*' is inside (MOUNTPOINT|MODELS)" err || fail "no reason for $place: $(cat err)"
    not_mounted mnt || fail "mounted with the cache in $place"
done
ln -s mnt/below link
refuses "$QUANTFS" models mnt -f -o cache=link/new
grep -q "is inside MOUNTPOINT" err || fail "no reason for a symlink: $(cat err)"
equal "what was made under the mountpoint" "$(find mnt -mindepth 1)" mnt/below
equal "what was made among the models" "$(ls models)" a.gguf
rm -r link mnt/below
mkdir -p around/mnt
refuses "$QUANTFS" models around/mnt -f -o cache=around
grep -q "MOUNTPOINT is inside the cache" err || fail "no reason for a mountpoint in the cache: $(cat err)"
equal "what was made around it" "$(ls around)" mnt
refuses "$QUANTFS" models mnt -f -o cache_size=many
grep -q "cache_size=many" err || fail "no reason for a wrong size: $(cat err)"

# The default place, where it cannot be: without a cache.
export XDG_CACHE_HOME=$work/models
rm -f log
"$QUANTFS" models mnt -f -o log="$work/log" >daemon.out 2>daemon.err &
daemon=$!
until_true 20 started || fail "no mount with the default place among the models"
equal "lines about that" "$(lines 'no cache:' 'is inside MODELS')" 1
equal "what was made among the models" "$(ls models)" a.gguf
stop
unset XDG_CACHE_HOME

# One that cannot be used: one line, and the mount works without.
expected source.gguf q4_k_m
refused() { # WHY
    rm -f log
    mounts "cache=$work/bad"
    equal "lines about $1" "$(lines 'no cache:' "$work/bad")" 1
    grep -q "no cache: .*$1" log || fail "no reason ($1): $(cat log)"
    grep -q "no cache: .*$1" daemon.err || fail "the terminal does not see it ($1): $(cat daemon.err)"
    same mnt/a@q4_k_m.gguf expected
    stop
}
echo >bad
refused "Not a directory\|File exists\|not a directory"
rm bad
mkdir -m 777 bad
refused "others may write to it"
chmod 700 bad
echo >bad/thesis.txt
refused "not a cache of quantfs"
rm bad/thesis.txt
mounts "cache=$work/bad"
stop
truncate -s 31 bad/secret
refused "secret: is damaged"
truncate -s 32 bad/secret
chmod 644 bad/secret
refused "secret: is not the user's own, or others may read it"
rm -r bad
if [ "$(id -u)" -eq 0 ]; then
    mkdir bad
    chown 12345 bad
    refused "belongs to another user"
    rm -r bad
fi
mounts "cache=$work/no/such/place"
equal "lines about parents" "$(lines 'no cache:' 'No such file')" 1
absent no || fail "parents were made of a place that the user has said"
stop
# In the background the caller is told, and it is no failure.
"$QUANTFS" models mnt -o "cache=$work/no/such/place,log=$work/log" 2>err || fail "no mount in the background"
grep -q 'no cache: .*No such file' err || fail "the caller is not told: $(cat err)"
fusermount3 -u mnt || fail "cannot unmount"
until_true 10 not_mounted mnt || fail "still mounted"
