#!/bin/bash
# If this failed, a vision model's directory would not have its projector beside it, or another one than the converter writes, or a directory without one would have it.
. "$(dirname "$0")/lib.bash"
expected=$tests/hf/expected.tsv
mapfile -t cases < <(awk -F '\t' '$2 ~ /^mmproj-/ { print $1 }' "$expected" | uniq)
[ ${#cases[@]} -ge 9 ] || fail "only ${#cases[@]} cases"
"$tests/hf/gen.py" made "${cases[@]}" llama32 gemma3n gemma4_e2b
declare -A names
for path in made/*/*; do
    name=${path#made/} case=${path#made/}
    case=${case%/*} name=${name##*/}
    names[$case]=$name
    mv "$path" models/
done
text=${names[llama32]} glm=${names[glm4v]} spoken=${names[gemma4_e2b]}
# Saved again by other names: nothing that the converter looks for.
cp -r "models/${names[mm_gemma3]}" models/renamed
sed -i 's/vision_tower/visiom_tower/g; s/multi_modal/multi_nodal/g' models/renamed/*
# Hears, and does not see.
cp -r "models/$text" models/hears
sed -i '0,/{/s//{"audio_config": {"model_type": "whisper"}, /' models/hears/config.json
cache=()
case $(stat -f -c %t "$work") in 65735546 | 1021997 | 6969) ;; *) cache=(-o "cache=$work/cache") ;; esac
# listed NAME: the projectors of a directory that a listing shows
listed() { (cd mnt && shopt -s nullglob && echo "$1"@mmproj*); }
look() {
    local case type size sum seen=0
    for case in "${cases[@]}"; do
        equal "projectors of ${names[$case]} in a listing" "$(listed "${names[$case]}" | wc -w)" 1
        [ -s "mnt/$(listed "${names[$case]}")" ] || fail "a listing shows $(listed "${names[$case]}")"
    done
    equal "projector that loses nothing" "$(listed "$glm")" "$glm@mmproj-$1.gguf"
    while IFS=$'\t' read -r case type size sum _; do
        equal "size of ${names[$case]}@$type" "$(stat -c %s "mnt/${names[$case]}@$type.gguf")" "$size"
        equal "sum of ${names[$case]}@$type" "$(sha256sum <"mnt/${names[$case]}@$type.gguf" | cut -d ' ' -f 1)" "$sum"
        seen=$((seen + 1))
    done < <(grep -P '^[^#\t]+\tmmproj-(?!auto)' "$expected")
    [ $seen -ge 54 ] || fail "only $seen projectors were compared"
    for name in "$text" "$spoken" renamed hears; do
        equal "projectors of $name in a listing" "$(listed "$name")" ""
        for type in f16 bf16 f32 q8_0; do absent "mnt/$name@mmproj-$type.gguf" || fail "$name has a projector"; done
    done
    for type in q4_k_m q8_1 auto f16+pure q8_0+pure f16+imatrix f64 ''; do
        absent "mnt/$glm@mmproj-$type.gguf" || fail "a projector mmproj-$type"
    done
    absent mnt/a@mmproj-f16.gguf || fail "a GGUF file has a projector"
    # What is not offered is said once; what no directory promised is not.
    equal "lines about audio" "$(lines "models/$spoken: " audio)" 1
    equal "lines about an encoder" "$(lines "models/hears: " "its audio encoder is left out")" 1
    equal "lines about other names" "$(lines "models/renamed: " "its vision part is left out")" 1
    equal "lines about towers of other kinds" "$(lines "models/${names[gemma3n]}: " "projectors of this architecture are not supported")" 1
    equal "lines about a model of texts" "$(lines "models/$text:")" 0
}
native=$(python3 - "models/$glm" <<'PYTHON'
import glob, json, struct, sys
types = set()
for path in glob.glob(sys.argv[1] + "/*.safetensors"):
    with open(path, "rb") as file:
        header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
    types |= {t["dtype"] for n, t in header.items() if n.startswith("model.visual.") and len(t["shape"]) > 1}
print(types.pop().lower() if len(types) == 1 else "f32")
PYTHON
)
[ ${#cache[@]} -eq 0 ] || wait_old models/*/*
start "${cache[@]}"
look "$native"
# The model beside it is as it was.
equal "text model" "$(sha256sum <"mnt/$glm@f16.gguf" | cut -d ' ' -f 1)" "$(awk -F '\t' '$1 == "glm4v" && $2 == "f16" { print $4 }' "$expected")"
for case in mm_gemma3 mm_pixtral glm4v; do
    for type in f16 q8_0; do
        cat "mnt/${names[$case]}@MMPROJ-${type^^}.gguf" >whole
        "$reader" random "mnt/${names[$case]}@mmproj-$type.gguf" whole 300
    done
    for type in f16 bf16 f32 q8_0; do
        "$QUANTFS" quantize "models/${names[$case]}" out.gguf mmproj-$type >/dev/null 2>err || fail "quantize: $(tail -n 2 err)"
        same "mnt/${names[$case]}@mmproj-$type.gguf" out.gguf
        [ "$case" != glm4v ] || "$QUANTFS" types --json "models/$glm" | grep -F "\"name\": \"mmproj-$type\"," | grep -qF "\"size\": $(stat -c %s out.gguf)," ||
            fail "types: another size of mmproj-$type"
    done
done
"$QUANTFS" types "models/$spoken" >table || fail "no types of $spoken"
equal "lines of types about audio" "$(grep -c '^mmproj-.* -  .*audio part' table)" 4
"$QUANTFS" types "models/$text" >table || fail "no types of $text"
! grep mmproj table || fail "types promises a projector"
for type in bf16 q8_0; do
    "$QUANTFS" recipe "models/$glm" mmproj-$type >recipe 2>err || fail "recipe: $(cat err)"
    same "mnt/$glm@mmproj-$type/recipe.tsv" recipe
done
# Not all rows of that model are whole blocks.
for type in F32 F16 Q8_0; do
    awk -F '\t' -v type=$type 'tolower($4) == tolower(type) { n++ } END { exit !n }' recipe || fail "no $type in the recipe of mmproj-q8_0"
done
rm -f out.gguf
for source in "models/$text" models/a.gguf models/renamed; do
    refuses "$QUANTFS" quantize "$source" out.gguf mmproj-f16
    absent out.gguf || fail "quantize leaves something behind"
    refuses "$QUANTFS" recipe "$source" mmproj-f16
done
refuses "$QUANTFS" quantize --pure "models/$glm" out.gguf mmproj-f16
refuses "$QUANTFS" quantize "models/$glm" out.gguf mmproj-q4_k_m
stop
# A listing shows what it is told to, too.
start "${cache[@]}" -o variants=mmproj-q8_0
equal "projectors that are asked for" "$(listed "$glm")" "$glm@mmproj-$native.gguf $glm@mmproj-q8_0.gguf"
equal "projectors of a model of texts" "$(listed "$text")" ""
stop
# To who scans a flat tree each file is a model.
start "${cache[@]}" -o layout=flat,variants=q8_0
equal "models in a flat tree" "$(cd mnt && echo "$glm"@q8*)" "$glm@q8_0.gguf"
equal "projectors in a flat tree" "$(listed "$glm")" ""
[ -s "mnt/$glm@mmproj-f16.gguf" ] || fail "no projector in a flat tree"
stop
start "${cache[@]}" -o layout=flat,variants=mmproj-f16
equal "projectors in a flat tree that are asked for" "$(listed "$glm")" "$glm@mmproj-f16.gguf"
stop
[ ${#cache[@]} -gt 0 ] || exit 0
# From what is kept: the same, and the forms are not mixed.
rm -f log
start "${cache[@]}"
look "$native"
equal "text model again" "$(sha256sum <"mnt/$glm@f16.gguf" | cut -d ' ' -f 1)" "$(awk -F '\t' '$1 == "glm4v" && $2 == "f16" { print $4 }' "$expected")"
equal "parses after a remount" "$(stats parses)" 0
stop
