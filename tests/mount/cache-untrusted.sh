#!/bin/bash
# If this failed, a filesystem whose times do not tell every change would be believed, and a changed model taken for the one that is known.
. "$(dirname "$0")/lib.bash"
cache=$work/cache
"$tests/make-big-model" --width 512 --ff 1024 --heads 8 --kv 4 --layers 2 --vocab 2000 models/a.gguf
expected models/a.gguf q4_k_m
source_size=$(size models/a.gguf)
reads() { awk '$1 == "rchar:" { print $2 }' "/proc/$daemon/io"; }
# read_all OPTION...: one mount. Sets converted, and read to the bytes the daemon has read.
read_all() {
    local before
    start -o "cache=$cache" "$@"
    ls -l mnt >/dev/null
    before=$(reads)
    same mnt/a@q4_k_m.gguf expected
    read=$(($(reads) - before))
    converted=$(stats conversions)
    stop
}
# not_believed WHAT OPTION...: nothing is written down about versions; what was converted is found all the same, by its bytes
not_believed() {
    local what=$1 round
    shift
    rm -rf "$cache"
    for round in 1 2; do
        read_all "$@"
        [ $(((converted > 0) + round)) -eq 2 ] || fail "$what, round $round: $converted conversions"
        [ "$read" -ge "$source_size" ] || fail "$what, round $round: only $read bytes were read"
        equal "$what, round $round: manifests and records" "$(kept 2 3)" 0
    done
}
believed() {
    local what=$1
    shift
    rm -rf "$cache"
    read_all "$@"
    [ "$(kept 2 3)" -gt 2 ] || fail "$what: nothing is written down"
    read_all "$@"
    equal "$what: conversions" "$converted" 0
    [ "$read" -lt "$source_size" ] || fail "$what: the source is read again"
}
wait_old models/a.gguf

# A real one: the models lie in another mount of ours. What it says of times is right, but who knows that of any FUSE filesystem?
mv models real
mkdir models
"$QUANTFS" real models -f -o nocache,variants=q8_0,log="$work/models.log" >models.out 2>models.err &
also+=("$!:models")
wait_also
not_believed "FUSE"
not_believed "FUSE, with trust_stat" -o trust_stat
stop_also
rmdir models
mv real models

# One that this machine has not: the system is made to say that files lie on it.
[ "${QUANTFS_TREE:-plain}" = plain ] || exit 0 # a sanitizer wants to be loaded first
command -v gcc >/dev/null || exit 0
gcc -shared -fPIC -x c -o kind.so - <<'C' || fail "no library for the rest"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/vfs.h>
int fstatfs64(int fd, struct statfs64 *st)
{
    int (*real)(int, struct statfs64 *) = (int (*)(int, struct statfs64 *))dlsym(RTLD_NEXT, "fstatfs64");
    int r = real(fd, st);

    st->f_type = strtol(getenv("KIND"), NULL, 0);
    return r;
}
int fstatfs(int fd, struct statfs *st) { return fstatfs64(fd, (struct statfs64 *)st); }
C
printf '#!/bin/sh\nLD_PRELOAD=%s exec "%s" "$@"\n' "$work/kind.so" "$QUANTFS" >elsewhere
chmod +x elsewhere
QUANTFS=$work/elsewhere
export KIND
KIND=0xef53 believed "ext4"
KIND=0x6969 not_believed "NFS"
KIND=0x6969 believed "NFS, with trust_stat" -o trust_stat
KIND=0x4d44 not_believed "FAT, with trust_stat" -o trust_stat
