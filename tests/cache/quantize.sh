#!/bin/bash
# If this failed, `quantize --cache` would convert again what is in the cache, or write other bytes with it.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.bash"

same() { cmp -- "$1" "$2" || fail "$1 and $2 differ"; }
count() { field "$1" "$work/cache"; }

python3 "$here/../../fs/make-model" source.gguf
"$QUANTFS" quantize source.gguf plain.gguf Q4_K_M >/dev/null 2>&1
"$QUANTFS" quantize --cache="$work/cache" source.gguf first.gguf Q4_K_M >/dev/null 2>&1
same plain.gguf first.gguf
objects=$(count objects) hits=$(count hits)
[ "$objects" -gt 0 ] || fail "nothing was kept"
equal "hits before" "$hits" 0

# Another name of the same bytes, with other times.
cp source.gguf copy.gguf
"$QUANTFS" quantize --cache="$work/cache" copy.gguf second.gguf Q4_K_M >/dev/null 2>&1
same plain.gguf second.gguf
equal "hits" "$(count hits)" "$objects"
equal "objects" "$(count objects)" "$objects"

# No cache is no reason to fail.
: >file
"$QUANTFS" quantize --cache="$work/file" source.gguf third.gguf Q4_K_M >/dev/null 2>err
same plain.gguf third.gguf
grep -q "no cache: .*file" err || fail "nothing was said about the cache: $(cat err)"
