#!/bin/bash
# If this failed, the first command that the README gives would not show a working variant.
. "$(dirname "$0")/lib.bash"

# A tree whose build is the one under test.
mkdir -p tree/fs
cp "$tests/../fs/quickstart" "$tests/../fs/make-model" tree/fs
ln -s "$(dirname "$(dirname "$QUANTFS")")" tree/build
export XDG_DATA_HOME=$work/data
demo=$XDG_DATA_HOME/quantfs-demo
"$QUANTFS" quantize source.gguf expected.gguf Q4_K_M >/dev/null 2>&1
sum=$(sha256sum <expected.gguf | cut -d' ' -f1)

# A build takes a while: it is said before. (What builds here is a link to what has been built.)
mkdir -p fresh/fs bin
cp tree/fs/* fresh/fs
printf '#!/bin/sh\n' >bin/meson
printf '#!/bin/sh\nln -s "%s" "%s"\n' "$(dirname "$(dirname "$QUANTFS")")" "$work/fresh/build" >bin/ninja
chmod +x bin/*
refuses env PATH="$work/bin:$PATH" fresh/fs/quickstart none mnt
equal "what is built for a directory that is not there ($(cat err))" "$(cat out)" ""
refuses env PATH="$work/bin:$PATH" fresh/fs/quickstart fresh source.gguf
grep -qi '^building' out || fail "not a word of the build: $(cat out err)"
refuses env PATH="$work/bin:$PATH" fresh/fs/quickstart fresh source.gguf
! grep -qi '^building' out || fail "a build though it is built: $(cat out err)"
rm -r fresh bin

# Without /dev/fuse: it says so and writes the file.
cat >nofuse.sh <<'INSIDE'
mkdir dev && mount -t tmpfs tmpfs dev || exit 77
for node in null zero urandom; do touch dev/$node && mount --bind /dev/$node dev/$node || exit 77; done
ln -s /proc/self/fd dev/fd
mount --move dev /dev || exit 77
tree/fs/quickstart >plain.out 2>&1
INSIDE
status=0
"$tests/apart" bash -e nofuse.sh 2>unshare.err || status=$?
# A machine may not let its users do that.
if [ "$status" -ne 77 ] && ! grep -q unshare: unshare.err; then
    equal "without /dev/fuse ($(cat plain.out))" "$status" 0
    grep -q 'no usable /dev/fuse' plain.out || fail "no word of /dev/fuse"
    same "$demo/demo-q4_k_m.gguf" expected.gguf
fi

[ -w /dev/fuse ] && command -v fusermount3 >/dev/null || skip "no /dev/fuse: only the way without it was tried"
unmount() { fusermount3 -u "$demo/mnt" 2>/dev/null || true; fusermount3 -u "$work/mnt" 2>/dev/null || true; }
# The daemons write what the cache still waits for before they end.
ended() { ! pgrep -f "^$work/tree/build/fs/quantfs " >/dev/null; }
clean() {
    unmount
    for _ in $(seq 100); do if ended; then break; fi; sleep 0.1; done
    rm -rf "$work"
}
trap clean EXIT
tree/fs/quickstart >mounted.out 2>&1 || fail "$(cat mounted.out)"
grep -qF 'demo@q4_k_m.gguf' mounted.out || fail "no variant in the listing: $(cat mounted.out)"
grep -q "^$sum " mounted.out || fail "another sum than $sum: $(cat mounted.out)"
(cd tree/fs && ./quickstart >../../again.out 2>&1) || fail "the second time: $(cat again.out)"
grep -q 'Already mounted' again.out || fail "not a word of what is mounted already"
mkdir models
cp source.gguf models/mine.gguf
tree/fs/quickstart models mnt >own.out 2>&1 || fail "$(cat own.out)"
same mnt/mine@q4_k_m.gguf expected.gguf

# What is mounted there is told apart from what is asked for.
tree/fs/quickstart models/ mnt >again.out 2>&1 || fail "the second time: $(cat again.out)"
grep -q 'Already mounted' again.out || fail "not a word of what is mounted already"
mkdir 'other models'
refuses tree/fs/quickstart 'other models' mnt
grep -qF "mnt shows $work/models already" err || fail "another tree on the mountpoint: $(cat out err)"
fusermount3 -u mnt
mkdir 'my mnt'
ln -s 'my mnt' link
tree/fs/quickstart models link >own.out 2>&1 || fail "a blank in MOUNTPOINT: $(cat own.out)"
equal "the last line" "$(tail -n 1 own.out)" "Unmount:  fusermount3 -u $work/my\ mnt"
eval "$(tail -n 1 own.out | cut -d: -f2)"
tree/fs/quickstart 'other models' mnt >own.out 2>&1 || fail "an empty tree: $(cat own.out)"
tree/fs/quickstart 'other models' mnt >again.out 2>&1 || fail "an empty tree, the second time: $(cat again.out)"
grep -q 'Already mounted' again.out || fail "a blank in the name"
# A mount whose process was killed is none.
pid=$(pgrep -f "^$work/tree/build/fs/quantfs other models mnt") || fail "no process of the mount"
kill -KILL "$pid"
tree/fs/quickstart models mnt >own.out 2>&1 || fail "after a dead mount: $(cat own.out)"
same mnt/mine@q4_k_m.gguf expected.gguf
