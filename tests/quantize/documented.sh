#!/bin/bash
# If this failed, an option would be there that no page tells of, or a page would tell of one that is not there.
. "$(dirname "$0")/lib.bash"
folder=$tests/../fs man=$tests/../fs/quantfs.1 readme=$tests/../README.md
plain=$work/man.txt
sed -e 's/\\-/-/g' -e 's/\\f[BIR]//g' "$man" >"$plain"
tell() { grep -qE -- "$2" "$1" || fail "$(basename "$1" .txt) tells nothing of $3"; }
# has WORD COMMAND...: WORD is taken, whatever else is wrong with the command
has() {
    local word=$1
    shift
    timeout 20 "$@" >out 2>err </dev/null || true
    ! grep -qiE "unknown option|^usage" err out || fail "there is no $word: $(head -n 2 err out)"
}

# quantize: what it takes is in its --help and in the manual, and nothing else is.
grep -ohE '(option|strcmp)\(?[^"]*"--[a-z-]+"' "$folder"/cmd_line.c | grep -oE -- '--[a-z-]+' >taken.all
grep -ohE '\{"--[a-z-]+"' "$folder"/cmd_rules.c | grep -oE -- '--[a-z-]+' >>taken.all
sort -u taken.all >taken
[ "$(wc -l <taken)" -ge 18 ] || fail "the program's options were not found: $(cat taken)"
"$QUANTFS" quantize --help >help || true
grep -oE '^  --[a-z-]+' help | tr -d ' ' | sort -u >told
diff taken told || fail "quantize --help"
sed -n '/^\.SS quantize/,/^\.SS recipe/p' "$plain" | grep -oE '^\.[A-Z]+ +--[a-z-]+' | grep -oE -- '--[a-z-]+' | sort -u >told
diff <(grep -vx -- --help taken) told || fail "the manual on quantize"

# A mount: every word of -o.
grep -ohE '(value_of\(word, |strcmp\(word, )"[a-z_]+"' "$folder/options.c" | grep -oE '"[a-z_]+"' | tr -d '"' | sort -u >words
[ "$(wc -l <words)" -ge 17 ] || fail "the words of -o were not found: $(cat words)"
while read -r word; do
    case $word in
    exec | noexec) continue ;; # of mount(8)
    default_permissions) tell "$plain" "$word" "$word" ;;
    *)
        tell "$plain" "^\.(BI|B) \"?-o.? ?$word" "-o $word"
        tell "$readme" "^\| .-o $word[\`=]" "-o $word"
        ;;
    esac
done <words
while read -r word; do
    grep -qx -- "${word%%=*}" words || fail "a page tells of -o $word"
done < <({ grep -oE '^\.BI? +"?-o.? ?[a-z_]+' "$plain"; grep -oE '^\| .-o [a-z_]+' "$readme"; "$QUANTFS" --help | grep -oE -- '^  -o [a-z_]+'; } | grep -oE '[a-z_]+$')
for word in variants=q8_0 ttl=2 memory=96M cache=c cache_size=1G cache_min_free=5% nocache trust_stat allow_requantize imatrix_dir=d browse layout=flat \
    xattr log=l allow_other default_permissions; do
    has "-o $word" "$QUANTFS" none nowhere -o "$word"
    grep -q 'none: No such file' err || fail "-o $word: $(cat err)"
done

# The file types.
"$QUANTFS" types --json | python3 -c 'import json, sys; print("\n".join(row["name"] for row in json.load(sys.stdin)))' >types
[ "$(wc -l <types)" -eq 36 ] || fail "$(wc -l <types) file types"
tr -s '\n' ' ' <"$readme" | grep -oE 'VARIANT is a file type \(`[^`]*`\)' | grep -oE '[a-z0-9_]+_[a-z0-9_]+|b?f16|f32|copy' | tr a-z A-Z | sort >told
diff <(sort types) told || fail "the README on file types"
sed -n '/^File types of this version/,/\.$/p' "$plain" | grep -oE '[A-Z0-9]+_[A-Z0-9_]+|B?F16|F32|COPY' | sort >told
diff <(sort types) told || fail "the manual on file types"
for verb in quantize recipe types cache; do
    tell "$plain" "^\.SS $verb" "$verb"
    tell "$readme" "quantfs $verb" "$verb"
done

# The session that the README begins with: what ls says there.
grep -oE '^ +-r[-rwx]+ .* [0-9]+ .* demo(@[a-z0-9_]+)?\.gguf$' "$readme" | awk '{ print $5, $NF }' >listing
equal "files in the README's session" "$(wc -l <listing)" 4
while read -r bytes name; do
    type=$(sed -n 's/^demo@\(.*\)\.gguf$/\1/p' <<<"$name")
    if [ -n "$type" ]; then "$QUANTFS" quantize source.gguf view "$type" >/dev/null 2>&1; else cp source.gguf view; fi
    equal "size of $name in the README" "$bytes" "$(stat -c %s view)"
done <listing
