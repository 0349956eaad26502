# Shared by the tests beside it, each of which is one behaviour of the verbs without a mount. Sourced, not run.
#
# QUANTFS names the program. Exit status of a test: 0 passed, 77 skipped (the last line says why), else failed.
# $work is an empty directory of the test's own and the current one; source.gguf is a small model in it.
set -euo pipefail

: "${QUANTFS:?QUANTFS must name the program}"
tests=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
QUANTFS=$(readlink -f "$QUANTFS")
work=$(mktemp -d "${TMPDIR:-/tmp}/quantfs-test.XXXXXX")
trap 'rm -rf "$work"' EXIT
cd "$work"
users_cache=${XDG_CACHE_HOME:-} # where the reference tool was brought to
export XDG_CACHE_HOME=$work/.cache XDG_CONFIG_HOME=$work/.config # nothing comes from, or goes to, the user's own

skip() { echo "skipped: $*"; exit 77; }
fail() { echo "$(basename "$0"): $*" >&2; exit 1; }
same() { cmp -- "$1" "$2" || fail "$1 and $2 differ"; }
# equal WHAT FOUND EXPECTED
equal() { [ "$2" = "$3" ] || fail "$1: found '$2', expected '$3'"; }

# Runs a command that must fail with exit status 1; its streams are in out and err.
refuses() {
    local status=0
    "$@" >out 2>err </dev/null || status=$?
    equal "exit status of $*" "$status" 1
}

# The reference tool, or the test is skipped. Its lines about backends say nothing here.
find_reference() { XDG_CACHE_HOME=$users_cache "$tests/reference-root"; }
need_reference() {
    local status=0
    reference_root=$(find_reference 2>reference.err) || status=$?
    if [ "$status" -ne 0 ]; then skip "$(tail -n 1 reference.err)"; fi
    rm -f reference.err
}
reference() { # PROGRAM ARGUMENTS...
    local libs=$reference_root/usr/lib/x86_64-linux-gnu program=$1
    shift
    {
        GGML_BACKEND_PATH=$libs/ggml/backends0/libggml-cpu-x64.so "$reference_root/usr/lib64/ld-linux-x86-64.so.2" \
            --library-path "$libs:$libs/llama" --argv0 "$program" "$reference_root/usr/bin/$program" "$@" \
            </dev/null 2>&1 >&3 3>&- | sed -e /ggml_backend_load/d -e /^load_backend:/d >&2 3>&-
    } 3>&1
}

# patch FILE OFFSET HEX: a negative offset counts from the end.
patch() {
    python3 - "$@" <<'PYTHON'
import sys
with open(sys.argv[1], "r+b") as file:
    file.seek(int(sys.argv[2]), 0 if int(sys.argv[2]) >= 0 else 2)
    file.write(bytes.fromhex(sys.argv[3]))
PYTHON
}

python3 "$tests/../fs/make-model" source.gguf
