#!/bin/bash
# If this failed, a Hugging Face directory would be read again each time, with all of its vocabulary, or what is kept of it would outlive it.
. "$(dirname "$0")/lib.bash"
case $(stat -f -c %t "$work") in 65735546 | 1021997 | 6969) skip "the times of files here are not believed" ;; esac
"$tests/hf/gen.py" made llama32 gptoss
mv made/*/* models/
L=Llama-3.2-1B-Instruct
go() { start -o "cache=$work/cache"; }
sums() { (cd mnt && sha256sum $L@{bf16,f16,q4_k_m,q6_k}.gguf gpt-oss-20b@{bf16,mxfp4_moe}.gguf); }
go
sums >young
stop
wait_old models/*/*
# One ls -l finds out all that a listing asks: that takes records, and opens no model.
start -o "cache=$work/listed"
ls -l mnt >/dev/null
stop
start -o "cache=$work/listed"
ls mnt >/dev/null
equal "records for a listing" "$(stats record_hits)" 5 # of a.gguf; of each directory, and of its projector
stop
go
# Names alone take no vocabulary; what they are of is found out when somebody asks for it.
for name in $L@{bf16,q4_k_m,q4_k_s,q8_0}; do
    ls mnt | grep -qxF "$name.gguf" || fail "$name.gguf is not listed: $(ls mnt)"
done
equal "parses for names" "$(stats parses)" 2 # of a.gguf, and of gpt-oss, whose weights are not all BF16
ls -l mnt >/dev/null
sums >first
same young first
[ "$(stats parses)" -ge 3 ] || fail "only $(stats parses) parses the first time"
stop
# A remount reads nothing of the directories' own files but weights.
go
ls -l mnt >/dev/null
sums >again
same first again
equal "parses after a remount" "$(stats parses)" 0
# Not the first one of its type: the bytes of another are another file.
expected mnt/$L@f16.gguf q8_0
same mnt/$L@q8_0+from=f16.gguf expected
# Another version of a file that counts.
sed -i 's/"temperature": [0-9.]*/"temperature": 0.25/' models/$L/generation_config.json
until_true 5 eval '! sums | cmp -s - first' || fail "the old header"
"$QUANTFS" quantize models/$L expected f16 2>/dev/null >&2
same mnt/$L@f16.gguf expected
wait_old models/$L/generation_config.json
sums >second
stop
# What is kept and damaged is read again.
python3 - "$work/cache" <<'PYTHON'
import os, sys
for at, _, names in os.walk(sys.argv[1]):
    if len(os.path.basename(at)) == 1:
        for name in names:
            path = os.path.join(at, name)
            with open(path, "r+b") as file:
                file.seek(os.path.getsize(path) // 2)
                byte = file.read(1)
                file.seek(-1, 1)
                file.write(bytes([byte[0] ^ 1]))
PYTHON
go
sums >again
same second again
[ "$(stats parses)" -ge 2 ] || fail "damaged records are believed"
stop
