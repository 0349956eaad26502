#!/bin/bash
# If this failed, an open variant would outlive a change of its model that may have changed the bytes.
. "$(dirname "$0")/lib.bash"
changes() { # NAME COMMAND...: after it, an open view must answer ESTALE, and the name must give what the model is now
    local name=$1 whole view=mnt/x@q4_k_m.gguf
    shift
    rm -f models/x.gguf
    cp source.gguf models/x.gguf
    touch -d '2024-01-01' models/x.gguf
    wait_old models/x.gguf
    until_true 5 present "$view" || fail "$name: no variant"
    whole=$(size "$view")
    exec 5<"$view"
    equal "$name: the start before" "$(head_of 5 | cut -c1-8)" 47475546
    "$@" || fail "$name: the change itself failed"
    equal "$name: a read of the old version" "$(tail_of 5 "$whole")" ESTALE
    exec 5<&-
    if [ -f models/x.gguf ] && "$QUANTFS" quantize models/x.gguf expected Q4_K_M >/dev/null 2>&1; then
        until_true 5 cmp -s "$view" expected || fail "$name: the name does not give the new version"
    fi
}
mtime_put_back() { # the content changes, size and mtime are those of before
    local read_at
    read -r read_at _ < <("$reader" tensor models/x.gguf output.weight)
    patch models/x.gguf "$read_at" 3c3c
    touch -d '2024-01-01' models/x.gguf
}
start
changes touch touch models/x.gguf
changes truncate truncate -s -4096 models/x.gguf
changes append eval 'echo more >>models/x.gguf'
changes "mtime put back" mtime_put_back
if setfattr -n user.test -v 1 source.gguf 2>/dev/null; then
    changes setfattr setfattr -n user.test -v 2 models/x.gguf
fi
stop
