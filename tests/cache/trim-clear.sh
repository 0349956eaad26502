#!/bin/bash
# If this failed, `quantfs cache trim` or `clear` would remove what is young, too little, or what is not the cache's.
. "$(dirname "$0")/lib.bash"

"$CACHE_FILL" dir 40
mapfile -t files < <(objects dir)
for i in "${!files[@]}"; do touch -d "@$((1000 + i))" "${files[i]}"; done
secret=$(sha256sum <dir/secret)
equal trim "$("$QUANTFS" cache trim 300000 dir)" "28 removed, 12 left (294912 bytes)"
for i in "${!files[@]}"; do
    if [ -e "${files[i]}" ]; then [ "$i" -ge 28 ] || fail "an old one is left"; else [ "$i" -lt 28 ] || fail "a young one is gone"; fi
done
equal "trim to more" "$("$QUANTFS" cache trim 1G dir)" "0 removed, 12 left (294912 bytes)"
equal "trim to a part" "$("$QUANTFS" cache trim 100% dir)" "0 removed, 12 left (294912 bytes)"
equal evicted "$(field evicted dir)" 28
touch dir/3/notes.txt
equal clear "$("$QUANTFS" cache clear dir)" "12 removed"
equal "objects" "$(objects dir)" dir/3/notes.txt
equal "the secret" "$(sha256sum <dir/secret)" "$secret"
equal hits "$(field hits dir)" 0
"$CACHE_FILL" dir 5
equal objects "$(field objects dir)" 5
