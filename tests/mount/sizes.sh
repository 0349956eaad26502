#!/bin/bash
# If this failed, a client would see a size, a block count or a time of a variant that is not that of the whole file.
. "$(dirname "$0")/lib.bash"
cp source.gguf models/wide.gguf
touch -d '2024-05-06 07:08:09.123456789' models/a.gguf
chmod 640 models/a.gguf
[ "$(id -u)" -ne 0 ] || chown 1234:2345 models/a.gguf
start
for type in q8_0 q4_0 q4_k_s q4_k_m q5_k_s q5_k_m q6_k f16 bf16 f32 copy; do
    expected source.gguf "$type"
    view=mnt/a@$type.gguf
    equal "size of $type" "$(size "$view")" "$(size expected)"
    equal "blocks of $type" "$(stat -c %b "$view")" $((($(size expected) + 511) / 512))
    equal "block size of $type" "$(stat -c %o "$view")" 4096
    equal "unit of blocks of $type" "$(stat -c %B "$view")" 512
    equal "mtime of $type" "$(stat -c %y "$view")" "$(stat -c %y models/a.gguf)"
    equal "mode of $type" "$(stat -c %A "$view")" -r--r-----
    equal "owner of $type" "$(stat -c %u:%g "$view")" "$(stat -c %u:%g models/a.gguf)"
    equal "links of $type" "$(stat -c %h "$view")" 1
done
# The same through a listing, which may answer with attributes at once.
equal "listed size" "$(ls -l mnt | awk '$NF == "wide@q4_k_m.gguf" { print $5 }')" "$("$QUANTFS" quantize source.gguf expected q4_k_m >/dev/null 2>&1; size expected)"
equal "conversions for all of that" "$(stats conversions)" 0
stop
