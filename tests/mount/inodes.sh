#!/bin/bash
# If this failed, an inode number would change at a remount, or two files would share one (rsync, backup and hard-link detection look at it).
. "$(dirname "$0")/lib.bash"
mkdir models/sub
cp source.gguf models/sub/b.gguf
echo text >models/readme.txt
start
list() { for name in a.gguf readme.txt sub sub/b.gguf a@q4_k_m.gguf a@q8_0.gguf sub/b@q4_k_m.gguf a@q4_k_m+pure.gguf; do echo "$(inode "mnt/$name") $name"; done; }
list >first
for name in a.gguf readme.txt sub sub/b.gguf; do equal "inode of the mirrored $name" "$(inode "mnt/$name")" "$(inode "models/$name")"; done
equal "different inodes" "$(cut -d' ' -f1 first | sort -u | wc -l)" 8
for view in a@q4_k_m sub/b@q4_k_m; do
    # The top bit is what keeps them apart from the source's own.
    [ "$(printf '%x' "$(inode "mnt/$view.gguf")" | wc -c)" -eq 16 ] && [[ $(printf '%x' "$(inode "mnt/$view.gguf")") == [89a-f]* ]] || fail "no top bit: $view"
done
stop
start -o variants=q6_k
list >second
diff first second || fail "other inodes at the second mount"
# ls takes inode numbers from the listing, stat from the file.
equal "inode in a listing" "$(ls -i mnt | awk '$2 == "a@q6_k.gguf" { print $1 }')" "$(inode mnt/a@q6_k.gguf)"
stop
