#!/bin/bash
# If this failed, a wrong command line would leave a half mount, or a message that does not say what was wrong.
. "$(dirname "$0")/lib.bash"
mkdir -p models/sub other
refused() { # WORD COMMAND...: exit status 1, one short message with the word, nothing mounted
    local word=$1
    shift
    refuses timeout 20 "$@"
    grep -qi -- "$word" err || fail "$*: no word '$word' in: $(cat err)"
    [ "$(wc -l <err)" -le 4 ] || fail "$*: a long message: $(cat err)"
    ! awk -v at="$work/" 'index($5, at) == 1 { found = 1 } END { exit !found }' /proc/self/mountinfo || fail "$*: something is mounted"
}
for way in "" -f; do
    refused none "$QUANTFS" none mnt $way
    refused nowhere "$QUANTFS" models nowhere $way
    refused source.gguf "$QUANTFS" source.gguf mnt $way
    grep -q 'MODELS is the directory' err || fail "a model in place of MODELS: $(cat err)"
    refused source.gguf "$QUANTFS" models source.gguf $way
    # Over the source, under it, and the source under the mountpoint; also through a link.
    refused models "$QUANTFS" models models $way
    refused models "$QUANTFS" models models/sub $way
    refused models "$QUANTFS" models/sub models $way
    ln -sfn models/sub link
    refused link "$QUANTFS" models link $way
    refused nonsense "$QUANTFS" models mnt -o nonsense $way
    refused nonsense "$QUANTFS" models mnt -o ro,nonsense=1,nodev $way
    refused q9_9 "$QUANTFS" models mnt -o variants=q4_k_m:q9_9 $way
    refused "with a colon" "$QUANTFS" models mnt -o variants=q4_k_m,q8_0 $way
    refused ttl "$QUANTFS" models mnt -o ttl=soon $way
    refused memory "$QUANTFS" models mnt -o memory=lots $way
    refused nolog/log "$QUANTFS" models mnt -o log=nolog/log $way
done
refuses "$QUANTFS"
refuses "$QUANTFS" models
refuses "$QUANTFS" models mnt other
refuses "$QUANTFS" models mnt --nonsense
# And it works with the same words put right.
start -o ro,nodev,variants=q4_k_m:q8_0,ttl=2,memory=96M
[ -f mnt/a@q4_k_m.gguf ] || fail "no variant"
stop
