#!/bin/bash
# If this failed, a valid name would not be found, an invalid one would, or two spellings would be two files.
. "$(dirname "$0")/lib.bash"
cp source.gguf models/at@home.gguf
cp source.gguf 'models/UPPER.gguf'
start
one_inode() { # the spellings of one view
    local first=$1 other
    [ -f "mnt/$first" ] || fail "not there: $first"
    for other; do equal "inode of $other" "$(inode "mnt/$other" 2>&1)" "$(inode "mnt/$first")"; done
}
one_inode a@q4_k_m.gguf a@Q4_K_M.gguf a@q4_K_m.gguf a@q4_k.gguf a@Q4_K.gguf
one_inode a@q5_k_m.gguf a@q5_k.gguf
one_inode a@q4_k_m+output=q8_0+pure.gguf a@q4_k_m+pure+output=q8_0.gguf a@Q4_K+PURE+OUTPUT=Q8_0.gguf
one_inode a@q6_k+leave-output+token-embd=f16.gguf a@q6_k+token-embd=f16+leave-output.gguf a@Q6_K+Leave-Output+Token-Embd=F16.gguf
one_inode at@home@q8_0.gguf at@home@Q8_0.gguf
one_inode UPPER@q8_0.gguf
[ "$(inode mnt/a@q4_k_m.gguf)" != "$(inode mnt/a@q4_k_m+pure.gguf)" ] || fail "an option makes no difference"
for name in a@ a@.gguf a@q9_0 a@q9_0.gguf a@q4_k_m+.gguf a@q4_k_m+nonsense.gguf a@q4_k_m+output=.gguf a@q4_k_m+output=q9.gguf \
    a@q4_k_m++pure.gguf a@+pure.gguf a@15.gguf a@q4_k_m.GGUF a@q4_k_m.gguf.gguf A@q4_k_m.gguf b@q4_k_m.gguf a.gguf@q4_k_m.gguf \
    a@q4_k_m@q8_0.gguf a@q4_k_m+output=q8_0+output=q6_k.gguf a@iq2_xs.gguf 'a@q4_k_m .gguf' 'a@ q4_k_m.gguf' upper@q8_0.gguf; do
    status=0
    stat "mnt/$name" >/dev/null 2>err || status=$?
    [ "$status" -ne 0 ] || fail "there is a $name"
    grep -q 'No such file' err || fail "$name: $(cat err)"
done
long=$(printf 'x%.0s' $(seq 300))
stat "mnt/$long@q4_k_m.gguf" 2>err && fail "a name of 300 bytes"
grep -q 'File name too long' err || fail "a name of 300 bytes: $(cat err)"
# What lies there under a variant's name is that file.
cp models/a.gguf models/at@home@q8_0.gguf
until_true 5 cmp -s models/a.gguf mnt/at@home@q8_0.gguf || fail "a real file does not win over a variant"
stop
