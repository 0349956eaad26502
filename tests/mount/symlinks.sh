#!/bin/bash
# If this failed, a Hugging Face cache (all symlinks) would have no variants, or a link could lead into the mount itself.
. "$(dirname "$0")/lib.bash"
mkdir -p models/hub/blobs models/hub/snapshots/main outside
cp source.gguf models/hub/blobs/0123abcd
ln -s ../../blobs/0123abcd models/hub/snapshots/main/model-F16.gguf
cp source.gguf outside/out.gguf
ln -s "$work/outside/out.gguf" models/away.gguf
ln -s nowhere models/broken.gguf
ln -s loop.gguf models/loop.gguf
ln -s "$work/mnt/a.gguf" models/inside.gguf
ln -s ../mnt models/mount
ln -s a.gguf models/a-link.gguf
start
expected source.gguf Q4_K_M
same mnt/hub/snapshots/main/model-F16@q4_k_m.gguf expected
equal "variants in the cache" "$(variants mnt/hub/snapshots/main)" "model-F16@q4_k_m.gguf model-F16@q4_k_s.gguf model-F16@q8_0.gguf"
for link in hub/snapshots/main/model-F16.gguf away.gguf broken.gguf loop.gguf inside.gguf mount a-link.gguf; do
    equal "readlink $link" "$(readlink "mnt/$link")" "$(readlink "models/$link")"
done
same mnt/hub/snapshots/main/model-F16.gguf source.gguf
# A link that leads out of the tree is the user's own right.
same mnt/away@q4_k_m.gguf expected
same mnt/a-link@q4_k_m.gguf expected
for name in broken loop inside; do absent "mnt/$name@q4_k_m.gguf" || fail "a variant through $name.gguf"; done
stat mnt/inside@q4_k_m.gguf 2>err && fail "a variant of what is in the mount"
grep -q 'Too many levels' err || fail "through the mount: $(cat err)"
equal "variants" "$(variants mnt)" "a-link@q4_k_m.gguf a-link@q4_k_s.gguf a-link@q8_0.gguf a@q4_k_m.gguf a@q4_k_s.gguf a@q8_0.gguf away@q4_k_m.gguf away@q4_k_s.gguf away@q8_0.gguf"
# Still alive after the links that lead into itself.
timeout 10 ls -lL mnt >/dev/null 2>&1 || true
timeout 10 stat mnt/a@q8_0.gguf >/dev/null || fail "the mount hangs"
# What the link leads to is the version.
"$tests/make-big-model" --width 256 --ff 512 --heads 4 --kv 2 --layers 1 --vocab 300 outside/other.gguf
ln -sfn "$work/outside/other.gguf" models/away.gguf
expected outside/other.gguf Q4_K_M
until_true 5 cmp -s mnt/away@q4_k_m.gguf expected || fail "a link that was set anew shows the old model"
stop
