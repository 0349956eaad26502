#!/bin/bash
# If this failed, a mix would be another recipe than its file says, an old one, or found under another name than it has.
. "$(dirname "$0")/lib.bash"
export XDG_CONFIG_HOME=$work/config
config=$XDG_CONFIG_HOME/quantfs/mixes
mkdir -p "$config"
rm models/a.gguf
cp source.gguf models/x.gguf
if [ "$QUANTFS_TREE" = plain ]; then reference_root=$(find_reference 2>/dev/null) || reference_root=; fi
# expect TYPE OPTION...: the bytes that quantize writes in the directory of the model, and the reference tool if it is here
expect() {
    local type=$1
    shift
    rm -f expected tool
    (cd models && "$QUANTFS" quantize "$@" "$work/models/x.gguf" "$work/expected" "$type") >/dev/null 2>err || fail "quantize $*: $(cat err)"
    [ -n "${reference_root:-}" ] || return 0
    (cd models && reference llama-quantize "$@" "$work/models/x.gguf" "$work/tool" "$type") >/dev/null 2>err || fail "llama-quantize $*: $(cat err)"
    same tool expected
}
shows() { # NAME
    until_true 5 present "mnt/$1" || fail "no $1: $(cat log)"
    until_true 5 cmp -s "mnt/$1" expected || fail "$1 has other bytes"
}
said_once() { [ "$(lines "$1")" = 1 ]; }
once() { until_true 5 said_once "$1" || fail "not one line '$1': $(cat log)"; }
listed() { until_true 5 eval "[ \"\$(variants mnt)\" = '$1' ]" || fail "listed: $(variants mnt)"; }

cat >models/UD-Q4_K_XL.mix <<'MIX'
# A mix.
base q4_k_m

tensor attn_v=q8_0 BLK\.0\.ffn_.*=q5_k	# two
ffn_down=f16
output q8_0
override general.name=str:Some name # with a number sign
override test.context_length=int:77
prune 1,5-7
MIX
rules=(--tensor-type attn_v=q8_0 --tensor-type 'BLK\.0\.ffn_.*=q5_k' --tensor-type ffn_down=f16 --output-tensor-type q8_0
    --override-kv 'general.name=str:Some name # with a number sign' --override-kv test.context_length=int:77 --prune-layers 1,5,6,7)
start
view=x@UD-Q4_K_XL.gguf

# --- it is listed as it is spelled, and found by any case: one file
listed "x@UD-Q4_K_XL.gguf x@q4_k_m.gguf x@q4_k_s.gguf x@q8_0.gguf"
expect Q4_K_M "${rules[@]}"
shows "$view"
first=$(inode "mnt/$view")
equal "inode by another spelling" "$(inode mnt/x@ud-q4_k_xl.gguf)" "$first"
equal "inode by a third" "$(inode mnt/x@Ud-Q4_k_Xl.gguf)" "$first"
equal "inode that is listed" "$(ls -i mnt | awk -v name="$view" '$2 == name { print $1 }')" "$first"
cmp -s "mnt/$view" mnt/x@q4_k_m.gguf && fail "the mix changes nothing"
same mnt/UD-Q4_K_XL.mix models/UD-Q4_K_XL.mix
same "mnt/x@ud-q4_k_xl/model.gguf" expected
"$QUANTFS" recipe models/x.gguf ud-Q4_K_XL >recipe.tsv
same recipe.tsv "mnt/x@ud-q4_k_xl/recipe.tsv"
for name in x@ud-q4_k_xl+pure.gguf x@ud-q4_k_x.gguf x@other.gguf 'x@*.gguf' y@ud-q4_k_xl.gguf; do [ ! -e "mnt/$name" ] || fail "there is a $name"; done
# A file that is called like a variant goes first.
echo file >models/x@Ud-Q4_K_XL.gguf
same mnt/x@Ud-Q4_K_XL.gguf models/x@Ud-Q4_K_XL.gguf
rm models/x@Ud-Q4_K_XL.gguf
echo file >"models/$view"
until_true 5 cmp -s mnt/x@UD-Q4_k_xl.gguf "models/$view" || fail "another spelling leads past the file"
rm "models/$view"
shows "$view"

# --- changed: another file, and no word more from the old one
wait_old models/UD-Q4_K_XL.mix models/x.gguf
until_true 5 cmp -s "mnt/$view" expected || fail "no view of the old mix"
whole=$(size "mnt/$view")
exec 5<"mnt/$view"
head_of 5 >/dev/null
printf 'base Q5_K_S\nleave-output\ntoken-embd q6_k' >models/UD-Q4_K_XL.mix
"$reader" drop 5
equal "a read of the old version" "$(tail_of 5 "$whole")" ESTALE
equal "lines about it" "$(lines "models/x.gguf: its mix changed while a variant of it was open")" 1
exec 5<&-
expect Q5_K_S --leave-output-tensor --token-embedding-type q6_k
shows "$view"
[ "$(inode "mnt/$view")" != "$first" ] || fail "another mix, and the same inode number"
# Renamed to another case it is shown so.
mv models/UD-Q4_K_XL.mix models/ud.mix
mv models/ud.mix models/ud-Q4_K_XL.mix
until_true 5 eval '[ "$(variants mnt)" = "x@q4_k_m.gguf x@q4_k_s.gguf x@q8_0.gguf x@ud-Q4_K_XL.gguf" ]' || fail "listed: $(variants mnt)"
mv models/ud-Q4_K_XL.mix models/UD-Q4_K_XL.mix
printf 'pure\nbase q6_k\r\n' >models/UD-Q4_K_XL.mix
expect Q6_K --pure
shows "$view"
# Its mode and time count as those of the other inputs do.
chmod 600 models/UD-Q4_K_XL.mix
until_true 5 eval '[ "$(stat -c %a "mnt/$view")" = 400 ]' || fail "mode $(stat -c %a "mnt/$view")"
chmod 644 models/UD-Q4_K_XL.mix

# --- with an importance matrix: the model's, or its own
"$tests/make-imatrix" "$QUANTFS" source.gguf matrix.1 1
"$tests/make-imatrix" "$QUANTFS" source.gguf matrix.2 2
printf 'base iq3_xxs\nimatrix\n' >models/im.mix
[ ! -e mnt/x@im.gguf ] || fail "an importance matrix from nowhere"
equal "lines that say so" "$(lines "models/x.gguf: no variant im: no importance matrix: no x.imatrix.gguf,")" 1
cp matrix.1 models/x.imatrix.gguf
expect IQ3_XXS --imatrix x.imatrix.gguf
shows x@im.gguf
cp matrix.2 models/own.dat
printf 'base iq3_xxs\nimatrix own.dat\n' >models/im.mix
expect IQ3_XXS --imatrix own.dat
shows x@im.gguf
printf 'base q4_k_m\ntensor attn_v=q8_0\nimatrix own.dat\n' >models/im.mix
expect Q4_K_M --imatrix own.dat --tensor-type attn_v=q8_0
shows x@im.gguf
cp matrix.1 models/own.dat
expect Q4_K_M --imatrix own.dat --tensor-type attn_v=q8_0
shows x@im.gguf
rm models/own.dat
until_true 5 absent mnt/x@im.gguf || fail "its importance matrix has gone, and the variant has not"
once "no variant im: no importance matrix: no own.dat beside im.mix"
rm models/im.mix models/x.imatrix.gguf

# --- what is wrong with it is said once, for however many models
cp source.gguf models/y.gguf
bad() { # LINE TEXT
    printf "$2" >models/bad.mix
    until_true 5 absent mnt/x@bad.gguf || fail "a variant of: $2"
    [ ! -e mnt/y@bad.gguf ] || fail "a variant of: $2"
    case " $(variants mnt) " in *" x@bad.gguf "*) fail "listed: $2" ;; esac
    once "models/bad.mix: $1"
}
bad "line 3: 'q9_0' is no type that tensors are converted to" 'base q8_0\n# x\nattn_v=q9_0\n'
bad "line 1: 'q9' is no file type" 'base q9'
bad "line 2: 'bse' is no word that begins a line of a mix" '\nbse q8_0\n'
bad "line 2: pattern 'attn_(': " 'base q8_0\nattn_(=f16\n'
bad "line 1: no line says which file type is its base" 'attn_v=q8_0\n'
bad "line 2: override 'a=b': its type is none of int, float, bool and str" 'base q8_0\noverride a=b\n'
bad "line 1: too much behind 'base q8_0'" 'base q8_0 q4_0\n'
bad "line 2: 'base' is said twice" 'base q8_0\nbase q4_0\n'
bad "line 1: 'prune' needs layers, such as 0,1,5-7: '3-1'" 'prune 3-1\n'
bad "line 1: a zero byte" 'base q8\0_0\n'
bad "line 2: 'from' needs f16, bf16 or f32, not 'q8_0'" 'base q8_0\nfrom q8_0\n'
bad "line 2: 'imatrix' needs no name, or that of a file beside the mix: '../m'" 'base q8_0\nimatrix ../m\n'
truncate -s 1048577 models/bad.mix
until_true 5 absent mnt/x@bad.gguf || fail "a mix without end"
once "models/bad.mix: a mix of more than 1048576 bytes"
rm models/y.gguf
printf 'base q8_0\npur\n' >models/bad.mix
refuses "$QUANTFS" recipe models/x.gguf bad
grep -qx "bad.mix: line 2: 'pur' is no word that begins a line of a mix" err || fail "quantfs recipe: $(cat err)"
rm models/bad.mix

# --- called like a file type, or like no mix can be
echo 'base q8_0' >models/Q4_K.mix
echo 'base q8_0' >models/a+b.mix
listed "x@UD-Q4_K_XL.gguf x@q4_k_m.gguf x@q4_k_s.gguf x@q8_0.gguf"
equal "lines about the name" "$(lines "models/Q4_K.mix: a mix cannot be called so, as a file type is: it is not used")" 1
equal "lines about the other name" "$(lines "models/a+b.mix: a mix cannot be called so: it is not used")" 1
expected source.gguf Q4_K_M
same mnt/x@q4_k.gguf expected
rm models/Q4_K.mix models/a+b.mix

# --- the user's own mixes: behind those beside the model, and listed where they are asked for
printf 'base q5_0\ntensor ffn=q8_0' >"$config/Mine.mix"
echo 'base q5_1' >"$config/ud-q4_k_xl.mix"
expect Q5_0 --tensor-type ffn=q8_0
shows x@mine.gguf
listed "x@UD-Q4_K_XL.gguf x@q4_k_m.gguf x@q4_k_s.gguf x@q8_0.gguf"
expect Q6_K --pure
shows x@ud-q4_k_xl.gguf
echo 'base' >"$config/Mine.mix"
until_true 5 absent mnt/x@mine.gguf || fail "a variant of a bad mix"
once "$config/Mine.mix: line 1: 'base' needs a file type, such as Q4_K_M"
echo 'base q5_0' >"$config/Mine.mix"
rm models/UD-Q4_K_XL.mix
expect Q5_1
shows x@ud-q4_k_xl.gguf
stop
start -o xattr,variants=mine.mix:q8_0:ud-q4_k_xl.mix:nowhere.mix
listed "x@Mine.gguf x@q8_0.gguf x@ud-q4_k_xl.gguf"
equal "the file type of a mix" "$(python3 -c 'import os; print(os.getxattr("mnt/x@Mine.gguf", "user.quantfs.type").decode())')" Q5_0
stop
refuses "$QUANTFS" models mnt -o nocache,variants=mine
grep -q "no such variant in this version: 'mine'" err || fail "no reason: $(cat err)"

# --- in an arranged mount, and in one that keeps what was found out
echo 'base q4_1' >models/Near.mix
mkdir models/sub
cp source.gguf models/sub/z.gguf
start -o layout=flat
listed "x@Near.gguf x@q4_k_m.gguf x@q4_k_s.gguf x@q8_0.gguf z@q4_k_m.gguf z@q4_k_s.gguf z@q8_0.gguf"
expect Q4_1
shows x@near.gguf
[ ! -e mnt/z@near.gguf ] || fail "a mix of another directory"
stop
wait_old models/x.gguf models/Near.mix
for round in 1 2; do
    "$QUANTFS" models mnt -f -o "cache=$work/cache,log=$work/log" >daemon.out 2>daemon.err &
    daemon=$!
    until_true 20 started || fail "no mount"
    until_true 5 eval '[ "$(variants mnt)" = "x@Near.gguf x@q4_k_m.gguf x@q4_k_s.gguf x@q8_0.gguf" ]' || fail "listed: $(variants mnt)"
    [ "$round" = 1 ] || equal "models parsed for a list that is known" "$(stats parses)" 0
    shows x@near.gguf
    stop
done

# --- a text that names its layers again and again costs what reading it costs: 10 s of a processor were needed once
python3 -c 'print("base q4_1"); [print("prune " + ",".join(["0-511"] * 1000)) for _ in range(170)]' >models/long.mix
(ulimit -t 4 && exec "$QUANTFS" recipe models/x.gguf long) >out 2>err || fail "a long mix: $(cat err)"
