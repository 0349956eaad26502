#!/bin/bash
# If this failed, a log that can grow no further would end the mount under its readers.
. "$(dirname "$0")/lib.bash"
expected source.gguf Q4_K_M
for number in {1..150}; do printf 'GGUF\143\0\0\0 and more of that' >models/bad$number.gguf; done
limited() { # OPTION...: a mount that may write files of 4 KiB
    (ulimit -f 4 && exec "$QUANTFS" models mnt -f -o nocache "$@" >daemon.out 2>daemon.err) &
    daemon=$!
    until_true 20 started || fail "no mount within 20 s"
}
for way in file stream; do
    if [ $way = file ]; then limited -o log="$work/log"; else limited; fi
    equal "files" "$(find mnt -name 'bad*' | wc -l)" 150
    same mnt/a@q4_k_m.gguf expected
    written=$([ $way = file ] && size log || size daemon.err)
    equal "size of the log" "$written" 4096
    same mnt/a@q4_k_m.gguf expected
    stop
    rm -f log
done
# The same on a full disk.
start -o log=/dev/full
ls -l mnt >/dev/null
same mnt/a@q4_k_m.gguf expected
stop
