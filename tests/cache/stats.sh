#!/bin/bash
# If this failed, `quantfs cache stats` would tell something else than what is there and what processes have counted.
. "$(dirname "$0")/lib.bash"

"$CACHE_FILL" "$HOME/.cache/quantfs" 10 # the first ten: each missed, put, and found
equal objects "$(field objects)" 10
equal bytes "$(field bytes)" $((10 * 24576))
equal hits "$(field hits)" 10
equal misses "$(field misses)" 10
equal puts "$(field puts)" 10
"$CACHE_FILL" "$HOME/.cache/quantfs" 12
equal objects "$(field objects)" 12
equal hits "$(field hits)" 22
equal misses "$(field misses)" 12
equal damaged "$(field damaged)" 0
fields="objects bytes hits misses damaged puts dropped evicted record_hits record_misses"
equal "rows" "$("$QUANTFS" cache stats | awk '{ print $1 }' | paste -sd' ')" "$fields"
equal "members" "$("$QUANTFS" cache stats --json | python3 -c 'import json, sys; print(*json.load(sys.stdin))')" "$fields"
for name in dropped evicted record_hits; do equal "$name" "$(field $name)" 0; done
"$QUANTFS" cache stats | grep -qx 'bytes  *288.0 KiB' || fail "no size that people read"
# Where it is: DIR before XDG_CACHE_HOME before HOME.
equal "objects in DIR" "$(field objects "$HOME/.cache/quantfs")" 12
mkdir xdg && cp -r "$HOME/.cache/quantfs" xdg/quantfs && "$CACHE_FILL" xdg/quantfs 20
equal "objects in XDG_CACHE_HOME" "$(XDG_CACHE_HOME=$work/xdg field objects)" 20
