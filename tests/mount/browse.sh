#!/bin/bash
# If this failed, the folder of a variant would show other bytes or sizes than the variant has, or those of another version.
. "$(dirname "$0")/lib.bash"

# content FOLDER VIEW: all that is in a folder, against the view and the verbs.
content() {
    python3 - "$1" "$2" "$QUANTFS" <<'PYTHON'
import os, subprocess, sys
folder, view, quantfs = sys.argv[1:]
with open(view, "rb") as file:
    whole = file.read()
for name, found in ("model.gguf", whole), ("Modelfile", b"FROM ./model.gguf\n"):
    with open(folder + "/" + name, "rb") as file:
        assert file.read() == found, name
with open(folder + "/recipe.tsv", encoding="ascii") as file:
    lines = [line.rstrip("\n").split("\t") for line in file][1:]
wanted = {}
for name, _, _, kind, offset, size in lines:
    wanted["%s.%s" % (name, kind.lower())] = whole[int(offset):int(offset) + int(size)]
found = os.listdir(folder + "/tensors")
assert sorted(found) == sorted(wanted), set(found) ^ set(wanted)
for name in found:
    with open(folder + "/tensors/" + name, "rb") as file:
        assert file.read() == wanted[name], name
for at, folders, files in os.walk(folder):
    for name in files:
        path = at + "/" + name
        with open(path, "rb") as file:
            size = len(file.read())
        assert os.stat(path).st_size == size, path
        assert os.stat(path).st_mode == 0o100444, path
PYTHON
}

start
equal "listing" "$(ls mnt | paste -sd' ')" "a.gguf a@q4_k_m.gguf a@q4_k_s.gguf a@q8_0.gguf"
equal "folder" "$(ls mnt/a@q4_k_m | paste -sd' ')" "Modelfile model.gguf recipe.tsv tensors"
content mnt/a@q4_k_m mnt/a@q4_k_m.gguf
"$QUANTFS" recipe models/a.gguf q6_k+pure | cmp - mnt/a@q6_k+pure/recipe.tsv || fail "another recipe"
expected models/a.gguf Q6_K --pure
cmp - expected <mnt/a@q6_k+pure/model.gguf || fail "another model"
# The view itself is one file under two names: no page is kept twice.
equal "inode of model.gguf" "$(inode mnt/a@q4_k_m/model.gguf)" "$(inode mnt/a@q4_k_m.gguf)"
equal "inode by another spelling" "$(inode mnt/a@Q4_K/recipe.tsv)" "$(inode mnt/a@q4_k_m/recipe.tsv)"
for name in a@q9 a@q4_k_m/x a@q4_k_m/shards a@q4_k_m/tensors/x a@q4_k_m/tensors/output.weight a@q4_k_m/tensors/output.weight.q4_k \
    a@q4_k_m/recipe.tsv/x a@q4_k_m/a@q4_k_m b@q4_k_m a.gguf@q4_k_m; do
    [ ! -e "mnt/$name" ] || fail "there is a $name"
done
# Nothing in it can be changed.
for command in "touch mnt/a@q8_0/x" "mkdir mnt/a@q8_0/tensors/x" "rm mnt/a@q8_0/Modelfile" "mv mnt/a@q8_0/tensors mnt/x" "rmdir mnt/a@q8_0/tensors"; do
    $command 2>err && fail "done: $command"
    grep -q 'Read-only file system' err || fail "$command: $(cat err)"
done
# Numbers are the same in a listing, from stat, and at the next mount.
numbers() { (cd mnt && find a@q4_k_m a@q8_0 -printf '%i %s %y %p\n' | sort -k4); }
numbers >before
equal "inode in a listing" "$(ls -i mnt/a@q8_0 | awk '$2 == "recipe.tsv" { print $1 }')" "$(inode mnt/a@q8_0/recipe.tsv)"
equal "numbers used twice" "$(cut -d' ' -f1 before | sort | uniq -d)" ""
equal "number of .. in a folder's folder" "$(ls -ai mnt/a@q8_0/tensors | awk '$2 == ".." { print $1 }')" "$(inode mnt/a@q8_0)"
equal "number of .. in a folder" "$(ls -ai mnt/a@q8_0 | awk '$2 == ".." { print $1 }')" "$(inode models)"
stop
start -o browse
numbers >after
diff before after || fail "other numbers at the second mount"
equal "listing with browse" "$(ls -p mnt | LC_ALL=C sort | paste -sd' ')" "a.gguf a@q4_k_m.gguf a@q4_k_m/ a@q4_k_s.gguf a@q4_k_s/ a@q8_0.gguf a@q8_0/"
python3 - <<'PYTHON'
import os
for e in os.scandir("mnt/a@q8_0"):
    assert e.inode() == os.lstat(e.path).st_ino, e.name
    assert e.is_dir() == (e.name == "tensors"), e.name
PYTHON
# What walks over everything gets everything.
ls -lR mnt >/dev/null
tar -C mnt -Scf all.tar a@q8_0
mkdir out && tar -C out -xf all.tar
diff -r out/a@q8_0 mnt/a@q8_0 || fail "other files from a tar"
content out/a@q8_0 mnt/a@q8_0.gguf
chmod -R u+w out

# A real directory of that name, and a real file.
mkdir models/a@q8_0 && echo mine >models/a@q8_0/file
until_true 5 cmp -s models/a@q8_0/file mnt/a@q8_0/file || fail "a real directory does not win over a folder"
equal "a real directory" "$(ls -A mnt/a@q8_0)" file
rm -r models/a@q8_0
until_true 5 present mnt/a@q8_0/Modelfile || fail "the folder has not come back"

# Where a file has the view's name, the folder has the view all the same.
cp source.gguf models/a@q6_k.gguf
expected models/a.gguf Q6_K
until_true 5 cmp -s source.gguf mnt/a@q6_k.gguf || fail "a real file does not win over a variant"
cmp - expected <mnt/a@q6_k/model.gguf || fail "no variant in the folder of a name that is a file's"
[ "$(inode mnt/a@q6_k/model.gguf)" != "$(inode mnt/a@q6_k.gguf)" ] || fail "a file's number for a variant"
rm models/a@q6_k.gguf

# Another version of the model: where somebody stands is stale, and the names lead to the new one; what is open goes on.
wait_old models/a.gguf
cat mnt/a@q4_k_m/tensors/token_embd.weight.q4_k >tensor
exec 6<mnt/a@q4_k_m/tensors/token_embd.weight.q4_k
before=$(inode mnt/a@q4_k_m) tensor=$(inode mnt/a@q4_k_m/tensors/token_embd.weight.q4_k)
cd mnt/a@q4_k_m
"$tests/make-big-model" --width 256 --ff 512 --heads 4 --kv 2 --layers 1 --vocab 300 "$work/other.gguf"
mv "$work/other.gguf" "$work/models/a.gguf"
until_true 5 eval '! ls tensors >/dev/null 2>"$work/err"' || fail "a folder of a version that is gone"
grep -q 'Stale file handle' "$work/err" || fail "a folder of a version that is gone: $(cat "$work/err")"
cd "$work"
until_true 5 eval '[ "$(stat -c %i mnt/a@q4_k_m)" != '"$before"' ]' || fail "the folder is not another one"
[ "$(inode mnt/a@q4_k_m/tensors/token_embd.weight.q4_k)" != "$tensor" ] || fail "the tensor is not another one"
cat <&6 | cmp - tensor || fail "an open tensor of a model that was replaced"
exec 6<&-
content mnt/a@q4_k_m mnt/a@q4_k_m.gguf
"$QUANTFS" recipe models/a.gguf q4_k_m | cmp - mnt/a@q4_k_m/recipe.tsv || fail "the old recipe"
# Changed in place, what is open is stale, too.
wait_old models/a.gguf
exec 5<mnt/a@q5_0/recipe.tsv 6<mnt/a@q5_0/tensors/blk.0.ffn_up.weight.q5_0
touch models/a.gguf
equal "a recipe of another version" "$(head_of 5)" ESTALE
equal "a tensor of another version" "$(head_of 6)" ESTALE
exec 5<&- 6<&-
rm models/a.gguf
until_true 5 absent mnt/a@q4_k_m || fail "a folder without a model"
stop

# Names of tensors that are no names of files.
cp source.gguf models/b.gguf
python3 - <<'PYTHON'
with open("models/b.gguf", "r+b") as file:
    data = file.read()
    for old, new in (b"blk.0.attn_k.weight", b"../../../etc.weight"), (b"blk.0.attn_q.weight", b"\n\x01\x7f\xff%2F \\*$().weight"[:13] + b"weight"), (b"output_norm.weight", b".................."):
        assert len(old) == len(new) and data.count(old) == 1, (old, new)
        data = data.replace(old, new)
    file.seek(0)
    file.write(data)
PYTHON
start
equal "names" "$(ls -A mnt/b@q8_0/tensors | grep -v -e ^blk -e ^output -e ^token | LC_ALL=C sort | paste -sd' ')" \
    "%0A%01%7F%FF%252F%20\\*\$()weight.q8_0 %2E.%2F..%2F..%2Fetc.weight.q8_0 %2E..................f32"
equal "bytes" "$(cat mnt/b@q8_0/tensors/* | wc -c)" "$(awk -F'\t' 'NR > 1 { sum += $6 } END { print sum }' mnt/b@q8_0/recipe.tsv)"
for name in mnt/b@q8_0/tensors/*; do [ "$(size "$name")" = "$(wc -c <"$name")" ] || fail "size of $name"; done
stop

# Many of them.
"$tests/make-big-model" --width 32 --ff 32 --heads 1 --kv 1 --layers 512 --vocab 32 --sparse models/many.gguf
start
equal "tensors of a large model" "$(ls -U mnt/many@q8_0/tensors | sort -u | wc -l)" 4611
equal "tensors seen twice" "$(ls -U mnt/many@q8_0/tensors | sort | uniq -d | wc -l)" 0
equal "size of them" "$(ls -lU mnt/many@q8_0/tensors | awk '{ sum += $5 } END { print sum }')" \
    "$(awk -F'\t' 'NR > 1 { sum += $6 } END { print sum }' mnt/many@q8_0/recipe.tsv)"
stop
