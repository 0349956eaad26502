#!/bin/bash
# If this failed, a mount could not be the lower layer of an overlay, which is how a container sees it, or be exported again.
. "$(dirname "$0")/../mount/lib.bash"
need_root
mkdir -p models/sub layers
cp source.gguf models/sub/b.gguf
expected source.gguf Q4_K_M
start
cat >inside.sh <<'INSIDE'
set -e
mount -t tmpfs tmpfs layers
mkdir layers/upper layers/work layers/all
mount -t overlay overlay -o lowerdir=mnt,upperdir=layers/upper,workdir=layers/work layers/all || exit 77
diff <(cd mnt && find . -mindepth 1 -printf '%p %y %s %m\n' | sort) <(cd layers/all && find . -mindepth 1 -printf '%p %y %s %m\n' | sort)
cmp layers/all/a@q4_k_m.gguf expected
cmp layers/all/sub/b@q4_k_m.gguf expected
cmp layers/all/a.gguf source.gguf
[ -f layers/all/sub/b@q6_k.gguf ] # not listed
# A copy goes up as it is written to, a new file lies above.
printf x >>layers/all/a@q4_k_m.gguf
cmp -n "$(stat -c %s expected)" layers/all/a@q4_k_m.gguf expected
echo new >layers/all/sub/new
[ "$(cat layers/all/sub/new)" = new ]
cmp mnt/a@q4_k_m.gguf expected
umount layers/all layers
INSIDE
# In a namespace that has this mount, unlike that of tests/apart.
status=0
unshare -m bash inside.sh || status=$?
[ "$status" -ne 77 ] || skip "no overlay here"
equal outcome "$status" 0
stop
