#!/bin/bash
# If this failed, `quantfs cache verify` would leave a damaged object, or remove a good one.
. "$(dirname "$0")/lib.bash"

"$CACHE_FILL" dir 30
equal "of good ones" "$("$QUANTFS" cache verify dir)" "30 good, 0 removed"
mapfile -t files < <(objects dir)
printf x | dd of="${files[0]}" bs=1 seek=9000 conv=notrunc status=none
printf x | dd of="${files[1]}" bs=1 seek=24 conv=notrunc status=none
truncate -s 5000 "${files[2]}"
truncate -s 0 "${files[3]}"
cp "${files[5]}" "${files[4]}"
# By content: what `dd` wrote may have been there by chance.
equal "of damaged ones" "$("$QUANTFS" cache verify dir)" "25 good, 5 removed"
for i in 0 1 2 3 4; do [ ! -e "${files[i]}" ] || fail "${files[i]} is still there"; done
equal damaged "$(field damaged dir)" 5
equal "afterwards" "$("$QUANTFS" cache verify dir)" "25 good, 0 removed"
