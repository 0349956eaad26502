#!/bin/bash
# If this failed, a process that may open few files would be killed by its own end, or leave a part of a model behind.
. "$(dirname "$0")/lib.bash"
"$QUANTFS" quantize source.gguf expected.gguf Q4_0 >/dev/null 2>&1
good=0 bad=0
for limit in 3 4 5 6 7 8 9 10 12 16; do
    rm -f new.gguf
    echo old >old.gguf
    for out in new.gguf old.gguf; do
        status=0
        (ulimit -n "$limit" && exec "$QUANTFS" quantize source.gguf "$out" Q4_0) >out 2>err || status=$?
        case $status in
        0)
            same "$out" expected.gguf
            good=$((good + 1))
            ;;
        1)
            grep -qE "Too many open files|error while loading" err || fail "$limit descriptors: no reason: $(cat err)"
            [ ! -e new.gguf ] || [ "$out" = old.gguf ] || fail "$limit descriptors: left behind: $(stat -c %s new.gguf) bytes"
            bad=$((bad + 1))
            ;;
        127) grep -q "error while loading shared libraries" err || fail "$limit descriptors: $(cat err)" ;; # not even begun
        *) fail "$limit descriptors: exit status $status: $(cat err)" ;;
        esac
    done
    [ -z "$(find . -name '.quantfs-*')" ] || fail "$limit descriptors: a temporary file is left"
done
[ "$good" -ge 2 ] && [ "$bad" -ge 2 ] || fail "$good runs were good, $bad were refused: the limits are not where it begins to work"
