#!/bin/bash
# If this failed, a verb would take a directory for a cache that is none, or a word for something it is not.
. "$(dirname "$0")/lib.bash"

for words in "" "nonsense" "stats --nonsense" "stats a b" "trim" "verify --json" "clear a b" "trim 1G a b"; do
    # shellcheck disable=SC2086
    refuses "$QUANTFS" cache $words
    grep -q ^usage: err || fail "'$words': no usage in: $(cat err)"
done
for size in x 1.5G -1 1GB 101% 0% ''; do
    refuses "$QUANTFS" cache trim "$size" dir
    grep -qF "a size is meant" err || fail "'$size': $(cat err)"
done
"$QUANTFS" cache --help | grep -q ^usage: || fail "no help"

refused() { # TEXT VERB...: each verb says so, and DIR stays as it is
    local before
    before=$(ls -laR dir 2>&1 || true)
    for verb in stats verify "trim 0" clear; do
        # shellcheck disable=SC2086
        refuses "$QUANTFS" cache $verb dir
        grep -qF -- "$1" err || fail "$verb: no '$1' in: $(cat err)"
    done
    equal "dir after '$1'" "$(ls -laR dir 2>&1 || true)" "$before"
}
refused "dir: No such file or directory"
mkdir -m 700 dir
refused "dir: not a cache of quantfs"
mkdir dir/0 && touch "dir/0/$(printf '%064d' 0)" dir/thesis
refused "dir: not empty, and not a cache of quantfs"
rm -r dir && "$CACHE_FILL" dir 3
chmod 770 dir
refused "dir: others may write to it (mode 0770)"
chmod 700 dir && truncate -s 31 dir/secret
refused "dir/secret: is damaged"
# Nothing anywhere: the default place is named.
refuses "$QUANTFS" cache stats
grep -qF "$HOME/.cache/quantfs: No such file or directory" err || fail "$(cat err)"
env -u HOME "$QUANTFS" cache stats 2>err && fail "no place, no error"
grep -qF "neither XDG_CACHE_HOME nor HOME is set" err || fail "$(cat err)"
