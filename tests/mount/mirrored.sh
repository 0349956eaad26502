#!/bin/bash
# If this failed, tools would not find the other files of a model (tokenizer, config) in the mount as they are in the source.
. "$(dirname "$0")/lib.bash"
mkdir -p models/sub/deeper
echo '{"a": 1}' >models/sub/config.json
head -c 5000000 /dev/urandom >models/sub/deeper/data.bin
printf 'x' >"models/sub/with blank, ünïcode and \$sign"
printf 'x' >$'models/sub/not\xffutf8'
: >models/empty
chmod 751 models/sub
chmod 604 models/sub/config.json
touch -d '2001-02-03 04:05:06.789' models/sub/config.json
ln -s sub/config.json models/link
mkfifo models/fifo
start -o variants=q8_0
diff -r --no-dereference models/sub mnt/sub || fail "the trees differ"
list() { (cd "$1" && find . ! -name '*@*' -printf '%p %y %m %s %T@ %U %G %i %l\n' | grep -av '^\. \|^\./a.gguf' | sort); }
list models >source.list
list mnt >mount.list
# Directories count links and sizes as they like; files must not, and nothing is writable.
diff <(awk '$2 == "d" { $4 = 0 } { print }' source.list) <(awk '$2 == "d" { $4 = 0 } { print }' mount.list) || fail "attributes differ"
equal "parent of a directory" "$(inode mnt/sub/..)" "$(inode mnt)"
python3 - <<'PYTHON'
import os
a, b = os.statvfs("models"), os.statvfs("mnt")
assert (b.f_blocks * b.f_frsize, b.f_namemax) == (a.f_blocks * a.f_frsize, a.f_namemax), (a, b)
assert b.f_blocks > 0 and b.f_flag & os.ST_RDONLY, b
PYTHON
# Written under the mount: seen as on any passthrough.
echo '{"a": 22}' >models/sub/config.json
until_true 5 cmp -s models/sub/config.json mnt/sub/config.json || fail "a changed file shows old content"
echo more >>models/sub/config.json
until_true 5 cmp -s models/sub/config.json mnt/sub/config.json || fail "a grown file shows old content"
# However often a file is open, it is one descriptor, also under two names.
ln models/sub/config.json models/linked.json
exec 5<mnt/sub/config.json 6<mnt/sub/config.json 7<mnt/linked.json
same /dev/fd/6 models/sub/config.json
equal "descriptors of a file that is open three times" "$(find -L "/proc/$daemon/fd" -maxdepth 1 -samefile models/linked.json 2>/dev/null | wc -l)" 1
exec 5<&- 6<&- 7<&-
stop
