#!/bin/bash
# If this failed, a program that scans folders would find no variants, the same one twice, or one model's under another's name.
. "$(dirname "$0")/lib.bash"

shape=(--width 256 --ff 512 --heads 4 --kv 2 --layers 1 --vocab 300)
make() { "$tests/make-big-model" "${shape[@]}" "$@"; }
mkdir -p models/one models/org/name/deep models/.trash models/models--Hub--Some-7B/snapshots/0123 models/many
mv models/a.gguf models/one/a.gguf
make --seed 2 models/org/name/b.gguf
make --seed 3 models/org/name/deep/c.gguf
make --seed 4 --split 2 models/many/set.gguf
make --seed 5 models/blob
ln -s ../../../blob models/models--Hub--Some-7B/snapshots/0123/d.gguf
make --seed 6 models/.trash/gone.gguf
echo text >models/one/readme.txt
ln -s one models/link
all() { (cd mnt && find . -type f | LC_ALL=C sort | sed 's#^\./##' | paste -sd' '); }
others() { find mnt ! -type f ! -type d; }

# flat: all in the root, and nothing else.
start -o layout=flat,variants=q8_0
equal "flat" "$(all)" "a@q8_0.gguf b@q8_0.gguf c@q8_0.gguf d@q8_0.gguf set@q8_0.gguf"
equal "directories and symlinks" "$(find mnt -mindepth 1 ! -type f)" ""
for pair in a:one/a.gguf b:org/name/b.gguf set:many/set-00001-of-00002.gguf d:models--Hub--Some-7B/snapshots/0123/d.gguf; do
    expected "models/${pair#*:}" Q8_0
    same "mnt/${pair%%:*}@q8_0.gguf" expected
done
expected models/one/a.gguf Q4_K_M --pure
same mnt/a@Q4_K_M+pure.gguf expected # not listed, and spelled otherwise
equal "inode by another spelling" "$(inode mnt/a@q4_k+pure.gguf)" "$(inode mnt/a@q4_k_m+pure.gguf)"
for name in one one/a.gguf a.gguf readme.txt x@q8_0.gguf gone@q8_0.gguf a@q9.gguf org .trash link; do
    [ ! -e "mnt/$name" ] || fail "there is $name"
done
equal "folder" "$(ls mnt/a@q8_0 | paste -sd' ')" "Modelfile model.gguf recipe.tsv tensors"
equal "inode of model.gguf" "$(inode mnt/a@q8_0/model.gguf)" "$(inode mnt/a@q8_0.gguf)"
python3 - <<'PYTHON'
import os
for e in os.scandir("mnt"):
    assert e.inode() == os.lstat(e.path).st_ino, e.name
PYTHON
ls -i mnt >before
# The tree is not surveyed for each name; but a new model, and one that has moved, are found at once.
cp source.gguf models/one/n.gguf
[ -f mnt/n@q8_0.gguf ] || fail "a new model is not found at once"
mv models/one/n.gguf models/many/n.gguf
[ -f mnt/n@q8_0.gguf ] || fail "a model that was moved is not found at once"
rm models/many/n.gguf
[ ! -e mnt/n@q8_0.gguf ] || fail "a model that is gone is found"
# A model that comes, one that goes, and two of one name: fewer directories go first, then the path.
make --seed 7 models/many/b.gguf
until_true 5 eval 'ls -l mnt >/dev/null; [ "$(lines "org/name/b.gguf: many/b.gguf goes first")" = 1 ]' || fail "not told that two have one name"
ls -l mnt >/dev/null
equal "lines about two of one name" "$(lines 'org/name/b.gguf: many/b.gguf goes first where both have a variant')" 1
stop
start -o layout=flat,variants=q8_0
expected models/many/b.gguf Q8_0
same mnt/b@q8_0.gguf expected
[ "$(inode mnt/b@q8_0.gguf)" = "$(ls -i mnt | awk '$2 == "b@q8_0.gguf" { print $1 }')" ] || fail "a listing and a name lead to different models"
equal "other numbers at the second mount" "$(ls -i mnt | diff before - | grep -c '^>' || true)" 1
rm models/many/b.gguf
expected models/org/name/b.gguf Q8_0
until_true 5 cmp -s mnt/b@q8_0.gguf expected || fail "the one that stood behind does not come"
mv models/one/a.gguf models/one/e.gguf
until_true 5 absent mnt/a@q8_0.gguf || fail "a model that is gone"
equal "after a model was renamed" "$(all)" "b@q8_0.gguf c@q8_0.gguf d@q8_0.gguf e@q8_0.gguf set@q8_0.gguf"
mv models/one/e.gguf models/one/a.gguf
stop

# lmstudio: PUBLISHER/MODEL/FILE, whatever the tree is.
cp source.gguf models/top.gguf
start -o layout=lmstudio,variants=q8_0
equal "lmstudio" "$(all)" "Hub/Some-7B/d@q8_0.gguf local/many/set@q8_0.gguf local/one/a@q8_0.gguf local/top/top@q8_0.gguf org/name-deep/c@q8_0.gguf org/name/b@q8_0.gguf"
equal "what is neither file nor directory" "$(others)" ""
expected models/org/name/deep/c.gguf Q8_0
same mnt/org/name-deep/c@q8_0.gguf expected
[ -f mnt/org/name/b@q6_k+pure.gguf ] || fail "a variant that is not listed is not there"
for name in one many top.gguf org/c@q8_0.gguf org/name/c@q8_0.gguf b@q8_0.gguf org/name/deep org/nam local/x .trash; do
    [ ! -e "mnt/$name" ] || fail "there is $name"
done
for name in local local/one org; do
    equal "number of $name in a listing" "$(ls -i "mnt/$(dirname "$name")" | awk -v name="$(basename "$name")" '$2 == name { print $1 }')" "$(inode "mnt/$name")"
done
equal "number of .." "$(ls -ai mnt/org/name | awk '$2 == ".." { print $1 }')" "$(inode mnt/org)"
(cd mnt && find . -printf '%i %s %y %p\n' | sort -k4) >before
touch mnt/x 2>err && fail "a file was made"
grep -q 'Read-only' err || fail "$(cat err)"
rm models/org/name/deep/c.gguf
until_true 5 absent mnt/org/name-deep || fail "a directory without models"
make --seed 3 models/org/name/deep/c.gguf
stop
start -o layout=lmstudio,variants=q8_0
(cd mnt && find . ! -name 'c@*' -printf '%i %s %y %p\n' | sort -k4) >after
grep -v c@ before | diff - after || fail "other numbers at the second mount"
stop

# dirs: the tree, and each variant in a directory of its own.
start -o layout=dirs,variants=q8_0
equal "dirs" "$(cd mnt/one && find . | LC_ALL=C sort | paste -sd' ')" ". ./a.gguf ./a@q8_0.gguf ./a@q8_0.gguf/a@q8_0.gguf ./readme.txt"
expected models/one/a.gguf Q8_0
same mnt/one/a@q8_0.gguf/a@q8_0.gguf expected
same mnt/one/a@q8_0/model.gguf expected
equal "inode of model.gguf" "$(inode mnt/one/a@q8_0/model.gguf)" "$(inode mnt/one/a@q8_0.gguf/a@q8_0.gguf)"
equal "not listed" "$(ls mnt/one/a@Q6_K.gguf)" a@q6_k.gguf
for name in one/a@q8_0.gguf/a@q6_k.gguf one/a@q8_0.gguf/model.gguf one/a@q9.gguf; do [ ! -e "mnt/$name" ] || fail "there is $name"; done
same mnt/one/readme.txt models/one/readme.txt
stop

for words in layout=trees layout= layout; do
    status=0
    "$QUANTFS" models mnt -o "nocache,$words" 2>err || status=$?
    equal "exit status with $words" "$status" 1
    grep -q "option '$words'" err || fail "says: $(cat err)"
done
