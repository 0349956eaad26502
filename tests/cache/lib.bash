# Shared by the tests beside it, each of which is one behaviour of `quantfs cache`. Sourced, not run.
#
# QUANTFS names the program, CACHE_FILL the one that fills caches. Exit status of a test: 0 passed, 77 skipped, else failed.
set -euo pipefail

: "${QUANTFS:?QUANTFS must name the program}" "${CACHE_FILL:?CACHE_FILL must name the program that fills caches}"
work=$(mktemp -d "${TMPDIR:-/tmp}/quantfs-cache-test.XXXXXX")
trap 'rm -rf "$work"' EXIT
cd "$work"
export HOME=$work/home
unset XDG_CACHE_HOME

fail() { echo "$(basename "$0"): $*" >&2; exit 1; }
# equal WHAT FOUND EXPECTED
equal() { [ "$2" = "$3" ] || fail "$1: found '$2', expected '$3'"; }

# Runs a command that must fail with exit status 1; its streams are in out and err.
refuses() {
    local status=0
    "$@" >out 2>err </dev/null || status=$?
    equal "exit status of $*" "$status" 1
}

# field NAME [DIR]: one number of the stats, which the table and --json must agree about
field() {
    local table json
    json=$("$QUANTFS" cache stats --json "${@:2}" | python3 -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]])' "$1")
    table=$("$QUANTFS" cache stats "${@:2}" | awk -v name="$1" '$1 == name { print $2 }')
    [ "$1" = bytes ] || equal "$1 in the table" "$table" "$json"
    echo "$json"
}
objects() { find "$1"/[0-9a-f] -type f; }
