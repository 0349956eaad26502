#!/bin/bash
# If this failed, an unmount would cut off a reader.
. "$(dirname "$0")/lib.bash"
expected source.gguf Q4_K_M
whole=$(size expected)
start
exec 5<mnt/a@q4_k_m.gguf
equal "the start" "$(head_of 5 | cut -c1-8)" 47475546
fusermount3 -u mnt 2>err && fail "unmounted under an open file"
grep -qi busy err || fail "not busy: $(cat err)"
mounted mnt && [ -e mnt/a.gguf ] || fail "a refused unmount has changed something"
# Lazily: the name goes, what is open goes on.
fusermount3 -uz mnt
not_mounted mnt || fail "still mounted"
equal "the end of an open view after -uz" "$(tail_of 5 "$whole")" "$(bytes_of_tail expected)"
cmp - expected <&5 || fail "the open view after -uz"
alive "$daemon" || fail "the daemon is gone under an open file"
exec 5<&-
reap
